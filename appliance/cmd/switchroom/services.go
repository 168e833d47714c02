package main

import (
	"context"
	"fmt"
	"io"

	"switchroom/appliance/boot/kmod"
	"switchroom/appliance/ports"
)

// cards is the service of the telephony cards.
func cards(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var loader ports.Loader
	if modules, err := kmod.Open("/"); err != nil {
		// A kernel that has its drivers built in, perhaps.
		fmt.Fprintf(stderr, "<4>no drivers can be loaded: %v\n", err)
	} else {
		loader = modules
	}
	return ports.Main(ctx, args, stdout, stderr, loader)
}

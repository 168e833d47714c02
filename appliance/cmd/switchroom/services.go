package main

import (
	"context"
	"fmt"
	"io"

	"switchroom/appliance/asterisk"
	"switchroom/appliance/boot/kmod"
	"switchroom/appliance/ports"
)

// site is what the service of that name runs.
func site(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) == 0 || args[0] != "apply" {
		return errUsage
	}
	return asterisk.ApplyMain(ctx, args[1:], stdout, stderr)
}

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

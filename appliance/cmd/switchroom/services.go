package main

import (
	"context"
	"io"

	"switchroom/appliance/asterisk"
)

// site is what the service of that name runs.
func site(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) == 0 || args[0] != "apply" {
		return errUsage
	}
	return asterisk.ApplyMain(ctx, args[1:], stdout, stderr)
}

// Command dahdictl looks at the ports of telephone cards, and sets them, on a
// machine with the DAHDI driver. On the appliance the same is `switchroom
// dahdictl`.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"switchroom/dahdi/dahdictl"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := dahdictl.Main(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "dahdictl:", err)
		os.Exit(1)
	}
}

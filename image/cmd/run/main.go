// Command run starts the firmware in QEMU with an emulated TDM2400P, for
// people who want to try it:
//
//	run [-ports fxs:1-20,fxo:21-24] [-uefi] [-console]
//
// It prints how to reach the box, how to pick up a telephone, and how to stop.
// Unless a disk is kept with -keep, every run is a first boot.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"switchroom/image"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A pipe that is gone must not keep us from shutting the box down.
	signal.Ignore(syscall.SIGPIPE)
	if err := run(ctx, os.Args[1:], os.Stdin, os.Stderr); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "run:", err)
		os.Exit(1)
	}
}

// options is what the command line says.
type options struct {
	image   string
	ports   []string // of each card
	uefi    bool
	keep    string
	memory  int
	sip     int
	console bool
	emu     string // the emulator's program
}

func parse(args []string, out io.Writer) (options, error) {
	o := options{}
	flags := flag.NewFlagSet("run", flag.ContinueOnError)
	flags.SetOutput(out)
	flags.StringVar(&o.image, "image", "", "the `image` to start (default: the newest build/*.img)")
	var ports string
	flags.StringVar(&ports, "ports", "fxs:1-20,fxo:21-24", "what sits in the card's `places`; several cards are parted by \"/\"; \"none\" for no card")
	flags.BoolVar(&o.uefi, "uefi", false, "boot by UEFI instead of BIOS")
	flags.StringVar(&o.keep, "keep", "", "keep what the box writes in this qcow2 `file`, and go on from it the next time")
	flags.IntVar(&o.memory, "memory", 1024, "the box's memory in `MiB`")
	flags.IntVar(&o.sip, "sip", 5060, "UDP `port` on this computer's loopback that leads to the box's SIP")
	flags.BoolVar(&o.console, "console", false, "show the whole serial console, and type on it")
	flags.StringVar(&o.emu, "emulator", filepath.Join("build", "bin", "tdm2400p"), "the card emulator's `program`")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unknown argument %q", flags.Arg(0))
	}
	if ports != "none" {
		o.ports = strings.Split(ports, "/")
	}
	if o.image == "" {
		var err error
		if o.image, err = image.Newest("build"); err != nil {
			return o, err
		}
	}
	var err error
	if o.image, err = filepath.Abs(o.image); err != nil {
		return o, fmt.Errorf("finding the image: %w", err)
	}
	if o.keep != "" {
		if o.keep, err = filepath.Abs(o.keep); err != nil {
			return o, fmt.Errorf("finding the disk to keep: %w", err)
		}
	}
	return o, nil
}

// Command mkimage builds the firmware image: build/switchroom-<version>.img, the
// same compressed, its manifest and its bill of materials.
//
//	mkimage [-out dir] [-version v] [-no-compress] [-allow-unlocked]
//	        [-check-reproducible | -reproduce] [-compression gzip|lzo|xz]
//
// Everything comes from locked packages and this module; the host gives Go,
// apt and a kernel. What was made once is kept in the cache by the hash of what
// it was made from, so building again after a change of our own code compiles
// and packs, and does nothing else.
//
// With -check-reproducible the image is packed a second time from the cached
// parts, and with -reproduce everything is built twice, Asterisk and the card's
// drivers included; either compares the results to the bit.
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
	"syscall"

	"switchroom/image/build"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stderr); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "mkimage:", err)
		}
		os.Exit(1)
	}
}

// options are what the command line says.
type options struct {
	out         string
	version     string
	compression string
	block       int
	noCompress  bool
	unlocked    bool
	check       bool
	reproduce   bool
}

func run(ctx context.Context, args []string, log io.Writer) error {
	var o options
	flags := flag.NewFlagSet("mkimage", flag.ContinueOnError)
	flags.SetOutput(log)
	flags.StringVar(&o.out, "out", "build", "`folder` for the image")
	flags.StringVar(&o.version, "version", "", "the image's `version`; without it, the base version and the commit")
	flags.StringVar(&o.compression, "compression", defaultCompression, "of the slot: gzip, lzo or xz")
	flags.IntVar(&o.block, "block", defaultBlock, "size of the slot's blocks in `bytes`")
	flags.BoolVar(&o.noCompress, "no-compress", false, "leave out the compressed image")
	flags.BoolVar(&o.unlocked, "allow-unlocked", false, "where a locked package can't be had any more, take the suite's present one and mark the image unlocked")
	flags.BoolVar(&o.check, "check-reproducible", false, "pack twice from the cached parts and compare")
	flags.BoolVar(&o.reproduce, "reproduce", false, "build everything twice and compare")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%q is no flag", flags.Arg(0))
	}
	module, err := moduleRoot()
	if err != nil {
		return err
	}
	b, err := newBuilder(ctx, module, "", o, log)
	if err != nil {
		return err
	}
	if o.reproduce {
		if err := b.steps.do("compiling twice and comparing", func() error { return build.Reproduce(ctx, b.store, b.lock) }); err != nil {
			return err
		}
	}
	made, err := b.image(ctx, o.out)
	if err != nil {
		return err
	}
	if o.check || o.reproduce {
		if err := b.again(ctx, made); err != nil {
			return err
		}
	}
	return made.report(log)
}

// moduleRoot returns the folder of this module's go.mod, at or above the
// working folder.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("not in the source tree: no go.mod here or above")
		}
		dir = up
	}
}

// Command compile builds Asterisk, the DAHDI kernel modules and what else we compile into the package cache, where the
// image's builder would otherwise do it, and prints where they are. With -reproduce it builds them
// a second time and compares.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"switchroom/image/build"
	"switchroom/image/packages"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "compile:", err)
		}
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	fs := flag.NewFlagSet("compile", flag.ContinueOnError)
	fs.SetOutput(stderr)
	reproduce := fs.Bool("reproduce", false, "build again from the same inputs and compare")
	if err := fs.Parse(args); err != nil {
		return err
	}
	store, err := packages.Open(packages.Config{Log: slog.New(slog.NewTextHandler(stderr, nil)), Progress: stderr})
	if err != nil {
		return err
	}
	lock, err := packages.Default()
	if err != nil {
		return err
	}
	modules, kver, err := build.Modules(ctx, store, lock)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "DAHDI modules for %s: %s\n", kver, modules)
	asterisk, err := build.Asterisk(ctx, store, lock)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "Asterisk: %s\n", asterisk)
	espeak, err := build.Espeak(ctx, store, lock)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "eSpeak NG: %s\n", espeak)
	opus, err := build.Opus(ctx, store, lock)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "Opus: %s\n", opus)
	vorbis, err := build.Vorbis(ctx, store, lock)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "Vorbis: %s\n", vorbis)
	if !*reproduce {
		return nil
	}
	if err := build.Reproduce(ctx, store, lock); err != nil {
		return err
	}
	fmt.Fprintln(stdout, "a second build of each is the same, file by file")
	return nil
}

// Command relock shows what would change if the lock of Debian packages were made anew from the
// suite's present state, and with -write makes it.
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
	"path/filepath"
	"syscall"

	"switchroom/image/packages"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "relock:", err)
		}
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	fs := flag.NewFlagSet("relock", flag.ContinueOnError)
	fs.SetOutput(stderr)
	write := fs.Bool("write", false, "write the new lock files instead of only showing what would change")
	dir := fs.String("dir", filepath.Join("image", "packages"), "`directory` of the lock files")
	suite := fs.String("suite", packages.DefaultSuite, "Debian `suite` to lock")
	verbose := fs.Bool("v", false, "show what apt says")
	if err := fs.Parse(args); err != nil {
		return err
	}
	store, err := packages.Open(packages.Config{Log: slog.New(slog.NewTextHandler(stderr, nil)), Progress: stderr})
	if err != nil {
		return err
	}
	name := filepath.Join(*dir, "lock.json")
	old, err := packages.ReadLock(name)
	if err != nil && !*write {
		return err
	}
	if err != nil {
		fmt.Fprintf(stderr, "relock: the present lock can't be read and is replaced: %v\n", err)
		old = nil
	}
	var log io.Writer
	if *verbose {
		log = stderr
	}
	fmt.Fprintf(stderr, "asking the mirror for the present state of %s\n", *suite)
	now, sources, err := store.Present(ctx, *suite, log)
	if err != nil {
		return err
	}
	changes := packages.Diff(old, now)
	for _, c := range changes {
		fmt.Fprintln(stdout, c)
	}
	fmt.Fprintf(stdout, "%d change(s)\n", len(changes))
	if !*write {
		if len(changes) > 0 {
			fmt.Fprintln(stdout, "nothing was written: run again with -write to take them")
		}
		return nil
	}
	if err := replace(name, now.Format()); err != nil {
		return err
	}
	return replace(filepath.Join(*dir, "sources.lock.json"), packages.FormatSources(sources))
}

// replace writes a file so that an interruption leaves the old one.
func replace(name string, b []byte) error {
	tmp := name + ".new"
	if err := os.WriteFile(tmp, b, 0o644); err != nil {
		return fmt.Errorf("writing the lock: %w", err)
	}
	if err := os.Rename(tmp, name); err != nil {
		return fmt.Errorf("writing the lock: %w", err)
	}
	return nil
}

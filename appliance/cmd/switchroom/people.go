package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"switchroom/appliance"
	"switchroom/appliance/boot/kmod"
	"switchroom/appliance/supervisor/control"
	"switchroom/image"
)

type runFunc = func(ctx context.Context, args []string, stdout, stderr io.Writer) error

// flags makes a flag set that reports its errors to stderr and nowhere else.
func flags(name string, stderr io.Writer) *flag.FlagSet {
	f := flag.NewFlagSet("switchroom "+name, flag.ContinueOnError)
	f.SetOutput(stderr)
	return f
}

// operation asks the supervisor for something, with that many arguments.
func operation(c *control.Client, op string, count int) runFunc {
	return func(ctx context.Context, args []string, _, stderr io.Writer) error {
		f := flags(op, stderr)
		if err := f.Parse(args); err != nil {
			return err
		}
		if f.NArg() != count {
			return errUsage
		}
		return c.Do(ctx, op, f.Arg(0))
	}
}

func status(c *control.Client) runFunc {
	return func(ctx context.Context, args []string, stdout, stderr io.Writer) error {
		f := flags("status", stderr)
		asJSON := f.Bool("json", false, "for machines")
		if err := f.Parse(args); err != nil {
			return err
		}
		st, err := c.Status(ctx)
		if err != nil {
			return err
		}
		if *asJSON {
			enc := json.NewEncoder(stdout)
			enc.SetIndent("", "  ")
			return enc.Encode(st)
		}
		return appliance.WriteTable(stdout, st, time.Now())
	}
}

func logs(c *control.Client) runFunc {
	return func(ctx context.Context, args []string, stdout, stderr io.Writer) error {
		f := flags("logs", stderr)
		follow := f.Bool("f", false, "go on with what comes")
		lines := f.Int("n", 0, "only the last so many lines")
		if err := f.Parse(args); err != nil {
			return err
		}
		if f.NArg() > 1 {
			return errUsage
		}
		for r, err := range c.Logs(ctx, f.Arg(0), *lines, *follow) {
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintln(stdout, r); err != nil {
				return err
			}
		}
		return nil
	}
}

// version is that of the slot's manifest, or of a build from the sources.
func version() string {
	if data, err := os.ReadFile(image.ManifestPath); err == nil {
		var m image.Manifest
		if json.Unmarshal(data, &m) == nil && m.Version != "" {
			return m.Version
		}
	}
	v := image.BaseVersion
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" && len(s.Value) >= 7 {
				v += "+g" + s.Value[:7]
			}
		}
	}
	return v
}

func printVersion(_ context.Context, args []string, stdout, _ io.Writer) error {
	if len(args) > 0 {
		return errUsage
	}
	_, err := fmt.Fprintln(stdout, "switchroom", strings.TrimSpace(version()))
	return err
}

func loadModule(_ context.Context, args []string, stdout, stderr io.Writer) error {
	return kmod.Main(args, stdout, stderr)
}

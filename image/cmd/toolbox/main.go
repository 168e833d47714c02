// Command toolbox runs a program of the locked packages in their sandbox, for people who want to
// look at what the builder works with:
//
//	toolbox -set tools mksquashfs -version
//	toolbox -set build -bind $PWD:/src -dir /src sh
//
// Without a program it prints the directory of the unpacked set.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"

	"switchroom/image/packages"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	var exit *exec.ExitError
	switch {
	case err == nil:
	case errors.As(err, &exit):
		os.Exit(exit.ExitCode())
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	default:
		fmt.Fprintln(os.Stderr, "toolbox:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	fs := flag.NewFlagSet("toolbox", flag.ContinueOnError)
	fs.SetOutput(stderr)
	sets := fs.String("set", "tools", "`sets` of packages to unpack, with commas between them")
	dir := fs.String("dir", "/", "working `directory` in the sandbox")
	network := fs.Bool("network", false, "use the host's network")
	var opt packages.RunOptions
	fs.Func("bind", "host `directory:place` in the sandbox, writable; any number of times", func(v string) error {
		host, guest, ok := strings.Cut(v, ":")
		if !ok {
			return errors.New("want directory:place")
		}
		opt.Binds = append(opt.Binds, packages.Bind{Host: host, Guest: guest, Writable: true})
		return nil
	})
	if err := fs.Parse(args); err != nil {
		return err
	}
	opt.Dir, opt.Network = *dir, *network
	store, err := packages.Open(packages.Config{Log: slog.New(slog.NewTextHandler(stderr, nil)), Progress: stderr})
	if err != nil {
		return err
	}
	lock, err := packages.Default()
	if err != nil {
		return err
	}
	box, err := store.Sandbox(ctx, lock, strings.Split(*sets, ",")...)
	if err != nil {
		return err
	}
	if fs.NArg() == 0 {
		_, err := fmt.Fprintln(stdout, box.Tree())
		return err
	}
	cmd := box.Command(ctx, opt, fs.Arg(0), fs.Args()[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, stderr
	return cmd.Run()
}

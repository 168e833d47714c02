package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"switchroom/image/packages"
	"switchroom/image/qemu"
)

// bootTime is how long the box may take to be healthy before run gives up.
// Under TCG on a busy machine a boot takes minutes.
const bootTime = 15 * time.Minute

// milestone is a line that the supervisor writes on the console for programs
// like this one: seconds since the kernel started, and what happened.
var milestone = regexp.MustCompile(`^switchroom: +(\d+\.\d+) (.*)$`)

func run(ctx context.Context, args []string, in io.Reader, out io.Writer) (err error) {
	o, err := parse(args, out)
	if err != nil {
		return err
	}
	dir, link, leave, err := enter(filepath.Join("build", "box"))
	if err != nil {
		return err
	}
	defer leave()

	store, err := packages.Open(packages.Config{Log: slog.New(slog.NewTextHandler(out, nil)), Progress: out})
	if err != nil {
		return fmt.Errorf("opening the package cache: %w", err)
	}
	lock, err := packages.Default()
	if err != nil {
		return err
	}
	if lock, err = store.Usable(ctx, lock, "root", "vm"); err != nil {
		return err
	}
	host, err := qemu.NewHost(ctx, store, lock)
	if err != nil {
		return err
	}

	cfg := qemu.Config{
		Disk: o.image, Overlay: o.keep, MemoryMiB: o.memory, Dir: dir,
		Forwards: []qemu.Forward{{Protocol: "udp", Host: o.sip, Guest: 5060}},
	}
	if o.uefi {
		cfg.Firmware = qemu.UEFI
	}
	for i, ports := range o.ports {
		c, err := startCard(ctx, o.emu, dir, i+1, ports, out)
		if err != nil {
			return err
		}
		defer c.stop()
		cfg.Cards = append(cfg.Cards, c.pci)
	}

	fmt.Fprintf(out, "Starting %s by %v", filepath.Base(o.image), cfg.Firmware)
	if host.Accel == qemu.TCG {
		fmt.Fprintf(out, ", without KVM (%s): several times slower than a PC", host.WhyTCG)
	}
	fmt.Fprintln(out)
	// The machine must not die with ctx before it was asked to: the overlay
	// that is kept would lose what the guest has not written back.
	machine, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	vm, err := host.Start(machine, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, shutDown(vm, out)) }()

	if o.console {
		go typeAlong(in, vm)
	}
	if err := show(ctx, vm, o, out); err != nil {
		return err
	}
	explain(out, o, link)

	select {
	case <-vm.Ended():
		return vm.Wait(ctx)
	case <-ctx.Done():
		return nil
	}
}

// enter makes the folder for the box's sockets, which want a short path, and a
// link by which one finds it again, and makes sure that no other run uses them.
// What a run that was killed left behind is cleared away.
func enter(link string) (dir, name string, leave func(), err error) {
	if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
		return "", "", nil, fmt.Errorf("making a folder for sockets: %w", err)
	}
	lock, err := os.OpenFile(link+".lock", os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return "", "", nil, fmt.Errorf("locking the box: %w", err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		lock.Close()
		return "", "", nil, fmt.Errorf("another run is going on here (%s is locked): stop it first", lock.Name())
	}
	leave = func() {
		os.RemoveAll(dir)
		os.Remove(link)
		lock.Close()
	}
	if old, err := os.Readlink(link); err == nil {
		os.RemoveAll(old)
		os.Remove(link)
	}
	if dir, err = os.MkdirTemp("/tmp", "switchroom-"); err != nil {
		leave()
		return "", "", nil, fmt.Errorf("making a folder for sockets: %w", err)
	}
	if err := os.Symlink(dir, link); err != nil {
		leave()
		return "", "", nil, fmt.Errorf("linking to the sockets: %w", err)
	}
	return dir, link, leave, nil
}

// show prints what the box reports while it boots, until it is healthy.
func show(ctx context.Context, vm *qemu.VM, o options, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, bootTime)
	defer cancel()
	for at := 0; ; {
		l, err := vm.Console.Next(ctx, at)
		if ctx.Err() != nil && errors.Is(context.Cause(ctx), context.Canceled) {
			return nil // stopped by the user
		}
		if err != nil {
			return fmt.Errorf("waiting for the box to boot: %w; the end of its console:\n%s", err, vm.Console.Tail(30))
		}
		at = l.Number
		m := milestone.FindStringSubmatch(l.Text)
		switch {
		case o.console:
			fmt.Fprintln(out, l.Text)
		case m != nil:
			fmt.Fprintf(out, "  %6s s  %s\n", m[1], m[2])
		}
		if m != nil && m[2] == "healthy" {
			if o.console {
				go mirror(ctx, vm, at, out)
			}
			return nil
		}
	}
}

// mirror goes on showing the console after the boot.
func mirror(ctx context.Context, vm *qemu.VM, at int, out io.Writer) {
	ctx = context.WithoutCancel(ctx)
	for {
		l, err := vm.Console.Next(ctx, at)
		if err != nil {
			return
		}
		at = l.Number
		fmt.Fprintln(out, l.Text)
	}
}

func typeAlong(in io.Reader, vm *qemu.VM) {
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		if vm.Type(lines.Text()+"\n") != nil {
			return
		}
	}
}

// explain tells the user what can be done now.
func explain(out io.Writer, o options, link string) {
	fmt.Fprintf(out, "\nThe box is up. SIP: udp 127.0.0.1:%d.\n", o.sip)
	for i := range o.ports {
		fmt.Fprintf(out, `
The telephones and lines of card %[1]d (in another terminal):
  export TDM2400P_CONTROL=%[2]s
  %[3]s watch                 what happens on every port
  %[3]s offhook 1             pick up the telephone on port 1: dial tone
  %[3]s dial 1 1002           dial 1002 on it: port 2 rings
  %[3]s offhook 2             answer there
  %[3]s onhook 1              hang up
  %[3]s help                  ring a line from outside, play, record, inject faults …
`, i+1, filepath.Join(link, fmt.Sprintf("card%d.sock", i+1)), o.emu)
	}
	fmt.Fprintln(out, "\nEvery telephone on port n is extension 1000+n; 600 is the queue. Ctrl-C stops the box.")
}

// shutDown presses the power button, and pulls the plug if that takes too
// long.
func shutDown(vm *qemu.VM, out io.Writer) error {
	select {
	case <-vm.Ended():
		return nil
	default:
	}
	fmt.Fprintln(out, "\nPressing the power button …")
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	defer cancel()
	if err := vm.PressPower(ctx); err == nil {
		if err := vm.Wait(ctx); err == nil {
			return nil
		} else if ctx.Err() == nil {
			return err
		}
	}
	fmt.Fprintln(out, "It did not power off: pulling the plug. The end of its console:\n"+strings.TrimRight(vm.Console.Tail(10), "\n"))
	ctx, cancel = context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return vm.Quit(ctx)
}

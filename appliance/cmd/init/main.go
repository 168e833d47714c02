// Command init is the first program on the box, alone in the initramfs with
// the kernel modules it may need: it starts the hardware watchdog, finds the
// disk that holds the slot which the boot loader chose, mounts the slot's
// read-only root, and becomes the supervisor in it.
//
// It never waits for a fixed time: the kernel's device events say when a
// driver is wanted and when a disk is there. Whatever goes wrong is said on
// every console, and the machine restarts after ten seconds, so that the boot
// loader counts the try and falls back to the other slot in the end.
//
// On the kernel's command line it reads
//
//	switchroom.slot=a|b      the slot to start; a if it is not given
//	switchroom.disk=NAME     of several disks with such a slot, this one (sda, nvme0n1…)
package main

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/u-root/u-root/pkg/mount"

	"switchroom/appliance/boot/kmod"
	"switchroom/appliance/boot/uevent"
	"switchroom/appliance/watchdog"
)

const (
	newRoot   = "/newroot"
	nextInit  = "/usr/bin/switchroom"
	handOver  = "/run/switchroom/boot"
	diskWait  = 60 * time.Second // a row of slow disks behind a slow controller
	failPause = 10 * time.Second // so that a person can read it
	// The supervisor takes over within seconds; on a slow machine that checks
	// a big disk it may be a minute until it feeds.
	watchdogTimeout = 120 * time.Second
)

func main() {
	console := &console{}
	err := func() (err error) {
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
			}
		}()
		return run(console)
	}()
	console.fail(err)
}

// run does not return unless it failed: at its end another program has taken
// this one's place.
func run(console *console) error {
	if os.Getpid() != 1 {
		return errors.New("this is the initramfs's first program: it does nothing else")
	}
	if err := mountKernel(); err != nil {
		return err
	}
	console.open()
	report := handover{started: sinceKernel()}

	cmdline, err := os.ReadFile("/proc/cmdline")
	if err != nil {
		return fmt.Errorf("reading the kernel's command line: %w", err)
	}
	opt := parseCmdline(string(cmdline))
	slot := "slot-" + opt.slot

	// Listening comes before the first look, so that no device falls between.
	events, err := uevent.Listen()
	if err != nil {
		return err
	}
	modules, err := kmod.Open("/")
	if err != nil {
		return err
	}
	dog := &guard{console: console}
	f := &finder{
		sysfs:   "/sys",
		loader:  modules,
		events:  events,
		name:    slot,
		prefer:  opt.disk,
		log:     console.info,
		gotDog:  func() { dog.arm() },
		timeout: diskWait,
	}
	part, others, err := f.find()
	if err != nil {
		return err
	}
	report.found = sinceKernel()
	if len(others) > 0 {
		console.warn("%s is on %s and on %s too: starting from %s; take one disk out, or name one with switchroom.disk=",
			slot, part.Disk, strings.Join(others, ", "), part.Disk)
	}

	if err := mountRoot("/dev/" + part.Device); err != nil {
		return err
	}
	if err := runnable(newRoot + nextInit); err != nil {
		return fmt.Errorf("%s on %s does not hold this system: %w", slot, part.Device, err)
	}
	report.mounted = sinceKernel()

	events.Close()
	f.finish()
	report.slot, report.partition = opt.slot, part
	report.watchdog = dog.arm()
	if report.watchdog == "" {
		// No hardware: the kernel's own timer is better than nothing.
		if err := modules.Load("softdog", ""); err != nil {
			console.warn("no watchdog: %v", err)
		}
		report.watchdog = dog.arm()
	}
	if err := writeHandover(handOver, report); err != nil {
		return err
	}
	console.info("root %s mounted: starting the supervisor", part.Device)
	if err := switchRoot(); err != nil {
		return err
	}
	env := []string{"PATH=/usr/sbin:/usr/bin", "HOME=/", "TERM=linux"}
	err = unix.Exec(nextInit, []string{"switchroom", "supervisor"}, env)
	return fmt.Errorf("starting %s: %w", nextInit, err)
}

// mountKernel makes the kernel's own file systems visible.
func mountKernel() error {
	for _, m := range []struct {
		dir, fs, data string
		flags         uintptr
	}{
		{"/dev", "devtmpfs", "mode=0755", unix.MS_NOSUID},
		{"/proc", "proc", "", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC},
		{"/sys", "sysfs", "", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC},
		{"/run", "tmpfs", "mode=0755", unix.MS_NOSUID | unix.MS_NODEV},
	} {
		if err := os.MkdirAll(m.dir, 0o755); err != nil {
			return err
		}
		if _, err := mount.Mount(m.fs, m.dir, m.fs, m.data, m.flags); err != nil && !errors.Is(err, unix.EBUSY) {
			return fmt.Errorf("mounting %s: %w", m.dir, err)
		}
	}
	return nil
}

// mountRoot mounts the slot. It is read-only by its nature.
func mountRoot(device string) error {
	if err := os.MkdirAll(newRoot, 0o755); err != nil {
		return err
	}
	if _, err := mount.Mount(device, newRoot, "squashfs", "", unix.MS_RDONLY); err != nil {
		return fmt.Errorf("mounting the root from %s: %w", device, err)
	}
	return nil
}

func runnable(path string) error {
	st, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !st.Mode().IsRegular() || st.Mode().Perm()&0o111 == 0 {
		return fmt.Errorf("%s is not a program", path)
	}
	return nil
}

// guard starts the watchdog, once.
type guard struct {
	console *console
	armed   string
}

// arm starts the best watchdog there is, if none runs yet, and gives the
// name of the one that runs. The device is closed without the letter that
// would stop it. It is called by one goroutine after the other.
func (g *guard) arm() string {
	if g.armed != "" {
		return g.armed
	}
	dev, info, err := watchdog.Open("/sys", "/dev", watchdogTimeout)
	if errors.Is(err, watchdog.ErrNone) {
		return ""
	}
	if err != nil {
		g.console.warn("the watchdog does not start: %v", err)
		return ""
	}
	g.console.hush(func() { dev.Close() })
	g.armed = info.Name
	g.console.info("watchdog %s (%s) armed, %v", info.Name, info.Identity, info.Timeout)
	return g.armed
}

package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"switchroom/appliance/boot/blockdev"
	"switchroom/appliance/boot/kmod"
	"switchroom/appliance/boot/uevent"
)

// eventSource gives device events; a uevent.Listener is one.
type eventSource interface {
	Next() (uevent.Event, error)
}

// moduleLoader loads drivers; a kmod.Loader is one.
type moduleLoader interface {
	Load(name, params string) error
	LoadFor(modalias string, skip func(name string) bool) error
	LoadForAll(modaliases []string, width int, skip func(name string) bool) error
	Needs(name, other string) bool
}

// finder looks for the partition with a name, and loads the drivers that its
// disk needs on the way.
type finder struct {
	sysfs   string
	loader  moduleLoader
	events  eventSource
	name    string // of the partition
	prefer  string // a disk's name, or ""
	log     func(format string, args ...any)
	gotDog  func() // called when a watchdog has appeared
	timeout time.Duration

	listening sync.WaitGroup
	loads     sync.WaitGroup
	pending   atomic.Int32
	looked    chan struct{} // something may have changed: look at the disks again
}

// loadWidth is how many drivers are loaded at once. Most of a driver's start
// is waiting for its device.
const loadWidth = 4

// find gives the partition, and the names of other disks that have one too.
func (f *finder) find() (blockdev.Partition, []string, error) {
	f.looked = make(chan struct{}, 1)
	f.listening.Go(f.listen)

	// What will be needed whatever the disk is.
	f.load(func() error { return f.loader.Load("squashfs", "") })
	aliases, err := kmod.Modaliases(f.sysfs)
	if err != nil {
		return blockdev.Partition{}, nil, err
	}
	// Disk controllers first: while their disks spin up there is time for the
	// rest, the watchdogs.
	storage, rest := split(aliases, isStorage)
	usb := f.usb()
	f.load(func() error {
		return errors.Join(f.loader.LoadForAll(storage, loadWidth, usb), f.loader.LoadForAll(rest, loadWidth, usb))
	})

	deadline := time.NewTimer(f.timeout)
	defer deadline.Stop()
	triedUSB := false
	for {
		p, others, err := f.look()
		if err == nil {
			return p, others, nil
		}
		if f.pending.Load() == 0 && !triedUSB {
			// Nothing on the disks inside: the box may start from a stick.
			triedUSB = true
			f.load(func() error { return f.loader.LoadForAll(aliases, loadWidth, nil) })
			continue
		}
		select {
		case <-f.looked:
		case <-deadline.C:
			return blockdev.Partition{}, nil, fmt.Errorf("%w\n%s", err, f.inventory())
		}
	}
}

// isStorage reports whether a modalias is a disk controller's, PCI class 01,
// or of a bus that hypervisors put disks on.
func isStorage(modalias string) bool {
	bus, rest, _ := strings.Cut(modalias, ":")
	switch bus {
	case "pci":
		return strings.Contains(rest, "bc01")
	case "virtio", "vmbus", "xen", "scsi", "nvme":
		return true
	}
	return false
}

func split(all []string, yes func(string) bool) (in, out []string) {
	for _, s := range all {
		if yes(s) {
			in = append(in, s)
		} else {
			out = append(out, s)
		}
	}
	return in, out
}

// usb gives a filter that holds the USB host drivers back: they take long to
// start, and seldom hold the system's disk.
func (f *finder) usb() func(string) bool {
	return func(name string) bool { return f.loader.Needs(name, "usbcore") }
}

// load runs one piece of loading beside the others. A driver that fails is
// noted only: another may find the disk.
func (f *finder) load(do func() error) {
	f.pending.Add(1)
	f.loads.Go(func() {
		if err := do(); err != nil && !errors.Is(err, kmod.ErrNotFound) {
			f.log("%v", err)
		}
		f.pending.Add(-1)
		f.again()
	})
}

func (f *finder) again() {
	select {
	case f.looked <- struct{}{}:
	default:
	}
}

// finish waits for the drivers that are still being loaded: their files go
// away with the initramfs. The source of events must have been closed.
func (f *finder) finish() {
	f.listening.Wait()
	f.loads.Wait()
}

// listen follows the device events until their source is closed: a new device
// gets its driver, a new partition is looked at, a new watchdog is started.
func (f *finder) listen() {
	for {
		e, err := f.events.Next()
		if errors.Is(err, uevent.ErrOverrun) {
			f.again()
			continue
		}
		if err != nil {
			if !errors.Is(err, os.ErrClosed) {
				f.log("%v", err)
			}
			return
		}
		if e.Action != "add" && e.Action != "change" {
			continue
		}
		if m := e.Vars["MODALIAS"]; m != "" && e.Action == "add" {
			// A device on a bus whose driver was loaded is wanted: a stick
			// behind a USB host.
			f.load(func() error { return f.loader.LoadFor(m, nil) })
		}
		switch e.Vars["SUBSYSTEM"] {
		case "block":
			f.again()
		case "watchdog":
			f.gotDog()
		}
	}
}

func (f *finder) look() (blockdev.Partition, []string, error) {
	all, err := blockdev.Partitions(f.sysfs)
	if err != nil {
		return blockdev.Partition{}, nil, err
	}
	p, others, ok := blockdev.Choose(all, f.name, f.prefer)
	if !ok {
		return p, nil, fmt.Errorf("no disk has a partition named %q", f.name)
	}
	return p, others, nil
}

// inventory says what disks there are, for the person in front of a box that
// does not start.
func (f *finder) inventory() string {
	entries, err := os.ReadDir(f.sysfs + "/class/block")
	if err != nil || len(entries) == 0 {
		return "there are no disks at all: is the controller's driver missing?"
	}
	var b strings.Builder
	b.WriteString("the disks and partitions there are:")
	for _, e := range entries {
		p, err := blockdev.Read(f.sysfs, e.Name())
		if err != nil {
			continue
		}
		fmt.Fprintf(&b, "\n  %-12s %7d MiB  %s", p.Device, p.Length>>11, p.Name)
	}
	return b.String()
}

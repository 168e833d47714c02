package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/u-root/u-root/pkg/mount"

	"switchroom/appliance/boot/blockdev"
)

// options are what the command line says to this program.
type options struct {
	slot, disk string
}

func parseCmdline(s string) options {
	o := options{slot: "a"}
	for _, w := range strings.Fields(s) {
		switch k, v, _ := strings.Cut(w, "="); k {
		case "switchroom.slot":
			o.slot = v
		case "switchroom.disk":
			o.disk = strings.TrimPrefix(v, "/dev/")
		}
	}
	return o
}

// handover is what the next program wants to know of this one's work. Times
// are seconds since the kernel's start.
type handover struct {
	slot                    string
	partition               blockdev.Partition
	watchdog                string // the kernel's name, "" if there is none
	started, found, mounted float64
}

// String is the form it is handed over in, NAME=value a line; package boot
// reads it. JSON would make this program a third larger.
func (h handover) String() string {
	return fmt.Sprintf("SLOT=%s\nDEVICE=%s\nDISK=%s\nWATCHDOG=%s\nINIT_STARTED=%.3f\nDISK_FOUND=%.3f\nROOT_MOUNTED=%.3f\n",
		h.slot, h.partition.Device, h.partition.Disk, h.watchdog, h.started, h.found, h.mounted)
}

func writeHandover(path string, h handover) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(h.String()), 0o644)
}

// sinceKernel is the time since the kernel started, in seconds.
func sinceKernel() float64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return 0
	}
	return float64(ts.Nano()/1e6) / 1e3
}

// switchRoot makes the mounted slot the root, as u-root's mount.SwitchRoot
// does; that one cannot hand arguments to the next program.
func switchRoot() error {
	for _, dir := range []string{"/dev", "/proc", "/sys", "/run"} {
		if err := mount.MoveMount(dir, newRoot+dir); err != nil {
			return fmt.Errorf("moving %s into the root: %w", dir, err)
		}
	}
	emptyInitramfs()
	if err := os.Chdir(newRoot); err != nil {
		return err
	}
	if err := mount.MoveMount(".", "/"); err != nil {
		return fmt.Errorf("moving the root into place: %w", err)
	}
	if err := unix.Chroot("."); err != nil {
		return fmt.Errorf("changing into the root: %w", err)
	}
	return os.Chdir("/")
}

// emptyInitramfs deletes the files of the initramfs: they would hold their
// memory for ever. Nothing but a file system in memory is ever touched.
func emptyInitramfs() {
	if inMemory, err := mount.IsTmpRamfs("/"); err != nil || !inMemory {
		return
	}
	entries, err := os.ReadDir("/")
	if err != nil {
		return
	}
	for _, e := range entries {
		path := "/" + e.Name()
		if same, err := mount.SameFilesystem("/", path); err != nil || !same {
			continue // the new root
		}
		_ = os.RemoveAll(path)
	}
}

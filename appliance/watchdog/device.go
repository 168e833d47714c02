package watchdog

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Device is one hardware watchdog: what the feeding needs of it.
type Device interface {
	// Feed starts the time-out anew.
	Feed() error
	// Close lets go of the device without stopping it: unless somebody opens
	// and feeds it, it resets the machine after its time-out.
	Close() error
}

// Info is what is known of an open watchdog.
type Info struct {
	Name     string        // the kernel's name, "watchdog0"
	Identity string        // what its driver calls it, "iTCO_wdt"
	Software bool          // the kernel's own timer, not hardware
	Timeout  time.Duration // what is set, in whole seconds
	// WasReset says that the watchdog itself caused the last reset of the
	// machine, as far as its hardware can tell.
	WasReset bool
}

// hardware is a device node of the kernel's watchdog interface
// (Documentation/watchdog/watchdog-api.rst). Opening it starts the timer.
type hardware struct {
	f *os.File
}

func (h hardware) Feed() error {
	if err := unix.IoctlWatchdogKeepalive(int(h.f.Fd())); err != nil {
		return fmt.Errorf("feeding %s: %w", h.f.Name(), err)
	}
	return nil
}

// Close does not write the 'V' that would stop the timer.
func (h hardware) Close() error { return h.f.Close() }

// ErrNone says that the machine has no watchdog for which a driver is loaded.
var ErrNone = errors.New("no watchdog device")

// softwareIdentity is what the softdog driver calls itself.
const softwareIdentity = "Software Watchdog"

// Find lists the watchdogs that sysfs (normally /sys) shows, the best first:
// hardware before the kernel's own timer, then by number.
func Find(sysfs string) ([]Info, error) {
	dir := filepath.Join(sysfs, "class/watchdog")
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking for watchdogs: %w", err)
	}
	var all []Info
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name(), "identity"))
		if err != nil {
			continue // gone meanwhile
		}
		id := strings.TrimSpace(string(b))
		all = append(all, Info{Name: e.Name(), Identity: id, Software: id == softwareIdentity})
	}
	slices.SortStableFunc(all, func(a, b Info) int {
		switch {
		case a.Software != b.Software && a.Software:
			return 1
		case a.Software != b.Software:
			return -1
		case len(a.Name) != len(b.Name):
			return len(a.Name) - len(b.Name)
		}
		return strings.Compare(a.Name, b.Name)
	})
	return all, nil
}

// Open starts the best watchdog that sysfs shows, through its node in dev
// (normally /dev), and asks it for the time-out, a number of whole seconds.
// The driver may take another; Info says which. It fails with ErrNone when
// there is none.
func Open(sysfs, dev string, timeout time.Duration) (Device, Info, error) {
	all, err := Find(sysfs)
	if err != nil {
		return nil, Info{}, err
	}
	if len(all) == 0 {
		return nil, Info{}, ErrNone
	}
	var errs []error
	for _, info := range all {
		d, info, err := open(filepath.Join(dev, info.Name), info, timeout)
		if err == nil {
			return d, info, nil
		}
		errs = append(errs, err)
	}
	return nil, Info{}, errors.Join(errs...)
}

func open(path string, info Info, timeout time.Duration) (Device, Info, error) {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return nil, Info{}, fmt.Errorf("opening a watchdog: %w", err)
	}
	fd := int(f.Fd())
	// From here on the machine is reset unless somebody feeds: an error below
	// is worth less than the protection, so none of them closes the device.
	if status, err := unix.IoctlGetInt(fd, unix.WDIOC_GETBOOTSTATUS); err == nil {
		info.WasReset = status&unix.WDIOF_CARDRESET != 0
	}
	seconds := int(timeout / time.Second)
	_ = unix.IoctlSetPointerInt(fd, unix.WDIOC_SETTIMEOUT, seconds)
	info.Timeout = timeout
	if s, err := unix.IoctlGetInt(fd, unix.WDIOC_GETTIMEOUT); err == nil {
		info.Timeout = time.Duration(s) * time.Second
	}
	return hardware{f}, info, nil
}

package boot

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"

	"switchroom/appliance/boot/uevent"
)

// Input events, of include/uapi/linux/input-event-codes.h.
const (
	evKey    = 1
	keyPower = 116
	// inputEventSize is struct input_event on a 64-bit machine: two longs,
	// type and code of 16 bits, value of 32.
	inputEventSize = 24
)

// powerKey reads input events until one says that the power key was pressed.
// It fails when the device goes away or the reader is closed.
func powerKey(r interface{ Read([]byte) (int, error) }) error {
	buf := make([]byte, inputEventSize*16)
	for {
		n, err := r.Read(buf)
		if err != nil {
			return err
		}
		for e := buf[:n]; len(e) >= inputEventSize; e = e[inputEventSize:] {
			kind := binary.NativeEndian.Uint16(e[16:])
			code := binary.NativeEndian.Uint16(e[18:])
			value := binary.NativeEndian.Uint32(e[20:])
			if kind == evKey && code == keyPower && value == 1 {
				return nil
			}
		}
	}
}

// hasPowerKey reports whether an input device has a power key: bit 116 of the
// bitmap that sysfs shows, as words of 64 bits, the highest first.
func hasPowerKey(sysfs, event string) bool {
	b, err := os.ReadFile(filepath.Join(sysfs, "class/input", event, "device/capabilities/key"))
	if err != nil {
		return false
	}
	return bitSet(string(b), keyPower)
}

// buttons watches the power keys there are, and those that come.
type buttons struct {
	log     *slog.Logger
	pressed func()

	mu   sync.Mutex
	open map[string]*os.File
}

// WatchPowerButton calls pressed, from another goroutine, whenever a power key
// is pressed: the machine's own button, or a keyboard's. It returns when the
// context ends. Devices that come later are found by the kernel's events.
func (s *System) WatchPowerButton(ctx context.Context, pressed func()) error {
	events, err := uevent.Listen()
	if err != nil {
		return err
	}
	b := &buttons{log: s.log, pressed: pressed, open: map[string]*os.File{}}
	stop := context.AfterFunc(ctx, func() {
		events.Close()
		b.closeAll()
	})
	defer stop()
	nodes, _ := filepath.Glob("/sys/class/input/event*") // the pattern is a good one
	for _, n := range nodes {
		b.watch(ctx, filepath.Base(n))
	}
	for {
		e, err := events.Next()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil && err != uevent.ErrOverrun {
			return err
		}
		if err == nil && e.Action == "add" && e.Vars["SUBSYSTEM"] == "input" {
			if name := filepath.Base(e.DevPath); len(name) > 5 && name[:5] == "event" {
				b.watch(ctx, name)
			}
		}
	}
}

// watch opens an input device if it has a power key, and follows it.
func (b *buttons) watch(ctx context.Context, event string) {
	if !hasPowerKey("/sys", event) {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.open[event] != nil || ctx.Err() != nil {
		return
	}
	// Non-blocking, so that closing ends a read.
	f, err := os.OpenFile("/dev/input/"+event, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		b.log.Warn("a power button does not work", "err", fmt.Errorf("opening %s: %w", event, err))
		return
	}
	b.open[event] = f
	go func() {
		defer func() {
			b.mu.Lock()
			delete(b.open, event)
			b.mu.Unlock()
			f.Close()
		}()
		for powerKey(f) == nil {
			b.pressed()
		}
	}()
}

func (b *buttons) closeAll() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, f := range b.open {
		f.Close()
	}
}

package panel

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// fakeBox notes what it is asked for.
type fakeBox struct {
	mu    sync.Mutex
	asked []string
	err   error
}

func (b *fakeBox) fail(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.err = nil
	if text != "" {
		b.err = errors.New(text)
	}
}

func (b *fakeBox) note(format string, args ...any) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked = append(b.asked, fmt.Sprintf("asked: "+format+"\n", args...))
	return b.err
}

func (b *fakeBox) list() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.asked
}

func (b *fakeBox) Restart(_ context.Context, service string) error {
	time.Sleep(3 * time.Second) // as long as a person can see it
	return b.note("restart %s", service)
}
func (b *fakeBox) Reboot(context.Context) error              { return b.note("reboot") }
func (b *fakeBox) PowerOff(context.Context) error            { return b.note("power off") }
func (b *fakeBox) SetHours(_ context.Context, h Hours) error { return b.note("hours %s", h) }
func (b *fakeBox) UnlockAdmin(context.Context) error         { return b.note("unlock") }

// memoryPINs is a PIN that is compared as it is.
type memoryPINs struct {
	pin string
	err error
}

func (m *memoryPINs) Has() (bool, error)   { return m.pin != "", m.err }
func (m *memoryPINs) Set(pin string) error { m.pin = pin; return m.err }
func (m *memoryPINs) Check(pin string, _ time.Time) error {
	if pin != m.pin {
		return pinError("Wrong PIN")
	}
	return m.err
}

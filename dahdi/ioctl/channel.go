package ioctl

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/unix"

	"switchroom/dahdi"
)

// Channel is a channel that we hold: nobody else can open it meanwhile, and it
// has the driver's own settings again once it is closed.
type Channel struct {
	fd     int
	number int
}

// ErrBusy says that another program holds the channel.
var ErrBusy = errors.New("another program has it open")

// OpenChannel takes a channel of a box; root is "/" but in tests.
func OpenChannel(root string, number int) (*Channel, error) {
	return openChannel(filepath.Join(root, "dev/dahdi"), number)
}

func openChannel(dev string, number int) (*Channel, error) {
	fd, err := open(filepath.Join(dev, "channel"))
	if err != nil {
		return nil, fmt.Errorf("opening channel %d: %w", number, err)
	}
	c := &Channel{fd, number}
	n := int32(number)
	if err := call(fd, "SPECIFY", DAHDI_SPECIFY, unsafe.Pointer(&n)); err != nil {
		unix.Close(fd)
		switch {
		case errors.Is(err, unix.EBUSY):
			return nil, fmt.Errorf("opening channel %d: %w", number, ErrBusy)
		case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENXIO): // none, or without signalling
			return nil, fmt.Errorf("opening channel %d: %w", number, dahdi.ErrNotFound)
		}
		return nil, fmt.Errorf("opening channel %d: %w", number, err)
	}
	return c, nil
}

// Close hangs up and gives the channel back.
func (c *Channel) Close() error { return unix.Close(c.fd) }

func (c *Channel) ioctl(name string, op uint32, arg unsafe.Pointer) error {
	if err := call(c.fd, name, op, arg); err != nil {
		return fmt.Errorf("channel %d: %w", c.number, err)
	}
	return nil
}

// Tone has the driver play a tone of the channel's zone; dahdi.ToneStop ends it.
// Playing begins with the next block of audio and needs none to be written.
func (c *Channel) Tone(id dahdi.ToneID) error {
	n := int32(id)
	return c.ioctl("SENDTONE", DAHDI_SENDTONE, unsafe.Pointer(&n))
}

// OffHook seizes the line of an FXO port, or ends the ringing of an FXS port
// as if the call had been answered.
func (c *Channel) OffHook() error { return c.hook(DAHDI_OFFHOOK) }

// OnHook hangs up.
func (c *Channel) OnHook() error { return c.hook(DAHDI_ONHOOK) }

// Ring rings the telephone on an FXS port in the zone's cadence until OnHook or
// until it is picked up.
func (c *Channel) Ring() error { return c.hook(DAHDI_RING) }

func (c *Channel) hook(n int32) error {
	err := c.ioctl("HOOK", DAHDI_HOOK, unsafe.Pointer(&n))
	if errors.Is(err, unix.EINPROGRESS) { // accepted; the driver is at it
		return nil
	}
	return err
}

// Write plays samples in the channel's law at 8000 a second, and blocks when
// the driver's buffers are full. It returns early on an event of the channel
// (the telephone was hung up), which is an error then.
func (c *Channel) Write(b []byte) (int, error) {
	n := 0
	for n < len(b) {
		m, err := unix.Write(c.fd, b[n:])
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return n, os.NewSyscallError("write", err)
		}
		n += m
	}
	return n, nil
}

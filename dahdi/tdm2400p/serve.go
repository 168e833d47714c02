package tdm2400p

import (
	"context"
	"fmt"
	"net"

	"switchroom/dahdi/tdm2400p/vfiouser"
)

// Device returns the card as a PCI device, for a transport to serve. A card is
// one device: only one transport may use it at a time.
func (c *Card) Device() vfiouser.Device { return newVoicebus(c) }

// Serve lets virtual machines use the card over a vfio-user socket, one after the
// other, until the context ends, whose error it returns, or the listener fails.
// It closes the listener. QEMU does not survive the end of it: it has to outlive
// the guest.
func (c *Card) Serve(ctx context.Context, l *net.UnixListener) error {
	return vfiouser.Serve(ctx, l, c.Device(), c.log)
}

// ListenAndServe is Serve on a new socket at path.
func (c *Card) ListenAndServe(ctx context.Context, path string) error {
	l, err := vfiouser.Listen(path)
	if err != nil {
		return fmt.Errorf("opening the card's socket: %w", err)
	}
	return c.Serve(ctx, l)
}

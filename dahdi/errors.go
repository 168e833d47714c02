package dahdi

import "errors"

var (
	// ErrNotFound is for a channel, a span or a zone that isn't there.
	ErrNotFound = errors.New("not found")
	// ErrNoDriver says that DAHDI is not in the kernel.
	ErrNoDriver = errors.New("the DAHDI driver is not loaded")
	// ErrNotPossible is for what the hardware or the driver can't do, such as a
	// signalling that a port is not made for.
	ErrNotPossible = errors.New("not possible on this port")
)

package vfiouser

import (
	"errors"
	"math"
	"time"
)

// The indexes of a PCI device's regions.
const (
	RegionBAR0   = 0 // to 5
	RegionROM    = 6
	RegionConfig = 7
	RegionVGA    = 8
	Regions      = 9
)

// Never is what a device's Run returns when it waits for nothing.
const Never = time.Duration(math.MaxInt64)

// RefireAfter is how long the interrupt stays up without anybody coming before
// the client is told again.
const RefireAfter = 5 * time.Millisecond

// ErrAddress is returned for an access to guest memory that is not there, may not
// be accessed so, or went away.
var ErrAddress = errors.New("no such guest memory")

// Device is an emulated PCI device. Its methods are called by one goroutine at a
// time, and hold up the guest until they return.
type Device interface {
	// RegionSize returns the size of a region in octets; 0 is no such region.
	RegionSize(region int) uint64
	// ReadRegion and WriteRegion access a region, inside its size. What they
	// are handed is only valid during the call. An error is the client's to see.
	ReadRegion(region int, offset uint64, p []byte) error
	WriteRegion(region int, offset uint64, p []byte) error
	// Reset is a PCI reset.
	Reset()
	// Attach is called when a client has connected, and Detach when it is gone.
	// In between the device may use the host, in calls from the host only.
	Attach(Host)
	Detach()
	// Run is called after each batch of accesses, and when the time has come
	// that the call before asked for. Times count from Attach, by a clock that
	// never jumps. It returns when it wants to be called next, at the latest.
	Run(now time.Duration) (next time.Duration)
}

// Host is what a device can do to the machine that it sits in. It must only be
// used in calls from it.
type Host interface {
	// ReadMemory and WriteMemory copy from and to guest memory, by bus address.
	// They fail with ErrAddress, having copied some or nothing.
	ReadMemory(addr uint64, p []byte) error
	WriteMemory(addr uint64, p []byte) error
	// Load32 and Store32 access an aligned word, which is little endian, at
	// once and in order with everything before and after.
	Load32(addr uint64) (uint32, error)
	Store32(addr uint64, v uint32) error
	// SetInterrupt sets the level of INTx.
	SetInterrupt(up bool)
	// Refires returns how often the interrupt had to be signalled again.
	Refires() uint64
}

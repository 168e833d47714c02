package vfiouser

import (
	"time"

	"golang.org/x/sys/unix"
)

// The flags of SET_IRQS.
const (
	irqDataNone    = 0x01
	irqDataBool    = 0x02
	irqDataEventfd = 0x04
	irqMask        = 0x08
	irqUnmask      = 0x10
	irqTrigger     = 0x20
	irqDataBits    = irqDataNone | irqDataBool | irqDataEventfd
	irqActionBits  = irqMask | irqUnmask | irqTrigger

	irqINTx = 0 // the only index that we have
	irqs    = 5
)

// intx is the device's one interrupt line: see the package comment.
type intx struct {
	trigger  int // eventfd that tells the client; -1: none
	resample int // eventfd by which a client tells that the guest is done; -1: none

	level   bool
	masked  bool // by message
	owed    bool // the level rose while nobody could be told
	again   time.Duration
	refires uint64
}

func newINTx() intx { return intx{trigger: -1, resample: -1, again: Never} }

// eventfd values are eight octets in the host's order, so this is 1 whichever
// way round they are read, as far as anybody looks.
var one = [8]byte{1, 0, 0, 0, 0, 0, 0, 0}

func (x *intx) set(level bool, now time.Duration) {
	if level == x.level {
		return
	}
	x.level = level
	if !level {
		x.owed, x.again = false, Never
		return
	}
	x.fire(now)
}

func (x *intx) fire(now time.Duration) {
	if x.trigger < 0 || x.masked {
		x.owed, x.again = true, Never
		return
	}
	x.owed = false
	if x.again = Never; x.level {
		x.again = now + RefireAfter
	}
	// The descriptor does not block. If its counter is full, the client has
	// been told already.
	_, _ = unix.Write(x.trigger, one[:])
}

// due signals again if the time has come, and returns when that will be.
func (x *intx) due(now time.Duration) time.Duration {
	if now >= x.again {
		x.refires++
		x.fire(now)
	}
	return x.again
}

// resampled is called when the client's resample eventfd is readable.
func (x *intx) resampled(now time.Duration) {
	var b [8]byte
	n, err := unix.Read(x.resample, b[:])
	switch {
	case err == unix.EAGAIN || err == unix.EINTR:
		return
	case err != nil || n == 0:
		closeFD(&x.resample) // not an eventfd: it would be readable for ever
		return
	}
	if x.level {
		x.fire(now)
	}
}

// configure carries out a SET_IRQS. What it keeps of fds it sets to -1.
func (x *intx) configure(m setIRQs, fds []int, now time.Duration) error {
	if m.index != irqINTx {
		if m.index < irqs && m.count == 0 {
			return nil // there is nothing to switch off
		}
		return unix.EINVAL
	}
	if m.start != 0 || m.count > 1 || m.flags&^(irqDataBits|irqActionBits) != 0 {
		return unix.EINVAL
	}
	if m.count == 0 {
		if m.flags != irqDataNone|irqTrigger {
			return unix.EINVAL
		}
		x.drop()
		return nil
	}
	on := true
	data := m.flags & irqDataBits
	if data == irqDataBool {
		if len(m.data) < 1 {
			return unix.EINVAL
		}
		on, data = m.data[0] != 0, irqDataNone
	}
	switch {
	case data == irqDataEventfd && m.flags&irqActionBits == irqTrigger:
		if err := take(&x.trigger, fds); err != nil {
			return err
		}
		if x.owed && x.level {
			x.fire(now)
		}
	case data == irqDataEventfd && m.flags&irqActionBits == irqUnmask:
		return take(&x.resample, fds)
	case data != irqDataNone:
		return unix.EINVAL
	case m.flags&irqActionBits == irqMask:
		if on {
			x.masked, x.again = true, Never
		}
	case m.flags&irqActionBits == irqUnmask:
		if !on {
			break
		}
		if x.masked && x.level {
			// What was signalled before the mask may have got lost with it.
			x.again = now + RefireAfter
		}
		x.masked = false
		if x.owed && x.level {
			x.fire(now)
		}
	case m.flags&irqActionBits == irqTrigger:
		if on {
			x.fire(now) // a test of the line
		}
	default:
		return unix.EINVAL
	}
	return nil
}

// drop lets go of the client's eventfds.
func (x *intx) drop() {
	closeFD(&x.trigger)
	closeFD(&x.resample)
	x.masked = false
	if x.again = Never; x.level {
		x.owed = true
	}
}

// take puts the descriptor that came with a message, if any, in place of another.
func take(to *int, fds []int) error {
	if len(fds) > 1 {
		return unix.EINVAL
	}
	closeFD(to)
	if len(fds) == 0 {
		return nil
	}
	// So that no client can hold us up with it.
	if err := unix.SetNonblock(fds[0], true); err != nil {
		return unix.EINVAL
	}
	*to, fds[0] = fds[0], -1
	return nil
}

func closeFD(fd *int) {
	if *fd >= 0 {
		_ = unix.Close(*fd)
		*fd = -1
	}
}

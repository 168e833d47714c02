package vfiouser

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func raise(h Host) { h.SetInterrupt(true) }
func lower(h Host) { h.SetInterrupt(false) }

// line is an intx without a session, so that time stands still.
func line(t *testing.T) (x *intx, ev int) {
	x, ev = new(intx), eventfd(t)
	*x = newINTx()
	dup, err := unix.Dup(ev)
	if err != nil {
		t.Fatal(err)
	}
	if err := x.configure(setIRQs{flags: 0x24, count: 1}, []int{dup}, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(x.drop)
	return x, ev
}

func (x *intx) message(t *testing.T, flags uint32, now time.Duration) {
	t.Helper()
	if err := x.configure(setIRQs{flags: flags, count: 1}, nil, now); err != nil {
		t.Error(err)
	}
}

// TestINTxUnderTCG: the client unmasks while the level is still up, and that must
// not count as another interrupt; only a line that nobody comes for does.
func TestINTxUnderTCG(t *testing.T) {
	x, ev := line(t)
	var now time.Duration
	for i := range 10 {
		x.set(true, now)
		x.set(true, now)
		if n := signals(t, ev); n != 1 {
			t.Fatalf("round %d: %d signals, want 1", i, n)
		}
		x.message(t, 0x11, now)
		if n := signals(t, ev); n != 0 {
			t.Fatalf("round %d: %d signals for an unmask, want none", i, n)
		}
		x.set(false, now)
		now += time.Millisecond
		if next := x.due(now); next != Never {
			t.Fatalf("round %d: a line that is down wants to be looked at at %v", i, next)
		}
	}
	x.set(true, now)
	signals(t, ev)
	for i := range 3 {
		if next, want := x.due(now), now+RefireAfter; next != want {
			t.Fatalf("again at %v, want %v", next, want)
		}
		now += RefireAfter
		x.due(now)
		if n := signals(t, ev); n != 1 || x.refires != uint64(i)+1 {
			t.Errorf("%d signals, %d refires after %v, want 1 and %d", n, x.refires, RefireAfter, i+1)
		}
	}
}

// TestINTxUnderKVM: the end of the interrupt comes by eventfd.
func TestINTxUnderKVM(t *testing.T) {
	x, ev := line(t)
	re := eventfd(t)
	dup, err := unix.Dup(re)
	if err != nil {
		t.Fatal(err)
	}
	if err := x.configure(setIRQs{flags: 0x14, count: 1}, []int{dup}, 0); err != nil {
		t.Fatal(err)
	}
	x.set(true, 0)
	for i := range 3 {
		if n := signals(t, ev); n != 1 {
			t.Fatalf("round %d: %d signals, want 1", i, n)
		}
		if _, err := unix.Write(re, one[:]); err != nil {
			t.Fatal(err)
		}
		x.resampled(0) // still up: again at once
	}
	signals(t, ev)
	x.set(false, 0)
	if _, err := unix.Write(re, one[:]); err != nil {
		t.Fatal(err)
	}
	x.resampled(0)
	x.resampled(0) // nothing there: it does not block
	if n := signals(t, ev); n != 0 {
		t.Errorf("%d signals for a line that is down", n)
	}
}

func TestINTxMasked(t *testing.T) {
	x, ev := line(t)
	x.message(t, 0x09, 0)
	x.set(true, 0)
	if n := signals(t, ev); n != 0 || x.due(time.Hour) != Never {
		t.Errorf("%d signals while masked", n)
	}
	x.message(t, 0x11, 0)
	if n := signals(t, ev); n != 1 {
		t.Errorf("%d signals on unmasking, want 1", n)
	}
	x.set(false, 0)
	x.message(t, 0x09, 0)
	x.set(true, 0)
	x.set(false, 0)
	x.message(t, 0x11, 0)
	if n := signals(t, ev); n != 0 {
		t.Errorf("%d signals for what was over before it was unmasked", n)
	}
	// Signalled, then masked: what got lost comes again.
	x.set(true, 0)
	x.message(t, 0x09, 0)
	signals(t, ev)
	x.message(t, 0x11, 0)
	if x.due(RefireAfter); signals(t, ev) != 1 {
		t.Error("an interrupt was lost over a mask")
	}
	if err := x.configure(setIRQs{flags: 0x0a, count: 1, data: []byte{1}}, nil, 0); err != nil || !x.masked {
		t.Errorf("masking by a flag: %v, masked %v", err, x.masked)
	}
	if err := x.configure(setIRQs{flags: 0x12, count: 1, data: []byte{0}}, nil, 0); err != nil || !x.masked {
		t.Errorf("not unmasking by a flag: %v, masked %v", err, x.masked)
	}
}

// TestINTxRoutes plays the rounds that QEMU goes through before the guest runs.
func TestINTxRoutes(t *testing.T) {
	c := newClient(t, newToy())
	c.do(raise)
	for range 5 {
		ev, re := eventfd(t), eventfd(t)
		for _, m := range []struct {
			flags, count uint32
			fds          []int
		}{{0x24, 1, []int{ev}}, {0x09, 1, nil}, {0x14, 1, []int{re}}, {0x11, 1, nil}} {
			if errno := c.irq(m.flags, 0, 0, m.count, m.fds...); errno != 0 {
				t.Errorf("flags %#x: %v", m.flags, errno)
			}
		}
		if n := signals(t, ev); n < 1 {
			t.Error("a line that is up was not signalled to a new eventfd")
		}
		if errno := c.irq(0x21, 0, 0, 0); errno != 0 {
			t.Errorf("letting go: %v", errno)
		}
		c.do(lower)
		c.do(raise)
		if n := signals(t, ev); n != 0 {
			t.Errorf("%d signals to an eventfd that was let go", n)
		}
	}
	for _, m := range []struct{ flags, index, start, count uint32 }{
		{0x24, 1, 0, 1}, {0x24, 9, 0, 0}, {0x24, 0, 1, 1}, {0x24, 0, 0, 2}, {0x24, 0, 0, 0},
		{0x0c, 0, 0, 1}, {0x3f, 0, 0, 1}, {0x01, 0, 0, 1}, {0x121, 0, 0, 1}, {0x0a, 0, 0, 1},
	} {
		if errno := c.irq(m.flags, m.index, m.start, m.count); errno != unix.EINVAL {
			t.Errorf("flags %#x, index %d, start %d, count %d: %v", m.flags, m.index, m.start, m.count, errno)
		}
	}
	if errno := c.irq(0x21, 1, 0, 0); errno != 0 {
		t.Errorf("switching off MSI, which is not there: %v", errno)
	}
}

// TestINTxHostile: descriptors that are no eventfds can't hold the server up.
func TestINTxHostile(t *testing.T) {
	c := newClient(t, newToy())
	var full [2]int
	if err := unix.Pipe2(full[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(full[0])
	if errno := c.irq(0x24, 0, 0, 1, full[1]); errno != 0 {
		t.Fatal(errno)
	}
	for range 20000 { // more than fits into a pipe
		c.dev.do <- func(h Host) { lower(h); raise(h) }
		c.call(cmdRegionRead, words(0, 0, RegionConfig, 1))
	}
	if errno := c.irq(0x14, 0, 0, 1, full[0]); errno != 0 {
		t.Fatal(errno)
	}
	unix.Close(full[1]) // ours; the server's goes with the next message
	ev := eventfd(t)
	if errno := c.irq(0x24, 0, 0, 1, ev); errno != 0 {
		t.Fatal(errno)
	}
	c.do(func(h Host) { lower(h); raise(h) })
	if n := signals(t, ev); n < 1 {
		t.Error("the interrupt does not work any more")
	}
}

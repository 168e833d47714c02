package tdm2400p

import (
	"testing"
	"time"

	"switchroom/dahdi/tdm2400p/vfiouser"
)

func TestConfigSpace(t *testing.T) {
	c := New(Config{}, nil)
	dev := c.Device()
	var b [64]byte
	if err := dev.ReadRegion(vfiouser.RegionConfig, 0, b[:]); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name  string
		at, n int
		want  uint32
	}{
		{"vendor", 0, 2, 0xd161},
		{"device", 2, 2, 0x2400},
		{"class", 9, 3, 0x020000},
		{"header type", 14, 1, 0},
		{"BAR 0", 0x10, 4, 1},
		{"subsystem vendor", 0x2c, 2, 0xd161},
		{"subsystem", 0x2e, 2, 0x2400},
		{"capabilities", 0x34, 1, 0},
		{"interrupt pin", 0x3d, 1, 1},
	} {
		var got uint32
		for i := range tt.n {
			got |= uint32(b[tt.at+i]) << (8 * i)
		}
		if got != tt.want {
			t.Errorf("%s = %#x, want %#x", tt.name, got, tt.want)
		}
	}
	all := make([]byte, 256)
	for i := range all {
		all[i] = 0xff
	}
	if err := dev.WriteRegion(vfiouser.RegionConfig, 0, all); err != nil {
		t.Fatal(err)
	}
	var after [64]byte
	if err := dev.ReadRegion(vfiouser.RegionConfig, 0, after[:]); err != nil {
		t.Fatal(err)
	}
	want := b
	want[4], want[5] = 0x57, 0x05
	want[0x0c], want[0x0d], want[0x3c] = 0xff, 0xff, 0xff
	if after != want {
		t.Errorf("after writing ones everywhere\n% x\nwant\n% x", after, want)
	}
	dev.Reset()
	if err := dev.ReadRegion(vfiouser.RegionConfig, 0, after[:]); err != nil {
		t.Fatal(err)
	}
	if after != b {
		t.Errorf("after a reset\n% x\nwant\n% x", after, b)
	}
}

func TestEveryRegisterReadsBack(t *testing.T) {
	g := newGuest(t, Config{})
	for reg := 0; reg < 0x100; reg += 4 {
		if reg == csrStatus {
			continue
		}
		want := uint32(0xa5a5a5a4) &^ (operateTx | operateRx)
		if g.write(reg, want); g.read(reg) != want {
			t.Errorf("register %#x = %#x, want %#x", reg, g.read(reg), want)
		}
	}
}

// TestFrames: a driver that keeps up gets a frame a millisecond, each once and in
// order, across the ends of the rings.
func TestFrames(t *testing.T) {
	g := newGuest(t, Config{Ports: all(FXS)})
	g.start()
	g.pass(500 * time.Millisecond)
	if n := len(g.frames); n != 500 {
		t.Fatalf("%d frames in 500 ms", n)
	}
	for i, ident := range g.frames {
		if want := uint8(7 * i); ident != want {
			t.Fatalf("frame %d has ident %d, want %d", i, ident, want)
		}
	}
	if g.rises != 500 {
		t.Errorf("%d interrupts for 500 frames", g.rises)
	}
	if s := g.card.Stats(); s.Frames != 500 || s.Lost+s.Underruns+s.BusErrors+s.Stalls != 0 {
		t.Errorf("stats: %+v", s)
	}
}

// TestFlowControl: while the driver is away nothing happens to it; when it comes
// back, the backlog is caught up and the rest of the time is lost.
func TestFlowControl(t *testing.T) {
	g := newGuest(t, Config{Ports: all(FXS)})
	g.start()
	g.pass(10 * time.Millisecond)
	for range 3000 { // the machine stands still for three seconds
		g.now += time.Millisecond
		g.dev.Run(g.now)
	}
	if n := g.card.Frames(); n != 11 {
		t.Fatalf("%d frames while the driver was away, want the one that it had not seen", n-10)
	}
	if !g.line {
		t.Fatal("the interrupt is down")
	}
	// The guest was slow to handle that frame, so it rests for as long as it may;
	// then the backlog is caught up, a third faster than time.
	g.pass(restTime)
	if n := g.card.Frames(); n != 12 {
		t.Errorf("%d frames after the rest, want 12", n)
	}
	g.pass(30 * time.Millisecond)
	if n := g.card.Frames(); n != 12+40 {
		t.Errorf("%d frames in 30 ms of catching up, want 40", n-12)
	}
	g.pass(100 * time.Millisecond)
	s := g.card.Stats()
	// At the rest's end time lay the backlog and a little behind.
	if s.Frames < 11+130+19 || s.Frames > 11+130+21 || s.Underruns != 0 || s.Frames+s.Lost != 10+3000+135 {
		t.Errorf("stats: %+v; frames and lost milliseconds should add up to 3145", s)
	}
	if s.Stalls == 0 {
		t.Error("no stall was counted")
	}
	for i, ident := range g.frames {
		if want := uint8(7 * i); ident != want {
			t.Fatalf("frame %d has ident %d, want %d", i, ident, want)
		}
	}
}

// TestRest: a guest that takes long to handle a frame gets as long for itself.
func TestRest(t *testing.T) {
	g := newGuest(t, Config{})
	g.start()
	g.pass(5 * time.Millisecond)
	g.now += time.Millisecond
	g.dev.Run(g.now)
	if !g.line {
		t.Fatal("no interrupt")
	}
	const slow = 3 * time.Millisecond
	g.now += slow
	g.handle()
	before := g.card.Frames()
	if next := g.dev.Run(g.now); next != g.now+slow || g.card.Frames() != before {
		t.Errorf("after a frame that took %v, the next comes in %v", slow, next-g.now)
	}
}

// TestUnderrun: a driver that has no frame ready is told so, and starts the bus
// again. Modules keep their state over that.
func TestUnderrun(t *testing.T) {
	g := newGuest(t, Config{Ports: all(FXS)})
	g.start()
	g.pass(5 * time.Millisecond)
	g.card.Do(func(m *Moment) { m.c.ports[0].fxs.write(slicLinefeed, 1) })
	for _, forced := range []bool{true, false} {
		before := g.card.Stats()
		if forced {
			if err := g.card.Fault(Fault{Kind: FaultUnderrun}); err != nil {
				t.Fatal(err)
			}
		} else {
			for i := range ringSize {
				g.store(uint64(txRingAt+i*stride), 0)
			}
		}
		g.now += time.Millisecond
		if next := g.dev.Run(g.now); next != vfiouser.Never {
			t.Errorf("after an underrun, the card wants to go on at %v", next)
		}
		status := g.read(csrStatus)
		if want := uint32(statusTxUnavailable | statusAbnormal | txSuspended | rxWaiting); status != want || !g.line {
			t.Errorf("status = %#x, want %#x; interrupt %v", status, want, g.line)
		}
		if s := g.card.Stats(); s.Underruns != before.Underruns+1 || s.Frames != before.Frames {
			t.Errorf("stats: %+v, before %+v", s, before)
		}
		g.write(csrInterrupt, 0)
		g.write(csrStatus, status)
		if g.line {
			t.Error("the interrupt stays up")
		}
		g.stop()
		g.rings()
		g.run()
		g.pass(5 * time.Millisecond)
		if s := g.card.Stats(); s.Frames < before.Frames+4 {
			t.Errorf("%d frames after the restart", s.Frames-before.Frames)
		}
	}
	if r, err := g.card.Registers(1); err != nil || r.Direct[slicLinefeed] != 0x11 {
		t.Errorf("the linefeed was lost over an underrun: %#x, %v", r.Direct[slicLinefeed], err)
	}
}

// TestReceiveUnderrun: no room for a frame suspends the receiver.
func TestReceiveUnderrun(t *testing.T) {
	g := newGuest(t, Config{})
	g.start()
	for i := range ringSize {
		g.store(uint64(rxRingAt+i*stride), 0)
	}
	g.dev.Run(g.now)
	g.now += time.Millisecond
	g.dev.Run(g.now)
	if status, want := g.read(csrStatus), uint32(statusRxUnavailable|statusAbnormal|txReading|rxSuspended); status != want {
		t.Errorf("status = %#x, want %#x", status, want)
	}
	g.write(csrStatus, statusRxUnavailable)
	for i := range ringSize {
		g.store(uint64(rxRingAt+i*stride), descriptorOwn)
	}
	g.write(csrRxPoll, 0)
	g.pass(2 * time.Millisecond)
	// The one that was due all the time, and two more.
	if len(g.frames) != 3 {
		t.Errorf("%d frames after a poll demand, want 3", len(g.frames))
	}
}

func TestDropFrame(t *testing.T) {
	g := newGuest(t, Config{})
	g.start()
	g.pass(2 * time.Millisecond)
	if err := g.card.Fault(Fault{Kind: FaultDropFrame, Count: 2}); err != nil {
		t.Fatal(err)
	}
	g.pass(5 * time.Millisecond)
	if g.short != 2 || len(g.frames) != 5 {
		t.Errorf("the driver got %d frames and threw %d away, want 5 and 2", len(g.frames), g.short)
	}
	if s := g.card.Stats(); s.Dropped != 2 {
		t.Errorf("stats: %+v", s)
	}
}

// TestBusError: rings that are not there stop the card, until it is started again.
func TestBusError(t *testing.T) {
	for name, breakIt := range map[string]func(*guest){
		"transmit ring":   func(g *guest) { g.write(csrTxRing, 0x100) },
		"receive ring":    func(g *guest) { g.write(csrRxRing, 0xfffffffc) },
		"transmit buffer": func(g *guest) { g.store(txRingAt+8, 0xffffff00) },
		"receive buffer":  func(g *guest) { g.store(rxRingAt+8, 0) },
	} {
		g := newGuest(t, Config{})
		g.start()
		breakIt(g)
		g.dev.Run(g.now)
		g.now += time.Millisecond
		g.dev.Run(g.now)
		if g.read(csrStatus)&statusBusError == 0 || !g.line {
			t.Errorf("%s: status = %#x, interrupt %v", name, g.read(csrStatus), g.line)
		}
		g.write(csrStatus, statusBusError)
		if next := g.dev.Run(g.now + time.Second); next != vfiouser.Never {
			t.Errorf("%s: the card goes on", name)
		}
		g.now += time.Second
		g.start()
		g.frames = nil
		g.pass(2 * time.Millisecond)
		if len(g.frames) != 2 {
			t.Errorf("%s: %d frames after a new start", name, len(g.frames))
		}
	}
}

// TestSerialReset: the second of the driver's two writes resets all modules.
func TestSerialReset(t *testing.T) {
	g := newGuest(t, Config{Ports: all(FXS)})
	g.card.Do(func(m *Moment) { m.c.ports[3].fxs.write(slicLinefeed, 1) })
	g.serial(0, 0x0100)
	if r, _ := g.card.Registers(4); r.Direct[slicLinefeed] != 0x11 {
		t.Error("the wrong register resets the modules")
	}
	g.serial(serialReset, 0x2100)
	if r, _ := g.card.Registers(4); r.Direct[slicLinefeed] != 0 {
		t.Error("the modules were not reset")
	}
}

// TestReload: stop, quiet, and start again, as when the driver is taken out and
// put back; and as a reboot does, with a PCI reset in between.
func TestReload(t *testing.T) {
	g := newGuest(t, Config{Ports: all(FXS)})
	for round := range 3 {
		g.start()
		g.frames = nil
		g.pass(20 * time.Millisecond)
		if len(g.frames) != 20 {
			t.Errorf("round %d: %d frames in 20 ms", round, len(g.frames))
		}
		g.stop()
		g.write(csrInterrupt, 0)
		g.frames = nil
		if g.pass(20 * time.Millisecond); len(g.frames) != 0 {
			t.Errorf("round %d: %d frames of a stopped card", round, len(g.frames))
		}
		if round == 1 {
			g.dev.Reset()
			if g.line || g.read(csrOperation) != 0 {
				t.Error("a PCI reset leaves things behind")
			}
			g.config(pciCommand, 0x16, 0)
		}
	}
}

// TestCommandRegister: without bus mastering nothing moves, and with interrupts
// disabled nothing is signalled.
func TestCommandRegister(t *testing.T) {
	g := newGuest(t, Config{})
	g.start()
	g.config(pciCommand, 0x12, 0)
	if g.pass(5 * time.Millisecond); len(g.frames) != 0 {
		t.Errorf("%d frames without bus mastering", len(g.frames))
	}
	g.config(pciCommand, 0x16, 4)
	g.dev.Run(g.now)
	g.now += time.Millisecond
	g.dev.Run(g.now)
	if g.line || g.read(csrStatus)&statusTxDone == 0 {
		t.Errorf("interrupt %v with interrupts disabled; status %#x", g.line, g.read(csrStatus))
	}
	g.config(pciCommand, 0x16, 0)
	if !g.line {
		t.Error("the interrupt does not come up when it is enabled")
	}
}

func TestPause(t *testing.T) {
	g := newGuest(t, Config{})
	g.start()
	g.pass(5 * time.Millisecond)
	g.card.Pause()
	if g.pass(time.Second); len(g.frames) != 5 {
		t.Errorf("%d frames of a paused card", len(g.frames)-5)
	}
	g.card.Resume()
	g.pass(100 * time.Millisecond)
	if n := len(g.frames); n < 85 || n > 105 {
		t.Errorf("%d frames in the 100 ms after a pause", n-5)
	}
}

// TestDetach: the device outlives its client, and serves the next one.
func TestDetach(t *testing.T) {
	g := newGuest(t, Config{})
	g.start()
	g.pass(5 * time.Millisecond)
	g.dev.Detach()
	g.dev.Reset()
	g.line, g.now, g.frames = false, 0, nil
	g.dev.Attach(g)
	g.config(pciCommand, 0x16, 0)
	g.start()
	if g.pass(5 * time.Millisecond); len(g.frames) != 5 {
		t.Errorf("%d frames with the second client", len(g.frames))
	}
}

// TestOddAccesses: what no driver does must not hurt.
func TestOddAccesses(t *testing.T) {
	g := newGuest(t, Config{})
	for region := range vfiouser.Regions {
		size := g.dev.RegionSize(region)
		for _, n := range []uint64{0, 1, 2, 3, 4, 8, size} {
			for _, offset := range []uint64{0, 1, 2, 0x28, 0x2a, size - n} {
				if offset+n > size || n > size {
					continue
				}
				p := make([]byte, n)
				if err := g.dev.WriteRegion(region, offset, p); err != nil {
					t.Error(err)
				}
				if err := g.dev.ReadRegion(region, offset, p); err != nil {
					t.Error(err)
				}
			}
		}
	}
}

// FuzzRegisters lets a driver gone mad loose on the registers.
func FuzzRegisters(f *testing.F) {
	f.Add([]byte{csrOperation, 0x02, 0x20, 0, 0, csrTxRing, 0, 0, 1, 0, csrRxRing, 0, 0, 1, 0})
	f.Fuzz(func(t *testing.T, ops []byte) {
		g := newGuest(t, Config{Ports: all(FXO), VPMOCT032: true})
		g.start()
		for len(ops) >= 5 {
			g.write(int(ops[0]&^3), le.Uint32(ops[1:]))
			ops = ops[5:]
			g.now += time.Millisecond
			g.dev.Run(g.now)
			g.read(csrStatus)
		}
	})
}

func TestNoAllocations(t *testing.T) {
	g := newGuest(t, Config{Ports: all(FXS), VPMOCT032: true})
	for port := range Ports {
		if err := g.card.PlugStation(port+1, &handset{}); err != nil {
			t.Fatal(err)
		}
	}
	g.start()
	g.frames = make([]uint8, 0, 10000)
	g.pass(10 * time.Millisecond)
	if n := testing.AllocsPerRun(1000, func() { g.pass(time.Millisecond) }); n != 0 {
		t.Errorf("%v allocations per frame", n)
	}
}

func BenchmarkFrame(b *testing.B) {
	for _, kind := range []Kind{FXS, FXO} {
		b.Run(kind.String(), func(b *testing.B) {
			r := newRig(b, Config{Ports: all(kind)})
			for port := 1; port <= Ports; port++ {
				if kind == FXS {
					r.station(port)
				} else {
					r.trunk(port)
				}
				r.enable(port, false)
			}
			r.frame()
			b.ReportAllocs()
			for b.Loop() {
				r.card.Frame(r.tx[:], r.rx[:])
			}
		})
	}
}

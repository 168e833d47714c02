package tdm2400p

import "testing"

// initialiseLine sets an FXO port up as the driver does, in its order.
func (r *rig) initialiseLine(port int, alaw bool) {
	r.t.Helper()
	if got := r.read(port, daaCheck); got != 3 {
		r.t.Fatalf("port %d: register 2 = %#x, want 3", port, got)
	}
	r.write(port, daaControl1, daaSoftReset)
	r.frames(100)
	for _, x := range [][2]int{{16, 1}, {18, 2}, {24, 0}, {26, 0xc0}, {30, 0}, {31, 0xa3}} {
		r.write(port, x[0], x[1])
	}
	r.enable(port, alaw)
	r.write(port, 6, 0)
	if got := r.read(port, daaSystem); got&0xf0 == 0 {
		r.t.Fatalf("port %d: register 11 = %#x: the line side is not up", port, got)
	}
	r.write(port, daaHook, 0x08)
	for _, reg := range []int{38, 40, 39, 41} {
		r.write(port, reg, 0x10)
	}
}

func TestDAAInit(t *testing.T) {
	for _, alaw := range []bool{false, true} {
		r := newRig(t, Config{Ports: all(FXO)})
		for _, port := range []int{1, 8, 24} {
			r.initialiseLine(port, alaw)
			regs, err := r.card.Registers(port)
			if err != nil {
				t.Fatal(err)
			}
			if !regs.Audio || regs.ALaw != alaw || regs.TxSlot != uint8(port-1) || regs.RxSlot != uint8(port-1) {
				t.Errorf("port %d: audio %v, A-law %v, slots %d and %d; want it on, %v, %d",
					port, regs.Audio, regs.ALaw, regs.TxSlot, regs.RxSlot, alaw, port-1)
			}
			for _, x := range []struct {
				reg  int
				want uint8
			}{{16, 1}, {18, 2}, {26, 0xc0}, {31, 0xa3}, {38, 0x10}, {5, 0x08}, {1, 0}} {
				if got := r.read(port, x.reg); got != x.want {
					t.Errorf("port %d: register %d = %#x, want %#x", port, x.reg, got, x.want)
				}
			}
		}
	}
}

// TestDAASoftReset: the reset clears what was set, and is over at once.
func TestDAASoftReset(t *testing.T) {
	r := newRig(t, Config{Ports: all(FXO)})
	r.initialiseLine(1, false)
	r.write(1, daaControl1, daaSoftReset)
	for reg, want := range map[int]uint8{1: 0, 2: 3, 5: 0, 16: 0, 33: 0, 41: 0} {
		if got := r.read(1, reg); got != want {
			t.Errorf("register %d = %#x, want %#x", reg, got, want)
		}
	}
}

func TestHookAndRing(t *testing.T) {
	r := newRig(t, Config{Ports: all(FXO)})
	l := r.trunk(4)
	r.initialiseLine(4, false)
	l.out.Volts = 50
	for _, tt := range []struct {
		hook int
		ring int8
		want uint8
	}{
		{0x08, 0, 0x08},
		{0x08, 1, 0x08 | 0x20 | 0x04},
		{0x08, -1, 0x08 | 0x40 | 0x04},
		{0x09, 0, 0x09},
		{0x09, 1, 0x09},  // off hook, nothing rings
		{0xff, -1, 0x9b}, // the detector's bits can't be written
	} {
		r.write(4, daaHook, tt.hook)
		l.out.Ring = tt.ring
		r.frame()
		if got := r.read(4, daaHook); got != tt.want {
			t.Errorf("register 5 after %#x, ringing %d = %#x, want %#x", tt.hook, tt.ring, got, tt.want)
		}
		if off := tt.hook&1 != 0; l.in.OffHook != off {
			t.Errorf("register 5 after %#x: the line sees off hook %v, want %v", tt.hook, l.in.OffHook, off)
		}
	}
}

func TestVolts(t *testing.T) {
	r := newRig(t, Config{Ports: all(FXO)})
	if got := r.read(2, daaVolts); got != 0 {
		t.Errorf("register 29 without a line = %#x, want 0", got)
	}
	l := r.trunk(2)
	for _, v := range []int8{50, -50, 8, 0, 127, -128, 2} {
		l.out.Volts = v
		r.frame()
		if got := int8(r.read(2, daaVolts)); got != v {
			t.Errorf("register 29 = %d, want %d", got, v)
		}
	}
	if err := r.card.PlugTrunk(2, nil); err != nil {
		t.Fatal(err)
	}
	r.frame()
	if got := r.read(2, daaVolts); got != 0 {
		t.Errorf("register 29 of an unplugged line = %#x, want 0", got)
	}
}

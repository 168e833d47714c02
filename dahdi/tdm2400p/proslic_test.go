package tdm2400p

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// slicTable is what the driver writes to the indirect registers, and reads back
// at the end of its set-up.
var slicTable = []struct {
	reg uint8
	val uint16
}{
	{0, 0x7b30}, {1, 0x0063}, {2, 0x0000}, {3, 0x7870}, {4, 0x007d}, {5, 0x0000}, {6, 0x0000}, {7, 0x7ef0},
	{8, 0x0160}, {9, 0x0000}, {13, 0x2000}, {14, 0x4000}, {15, 0x1000}, {16, 0x3600}, {17, 0x1000},
	{18, 0x0200}, {19, 0x07c0}, {20, 0x4c00}, {21, 0x1b80}, {22, 0x8000}, {23, 0x0320}, {24, 0x008c},
	{25, 0x0100}, {26, 0x0010}, {27, 0x0c00}, {64, 0x0c00}, {66, 0x1000},
}

func (r *rig) setIndirect(port int, reg uint8, val uint16) {
	r.t.Helper()
	if busy := r.read(port, slicIndStatus); busy != 0 {
		r.t.Fatalf("port %d: indirect access is busy (%#x)", port, busy)
	}
	r.write(port, slicIndLow, int(val&0xff))
	r.write(port, slicIndHigh, int(val>>8))
	r.write(port, slicIndAddress, int(reg))
}

func (r *rig) getIndirect(port int, reg uint8) uint16 {
	r.t.Helper()
	r.write(port, slicIndAddress, int(reg))
	// The driver sends both reads at once.
	low := r.send(port, fxsRead(port, slicIndLow))
	high := r.send(port, fxsRead(port, slicIndHigh))
	r.frames(3)
	if !low.done || !high.done {
		r.t.Fatalf("port %d: no answer to an indirect read", port)
	}
	return uint16(low.value) | uint16(high.value)<<8
}

// sane is the driver's first look at a port: does a ProSLIC answer there?
func (r *rig) sane(port int) error {
	r.t.Helper()
	id := r.read(port, 0)
	if low := id & 0xf; low == 0 || low == 0xf || id&0xf0 != 0x80 {
		return fmt.Errorf("register 0 is %#x", id)
	}
	for _, x := range []struct{ reg, want int }{{1, 0x88}, {8, 2}, {64, 0}, {11, 0x33}} {
		if got := r.read(port, x.reg); got != uint8(x.want) {
			return fmt.Errorf("register %d is %#x, want %#x", x.reg, got, x.want)
		}
	}
	r.write(port, slicIndAddress, 0)
	return nil
}

// powerUp starts the DC-DC converter and waits for the battery, 500 ms at most.
func (r *rig) powerUp(port int) error {
	r.write(port, 92, 0xc0)
	r.write(port, slicPowerDown, 0)
	for range 500 {
		if v := r.read(port, slicBattery); v >= 0xc0 {
			r.write(port, 71, 0)
			r.write(port, 93, 0x19)
			return nil
		}
	}
	return fmt.Errorf("no battery: %#x", r.read(port, slicBattery))
}

// leakage powers the port down, and wants the battery to come down to 6 and stay
// there.
func (r *rig) leakage(port int) error {
	r.write(port, slicLinefeed, 0)
	r.write(port, slicPowerDown, powerDownDCDC)
	r.frames(20)
	v := r.read(port, slicBattery)
	for i := 0; v > 6 && i < 250; i++ {
		v = r.read(port, slicBattery)
	}
	if v < 6 {
		return fmt.Errorf("leakage: %#x", v)
	}
	return nil
}

// calibrate starts the chip's own calibration and waits two seconds for it.
func (r *rig) calibrate(port int) error {
	r.write(port, 97, 0x1f)
	r.write(port, slicCalibrate, 0x5f)
	for range 2000 {
		if r.read(port, slicCalibrate) == 0 {
			return nil
		}
	}
	return fmt.Errorf("calibration does not end")
}

// initialise sets an FXS port up as the driver does, in its order.
func (r *rig) initialise(port int, alaw bool) error {
	r.t.Helper()
	if err := r.sane(port); err != nil {
		return err
	}
	for _, x := range slicTable {
		r.setIndirect(port, x.reg, x.val)
	}
	r.setIndirect(port, 97, 0)
	for _, x := range [][2]int{{8, 0}, {108, 0xeb}, {67, 7}, {66, 1}} {
		r.write(port, x[0], x[1])
	}
	var kept [5]uint16
	for i := range kept {
		kept[i] = r.getIndirect(port, uint8(22+i))
		r.setIndirect(port, uint8(22+i), 0x8000)
	}
	if err := r.powerUp(port); err != nil {
		return err
	}
	if err := r.leakage(port); err != nil {
		return err
	}
	if err := r.powerUp(port); err != nil {
		return err
	}
	if err := r.calibrate(port); err != nil {
		return err
	}
	r.write(port, 93, 0x99)
	if v := r.read(port, slicCalGain); v < 2 || v > 0xd {
		return fmt.Errorf("register 107 is %#x", v)
	}
	for i := range kept {
		r.setIndirect(port, uint8(22+i), kept[i])
	}
	for _, x := range slicTable {
		if got := r.getIndirect(port, x.reg); got != x.val {
			return fmt.Errorf("indirect register %d is %#x, want %#x", x.reg, got, x.val)
		}
	}
	r.enable(port, alaw)
	for _, x := range [][2]int{{18, 0xff}, {19, 0xff}, {20, 0xff}, {22, 0xff}, {73, 4}, {69, 4}} {
		r.write(port, x[0], x[1])
	}
	r.write(port, slicLinefeed, 0x11)
	if got := r.read(port, slicLinefeed); got != 0x11 {
		return fmt.Errorf("linefeed is %#x, want 0x11", got)
	}
	return nil
}

func TestProSLICAtReset(t *testing.T) {
	r := newRig(t, Config{Ports: all(FXS)})
	want := map[int]uint8{0: 0x85, 1: 0x88, 8: 0x02, 11: 0x33, 14: 0x10, 82: 0x06, 107: 0x08}
	for reg := slicCalResult; reg < slicCalGain; reg++ {
		want[reg] = 0x10
	}
	check := func(when string) {
		t.Helper()
		got := map[int]uint8{}
		for reg := range 128 {
			if v := r.read(7, reg); v != 0 {
				got[reg] = v
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s, registers that are not 0 (-want +got):\n%s", when, d)
		}
	}
	check("at power-on")
	if err := r.initialise(7, false); err != nil {
		t.Fatal(err)
	}
	if err := r.sane(7); err == nil {
		t.Error("a port that is set up looks like one that is not")
	}
	r.card.reset()
	check("after a reset")
}

// TestProSLICInit sets up all ports of a card, one in each quad at a time as the
// driver does, with either companding.
func TestProSLICInit(t *testing.T) {
	for _, alaw := range []bool{false, true} {
		r := newRig(t, Config{Ports: all(FXS)})
		for _, port := range []int{1, 6, 11, 24} {
			if err := r.initialise(port, alaw); err != nil {
				t.Errorf("port %d: %v", port, err)
			}
			regs, err := r.card.Registers(port)
			if err != nil {
				t.Fatal(err)
			}
			if !regs.Audio || regs.ALaw != alaw || regs.TxSlot != uint8(port-1) || regs.RxSlot != uint8(port-1) {
				t.Errorf("port %d: audio %v, A-law %v, slots %d and %d; want it on, %v, %d",
					port, regs.Audio, regs.ALaw, regs.TxSlot, regs.RxSlot, alaw, port-1)
			}
		}
	}
}

// TestIndirect holds the second bank of registers against a map.
func TestIndirect(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := newRig(t, Config{Ports: all(FXS)})
		model := map[uint8]uint16{}
		t.Repeat(map[string]func(*rapid.T){
			"set": func(t *rapid.T) {
				reg, val := rapid.Byte().Draw(t, "reg"), rapid.Uint16().Draw(t, "val")
				r.setIndirect(2, reg, val)
				model[reg] = val
			},
			"get": func(t *rapid.T) {
				reg := rapid.Byte().Draw(t, "reg")
				if got := r.getIndirect(2, reg); got != model[reg] {
					t.Fatalf("indirect register %d = %#x, want %#x", reg, got, model[reg])
				}
			},
		})
	})
}

func TestLinefeed(t *testing.T) {
	r := newRig(t, Config{Ports: all(FXS)})
	h := r.station(5)
	for state := range 8 {
		for _, mark := range []int{0, 0x10} {
			r.write(5, slicLinefeed, state|mark)
			if got, want := r.read(5, slicLinefeed), uint8(state|state<<4); got != want {
				t.Errorf("register 64 after %#x = %#x, want %#x", state|mark, got, want)
			}
			r.frame()
			if h.in.Linefeed != uint8(state) {
				t.Errorf("the telephone sees linefeed %d, want %d", h.in.Linefeed, state)
			}
			for _, off := range []bool{false, true} {
				h.out.OffHook = off
				r.frame()
				want := uint8(0)
				if off && state != LinefeedOpen {
					want = 1
				}
				if got := r.read(5, slicLoopState); got != want {
					t.Errorf("linefeed %d, off hook %v: register 68 = %#x, want %#x", state, off, got, want)
				}
			}
			h.out.OffHook = false
		}
	}
}

func TestSense(t *testing.T) {
	r := newRig(t, Config{Ports: all(FXS)})
	h := r.station(1)
	volts := func() [3]float64 {
		var v [3]float64
		for i := range v {
			v[i] = -0.376 * float64(r.read(1, slicTipSense+i))
		}
		return v
	}
	if v := volts(); v[0] != 0 || v[1] != 0 || v[2] < -3 {
		t.Errorf("powered down: tip, ring, battery = %.1f V", v)
	}
	r.write(1, slicPowerDown, 0)
	r.write(1, slicLinefeed, LinefeedForwardActive)
	idle := volts()
	if idle[0]-idle[1] < 42 || idle[2] > -70 {
		t.Errorf("idle: tip, ring, battery = %.1f V, want about 48 V on the line", idle)
	}
	r.write(1, slicLinefeed, LinefeedReverseActive)
	if v := volts(); v[0] != idle[1] || v[1] != idle[0] {
		t.Errorf("reversed: tip, ring, battery = %.1f V, want %.1f the other way round", v, idle)
	}
	r.write(1, slicLinefeed, LinefeedForwardActive)
	h.out.OffHook = true
	r.frame()
	if v := volts(); v[0]-v[1] < 4 || v[0]-v[1] > 12 {
		t.Errorf("off hook: tip, ring, battery = %.1f V, want a telephone's drop", v)
	}
}

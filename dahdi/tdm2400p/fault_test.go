package tdm2400p

import (
	"errors"
	"strings"
	"testing"
)

func (r *rig) fault(f Fault) {
	r.t.Helper()
	if err := r.card.Fault(f); err != nil {
		r.t.Fatal(err)
	}
}

// TestFaultsOfProSLIC: each fault stops the driver's set-up where it should, and
// only on its port.
func TestFaultsOfProSLIC(t *testing.T) {
	for _, tt := range []struct {
		kind FaultKind
		want string
	}{
		{FaultAbsent, "register 0 is 0xff"},
		{FaultCalibration, "calibration does not end"},
		{FaultLeakage, "leakage: 0x2"},
		{FaultPowerless, "no battery: 0x6"},
	} {
		r := newRig(t, Config{Ports: all(FXS)})
		r.fault(Fault{Kind: tt.kind, Port: 9})
		if err := r.initialise(9, false); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: setting up port 9: %v, want %q", tt.kind, err, tt.want)
		}
		if err := r.initialise(10, false); err != nil {
			t.Errorf("%s of port 9: setting up port 10: %v", tt.kind, err)
		}
		r.fault(Fault{Kind: tt.kind, Port: 9, Clear: true})
		r.card.reset()
		if err := r.initialise(9, false); err != nil {
			t.Errorf("%s cleared: setting up port 9: %v", tt.kind, err)
		}
	}
}

func TestFaultOfEveryPort(t *testing.T) {
	cfg := Config{Ports: all(FXS)}
	cfg.Ports[1], cfg.Ports[2] = FXO, Empty
	r := newRig(t, cfg)
	r.fault(Fault{Kind: FaultPowerless})
	for _, port := range []int{1, 24} {
		if err := r.initialise(port, false); err == nil {
			t.Errorf("port %d has power", port)
		}
	}
}

func TestCorruptRead(t *testing.T) {
	r := newRig(t, Config{Ports: all(FXS)})
	r.fault(Fault{Kind: FaultCorruptRead, Port: 1, Register: 11, Mask: 0x0f, Count: 2})
	for i, want := range []uint8{0x3c, 0x3c, 0x33, 0x33} {
		if got := r.read(1, 11); got != want {
			t.Errorf("read %d = %#x, want %#x", i, got, want)
		}
	}
	r.fault(Fault{Kind: FaultCorruptRead, Port: 1, Register: 11, Mask: 0xff})
	for range 100 {
		if got := r.read(1, 11); got != 0xcc {
			t.Fatalf("register 11 = %#x, want 0xcc", got)
		}
	}
	if got := r.read(1, 8); got != 2 {
		t.Errorf("register 8 = %#x, want 2: it is another one that is corrupt", got)
	}
	r.fault(Fault{Kind: FaultCorruptRead, Port: 1, Register: 11, Clear: true})
	if got := r.read(1, 11); got != 0x33 {
		t.Errorf("register 11 after the fault = %#x, want 0x33", got)
	}
}

// TestIdentJump: the driver notices, sends again what was not answered, and all
// is well.
func TestIdentJump(t *testing.T) {
	r := newRig(t, Config{Ports: all(FXS)})
	r.frames(3)
	r.fault(Fault{Kind: FaultIdentJump})
	c := r.send(1, fxsRead(1, 11))
	r.frame()
	if r.misses == 0 {
		t.Error("the driver did not notice that the idents jumped")
	}
	for i := 0; i < 5 && !c.done; i++ {
		r.frame()
	}
	if !c.done || c.value != 0x33 {
		t.Errorf("register 11 = %#x (answered: %v), want 0x33", c.value, c.done)
	}
	misses := r.misses
	if r.frames(10); r.misses != misses {
		t.Error("the idents go on jumping")
	}
}

func TestFaultsThatMakeNoSense(t *testing.T) {
	cfg := Config{}
	cfg.Ports[0] = FXO
	c := New(cfg, nil)
	for _, tt := range []struct {
		f    Fault
		want error
	}{
		{Fault{Kind: "flood"}, ErrFault},
		{Fault{Kind: "flood", Port: 1}, ErrFault},
		{Fault{Kind: FaultAbsent, Port: 2}, ErrFault},
		{Fault{Kind: FaultLeakage, Port: 1}, ErrFault},
		{Fault{Kind: FaultLeakage}, ErrFault},
		{Fault{Kind: FaultAbsent, Port: 25}, ErrPort},
		{Fault{Kind: FaultAbsent, Port: -1}, ErrPort},
		{Fault{Kind: FaultIdentJump, Count: -1}, ErrFault},
	} {
		if err := c.Fault(tt.f); !errors.Is(err, tt.want) {
			t.Errorf("Fault(%+v) = %v, want %v", tt.f, err, tt.want)
		}
	}
}

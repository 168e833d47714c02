package tdm2400p

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// detect looks for what is in a place as the driver does: an FXS module, then an
// FXO one, then a radio (QRV), then nothing. The commands are the driver's own.
func (r *rig) detect(port int) string {
	r.t.Helper()
	if id := r.ask(port, fxsRead(port, 0)); id&0xf != 0 && id&0xf != 0xf {
		if r.ask(port, fxsRead(port, 1)) == 0x88 && id&0xf0 == 0x80 {
			return "fxs"
		}
	}
	if r.ask(port, fxoRead(port, daaCheck)) == 3 {
		return "fxo"
	}
	for _, raw := range [][3]byte{{0, 0x40, 0x80}, {0, 0x40, 0x55}, {0, 0x41, 0x69}} {
		r.ask(port, raw)
	}
	if r.ask(port, [3]byte{0, 0xc0, 0}) == 0x55 && r.ask(port, [3]byte{0, 0xc1, 0}) == 0x69 {
		return "qrv"
	}
	return "empty"
}

func TestDetect(t *testing.T) {
	cfg := Config{}
	for m := range cfg.Ports {
		cfg.Ports[m] = []Kind{FXS, FXO, Empty, FXO, Empty, FXS}[(m+m/4)%6]
	}
	r := newRig(t, cfg)
	var want, got []string
	for m, k := range cfg.Ports {
		want = append(want, k.String())
		got = append(got, r.detect(m+1))
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("the driver finds (-want +got):\n%s", d)
	}
}

// TestDetectionTrace pins what each kind of place sees of the search for it.
func TestDetectionTrace(t *testing.T) {
	type seen struct {
		Raw     [3]byte
		Value   uint8
		Foreign bool
	}
	for _, tt := range []struct {
		kind Kind
		want []seen
	}{
		{FXS, []seen{
			{[3]byte{0x04, 0x80, 0}, 0x85, false},
			{[3]byte{0x04, 0x81, 0}, 0x88, false},
		}},
		{FXO, []seen{
			{[3]byte{0x04, 0x80, 0}, 0x00, true},
			{[3]byte{0x64, 0x02, 0}, 0x03, false},
		}},
		{Empty, []seen{
			{[3]byte{0x04, 0x80, 0}, 0, true},
			{[3]byte{0x64, 0x02, 0}, 0, true},
			{[3]byte{0, 0x40, 0x80}, 0, true},
			{[3]byte{0, 0x40, 0x55}, 0, true},
			{[3]byte{0, 0x41, 0x69}, 0, true},
			{[3]byte{0, 0xc0, 0}, 0, true},
		}},
	} {
		cfg := Config{}
		cfg.Ports[6] = tt.kind
		r := newRig(t, cfg)
		filler := r.filler(7)
		var got []seen
		if err := r.card.Trace(7, func(c SPI) {
			if c.Port != 7 {
				t.Errorf("a command of port %d in the trace of port 7", c.Port)
			}
			if c.Raw != filler {
				got = append(got, seen{c.Raw, c.Value, c.Foreign})
			}
		}); err != nil {
			t.Fatal(err)
		}
		if kind := r.detect(7); kind != tt.kind.String() {
			t.Errorf("the driver finds %s, want %s", kind, tt.kind)
		}
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%v: the place sees (-want +got):\n%s", tt.kind, d)
		}
		if err := r.card.Trace(7, nil); err != nil {
			t.Fatal(err)
		}
		before := len(got)
		if r.detect(7); len(got) != before {
			t.Errorf("%v: the trace goes on after its end", tt.kind)
		}
	}
}

// TestForeignCommands: what is not for a module must not touch it.
func TestForeignCommands(t *testing.T) {
	for _, kind := range []Kind{FXS, FXO} {
		r := newRig(t, Config{Ports: all(kind)})
		before, err := r.card.Registers(2)
		if err != nil {
			t.Fatal(err)
		}
		own := map[byte]bool{0x02: kind == FXS, 0x68: kind == FXO, 0x28: kind == FXO}
		for sel := range 256 {
			if own[byte(sel)] {
				continue
			}
			for _, reg := range []byte{5, 37, 64} {
				if got := r.ask(2, [3]byte{byte(sel), reg, 0x5a}); got != 0xff {
					t.Errorf("%v: select %#x, register %d answered %#x", kind, sel, reg, got)
				}
			}
		}
		after, err := r.card.Registers(2)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(before, after); d != "" {
			t.Errorf("%v: foreign commands changed (-before +after):\n%s", kind, d)
		}
	}
}

// canceller sends the echo canceller a command and returns the answer.
func (r *rig) canceller(raw ...byte) [vpmBytes]byte {
	r.t.Helper()
	c := &vpmCommand{}
	copy(c.raw[:], append([]byte{0x12, 0x34, 0x56}, raw...))
	r.vpm = append(r.vpm, c)
	for range 10 {
		if r.frame(); c.done {
			return c.answer
		}
	}
	r.t.Fatalf("the echo canceller does not answer % x", raw)
	return c.answer
}

func TestVPMOCT032(t *testing.T) {
	r := newRig(t, Config{Ports: all(FXS), VPMOCT032: true})
	if a := r.canceller(0x61, 0x10); a[3] != 0x55 || a[4] != 0xaa || a[5] != 0 {
		t.Errorf("status = % x, want 55 aa 00", a[3:6])
	}
	name := ""
	for i := range 10 {
		name += string(rune(r.canceller(0x61, byte(i))[5]))
	}
	if want := "VPMOCT032\x00"; name != want {
		t.Errorf("name = %q, want %q", name, want)
	}
	r.canceller(0x24, 0x40, 1, 2, 3, 4)
	if a := r.canceller(0x64, 0x40); [4]byte(a[5:9]) != [4]byte{1, 2, 3, 4} {
		t.Errorf("the companding mask reads % x, want what was written", a[5:9])
	}
	r.canceller(0x21, 0x00, 'X')
	if a := r.canceller(0x61, 0x00); a[5] != 'V' {
		t.Errorf("the name can be written: % x", a[5])
	}
	r.card.reset()
	if a := r.canceller(0x64, 0x40); [4]byte(a[5:9]) != [4]byte{} {
		t.Errorf("after a reset, the companding mask reads % x", a[5:9])
	}
	if v := r.read(1, 0); v != 0x85 {
		t.Errorf("a port's register 0 = %#x beside an echo canceller", v)
	}
}

// TestVPMOCT032InEveryEframe: a command may stand in any eframe, the answer to
// one in the last comes with the next frame.
func TestVPMOCT032InEveryEframe(t *testing.T) {
	r := newRig(t, Config{Ports: all(FXS), VPMOCT032: true})
	for e := range 8 {
		for range e {
			r.vpm = append(r.vpm, &vpmCommand{}) // nothing, up to the eframe meant
		}
		c := &vpmCommand{}
		copy(c.raw[:], []byte{0x12, 0x34, 0x56, 0x61, byte(e)})
		r.vpm = append(r.vpm, c)
		r.vpmSent = nil
		r.frames(2)
		for _, s := range r.vpmSent {
			if s == c {
				t.Errorf("eframe %d: no answer", e)
			}
		}
		if want := "VPMOCT032"[e]; c.answer[5] != want {
			t.Errorf("eframe %d: answer % x, want %#x", e, c.answer, want)
		}
	}
}

// TestNoVPM: without one, nothing may look like the driver's own octets: it takes
// them for a DSP.
func TestNoVPM(t *testing.T) {
	r := newRig(t, Config{Ports: all(FXS)})
	a := r.canceller(0x61, 0x10)
	for i, b := range a {
		if b != 0xff {
			t.Errorf("octet %d of an echo canceller that is not there = %#x", i, b)
		}
	}
}

package tdm2400p

import (
	"testing"

	"pgregory.net/rapid"
)

func TestFrameSize(t *testing.T) {
	if FrameSize != 1004 {
		t.Errorf("FrameSize = %d, want 1004", FrameSize)
	}
}

// TestCommandPlaces holds the table against places read off the real bus.
func TestCommandPlaces(t *testing.T) {
	for _, tt := range []struct{ m, b0, b1, b2 int }{
		{0, 24, 31, 38}, {1, 45, 52, 59}, {4, 25, 32, 39}, {23, 92, 99, 106},
	} {
		at := commandOffset(tt.m)
		if got := [3]int{at, at + controlGap, at + 2*controlGap}; got != [3]int{tt.b0, tt.b1, tt.b2} {
			t.Errorf("module %d: %v, want %v", tt.m, got, [3]int{tt.b0, tt.b1, tt.b2})
		}
	}
	seen := map[int]int{}
	for m := range Ports {
		for b := range 3 {
			at := commandOffset(m) + b*controlGap
			if other, ok := seen[at]; ok || at < 24 || at > 107 || (at-30)%7 == 0 && at >= 30 {
				t.Errorf("module %d octet %d stands at %d, with module %d", m, b, at, other)
			}
			seen[at] = m
		}
	}
}

// TestIdentsComeBack: the driver pairs answers with commands by them.
func TestIdentsComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := New(Config{Ports: all(FXS)}, nil)
		tx := rapid.SliceOfN(rapid.Byte(), FrameSize, FrameSize).Draw(t, "tx")
		rx := make([]byte, FrameSize)
		c.Frame(tx, rx)
		for e := range 7 {
			if got, want := rx[e*128+109], tx[e*128+109]; got != want {
				t.Fatalf("ident of eframe %d: %#x, want %#x", e, got, want)
			}
		}
	})
}

// TestAnswersInEveryEframe sends seven commands at once, so that the last one's
// answer has to be carried into the next frame.
func TestAnswersInEveryEframe(t *testing.T) {
	for _, kind := range []Kind{FXS, FXO} {
		r := newRig(t, Config{Ports: all(kind)})
		var sent [Ports][7]*command
		for port := 1; port <= Ports; port++ {
			for i := range 7 {
				// Registers that only keep what they are told.
				reg, val := 38+i%3, port*7+i
				if kind == FXS {
					reg = 37 + i%3
				}
				r.write(port, reg, val)
			}
		}
		for port := 1; port <= Ports; port++ {
			for i := range 7 {
				raw := fxsRead(port, 37+i%3)
				if kind == FXO {
					raw = fxoRead(port, 38+i%3)
				}
				sent[port-1][i] = r.send(port, raw)
			}
		}
		r.frame()
		for port := 1; port <= Ports; port++ {
			for i, c := range sent[port-1] {
				if done := i < 6; c.done != done {
					t.Errorf("%v port %d command %d answered: %v after one frame, want %v", kind, port, i, c.done, done)
				}
			}
		}
		r.frame()
		for port := 1; port <= Ports; port++ {
			for i, c := range sent[port-1] {
				last := i%3 + 3
				if i%3 == 0 {
					last = 6
				}
				if want := uint8(port*7 + last); !c.done || c.value != want {
					t.Errorf("%v port %d command %d = %#x (answered: %v), want %#x", kind, port, i, c.value, c.done, want)
				}
			}
		}
		if r.misses != 0 {
			t.Errorf("%v: the idents jumped %d times", kind, r.misses)
		}
	}
}

// FuzzFrame feeds the card any frame.
func FuzzFrame(f *testing.F) {
	r := newRig(f, Config{Ports: all(FXS)})
	r.frame()
	f.Add(r.tx[:], byte(1))
	f.Fuzz(func(t *testing.T, tx []byte, kinds byte) {
		cfg := Config{VPMOCT032: kinds&1 != 0, ALaw: kinds&2 != 0}
		for m := range cfg.Ports {
			cfg.Ports[m] = Kind((int(kinds) + m) % 3)
		}
		r := newRig(t, cfg)
		for len(tx) > 0 {
			n := copy(r.tx[:], tx)
			tx = tx[n:]
			r.card.Frame(r.tx[:], r.rx[:])
			if got := r.rx[7*128+107]; !cfg.VPMOCT032 && got != 0xff {
				t.Errorf("an octet that nobody drives is %#x", got)
			}
		}
	})
}

package dahditest

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"switchroom/dahdi"
)

// TestDriver is what every driver has to do, the fake and the real one. The
// card must be fresh and have at least one port of each kind, fxs and fxo, and
// an empty place; fxs, fxo and empty are their numbers. The echo canceller mg2
// must be to be had. Nothing may be using the channels.
func TestDriver(t *testing.T, drv dahdi.Driver, fxs, fxo, empty int) {
	ports := map[dahdi.Kind]int{dahdi.KindFXS: fxs, dahdi.KindFXO: fxo, dahdi.KindNone: empty}

	t.Run("kinds", func(t *testing.T) {
		for kind, n := range ports {
			p, err := drv.Params(n)
			if err != nil {
				t.Fatalf("Params(%d): %v", n, err)
			}
			if got := dahdi.KindOf(p.Can); got != kind || p.Channel != n {
				t.Errorf("Params(%d): channel %d that can %v, which is %s; want %s", n, p.Channel, p.Can, got, kind)
			}
		}
	})

	t.Run("not found", func(t *testing.T) {
		for name, call := range map[string]func() error{
			"Params":              func() error { _, err := drv.Params(900); return err },
			"Params of 0":         func() error { _, err := drv.Params(0); return err },
			"SpanStatus":          func() error { _, err := drv.SpanStatus(99); return err },
			"InUse":               func() error { _, err := drv.InUse(99); return err },
			"SetSignalling":       func() error { return drv.SetSignalling(900, dahdi.SigFXOKS, dahdi.LawDefault) },
			"GainTables":          func() error { _, _, err := drv.GainTables(900); return err },
			"SetGainTables":       func() error { return drv.SetGainTables(900, dahdi.UnityGain(), dahdi.UnityGain()) },
			"EchoCanceller":       func() error { _, err := drv.EchoCanceller(900); return err },
			"AttachEchoCanceller": func() error { return drv.AttachEchoCanceller(900, "") },
			"an unknown one":      func() error { return drv.AttachEchoCanceller(fxs, "nosuch") },
			"SetDefaultZone":      func() error { return drv.SetDefaultZone(126) },
			"Voltage":             func() error { _, err := drv.Voltage(900); return err },
		} {
			if err := call(); !errors.Is(err, dahdi.ErrNotFound) {
				t.Errorf("%s: %v; want %v", name, err, dahdi.ErrNotFound)
			}
		}
	})

	t.Run("not possible", func(t *testing.T) {
		for name, call := range map[string]func() error{
			"a telephone's signalling on a line": func() error { return drv.SetSignalling(fxo, dahdi.SigFXOKS, dahdi.LawDefault) },
			"any signalling on an empty place":   func() error { return drv.SetSignalling(empty, dahdi.SigFXSKS, dahdi.LawDefault) },
			"a signalling without a number":      func() error { return drv.SetSignalling(fxs, dahdi.SigOther, dahdi.LawDefault) },
			"voltage of an empty place":          func() error { _, err := drv.Voltage(empty); return err },
		} {
			if err := call(); !errors.Is(err, dahdi.ErrNotPossible) {
				t.Errorf("%s: %v; want %v", name, err, dahdi.ErrNotPossible)
			}
		}
	})

	t.Run("signalling", func(t *testing.T) {
		before, err := drv.SpanStatus(1)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []struct {
			port int
			sig  dahdi.Signalling
		}{{fxs, dahdi.SigFXOKS}, {fxo, dahdi.SigFXSKS}} {
			if err := drv.SetSignalling(want.port, want.sig, dahdi.LawDefault); err != nil {
				t.Fatal(err)
			}
			if p, err := drv.Params(want.port); err != nil || p.Signalling != want.sig {
				t.Errorf("after SetSignalling(%d, %s): %s, %v", want.port, want.sig, p.Signalling, err)
			} else if p.Flash != 750 || p.RxFlash != 1250 || p.Debounce != 600 || p.PulseBreak != 50 || p.PulseMake != 50 || p.Start == 0 {
				t.Errorf("after SetSignalling(%d, %s) the channel has no times: %+v", want.port, want.sig, p)
			}
		}
		if s, err := drv.SpanStatus(1); err != nil || s.Configured != before.Configured+2 {
			t.Errorf("%d channels configured, %v; want %d", s.Configured, err, before.Configured+2)
		}
	})

	t.Run("law", func(t *testing.T) {
		for _, law := range []dahdi.Companding{dahdi.LawA, dahdi.LawMu} {
			if err := drv.SetSignalling(fxs, dahdi.SigFXOKS, law); err != nil {
				t.Fatal(err)
			}
			if p, err := drv.Params(fxs); err != nil || p.Law != law {
				t.Errorf("after SetSignalling with %s: %s, %v", law, p.Law, err)
			}
		}
	})

	t.Run("gains", func(t *testing.T) {
		rx, _ := dahdi.NewGainTable(dahdi.LawMu, 3)
		tx, _ := dahdi.NewGainTable(dahdi.LawMu, -6)
		if err := drv.SetGainTables(fxs, rx, tx); err != nil {
			t.Fatal(err)
		}
		gotRX, gotTX, err := drv.GainTables(fxs)
		if err != nil || gotRX != rx || gotTX != tx {
			t.Errorf("gains came back as %.1f and %.1f dB, %v; want +3 and -6", gotRX.Gain(dahdi.LawMu), gotTX.Gain(dahdi.LawMu), err)
		}
		if err := drv.SetGainTables(fxs, dahdi.UnityGain(), dahdi.UnityGain()); err != nil {
			t.Error(err)
		}
	})

	t.Run("echo canceller", func(t *testing.T) {
		for _, name := range []string{dahdi.EchoMG2, dahdi.EchoNone} {
			if err := drv.AttachEchoCanceller(fxs, name); err != nil {
				t.Fatal(err)
			}
			if got, err := drv.EchoCanceller(fxs); err != nil || got != name {
				t.Errorf("after attaching %q: %q, %v", name, got, err)
			}
		}
		if v, err := drv.Version(); err != nil || !slices.Contains(v.EchoCancellers, dahdi.EchoMG2) {
			t.Errorf("the driver has %v, %v; want mg2 among them", v.EchoCancellers, err)
		}
	})

	t.Run("tone zones", func(t *testing.T) {
		if n, loaded, err := drv.DefaultZone(); err != nil || loaded {
			t.Fatalf("a fresh driver has zone %d (%t), %v", n, loaded, err)
		}
		for _, c := range dahdi.Countries() {
			z, err := dahdi.ZoneFor(c)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 { // again: in place of itself
				if err := drv.LoadZone(z); err != nil {
					t.Fatalf("loading %s: %v", c, err)
				}
			}
			if err := drv.SetDefaultZone(z.Number); err != nil {
				t.Fatalf("making %s the default: %v", c, err)
			}
			if n, loaded, err := drv.DefaultZone(); err != nil || !loaded || n != z.Number {
				t.Errorf("default zone %d (%t), %v; want %d", n, loaded, err, z.Number)
			}
		}
	})

	t.Run("apply", func(t *testing.T) {
		gains := &dahdi.Gains{RX: 2.5, TX: -1}
		want := dahdi.Desired{Zone: "cn", Ports: []dahdi.PortConfig{
			{Number: fxs, Signalling: dahdi.SigFXOKS, EchoCanceller: dahdi.EchoMG2, Gains: gains},
			{Number: fxo, Signalling: dahdi.SigFXSKS, EchoCanceller: dahdi.EchoMG2},
			{Number: empty, Signalling: dahdi.SigNone},
		}}
		changes, err := dahdi.Apply(t.Context(), drv, want)
		if err != nil {
			t.Fatal(err)
		}
		var did []string
		for _, c := range changes {
			did = append(did, c.String())
		}
		slices.Sort(did)
		wantDid := []string{"tone zone cn (China)"}
		for _, c := range []dahdi.Change{
			{Port: fxs, Text: "echo canceller none → mg2"}, {Port: fxs, Text: "gains in +2.5 dB, out -1.0 dB"},
			{Port: fxo, Text: "echo canceller none → mg2"},
		} {
			wantDid = append(wantDid, c.String())
		}
		slices.Sort(wantDid)
		if diff := cmp.Diff(wantDid, did); diff != "" {
			t.Errorf("Apply's changes (-want +got):\n%s", diff)
		}
		if changes, err := dahdi.Apply(t.Context(), drv, want); err != nil || len(changes) != 0 {
			t.Errorf("Apply again: %v, %v; want no change", changes, err)
		}
	})

	t.Run("voltage", func(t *testing.T) {
		if mv, err := drv.Voltage(fxo); err != nil || mv > -3000 && mv < 3000 {
			t.Errorf("%d mV on the line, %v; want battery", mv, err)
		}
		if _, err := drv.Voltage(fxs); err != nil {
			t.Error(err)
		}
	})
}

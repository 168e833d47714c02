package dahdi_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"switchroom/dahdi"
	"switchroom/dahdi/dahditest"
)

func desired(inv dahdi.Inventory) dahdi.Desired { return dahdi.Standard(inv, "cn", dahdi.EchoMG2) }

func detect(t *testing.T, f *dahditest.Fake) dahdi.Inventory {
	t.Helper()
	inv, err := dahdi.Detect(f.Sys(), f)
	if err != nil {
		t.Fatal(err)
	}
	return inv
}

// TestApplyTouchesOnlyWhatDiffers: to set a signalling again would hang up the
// call on the port.
func TestApplyTouchesOnlyWhatDiffers(t *testing.T) {
	f := dahditest.New(dahditest.Mix(12, dahdi.KindFXS, 8, dahdi.KindFXO)...)
	want := desired(detect(t, f))
	if _, err := dahdi.Apply(t.Context(), f, want); err != nil {
		t.Fatal(err)
	}
	first := f.Calls()
	if n := len(first); n != 2+20+20 {
		t.Errorf("%d calls to configure 20 ports and a zone: %q; want 42", n, first)
	}
	if changes, err := dahdi.Apply(t.Context(), f, want); err != nil || len(changes) > 0 {
		t.Errorf("Apply again: %v, %v", changes, err)
	}
	if err := f.SetSignalling(7, dahdi.SigFXOLS, dahdi.LawDefault); err != nil {
		t.Fatal(err)
	}
	before := len(f.Calls())
	if _, err := dahdi.Apply(t.Context(), f, want); err != nil {
		t.Fatal(err)
	}
	if got := f.Calls()[before:]; !slices.Equal(got, []string{"SetSignalling 7 fxo_ks default"}) {
		t.Errorf("after port 7 changed, Apply did %q", got)
	}
}

func TestApplyGoesOnAfterFailures(t *testing.T) {
	f := dahditest.New(dahditest.Mix(8, dahdi.KindFXS)...)
	broken, noZone := errors.New("broken"), errors.New("no zone")
	f.Fail("SetSignalling 3", broken)
	f.Fail("LoadZone", noZone)
	want := desired(detect(t, f))
	want.Ports = append(want.Ports, dahdi.PortConfig{Number: 99, Signalling: dahdi.SigFXOKS},
		dahdi.PortConfig{Number: 24, Signalling: dahdi.SigFXSKS})
	_, err := dahdi.Apply(t.Context(), f, want)
	for _, e := range []error{broken, noZone, dahdi.ErrNotFound, dahdi.ErrNotPossible} {
		if !errors.Is(err, e) {
			t.Errorf("the error doesn't hold %q: %v", e, err)
		}
	}
	if !strings.Contains(err.Error(), "port 3") || !strings.Contains(err.Error(), "port 99") {
		t.Errorf("the error doesn't name the ports: %v", err)
	}
	for n := 1; n <= 8; n++ {
		p, _ := f.Params(n)
		if (p.Signalling == dahdi.SigFXOKS) != (n != 3) {
			t.Errorf("port %d has signalling %s", n, p.Signalling)
		}
	}
}

func TestApplyStopsWithItsContext(t *testing.T) {
	f := dahditest.New(dahditest.Mix(8, dahdi.KindFXS)...)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := dahdi.Apply(ctx, f, dahdi.Desired{Ports: []dahdi.PortConfig{{Number: 1, Signalling: dahdi.SigFXOKS}}}); !errors.Is(err, context.Canceled) {
		t.Errorf("Apply: %v; want %v", err, context.Canceled)
	}
	if calls := f.Calls(); len(calls) > 0 {
		t.Errorf("it did %q", calls)
	}
}

func TestApplyHardwareEchoCanceller(t *testing.T) {
	f := dahditest.New(dahdi.KindFXS)
	d := hardware{f}
	want := dahdi.Desired{Ports: []dahdi.PortConfig{{Number: 1, Signalling: dahdi.SigFXOKS, EchoCanceller: dahdi.EchoMG2}}}
	for range 2 {
		changes, err := dahdi.Apply(t.Context(), d, want)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range changes {
			if strings.Contains(c.Text, "echo") {
				t.Errorf("Apply fought the card's own echo canceller: %s", c)
			}
		}
	}
}

// hardware is a driver whose card has an echo canceller of its own.
type hardware struct{ *dahditest.Fake }

func (hardware) EchoCanceller(int) (string, error) { return dahdi.EchoHardware, nil }

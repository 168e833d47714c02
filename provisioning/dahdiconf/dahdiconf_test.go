package dahdiconf

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"switchroom/dahdi"
	"switchroom/provisioning"
)

func card(kinds ...dahdi.Kind) dahdi.Inventory {
	s := dahdi.Span{Number: 1}
	for i, k := range kinds {
		s.Ports = append(s.Ports, dahdi.Port{Number: i + 1, Kind: k})
	}
	return dahdi.Inventory{Cards: []dahdi.Card{{Spans: []dahdi.Span{s}}}}
}

func TestDesired(t *testing.T) {
	gain := dahdi.Gains{RX: 3, TX: -2}
	inv := card(dahdi.KindFXS, dahdi.KindFXO, dahdi.KindNone, dahdi.KindOther, dahdi.KindFXS)
	got, err := Desired(Options{Country: "cn", Gains: map[int]dahdi.Gains{5: gain, 3: gain}}, inv)
	if err != nil {
		t.Fatal(err)
	}
	want := dahdi.Desired{Zone: "cn", Ports: []dahdi.PortConfig{
		{Number: 1, Signalling: dahdi.SigFXOKS, EchoCanceller: "mg2"},
		{Number: 2, Signalling: dahdi.SigFXSKS, EchoCanceller: "mg2"},
		{Number: 3, Signalling: dahdi.SigNone},
		{Number: 5, Signalling: dahdi.SigFXOKS, EchoCanceller: "mg2", Gains: &gain},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Desired (-want +got):\n%s", diff)
	}
	for in, want := range map[string]string{"": "mg2", "none": "", "oslec": "oslec"} {
		o := Options{Country: "us", EchoCanceller: in}
		got, err := Desired(o, card(dahdi.KindFXS))
		if err != nil || got.Ports[0].EchoCanceller != want {
			t.Errorf("echo canceller %q: %+v, %v; want %q", in, got, err, want)
		}
		module := ""
		if want != "" {
			module = "dahdi_echocan_" + want
		}
		if got := EchoModule(o); got != module {
			t.Errorf("EchoModule of %q = %q; want %q", in, got, module)
		}
	}
	if _, err := Desired(Options{Country: "xx"}, inv); err == nil {
		t.Error("an unknown country was accepted")
	}
}

func TestModules(t *testing.T) {
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{Country: "cn"}, "opermode=CHINA"},
		{Options{Country: "us"}, "opermode=FCC"},
		{Options{Country: "gb", Law: dahdi.LawA}, "opermode=UK companding=alaw"},
		{Options{Country: "jp", Law: dahdi.LawMu}, "opermode=JAPAN companding=ulaw"},
		{Options{Country: "jp", Law: dahdi.LawDefault}, "opermode=JAPAN"},
	} {
		got, err := Modules(c.o)
		if err != nil || got["wctdm24xxp"] != c.want || got["dahdi"] != "auto_assign_spans=1" || strings.Contains(got["wctdm"], "companding") {
			t.Errorf("Modules(%+v) = %v, %v; want %q", c.o, got, err, c.want)
		}
	}
	for _, bad := range []Options{{}, {Country: "xx"}, {Country: "CN"}, {Country: "us", Law: "opus"}} {
		if m, err := Modules(bad); err == nil {
			t.Errorf("Modules(%+v) = %v; want an error", bad, m)
		}
	}
}

// TestEveryCountry: where the site document may stand, there are tones and an
// operating mode.
func TestEveryCountry(t *testing.T) {
	for _, c := range provisioning.Countries {
		o := Options{Country: c}
		if _, err := Modules(o); err != nil {
			t.Error(err)
		}
		if _, err := Desired(o, card()); err != nil {
			t.Error(err)
		}
	}
	for _, c := range Countries() {
		if _, err := dahdi.ZoneFor(c); err != nil {
			t.Error(err)
		}
	}
	for _, c := range dahdi.Countries() {
		if !slices.Contains(Countries(), c) {
			t.Errorf("%s has tones but no operating mode", c)
		}
	}
}

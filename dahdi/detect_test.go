package dahdi_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"slices"
	"testing"
	"testing/fstest"

	"switchroom/dahdi"
	"switchroom/dahdi/dahditest"
)

func TestDetect(t *testing.T) {
	red := func(p *dahdi.Params) { p.Alarms = []dahdi.Alarm{dahdi.AlarmRed} }
	for _, c := range []struct {
		name     string
		kinds    []dahdi.Kind
		change   func(*dahditest.Fake)
		state    dahdi.State
		problems int
		fxs, fxo int
	}{
		{name: "all telephones", kinds: dahditest.Mix(24, dahdi.KindFXS), state: dahdi.StateOK, fxs: 24},
		{name: "all lines", kinds: dahditest.Mix(24, dahdi.KindFXO), state: dahdi.StateOK, fxo: 24},
		{name: "mixed with empty places", kinds: dahditest.Mix(8, dahdi.KindFXS, 4, dahdi.KindNone, 4, dahdi.KindFXO), state: dahdi.StateOK, fxs: 8, fxo: 4},
		{name: "no module", state: dahdi.StateEmpty, problems: 1},
		{name: "half a module", kinds: dahditest.Mix(6, dahdi.KindFXS), state: dahdi.StateModule, problems: 1, fxs: 6},
		{name: "a dead line", kinds: dahditest.Mix(4, dahdi.KindFXO), change: func(f *dahditest.Fake) { f.Set(2, red) },
			state: dahdi.StateLine, problems: 1, fxo: 4},
		{name: "a dead line and half a module", kinds: dahditest.Mix(7, dahdi.KindFXO), change: func(f *dahditest.Fake) { f.Set(2, red); f.Set(5, red) },
			state: dahdi.StateModule, problems: 3, fxo: 7},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := dahditest.New(c.kinds...)
			if c.change != nil {
				c.change(f)
			}
			inv := detect(t, f)
			if inv.State != c.state || len(inv.Problems) != c.problems {
				t.Errorf("state %s, problems %v; want %s, %d of them", inv.State, inv.Problems, c.state, c.problems)
			}
			if n, m := len(inv.Numbers(dahdi.KindFXS)), len(inv.Numbers(dahdi.KindFXO)); n != c.fxs || m != c.fxo {
				t.Errorf("%d FXS and %d FXO; want %d and %d", n, m, c.fxs, c.fxo)
			}
			if len(inv.Ports()) != 24 || inv.Spans() != 1 || inv.Driver != "3.4.0" {
				t.Errorf("%d ports, %d spans, driver %q", len(inv.Ports()), inv.Spans(), inv.Driver)
			}
			card := inv.Cards[0]
			if card.ID != "0000:00:05.0" || card.PCI != "d161:2400" || card.Driver != "wctdm24xxp" || card.Model != "Wildcard TDM2400P" {
				t.Errorf("card %+v", card)
			}
			for _, p := range inv.Problems {
				if p.Text == "" || p.Advice == "" {
					t.Errorf("problem without text or advice: %+v", p)
				}
			}
		})
	}
}

func TestDetectZoneAndJSON(t *testing.T) {
	f := dahditest.New(dahditest.Mix(4, dahdi.KindFXS, 4, dahdi.KindFXO)...)
	if _, err := dahdi.Apply(t.Context(), f, desired(detect(t, f))); err != nil {
		t.Fatal(err)
	}
	f.Open(1, true)
	inv := detect(t, f)
	if inv.Zone != "cn" {
		t.Errorf("zone %q; want cn", inv.Zone)
	}
	b, err := json.Marshal(inv)
	if err != nil {
		t.Fatal(err)
	}
	var back dahdi.Inventory
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	ports := back.Ports()
	if p := ports[0]; !p.InUse || p.Signalling != dahdi.SigFXOKS || p.EchoCanceller != "mg2" || p.Kind != dahdi.KindFXS {
		t.Errorf("port 1 by way of JSON: %+v", p)
	}
	if !slices.Equal(back.Numbers(dahdi.KindFXO), []int{5, 6, 7, 8}) {
		t.Errorf("lines by way of JSON: %v", back.Numbers(dahdi.KindFXO))
	}
}

func TestDetectWithoutDriver(t *testing.T) {
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s + "\n")} }
	bus := "bus/pci/devices/0000:00:05.0/"
	for _, c := range []struct {
		name  string
		sys   fs.FS
		drv   dahdi.Driver
		state dahdi.State
		cards int
	}{
		{"nothing at all", fstest.MapFS{}, nil, dahdi.StateNoCard, 0},
		{"another vendor's device", fstest.MapFS{bus + "vendor": file("0x8086"), bus + "device": file("0x2400")}, nil, dahdi.StateNoCard, 0},
		{"a driver without a card", fstest.MapFS{}, dahditest.New(), dahdi.StateNoCard, 0},
		{"a card, no driver", fstest.MapFS{bus + "vendor": file("0xd161"), bus + "device": file("0x2400"), bus + "uevent": file("PCI_ID=D161:2400")}, nil, dahdi.StateNoDriver, 1},
		{"a driver that failed", fstest.MapFS{bus + "vendor": file("0xd161"), bus + "device": file("0x2400"), bus + "uevent": file("DRIVER=wctdm24xxp")}, dahditest.New(), dahdi.StateNoDriver, 1},
		{"a Digium card unknown to us", fstest.MapFS{bus + "vendor": file("0xd161"), bus + "device": file("0x0220")}, nil, dahdi.StateNoDriver, 1},
	} {
		inv, err := dahdi.Detect(c.sys, c.drv)
		if err != nil || inv.State != c.state || len(inv.Cards) != c.cards || len(inv.Problems) != 1 {
			t.Errorf("%s: %+v, %v; want %s and %d cards", c.name, inv, err, c.state, c.cards)
		}
	}
	f := dahditest.New(dahdi.KindFXS)
	broken := errors.New("broken")
	for _, method := range []string{"Version", "DefaultZone", "SpanStatus", "InUse", "Params 9", "EchoCanceller 9"} {
		f.Fail(method, broken)
		if _, err := dahdi.Detect(f.Sys(), f); !errors.Is(err, broken) {
			t.Errorf("with a failing %s: %v", method, err)
		}
		f.Fail(method, nil)
	}
}

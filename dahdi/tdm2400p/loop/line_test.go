package loop

import (
	"testing"

	"switchroom/dahdi/tone"
)

func TestLineRingsWithCallerID(t *testing.T) {
	id := tone.CallerID{Month: 1, Day: 2, Hour: 3, Minute: 4, Number: "8008101234", Name: "Li"}
	for _, c := range []struct {
		name string
		id   CallerID
	}{
		{"bell", CallerID{CallerID: id}},
		{"v23 before, with reversal", CallerID{CallerID: id, Standard: StandardV23, Before: true, Reversal: true}},
		{"bell, single", CallerID{CallerID: id, Single: true}},
		{"dtmf", CallerID{CallerID: id, Standard: StandardDTMF}},
		{"dtmf before, A…#", CallerID{CallerID: id, Standard: StandardDTMF, Before: true, Start: 'A', Stop: '#'}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, "us", nil, []int{13})
			p := r.fxo[13]
			r.run(100)
			if p.wire.Volts != 50 {
				t.Fatalf("an idle line has %d V", p.wire.Volts)
			}
			if err := p.line.Ring(RingOptions{CallerID: &c.id}); err != nil {
				t.Fatal(err)
			}
			p.heard = nil
			start := r.frame
			r.until(15_000, 13, "ring", "n=2")
			first := r.heard(13, "ring", "n=1")
			sent := r.heard(13, "callerid-sent")
			if c.id.Before && c.id.Reversal {
				r.heard(13, "polarity", "reversed=true")
			}
			if c.id.Before != (sent.Frame <= first.Frame) {
				t.Errorf("before %v: ring at %d, identification over at %d", c.id.Before, first.Frame-start, sent.Frame-start)
			}
			heard := tone.MuLaw.DecodeAll(nil, p.heard)
			if c.id.Standard == StandardDTMF {
				var keys string
				for _, e := range tone.NewDTMFDetector(tone.DTMFLimits{}).Write(heard) {
					if e.Down {
						keys += string(e.Key)
					}
				}
				if got, ok := tone.ParseDTMFCallerID(keys); !ok || got.Number != id.Number {
					t.Errorf("the card heard %q", keys)
				}
				return
			}
			msgs := tone.NewFSKDecoder().Write(heard)
			if len(msgs) != 1 || msgs[0].Err != nil {
				t.Fatalf("the card heard %+v", msgs)
			}
			got, err := tone.ParseCallerID(msgs[0].Octets)
			want := id
			if c.id.Single {
				want.Name = ""
			}
			if err != nil || got != want {
				t.Errorf("the card heard %+v (%v), want %+v", got, err, want)
			}
		})
	}
}

// TestRingWave measures the ringing current: 20 Hz in the country's cadence.
func TestRingWave(t *testing.T) {
	r := newRig(t, "gb", nil, []int{13})
	p := r.fxo[13]
	if err := p.line.Ring(RingOptions{}); err != nil {
		t.Fatal(err)
	}
	var lengths []int
	changes, n, on := 0, 0, true
	last := int8(0)
	for range 6000 {
		r.run(1)
		w := p.wire.Ring
		if w != 0 && w != last {
			changes++
		}
		if last = w; on != (w != 0) {
			lengths = append(lengths, n)
			on, n = w != 0, 0
		}
		n++
	}
	want := []int{400, 200, 400, 2000, 400, 200, 400}
	for i := range want {
		if i >= len(lengths) || lengths[i] != want[i] {
			t.Fatalf("the cadence is %v, want %v", lengths, want)
		}
	}
	// 16 half waves in 400 ms at 20 Hz, in four bursts.
	if changes != 16*4 {
		t.Errorf("%d half waves in four bursts", changes)
	}
	if err := p.line.Ring(RingOptions{}); err == nil {
		t.Error("a ringing line was rung")
	}
	p.offHook = true
	r.until(10, 13, "ringstop", "reason=answered")
	r.run(1)
	if p.wire.Ring != 0 || p.wire.Volts != 8 {
		t.Errorf("answered: ring %d, %d V", p.wire.Ring, p.wire.Volts)
	}
	if err := p.line.Ring(RingOptions{}); err == nil {
		t.Error("a line in use was rung")
	}
}

func TestLineTellsPulsesFlashAndHangUp(t *testing.T) {
	r := newRig(t, "us", nil, []int{13})
	p := r.fxo[13]
	r.run(10)
	p.offHook = true
	r.until(5, 13, "hook", "state=off")
	r.run(500)
	for _, digit := range []int{3, 10, 1} {
		for range digit {
			p.offHook = false
			r.run(61)
			p.offHook = true
			r.run(39)
		}
		want := "digit=" + string(rune('0'+digit%10))
		r.until(700, 13, "pulse", want)
		r.run(400)
	}
	r.never(0, 13, "flash")
	p.offHook = false
	r.run(600)
	p.offHook = true
	if e := r.until(5, 13, "flash"); e.Data["ms"] != 600 {
		t.Errorf("a flash of 600 ms: %v", e)
	}
	r.run(500)
	from := r.frame
	p.offHook = false
	r.run(900)
	r.never(from, 13, "hook")
	r.until(200, 13, "hook", "state=on")
}

func TestHangups(t *testing.T) {
	r := newRig(t, "cn", nil, []int{13})
	p := r.fxo[13]
	r.run(10)
	p.offHook = true
	r.run(10)
	if err := p.line.Hangup(HangupOpen, 500); err != nil {
		t.Fatal(err)
	}
	open := 0
	for range 1000 {
		if r.run(1); p.wire.Volts == 0 {
			open++
		}
	}
	if open != 500 {
		t.Errorf("the battery was away for %d ms, want 500", open)
	}
	p.line.Polarity(true)
	r.run(1)
	if p.wire.Volts != -8 {
		t.Errorf("reversed and off hook: %d V", p.wire.Volts)
	}
	if err := p.line.Hangup(HangupReversal, 0); err != nil {
		t.Fatal(err)
	}
	p.heard = nil
	r.run(3000)
	if p.wire.Volts != 8 {
		t.Errorf("after a hang-up by reversal: %d V", p.wire.Volts)
	}
	found := false
	for _, e := range tone.NewRecogniser(r.plant.Zone()).Write(tone.MuLaw.DecodeAll(nil, p.heard)) {
		found = found || e.Name == tone.Busy && e.On
	}
	if !found {
		t.Error("no busy tone after the hang-up")
	}
	if err := p.line.Hangup("cut", 0); err == nil {
		t.Error("a hang-up of no kind was taken")
	}
}

func TestBatteryIsLost(t *testing.T) {
	r := newRig(t, "us", nil, []int{13})
	p := r.fxo[13]
	r.run(10)
	for _, c := range []struct{ volts, want int }{{0, 0}, {48, 48}, {30, 30}} {
		if err := p.line.Battery(c.volts); err != nil {
			t.Fatal(err)
		}
		r.run(2)
		if int(p.wire.Volts) != c.want {
			t.Errorf("battery %d: %d V", c.volts, p.wire.Volts)
		}
	}
	for _, v := range []int{1, -50, 200} {
		if err := p.line.Battery(v); err == nil {
			t.Errorf("a battery of %d V was taken", v)
		}
	}
}

func TestEventsAreBounded(t *testing.T) {
	plant, err := NewPlant(Config{Events: 10})
	if err != nil {
		t.Fatal(err)
	}
	l, err := plant.AddLine(30)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 25 {
		if err := l.Battery(3 + i); err != nil {
			t.Fatal(err)
		}
	}
	events := l.Events()
	if len(events) != 10 || events[0].Data["volts"] != 18 || events[9].Data["volts"] != 27 || events[9].Seq != 25 {
		t.Errorf("remembered: %v", events)
	}
}

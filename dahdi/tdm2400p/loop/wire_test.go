package loop

import (
	"testing"

	"switchroom/dahdi/tone"
)

// TestWire joins an FXS port of one card to an FXO port of another: a call
// from the first card arrives at the second as from an exchange.
func TestWire(t *testing.T) {
	r := newRig(t, "us", []int{1, 2}, []int{30})
	if err := r.plant.Wire(1, 2); err == nil {
		t.Fatal("two FXS ports were wired")
	}
	if err := r.plant.Wire(1, 30); err != nil {
		t.Fatal(err)
	}
	if err := r.plant.Wire(2, 30); err == nil {
		t.Fatal("a wired line was wired again")
	}
	fxs, fxo := r.fxs[1], r.fxo[30]
	r.run(10)
	if fxo.wire.Volts != 50 || fxo.wire.Ring != 0 {
		t.Errorf("at rest: %+v", fxo.wire)
	}
	fxs.feed = feedRinging
	plus, minus := 0, 0
	for range 1000 {
		switch r.run(1); fxo.wire.Ring {
		case 1:
			plus++
		case -1:
			minus++
		}
	}
	if plus < 480 || minus < 480 {
		t.Errorf("a second of ringing has %d ms of the one and %d of the other half wave", plus, minus)
	}
	// Caller identification passes between the bursts, on hook.
	fxs.feed = feedOnHook
	msg, err := tone.CallerID{Number: "5551234"}.MDMF()
	if err != nil {
		t.Fatal(err)
	}
	r.run(500)
	fxs.send = tone.FSK(tone.Bell202, msg, tone.FSKOptions{})
	fxo.heard = nil
	r.run(1500)
	if got := tone.NewFSKDecoder().Write(tone.MuLaw.DecodeAll(nil, fxo.heard)); len(got) != 1 || got[0].Err != nil {
		t.Errorf("caller identification arrived as %+v", got)
	}
	r.heard(1, "callerid", "number=5551234")
	// The line's end answers; speech goes both ways.
	fxs.feed = feedRinging
	r.run(500)
	fxo.offHook = true
	r.run(2)
	if !fxs.wire.OffHook {
		t.Fatal("the answer did not close the loop")
	}
	fxs.feed = feedActive
	r.until(10, 1, "ringstop", "reason=answered")
	fxs.send, fxo.send = tone.Sines(-10, -1, 600), tone.Sines(-20, -1, 900)
	r.run(50)
	fxs.heard, fxo.heard = nil, nil
	r.run(300)
	if hz, l := tone.Frequency(tone.MuLaw.DecodeAll(nil, fxo.heard)); hz < 599 || hz > 601 || l < -10.2 || l > -9.8 {
		t.Errorf("the line's end heard %.1f Hz at %.1f dBm0", hz, l)
	}
	if hz, l := tone.Frequency(tone.MuLaw.DecodeAll(nil, fxs.heard)); hz < 899 || hz > 901 || l < -20.2 || l > -19.8 {
		t.Errorf("the telephone's end heard %.1f Hz at %.1f dBm0", hz, l)
	}
	// Polarity, disconnect, hang-up.
	fxs.feed = feedReversed
	r.run(2)
	if fxo.wire.Volts != -8 {
		t.Errorf("reversed: %d V", fxo.wire.Volts)
	}
	fxs.feed = feedOpen
	r.run(2)
	if fxo.wire.Volts != 0 {
		t.Errorf("open: %d V", fxo.wire.Volts)
	}
	fxs.feed, fxo.offHook = feedActive, false
	r.run(2)
	if fxs.wire.OffHook || fxo.wire.Volts != 50 {
		t.Errorf("after the hang-up: off hook %v, %d V", fxs.wire.OffHook, fxo.wire.Volts)
	}
	if err := r.plant.Unwire(30); err != nil {
		t.Fatal(err)
	}
	fxs.phone.OffHook()
	r.run(2)
	if !fxs.wire.OffHook || fxo.wire.Volts != 50 {
		t.Errorf("unwired: off hook %v, %d V", fxs.wire.OffHook, fxo.wire.Volts)
	}
}

// TestCardToCard calls through the exchange from a line of one card to a line
// of another, whose clock runs a little faster.
func TestCardToCard(t *testing.T) {
	r := newRig(t, "us", nil, []int{13, 30})
	x := r.plant.NewExchange()
	x.Connect(r.fxo[13].line, "5550013")
	x.Connect(r.fxo[30].line, "5550030")
	if err := x.SetRoutes([]Route{{Number: "5550030", To: 30}}); err != nil {
		t.Fatal(err)
	}
	r.seize("5550030")
	r.until(5000, 30, "ring", "n=1")
	r.fxo[30].offHook = true
	r.until(100, 13, "call", "state=connected")
	r.fxo[13].send = tone.Sines(-10, -1, 1004)
	r.run(100)
	r.fxo[30].heard = nil
	r.run(1000)
	if hz, l := tone.Frequency(tone.MuLaw.DecodeAll(nil, r.fxo[30].heard)); hz < 1003 || hz > 1005 || l < -10.2 || l > -9.8 {
		t.Errorf("the other card heard %.1f Hz at %.1f dBm0", hz, l)
	}
	// The first card stands still: the second hears silence, not the past.
	still := r.fxo[13]
	delete(r.fxo, 13)
	r.run(100)
	r.fxo[30].heard = nil
	r.run(100)
	if l := tone.Level(tone.MuLaw.DecodeAll(nil, r.fxo[30].heard)); l != tone.Floor {
		t.Errorf("the other card hears %.1f dBm0 from a card that stands still", l)
	}
	r.fxo[13] = still
	r.run(500)
	r.fxo[30].heard = nil
	r.run(500)
	if hz, _ := tone.Frequency(tone.MuLaw.DecodeAll(nil, r.fxo[30].heard)); hz < 1003 || hz > 1005 {
		t.Errorf("going on, the other card heard %.1f Hz", hz)
	}
}

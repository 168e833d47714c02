package loop

import (
	"fmt"
	"testing"

	"switchroom/dahdi/tone"
)

// exchangeRig has telephones at 1 and 2 and lines at 13 and 14 on an exchange.
func exchangeRig(t *testing.T, country string, routes ...Route) (*rig, *Exchange) {
	t.Helper()
	r := newRig(t, country, []int{1, 2}, []int{13, 14})
	x := r.plant.NewExchange()
	for n := range r.fxo {
		x.Connect(r.fxo[n].line, fmt.Sprintf("555%04d", n))
	}
	if err := x.SetRoutes(routes); err != nil {
		t.Fatal(err)
	}
	r.run(100)
	return r, x
}

// TestThroughASyntheticSwitch is the whole way: a telephone is crossed with a
// line by a switch, hears the exchange's dial tone, dials another line, which
// rings with caller identification and is handed on to a second telephone.
func TestThroughASyntheticSwitch(t *testing.T) {
	for _, std := range []string{StandardBell, StandardV23, StandardDTMF} {
		for _, pulses := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/pulses=%v", std, pulses), func(t *testing.T) {
				r, x := exchangeRig(t, "cn", Route{Number: "5550014", To: 14})
				if err := x.SetCallerID(std); err != nil {
					t.Fatal(err)
				}
				caller, called := r.fxs[1], r.fxs[2]
				out, in := r.fxo[13], r.fxo[14]
				// The switch: telephone 1 is on line 13, telephone 2 on line 14, and
				// each is rung while its line rings.
				caller.cross, out.cross = out, caller
				called.cross, in.cross = in, called
				ringing, since := false, 0
				r.each = func() {
					out.offHook = caller.wire.OffHook
					in.offHook = called.wire.OffHook
					if in.wire.Ring != 0 {
						ringing, since = true, 0
					} else if since++; since > 100 {
						ringing = false
					}
					switch {
					case called.wire.OffHook || since > 6000:
						called.feed = feedActive
					case ringing:
						called.feed = feedRinging
					default:
						called.feed = feedOnHook
					}
				}
				since = 10_000
				r.run(200)
				caller.phone.OffHook()
				r.until(3000, 1, "tone", "name=dial", "on=true")
				if pulses {
					if err := caller.phone.Pulse("5550014", DialOptions{}); err != nil {
						t.Fatal(err)
					}
				} else if err := caller.phone.Dial("5550014", DialOptions{}); err != nil {
					t.Fatal(err)
				}
				r.until(20_000, 2, "ring", "n=1")
				id := r.until(6000, 2, "callerid")
				if id.Data["number"] != "5550013" || id.Data["standard"] != std {
					t.Errorf("the called telephone learnt %v, want 5550013 by %s", id.Data, std)
				}
				r.heard(1, "tone", "name=ringback")
				called.phone.OffHook()
				r.until(500, 13, "call", "state=connected")
				r.heard(2, "ringstop", "reason=answered")
				// Speech both ways, through two codings of the same law, is exact.
				for _, way := range [][2]*fxsPort{{caller, called}, {called, caller}} {
					way[0].phone.Play(tone.Sines(-10, 1000, 1004), "speech")
					if err := way[1].phone.Record(500); err != nil {
						t.Fatal(err)
					}
					r.run(600)
					rec, err := way[1].phone.Recording(0, 0, 1000)
					if err != nil {
						t.Fatal(err)
					}
					hz, level := tone.Frequency(rec.Samples()[800:])
					if hz < 1003.8 || hz > 1004.2 || level < -10.2 || level > -9.8 {
						t.Errorf("heard %.2f Hz at %.2f dBm0, want 1004 at -10", hz, level)
					}
					r.run(600)
				}
				// The called party hangs up: the caller's battery goes and comes back.
				from := r.frame
				called.phone.OnHook()
				r.until(3000, 13, "battery", "volts=0")
				r.until(3000, 13, "battery", "volts=50")
				caller.phone.OnHook()
				r.until(3000, 13, "hook", "state=on")
				r.never(from, 1, "dtmf")
				if s := r.fxo[13].line.State(); s.Call != "" || s.Seized {
					t.Errorf("after the call the line is %+v", s)
				}
			})
		}
	}
}

// seize lets the card take line 13 and dial, and fails without dial tone.
func (r *rig) seize(number string) {
	r.t.Helper()
	p := r.fxo[13]
	p.offHook = true
	r.until(100, 13, "call", "state=dialtone")
	p.heard = nil
	r.run(1500)
	g, err := tone.DTMF(number, tone.DTMFOptions{})
	if err != nil {
		r.t.Fatal(err)
	}
	p.send = g
}

// hears names the tones in the last ms that the card got from line 13.
func (r *rig) hears(ms int) []tone.Name {
	r.t.Helper()
	r.fxo[13].heard = nil
	r.run(ms)
	var out []tone.Name
	for _, e := range tone.NewRecogniser(r.plant.Zone()).Write(tone.MuLaw.DecodeAll(nil, r.fxo[13].heard)) {
		if e.On {
			out = append(out, e.Name)
		}
	}
	return out
}

func (r *rig) wantHears(ms int, want tone.Name) {
	r.t.Helper()
	if got := r.hears(ms); len(got) != 1 || got[0] != want {
		r.t.Errorf("the card hears %v, want %s", got, want)
	}
}

func TestScriptedFarEnds(t *testing.T) {
	routes := []Route{
		{Number: "10", AnswerMS: 3000, Then: ThenEcho},
		{Number: "11", AnswerMS: 3000, Then: ThenTone, Hz: 800, Level: -15, HangupMS: 4000, Hangup: HangupBusy},
		{Number: "12", Busy: true},
		{Number: "13", AnswerMS: -1},
		{Number: "14", AnswerMS: 3000, Reversal: true, HangupMS: 2000, Hangup: HangupReversal},
		{Number: "15", To: 14},
		{Number: "16", To: 20},
		{Number: "17", Congestion: true},
		{Number: "9Z.", AnswerMS: 1000},
		{Number: "9911", AnswerMS: 1000},
	}
	begin := func(t *testing.T) *rig {
		r, _ := exchangeRig(t, "us", routes...)
		return r
	}
	t.Run("echo", func(t *testing.T) {
		r := begin(t)
		r.seize("10")
		r.until(2000, 13, "call", "state=ringing")
		r.wantHears(2000, tone.Ringback)
		r.until(2000, 13, "call", "state=connected")
		r.run(100)
		r.fxo[13].send = tone.Sines(-12, 600, 1004)
		r.run(100)
		r.fxo[13].heard = nil
		r.run(400)
		if hz, level := tone.Frequency(tone.MuLaw.DecodeAll(nil, r.fxo[13].heard)); hz < 1003 || hz > 1005 || level < -12.2 || level > -11.8 {
			t.Errorf("the echo is %.1f Hz at %.1f dBm0", hz, level)
		}
		r.fxo[13].offHook = false
		r.until(2000, 13, "call", "state=released", "by=near")
	})
	t.Run("tone, then busy tone", func(t *testing.T) {
		r := begin(t)
		r.seize("11")
		r.until(6000, 13, "call", "state=connected")
		r.fxo[13].heard = nil
		r.run(500)
		if hz, level := tone.Frequency(tone.MuLaw.DecodeAll(nil, r.fxo[13].heard)); hz < 799 || hz > 801 || level < -15.2 || level > -14.8 {
			t.Errorf("the far end is %.1f Hz at %.1f dBm0", hz, level)
		}
		r.until(6000, 13, "call", "state=released", "by=far")
		r.wantHears(3000, tone.Busy)
	})
	t.Run("busy", func(t *testing.T) {
		r := begin(t)
		r.seize("12")
		r.until(2000, 13, "call", "state=busy")
		r.wantHears(3000, tone.Busy)
	})
	t.Run("rings for ever", func(t *testing.T) {
		r := begin(t)
		r.seize("13")
		r.until(2000, 13, "call", "state=ringing")
		r.wantHears(60_000, tone.Ringback)
		if s := r.fxo[13].line.State(); s.Call != "ringing" {
			t.Errorf("after a minute the call is %s", s.Call)
		}
	})
	t.Run("reversal", func(t *testing.T) {
		r := begin(t)
		r.seize("14")
		r.until(6000, 13, "polarity", "reversed=true")
		r.run(2)
		if v := r.fxo[13].wire.Volts; v >= 0 {
			t.Errorf("the card measures %d V with the polarity reversed", v)
		}
		r.until(3000, 13, "polarity", "reversed=false")
	})
	t.Run("a line in use is busy", func(t *testing.T) {
		r := begin(t)
		r.fxo[14].offHook = true
		r.seize("15")
		r.until(2000, 13, "call", "state=busy")
	})
	t.Run("no such line", func(t *testing.T) {
		r := begin(t)
		r.seize("16")
		r.until(2000, 13, "call", "state=congestion")
	})
	t.Run("congestion", func(t *testing.T) {
		r := begin(t)
		r.seize("17")
		r.until(2000, 13, "call", "state=congestion")
		r.wantHears(3000, tone.Congestion)
	})
	t.Run("no such number", func(t *testing.T) {
		r := begin(t)
		r.seize("2")
		r.until(1000, 13, "call", "state=congestion")
	})
	t.Run("open number ends by time", func(t *testing.T) {
		r := begin(t)
		r.seize("9234")
		r.run(3000)
		e := r.until(8000, 13, "call", "state=connected")
		if e.Data["number"] != "9234" {
			t.Errorf("routed %v", e.Data)
		}
	})
	t.Run("no digits at all", func(t *testing.T) {
		r := begin(t)
		r.seize("")
		r.until(firstDigitMS, 13, "call", "state=congestion")
	})
	t.Run("caller gives up", func(t *testing.T) {
		r := begin(t)
		r.seize("15")
		r.until(3000, 14, "ring")
		r.fxo[13].offHook = false
		r.until(3000, 14, "ringstop", "reason=stopped")
		r.run(10)
		if s := r.fxo[14].line.State(); s.Ringing != 0 || s.Call != "" || r.fxo[14].wire.Ring != 0 {
			t.Errorf("the called line is %+v", s)
		}
	})
}

func TestRoutesMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, digits string
		whole, part     bool
	}{
		{"1002", "1002", true, false},
		{"1002", "100", false, true},
		{"1002", "1003", false, false},
		{"1002", "10021", false, false},
		{"1XXX", "1009", true, false},
		{"Z.", "1", false, true},
		{"Z.", "12", true, true},
		{"Z.", "0", false, false},
		{"*9X", "*91", true, false},
	} {
		if w, p := (Route{Number: c.pattern}).match(c.digits); w != c.whole || p != c.part {
			t.Errorf("%s against %s: whole %v, part %v; want %v, %v", c.digits, c.pattern, w, p, c.whole, c.part)
		}
	}
}

package loop

import (
	"fmt"

	"switchroom/dahdi/tone"
)

// Load is a fault of the subscriber's wiring.
type Load string

// What can hang on an FXS port.
const (
	LoadPhone     Load = "phone"     // all is well
	LoadUnplugged Load = "unplugged" // nothing: no loop, nothing heard, nothing said
	LoadShort     Load = "short"     // the wires touch: a loop for ever, and silence
)

// The states of a line feed, as the card's line-feed register has them.
const (
	feedOpen      = 0
	feedActive    = 1
	feedOnHook    = 2
	feedTipOpen   = 3
	feedRinging   = 4
	feedReversed  = 5 // active
	feedReversed2 = 6 // on-hook transmission
	feedRingOpen  = 7
)

var feedNames = [8]string{"open", "active", "onhook", "tipopen", "ringing", "active-reversed", "onhook-reversed", "ringopen"}

// ringOverMS without a burst is the end of a call that nobody answered, even
// if the feed stays ready for another burst.
const ringOverMS = 8000

// A Telephone stands at an FXS port. It implements the card's Station.
type Telephone struct {
	*Port
	offHook bool // the handset
	closed  bool // the loop, which pulses and flashes open while the handset is off
	load    Load
	feed    uint8
	gen     int    // counts hook actions: what an older one scheduled is void
	busy    uint64 // frame at which dialling by pulses ends
	pulsing int    // requests of that kind under way

	rings     int    // bursts of this call
	burst     uint64 // frame the burst, or the pause, began
	lastOn    int
	lastOff   int
	bursting  bool
	offered   bool
	reversed  bool
	ringCheck *action
	ear       cidEar
	wired     *Line // the line at the other end of the wires, if that is no telephone
}

// AddTelephone plugs a telephone into port n.
func (p *Plant) AddTelephone(n int) (*Telephone, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	port, err := p.newPort(n, FXS)
	if err != nil {
		return nil, fmt.Errorf("plugging in a telephone: %w", err)
	}
	t := &Telephone{Port: port, load: LoadPhone}
	port.phone = t
	return t, nil
}

// tick is the telephone's part of a frame.
func (t *Telephone) tick(frame uint64, feed uint8, in *[8]byte, alaw bool, out *[8]byte) (offHook bool) {
	t.plant.begin(t.clock, frame)
	defer t.plant.mu.Unlock()
	t.setLaw(alaw)
	if feed &= 7; feed != t.feed {
		t.fed(feed)
	}
	silence := [8]byte{}
	for i := range silence {
		silence[i] = t.law.Silence()
	}
	connected := t.load == LoadPhone && t.feed != feedOpen
	if !connected {
		in = &silence
	}
	loud := t.hear(in)
	switch {
	case !connected:
	case t.loop():
		t.detect(loud, t.pulsing == 0)
	default:
		t.ear.listen(t, loud)
	}
	t.speak(out)
	if !connected || (!t.loop() && t.wired == nil) {
		*out = silence
	}
	return t.loop()
}

func (t *Port) setLaw(alaw bool) {
	t.law = tone.MuLaw
	if alaw {
		t.law = tone.ALaw
	}
}

// loop tells whether direct current flows, were there a feed.
func (t *Telephone) loop() bool {
	switch t.load {
	case LoadUnplugged:
		return false
	case LoadShort:
		return true
	}
	if t.wired != nil {
		return t.wired.closed
	}
	return t.closed
}

// fed follows the card's line feed.
func (t *Telephone) fed(feed uint8) {
	old := t.feed
	t.feed = feed
	if t.load == LoadUnplugged {
		return
	}
	t.emit("linefeed", Data{"state": feedNames[feed], "code": int(feed)})
	if (feed == feedOpen) != (old == feedOpen) {
		t.emit("disconnect", Data{"on": feed == feedOpen})
	}
	if rev := feed >= feedReversed; rev != t.reversed && feed != feedOpen && feed != feedRinging {
		t.reversed = rev
		t.emit("polarity", Data{"reversed": rev})
	}
	now := t.clock.frame
	switch {
	case feed == feedRinging:
		if t.ringCheck != nil {
			t.ringCheck.off = true
		}
		if !t.offered {
			t.offered, t.rings, t.lastOn, t.lastOff = true, 0, 0, 0
		} else {
			t.lastOff = int(now - t.burst)
		}
		t.rings++
		t.burst, t.bursting = now, true
		t.emit("ring", Data{"n": t.rings, "on_ms": t.lastOn, "off_ms": t.lastOff})
	case t.bursting:
		t.bursting = false
		t.lastOn = int(now - t.burst)
		t.burst = now
		if !t.loop() {
			t.emit("ringpause", Data{"n": t.rings, "on_ms": t.lastOn})
		}
		fallthrough
	default:
		if !t.offered {
			break
		}
		if t.loop() {
			t.ringOver("answered")
			break
		}
		if t.ringCheck != nil {
			t.ringCheck.off = true
		}
		if feed == feedActive || feed == feedReversed || feed == feedOpen {
			// The card has put the line to rest; between bursts it would have
			// left it ready for transmission.
			t.ringOver("idle")
			break
		}
		t.ringCheck = t.after(ringOverMS, func() {
			if t.offered && !t.bursting {
				t.ringOver("silence")
			}
		})
	}
	if feed != feedRinging {
		t.ear.fresh(t)
	}
}

func (t *Telephone) ringOver(reason string) {
	t.offered = false
	t.emit("ringstop", Data{"n": t.rings, "reason": reason})
}

// OffHook lifts the handset. Lifting one that is lifted, or that is not there
// (see [Plant.Wire]), does nothing.
func (t *Telephone) OffHook() {
	t.plant.mu.Lock()
	defer t.plant.mu.Unlock()
	if t.offHook || t.wired != nil {
		return
	}
	t.offHook, t.closed = true, true
	t.gen++
	t.deaf()
	t.emit("hook", Data{"state": "off"})
	if t.offered && !t.bursting {
		t.ringOver("answered")
	}
}

// OnHook puts the handset down: what was being dialled or played ends.
func (t *Telephone) OnHook() {
	t.plant.mu.Lock()
	defer t.plant.mu.Unlock()
	if !t.offHook {
		return
	}
	t.offHook, t.closed = false, false
	t.gen++
	t.busy, t.pulsing = 0, 0
	t.stopPlay()
	t.deaf()
	t.ear.fresh(t)
	t.emit("hook", Data{"state": "on"})
}

// ErrOnHook says that the handset must be lifted first.
type ErrOnHook struct{ Port int }

func (e ErrOnHook) Error() string {
	return fmt.Sprintf("port %d: the handset is on the hook", e.Port)
}

// Flash opens the loop for ms milliseconds (1 to 2,000; 0 means 400).
func (t *Telephone) Flash(ms int) error {
	if ms == 0 {
		ms = 400
	}
	if ms < 0 || ms > 2000 {
		return fmt.Errorf("flash of %d ms: 1 to 2000 ms wanted", ms)
	}
	t.plant.mu.Lock()
	defer t.plant.mu.Unlock()
	if !t.offHook {
		return fmt.Errorf("flashing: %w", ErrOnHook{t.number})
	}
	t.closed = false
	t.deaf()
	gen := t.gen
	t.after(ms+1, func() { // it opens with the next frame
		if t.gen == gen {
			t.closed = true
		}
	})
	return nil
}

// DialOptions say how digits are dialled.
type DialOptions struct {
	Tag  string           // goes into the "dialled" event
	DTMF tone.DTMFOptions // for tones
	// For pulses. The zero value of a field means its default.
	PPS     float64 // pulses per second, 8 to 22; 10
	Break   float64 // share of a pulse that the loop is open, 0.3 to 0.8; 0.6
	PauseMS int     // between digits; 700
}

// Dial sends digits as tones, after what is being played already. A "dialled"
// event comes with the end of the last one.
func (t *Telephone) Dial(digits string, opt DialOptions) error {
	g, err := tone.DTMF(digits, opt.DTMF)
	if err != nil {
		return fmt.Errorf("port %d: dialling: %w", t.number, err)
	}
	t.plant.mu.Lock()
	defer t.plant.mu.Unlock()
	if !t.offHook {
		return fmt.Errorf("dialling: %w", ErrOnHook{t.number})
	}
	// A dial tone that our own digit cuts off must not pass for a cadence.
	t.prog.Reset()
	t.play(g, opt.Tag, func() {
		t.prog.Reset()
		t.emit("dialled", Data{"digits": digits, "tag": opt.Tag})
	})
	return nil
}

// Pulse sends digits (0 to 9) by opening the loop, after those being pulsed
// already. A "dialled" event comes with the end of the last one.
func (t *Telephone) Pulse(digits string, opt DialOptions) error {
	if opt.PPS == 0 {
		opt.PPS = 10
	}
	if opt.Break == 0 {
		opt.Break = 0.6
	}
	if opt.PauseMS == 0 {
		opt.PauseMS = 700
	}
	if opt.PPS < 5 || opt.PPS > 25 || opt.Break < 0.3 || opt.Break > 0.8 || opt.PauseMS < 0 || opt.PauseMS > 10_000 {
		return fmt.Errorf("port %d: pulses of %g/s, %g open, %d ms apart are beyond any dial", t.number, opt.PPS, opt.Break, opt.PauseMS)
	}
	for _, d := range digits {
		if d < '0' || d > '9' {
			return fmt.Errorf("port %d: %q can't be dialled by pulses", t.number, d)
		}
	}
	t.plant.mu.Lock()
	defer t.plant.mu.Unlock()
	if !t.offHook {
		return fmt.Errorf("dialling: %w", ErrOnHook{t.number})
	}
	t.prog.Reset()
	at := max(t.busy, t.clock.frame+1)
	period := 1000 / opt.PPS
	gen := t.gen
	do := func(ms float64, f func()) {
		t.clock.at(at+uint64(ms+0.5), true, func() {
			if t.gen == gen {
				f()
			}
		})
	}
	ms := 0.0
	for i, d := range digits {
		if i > 0 {
			ms += float64(opt.PauseMS)
		}
		n := int(d - '0')
		if n == 0 {
			n = 10
		}
		for range n {
			do(ms, func() { t.closed = false })
			do(ms+period*opt.Break, func() { t.closed = true })
			ms += period
		}
	}
	t.busy = at + uint64(ms+0.5) + uint64(opt.PauseMS)
	t.pulsing++
	do(ms, func() {
		t.pulsing--
		t.deaf()
		t.emit("dialled", Data{"digits": digits, "tag": opt.Tag})
	})
	return nil
}

// SetLoad plugs in, unplugs, or shorts the telephone.
func (t *Telephone) SetLoad(l Load) error {
	switch l {
	case LoadPhone, LoadUnplugged, LoadShort:
	default:
		return fmt.Errorf("load %q: want %s, %s or %s", l, LoadPhone, LoadUnplugged, LoadShort)
	}
	t.plant.mu.Lock()
	defer t.plant.mu.Unlock()
	t.load = l
	t.deaf()
	return nil
}

// TelephoneState is what can be said of a telephone at once.
type TelephoneState struct {
	OffHook  bool   `json:"offhook"`
	Linefeed string `json:"linefeed"`
	Load     Load   `json:"load"`
	Rings    int    `json:"rings"` // bursts of the call being offered, 0 if none is
	Tone     string `json:"tone,omitempty"`
	Playing  int    `json:"playing"`
}

// State gives the telephone's present state.
func (t *Telephone) State() TelephoneState {
	t.plant.mu.Lock()
	defer t.plant.mu.Unlock()
	s := TelephoneState{OffHook: t.offHook, Linefeed: feedNames[t.feed], Load: t.load, Tone: string(t.prog.Current()), Playing: len(t.playing)}
	if t.offered {
		s.Rings = t.rings
	}
	return s
}

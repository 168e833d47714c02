package loop

import (
	"fmt"

	"switchroom/dahdi/tone"
)

// Times by which a line tells pulses, flashes and hang-ups apart, in ms.
const (
	pulseMin     = 10   // shorter openings are chatter
	pulseMax     = 120  // longest opening of a dial pulse
	digitGap     = 250  // closed so long after a pulse, the digit is whole
	defaultFlash = 1000 // longest opening that is a flash; longer ones hang up
)

// A Line comes in at an FXO port. It implements the card's Trunk.
type Line struct {
	*Port
	volts    int8 // with the port on hook
	lost     bool
	reversed bool

	closed  bool   // the card has seized
	seized  bool   // and is taken to have, flashes and pulses apart
	since   uint64 // frame of the last change of closed
	pulses  int
	flashMS int

	ring     *ringing
	user     subscriber
	tail     *action // what happens when nothing changes any more
	exchange *Exchange
	wired    *Telephone // the FXS port at the other end of the wires, if that is not the exchange
}

// subscriber is told what the card does with the line; all calls are locked.
type subscriber interface {
	seize(l *Line)
	release(l *Line)
	key(l *Line, digit byte)
	hook(l *Line) // a flash
	answered(l *Line)
}

// ringing is a call being offered to the card.
type ringing struct {
	hz      int
	cadence []int // on, off, on, off … ms
	step    int
	since   uint64 // frame the step began
	n       int
	started bool
	cid     *CallerID
	wait    bool // a caller identification before the first burst is under way
}

// AddLine connects a line to port n.
func (p *Plant) AddLine(n int) (*Line, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	port, err := p.newPort(n, FXO)
	if err != nil {
		return nil, fmt.Errorf("connecting a line: %w", err)
	}
	l := &Line{Port: port, volts: 50, flashMS: defaultFlash}
	port.line = l
	return l, nil
}

// tick is the line's part of a frame.
func (l *Line) tick(frame uint64, offHook bool, in *[8]byte, alaw bool, out *[8]byte) (volts, ring int8) {
	l.plant.begin(l.clock, frame)
	defer l.plant.mu.Unlock()
	l.setLaw(alaw)
	if offHook != l.closed {
		l.turned(offHook)
	}
	silence := [8]byte{}
	for i := range silence {
		silence[i] = l.law.Silence()
	}
	if l.lost || (!l.closed && l.wired == nil) {
		in = &silence
	}
	loud := l.hear(in)
	if l.seized {
		l.detect(loud, true)
	}
	l.speak(out)
	if l.lost {
		*out = silence
	}
	switch {
	case l.lost:
	case l.closed:
		volts = min(8, l.volts)
	default:
		volts = l.volts
	}
	if l.reversed {
		volts = -volts
	}
	if l.wired != nil && !l.lost {
		return l.wired.supply(l.closed)
	}
	if l.ring != nil && !l.lost {
		ring = l.ringWave()
	}
	return volts, ring
}

// turned follows the card's hook.
func (l *Line) turned(closed bool) {
	now := l.clock.frame
	user := l.user
	if l.wired != nil {
		user = nil
	}
	open := int(now - l.since) // how long the state lasted that ends now
	l.closed, l.since = closed, now
	if l.tail != nil {
		l.tail.off, l.tail = true, nil
	}
	if closed {
		switch {
		case !l.seized:
			l.seized = true
			l.pulses = 0
			l.deaf()
			l.emit("hook", Data{"state": "off"})
			if l.ring != nil {
				l.ringEnd("answered")
				if user != nil {
					user.answered(l)
				}
			} else if user != nil {
				user.seize(l)
			}
		case open < pulseMin:
		case open <= pulseMax:
			l.pulses++
		default:
			l.pulses = 0
			l.emit("flash", Data{"ms": open})
			if user != nil {
				user.hook(l)
			}
		}
		if l.pulses > 0 {
			l.tail = l.after(digitGap, func() {
				n := l.pulses
				if l.pulses = 0; n > 10 {
					return
				}
				d := byte('0' + n%10)
				l.emit("pulse", Data{"digit": string(d)})
				l.digit(d)
			})
		}
		return
	}
	if l.seized {
		l.tail = l.after(l.flashMS+1, func() {
			l.seized, l.pulses = false, 0
			l.stopPlay()
			l.deaf()
			l.emit("hook", Data{"state": "on"})
			if user != nil {
				user.release(l)
			}
		})
	}
}

// digit is a key or a pulsed digit received.
func (l *Line) digit(d byte) {
	if l.user != nil && l.wired == nil {
		l.user.key(l, d)
	}
}

// Battery sets the line's voltage on hook (3 to 127), or takes it away (0).
func (l *Line) Battery(volts int) error {
	if volts != 0 && (volts < 3 || volts > 127) {
		return fmt.Errorf("port %d: %d V: want 3 to 127, or 0 for none", l.number, volts)
	}
	l.plant.mu.Lock()
	defer l.plant.mu.Unlock()
	l.battery(volts)
	return nil
}

func (l *Line) battery(volts int) {
	if l.lost = volts == 0; !l.lost {
		l.volts = int8(volts)
	}
	l.emit("battery", Data{"volts": volts})
}

// Polarity reverses the line, or puts it right.
func (l *Line) Polarity(reversed bool) {
	l.plant.mu.Lock()
	defer l.plant.mu.Unlock()
	l.polarity(reversed)
}

func (l *Line) polarity(reversed bool) {
	if l.reversed != reversed {
		l.reversed = reversed
		l.emit("polarity", Data{"reversed": reversed})
	}
}

// RingOptions say how a call is offered. The zero value of a field means its
// default.
type RingOptions struct {
	CadenceMS []int // on, off, on, off …; the country's
	Hz        int   // 15 to 68; 20
	CallerID  *CallerID
}

// Ring offers a call to the card until it answers or StopRing is called.
func (l *Line) Ring(opt RingOptions) error {
	l.plant.mu.Lock()
	defer l.plant.mu.Unlock()
	if err := l.startRing(opt); err != nil {
		return err
	}
	l.ring.since++ // it begins with the next frame
	return nil
}

func (l *Line) startRing(opt RingOptions) error {
	if len(opt.CadenceMS) == 0 {
		opt.CadenceMS = l.plant.zone.RingMS
	}
	if opt.Hz == 0 {
		opt.Hz = 20
	}
	if opt.Hz < 15 || opt.Hz > 68 {
		return fmt.Errorf("port %d: ringing at %d Hz: 15 to 68 wanted", l.number, opt.Hz)
	}
	if len(opt.CadenceMS)%2 != 0 || len(opt.CadenceMS) > 16 {
		return fmt.Errorf("port %d: a cadence has pairs of on and off, up to eight", l.number)
	}
	for _, ms := range opt.CadenceMS {
		if ms < 50 || ms > 60_000 {
			return fmt.Errorf("port %d: a cadence of %d ms: 50 to 60000 wanted", l.number, ms)
		}
	}
	if l.seized || l.closed || l.wired != nil {
		return fmt.Errorf("port %d: the line is in use", l.number)
	}
	if l.ring != nil {
		return fmt.Errorf("port %d: the line is ringing", l.number)
	}
	r := &ringing{hz: opt.Hz, cadence: opt.CadenceMS, cid: opt.CallerID}
	var signal tone.Generator
	if r.cid != nil {
		var err error
		if signal, err = r.cid.signal(); err != nil {
			return fmt.Errorf("port %d: ringing: %w", l.number, err)
		}
	}
	l.ring = r
	if r.cid != nil && r.cid.Before {
		r.wait = true
		if r.cid.Reversal {
			l.polarity(!l.reversed)
		}
		l.play(tone.Sequence(tone.Silence(300), signal, tone.Silence(300)), "", func() {
			if l.ring == r {
				l.emit("callerid-sent", Data{"standard": r.standard()})
				r.wait = false
				l.burst()
			}
		})
		return nil
	}
	l.burst()
	return nil
}

func (r *ringing) standard() string {
	if r.cid.Standard == "" {
		return StandardBell
	}
	return r.cid.Standard
}

// burst begins a burst of ringing.
func (l *Line) burst() {
	r := l.ring
	r.n++
	r.since, r.started = l.clock.frame, true
	l.emit("ring", Data{"n": r.n})
}

// ringWave gives the half wave of this ms and steps the cadence.
func (l *Line) ringWave() int8 {
	r := l.ring
	if r.wait {
		return 0
	}
	in := int(l.clock.frame - r.since)
	for in >= r.cadence[r.step] {
		in -= r.cadence[r.step]
		r.since += uint64(r.cadence[r.step])
		r.step = (r.step + 1) % len(r.cadence)
		if r.step%2 == 0 {
			l.burst()
			r.since = l.clock.frame - uint64(in)
		} else if r.n == 1 && r.cid != nil && !r.cid.Before {
			l.announce(r)
		}
	}
	if r.step%2 == 1 {
		return 0
	}
	if in*r.hz*2/1000%2 == 0 {
		return 1
	}
	return -1
}

// announce sends the caller identification in the first pause.
func (l *Line) announce(r *ringing) {
	signal, err := r.cid.signal()
	if err != nil {
		return // it was tried when the ringing was asked for
	}
	l.play(tone.Sequence(tone.Silence(500), signal), "", func() {
		if l.ring == r {
			l.emit("callerid-sent", Data{"standard": r.standard()})
		}
	})
}

// StopRing takes the offer back.
func (l *Line) StopRing() {
	l.plant.mu.Lock()
	defer l.plant.mu.Unlock()
	if l.ring != nil {
		l.ringEnd("stopped")
	}
}

func (l *Line) ringEnd(reason string) {
	n := l.ring.n
	l.ring = nil
	l.stopPlay()
	l.emit("ringstop", Data{"n": n, "reason": reason})
}

// How a far end's hang-up shows on the line.
const (
	HangupOpen     = "open"     // the battery is taken away for a while (kewlstart)
	HangupBusy     = "busy"     // busy tone, and nothing else
	HangupReversal = "reversal" // the polarity goes back to normal, then busy tone
)

// Hangup lets the far end hang up. ms is how long an open lasts (800 if 0).
func (l *Line) Hangup(how string, ms int) error {
	if ms == 0 {
		ms = 800
	}
	if ms < 0 || ms > 60_000 {
		return fmt.Errorf("port %d: hang-up by %d ms: 1 to 60000 wanted", l.number, ms)
	}
	l.plant.mu.Lock()
	defer l.plant.mu.Unlock()
	return l.hangup(how, ms+1) // it begins with the next frame
}

func (l *Line) hangup(how string, ms int) error {
	switch how {
	case HangupOpen:
		volts := int(l.volts)
		l.stopPlay()
		l.battery(0)
		l.after(ms, func() {
			if l.lost {
				l.battery(volts)
			}
		})
	case HangupReversal:
		l.polarity(false)
		fallthrough
	case HangupBusy:
		l.stopPlay()
		l.playTone(tone.Busy)
	default:
		return fmt.Errorf("hang-up by %q: want %s, %s or %s", how, HangupOpen, HangupBusy, HangupReversal)
	}
	return nil
}

// toneLevel is the level of each frequency of a call-progress tone, dBm0.
const toneLevel = -13

// playTone sends a tone of the country until it is stopped.
func (l *Line) playTone(n tone.Name) {
	if t, ok := l.plant.zone.Tone(n); ok {
		l.play(t.Play(toneLevel, -1), string(n), nil)
	}
}

// SetFlash sets the longest opening that is a flash and not a hang-up, 100 to
// 5,000 ms. A card's hang-up is reported so much later.
func (l *Line) SetFlash(ms int) error {
	if ms < 100 || ms > 5000 {
		return fmt.Errorf("port %d: flash of %d ms: 100 to 5000 wanted", l.number, ms)
	}
	l.plant.mu.Lock()
	defer l.plant.mu.Unlock()
	l.flashMS = ms
	return nil
}

// LineState is what can be said of a line at once.
type LineState struct {
	Seized   bool   `json:"seized"` // by the card
	Volts    int    `json:"volts"`
	Reversed bool   `json:"reversed"`
	Ringing  int    `json:"ringing"` // bursts so far, 0 if it does not ring
	Tone     string `json:"tone,omitempty"`
	Playing  int    `json:"playing"`
	Call     string `json:"call,omitempty"` // the exchange's view
}

// State gives the line's present state.
func (l *Line) State() LineState {
	l.plant.mu.Lock()
	defer l.plant.mu.Unlock()
	s := LineState{Seized: l.seized, Reversed: l.reversed, Tone: string(l.prog.Current()), Playing: len(l.playing)}
	if !l.lost {
		s.Volts = int(l.volts)
	}
	if l.ring != nil {
		s.Ringing = l.ring.n
	}
	if l.exchange != nil {
		s.Call = l.exchange.state(l)
	}
	return s
}

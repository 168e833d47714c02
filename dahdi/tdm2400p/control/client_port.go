package control

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"

	"switchroom/dahdi/tdm2400p/loop"
	"switchroom/dahdi/tone"
)

// Port is one port as a client works it.
//
// Its client remembers how far the port's events were waited for: each Wait
// looks for the first matching event after the one the last Wait returned (the
// first Wait: since the client connected), what has happened meanwhile included. So nothing is missed between an action and the wait for
// its effect, and nothing is seen twice. Events that a Wait passes over are
// passed over for good; [Port.Mark] forgets all that has happened up to now.
type Port struct {
	c    *Client
	n    int
	when When
}

// Port gives a port by its number, counted through over the cards.
func (c *Client) Port(n int) *Port { return &Port{c: c, n: n} }

// Number is the port's number.
func (p *Port) Number() int { return p.n }

// When gives the same port with every action put off in card time.
func (p *Port) When(w When) *Port { return &Port{c: p.c, n: p.n, when: w} }

func (p *Port) act(ctx context.Context, do string, args any) error {
	_, err := p.c.Do(ctx, do, p.n, p.when, args, nil)
	return err
}

// OffHook lifts the telephone's handset.
func (p *Port) OffHook(ctx context.Context) error { return p.act(ctx, "offhook", nil) }

// OnHook puts it down.
func (p *Port) OnHook(ctx context.Context) error { return p.act(ctx, "onhook", nil) }

// Flash opens the telephone's loop for ms (0: 400).
func (p *Port) Flash(ctx context.Context, ms int) error { return p.act(ctx, "flash", msArgs{ms}) }

// Dial sends digits as tones and returns when the last one is out.
func (p *Port) Dial(ctx context.Context, digits string) error {
	return p.DialWith(ctx, DialArgs{Digits: digits})
}

// DialWith is Dial with all its options.
func (p *Port) DialWith(ctx context.Context, a DialArgs) error {
	on, off := a.OnMS, a.OffMS
	if on == 0 {
		on = 80
	}
	if off == 0 {
		off = 80
	}
	if a.Tag == "" {
		a.Tag = p.c.tag()
	}
	return p.dialled(ctx, "dial", a, a.Tag, len(a.Digits)*max(500, on+off))
}

// Pulse dials by pulses and returns when the last one is out.
func (p *Port) Pulse(ctx context.Context, digits string) error {
	return p.PulseWith(ctx, PulseArgs{Digits: digits})
}

// PulseWith is Pulse with all its options.
func (p *Port) PulseWith(ctx context.Context, a PulseArgs) error {
	if a.Tag == "" {
		a.Tag = p.c.tag()
	}
	return p.dialled(ctx, "pulse", a, a.Tag, len(a.Digits)*(2000+max(700, a.PauseMS)))
}

// dialled asks for digits to be sent and waits until they are, without moving
// the port's mark.
func (p *Port) dialled(ctx context.Context, do string, args any, tag string, ms int) error {
	frame, err := p.c.Do(ctx, do, p.n, p.when, args, nil)
	if err != nil {
		return err
	}
	_, err = p.c.Do(ctx, "wait", p.n, When{}, waitArgs{Event: "dialled", Match: Match{"tag": tag}, Since: &frame, TimeoutMS: ms + 20_000}, nil)
	return err
}

// tag makes a word that no other request of this client has.
func (c *Client) tag() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next++
	return fmt.Sprintf("#%d", c.next)
}

// Load plugs in, unplugs or shorts the telephone.
func (p *Port) Load(ctx context.Context, l loop.Load) error {
	return p.act(ctx, "load", loadArgs{l})
}

// Wire joins the FXS port to an FXO port instead of a telephone; 0 ends it.
func (p *Port) Wire(ctx context.Context, fxo int) error {
	return p.act(ctx, "wire", wireArgs{fxo})
}

// Ring offers a call on the line.
func (p *Port) Ring(ctx context.Context, a RingArgs) error { return p.act(ctx, "ring", a) }

// StopRing takes the offer back.
func (p *Port) StopRing(ctx context.Context) error { return p.act(ctx, "stopring", nil) }

// Answer lifts the telephone's handset, or lets the line's far end answer, with
// a reversal of the polarity if asked.
func (p *Port) Answer(ctx context.Context, reversal bool) error {
	return p.act(ctx, "answer", answerArgs{reversal})
}

// Hangup lets the line's far end hang up: open (for ms; 0: 800), busy or reversal.
func (p *Port) Hangup(ctx context.Context, how string, ms int) error {
	return p.act(ctx, "hangup", hangupArgs{how, ms})
}

// Battery sets the line's voltage; 0 takes it away.
func (p *Port) Battery(ctx context.Context, volts int) error {
	return p.act(ctx, "battery", voltsArgs{volts})
}

// Polarity reverses the line or puts it right.
func (p *Port) Polarity(ctx context.Context, reversed bool) error {
	return p.act(ctx, "polarity", reversedArgs{reversed})
}

// Play queues a signal.
func (p *Port) Play(ctx context.Context, a PlayArgs) error { return p.act(ctx, "play", a) }

// PlayTone plays frequencies, each at dBm0, for ms (-1: until stopped).
func (p *Port) PlayTone(ctx context.Context, dBm0 float64, ms int, hz ...float64) error {
	return p.Play(ctx, PlayArgs{Hz: hz, Level: dBm0, MS: ms})
}

// playPart is how many samples are sent in one request: half a minute.
const playPart = 30 * tone.Rate

// PlaySamples plays samples at 8,000 per second.
func (p *Port) PlaySamples(ctx context.Context, samples []int16, tag string) error {
	for len(samples) > 0 {
		n := min(len(samples), playPart)
		part := make([]byte, 0, 2*n)
		for _, s := range samples[:n] {
			part = binary.LittleEndian.AppendUint16(part, uint16(s))
		}
		a := PlayArgs{Samples: part}
		if samples = samples[n:]; len(samples) == 0 {
			a.Tag = tag
		}
		if err := p.Play(ctx, a); err != nil {
			return err
		}
	}
	return nil
}

// StopPlay ends all signals.
func (p *Port) StopPlay(ctx context.Context) error { return p.act(ctx, "stop", nil) }

// Record starts recording what the port hears, for at most maxMS (0: 60,000).
func (p *Port) Record(ctx context.Context, maxMS int) error {
	return p.act(ctx, "record", recordArgs{maxMS})
}

// StopRecord ends the recording.
func (p *Port) StopRecord(ctx context.Context) error { return p.act(ctx, "stoprecord", nil) }

// Recording fetches what was recorded in the card times [from, to); 0 and 0 is
// all of it.
func (p *Port) Recording(ctx context.Context, from, to uint64) (loop.Recording, error) {
	var out loop.Recording
	for {
		args := recordingArgs{From: from, To: to}
		if to-from > maxRecording && to != 0 {
			args.To = from + maxRecording
		}
		var r recordingResult
		if _, err := p.c.Do(ctx, "recording", p.n, When{}, args, &r); err != nil {
			return out, err
		}
		law, err := tone.ParseLaw(r.Law)
		if err != nil {
			return out, fmt.Errorf("control: recording: %w", err)
		}
		wire, err := base64.StdEncoding.DecodeString(r.Wire)
		if err != nil {
			return out, fmt.Errorf("control: recording: %w", err)
		}
		if out.Wire == nil {
			out.From, out.Law = r.From, law
		}
		out.Wire, out.To = append(out.Wire, wire...), r.To
		if to == 0 || r.To >= to {
			return out, nil
		}
		from = r.To
	}
}

// Listen records for ms of card time and returns the samples heard.
func (p *Port) Listen(ctx context.Context, ms int) (loop.Recording, error) {
	// The frame in which it began: by the next request it may be over.
	frame, err := p.c.Do(ctx, "record", p.n, p.when, recordArgs{ms}, nil)
	if err != nil {
		return loop.Recording{}, err
	}
	var e loop.Event
	if _, err := p.c.Do(ctx, "wait", p.n, When{}, waitArgs{Event: "recorded", Since: &frame, TimeoutMS: ms + 5000}, &e); err != nil {
		return loop.Recording{}, err
	}
	return p.Recording(ctx, 0, 0)
}

// Frame is the port's card time.
func (p *Port) Frame(ctx context.Context) (uint64, error) {
	return p.c.Do(ctx, "state", p.n, When{}, nil, nil)
}

// State asks for the port's state.
func (p *Port) State(ctx context.Context) (PortState, error) {
	var out PortState
	_, err := p.c.Do(ctx, "state", p.n, When{}, nil, &out)
	return out, err
}

// Registers asks for the registers of the port's module.
func (p *Port) Registers(ctx context.Context) (Registers, error) {
	var out Registers
	_, err := p.c.Do(ctx, "regs", p.n, When{}, nil, &out)
	return out, err
}

// Events asks what the port remembers, from a frame on.
func (p *Port) Events(ctx context.Context, since uint64) ([]loop.Event, error) {
	var out eventsResult
	_, err := p.c.Do(ctx, "events", p.n, When{}, eventsArgs{Since: since}, &out)
	return out.Events, err
}

// Mark lets the next Wait look at what happens from now on only.
func (p *Port) Mark(ctx context.Context) error {
	events, err := p.Events(ctx, 0)
	if err != nil {
		return err
	}
	if len(events) > 0 {
		p.setMark(events[len(events)-1].Seq)
	}
	return nil
}

func (p *Port) setMark(seq uint64) {
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	p.c.marks[p.n] = max(p.c.marks[p.n], seq)
}

// Wait returns the next event of that name whose data has all of match (which
// may be nil), or fails after timeoutMS of card time (0: 10,000) with the
// port's last events in the error.
func (p *Port) Wait(ctx context.Context, event string, match Match, timeoutMS int) (loop.Event, error) {
	p.c.mu.Lock()
	mark := max(p.c.base, p.c.marks[p.n])
	p.c.mu.Unlock()
	a := waitArgs{Event: event, Match: match, TimeoutMS: timeoutMS, AfterSeq: &mark}
	var e loop.Event
	if _, err := p.c.Do(ctx, "wait", p.n, p.when, a, &e); err != nil {
		return e, err
	}
	p.setMark(e.Seq)
	return e, nil
}

// WaitTone waits until a call-progress tone begins.
func (p *Port) WaitTone(ctx context.Context, name tone.Name, timeoutMS int) (loop.Event, error) {
	return p.Wait(ctx, "tone", Match{"name": string(name), "on": true}, timeoutMS)
}

// WaitRing waits for burst n of a call; 0 is any.
func (p *Port) WaitRing(ctx context.Context, n, timeoutMS int) (loop.Event, error) {
	m := Match{}
	if n > 0 {
		m["n"] = n
	}
	return p.Wait(ctx, "ring", m, timeoutMS)
}

// IsTimeout reports that an error is a Wait that came to its time.
func IsTimeout(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Code == CodeTimeout
}

// Audio is live audio of a port: s16le samples at 8,000 per second.
type Audio struct {
	net.Conn
	in io.Reader
}

// Read reads received samples, two octets each.
func (a *Audio) Read(b []byte) (int, error) { return a.in.Read(b) }

// Attach opens live audio of the port over a connection of its own.
func (p *Port) Attach(ctx context.Context) (*Audio, error) {
	if p.c.path == "" {
		return nil, errors.New("control: attach: only a client made with Dial can")
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", p.c.path)
	if err != nil {
		return nil, fmt.Errorf("control: attach: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	in, err := attach(conn, p.n)
	if err != nil {
		stop()
		conn.Close()
		return nil, fmt.Errorf("control: attach: %w", err)
	}
	if !stop() {
		return nil, fmt.Errorf("control: attach: %w", ctx.Err())
	}
	return &Audio{Conn: conn, in: in}, nil
}

//go:build vm

package system

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"switchroom/dahdi/tdm2400p/control"
	"switchroom/dahdi/tdm2400p/loop"
	"switchroom/dahdi/tone"
)

// Time-outs in card milliseconds. They are long: what is tested is that
// something happens, not how fast.
const (
	soon    = 10_000 // after something that one has done
	someday = 40_000 // after something that takes rings to be done
)

// gap is how long a handset has to lie, in card milliseconds, until the box
// believes it: what is shorter than 1,250 ms is a flash to DAHDI.
const gap = 2000

// phone is a telephone, and the person who has it.
type phone struct {
	*control.Port
	b *box
}

// phone gives the telephone at a port.
func (b *box) phone(n int) phone { return phone{b.ctl.Port(n), b} }

// line is a line from the exchange, and whoever is at its far end.
type line struct {
	*control.Port
	b *box
}

// line gives the line at a port.
func (b *box) line(n int) line { return line{b.ctl.Port(n), b} }

// must does something with a port, and ends the test if that fails.
func (b *box) must(what string, port int, do func(ctx context.Context) error) {
	b.Helper()
	ctx, cancel := b.limit()
	defer cancel()
	if err := do(ctx); err != nil {
		b.Fatalf("port %d %s: %v\nAll that happened:\n%s", port, what, err, b.story())
	}
}

// story tells what happened on all ports since the scenario began.
func (b *box) story() string {
	ctx, cancel := b.limit()
	defer cancel()
	ports, err := b.ctl.Ports(ctx)
	if err != nil {
		return err.Error()
	}
	var all []loop.Event
	for _, p := range ports {
		events, err := b.ctl.Port(p.Port).Events(ctx, b.began)
		if err != nil {
			return err.Error()
		}
		all = append(all, events...)
	}
	slices.SortFunc(all, func(a, b loop.Event) int { return cmp.Compare(a.Seq, b.Seq) })
	var text strings.Builder
	for _, e := range all {
		fmt.Fprintln(&text, e)
	}
	return text.String()
}

func (p phone) lifts() { p.b.Helper(); p.b.must("lifts the handset", p.Number(), p.OffHook) }

func (p phone) hangsUp() { p.b.Helper(); p.b.must("hangs up", p.Number(), p.OnHook) }

func (p phone) dials(digits string) {
	p.b.Helper()
	p.b.must("dials "+digits, p.Number(), func(ctx context.Context) error { return p.Dial(ctx, digits) })
}

// dialsByPulses dials by opening the loop ten times a second. DAHDI ignores it in
// the first 600 ms of the dial tone (DAHDI_DEFAULT_DEBOUNCETIME, which begins when
// Asterisk takes the port): nobody turns a dial that fast. On a machine that falls
// far behind the card, DAHDI fills the missing milliseconds in with its own timer,
// and ends digits early.
func (p phone) dialsByPulses(digits string) {
	p.b.Helper()
	p.b.must("dials by pulses "+digits, p.Number(), func(ctx context.Context) error { return p.Pulse(ctx, digits) })
}

// hears waits for a call-progress tone.
func (p phone) hears(name tone.Name) {
	p.b.Helper()
	p.b.must("should hear "+string(name), p.Number(), func(ctx context.Context) error {
		_, err := p.WaitTone(ctx, name, someday)
		return err
	})
}

// rings waits for the first ring of a call.
func (p phone) rings() {
	p.b.Helper()
	p.b.must("should ring", p.Number(), func(ctx context.Context) error {
		_, err := p.WaitRing(ctx, 0, someday)
		return err
	})
}

// stopsRinging waits until the call is no longer offered.
func (p phone) stopsRinging() {
	p.b.Helper()
	p.b.must("should stop ringing", p.Number(), func(ctx context.Context) error {
		_, err := p.Wait(ctx, "ringstop", nil, someday)
		return err
	})
}

// shows waits until the telephone shows who calls.
func (p phone) shows(number, name string) {
	p.b.Helper()
	p.b.must("should show "+number+" "+name, p.Number(), func(ctx context.Context) error {
		match := control.Match{"number": number}
		if name != "" {
			match["name"] = name
		}
		_, err := p.Wait(ctx, "callerid", match, someday)
		return err
	})
}

// isCutOff waits until the box takes the battery away, which is how a
// telephone is told that the other end has hung up.
func (p phone) isCutOff() {
	p.b.Helper()
	p.b.must("should be cut off", p.Number(), func(ctx context.Context) error {
		_, err := p.Wait(ctx, "disconnect", control.Match{"on": true}, soon)
		return err
	})
}

// rings lets a call come in on a line.
func (l line) callsIn(number, name string) {
	l.b.Helper()
	l.b.must("rings", l.Number(), func(ctx context.Context) error {
		return l.Ring(ctx, control.RingArgs{CallerID: &control.CallerIDArgs{Number: number, Name: name}})
	})
}

// isAnswered waits until the box takes the line.
func (l line) isAnswered() {
	l.b.Helper()
	l.b.must("should be answered", l.Number(), func(ctx context.Context) error {
		_, err := l.Wait(ctx, "hook", control.Match{"state": "off"}, someday)
		return err
	})
}

// isReleased waits until the box lets the line go.
func (l line) isReleased() {
	l.b.Helper()
	l.b.must("should be released", l.Number(), func(ctx context.Context) error {
		_, err := l.Wait(ctx, "hook", control.Match{"state": "on"}, someday)
		return err
	})
}

// hangsUp lets the far end of a line end the call by taking the battery away
// for a moment.
func (l line) hangsUp() {
	l.b.Helper()
	l.b.must("hangs up", l.Number(), func(ctx context.Context) error { return l.Hangup(ctx, "open", 0) })
}

// listens begins to write down what is heard from now on.
func (p phone) listens() {
	p.b.Helper()
	p.b.must("listens", p.Number(), func(ctx context.Context) error { return p.Record(ctx, 60_000) })
}

// heard checks that a frequency was among what was heard since then, for at
// least ms milliseconds in all. It does not mind gaps, which an emulated
// machine that is short of time makes.
func (p phone) heard(hz float64, ms int) {
	p.b.Helper()
	p.b.must("has listened", p.Number(), func(ctx context.Context) error {
		if err := p.StopRecord(ctx); err != nil {
			return err
		}
		record, err := p.Recording(ctx, 0, 0)
		if err != nil {
			return err
		}
		got := 0
		const step = 20 // ms
		for piece := range slices.Chunk(record.Samples(), step*tone.PerMS) {
			if tone.LevelAt(piece, hz) > -25 {
				got += step
			}
		}
		if got < ms {
			return fmt.Errorf("%v Hz was heard for %d ms", hz, got)
		}
		return nil
	})
}

// pass lets card time go by.
func (b *box) pass(ms uint64) {
	b.Helper()
	b.must("waits", 1, func(ctx context.Context) error { return b.ctl.Sleep(ctx, 1, ms) })
}

// The tone that is sent through a call to see whether it arrives: 1004 Hz is
// what telephone lines are measured with (IEEE 743), 10 dB below the most that
// fits.
const (
	testHz    = 1004
	testLevel = -10.0 // dBm0
	tolerance = 3.0   // dB
)

// talks checks that the two parties of a call hear each other: a known tone,
// sent at one end, is found at the other, and the other way round.
func (b *box) talk(one, two *control.Port) {
	b.Helper()
	b.hearsTone(one, two)
	b.hearsTone(two, one)
}

// hearsTone checks that what one party says arrives at the other.
func (b *box) hearsTone(from, to *control.Port) {
	b.Helper()
	ctx, cancel := b.limit()
	defer cancel()
	if err := from.PlayTone(ctx, testLevel, -1, testHz); err != nil {
		b.Fatal(err)
	}
	b.pass(500) // until it has come through
	heard, err := to.Listen(ctx, 1000)
	if err != nil {
		b.Fatal(err)
	}
	if err := from.StopPlay(ctx); err != nil {
		b.Fatal(err)
	}
	b.checkTone(from.Number(), to.Number(), heard)
	b.pass(300) // until it is quiet again
}

func (b *box) checkTone(from, to int, heard loop.Recording) {
	b.Helper()
	samples := heard.Samples()
	hz, _ := tone.Frequency(samples)
	level := tone.LevelAt(samples, testHz)
	if math.Abs(hz-testHz) > 5 || math.Abs(level-testLevel) > tolerance {
		b.Errorf("port %d sent %d Hz at %.0f dBm0; at port %d arrived %.0f Hz, and %d Hz at %.1f dBm0",
			from, testHz, testLevel, to, hz, testHz, level)
	}
}

// everybodyHangsUp puts the box back to where nobody calls anybody, whatever
// a scenario that failed has left, and forgets what was heard until now.
func (b *box) everybodyHangsUp() {
	b.Helper()
	ctx, cancel := b.limit()
	defer cancel()
	ports, err := b.ctl.Ports(ctx)
	if err != nil {
		b.Fatal(err)
	}
	for _, p := range ports {
		port := b.ctl.Port(p.Port)
		err := port.StopPlay(ctx)
		if err == nil && p.Phone != nil {
			err = port.OnHook(ctx)
		}
		if err == nil && p.Line != nil {
			err = port.StopRing(ctx)
		}
		if err != nil {
			b.Fatalf("putting port %d to rest: %v", p.Port, err)
		}
	}
	b.pass(gap)
	if b.began, err = b.ctl.Port(ports[0].Port).Frame(ctx); err != nil {
		b.Fatal(err)
	}
	for _, p := range ports {
		if err := b.ctl.Port(p.Port).Mark(ctx); err != nil {
			b.Fatal(err)
		}
	}
}

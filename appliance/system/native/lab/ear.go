package lab

import (
	"context"
	"fmt"
	"sync"

	"switchroom/dahdi/tone"
)

// Frame is the number of samples in an RTP packet of Asterisk's: 20 ms.
const Frame = 160

// Ear keeps what a telephone hears in a call: the sound of the packets in the order they came,
// without what was not sent, and the keys that came as events (RFC 4733). Places in it are counted
// in samples. Its methods may be called from many goroutines.
type Ear struct {
	mu      sync.Mutex
	samples []int16
	starts  []int // of the packets
	keys    []byte
	closed  bool
	changed chan struct{} // closed and replaced whenever something was heard
}

func newEar() *Ear { return &Ear{changed: make(chan struct{})} }

func (e *Ear) change(f func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	f()
	close(e.changed)
	e.changed = make(chan struct{})
}

func (e *Ear) hear(samples []int16) {
	e.change(func() {
		e.starts = append(e.starts, len(e.samples))
		e.samples = append(e.samples, samples...)
	})
}
func (e *Ear) press(key byte) { e.change(func() { e.keys = append(e.keys, key) }) }
func (e *Ear) close()         { e.change(func() { e.closed = true }) }

// Now returns the place that what is heard next will have.
func (e *Ear) Now() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.samples)
}

// Heard returns what was heard from one place up to another; to = -1 is now. It must not be
// changed.
func (e *Ear) Heard(from, to int) []int16 {
	e.mu.Lock()
	defer e.mu.Unlock()
	if to < 0 || to > len(e.samples) {
		to = len(e.samples)
	}
	return e.samples[min(from, to):to:to]
}

// Keys returns the keys that came as events.
func (e *Ear) Keys() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return string(e.keys)
}

// await waits until something was found, for which it holds e.mu.
func (e *Ear) await(ctx context.Context, what string, found func() bool) error {
	for {
		e.mu.Lock()
		ok, closed, changed := found(), e.closed, e.changed
		e.mu.Unlock()
		switch {
		case ok:
			return nil
		case closed:
			return fmt.Errorf("waiting for %s: the call has ended", what)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w", what, ctx.Err())
		}
	}
}

// AwaitKeys waits until these keys are all that has come as events.
func (e *Ear) AwaitKeys(ctx context.Context, keys string) error {
	return e.await(ctx, fmt.Sprintf("the keys %q", keys), func() bool { return string(e.keys) == keys })
}

// Sound is something that an ear can recognise.
type Sound interface {
	// String names it, for messages.
	String() string
	// Length is how many samples it takes to be recognised.
	Length() int
	// Is says whether that many samples, beginning with a packet, are the sound.
	Is(samples []int16) bool
}

// Await waits for one of some sounds, from a place on. It returns which it was and where it began:
// the earliest, if several have been heard.
func (e *Ear) Await(ctx context.Context, from int, sounds ...Sound) (which, start int, err error) {
	names, next := "", make([]int, len(sounds)) // next: the packet to look at, for each
	for i, s := range sounds {
		if i > 0 {
			names += " or "
		}
		names += s.String()
	}
	which = -1
	err = e.await(ctx, names, func() bool {
		for i, s := range sounds {
			for ; next[i] < len(e.starts); next[i]++ {
				at := e.starts[next[i]]
				if at+s.Length() > len(e.samples) || which >= 0 && at >= start {
					break
				}
				if at >= from && s.Is(e.samples[at:at+s.Length()]) {
					which, start = i, at
					break
				}
			}
		}
		return which >= 0
	})
	return max(which, 0), start, err
}

// Find returns where between two places a sound begins first; to = -1 is now.
func (e *Ear) Find(from, to int, s Sound) (start int, found bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if to < 0 || to > len(e.samples) {
		to = len(e.samples)
	}
	for _, at := range e.starts {
		if at >= from && at+s.Length() <= to && s.Is(e.samples[at:at+s.Length()]) {
			return at, true
		}
	}
	return 0, false
}

// AwaitMore waits until so much has been heard from a place on, and returns it.
func (e *Ear) AwaitMore(ctx context.Context, from, samples int) ([]int16, error) {
	err := e.await(ctx, "any sound", func() bool { return len(e.samples) >= from+samples })
	return e.Heard(from, from+samples), err
}

// Find returns where in a recording a sound begins first, looked for every 20 ms: good for tones.
func Find(samples []int16, s Sound) (start int, found bool) {
	for ; start+s.Length() <= len(samples); start += Frame {
		if s.Is(samples[start : start+s.Length()]) {
			return start, true
		}
	}
	return 0, false
}

// Tone is a sine of so many hertz, for 200 ms. It is heard if it is not weak and if at least a
// quarter of all that is heard: other tones may be there, and speech is not taken for one.
type Tone float64

func (t Tone) String() string { return fmt.Sprintf("the tone of %.0f Hz", float64(t)) }

// Length is 200 ms.
func (Tone) Length() int { return 200 * tone.PerMS }

// Is says whether the tone is there.
func (t Tone) Is(samples []int16) bool {
	level := tone.LevelAt(samples, float64(t))
	return level > -32 && level > tone.Level(samples)-6.1
}

// Silence is nothing at all, or next to it, for the time in milliseconds.
type Silence int

func (s Silence) String() string { return fmt.Sprintf("%d ms of silence", int(s)) }

// Length is the time.
func (s Silence) Length() int { return int(s) * tone.PerMS }

// Is says whether it is silent.
func (s Silence) Is(samples []int16) bool { return tone.Level(samples) < -50 }

// Progress is one of a country's call-progress tones.
type Progress struct {
	Zone tone.Zone
	Name tone.Name
}

func (p Progress) String() string { return fmt.Sprintf("the %s tone of %s", p.Name, p.Zone.Country) }

// Length is three seconds: a ringing tone's silence in China is four.
func (Progress) Length() int { return 3000 * tone.PerMS }

// Is says whether it is the tone.
func (p Progress) Is(samples []int16) bool {
	r := tone.NewRecogniser(p.Zone)
	for _, e := range r.Write(samples) {
		if e.On && e.Name == p.Name {
			return true
		}
	}
	return false
}

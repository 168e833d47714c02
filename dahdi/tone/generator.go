package tone

import "math"

// Generator makes a signal piece by piece.
type Generator interface {
	// Next overwrites dst from its beginning and returns how many samples it
	// made. Fewer than len(dst) means that the signal is at its end; the rest
	// of dst is left alone.
	Next(dst []int16) int
}

// oscillator makes one sine by the second-order recurrence, whose error over
// an hour of float64 stays far below one quantisation step.
type oscillator struct{ c, y1, y2 float64 }

func newOscillator(hz, amplitude float64) oscillator {
	w := 2 * math.Pi * hz / Rate
	return oscillator{c: 2 * math.Cos(w), y1: -amplitude * math.Sin(w), y2: -amplitude * math.Sin(2*w)}
}

func (o *oscillator) next() float64 {
	y := o.c*o.y1 - o.y2
	o.y2, o.y1 = o.y1, y
	return y
}

func clip(v float64) int16 {
	return int16(math.Round(math.Max(-32768, math.Min(32767, v))))
}

// samplesOf turns milliseconds into samples; a negative time means "for ever".
func samplesOf(ms int) int {
	if ms < 0 {
		return -1
	}
	return ms * PerMS
}

type sines struct {
	osc  []oscillator
	left int // -1: for ever
}

// Sines makes the sum of the frequencies, each at dBm0, for ms milliseconds
// (negative: for ever).
func Sines(dBm0 float64, ms int, hz ...float64) Generator {
	g := &sines{left: samplesOf(ms)}
	for _, f := range hz {
		g.osc = append(g.osc, newOscillator(f, Amplitude(dBm0)))
	}
	return g
}

func (g *sines) Next(dst []int16) int {
	n := len(dst)
	if g.left >= 0 {
		n = min(n, g.left)
		g.left -= n
	}
	for i := range dst[:n] {
		v := 0.0
		for k := range g.osc {
			v += g.osc[k].next()
		}
		dst[i] = clip(v)
	}
	return n
}

// Silence makes ms milliseconds of nothing (negative: for ever).
func Silence(ms int) Generator { return &sines{left: samplesOf(ms)} }

type recording struct{ samples []int16 }

// Samples plays a recording once. The slice is not copied.
func Samples(samples []int16) Generator { return &recording{samples} }

func (g *recording) Next(dst []int16) int {
	n := copy(dst, g.samples)
	g.samples = g.samples[n:]
	return n
}

type sequence struct{ parts []Generator }

// Sequence plays its parts one after the other without a gap.
func Sequence(parts ...Generator) Generator { return &sequence{parts} }

func (g *sequence) Next(dst []int16) int {
	n := 0
	for len(g.parts) > 0 {
		n += g.parts[0].Next(dst[n:])
		if n == len(dst) {
			break
		}
		g.parts = g.parts[1:]
	}
	return n
}

// mix is the sum of two signals, as long as the first.
type mix struct {
	a, b Generator
	buf  []int16
}

// Mix adds b to a for as long as a lasts.
func Mix(a, b Generator) Generator { return &mix{a: a, b: b} }

func (g *mix) Next(dst []int16) int {
	n := g.a.Next(dst)
	if cap(g.buf) < n {
		g.buf = make([]int16, n)
	}
	m := g.b.Next(g.buf[:n])
	for i, s := range g.buf[:m] {
		dst[i] = clip(float64(dst[i]) + float64(s))
	}
	return n
}

// Take makes at most n samples of g and returns what there was.
func Take(g Generator, n int) []int16 {
	out := make([]int16, n)
	return out[:g.Next(out)]
}

// TakeAll makes the whole of a signal that ends, but not more than limit
// samples.
func TakeAll(g Generator, limit int) []int16 {
	var out []int16
	buf := make([]int16, 800)
	for len(out) < limit {
		want := min(len(buf), limit-len(out))
		n := g.Next(buf[:want])
		out = append(out, buf[:n]...)
		if n < want {
			break
		}
	}
	return out
}

package tone

import (
	"math"
	"math/cmplx"
)

// The detector looks at the last 20 ms every 5 ms.
const (
	dtmfBlock = 5 * PerMS // samples between looks
	dtmfSpan  = 4         // blocks in a look
	dtmfHalf  = 2 * dtmfBlock

	// dtmfHits looks in a row must agree. A tone of 40 ms fills at least four
	// whole looks; one of 23 ms can satisfy at most three, because a look less
	// than about 17 ms full fails the balance of its halves.
	dtmfHits = 4
	// dtmfMisses looks in a row without the key end it: an interruption of
	// 10 ms spoils at most six, a pause of 30 ms at least eight.
	dtmfMisses = 7

	// dtmfTolerance is the largest deviation of a frequency that is taken, as
	// a share: between the 1.5 % that must and the 3.5 % that must not be.
	dtmfTolerance = 0.025
	// dtmfPurity is the share of a look's energy that the two frequencies must
	// hold. Noise 12 dB below leaves 94 %; speech seldom reaches it.
	dtmfPurity = 0.80
)

// DTMFLimits are a receiver's electrical limits (ITU-T Q.24 table 1). The zero
// value of a field means its default.
type DTMFLimits struct {
	MinLevel     float64 // weakest frequency taken, dBm0; -36 (the laxest administration asks -30, the strictest refuses below -39)
	Twist        float64 // low frequency stronger by at most this many dB; 9.5
	ReverseTwist float64 // high frequency stronger by at most this many dB; 9.5
}

// DTMFEvent is a key recognised, or its end.
type DTMFEvent struct {
	Key   byte    // one of DTMFDigits
	Down  bool    // true when it is recognised, false when it is over
	Start uint64  // sample at which the tone began, as well as can be told (±5 ms)
	At    uint64  // Down: the sample at which it was recognised. Else: where the tone ended (±5 ms)
	Level float64 // of the low frequency, dBm0
	Twist float64 // high frequency's level over the low one's, dB
}

// DTMFDetector recognises keys. It takes frequencies within 1.5 % and refuses
// those 3.5 % off, takes tones of 40 ms and refuses those of 23 ms, bears an
// interruption of 10 ms, and separates keys 30 ms apart.
type DTMFDetector struct {
	limits DTMFLimits
	bank   bank
	hist   [dtmfSpan]dtmfLook // newest last
	filled int
	n      uint64 // samples seen

	key     byte // the key that is down, 0 for none
	start   uint64
	level   float64
	twist   float64
	cand    byte // the key of the last looks
	hits    int
	misses  int
	lastHit uint64
	events  []DTMFEvent
}

// dtmfLook is what one block of 5 ms held.
type dtmfLook struct {
	x      [8]complex128
	energy float64
}

// NewDTMFDetector makes a detector with the given limits.
func NewDTMFDetector(limits DTMFLimits) *DTMFDetector {
	if limits.MinLevel == 0 {
		limits.MinLevel = -36
	}
	if limits.Twist == 0 {
		limits.Twist = 9.5
	}
	if limits.ReverseTwist == 0 {
		limits.ReverseTwist = 9.5
	}
	d := &DTMFDetector{limits: limits}
	d.bank.init(append(append([]float64(nil), dtmfLow[:]...), dtmfHigh[:]...), dtmfBlock)
	return d
}

// Write analyses samples and returns the events they brought, in order. The
// slice is valid until the next call.
func (d *DTMFDetector) Write(samples []int16) []DTMFEvent {
	d.events = d.events[:0]
	for _, s := range samples {
		if d.bank.add(float64(s)) {
			d.block()
		}
	}
	return d.events
}

// Idle reports that nothing but digital silence has been seen for so long that
// more of it can't change anything: the caller may use Skip.
func (d *DTMFDetector) Idle() bool {
	return d.key == 0 && d.hits == 0 && d.bank.quiet() && d.filled == 0
}

// Skip counts n samples of digital silence without looking at them. It must
// only be called while Idle.
func (d *DTMFDetector) Skip(n int) { d.n += uint64(n) }

func (d *DTMFDetector) block() {
	d.n += dtmfBlock
	copy(d.hist[:], d.hist[1:])
	look := &d.hist[dtmfSpan-1]
	look.energy = d.bank.take(look.x[:])
	if look.energy > 0 {
		d.filled = dtmfSpan
	} else if d.filled > 0 {
		d.filled--
	}
	key := byte(0)
	var level, twist float64
	if d.filled > 0 {
		key, level, twist = d.look()
	}
	d.step(key, level, twist)
}

// look judges the last 20 ms.
func (d *DTMFDetector) look() (key byte, level, twist float64) {
	energy := 0.0
	for i := range d.hist {
		energy += d.hist[i].energy
	}
	floor := Amplitude(d.limits.MinLevel)
	floor = floor * floor / 2 * dtmfBlock * dtmfSpan
	if energy < floor {
		return 0, 0, 0
	}
	// Each frequency in the two halves of the look, coherent over 10 ms.
	var first, second [8]complex128
	var power [8]float64
	for f := range power {
		r := d.bank.turn[f]
		first[f] = d.hist[0].x[f] + d.hist[1].x[f]*r
		second[f] = d.hist[2].x[f] + d.hist[3].x[f]*r
		power[f] = sq(first[f]) + sq(second[f])
	}
	lo, hi := strongest(power[:4]), 4+strongest(power[4:])

	// The stronger tone leaks into the weaker one's sums: take it out of them.
	strong, weak := lo, hi
	if power[hi] > power[lo] {
		strong, weak = hi, lo
	}
	off := d.offset(strong, first[strong], second[strong])
	ws := 2 * math.Pi * (d.bank.hz[strong] + off) / Rate
	leak := dirichlet(ws-2*math.Pi*d.bank.hz[weak]/Rate) / dirichlet(ws-2*math.Pi*d.bank.hz[strong]/Rate)
	first[weak] -= first[strong] * leak
	second[weak] -= second[strong] * leak

	sum := 0.0
	var amps [2]float64
	for i, f := range [2]int{lo, hi} {
		a, b := sq(first[f]), sq(second[f])
		if a > 2.2*b || b > 2.2*a {
			return 0, 0, 0 // only part of the look is filled
		}
		off := d.offset(f, first[f], second[f])
		if math.Abs(off) > dtmfTolerance*d.bank.hz[f] {
			return 0, 0, 0
		}
		// Being off the centre costs power in the sum; give it back.
		p := (a + b) / sinc2(off*dtmfHalf/Rate)
		// |X|² of a sine of amplitude a over n samples is (a·n/2)²; its energy a²n/2.
		amps[i] = math.Sqrt(p/2) * 2 / dtmfHalf
		sum += amps[i] * amps[i] / 2 * dtmfBlock * dtmfSpan
	}
	if sum < dtmfPurity*energy {
		return 0, 0, 0
	}
	level = powerLevel(amps[0] * amps[0] / 2)
	twist = powerLevel(amps[1]*amps[1]/2) - level
	if min(level, level+twist) < d.limits.MinLevel || twist > d.limits.ReverseTwist || -twist > d.limits.Twist {
		return 0, 0, 0
	}
	return dtmfKeys[lo*4+hi-4], level, twist
}

// offset is how many hertz a tone lies above the filter's frequency, told by
// how far its phase moves from one half of the look to the other (±50).
func (d *DTMFDetector) offset(f int, first, second complex128) float64 {
	turn := d.bank.turn[f]
	return cmplx.Phase(second*turn*turn*cmplx.Conj(first)) / (2 * math.Pi) * Rate / dtmfHalf
}

// dirichlet is the sum of a half's samples of a tone that turns by w each.
func dirichlet(w float64) complex128 {
	if math.Abs(w) < 1e-9 {
		return dtmfHalf
	}
	return cmplx.Rect(math.Sin(dtmfHalf*w/2)/math.Sin(w/2), w*(dtmfHalf-1)/2)
}

// step follows the looks' answers: agreement starts a key, absence ends it.
func (d *DTMFDetector) step(key byte, level, twist float64) {
	if key != 0 && key == d.key {
		d.misses, d.hits, d.cand = 0, 0, 0
		d.lastHit = d.n
		return
	}
	if d.key != 0 {
		d.misses++
	}
	switch {
	case key == 0:
		d.hits, d.cand = 0, 0
	case key == d.cand:
		d.hits++
	default:
		d.cand, d.hits = key, 1
	}
	if d.key != 0 && (d.misses >= dtmfMisses || d.hits >= dtmfHits) {
		d.events = append(d.events, DTMFEvent{Key: d.key, Start: d.start, At: d.lastHit, Level: d.level, Twist: d.twist})
		d.key, d.misses = 0, 0
	}
	if d.hits >= dtmfHits {
		// The first agreeing look ended three blocks ago and was at least 17 ms full.
		back := uint64((dtmfHits - 1 + dtmfSpan) * dtmfBlock)
		d.start = d.n - min(d.n, back)
		d.key, d.level, d.twist, d.lastHit = key, level, twist, d.n
		d.hits, d.cand, d.misses = 0, 0, 0
		d.events = append(d.events, DTMFEvent{Key: key, Down: true, Start: d.start, At: d.n, Level: level, Twist: twist})
	}
}

func sq(c complex128) float64 { return real(c)*real(c) + imag(c)*imag(c) }

// sinc2 is (sin πx / πx)².
func sinc2(x float64) float64 {
	if math.Abs(x) < 1e-6 {
		return 1
	}
	s := math.Sin(math.Pi*x) / (math.Pi * x)
	return s * s
}

func strongest(p []float64) int {
	best := 0
	for i, v := range p {
		if v > p[best] {
			best = i
		}
	}
	return best
}

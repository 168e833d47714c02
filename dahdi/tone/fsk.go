package tone

import (
	"math"
	"math/cmplx"
)

// Modem is a modulation of caller identification: 1200 bit/s, mark is 1.
type Modem struct {
	Name        string
	Mark, Space float64 // Hz
}

// The two modems in use.
var (
	Bell202 = Modem{"bell", 1200, 2200} // North America, China, and others
	V23     = Modem{"v23", 1300, 2100}  // Europe
)

// Baud is the bit rate of caller identification.
const Baud = 1200.0

// FSKOptions say how a message is sent. The zero value of a field means its
// default.
type FSKOptions struct {
	Level   float64 // of the mark, dBm0; -13.5 (what GR-30 gives an exchange)
	Twist   float64 // of the space over the mark, dB; 0
	Seizure int     // bits of alternating space and mark before; 300. Negative: none
	Mark    int     // bits of mark before; 180
	Tail    int     // bits of mark after; 10
	Rate    float64 // bits per second; 1200
	Shift   float64 // both frequencies are off by this share
	Stuff   int     // extra bits of mark between octets, 0 to 10
}

// fsk makes phase-continuous frequency shift keying of bits.
type fsk struct {
	bits  []bool
	step  [2]float64 // phase per sample, of space and mark
	amp   [2]float64
	rate  float64
	n     int
	phase float64
}

// FSK makes a message with its preamble: channel seizure, mark, and each
// octet with a start bit, least significant bit first, and a stop bit.
func FSK(m Modem, message []byte, opt FSKOptions) Generator {
	if opt.Level == 0 {
		opt.Level = -13.5
	}
	if opt.Seizure == 0 {
		opt.Seizure = 300
	}
	if opt.Mark == 0 {
		opt.Mark = 180
	}
	if opt.Tail == 0 {
		opt.Tail = 10
	}
	if opt.Rate == 0 {
		opt.Rate = Baud
	}
	g := &fsk{rate: opt.Rate}
	g.step[1] = 2 * math.Pi * m.Mark * (1 + opt.Shift) / Rate
	g.step[0] = 2 * math.Pi * m.Space * (1 + opt.Shift) / Rate
	g.amp[1] = Amplitude(opt.Level)
	g.amp[0] = Amplitude(opt.Level + opt.Twist)
	for i := range max(0, opt.Seizure) {
		g.bits = append(g.bits, i%2 == 1)
	}
	ones := func(n int) {
		for range n {
			g.bits = append(g.bits, true)
		}
	}
	ones(opt.Mark)
	for _, b := range message {
		g.bits = append(g.bits, false)
		for i := range 8 {
			g.bits = append(g.bits, b>>i&1 == 1)
		}
		ones(1 + opt.Stuff)
	}
	ones(opt.Tail)
	return g
}

func (g *fsk) Next(dst []int16) int {
	for i := range dst {
		bit := int(float64(g.n) * g.rate / Rate)
		if bit >= len(g.bits) {
			return i
		}
		k := 0
		if g.bits[bit] {
			k = 1
		}
		g.phase += g.step[k]
		if g.phase > 2*math.Pi {
			g.phase -= 2 * math.Pi
		}
		dst[i] = clip(g.amp[k] * math.Sin(g.phase))
		g.n++
	}
	return len(dst)
}

const (
	fskCentre  = 1700 // Hz: the middle between mark and space of either modem
	fskTaps    = 5    // of the filter after the mixer
	fskAverage = 5    // samples of frequency averaged: most of a bit

	// fskMark bits of mark in a row must come before a message.
	fskMark = 24
	// fskFloor is the level below which there is no carrier, dBm0. GR-30's
	// weakest signal at a set is -32 dBm, its space may be 10 dB weaker still.
	fskFloor = -48.0
	// fskStuff bits of mark between octets end a message.
	fskStuff = 24
)

// fskFilter is binomial: it lets the signal pass, 500 Hz to either side of the
// centre once it is mixed down, stops the mixer's image near 3,400 Hz, and is
// shorter than a bit.
var fskFilter = [fskTaps]float64{1. / 16, 4. / 16, 6. / 16, 4. / 16, 1. / 16}

// FSKMessage is a message received, or what is left of one.
type FSKMessage struct {
	Modem  string // Bell202's or V23's name, told by the frequency of the mark
	Octets []byte // type, length, contents and check-sum, as far as they came
	Err    error  // nil if the message is whole and its check-sum right
	At     uint64 // sample at which it ended
	Level  float64
}

// FSKDecoder receives caller identification by either modem. It follows the
// frequency, not the strength of two filters, so that a line that weakens one
// of the tones does not matter.
type FSKDecoder struct {
	n      uint64
	lo     complex128          // the mixer's oscillator
	step   complex128          // and how it turns
	mixed  [fskTaps]complex128 // oldest first
	square [8]float64          // of the last samples, for the carrier
	energy float64             // their sum
	prev   complex128          // the filter's last output
	turns  [fskAverage]float64 // of phase, radians a sample
	sum    float64             // of turns
	d      float64             // the decision value: above 0 is mark

	markRun float64 // samples of mark in a row
	markSum float64 // of the phase turns in it, edges left out
	mark    float64 // mean turn of the mark before the message
	carrier bool
	level   float64 // mean square of the signal, smoothed

	// The octet being received.
	inOctet bool
	start   float64 // time of its start bit's edge, samples
	bit     int     // next bit to sample: 0 is the start bit, 9 the stop bit
	octet   byte
	ended   float64 // when the last octet's stop bit was sampled

	msg    []byte
	synced bool // a message may begin, or has begun
	out    []FSKMessage
}

// NewFSKDecoder makes a decoder.
func NewFSKDecoder() *FSKDecoder {
	return &FSKDecoder{lo: 1, step: cmplx.Rect(1, -2*math.Pi*fskCentre/Rate)}
}

// Write takes samples and returns the messages that ended in them. The slice
// is valid until the next call.
func (d *FSKDecoder) Write(samples []int16) []FSKMessage {
	d.out = d.out[:0]
	for _, s := range samples {
		d.sample(float64(s))
	}
	return d.out
}

func (d *FSKDecoder) sample(x float64) {
	k := d.n % uint64(len(d.square))
	d.energy += x*x - d.square[k]
	d.square[k] = x * x
	if d.n++; d.n%4096 == 0 {
		d.lo /= complex(cmplx.Abs(d.lo), 0)
	}
	d.lo *= d.step
	copy(d.mixed[:], d.mixed[1:])
	d.mixed[fskTaps-1] = complex(x, 0) * d.lo
	floor := Amplitude(fskFloor)
	if d.energy < floor*floor/2*float64(len(d.square)) {
		if d.carrier {
			d.carrier = false
			d.lost(errCarrier)
			d.markRun, d.markSum, d.inOctet = 0, 0, false
		}
		return
	}
	d.carrier = true
	d.level += (d.energy/float64(len(d.square)) - d.level) / 64
	var z complex128
	for i, c := range fskFilter {
		z += d.mixed[i] * complex(c, 0)
	}
	turn := cmplx.Phase(z * cmplx.Conj(d.prev))
	d.prev = z
	d.sum += turn - d.turns[d.n%fskAverage]
	d.turns[d.n%fskAverage] = turn
	old := d.d
	d.d = -d.sum
	now := float64(d.n)
	switch {
	case d.d > 0:
		if d.markRun++; d.markRun > fskAverage {
			d.markSum += turn
		}
	case d.markRun > 0:
		d.sync()
		d.markRun, d.markSum = 0, 0
	}
	if d.synced {
		d.uart(old, now)
	}
}

// sync is called at the end of a run of mark: if it was long enough, and near
// either modem's mark, a message may begin.
func (d *FSKDecoder) sync() {
	if len(d.msg) > 0 || d.inOctet || d.markRun < fskMark*Rate/Baud {
		return
	}
	mean := d.markSum / (d.markRun - fskAverage)
	if hz := fskCentre + mean/(2*math.Pi)*Rate; hz < Bell202.Mark-60 || hz > V23.Mark+60 {
		return
	}
	d.mark, d.synced = mean, true
}

// uart finds octets in the decisions. old and d.d are the decision values one
// sample ago and now.
func (d *FSKDecoder) uart(old, now float64) {
	if !d.inOctet {
		switch {
		case old > 0 && d.d <= 0:
			d.inOctet, d.bit, d.octet = true, 0, 0
			d.start = now - 1 + old/(old-d.d)
		case len(d.msg) > 0 && now-d.ended > fskStuff*Rate/Baud:
			d.lost(errShort)
		}
		return
	}
	at := d.start + (float64(d.bit)+0.5)*Rate/Baud
	if now < at {
		return
	}
	value := old + (d.d-old)*(at-(now-1))
	switch {
	case d.bit == 0 && value > 0: // a spike, no start bit
		d.inOctet = false
	case d.bit > 0 && d.bit < 9 && value > 0:
		d.octet |= 1 << (d.bit - 1)
	case d.bit == 9:
		d.inOctet, d.ended = false, now
		if value <= 0 {
			d.lost(errFraming)
			return
		}
		d.take(d.octet)
	}
	d.bit++
}

// take adds an octet to the message.
func (d *FSKDecoder) take(b byte) {
	if len(d.msg) == 0 && !messageType(b) {
		d.synced = false
		return
	}
	d.msg = append(d.msg, b)
	if len(d.msg) < 3 || len(d.msg) < int(d.msg[1])+3 {
		return
	}
	d.finish(checkSum(d.msg))
}

func (d *FSKDecoder) lost(err error) {
	if len(d.msg) > 0 {
		d.finish(err)
	}
	d.synced = false
}

func (d *FSKDecoder) finish(err error) {
	modem := Bell202.Name
	if fskCentre+d.mark/(2*math.Pi)*Rate > (Bell202.Mark+V23.Mark)/2 {
		modem = V23.Name
	}
	d.out = append(d.out, FSKMessage{Modem: modem, Octets: d.msg, Err: err, At: d.n, Level: powerLevel(d.level)})
	d.msg, d.synced, d.inOctet = nil, false, false
}

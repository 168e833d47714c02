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
	fskWindow  = 7 // samples of a correlation: about one bit
	fskHistory = 8 // a power of two above it

	// fskMark bits of mark in a row must come before a message.
	fskMark = 24
	// fskFloor is the level below which there is no carrier, dBm0. GR-30's
	// weakest signal at a set is -32 dBm; a transmission loss is allowed for.
	fskFloor = -45.0
	// fskStuff bits of mark between octets end a message.
	fskStuff = 24
)

// FSKMessage is a message received, or what is left of one.
type FSKMessage struct {
	Modem  string // Bell202's or V23's name, told by the frequency of the mark
	Octets []byte // type, length, contents and check-sum, as far as they came
	Err    error  // nil if the message is whole and its check-sum right
	At     uint64 // sample at which it ended
	Level  float64
}

// FSKDecoder receives caller identification by either modem.
type FSKDecoder struct {
	hist  [fskHistory]float64
	n     uint64
	mark  [fskWindow]complex128
	space [fskWindow]complex128

	energy  float64 // smoothed square
	d       float64 // the last decision value: above 0 is mark
	avg     [2]float64
	prev    complex128
	turn    complex128 // sums the mark's phase advance
	markRun float64    // samples of mark in a row
	carrier bool

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
	d := &FSKDecoder{}
	// Between the two standards' frequencies: 50 Hz off is nothing to a
	// window of 0.9 ms.
	for i := range d.mark {
		d.mark[i] = cmplx.Rect(1, -2*math.Pi*1250/Rate*float64(i))
		d.space[i] = cmplx.Rect(1, -2*math.Pi*2150/Rate*float64(i))
	}
	return d
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
	d.hist[d.n%fskHistory] = x
	d.n++
	d.energy += (x*x - d.energy) / 16
	floor := Amplitude(fskFloor)
	if d.energy < floor*floor/2 {
		if d.carrier {
			d.carrier = false
			d.lost(errCarrier)
			d.synced, d.markRun, d.inOctet = false, 0, false
			d.avg = [2]float64{}
		}
		return
	}
	d.carrier = true
	var m, s complex128
	for i := range fskWindow {
		v := complex(d.hist[(d.n-fskWindow+uint64(i))%fskHistory], 0)
		m += v * d.mark[i]
		s += v * d.space[i]
	}
	// A long line weakens the space by up to 10 dB: weigh each by what it was.
	wm, ws := 1.0, 1.0
	if d.avg[0] > 0 && d.avg[1] > 0 {
		r := math.Sqrt(math.Max(0.06, math.Min(16, d.avg[1]/d.avg[0])))
		wm, ws = 1/r, r
	}
	am, as := sq(m), sq(s)
	old := d.d
	d.d = wm*am - ws*as
	now := float64(d.n)
	if d.d > 0 {
		if d.markRun > 8 {
			d.turn += m * cmplx.Conj(d.prev)
		}
		d.markRun++
	} else {
		if d.markRun > 0 && d.markRun >= fskMark*Rate/Baud && len(d.msg) == 0 {
			d.synced = true
		}
	}
	d.prev = m
	if d.synced {
		d.uart(old, now, am, as)
	} else if d.d > 0 != (old > 0) {
		// Learn the two levels from the alternation before the message.
		d.learn(am, as)
	}
	if d.d <= 0 {
		if !d.synced {
			d.turn = 0
		}
		d.markRun = 0
	}
}

// learn follows the level of the mark or space heard now.
func (d *FSKDecoder) learn(am, as float64) {
	k, v := 0, as
	if d.d > 0 {
		k, v = 1, am
	}
	if d.avg[k] == 0 {
		d.avg[k] = v
	} else {
		d.avg[k] += (v - d.avg[k]) / 8
	}
}

// uart finds octets in the decisions. old and d.d are the decision values one
// sample ago and now.
func (d *FSKDecoder) uart(old, now float64, am, as float64) {
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
	if value > 0 == (d.d > 0) && d.bit > 0 {
		d.learn(am, as)
	}
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
	if cmplx.Phase(d.turn)/(2*math.Pi)*Rate > 1250 {
		modem = V23.Name
	}
	d.out = append(d.out, FSKMessage{Modem: modem, Octets: d.msg, Err: err, At: d.n, Level: powerLevel(d.energy)})
	d.msg, d.synced, d.inOctet, d.turn = nil, false, false, 0
}

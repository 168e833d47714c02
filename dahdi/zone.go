package dahdi

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// ToneID is the driver's number for a call-progress tone.
type ToneID int

// The tones of a zone, as DAHDI numbers them.
const (
	ToneStop       ToneID = -1
	ToneDial       ToneID = 0
	ToneBusy       ToneID = 1
	ToneRing       ToneID = 2
	ToneCongestion ToneID = 3
	ToneCallWait   ToneID = 4
	ToneRecall     ToneID = 5
	ToneRecord     ToneID = 6
	ToneInfo       ToneID = 7
	ToneStutter    ToneID = 10
)

// Where the digits begin in the driver's numbering.
const (
	toneDTMF       ToneID = 64
	toneMFR1       ToneID = 80
	toneMFR2Fwd    ToneID = 96
	toneMFR2Rev    ToneID = 112
	cadenceLength         = 16 // of a ring cadence, in the driver
	maxDefinitions        = 128
)

// ToneSpec is one tone in the notation of tone zones: elements separated by
// commas, each "f", "f1+f2" or "f1*f2" (f1 modulated by f2) in Hz, 0 for silence,
// then "/ms" unless it lasts for ever; "!" in front of an element keeps it out of
// the repetition.
type ToneSpec struct {
	ID   ToneID
	Spec string
}

// Zone is how a country's exchanges sound and ring: what is loaded into the
// driver, which plays dial tone, busy tone, DTMF and the like by itself and
// rings telephones in the zone's cadence.
type Zone struct {
	Number      int    // the driver's handle; libtonezone's numbers, so that both tools mean the same
	Country     string // ISO 3166, two small letters
	Name        string // "China"
	RingCadence []int  // ms: on, off, on, off …; at most 16
	Tones       []ToneSpec
	// Levels in dBm0: of the high and the low frequency of DTMF, and of the
	// frequencies of the exchange signallings R1 and R2.
	DTMFHigh, DTMFLow, MFR1, MFR2 int
}

// ToneDef is one element of a tone as the driver wants it: two digital
// resonators, each y[n] = Fac/32768*y[n-1] - y[n-2], with their last two values
// to start from, and what comes next.
type ToneDef struct {
	Tone    int32 // ToneID, or the number of a digit
	Next    int32 // the index of the element that follows
	Samples int32 // how long, in 1/8000 s
	Shift   int32 // not used by the driver

	Fac1, InitV2First, InitV3First   int32
	Fac2, InitV2Second, InitV3Second int32
	Modulate                         int32 // 1: the first multiplied by the second
}

// toneLevel is at what dBm0 call-progress tones are played; digitalMax is the
// level of a full-scale sine in G.711, mu-law (ITU-T G.711, 3.17 dBm0; the
// driver's header calculates with 3.14, of A-law, and so do we).
const (
	toneLevel  = -10.0
	digitalMax = 3.14
)

// resonator gives the factor and the two start values for a frequency in Hz at
// a level in dBm0, by the equations in the driver's header. The amplitude is
// rounded to single precision on the way because libtonezone does: the result
// is the same to the bit.
func resonator(hz, level float64) (fac, v2, v3 int32) {
	gain := float64(float32(math.Pow(10, (level-digitalMax)/20) * 65536 / 2))
	w := 2 * math.Pi * (hz / 8000)
	return int32(2 * math.Cos(w) * 32768), int32(math.Sin(-2*w) * gain), int32(math.Sin(-w) * gain)
}

// twoTones fills in both resonators.
func twoTones(hz1, level1, hz2, level2 float64) ToneDef {
	var d ToneDef
	d.Fac1, d.InitV2First, d.InitV3First = resonator(hz1, level1)
	d.Fac2, d.InitV2Second, d.InitV3Second = resonator(hz2, level2)
	return d
}

// Definitions computes what the driver is given for the zone: the elements of
// its tones, then DTMF, R1 and R2 in both directions. It fails for a notation it
// can't read and for more elements than the driver takes (128).
func (z Zone) Definitions() ([]ToneDef, error) {
	var defs []ToneDef
	for _, t := range z.Tones {
		more, err := buildTone(t, len(defs))
		if err != nil {
			return nil, fmt.Errorf("tone zone %s: tone %d: %w", z.Country, t.ID, err)
		}
		defs = append(defs, more...)
	}
	digits := func(base ToneID, pairs [][2]float64, low, high int) {
		for i, p := range pairs {
			d := twoTones(p[0], float64(low), p[1], float64(high))
			d.Tone = int32(base) + int32(i)
			defs = append(defs, d)
		}
	}
	digits(toneDTMF, dtmfPairs, z.DTMFLow, z.DTMFHigh)
	digits(toneMFR1, mfr1Pairs, z.MFR1, z.MFR1)
	digits(toneMFR2Fwd, mfr2Pairs(1380, 120), z.MFR2, z.MFR2)
	digits(toneMFR2Rev, mfr2Pairs(1140, -120), z.MFR2, z.MFR2)
	if len(defs) > maxDefinitions {
		return nil, fmt.Errorf("tone zone %s: %d elements, the driver takes %d", z.Country, len(defs), maxDefinitions)
	}
	return defs, nil
}

// Cadence gives the ring cadence in the driver's form, 0 after its end.
func (z Zone) Cadence() ([cadenceLength]int32, error) {
	var out [cadenceLength]int32
	if len(z.RingCadence) > cadenceLength {
		return out, fmt.Errorf("tone zone %s: ring cadence of %d times, the driver takes %d", z.Country, len(z.RingCadence), cadenceLength)
	}
	for i, ms := range z.RingCadence {
		out[i] = int32(ms)
	}
	return out, nil
}

// buildTone turns one tone's notation into elements; the first will be number
// first in the zone.
func buildTone(t ToneSpec, first int) ([]ToneDef, error) {
	var defs []ToneDef
	loop := -1
	var timed, modulate bool
	for i, part := range strings.Split(t.Spec, ",") {
		e, err := parseElement(part)
		if err != nil {
			return nil, err
		}
		if !e.once && loop < 0 {
			loop = first + i
		}
		d := twoTones(e.hz1, e.level, e.hz2, e.level)
		d.Tone = int32(t.ID)
		// Once modulated, the rest of a tone stays so: libtonezone does it, and
		// the driver takes a missing second frequency for no modulation.
		if modulate = modulate || e.modulate; modulate {
			d.Modulate = 1
		}
		if timed = e.ms > 0; timed {
			d.Samples, d.Next = int32(e.ms*8), int32(first+i+1)
		} else {
			d.Samples, d.Next = 8000, int32(first+i)
		}
		defs = append(defs, d)
	}
	if timed {
		if loop < 0 {
			return nil, fmt.Errorf("%q has no element to go on with: every one is marked as played once", t.Spec)
		}
		defs[len(defs)-1].Next = int32(loop)
	}
	return defs, nil
}

// element is one element of the notation.
type element struct {
	hz1, hz2, level float64
	ms              int // 0: for ever
	once, modulate  bool
}

func parseElement(s string) (element, error) {
	e := element{level: toneLevel}
	rest, once := strings.CutPrefix(s, "!")
	e.once = once
	freqs, ms, timed := strings.Cut(rest, "/")
	number := func(text string, least, most int) (int, error) {
		v, err := strconv.Atoi(text)
		if err != nil || v < least || v > most {
			return 0, fmt.Errorf("element %q: %q is not a whole number from %d to %d", s, text, least, most)
		}
		return v, nil
	}
	var err error
	if timed {
		if e.ms, err = number(ms, 1, 1_000_000); err != nil {
			return element{}, err
		}
	}
	a, b, two := strings.Cut(freqs, "+")
	if !two {
		if a, b, e.modulate = strings.Cut(freqs, "*"); e.modulate {
			two = true
		}
	}
	hz1, err := number(a, 0, 3999)
	if err != nil {
		return element{}, err
	}
	e.hz1 = float64(hz1)
	if two {
		hz2, err := number(b, 0, 3999)
		if err != nil {
			return element{}, err
		}
		e.hz2 = float64(hz2)
	}
	return e, nil
}

// dtmfPairs are the frequencies of DTMF digits (ITU-T Q.23), low and high, in
// the driver's order: 0 to 9, *, #, A to D.
var dtmfPairs = [][2]float64{
	{941, 1336}, {697, 1209}, {697, 1336}, {697, 1477}, {770, 1209}, {770, 1336}, {770, 1477}, {852, 1209},
	{852, 1336}, {852, 1477}, {941, 1209}, {941, 1477}, {697, 1633}, {770, 1633}, {852, 1633}, {941, 1633},
}

// mfr1Pairs are those of signalling R1 (ITU-T Q.320): 0 to 9, KP, ST, ST', ST”, ST”'.
var mfr1Pairs = [][2]float64{
	{1300, 1500}, {700, 900}, {700, 1100}, {900, 1100}, {700, 1300}, {900, 1300}, {1100, 1300}, {700, 1500},
	{900, 1500}, {1100, 1500}, {1100, 1700}, {1500, 1700}, {900, 1700}, {1300, 1700}, {700, 1700},
}

// mfr2Pairs gives those of signalling R2 (ITU-T Q.441): two out of six
// frequencies that stand step Hz apart, digits 1 to 15.
func mfr2Pairs(base, step float64) [][2]float64 {
	var pairs [][2]float64
	for high := 1; high < 6; high++ {
		for low := range high {
			a, b := base+float64(low)*step, base+float64(high)*step
			pairs = append(pairs, [2]float64{min(a, b), max(a, b)})
		}
	}
	return pairs
}

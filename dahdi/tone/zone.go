package tone

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
)

// Name is what a call-progress tone says.
type Name string

// The call-progress tones of a zone.
const (
	Dial       Name = "dial"
	Busy       Name = "busy"
	Ringback   Name = "ringback"
	Congestion Name = "congestion" // no way through; many countries use it for unobtainable numbers too
	CallWait   Name = "callwaiting"
	Recall     Name = "recall" // dial tone after a flash
	Stutter    Name = "stutter"
	Info       Name = "info" // the special information tones before an announcement
	Record     Name = "record"
)

// Segment is one step of a tone: frequencies (none is silence) for a time.
type Segment struct {
	// Hz are the frequencies heard. A modulated carrier is written out as its
	// carrier and two sidebands, and Modulated says so.
	Hz        []float64
	Modulated bool
	MS        int  // 0: for ever
	Once      bool // not part of the repetition
}

// Tone is a call-progress tone: segments in order; after the last one the
// segments that are not Once repeat.
type Tone struct {
	Name     Name
	Spec     string // in the notation of ParseTone
	Segments []Segment
}

// Zone is the set of tones of a country.
type Zone struct {
	Country string // two letters of ISO 3166, but for "uk", which is an alias of "gb"
	Tones   []Tone
	RingMS  []int // the ringing cadence: on, off, on, off …
}

// Tone finds a tone by name.
func (z Zone) Tone(n Name) (Tone, bool) {
	for _, t := range z.Tones {
		if t.Name == n {
			return t, true
		}
	}
	return Tone{}, false
}

// ParseTone reads the notation of tone zones: segments separated by commas,
// each "f", "f1+f2" or "f1*f2" (f1 modulated by f2), 0 for silence, then "/ms"
// if it does not last for ever; a leading "!" keeps the segment out of the
// repetition.
func ParseTone(name Name, spec string) (Tone, error) {
	t := Tone{Name: name, Spec: spec}
	for part := range strings.SplitSeq(spec, ",") {
		var s Segment
		p := strings.TrimSpace(part)
		p, s.Once = strings.CutPrefix(p, "!")
		freqs, ms, timed := strings.Cut(p, "/")
		if timed {
			v, err := strconv.Atoi(ms)
			if err != nil || v <= 0 || v > 1e6 {
				return Tone{}, fmt.Errorf("tone %q: segment %q: time of 1 to 1000000 ms wanted", spec, part)
			}
			s.MS = v
		}
		carrier, by, modulated := strings.Cut(freqs, "*")
		for f := range strings.SplitSeq(carrier, "+") {
			hz, err := strconv.ParseFloat(f, 64)
			if err != nil || !(hz >= 0 && hz < Rate/2) {
				return Tone{}, fmt.Errorf("tone %q: segment %q: %q is no frequency below 4000 Hz", spec, part, f)
			}
			if hz > 0 {
				s.Hz = append(s.Hz, hz)
			}
		}
		if len(s.Hz) > 4 {
			return Tone{}, fmt.Errorf("tone %q: segment %q: more than four frequencies", spec, part)
		}
		if modulated {
			m, err := strconv.ParseFloat(by, 64)
			if err != nil || len(s.Hz) != 1 || !(m > 0 && m < s.Hz[0] && s.Hz[0]+m < Rate/2) {
				return Tone{}, fmt.Errorf("tone %q: segment %q: a modulation is carrier*frequency", spec, part)
			}
			s.Modulated = true
			s.Hz = []float64{s.Hz[0] - m, s.Hz[0], s.Hz[0] + m}
		}
		t.Segments = append(t.Segments, s)
	}
	if len(t.Segments) > 64 {
		return Tone{}, fmt.Errorf("tone %q: more than 64 segments", spec)
	}
	return t, nil
}

// zoneData has, per country: the ringing cadence, then the tones in the order
// dial, busy, ringback, congestion, call waiting, record, info, stutter,
// recall. It is what DAHDI's tools load into the driver.
var zoneData = map[string][10]string{
	"us": {"2000,4000", "350+440", "480+620/500,0/500", "440+480/2000,0/4000", "480+620/250,0/250", "440/300,0/10000", "1400/500,0/15000", "!950/330,!1400/330,!1800/330,0",
		"!350+440/100,!0/100,!350+440/100,!0/100,!350+440/100,!0/100,!350+440/100,!0/100,!350+440/100,!0/100,!350+440/100,!0/100,350+440",
		"!350+440/100,!0/100,!350+440/100,!0/100,!350+440/100,!0/100,350+440"},
	"gb": {"400,200,400,2000", "350+440", "400/375,0/375", "400+450/400,0/200,400+450/400,0/2000", "400/400,0/350,400/225,0/525", "400/100,0/4000", "1400/500,0/60000", "950/330,0/15,1400/330,0/15,1800/330,0/1000",
		"350+440/750,440/750", "350+440"},
	"cn": {"1000,4000", "450", "450/350,0/350", "450/1000,0/4000", "450/700,0/700", "450/400,0/4000", "950/400,0/10000", "450/100,0/100,450/100,0/100,450/100,0/100,450/400,0/400",
		"450+425", "450"},
	"de": {"1000,4000", "425", "425/480,0/480", "425/1000,0/4000", "425/240,0/240", "!425/200,!0/200,!425/200,!0/5000,!425/200,!0/200,!425/200,!0/5000,!425/200,!0/200,!425/200,!0/5000,!425/200,!0/200,!425/200,!0/5000,!425/200,!0/200,!425/200,0", "1400/80,0/15000", "950/330,1400/330,1800/330,0/1000",
		"425+400", "!425/100,!0/100,!425/100,!0/100,!425/100,!0/100,425"},
	"fr": {"1500,3500", "440", "440/500,0/500", "440/1500,0/3500", "440/250,0/250", "440/300,0/10000", "1400/500,0/15000", "!950/330,!1400/330,!1800/330,0",
		"!440/100,!0/100,!440/100,!0/100,!440/100,!0/100,!440/100,!0/100,!440/100,!0/100,!440/100,!0/100,440",
		"!350+440/100,!0/100,!350+440/100,!0/100,!350+440/100,!0/100,350+440"},
	"ru": {"1000,4000", "425", "425/350,0/350", "425/1000,0/4000", "425/175,0/175", "425/200,0/5000", "1400/400,0/15000", "950/330,1440/330,1800/330,0/1000",
		"!425/100,!0/100,!425/100,!0/100,!425/100,!0/100,!425/100,!0/100,!425/100,!0/100,!425/100,!0/100,425",
		"!350+440/100,!0/100,!350+440/100,!0/100,!350+440/100,!0/100,350+440"},
	"jp": {"1000,2000", "400", "400/500,0/500", "400+15/1000,0/2000", "400/500,0/500", "400+16/500,0/8000", "1400/500,0/15000", "!950/330,!1400/330,!1800/330,0",
		"!400/100,!0/100,!400/100,!0/100,!400/100,!0/100,!400/100,!0/100,!400/100,!0/100,!400/100,!0/100,400",
		"!400/200,!0/200,!400/200,!0/200,!400/200,!0/200,400"},
	"in": {"400,200,400,2000", "400*25", "400/750,0/750", "400*25/400,0/200,400*25/400,0/2000", "400/250,0/250", "400/200,0/100,400/200,0/7500", "1400/500,0/15000", "!950/330,!1400/330,!1800/330,0/1000",
		"!350+440/100,!0/100,!350+440/100,!0/100,!350+440/100,!0/100,!350+440/100,!0/100,!350+440/100,!0/100,!350+440/100,!0/100,350+440",
		"!350+440/100,!0/100,!350+440/100,!0/100,!350+440/100,!0/100,350+440"},
	"br": {"1000,4000", "425", "425/250,0/250", "425/1000,0/4000", "425/250,0/250,425/750,0/250", "425/50,0/1000", "425/250,0/250", "950/330,1400/330,1800/330",
		"350+440", "350+440"},
	"nl": {"1000,4000", "425", "425/500,0/500", "425/1000,0/4000", "425/250,0/250", "425/500,0/9500", "1400/500,0/15000", "950/330,1400/330,1800/330,0/1000",
		"425/500,0/50", "!425/100,!0/100,!425/100,!0/100,!425/100,!0/100,425"},
	"it": {"1000,4000", "425/200,0/200,425/600,0/1000", "425/500,0/500", "425/1000,0/4000", "425/200,0/200", "425/400,0/100,425/250,0/100,425/150,0/14000", "1400/400,0/15000", "!950/330,!1400/330,!1800/330,!0/1000,!950/330,!1400/330,!1800/330,!0/1000,!950/330,!1400/330,!1800/330,!0/1000,0",
		"470/400,425/400", "470/400,425/400"},
	"tw": {"1000,4000", "350+440", "480+620/500,0/500", "440+480/1000,0/2000", "480+620/250,0/250", "350+440/250,0/250,350+440/250,0/3250", "1400/500,0/15000", "!950/330,!1400/330,!1800/330,0",
		"!350+440/100,!0/100,!350+440/100,!0/100,!350+440/100,!0/100,!350+440/100,!0/100,!350+440/100,!0/100,!350+440/100,!0/100,350+440", "300/1500,0/500"},
	"sg": {"400,200,400,2000", "425", "425/750,0/750", "425*24/400,0/200,425*24/400,0/2000", "425/250,0/250", "425*24/300,0/200,425*24/300,0/3200", "1400/500,0/15000", "950/330,1400/330,1800/330,0/1000",
		"!425/200,!0/200,!425/600,!0/200,!425/200,!0/200,!425/600,!0/200,!425/200,!0/200,!425/600,!0/200,!425/200,!0/200,!425/600,!0/200,425", "425*24/500,0/500,425/500,0/2500"},
}

var zoneOrder = [9]Name{Dial, Busy, Ringback, Congestion, CallWait, Record, Info, Stutter, Recall}

// Countries lists the countries [ZoneOf] knows, sorted.
func Countries() []string {
	var all []string
	for c := range zoneData {
		all = append(all, c)
	}
	sort.Strings(all)
	return all
}

// ZoneOf gives a country's tones. "uk" is taken for "gb".
func ZoneOf(country string) (Zone, error) {
	c := strings.ToLower(country)
	if c == "uk" {
		c = "gb"
	}
	row, ok := zoneData[c]
	if !ok {
		return Zone{}, fmt.Errorf("no tones are known for country %q; known: %s", country, strings.Join(Countries(), " "))
	}
	z := Zone{Country: c}
	for ms := range strings.SplitSeq(row[0], ",") {
		v, err := strconv.Atoi(ms)
		if err != nil {
			return Zone{}, fmt.Errorf("ringing cadence of %s: %w", c, err)
		}
		z.RingMS = append(z.RingMS, v)
	}
	for i, n := range zoneOrder {
		t, err := ParseTone(n, row[i+1])
		if err != nil {
			return Zone{}, fmt.Errorf("zone %s: %w", c, err)
		}
		z.Tones = append(z.Tones, t)
	}
	return z, nil
}

type toneGenerator struct {
	tone  Tone
	level float64
	next  int
	now   Generator
	left  int // samples; -1 for ever
}

// Play makes the tone at dBm0 per frequency for ms milliseconds (negative: for
// ever, or until the tone itself ends).
func (t Tone) Play(dBm0 float64, ms int) Generator {
	return &toneGenerator{tone: t, level: dBm0, left: samplesOf(ms)}
}

func (g *toneGenerator) Next(dst []int16) int {
	if g.left >= 0 && g.left < len(dst) {
		dst = dst[:g.left]
	}
	n, empty := 0, 0
	for n < len(dst) {
		if g.now == nil {
			s, ok := g.segment()
			if !ok || empty > len(g.tone.Segments) {
				break
			}
			g.now = s
		}
		made := g.now.Next(dst[n:])
		if n += made; n < len(dst) {
			g.now = nil
		}
		if empty++; made > 0 {
			empty = 0
		}
	}
	if g.left >= 0 {
		g.left -= n
	}
	return n
}

// segment makes the next segment's signal.
func (g *toneGenerator) segment() (Generator, bool) {
	segs := g.tone.Segments
	for range 2 * len(segs) {
		if g.next < len(segs) {
			s := segs[g.next]
			g.next++
			ms := s.MS
			if ms == 0 {
				ms = -1
			}
			out := &sines{left: samplesOf(ms)}
			for i, hz := range s.Hz {
				level := g.level
				if s.Modulated && i != 1 {
					level -= 6.94 // 90 % depth: each sideband has 0.45 of the carrier's amplitude
				}
				out.osc = append(out.osc, newOscillator(hz, Amplitude(level)))
			}
			return out, true
		}
		// Around again, without what is played once.
		loop := segs[:0:0]
		for _, s := range segs {
			if !s.Once {
				loop = append(loop, s)
			}
		}
		if len(loop) == 0 {
			return nil, false
		}
		g.tone.Segments, segs, g.next = loop, loop, 0
	}
	return nil, false
}

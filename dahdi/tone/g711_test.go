package tone

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// expandMu and expandA are the Recommendation's formulas, written down on
// their own.
func expandMu(b byte) int {
	b = ^b
	v := ((int(b&0x0f)<<1 + 33) << (b >> 4 & 7)) - 33
	if b&0x80 != 0 {
		v = -v
	}
	return v * 4
}

func expandA(b byte) int {
	b ^= 0x55
	segment, v := int(b>>4&7), int(b&0x0f)<<1+1
	if segment > 0 {
		v = (v + 32) << (segment - 1)
	}
	if b&0x80 == 0 {
		v = -v
	}
	return v * 8
}

func TestTables(t *testing.T) {
	for i := range 256 {
		b := byte(i)
		if got, want := int(MuLaw.Decode(b)), expandMu(b); got != want {
			t.Errorf("µ-law %#02x: %d, want %d", b, got, want)
		}
		if got, want := int(ALaw.Decode(b)), expandA(b); got != want {
			t.Errorf("A-law %#02x: %d, want %d", b, got, want)
		}
	}
}

// interval gives the Recommendation's decision values around an octet's value,
// [lo, hi) of the magnitude in 16-bit terms, and its sign. Where a segment
// ends, they are not half way between the values of the two octets.
func interval(law Law, b byte) (lo, hi int, negative bool) {
	if law == ALaw {
		b ^= 0x55
		e, m := int(b>>4&7), int(b&15)
		if e > 0 {
			m, e = m+16, e-1
		}
		return m << e * 16, (m + 1) << e * 16, b&0x80 == 0
	}
	b = ^b
	e, m := b>>4&7, int(b&15)
	return ((32+2*m)<<e - 33) * 4, ((34+2*m)<<e - 33) * 4, b&0x80 != 0
}

// TestDecisionValues tries every sample.
func TestDecisionValues(t *testing.T) {
	for _, law := range []Law{MuLaw, ALaw} {
		for s := math.MinInt16; s <= math.MaxInt16; s++ {
			b := law.Encode(int16(s))
			lo, hi, negative := interval(law, b)
			magnitude := s
			if s < 0 {
				magnitude = ^s // G.191: one's complement
			}
			if overload := map[Law]int{MuLaw: 8158 * 4, ALaw: 32768}[law]; magnitude >= overload {
				magnitude = overload - 1 // beyond the last decision value
			}
			if negative != (s < 0) || magnitude < lo || magnitude >= hi {
				t.Fatalf("%v: %d gives %#02x, which stands for [%d, %d), negative %v", law, s, b, lo, hi, negative)
			}
		}
	}
}

func TestEncodeUndoesDecode(t *testing.T) {
	for i := range 256 {
		b := byte(i)
		want := b
		if b == 0x7f {
			want = 0xff // negative zero has no sample of its own
		}
		if got := MuLaw.Encode(MuLaw.Decode(b)); got != want {
			t.Errorf("µ-law %#02x comes back as %#02x, want %#02x", b, got, want)
		}
		if got := ALaw.Encode(ALaw.Decode(b)); got != b {
			t.Errorf("A-law %#02x comes back as %#02x", b, got)
		}
	}
}

func TestKnownValues(t *testing.T) {
	for _, c := range []struct {
		law    Law
		sample int16
		octet  byte
	}{
		{MuLaw, 0, 0xff}, {MuLaw, 32767, 0x80}, {MuLaw, -32768, 0x00}, {MuLaw, 8, 0xfe}, {MuLaw, -8, 0x7e},
		{ALaw, 0, 0xd5}, {ALaw, 32767, 0xaa}, {ALaw, -32768, 0x2a}, {ALaw, -1, 0x55},
	} {
		if got := c.law.Encode(c.sample); got != c.octet {
			t.Errorf("%v of %d: %#02x, want %#02x", c.law, c.sample, got, c.octet)
		}
	}
}

// TestDigitalMilliwatt holds the level measure against the sequences by which
// G.711 defines 0 dBm0 (tables 5 and 6).
func TestDigitalMilliwatt(t *testing.T) {
	for _, c := range []struct {
		law Law
		seq []byte
	}{
		{MuLaw, []byte{0x1e, 0x0b, 0x0b, 0x1e, 0x9e, 0x8b, 0x8b, 0x9e}},
		{ALaw, []byte{0x34, 0x21, 0x21, 0x34, 0xb4, 0xa1, 0xa1, 0xb4}},
	} {
		var samples []int16
		for range 100 {
			samples = c.law.DecodeAll(samples, c.seq)
		}
		if l := Level(samples); math.Abs(l) > 0.05 {
			t.Errorf("%v: the digital milliwatt measures %.3f dBm0", c.law, l)
		}
		if l := LevelAt(samples, 1000); math.Abs(l) > 0.05 {
			t.Errorf("%v: the digital milliwatt has %.3f dBm0 at 1000 Hz", c.law, l)
		}
	}
}

func TestFrequencyAndLevel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hz := rapid.Float64Range(200, 3600).Draw(t, "hz")
		level := rapid.Float64Range(-40, 0).Draw(t, "level")
		law := rapid.SampledFrom([]Law{MuLaw, ALaw}).Draw(t, "law")
		s := Take(Sines(level, -1, hz), 1600)
		s = law.DecodeAll(nil, law.EncodeAll(nil, s))
		f, l := Frequency(s)
		if math.Abs(f-hz) > 0.2 || math.Abs(l-level) > 0.3 {
			t.Fatalf("%.2f Hz at %.2f dBm0 measures %.2f Hz at %.2f", hz, level, f, l)
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	for _, law := range []Law{MuLaw, ALaw} {
		b.Run(law.String(), func(b *testing.B) {
			var sum byte
			for i := range b.N {
				sum += law.Encode(int16(i * 7919))
			}
			_ = sum
		})
	}
}

package dahdi

import (
	"math"
	"testing"
)

func TestGainTable(t *testing.T) {
	for _, law := range []Companding{LawMu, LawA} {
		unity, err := NewGainTable(law, 0)
		if err != nil || unity != UnityGain() {
			t.Errorf("%s: 0 dB is not unity, %v", law, err)
		}
		for _, db := range []float64{-24, -12, -6, -3, -0.5, 0.5, 3, 6, 12} {
			table, err := NewGainTable(law, db)
			if err != nil {
				t.Fatal(err)
			}
			if got := table.Gain(law); math.Abs(got-db) > 0.3 {
				t.Errorf("%s: the table of %g dB amplifies by %g dB", law, db, got)
			}
		}
	}
	for _, bad := range []float64{24.1, -25, math.NaN(), math.Inf(1)} {
		if _, err := NewGainTable(LawMu, bad); err == nil {
			t.Errorf("%g dB was accepted", bad)
		}
	}
}

// TestG711 checks that decoding and encoding gives every code back (but one of
// the two zeros of mu-law) and known values of ITU-T G.711.
func TestG711(t *testing.T) {
	for i := range 256 {
		c := byte(i)
		if got := encodeMu(decodeMu(c)); got != c && c != 0x7f {
			t.Errorf("mu-law %#x came back as %#x", c, got)
		}
		if got := encodeA(decodeA(c)); got != c {
			t.Errorf("A-law %#x came back as %#x", c, got)
		}
	}
	for _, v := range []struct {
		got, want int
	}{{decodeMu(0x80), 32124}, {decodeMu(0x00), -32124}, {decodeMu(0xff), 0}, {decodeA(0xaa), 32256}, {decodeA(0x2a), -32256}, {decodeA(0xd5), 8}} {
		if v.got != v.want {
			t.Errorf("decoded to %d; want %d", v.got, v.want)
		}
	}
}

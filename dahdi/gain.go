package dahdi

import (
	"fmt"
	"math"
)

// GainTable says by what every code of a sample is replaced.
type GainTable [256]byte

// UnityGain leaves every sample as it is.
func UnityGain() GainTable {
	var t GainTable
	for i := range t {
		t[i] = byte(i)
	}
	return t
}

// NewGainTable computes the table that amplifies by so many dB under a law
// (LawMu or LawA; LawDefault counts as LawMu), clipping what gets too loud. The
// gain lies within ±MaxGain.
func NewGainTable(law Companding, db float64) (GainTable, error) {
	if math.IsNaN(db) || math.Abs(db) > MaxGain {
		return GainTable{}, fmt.Errorf("gain of %g dB: -%g to +%g wanted", db, MaxGain, MaxGain)
	}
	t := UnityGain()
	if db == 0 {
		return t, nil
	}
	decode, encode := decodeMu, encodeMu
	if law == LawA {
		decode, encode = decodeA, encodeA
	}
	factor := math.Pow(10, db/20)
	for i := range t {
		v := math.Round(float64(decode(byte(i))) * factor)
		t[i] = encode(int(max(-32768, min(32767, v))))
	}
	return t, nil
}

// Gain is the opposite of NewGainTable: the gain in dB that a table has in the
// middle of the range, rounded to a tenth.
func (t GainTable) Gain(law Companding) float64 {
	if t == UnityGain() {
		return 0
	}
	decode := decodeMu
	if law == LawA {
		decode = decodeA
	}
	// The median over the codes of middling level: loud ones clip, soft ones
	// are coarse.
	var sum float64
	n := 0
	for i := range t {
		in, out := float64(decode(byte(i))), float64(decode(t[i]))
		if in > 256 && in < 2048 && out > 16 && out < 30000 {
			sum += 20 * math.Log10(out/in)
			n++
		}
	}
	if n == 0 {
		return 0
	}
	return math.Round(sum/float64(n)*10) / 10
}

// ITU-T G.711, mu-law: sign, three bits of segment and four of step, inverted.
func decodeMu(c byte) int {
	c = ^c
	v := (int(c&0x0f)<<3+0x84)<<(c>>4&7) - 0x84
	if c&0x80 != 0 {
		return -v
	}
	return v
}

func encodeMu(v int) byte {
	var sign byte
	if v < 0 {
		sign, v = 0x80, -v
	}
	v = min(v, 32635) + 0x84
	seg := byte(0)
	for x := v >> 8; x != 0; x >>= 1 {
		seg++
	}
	return ^(sign | seg<<4 | byte(v>>(seg+3))&0x0f)
}

// ITU-T G.711, A-law: every other bit inverted.
func decodeA(c byte) int {
	c ^= 0x55
	v, seg := int(c&0x0f)<<4+8, c>>4&7
	if seg > 0 {
		v = (v + 0x100) << (seg - 1)
	}
	if c&0x80 == 0 {
		return -v
	}
	return v
}

func encodeA(v int) byte {
	sign := byte(0x80)
	if v < 0 {
		sign, v = 0, -v-1
	}
	v = min(v, 32767)
	seg := byte(0)
	for x := v >> 8; x != 0; x >>= 1 {
		seg++
	}
	step := byte(v>>4) & 0x0f
	if seg > 1 {
		step = byte(v>>(seg+3)) & 0x0f
	}
	return (sign | seg<<4 | step) ^ 0x55
}

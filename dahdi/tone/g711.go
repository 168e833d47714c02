package tone

import (
	"fmt"
	"math/bits"
)

// Law is one of G.711's two companding laws.
type Law uint8

// The laws of ITU-T G.711.
const (
	MuLaw Law = iota // North America, Japan; what a DAHDI card uses unless told otherwise
	ALaw             // Europe and most of the world
)

// String gives the law's usual name, "mulaw" or "alaw".
func (l Law) String() string {
	if l == ALaw {
		return "alaw"
	}
	return "mulaw"
}

// ParseLaw reads "mulaw" or "alaw".
func ParseLaw(s string) (Law, error) {
	switch s {
	case "mulaw", "ulaw":
		return MuLaw, nil
	case "alaw":
		return ALaw, nil
	}
	return 0, fmt.Errorf("companding law %q: want mulaw or alaw", s)
}

// Decode expands one octet. µ-law values are multiples of 4 up to ±32124,
// A-law's of 8 up to ±32256, as in ITU-T G.191's reference expanders.
func (l Law) Decode(b byte) int16 {
	if l == ALaw {
		return aTable[b]
	}
	return muTable[b]
}

// Encode compresses one sample to the octet of the decision interval that
// holds it, as G.191's reference compressors do; beyond full scale it clips.
func (l Law) Encode(s int16) byte {
	if l == ALaw {
		return encodeA(s)
	}
	return encodeMu(s)
}

// Silence is the octet a quiet line carries: 0xff for µ-law, 0xd5 for A-law.
func (l Law) Silence() byte {
	if l == ALaw {
		return 0xd5
	}
	return 0xff
}

// DecodeAll appends the expansion of src to dst.
func (l Law) DecodeAll(dst []int16, src []byte) []int16 {
	t := &muTable
	if l == ALaw {
		t = &aTable
	}
	for _, b := range src {
		dst = append(dst, t[b])
	}
	return dst
}

// EncodeAll appends the compression of src to dst.
func (l Law) EncodeAll(dst []byte, src []int16) []byte {
	for _, s := range src {
		dst = append(dst, l.Encode(s))
	}
	return dst
}

// encodeMu follows G.191: 14 significant bits, a bias of 33, and one's
// complement for negative samples, so that the decision levels fall between
// the same sample values on both sides of zero.
func encodeMu(s int16) byte {
	sign := byte(0x80)
	v := int(s)
	if v < 0 {
		sign, v = 0, ^v
	}
	v = min(v>>2+33, 0x1fff)
	segment := bits.Len(uint(v >> 6)) // 0..7
	mantissa := (v >> (segment + 1)) & 0x0f
	return sign | byte(7-segment)<<4 | byte(0x0f-mantissa)
}

// encodeA follows G.191: 12 bits of magnitude, even bits inverted.
func encodeA(s int16) byte {
	sign := byte(0x80)
	v := int(s)
	if v < 0 {
		sign, v = 0, ^v
	}
	v >>= 4
	if v > 15 {
		exponent := bits.Len(uint(v)) - 4 // 1..7
		v = v>>(exponent-1) - 16 + exponent<<4
	}
	return (sign | byte(v)) ^ 0x55
}

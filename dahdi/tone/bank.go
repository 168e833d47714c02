package tone

import (
	"math"
	"math/cmplx"
)

// bank runs one Goertzel filter for each of a set of frequencies over blocks
// of equal length, and gives each block's Fourier sum with the phase counted
// from the block's first sample. Sums of neighbouring blocks add up coherently
// when the later one is multiplied by turn.
type bank struct {
	hz     []float64
	coef   []float64
	final  []complex128 // e^-jω
	shift  []complex128 // e^-jω(n-1): moves the filter's phase to the block's start
	turn   []complex128 // e^-jωn: from one block's start to the next one's
	s1, s2 []float64
	energy float64
	n, at  int
}

func (b *bank) init(hz []float64, block int) {
	b.hz, b.n = hz, block
	for _, f := range hz {
		w := 2 * math.Pi * f / Rate
		b.coef = append(b.coef, 2*math.Cos(w))
		b.final = append(b.final, cmplx.Rect(1, -w))
		b.shift = append(b.shift, cmplx.Rect(1, -w*float64(block-1)))
		b.turn = append(b.turn, cmplx.Rect(1, -w*float64(block)))
	}
	b.s1 = make([]float64, len(hz))
	b.s2 = make([]float64, len(hz))
}

// add takes a sample and reports that the block is full.
func (b *bank) add(x float64) bool {
	if x != 0 || b.energy != 0 {
		b.energy += x * x
		s1, s2 := b.s1, b.s2
		for i, c := range b.coef {
			s := x + c*s1[i] - s2[i]
			s2[i], s1[i] = s1[i], s
		}
	}
	b.at++
	return b.at == b.n
}

// quiet reports that the block under way has held nothing but zeros so far.
func (b *bank) quiet() bool { return b.energy == 0 }

// take gives the block's sums and energy and begins the next one.
func (b *bank) take(x []complex128) (energy float64) {
	energy = b.energy
	for i := range x {
		if energy == 0 {
			x[i] = 0
			continue
		}
		x[i] = (complex(b.s1[i], 0) - b.final[i]*complex(b.s2[i], 0)) * b.shift[i]
		b.s1[i], b.s2[i] = 0, 0
	}
	b.energy, b.at = 0, 0
	return energy
}

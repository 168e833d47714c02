package tone

import (
	"math"
	"math/rand/v2"
	"unicode"
)

// speech makes ms milliseconds of something that has speech's troubles for
// detectors: a voice whose pitch glides between 90 and 300 Hz, through four
// formants that move from vowel to vowel, in syllables with pauses, now and
// then a hiss or a whistle.
func speech(ms int, seed uint64) []int16 {
	r := rand.New(rand.NewPCG(seed, 99))
	out := make([]int16, 0, ms*PerMS)
	type resonator struct{ c, d, g, y1, y2 float64 }
	var f [4]resonator
	phase := 0.0
	for len(out) < ms*PerMS {
		n := (60 + r.IntN(240)) * PerMS
		kind := r.IntN(10)
		level := Amplitude(-25 + 15*r.Float64())
		pitch, glide := 90+210*r.Float64(), (r.Float64()-0.5)*100
		centres := [4]float64{250 + 600*r.Float64(), 800 + 1500*r.Float64(), 2000 + 900*r.Float64(), 3000 + 600*r.Float64()}
		for i := range f {
			bw := 50 + 100*r.Float64()
			rad := math.Exp(-math.Pi * bw / Rate)
			f[i] = resonator{c: 2 * rad * math.Cos(2*math.Pi*centres[i]/Rate), d: -rad * rad, g: 1 - rad, y1: f[i].y1, y2: f[i].y2}
		}
		whistle := 500 + 1500*r.Float64()
		for i := range n {
			env := math.Sin(math.Pi * float64(i) / float64(n))
			p := pitch + glide*float64(i)/float64(n)
			phase += p / Rate
			v := 0.0
			switch {
			case kind == 0: // a pause
			case kind == 1:
				v = r.NormFloat64() * 0.2
			case kind == 2:
				v = math.Sin(2*math.Pi*whistle*float64(i)/Rate) + 0.1*r.NormFloat64()
			default:
				x := 0.05 * r.NormFloat64()
				if phase >= 1 {
					phase--
					x += 8
				}
				for k := range f {
					y := x + f[k].c*f[k].y1 + f[k].d*f[k].y2
					f[k].y2, f[k].y1 = f[k].y1, y
					v += f[k].g * y / float64(k+1)
				}
			}
			out = append(out, clip(v*env*level))
		}
	}
	return out[:ms*PerMS]
}

// rangeTable is the characters from lo to hi.
func rangeTable(lo, hi uint16) *unicode.RangeTable {
	return &unicode.RangeTable{R16: []unicode.Range16{{Lo: lo, Hi: hi, Stride: 1}}}
}

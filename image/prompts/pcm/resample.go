package pcm

import (
	"fmt"
	"math"
)

// The low-pass of [Sound.Resample]: flat to within 0.1 dB up to 42.5 % of the slower rate (3,400 Hz
// at 8,000), and more than 80 dB down from 50 % on, where what is higher would come back as another
// tone. A windowed sinc, with Kaiser's window (Oppenheim, Schafer: Discrete-Time Signal Processing,
// 7.5.3).
const (
	passBand   = 0.425
	stopBand   = 0.5
	kaiserBeta = 0.1102 * (84 - 8.7) // for 84 dB
)

// halfWidth is how far the filter reaches to either side, in samples of the slower rate.
var halfWidth = int(math.Ceil((84 - 7.95) / (2.285 * 2 * math.Pi * (stopBand - passBand)) / 2))

// MinRate and MaxRate bound the rates that [Sound.Resample] takes.
const (
	MinRate = 4000
	MaxRate = 192000
)

// Resample returns the sound at another rate, in samples a second. The result is as long, to within
// one sample.
func (s *Sound) Resample(rate int) (*Sound, error) {
	for _, r := range []int{s.Rate, rate} {
		if r < MinRate || r > MaxRate {
			return nil, fmt.Errorf("%d samples a second; from %d to %d may be", r, MinRate, MaxRate)
		}
	}
	if rate == s.Rate {
		return &Sound{Rate: rate, Samples: append([]float32(nil), s.Samples...)}, nil
	}
	// Output sample i stands at input sample i*down/up: up phases come round again and again.
	g := gcd(s.Rate, rate)
	up, down := rate/g, s.Rate/g
	slow := float64(min(s.Rate, rate)) / float64(s.Rate) // the slower rate, in cycles per input sample
	reach := int(math.Ceil(float64(halfWidth) / slow))
	taps := make([][]float64, up) // by phase; made when first needed
	out := make([]float32, int((int64(len(s.Samples))*int64(up)+int64(down)-1)/int64(down)))
	for i := range out {
		pos := int64(i) * int64(down)
		at, phase := int(pos/int64(up)), int(pos%int64(up))
		if taps[phase] == nil {
			taps[phase] = phaseTaps(float64(phase)/float64(up), slow, reach)
		}
		sum := 0.0
		for k, t := range taps[phase] {
			j := at + k - reach
			if j < 0 || j >= len(s.Samples) {
				continue
			}
			sum += float64(float64(s.Samples[j]) * t)
		}
		out[i] = float32(sum)
	}
	return &Sound{Rate: rate, Samples: out}, nil
}

// phaseTaps returns the filter for an output sample that stands frac of an input sample after
// one. They add up to 1, so that a constant stays what it is.
func phaseTaps(frac, slow float64, reach int) []float64 {
	cutoff := (passBand + stopBand) / 2 * slow * 2 // of half the input's rate
	taps := make([]float64, 2*reach+2)
	sum := 0.0
	for k := range taps {
		x := float64(k-reach) - frac
		taps[k] = cutoff * sinc(cutoff*x) * kaiser(x*slow/float64(halfWidth))
		sum += taps[k]
	}
	for k := range taps {
		taps[k] /= sum
	}
	return taps
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// kaiser is Kaiser's window; x is -1 to 1.
func kaiser(x float64) float64 {
	if x <= -1 || x >= 1 {
		return 0
	}
	return bessel(kaiserBeta*math.Sqrt(1-x*x)) / bessel(kaiserBeta)
}

// bessel is the modified Bessel function of the first kind and order zero.
func bessel(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1; term > sum*1e-17; k++ {
		term *= (x / 2 / float64(k)) * (x / 2 / float64(k))
		sum += term
	}
	return sum
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

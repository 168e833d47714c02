package tone

import "math"

// Zero is the peak amplitude of a sine at 0 dBm0. A-law's digital milliwatt
// gives 22,828 and µ-law's 22,657; this lies between, within 0.04 dB of both.
const Zero = 22742.0

// Floor is the level reported for no signal at all, in dBm0.
const Floor = -96.0

// Amplitude is the peak amplitude of a sine of the given level in dBm0.
func Amplitude(dBm0 float64) float64 { return Zero * math.Pow(10, dBm0/20) }

// power turns a mean square into dBm0.
func powerLevel(meanSquare float64) float64 {
	if meanSquare <= 0 {
		return Floor
	}
	return math.Max(Floor, 10*math.Log10(meanSquare/(Zero*Zero/2)))
}

// Level is the level of all that is in samples, in dBm0; [Floor] for digital
// silence or no samples.
func Level(samples []int16) float64 {
	if len(samples) == 0 {
		return Floor
	}
	sum := 0.0
	for _, s := range samples {
		sum += float64(s) * float64(s)
	}
	return powerLevel(sum / float64(len(samples)))
}

// LevelAt is the level of the one frequency hz (0 to 4,000) in samples, in
// dBm0. The window is Hann's, so other frequencies further away than
// 16,000/len(samples) Hz count for less than a thousandth.
func LevelAt(samples []int16, hz float64) float64 {
	return windowed(samples).at(hz)
}

// spectrum is a signal under a Hann window.
type spectrum struct {
	x    []float64
	gain float64
}

func windowed(samples []int16) spectrum {
	s := spectrum{x: make([]float64, len(samples))}
	for i, v := range samples {
		w := 0.5 - 0.5*math.Cos(2*math.Pi*(float64(i)+0.5)/float64(len(samples)))
		s.x[i] = float64(v) * w
		s.gain += w
	}
	return s
}

// at gives the level of one frequency, by Goertzel's recurrence.
func (s spectrum) at(hz float64) float64 {
	if len(s.x) == 0 {
		return Floor
	}
	w := 2 * math.Pi * hz / Rate
	c := 2 * math.Cos(w)
	var s1, s2 float64
	for _, x := range s.x {
		s1, s2 = x+c*s1-s2, s1
	}
	power := s1*s1 + s2*s2 - c*s1*s2
	amplitude := 2 * math.Sqrt(math.Max(0, power)) / s.gain
	return powerLevel(amplitude * amplitude / 2)
}

// Frequency finds the strongest frequency of samples above 40 Hz and its level
// in dBm0. With a tone that stands 20 dB above the rest and 100 ms of it the
// answer is right to a tenth of a hertz. No signal gives 0 and [Floor]. The
// work grows with the length; what is beyond four seconds is left out.
func Frequency(samples []int16) (hz, dBm0 float64) {
	samples = samples[:min(len(samples), 4*Rate)]
	n := len(samples)
	if n < 16 || Level(samples) <= Floor {
		return 0, Floor
	}
	// A second of it at most is searched, all of it then refines.
	rough := windowed(samples[:min(n, Rate)])
	step := float64(Rate) / float64(len(rough.x))
	best := Floor - 1
	for f := math.Max(step, 40); f < Rate/2; f += step {
		if l := rough.at(f); l > best {
			hz, best = f, l
		}
	}
	hz = rough.top(hz, step)
	all := windowed(samples)
	hz = all.top(hz, float64(Rate)/float64(n))
	return hz, all.at(hz)
}

// top closes in on the top of the window's main lobe, which is four steps wide
// and smooth.
func (s spectrum) top(hz, step float64) float64 {
	lo, hi := hz-step, hz+step
	for range 40 {
		a, b := lo+(hi-lo)/3, hi-(hi-lo)/3
		if s.at(a) < s.at(b) {
			lo = a
		} else {
			hi = b
		}
	}
	return (lo + hi) / 2
}

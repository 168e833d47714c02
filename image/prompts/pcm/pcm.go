// Package pcm turns recorded or synthesised speech into what a telephone call carries: one channel
// of 8,000 samples a second, at the level of the other prompts.
//
// Everything is plain arithmetic on samples in memory, with no state between calls, so the same
// input gives the same bits, on every amd64 machine. Wherever lengths come out of a file they are
// held against what is there and against [Limits] before anything is allocated.
//
// # Levels
//
// Levels are in dBFS: decibels below a square wave that fills the range of 16-bit samples. The level
// of speech is that of its active part, pauses left out, as in ITU-T P.56, but with a simpler rule
// for what is active: frames of 20 ms within 20 dB of the loudest one. The recorded English prompts
// that ship lie at -19 to -16 dBFS by this rule, with peaks at -6 to -3.
package pcm

import (
	"math"
)

// TelephoneRate is how many samples a second a telephone call carries.
const TelephoneRate = 8000

// Sound is one channel of sound. Samples fill -1 to 1.
type Sound struct {
	Rate    int // samples a second
	Samples []float32
}

// Seconds returns how long the sound lasts.
func (s *Sound) Seconds() float64 {
	if s.Rate <= 0 {
		return 0
	}
	return float64(len(s.Samples)) / float64(s.Rate)
}

// Peak returns the largest magnitude of a sample.
func (s *Sound) Peak() float64 {
	peak := 0.0
	for _, v := range s.Samples {
		peak = max(peak, math.Abs(float64(v)))
	}
	return peak
}

// frameSeconds is how long a frame is that counts as active or not.
const frameSeconds = 0.02

// activeRange is how much quieter than the loudest frame an active one may be, as a ratio: 20 dB.
const activeRange = 0.1

// frames returns the root mean square of every frame, the last and shorter one included, and the
// frames' length in samples.
func (s *Sound) frames() (rms []float64, length int) {
	length = max(1, int(float64(s.Rate)*frameSeconds))
	for at := 0; at < len(s.Samples); at += length {
		frame := s.Samples[at:min(at+length, len(s.Samples))]
		sum := 0.0
		for _, v := range frame {
			sum += float64(v) * float64(v)
		}
		rms = append(rms, math.Sqrt(sum/float64(len(frame))))
	}
	return rms, length
}

// Active returns the root mean square of the active part; 0 for silence.
func (s *Sound) Active() float64 {
	rms, _ := s.frames()
	loudest := 0.0
	for _, r := range rms {
		loudest = max(loudest, r)
	}
	sum, n := 0.0, 0
	for _, r := range rms {
		if r > 0 && r >= loudest*activeRange {
			sum += r * r
			n++
		}
	}
	if n == 0 {
		return 0
	}
	return math.Sqrt(sum / float64(n))
}

// DB returns a ratio in decibels, -Inf for 0.
func DB(ratio float64) float64 { return 20 * math.Log10(ratio) }

// Ratio returns what decibels are as a ratio.
func Ratio(db float64) float64 { return math.Pow(10, db/20) }

// Levels says how [Sound.Level] sets a level. All are in dB.
type Levels struct {
	Active  float64 // dBFS that the active part is to have
	Peak    float64 // dBFS that no sample may exceed; wins over Active
	MaxGain float64 // what is so quiet that it needs more stays quieter: it would be noise
}

// PromptLevels make a sound as loud as the recorded English prompts.
var PromptLevels = Levels{Active: -17.5, Peak: -1, MaxGain: 40}

// Level takes away a constant offset and sets the level. Silence stays silence. It returns the gain
// in dB.
func (s *Sound) Level(l Levels) float64 {
	if len(s.Samples) == 0 {
		return 0
	}
	mean := 0.0
	for _, v := range s.Samples {
		mean += float64(v)
	}
	mean /= float64(len(s.Samples))
	for i, v := range s.Samples {
		s.Samples[i] = float32(float64(v) - mean)
	}
	active, peak := s.Active(), s.Peak()
	if active == 0 || peak == 0 {
		return 0
	}
	gain := min(Ratio(l.Active)/active, Ratio(l.Peak)/peak, Ratio(l.MaxGain))
	for i, v := range s.Samples {
		s.Samples[i] = float32(float64(v) * gain)
	}
	return DB(gain)
}

// Trim shortens the silence before and after the active part to lead and tail seconds; what is
// shorter stays as it is.
func (s *Sound) Trim(lead, tail float64) {
	rms, length := s.frames()
	loudest := 0.0
	for _, r := range rms {
		loudest = max(loudest, r)
	}
	if loudest == 0 {
		return
	}
	// A consonant at a word's edge is much quieter than its vowel: 40 dB instead of 20.
	const edge = activeRange * activeRange
	first, last := 0, len(rms)-1
	for rms[first] < loudest*edge {
		first++
	}
	for rms[last] < loudest*edge {
		last--
	}
	from := max(0, first*length-int(lead*float64(s.Rate)))
	to := min(len(s.Samples), (last+1)*length+int(tail*float64(s.Rate)))
	s.Samples = s.Samples[from:to]
}

// S16 returns the samples as 16-bit integers, rounded, and clipped where they leave the range.
func (s *Sound) S16() []int16 {
	out := make([]int16, len(s.Samples))
	for i, v := range s.Samples {
		x := math.RoundToEven(float64(v) * 32767)
		out[i] = int16(max(-32768, min(32767, x)))
	}
	return out
}

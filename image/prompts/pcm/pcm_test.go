package pcm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// tone is a sine of an amplitude and length.
func tone(rate int, hz, amplitude, seconds float64) *Sound {
	s := &Sound{Rate: rate, Samples: make([]float32, int(seconds*float64(rate)))}
	for i := range s.Samples {
		s.Samples[i] = float32(amplitude * math.Sin(2*math.Pi*hz*float64(i)/float64(rate)))
	}
	return s
}

// amplitude measures a frequency in the middle of a sound, by correlation over whole periods as far
// as may be, with a window that keeps neighbours out.
func amplitude(s *Sound, hz float64) float64 {
	from, to := len(s.Samples)/10, len(s.Samples)*9/10
	re, im, weight := 0.0, 0.0, 0.0
	for i := from; i < to; i++ {
		w := 0.5 - 0.5*math.Cos(2*math.Pi*float64(i-from)/float64(to-from))
		a := 2 * math.Pi * hz * float64(i) / float64(s.Rate)
		re += w * float64(s.Samples[i]) * math.Cos(a)
		im += w * float64(s.Samples[i]) * math.Sin(a)
		weight += w
	}
	return 2 * math.Hypot(re, im) / weight
}

func TestResampleKeepsTones(t *testing.T) {
	for _, rate := range []int{6000, 8000, 11025, 16000, 22050, 32000, 44100, 48000, 96000, 192000, 44101} {
		for _, hz := range []float64{100, 440, 1000, 2000, 3400} {
			if hz > 0.425*float64(rate) {
				continue
			}
			out, err := tone(rate, hz, 0.5, 1).Resample(8000)
			if err != nil {
				t.Fatal(err)
			}
			if n := len(out.Samples); n < 7999 || n > 8001 {
				t.Errorf("%d Hz: a second came out as %d samples", rate, n)
			}
			if got := DB(amplitude(out, hz) / 0.5); math.Abs(got) > 0.1 {
				t.Errorf("%d -> 8000: %g Hz changed by %.2f dB; want at most 0.1", rate, hz, got)
			}
		}
	}
}

// What is above half the new rate must not come back below it.
func TestResampleStopsAliases(t *testing.T) {
	for _, rate := range []int{11025, 16000, 22050, 44100, 48000, 192000} {
		for _, hz := range []float64{4000, 4200, 4600, 5000, 7000, 7900, 8100, 12000, 20000} {
			if hz >= 0.499*float64(rate) {
				continue
			}
			out, err := tone(rate, hz, 1, 1).Resample(8000)
			if err != nil {
				t.Fatal(err)
			}
			// All that is left, wherever it lies; the edges are the tone's beginning and end.
			middle := &Sound{Rate: 8000, Samples: out.Samples[800:7200]}
			if got := DB(middle.Active()); got > -75 {
				t.Errorf("%d -> 8000: %g Hz left %.1f dBFS; want under -75", rate, hz, got)
			}
		}
	}
}

func TestResampleUpHasNoImages(t *testing.T) {
	out, err := tone(8000, 1000, 0.5, 1).Resample(22050)
	if err != nil {
		t.Fatal(err)
	}
	if got := DB(amplitude(out, 1000) / 0.5); math.Abs(got) > 0.1 {
		t.Errorf("1000 Hz changed by %.2f dB", got)
	}
	if got := DB(amplitude(out, 7000)); got > -75 {
		t.Errorf("the image at 7000 Hz has %.1f dBFS", got)
	}
}

func TestResampleRefusesRates(t *testing.T) {
	for _, rate := range []int{0, -1, 3999, 192001} {
		if _, err := (&Sound{Rate: rate, Samples: make([]float32, 10)}).Resample(8000); err == nil {
			t.Errorf("a rate of %d was taken", rate)
		}
	}
}

func TestLevel(t *testing.T) {
	for _, amp := range []float64{0.9, 0.5, 0.05, 0.005} {
		s := tone(8000, 440, amp, 1)
		for i := range s.Samples {
			s.Samples[i] += 0.05 // a constant, as cheap sound cards add
		}
		s.Level(PromptLevels)
		if got := DB(s.Active()); math.Abs(got-PromptLevels.Active) > 0.1 {
			t.Errorf("amplitude %g: active level %.2f dBFS; want %.1f", amp, got, PromptLevels.Active)
		}
		mean := 0.0
		for _, v := range s.Samples {
			mean += float64(v)
		}
		if mean /= 8000; math.Abs(mean) > 1e-4 {
			t.Errorf("amplitude %g: a constant of %g is left", amp, mean)
		}
	}
}

// Pauses do not make speech quieter than it is.
func TestLevelLeavesPausesOut(t *testing.T) {
	s := tone(8000, 440, 0.1, 1)
	s.Samples = append(s.Samples, make([]float32, 5*8000)...)
	s.Level(PromptLevels)
	if got := DB(s.Active()); math.Abs(got-PromptLevels.Active) > 0.1 {
		t.Errorf("active level %.2f dBFS; want %.1f", got, PromptLevels.Active)
	}
}

func TestLevelKeepsPeaks(t *testing.T) {
	s := tone(8000, 440, 0.01, 1)
	for i := 0; i < len(s.Samples); i += 400 { // clicks, far above the rest
		s.Samples[i] = 0.9
	}
	s.Level(PromptLevels)
	if got := DB(s.Peak()); got > PromptLevels.Peak+0.01 {
		t.Errorf("peak %.2f dBFS; want at most %.1f", got, PromptLevels.Peak)
	}
	quiet := tone(8000, 440, 1e-5, 1)
	if gain := quiet.Level(PromptLevels); math.Abs(gain-PromptLevels.MaxGain) > 1e-9 {
		t.Errorf("what is all but silent was raised by %.1f dB; want %.1f", gain, PromptLevels.MaxGain)
	}
	silent := &Sound{Rate: 8000, Samples: make([]float32, 100)}
	if gain := silent.Level(PromptLevels); gain != 0 || silent.Peak() != 0 {
		t.Errorf("silence: gain %g, peak %g", gain, silent.Peak())
	}
	if gain := new(Sound).Level(PromptLevels); gain != 0 {
		t.Errorf("no sound: gain %g", gain)
	}
}

func TestTrim(t *testing.T) {
	s := &Sound{Rate: 8000, Samples: make([]float32, 8000)}
	s.Samples = append(s.Samples, tone(8000, 440, 0.3, 1).Samples...)
	s.Samples = append(s.Samples, make([]float32, 16000)...)
	s.Trim(0.05, 0.1)
	if got := s.Seconds(); math.Abs(got-1.15) > 0.045 { // to a frame at either side
		t.Errorf("%.3f s are left; want 1.15", got)
	}
	before := len(s.Samples)
	s.Trim(1, 1)
	if len(s.Samples) != before {
		t.Errorf("trimming to more than there is changed %d samples to %d", before, len(s.Samples))
	}
	silent := &Sound{Rate: 8000, Samples: make([]float32, 100)}
	silent.Trim(0, 0)
	if len(silent.Samples) != 100 {
		t.Error("silence was trimmed")
	}
}

func TestS16Clips(t *testing.T) {
	s := &Sound{Rate: 8000, Samples: []float32{0, 1, -1, 2, -2, 0.5, 1e-9}}
	want := []int16{0, 32767, -32767, 32767, -32768, 16384, 0}
	if diff := cmp.Diff(want, s.S16()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

var fine = Limits{Seconds: 600, Channels: 8}

func TestWAVThereAndBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.IntRange(MinRate, MaxRate).Draw(t, "rate")
		in := rapid.SliceOfN(rapid.Int16Range(-32767, 32767), 1, 300).Draw(t, "samples")
		s, err := ParseWAV(WAV(rate, in), fine)
		if err != nil {
			t.Fatal(err)
		}
		if s.Rate != rate || len(s.Samples) != len(in) {
			t.Fatalf("rate %d, %d samples; want %d, %d", s.Rate, len(s.Samples), rate, len(in))
		}
		for i, v := range in {
			if got := float64(s.Samples[i]) * 32768; math.Abs(got-float64(v)) > 0.01 {
				t.Fatalf("sample %d: %g; want %d", i, got, v)
			}
		}
	})
}

// wav builds a file with any format.
func wav(code, channels, rate, bits int, extensible bool, data []byte) []byte {
	le := binary.LittleEndian
	head := func(c int) []byte {
		b := le.AppendUint16(le.AppendUint16(nil, uint16(c)), uint16(channels))
		b = le.AppendUint32(le.AppendUint32(b, uint32(rate)), uint32(rate*channels*bits/8))
		return le.AppendUint16(le.AppendUint16(b, uint16(channels*((bits+7)/8))), uint16(bits))
	}
	f := head(code)
	if extensible {
		f = append(head(waveExtensible), 22, 0, byte(bits), 0, 0, 0, 0, 0)
		f = append(le.AppendUint16(f, uint16(code)), "\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71"...)
	}
	b := append([]byte("RIFF____WAVELIST\x03\x00\x00\x00abc\x00fmt "), le.AppendUint32(nil, uint32(len(f)))...)
	b = append(append(b, f...), "data"...)
	return append(le.AppendUint32(b, uint32(len(data))), data...)
}

func TestWAVFormats(t *testing.T) {
	le := binary.LittleEndian
	for _, c := range []struct {
		name string
		file []byte
		want []float32
	}{
		{"8 bits", wav(wavePCM, 1, 8000, 8, false, []byte{0, 128, 192}), []float32{-1, 0, 0.5}},
		{"16 bits", wav(wavePCM, 1, 8000, 16, false, []byte{0, 0x80, 0, 0x40}), []float32{-1, 0.5}},
		{"24 bits", wav(wavePCM, 1, 8000, 24, true, []byte{0, 0, 0x80, 0, 0, 0x40}), []float32{-1, 0.5}},
		{"32 bits", wav(wavePCM, 1, 8000, 32, true, []byte{0, 0, 0, 0x80, 0, 0, 0, 0x40}), []float32{-1, 0.5}},
		{"stereo", wav(wavePCM, 2, 8000, 16, false, []byte{0, 0x40, 0, 0, 0, 0x40, 0, 0xc0}), []float32{0.25, 0}},
		{"float", wav(waveFloat, 1, 8000, 32, false, le.AppendUint32(nil, math.Float32bits(-0.25))), []float32{-0.25}},
		{"double", wav(waveFloat, 1, 8000, 64, false, le.AppendUint64(nil, math.Float64bits(0.125))), []float32{0.125}},
		{"not a number", wav(waveFloat, 1, 8000, 32, false, le.AppendUint32(nil, 0x7fc00000)), []float32{0}},
		// The smallest and the largest values of ITU-T G.711's tables.
		{"A-law", wav(waveALaw, 1, 8000, 8, false, []byte{0xd5, 0x55, 0xaa, 0x2a}), []float32{8. / 32768, -8. / 32768, 32256. / 32768, -32256. / 32768}},
		{"µ-law", wav(waveMuLaw, 1, 8000, 8, false, []byte{0xff, 0x7f, 0x80, 0x00}), []float32{0, 0, 32124. / 32768, -32124. / 32768}},
	} {
		s, err := ParseWAV(c.file, fine)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if diff := cmp.Diff(c.want, s.Samples); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

// Programs that write to a pipe leave no true length.
func TestWAVFromPipe(t *testing.T) {
	for _, size := range []uint32{0xffffffff, 0x7ffff000, 0} {
		b := WAV(8000, []int16{1, 2, 3})
		binary.LittleEndian.PutUint32(b[40:], size)
		if s, err := ParseWAV(b, fine); err != nil || len(s.Samples) != 3 {
			t.Errorf("length %#x: %v, %v; want 3 samples", size, s, err)
		}
	}
}

func TestWAVErrors(t *testing.T) {
	good := WAV(8000, make([]int16, 1000))
	for _, c := range []struct {
		name string
		file []byte
		want error
	}{
		{"nothing", nil, ErrNotWAV},
		{"text", []byte("hello, this is no sound at all"), ErrNotWAV},
		{"cut in the samples", good[:100], ErrTruncated},
		{"cut in the format", good[:30], ErrTruncated},
		{"no samples", good[:36], ErrEmpty},
		{"samples first", append([]byte("RIFF____WAVEdata\x02\x00\x00\x00ab"), good[12:]...), ErrFormat},
		{"no channels", wav(wavePCM, 0, 8000, 16, false, []byte{1, 2}), ErrFormat},
		{"too many channels", wav(wavePCM, 9, 8000, 16, false, make([]byte, 180)), ErrFormat},
		{"a rate of nothing", wav(wavePCM, 1, 0, 16, false, []byte{1, 2}), ErrFormat},
		{"a rate of gigahertz", wav(wavePCM, 1, 1<<31, 16, false, []byte{1, 2}), ErrFormat},
		{"MP3 in a WAV", wav(0x55, 1, 44100, 16, false, []byte{1, 2}), ErrFormat},
		{"too long", WAV(4000, make([]int16, 4000*601)), ErrTooLong},
	} {
		if _, err := ParseWAV(c.file, fine); !errors.Is(err, c.want) {
			t.Errorf("%s: %v; want %v", c.name, err, c.want)
		}
	}
}

func FuzzParseWAV(f *testing.F) {
	f.Add(WAV(8000, []int16{1, -1, 300}))
	f.Add(wav(waveFloat, 2, 44100, 32, true, bytes.Repeat([]byte{0xff}, 64)))
	f.Add(wav(waveALaw, 1, 8000, 8, false, []byte{0xd5, 0x55}))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ParseWAV(b, Limits{Seconds: 1, Channels: 8})
		if err != nil {
			return
		}
		if len(s.Samples) == 0 || len(s.Samples) > s.Rate || s.Rate < MinRate || s.Rate > MaxRate {
			t.Fatalf("%d samples at %d Hz were taken", len(s.Samples), s.Rate)
		}
		s.Level(PromptLevels)
		s.Trim(0, 0)
		out, err := s.Resample(TelephoneRate)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range out.Samples {
			if math.IsNaN(float64(v)) {
				t.Fatal("not a number")
			}
		}
	})
}

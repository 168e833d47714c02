package tone

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// coded sends samples through the network's coding.
func coded(law Law, s []int16) []int16 { return law.DecodeAll(nil, law.EncodeAll(nil, s)) }

// noisy adds white noise of a level (dBm0 over the whole band) to a copy.
func noisy(s []int16, dBm0 float64, seed uint64) []int16 {
	r := rand.New(rand.NewPCG(seed, 1))
	sigma := Amplitude(dBm0) / 1.4142135623730951
	out := make([]int16, len(s))
	for i, v := range s {
		out[i] = clip(float64(v) + r.NormFloat64()*sigma)
	}
	return out
}

// names runs a recogniser, frame by frame, and lists what begins and ends.
func names(z Zone, s []int16) (out []string, first uint64) {
	r := NewRecogniser(z)
	for i := 0; i+8 <= len(s); i += 8 {
		for _, e := range r.Write(s[i : i+8]) {
			if e.Name == Quiet {
				continue
			}
			sign := "-"
			if e.On {
				sign = "+"
				if first == 0 {
					first = e.At
				}
			}
			out = append(out, sign+string(e.Name))
		}
	}
	return out, first
}

// alike are tones that can't be told apart, being the same in a zone: they are
// named as the one on the right.
var alike = map[string]Name{
	"gb recall": Dial, "cn recall": Dial, "jp congestion": Busy, "br record": Busy, "br recall": Stutter, "it recall": Stutter,
}

func TestEveryToneOfEveryCountryIsNamed(t *testing.T) {
	for _, c := range Countries() {
		z, err := ZoneOf(c)
		if err != nil {
			t.Fatal(err)
		}
		for _, tn := range z.Tones {
			for _, level := range []float64{-5, -13, -30} {
				t.Run(fmt.Sprintf("%s/%s/%g", c, tn.Name, level), func(t *testing.T) {
					after := 2000 // the end is only told from a pause of the cadence by its length
					for _, seg := range tn.Segments {
						after = max(after, seg.MS*5/4)
					}
					s := TakeAll(Sequence(Silence(200), tn.Play(level, 9000), Silence(after)), 1<<21)
					want := tn.Name
					if n, ok := alike[c+" "+string(tn.Name)]; ok {
						want = n
					}
					for _, s := range [][]int16{coded(MuLaw, s), noisy(coded(ALaw, s), level-25, 7)} {
						got, first := names(z, s)
						if !slices.Equal(got, []string{"+" + string(want), "-" + string(want)}) {
							t.Errorf("heard %v, want %s once", got, want)
						}
						// Three seconds, or a period of the slow ones, must do.
						if limit := uint64(3000+200) * PerMS; first > limit {
							t.Errorf("named after %d ms", first/PerMS-200)
						}
					}
				})
			}
		}
	}
}

// TestTolerances varies frequency by 1 %, cadence by 5 % and twist by 3 dB.
func TestTolerances(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := rapid.SampledFrom([]string{"us", "cn", "gb", "de", "fr", "ru", "in"}).Draw(t, "country")
		n := rapid.SampledFrom([]Name{Dial, Busy, Ringback, Congestion}).Draw(t, "tone")
		z, err := ZoneOf(c)
		if err != nil {
			t.Fatal(err)
		}
		tn, _ := z.Tone(n)
		shift := rapid.Float64Range(0.99, 1.01).Draw(t, "frequency")
		stretch := rapid.Float64Range(0.95, 1.05).Draw(t, "cadence")
		tn.Segments = slices.Clone(tn.Segments)
		for i := range tn.Segments {
			s := &tn.Segments[i]
			s.Hz = slices.Clone(s.Hz)
			for k := range s.Hz {
				s.Hz[k] *= shift
			}
			s.MS = int(float64(s.MS) * stretch)
		}
		s := TakeAll(Sequence(Silence(rapid.IntRange(0, 40).Draw(t, "offset")), tn.Play(-20, 9000), Silence(6000)), 1<<20)
		got, _ := names(z, coded(MuLaw, s))
		if len(got) == 0 || got[0] != "+"+string(n) || slices.ContainsFunc(got, func(g string) bool { return g[1:] != string(n) }) {
			t.Fatalf("%s %s: heard %v", c, n, got)
		}
	})
}

// TestOtherSoundsAreNoTones: frequencies beside a zone's, keys, noise.
func TestOtherSoundsAreNoTones(t *testing.T) {
	keys, err := DTMF("0123456789*#ABCD", DTMFOptions{OnMS: 200, OffMS: 100})
	if err != nil {
		t.Fatal(err)
	}
	noise := noisy(make([]int16, 80_000), -20, 3)
	sounds := map[string][]int16{
		"1004 Hz": Take(Sines(-10, -1, 1004), 80_000),
		"520 Hz":  Take(Sines(-10, -1, 520), 80_000),
		"noise":   noise,
		"keys":    TakeAll(keys, 80_000),
		"speech":  speech(10_000, 1),
	}
	for _, c := range Countries() {
		z, err := ZoneOf(c)
		if err != nil {
			t.Fatal(err)
		}
		for name, s := range sounds {
			if got, _ := names(z, s); len(got) > 0 {
				t.Errorf("%s: %s was taken for %v", c, name, got)
			}
		}
	}
}

func TestRecogniserIdlesInSilence(t *testing.T) {
	z, err := ZoneOf("us")
	if err != nil {
		t.Fatal(err)
	}
	r := NewRecogniser(z)
	quiet := 0
	for range 1200 {
		for _, e := range r.Write(make([]int16, 8)) {
			if e.Name == Quiet && e.On {
				quiet++
			}
		}
	}
	if !r.Idle() || quiet != 1 {
		t.Fatalf("after 1.2 s of silence: idle %v, silence reported %d times", r.Idle(), quiet)
	}
	r.Skip(80_000)
	dial, _ := z.Tone(Dial)
	var at uint64
	for _, e := range r.Write(Take(dial.Play(-13, -1), 8000)) {
		if e.Name == Dial && e.On {
			at = e.At
		}
	}
	if at < 9600+80_000+2400 || at > 9600+80_000+3200 {
		t.Errorf("dial tone after a skip was named at sample %d", at)
	}
}

func TestParseToneRefuses(t *testing.T) {
	for _, spec := range []string{"x", "350+", "350/0", "350/-5", "350*", "350+440*20", "4000", "350//5", "350/5/5", "-5", "NaN", "1e9"} {
		if tn, err := ParseTone(Dial, spec); err == nil {
			t.Errorf("%q was read as %v", spec, tn.Segments)
		}
	}
}

func FuzzParseTone(f *testing.F) {
	f.Add("!350+440/100,!0/100,350+440")
	f.Add("400*25/400,0/200,400*25/400,0/2000")
	f.Fuzz(func(t *testing.T, spec string) {
		tn, err := ParseTone(Dial, spec)
		if err != nil {
			return
		}
		TakeAll(tn.Play(-10, 500), 8000)
		NewRecogniser(Zone{Tones: []Tone{tn}}).Write(Take(tn.Play(-10, 500), 4000))
	})
}

func BenchmarkRecogniser(b *testing.B) {
	z, err := ZoneOf("us")
	if err != nil {
		b.Fatal(err)
	}
	ring, _ := z.Tone(Ringback)
	s := Take(ring.Play(-13, -1), 48_000)
	r := NewRecogniser(z)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		k := i % 6000 * 8
		r.Write(s[k : k+8])
	}
}

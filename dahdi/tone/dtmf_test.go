package tone

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// keysIn runs a detector over samples, frame by frame.
func keysIn(s []int16) string {
	d := NewDTMFDetector(DTMFLimits{})
	var out []byte
	for i := 0; i+8 <= len(s); i += 8 {
		for _, e := range d.Write(s[i : i+8]) {
			if e.Down {
				out = append(out, e.Key)
			}
		}
	}
	return string(out)
}

// pad puts silence around keys, of an odd length so that tones begin anywhere
// in a detector's block.
func pad(t testing.TB, keys string, opt DTMFOptions, offset int) []int16 {
	t.Helper()
	g, err := DTMF(keys, opt)
	if err != nil {
		t.Fatal(err)
	}
	s := append(make([]int16, 400+offset), TakeAll(g, 1<<20)...)
	return append(s, make([]int16, 800-offset%8)...)
}

// trials counts in how many of n noisy repetitions of every key, at changing
// offsets, exactly that key is found, and in how many none is.
func trials(t testing.TB, opt DTMFOptions, law Law, noise float64, n int) (right, silent, all int) {
	t.Helper()
	for _, key := range DTMFDigits {
		for i := range n {
			s := pad(t, string(key), opt, i*5)
			if noise > Floor {
				s = noisy(s, noise, uint64(i)*100+uint64(key))
			}
			switch keysIn(coded(law, s)) {
			case string(key):
				right++
			case "":
				silent++
			}
			all++
		}
	}
	return right, silent, all
}

// TestDTMFLimits tries what Q.24 says a receiver must take and must refuse;
// where administrations differ, the stricter of each.
func TestDTMFLimits(t *testing.T) {
	take := map[string]DTMFOptions{
		"as sent":             {OnMS: 80, Level: -9},
		"+1.5 %":              {OnMS: 50, Shift: 0.015},
		"-1.5 %":              {OnMS: 50, Shift: -0.015},
		"+1.8 %":              {OnMS: 50, Shift: 0.018},
		"-1.8 %":              {OnMS: 50, Shift: -0.018},
		"40 ms":               {OnMS: 40},
		"40 ms, +1.5 %":       {OnMS: 40, Shift: 0.015},
		"loudest":             {OnMS: 50, Level: -3},
		"weakest":             {OnMS: 50, Level: -30},
		"high 4 dB stronger":  {OnMS: 50, Twist: 4},
		"high 8 dB weaker":    {OnMS: 50, Twist: -8},
		"weak, twisted, off":  {OnMS: 50, Level: -25, Twist: -8, Shift: -0.015},
		"long":                {OnMS: 1000},
		"40 ms, high 8 dB up": {OnMS: 40, Twist: 8, Level: -20},
	}
	for name, opt := range take {
		for _, law := range []Law{MuLaw, ALaw} {
			t.Run(fmt.Sprintf("take/%s/%v", name, law), func(t *testing.T) {
				if right, _, all := trials(t, opt, law, Floor, 8); right != all {
					t.Errorf("%d of %d were taken", right, all)
				}
			})
		}
	}
	refuse := map[string]DTMFOptions{
		"+3.5 %":              {OnMS: 100, Shift: 0.035},
		"-3.5 %":              {OnMS: 100, Shift: -0.035},
		"+5 %":                {OnMS: 100, Shift: 0.05},
		"-5 %":                {OnMS: 100, Shift: -0.05},
		"23 ms":               {OnMS: 23},
		"10 ms":               {OnMS: 10},
		"-40 dBm0":            {OnMS: 100, Level: -40},
		"-55 dBm0":            {OnMS: 100, Level: -55},
		"high 12 dB stronger": {OnMS: 100, Level: -20, Twist: 12},
		"high 12 dB weaker":   {OnMS: 100, Level: -5, Twist: -12},
	}
	for name, opt := range refuse {
		t.Run("refuse/"+name, func(t *testing.T) {
			if _, silent, all := trials(t, opt, MuLaw, Floor, 8); silent != all {
				t.Errorf("%d of %d were taken", all-silent, all)
			}
		})
	}
}

// TestDTMFNoise adds white noise over the whole band, down to 12 dB below one
// frequency (Bellcore's test tape has 24, 18 and 12 dB at 3 kHz).
func TestDTMFNoise(t *testing.T) {
	for _, snr := range []float64{24, 18, 14} {
		right, _, all := trials(t, DTMFOptions{OnMS: 50, Level: -20}, MuLaw, -20-snr, 30)
		if right != all {
			t.Errorf("%g dB: %d of %d keys were found", snr, right, all)
		}
	}
	right, _, all := trials(t, DTMFOptions{OnMS: 60, Level: -20, Shift: 0.01}, MuLaw, -32, 30)
	if right*1000 < all*995 {
		t.Errorf("12 dB, 1 %% off: %d of %d keys were found", right, all)
	}
}

// TestDTMFOverDialTone: the first key meets the dial tone still on the line.
func TestDTMFOverDialTone(t *testing.T) {
	for _, key := range DTMFDigits {
		s := pad(t, string(key), DTMFOptions{OnMS: 80, Level: -9}, 3)
		tone := Take(Sines(-25, -1, 350, 440), len(s))
		for i := range s {
			s[i] = satSum(s[i], tone[i])
		}
		if got := keysIn(s); got != string(key) {
			t.Errorf("%q over dial tone was heard as %q", key, got)
		}
	}
}

func satSum(a, b int16) int16 { return clip(float64(a) + float64(b)) }

func TestDTMFInterruptionAndPause(t *testing.T) {
	opt := DTMFOptions{OnMS: 50, OffMS: 10}
	for _, key := range "159D" {
		for offset := range 40 {
			// One key with a hole of 10 ms is one key.
			s := pad(t, string(key)+string(key), opt, offset)
			if got := keysIn(s); got != string(key) {
				t.Fatalf("%q with a hole of 10 ms at offset %d is %q", key, offset, got)
			}
			// Two keys 40 ms apart are two, different ones 30 ms apart too.
			opt := DTMFOptions{OnMS: 40, OffMS: 40}
			if got := keysIn(pad(t, string(key)+string(key), opt, offset)); got != string(key)+string(key) {
				t.Fatalf("twice %q at offset %d is %q", key, offset, got)
			}
			opt.OffMS = 30
			if got := keysIn(pad(t, string(key)+"6", opt, offset)); got != string(key)+"6" {
				t.Fatalf("%q and 6 at offset %d is %q", key, offset, got)
			}
		}
	}
}

func TestDTMFRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		keys := rapid.StringOfN(rapid.SampledFrom([]rune(DTMFDigits)), 1, 12, -1).Draw(t, "keys")
		opt := DTMFOptions{
			OnMS:  rapid.IntRange(45, 150).Draw(t, "on"),
			OffMS: rapid.IntRange(45, 150).Draw(t, "off"),
			Level: rapid.Float64Range(-25, -5).Draw(t, "level"),
			Twist: rapid.Float64Range(-5, 3).Draw(t, "twist"),
			Shift: rapid.Float64Range(-0.015, 0.015).Draw(t, "shift"),
		}
		g, err := DTMF(keys, opt)
		if err != nil {
			t.Fatal(err)
		}
		s := append(make([]int16, rapid.IntRange(0, 200).Draw(t, "offset")), TakeAll(g, 1<<20)...)
		law := rapid.SampledFrom([]Law{MuLaw, ALaw}).Draw(t, "law")
		d := NewDTMFDetector(DTMFLimits{})
		var got string
		for _, e := range d.Write(coded(law, append(s, make([]int16, 800)...))) {
			if e.Down {
				got += string(e.Key)
				continue
			}
			if ms := float64(e.At-e.Start) / PerMS; math.Abs(ms-float64(opt.OnMS)) > 16 {
				t.Fatalf("%q lasted %d ms and was measured at %.0f", e.Key, opt.OnMS, ms)
			}
			if math.Abs(e.Level-opt.Level) > 1 || math.Abs(e.Twist-opt.Twist) > 1 {
				t.Fatalf("%q has %.1f dBm0 and %.1f dB, was measured at %.1f and %.1f", e.Key, opt.Level, opt.Twist, e.Level, e.Twist)
			}
		}
		if got != keys {
			t.Fatalf("%q was heard as %q", keys, got)
		}
	})
}

// TestTalkOff: speech and music must not dial. Bellcore's tape allows a few
// hits in half an hour of talk; this is five minutes of a worse voice.
func TestTalkOff(t *testing.T) {
	if got := keysIn(coded(MuLaw, speech(300_000, 42))); len(got) > 1 {
		t.Errorf("five minutes of speech dialled %q", got)
	}
	// Music: chords of three to six partials from a scale, 200 ms each.
	r := rand.New(rand.NewPCG(5, 5))
	var s []int16
	for range 1500 {
		var hz []float64
		root := 110 * math.Pow(2, float64(r.IntN(36))/12)
		for k := 1; k <= 3+r.IntN(4); k++ {
			if f := root * float64(k); f < 3600 {
				hz = append(hz, f)
			}
		}
		s = append(s, Take(Sines(-20, 200, hz...), 1600)...)
	}
	if got := keysIn(coded(MuLaw, s)); got != "" {
		t.Errorf("five minutes of chords dialled %q", got)
	}
	// Every pair of a low and a high frequency that is no key's, swept.
	for _, f := range []float64{500, 620, 730, 810, 895, 1050} {
		sweep := make([]int16, 0, 80_000)
		for hz := 1000.0; hz < 2000; hz += 10 {
			sweep = append(sweep, Take(Sines(-12, 50, f, hz), 400)...)
		}
		if got := keysIn(sweep); got != "" {
			t.Errorf("%g Hz with a sweep dialled %q", f, got)
		}
	}
}

func TestDTMFIdle(t *testing.T) {
	d := NewDTMFDetector(DTMFLimits{})
	d.Write(pad(t, "5", DTMFOptions{}, 0))
	d.Write(make([]int16, 1600))
	if !d.Idle() {
		t.Fatal("not idle after 200 ms of silence")
	}
	n := d.n
	d.Skip(8000)
	s := pad(t, "7", DTMFOptions{}, 0)
	events := d.Write(s)
	if len(events) != 2 || events[0].Key != '7' {
		t.Fatalf("after a skip: %v", events)
	}
	if at := events[0].Start; at < n+8000+400-80 || at > n+8000+400+80 {
		t.Errorf("the key began at sample %d and was put at %d", n+8400, at)
	}
}

func TestDTMFRefusesOtherKeys(t *testing.T) {
	for _, keys := range []string{"12E", "é", " ", "1-2"} {
		if _, err := DTMF(keys, DTMFOptions{}); err == nil {
			t.Errorf("%q was taken", keys)
		}
	}
}

func FuzzDTMFDetector(f *testing.F) {
	f.Add([]byte{1, 2, 3})
	g, _ := DTMF("1", DTMFOptions{})
	f.Add(MuLaw.EncodeAll(nil, TakeAll(g, 2000)))
	f.Fuzz(func(t *testing.T, wire []byte) {
		d := NewDTMFDetector(DTMFLimits{})
		down := byte(0)
		for _, e := range d.Write(MuLaw.DecodeAll(nil, wire)) {
			// Downs and ups take turns, and times run forward.
			if e.Down == (down != 0) || (!e.Down && e.Key != down) || e.Start > e.At {
				t.Fatalf("%+v while %q is down", e, down)
			}
			if down = 0; e.Down {
				down = e.Key
			}
		}
	})
}

func BenchmarkDTMFDetector(b *testing.B) {
	g, err := DTMF("0123456789", DTMFOptions{})
	if err != nil {
		b.Fatal(err)
	}
	s := TakeAll(g, 8000)
	d := NewDTMFDetector(DTMFLimits{})
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		k := i % 1000 * 8
		d.Write(s[k : k+8])
	}
}

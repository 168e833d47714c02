//go:build native

package prompts

import (
	"bytes"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"switchroom/image/build"
	"switchroom/image/packages"
	"switchroom/image/prompts/pcm"
)

// box is the firmware's lame and eSpeak NG, on the build machine.
type box struct {
	packages, espeak string
	sandbox          *packages.Sandbox
}

func openBox(t *testing.T) *box {
	t.Helper()
	store, err := packages.Open(packages.Config{Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	lock, err := packages.Default()
	if err != nil {
		t.Fatal(err)
	}
	b := new(box)
	if b.sandbox, err = store.Sandbox(t.Context(), lock, "root"); err != nil {
		t.Fatal(err)
	}
	b.packages = b.sandbox.Tree()
	if b.espeak, err = build.Espeak(t.Context(), store, lock); err != nil {
		t.Fatal(err)
	}
	return b
}

// store opens a store whose children become the firmware's programs, by the firmware's loader and
// with its libraries.
func (b *box) store(t *testing.T) *Store {
	t.Helper()
	lib := filepath.Join(b.packages, "usr/lib/x86_64-linux-gnu")
	loader := []string{filepath.Join(lib, "ld-linux-x86-64.so.2"), "--library-path", lib}
	s, err := Open(Config{Dir: t.TempDir(), Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Tools: Tools{
		Lame:     append(loader[:3:3], filepath.Join(b.packages, "usr/bin/lame")),
		Espeak:   append(loader[:3:3], filepath.Join(b.espeak, build.EspeakProgram), "--path="+filepath.Join(b.espeak, "usr/share")),
		Readable: []string{b.packages, b.espeak},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// encode makes an MP3.
func (b *box) encode(t *testing.T, wav []byte, options ...string) []byte {
	t.Helper()
	cmd := b.sandbox.Command(t.Context(), packages.RunOptions{}, "lame", append([]string{"--quiet"}, append(options, "-", "-")...)...)
	cmd.Stdin = bytes.NewReader(wav)
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// Every kind of MP3: MPEG 1, 2 and 2.5, constant and variable rate, one and two channels.
func TestNativeMP3(t *testing.T) {
	b := openBox(t)
	s := b.store(t)
	for _, c := range []struct {
		rate    int
		options []string
	}{
		{44100, []string{"-b", "128"}}, {48000, []string{"-V", "4"}}, {32000, []string{"-b", "64", "-m", "m"}},
		{22050, []string{"-b", "32"}}, {16000, []string{"-b", "24"}}, {8000, []string{"-b", "16"}}, {11025, []string{"--abr", "20"}},
	} {
		// Fades, so that the codec's filters have no clicks to ring at.
		tone := samples(c.rate, 3, 0.2, 1000)
		for i := range tone {
			tone[i] = int16(float64(tone[i]) * min(1, float64(min(i, len(tone)-1-i))/float64(c.rate)*10))
		}
		mp3 := b.encode(t, pcm.WAV(c.rate, tone), c.options...)
		info, err := s.Upload(t.Context(), fmt.Sprintf("tone-%d.mp3", c.rate), bytes.NewReader(mp3))
		if err != nil {
			t.Errorf("%d Hz, %v: %v", c.rate, c.options, err)
			continue
		}
		got := stored(t, info.Path)
		if math.Abs(got.Seconds()-3) > 0.15 { // frames of up to 72 ms at either end
			t.Errorf("%d Hz: %.3f s; want 3", c.rate, got.Seconds())
		}
		if level := pcm.DB(strength(got, 1000)) - 3.01; math.Abs(level-pcm.PromptLevels.Active) > 0.5 {
			t.Errorf("%d Hz: the tone has %.2f dBFS; want %.1f", c.rate, level, pcm.PromptLevels.Active)
		}
		for _, other := range []float64{400, 2000, 3000, 3600} {
			if d := pcm.DB(strength(got, other) / strength(got, 1000)); d > -45 {
				t.Errorf("%d Hz: %g Hz is only %.1f dB below the tone", c.rate, other, -d)
			}
		}
	}
	clean(t, s)
}

// Damaged files end in a prompt or a fault, never in an error of the box.
func TestNativeDamagedMP3(t *testing.T) {
	b := openBox(t)
	s := b.store(t)
	good := b.encode(t, pcm.WAV(22050, samples(22050, 2, 0.2, 1000)), "-b", "32")
	r := rand.New(rand.NewPCG(1, 2))
	faults := map[Code]int{}
	for i := range 60 {
		bad := bytes.Clone(good)
		switch i % 4 {
		case 0: // bits turned
			for range 1 + r.IntN(400) {
				bad[4+r.IntN(len(bad)-4)] ^= 1 << r.IntN(8)
			}
		case 1: // cut
			bad = bad[:r.IntN(len(bad))]
		case 2: // a hole
			at := r.IntN(len(bad))
			bad = append(bad[:at], bad[min(len(bad), at+r.IntN(500)):]...)
		case 3: // noise after a frame's beginning
			for j := 4; j < len(bad); j++ {
				bad[j] = byte(r.Uint32())
			}
		}
		info, err := s.Upload(t.Context(), "damaged", bytes.NewReader(bad))
		if err == nil {
			stored(t, info.Path)
			faults["taken"]++
			continue
		}
		if faults[code(err)]++; code(err) == "" {
			t.Errorf("file %d: %v", i, err)
		}
	}
	t.Log(faults)
	if faults["taken"] == 0 || faults["taken"] == 60 {
		t.Errorf("%v: want some taken and some not", faults)
	}
	clean(t, s)
}

func TestNativeSpeech(t *testing.T) {
	b := openBox(t)
	s := b.store(t)
	for _, c := range []struct {
		language, text string
		from, to       float64 // seconds
	}{
		{"zh-CN", "您好，欢迎致电。客服请按1，销售请按2。", 3, 8},
		{"en", "Hello, and thank you for calling. For service, press 1. For sales, press 2.", 3, 8},
		{"zh-CN", "<break/> & \"[[h@l'oU]]\" $(reboot) `id`", 1, 12},
	} {
		info, err := s.Say(t.Context(), c.language, c.text)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		got := stored(t, info.Path)
		if got.Seconds() < c.from || got.Seconds() > c.to {
			t.Errorf("%s: lasts %.1f s; want %g to %g", c.text, got.Seconds(), c.from, c.to)
		}
		if level := pcm.DB(got.Active()); level < -21 || level > -17 {
			t.Errorf("%s: active level %.1f dBFS", c.text, level)
		}
	}
	clean(t, s)
}

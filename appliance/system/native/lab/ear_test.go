package lab

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"switchroom/dahdi/tone"
)

// words is something like speech: noise whose loudness changes every frame.
func words(seed uint64, ms int) []int16 {
	r := rand.New(rand.NewPCG(seed, 1))
	out := make([]int16, ms*tone.PerMS)
	loud := 0.0
	for i := range out {
		if i%Frame == 0 {
			loud = 6000 * r.Float64()
		}
		out[i] = int16(loud * r.NormFloat64() / 2)
	}
	return out
}

// overPhone is what is left of samples after a telephone line.
func overPhone(samples []int16) []int16 {
	return tone.ALaw.DecodeAll(nil, tone.ALaw.EncodeAll(nil, samples))
}

func TestPromptIsRecognised(t *testing.T) {
	silence := make([]int16, 3*Frame)
	p, err := NewPrompt("welcome", append(silence, words(1, 2000)...))
	if err != nil {
		t.Fatal(err)
	}
	other, err := NewPrompt("goodbye", words(2, 300))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewPrompt("nothing", make([]int16, 8000)); err == nil {
		t.Error("a prompt without sound was taken")
	}
	e := newEar()
	whole := slices.Concat(overPhone(words(3, 500)), overPhone(words(2, 300)), silence, overPhone(words(1, 2000)))
	for part := range slices.Chunk(whole, Frame) {
		e.hear(part)
	}
	for _, c := range []struct {
		from, which, start int
		sounds             []Sound
	}{
		{0, 0, 800*tone.PerMS + len(silence) + clipped, []Sound{p}},
		{0, 1, 500 * tone.PerMS, []Sound{p, other}},
		{500*tone.PerMS - 30, 0, 500 * tone.PerMS, []Sound{other}},
	} {
		which, start, err := e.Await(t.Context(), c.from, c.sounds...)
		if which != c.which || start != c.start || err != nil {
			t.Errorf("from %d: sound %d at %d, %v; want %d at %d", c.from, which, start, err, c.which, c.start)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, _, err := e.Await(ctx, 900*tone.PerMS, other); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a prompt that was played before was heard again: %v", err)
	}
	e.close()
	if _, _, err := e.Await(t.Context(), 900*tone.PerMS, other); err == nil {
		t.Error("a prompt was heard after the call's end")
	}
}

func TestToneAmongOthers(t *testing.T) {
	make200 := func(hz ...float64) []int16 {
		return overPhone(tone.Take(tone.Sines(-13, -1, hz...), Tone(0).Length()))
	}
	for _, c := range []struct {
		samples []int16
		want    bool
	}{
		{make200(700), true},
		{make200(700, 900), true},
		{make200(700, 900, 1300), true},
		{make200(900), false},
		{make([]int16, Tone(0).Length()), false},
		{words(1, 200), false},
	} {
		if got := Tone(700).Is(c.samples); got != c.want {
			t.Errorf("700 Hz at %.1f of %.1f dBm0: heard %v", tone.LevelAt(c.samples, 700), tone.Level(c.samples), got)
		}
	}
}

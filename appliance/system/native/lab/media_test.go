package lab

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"switchroom/dahdi/tone"
)

// TestTwoMouthsAndEars connects the sound of two telephones without anything between them.
func TestTwoMouthsAndEars(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	local := netip.MustParseAddr("127.0.0.1")
	end := func(hz float64) *media {
		m, err := newMedia(network{}, local, tone.ALaw, tone.Sines(-13, -1, hz))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(m.close)
		return m
	}
	a, b := end(700), end(1100)
	connect := func(from, to *media, d direction) {
		body, err := from.describe(d)
		if err == nil {
			err = to.agree(body)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	connect(a, b, sendRecv)
	connect(b, a, sendRecv)
	if _, _, err := a.ear.Await(ctx, 0, Tone(1100)); err != nil {
		t.Error(err)
	}
	if _, _, err := b.ear.Await(ctx, 0, Tone(700)); err != nil {
		t.Error(err)
	}
	for _, k := range []byte("1*#") {
		if err := a.dial(ctx, k); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.ear.AwaitKeys(ctx, "1*#"); err != nil {
		t.Error(err)
	}
	if err := a.dial(ctx, 'x'); err == nil {
		t.Error("x was taken for a key")
	}

	// b is put on hold: it may send nothing any more.
	connect(a, b, sendOnly)
	from := a.ear.Now()
	if err := a.pass(ctx, 15); err != nil {
		t.Fatal(err)
	}
	if _, ok := a.ear.Find(from, -1, Tone(1100)); ok {
		t.Error("a telephone on hold was heard")
	}
	connect(a, b, sendRecv)
	if _, _, err := a.ear.Await(ctx, a.ear.Now(), Tone(1100)); err != nil {
		t.Error(err)
	}

	mu, err := newMedia(network{}, local, tone.MuLaw, tone.Silence(-1))
	if err != nil {
		t.Fatal(err)
	}
	defer mu.close()
	body, err := mu.describe(sendRecv)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.agree(body); err == nil {
		t.Error("a codec was agreed upon that one of them has not")
	}
	b.close()
	if err := b.dial(ctx, '1'); err == nil {
		t.Error("a key was pressed after the call")
	}
}

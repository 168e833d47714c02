package emulated_test

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"switchroom/appliance/panel/cfa635"
	"switchroom/appliance/panel/emulated"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// models runs a test on each model, in synthetic time, with a module on an
// emulated panel.
func models(t *testing.T, test func(t *testing.T, m *cfa635.Module, p *emulated.Panel)) {
	for _, model := range cfa635.Models() {
		t.Run(model.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := emulated.New(model)
				near, far := buffered()
				go func() { _ = p.Serve(far) }()
				m, err := cfa635.Open(t.Context(), near, cfa635.AnswerWithin)
				if err != nil {
					t.Fatal(err)
				}
				test(t, m, p)
				m.Close()
			})
		})
	}
}

// buffered is a pair of lines that, as serial ones, take bytes that nobody
// reads yet.
func buffered() (a, b io.ReadWriteCloser) {
	x, y := net.Pipe()
	return x, &lazy{Conn: y, out: make(chan []byte, 64)}
}

// lazy writes in the background.
type lazy struct {
	net.Conn
	out chan []byte
	on  bool
}

func (l *lazy) Write(b []byte) (int, error) {
	if !l.on {
		l.on = true
		go func() {
			for b := range l.out {
				if _, err := l.Conn.Write(b); err != nil {
					return
				}
			}
		}()
	}
	l.out <- append([]byte(nil), b...)
	return len(b), nil
}

func (l *lazy) Read(b []byte) (int, error) {
	n, err := l.Conn.Read(b)
	if err != nil && l.on {
		l.on = false
		close(l.out)
	}
	return n, err
}

// TestShows: what is written stands on the display, and lamps and light are as
// they were set.
func TestShows(t *testing.T) {
	models(t, func(t *testing.T, m *cfa635.Module, p *emulated.Panel) {
		ctx := t.Context()
		for _, err := range []error{m.Clear(ctx), m.Write(ctx, 2, 1, "hello [x]"), m.Backlight(ctx, 40), m.HideCursor(ctx), m.Ping(ctx)} {
			if err != nil {
				t.Fatal(err)
			}
		}
		text := p.Text()
		if len(text) != m.Model.Rows || text[1][:11] != "  hello [x]" || len([]rune(text[0])) != m.Model.Columns {
			t.Errorf("the display shows %q", text)
		}
		if err := m.Write(ctx, 0, m.Model.Rows, "x"); err == nil {
			t.Error("a line that is not there was written on")
		}
		if err := m.Write(ctx, m.Model.Columns-2, 0, "abcdef"); err != nil {
			t.Error(err)
		}
		err := m.SetLamp(ctx, 0, 100, 0)
		if (err == nil) != (m.Model.Lamps > 0) {
			t.Errorf("setting a lamp: %v", err)
		}
		if _, err := m.Do(ctx, cfa635.CmdWrite, 99, 0, 'x'); !errors.Is(err, cfa635.ErrRefused) {
			t.Errorf("writing beside the display: %v; want a refusal", err)
		}
	})
}

// TestPicture is what tests look at.
func TestPicture(t *testing.T) {
	models(t, func(t *testing.T, m *cfa635.Module, p *emulated.Panel) {
		if m.Model.Lamps == 0 {
			return
		}
		ctx := t.Context()
		for _, err := range []error{m.Clear(ctx), m.Write(ctx, 0, 0, "Switchroom"), m.SetLamp(ctx, 0, 0, 100), m.SetLamp(ctx, 1, 100, 0), m.SetLamp(ctx, 2, 60, 60)} {
			if err != nil {
				t.Fatal(err)
			}
		}
		want := "CFA-635, light 100%\n" +
			"+--------------------+\n" +
			"|Switchroom          | green\n" +
			"|                    | red\n" +
			"|                    | amber\n" +
			"|                    | dark\n" +
			"+--------------------+\n"
		if got := p.Picture(); got != want {
			t.Errorf("the picture is\n%s; want\n%s", got, want)
		}
	})
}

// TestKeys: keys that are tapped are reported, pressed and released.
func TestKeys(t *testing.T) {
	models(t, func(t *testing.T, m *cfa635.Module, p *emulated.Panel) {
		if err := m.EnableKeys(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := p.Tap(cfa635.KeyEnter, cfa635.KeyDown); err != nil {
			t.Fatal(err)
		}
		for _, want := range []cfa635.KeyEvent{{Key: cfa635.KeyEnter, Down: true}, {Key: cfa635.KeyEnter}, {Key: cfa635.KeyDown, Down: true}, {Key: cfa635.KeyDown}} {
			if got := <-m.Keys(); got != want {
				t.Errorf("key %v; want %v", got, want)
			}
		}
	})
}

// TestFaults: one fault at a time in every second answer is overcome.
func TestFaults(t *testing.T) {
	// The beginning of a packet of 22 bytes, which swallows the answer.
	swallows := []byte{0x80, 22, 1, 2, 3}
	for name, f := range map[string]emulated.Faults{
		"wrong CRC":       {CRCEvery: 2},
		"lost answer":     {LoseEvery: 2},
		"lost command":    {DeafEvery: 2},
		"slow":            {Slow: 240 * time.Millisecond},
		"noise":           {NoiseEvery: 1, Noise: []byte{0xFF, 0x00, 0x41, 0x05, 'x'}},
		"noise, swallows": {NoiseEvery: 1, Noise: swallows},
		"late":            {Slow: 300 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			models(t, func(t *testing.T, m *cfa635.Module, p *emulated.Panel) {
				p.Inject(f)
				for i := range 20 {
					text := string(rune('a' + i))
					if err := m.Write(t.Context(), 0, 0, text); err != nil {
						t.Fatalf("writing %q: %v", text, err)
					}
					synctest.Wait()
				}
				time.Sleep(time.Second) // what comes late
				p.Inject(emulated.Faults{})
				if err := m.Write(t.Context(), 0, 1, "end"); err != nil {
					t.Fatal(err)
				}
				if got := p.Text(); got[0][0] != 't' || got[1][:3] != "end" {
					t.Errorf("the display shows %q", got)
				}
			})
		})
	}
}

// TestSilence: what never answers is given up after three tries of 250 ms, and
// so is what answers but is no panel.
func TestSilence(t *testing.T) {
	models(t, func(t *testing.T, m *cfa635.Module, p *emulated.Panel) {
		p.Inject(emulated.Faults{DeafEvery: 1})
		start := time.Now()
		err := m.Ping(t.Context())
		if took := time.Since(start); !errors.Is(err, cfa635.ErrNoAnswer) || took != 3*cfa635.AnswerWithin {
			t.Errorf("%v after %v; want no answer after 750 ms", err, took)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		go func() { _, _ = io.Copy(io.Discard, far) }()
		if _, err := cfa635.Open(t.Context(), near, cfa635.AnswerWithin); !errors.Is(err, cfa635.ErrNoAnswer) {
			t.Errorf("Open of nothing: %v", err)
		}
		near, far = net.Pipe()
		go func() { // an echo: a modem, or a wire between the pins
			defer far.Close()
			buf := make([]byte, 100)
			for {
				n, err := far.Read(buf)
				if err != nil {
					return
				}
				if _, err := far.Write(buf[:n]); err != nil {
					return
				}
			}
		}()
		if _, err := cfa635.Open(t.Context(), near, cfa635.AnswerWithin); !errors.Is(err, cfa635.ErrNoAnswer) {
			t.Errorf("Open of an echo: %v", err)
		}
	})
}

// TestUnplugged: a command that waits ends when the line does, or the context.
func TestUnplugged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := emulated.New(cfa635.Models()[0])
		near, far := buffered()
		go func() { _ = p.Serve(far) }()
		m, err := cfa635.Open(t.Context(), near, cfa635.AnswerWithin)
		if err != nil {
			t.Fatal(err)
		}
		p.Inject(emulated.Faults{DeafEvery: 1})
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if err := m.Ping(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Ping with a context that ends: %v", err)
		}
		go func() {
			time.Sleep(10 * time.Millisecond)
			far.Close()
		}()
		if err := m.Ping(t.Context()); err == nil || errors.Is(err, cfa635.ErrNoAnswer) {
			t.Errorf("Ping when the plug is pulled: %v", err)
		}
		<-m.Done()
		m.Close()
	})
}

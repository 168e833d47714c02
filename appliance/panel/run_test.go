package panel

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"switchroom/appliance"
	"switchroom/appliance/panel/cfa635"
	"switchroom/appliance/panel/emulated"
	"switchroom/dahdi"
)

// bench is serial ports that a test plugs things into.
type bench struct {
	mu    sync.Mutex
	ports map[string]func(baud int) (io.ReadWriteCloser, error)
	opens []string
}

func (b *bench) plug(path string, open func(baud int) (io.ReadWriteCloser, error)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ports == nil {
		b.ports = map[string]func(int) (io.ReadWriteCloser, error){}
	}
	b.ports[path] = open
}

func (b *bench) unplug(path string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.ports, path)
}

func (b *bench) List() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []string
	for path := range b.ports {
		all = append(all, path)
	}
	slices.Sort(all)
	return all
}

func (b *bench) Open(path string, baud int) (io.ReadWriteCloser, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.opens = append(b.opens, path)
	open := b.ports[path]
	if open == nil {
		return nil, errors.New("it has just gone")
	}
	return open(baud)
}

// nobody is a port with nothing on it.
func nobody(int) (io.ReadWriteCloser, error) {
	near, far := net.Pipe()
	go func() { _, _ = io.Copy(io.Discard, far) }()
	return near, nil
}

// at is a panel at the end of a port, deaf at another speed than its own.
func at(p *emulated.Panel, m *cfa635.Model, lines chan<- io.Closer) func(int) (io.ReadWriteCloser, error) {
	return func(baud int) (io.ReadWriteCloser, error) {
		if baud != m.Baud {
			return nobody(baud)
		}
		line := wire(p)
		select {
		case lines <- line:
		default:
		}
		return line, nil
	}
}

// shows waits until the panel shows a text.
func shows(t *testing.T, p *emulated.Panel, text string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	picture, err := p.Await(ctx, func(picture string) bool { return strings.Contains(picture, text) })
	if err != nil {
		t.Fatalf("the panel does not show %q:\n%s", text, picture)
	}
}

func status(context.Context) (appliance.Status, error) {
	st := appliance.Status{Version: "1.2.3", Started: time.Now().Add(-time.Hour)}
	st.Health.OK = true
	return st, nil
}

// TestPlugging: a panel is found among silent ports, whatever model it is, when
// it is plugged in and again after it was pulled out.
func TestPlugging(t *testing.T) {
	for _, model := range cfa635.Models() {
		t.Run(model.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, stop := context.WithCancel(t.Context())
				b := &bench{}
				b.plug("/dev/ttyS1", nobody)
				var mu sync.Mutex
				var found []string
				ended := make(chan struct{})
				go func() {
					defer close(ended)
					Run(ctx, Config{
						Log: slog.New(slog.DiscardHandler), Ports: b, Sources: Sources{Status: status},
						Found: func(s string) { mu.Lock(); found = append(found, s); mu.Unlock() },
					})
				}()
				time.Sleep(time.Minute)
				for range 2 {
					p, lines := emulated.New(model), make(chan io.Closer, 1)
					b.plug("/dev/ttyUSB0", at(p, model, lines))
					shows(t, p, "Switchroom")
					if err := p.Tap(cfa635.KeyEnter); err != nil {
						t.Error(err)
					}
					shows(t, p, ">Network")
					b.unplug("/dev/ttyUSB0")
					(<-lines).Close()
					time.Sleep(time.Minute)
				}
				// Power lost for a moment: what is shown comes back, and keys.
				p, lines := emulated.New(model), make(chan io.Closer, 1)
				b.plug("/dev/ttyUSB0", at(p, model, lines))
				shows(t, p, "Switchroom")
				p.PowerOn()
				shows(t, p, "Switchroom")
				// Cut off: nothing says so but that it is silent.
				p.Inject(emulated.Faults{DeafEvery: 1})
				time.Sleep(time.Minute)
				p.Inject(emulated.Faults{})
				p.PowerOn() // or what it showed before would do
				shows(t, p, "Healthy")
				stop()
				<-ended
				shows(t, p, "One moment")
				name := model.Name + " on /dev/ttyUSB0"
				want := []string{name, "", name, "", name, "", name}
				if !slices.Equal(found, want) {
					t.Errorf("found %q; want %q", found, want)
				}
			})
		})
	}
}

// TestSilentPorts: a port with nothing on it is asked at both speeds, and then
// only now and then.
func TestSilentPorts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		b := &bench{}
		b.plug("/dev/ttyS1", nobody)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			Run(ctx, Config{Log: slog.New(slog.DiscardHandler), Ports: b, Found: func(string) {}})
		}()
		time.Sleep(5 * time.Minute)
		stop()
		<-ended
		if n := len(b.opens); n < 10 || n > 2*5*6 {
			t.Errorf("opened %d times in five minutes; want at most each ten seconds, at two speeds", n)
		}
	})
}

// TestPTY is the whole of it over a real serial port, as far as the kernel
// tells one from a pseudo-terminal: found, worked, unplugged.
func TestPTY(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	p := emulated.New(cfa635.Models()[0])
	// Noise from which the way is found without waiting. What costs time is
	// tested where time costs nothing.
	p.Inject(emulated.Faults{NoiseEvery: 2, Noise: []byte{0xFF, 0x00, 0x33}})
	pty, err := emulated.OpenPTY()
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- p.Serve(pty) }()
	gone := make(chan struct{})
	var once sync.Once
	ended := make(chan struct{})
	box := &fakeBox{}
	go func() {
		defer close(ended)
		Run(ctx, Config{
			Log: slog.New(slog.DiscardHandler), Ports: SystemPorts{Only: []string{pty.Path}},
			Sources: Sources{Status: status},
			// This machine may have other things to do.
			AnswerWithin: 20 * time.Second,
			Controls:     Controls{Box: box, PINs: &PINFile{Path: filepath.Join(t.TempDir(), "pin.json")}},
			Found: func(s string) {
				if s == "" {
					once.Do(func() { close(gone) })
				}
			},
		})
	}()
	shows(t, p, "Healthy")
	for _, k := range []struct {
		key  cfa635.Key
		then string
	}{
		{cfa635.KeyEnter, ">Network"}, {cfa635.KeyDown, ">Restart Asterisk"}, {cfa635.KeyDown, ">Reboot"}, {cfa635.KeyEnter, "New PIN:"},
		{cfa635.KeyUp, "|0"}, {cfa635.KeyEnter, "|*_"}, {cfa635.KeyUp, "|*0"}, {cfa635.KeyEnter, "|**_"},
		{cfa635.KeyUp, "|**0"}, {cfa635.KeyEnter, "|***_"}, {cfa635.KeyUp, "|***0"}, {cfa635.KeyEnter, "|****_"}, {cfa635.KeyEnter, "again"},
		{cfa635.KeyUp, "|0"}, {cfa635.KeyEnter, "|*_"}, {cfa635.KeyUp, "|*0"}, {cfa635.KeyEnter, "|**_"},
		{cfa635.KeyUp, "|**0"}, {cfa635.KeyEnter, "|***_"}, {cfa635.KeyUp, "|***0"}, {cfa635.KeyEnter, "|****_"}, {cfa635.KeyEnter, "Reboot?"},
		{cfa635.KeyEnter, "Done"},
	} {
		if err := p.Tap(k.key); err != nil {
			t.Fatal(err)
		}
		shows(t, p, k.then)
	}
	if got := box.list(); !slices.Equal(got, []string{"asked: reboot\n"}) {
		t.Errorf("the box was %q", got)
	}
	if err := pty.Close(); err != nil {
		t.Error(err)
	}
	<-gone
	<-served
	stop()
	<-ended
}

// TestPorts: what the cards' service tells is shown, and forgotten when the
// service is gone.
func TestPorts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ports.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, stop := context.WithCancel(t.Context())
	w := newWatcher(Sources{PortsSocket: path, Status: status}, slog.New(slog.DiscardHandler))
	changed := make(chan struct{}, 1)
	defer w.subscribe(changed)()
	ended := make(chan struct{})
	go func() { defer close(ended); w.run(ctx) }()
	until := func(what string, ok func(Facts) bool) {
		t.Helper()
		for !ok(w.now()) {
			select {
			case <-changed:
			case <-time.After(time.Minute):
				t.Fatalf("never %s", what)
			}
		}
	}
	for range 2 { // it comes again
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		enc := json.NewEncoder(conn)
		inv := dahdi.Inventory{State: dahdi.StateLine, Problems: []dahdi.Problem{{State: dahdi.StateLine, Port: 21}}}
		ports := []dahdi.Status{{Port: 1, Hook: dahdi.HookOn}, {Port: 21}}
		for _, m := range []portsMessage{{Inventory: &inv}, {Ports: ports}, {Event: &dahdi.Event{Status: dahdi.Status{Port: 1, Hook: dahdi.HookOff}}}} {
			if err := enc.Encode(m); err != nil {
				t.Fatal(err)
			}
		}
		until("off hook", func(f Facts) bool { return f.Ports[1].Hook == dahdi.HookOff && f.Inventory != nil && len(f.Ports) == 2 })
		until("a status", func(f Facts) bool { return f.Status != nil })
		conn.Close()
		until("forgotten", func(f Facts) bool { return f.Inventory == nil && f.Ports == nil && f.Status != nil })
	}
	stop()
	<-ended
}

// TestSources: what a source no longer knows is no longer shown.
func TestSources(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		src := &fakeSources{}
		w := newWatcher(Sources{Name: func() string { return "Hotline" }, Status: src.status, Network: src.network, Claim: src, Floor: src, Slot: "b"}, slog.New(slog.DiscardHandler))
		ended := make(chan struct{})
		go func() { defer close(ended); w.run(ctx) }()
		synctest.Wait()
		f := w.now()
		if f.Name != "Hotline" || f.Slot != "b" || f.Status == nil || f.SetupCode != "1234" || f.Floor == nil || f.Floor.Calls != 7 || f.Hours != HoursNight || len(f.Links) != 1 || !f.Gateway.IsValid() {
			t.Errorf("facts %+v", f)
		}
		src.fail(errors.New("gone"))
		time.Sleep(lookEvery)
		synctest.Wait()
		f = w.now()
		if f.Status != nil || f.SetupCode != "" || f.Floor != nil || len(f.Links) != 0 || f.Name != "Hotline" {
			t.Errorf("facts %+v; want what is left", f)
		}
		stop()
		<-ended
	})
}

type fakeSources struct {
	mu  sync.Mutex
	err error
}

func (s *fakeSources) fail(err error) { s.mu.Lock(); s.err = err; s.mu.Unlock() }
func (s *fakeSources) failure() error { s.mu.Lock(); defer s.mu.Unlock(); return s.err }

func (s *fakeSources) SetupCode() (string, bool) { return "1234", s.failure() == nil }
func (s *fakeSources) Floor(context.Context) (Floor, Hours, error) {
	return Floor{Calls: 7}, HoursNight, s.failure()
}
func (s *fakeSources) status(ctx context.Context) (appliance.Status, error) {
	st, _ := status(ctx)
	return st, s.failure()
}
func (s *fakeSources) network() ([]Link, Routes, error) {
	if err := s.failure(); err != nil {
		return nil, Routes{}, err
	}
	return []Link{{Name: "eth0"}}, Routes{Gateway: netip.MustParseAddr("10.0.0.1")}, nil
}

package ports

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"switchroom/dahdi"
	"switchroom/dahdi/dahditest"
	"switchroom/provisioning/dahdiconf"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// openFake is a fake driver that can be closed.
type openFake struct{ *dahditest.Fake }

func (openFake) Close() error { return nil }

// loader is a kernel with the drivers in it; load makes one fail.
type loader struct {
	fail map[string]error

	mu     sync.Mutex
	loaded []string
}

func (l *loader) Match(alias string) []string {
	switch {
	case strings.Contains(alias, "v0000D161d00002400"):
		return []string{"wctdm24xxp"}
	case strings.Contains(alias, "v00008086"):
		return []string{"e1000"}
	}
	return nil
}

func (l *loader) Needs(module, other string) bool { return module == "wctdm24xxp" && other == "dahdi" }

func (l *loader) Load(name, params string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.fail[name]; err != nil {
		return err
	}
	l.loaded = append(l.loaded, strings.TrimSpace(name+" "+params))
	return nil
}

// box is a machine to run the service on.
type box struct {
	cfg     Config
	fake    *dahditest.Fake
	loader  *loader
	notes   chan string
	log     bytes.Buffer
	stdout  bytes.Buffer
	openErr error
}

func newBox(t *testing.T, withCard bool, kinds ...dahdi.Kind) *box {
	t.Helper()
	b := &box{fake: dahditest.New(kinds...), loader: &loader{fail: map[string]error{}}, notes: make(chan string, 100)}
	root := t.TempDir()
	if withCard {
		sys := b.fake.Sys()
		if err := os.CopyFS(filepath.Join(root, "sys"), sys); err != nil {
			t.Fatal(err)
		}
	}
	for file, text := range map[string]string{
		"sys/bus/pci/devices/0000:00:03.0/modalias": "pci:v00008086d0000100E\n",
		"dev/dahdi/ctl": "",
	} {
		write(t, filepath.Join(root, file), text)
	}
	if withCard {
		write(t, filepath.Join(root, "sys/bus/pci/devices/0000:00:05.0/modalias"), "pci:v0000D161d00002400sv\n")
	}
	b.cfg = Config{
		Log:     slog.New(slog.NewTextHandler(&b.log, nil)),
		Options: func() dahdiconf.Options { return dahdiconf.Options{Country: "cn"} },
		Loader:  b.loader,
		Open: func() (Driver, error) {
			if b.openErr != nil {
				return nil, b.openErr
			}
			return openFake{b.fake}, nil
		},
		Root:    root,
		Dir:     t.TempDir(),
		Notify:  func(s string) { b.notes <- s },
		Stdout:  &b.stdout,
		Monitor: dahdi.MonitorConfig{Interval: time.Millisecond, ClaimInterval: time.Millisecond},
	}
	return b
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
}

// start runs the service until the test ends, and waits for its being ready.
func (b *box) start(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- New(b.cfg).Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	b.waitFor(t, "READY=1")
}

// waitFor waits for a notification that begins so, and gives it.
func (b *box) waitFor(t *testing.T, prefix string) string {
	t.Helper()
	limit := time.After(time.Minute)
	for {
		select {
		case n := <-b.notes:
			if strings.HasPrefix(n, prefix) {
				return n
			}
		case <-limit:
			t.Fatalf("no notification %s…", prefix)
		}
	}
}

func (b *box) inventory(t *testing.T) dahdi.Inventory {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(b.cfg.Dir, "ports.json"))
	if err != nil {
		t.Fatal(err)
	}
	var inv dahdi.Inventory
	if err := json.Unmarshal(data, &inv); err != nil {
		t.Fatal(err)
	}
	return inv
}

// stream reads the socket.
type stream struct {
	t *testing.T
	s *bufio.Scanner
}

func (b *box) dial(t *testing.T) *stream {
	t.Helper()
	conn, err := net.Dial("unix", filepath.Join(b.cfg.Dir, "ports.sock"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	sc := bufio.NewScanner(conn)
	sc.Buffer(nil, 1<<20)
	return &stream{t, sc}
}

// until reads messages until one is as wanted.
func (s *stream) until(what string, want func(Message) bool) Message {
	s.t.Helper()
	for s.s.Scan() {
		var m Message
		if err := json.Unmarshal(s.s.Bytes(), &m); err != nil {
			s.t.Fatalf("%q: %v", s.s.Text(), err)
		}
		if want(m) {
			return m
		}
	}
	s.t.Fatalf("the stream ended before %s: %v", what, s.s.Err())
	return Message{}
}

func TestServiceWithCard(t *testing.T) {
	b := newBox(t, true, dahditest.Mix(8, dahdi.KindFXS, 4, dahdi.KindFXO)...)
	b.start(t)
	if got := b.stdout.String(); got != "dahdi configured spans=1 channels=24\n" {
		t.Errorf("milestone %q", got)
	}
	b.loader.mu.Lock()
	loaded := slices.Clone(b.loader.loaded)
	b.loader.mu.Unlock()
	if len(loaded) != 3 || loaded[0] != "dahdi auto_assign_spans=1" || !slices.Contains(loaded, "wctdm24xxp opermode=CHINA") ||
		!slices.Contains(loaded, "dahdi_echocan_mg2") {
		t.Errorf("modules loaded: %q", loaded)
	}
	inv := b.inventory(t)
	if inv.State != dahdi.StateOK || inv.Zone != "cn" || !slices.Equal(inv.Numbers(dahdi.KindFXO), []int{9, 10, 11, 12}) {
		t.Errorf("inventory: %s, zone %s, lines %v", inv.State, inv.Zone, inv.Numbers(dahdi.KindFXO))
	}
	for _, p := range inv.Ports() {
		if p.Signalling != dahdi.SignallingFor(p.Kind) || (p.EchoCanceller == "mg2") != (p.Kind != dahdi.KindNone) {
			t.Errorf("port %d, %s: signalling %s, echo canceller %q", p.Number, p.Kind, p.Signalling, p.EchoCanceller)
		}
	}

	s := b.dial(t)
	s.until("the inventory", func(m Message) bool { return m.Inventory != nil && len(m.Inventory.Ports()) == 24 })
	s.until("the ports", func(m Message) bool { return len(m.Ports) == 12 })
	b.fake.Set(3, func(p *dahdi.Params) { p.RxHook = dahdi.HookOff })
	s.until("telephone 3 picked up", func(m Message) bool {
		return m.Event != nil && m.Event.Status.Port == 3 && m.Event.Status.Hook == dahdi.HookOff
	})
	// A line goes dead: the inventory changes too, in the file as well.
	b.fake.Set(10, func(p *dahdi.Params) { p.Alarms = []dahdi.Alarm{dahdi.AlarmRed} })
	m := s.until("the new inventory", func(m Message) bool { return m.Inventory != nil && m.Inventory.State == dahdi.StateLine })
	if len(m.Inventory.Problems) != 1 || m.Inventory.Problems[0].Port != 10 {
		t.Errorf("problems: %+v", m.Inventory.Problems)
	}
	// A second client begins where things are now.
	b.dial(t).until("telephone 3 being off hook", func(m Message) bool {
		return slices.ContainsFunc(m.Ports, func(st dahdi.Status) bool { return st.Port == 3 && st.Hook == dahdi.HookOff })
	})
	b.waitFor(t, "STATUS=line-dead")
	if inv := b.inventory(t); inv.State != dahdi.StateLine {
		t.Errorf("ports.json has state %s; want %s", inv.State, dahdi.StateLine)
	}
}

func TestServiceWithoutCard(t *testing.T) {
	b := newBox(t, false)
	b.openErr = dahdi.ErrNoDriver
	b.start(t)
	if inv := b.inventory(t); inv.State != dahdi.StateNoCard || len(inv.Problems) != 1 || inv.Problems[0].Advice == "" {
		t.Errorf("inventory %+v", inv)
	}
	if len(b.loader.loaded) > 0 || b.stdout.Len() > 0 {
		t.Errorf("loaded %q, printed %q", b.loader.loaded, b.stdout.String())
	}
}

func TestServiceStates(t *testing.T) {
	broken := errors.New("Key was rejected by service")
	for _, c := range []struct {
		name  string
		kinds []dahdi.Kind
		spoil func(*box)
		state dahdi.State
		text  string
	}{
		{"a module that can't be loaded", nil, func(b *box) {
			b.loader.fail["dahdi"] = broken
			b.openErr = dahdi.ErrNoDriver
			if err := os.RemoveAll(filepath.Join(b.cfg.Root, "sys/bus/dahdi_devices")); err != nil {
				panic(err)
			}
			b.unbind()
		}, dahdi.StateNoDriver, broken.Error()},
		{"no modules", nil, func(b *box) { b.fake = dahditest.New() }, dahdi.StateEmpty, "no module"},
		{"half a module", dahditest.Mix(3, dahdi.KindFXS), nil, dahdi.StateModule, "port 4 is missing"},
		{"a port that can't be configured", dahditest.Mix(4, dahdi.KindFXS), func(b *box) { b.fake.Fail("SetSignalling 2", broken) }, dahdi.StateFault, "port 2"},
		{"a driver that doesn't answer", dahditest.Mix(4, dahdi.KindFXS), func(b *box) { b.fake.Fail("Params", broken) }, dahdi.StateFault, broken.Error()},
		{"an echo canceller that isn't there", dahditest.Mix(4, dahdi.KindFXS), func(b *box) { b.loader.fail["dahdi_echocan_mg2"] = fs.ErrNotExist }, dahdi.StateFault, "not exist"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBox(t, true, c.kinds...)
			if c.spoil != nil {
				c.spoil(b)
			}
			b.start(t)
			inv := b.inventory(t)
			if inv.State != c.state || len(inv.Problems) == 0 {
				t.Fatalf("state %s, problems %+v; want %s", inv.State, inv.Problems, c.state)
			}
			if !slices.ContainsFunc(inv.Problems, func(p dahdi.Problem) bool { return strings.Contains(p.Text, c.text) && p.Advice != "" }) {
				t.Errorf("problems %+v; want one with %q", inv.Problems, c.text)
			}
		})
	}
}

// unbind makes the card one without a driver.
func (b *box) unbind() {
	if err := os.WriteFile(filepath.Join(b.cfg.Root, "sys/bus/pci/devices/0000:00:05.0/uevent"), []byte("PCI_ID=D161:2400\n"), 0o644); err != nil {
		panic(err)
	}
}

// TestServiceRecovers: what failed is tried again.
func TestServiceRecovers(t *testing.T) {
	b := newBox(t, true, dahditest.Mix(4, dahdi.KindFXS)...)
	b.cfg.Retry = time.Millisecond
	b.fake.Fail("Params", errors.New("broken"))
	b.start(t)
	b.fake.Fail("Params", nil)
	b.waitFor(t, "STATUS=ok")
	if inv := b.inventory(t); inv.State != dahdi.StateOK || len(inv.Numbers(dahdi.KindFXS)) != 4 {
		t.Errorf("inventory %s after recovery", inv)
	}
}

// TestAssign: spans without numbers get some.
func TestAssign(t *testing.T) {
	b := newBox(t, false)
	dev := filepath.Join(b.cfg.Root, "sys/bus/dahdi_devices/devices/pci:0000:00:05.0")
	write(t, filepath.Join(dev, "span_count"), "1\n")
	write(t, filepath.Join(dev, "auto_assign"), "")
	New(b.cfg).assign()
	if got, _ := os.ReadFile(filepath.Join(dev, "auto_assign")); string(got) != "1\n" {
		t.Errorf("auto_assign got %q", got)
	}
	write(t, filepath.Join(dev, "auto_assign"), "")
	write(t, filepath.Join(dev, "span-1/name"), "WCTDM/0\n")
	New(b.cfg).assign()
	if got, _ := os.ReadFile(filepath.Join(dev, "auto_assign")); string(got) != "" {
		t.Errorf("auto_assign got %q for a span that has its number", got)
	}
}

func TestSiteOptions(t *testing.T) {
	var logged bytes.Buffer
	log := slog.New(slog.NewTextHandler(&logged, nil))
	path := filepath.Join(t.TempDir(), "site.json")
	if o := siteOptions(log, path); o.Country != "us" || logged.Len() > 0 {
		t.Errorf("without a document: %+v, log %q", o, logged.String())
	}
	write(t, path, "{")
	if o := siteOptions(log, path); o.Country != "us" || logged.Len() == 0 {
		t.Errorf("with a broken document: %+v, log %q", o, logged.String())
	}
}

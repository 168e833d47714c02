package panel

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"golang.org/x/tools/txtar"

	"switchroom/appliance"
	"switchroom/appliance/panel/cfa635"
	"switchroom/appliance/panel/emulated"
	"switchroom/dahdi"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// someFacts are the facts that the scripts name.
func someFacts(name string) (Facts, error) {
	status := func(change func(*appliance.Status)) *appliance.Status {
		st := &appliance.Status{Version: "0.1.0+g1a2b3c4d5e6f", Started: time.Now().Add(-51*time.Hour - 4*time.Minute)}
		st.Health.OK = true
		for _, s := range []string{"asterisk", "network", "panel", "ports", "site"} {
			st.Services = append(st.Services, appliance.Service{Name: s + ".service", State: appliance.Active})
		}
		if change != nil {
			change(st)
		}
		return st
	}
	card := func(problems ...dahdi.Problem) *dahdi.Inventory {
		var ports []dahdi.Port
		for n := 1; n <= 24; n++ {
			kind := dahdi.KindFXS
			if n > 20 {
				kind = dahdi.KindFXO
			}
			ports = append(ports, dahdi.Port{Number: n, Kind: kind})
		}
		return &dahdi.Inventory{Cards: []dahdi.Card{{Spans: []dahdi.Span{{Ports: ports}}}}, Problems: problems}
	}
	link := func(addresses ...string) []Link {
		l := Link{Name: "eth0", MAC: "52:54:00:12:34:56", Up: true}
		for _, a := range addresses {
			l.Addresses = append(l.Addresses, netip.MustParsePrefix(a))
		}
		return []Link{l}
	}
	switch name {
	case "starting":
		return Facts{Name: "Switchroom"}, nil
	case "unclaimed":
		return Facts{Name: "Switchroom", Slot: "a", SetupCode: "7413-0958", Status: status(nil), Links: link("192.168.100.200/24", "fe80::5054:ff:fe12:3456/64")}, nil
	case "busy":
		return Facts{
			Name: "Ruhrgas Köln [hotline]", Slot: "b", Status: status(nil),
			Links: link("fe80::5054:ff:fe12:3456/64", "10.0.2.15/24"), Gateway: netip.MustParseAddr("10.0.2.2"),
			DNS: []netip.Addr{netip.MustParseAddr("10.0.2.3")}, Inventory: card(),
			Ports: map[int]dahdi.Status{1: {Hook: dahdi.HookOff}, 2: {Hook: dahdi.HookOff}, 3: {Hook: dahdi.HookOn}},
			Floor: &Floor{Calls: 9, Waiting: 3, Agents: 28, Paused: 2}, Hours: HoursAuto,
		}, nil
	case "ill":
		dead := func(port int) dahdi.Problem {
			return dahdi.Problem{State: dahdi.StateLine, Port: port, Text: fmt.Sprintf("There is no line on port %d: no voltage.", port), Advice: "Check the cable."}
		}
		return Facts{
			Name: "客服中心", Slot: "a", Links: []Link{{Name: "eth0"}}, Inventory: card(dead(24), dead(21), dead(22)),
			Status: status(func(st *appliance.Status) {
				st.Health = appliance.Health{Failing: []string{"asterisk.service"}}
				st.Services[0].State, st.Services[4].State = appliance.CrashLoop, appliance.Failed
				st.Notes = []string{"data: volatile", "The data are kept in memory and will be lost at the next restart: no disk"}
			}),
		}, nil
	case "leaving":
		return Facts{Name: "Switchroom", Status: status(func(st *appliance.Status) { st.Stopping = true })}, nil
	}
	return Facts{}, fmt.Errorf("there are no facts %q", name)
}

// A desk is a display that a script works.
type desk interface {
	picture() string
	press(Input) error
}

// play runs a script: a line is a command.
//
//	facts name     what there is to show
//	wait 6s        lets time pass
//	key up enter   presses keys
//	digits 1234    enters them, on a display with arrows by the wheel
//	fails text     the next operations of the menu fail with this; without a
//	               text they work
//	show           takes a picture
func play(script string, w *watcher, box *fakeBox, d desk, wheel bool) (string, error) {
	var out strings.Builder
	for line := range strings.Lines(script) {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		switch f[0] {
		case "facts":
			facts, err := someFacts(f[1])
			if err != nil {
				return "", err
			}
			w.set(func(now *Facts) { *now = facts })
		case "wait":
			pause, err := time.ParseDuration(f[1])
			if err != nil {
				return "", err
			}
			time.Sleep(pause)
		case "key":
			for _, name := range f[1:] {
				for k := cfa635.KeyUp; k <= cfa635.KeyExit; k++ {
					if k.String() != name {
						continue
					}
					if err := d.press(Input{Key: k}); err != nil {
						return "", err
					}
					synctest.Wait()
				}
			}
		case "digits":
			for _, r := range f[1] {
				var err error
				if !wheel {
					err = d.press(Input{Digit: r})
				}
				n, _ := strconv.Atoi(string(r))
				for range n + 1 {
					if wheel && err == nil {
						err = d.press(Input{Key: cfa635.KeyUp})
						synctest.Wait()
					}
				}
				if wheel && err == nil {
					err = d.press(Input{Key: cfa635.KeyEnter})
				}
				if err != nil {
					return "", err
				}
				synctest.Wait()
			}
		case "fails":
			box.fail(strings.TrimSpace(strings.TrimPrefix(line, "fails")))
		case "show":
			synctest.Wait()
			out.WriteString(d.picture())
		default:
			return "", fmt.Errorf("%q is no command", line)
		}
		synctest.Wait()
	}
	out.WriteString(strings.Join(box.list(), ""))
	return out.String(), nil
}

// panelDesk is an emulated module that the whole of the program drives.
type panelDesk struct{ p *emulated.Panel }

func (d panelDesk) picture() string { return d.p.Picture() }
func (d panelDesk) press(in Input) error {
	err := d.p.Tap(in.Key)
	time.Sleep(10 * time.Millisecond)
	return err
}

// screenDesk is a display of the console's size.
type screenDesk struct {
	keys chan Input
	done chan struct{}

	mu   sync.Mutex
	last Frame
}

func (d *screenDesk) size() (int, int)      { return 80, 25 }
func (d *screenDesk) inputs() <-chan Input  { return d.keys }
func (d *screenDesk) gone() <-chan struct{} { return d.done }
func (d *screenDesk) press(in Input) error  { d.keys <- in; return nil }
func (d *screenDesk) show(_ context.Context, f Frame, _ bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.last = f
	return nil
}

func (d *screenDesk) picture() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var b strings.Builder
	for _, l := range d.last.Lines {
		b.WriteString(strings.TrimRight("|"+printable(l), " ") + "\n")
	}
	return strings.TrimRight(b.String(), "|\n") + "\n\n"
}

// wire is a line to an emulated panel in memory, with room for what is not read
// yet, as a serial port has.
func wire(p *emulated.Panel) net.Conn {
	near, far := net.Pipe()
	out := make(chan []byte, 256)
	go func() {
		_ = p.Serve(&buffered{far, out})
		close(out)
	}()
	go func() {
		for b := range out {
			if _, err := far.Write(b); err != nil {
				for range out { // until Serve has noticed too
				}
				return
			}
		}
	}()
	return near
}

type buffered struct {
	net.Conn
	out chan<- []byte
}

func (b *buffered) Write(p []byte) (int, error) {
	b.out <- append([]byte(nil), p...)
	return len(p), nil
}

// TestGolden plays the scripts on every display there is.
func TestGolden(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			script := string(archive.Files[0].Data)
			got := &txtar.Archive{Comment: archive.Comment, Files: archive.Files[:1:1]}
			for _, m := range cfa635.Models() {
				synctest.Test(t, func(t *testing.T) {
					ctx, stop := context.WithCancel(t.Context())
					log := slog.New(slog.DiscardHandler)
					w := newWatcher(Sources{}, log)
					box := &fakeBox{}
					p := emulated.New(m)
					module, err := cfa635.Open(ctx, wire(p), cfa635.AnswerWithin)
					if err != nil {
						t.Fatal(err)
					}
					ended := make(chan error, 1)
					go func() {
						ended <- attend(ctx, module, w, Controls{Box: box, PINs: &memoryPINs{}, Hours: box, Admin: box}, log)
					}()
					out, err := play(script, w, box, panelDesk{p}, true)
					stop()
					if err := errors.Join(err, <-ended); err != nil {
						t.Error(err)
					}
					got.Files = append(got.Files, txtar.File{Name: m.Name, Data: []byte(out)})
				})
			}
			synctest.Test(t, func(t *testing.T) {
				ctx, stop := context.WithCancel(t.Context())
				w := newWatcher(Sources{}, slog.New(slog.DiscardHandler))
				box := &fakeBox{}
				d := &screenDesk{keys: make(chan Input)}
				ended := make(chan error, 1)
				go func() {
					ended <- face(ctx, d, w, Controls{Box: box, PINs: &memoryPINs{}, Hours: box, Admin: box})
				}()
				out, err := play(script, w, box, d, false)
				stop()
				if err := errors.Join(err, <-ended); err != nil {
					t.Error(err)
				}
				got.Files = append(got.Files, txtar.File{Name: "console", Data: []byte(out)})
			})
			if *update {
				if err := os.WriteFile(path, txtar.Format(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if d := cmp.Diff(string(txtar.Format(archive)), string(txtar.Format(got))); d != "" {
				t.Errorf("other than before; if that is right, run the test with -update (-want +got):\n%s", d)
			}
		})
	}
}

package dahdictl

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"switchroom/dahdi"
	"switchroom/dahdi/dahditest"
	"switchroom/dahdi/ioctl"
)

// phone is a channel that writes down what is done to it.
type phone struct{ did []string }

func (p *phone) note(format string, args ...any) error {
	p.did = append(p.did, fmt.Sprintf(format, args...))
	return nil
}
func (p *phone) Tone(id dahdi.ToneID) error { return p.note("tone %d", id) }
func (p *phone) OffHook() error             { return p.note("off hook") }
func (p *phone) Ring() error                { return p.note("ring") }
func (p *phone) Close() error               { return p.note("close") }
func (p *phone) Write(b []byte) (int, error) {
	return len(b), p.note("write %d", len(b))
}

func newTool(kinds ...dahdi.Kind) (*Tool, *dahditest.Fake, *phone, *bytes.Buffer) {
	f, p, out := dahditest.New(kinds...), &phone{}, &bytes.Buffer{}
	return &Tool{
		Sys:         f.Sys(),
		Open:        func() (dahdi.Driver, error) { return f, nil },
		OpenChannel: func(n int) (Channel, error) { return p, p.note("open %d", n) },
		Sleep:       func(_ context.Context, d time.Duration) { _ = p.note("sleep %s", d) },
		Stdout:      out,
	}, f, p, out
}

func TestConfigureListShow(t *testing.T) {
	tool, f, _, out := newTool(dahditest.Mix(4, dahdi.KindFXS, 3, dahdi.KindFXO)...)
	run := func(args ...string) string {
		t.Helper()
		out.Reset()
		if err := tool.Run(t.Context(), args); err != nil {
			t.Fatalf("%v: %v", args, err)
		}
		return out.String()
	}
	dry := run("configure", "-country", "cn", "-n")
	if len(f.Calls()) > 0 || strings.Count(dry, "\n") != 1+7+7 {
		t.Errorf("configure -n printed %q and did %q", dry, f.Calls())
	}
	if did := run("configure", "-country", "cn"); did != dry {
		t.Errorf("configure printed %q; -n had said %q", did, dry)
	}
	if again := run("configure", "-country", "cn"); again != "" {
		t.Errorf("configure again: %q", again)
	}
	f.Open(2, true)
	list := run("list")
	for _, want := range []string{"Wildcard TDM2400P", "1   fxs   fxo_ks", "open", "echo canceller mg2", "module-missing:", "port 8 is missing", "4 telephone ports, 3 line ports"} {
		if !strings.Contains(list, want) {
			t.Errorf("list lacks %q:\n%s", want, list)
		}
	}
	var inv dahdi.Inventory
	if err := json.Unmarshal([]byte(run("list", "-json")), &inv); err != nil || len(inv.Ports()) != 24 || inv.Zone != "cn" {
		t.Errorf("list -json: %v, %s", err, inv)
	}
	run("gains", "1", "3", "-6.5")
	show := run("show", "1")
	for _, want := range []string{"kind            fxs", "in +3.0 dB, out -6.5 dB", "48.0 V", "mg2"} {
		if !strings.Contains(show, want) {
			t.Errorf("show lacks %q:\n%s", want, show)
		}
	}
	var views []portView
	if err := json.Unmarshal([]byte(run("params", "--json")), &views); err != nil || len(views) != 24 || views[0].Flash != 750 || views[0].Millivolts != nil {
		t.Errorf("params --json: %v, %d of them", err, len(views))
	}
}

func TestSound(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"tone 1 dial", "open 1, tone 0, sleep 5s, tone -1, close"},
		{"tone 1 busy 2s", "open 1, tone 1, sleep 2s, tone -1, close"},
		{"tone 5 busy 2s", "open 5, off hook, tone 1, sleep 2s, tone -1, close"},
		{"tone 1 milliwatt 50ms", "open 1, write 160, write 160, write 80, close"},
		{"ring 1", "open 1, ring, sleep 8s, close"},
		{"ring 2 4s", "open 2, ring, sleep 4s, close"},
	} {
		tool, _, p, _ := newTool(dahditest.Mix(4, dahdi.KindFXS, 4, dahdi.KindFXO)...)
		if err := tool.Run(t.Context(), strings.Fields(c.args)); err != nil {
			t.Errorf("%s: %v", c.args, err)
		}
		if got := strings.Join(p.did, ", "); got != c.want {
			t.Errorf("%s did %q; want %q", c.args, got, c.want)
		}
	}
}

func TestRefusals(t *testing.T) {
	tool, f, p, _ := newTool(dahditest.Mix(4, dahdi.KindFXS, 4, dahdi.KindFXO)...)
	for _, args := range []string{"dance", "show", "show x", "show 0", "show 1 2", "show 99", "tone 1", "tone 1 moo", "tone 1 busy soon", "tone 1 busy 2h",
		"ring", "ring 5", "gains 1 2", "gains 1 99 0", "gains 1 loud 0", "list 1", "params 1", "watch x", "watch 99", "configure now", "list -colour"} {
		if err := tool.Run(t.Context(), strings.Fields(args)); err == nil {
			t.Errorf("%q was accepted", args)
		}
	}
	if len(p.did) > 0 || len(f.Calls()) > 0 {
		t.Errorf("what was refused did something: %q %q", p.did, f.Calls())
	}
	tool.OpenChannel = func(int) (Channel, error) { return nil, ioctl.ErrBusy }
	if err := tool.Run(t.Context(), []string{"ring", "1"}); !errors.Is(err, ioctl.ErrBusy) {
		t.Errorf("ringing a port in use: %v", err)
	}
	for _, args := range [][]string{nil, {"help"}, {"-h"}} {
		if err := tool.Run(t.Context(), args); !errors.Is(err, errHelp) {
			t.Errorf("%v: %v; want the usage", args, err)
		}
	}
	tool.Open = func() (dahdi.Driver, error) { return nil, dahdi.ErrNoDriver }
	if err := tool.Run(t.Context(), []string{"params"}); !errors.Is(err, dahdi.ErrNoDriver) {
		t.Errorf("without a driver: %v", err)
	}
	if err := tool.Run(t.Context(), []string{"list"}); err != nil {
		t.Errorf("list without a driver: %v", err)
	}
}

// stopAfter ends the context once something was printed.
type stopAfter struct {
	bytes.Buffer
	stop context.CancelFunc
}

func (s *stopAfter) Write(b []byte) (int, error) {
	defer s.stop()
	return s.Buffer.Write(b)
}

func TestWatch(t *testing.T) {
	tool, f, _, _ := newTool(dahditest.Mix(4, dahdi.KindFXS)...)
	if err := tool.Run(t.Context(), []string{"configure"}); err != nil {
		t.Fatal(err)
	}
	f.Set(2, func(p *dahdi.Params) { p.RxHook = dahdi.HookOff })
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out := &stopAfter{stop: cancel}
	tool.Stdout = out
	if err := tool.Run(ctx, []string{"watch", "2"}); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); !strings.Contains(got, "port 2 (fxs): busy, hook off") {
		t.Errorf("watch printed %q", got)
	}
}

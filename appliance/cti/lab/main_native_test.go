//go:build native

package lab

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/vishvananda/netns"

	"switchroom/appliance/asterisk/ami"
	"switchroom/appliance/system/native/lab"
)

var image *lab.Image

func TestMain(m *testing.M) {
	status, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}

func run(m *testing.M) (int, error) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	var err error
	if image, err = lab.Build(ctx, slog.New(slog.NewTextHandler(os.Stderr, nil)), os.Stderr); err != nil {
		return 0, err
	}
	status, done, err := lab.Enter(ctx, image)
	if done || err != nil {
		return status, err
	}
	return m.Run(), nil
}

// world is an Asterisk with telephones.
type world struct {
	t   *testing.T
	ctx context.Context
	box *lab.Box

	phones map[string]*lab.Phone
	trunk  *lab.Phone
	tell   func() // what happened last
}

func newWorld(t *testing.T, ctx context.Context) *world {
	t.Helper()
	files := map[string][]byte{}
	names, err := filepath.Glob("testdata/box/*.conf")
	if err != nil || len(names) == 0 {
		t.Fatal("no configuration", err)
	}
	for _, n := range names {
		if files[filepath.Base(n)], err = os.ReadFile(n); err != nil {
			t.Fatal(err)
		}
	}
	b, err := image.Start(ctx, lab.Options{Dir: t.TempDir(), Files: files})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Stop(context.WithoutCancel(ctx)); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Log(strings.Join(b.Log(), "\n"))
		}
	})
	w := &world{t: t, ctx: ctx, box: b, phones: map[string]*lab.Phone{}}
	for i, n := range []string{"1001", "1002", "1003", "1010"} {
		w.phones[n] = w.phone(lab.PhoneOptions{IP: netip.AddrFrom4([4]byte{127, 0, 1, byte(i + 1)}), User: n, Voice: 600 + 200*float64(i)})
		if err := w.phones[n].Register(ctx, 3600); err != nil {
			t.Fatal(err)
		}
	}
	w.trunk = w.phone(lab.PhoneOptions{IP: netip.MustParseAddr("127.0.2.1"), User: "trunk", Voice: 1700})
	return w
}

func (w *world) phone(o lab.PhoneOptions) *lab.Phone {
	p, err := w.box.Phone(o)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { p.Close() })
	return p
}

// dial connects to the manager interface in the box's network.
func (w *world) dial(ctx context.Context) (net.Conn, error) {
	box, err := netns.GetFromPid(w.box.Pid())
	if err != nil {
		return nil, err
	}
	defer box.Close()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	here, err := netns.Get()
	if err != nil {
		return nil, err
	}
	defer here.Close()
	if err := netns.Set(box); err != nil {
		return nil, err
	}
	defer func() {
		if err := netns.Set(here); err != nil {
			panic(err)
		}
	}()
	return new(net.Dialer).DialContext(ctx, "tcp4", "127.0.0.1:5038")
}

// client is a running client of the manager interface, as the service has it.
func (w *world) client() *ami.Client {
	c := ami.New(ami.Config{Dial: w.dial, Login: func(context.Context) (ami.Login, error) {
		return ami.Login{User: "cti", Secret: "cti"}, nil
	}})
	ctx, cancel := context.WithCancel(w.ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = c.Run(ctx)
	}()
	w.t.Cleanup(func() { cancel(); <-done })
	if err := c.WaitUp(w.ctx); err != nil {
		w.t.Fatal(err)
	}
	return c
}

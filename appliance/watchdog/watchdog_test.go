package watchdog

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// board is a machine with a watchdog: it notes the moments at which the
// watchdog was fed, and knows when it would have reset.
type board struct {
	mu      sync.Mutex
	timeout time.Duration
	fed     time.Time
	worst   time.Duration // the longest pause between two feedings
	reset   bool
	opens   int
	fail    error // what Open gives
	feedErr error
	was     bool
}

func (b *board) open(timeout time.Duration) (Device, Info, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.opens++
	if b.fail != nil {
		return nil, Info{}, b.fail
	}
	b.timeout, b.fed = timeout, time.Now()
	return b, Info{Name: "watchdog0", Identity: "test", Timeout: timeout, WasReset: b.was}, nil
}

func (b *board) Feed() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.feedErr != nil {
		return b.feedErr
	}
	b.check()
	b.fed = time.Now()
	return nil
}

func (b *board) Close() error { return nil }

func (b *board) check() {
	pause := time.Since(b.fed)
	b.worst = max(b.worst, pause)
	if pause >= b.timeout {
		b.reset = true
	}
}

// wasReset reports whether the machine has been reset by now.
func (b *board) wasReset() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.check()
	return b.reset
}

// run starts a Keeper on the board, for as long as the test lasts.
func run(t *testing.T, b *board) *Keeper {
	t.Helper()
	k := New(Config{Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Open: b.open})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		k.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	synctest.Wait()
	return k
}

// report reports every five seconds, as the supervisor does, for a time.
func report(k *Keeper, d time.Duration, healthy bool, failing ...string) {
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(5 * time.Second) {
		k.Report(healthy, failing)
	}
}

func history(t *testing.T, path string) *History {
	t.Helper()
	h, err := OpenHistory(path, false)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestHealthyIsFed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &board{}
		k := run(t, b)
		report(k, 48*time.Hour, true)
		if b.wasReset() {
			t.Fatal("a healthy box was reset")
		}
		if b.worst > DefaultTimeout/2 {
			t.Errorf("the longest pause between two feedings was %v of %v", b.worst, DefaultTimeout)
		}
		if s := k.State(); s.Device != "watchdog0" || s.Starving || s.GivenUp {
			t.Errorf("State() = %+v", s)
		}
	})
}

func TestFailureHasGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &board{}
		k := run(t, b)
		if err := k.Remember(history(t, filepath.Join(t.TempDir(), "h"))); err != nil {
			t.Fatal(err)
		}
		report(k, time.Hour, true)
		report(k, DefaultGrace-10*time.Second, false, "asterisk.service")
		if k.State().Starving {
			t.Fatal("starved within the grace")
		}
		report(k, time.Hour, true)
		if b.wasReset() {
			t.Fatal("the box came back within the grace, and was reset")
		}
		failed := time.Now()
		report(k, DefaultGrace+DefaultTimeout+20*time.Second, false, "asterisk.service")
		if !b.wasReset() {
			t.Fatalf("no reset %v after the failure", time.Since(failed))
		}
		s := k.State()
		if len(s.Resets) != 1 || s.Resets[0].Reason != "asterisk.service" || !s.Starving {
			t.Errorf("State() = %+v; want one reset, because of asterisk.service", s)
		}
	})
}

func TestComesBackWhileStarving(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &board{}
		k := run(t, b)
		path := filepath.Join(t.TempDir(), "h")
		if err := k.Remember(history(t, path)); err != nil {
			t.Fatal(err)
		}
		report(k, DefaultGrace+20*time.Second, false, "asterisk.service")
		if !k.State().Starving {
			t.Fatal("not starving after the grace")
		}
		report(k, 30*time.Second, true)
		if b.wasReset() || k.State().Starving {
			t.Error("came back in time, and is not fed")
		}
		if r := history(t, path).Within(time.Now(), time.Hour); len(r) != 0 {
			t.Errorf("a reset that did not happen is in the history: %+v", r)
		}
	})
}

func TestSilentSupervisor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &board{}
		k := run(t, b)
		report(k, time.Hour, true)
		time.Sleep(DefaultSilence + DefaultGrace + DefaultTimeout + 30*time.Second)
		if !b.wasReset() {
			t.Error("the supervisor hangs, and the watchdog is fed")
		}
		if why := k.State().Why; !strings.Contains(why, "supervisor") {
			t.Errorf("Why = %q", why)
		}
	})
}

func TestHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &board{}
		k := run(t, b)
		release := k.Hold()
		report(k, 40*time.Minute, false, "asterisk.service")
		release()
		release()
		report(k, DefaultGrace-10*time.Second, false, "asterisk.service")
		if b.wasReset() || k.State().Starving {
			t.Fatal("the grace did not begin after the repair of the disk")
		}
		report(k, DefaultTimeout+40*time.Second, false, "asterisk.service")
		if !b.wasReset() {
			t.Error("no reset after the grace")
		}
	})
}

// TestFaultsAddUp has one fault follow another: there is one grace for both.
func TestFaultsAddUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &board{}
		k := run(t, b)
		report(k, time.Hour, true)
		report(k, DefaultGrace+20*time.Second, false, "asterisk.service")
		time.Sleep(DefaultTimeout + 20*time.Second)
		if !b.wasReset() {
			t.Error("the supervisor fell silent after a service had failed, and was given time again")
		}
	})
}

// TestBoundOfResets boots again and again with a service that never comes up.
func TestBoundOfResets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "h")
		resets := 0
		for boot := 1; ; boot++ {
			b := &board{was: boot > 1}
			k := run(t, b)
			if err := k.Remember(history(t, path)); err != nil {
				t.Fatal(err)
			}
			report(k, 5*time.Minute, false, "asterisk.service")
			if !b.wasReset() {
				s := k.State()
				if !s.GivenUp || s.Why != "asterisk.service" || len(s.Resets) != 3 {
					t.Errorf("State() = %+v; want given up after three resets", s)
				}
				report(k, 24*time.Hour, false, "asterisk.service")
				if b.wasReset() {
					t.Error("a box that has given up was reset")
				}
				// Healed, then broken again, much later: it may be reset again.
				report(k, time.Hour, true)
				report(k, 5*time.Minute, false, "asterisk.service")
				if !b.wasReset() {
					t.Error("a box that was healthy meanwhile is not reset any more")
				}
				break
			}
			if resets++; resets > 3 {
				t.Fatal("more than three resets within an hour")
			}
		}
		if resets != 3 {
			t.Errorf("%d resets; want 3", resets)
		}
	})
}

func TestWithoutHistory(t *testing.T) {
	for _, was := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			b := &board{was: was}
			k := run(t, b)
			h, err := OpenHistory(filepath.Join(t.TempDir(), "h"), true)
			if err != nil {
				t.Fatal(err)
			}
			if err := k.Remember(h); err != nil {
				t.Fatal(err)
			}
			report(k, 10*time.Minute, false, "asterisk.service")
			if b.wasReset() == was {
				t.Errorf("reset = %v on a box that keeps no history and was reset before = %v", b.reset, was)
			}
		})
	}
}

func TestHangIsRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "h")
		k := run(t, &board{was: true})
		if err := k.Remember(history(t, path)); err != nil {
			t.Fatal(err)
		}
		r := history(t, path).Within(time.Now(), time.Hour)
		if len(r) != 1 || !strings.Contains(r[0].Reason, "hung") {
			t.Errorf("history = %+v; want the reset that nobody announced", r)
		}
		// One that was announced is not counted twice.
		if err := history(t, path).add(Reset{Time: time.Now(), Reason: "x", Expected: true}); err != nil {
			t.Fatal(err)
		}
		k = run(t, &board{was: true})
		if err := k.Remember(history(t, path)); err != nil {
			t.Fatal(err)
		}
		if r := history(t, path).Within(time.Now(), time.Hour); len(r) != 2 || r[1].Expected {
			t.Errorf("history = %+v; want two resets", r)
		}
	})
}

func TestDeviceComesAndGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &board{fail: ErrNone}
		k := run(t, b)
		report(k, time.Minute, true)
		if s := k.State(); s.Problem != ErrNone.Error() || s.Device != "" {
			t.Errorf("State() = %+v; want no device", s)
		}
		b.mu.Lock()
		b.fail = nil
		b.mu.Unlock()
		report(k, time.Minute, true)
		if s := k.State(); s.Problem != "" || s.Device == "" {
			t.Errorf("State() = %+v; the device has come", s)
		}
		b.mu.Lock()
		b.feedErr = errors.New("no such device")
		b.mu.Unlock()
		report(k, 20*time.Second, true)
		b.mu.Lock()
		opens := b.opens
		b.feedErr = nil
		b.mu.Unlock()
		report(k, 20*time.Second, true)
		if b.wasReset() || opens < 3 {
			t.Errorf("opened %d times, reset %v; want it opened again after a failure", opens, b.reset)
		}
	})
}

func TestBadHistory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "h")
	if err := os.WriteFile(path, []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	h, err := OpenHistory(path, false)
	if err == nil {
		t.Error("no error for a damaged history")
	}
	for range keepResets + 5 {
		if err := h.add(Reset{Time: time.Now()}); err != nil {
			t.Fatal(err)
		}
	}
	if h, err = OpenHistory(path, false); err != nil || len(h.resets) != keepResets {
		t.Errorf("written again: %d resets, %v; want %d", len(h.resets), err, keepResets)
	}
}

func TestFind(t *testing.T) {
	sys := t.TempDir()
	for name, id := range map[string]string{"watchdog0": "Software Watchdog", "watchdog2": "iTCO_wdt", "watchdog10": "i6300ESB timer"} {
		dir := filepath.Join(sys, "class/watchdog", name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "identity"), []byte(id+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	all, err := Find(sys)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, i := range all {
		names = append(names, i.Name)
	}
	if got := strings.Join(names, " "); got != "watchdog2 watchdog10 watchdog0" {
		t.Errorf("Find = %s; want hardware first", got)
	}
	if !all[2].Software || all[0].Software {
		t.Errorf("Find = %+v", all)
	}
	if _, _, err := Open(t.TempDir(), t.TempDir(), time.Minute); !errors.Is(err, ErrNone) {
		t.Errorf("Open without a watchdog = %v; want ErrNone", err)
	}
	dev := t.TempDir() // no nodes
	if _, _, err := Open(sys, dev, time.Minute); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Open without nodes = %v; want not-exist", err)
	}
	// A file takes no ioctl: it is opened all the same, for a watchdog that
	// refuses a time-out is better than none.
	if err := os.WriteFile(filepath.Join(dev, "watchdog10"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	d, info, err := Open(sys, dev, time.Minute)
	if err != nil || info.Name != "watchdog10" {
		t.Fatalf("Open = %+v, %v; want watchdog10", info, err)
	}
	if err := d.Feed(); err == nil {
		t.Error("feeding a file succeeded")
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

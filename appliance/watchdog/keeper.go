package watchdog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// Defaults of Config.
const (
	DefaultTimeout   = 60 * time.Second
	DefaultGrace     = 120 * time.Second
	DefaultSilence   = 30 * time.Second
	DefaultMaxResets = 3
	DefaultWindow    = time.Hour
)

// Config is what a Keeper is told. Log and Open are needed; the rest has
// defaults.
type Config struct {
	Log *slog.Logger
	// Open starts the watchdog and sets its time-out, as Open of this package
	// does on the box's own devices.
	Open func(timeout time.Duration) (Device, Info, error)
	// Timeout is what the watchdog is asked for, in whole seconds.
	Timeout time.Duration
	// Grace is how long the essential services may be unhealthy.
	Grace time.Duration
	// Silence is how long no report may come before it counts as a failure.
	Silence time.Duration
	// At most MaxResets resets are let happen within Window.
	MaxResets int
	Window    time.Duration
}

func (c Config) withDefaults() Config {
	for _, d := range []struct {
		at  *time.Duration
		def time.Duration
	}{{&c.Timeout, DefaultTimeout}, {&c.Grace, DefaultGrace}, {&c.Silence, DefaultSilence}, {&c.Window, DefaultWindow}} {
		if *d.at <= 0 {
			*d.at = d.def
		}
	}
	if c.MaxResets <= 0 {
		c.MaxResets = DefaultMaxResets
	}
	return c
}

// State is the Keeper's judgement, for `switchroom status`.
type State struct {
	Device   string        `json:"device,omitempty"`   // "watchdog0"; "" if there is none
	Identity string        `json:"identity,omitempty"` // its driver's name
	Software bool          `json:"software,omitempty"` // the kernel's own timer
	Timeout  time.Duration `json:"timeout,omitempty"`
	// WasReset says that the watchdog caused the last reset of the machine.
	WasReset bool `json:"was_reset,omitempty"`
	// Starving: it is not fed, and will reset the machine. Why says the reason.
	Starving bool `json:"starving,omitempty"`
	// GivenUp: it was reset too often, so it is fed whatever happens. Why says
	// what does not work.
	GivenUp bool   `json:"given_up,omitempty"`
	Why     string `json:"why,omitempty"`
	// Resets within the last hour.
	Resets []Reset `json:"resets,omitempty"`
	// Problem says why there is no watchdog, or what it refused.
	Problem string `json:"problem,omitempty"`
}

// Keeper feeds a watchdog. Its methods may be called by any number of
// goroutines.
type Keeper struct {
	cfg Config
	dev Device // Run's alone

	mu      sync.Mutex
	state   State
	history *History // nil until there is a place for it
	held    int
	// What was reported last, and when.
	healthy    bool
	failing    []string
	reportedAt time.Time
	badSince   time.Time // when the present fault was found; zero: none
	recorded   bool      // the present starving is in the history
	reconciled bool      // the history knows of the last reset
}

// New gives a Keeper. The grace begins now, as at every failure.
func New(c Config) *Keeper {
	return &Keeper{cfg: c.withDefaults(), reportedAt: time.Now(), failing: []string{"the box is starting"}}
}

// Report says how the essential services are, and which of them fail. The
// supervisor calls it every few seconds, and at every change. It never waits.
func (k *Keeper) Report(healthy bool, failing []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.reportedAt = time.Now()
	k.healthy, k.failing = healthy, failing
}

// Hold keeps the watchdog fed while something is under way that takes long
// and is no failure, such as the repair of a large disk; the grace begins when
// the returned function is called, which may be called more than once.
func (k *Keeper) Hold() (release func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.held++
	var once sync.Once
	return func() {
		once.Do(func() {
			k.mu.Lock()
			defer k.mu.Unlock()
			k.held--
			k.reportedAt = time.Now()
		})
	}
}

// Remember gives the Keeper the history of resets, once the place where it is
// kept is there. A reset that the hardware reports and the history does not
// know is added to it.
func (k *Keeper) Remember(h *History) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.history = h
	return k.reconcile()
}

// reconcile compares what the hardware says of the last reset with what the
// history expected, once both are known.
func (k *Keeper) reconcile() error {
	if k.history == nil || k.state.Device == "" || k.reconciled {
		return nil
	}
	k.reconciled = true
	if k.state.WasReset && !k.history.expected() {
		return k.history.add(Reset{Time: time.Now(), Reason: "the watchdog was not fed: the supervisor or the kernel hung"})
	}
	return k.history.arrived()
}

// State gives what is known now.
func (k *Keeper) State() State {
	k.mu.Lock()
	defer k.mu.Unlock()
	s := k.state
	if k.history != nil {
		s.Resets = k.history.Within(time.Now(), k.cfg.Window)
	}
	return s
}

// Run feeds the watchdog until the context ends, then a last time: the way
// down has the whole time-out. The device stays open, since the kernel cries
// out about a running one that is closed. Without a device Run goes on looking
// for one.
func (k *Keeper) Run(ctx context.Context) {
	for {
		k.step()
		select {
		case <-ctx.Done():
			if k.dev != nil {
				_ = k.dev.Feed()
			}
			return
		case <-time.After(k.interval()):
		}
	}
}

// interval is a quarter of the time-out: three feedings may be late.
func (k *Keeper) interval() time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	t := k.state.Timeout
	if k.dev == nil || t <= 0 {
		t = k.cfg.Timeout
	}
	return min(max(t/4, time.Second), 10*time.Second)
}

// step opens the device if need be, judges, and feeds.
func (k *Keeper) step() {
	if k.dev == nil {
		dev, info, err := k.cfg.Open(k.cfg.Timeout)
		k.opened(dev, info, err)
	}
	feed := k.judge(time.Now())
	if k.dev == nil || !feed {
		return
	}
	if err := k.dev.Feed(); err != nil {
		// Perhaps its driver was unloaded: look again next time.
		k.cfg.Log.Error("the watchdog was not fed", "err", err)
		_ = k.dev.Close()
		k.dev = nil
		k.mu.Lock()
		k.state.Problem = err.Error()
		k.mu.Unlock()
	}
}

func (k *Keeper) opened(dev Device, info Info, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err != nil {
		if p := err.Error(); p != k.state.Problem {
			k.state.Problem = p
			if errors.Is(err, ErrNone) {
				k.cfg.Log.Warn("this machine has no watchdog: it will not restart by itself when it hangs")
			} else {
				k.cfg.Log.Error("the watchdog does not start", "err", err)
			}
		}
		return
	}
	k.dev = dev
	k.state.Device, k.state.Identity, k.state.Software = info.Name, info.Identity, info.Software
	k.state.Timeout, k.state.WasReset, k.state.Problem = info.Timeout, info.WasReset, ""
	k.note(k.reconcile())
	k.cfg.Log.Info("watchdog fed", "device", info.Name, "driver", info.Identity, "timeout", info.Timeout, "was_reset", info.WasReset)
}

// judge decides whether to feed now.
func (k *Keeper) judge(now time.Time) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	why := k.fault(now)
	if why == "" {
		k.badSince = time.Time{}
	} else if k.badSince.IsZero() {
		k.badSince = now
	}
	// One fault may follow another: the grace is for all of them together.
	if why == "" || now.Sub(k.badSince) < k.cfg.Grace {
		if k.state.Starving {
			k.cfg.Log.Warn("the box has come back before the watchdog reset it")
			if k.history != nil {
				k.note(k.history.takeBack())
			}
		}
		k.state.Starving, k.state.GivenUp, k.state.Why, k.recorded = false, false, "", false
		return true
	}
	if k.state.GivenUp {
		k.state.Why = why
		return true
	}
	if !k.recorded {
		if !k.mayReset(now) {
			k.state.GivenUp, k.state.Why = true, why
			k.cfg.Log.Error("the watchdog has reset the box too often: it stays up with what works", "fails", why)
			return true
		}
		k.recorded = true
		k.cfg.Log.Error("the watchdog is not fed any more: it will reset the box", "because", why, "within", k.state.Timeout)
		if k.history != nil {
			k.note(k.history.add(Reset{Time: now, Reason: why, Expected: true}))
		}
	}
	k.state.Starving, k.state.Why = true, why
	return false
}

func (k *Keeper) note(err error) {
	if err != nil {
		k.cfg.Log.Error("the history of resets", "err", err)
	}
}

// fault says what is wrong; "" for nothing.
func (k *Keeper) fault(now time.Time) string {
	switch {
	case k.held > 0:
		return ""
	case now.Sub(k.reportedAt) > k.cfg.Silence:
		return "the supervisor does not report"
	case k.healthy:
		return ""
	case len(k.failing) == 0:
		return "the essential services are not healthy"
	}
	return strings.Join(k.failing, ", ")
}

// mayReset reports whether one more reset is within the bounds. Without a
// history it can't be known how many there were: one is allowed, if the
// hardware does not say that this boot is the fruit of one.
func (k *Keeper) mayReset(now time.Time) bool {
	if k.history == nil || !k.history.persistent() {
		return !k.state.WasReset
	}
	return len(k.history.Within(now, k.cfg.Window)) < k.cfg.MaxResets
}

// String says in a few words how the box is guarded.
func (s State) String() string {
	switch {
	case s.Device == "":
		return "none: " + s.Problem
	case s.Starving:
		return fmt.Sprintf("will reset the box: %s", s.Why)
	case s.GivenUp:
		return fmt.Sprintf("stays up after %d resets: %s", len(s.Resets), s.Why)
	case s.Software:
		return fmt.Sprintf("the kernel's timer only, %v", s.Timeout)
	}
	return fmt.Sprintf("%s (%s), %v", s.Device, s.Identity, s.Timeout)
}

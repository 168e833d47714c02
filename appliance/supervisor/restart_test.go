package supervisor

import (
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"switchroom/appliance"
	"switchroom/appliance/supervisor/reap"
)

// TestRestartTable is the table of systemd.service(5): which ends lead to a
// new start under which Restart=.
func TestRestartTable(t *testing.T) {
	causes := map[string]func(b *box){
		"clean exit":   func(b *box) { b.die("a", code(0)) },
		"clean signal": func(b *box) { b.die("a", reap.Status{Signal: syscall.SIGTERM}) },
		"exit code":    func(b *box) { b.die("a", code(1)) },
		"signal":       func(b *box) { b.die("a", reap.Status{Signal: syscall.SIGKILL}) },
		"core":         func(b *box) { b.die("a", reap.Status{Signal: syscall.SIGSEGV, Core: true}) },
		"watchdog":     func(b *box) { b.pass(10 * time.Second) },
		"timeout":      nil, // while it starts
	}
	all := []string{"clean exit", "clean signal", "exit code", "signal", "core", "watchdog", "timeout"}
	for setting, restarting := range map[string][]string{
		"no":          {},
		"always":      all,
		"on-success":  {"clean exit", "clean signal"},
		"on-failure":  {"exit code", "signal", "core", "watchdog", "timeout"},
		"on-abnormal": {"signal", "core", "watchdog", "timeout"},
		"on-abort":    {"signal", "core"},
		"on-watchdog": {"watchdog"},
	} {
		for _, cause := range all {
			t.Run(setting+"/"+cause, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					text := "Type=notify\nRestart=" + setting + "\nRestartSec=30s\nTimeoutStartSec=5s\n"
					if cause == "watchdog" {
						text += "WatchdogSec=5s\n"
					}
					b := newBox(t, map[string]string{"a": text}, nil)
					if cause == "timeout" {
						b.pass(6 * time.Second)
					} else {
						b.say("a", "READY=1")
						causes[cause](b)
					}
					want := "failed"
					if strings.HasPrefix(cause, "clean") {
						want = "dead"
					}
					if slices.Contains(restarting, cause) {
						want = "auto-restart"
					}
					if got := b.status()["a"].Sub; got != want {
						t.Errorf("after %s with Restart=%s it is %s; want %s", cause, setting, got, want)
					}
				})
			})
		}
	}
}

func TestExitStatuses(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBox(t, map[string]string{
			"good":    "Restart=on-failure\nSuccessExitStatus=7 SIGUSR1\n",
			"prevent": "Restart=always\nRestartPreventExitStatus=8\n",
		}, nil)
		b.die("good", code(7))
		b.die("prevent", code(8))
		b.want("good dead, prevent failed")
	})
}

// TestBackoff: delays grow to their bound, a long life makes them short again.
func TestBackoff(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBox(t, map[string]string{
			"a": "StartLimitIntervalSec=0\n--\nRestart=always\nRestartSec=1s\nRestartSteps=2\nRestartMaxDelaySec=9s\n",
		}, nil)
		for n, want := range []time.Duration{1, 3, 9, 9} {
			b.die("a", code(1))
			s := b.status()["a"]
			if got := time.Until(s.NextTry).Round(time.Millisecond); got != want*time.Second || s.State != appliance.Activating {
				t.Errorf("restart %d: in %v, %s; want %v s, activating", n, got, s.State, want)
			}
			b.pass(want*time.Second - time.Millisecond)
			b.want("a auto-restart")
			b.pass(2 * time.Millisecond)
			b.want("a running")
		}
		b.pass(11 * time.Second)
		b.die("a", code(1))
		s := b.status()["a"]
		if got := time.Until(s.NextTry).Round(time.Millisecond); got != time.Second || s.Restarts != 4 {
			t.Errorf("after a long life: in %v, %d restarts; want 1 s, 4", got, s.Restarts)
		}
	})
}

// TestJitter: the delay is varied by a tenth at most.
func TestJitter(t *testing.T) {
	for draw, want := range map[float64]time.Duration{0: 9 * time.Second, 1: 11 * time.Second} {
		bubble(t, func(t *testing.T) {
			b := newBox(t, map[string]string{"a": "Restart=always\nRestartSec=10s\n"}, func(c *Config, _ *fake) {
				c.Rand = func() float64 { return draw }
			})
			b.die("a", code(1))
			if got := time.Until(b.status()["a"].NextTry); got != want {
				t.Errorf("draw %v: next try in %v; want %v", draw, got, want)
			}
		})
	}
}

// TestCrashLoop: a service that keeps dying is shown, tried again slowly and
// more slowly, without end, and is forgiven when it stays up.
func TestCrashLoop(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBox(t, map[string]string{
			"a": "StartLimitIntervalSec=1min\nStartLimitBurst=3\n--\nRestart=always\nRestartSec=1s\n",
		}, func(c *Config, _ *fake) {
			c.CrashLoopDelay, c.CrashLoopMaxDelay = 30*time.Second, 100*time.Second
		})
		for range 2 {
			b.die("a", code(1))
			b.pass(time.Second)
		}
		for _, want := range []time.Duration{30, 60, 100, 100, 100} {
			b.die("a", code(1))
			s := b.status()["a"]
			if got := time.Until(s.NextTry); s.State != appliance.CrashLoop || got != want*time.Second {
				t.Fatalf("it is %s, tried again in %v; want crash-loop, %v s", s.State, got, want)
			}
			b.pass(want * time.Second)
			b.want("a running")
		}
		if got := b.status()["a"].Restarts; got != 7 {
			t.Errorf("%d restarts; want 7", got)
		}
		b.pass(time.Minute)
		b.die("a", code(1))
		b.want("a auto-restart")
		if said, _ := b.said(); !slices.Contains(said, "service a crash-loop: the main process: exit status 1") {
			t.Errorf("milestones = %q; want the crash-loop", said)
		}
		// A person is obeyed at once.
		b.pass(time.Second)
		for range 3 {
			b.die("a", code(1))
			b.pass(time.Second)
		}
		b.want("a crash-loop")
		must(t, b.m.Start(t.Context(), "a"))
		b.want("a running")
	})
}

// TestTimeouts: of starting, of stopping, and of being killed.
func TestTimeouts(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBox(t, map[string]string{
			"slow":     "Type=notify\nTimeoutStartSec=5s\n",
			"longer":   "Type=notify\nTimeoutStartSec=5s\n",
			"deaf":     "TimeoutStopSec=7s\n",
			"immortal": "TimeoutStopSec=7s\n",
			"gentle":   "TimeoutStopSec=7s\nSendSIGKILL=no\n",
		}, func(_ *Config, f *fake) {
			f.deaf["deaf"], f.deaf["immortal"], f.immortal["immortal"], f.deaf["gentle"] = true, true, true, true
		})
		b.pass(4 * time.Second)
		b.say("longer", "EXTEND_TIMEOUT_USEC=10000000")
		b.pass(2 * time.Second)
		b.want("deaf running, gentle running, immortal running, longer start, slow failed")
		if got, want := b.status()["slow"].LastError, "it was not up within 5s"; got != want {
			t.Errorf("last error = %q; want %q", got, want)
		}
		b.did("start deaf", "start gentle", "start immortal", "start longer", "start slow", "slow: SIGTERM")
		b.pass(9 * time.Second)
		b.want("deaf running, gentle running, immortal running, longer failed, slow failed")
		b.did("longer: SIGTERM")
		for _, name := range []string{"deaf", "immortal", "gentle"} {
			began := time.Now()
			must(t, b.m.Stop(t.Context(), name))
			want := map[string]time.Duration{"deaf": 7, "immortal": 14, "gentle": 7}[name] * time.Second
			if got := time.Since(began); got != want {
				t.Errorf("stopping %s took %v; want %v", name, got, want)
			}
		}
	})
}

func TestWatchdog(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBox(t, map[string]string{"a": "Type=notify\nWatchdogSec=10s\nRestart=on-watchdog\n"}, nil)
		b.pass(30 * time.Second) // not before it is ready
		b.say("a", "READY=1")
		for range 5 {
			b.pass(9 * time.Second)
			b.say("a", "WATCHDOG=1")
		}
		b.want("a running")
		b.did("start a")
		b.pass(10 * time.Second)
		b.did("a: SIGABRT")
		if got, want := b.status()["a"].LastError, "its watchdog was not fed for 10s"; got != want {
			t.Errorf("last error = %q; want %q", got, want)
		}
		b.pass(time.Second)
		b.say("a", "READY=1\nWATCHDOG_USEC=2000000")
		b.pass(1900 * time.Millisecond)
		b.want("a running")
		b.pass(150 * time.Millisecond)
		b.did("start a", "a: SIGABRT")
		b.pass(time.Second)
		b.say("a", "READY=1")
		b.say("a", "WATCHDOG=trigger")
		b.did("start a", "a: SIGABRT")
	})
}

// TestWatchdogHang: a program that hangs so badly that SIGABRT does nothing.
func TestWatchdogHang(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBox(t, map[string]string{"a": "WatchdogSec=10s\nRestart=always\nTimeoutStopSec=5s\n"}, func(_ *Config, f *fake) {
			f.deaf["a"] = true
		})
		b.pass(14 * time.Second)
		b.did("start a", "a: SIGABRT")
		b.pass(2 * time.Second)
		b.did("a: SIGKILL", "start a")
	})
}

// TestOOM: the reason of a death by memory is told.
func TestOOM(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBox(t, map[string]string{"a": ""}, nil)
		b.f.mu.Lock()
		b.f.oom["a"]++
		b.f.mu.Unlock()
		b.die("a", reap.Status{Signal: syscall.SIGKILL})
		if got, want := b.status()["a"].LastError, "out of memory: the main process: killed by SIGKILL"; got != want {
			t.Errorf("last error = %q; want %q", got, want)
		}
	})
}

package supervisor

import (
	"errors"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"switchroom/appliance"
	"switchroom/appliance/supervisor/notify"
	"switchroom/appliance/supervisor/reap"
)

// TestOrder: what need not wait starts at once; what must, waits until the
// others are up; at the end it is the other way round.
func TestOrder(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBox(t, map[string]string{
			"net":      "Type=notify\n",
			"ports":    "Type=notify\n",
			"site":     "After=ports.service\n--\nType=oneshot\nRemainAfterExit=yes\n",
			"asterisk": "After=site.service\nRequires=site.service\n--\nType=notify\n",
		}, nil)
		b.did("start net", "start ports")
		b.want("asterisk waiting, net start, ports start, site waiting")
		b.say("ports", "READY=1")
		b.did("start site")
		b.pass(time.Second)
		b.did()
		b.die("site", code(0))
		b.did("start asterisk")
		b.say("asterisk", "READY=1\nSTATUS=fully booted")
		b.want("asterisk running, net start, ports running, site exited")
		if got := b.status()["asterisk"].Status; got != "fully booted" {
			t.Errorf("asterisk says %q", got)
		}
		b.f.deaf["asterisk"] = true
		b.m.Shutdown(appliance.Reboot)
		b.did("asterisk: SIGTERM", "net: SIGTERM")
		b.die("asterisk", code(0))
		b.did("ports: SIGTERM")
		if got := <-b.ended; got != appliance.Reboot {
			t.Errorf("loop = %v; want reboot", got)
		}
	})
}

// TestSimple and its like: when each type is up.
func TestTypes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBox(t, map[string]string{
			"simple":  "Type=simple\n",
			"exec":    "Type=exec\n",
			"badexec": "Type=exec\n",
			"nospawn": "",
			"once":    "Type=oneshot\nExecStart=/one\nExecStart=/two\n",
			"oncebad": "Type=oneshot\nExecStart=/one\nExecStart=/two\n",
			"notify":  "Type=notify\n",
			"early":   "Type=notify\n",
		}, func(_ *Config, f *fake) {
			f.execError["badexec"] = errors.New("executing /badexec: no such file")
			f.spawnError["nospawn"] = errNo
			for _, n := range []string{"once:one", "once:two", "oncebad:one"} {
				f.lifetime[n] = time.Second
			}
			f.exitCode["oncebad:one"] = 3
		})
		b.want("badexec failed, early start, exec running, nospawn failed, notify start, once start, oncebad start, simple running")
		b.die("early", code(0)) // it never said that it is ready
		b.pass(3 * time.Second)
		b.want("badexec failed, early failed, exec running, nospawn failed, notify start, once dead, oncebad failed, simple running")
		all := b.status()
		for name, want := range map[string]string{
			"badexec": "executing /badexec: no such file",
			"nospawn": "no",
			"early":   "it ended before it said that it is ready",
			"oncebad": "the main process: exit status 3",
			"once":    "",
		} {
			if got := all[name].LastError; got != want {
				t.Errorf("%s: last error %q; want %q", name, got, want)
			}
		}
		b.f.mu.Lock()
		if slices.Contains(b.f.history, "start oncebad:two") || !slices.Contains(b.f.history, "start once:two") {
			t.Errorf("history = %v; want the second command of once, and not of oncebad", b.f.history)
		}
		b.f.mu.Unlock()
	})
}

func TestStartPre(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBox(t, map[string]string{
			"a": "ExecStartPre=/pre1\nExecStartPre=-/pre2\nExecStopPost=/post\n",
			"b": "ExecStartPre=/pre1\nExecStartPre=/pre2\nExecStopPost=/post\n",
			"c": "ExecStartPre=-/none\n",
		}, func(_ *Config, f *fake) {
			f.exitCode["a:pre2"], f.exitCode["b:pre2"] = 1, 1
			f.spawnError["c:none"] = errNo
		})
		b.want("a running, b failed, c running")
		if got, want := b.status()["b"].LastError, "/pre2: exit status 1"; got != want {
			t.Errorf("last error = %q; want %q", got, want)
		}
		b.f.mu.Lock()
		history := slices.Clone(b.f.history)
		b.f.history = nil
		b.f.mu.Unlock()
		if slices.Contains(history, "start b") || !slices.Contains(history, "start b:post") {
			t.Errorf("history = %v; want b's ExecStopPost and not its ExecStart", history)
		}
		must(t, b.m.Stop(t.Context(), "a"))
		b.did("a: SIGTERM", "start a:post")
		b.want("a dead, b failed, c running")
	})
}

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

// TestRequires: a service whose requirement has failed waits for it, and
// starts when it comes up after all.
func TestRequires(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBox(t, map[string]string{
			"a": "Type=notify\nRestart=on-failure\nRestartSec=5s\n",
			"b": "After=a.service\nRequires=a.service\n--\n",
			"c": "After=b.service\n--\n", // orders itself only
		}, nil)
		b.die("a", code(1))
		b.want("a auto-restart, b waiting, c running")
		if got := b.status()["b"].Waiting; !slices.Equal(got, []string{"a.service"}) {
			t.Errorf("b waits for %v; want a.service", got)
		}
		err := b.m.Start(t.Context(), "b")
		if want := "b.service waits for a.service, which is not up: the main process: exit status 1"; err == nil || err.Error() != want {
			t.Errorf("Start = %v; want %s", err, want)
		}
		b.pass(6 * time.Second)
		b.say("a", "READY=1")
		b.want("a running, b running, c running")
	})
}

// TestPropagation: stopping and restarting a service does the same to those
// that require it, as Requires= says.
func TestPropagation(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBox(t, map[string]string{
			"a": "Type=oneshot\nRemainAfterExit=yes\n",
			"b": "After=a.service\nRequires=a.service\n--\nRestart=always\n",
			"c": "After=b.service\nRequires=b.service\n--\n",
			"w": "After=a.service\nWants=a.service\n--\n",
		}, func(_ *Config, f *fake) { f.lifetime["a"] = time.Second })
		b.pass(2 * time.Second)
		b.want("a exited, b running, c running, w running")
		b.did("start a", "start b", "start c", "start w")
		wait := later(func() error { return b.m.Restart(t.Context(), "a") })
		b.did("c: SIGTERM", "b: SIGTERM", "start a")
		must(t, wait())
		b.did("start b", "start c")
		b.want("a exited, b running, c running, w running")

		must(t, b.m.Stop(t.Context(), "a"))
		b.did("c: SIGTERM", "b: SIGTERM")
		b.want("a dead, b dead, c dead, w running")

		wait = later(func() error { return b.m.Start(t.Context(), "c") })
		must(t, wait())
		b.did("start a", "start b", "start c")

		// A crash restarts those that require it as well.
		b.die("b", code(1))
		b.want("a exited, b auto-restart, c running, w running")
		b.pass(time.Second)
		b.did("c: SIGTERM", "start b", "start c")
		b.want("a exited, b running, c running, w running")
	})
}

func TestReload(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBox(t, map[string]string{
			"a": "ExecReload=/one\nExecReload=/two $MAINPID\nTimeoutStartSec=5s\n",
			"b": "",
		}, nil)
		b.did("start a", "start b")
		must(t, b.m.Reload(t.Context(), "a"))
		b.did("start a:one", "start a:two")
		b.want("a running, b running")
		b.f.exitCode["a:one"] = 4
		if err, want := b.m.Reload(t.Context(), "a.service"), "/one: exit status 4"; err == nil || err.Error() != want {
			t.Errorf("Reload = %v; want %s", err, want)
		}
		b.want("a running, b running")
		b.f.lifetime["a:one"] = time.Hour
		if err := b.m.Reload(t.Context(), "a"); err == nil || !strings.Contains(err.Error(), "longer than 5s") {
			t.Errorf("Reload = %v; want a time-out", err)
		}
		b.want("a running, b running")
		b.f.lifetime = map[string]time.Duration{}
		b.f.spawnError["a:one"] = errNo
		if err := b.m.Reload(t.Context(), "a"); err == nil || err.Error() != "no" {
			t.Errorf("Reload = %v; want no", err)
		}
		b.want("a running, b running")
		if err := b.m.Reload(t.Context(), "b"); err == nil {
			t.Error("Reload of a service without ExecReload succeeded")
		}
		if err := b.m.Reload(t.Context(), "nonesuch"); !errors.Is(err, appliance.ErrUnknown) {
			t.Errorf("Reload = %v; want ErrUnknown", err)
		}
		must(t, b.m.Stop(t.Context(), "a"))
		if err := b.m.Reload(t.Context(), "a"); err == nil {
			t.Error("Reload of a stopped service succeeded")
		}
	})
}

// TestReloadByItself: a service that reloads on a signal says so.
func TestReloadByItself(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBox(t, map[string]string{"a": "Type=notify\n"}, nil)
		b.say("a", "READY=1")
		b.say("a", "RELOADING=1")
		b.want("a reload")
		b.say("a", "READY=1")
		b.want("a running")
		b.say("a", "STOPPING=1")
		b.want("a stop-sigterm")
		b.die("a", code(0))
		b.want("a dead")
	})
}

// TestStopWhileStarting: an order that comes while a process is being made is
// not lost on it.
func TestStopWhileStarting(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBox(t, map[string]string{"a": "Type=notify\n", "b": "After=a.service\n--\n"}, func(_ *Config, f *fake) {
			f.spawnDelay["a"] = 5 * time.Second
		})
		b.pass(time.Second)
		wait := later(func() error { return b.m.Stop(t.Context(), "a") })
		b.want("a stop-sigterm, b waiting")
		must(t, wait())
		b.did("start a", "a: SIGTERM", "start b")
		b.want("a dead, b running")
	})
}

// TestStopWhileWaiting: for a restart.
func TestStopWhileWaiting(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBox(t, map[string]string{"a": "Restart=always\nRestartSec=5s\n"}, nil)
		b.die("a", code(1))
		must(t, b.m.Stop(t.Context(), "a"))
		b.pass(time.Minute)
		b.want("a dead")
		b.did("start a")
	})
}

// TestExecStop: it runs first, also after a clean end, and what it leaves gets
// the signal.
func TestExecStop(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBox(t, map[string]string{"a": "ExecStop=/stop\nRestart=no\nTimeoutStopSec=5s\n"}, nil)
		must(t, b.m.Stop(t.Context(), "a"))
		b.did("start a", "start a:stop", "a: SIGTERM")
		must(t, b.m.Start(t.Context(), "a"))
		b.die("a", code(0))
		b.did("start a", "start a:stop")
		must(t, b.m.Start(t.Context(), "a"))
		b.f.lifetime["a:stop"] = time.Hour
		must(t, b.m.Stop(t.Context(), "a"))
		b.did("start a", "start a:stop", "a: SIGTERM", "a:stop: SIGTERM")
	})
}

// TestKillModes: who is sent what.
func TestKillModes(t *testing.T) {
	for mode, want := range map[string][]string{
		"control-group": {"a: SIGINT", "a:child: SIGINT"},
		"mixed":         {"a: SIGINT", "a:child: SIGKILL"},
		"process":       {"a: SIGINT"},
	} {
		t.Run(mode, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b := newBox(t, map[string]string{"a": "KillSignal=SIGINT\nKillMode=" + mode + "\n"}, nil)
				child := b.f.extra("a")
				b.did("start a")
				wait := later(func() error { return b.m.Stop(t.Context(), "a") })
				b.m.post(b.m.checkAllGone) // as the reaper does for orphans
				must(t, wait())
				b.did(want...)
				b.exit(child, code(0))
			})
		})
	}
}

// TestLeftovers: children of a main process that died are ended before it is
// started again.
func TestLeftovers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBox(t, map[string]string{"a": "Restart=always\n"}, nil)
		child := b.f.extra("a")
		b.f.deaf["a:child"] = true
		b.die("a", code(1))
		b.pass(time.Second)
		b.want("a stop-sigterm")
		b.did("start a", "a:child: SIGTERM")
		b.exit(child, code(0))
		b.m.post(b.m.checkAllGone)
		b.pass(time.Second)
		b.did("start a")
	})
}

func TestNotifyAccess(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBox(t, map[string]string{
			"none": "NotifyAccess=none\n",
			"main": "NotifyAccess=main\n",
			"all":  "NotifyAccess=all\n",
		}, nil)
		for _, name := range []string{"none", "main", "all"} {
			b.say(name, "STATUS=from main")
			b.sayAs(b.f.extra(name).pid, "STATUS=from child")
		}
		b.sayAs(99999, "STATUS=from nobody")
		all := b.status()
		for name, want := range map[string]string{"none": "", "main": "from main", "all": "from child"} {
			if got := all[name].Status; got != want {
				t.Errorf("%s says %q; want %q", name, got, want)
			}
		}
	})
}

// TestEarlyNotification: a process that speaks before we know its number is
// heard all the same.
func TestEarlyNotification(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBox(t, map[string]string{"a": "Type=notify\n"}, func(_ *Config, f *fake) {
			f.spawnDelay["a"] = time.Second
		})
		b.sayAs(101, "READY=1") // it will have that number
		b.want("a start")
		b.pass(2 * time.Second)
		b.want("a running")
	})
}

func TestMainPID(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBox(t, map[string]string{"a": "Type=notify\nNotifyAccess=all\n", "b": ""}, nil)
		other := b.f.extra("a")
		first := b.main("a")
		b.say("a", "READY=1\nMAINPID=999999")
		b.say("a", "MAINPID="+itoa(other.pid))
		if got := b.status()["a"].MainPID; got != other.pid {
			t.Errorf("main process = %d; want %d", got, other.pid)
		}
		b.exit(first, code(0)) // it is no more the main one
		b.want("a running, b running")
		b.exit(other, code(5))
		b.want("a failed, b running")
	})
}

// TestFDStore: files given to us come back at the next start, and go with the
// service's end.
func TestFDStore(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBox(t, map[string]string{"a": "Type=notify\nFileDescriptorStoreMax=2\nRestart=always\n"}, nil)
		give := func(name string) *notify.File {
			msg := mustParse(t, "FDSTORE=1\nFDNAME="+name)
			f := newFile(t)
			msg.PID, msg.Files = b.main("a").pid, []*notify.File{f}
			b.m.notified(msg)
			synctest.Wait()
			return f
		}
		closed := func(f *notify.File) bool {
			_, err := unix.FcntlInt(uintptr(f.FD()), unix.F_GETFD, 0)
			return err == unix.EBADF
		}
		one, two, three := give("one"), give("two"), give("three")
		if closed(one) || closed(two) || !closed(three) {
			t.Errorf("closed: %v %v %v; want only the third, for which there is no room", closed(one), closed(two), closed(three))
		}
		b.say("a", "FDSTOREREMOVE=1\nFDNAME=one")
		if !closed(one) {
			t.Error("a removed file is still open")
		}
		b.die("a", code(1))
		b.pass(time.Second)
		fds := b.main("a").req.fds
		if len(fds) != 1 || fds[0].name != "two" || closed(two) {
			t.Errorf("the next start got %v; want the file two", fds)
		}
		must(t, b.m.Stop(t.Context(), "a"))
		if !closed(two) {
			t.Error("a stopped service's file is still open")
		}
	})
}

// TestBarrier: its file is closed once all before it was handled.
func TestBarrier(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBox(t, map[string]string{"a": ""}, nil)
		f := newFile(t)
		msg := mustParse(t, "BARRIER=1")
		msg.PID, msg.Files = b.main("a").pid, []*notify.File{f}
		b.m.notified(msg)
		synctest.Wait()
		if _, err := unix.FcntlInt(uintptr(f.FD()), unix.F_GETFD, 0); err != unix.EBADF {
			t.Error("the barrier's file is still open")
		}
	})
}

func TestMounts(t *testing.T) {
	bubble(t, func(t *testing.T) {
		data := make(chan struct{})
		b := newBox(t, map[string]string{
			"a": "RequiresMountsFor=/data/db\n--\n",
			"b": "RequiresMountsFor=/database\n--\n",
			"c": "After=a.service\n--\n",
		}, func(c *Config, _ *fake) { c.Mounts = map[string]<-chan struct{}{"/data": data} })
		b.want("a waiting, b running, c waiting")
		if got := b.status()["a"].Waiting; !slices.Equal(got, []string{"/data"}) {
			t.Errorf("a waits for %v; want /data", got)
		}
		b.m.post(func() { delete(b.m.unmounted, "/data") })
		b.want("a running, b running, c running")
	})
}

func TestConditions(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBox(t, map[string]string{
			"yes":   "ConditionPathExists=/proc/self\n--\n",
			"no":    "ConditionPathExists=/nonexistent\n--\n",
			"or":    "ConditionPathExists=|/nonexistent\nConditionPathExists=|!/nonexistent\n--\n",
			"nor":   "ConditionPathExists=|/nonexistent\nConditionKernelCommandLine=|switchroom.nonexistent\n--\n",
			"after": "After=no.service\n--\n",
		}, nil)
		b.want("after running, no condition, nor condition, or running, yes running")
		if err := b.m.Start(t.Context(), "no"); err == nil || err.Error() != "no.service: ConditionPathExists=/nonexistent does not hold" {
			t.Errorf("Start = %v; want the condition", err)
		}
	})
}

// TestHealth: the essential services must have been up for a while; then it is
// said once; and every change is told.
func TestHealth(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBox(t, map[string]string{
			"a": "Type=notify\nRestart=always\nRestartSec=3s\n",
			"b": "",
		}, func(c *Config, _ *fake) {
			c.Essential = []string{"a.service"}
			c.Ready = map[string]string{"a.service": "a ready"}
			c.PulseEvery = time.Hour
		})
		b.pass(time.Minute)
		b.say("a", "READY=1\nX_SWITCHROOM_MILESTONE=a says hello")
		b.pass(9 * time.Second)
		b.die("a", code(1))
		b.pass(4 * time.Second)
		b.say("a", "READY=1")
		b.pass(11 * time.Second)
		b.die("a", code(1))
		b.pass(4 * time.Second)
		b.say("a", "READY=1")
		b.pass(11 * time.Second)
		want := []string{
			"service b active", "a says hello", "service a active", "a ready",
			"service a active", "a ready", "healthy", "service a active", "a ready",
		}
		milestones, health := b.said()
		if !slices.Equal(milestones, want) {
			t.Errorf("milestones = %q; want %q", milestones, want)
		}
		if want := []bool{false, false, false, false, true, false, false, true}; !slices.Equal(health, want) {
			t.Errorf("health = %v; want %v", health, want)
		}
	})
}

// TestPulse: as long as the loop lives, it is heard.
func TestPulse(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBox(t, map[string]string{"a": ""}, func(c *Config, _ *fake) { c.PulseEvery = time.Second })
		b.pass(10*time.Second + time.Millisecond)
		if _, health := b.said(); len(health) < 10 || len(health) > 12 {
			t.Errorf("%d pulses in 10 s; want one a second", len(health))
		}
	})
}

// TestShutdownTwice: the second order kills.
func TestShutdownTwice(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBox(t, map[string]string{"a": "", "b": "After=a.service\n--\n"}, func(_ *Config, f *fake) {
			f.deaf["a"], f.deaf["b"] = true, true
		})
		b.m.Shutdown(appliance.PowerOff)
		b.pass(time.Second)
		b.did("start a", "start b", "b: SIGTERM")
		if err := b.m.Start(t.Context(), "a"); !errors.Is(err, appliance.ErrStopping) {
			t.Errorf("Start = %v; want ErrStopping", err)
		}
		b.m.Shutdown(appliance.Reboot)
		if got := <-b.ended; got != appliance.PowerOff {
			t.Errorf("loop = %v; want poweroff, which came first", got)
		}
		b.did("a: SIGKILL", "b: SIGKILL")
		if _, err := b.m.Status(t.Context()); !errors.Is(err, appliance.ErrStopping) {
			t.Errorf("Status after the end = %v; want ErrStopping", err)
		}
	})
}

func TestShutdownTimeout(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBox(t, map[string]string{"a": "TimeoutStopSec=infinity\n"}, func(c *Config, f *fake) {
			f.deaf["a"] = true
			c.ShutdownTimeout = 20 * time.Second
		})
		began := time.Now()
		b.stop()
		if got := <-b.ended; got != appliance.Exit || time.Since(began) != 20*time.Second {
			t.Errorf("loop = %v after %v; want exit after 20 s", got, time.Since(began))
		}
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

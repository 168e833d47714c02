package supervisor

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"switchroom/appliance"
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
		// To start b by order is to try a again, at once.
		wait := later(func() error { return b.m.Start(t.Context(), "b") })
		b.want("a start, b waiting, c running")
		b.die("a", code(1))
		err := wait()
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

// TestStoppedByOrder: what somebody stops is not up, and is no fault either.
func TestStoppedByOrder(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBox(t, map[string]string{
			"a": "After=b.service\nRequires=b.service\n--\n",
			"b": "",
		}, func(c *Config, _ *fake) { c.Essential = []string{"a.service"} })
		health := func() appliance.Health {
			st, err := b.m.Status(t.Context())
			must(t, err)
			return st.Health
		}
		b.pass(time.Minute)
		if h := health(); !h.OK {
			t.Errorf("health = %+v; want it good", h)
		}
		must(t, b.m.Stop(t.Context(), "b")) // and a with it
		if h := health(); h.OK || len(h.Failing) > 0 || !slices.Equal(h.Stopped, []string{"a.service"}) {
			t.Errorf("health = %+v; want a stopped, and nothing failing", h)
		}
		must(t, b.m.Start(t.Context(), "a"))
		b.pass(time.Minute)
		if h := health(); !h.OK || len(h.Stopped) > 0 {
			t.Errorf("health = %+v; want it good again", h)
		}
	})
}

// TestStartWhileStopping: the order that comes last is the one that counts.
func TestStartWhileStopping(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBox(t, map[string]string{"a": "TimeoutStopSec=5s\n"}, func(_ *Config, f *fake) { f.deaf["a"] = true })
		stopped := later(func() error { return b.m.Stop(t.Context(), "a") })
		b.want("a stop-sigterm")
		started := later(func() error { return b.m.Start(t.Context(), "a") })
		must(t, stopped())
		must(t, started())
		b.want("a running")
		b.did("start a", "a: SIGTERM", "a: SIGKILL", "start a")

		restarted := later(func() error { return b.m.Restart(t.Context(), "a") })
		must(t, b.m.Stop(t.Context(), "a"))
		if err := restarted(); err == nil {
			t.Error("a restart that was overtaken by a stop succeeded")
		}
		b.want("a dead")
	})
}

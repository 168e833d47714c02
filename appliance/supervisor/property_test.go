package supervisor

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"switchroom/appliance"
	"switchroom/appliance/supervisor/unit"
)

// TestAnything does anything at any time to services that depend on each other
// in any way, and holds what must be true whatever happens: a service has one
// main process at most; none runs while what it requires and stands After was
// never up; and in the end a shut-down leaves nothing behind.
func TestAnything(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		names := []string{"a", "b", "c", "d", "e"}
		files := map[string]string{}
		for i, name := range names {
			var u, s strings.Builder
			for _, before := range names[:i] { // only backwards: no cycles
				switch rapid.IntRange(0, 4).Draw(rt, name+" and "+before) {
				case 0:
					fmt.Fprintf(&u, "After=%s.service\n", before)
				case 1:
					fmt.Fprintf(&u, "After=%s.service\nRequires=%s.service\n", before, before)
				case 2:
					fmt.Fprintf(&u, "Requires=%s.service\n", before)
				}
			}
			fmt.Fprintf(&s, "Type=%s\n", rapid.SampledFrom([]string{"simple", "exec", "notify", "oneshot"}).Draw(rt, "type of "+name))
			fmt.Fprintf(&s, "Restart=%s\n", rapid.SampledFrom([]string{"no", "on-failure", "on-abnormal"}).Draw(rt, "restart of "+name))
			fmt.Fprintf(&s, "RemainAfterExit=%v\nTimeoutStartSec=7s\nTimeoutStopSec=3s\n", rapid.Bool().Draw(rt, "remain "+name))
			if rapid.Bool().Draw(rt, "more "+name) {
				s.WriteString("ExecStartPre=/pre\nExecStop=/stop\nExecStopPost=/post\nExecReload=/reload\n")
			}
			files[name] = u.String() + "--\n" + s.String()
		}
		delays, deaf := map[string]time.Duration{}, map[string]bool{}
		for _, name := range names {
			delays[name] = time.Duration(rapid.IntRange(0, 2).Draw(rt, "delay of "+name)) * time.Second
			deaf[name] = rapid.Bool().Draw(rt, "deaf "+name)
		}
		script := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) step {
			return step{
				name: rapid.SampledFrom(names).Draw(rt, "service"),
				what: rapid.SampledFrom([]string{"start", "stop", "restart", "reload", "die", "die", "say", "wait"}).Draw(rt, "what"),
				say:  rapid.SampledFrom([]string{"READY=1", "RELOADING=1", "STOPPING=1"}).Draw(rt, "say"),
				n:    rapid.IntRange(0, 9).Draw(rt, "n"),
			}
		}), 0, 30).Draw(rt, "script")
		// rapid ends a failed check by a panic, which must not happen in the
		// bubble: so the script is drawn before, and what is wrong comes back.
		var wrong string
		synctest.Test(t, func(t *testing.T) {
			b := newBox(t, files, func(_ *Config, f *fake) { f.spawnDelay, f.deaf = delays, deaf })
			wrong = b.play(script)
		})
		if wrong != "" {
			rt.Fatal(wrong)
		}
	})
}

// A step is one thing that happens.
type step struct {
	name, what, say string
	n               int
}

// play does what the script says, shuts down, and gives what is wrong.
func (b *box) play(script []step) string {
	ctx, cancel := context.WithCancel(b.t.Context())
	defer cancel()
	for _, s := range script {
		switch s.what {
		case "start":
			go func() { _ = b.m.Start(ctx, s.name) }()
		case "stop":
			go func() { _ = b.m.Stop(ctx, s.name) }()
		case "restart":
			go func() { _ = b.m.Restart(ctx, s.name) }()
		case "reload":
			go func() { _ = b.m.Reload(ctx, s.name) }()
		case "die":
			for _, p := range b.all() {
				if p.service == s.name {
					b.exit(p, code(s.n%2))
					break
				}
			}
		case "say":
			for _, p := range b.all() {
				if p.service == s.name && p.req.main {
					b.sayAs(p.pid, s.say)
					break
				}
			}
		case "wait":
			time.Sleep(time.Duration(s.n) * time.Second)
		}
		synctest.Wait()
		if wrong := b.wrong(); wrong != "" {
			return fmt.Sprintf("after %+v: %s\n%s", s, wrong, b.dump())
		}
	}
	if wrong := b.recovers(ctx); wrong != "" {
		return wrong
	}
	b.m.Shutdown(appliance.Reboot)
	select {
	case <-b.ended:
	case <-time.After(5 * time.Minute):
		return fmt.Sprintf("it does not shut down: %+v", b.status())
	}
	if left := b.all(); len(left) > 0 {
		return fmt.Sprintf("%d processes are left", len(left))
	}
	return ""
}

// recovers starts every service, once all has calmed down, and lets each do as
// it should: then all of them must come up.
func (b *box) recovers(ctx context.Context) string {
	behave := func(seconds int) {
		for range seconds {
			for _, p := range b.all() {
				kind := ""
				if p.req.service != nil {
					kind = string(p.req.service.Type)
				}
				switch {
				case p.req.main && kind == "oneshot":
					b.exit(p, code(0))
				case p.req.main && kind == "notify":
					b.sayAs(p.pid, "READY=1")
				}
			}
			time.Sleep(time.Second)
		}
	}
	behave(60)
	errs := make(chan error, len(b.m.names))
	for _, name := range b.m.names {
		go func() { errs <- b.m.Start(ctx, name) }()
	}
	behave(60)
	for range b.m.names {
		select {
		case err := <-errs:
			if err != nil {
				return fmt.Sprintf("starting all: %v\n%s", err, b.dump())
			}
		default:
			return fmt.Sprintf("a start has no end: %+v", b.status())
		}
	}
	found := make(chan string, 1)
	b.m.post(func() {
		for _, s := range b.m.services {
			if !s.up() && !s.done {
				found <- fmt.Sprintf("%s is %s; all were started", s.unit.Name, s.sub)
				return
			}
		}
		found <- ""
	})
	return <-found
}

// wrong gives what is not as it must be at every moment.
func (b *box) wrong() string {
	mains := map[string]int{}
	for _, p := range b.all() {
		if p.req.main {
			mains[p.service]++
		}
	}
	for name, n := range mains {
		if n > 1 {
			return fmt.Sprintf("%s has %d main processes", name, n)
		}
	}
	found := make(chan string, 1)
	b.m.post(func() {
		for _, s := range b.m.services {
			if s.down() && (s.main != nil || s.control != nil || s.spawning > 0) {
				found <- fmt.Sprintf("%s is %s and has processes", s.unit.Name, s.sub)
				return
			}
			if s.sub != subStartPre && s.sub != subStart {
				continue
			}
			for _, r := range s.unit.Requires {
				other := b.m.services[r.Name]
				if after(s.unit, r.Name) && other.sub == subDead && !other.done && !other.want && s.want {
					found <- fmt.Sprintf("%s starts, but %s, which it requires, is stopped", s.unit.Name, r.Name)
					return
				}
			}
		}
		found <- ""
	})
	return <-found
}

func after(u *unit.Service, name string) bool {
	for _, r := range u.After {
		if r.Name == name {
			return true
		}
	}
	return false
}

func (b *box) dump() string {
	recs, _ := b.m.cfg.Journal.Since(0, 10000)
	var out strings.Builder
	for _, r := range recs {
		fmt.Fprintln(&out, r)
	}
	b.f.mu.Lock()
	defer b.f.mu.Unlock()
	return out.String() + strings.Join(b.f.history, "\n")
}

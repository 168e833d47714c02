package asterisk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"switchroom/appliance/asterisk/ami"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is an Asterisk that has read files, and complains of those with the
// word FAULT in them.
type fake struct {
	mu       sync.Mutex // held for moments only; a test that changes a field while something is applied takes it
	dir      string
	read     conf // what it works by
	said     []string
	log      chan string
	channels []string
	dead     bool
	die      string // the module whose reload kills it
	refuse   string // the module that refuses to read anew
	loaded   map[string]bool
	busy     int // so many reloads are refused since another is in progress
}

func (f *fake) WaitUp(context.Context) error { return nil }

func (f *fake) Do(_ context.Context, a ami.Action) (*ami.Message, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.dead {
		return nil, ami.ErrBroken
	}
	module := ""
	for _, h := range a.Headers {
		if h.Key == "Module" {
			module = h.Value
		}
	}
	f.said = append(f.said, strings.TrimSpace(a.Name+" "+module))
	switch a.Name {
	case "DAHDIRestart":
		module = "chan_dahdi.so"
		f.channels = slices.DeleteFunc(f.channels, func(c string) bool { return strings.HasPrefix(c, "DAHDI/") })
	case "Reload":
		if f.busy > 0 {
			f.busy--
			return nil, &ami.Refused{Action: "Reload", Reason: "A reload is in progress"}
		}
	case "ModuleCheck":
		if f.loaded[module+".so"] {
			return &ami.Message{}, nil
		}
		return nil, &ami.Refused{Action: a.Name, Reason: "Module not loaded"}
	case "ModuleLoad":
		if f.loaded[module] {
			return nil, &ami.Refused{Action: a.Name, Reason: "Could not load module."}
		}
		f.loaded[module] = true
	case "Ping":
		return &ami.Message{}, nil
	}
	switch module {
	case f.die:
		f.dead = true
		return nil, ami.ErrBroken
	case f.refuse:
		f.refuse = "" // once
		return nil, &ami.Refused{Action: a.Name, Reason: "An unknown error occurred"}
	}
	for _, r := range readers {
		if r.module == module {
			f.take(r.file, module)
		}
	}
	return &ami.Message{}, nil
}

// take reads a file.
func (f *fake) take(name, module string) {
	data, err := os.ReadFile(filepath.Join(f.dir, name))
	if err != nil {
		delete(f.read, name)
		return
	}
	f.read[name] = data
	for i, line := range strings.Split(string(data), "\n") {
		if strings.Contains(line, "FAULT") {
			f.log <- fmt.Sprintf("WARNING[1]: %s.c:7 parse: %s at line %d", strings.TrimSuffix(module, ".so"), line, i+1)
		}
	}
}

func (f *fake) List(context.Context, ami.Action) ([]*ami.Message, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []*ami.Message
	for _, c := range f.channels {
		m := &ami.Message{}
		m.Parse([]byte("Event: CoreShowChannel\r\nChannel: " + c + "\r\n\r\n"))
		out = append(out, m)
	}
	return out, nil
}

// stand is an Asterisk that runs with some files.
func stand(t interface {
	Fatal(...any)
	Helper()
}, dir string, start conf) (*fake, *Applier) {
	t.Helper()
	f := &fake{dir: dir, read: conf{}, loaded: map[string]bool{}, log: make(chan string, 1000)}
	a := &Applier{Log: slog.New(slog.DiscardHandler), Dir: dir, Quiet: 200 * time.Millisecond,
		Connect: func(context.Context) (Manager, func(), error) { return nil, nil, ErrNotRunning },
		Listen:  func(context.Context) (<-chan string, error) { return f.log, nil },
	}
	if _, err := a.Apply(context.Background(), start, IfFree); err != nil {
		t.Fatal(err)
	}
	for n, d := range start {
		f.read[n] = d
	}
	a.Connect = func(context.Context) (Manager, func(), error) { return f, func() {}, nil }
	a.Restart = func(context.Context) error {
		f.said = append(f.said, "restart")
		f.dead, f.channels = false, nil
		for _, r := range readers {
			f.take(r.file, r.module)
		}
		return nil
	}
	return f, a
}

// on says what is in Asterisk's folder.
func on(t *testing.T, a *Applier) conf {
	t.Helper()
	files, err := tree{a.Dir}.read()
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestApply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, a := stand(t, t.TempDir(), files("queues.conf", "[600]\n", "extensions.conf", "[a]\n"))
		f.channels, f.busy = []string{"DAHDI/1-1"}, 3
		next := files("queues.conf", "[601]\n", "extensions.conf", "[b]\n")
		if _, err := a.Apply(t.Context(), next, IfFree); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(next["queues.conf"], f.read["queues.conf"]); diff != "" {
			t.Error(diff)
		}
		f.said = nil
		if plan, err := a.Apply(t.Context(), next, IfFree); err != nil || len(plan.Steps) != 0 || len(f.said) != 0 {
			t.Errorf("the same again: %v %v, said %q", plan, err, f.said)
		}
	})
}

func TestRollBack(t *testing.T) {
	for name, c := range map[string]struct {
		set  func(*fake)
		text string
		want string
	}{
		"it complains":     {func(*fake) {}, "FAULT", "WARNING app_queue.c: x = FAULT at line …"},
		"a module refuses": {func(f *fake) { f.refuse = "pbx_config.so" }, "", "An unknown error"},
		"it goes away":     {func(f *fake) { f.die = "pbx_config.so" }, "", "connection broke"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				was := files("queues.conf", "[600]\n", "extensions.conf", "[a]\n")
				f, a := stand(t, t.TempDir(), was)
				c.set(f)
				_, err := a.Apply(t.Context(), files("queues.conf", "[601]\nx = "+c.text+"\n", "extensions.conf", "[b]\n"), IfFree)
				var back *RolledBack
				if !errors.As(err, &back) || !strings.Contains(back.Reasons[0], c.want) {
					t.Fatalf("%v; want %q", err, c.want)
				}
				if diff := cmp.Diff(was, on(t, a)); diff != "" {
					t.Errorf("the files (-want +got):\n%s", diff)
				}
				if f.die != "" {
					// It could not be told; whoever applies next does it.
					f.die, f.dead = "", false
					if _, err := a.Apply(t.Context(), was, IfFree); err != nil {
						t.Fatal(err)
					}
				}
				if diff := cmp.Diff(was, f.read); diff != "" {
					t.Errorf("what Asterisk works by (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// What it complained of before is no reason to go back.
func TestOldComplaints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, a := stand(t, t.TempDir(), files("queues.conf", "[600]\nold FAULT\n"))
		next := files("queues.conf", "[600]\n\n[601]\nold FAULT\n")
		if _, err := a.Apply(t.Context(), next, IfFree); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(next, f.read); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if _, err := a.Apply(t.Context(), files("queues.conf", "old FAULT\nnew FAULT\n"), IfFree); err == nil {
			t.Error("a new complaint beside the old one was taken")
		}
		if diff := cmp.Diff(next, f.read); diff != "" {
			t.Errorf("after going back (-want +got):\n%s", diff)
		}
	})
}

func TestCallsThatWouldEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, a := stand(t, t.TempDir(), files("chan_dahdi.conf", card))
		f.channels = []string{"PJSIP/1-1", "DAHDI/2-1", "DAHDI/25-1"}
		next := files("chan_dahdi.conf", card+"channel => 26\n")
		var busy *Busy
		if _, err := a.Apply(t.Context(), next, IfFree); !errors.As(err, &busy) || busy.Channels != 2 {
			t.Fatalf("with calls: %v", err)
		}
		if len(f.said) > 0 || string(on(t, a)["chan_dahdi.conf"]) != card {
			t.Errorf("something was done: %q", f.said)
		}
		done := make(chan error)
		go func() {
			_, err := a.Apply(t.Context(), next, Idle)
			done <- err
		}()
		time.Sleep(time.Hour)
		synctest.Wait()
		f.mu.Lock()
		if len(f.said) > 0 {
			t.Errorf("while there were calls: %q", f.said)
		}
		f.channels = []string{"PJSIP/1-1"}
		f.mu.Unlock()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(next, f.read); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		f.channels = []string{"PJSIP/1-1", "DAHDI/2-1"}
		if _, err := a.Apply(t.Context(), files("chan_dahdi.conf", card), Now); err != nil || len(f.channels) != 1 {
			t.Errorf("at once: %v, %q go on", err, f.channels)
		}
		if _, err := a.Apply(t.Context(), files("asterisk.conf", "a=1"), IfFree); !errors.As(err, &busy) || busy.Channels != 1 {
			t.Errorf("a restart: %v", err)
		}
		waiting, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := a.Apply(waiting, files("asterisk.conf", "a=1"), Idle); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a wait that was given up: %v", err)
		}
	})
}

// A module that is no longer wanted stays loaded; when it is wanted again, it
// reads what its file says then.
func TestModuleThatComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, a := stand(t, t.TempDir(), files())
		with := func(text string) conf {
			return files("modules.conf", string(files()["modules.conf"])+"load = app_confbridge.so\n", "confbridge.conf", text)
		}
		for _, next := range []conf{with("a=1"), files(), with("a=2"), files(), with("a=3")} {
			if _, err := a.Apply(t.Context(), next, IfFree); err != nil {
				t.Fatal(err)
			}
			if want := next["confbridge.conf"]; want != nil && string(f.read["confbridge.conf"]) != string(want) {
				t.Errorf("Asterisk works by %q, want %q", f.read["confbridge.conf"], want)
			}
		}
	})
}

// An interrupted run has written files and told nobody: the next one does.
func TestInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, a := stand(t, t.TempDir(), files("queues.conf", "[600]\n"))
		next := files("queues.conf", "[601]\n")
		tr := tree{a.Dir}
		if err := tr.keep("pending", Changes(on(t, a), next).Steps); err != nil {
			t.Fatal(err)
		}
		if _, err := tr.write(next); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Apply(t.Context(), next, IfFree); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(next, f.read); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// Whatever is applied, in whatever order, with and without faults: Asterisk
// works by what is on the disk, which is the last that was taken; and no call
// ends that nobody gave up.
func TestAsteriskWorksByWhatIsThere(t *testing.T) {
	names := []string{"queues.conf", "extensions.conf", "pjsip.conf", "chan_dahdi.conf", "manager.conf", "features.conf"}
	rapid.Check(t, func(r *rapid.T) {
		synctest.Test(t, func(t *testing.T) {
			inForce := files()
			f, a := stand(t, t.TempDir(), inForce)
			f.channels = []string{"DAHDI/1-1"}
			for range rapid.IntRange(1, 8).Draw(r, "changes") {
				next := files()
				for _, n := range names {
					if k := rapid.IntRange(0, 4).Draw(r, n); k > 0 {
						next[n] = fmt.Appendf(nil, "a = %d\n", k)
					}
				}
				bad := rapid.SampledFrom(append(slices.Clone(names), "", "", "")).Draw(r, "with a fault")
				if bad != "" {
					next[bad] = []byte("a = FAULT\n")
				}
				_, err := a.Apply(t.Context(), next, IfFree)
				if (bad != "") != (err != nil) {
					t.Fatalf("with a fault in %q: %v", bad, err)
				}
				if err == nil {
					inForce = next
				}
				if diff := cmp.Diff(inForce, on(t, a)); diff != "" {
					t.Fatalf("the files (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(inForce, f.read); diff != "" {
					t.Fatalf("what Asterisk works by (-want +got):\n%s", diff)
				}
			}
			if len(f.channels) != 1 {
				t.Fatal("a call ended")
			}
		})
	})
}

func TestFilesAreForTheGroupOnly(t *testing.T) {
	_, a := stand(t, t.TempDir(), files("queues.conf", "x"))
	if err := os.WriteFile(filepath.Join(a.Dir, "sip.conf"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(a.Dir, ".new-1", "x"), 0o755); err != nil {
		t.Fatal(err)
	}
	first, err := Secret(a.Dir, "provision")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (tree{a.Dir}).write(files("queues.conf", "y")); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(a.Dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, fmt.Sprint(e.Name(), " ", info.Mode()))
	}
	if diff := cmp.Diff([]string{".provision drwx------", "modules.conf -rw-r-----", "queues.conf -rw-r-----"}, names); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if again, err := Secret(a.Dir, "provision"); err != nil || again != first || first == "" {
		t.Errorf("the secret was %q and is %q (%v)", first, again, err)
	}
	if other, err := Secret(a.Dir, "cti"); err != nil || other == first {
		t.Errorf("the secret of another: %q (%v)", other, err)
	}
}

package reap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// TestMain makes the test a parent of orphans, and lets it be the processes
// that the tests need.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "role" {
		os.Exit(role(os.Args[2:]))
	}
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

func role(args []string) int {
	switch args[0] {
	case "exit":
		code, _ := strconv.Atoi(args[1])
		return code
	case "kill":
		_ = unix.Kill(os.Getpid(), unix.SIGTERM)
		select {}
	case "orphans": // leaves so many behind, which end a little later
		n, _ := strconv.Atoi(args[1])
		for range n {
			if _, err := spawn("read"); err != nil {
				return 1
			}
		}
		return 7
	case "read": // until its standard input ends
		_, _ = io.Copy(io.Discard, os.Stdin)
		return 9
	}
	return 100
}

var stdin *os.File // of the children; set by a test that runs alone

func spawn(args ...string) (int, error) {
	in := os.Stdin
	if stdin != nil {
		in = stdin
	}
	return syscall.ForkExec("/proc/self/exe", append([]string{"test", "role"}, args...), &syscall.ProcAttr{
		Files: []uintptr{in.Fd(), os.Stdout.Fd(), os.Stderr.Fd()},
	})
}

// run starts a Reaper for the test's time.
func run(t *testing.T, cfg Config) *Reaper {
	t.Helper()
	cfg.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	r := New(cfg)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { r.Run(ctx); close(done) }()
	t.Cleanup(func() { stop(); <-done })
	return r
}

// childless waits until the process has no children left: each is reaped.
func childless(t *testing.T) {
	t.Helper()
	for {
		err := unix.Waitid(unix.P_ALL, 0, nil, unix.WEXITED|unix.WNOWAIT|unix.WNOHANG, nil)
		if errors.Is(err, unix.ECHILD) {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// TestStress: hundreds of children born and dying from several goroutines at
// once, each of which leaves an orphan now and then, while os/exec waits for
// children of its own. Every status arrives, and nothing is left.
func TestStress(t *testing.T) {
	const goroutines, children = 8, 40
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stdin = r
	defer func() { stdin = nil; r.Close() }()
	var orphaned atomic.Int32
	reaper := run(t, Config{Orphan: func() { orphaned.Add(1) }})
	var wg sync.WaitGroup
	for g := range goroutines {
		wg.Go(func() {
			for n := range children {
				args, want := []string{"exit", strconv.Itoa((g*children + n) % 256)}, Status{Code: (g*children + n) % 256}
				switch n % 5 {
				case 3:
					args, want = []string{"kill"}, Status{Signal: syscall.SIGTERM}
				case 4:
					args, want = []string{"orphans", "1"}, Status{Code: 7}
				}
				c, err := reaper.Start(func() (int, error) { return spawn(args...) })
				if err != nil {
					t.Errorf("starting: %v", err)
					return
				}
				if got := c.Status(); got != want {
					t.Errorf("%v ended as %v; want %v", args, got, want)
				}
			}
		})
	}
	wg.Go(func() {
		for range 20 {
			err := reaper.Foreign(func() error {
				return exec.Command("/proc/self/exe", "role", "exit", "11").Run()
			})
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != 11 {
				t.Errorf("os/exec heard %v; want exit status 11", err)
			}
		}
	})
	wg.Wait()
	w.Close() // now the orphans end
	childless(t)
	if orphaned.Load() == 0 {
		t.Error("no orphan was told of")
	}
}

// TestSignal: only the process itself is ever sent one.
func TestSignal(t *testing.T) {
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	stdin = in
	defer func() { stdin = nil; in.Close() }()
	reaper := run(t, Config{})
	c, err := reaper.Start(func() (int, error) { return spawn("read") })
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Signal(syscall.SIGKILL); err != nil {
		t.Errorf("Signal = %v", err)
	}
	if got, want := c.Status(), (Status{Signal: syscall.SIGKILL}); got != want {
		t.Errorf("status = %v; want %v", got, want)
	}
	if err := c.Signal(syscall.SIGKILL); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("Signal after the end = %v; want os.ErrProcessDone", err)
	}
}

// TestBefore: it is called while the dead are not reaped yet.
func TestBefore(t *testing.T) {
	var pid atomic.Int32
	var seen atomic.Bool
	reaper := run(t, Config{Before: func() {
		// A zombie can still be found by its number.
		if p := int(pid.Load()); p != 0 && unix.Kill(p, 0) == nil {
			seen.Store(true)
		}
	}})
	c, err := reaper.Start(func() (int, error) {
		p, err := spawn("exit", "3")
		pid.Store(int32(p))
		return p, err
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Status(); got.Code != 3 || !seen.Load() {
		t.Errorf("status = %v, seen before it was reaped: %v; want 3 and true", got, seen.Load())
	}
}

// TestAdopt: a grandchild becomes our child when its parent ends, and its
// status is not lost. One that nobody has is told to be lost.
func TestAdopt(t *testing.T) {
	reaper := run(t, Config{})
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stdin = in
	defer func() { stdin = nil; in.Close() }()
	// The child is registered late, by Adopt alone: births are held off.
	var pid int
	if err := reaper.Foreign(func() error {
		pid, err = spawn("read")
		if err != nil {
			return err
		}
		reaper.Adopt(pid)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	c := reaper.Adopt(pid)
	out.Close()
	if got := c.Status(); got != (Status{Code: 9}) {
		t.Errorf("the adopted process ended as %v; want 9", got)
	}
	gone := reaper.Adopt(pid)
	if got := gone.Status(); !got.Lost {
		t.Errorf("a process that was never ours ended as %v; want a lost status", got)
	}
}

func TestStartFails(t *testing.T) {
	reaper := run(t, Config{})
	want := errors.New("no")
	if _, err := reaper.Start(func() (int, error) { return 0, want }); !errors.Is(err, want) {
		t.Errorf("Start = %v; want %v", err, want)
	}
}

func TestStatusText(t *testing.T) {
	for want, st := range map[string]Status{
		"exit status 3":                  {Code: 3},
		"killed by SIGKILL":              {Signal: syscall.SIGKILL},
		"killed by SIGABRT, core dumped": {Signal: syscall.SIGABRT, Core: true},
		"ended, no status known":         {Lost: true},
	} {
		if got := st.String(); got != want {
			t.Errorf("String of %#v = %q; want %q", st, got, want)
		}
	}
}

package packages

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// probeTree makes a tree whose only program is testdata/probe.
func probeTree(t *testing.T) string {
	t.Helper()
	tree := t.TempDir()
	if err := os.Chmod(tree, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "build", "-o", filepath.Join(tree, "usr/bin/probe"), "./testdata/probe")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	root, err := os.OpenRoot(tree)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if err := errors.Join(mergeUsr(root), finish(root), root.Symlink("/proc/mounts", "etc/mtab")); err != nil {
		t.Fatal(err)
	}
	return tree
}

func TestSandbox(t *testing.T) {
	tree := probeTree(t)
	cache := t.TempDir()
	s := openStore(t, cache)
	ctx := context.Background()
	box, err := s.SandboxOf(ctx, tree)
	if err != nil {
		t.Fatal(err)
	}
	own := *box
	own.own = true
	// As whoever runs the test, and with a user namespace, as an ordinary user has it.
	for name, box := range map[string]*Sandbox{"plain": box, "user namespace": &own} {
		t.Run(name, func(t *testing.T) { testSandbox(t, box) })
	}
	if left, err := os.ReadDir(filepath.Join(cache, "mnt")); err != nil || len(left) != 0 {
		t.Errorf("the sandboxes left %v on the host (%v)", left, err)
	}
}

func testSandbox(t *testing.T, box *Sandbox) {
	ctx := context.Background()
	status := func(opt RunOptions, args ...string) (int, string) {
		t.Helper()
		out, err := box.Command(ctx, opt, "probe", args...).CombinedOutput()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		if exit != nil {
			return exit.ExitCode(), string(out)
		}
		return 0, string(out)
	}
	expect := func(opt RunOptions, code int, says string, args ...string) {
		t.Helper()
		if got, out := status(opt, args...); got != code || !strings.Contains(out, says) {
			t.Errorf("probe %v: status %d, %q; want %d and %q", args, got, out, code, says)
		}
	}
	host := t.TempDir()
	if err := os.WriteFile(filepath.Join(host, "x"), []byte("of the host"), 0o644); err != nil {
		t.Fatal(err)
	}
	rw := RunOptions{Binds: []Bind{{Host: host, Guest: "/in/deep", Writable: true}}}
	ro := RunOptions{Binds: []Bind{{Host: host, Guest: "/in"}, {Host: filepath.Join(host, "x"), Guest: "/one/file"}}}

	expect(RunOptions{}, 0, "0 / sandbox  false", "say")
	expect(RunOptions{Dir: "/tmp", Env: []string{"MORE=more"}}, 0, "0 /tmp sandbox more false", "say")
	expect(RunOptions{}, 7, "", "exit", "7")
	expect(RunOptions{}, 128+9, "", "die")
	expect(RunOptions{}, 1, "read-only", "write", "/usr/bin/probe", "x")
	expect(RunOptions{}, 1, "read-only", "write", "/usr/new", "x")
	expect(RunOptions{}, 0, "", "write", "/tmp/x", "x")
	expect(RunOptions{}, 0, "", "write", "/etc/passwd", "x")
	expect(RunOptions{}, 0, "nobody", "read", "/etc/passwd")
	expect(RunOptions{}, 0, "tmpfs", "read", "/etc/mtab")
	expect(RunOptions{}, 0, "", "write", "/dev/null", "x")
	expect(RunOptions{}, 1, "no such file", "read", filepath.Join(host, "x"))
	expect(ro, 0, "of the host", "read", "/in/x")
	expect(ro, 0, "of the host", "read", "/one/file")
	expect(ro, 1, "read-only", "write", "/in/x", "of the sandbox")
	expect(ro, 1, "read-only", "write", "/one/file", "of the sandbox")
	expect(rw, 0, "", "write", "/in/deep/y", "of the sandbox")
	if got := read(t, host, "y"); got != "of the sandbox" {
		t.Errorf("what was written through a writable directory is %q", got)
	}
	if got := read(t, host, "x"); got != "of the host" {
		t.Errorf("a read-only file became %q", got)
	}
	expect(RunOptions{Dir: "/nowhere"}, 126, "nowhere", "say")
	expect(RunOptions{Binds: []Bind{{Host: "/nowhere", Guest: "/x"}}}, 126, "nowhere", "say")
	if _, err := box.Run(ctx, RunOptions{}, "no-such-program"); err == nil || !strings.Contains(err.Error(), "127") || !strings.Contains(err.Error(), "no-such-program") {
		t.Errorf("a program that is not there: %v", err)
	}
	if out, err := box.Run(ctx, RunOptions{}, "probe", "read", "/etc/group"); err != nil || !strings.HasPrefix(string(out), "root:") {
		t.Errorf("Run = %q, %v", out, err)
	}

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	expect(RunOptions{}, 0, "lo true\n", "links")
	expect(RunOptions{}, 1, "refused", "dial", l.Addr().String())
	expect(RunOptions{Network: true}, 0, "", "dial", l.Addr().String())

	t.Run("ExtraFiles", func(t *testing.T) {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		cmd := box.Command(ctx, RunOptions{}, "probe", "fd")
		cmd.ExtraFiles = []*os.File{w}
		if err := errors.Join(cmd.Run(), w.Close()); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); string(got) != "through descriptor 3" {
			t.Errorf("descriptor 3 got %q, %v", got, err)
		}
	})
	start := func(ctx context.Context, args ...string) (*exec.Cmd, *bufio.Reader) {
		t.Helper()
		cmd := box.Command(ctx, RunOptions{}, "probe", args...)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		br := bufio.NewReader(out)
		if line, err := br.ReadString('\n'); line != "ready\n" {
			t.Fatalf("probe said %q, %v", line, err)
		}
		return cmd, br
	}
	t.Run("signals reach the program", func(t *testing.T) {
		cmd, _ := start(ctx, "term")
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 42 {
			t.Errorf("Wait = %v; want the status that the program gives on SIGTERM", err)
		}
	})
	t.Run("nothing outlives the context", func(t *testing.T) {
		ctx, cancel := context.WithCancel(ctx)
		cmd, out := start(ctx, "tree", "stay")
		cancel()
		// The grandchild holds the pipe open: its end is the proof that it's gone.
		if rest, err := io.ReadAll(out); err != nil || len(rest) != 0 {
			t.Errorf("after the end: %q, %v", rest, err)
		}
		if err := cmd.Wait(); err == nil {
			t.Error("Wait found nothing wrong")
		}
	})
	t.Run("nothing outlives the program", func(t *testing.T) {
		cmd, out := start(ctx, "tree", "leave")
		if rest, err := io.ReadAll(out); err != nil || len(rest) != 0 {
			t.Errorf("after the end: %q, %v", rest, err)
		}
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
	t.Run("many at a time", func(t *testing.T) {
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if out, err := box.Run(ctx, RunOptions{}, "probe", "say"); err != nil || !strings.HasPrefix(string(out), "0 / ") {
					t.Errorf("%q, %v", out, err)
				}
			})
		}
		wg.Wait()
	})
}

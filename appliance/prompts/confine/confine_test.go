package confine

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

var roomy = Limits{CPU: 20 * time.Second, Memory: 1 << 30}

// TestMain lets the test be the process that is confined.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		var err error
		switch os.Args[1] {
		case "pure":
			if err = Pure(roomy); err == nil {
				os.Exit(try(os.Args[2], os.Args[3]))
			}
		case "burn":
			if err = Pure(Limits{CPU: time.Second, Memory: 1 << 30}); err == nil {
				for x := 1; ; x++ {
					if x == 0 {
						os.Exit(3)
					}
				}
			}
		case "eat":
			if err = Pure(Limits{CPU: 20 * time.Second, Memory: 256 << 20}); err == nil {
				var all [][]byte
				for len(all) < 1<<10 {
					all = append(all, make([]byte, 1<<20))
					for i := 0; i < 1<<20; i += 4096 {
						all[len(all)-1][i] = 1
					}
				}
				os.Exit(3)
			}
		case "exec":
			// Its own folder, and that of the loader and the C library, which a test may be linked with.
			err = Exec(roomy, []string{filepath.Dir(os.Args[0]), "/usr"}, []string{os.Args[0], "try", os.Args[2], os.Args[3]})
		case "try":
			os.Exit(try(os.Args[2], os.Args[3]))
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "confining:", err)
			os.Exit(4)
		}
	}
	os.Exit(m.Run())
}

// try does what a program which was taken over might, and prints what it achieved. It runs without
// confinement, too, perhaps as root: so each attempt must be harmless when it is not refused. Where the real
// thing would do harm, a call that the kernel answers with another error than a refusal stands for it.
func try(inside, outside string) int {
	attempts := []struct {
		name string
		do   func() error
	}{
		{"compute", func() error {
			done := make(chan int)
			for i := range 20 { // more threads than there were
				go func() { time.Sleep(time.Millisecond); done <- i }()
			}
			for range 20 {
				<-done
			}
			return nil
		}},
		{"read inside", func() error { _, err := os.ReadFile(inside); return err }},
		{"read outside", func() error { _, err := os.ReadFile(outside); return err }},
		{"read /proc", func() error { _, err := os.ReadFile("/proc/1/status"); return err }},
		{"write inside", func() error { return os.WriteFile(inside+".new", []byte("x"), 0o600) }},
		{"write outside", func() error { return os.WriteFile(outside, []byte("x"), 0o600) }},
		{"truncate", func() error { return os.Truncate(inside, 0) }},
		{"remove", func() error { return os.Remove(inside) }},
		{"list", func() error { _, err := os.ReadDir(filepath.Dir(outside)); return err }},
		{"connect", func() error { _, err := net.Dial("tcp", "127.0.0.1:1"); return sameAs(err, syscall.ECONNREFUSED) }},
		{"unix socket", func() error { _, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0); return err }},
		{"start a process", func() error { return exec.Command("/bin/true").Run() }},
		{"signal the parent", func() error { return syscall.Kill(os.Getppid(), 0) }},
		{"signal a thread of the parent", func() error { return unix.Tgkill(os.Getppid(), os.Getppid(), 0) }},
		{"read the parent's memory", func() error {
			one := make([]byte, 1)
			_, err := unix.ProcessVMReadv(os.Getppid(), []unix.Iovec{{Base: &one[0], Len: 1}}, []unix.RemoteIovec{{Base: 1, Len: 1}}, 0)
			return sameAs(err, syscall.EFAULT)
		}},
		{"raise a limit", func() error {
			return unix.Prlimit(0, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 1 << 30, Max: 1 << 30}, nil)
		}},
		{"new user namespace", func() error { return unix.Unshare(unix.CLONE_NEWUSER) }},
		{"become root", func() error { return syscall.Setuid(0) }},
		{"use keys", func() error { _, err := unix.KeyctlGetKeyringID(unix.KEY_SPEC_PROCESS_KEYRING, true); return err }},
		// There is no such file system, so nothing can ever be mounted; root is told so, others are refused.
		{"mount", func() error { return sameAs(unix.Mount("none", inside, "no-such-file-system", 0, ""), syscall.ENODEV) }},
	}
	did := map[string]bool{}
	for _, a := range attempts {
		did[a.name] = a.do() == nil
	}
	if err := json.NewEncoder(os.Stdout).Encode(did); err != nil {
		return 5
	}
	return 0
}

// sameAs makes an error that shows the attempt got through a success.
func sameAs(err, success error) error {
	if errors.Is(err, success) {
		return nil
	}
	return err
}

// achieved runs a confined process and returns what it could do.
func achieved(t *testing.T, how string) []string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// Beside the test's own program, which the confined process may read; and elsewhere.
	inside := filepath.Join(filepath.Dir(self), "inside-"+how)
	outside := filepath.Join(t.TempDir(), "outside")
	for _, f := range []string{inside, outside} {
		if err := os.WriteFile(f, []byte("content"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), self, how, inside, outside)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s%s", err, out, stderr.String())
	}
	did := map[string]bool{}
	if err := json.Unmarshal(out, &did); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var names []string
	for _, n := range []string{"compute", "read inside", "read outside", "read /proc", "write inside", "write outside", "truncate", "remove", "list",
		"connect", "unix socket", "start a process", "signal the parent", "signal a thread of the parent", "read the parent's memory", "raise a limit",
		"new user namespace", "become root", "use keys", "mount"} {
		if did[n] {
			names = append(names, n)
		}
		delete(did, n)
	}
	if len(did) > 0 {
		t.Fatalf("attempts that are not looked at: %v", did)
	}
	for _, f := range []string{inside, outside} {
		if b, err := os.ReadFile(f); err != nil || string(b) != "content" {
			t.Errorf("%s afterwards: %q, %v", f, b, err)
		}
	}
	return names
}

// Without confinement nearly all of it works, or the tests below would prove nothing.
func TestUnconfined(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	inside, outside := filepath.Join(dir, "inside"), filepath.Join(dir, "outside")
	for _, f := range []string{inside, outside} {
		if err := os.WriteFile(f, []byte("content"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.CommandContext(t.Context(), self, "try", inside, outside).Output()
	if err != nil {
		t.Fatal(err)
	}
	did := map[string]bool{}
	if err := json.Unmarshal(out, &did); err != nil {
		t.Fatal(err)
	}
	for _, n := range []string{"compute", "read inside", "read outside", "read /proc", "write inside", "write outside", "truncate", "remove", "list",
		"connect", "unix socket", "start a process", "signal the parent", "signal a thread of the parent"} {
		if !did[n] {
			t.Errorf("%q fails without confinement, so the other tests don't test it", n)
		}
	}
}

func TestPure(t *testing.T) {
	if diff := cmp.Diff([]string{"compute"}, achieved(t, "pure")); diff != "" {
		t.Errorf("what a confined process could do (-want +got):\n%s", diff)
	}
}

func TestExec(t *testing.T) {
	want := []string{"compute", "read inside"}
	if diff := cmp.Diff(want, achieved(t, "exec")); diff != "" {
		t.Errorf("what a confined program could do (-want +got):\n%s", diff)
	}
}

func TestLimits(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	err = exec.CommandContext(t.Context(), self, "burn").Run()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Errorf("a process that burns time ended with %v; want to see it killed", err)
	}
	out, err := exec.CommandContext(t.Context(), self, "eat").CombinedOutput()
	if !errors.As(err, &exit) || exit.ExitCode() != 2 || !strings.Contains(string(out), "out of memory") {
		t.Errorf("a process that eats memory ended with %v: %.200s", err, out)
	}
}

func TestExecWantsPath(t *testing.T) {
	for _, argv := range [][]string{nil, {"lame"}} {
		if err := Exec(roomy, nil, argv); err == nil || !strings.Contains(err.Error(), "whole path") {
			t.Errorf("%q: %v", argv, err)
		}
	}
}

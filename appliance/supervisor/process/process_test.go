package process

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// TestMain lets the test be the helper, and the program that the helper
// executes.
func TestMain(m *testing.M) {
	if os.Args[0] == HelperName {
		os.Exit(Helper(os.Args[1:]))
	}
	if len(os.Args) == 2 && os.Args[1] == "show" {
		os.Exit(show())
	}
	goleak.VerifyTestMain(m)
}

// A view is what a process sees of itself.
type view struct {
	UID, GID    int
	Groups      []int
	Caps        map[string]string
	NoNewPrivs  string
	Umask, Nice int
	Scheduling  string // policy and real-time priority
	OOM         string
	Session     bool // it leads one
	Dir         string
	Env         []string
	PID         int
	Args        []string
	Read        []string // from each passed file
	Limits      map[string]uint64
	OpenFiles   []string
}

func show() int {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 1
	}
	v := view{UID: os.Getuid(), GID: os.Getgid(), Caps: map[string]string{}, PID: os.Getpid(), Env: os.Environ(), Args: os.Args}
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		value = strings.TrimSpace(value)
		if strings.HasPrefix(name, "Cap") {
			v.Caps[name] = strings.TrimLeft(value, "0")
		}
		if name == "NoNewPrivs" {
			v.NoNewPrivs = value
		}
	}
	v.Groups, _ = os.Getgroups()
	slices.Sort(v.Groups)
	v.Umask = unix.Umask(0)
	prio, _ := unix.Getpriority(unix.PRIO_PROCESS, 0)
	v.Nice = 20 - prio
	if attr, err := unix.SchedGetAttr(0, 0); err == nil {
		v.Scheduling = fmt.Sprint(attr.Policy, " ", attr.Priority)
	}
	oom, _ := os.ReadFile("/proc/self/oom_score_adj")
	v.OOM = strings.TrimSpace(string(oom))
	sid, _ := unix.Getsid(0)
	v.Session = sid == os.Getpid()
	v.Dir, _ = os.Getwd()
	n, _ := strconv.Atoi(os.Getenv("LISTEN_FDS"))
	for fd := 3; fd < 3+n; fd++ {
		data, _ := io.ReadAll(os.NewFile(uintptr(fd), "passed"))
		v.Read = append(v.Read, string(data))
	}
	v.Limits = map[string]uint64{}
	for name, resource := range map[string]int{"NOFILE": unix.RLIMIT_NOFILE, "CORE": unix.RLIMIT_CORE, "NPROC": unix.RLIMIT_NPROC} {
		var l syscall.Rlimit
		_ = syscall.Getrlimit(resource, &l)
		v.Limits[name] = l.Max
	}
	entries, _ := os.ReadDir("/proc/self/fd")
	for _, e := range entries {
		target, err := os.Readlink("/proc/self/fd/" + e.Name())
		if err == nil && strings.HasPrefix(target, "socket:") {
			v.OpenFiles = append(v.OpenFiles, target)
		}
	}
	if json.NewEncoder(os.Stdout).Encode(v) != nil {
		return 1
	}
	return 0
}

// forkAndRead forks a process and gives what it printed and how it ended.
func forkAndRead(t *testing.T, spec Spec, files Files) (output string, status syscall.WaitStatus, execErr error) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	files.Output = w
	pid, executed, err := Fork(spec, files)
	w.Close()
	if err != nil {
		t.Fatalf("Fork: %v", err)
	}
	execErr = executed()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Error(err)
	}
	if _, err := syscall.Wait4(pid, &status, 0, nil); err != nil {
		t.Error(err)
	}
	return string(data), status, execErr
}

func showSpec(t *testing.T) Spec {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return Spec{Path: exe, Args: []string{exe, "show"}, Umask: 0o022}
}

func view1(t *testing.T, spec Spec, files Files) view {
	t.Helper()
	output, status, err := forkAndRead(t, spec, files)
	if err != nil || status.ExitStatus() != 0 {
		t.Fatalf("the process failed: %v, status %v, output %q", err, status, output)
	}
	var v view
	if err := json.Unmarshal([]byte(output), &v); err != nil {
		t.Fatalf("%v in %q", err, output)
	}
	return v
}

// TestPlain: what every user may have.
func TestPlain(t *testing.T) {
	spec := showSpec(t)
	nice := 3
	dir := t.TempDir()
	spec.Env = []string{"A=1", "B=2"}
	spec.Dir, spec.Umask, spec.Nice = dir, 0o027, &nice
	spec.NoNewPrivileges = true
	spec.Limits = []Limit{{Name: "NOFILE", Soft: 300, Hard: 300}, {Name: "CORE"}}
	v := view1(t, spec, Files{})
	if v.Umask != 0o027 || v.Nice != 3 || v.NoNewPrivs != "1" || v.Dir != dir || !v.Session {
		t.Errorf("the process sees %+v", v)
	}
	if diff := cmp.Diff([]string{"A=1", "B=2"}, v.Env); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
	if v.Limits["NOFILE"] != 300 || v.Limits["CORE"] != 0 {
		t.Errorf("limits = %v; want 300 files and no core", v.Limits)
	}
	if len(v.OpenFiles) != 0 {
		t.Errorf("the helper's socket was left open: %v", v.OpenFiles)
	}
}

// TestScheduling: every policy by its name, and Nice is not lost with it.
func TestScheduling(t *testing.T) {
	nice := 5
	for _, c := range []struct {
		policy   string
		priority int
		want     string
	}{
		{"other", 0, "0 0"}, {"batch", 0, "3 0"}, {"idle", 0, "5 0"},
		{"fifo", 0, "1 1"}, {"rr", 10, "2 10"},
	} {
		spec := showSpec(t)
		spec.Scheduling, spec.Priority, spec.Nice = c.policy, c.priority, &nice
		if os.Getuid() != 0 && (c.policy == "fifo" || c.policy == "rr") {
			if _, _, err := forkAndRead(t, spec, Files{}); !errors.Is(err, syscall.EPERM) {
				t.Errorf("%s: an ordinary user got %v, want EPERM", c.policy, err)
			}
			continue
		}
		v := view1(t, spec, Files{})
		if v.Scheduling != c.want || v.Nice != nice {
			t.Errorf("%s %d: policy and priority are %q, nice %d; want %q and %d", c.policy, c.priority, v.Scheduling, v.Nice, c.want, nice)
		}
	}
}

// TestSoftLimit: the soft limit is what was asked for, and not what Go makes
// of it for itself.
func TestSoftLimit(t *testing.T) {
	spec := Spec{Path: "/bin/sh", Args: []string{"sh", "-c", "ulimit -Sn; ulimit -Hn"}}
	spec.Limits = []Limit{{Name: "NOFILE", Soft: 200, Hard: 400}}
	if got, _, err := forkAndRead(t, spec, Files{}); got != "200\n400\n" || err != nil {
		t.Errorf("the limits are %q, %v; want 200 and 400", got, err)
	}
	// More than may be had, but trying is enough.
	var own syscall.Rlimit
	if err := syscall.Getrlimit(unix.RLIMIT_NOFILE, &own); err != nil {
		t.Fatal(err)
	}
	spec.Limits = []Limit{{Name: "NOFILE", Soft: 100, Hard: 1 << 40, Try: true}}
	got, _, err := forkAndRead(t, spec, Files{})
	if want := "100\n" + strconv.FormatUint(own.Max, 10) + "\n"; got != want || err != nil {
		t.Errorf("the limits are %q, %v; want %q", got, err, want)
	}
}

// TestSignals: nothing is blocked, and of the signals that a program may handle
// only SIGPIPE is ignored. The real-time signals are left out: what whoever
// started the tests has made of them is inherited, and nothing of ours uses them.
func TestSignals(t *testing.T) {
	output, _, err := forkAndRead(t, Spec{Path: "/bin/cat", Args: []string{"cat", "/proc/self/status"}}, Files{})
	if err != nil {
		t.Fatal(err)
	}
	const standard = 1<<31 - 1 // signals 1 to 31
	for field, want := range map[string]uint64{"SigBlk": 0, "SigIgn": 1 << (syscall.SIGPIPE - 1)} {
		_, rest, _ := strings.Cut(output, field+":\t")
		text, _, _ := strings.Cut(rest, "\n")
		got, err := strconv.ParseUint(text, 16, 64)
		if err != nil || got&standard != want {
			t.Errorf("%s is %q, want %016x:\n%s", field, text, want, output)
		}
	}
}

// TestPassedFiles: they are at 3 and above, in their order, and LISTEN_PID is
// the process's own.
func TestPassedFiles(t *testing.T) {
	spec := showSpec(t)
	spec.Env = []string{"LISTEN_FDS=2", "LISTEN_FDNAMES=a:b"}
	var files Files
	for _, text := range []string{"first", "second"} {
		path := filepath.Join(t.TempDir(), text)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		files.Passed = append(files.Passed, int(f.Fd()))
	}
	v := view1(t, spec, files)
	if diff := cmp.Diff([]string{"first", "second"}, v.Read); diff != "" {
		t.Errorf("passed files (-want +got):\n%s", diff)
	}
	if !slices.Contains(v.Env, "LISTEN_PID="+strconv.Itoa(v.PID)) {
		t.Errorf("environment %v of process %d has no LISTEN_PID", v.Env, v.PID)
	}
}

// TestPrivileges: user, groups and capabilities, if the test runs as root; else
// that the refusal says what was refused.
func TestPrivileges(t *testing.T) {
	const kill, netRaw, netAdmin = 1 << 5, 1 << 13, 1 << 12
	bounding := uint64(kill | netRaw | netAdmin)
	spec := showSpec(t)
	spec.SetIDs, spec.UID, spec.GID, spec.Groups = true, 65534, 65533, []uint32{5, 7}
	spec.Bounding, spec.Ambient = &bounding, netRaw
	if os.Getuid() != 0 {
		_, status, err := forkAndRead(t, spec, Files{})
		if !errors.Is(err, syscall.EPERM) || status.ExitStatus() != HelperStatus {
			t.Errorf("an ordinary user got %v, status %d; want EPERM and %d", err, status.ExitStatus(), HelperStatus)
		}
		return
	}
	// The test's own program may lie where that user can't reach it.
	dir, err := os.MkdirTemp("/tmp", "show")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(spec.Path)
	if err != nil {
		t.Fatal(err)
	}
	spec.Path = filepath.Join(dir, "show")
	if err := os.WriteFile(spec.Path, program, 0o755); err != nil {
		t.Fatal(err)
	}
	oom := 300
	spec.OOMScoreAdjust = &oom

	v := view1(t, spec, Files{})
	if v.UID != 65534 || v.GID != 65533 || !slices.Equal(v.Groups, []int{5, 7}) || v.OOM != "300" {
		t.Errorf("the process is %+v; want user 65534, group 65533, groups 5 and 7, oom 300", v)
	}
	want := map[string]string{"CapInh": "2000", "CapPrm": "2000", "CapEff": "2000", "CapAmb": "2000", "CapBnd": "3020"}
	if diff := cmp.Diff(want, v.Caps); diff != "" {
		t.Errorf("a user with an ambient capability (-want +got):\n%s", diff)
	}

	spec.Ambient = 0
	want = map[string]string{"CapInh": "", "CapPrm": "", "CapEff": "", "CapAmb": "", "CapBnd": "3020"}
	if diff := cmp.Diff(want, view1(t, spec, Files{}).Caps); diff != "" {
		t.Errorf("a user without one (-want +got):\n%s", diff)
	}

	spec.SetIDs = false
	want = map[string]string{"CapInh": "", "CapPrm": "3020", "CapEff": "3020", "CapAmb": "", "CapBnd": "3020"}
	if diff := cmp.Diff(want, view1(t, spec, Files{}).Caps); diff != "" {
		t.Errorf("root (-want +got):\n%s", diff)
	}

	none := uint64(0)
	spec.Bounding = &none
	want = map[string]string{"CapInh": "", "CapPrm": "", "CapEff": "", "CapAmb": "", "CapBnd": ""}
	if diff := cmp.Diff(want, view1(t, spec, Files{}).Caps); diff != "" {
		t.Errorf("root without any (-want +got):\n%s", diff)
	}

	spec.Bounding, spec.Ambient = &bounding, 1<<25 // what is not bounding can't be ambient
	if _, status, err := forkAndRead(t, spec, Files{}); !errors.Is(err, syscall.EPERM) || status.ExitStatus() != HelperStatus {
		t.Errorf("a capability outside the bounding set: %v, status %d; want EPERM and %d", err, status.ExitStatus(), HelperStatus)
	}
}

// TestFailures: the failed step comes back, and its error.
func TestFailures(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Spec)
		step   string
		errno  syscall.Errno
	}{
		"no program":   {func(s *Spec) { s.Path = "/nonexistent/program" }, "executing /nonexistent/program", syscall.ENOENT},
		"no directory": {func(s *Spec) { s.Dir = "/nonexistent" }, "changing to the directory /nonexistent", syscall.ENOENT},
		"no terminal":  {func(s *Spec) { s.TTY = "/dev/null" }, "taking the terminal /dev/null", syscall.ENOTTY},
		"no limit":     {func(s *Spec) { s.Limits = []Limit{{Name: "PATIENCE"}} }, "setting LimitPATIENCE", 0},
	} {
		t.Run(name, func(t *testing.T) {
			spec := showSpec(t)
			c.change(&spec)
			_, status, err := forkAndRead(t, spec, Files{})
			var f *Failure
			if !errors.As(err, &f) || f.Step != c.step || f.Errno != c.errno || status.ExitStatus() != HelperStatus {
				t.Errorf("error %#v, status %v; want step %q, errno %d and status %d", err, status, c.step, c.errno, HelperStatus)
			}
		})
	}
	spec := showSpec(t)
	spec.Dir, spec.DirOptional = "/nonexistent", true
	if v := view1(t, spec, Files{}); v.Dir != "/" {
		t.Errorf("an optional directory that is missing gives %q; want /", v.Dir)
	}
}

// TestKilledHelper: a helper that dies says nothing, and that is not taken for
// success.
func TestKilledHelper(t *testing.T) {
	pid, executed, err := Fork(showSpec(t), Files{Program: "/bin/true"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := syscall.Wait4(pid, nil, 0, nil); err != nil {
		t.Error(err)
	}
	var f *Failure
	if err := executed(); !errors.As(err, &f) {
		t.Errorf("a helper that never spoke = %v; want a *Failure", err)
	}
}

func TestNoHelper(t *testing.T) {
	if _, _, err := Fork(showSpec(t), Files{Program: "/nonexistent/helper"}); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("Fork without a helper = %v; want ENOENT", err)
	}
}

package cgroup

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// TestLimits: what is written where. A plain directory takes it as well as the
// kernel's does, and can be looked at.
func TestLimits(t *testing.T) {
	n := func(v uint64) *uint64 { return &v }
	all := Limits{MemoryMax: n(64 << 20), MemoryHigh: n(math.MaxUint64), TasksMax: n(50), CPUWeight: n(200)}
	for name, c := range map[string]struct {
		controllers []string
		limits      Limits
		want        map[string]string
	}{
		"all": {[]string{"cpu", "memory", "pids"}, all, map[string]string{
			"memory.max": "67108864", "memory.high": "max", "pids.max": "50", "cpu.weight": "200", "memory.oom.group": "1",
		}},
		"no memory": {[]string{"cpu", "pids"}, all, map[string]string{"pids.max": "50", "cpu.weight": "200"}},
		"nothing":   {[]string{"cpu", "memory", "pids"}, Limits{}, map[string]string{"memory.oom.group": "1"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := &Root{dir: t.TempDir(), controllers: c.controllers}
			for range 2 { // a second time it is there already
				if _, err := r.Group("a.service", c.limits); err != nil {
					t.Fatal(err)
				}
			}
			got := map[string]string{}
			entries, err := os.ReadDir(filepath.Join(r.dir, "a.service"))
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				path := filepath.Join(r.dir, "a.service", e.Name())
				if err := os.Chmod(path, 0o600); err != nil {
					t.Fatal(err)
				}
				data, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				got[e.Name()] = string(data)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("limits (-want +got):\n%s", diff)
			}
		})
	}
	r := &Root{controllers: []string{"cpu", "pids"}}
	if got := r.Missing(); !slices.Equal(got, []string{"memory"}) {
		t.Errorf("Missing = %v; want memory", got)
	}
}

func TestCounters(t *testing.T) {
	g := &Group{t.TempDir()}
	if _, ok := g.Memory(); ok || g.OOMKills() != 0 {
		t.Error("a group without the controller has numbers")
	}
	for file, text := range map[string]string{
		"memory.current": "4096\n", "memory.events": "low 0\nhigh 3\nmax 9\noom 2\noom_kill 5\noom_group_kill 1\n", "cgroup.procs": "12\n7\n",
	} {
		if err := os.WriteFile(filepath.Join(g.dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got, ok := g.Memory(); got != 4096 || !ok {
		t.Errorf("Memory = %d, %v; want 4096", got, ok)
	}
	if got := g.OOMKills(); got != 5 {
		t.Errorf("OOMKills = %d; want 5", got)
	}
	if got, err := g.PIDs(); !slices.Equal(got, []int{12, 7}) || err != nil {
		t.Errorf("PIDs = %v, %v; want 12 and 7", got, err)
	}
	gone := &Group{filepath.Join(t.TempDir(), "gone")}
	if got, err := gone.PIDs(); len(got) != 0 || err != nil {
		t.Errorf("PIDs of a group that is gone = %v, %v; want none", got, err)
	}
	if err := gone.Remove(); err != nil {
		t.Errorf("removing a group that is gone: %v", err)
	}
}

// TestOpenElsewhere: what is no cgroup v2 is refused, and nothing made there.
func TestOpenElsewhere(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "services")
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "is not in a cgroup v2 file system") {
		t.Errorf("Open = %v; want a refusal", err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("a directory was made all the same")
	}
	if _, err := Open("/nonexistent/a/b"); err == nil {
		t.Error("Open of nothing succeeded")
	}
}

// TestKernel uses real groups where the machine lets the test make some; where
// it does not, Open must say so.
func TestKernel(t *testing.T) {
	mount := ""
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if f := strings.Fields(line); len(f) > 2 && f[2] == "cgroup2" {
			mount = f[1]
		}
	}
	dir := filepath.Join(mount, fmt.Sprintf("switchroom-test-%d", os.Getpid()))
	root, err := Open(dir)
	if mount == "" || os.Getuid() != 0 {
		if err == nil {
			t.Errorf("Open of %s succeeded", dir)
		}
		return
	}
	if err != nil {
		t.Logf("no groups can be had here: %v", err) // a read-only mount in a container
		return
	}
	defer func() {
		if err := root.Close(); err != nil {
			t.Error(err)
		}
	}()
	g, err := root.Group("a", Limits{})
	if err != nil {
		t.Fatal(err)
	}
	f, err := g.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cmd := exec.Command("/bin/sh", "-c", "sleep 1000 & sleep 1000 & echo ready; wait")
	cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(f.Fd())}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 10)); err != nil {
		t.Error(err)
	}
	pids, err := g.PIDs()
	if len(pids) != 3 || err != nil {
		t.Errorf("PIDs = %v, %v; want three", pids, err)
	}
	if found, err := root.Find("a"); err != nil || found.dir != g.dir {
		t.Errorf("Find = %v, %v", found, err)
	}
	if err := g.Signal(unix.SIGKILL); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("the process ended with %v; want it killed", err)
	}
	for { // the orphans' end is the machine's init's to notice
		pids, err := g.PIDs()
		if len(pids) == 0 {
			break
		}
		if err != nil || t.Context().Err() != nil {
			t.Fatal(err, t.Context().Err())
		}
		_ = unix.Kill(pids[0], 0)
	}
	if err := g.Remove(); err != nil {
		t.Error(err)
	}
	if _, err := root.Find("a"); err == nil {
		t.Error("a removed group is found")
	}
}

func TestOwn(t *testing.T) {
	own, err := Own("/mount")
	if err == nil && !strings.HasPrefix(own, "/mount/") && own != "/mount" {
		t.Errorf("Own = %q; want a path below the mount", own)
	}
	data, readErr := os.ReadFile("/proc/self/cgroup")
	if readErr != nil {
		t.Fatal(readErr)
	}
	if has := strings.Contains("\n"+string(data), "\n0::"); has != (err == nil) {
		t.Errorf("Own = %v on a machine with cgroup v2 = %s", err, strconv.FormatBool(has))
	}
}

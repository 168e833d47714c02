// Package cgroup keeps each service's processes in a group of their own, by
// cgroup v2 (Documentation/admin-guide/cgroup-v2.rst of the kernel): what a
// service may use is bounded there, and nothing it starts gets away from it.
//
// Where there is no cgroup v2, or no right to use it, or some controllers are
// missing, the supervisor works with what there is; Root.Missing says what is
// not there.
package cgroup

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A Root is the directory below which the groups are made.
type Root struct {
	dir         string
	controllers []string // that its children have
}

// controllers are those that limits need.
var controllers = [...]string{"cpu", "memory", "pids"}

// Open uses the directory, which is in a cgroup v2 mount and is made if it is
// missing. An error means that there can be no groups at all.
func Open(dir string) (*Root, error) {
	parent := filepath.Dir(dir)
	var st unix.Statfs_t
	if err := unix.Statfs(parent, &st); err != nil {
		return nil, fmt.Errorf("looking at %s: %w", parent, err)
	}
	if st.Type != unix.CGROUP2_SUPER_MAGIC {
		return nil, fmt.Errorf("%s is not in a cgroup v2 file system", parent)
	}
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("making the services' cgroup: %w", err)
	}
	// A controller that can't be handed down is missing, which is no failure.
	for _, d := range []string{parent, dir} {
		for _, c := range controllers {
			_ = os.WriteFile(filepath.Join(d, "cgroup.subtree_control"), []byte("+"+c), 0)
		}
	}
	have, err := os.ReadFile(filepath.Join(dir, "cgroup.subtree_control"))
	if err != nil {
		return nil, fmt.Errorf("looking at the services' cgroup: %w", err)
	}
	return &Root{dir: dir, controllers: strings.Fields(string(have))}, nil
}

// Own gives the cgroup v2 directory of the calling process below the mount.
func Own(mount string) (string, error) {
	data, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return "", fmt.Errorf("looking up the own cgroup: %w", err)
	}
	for line := range strings.Lines(string(data)) {
		if path, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok {
			return filepath.Join(mount, path), nil
		}
	}
	return "", errors.New("looking up the own cgroup: there is no cgroup v2")
}

// Missing names the controllers that are not to be had.
func (r *Root) Missing() []string {
	var missing []string
	for _, c := range controllers {
		if !slices.Contains(r.controllers, c) {
			missing = append(missing, c)
		}
	}
	return missing
}

// Close removes the directory if no group is left in it.
func (r *Root) Close() error {
	if err := os.Remove(r.dir); err != nil {
		return fmt.Errorf("removing the services' cgroup: %w", err)
	}
	return nil
}

// A Group is one service's.
type Group struct{ dir string }

// Limits are the bounds of a group; nil leaves the kernel's default, and
// math.MaxUint64 is no bound.
type Limits struct {
	MemoryMax, MemoryHigh, TasksMax *uint64
	CPUWeight                       *uint64
}

// Group makes the group, or finds it, and sets its limits. A limit without its
// controller is left out.
func (r *Root) Group(name string, limits Limits) (*Group, error) {
	g := &Group{filepath.Join(r.dir, name)}
	if err := os.Mkdir(g.dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("making the cgroup of %s: %w", name, err)
	}
	for _, l := range []struct {
		controller, file string
		value            *uint64
	}{
		{"memory", "memory.max", limits.MemoryMax},
		{"memory", "memory.high", limits.MemoryHigh},
		{"pids", "pids.max", limits.TasksMax},
		{"cpu", "cpu.weight", limits.CPUWeight},
	} {
		if l.value == nil || !slices.Contains(r.controllers, l.controller) {
			continue
		}
		text := strconv.FormatUint(*l.value, 10)
		if *l.value == math.MaxUint64 {
			text = "max"
		}
		if err := os.WriteFile(filepath.Join(g.dir, l.file), []byte(text), 0); err != nil {
			return nil, fmt.Errorf("bounding %s: %w", name, err)
		}
	}
	if slices.Contains(r.controllers, "memory") {
		// Half a service is no use: if memory runs out, all of it goes.
		if err := os.WriteFile(filepath.Join(g.dir, "memory.oom.group"), []byte("1"), 0); err != nil {
			return nil, fmt.Errorf("bounding %s: %w", name, err)
		}
	}
	return g, nil
}

// Open gives the directory's file for clone3(2)'s CLONE_INTO_CGROUP.
func (g *Group) Open() (*os.File, error) {
	f, err := os.Open(g.dir)
	if err != nil {
		return nil, fmt.Errorf("opening a cgroup: %w", err)
	}
	return f, nil
}

// PIDs lists the processes in the group.
func (g *Group) PIDs() ([]int, error) {
	data, err := os.ReadFile(filepath.Join(g.dir, "cgroup.procs"))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing a cgroup: %w", err)
	}
	var pids []int
	for line := range strings.FieldsSeq(string(data)) {
		pid, err := strconv.Atoi(line)
		if err != nil {
			return nil, fmt.Errorf("listing a cgroup: %w", err)
		}
		pids = append(pids, pid)
	}
	return pids, nil
}

// Signal sends a signal to every process in the group; SIGKILL goes to all of
// them at one stroke, so that none can be born meanwhile.
func (g *Group) Signal(sig unix.Signal) error {
	if sig == unix.SIGKILL {
		if err := os.WriteFile(filepath.Join(g.dir, "cgroup.kill"), []byte("1"), 0); err == nil {
			return nil
		} // Linux before 5.14 has no cgroup.kill
	}
	pids, err := g.PIDs()
	if err != nil {
		return err
	}
	var errs []error
	for _, pid := range pids {
		if err := unix.Kill(pid, sig); err != nil && err != unix.ESRCH {
			errs = append(errs, fmt.Errorf("sending %s to process %d: %w", unix.SignalName(sig), pid, err))
		}
	}
	return errors.Join(errs...)
}

// Memory gives the bytes that the group uses, if the controller is there.
func (g *Group) Memory() (uint64, bool) {
	data, err := os.ReadFile(filepath.Join(g.dir, "memory.current"))
	if err != nil {
		return 0, false
	}
	v, err := strconv.ParseUint(string(bytes.TrimSpace(data)), 10, 64)
	return v, err == nil
}

// OOMKills counts the processes killed because the group's memory ran out.
func (g *Group) OOMKills() int {
	f, err := os.Open(filepath.Join(g.dir, "memory.events"))
	if err != nil {
		return 0
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if v, ok := strings.CutPrefix(lines.Text(), "oom_kill "); ok {
			n, _ := strconv.Atoi(v)
			return n
		}
	}
	return 0
}

// Remove removes the group, which must be empty.
func (g *Group) Remove() error {
	if err := os.Remove(g.dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing a cgroup: %w", err)
	}
	return nil
}

// Find gives a group that is there.
func (r *Root) Find(name string) (*Group, error) {
	g := &Group{filepath.Join(r.dir, name)}
	if _, err := os.Stat(g.dir); err != nil {
		return nil, fmt.Errorf("looking for the cgroup of %s: %w", name, err)
	}
	return g, nil
}

package supervisor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"switchroom/appliance/supervisor/cgroup"
	"switchroom/appliance/supervisor/journal"
	proc "switchroom/appliance/supervisor/process"
	"switchroom/appliance/supervisor/reap"
	"switchroom/appliance/supervisor/unit"
)

// system is the runner of the real world.
type system struct {
	cfg     Config
	log     *slog.Logger
	journal *journal.Journal
	reaper  *reap.Reaper
	groups  *cgroup.Root // nil: there are none
	sockets *sockets
	notify  string // path of the notification socket

	mu       sync.Mutex
	sessions map[string][]int // without groups: the sessions of a service's processes
}

// A child is a process that the reaper owns.
type child struct {
	*reap.Child
	executed func() error
}

func (c *child) Executed() error { return c.executed() }

func (y *system) start(_ context.Context, req request) (process, error) {
	s := req.service
	spec, err := y.spec(req)
	if err != nil {
		return nil, err
	}
	files := proc.Files{Program: y.cfg.HelperProgram}
	if req.main {
		passed, names, err := y.sockets.files(s.Sockets)
		if err != nil {
			return nil, err
		}
		for _, f := range req.fds {
			passed, names = append(passed, f.file.FD()), append(names, f.name)
		}
		files.Passed = passed
		if len(passed) > 0 {
			spec.Env = append(spec.Env, fmt.Sprintf("LISTEN_FDS=%d", len(passed)), "LISTEN_FDNAMES="+strings.Join(names, ":"))
		}
	}
	if y.groups != nil {
		group, err := y.groups.Group(s.Name, cgroup.Limits(s.Cgroup))
		if err != nil {
			return nil, err
		}
		if files.Cgroup, err = group.Open(); err != nil {
			return nil, err
		}
		defer files.Cgroup.Close()
	}
	output, err := y.journal.Pipe(shortName(s.Name), nil)
	if err != nil {
		return nil, err
	}
	defer output.Close()
	files.Output = output
	var executed func() error
	c, err := y.reaper.Start(func() (pid int, err error) {
		pid, executed, err = proc.Fork(*spec, files)
		return pid, err
	})
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", spec.Path, err)
	}
	if y.groups == nil {
		y.mu.Lock()
		y.sessions[s.Name] = append(y.sessions[s.Name], c.PID())
		y.mu.Unlock()
	}
	return &child{c, executed}, nil
}

// spec turns what the unit says into what the helper does, and makes the
// unit's directories.
func (y *system) spec(req request) (*proc.Spec, error) {
	s, p := req.service, &req.service.Process
	spec := &proc.Spec{
		Path:           req.command.Path,
		Dir:            "/",
		Umask:          p.UMask,
		Nice:           p.Nice,
		Scheduling:     p.Scheduling,
		Priority:       p.RealTimePriority,
		OOMScoreAdjust: p.OOMScoreAdjust,
	}
	env := []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"LANG=C.UTF-8",
	}
	who, err := lookUp(p)
	if err != nil {
		return nil, err
	}
	if p.User != "" {
		env = append(env, "USER="+who.name, "LOGNAME="+who.name, "HOME="+who.home, "SHELL=/bin/sh")
	}
	runtime, err := y.directories(y.cfg.RuntimeRoot, p.RuntimeDirectory, p.RuntimeDirectoryMode, who)
	if err != nil {
		return nil, err
	}
	state, err := y.directories(y.cfg.StateRoot, p.StateDirectory, p.StateDirectoryMode, who)
	if err != nil {
		return nil, err
	}
	if runtime != "" {
		env = append(env, "RUNTIME_DIRECTORY="+runtime)
	}
	if state != "" {
		env = append(env, "STATE_DIRECTORY="+state)
	}
	if s.Access != unit.AccessNone {
		env = append(env, "NOTIFY_SOCKET="+y.notify)
	}
	if s.Watchdog > 0 && req.main {
		env = append(env, "WATCHDOG_USEC="+strconv.FormatInt(s.Watchdog.Microseconds(), 10))
	}
	env = append(env, p.Environment...)
	env = append(env, req.env...)
	spec.Env = env
	spec.Args = req.command.Expand(env)
	if p.WorkingDirectory != "" {
		spec.Dir, spec.DirOptional = p.WorkingDirectory, p.WorkingOptional
	}
	for _, name := range []string{"NOFILE", "NPROC", "CORE", "MEMLOCK", "RTPRIO"} {
		if l, ok := p.Limits[name]; ok {
			spec.Limits = append(spec.Limits, proc.Limit{Name: name, Soft: l.Soft, Hard: l.Hard})
		} else if name == "NOFILE" {
			// systemd's default; the kernel's own hard limit for pid 1 is lower.
			spec.Limits = append(spec.Limits, proc.Limit{Name: name, Soft: 1024, Hard: 524288, Try: true})
		}
	}
	if p.StandardInput != "null" {
		spec.TTY = p.TTYPath
	}
	if req.command.Privileged {
		return spec, nil
	}
	if p.User != "" || p.Group != "" || len(p.SupplementaryGroups) > 0 {
		spec.SetIDs, spec.UID, spec.GID, spec.Groups = true, who.uid, who.gid, who.groups
	}
	if p.Bounding != nil {
		set := uint64(*p.Bounding)
		spec.Bounding = &set
	}
	spec.Ambient = uint64(p.Ambient)
	spec.NoNewPrivileges = p.NoNewPrivileges
	return spec, nil
}

// An identity is a user with groups.
type identity struct {
	name, home string
	uid, gid   uint32
	groups     []uint32
	set        bool // it is not the supervisor's own
}

func lookUp(p *unit.Process) (identity, error) {
	id := identity{name: "root", home: "/", uid: uint32(os.Geteuid()), gid: uint32(os.Getegid())}
	if p.User != "" {
		id.set = true
		id.name = p.User
		u, err := user.Lookup(p.User)
		if err == nil {
			id.home = u.HomeDir
			uid, uidErr := strconv.ParseUint(u.Uid, 10, 32)
			gid, gidErr := strconv.ParseUint(u.Gid, 10, 32)
			if err := errors.Join(uidErr, gidErr); err != nil {
				return id, fmt.Errorf("looking up user %s: %w", p.User, err)
			}
			id.uid, id.gid = uint32(uid), uint32(gid)
		} else {
			uid, numErr := strconv.ParseUint(p.User, 10, 32)
			if numErr != nil {
				return id, fmt.Errorf("looking up the user: %w", err)
			}
			id.uid, id.gid = uint32(uid), uint32(uid)
		}
	}
	group := func(name string) (uint32, error) {
		if g, err := user.LookupGroup(name); err == nil {
			name = g.Gid
		} else if _, numErr := strconv.ParseUint(name, 10, 32); numErr != nil {
			return 0, fmt.Errorf("looking up the group: %w", err)
		}
		v, err := strconv.ParseUint(name, 10, 32)
		return uint32(v), err
	}
	if p.Group != "" {
		gid, err := group(p.Group)
		if err != nil {
			return id, err
		}
		id.set, id.gid = true, gid
	}
	for _, name := range p.SupplementaryGroups {
		gid, err := group(name)
		if err != nil {
			return id, err
		}
		id.groups = append(id.groups, gid)
	}
	return id, nil
}

// directories makes the directories and gives their paths, joined by colons.
func (y *system) directories(root string, names []string, mode uint32, who identity) (string, error) {
	var paths []string
	for _, name := range names {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return "", fmt.Errorf("making %s: %w", path, err)
		}
		if err := os.Mkdir(path, fs.FileMode(mode&0o777)); err != nil && !errors.Is(err, fs.ErrExist) {
			return "", fmt.Errorf("making %s: %w", path, err)
		}
		if err := unix.Chmod(path, mode); err != nil {
			return "", fmt.Errorf("making %s: %w", path, err)
		}
		if who.set {
			if err := os.Lchown(path, int(who.uid), int(who.gid)); err != nil {
				return "", fmt.Errorf("making %s: %w", path, err)
			}
		}
		paths = append(paths, path)
	}
	return strings.Join(paths, ":"), nil
}

// group gives the service's group, or nil.
func (y *system) group(name string) *cgroup.Group {
	if y.groups == nil {
		return nil
	}
	g, err := y.groups.Find(name)
	if err != nil {
		return nil
	}
	return g
}

// members lists the processes of a service. Without groups they are those of
// the sessions that its processes were started in.
func (y *system) members(name string) []int {
	if y.groups != nil {
		g := y.group(name)
		if g == nil {
			return nil
		}
		pids, err := g.PIDs()
		if err != nil {
			y.log.Error("listing the processes of a service", "service", name, "err", err)
		}
		return pids
	}
	y.mu.Lock()
	sessions := slices.Clone(y.sessions[name])
	y.mu.Unlock()
	if len(sessions) == 0 {
		return nil
	}
	return inSessions(sessions)
}

func (y *system) signal(name string, sig syscall.Signal) error {
	if g := y.group(name); g != nil {
		return g.Signal(sig)
	}
	var errs []error
	for _, pid := range y.members(name) {
		if err := unix.Kill(pid, sig); err != nil && err != unix.ESRCH {
			errs = append(errs, fmt.Errorf("sending %s to process %d: %w", unix.SignalName(sig), pid, err))
		}
	}
	return errors.Join(errs...)
}

func (y *system) left(name string) int { return len(y.members(name)) }

func (y *system) belongs(name string, pid int) bool { return slices.Contains(y.members(name), pid) }

func (y *system) adopt(pid int) process {
	return &child{y.reaper.Adopt(pid), func() error { return nil }}
}

func (y *system) memory(name string, mainPID int) uint64 {
	if g := y.group(name); g != nil {
		if bytes, ok := g.Memory(); ok {
			return bytes
		}
	}
	var sum uint64
	for _, pid := range y.members(name) {
		sum += rss(strconv.Itoa(pid))
	}
	return sum
}

func (y *system) oomKills(name string) int {
	if g := y.group(name); g != nil {
		return g.OOMKills()
	}
	return 0
}

func (y *system) clean(s *unit.Service, restarting bool) {
	keep := s.Process.RuntimeDirectoryPreserve
	if keep == "no" || keep == "restart" && !restarting {
		for _, name := range s.Process.RuntimeDirectory {
			if err := os.RemoveAll(filepath.Join(y.cfg.RuntimeRoot, name)); err != nil {
				y.log.Warn("removing a runtime directory", "service", s.Name, "err", err)
			}
		}
	}
	y.mu.Lock()
	delete(y.sessions, s.Name)
	y.mu.Unlock()
	if g := y.group(s.Name); g != nil {
		if err := g.Remove(); err != nil {
			y.log.Warn("removing the cgroup of a service", "service", s.Name, "err", err)
		}
	}
}

// rss gives the bytes of memory that a process has resident.
func rss(pid string) uint64 {
	data, err := os.ReadFile("/proc/" + pid + "/statm")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(data))
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseUint(fields[1], 10, 64)
	if err != nil || pages > math.MaxUint64/4096 {
		return 0
	}
	return pages * uint64(os.Getpagesize())
}

// inSessions lists the live processes of sessions, from /proc/*/stat (proc(5)):
// after the name in parentheses come state, ppid, pgrp and session.
func inSessions(sessions []int) []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		data, err := os.ReadFile("/proc/" + e.Name() + "/stat")
		if err != nil {
			continue
		}
		end := strings.LastIndexByte(string(data), ')')
		fields := strings.Fields(string(data[end+1:]))
		if end < 0 || len(fields) < 4 || fields[0] == "Z" {
			continue
		}
		if session, err := strconv.Atoi(fields[3]); err == nil && slices.Contains(sessions, session) {
			pids = append(pids, pid)
		}
	}
	return pids
}

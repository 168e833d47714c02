// Package reap waits for processes as an init has to: it tells the status of
// every process it owns to whoever started it, and buries the orphans that the
// kernel hands to it, without ever mixing up the two.
//
// A plain wait4(-1) takes whatever has died, and whoever started that process
// then waits for a status that is gone. So owned processes are asked for one
// by one, and of the others waitid(2) with WNOWAIT only looks who they are.
// A process between its birth and its registration is protected by a lock that
// the burial needs: Start holds it.
//
// Nothing else in the process may wait for children while a Reaper runs, or it
// must do so within Foreign: os/exec waits by itself.
package reap

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// A Status says how a process ended.
type Status struct {
	Code   int            // exit code, if Signal is 0
	Signal syscall.Signal // that ended it
	Core   bool           // it dumped core
	Lost   bool           // it was not our child, so nobody told how it ended
}

func (s Status) String() string {
	switch {
	case s.Lost:
		return "ended, no status known"
	case s.Core:
		return fmt.Sprintf("killed by %s, core dumped", unix.SignalName(s.Signal))
	case s.Signal != 0:
		return fmt.Sprintf("killed by %s", unix.SignalName(s.Signal))
	}
	return fmt.Sprintf("exit status %d", s.Code)
}

// A Child is a process that a Reaper owns.
type Child struct {
	pid    int
	done   chan struct{}
	status Status // to be read after done
	reaper *Reaper
}

// PID gives the process's number. After Done it may be another process's.
func (c *Child) PID() int { return c.pid }

// Done is closed when the process has ended and has been reaped.
func (c *Child) Done() <-chan struct{} { return c.done }

// Status says how it ended; it waits for that.
func (c *Child) Status() Status { <-c.done; return c.status }

// Signal sends a signal, and only ever to this process: its number is not
// given away before it is reaped, and this waits until it is not being reaped.
// After its end it gives os.ErrProcessDone.
func (c *Child) Signal(sig syscall.Signal) error {
	c.reaper.mu.Lock()
	defer c.reaper.mu.Unlock()
	if c.reaper.owned[c.pid] != c {
		return os.ErrProcessDone
	}
	if err := unix.Kill(c.pid, sig); err != nil {
		return fmt.Errorf("sending %s to process %d: %w", unix.SignalName(sig), c.pid, err)
	}
	return nil
}

// A Nursery is where children are made that a Reaper must not take for orphans:
// its own until they are registered, and those of others in the same process.
// The zero value is ready. It is a thing of its own, so that it can be there
// before the Reaper is.
type Nursery struct {
	// births is held for reading while a process is made and not registered,
	// and tried for writing by the burial of orphans.
	births sync.RWMutex
	left   chan struct{} // a Reaper's wake-up
	mu     sync.Mutex
}

// Foreign runs f, which starts and waits for processes on its own, as os/exec
// does. Orphans wait meanwhile; the statuses of a Reaper's processes do not.
func (n *Nursery) Foreign(f func() error) error {
	n.births.RLock()
	defer n.wake()
	defer n.births.RUnlock()
	return f()
}

func (n *Nursery) wake() {
	select {
	case n.kick() <- struct{}{}:
	default:
	}
}

func (n *Nursery) kick() chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.left == nil {
		n.left = make(chan struct{}, 1)
	}
	return n.left
}

// Config is what a Reaper needs besides the kernel.
type Config struct {
	Log *slog.Logger
	// Nursery is the process's; nil makes one.
	Nursery *Nursery
	// Before is called when something has died and is not reaped yet: what the
	// dead have left in a socket's queue can still be told to be theirs.
	Before func()
	// Orphan is called after orphans were buried.
	Orphan func()
}

// A Reaper owns processes. Its methods may be called from any goroutine.
type Reaper struct {
	cfg Config
	*Nursery

	mu    sync.Mutex
	owned map[int]*Child
}

// New gives a Reaper that does nothing until Run.
func New(cfg Config) *Reaper {
	if cfg.Before == nil {
		cfg.Before = func() {}
	}
	if cfg.Orphan == nil {
		cfg.Orphan = func() {}
	}
	if cfg.Nursery == nil {
		cfg.Nursery = &Nursery{}
	}
	return &Reaper{cfg: cfg, Nursery: cfg.Nursery, owned: map[int]*Child{}}
}

// Start registers the process that fork makes. Fork gives its number.
func (r *Reaper) Start(fork func() (pid int, err error)) (*Child, error) {
	r.births.RLock()
	defer r.wake()
	defer r.births.RUnlock()
	pid, err := fork()
	if err != nil {
		return nil, err
	}
	return r.own(pid), nil
}

// Adopt owns a process that somebody else has made: a descendant that said it
// is a service's main process. If it is not our child and never becomes it,
// its end is noticed when the next child ends, and its status is lost.
func (r *Reaper) Adopt(pid int) *Child {
	defer r.wake()
	return r.own(pid)
}

func (r *Reaper) own(pid int) *Child {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.owned[pid]; c != nil {
		return c
	}
	c := &Child{pid: pid, done: make(chan struct{}), reaper: r}
	r.owned[pid] = c
	return c
}

// Run reaps until the context ends. It is to be running before the first Start.
func (r *Reaper) Run(ctx context.Context) {
	died := make(chan os.Signal, 1)
	signal.Notify(died, syscall.SIGCHLD)
	defer signal.Stop(died)
	for {
		r.reap()
		select {
		case <-died:
		case <-r.kick():
		case <-ctx.Done():
			return
		}
	}
}

func (r *Reaper) reap() {
	r.cfg.Before()
	r.reapOwned()
	if !r.births.TryLock() {
		return // somebody is giving birth, and wakes us afterwards
	}
	buried := 0
	for {
		pid, _, err := wait(unix.P_ALL, 0, unix.WNOWAIT)
		if err != nil || pid == 0 {
			break
		}
		r.mu.Lock()
		owned := r.owned[pid] != nil
		r.mu.Unlock()
		if owned { // it died just now
			r.reapOwned()
			continue
		}
		if _, st, err := wait(unix.P_PID, pid, 0); err != nil {
			r.cfg.Log.Error("burying an orphan", "pid", pid, "err", err)
			break
		} else {
			r.cfg.Log.Debug("buried an orphan", "pid", pid, "status", st.String())
		}
		buried++
	}
	r.births.Unlock()
	if buried > 0 {
		r.cfg.Orphan()
	}
}

// reapOwned asks for every owned process whether it has ended.
func (r *Reaper) reapOwned() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for pid, c := range r.owned {
		got, status, err := wait(unix.P_PID, pid, 0)
		switch {
		case errors.Is(err, unix.ECHILD):
			// Adopted, and not our child (yet). Signal 0 asks if it is there.
			if unix.Kill(pid, 0) != unix.ESRCH {
				continue
			}
			status = Status{Lost: true}
		case err != nil:
			r.cfg.Log.Error("waiting for a process", "pid", pid, "err", err)
			continue
		case got == 0:
			continue
		}
		c.status = status
		delete(r.owned, pid)
		close(c.done)
	}
}

// wait is waitid(2) without waiting: pid 0 means that nobody has ended.
func wait(kind, id, flags int) (int, Status, error) {
	var info unix.Siginfo
	for {
		err := unix.Waitid(kind, id, &info, unix.WEXITED|unix.WNOHANG|flags, nil)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return 0, Status{}, err
		}
		break
	}
	pid, code, status := childInfo(&info)
	st := Status{}
	switch code {
	case cldExited:
		st.Code = status
	case cldKilled:
		st.Signal = syscall.Signal(status)
	case cldDumped:
		st.Signal, st.Core = syscall.Signal(status), true
	}
	return pid, st, nil
}

// Package process makes processes with exactly the rights that a unit file
// gives them.
//
// Go can't run code between fork and exec, and much of what is needed works on
// the calling process alone: the capability bounding set, no_new_privs, resource
// limits, umask, LISTEN_PID. So there is a second stage, as systemd has its
// systemd-executor: the supervisor's own program is executed as a helper
// (HelperName), which reads from a socket what it is to become, becomes it step
// by step, and executes the service's program. What fails comes back over that
// socket with the name of the step; its end without a word means that the
// program was executed, since the socket closes on exec.
package process

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// HelperName is argv[0] of the helper stage: a program that starts processes
// by this package calls Helper if it is called by this name.
const HelperName = "switchroom-exec-helper"

// A Spec is what a process is to be. It is what the helper reads.
type Spec struct {
	Path string   // of the program
	Args []string // with argv[0]
	Env  []string // all of it; LISTEN_PID is added where LISTEN_FDS is
	Dir  string   // "": /
	// DirOptional: a missing directory is not an error; / it is then.
	DirOptional bool

	UID, GID uint32
	Groups   []uint32
	SetIDs   bool // UID, GID and Groups are to be set

	Umask           uint32
	Nice            *int
	Scheduling      string // the policy: "other", "batch", "idle", "fifo", "rr"; "": as it is
	Priority        int    // of "fifo" and "rr", 1..99; 0: 1
	OOMScoreAdjust  *int
	Limits          []Limit
	Bounding        *uint64 // capabilities that are left in the bounding set
	Ambient         uint64
	NoNewPrivileges bool

	TTY string // to be its terminal, and standard input, output and error
}

// A Limit is one of setrlimit(2).
type Limit struct {
	Name       string // of the unit file: "NOFILE"
	Soft, Hard uint64
	// Hard limits can't be raised without CAP_SYS_RESOURCE; with Try what can
	// be had is taken.
	Try bool
}

// Files are what a process is started with.
type Files struct {
	Output  *os.File // standard output and error; nil: /dev/null
	Passed  []int    // file descriptors, to be at 3 and above, as LISTEN_FDS has it
	Cgroup  *os.File // directory of the cgroup it is born into, or nil
	Program string   // the helper's program; "": /proc/self/exe
}

// A Failure is what the helper reports.
type Failure struct {
	Step  string // what it was about to do: "setting user 101"
	Text  string
	Errno syscall.Errno
}

func (f *Failure) Error() string { return f.Step + ": " + f.Text }

// Unwrap gives the system's error, if that was it.
func (f *Failure) Unwrap() error {
	if f.Errno == 0 {
		return nil
	}
	return f.Errno
}

// executing is what the helper says last before it executes the program: a
// helper that ends without it was killed.
const executing = 'x'

// Fork makes the process and gives its number, and a function that waits until
// its program is executed: nil, or a *Failure. That function is to be called
// once. Fork itself does not wait for the process.
func Fork(spec Spec, files Files) (pid int, executed func() error, err error) {
	payload, err := json.Marshal(spec)
	if err != nil {
		return 0, nil, fmt.Errorf("encoding the process: %w", err)
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, nil, fmt.Errorf("making a socket to the helper: %w", err)
	}
	theirs := os.NewFile(uintptr(pair[1]), "helper's end")
	defer theirs.Close()
	if err := unix.SetNonblock(pair[0], true); err != nil {
		unix.Close(pair[0])
		return 0, nil, fmt.Errorf("making a socket to the helper: %w", err)
	}
	ours := os.NewFile(uintptr(pair[0]), "supervisor's end")
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		ours.Close()
		return 0, nil, fmt.Errorf("opening the null device: %w", err)
	}
	defer null.Close()

	out := files.Output
	if out == nil {
		out = null
	}
	fds := []uintptr{null.Fd(), out.Fd(), out.Fd()}
	for _, fd := range files.Passed {
		fds = append(fds, uintptr(fd))
	}
	fds = append(fds, theirs.Fd())
	attr := &syscall.ProcAttr{
		Dir:   "/",
		Env:   []string{},
		Files: fds,
		Sys:   &syscall.SysProcAttr{Setsid: true},
	}
	if files.Cgroup != nil {
		attr.Sys.UseCgroupFD, attr.Sys.CgroupFD = true, int(files.Cgroup.Fd())
	}
	program := files.Program
	if program == "" {
		program = "/proc/self/exe"
	}
	argv := []string{HelperName, fmt.Sprint(len(files.Passed))}
	pid, err = syscall.ForkExec(program, argv, attr)
	if err != nil {
		ours.Close()
		return 0, nil, fmt.Errorf("executing the helper: %w", err)
	}
	return pid, func() error {
		defer ours.Close()
		return converse(ours, payload)
	}, nil
}

// converse tells the helper what to become and hears what comes of it.
func converse(conn *os.File, payload []byte) error {
	if _, err := conn.Write(append(payload, '\n')); err != nil {
		return &Failure{Step: "telling the helper what to become", Text: err.Error()}
	}
	answer, err := io.ReadAll(io.LimitReader(conn, 4096))
	if err != nil && !errors.Is(err, syscall.ECONNRESET) {
		return &Failure{Step: "hearing the helper", Text: err.Error()}
	}
	if len(answer) == 0 || answer[0] != executing {
		f := &Failure{}
		if len(answer) == 0 || json.Unmarshal(answer, f) != nil {
			return &Failure{Step: "becoming the service", Text: "the process ended before its program was executed"}
		}
		return f
	}
	if rest := answer[1:]; len(rest) > 0 {
		f := &Failure{}
		if err := json.Unmarshal(rest, f); err != nil {
			return &Failure{Step: "hearing the helper", Text: err.Error()}
		}
		return f
	}
	return nil
}

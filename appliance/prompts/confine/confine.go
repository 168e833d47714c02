// Package confine takes away from a process what it does not need before it touches what strangers have
// made: a parser that is led astray can then waste the processor time and memory it was given, and
// nothing else.
//
// Nothing here needs privileges, and nothing can be undone: resource limits (setrlimit(2)), no new
// privileges (prctl(2)), a list of the system calls that are left (seccomp(2)), and, for a program
// that has to open files, the folders that it may read (landlock(7)). What the kernel refuses to do is an
// error: a confinement that is not there is not passed over.
package confine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/elastic/go-seccomp-bpf"
	"github.com/landlock-lsm/go-landlock/landlock"
	"golang.org/x/sys/unix"
)

// Limits are what a confined process may use.
type Limits struct {
	CPU    time.Duration // of the processor, rounded up to seconds; more kills it
	Memory uint64        // bytes of data
}

// pureCalls are what a Go program needs to compute: to read and write what is open already, for
// memory, for threads of its own, and to end.
var pureCalls = []string{
	"read", "write", "readv", "writev", "close", "lseek", "fstat", "fcntl",
	"mmap", "munmap", "mprotect", "madvise", "brk", "mincore",
	"futex", "sched_yield", "sched_getaffinity", "nanosleep", "clock_nanosleep", "clock_gettime", "gettimeofday",
	"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "restart_syscall",
	"gettid", "getpid", "set_robust_list", "rseq", "getrandom",
	"epoll_create1", "epoll_ctl", "epoll_pwait", "eventfd2", "pipe2",
	"exit", "exit_group",
}

// programCalls are what a program needs beside them to be loaded and to read files.
var programCalls = []string{
	"execve", "open", "openat", "access", "faccessat", "faccessat2", "stat", "newfstatat", "statx", "readlink", "readlinkat", "pread64", "getdents64", "getcwd",
	"arch_prctl", "set_tid_address", "uname", "sysinfo", "getuid", "geteuid", "getgid", "getegid", "getppid", "ioctl", "dup", "dup2",
}

const cloneThread = 0x10000 // CLONE_THREAD of sched.h

// Pure leaves this process, with all its threads, nothing but computing: what is open may be read and
// written, and nothing can be opened, executed, connected or signalled any more.
func Pure(l Limits) error {
	if err := limit(l, 16); err != nil {
		return err
	}
	return filter(pureCalls)
}

// Exec becomes a program, as execve(2) does, that may read the files below some folders, and has no
// other files, no network and no other processes. It returns only if that fails. argv[0] is the
// program's path. The environment is empty but for the locale.
func Exec(l Limits, readable []string, argv []string) error {
	if len(argv) == 0 || !filepath.IsAbs(argv[0]) {
		return fmt.Errorf("%q: a program's whole path is wanted", argv)
	}
	// Threads are confined together; the one that executes is the one that stays.
	runtime.LockOSThread()
	if err := limit(l, 32); err != nil {
		return err
	}
	var rules []landlock.Rule
	for _, dir := range readable {
		rules = append(rules, landlock.RODirs(dir))
	}
	// The third version of the interface is the first that keeps a file from being truncated.
	if err := landlock.V3.RestrictPaths(rules...); err != nil {
		return fmt.Errorf("leaving it the folders %q: %w", readable, err)
	}
	if err := filter(append(append([]string(nil), pureCalls...), programCalls...)); err != nil {
		return err
	}
	if err := syscall.Exec(argv[0], argv, []string{"LC_ALL=C.UTF-8", "PATH=/nonexistent", "HOME=/nonexistent"}); err != nil {
		return fmt.Errorf("executing %s: %w", argv[0], err)
	}
	return errors.New("execve returned")
}

// limit sets the resource limits, the hard ones too.
func limit(l Limits, files uint64) error {
	seconds := uint64((l.CPU + time.Second - 1) / time.Second)
	for _, r := range []struct {
		name  string
		which int
		value uint64
	}{
		{"processor time", unix.RLIMIT_CPU, seconds},
		{"memory", unix.RLIMIT_DATA, l.Memory}, // address space is no measure: Go reserves much of it
		{"files", unix.RLIMIT_NOFILE, files},
		{"sizes of files", unix.RLIMIT_FSIZE, 0}, // of files, not of what goes through a pipe
		{"core dumps", unix.RLIMIT_CORE, 0},
		{"locked memory", unix.RLIMIT_MEMLOCK, 0},
	} {
		if err := unix.Setrlimit(r.which, &unix.Rlimit{Cur: r.value, Max: r.value}); err != nil {
			return fmt.Errorf("limiting %s to %d: %w", r.name, r.value, err)
		}
	}
	return nil
}

// filter leaves all threads of the process some system calls; others fail with EPERM. Threads may be
// made, and no processes; signals go to this process alone.
func filter(calls []string) error {
	allow := func(name string, conditions ...seccomp.Condition) seccomp.NameWithConditions {
		return seccomp.NameWithConditions{Name: name, Conditions: conditions}
	}
	err := seccomp.LoadFilter(seccomp.Filter{
		NoNewPrivs: true,
		Flag:       seccomp.FilterFlagTSync,
		Policy: seccomp.Policy{
			DefaultAction: seccomp.ActionErrno,
			Syscalls: []seccomp.SyscallGroup{{
				Action: seccomp.ActionAllow,
				Names:  calls,
				NamesWithCondtions: []seccomp.NameWithConditions{
					allow("clone", seccomp.Condition{Argument: 0, Operation: seccomp.BitsSet, Value: cloneThread}),
					allow("tgkill", seccomp.Condition{Argument: 0, Operation: seccomp.Equal, Value: uint64(os.Getpid())}),
					// To look at a limit of its own, and not to set one.
					allow("prlimit64", seccomp.Condition{Argument: 0, Operation: seccomp.Equal}, seccomp.Condition{Argument: 2, Operation: seccomp.Equal}),
				},
			}, {
				// Its flags are out of a filter's reach. As if the kernel were older: the C library
				// then makes its threads with clone.
				Action: seccomp.ActionErrno | seccomp.Action(unix.ENOSYS),
				Names:  []string{"clone3"},
			}},
		},
	})
	if err != nil {
		return fmt.Errorf("leaving it %d system calls: %w", len(calls), err)
	}
	return nil
}

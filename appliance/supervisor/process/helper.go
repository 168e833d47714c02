package process

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// HelperStatus is the helper's exit status if it could not execute the program.
const HelperStatus = 203 // systemd's EXIT_EXEC

// Helper is the helper stage's whole life. It does not return if it succeeds;
// what it returns otherwise is the exit status to end with.
//
// It is to be called first in main, by argv[0]:
//
//	if os.Args[0] == process.HelperName {
//		os.Exit(process.Helper(os.Args[1:]))
//	}
func Helper(args []string) int {
	// Capabilities, no_new_privs, nice and the like belong to the thread, and
	// the thread that executes is the one that survives: so stay on this one,
	// and change this one alone.
	runtime.LockOSThread()
	passed := 0
	if len(args) == 1 {
		passed, _ = strconv.Atoi(args[0])
	}
	conn := os.NewFile(uintptr(3+passed), "supervisor")
	unix.CloseOnExec(3 + passed)
	fail := func(err error) int {
		f := &Failure{}
		if !errors.As(err, &f) {
			f = &Failure{Step: "helping", Text: err.Error()}
		}
		data, err := json.Marshal(f)
		if err == nil {
			_, _ = conn.Write(data) // nobody is left to tell if this fails
		}
		return HelperStatus
	}
	line, err := bufio.NewReader(conn).ReadBytes('\n')
	if err != nil {
		return fail(&Failure{Step: "reading what to become", Text: err.Error()})
	}
	var spec Spec
	if err := json.Unmarshal(line, &spec); err != nil {
		return fail(&Failure{Step: "reading what to become", Text: err.Error()})
	}
	if err := become(&spec); err != nil {
		return fail(err)
	}
	env := spec.Env
	if passed > 0 {
		env = append(env, "LISTEN_PID="+strconv.Itoa(os.Getpid()))
	}
	if _, err := conn.Write([]byte{executing}); err != nil {
		return fail(err)
	}
	return fail(step("executing "+spec.Path, syscall.Exec(spec.Path, spec.Args, env)))
}

// step says what was being done when err came.
func step(what string, err error) error {
	if err == nil {
		return nil
	}
	f := &Failure{Step: what, Text: err.Error()}
	errors.As(err, &f.Errno)
	return f
}

// become takes the spec's attributes, those that need privileges first.
func become(s *Spec) error {
	// As systemd's IgnoreSIGPIPE, which is on by default.
	signal.Ignore(syscall.SIGPIPE)
	unix.Umask(int(s.Umask))
	if s.TTY != "" {
		if err := takeTerminal(s.TTY); err != nil {
			return step("taking the terminal "+s.TTY, err)
		}
	}
	if s.OOMScoreAdjust != nil {
		if err := os.WriteFile("/proc/self/oom_score_adj", []byte(strconv.Itoa(*s.OOMScoreAdjust)), 0); err != nil {
			return step("setting OOMScoreAdjust", err)
		}
	}
	if s.Nice != nil {
		if err := unix.Setpriority(unix.PRIO_PROCESS, 0, *s.Nice); err != nil {
			return step("setting Nice", err)
		}
	}
	if s.Scheduling != "" {
		if err := schedule(s.Scheduling, s.Priority); err != nil {
			return step("setting CPUSchedulingPolicy", err)
		}
	}
	for _, l := range s.Limits {
		if err := l.set(); err != nil {
			return step("setting Limit"+l.Name, err)
		}
	}
	if s.Bounding != nil {
		if err := dropBounding(*s.Bounding); err != nil {
			return step("dropping capabilities", err)
		}
	}
	if s.SetIDs {
		if err := setIDs(s); err != nil {
			return err
		}
	}
	if err := setCaps(s); err != nil {
		return err
	}
	if s.NoNewPrivileges {
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			return step("setting NoNewPrivileges", err)
		}
	}
	if s.Dir != "" {
		if err := unix.Chdir(s.Dir); err != nil && !s.DirOptional {
			return step("changing to the directory "+s.Dir, err)
		}
	}
	return nil
}

func (l Limit) set() error {
	resources := map[string]int{
		"NOFILE": unix.RLIMIT_NOFILE, "NPROC": unix.RLIMIT_NPROC, "CORE": unix.RLIMIT_CORE,
		"MEMLOCK": unix.RLIMIT_MEMLOCK, "RTPRIO": unix.RLIMIT_RTPRIO,
	}
	resource, ok := resources[l.Name]
	if !ok {
		return fmt.Errorf("no such limit")
	}
	// syscall's own function, because it makes Go forget the soft limit on
	// files that it would else restore on exec.
	want := syscall.Rlimit{Cur: l.Soft, Max: l.Hard}
	err := syscall.Setrlimit(resource, &want)
	if err != nil && l.Try {
		var have syscall.Rlimit
		if err := syscall.Getrlimit(resource, &have); err != nil {
			return err
		}
		want.Max = min(want.Max, have.Max)
		want.Cur = min(want.Cur, want.Max)
		return syscall.Setrlimit(resource, &want)
	}
	return err
}

// lastCap gives the number of the kernel's last capability.
func lastCap() (int, error) {
	data, err := os.ReadFile("/proc/sys/kernel/cap_last_cap")
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(data)))
}

func dropBounding(keep uint64) error {
	last, err := lastCap()
	if err != nil {
		return err
	}
	for c := 0; c <= last; c++ {
		if keep&(1<<c) != 0 {
			continue
		}
		// One that is not there needs no dropping, and no right to drop it.
		if have, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, uintptr(c), 0, 0, 0); err == nil && have == 0 {
			continue
		}
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(c), 0, 0, 0); err != nil {
			return err
		}
	}
	return nil
}

// setIDs changes user and groups of this thread alone: syscall.Setuid and its
// like would change every thread of the helper, one by one, for nothing.
func setIDs(s *Spec) error {
	var groups unsafe.Pointer
	if len(s.Groups) > 0 {
		groups = unsafe.Pointer(&s.Groups[0])
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_SETGROUPS, uintptr(len(s.Groups)), uintptr(groups), 0); errno != 0 {
		return step("setting the supplementary groups", errno)
	}
	gid, uid := uintptr(s.GID), uintptr(s.UID)
	if _, _, errno := unix.RawSyscall(unix.SYS_SETRESGID, gid, gid, gid); errno != 0 {
		return step(fmt.Sprintf("setting group %d", s.GID), errno)
	}
	if s.Ambient != 0 && s.UID != 0 {
		// Else the change of user would take every capability away.
		if err := unix.Prctl(unix.PR_SET_KEEPCAPS, 1, 0, 0, 0); err != nil {
			return step("keeping capabilities", err)
		}
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, uid, uid, uid); errno != 0 {
		return step(fmt.Sprintf("setting user %d", s.UID), errno)
	}
	return nil
}

// setCaps makes the ambient set what the spec says. Nothing is inheritable but
// that; the rest follows from the user and the bounding set on exec.
func setCaps(s *Spec) error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return step("reading the capabilities", err)
	}
	for i := range data {
		want := uint32(s.Ambient >> (32 * i))
		if want&^data[i].Permitted != 0 {
			return step("giving AmbientCapabilities", unix.EPERM)
		}
		data[i].Inheritable = want
		if s.Ambient != 0 && s.SetIDs && s.UID != 0 {
			data[i].Permitted, data[i].Effective = want, want
		}
	}
	if err := unix.Capset(&header, &data[0]); err != nil {
		return step("setting the capabilities", err)
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return step("clearing the ambient capabilities", err)
	}
	for c := range 64 {
		if s.Ambient&(1<<c) == 0 {
			continue
		}
		if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, uintptr(c), 0, 0); err != nil {
			return step("giving AmbientCapabilities", err)
		}
	}
	return nil
}

// takeTerminal makes the terminal the session's, and the standard files.
func takeTerminal(path string) error {
	// Non-blocking, or a serial line without a carrier would be waited for.
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	if err := unix.SetNonblock(fd, false); err != nil {
		return err
	}
	if err := unix.IoctlSetInt(fd, unix.TIOCSCTTY, 1); err != nil {
		return err
	}
	for std := range 3 {
		if err := unix.Dup3(fd, std, 0); err != nil && fd != std {
			return err
		}
	}
	if fd > 2 {
		return unix.Close(fd)
	}
	return nil
}

// schedule sets the scheduling policy of this thread, and so of the program that
// it becomes and of all of its threads: see sched(7).
func schedule(policy string, priority int) error {
	attr := &unix.SchedAttr{Size: unix.SizeofSchedAttr}
	switch policy {
	case "other":
		attr.Policy = unix.SCHED_NORMAL
	case "batch":
		attr.Policy = unix.SCHED_BATCH
	case "idle":
		attr.Policy = unix.SCHED_IDLE
	case "fifo":
		attr.Policy, attr.Priority = unix.SCHED_FIFO, uint32(max(priority, 1))
	case "rr":
		attr.Policy, attr.Priority = unix.SCHED_RR, uint32(max(priority, 1))
	default:
		return fmt.Errorf("there is no policy %q", policy)
	}
	if attr.Policy == unix.SCHED_NORMAL || attr.Policy == unix.SCHED_BATCH {
		nice, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
		if err != nil {
			return err
		}
		attr.Nice = int32(20 - nice) // it is set along with the policy
	}
	return unix.SchedSetAttr(0, attr, 0)
}

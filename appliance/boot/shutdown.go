package boot

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Action is what the machine does at the end.
type Action int

const (
	// Reboot starts the machine anew.
	Reboot Action = iota
	// PowerOff switches it off.
	PowerOff
)

func (a Action) String() string {
	if a == PowerOff {
		return "power off"
	}
	return "reboot"
}

// How long leftovers have after each of the two signals, and how often the
// unmounting is tried: enough for a disk that has to spin up, and bounded,
// since a shut-down that hangs is worse than a journal to be replayed.
const (
	termGrace    = 3 * time.Second
	killGrace    = 2 * time.Second
	unmountTries = 10
)

// Shutdown ends everything, after the supervisor has stopped its services:
// it kills what is left, unmounts and syncs the file systems, and restarts
// the machine or switches it off. It is called by process 1, once nothing
// else in it waits for children. It returns only if the kernel refuses.
func (s *System) Shutdown(ctx context.Context, action Action) error {
	if err := rememberTime(); err != nil {
		s.log.Warn("the time is not kept for the next boot", "err", err)
	}
	endProcesses(ctx, s.log)
	unix.Sync()
	unmountAll(s.log, realMounts{})
	unix.Sync()
	how := unix.LINUX_REBOOT_CMD_RESTART
	if action == PowerOff {
		how = unix.LINUX_REBOOT_CMD_POWER_OFF
	}
	if err := unix.Reboot(how); err != nil {
		return fmt.Errorf("%v: %w", action, err)
	}
	return nil
}

// endProcesses ends every process but this one and the kernel's own threads:
// asked first, then killed.
func endProcesses(ctx context.Context, log *slog.Logger) {
	for _, step := range []struct {
		signal unix.Signal
		grace  time.Duration
	}{{unix.SIGTERM, termGrace}, {unix.SIGKILL, killGrace}} {
		if err := unix.Kill(-1, step.signal); errors.Is(err, unix.ESRCH) {
			return
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), step.grace)
		left := waitForNone(ctx)
		cancel()
		if len(left) == 0 {
			return
		}
		log.Warn("processes are left", "after", step.signal, "processes", left)
	}
}

// waitForNone reaps children until no process but this one is left, or the
// context ends; then it gives those that are.
func waitForNone(ctx context.Context) []string {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		for {
			var ws unix.WaitStatus
			pid, err := unix.Wait4(-1, &ws, unix.WNOHANG, nil)
			if pid <= 0 || err != nil {
				break
			}
		}
		left := processes("/proc")
		if len(left) == 0 {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return left
		}
	}
}

// processes lists the processes that are programs and not this one, as
// "name[pid]". The kernel's threads, which have no command line, and the dead
// that nobody has reaped are left out.
func processes(proc string) []string {
	entries, err := os.ReadDir(proc)
	if err != nil {
		return nil
	}
	var all []string
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		cmdline, err := os.ReadFile(proc + "/" + e.Name() + "/cmdline")
		if err != nil || len(cmdline) == 0 {
			continue
		}
		name, _, _ := strings.Cut(string(cmdline), "\x00")
		all = append(all, fmt.Sprintf("%s[%d]", name, pid))
	}
	return all
}

// mounted is a line of /proc/self/mountinfo.
type mounted struct {
	dir, fs string
}

// keep are file systems that hold nothing to be saved; some are needed to the
// end.
var keep = []string{"proc", "sysfs", "devtmpfs", "devpts", "cgroup2", "ramfs", "rootfs", "nullfs", "squashfs"}

// unmountAll unmounts what can be unmounted, the last mounted first, again
// and again until nothing changes; what stays is made read-only.
func unmountAll(log *slog.Logger, k kernelMounts) {
	for range unmountTries {
		left, progress := 0, false
		for _, m := range lastFirst(log, k) {
			if slices.Contains(keep, m.fs) || m.dir == "/run" || m.dir == "/" {
				continue
			}
			if err := k.unmount(m.dir); err == nil {
				progress = true
				continue
			}
			left++
		}
		if left == 0 {
			return
		}
		if !progress {
			break
		}
	}
	for _, m := range lastFirst(log, k) {
		if slices.Contains(keep, m.fs) || m.fs == "tmpfs" {
			continue
		}
		if err := k.readOnly(m.dir); err != nil {
			log.Warn("a file system is left mounted", "folder", m.dir, "err", err)
			continue
		}
		log.Warn("a file system was in use and is read-only now", "folder", m.dir)
	}
}

// kernelMounts is the kernel's table of file systems.
type kernelMounts interface {
	mounts() ([]mounted, error) // in the order they were mounted
	unmount(dir string) error
	readOnly(dir string) error
}

type realMounts struct{}

func (realMounts) mounts() ([]mounted, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return parseMountinfo(f), nil
}

func (realMounts) unmount(dir string) error { return unix.Unmount(dir, unix.UMOUNT_NOFOLLOW) }

func (realMounts) readOnly(dir string) error {
	return unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, "")
}

func lastFirst(log *slog.Logger, k kernelMounts) []mounted {
	all, err := k.mounts()
	if err != nil {
		log.Warn("what is mounted is not known", "err", err)
	}
	slices.Reverse(all)
	return all
}

// parseMountinfo reads proc_pid_mountinfo(5): the fifth field is the folder,
// the first after a lone hyphen the kind.
func parseMountinfo(r io.Reader) []mounted {
	var all []mounted
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		i := slices.Index(f, "-")
		if i < 5 || i+1 >= len(f) {
			continue
		}
		all = append(all, mounted{dir: unescape(f[4]), fs: f[i+1]})
	}
	return all
}

// unescape undoes the octal escapes of space, tab, newline and backslash.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

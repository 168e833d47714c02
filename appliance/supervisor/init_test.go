package supervisor

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"golang.org/x/sys/unix"

	"switchroom/appliance/supervisor/journal"
)

// beInit is process 1 of a process namespace: it runs a supervisor with one
// service that leaves an orphan, and says what comes of it.
func beInit(dir string) int {
	if os.Getpid() != 1 {
		fmt.Println("process", os.Getpid())
		return 1
	}
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		fmt.Println("mounting /proc:", err)
		return 1
	}
	exe, err := os.Executable()
	if err != nil {
		return 1
	}
	j := journal.New(journal.Config{})
	o, err := Run(context.Background(), Config{
		Units: fstest.MapFS{"a.service": {Data: []byte("[Service]\nType=notify\nExecStart=" + exe + " role litter all\nTimeoutStopSec=200ms\n" +
			"[Install]\nWantedBy=multi-user.target\n")}},
		Journal: j, Log: slog.New(j.Handler("supervisor", slog.LevelDebug)), RunDir: dir, RuntimeRoot: dir, StateRoot: dir, Cgroup: "-",
		Milestone: func(text string) { fmt.Println(text) },
	})
	fmt.Println("outcome", o, err)
	return 0
}

// TestInit: as process 1, signals mean what they mean to an init.
func TestInit(t *testing.T) {
	for sig, want := range map[syscall.Signal]string{
		syscall.SIGINT:  "reboot",
		syscall.SIGTERM: "reboot",
		syscall.SIGUSR1: "halt",
		syscall.SIGUSR2: "poweroff",
		syscall.SIGPWR:  "poweroff",
	} {
		t.Run(unix.SignalName(sig), func(t *testing.T) {
			dir, err := os.MkdirTemp("", "sv")
			if err != nil {
				t.Fatal(err)
			}
			defer os.RemoveAll(dir)
			cmd := exec.Command("/proc/self/exe", "role", "init", dir)
			cmd.SysProcAttr = &syscall.SysProcAttr{
				Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNS,
				UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
				GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
			}
			cmd.Stderr = os.Stderr
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewScanner(out)
			var said []string
			for lines.Scan() {
				said = append(said, lines.Text())
				if lines.Text() == "service a active" {
					if err := cmd.Process.Signal(syscall.SIGHUP); err != nil { // which means nothing
						t.Error(err)
					}
					if err := cmd.Process.Signal(sig); err != nil {
						t.Error(err)
					}
				}
			}
			_, _ = io.Copy(io.Discard, out)
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
			text := strings.Join(said, "|")
			if !strings.HasSuffix(text, "|stopping for "+want+"|outcome "+want+" <nil>") {
				t.Errorf("process 1 said %s; want it to end for %s", text, want)
			}
		})
	}
}

package boot

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestEndProcesses runs as process 1 of a namespace of its own, where it may
// kill everybody.
func TestEndProcesses(t *testing.T) {
	const inside = "SWITCHROOM_TEST_INSIDE"
	if os.Getenv(inside) == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestEndProcesses$", "-test.v")
		cmd.Env = append(os.Environ(), inside+"=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWPID | syscall.CLONE_NEWNS,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		}
		out, err := cmd.CombinedOutput()
		if err != nil || !bytes.Contains(out, []byte("--- PASS: TestEndProcesses")) {
			t.Errorf("in its own namespace: %v\n%s", err, out)
		}
		return
	}
	if os.Getpid() != 1 {
		t.Fatal("this is not process 1: it would kill its neighbours")
	}
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		t.Fatal(err)
	}
	// One that goes when it is asked, one that does not, and an orphan.
	for _, script := range []string{"echo; exec sleep 1000", "trap '' TERM; echo; while :; do sleep 1000; done", "sleep 1000 & echo"} {
		cmd := exec.Command("/bin/sh", "-c", script)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := out.Read(make([]byte, 1)); err != nil { // it has come so far
			t.Fatal(err)
		}
	}
	if left := processes("/proc"); len(left) < 3 {
		t.Fatalf("processes %v; want three at the least", left)
	}
	endProcesses(context.Background(), quiet)
	if left := processes("/proc"); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

package console

import (
	"bufio"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fifo makes a pipe with a path, and holds its other end open.
func fifo(t *testing.T) (string, *os.File) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tty")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return path, f
}

// TestMilestones: every console has each line; one that nobody reads and one
// that is not there hold up nobody.
func TestMilestones(t *testing.T) {
	path, reader := fifo(t)
	full, _ := fifo(t)
	ctx, stop := context.WithCancel(t.Context())
	c := Open(ctx, []string{path, filepath.Join(t.TempDir(), "none"), full})
	c.now = func() time.Duration { return 5321 * time.Millisecond }
	c.Milestone("asterisk ready")
	lines := bufio.NewReader(reader)
	if got, err := lines.ReadString('\n'); got != "switchroom: 5.32 asterisk ready\r\n" || err != nil {
		t.Errorf("the console has %q, %v", got, err)
	}
	// Far more than the pipe and the queue of the other hold.
	for range 5000 {
		c.Milestone(strings.Repeat("x", 100))
	}
	stop()
	c.Milestone("after the end") // is lost, and waits for nobody
	go func() {
		for {
			if _, err := lines.ReadString('\n'); err != nil {
				return
			}
		}
	}()
	c.Wait()
	reader.Close()
}

func TestDevices(t *testing.T) {
	for _, d := range Devices() {
		if !strings.HasPrefix(d, "/dev/") {
			t.Errorf("device %q", d)
		}
	}
	if SinceKernelStart() <= 0 {
		t.Error("the kernel has not started yet")
	}
}

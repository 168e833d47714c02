// Package console writes the milestones of the boot to the machine's consoles,
// where people and tests watch it come up: one line each, with the seconds
// since the kernel's start.
//
//	switchroom: 5.32 asterisk ready
//
// A console can hang (a terminal that holds the line, a port nobody drains), so
// each has a goroutine and a short queue of its own, and lines that find the
// queue full are lost: nothing ever waits for a console.
package console

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// SinceKernelStart is the time since the kernel started, as its log has it.
func SinceKernelStart() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return 0 // a kernel without it is older than this program's runtime allows
	}
	return time.Duration(ts.Nano())
}

// Devices gives the paths of the machine's consoles, from the list the kernel
// keeps (/sys/class/tty/console/active).
func Devices() []string {
	data, err := os.ReadFile("/sys/class/tty/console/active")
	if err != nil {
		return []string{"/dev/console"}
	}
	var paths []string
	for name := range strings.FieldsSeq(string(data)) {
		paths = append(paths, "/dev/"+name)
	}
	return paths
}

// queued is how many lines a console may be behind.
const queued = 64

// A Console writes lines to devices. Milestone may be called from any goroutine.
type Console struct {
	queues []chan string
	done   sync.WaitGroup
	now    func() time.Duration
}

// Open starts writing to the devices; those that can't be opened are left out.
// It ends, when the context does, after what is queued, but waits for no one.
func Open(ctx context.Context, devices []string) *Console {
	c := &Console{now: SinceKernelStart}
	for _, path := range devices {
		// Non-blocking, so that Go's poller waits and a deadline holds.
		f, err := os.OpenFile(path, os.O_WRONLY|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err != nil {
			continue
		}
		queue := make(chan string, queued)
		c.queues = append(c.queues, queue)
		c.done.Go(func() {
			defer f.Close()
			write(ctx, f, queue)
		})
	}
	return c
}

func write(ctx context.Context, f *os.File, queue <-chan string) {
	for ctx.Err() == nil {
		select {
		case line := <-queue:
			// A device that the poller doesn't take knows no deadline, and
			// returns at once when it is full: then the line is lost.
			_ = f.SetWriteDeadline(time.Now().Add(2 * time.Second))
			_, _ = f.WriteString(line)
		case <-ctx.Done():
		}
	}
	// One deadline for all that is left: a hung console must not hold up the
	// machine's restart.
	_ = f.SetWriteDeadline(time.Now().Add(500 * time.Millisecond))
	for {
		select {
		case line := <-queue:
			if _, err := f.WriteString(line); err != nil {
				return
			}
		default:
			return
		}
	}
}

// Milestone writes a line.
func (c *Console) Milestone(text string) {
	c.line(fmt.Sprintf("switchroom: %.2f %s\r\n", c.now().Seconds(), text))
}

func (c *Console) line(line string) {
	for _, q := range c.queues {
		select {
		case q <- line:
		default:
		}
	}
}

// Wait waits until what was queued before the context's end is written.
func (c *Console) Wait() { c.done.Wait() }

package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// Kernel records what the kernel says, as the service "kernel", from its first
// message on until the context ends: its own messages that are at least as
// grave as least, and all that programs wrote into its log (the initramfs has
// no other). Path is /dev/kmsg but in tests
// (Documentation/ABI/testing/dev-kmsg of the kernel).
func (j *Journal) Kernel(ctx context.Context, path string, least Level) error {
	// Non-blocking, so that Go's poller waits and closing ends a read.
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("opening the kernel's log: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { f.Close() })
	defer stop()
	defer f.Close()
	l := limiter{journal: j, service: "kernel", tokens: float64(j.cfg.Burst), last: j.cfg.Now()}
	buf := make([]byte, 8192) // a read gives one message, and none is longer
	for {
		n, err := f.Read(buf)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, unix.EPIPE):
			j.Add("kernel", Warning, "messages were overwritten before they were read")
			continue
		case err != nil:
			return fmt.Errorf("reading the kernel's log: %w", err)
		}
		m, err := parseKmsg(buf[:n])
		if err != nil || m.level > least && !m.user {
			continue
		}
		if l.take() {
			j.addAt(j.cfg.Now().Add(-since(m.at)), "kernel", m.level, m.text)
		}
	}
}

// A kmsg is a message of the kernel's log.
type kmsg struct {
	level Level
	user  bool // a program wrote it
	at    time.Duration
	text  string
}

// parseKmsg reads "priority,sequence,microseconds,flags;text", and lines of
// properties, which are left out.
func parseKmsg(raw []byte) (kmsg, error) {
	var m kmsg
	head, text, ok := bytes.Cut(raw, []byte(";"))
	if !ok {
		return m, errors.New("no text")
	}
	fields := bytes.Split(head, []byte(","))
	if len(fields) < 3 {
		return m, errors.New("too few fields")
	}
	prio, err := strconv.ParseUint(string(fields[0]), 10, 16)
	if err != nil {
		return m, fmt.Errorf("reading the priority: %w", err)
	}
	micros, err := strconv.ParseInt(string(fields[2]), 10, 52)
	if err != nil || micros < 0 {
		return m, fmt.Errorf("reading the time: %q", fields[2])
	}
	text, _, _ = bytes.Cut(text, []byte("\n"))
	// The facility is in the bits above the level; the kernel's own is 0.
	m.level, m.user = Level(prio&7), prio>>3 != 0
	m.at = time.Duration(micros) * time.Microsecond
	m.text = printable(text)
	return m, nil
}

// since gives how long ago that was, for a time of the kernel's log.
func since(at time.Duration) time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return 0
	}
	return max(time.Duration(ts.Nano())-at, 0)
}

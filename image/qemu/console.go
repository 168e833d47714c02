package qemu

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
	"time"
)

// maxLineBytes bounds a line of the console: a guest gone wild must not fill
// the host's memory.
const maxLineBytes = 4096

// maxLines is how many lines a Console keeps; older ones are in the log file.
const maxLines = 20000

// Line is one line of the serial console.
type Line struct {
	Number int           // 1 for the first
	At     time.Duration // since the machine was started, on the host's clock
	Text   string        // without line end, carriage returns and escape sequences
}

// Console is what the guest printed on its serial port so far.
// Its methods may be called at the same time.
type Console struct {
	started time.Time

	mu      sync.Mutex
	lines   []Line
	first   int // number of lines[0]
	partial []byte
	closed  bool
	changed chan struct{} // closed and replaced when something is added
}

func newConsole(started time.Time) *Console {
	return &Console{started: started, first: 1, changed: make(chan struct{})}
}

// escapes are the ANSI sequences that firmware, GRUB and Linux colour and
// place their output with.
var escapes = regexp.MustCompile("\x1b(?:\\[[0-9;?=]*[ -/]*[@-~]|[@-Z\\\\-_]|[()][A-Z0-9])")

// read consumes the guest's output until it ends, copying it to log.
func (c *Console) read(r io.Reader, log io.Writer) error {
	buf := make([]byte, 4096)
	for {
		n, err := r.Read(buf)
		if n > 0 {
			if _, werr := log.Write(buf[:n]); werr != nil {
				return fmt.Errorf("writing the serial log: %w", werr)
			}
			c.add(buf[:n])
		}
		if err != nil {
			c.mu.Lock()
			c.closed = true
			c.wake()
			c.mu.Unlock()
			if err == io.EOF {
				return nil
			}
			return fmt.Errorf("reading the serial port: %w", err)
		}
	}
}

func (c *Console) add(b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(b) > 0 {
		i := bytes.IndexByte(b, '\n')
		end := i
		if i < 0 {
			end = len(b)
		}
		room := maxLineBytes - len(c.partial)
		c.partial = append(c.partial, b[:min(end, room)]...)
		if i < 0 {
			break
		}
		c.finish()
		b = b[i+1:]
	}
	c.wake()
}

func (c *Console) finish() {
	text := escapes.ReplaceAllString(string(c.partial), "")
	text = strings.ReplaceAll(text, "\r", "")
	c.partial = c.partial[:0]
	c.lines = append(c.lines, Line{Number: c.first + len(c.lines), At: time.Since(c.started), Text: text})
	if len(c.lines) > maxLines {
		drop := maxLines / 4
		c.lines = append([]Line(nil), c.lines[drop:]...)
		c.first += drop
	}
}

func (c *Console) wake() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// Next returns the line after number, waiting for it if need be; 0 asks for
// the first. It fails with io.EOF when the guest's output has ended.
func (c *Console) Next(ctx context.Context, number int) (Line, error) {
	for {
		c.mu.Lock()
		i := max(number+1-c.first, 0)
		if i < len(c.lines) {
			l := c.lines[i]
			c.mu.Unlock()
			return l, nil
		}
		closed, changed := c.closed, c.changed
		c.mu.Unlock()
		if closed {
			return Line{}, io.EOF
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Line{}, ctx.Err()
		}
	}
}

// Wait returns the first line after number that matches, and the match with
// its groups. The error of a wait in vain ends with the last lines that came.
func (c *Console) Wait(ctx context.Context, number int, pattern *regexp.Regexp) (Line, []string, error) {
	for at := number; ; {
		l, err := c.Next(ctx, at)
		if err != nil {
			return Line{}, nil, fmt.Errorf("waiting for %q on the serial console: %w\n%s", pattern, err, c.Tail(40))
		}
		if m := pattern.FindStringSubmatch(l.Text); m != nil {
			return l, m, nil
		}
		at = l.Number
	}
}

// Last is the number of the newest whole line.
func (c *Console) Last() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.first + len(c.lines) - 1
}

// Tail is the last n lines, and what stands after them without a line end.
func (c *Console) Tail(n int) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var b strings.Builder
	for _, l := range c.lines[max(0, len(c.lines)-n):] {
		fmt.Fprintf(&b, "%9.2f  %s\n", l.At.Seconds(), l.Text)
	}
	if len(c.partial) > 0 {
		fmt.Fprintf(&b, "           %s", escapes.ReplaceAllString(string(c.partial), ""))
	}
	return b.String()
}

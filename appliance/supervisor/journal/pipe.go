package journal

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Pipe makes a service's standard output: what is written to the file becomes
// records, until the last process that has it closes it. Done, if not nil, is
// called then. The caller closes the file once its processes are started.
func (j *Journal) Pipe(service string, done func()) (*os.File, error) {
	// Not os.Pipe: its writing end would be non-blocking, which the service
	// would inherit.
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		return nil, fmt.Errorf("making the pipe for the output of %s: %w", service, err)
	}
	if err := unix.SetNonblock(fds[0], true); err != nil {
		unix.Close(fds[0])
		unix.Close(fds[1])
		return nil, fmt.Errorf("making the pipe for the output of %s: %w", service, err)
	}
	r := os.NewFile(uintptr(fds[0]), "output of "+service)
	go func() {
		j.read(service, r)
		r.Close()
		if done != nil {
			done()
		}
	}()
	return os.NewFile(uintptr(fds[1]), "output of "+service), nil
}

// read makes records of lines until the reader ends. A line that is longer
// than the bound is split; a last line without its end is one as well.
func (j *Journal) read(service string, r io.Reader) {
	l := limiter{journal: j, service: service, tokens: float64(j.cfg.Burst), last: j.cfg.Now()}
	buf := make([]byte, 0, min(512, j.cfg.LineBytes))
	for {
		if len(buf) == cap(buf) {
			grown := make([]byte, len(buf), min(2*cap(buf), j.cfg.LineBytes))
			copy(grown, buf)
			buf = grown
		}
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		for {
			line, rest, found := bytes.Cut(buf, []byte("\n"))
			if !found {
				break
			}
			l.line(line)
			buf = buf[:copy(buf, rest)]
		}
		if len(buf) == j.cfg.LineBytes {
			cut := splitAt(buf)
			l.line(buf[:cut])
			buf = buf[:copy(buf, buf[cut:])]
		}
		if err != nil {
			if len(buf) > 0 {
				l.line(buf)
			}
			l.report()
			return
		}
	}
}

// splitAt gives where a full buffer is split: not within a rune.
func splitAt(buf []byte) int {
	for cut := len(buf); cut > len(buf)-4; cut-- {
		if last := buf[cut-1]; last < 0x80 {
			return cut
		} else if last >= 0xc0 {
			return cut - 1
		}
	}
	return len(buf)
}

// A limiter is a service's token bucket.
type limiter struct {
	journal *Journal
	service string
	tokens  float64
	last    time.Time
	lost    int
}

func (l *limiter) line(line []byte) {
	if !l.take() {
		return
	}
	if len(bytes.TrimSpace(line)) == 0 {
		return
	}
	level, text := parseLine(line)
	l.journal.Add(l.service, level, text)
}

// take reports whether there is room for a line.
func (l *limiter) take() bool {
	cfg := &l.journal.cfg
	now := cfg.Now()
	l.tokens = min(float64(cfg.Burst), l.tokens+now.Sub(l.last).Seconds()*float64(cfg.Rate))
	l.last = now
	if l.tokens < 1 {
		l.lost++
		return false
	}
	l.tokens--
	l.report()
	return true
}

// report says how many lines were lost.
func (l *limiter) report() {
	if l.lost > 0 {
		l.journal.Add(l.service, Warning, fmt.Sprintf("%d lines lost: too many at once", l.lost))
		l.lost = 0
	}
}

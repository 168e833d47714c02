// Package progress shows people how far long work is: one line that is drawn again on a terminal,
// plain lines now and then anywhere else.
package progress

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
)

// How often a terminal's line is drawn again, and how often a plain line is written.
const (
	redraw = 100 * time.Millisecond
	plain  = 5 * time.Second
)

// Printer writes the progress of any number of tasks at a time. A nil or silent one is usable and
// writes nothing. Its methods may be called from any goroutine.
type Printer struct {
	mu    sync.Mutex
	w     io.Writer
	tty   bool
	drawn bool // the terminal's present line is ours
	now   func() time.Time
}

// New returns a printer on w; a nil w is silence.
func New(w io.Writer) *Printer {
	p := &Printer{w: w, now: time.Now}
	if f, ok := w.(*os.File); ok && f != nil {
		p.tty = term.IsTerminal(int(f.Fd()))
	}
	return p
}

// Printf writes a line of its own, ending it.
func (p *Printer) Printf(format string, args ...any) {
	if p == nil || p.w == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	fmt.Fprintf(p.w, format+"\n", args...)
}

func (p *Printer) clear() {
	if p.drawn {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.drawn = false
	}
}

// Unit says what a task counts.
type Unit int

// What tasks count.
const (
	Items Unit = iota // things: files, modules, tests
	Bytes
)

// Task is one piece of long work. Its methods may be called from any goroutine.
type Task struct {
	p           *Printer
	what        string
	unit        Unit
	total, done int64
	start, last time.Time
	said        bool
}

// Start begins a task of a total of so many units; a total of 0 is one that isn't known.
func (p *Printer) Start(what string, unit Unit, total int64) *Task {
	t := &Task{p: p, what: what, unit: unit, total: total}
	if p != nil && p.w != nil {
		t.start = p.now()
		t.last = t.start
	}
	return t
}

// Add says that n more units are done.
func (t *Task) Add(n int64) { t.update("", n) }

// Say says that n more units are done, and what is being done now.
func (t *Task) Say(n int64, detail string) { t.update(detail, n) }

// Write counts the bytes it is given: a task of Bytes is an io.Writer.
func (t *Task) Write(b []byte) (int, error) {
	t.Add(int64(len(b)))
	return len(b), nil
}

func (t *Task) update(detail string, n int64) {
	if t.p == nil || t.p.w == nil {
		return
	}
	t.p.mu.Lock()
	defer t.p.mu.Unlock()
	t.done += n
	now := t.p.now()
	every := plain
	if t.p.tty {
		every = redraw
	}
	if now.Sub(t.last) < every {
		return
	}
	t.last = now
	t.said = true
	line := t.line(now, detail)
	if !t.p.tty {
		fmt.Fprintln(t.p.w, line)
		return
	}
	if r := []rune(line); len(r) > 100 {
		line = string(r[:99]) + "…"
	}
	fmt.Fprint(t.p.w, "\r\x1b[K", line)
	t.p.drawn = true
}

// Done ends the task and says how long it took. A task that ended before anything was shown of
// it, and took less than a second, says nothing.
func (t *Task) Done() {
	if t.p == nil || t.p.w == nil {
		return
	}
	t.p.mu.Lock()
	defer t.p.mu.Unlock()
	t.p.clear()
	took := t.p.now().Sub(t.start)
	if !t.said && took < time.Second {
		return
	}
	fmt.Fprintf(t.p.w, "%s: %s in %s\n", t.what, t.amount(t.done), seconds(took))
}

func (t *Task) line(now time.Time, detail string) string {
	var b strings.Builder
	took := now.Sub(t.start)
	fmt.Fprintf(&b, "%s: %s", t.what, t.amount(t.done))
	if t.total >= t.done && t.total > 0 { // totals can be estimates
		fmt.Fprintf(&b, " of %s, %d %%", t.amount(t.total), 100*t.done/t.total)
	}
	fmt.Fprintf(&b, ", %s", seconds(took))
	if t.total > t.done && t.done*20 >= t.total && took >= 2*time.Second { // before that it is a guess
		left := time.Duration(float64(took) * float64(t.total-t.done) / float64(t.done))
		fmt.Fprintf(&b, ", about %s to go", seconds(left))
	}
	if detail != "" {
		fmt.Fprintf(&b, ": %s", detail)
	}
	return b.String()
}

func (t *Task) amount(n int64) string {
	if t.unit == Bytes {
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprint(n)
}

func seconds(d time.Duration) string {
	if d >= time.Minute {
		return fmt.Sprintf("%d min %02d s", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%.0f s", d.Seconds())
}

package panel

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"switchroom/appliance/panel/cfa635"
	"switchroom/dahdi"
)

const (
	// turn is how long each page stands.
	turn = 6 * time.Second
	// hold is how long a page stands that somebody has leafed to.
	hold = 30 * time.Second
	// idle is after how long without a key the menu closes itself.
	idle = time.Minute
	// dim is after how long without a key the light goes down.
	dim = 2 * time.Minute

	fullLight, dimLight = 100, 35
	// roomyRows is from how many lines on a display has room for everything.
	roomyRows = 12
)

// A Lamp is the colour of a lamp.
type Lamp int

// The colours.
const (
	LampDark Lamp = iota
	LampGreen
	LampAmber
	LampRed
)

// Lamps is how many there are.
const Lamps = 4

// A Frame is all that a display shows. Each line has the width of the display.
type Frame struct {
	Lines []string
	Lamps [Lamps]Lamp
	Light int // per cent
}

func (f Frame) equal(o Frame) bool {
	if f.Lamps != o.Lamps || f.Light != o.Light || len(f.Lines) != len(o.Lines) {
		return false
	}
	for i, l := range f.Lines {
		if l != o.Lines[i] {
			return false
		}
	}
	return true
}

// An Input is a key, or on a keyboard a digit.
type Input struct {
	Key   cfa635.Key
	Digit rune // '0' to '9', with KeyNone
}

// ui is what one display shows and what keys do, without any of the outside: it
// is told the time, the facts and the keys. It is used by one goroutine.
type ui struct {
	columns, rows int
	controls      Controls
	now           time.Time
	facts         Facts
	// begin starts an operation, whose end is told to finished.
	begin func(do func(context.Context) error)

	page     int // of the pages that take turns
	turnAt   time.Time
	lastKey  time.Time
	unlocked bool
	views    []view // above the pages, the last on top
}

// A view is something that the menu has opened.
type view interface {
	// lines gives what it shows; the one that must be seen, if not all fit.
	lines(u *ui) (lines []string, focus int)
	input(u *ui, in Input)
}

func newUI(columns, rows int, c Controls, begin func(func(context.Context) error), now time.Time) *ui {
	return &ui{columns: columns, rows: rows, controls: c, begin: begin, now: now, lastKey: now, turnAt: now.Add(turn)}
}

func (u *ui) roomy() bool { return u.rows >= roomyRows }

// pages lays the screens out.
func (u *ui) pages() [][]string {
	var pages [][]string
	all := screens(&u.facts, u.now, u.roomy())
	if u.roomy() {
		var lines []string
		for i, s := range all {
			if i > 0 {
				lines = append(lines, "")
			}
			lines = append(lines, s.title)
			for _, l := range s.lines {
				for _, w := range wrap(l, u.columns-2) {
					lines = append(lines, "  "+w)
				}
			}
		}
		for len(lines) > u.rows-1 {
			pages, lines = append(pages, lines[:u.rows-1]), lines[u.rows-1:]
		}
		pages = append(pages, lines)
		for i, p := range pages {
			for len(p) < u.rows-1 {
				p = append(p, "")
			}
			help := "Enter: menu"
			if len(pages) > 1 {
				help += fmt.Sprintf("   arrows: page %d of %d", i+1, len(pages))
			}
			pages[i] = append(p[:u.rows-1:u.rows-1], help)
		}
		return pages
	}
	for i, s := range all {
		var lines []string
		if u.rows < 4 && i == 0 {
			lines = append(lines, s.title)
		}
		for _, l := range s.lines {
			lines = append(lines, wrap(l, u.columns)...)
		}
		pages = append(pages, u.paged(s.title, lines)...)
	}
	return pages
}

// paged breaks lines into pages, below their title where there is room for it.
func (u *ui) paged(title string, lines []string) [][]string {
	room := u.rows
	if u.rows >= 4 {
		room--
	}
	var pages [][]string
	count := (len(lines) + room - 1) / room
	for i := range count {
		part := lines[i*room : min((i+1)*room, len(lines))]
		if u.rows >= 4 {
			head := title
			if count > 1 {
				number := fmt.Sprintf(" %d/%d", i+1, count)
				head = fit(title, u.columns-len(number)) + number
			}
			part = append([]string{head}, part...)
		}
		pages = append(pages, part)
	}
	return pages
}

// fit makes a text just so wide.
func fit(text string, columns int) string {
	r := []rune(text)
	if len(r) > columns {
		return string(r[:columns])
	}
	return text + strings.Repeat(" ", columns-len(r))
}

// frame gives what is to be shown now.
func (u *ui) frame() Frame {
	f := Frame{Lamps: u.lamps(), Light: fullLight}
	if u.now.Sub(u.lastKey) >= dim {
		f.Light = dimLight
	}
	var lines []string
	if len(u.views) > 0 {
		var focus int
		lines, focus = u.views[len(u.views)-1].lines(u)
		if first := focus - u.rows + 1; first > 0 {
			lines = lines[first:]
		}
	} else {
		pages := u.pages()
		lines = pages[u.page%len(pages)]
	}
	for row := range u.rows {
		line := ""
		if row < len(lines) {
			line = lines[row]
		}
		f.Lines = append(f.Lines, fit(line, u.columns))
	}
	return f
}

func (u *ui) lamps() [Lamps]Lamp {
	var l [Lamps]Lamp
	l[0] = map[health]Lamp{
		healthUnknown: LampAmber, healthStarting: LampAmber, healthStopping: LampAmber,
		healthGood: LampGreen, healthBad: LampRed,
	}[u.facts.health(u.now)]
	if inv := u.facts.Inventory; inv != nil && len(inv.Cards) > 0 {
		l[1] = LampGreen
		for _, p := range inv.Problems {
			// A port without a line may be one that nobody uses.
			if p.State == dahdi.StateLine && l[1] != LampRed {
				l[1] = LampAmber
			} else if p.State != dahdi.StateLine {
				l[1] = LampRed
			}
		}
	}
	if f := u.facts.Floor; f != nil && f.Waiting > 0 {
		l[2] = LampAmber
	} else if f != nil && f.Calls > 0 {
		l[2] = LampGreen
	}
	return l
}

// next is when something changes by itself.
func (u *ui) next() time.Time {
	if len(u.views) > 0 {
		if _, working := u.top().(*working); working {
			return u.now.Add(idle)
		}
		return u.lastKey.Add(idle)
	}
	if at := u.lastKey.Add(dim); at.After(u.now) && at.Before(u.turnAt) {
		return at
	}
	return u.turnAt
}

// advance does what is due.
func (u *ui) advance(now time.Time) {
	u.now = now
	if len(u.views) > 0 {
		if _, working := u.top().(*working); !working && now.Sub(u.lastKey) >= idle {
			u.close()
		}
		return
	}
	if !now.Before(u.turnAt) {
		u.page = (u.page + 1) % len(u.pages())
		u.turnAt = now.Add(turn)
	}
}

// close leaves the menu.
func (u *ui) close() {
	u.views, u.unlocked = nil, false
	u.page, u.turnAt = 0, u.now.Add(turn)
}

func (u *ui) top() view   { return u.views[len(u.views)-1] }
func (u *ui) push(v view) { u.views = append(u.views, v) }

// back closes the topmost view.
func (u *ui) back() {
	u.views = u.views[:len(u.views)-1]
	if len(u.views) == 0 {
		u.close()
	}
}

// farewell is what stays when nobody is there any more to show anything: a
// module may have power for longer than the box.
func (u *ui) farewell(now time.Time) Frame {
	u.advance(now)
	text := "One moment..."
	if u.facts.health(now) == healthStopping {
		text = "Shutting down"
	}
	f := Frame{Lines: []string{fit(shownName(u.facts.Name), u.columns), fit(text, u.columns)}, Light: dimLight}
	for len(f.Lines) < u.rows {
		f.Lines = append(f.Lines, fit("", u.columns))
	}
	f.Lamps[0] = LampAmber
	return f
}

// input is a key.
func (u *ui) input(in Input, now time.Time) {
	u.advance(now)
	u.lastKey = now
	if len(u.views) > 0 {
		u.top().input(u, in)
		return
	}
	count := len(u.pages())
	switch in.Key {
	case cfa635.KeyEnter:
		u.push(&menu{items: u.items()})
		return
	case cfa635.KeyRight, cfa635.KeyDown:
		u.page = (u.page + 1) % count
	case cfa635.KeyLeft, cfa635.KeyUp:
		u.page = (u.page%count + count - 1) % count
	case cfa635.KeyExit:
		u.page = 0
	default:
		return
	}
	u.turnAt = now.Add(hold)
}

// run has an operation done, and says how it went.
func (u *ui) run(do func(context.Context) error) {
	u.push(&working{})
	u.begin(do)
}

// finished is told of the end of what begin has begun.
func (u *ui) finished(err error, now time.Time) {
	u.advance(now)
	for i, v := range u.views {
		if _, ok := v.(*working); ok {
			text := "Done"
			if err != nil {
				text = "Failed: " + plain(err)
			}
			u.views = append(u.views[:i:i], &notice{text: text})
			u.lastKey = now
			return
		}
	}
}

// plain is an error in the words for a person, if it has some.
func plain(err error) string {
	var p interface{ Plain() string }
	if errors.As(err, &p) {
		return p.Plain()
	}
	return err.Error()
}

package panel

import (
	"context"
	"fmt"
	"strings"

	"switchroom/appliance/panel/cfa635"
)

// Controls is what the menu can do. A member that is nil takes its entries out
// of the menu.
type Controls struct {
	Box   Box
	PINs  PINs
	Hours HoursControl
	Admin AdminControl
}

// A Box is the machine and its services.
type Box interface {
	Restart(ctx context.Context, service string) error
	Reboot(ctx context.Context) error
	PowerOff(ctx context.Context) error
}

// HoursControl switches between day and night, whatever the schedule says.
type HoursControl interface {
	SetHours(ctx context.Context, h Hours) error
}

// AdminControl lets the owner in again who was locked out for wrong passwords.
type AdminControl interface {
	UnlockAdmin(ctx context.Context) error
}

// An item is an entry of a menu.
type item struct {
	label string
	open  func(u *ui)
	short string // for 16 columns, if label is too long for them
}

// text is what it is called in so many columns.
func (it item) text(columns int) string {
	if it.short != "" && len(it.label) > columns-1 {
		return it.short
	}
	return it.label
}

// items is the menu as it is now.
func (u *ui) items() []item {
	c := u.controls
	all := []item{{label: "Network", open: func(u *ui) { u.push(&reader{title: "Network", show: network}) }}}
	if u.facts.SetupCode != "" {
		all = append(all, item{label: "Setup code", open: func(u *ui) {
			u.push(&reader{title: "Setup code", show: func(f *Facts) screen { return screen{"Setup code", []string{f.SetupCode}} }})
		}})
	}
	if c.PINs == nil {
		return all
	}
	if c.Hours != nil {
		all = append(all, item{label: "Day or night", open: func(u *ui) { u.guarded(func() { u.push(&menu{items: u.hours()}) }) }})
	}
	if c.Box != nil {
		all = append(all,
			u.confirmed("Restart Asterisk", "Restart PBX", "All calls end", func(ctx context.Context) error { return c.Box.Restart(ctx, "asterisk") }),
			u.confirmed("Reboot", "", "All calls end", c.Box.Reboot),
			u.confirmed("Power off", "", "All calls end", c.Box.PowerOff))
	}
	if c.Admin != nil {
		all = append(all, u.confirmed("Unlock the admin", "Unlock admin", "Lets the owner in", c.Admin.UnlockAdmin))
	}
	return append(all, item{label: "Change the PIN", open: func(u *ui) {
		if has, err := c.PINs.Has(); err == nil && !has {
			u.push(&choosePIN{})
			return
		}
		u.guarded(func() { u.push(&choosePIN{}) })
	}})
}

func (u *ui) hours() []item {
	var all []item
	for _, h := range []struct {
		label string
		hours Hours
	}{{"By the schedule", HoursAuto}, {"Day", HoursDay}, {"Night", HoursNight}} {
		label := h.label
		if u.facts.Hours == h.hours {
			label += " *"
		}
		all = append(all, item{label: label, open: func(u *ui) {
			u.run(func(ctx context.Context) error { return u.controls.Hours.SetHours(ctx, h.hours) })
		}})
	}
	return all
}

// confirmed is an entry that asks for the PIN, and whether it is meant.
func (u *ui) confirmed(label, short, warning string, do func(context.Context) error) item {
	it := item{label: label, short: short}
	it.open = func(u *ui) {
		u.guarded(func() { u.push(&confirm{question: it.text(u.columns-1) + "?", warning: warning, yes: do}) })
	}
	return it
}

// menu is a list to choose from.
type menu struct {
	items  []item
	chosen int
}

func (m *menu) lines(u *ui) ([]string, int) {
	var lines []string
	for i, it := range m.items {
		mark := " "
		if i == m.chosen {
			mark = ">"
		}
		lines = append(lines, mark+it.text(u.columns))
	}
	if u.roomy() {
		lines = append(lines, "", "Arrows: choose   Enter: open   Esc: back")
	}
	return lines, m.chosen
}

func (m *menu) input(u *ui, in Input) {
	switch in.Key {
	case cfa635.KeyUp:
		m.chosen = (m.chosen + len(m.items) - 1) % len(m.items)
	case cfa635.KeyDown:
		m.chosen = (m.chosen + 1) % len(m.items)
	case cfa635.KeyEnter, cfa635.KeyRight:
		m.items[m.chosen].open(u)
	case cfa635.KeyExit, cfa635.KeyLeft:
		u.back()
	}
}

// reader shows a screen, to leaf through.
type reader struct {
	title string
	show  func(*Facts) screen
	page  int
}

func (r *reader) pages(u *ui) [][]string {
	var lines []string
	for _, l := range r.show(&u.facts).lines {
		lines = append(lines, wrap(l, u.columns)...)
	}
	return u.paged(r.title, lines)
}

func (r *reader) lines(u *ui) ([]string, int) {
	pages := r.pages(u)
	return pages[r.page%len(pages)], 0
}

func (r *reader) input(u *ui, in Input) {
	count := len(r.pages(u))
	switch in.Key {
	case cfa635.KeyDown, cfa635.KeyRight, cfa635.KeyEnter:
		r.page = (r.page + 1) % count
	case cfa635.KeyUp, cfa635.KeyLeft:
		r.page = (r.page%count + count - 1) % count
	case cfa635.KeyExit:
		u.back()
	}
}

// confirm asks whether it is meant.
type confirm struct {
	question, warning string
	yes               func(context.Context) error
}

func (c *confirm) lines(u *ui) ([]string, int) {
	answer := "Enter=yes Exit=no"
	if u.columns < len(answer) {
		answer = "Enter=Y Exit=N"
	}
	if u.rows < 4 {
		return []string{c.question, answer}, 0
	}
	return []string{c.question, c.warning, "", answer}, 0
}

func (c *confirm) input(u *ui, in Input) {
	switch in.Key {
	case cfa635.KeyEnter:
		u.back()
		u.run(c.yes)
	case cfa635.KeyExit, cfa635.KeyLeft:
		u.back()
	}
}

// working stands while something is done. No key disturbs it.
type working struct{}

func (*working) lines(*ui) ([]string, int) { return []string{"One moment..."}, 0 }
func (*working) input(*ui, Input)          {}

// notice says something until a key is pressed.
type notice struct {
	text string
	page int
}

func (n *notice) lines(u *ui) ([]string, int) {
	lines := wrap(n.text, u.columns)
	start := n.page * u.rows
	return lines[start:min(start+u.rows, len(lines))], 0
}

func (n *notice) input(u *ui, in Input) {
	n.page++
	if in.Key == cfa635.KeyExit || n.page*u.rows >= len(wrap(n.text, u.columns)) {
		u.back()
	}
}

// digits is a PIN that is being entered: with the arrows alone, or by a
// keyboard's digits. An empty place and Enter is its end.
type digits struct {
	taken string
	wheel int // 0: empty, 1–10: the digits from 0
}

// input takes a key; done, if the PIN is complete; left, if it is given up.
func (d *digits) input(in Input) (pin string, done, left bool) {
	switch {
	case in.Digit >= '0' && in.Digit <= '9':
		d.taken, d.wheel = d.taken+string(in.Digit), 0
	case in.Key == cfa635.KeyUp:
		d.wheel = (d.wheel + 1) % 11
	case in.Key == cfa635.KeyDown:
		d.wheel = (d.wheel + 10) % 11
	case in.Key == cfa635.KeyEnter && d.wheel == 0:
		return d.taken, d.taken != "", d.taken == ""
	case (in.Key == cfa635.KeyEnter || in.Key == cfa635.KeyRight) && d.wheel > 0:
		d.taken, d.wheel = d.taken+fmt.Sprint(d.wheel-1), 0
	case (in.Key == cfa635.KeyExit || in.Key == cfa635.KeyLeft) && d.wheel > 0:
		d.wheel = 0
	case (in.Key == cfa635.KeyExit || in.Key == cfa635.KeyLeft) && d.taken == "":
		return "", false, true
	case in.Key == cfa635.KeyExit || in.Key == cfa635.KeyLeft:
		d.taken = d.taken[:len(d.taken)-1]
	}
	return d.taken, len(d.taken) == maxPIN, false
}

// String hides the digits but the one under the finger.
func (d *digits) String() string {
	last := "_"
	if d.wheel > 0 {
		last = fmt.Sprint(d.wheel - 1)
	}
	return strings.Repeat("*", len(d.taken)) + last
}

// pinLines is how a PIN is asked for.
func pinLines(u *ui, title string, d *digits) ([]string, int) {
	if u.rows < 4 {
		return []string{title, d.String()}, 0
	}
	return []string{title, d.String(), "", "Up/Down, Enter"}, 0
}

// askPIN asks for the PIN before it goes on.
type askPIN struct {
	digits digits
	then   func()
}

func (a *askPIN) lines(u *ui) ([]string, int) { return pinLines(u, "PIN:", &a.digits) }

func (a *askPIN) input(u *ui, in Input) {
	pin, done, left := a.digits.input(in)
	switch {
	case left:
		u.back()
	case done:
		u.back()
		if err := u.controls.PINs.Check(pin, u.now); err != nil {
			u.push(&notice{text: plain(err)})
			return
		}
		u.unlocked = true
		a.then()
	}
}

// choosePIN asks for a new PIN, twice.
type choosePIN struct {
	digits digits
	first  string
	then   func()
}

func (c *choosePIN) lines(u *ui) ([]string, int) {
	title := "New PIN:"
	if c.first != "" {
		title = "New PIN again:"
	}
	return pinLines(u, title, &c.digits)
}

func (c *choosePIN) input(u *ui, in Input) {
	pin, done, left := c.digits.input(in)
	if left {
		u.back()
		return
	}
	if !done {
		return
	}
	c.digits = digits{}
	switch {
	case len(pin) < minPIN:
		u.push(&notice{text: fmt.Sprintf("A PIN has %d to %d digits", minPIN, maxPIN)})
	case c.first == "":
		c.first = pin
	case c.first != pin:
		c.first = ""
		u.push(&notice{text: "These two differ"})
	default:
		u.back()
		if err := u.controls.PINs.Set(pin); err != nil {
			u.push(&notice{text: "Failed: " + plain(err)})
			return
		}
		u.unlocked = true
		if c.then != nil {
			c.then()
			return
		}
		u.push(&notice{text: "The PIN is changed"})
	}
}

// guarded goes on if the PIN was given, asks for it, or has one chosen if there
// is none.
func (u *ui) guarded(then func()) {
	has, err := u.controls.PINs.Has()
	switch {
	case err != nil:
		u.push(&notice{text: "Not now: " + plain(err)})
	case u.unlocked:
		then()
	case has:
		u.push(&askPIN{then: then})
	default:
		u.push(&choosePIN{then: then})
	}
}

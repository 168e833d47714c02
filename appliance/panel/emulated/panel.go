// Package emulated is a Crystalfontz display module made of memory: it speaks
// the real protocol (package cfa635) over anything that bytes go over, shows a
// picture of its display as text, and has keys to press. It can be made to
// answer late or not at all, with wrong check sums, and amid noise.
//
// [OpenPTY] gives a line that programs take for a serial port.
package emulated

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"switchroom/appliance/panel/cfa635"
)

// Faults is what is wrong with a panel. Those with "every" come at every n-th
// answer, counted from when they were set; 0 is never.
type Faults struct {
	Slow       time.Duration // before each answer
	LoseEvery  int           // the answer is not sent
	CRCEvery   int           // the answer's check sum is wrong
	NoiseEvery int           // Noise is sent before the answer
	Noise      []byte
	DeafEvery  int // the command is not heard: neither done nor answered
}

// A Panel is an emulated module. Its methods may be called by any number of
// goroutines at once.
type Panel struct {
	model   *cfa635.Model
	version string

	mu          sync.Mutex
	cells       []byte
	lamps       [][2]int // red, green
	backlight   int
	cursor      int
	press       byte // masks of the keys that are reported
	release     byte
	faults      Faults
	answers     int
	commands    int
	lines       map[io.Writer]bool
	changed     chan struct{} // closed and replaced at every change
	definitions [8][8]byte
}

// New gives a panel as it is after power-on, with what the makers have it show.
func New(model *cfa635.Model) *Panel {
	p := &Panel{
		model:   model,
		version: strings.ReplaceAll(model.Name, "-", "") + ":h1.4,u2.1",
		lines:   map[io.Writer]bool{},
		changed: make(chan struct{}),
	}
	p.PowerOn()
	return p
}

// PowerOn forgets everything, as when the module lost its power for a moment.
func (p *Panel) PowerOn() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cells = slices.Repeat([]byte(" "), p.model.Columns*p.model.Rows)
	copy(p.cells, "Crystalfontz")
	p.lamps = make([][2]int, p.model.Lamps)
	p.backlight, p.cursor = 100, 1
	p.press, p.release = 0x3F, 0x3F
	p.change()
}

// Inject sets what is wrong from now on.
func (p *Panel) Inject(f Faults) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults, p.answers = f, 0
}

// Commands is how many commands were done.
func (p *Panel) Commands() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.commands
}

func (p *Panel) change() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// Text gives the lines of the display, as far as they can be written.
func (p *Panel) Text() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text()
}

func (p *Panel) text() []string {
	var lines []string
	for row := range p.model.Rows {
		lines = append(lines, p.model.Decode(p.cells[row*p.model.Columns:(row+1)*p.model.Columns]))
	}
	return lines
}

// Picture draws the module: the display in a frame, its lamps beside it (green,
// red, amber or dark), and whether it is lit.
func (p *Panel) Picture() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var b strings.Builder
	edge := "+" + strings.Repeat("-", p.model.Columns) + "+\n"
	fmt.Fprintf(&b, "%s, light %d%%\n%s", p.model.Name, p.backlight, edge)
	for row, line := range p.text() {
		fmt.Fprintf(&b, "|%s|", line)
		if row < len(p.lamps) {
			b.WriteString(" " + colour(p.lamps[row]))
		}
		b.WriteByte('\n')
	}
	return b.String() + edge
}

func colour(lamp [2]int) string {
	switch {
	case lamp[0] > 0 && lamp[1] > 0:
		return "amber"
	case lamp[0] > 0:
		return "red"
	case lamp[1] > 0:
		return "green"
	}
	return "dark"
}

// Await waits until the picture is as wanted, and gives it. With the context's
// error it gives the picture that is there instead.
func (p *Panel) Await(ctx context.Context, wanted func(picture string) bool) (string, error) {
	for {
		p.mu.Lock()
		changed := p.changed
		p.mu.Unlock()
		picture := p.Picture()
		if wanted(picture) {
			return picture, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return picture, ctx.Err()
		}
	}
}

// Tap presses keys one after the other, and releases each. It fails for a key
// that the model does not have.
func (p *Panel) Tap(keys ...cfa635.Key) error {
	for _, k := range keys {
		for _, down := range []bool{true, false} {
			if err := p.Key(cfa635.KeyEvent{Key: k, Down: down}); err != nil {
				return err
			}
		}
	}
	return nil
}

// Key presses or releases a key: on every line that is served, it is reported if
// it is to be.
func (p *Panel) Key(e cfa635.KeyEvent) error {
	code, ok := p.model.KeyCode(e)
	if !ok {
		return fmt.Errorf("a %s has no key %v", p.model.Name, e.Key)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	mask := p.release
	if e.Down {
		mask = p.press
	}
	if mask == 0 { // the masks of single keys are not looked at
		return nil
	}
	for line := range p.lines {
		packet := cfa635.Packet{Type: cfa635.ReportKey, Data: []byte{code}}.Append(nil)
		if _, err := line.Write(packet); err != nil {
			return fmt.Errorf("reporting a key: %w", err)
		}
	}
	return nil
}

// Serve answers what comes over the line until the line ends, whose error it
// gives. Who closes the line ends it.
func (p *Panel) Serve(line io.ReadWriter) error {
	p.mu.Lock()
	out := &locked{w: line}
	p.lines[out] = true
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		delete(p.lines, out)
		p.mu.Unlock()
	}()
	parser := cfa635.Parser{Accept: cfa635.FromHost}
	buf := make([]byte, 256)
	for {
		n, err := line.Read(buf)
		parser.Feed(buf[:n])
		for {
			command, ok := parser.Next()
			if !ok {
				break
			}
			answer, wait := p.hear(command)
			if answer == nil {
				continue
			}
			time.Sleep(wait)
			if _, err := out.Write(answer); err != nil {
				return fmt.Errorf("answering: %w", err)
			}
		}
		if err != nil {
			return fmt.Errorf("listening for commands: %w", err)
		}
	}
}

// hear does a command and gives the bytes of the answer, with what is wrong
// with it.
func (p *Panel) hear(command cfa635.Packet) (answer []byte, wait time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answers++
	f := p.faults
	every := func(n int) bool { return n > 0 && p.answers%n == 0 }
	if every(f.DeafEvery) {
		return nil, 0
	}
	reply := cfa635.Packet{Type: cfa635.Refusal(command.Type)}
	if data, ok := p.do(command); ok {
		reply = cfa635.Packet{Type: cfa635.Answer(command.Type), Data: data}
		p.commands++
		p.change()
	}
	if every(f.LoseEvery) {
		return nil, 0
	}
	if every(f.NoiseEvery) {
		answer = append(answer, f.Noise...)
	}
	answer = reply.Append(answer)
	if every(f.CRCEvery) {
		answer[len(answer)-1] ^= 0x55
	}
	return answer, f.Slow
}

// do does a command and gives the answer's data; false if it is none, or not as
// it should be.
func (p *Panel) do(c cfa635.Packet) (data []byte, ok bool) {
	d := c.Data
	columns, rows := p.model.Columns, p.model.Rows
	switch c.Type {
	case cfa635.CmdPing:
		return d, len(d) <= 16
	case cfa635.CmdVersion:
		return []byte(p.version), len(d) == 0
	case cfa635.CmdClear:
		p.cells = slices.Repeat([]byte(" "), columns*rows)
		return nil, len(d) == 0
	case cfa635.CmdDefineChar:
		if len(d) != 9 || d[0] > 7 {
			return nil, false
		}
		copy(p.definitions[d[0]][:], d[1:])
		return nil, true
	case cfa635.CmdCursorPos:
		return nil, len(d) == 2 && int(d[0]) < columns && int(d[1]) < rows
	case cfa635.CmdCursorStyle:
		if len(d) != 1 || d[0] > 4 {
			return nil, false
		}
		p.cursor = int(d[0])
		return nil, true
	case cfa635.CmdBacklight:
		if len(d) < 1 || len(d) > 2 || d[0] > 100 {
			return nil, false
		}
		p.backlight = int(d[0])
		return nil, true
	case cfa635.CmdKeyReports:
		if len(d) != 2 {
			return nil, false
		}
		p.press, p.release = d[0], d[1]
		return nil, true
	case cfa635.CmdWrite:
		if len(d) < 3 || int(d[0])+len(d)-2 > columns || int(d[1]) >= rows {
			return nil, false
		}
		copy(p.cells[int(d[1])*columns+int(d[0]):], d[2:])
		return nil, true
	case cfa635.CmdSetOutput:
		if len(d) != 2 || d[1] > 100 {
			return nil, false
		}
		lamp, red, ok := p.model.LampOf(d[0])
		switch {
		case !ok:
			return nil, false
		case red:
			p.lamps[lamp][0] = int(d[1])
		default:
			p.lamps[lamp][1] = int(d[1])
		}
		return nil, true
	}
	return nil, false
}

// locked lets answers and key reports be written by different goroutines.
type locked struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

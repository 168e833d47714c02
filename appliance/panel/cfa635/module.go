package cfa635

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// AnswerWithin is how long a module may take to answer (data sheets, "packet
// structure": 250 ms).
const AnswerWithin = 250 * time.Millisecond

// tries is how often a command is sent before the module is given up.
const tries = 3

// Errors that callers tell apart.
var (
	ErrNoAnswer = errors.New("the module does not answer")
	ErrRefused  = errors.New("the module refuses the command")
)

// queuedKeys is how many key events wait for somebody; further ones are lost.
const queuedKeys = 16

// A Module is a display module on a line. All its methods may be called by
// several goroutines at once; commands wait for each other.
type Module struct {
	Model   *Model
	Version string // as the module says it

	line   io.ReadWriteCloser
	within time.Duration
	keys   chan KeyEvent
	done   chan struct{}

	command sync.Mutex // held while a command is under way

	mu      sync.Mutex
	parser  Parser
	waiting byte // the command whose answer is waited for
	answers chan Packet
	err     error
}

// Open asks what is on the line for its version. Each answer may take that long:
// AnswerWithin, or more where the line itself is slow. With an error, nothing
// that this package knows answers there as it should, and the line is closed.
// Close must be called else.
func Open(ctx context.Context, line io.ReadWriteCloser, within time.Duration) (*Module, error) {
	m := &Module{
		line:    line,
		within:  within,
		keys:    make(chan KeyEvent, queuedKeys),
		done:    make(chan struct{}),
		parser:  Parser{Accept: FromModule},
		answers: make(chan Packet, 1),
	}
	go m.read()
	version, err := m.Do(ctx, CmdVersion)
	if err == nil {
		m.Version = string(version)
		m.Model, err = ModelOf(m.Version)
	}
	if err != nil {
		m.Close()
		return nil, fmt.Errorf("asking for the version: %w", err)
	}
	return m, nil
}

// Close closes the line, and waits until nobody reads from it any more.
func (m *Module) Close() error {
	err := m.line.Close()
	<-m.done
	return err
}

// Done is closed when the line can't be read any more: it was unplugged, or
// closed.
func (m *Module) Done() <-chan struct{} { return m.done }

// Keys gives the keys that are pressed and released, after EnableKeys. It is
// never closed.
func (m *Module) Keys() <-chan KeyEvent { return m.keys }

// Dropped is how many bytes came that were in no packet: noise.
func (m *Module) Dropped() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.parser.Dropped
}

func (m *Module) read() {
	defer close(m.done)
	buf := make([]byte, 256)
	for {
		n, err := m.line.Read(buf)
		m.mu.Lock()
		m.parser.Feed(buf[:n])
		m.dispatch()
		m.err = err
		m.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// dispatch gives packets to whom they concern. The lock is held.
func (m *Module) dispatch() {
	for {
		p, ok := m.parser.Next()
		if !ok {
			return
		}
		switch {
		case p.Type == ReportKey:
			if e, ok := ParseKey(p.Data); ok {
				select {
				case m.keys <- e:
				default:
				}
			}
		case p.Type == Answer(m.waiting), p.Type == Refusal(m.waiting):
			select {
			case m.answers <- p:
			default: // a second answer to a command that was sent again
			}
		}
	}
}

// Do sends a command and gives the data of its answer. It is sent again, twice,
// if there is none in time: ErrNoAnswer then.
func (m *Module) Do(ctx context.Context, command byte, data ...byte) ([]byte, error) {
	m.command.Lock()
	defer m.command.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	m.waiting = command
	m.mu.Unlock()
	select {
	case <-m.answers: // to an earlier command, too late
	default:
	}
	packet := Packet{command, data}.Append(nil)
	for range tries {
		if _, err := m.line.Write(packet); err != nil {
			return nil, fmt.Errorf("sending command %d: %w", command, err)
		}
		late := time.NewTimer(m.within)
		select {
		case p := <-m.answers:
			late.Stop()
			return check(command, p)
		case <-ctx.Done():
			late.Stop()
			return nil, ctx.Err()
		case <-m.done:
			late.Stop()
			m.mu.Lock()
			defer m.mu.Unlock()
			return nil, fmt.Errorf("waiting for the answer to command %d: %w", command, m.err)
		case <-late.C:
		}
		// Noise may have looked like a packet's beginning, with the answer in it.
		m.mu.Lock()
		for m.parser.Pending() > 0 && len(m.answers) == 0 {
			m.parser.Skip()
			m.dispatch()
		}
		m.mu.Unlock()
		select {
		case p := <-m.answers:
			return check(command, p)
		default:
		}
	}
	return nil, fmt.Errorf("command %d: %w", command, ErrNoAnswer)
}

func check(command byte, p Packet) ([]byte, error) {
	if p.Type == Refusal(command) {
		return nil, fmt.Errorf("command %d: %w", command, ErrRefused)
	}
	return p.Data, nil
}

func (m *Module) tell(ctx context.Context, command byte, data ...byte) error {
	_, err := m.Do(ctx, command, data...)
	return err
}

// Ping sees whether the module is there.
func (m *Module) Ping(ctx context.Context) error { return m.tell(ctx, CmdPing) }

// Clear empties the display.
func (m *Module) Clear(ctx context.Context) error { return m.tell(ctx, CmdClear) }

// Write writes text at a place, counted from 0. What does not fit on the line is
// left out.
func (m *Module) Write(ctx context.Context, column, row int, text string) error {
	if column < 0 || column >= m.Model.Columns || row < 0 || row >= m.Model.Rows {
		return fmt.Errorf("writing at column %d of row %d: not on a %s", column, row, m.Model.Name)
	}
	codes := m.Model.Encode(text)
	codes = codes[:min(len(codes), m.Model.Columns-column)]
	if len(codes) == 0 {
		return nil
	}
	return m.tell(ctx, CmdWrite, append([]byte{byte(column), byte(row)}, codes...)...)
}

// HideCursor takes the cursor away.
func (m *Module) HideCursor(ctx context.Context) error { return m.tell(ctx, CmdCursorStyle, 0) }

// Backlight sets the brightness of display and keys, 0 to 100.
func (m *Module) Backlight(ctx context.Context, percent int) error {
	return m.tell(ctx, CmdBacklight, byte(max(0, min(percent, 100))))
}

// EnableKeys has every key reported, when it is pressed and when it is released.
func (m *Module) EnableKeys(ctx context.Context) error {
	return m.tell(ctx, CmdKeyReports, m.Model.keyMask, m.Model.keyMask)
}

// SetLamp sets the brightness of a lamp's colours, 0 to 100, counted from 0 at
// the top. Both together are amber.
func (m *Module) SetLamp(ctx context.Context, lamp, red, green int) error {
	if lamp < 0 || lamp >= m.Model.Lamps {
		return fmt.Errorf("setting lamp %d: a %s has %d", lamp, m.Model.Name, m.Model.Lamps)
	}
	r, g := lampOutputs(lamp)
	if err := m.tell(ctx, CmdSetOutput, r, byte(max(0, min(red, 100)))); err != nil {
		return err
	}
	return m.tell(ctx, CmdSetOutput, g, byte(max(0, min(green, 100))))
}

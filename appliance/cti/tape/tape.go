// Package tape keeps what the live state was made of, so that a call that went
// wrong can be played again: the answers to the questions of a snapshot, and
// the events between them, in the order in which they were applied.
//
// A tape is text in the form of Asterisk's manager interface, message after
// message as they came. Two messages of our own stand between them: "Event:
// TapeSnapshot" with the number of messages that follow and are the snapshot,
// and "Event: TapeMark" with a name, for people.
package tape

import (
	"fmt"
	"io"
	"strconv"

	"switchroom/appliance/asterisk/ami"
)

// Kind is what an [Entry] is.
type Kind uint8

// The kinds of entries.
const (
	Event    Kind = iota + 1 // Messages has one event
	Snapshot                 // Messages are the answers, as they came
	Mark                     // Name is what somebody wrote there
)

// Entry is one step of a tape.
type Entry struct {
	Kind     Kind
	Messages []*ami.Message
	Name     string
}

// Writer writes a tape. It is not for several goroutines at once.
type Writer struct{ w io.Writer }

// NewWriter writes to w, which must have all of it when it is looked at: it is
// not buffered here.
func NewWriter(w io.Writer) *Writer { return &Writer{w} }

// Event writes an event.
func (w *Writer) Event(m *ami.Message) error { return w.write(m.Raw()) }

// Snapshot writes the answers of a snapshot.
func (w *Writer) Snapshot(items []*ami.Message) error {
	if err := w.write([]byte("Event: TapeSnapshot\r\nItems: " + strconv.Itoa(len(items)) + "\r\n\r\n")); err != nil {
		return err
	}
	for _, m := range items {
		if err := w.write(m.Raw()); err != nil {
			return err
		}
	}
	return nil
}

// Mark writes a name, without CR and LF.
func (w *Writer) Mark(name string) error {
	return w.write([]byte("Event: TapeMark\r\nName: " + name + "\r\n\r\n"))
}

func (w *Writer) write(b []byte) error {
	if _, err := w.w.Write(b); err != nil {
		return fmt.Errorf("writing a tape: %w", err)
	}
	return nil
}

// Read reads a whole tape.
func Read(r io.Reader) ([]Entry, error) {
	p := ami.NewParser(r, 0)
	var out []Entry
	next := func() (*ami.Message, error) {
		m, err := p.Next()
		if err != nil {
			return nil, err
		}
		return m.Clone(), nil
	}
	for {
		m, err := next()
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading a tape, entry %d: %w", len(out)+1, err)
		}
		switch string(m.Event()) {
		case "TapeMark":
			out = append(out, Entry{Kind: Mark, Name: m.Get("Name")})
		case "TapeSnapshot":
			e := Entry{Kind: Snapshot}
			n, ok := m.Int("Items")
			if !ok || n < 0 {
				return nil, fmt.Errorf("reading a tape, entry %d: %q is no number of messages", len(out)+1, m.Get("Items"))
			}
			for range n {
				item, err := next()
				if err != nil {
					return nil, fmt.Errorf("reading a tape, entry %d: its snapshot ends early: %w", len(out)+1, err)
				}
				e.Messages = append(e.Messages, item)
			}
			out = append(out, e)
		default:
			out = append(out, Entry{Kind: Event, Messages: []*ami.Message{m}})
		}
	}
}

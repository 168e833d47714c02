package lab

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"strconv"
	"strings"
	"sync"
)

// Event is a message of the management connection: an event, or the answer to an action. Headers
// that come several times have their values one a line.
type Event map[string]string

// Manager is a connection to Asterisk's manager interface that keeps every event. It knows just
// enough of it to look on, and to do what no telephone can.
type Manager struct {
	conn net.Conn

	mu      sync.Mutex
	events  []Event
	answers map[string]chan Event
	ids     int
	changed chan struct{} // closed and replaced with every event
	err     error
}

func (b *Box) dialManager(ctx context.Context) (*Manager, error) {
	m := &Manager{answers: map[string]chan Event{}, changed: make(chan struct{})}
	err := b.net.do(func() (err error) {
		m.conn, err = new(net.Dialer).DialContext(ctx, "tcp4", "127.0.0.1:5038")
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("connecting to the manager interface: %w", err)
	}
	go m.read()
	if _, err := m.Do(ctx, "Login", "Username", managerUser, "Secret", managerSecret); err != nil {
		m.close()
		return nil, err
	}
	// Modules are loaded when this comes; it comes at once if they are.
	if _, err := m.Await(ctx, 0, func(e Event) bool { return e["Event"] == "FullyBooted" }); err != nil {
		m.close()
		return nil, err
	}
	return m, nil
}

func (m *Manager) close() { _ = m.conn.Close() }

func (m *Manager) read() {
	r := bufio.NewReader(m.conn)
	tp := textproto.NewReader(r)
	_, err := tp.ReadLine() // the greeting
	for err == nil {
		e := Event{}
		for {
			var line string
			if line, err = tp.ReadLine(); err != nil || line == "" {
				break
			}
			key, value, _ := strings.Cut(line, ":")
			value = strings.TrimPrefix(value, " ")
			if old, ok := e[key]; ok {
				value = old + "\n" + value
			}
			e[key] = value
		}
		if len(e) > 0 {
			m.take(e)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = err
	close(m.changed)
	m.changed = make(chan struct{})
	for id, c := range m.answers {
		close(c)
		delete(m.answers, id)
	}
}

func (m *Manager) take(e Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c, ok := m.answers[e["ActionID"]]; ok && e["Event"] == "" {
		c <- e
		delete(m.answers, e["ActionID"])
		return
	}
	m.events = append(m.events, e)
	close(m.changed)
	m.changed = make(chan struct{})
}

// Do runs an action with the headers, key by value, and returns its answer; an answer that is not
// a success is an error.
func (m *Manager) Do(ctx context.Context, action string, headers ...string) (Event, error) {
	m.mu.Lock()
	if m.err != nil {
		defer m.mu.Unlock()
		return nil, fmt.Errorf("action %s: %w", action, m.err)
	}
	m.ids++
	id := "lab-" + strconv.Itoa(m.ids)
	answer := make(chan Event, 1)
	m.answers[id] = answer
	var text strings.Builder
	fmt.Fprintf(&text, "Action: %s\r\nActionID: %s\r\n", action, id)
	for i := 0; i+1 < len(headers); i += 2 {
		fmt.Fprintf(&text, "%s: %s\r\n", headers[i], headers[i+1])
	}
	_, err := m.conn.Write([]byte(text.String() + "\r\n"))
	m.mu.Unlock()
	if err != nil {
		return nil, fmt.Errorf("action %s: %w", action, err)
	}
	select {
	case e, ok := <-answer:
		if !ok {
			return nil, fmt.Errorf("action %s: the connection ended", action)
		}
		if e["Response"] == "Error" {
			return e, fmt.Errorf("action %s: %s", action, e["Message"])
		}
		return e, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("action %s: %w", action, ctx.Err())
	}
}

// Command runs a command of Asterisk's command line and returns what it writes.
func (m *Manager) Command(ctx context.Context, command string) (string, error) {
	e, err := m.Do(ctx, "Command", "Command", command)
	if err != nil {
		return "", fmt.Errorf("%q: %w: %s", command, err, e["Output"])
	}
	return e["Output"], nil
}

// Mark returns how many events have come so far, for [Manager.Await] and [Manager.Events].
func (m *Manager) Mark() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.events)
}

// Events returns the events from a mark on that fit.
func (m *Manager) Events(from int, fit func(Event) bool) []Event {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []Event
	for _, e := range m.events[from:] {
		if fit(e) {
			out = append(out, e)
		}
	}
	return out
}

// Await waits for an event that fits, from a mark on, and returns it.
func (m *Manager) Await(ctx context.Context, from int, fit func(Event) bool) (Event, error) {
	for {
		m.mu.Lock()
		events, changed, err := m.events, m.changed, m.err
		m.mu.Unlock()
		for ; from < len(events); from++ {
			if fit(events[from]) {
				return events[from], nil
			}
		}
		if err != nil {
			return nil, errors.Join(errors.New("the manager connection ended"), err)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for an event: %w", ctx.Err())
		}
	}
}

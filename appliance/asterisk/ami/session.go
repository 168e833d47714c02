package ami

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"
)

// bootTime is how long Asterisk may load its modules before it is remarked on.
const bootTime = time.Minute

// A session is one connection.
type session struct {
	client *Client
	conn   net.Conn
	parser *Parser

	// FullyBooted, for those who subscribe later.
	booted    []byte
	bootedSeq uint64

	writing sync.Mutex
	out     []byte

	mu    sync.Mutex
	asked map[string]*pending // by ActionID
	ended bool
}

// A pending is an action that waits for its answer.
type pending struct {
	list  bool   // until "EventList: Complete"
	until string // until this event

	msgs []*Message
	size int
	done chan error // has room for one
}

// session is the whole life of a connection. It returns why it ended.
func (c *Client) session(ctx context.Context) (err error) {
	conn, err := c.cfg.Dial(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	s := &session{client: c, conn: conn, parser: NewParser(conn, c.cfg.MaxMessage), asked: map[string]*pending{}}
	if err := s.login(ctx); err != nil {
		return err
	}
	c.cfg.Log.InfoContext(ctx, "logged in to Asterisk")
	var background sync.WaitGroup
	defer background.Wait()
	alive, stop := context.WithCancel(ctx)
	defer stop()
	defer func() {
		s.end()
		c.setUp(nil, false, 0, []byte(err.Error()))
	}()
	slow := time.AfterFunc(bootTime, func() {
		c.cfg.Log.WarnContext(ctx, "Asterisk has not said that it has booted; does the user have the read class system?")
	})
	defer slow.Stop()
	for {
		m, err := s.parser.Next()
		if err != nil {
			return fmt.Errorf("reading from Asterisk: %w", err)
		}
		if s.booted == nil {
			if string(m.Event()) == "FullyBooted" {
				s.booted, s.bootedSeq = bytes.Clone(m.raw), m.Seq
				slow.Stop()
				c.setUp(s, true, m.Seq, m.raw)
				background.Go(func() { s.keepAlive(alive) })
			}
			continue
		}
		if !s.answer(m) && m.Kind() == Event {
			c.publish(m)
		}
	}
}

// login greets Asterisk. What comes before the answer is dropped.
func (s *session) login(ctx context.Context) error {
	l, err := s.client.cfg.Login(ctx)
	if err != nil {
		return fmt.Errorf("logging in: %w", err)
	}
	if err := s.conn.SetDeadline(time.Now().Add(s.client.cfg.Timeout)); err != nil {
		return err
	}
	banner, err := s.parser.Banner()
	if err != nil {
		return fmt.Errorf("waiting for Asterisk's greeting: %w", err)
	}
	if !strings.HasPrefix(banner, "Asterisk Call Manager/") {
		return fmt.Errorf("this is not Asterisk's manager: it greets with %.60q", banner)
	}
	events := l.Events
	if events == "" {
		events = "on"
	}
	const id = "login"
	s.out, err = NewAction("Login", "Username", l.User, "Secret", l.Secret, "Events", events).append(s.out[:0], id)
	if err != nil {
		return err
	}
	_, err = s.conn.Write(s.out)
	clear(s.out)
	if err != nil {
		return fmt.Errorf("logging in: %w", err)
	}
	for {
		m, err := s.parser.Next()
		if err != nil {
			return fmt.Errorf("logging in: %w", err)
		}
		if m.Kind() != Response || m.Get("ActionID") != id {
			continue
		}
		if !equalKey(m.Get("Response"), "Success") {
			return &Refused{Action: "Login", Reason: m.Get("Message")}
		}
		return s.conn.SetDeadline(time.Time{})
	}
}

// keepAlive breaks the connection when Asterisk doesn't answer.
func (s *session) keepAlive(ctx context.Context) {
	every := time.NewTicker(s.client.cfg.KeepAlive)
	defer every.Stop()
	for {
		select {
		case <-every.C:
		case <-ctx.Done():
			return
		}
		_, err := s.client.Do(ctx, NewAction("Ping"))
		if errors.Is(err, context.DeadlineExceeded) {
			s.client.cfg.Log.WarnContext(ctx, "Asterisk does not answer: the connection is closed")
			s.conn.Close()
			return
		}
	}
}

// ask sends an action and waits for its answer. The first message is the
// response.
func (s *session) ask(ctx context.Context, a Action, id string, p *pending) ([]*Message, error) {
	p.done = make(chan error, 1)
	s.mu.Lock()
	if s.ended {
		s.mu.Unlock()
		return nil, ErrDown
	}
	s.asked[id] = p
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.asked, id)
		s.mu.Unlock()
	}()
	if err := s.send(a, id); err != nil {
		return nil, err
	}
	select {
	case err := <-p.done:
		return p.msgs, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *session) send(a Action, id string) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	var err error
	if s.out, err = a.append(s.out[:0], id); err != nil {
		return err
	}
	if err := s.conn.SetWriteDeadline(time.Now().Add(s.client.cfg.Timeout)); err != nil {
		return fmt.Errorf("%w: %w", ErrBroken, err)
	}
	_, err = s.conn.Write(s.out)
	if err != nil {
		// Half an action may be on its way: nothing can follow it.
		s.conn.Close()
		return fmt.Errorf("%w: %w", ErrBroken, err)
	}
	return nil
}

// answer gives a message to the action that it answers. Without one, or if
// others should know of it too, it returns false. Only the reader calls it.
func (s *session) answer(m *Message) bool {
	id := m.Value("ActionID")
	if id == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.asked[string(id)]
	if p == nil {
		// An answer that nobody waits for any more; or an event whose action
		// was answered.
		return false
	}
	response := m.Kind() == Response
	if len(p.msgs) == 0 && !response {
		// An event before the response is no item of a list.
		return false
	}
	if len(p.msgs) > 0 && !p.list && (p.until == "" || string(m.Event()) != p.until) {
		return false
	}
	p.size += len(m.raw)
	if p.size > s.client.cfg.MaxList {
		s.finish(string(id), p, fmt.Errorf("%w: a list of more than %d bytes", ErrTooLong, s.client.cfg.MaxList))
		return true
	}
	p.msgs = append(p.msgs, m.Clone())
	failed := response && equalKey(m.Get("Response"), "Error")
	switch {
	case failed, !p.list && p.until == "":
		s.finish(string(id), p, nil)
	case p.list && !response:
		switch m.Get("EventList") {
		case "Complete":
			s.finish(string(id), p, nil)
		case "Cancelled":
			s.finish(string(id), p, errors.New("the list was cancelled by Asterisk"))
		}
	case p.until != "" && !response:
		s.finish(string(id), p, nil)
		return false
	}
	return true
}

// finish wakes who waits. s.mu is held.
func (s *session) finish(id string, p *pending, err error) {
	delete(s.asked, id)
	p.done <- err
}

// end fails every action that waits.
func (s *session) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	for id, p := range s.asked {
		s.finish(id, p, ErrBroken)
	}
}

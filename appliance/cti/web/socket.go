package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"switchroom/appliance/cti/command"
	"switchroom/appliance/cti/fault"
	"switchroom/appliance/cti/feed"
	"switchroom/appliance/cti/live"
	"switchroom/appliance/cti/plan"
)

// maxSockets is how many an agent may have.
const maxSockets = 4

// maxCommands is how many commands of a socket may be under way.
const maxCommands = 8

// message is what a client is sent besides what package feed makes.
type message struct {
	Type string `json:"type"`

	// Of hello.
	Self     string        `json:"self,omitempty"` // the agent
	Name     string        `json:"name,omitempty"`
	Rights   []string      `json:"rights,omitempty"`
	Seats    []string      `json:"seats,omitempty"`
	Reasons  []plan.Reason `json:"reasons,omitempty"`
	Epoch    string        `json:"epoch,omitempty"`
	Version  string        `json:"version,omitempty"`
	Commands []string      `json:"commands,omitempty"`

	// Of reply.
	ID    string `json:"id,omitempty"`
	OK    bool   `json:"ok,omitempty"`
	Error *wrong `json:"error,omitempty"`

	Token string `json:"token,omitempty"`
	Up    *bool  `json:"up,omitempty"`
}

// client is one socket.
type client struct {
	s        *Server
	agent    string
	language string
	address  string
	origin   string
	ctx      context.Context
	cancel   context.CancelFunc
	conn     conn
	busy     chan struct{} // a place for each command under way

	mu     sync.Mutex
	out    [][]byte // replies
	wake   chan struct{}
	joined chan *feed.Client
}

// socket is GET /v1/socket.
func (s *Server) socket(w http.ResponseWriter, r *http.Request) {
	offered := ""
	for p := range strings.SplitSeq(r.Header.Get("Sec-WebSocket-Protocol"), ",") {
		if t, ok := strings.CutPrefix(strings.TrimSpace(p), "token."); ok {
			offered = t
		}
	}
	origin := r.Header.Get("Origin")
	t, err := s.open(offered, origin)
	if err != nil {
		refuse(w, r, http.StatusUnauthorized, err)
		return
	}
	c := &client{s: s, agent: t.Agent, language: language(r), address: address(r), origin: origin, busy: make(chan struct{}, maxCommands),
		wake: make(chan struct{}, 1), joined: make(chan *feed.Client, 1)}
	// The request's own context ends with this handler.
	c.ctx, c.cancel = context.WithCancel(context.WithoutCancel(r.Context()))
	if err := s.enter(c); err != nil {
		c.cancel()
		refuse(w, r, http.StatusTooManyRequests, err)
		return
	}
	defer s.leave(c)
	defer c.cancel()
	conn, run, err := s.upgrade.open(w, r, c)
	if err != nil {
		s.cfg.Log.DebugContext(r.Context(), "no socket", "agent", t.Agent, "error", err)
		return
	}
	c.conn = conn
	c.alive()
	a := s.cfg.Floor.Plan().Agents[t.Agent]
	hello := message{Type: "hello", Self: t.Agent, Name: a.Name, Rights: a.Rights, Reasons: s.cfg.Floor.Plan().Reasons, Epoch: s.cfg.Feed.Epoch(), Version: s.cfg.Version}
	for _, k := range command.Table {
		if k.Right == "" || a.May(k.Right) {
			hello.Commands = append(hello.Commands, k.Name)
		}
	}
	up := s.cfg.Floor.Up()
	c.say(hello)
	c.say(message{Type: "asterisk", Up: &up})
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.write()
	}()
	run()
	c.cancel()
	<-done
}

// enter counts a socket.
func (s *Server) enter(c *client) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.sockets[c.agent]) >= maxSockets {
		return fault.New(fault.TooMany)
	}
	if s.sockets[c.agent] == nil {
		s.sockets[c.agent] = map[*client]struct{}{}
	}
	s.sockets[c.agent][c] = struct{}{}
	s.wg.Add(1)
	return nil
}

func (s *Server) leave(c *client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sockets[c.agent], c)
	if len(s.sockets[c.agent]) == 0 {
		delete(s.sockets, c.agent)
		s.absent[c.agent] = s.cfg.Now()
	}
	s.wg.Done()
}

// everybody is told something.
func (s *Server) everybody(m message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, all := range s.sockets {
		for c := range all {
			c.say(m)
		}
	}
}

// close ends all sockets.
func (s *Server) close() {
	s.mu.Lock()
	s.closed = true
	for _, all := range s.sockets {
		for c := range all {
			c.cancel()
		}
	}
	s.mu.Unlock()
	s.wg.Wait()
}

func (c *client) alive() {
	if c.conn != nil {
		c.conn.Alive(time.Now().Add(c.s.cfg.Dead))
	}
}

// say queues a message of ours. A client has few commands under way, so these
// are few.
func (c *client) say(m message) {
	data, err := json.Marshal(m)
	if err != nil {
		c.s.cfg.Log.Error("a message can't be told", "error", err)
		return
	}
	c.mu.Lock()
	c.out = append(c.out, data)
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// write is the only one who sends on the socket.
func (c *client) write() {
	ping, renew := time.NewTicker(c.s.cfg.Ping), time.NewTicker(tokenLife/2)
	defer ping.Stop()
	defer renew.Stop()
	var sub *feed.Client
	var more <-chan struct{}
	defer func() {
		if sub != nil {
			sub.Leave()
		}
	}()
	for {
		select {
		case <-c.ctx.Done():
			c.conn.Close(closeGoingAway, "")
			return
		case <-ping.C:
			if c.conn.Ping() != nil {
				c.conn.Close(closeGoingAway, "")
				return
			}
		case <-renew.C:
			c.say(message{Type: "token", Token: c.s.sign(token{Agent: c.agent, Until: c.s.cfg.Now().Add(tokenLife).Unix(), Origin: c.origin})})
		case next := <-c.joined:
			if sub != nil {
				sub.Leave()
			}
			sub, more = next, next.Wake()
		case <-c.wake:
			c.mu.Lock()
			out := c.out
			c.out = nil
			c.mu.Unlock()
			if !c.send(out) {
				return
			}
		case <-more:
			frames, ok := sub.Take()
			if !ok {
				c.conn.Close(closeTooSlow, "too slow")
				return
			}
			if !c.send(frames) {
				return
			}
		}
	}
}

func (c *client) send(frames [][]byte) bool {
	for _, f := range frames {
		if err := c.conn.Send(f); err != nil {
			c.conn.Close(closeGoingAway, "")
			return false
		}
	}
	return true
}

// request is what a client sends.
type request struct {
	ID      string          `json:"id"`
	Command string          `json:"command"`
	Args    json.RawMessage `json:"args"`
}

func (c *client) received(data []byte) {
	var r request
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&r); err != nil || len(r.ID) > 64 {
		if err == nil {
			err = errors.New("id")
		}
		c.reply("", fault.Because(fault.BadRequest, err))
		return
	}
	if r.Command == "sync" {
		c.reply(r.ID, c.sync(r.Args))
		return
	}
	select {
	case c.busy <- struct{}{}:
	default:
		c.reply(r.ID, fault.New(fault.TooFast))
		return
	}
	go func() {
		defer func() { <-c.busy }()
		// A command that was begun is done, whether its page stays or not.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(c.ctx), time.Minute)
		defer cancel()
		c.reply(r.ID, c.s.do(ctx, command.Actor{Agent: c.agent, Address: c.address}, r.Command, r.Args))
	}()
}

func (c *client) reply(id string, err error) {
	m := message{Type: "reply", ID: id, OK: err == nil}
	if err != nil {
		m.Error = tell(err, c.language)
	}
	c.say(m)
}

// sync begins what the client is sent, from where it was.
func (c *client) sync(args json.RawMessage) error {
	var from struct {
		Epoch string `json:"epoch"`
		Seq   uint64 `json:"seq"`
	}
	if len(args) > 0 {
		if err := json.Unmarshal(args, &from); err != nil {
			return fault.Because(fault.BadRequest, err)
		}
	}
	var sub *feed.Client
	var err error
	c.s.cfg.Floor.Look(func(s *live.State) { sub, err = c.s.cfg.Feed.Join(s, c.s.viewer(c.agent), from.Epoch, from.Seq) })
	if err != nil {
		return err
	}
	select {
	case c.joined <- sub:
		return nil
	default:
		sub.Leave()
		return fault.New(fault.TooFast)
	}
}

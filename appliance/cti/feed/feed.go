// Package feed turns the changes of the live state into what clients are sent,
// and sees to it that each client gets all of it, once and in order, over
// breaks of its connection.
//
// Everything that is sent has a number, which grows within an epoch; an epoch
// is the life of this program. A client that comes back names the epoch and
// the last number it has, and is sent what came after it; if that is too long
// ago, or of another epoch, it is sent a snapshot. Numbers have gaps: not
// everybody may see everything.
//
// Agents and calls are sent at once, queues at most every quarter of a second
// and then as they are: a queue changes with every step of every call.
//
// A client that does not take what it is sent is cut off when its queue is
// full. It comes back and goes on where it was, and nobody waits for it.
package feed

import (
	"encoding/json"
	"log/slog"
	"maps"
	"slices"
	"sync"

	"switchroom/appliance/cti/live"
)

// Frame is what a client is sent.
type Frame struct {
	Type string `json:"type"` // snapshot, change
	Seq  uint64 `json:"seq"`

	// Of a snapshot.
	Epoch  string           `json:"epoch,omitempty"`
	Agents []live.AgentView `json:"agents,omitempty"`
	Queues []live.QueueView `json:"queues,omitempty"`
	Calls  []live.CallView  `json:"calls,omitempty"`

	// Of a change: one of these as it is now, or a call that is no more.
	Agent *live.AgentView `json:"agent,omitempty"`
	Queue *live.QueueView `json:"queue,omitempty"`
	Call  *live.CallView  `json:"call,omitempty"`
	Gone  *Gone           `json:"gone,omitempty"`
}

// Gone is a call that is no more.
type Gone struct {
	Call   string      `json:"call"`
	Reason live.Reason `json:"reason"`
	Into   string      `json:"into,omitempty"` // the call that it is part of now
}

// Viewer is who looks.
type Viewer struct {
	Agent    string
	AllCalls bool // and not only the agent's own
	Numbers  bool // sees callers' numbers in full
}

// Config is what a Feed needs.
type Config struct {
	Epoch string
	// Keep is how many frames are kept for who comes back: 8192.
	Keep int
	// Queue is how many frames a client may be behind: 1024.
	Queue int
	// Mask hides a caller's number.
	Mask func(string) string
	Log  *slog.Logger
}

// kept is a frame that was sent, in both its forms.
type kept struct {
	seq          uint64
	full, masked []byte
	who          []string // nil: everybody; else the agents who may see it, and those who see all calls
	call         bool
}

// Feed is told changes and tells clients. Its methods may be called by any
// number of goroutines, those with a State while that holds still.
type Feed struct {
	cfg Config

	mu      sync.Mutex
	seq     uint64
	ring    []kept // at most Keep, the oldest first from start
	start   int
	clients map[*Client]struct{}
	parties map[string][]string // the agents who have seen a call
	stale   map[string]bool     // queues that changed and were not sent
}

// New makes a feed.
func New(cfg Config) *Feed {
	if cfg.Keep <= 0 {
		cfg.Keep = 8192
	}
	if cfg.Queue <= 0 {
		cfg.Queue = 1024
	}
	if cfg.Mask == nil {
		cfg.Mask = func(s string) string { return s }
	}
	return &Feed{cfg: cfg, clients: map[*Client]struct{}{}, parties: map[string][]string{}, stale: map[string]bool{}}
}

// Epoch names the life of this feed.
func (f *Feed) Epoch() string { return f.cfg.Epoch }

// Publish takes changes of the state, and sends them.
func (f *Feed) Publish(s *live.State, changes []live.Change) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range changes {
		switch c.Kind {
		case live.Queue:
			f.stale[c.ID] = true
		case live.Agent:
			if v, ok := s.Agent(c.ID); ok {
				f.send(Frame{Agent: &v}, nil, false)
			}
		case live.Call:
			if c.Gone {
				who := f.parties[c.ID]
				if into := f.parties[c.Into]; c.Into != "" {
					f.parties[c.Into] = union(into, who)
				}
				delete(f.parties, c.ID)
				f.send(Frame{Gone: &Gone{c.ID, c.Reason, c.Into}}, who, true)
			} else if v, ok := s.Call(c.ID); ok {
				who := union(f.parties[c.ID], partiesOf(v, s))
				f.parties[c.ID] = who
				f.send(Frame{Call: &v}, who, true)
			}
		}
	}
}

// Flush sends the queues that have changed.
func (f *Feed) Flush(s *live.State) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, q := range slices.Sorted(maps.Keys(f.stale)) {
		if v, ok := s.Queue(q); ok {
			f.send(Frame{Queue: &v}, nil, false)
		}
	}
	clear(f.stale)
}

// partiesOf are the agents who may see a call: who is in it, and who is asked
// to take it.
func partiesOf(v live.CallView, s *live.State) []string {
	var out []string
	for _, l := range v.Legs {
		if l.Agent != "" && !slices.Contains(out, l.Agent) {
			out = append(out, l.Agent)
		}
	}
	for _, a := range s.Offered(v.Call) {
		if !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	return out
}

func union(a, b []string) []string {
	out := slices.Clip(a)
	for _, x := range b {
		if !slices.Contains(out, x) {
			out = append(out, x)
		}
	}
	return out
}

// send numbers a frame, keeps it and gives it to who may see it.
func (f *Feed) send(x Frame, who []string, call bool) {
	f.seq++
	x.Type, x.Seq = "change", f.seq
	k := kept{seq: f.seq, who: who, call: call}
	var err error
	if k.full, err = json.Marshal(x); err != nil {
		f.cfg.Log.Error("a change can't be told", "error", err)
		return
	}
	f.mask(&x)
	if k.masked, err = json.Marshal(x); err != nil {
		f.cfg.Log.Error("a change can't be told", "error", err)
		return
	}
	if len(f.ring) < f.cfg.Keep {
		f.ring = append(f.ring, k)
	} else {
		f.ring[f.start] = k
		f.start = (f.start + 1) % len(f.ring)
	}
	for c := range f.clients {
		f.give(c, k)
	}
}

func (f *Feed) give(c *Client, k kept) {
	if k.call && !c.viewer.AllCalls && !slices.Contains(k.who, c.viewer.Agent) {
		return
	}
	data := k.full
	if !c.viewer.Numbers {
		data = k.masked
	}
	if !c.put(data, f.cfg.Queue) {
		delete(f.clients, c)
	}
}

// mask hides the callers' numbers in a frame. What it changes it has copied.
func (f *Feed) mask(x *Frame) {
	one := func(v live.CallView) live.CallView {
		if v.Direction == live.Internal {
			return v
		}
		v.Number, v.Legs = f.cfg.Mask(v.Number), slices.Clone(v.Legs)
		for i := range v.Legs {
			if v.Legs[i].Seat == "" {
				v.Legs[i].Number = f.cfg.Mask(v.Legs[i].Number)
			}
		}
		return v
	}
	if x.Call != nil {
		v := one(*x.Call)
		x.Call = &v
	}
	queue := func(q live.QueueView) live.QueueView {
		q.Waiting = slices.Clone(q.Waiting)
		for i := range q.Waiting {
			q.Waiting[i].Number = f.cfg.Mask(q.Waiting[i].Number)
		}
		return q
	}
	if x.Queue != nil {
		q := queue(*x.Queue)
		x.Queue = &q
	}
	for i := range x.Calls {
		x.Calls[i] = one(x.Calls[i])
	}
	for i := range x.Queues {
		x.Queues[i] = queue(x.Queues[i])
	}
}

// View is all that somebody may see.
func (f *Feed) View(s *live.State, who Viewer) Frame {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.view(s, who)
}

func (f *Feed) view(s *live.State, who Viewer) Frame {
	x := Frame{Type: "snapshot", Seq: f.seq, Epoch: f.cfg.Epoch}
	for _, id := range s.Agents() {
		v, _ := s.Agent(id)
		x.Agents = append(x.Agents, v)
	}
	for _, id := range s.Queues() {
		v, _ := s.Queue(id)
		x.Queues = append(x.Queues, v)
	}
	for _, id := range s.Calls() {
		v, _ := s.Call(id)
		if who.AllCalls || slices.Contains(f.parties[id], who.Agent) || slices.Contains(partiesOf(v, s), who.Agent) {
			x.Calls = append(x.Calls, v)
		}
	}
	if !who.Numbers {
		f.mask(&x)
	}
	return x
}

// Join makes a client, who has everything up to a number of an epoch. The
// first that it is sent is what it lacks, or a snapshot.
func (f *Feed) Join(s *live.State, who Viewer, epoch string, seq uint64) (*Client, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := &Client{viewer: who, feed: f, wake: make(chan struct{}, 1)}
	oldest := f.seq + 1 - uint64(len(f.ring))
	if epoch == f.cfg.Epoch && seq+1 >= oldest && seq <= f.seq {
		for i := range f.ring {
			if k := f.ring[(f.start+i)%len(f.ring)]; k.seq > seq {
				if k.call && !who.AllCalls && !slices.Contains(k.who, who.Agent) {
					continue
				}
				if data := k.full; who.Numbers {
					c.queue = append(c.queue, data)
				} else {
					c.queue = append(c.queue, k.masked)
				}
			}
		}
	} else {
		data, err := json.Marshal(f.view(s, who))
		if err != nil {
			return nil, err
		}
		c.queue = append(c.queue, data)
	}
	if len(c.queue) > 0 {
		c.wake <- struct{}{}
	}
	f.clients[c] = struct{}{}
	return c, nil
}

// Client is one who is sent what happens.
type Client struct {
	viewer Viewer
	feed   *Feed

	mu    sync.Mutex
	queue [][]byte
	slow  bool
	wake  chan struct{}
}

// put adds a frame; false if the client is too far behind.
func (c *Client) put(data []byte, most int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queue) >= most {
		c.slow, c.queue = true, nil
	} else {
		c.queue = append(c.queue, data)
	}
	select {
	case c.wake <- struct{}{}:
	default:
	}
	return !c.slow
}

// Wake is readable when there is something to take.
func (c *Client) Wake() <-chan struct{} { return c.wake }

// Take returns the frames that wait; false when the client was too slow and
// must come back.
func (c *Client) Take() (frames [][]byte, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	frames, c.queue = c.queue, nil
	return frames, !c.slow
}

// Leave ends it.
func (c *Client) Leave() {
	c.feed.mu.Lock()
	defer c.feed.mu.Unlock()
	delete(c.feed.clients, c)
}

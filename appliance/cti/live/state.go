package live

import (
	"maps"
	"slices"
	"strings"
)

// Kind is what a [Change] is about.
type Kind uint8

// The kinds of changes.
const (
	Agent Kind = iota + 1 // ID is the agent's number
	Queue                 // ID is the queue's number
	Call                  // ID is the call's Linkedid
)

// Reason is why a call or a leg is no more.
type Reason string

// The reasons besides Asterisk's causes, which are their numbers ("16").
const (
	Lost   Reason = "lost"   // it ended while nobody looked
	Joined Reason = "joined" // it became part of another call
)

// Change says that something is not what it was.
type Change struct {
	Seq  uint64 // 1, 2, 3 … without a gap
	Kind Kind
	ID   string
	// Of a call that is no more: why, and which one it is part of now.
	Gone   bool
	Reason Reason
	Into   string
}

// Config is what a [State] must know besides what happens.
type Config struct {
	// Seats are the extensions by the beginning of their channels' names:
	// "PJSIP/1001" or "DAHDI/1".
	Seats map[string]string
	// Agents and Queues are those there are, even if nothing happens to them.
	// Others are added as they are met.
	Agents, Queues []string
	// WrapUp is for how long queues leave an agent alone after a call, in
	// seconds. Asterisk tells nobody.
	WrapUp map[string]int
}

// State is what goes on. It is not for several goroutines at once.
type State struct {
	seatOf map[string]string
	wrapUp map[string]int   // by queue, in s
	seats  map[string]*seat // by extension

	channels map[string]*channel // by Uniqueid
	calls    map[string]*call    // by Linkedid
	agents   map[string]*agent
	queues   map[string]*queue
	// In the order in which they were met: what is done for all of them must
	// be done in the same order every time.
	agentOrder []*agent
	queueOrder []*queue
	members    map[string]map[string]*member // by queue and interface

	seq     uint64
	now     int64 // µs since 1970: the latest time that was heard of
	gen     uint64
	open    int // entries of queues that left and whose outcome is not known
	changes []Change
	dirty   []*agent

	tombs    map[string]struct{} // Uniqueids that have ended
	tombRing []string
	tombNext int

	names   map[string]string
	strings map[string]string
	scratch event
}

const maxTombs = 8192

// New makes a state in which nothing goes on.
func New(c Config) *State {
	s := &State{
		seatOf: maps.Clone(c.Seats), wrapUp: maps.Clone(c.WrapUp), seats: map[string]*seat{}, channels: map[string]*channel{}, calls: map[string]*call{},
		agents: map[string]*agent{}, queues: map[string]*queue{}, members: map[string]map[string]*member{},
		tombs: map[string]struct{}{}, names: make(map[string]string, len(names)), strings: map[string]string{},
	}
	for _, n := range names {
		s.names[n] = n
	}
	for _, ext := range s.seatOf {
		s.seats[ext] = &seat{extension: ext}
	}
	for _, a := range c.Agents {
		s.agent(a)
	}
	for _, q := range c.Queues {
		s.queue(q)
	}
	return s
}

// Seq is the number of the last change.
func (s *State) Seq() uint64 { return s.seq }

// Now is the latest time that the log told, in µs since 1970.
func (s *State) Now() int64 { return s.now }

// seat is a telephone, and who sits there.
type seat struct {
	extension string
	agent     *agent
	legs      []*channel
}

// change notes that something is not what it was, once for each step.
func (s *State) change(c Change) {
	if c.ID == "" {
		return
	}
	for i := range s.changes {
		if o := &s.changes[i]; o.Kind == c.Kind && o.ID == c.ID && o.Gone == c.Gone {
			return
		}
	}
	s.changes = append(s.changes, c)
}

// begin starts a step of the log that was made at a time, or now if that is 0.
func (s *State) begin(at int64) int64 {
	s.changes, s.dirty = s.changes[:0], s.dirty[:0]
	if at == 0 {
		return s.now
	}
	if at < s.now-maxLate {
		// The clock was set back: what came later than now is forgotten.
		for _, c := range s.channels {
			c.at, c.bridgeAt, c.heldAt, c.queueAt, c.recAt, c.spyAt = 0, 0, 0, 0, 0, 0
		}
		for _, of := range s.members {
			for _, m := range of {
				m.at = 0
			}
		}
		for _, a := range s.agents {
			a.offerAt, a.wrapUntil = 0, min(a.wrapUntil, at)
		}
		s.now = at
	}
	s.now = max(s.now, at)
	return at
}

// maxLate is how late an event may come, in µs. Asterisk sends them within
// milliseconds; what is older was stamped by another clock.
const maxLate = 10_000_000

// end finishes a step: agents are worked out, and changes get their numbers.
// The slice is good until the next step.
func (s *State) end() []Change {
	for _, a := range s.dirty {
		a.dirty = false
		s.derive(a)
	}
	for i := range s.changes {
		s.seq++
		s.changes[i].Seq = s.seq
	}
	return s.changes
}

// touchAgent has an agent worked out anew at the end of the step.
func (s *State) touchAgent(a *agent) {
	if a != nil && !a.dirty {
		a.dirty = true
		s.dirty = append(s.dirty, a)
	}
}

// str is a string that is shared with others of the same text, as far as there
// is room.
func (s *State) str(b []byte) string {
	if v, ok := s.strings[string(b)]; ok {
		return v
	}
	v := string(b)
	if len(s.strings) > 4096 {
		clear(s.strings)
	}
	s.strings[v] = v
	return v
}

// set changes a text, and tells whether it did. What Asterisk doesn't know is
// empty here.
func (s *State) set(to *string, b []byte) bool {
	if string(b) == "<unknown>" || string(b) == "unknown" {
		b = nil
	}
	if string(b) == *to {
		return false
	}
	*to = s.str(b)
	return true
}

// bury remembers that something has ended.
func (s *State) bury(id string) {
	if len(s.tombRing) < maxTombs {
		s.tombRing = append(s.tombRing, id)
	} else {
		delete(s.tombs, s.tombRing[s.tombNext])
		s.tombRing[s.tombNext] = id
		s.tombNext = (s.tombNext + 1) % maxTombs
	}
	s.tombs[id] = struct{}{}
}

// seatOfChannel finds the extension of a channel by its name, such as
// PJSIP/1001-0000002a or DAHDI/1-1.
func (s *State) seatOfChannel(name []byte) *seat {
	for i := len(name) - 1; i > 0; i-- {
		if name[i] == '-' {
			return s.seats[s.seatOf[string(name[:i])]]
		}
	}
	return nil
}

func isLocal(name string) bool { return strings.HasPrefix(name, "Local/") }

func remove[T comparable](list []T, x T) []T {
	if i := slices.Index(list, x); i >= 0 {
		return slices.Delete(list, i, i+1)
	}
	return list
}

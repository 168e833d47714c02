package reports

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"switchroom/appliance/calls"
	"switchroom/appliance/calls/ledger"
)

// wrapUpReasons are the reasons of a pause that mean finishing the last call.
var wrapUpReasons = []string{"acw", "wrapup", "wrap-up"}

func isWrapUp(reason string) bool { return slices.Contains(wrapUpReasons, strings.ToLower(reason)) }

// timeline is what one agent did.
type timeline struct {
	agent    string
	loggedIn spans
	paused   map[string]spans // by reason; wrap-up is not among them
	wrapUp   spans
	ringing  spans
	busy     spans // talking and holding
	hold     spans
	sessions []Session
}

// Session is one log-in.
type Session struct {
	Agent string    `json:"agent"`
	Seat  string    `json:"seat,omitempty"`
	From  time.Time `json:"from"`
	To    time.Time `json:"to,omitzero"` // zero: still there
}

// presence follows one agent's events.
type presence struct {
	queues     map[string]bool // the agent is in them; "" stands for a seat without any
	halted     map[string]bool // paused in them
	haltedAll  bool
	reason     string
	seat       string
	in         time.Time
	since      time.Time // of the pause
	pauseKind  string
	line       *timeline
	pauseSpans map[string][]span
	wraps      []span
	ins        []span
}

func (p *presence) apply(e ledger.AgentEvent) {
	switch e.Kind {
	case "login":
		// The dialplan's word besides the queues' own adds the seat alone.
		if e.Seat != "" {
			p.seat = e.Seat
			if n := len(p.line.sessions); n > 0 && !p.in.IsZero() && p.line.sessions[n-1].Seat == "" {
				p.line.sessions[n-1].Seat = e.Seat
			}
		}
		if e.Queue != "" {
			delete(p.queues, "")
		} else if len(p.queues) > 0 {
			break
		}
		p.queues[e.Queue] = true
	case "logout":
		if e.Queue == "" {
			clear(p.queues)
		}
		delete(p.queues, e.Queue)
		delete(p.halted, e.Queue)
		if len(p.queues) == 0 {
			clear(p.halted)
			p.haltedAll = false
		}
	case "pause":
		if e.Reason != "" {
			p.reason = e.Reason
		} else if e.Queue == "" {
			p.reason = ""
		}
		if e.Queue == "" {
			p.haltedAll = true
		} else {
			p.halted[e.Queue] = true
		}
	case "unpause":
		if e.Queue == "" {
			clear(p.halted)
			p.haltedAll = false
		} else {
			delete(p.halted, e.Queue)
			p.haltedAll = false
		}
	}
	p.settle(e.At)
}

func (p *presence) isPaused() bool {
	if len(p.queues) == 0 {
		return false
	}
	if p.haltedAll {
		return true
	}
	for q := range p.queues {
		if !p.halted[q] {
			return false
		}
	}
	return true
}

// settle notes what changed.
func (p *presence) settle(at time.Time) {
	here := len(p.queues) > 0
	switch {
	case here && p.in.IsZero():
		p.in = at
		p.line.sessions = append(p.line.sessions, Session{Agent: p.line.agent, Seat: p.seat, From: at})
	case !here && !p.in.IsZero():
		p.ins = append(p.ins, span{p.in, at})
		p.line.sessions[len(p.line.sessions)-1].To = at
		p.in, p.seat = time.Time{}, ""
	}
	paused := p.isPaused()
	if !p.since.IsZero() && (!paused || p.pauseKind != p.reason) {
		p.endPause(at)
	}
	if paused && p.since.IsZero() {
		p.since, p.pauseKind = at, p.reason
	}
}

func (p *presence) endPause(at time.Time) {
	s := span{p.since, at}
	if isWrapUp(p.pauseKind) {
		p.wraps = append(p.wraps, s)
	} else {
		p.pauseSpans[p.pauseKind] = append(p.pauseSpans[p.pauseKind], s)
	}
	p.since = time.Time{}
}

// timelines follows every agent up to a time.
func timelines(list []calls.Call, events []ledger.AgentEvent, until time.Time) map[string]*timeline {
	events = slices.Clone(events)
	slices.SortStableFunc(events, func(a, b ledger.AgentEvent) int {
		if c := a.At.Compare(b.At); c != 0 {
			return c
		}
		// In one second: out, then in, then pauses.
		order := map[string]int{"logout": 0, "login": 1, "unpause": 2, "pause": 3}
		return cmp.Compare(order[a.Kind], order[b.Kind])
	})
	who := map[string]*presence{}
	get := func(agent string) *presence {
		p := who[agent]
		if p == nil {
			p = &presence{
				queues: map[string]bool{}, halted: map[string]bool{}, pauseSpans: map[string][]span{},
				line: &timeline{agent: agent, paused: map[string]spans{}},
			}
			who[agent] = p
		}
		return p
	}
	for _, e := range events {
		if e.At.Before(until) {
			get(e.Agent).apply(e)
		}
	}
	out := map[string]*timeline{}
	for agent, p := range who {
		if !p.in.IsZero() {
			p.ins = append(p.ins, span{p.in, until})
		}
		if !p.since.IsZero() {
			p.endPause(until)
		}
		p.line.loggedIn = makeSpans(p.ins)
		for reason, s := range p.pauseSpans {
			p.line.paused[reason] = makeSpans(s).and(p.line.loggedIn)
		}
		p.line.wrapUp = makeSpans(p.wraps).and(p.line.loggedIn)
		out[agent] = p.line
	}
	for _, c := range list {
		for _, w := range work(c, until) {
			l := out[w.agent]
			if l == nil {
				l = &timeline{agent: w.agent, paused: map[string]spans{}}
				out[w.agent] = l
			}
			l.ringing = append(l.ringing, w.ringing...)
			l.busy = append(l.busy, w.busy...)
			l.hold = append(l.hold, w.hold...)
		}
	}
	for _, l := range out {
		l.ringing, l.busy, l.hold = makeSpans(l.ringing), makeSpans(l.busy), makeSpans(l.hold)
	}
	return out
}

// part is what one agent had to do with one call.
type part struct {
	agent               string
	ringing, busy, hold spans
}

// work takes a call apart by agents.
func work(c calls.Call, until time.Time) []part {
	var out []part
	end := func(t time.Time) time.Time {
		if t.IsZero() || t.After(until) {
			return until
		}
		return t
	}
	var callerHolds []span
	for _, l := range c.Legs {
		if l.Role == calls.RoleCaller {
			for _, h := range l.Holds {
				callerHolds = append(callerHolds, span{h.From, end(h.To)})
			}
		}
	}
	add := func(agent string, ring, busy []span) {
		p := part{agent: agent, ringing: makeSpans(ring), busy: makeSpans(busy)}
		p.hold = makeSpans(callerHolds).and(p.busy)
		out = append(out, p)
	}
	for _, l := range c.Legs {
		if l.Agent == "" || c.Direction == calls.Feature {
			continue
		}
		if l.Role == calls.RoleCaller {
			// Talk of a call that the agent made begins when it is answered.
			if !c.Answered.IsZero() {
				add(l.Agent, nil, []span{{c.Answered, end(l.End)}})
			}
			continue
		}
		var ring, busy []span
		if l.Answered.IsZero() {
			ring = []span{{l.Start, end(l.End)}}
		} else {
			ring = []span{{l.Start, l.Answered}}
			busy = []span{{l.Answered, end(l.End)}}
		}
		add(l.Agent, ring, busy)
	}
	// An always-connected agent has no leg in the call.
	for _, v := range c.Queues {
		if v.Outcome == calls.QueueConnected && !slices.ContainsFunc(c.Legs, func(l calls.Leg) bool { return l.Agent == v.Agent }) {
			add(v.Agent, nil, []span{{v.Left, end(v.Done)}})
		}
	}
	return out
}

// wrapUp is an agent's finishing of a queue's call.
type wrapUp struct {
	queue string
	spans spans
}

// wrapUps gives each wrap-up to the queue whose call the agent had last.
func wrapUps(list []calls.Call, events []ledger.AgentEvent, q Query) []wrapUp {
	type handled struct {
		at    time.Time
		queue string
	}
	byAgent := map[string][]handled{}
	for _, c := range list {
		for _, v := range c.Queues {
			if v.Outcome == calls.QueueConnected {
				byAgent[v.Agent] = append(byAgent[v.Agent], handled{v.Left, v.Queue})
			}
		}
	}
	var out []wrapUp
	for agent, l := range timelines(nil, events, q.To) {
		for _, s := range l.wrapUp {
			var last handled
			for _, h := range byAgent[agent] {
				if !h.at.After(s.from) && h.at.After(last.at) {
					last = h
				}
			}
			if last.queue != "" {
				out = append(out, wrapUp{last.queue, spans{s}})
			}
		}
	}
	return out
}

// Sessions is the log of log-ins: those that lie in the time, wholly or partly,
// by agent and time.
func Sessions(events []ledger.AgentEvent, q Query) []Session {
	var out []Session
	for agent, l := range timelines(nil, events, q.To) {
		if len(q.Only) > 0 && !slices.Contains(q.Only, agent) {
			continue
		}
		for _, s := range l.sessions {
			if s.To.IsZero() || s.To.After(q.From) {
				out = append(out, s)
			}
		}
	}
	slices.SortFunc(out, func(a, b Session) int {
		if c := strings.Compare(a.Agent, b.Agent); c != 0 {
			return c
		}
		return a.From.Compare(b.From)
	})
	return out
}

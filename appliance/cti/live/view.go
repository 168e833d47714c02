package live

import (
	"maps"
	"slices"
	"strings"
)

// AgentView is an agent, as others see it.
type AgentView struct {
	Agent  string     `json:"agent"`
	Seat   string     `json:"seat,omitempty"`
	State  AgentState `json:"state"`
	Reason string     `json:"reason,omitempty"` // of notReady
	Since  int64      `json:"since"`            // ms since 1970
	Call   string     `json:"call,omitempty"`
	Until  int64      `json:"until,omitempty"`  // of wrapUp: its end, ms since 1970
	Missed int        `json:"missed,omitempty"` // calls of queues missed in a row
	// In a call or after it: the agent is paused, and will be notReady with
	// this reason.
	Next       AgentState `json:"next,omitempty"`
	NextReason string     `json:"nextReason,omitempty"`
	Queues     []string   `json:"queues,omitempty"`
}

// Direction is where a call came from.
type Direction string

// The directions of calls.
const (
	In       Direction = "in"       // from outside
	Out      Direction = "out"      // from one of our telephones to the outside
	Internal Direction = "internal" // between our telephones
)

// CallView is a call, as others see it.
type CallView struct {
	Call      string    `json:"call"`
	Direction Direction `json:"direction"`
	Number    string    `json:"number,omitempty"` // of the party outside; of an internal call: who called
	Name      string    `json:"name,omitempty"`
	DNIS      string    `json:"dnis,omitempty"` // the number that was called
	Queue     string    `json:"queue,omitempty"`
	Agent     string    `json:"agent,omitempty"` // who took it from the queue
	Keys      string    `json:"keys,omitempty"`  // pressed before an agent was there
	Waiting   bool      `json:"waiting,omitempty"`
	Recording string    `json:"recording,omitempty"` // on, paused
	Started   int64     `json:"started"`             // ms since 1970
	Legs      []LegView `json:"legs"`
}

// LegView is one party of a call.
type LegView struct {
	ID       string `json:"id"`
	Channel  string `json:"-"`
	Seat     string `json:"seat,omitempty"` // none: outside
	Agent    string `json:"agent,omitempty"`
	Number   string `json:"number,omitempty"`
	State    string `json:"state"` // dialling, ringing, talking, hold, listening
	Bridge   string `json:"-"`     // who talks with whom: legs with the same one, if it is not empty
	With     int    `json:"with,omitempty"`
	Answered int64  `json:"answered,omitempty"` // ms since 1970
}

// WaitingView is a caller who waits.
type WaitingView struct {
	Call   string `json:"call"`
	Number string `json:"number,omitempty"`
	Name   string `json:"name,omitempty"`
	Since  int64  `json:"since"` // ms since 1970
}

// MemberView is somebody who takes the calls of a queue.
type MemberView struct {
	Agent   string     `json:"agent,omitempty"` // none: a telephone that is always a member
	Seat    string     `json:"seat,omitempty"`
	Name    string     `json:"name,omitempty"`
	Paused  bool       `json:"paused,omitempty"`
	Penalty int        `json:"penalty,omitempty"`
	State   AgentState `json:"state,omitempty"`
}

// QueueView is a queue, as others see it.
type QueueView struct {
	Queue   string             `json:"queue"`
	Waiting []WaitingView      `json:"waiting"`
	Counts  Counts             `json:"counts"`
	States  map[AgentState]int `json:"states"` // how many agents are in each
	Members []MemberView       `json:"members"`
}

// Agents are the numbers of all agents, in order.
func (s *State) Agents() []string { return slices.Sorted(maps.Keys(s.agents)) }

// Queues are the numbers of all queues, in order.
func (s *State) Queues() []string { return slices.Sorted(maps.Keys(s.queues)) }

// Calls are the ids of all calls, in order.
func (s *State) Calls() []string { return slices.Sorted(maps.Keys(s.calls)) }

// Agent returns an agent; false if there is none with the number.
func (s *State) Agent(number string) (AgentView, bool) {
	a := s.agents[number]
	if a == nil {
		return AgentView{}, false
	}
	v := AgentView{Agent: a.number, State: a.state, Reason: a.reason, Since: a.since / 1000, Call: a.call, Missed: a.missed}
	if a.seat != nil {
		v.Seat = a.seat.extension
	}
	if a.state == WrapUp {
		v.Until = a.wrapUntil / 1000
	}
	for _, m := range a.members {
		v.Queues = append(v.Queues, m.queue.name)
	}
	slices.Sort(v.Queues)
	if paused, reason := a.pausedNow(); paused && a.state != NotReady && a.state != Offline {
		v.Next, v.NextReason = NotReady, reason
	}
	return v, true
}

// Members are an agent's memberships in queues, by queue: the interfaces that
// Asterisk knows the agent by.
func (s *State) Members(number string) map[string][]string {
	a := s.agents[number]
	if a == nil {
		return nil
	}
	out := map[string][]string{}
	for _, m := range a.members {
		out[m.queue.name] = append(out[m.queue.name], m.iface)
	}
	return out
}

// Queue returns a queue; false if there is none with the number.
func (s *State) Queue(name string) (QueueView, bool) {
	q := s.queues[name]
	if q == nil {
		return QueueView{}, false
	}
	v := QueueView{Queue: q.name, Counts: q.counts, Waiting: []WaitingView{}, States: map[AgentState]int{}, Members: []MemberView{}}
	for _, e := range q.waiting {
		w := WaitingView{Number: e.caller.num, Name: e.caller.cname, Since: e.joined / 1000}
		if e.caller.call != nil {
			w.Call = e.caller.call.id
		}
		v.Waiting = append(v.Waiting, w)
	}
	for _, m := range q.members {
		mv := MemberView{Name: m.name, Seat: m.seat, Paused: m.paused, Penalty: m.penalty}
		if m.agent != nil {
			mv.Agent, mv.State = m.agent.number, m.agent.state
			v.States[m.agent.state]++
		}
		v.Members = append(v.Members, mv)
	}
	slices.SortFunc(v.Members, func(a, b MemberView) int { return strings.Compare(a.Agent+"*"+a.Seat, b.Agent+"*"+b.Seat) })
	return v, true
}

// Call returns a call; false if there is none.
func (s *State) Call(id string) (CallView, bool) {
	c := s.calls[id]
	if c == nil {
		return CallView{}, false
	}
	v := CallView{Call: c.id, Queue: c.queue, Agent: c.agent, Keys: string(c.keys), Started: c.started / 1000, Legs: []LegView{}}
	bridges := map[string]int{}
	for _, ch := range c.channels {
		if v.DNIS == "" {
			v.DNIS = ch.dnis
		}
		if ch.entry != nil {
			v.Waiting = true
		}
		if ch.rec == recorded || ch.rec == recordingPaused && v.Recording == "" {
			v.Recording = map[recording]string{recorded: "on", recordingPaused: "paused"}[ch.rec]
		}
		if ch.local {
			continue
		}
		leg := LegView{ID: ch.id, Channel: ch.name, Number: ch.num, Bridge: ch.bridge, Answered: ch.answered / 1000}
		switch {
		case ch.spies != "":
			leg.State = "listening"
		default:
			leg.State = string(legState(ch))
		}
		if ch.bridge != "" {
			if bridges[ch.bridge] == 0 {
				bridges[ch.bridge] = len(bridges) + 1
			}
			leg.With = bridges[ch.bridge]
		}
		if ch.seat != nil {
			leg.Seat = ch.seat.extension
			if ch.seat.agent != nil {
				leg.Agent = ch.seat.agent.number
			}
		}
		v.Legs = append(v.Legs, leg)
	}
	v.Direction, v.Number, v.Name = Out, c.party.number, c.party.name
	switch first := c.firstLeg(); {
	case c.party.calls:
		v.Direction = In
	case c.party.id == "":
		v.Direction = Internal
		if first != nil {
			v.Number, v.Name = first.num, first.cname
		}
	}
	return v, true
}

package live

import (
	"cmp"
	"slices"
)

// AgentState is what an agent does. An agent is always in one of them.
type AgentState string

// The states of agents.
const (
	Offline  AgentState = "offline"  // not logged in
	Ready    AgentState = "ready"    // takes calls of queues
	NotReady AgentState = "notReady" // paused; the reason is told
	Reserved AgentState = "reserved" // a queue has chosen the agent, and the telephone does not ring yet
	Ringing  AgentState = "ringing"
	Dialling AgentState = "dialling" // calls somebody who has not answered
	Talking  AgentState = "talking"
	Holding  AgentState = "hold"   // has put the other party on hold
	WrapUp   AgentState = "wrapUp" // after a queue's call; queues leave the agent alone
)

// Session is who sits where. It is what package sessions says; Asterisk knows
// nothing of it.
type Session struct {
	Agent, Seat string
	// For an agent who is in no queue. Else Asterisk says who is paused.
	Paused bool
	Reason string
}

type agent struct {
	number  string
	dirty   bool
	session *Session
	seat    *seat
	members []*member

	offer     *channel // by which a queue offers a call
	offerAt   int64
	wrapUntil int64
	missed    int // in a row

	state  AgentState
	reason string
	since  int64
	call   string
	queues int
	paused bool
	why    string
}

func (s *State) agent(number string) *agent {
	a := s.agents[number]
	if a == nil {
		a = &agent{number: number, state: Offline, since: s.now}
		s.agents[number] = a
		s.agentOrder = append(s.agentOrder, a)
		s.change(Change{Kind: Agent, ID: number})
	}
	return a
}

// Sit says that an agent has logged in at a seat, or what else of the session
// has changed. Who sat there before is logged out.
func (s *State) Sit(x Session) []Change {
	s.begin(0)
	a := s.agent(x.Agent)
	to := s.seats[x.Seat]
	if to == nil {
		to = &seat{extension: x.Seat}
		s.seats[x.Seat] = to
	}
	if to.agent != nil && to.agent != a {
		s.stand(to.agent)
	}
	if a.seat != to {
		s.stand(a)
	}
	a.session, a.seat, to.agent = &x, to, a
	s.touchAgent(a)
	return s.end()
}

// Leave says that an agent has logged out.
func (s *State) Leave(number string) []Change {
	s.begin(0)
	if a := s.agents[number]; a != nil {
		s.stand(a)
	}
	return s.end()
}

func (s *State) stand(a *agent) {
	if a.seat != nil && a.seat.agent == a {
		a.seat.agent = nil
	}
	a.session, a.seat, a.wrapUntil = nil, nil, 0
	s.touchAgent(a)
}

// Tick says what time it is, in µs since 1970: wrap-up times end by it.
func (s *State) Tick(now int64) []Change {
	s.begin(now)
	s.settleOld()
	for _, a := range s.agentOrder {
		if a.wrapUntil != 0 {
			if a.wrapUntil <= s.now {
				a.wrapUntil = 0
			}
			s.touchAgent(a)
		}
	}
	return s.end()
}

func (s *State) unoffer(a *agent) {
	if a.offer != nil {
		a.offer.offeredTo, a.offer = nil, nil
		s.touchAgent(a)
	}
}

// derive works out what an agent does.
func (s *State) derive(a *agent) {
	state, reason, callID := s.work(a)
	paused, why := a.pausedNow()
	if state == a.state && reason == a.reason && callID == a.call && len(a.members) == a.queues && paused == a.paused && why == a.why {
		return
	}
	a.paused, a.why = paused, why
	if state != a.state || reason != a.reason {
		a.since = s.now
	}
	a.state, a.reason, a.call, a.queues = state, reason, callID, len(a.members)
	s.change(Change{Kind: Agent, ID: a.number})
	for _, m := range a.members {
		s.change(Change{Kind: Queue, ID: m.queue.name})
	}
}

func (s *State) work(a *agent) (AgentState, string, string) {
	if a.session == nil {
		return Offline, "", ""
	}
	// The leg that matters most says it.
	best, from := AgentState(""), ""
	for _, c := range a.seat.legs {
		if c.spies != "" {
			continue
		}
		state := legState(c)
		if best == "" || legRank(state) > legRank(best) {
			best, from = state, c.call.id
		}
	}
	if best != "" {
		return best, "", from
	}
	if a.offer != nil {
		return Reserved, "", a.offer.call.id
	}
	if a.wrapUntil > s.now {
		return WrapUp, "", ""
	}
	if paused, reason := a.pausedNow(); paused {
		return NotReady, reason, ""
	}
	return Ready, "", ""
}

// pausedNow says whether no queue gives the agent calls, whatever the agent
// does now.
func (a *agent) pausedNow() (bool, string) {
	if len(a.members) == 0 {
		return a.session != nil && a.session.Paused, a.sessionReason()
	}
	for _, m := range a.members {
		if !m.paused {
			return false, ""
		}
	}
	first := slices.MinFunc(a.members, func(x, y *member) int { return cmp.Compare(x.queue.name, y.queue.name) })
	return true, first.reason
}

func (a *agent) sessionReason() string {
	if a.session == nil {
		return ""
	}
	return a.session.Reason
}

func legState(c *channel) AgentState {
	switch {
	case c.state == stateUp && c.held:
		return Holding
	case c.state == stateUp:
		return Talking
	case c.state == stateRinging:
		return Ringing
	case c.state < stateDialling:
		return Reserved
	}
	return Dialling
}

func legRank(s AgentState) int {
	return slices.Index([]AgentState{Reserved, Dialling, Ringing, Holding, Talking}, s)
}

package live

import (
	"errors"
	"fmt"
	"slices"
)

// Check looks whether the state contradicts itself. It is for tests, and for
// who has reason to doubt.
func (s *State) Check() error {
	var errs []error
	fault := func(format string, a ...any) { errs = append(errs, fmt.Errorf(format, a...)) }
	for id, c := range s.channels {
		if _, ended := s.tombs[id]; ended {
			fault("channel %s has ended and is there", id)
		}
		if c.call == nil || s.calls[c.call.id] != c.call || !slices.Contains(c.call.channels, c) {
			fault("channel %s is part of no call", id)
		}
		if c.seat != nil && !slices.Contains(c.seat.legs, c) {
			fault("channel %s is at seat %s, which doesn't know it", id, c.seat.extension)
		}
	}
	for id, c := range s.calls {
		if len(c.channels) == 0 {
			fault("call %s is a phantom", id)
		}
		for _, ch := range c.channels {
			if s.channels[ch.id] != ch {
				fault("call %s has channel %s, which is not there", id, ch.id)
			}
		}
	}
	for ext, t := range s.seats {
		for _, c := range t.legs {
			if s.channels[c.id] != c {
				fault("seat %s has channel %s, which is not there", ext, c.id)
			}
		}
		if t.agent != nil && t.agent.seat != t {
			fault("agent %s is not at seat %s", t.agent.number, ext)
		}
	}
	at := map[*seat]string{}
	for number, a := range s.agents {
		if (a.session == nil) != (a.seat == nil) {
			fault("agent %s has half a session", number)
		}
		if a.seat != nil {
			if at[a.seat] != "" {
				fault("agents %s and %s are at seat %s", number, at[a.seat], a.seat.extension)
			}
			at[a.seat] = number
		}
		if (a.session == nil) != (a.state == Offline) {
			fault("agent %s is %s, session %v", number, a.state, a.session)
		}
		if a.call != "" && s.calls[a.call] == nil {
			fault("agent %s is %s in call %s, which is not there", number, a.state, a.call)
		}
		if wantsCall := slices.Contains([]AgentState{Reserved, Ringing, Dialling, Talking, Holding}, a.state); wantsCall != (a.call != "") {
			fault("agent %s is %s, call %q", number, a.state, a.call)
		}
		if state, reason, callID := s.work(a); a.state != WrapUp && state != a.state || reason != a.reason || callID != a.call {
			fault("agent %s is %s %q %q, and was last told to be %s %q %q", number, state, reason, callID, a.state, a.reason, a.call)
		}
	}
	open := 0
	for name, q := range s.queues {
		open += len(q.left)
		c := q.counts
		if c.Leaving != len(q.left) || c.Joined != c.Answered+c.Abandoned+c.Left+c.Leaving+len(q.waiting) {
			fault("queue %s: %+v with %d waiting, %d leaving", name, c, len(q.waiting), len(q.left))
		}
		for _, e := range q.waiting {
			if e.caller.entry != e || s.channels[e.caller.id] != e.caller {
				fault("queue %s has caller %s, who is not there", name, e.caller.id)
			}
		}
		for _, m := range q.members {
			if m.gone || s.members[name][m.iface] != m {
				fault("queue %s has member %s, who is not there", name, m.iface)
			}
		}
	}
	if open != s.open {
		fault("%d callers are leaving, and %d are counted", open, s.open)
	}
	return errors.Join(errs...)
}

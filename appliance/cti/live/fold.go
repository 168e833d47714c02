package live

import (
	"maps"
	"slices"
)

// Apply takes an event, and returns what it changed. The slice is good until
// the next step. What is no event, or is of no interest, changes nothing.
func (s *State) Apply(m Message) []Change {
	e, ok := s.decode(m)
	if !ok {
		s.changes = s.changes[:0]
		return nil
	}
	at := s.begin(e.at)
	if s.open > 0 {
		s.settleOld()
	}
	c := s.touch(&e.own, at)
	dest := s.touch(&e.dest, at)
	switch e.name {
	case "Hangup":
		if c != nil {
			s.hangup(c, cause(e.cause), at)
		} else if id := e.own.uniqueid; len(id) > 0 {
			if _, known := s.tombs[string(id)]; !known {
				s.bury(string(id))
			}
		}
	case "Rename":
		if c != nil && at >= c.at && len(e.newName) > 0 {
			s.rename(c, e.newName)
		}
	case "BridgeEnter":
		if c != nil {
			s.enterBridge(c, e.bridge, at)
		}
	case "BridgeLeave":
		if c != nil {
			s.leaveBridge(c, e.bridge, at)
		}
	case "Hold", "Unhold":
		if c != nil {
			s.hold(c, e.name == "Hold", at)
		}
	case "MixMonitorStart":
		if c != nil {
			s.record(c, recorded, at)
		}
	case "MixMonitorStop":
		if c != nil {
			s.record(c, notRecorded, at)
		}
	case "MixMonitorMute":
		if c != nil && c.rec != notRecorded {
			r := recorded
			if string(e.state) == "1" {
				r = recordingPaused
			}
			s.record(c, r, at)
		}
	case "ChanSpyStart", "ChanSpyStop":
		on := e.spyee.uniqueid
		if e.name == "ChanSpyStop" {
			on = nil
		}
		if c := s.channels[string(e.spyer.uniqueid)]; c != nil {
			s.spy(c, on, at)
		}
	case "AttendedTransfer":
		// Three together: nobody is on hold any more, and no Unhold says so.
		for _, id := range e.givers {
			if c := s.channels[string(id)]; c != nil {
				s.hold(c, false, at)
			}
		}
	case "DTMFEnd":
		s.pressed(c, e, at)
	case "QueueCallerJoin", "QueueCallerLeave", "QueueCallerAbandon":
		s.caller(c, e, at)
	case "AgentCalled", "AgentConnect", "AgentComplete", "AgentRingNoAnswer":
		s.offered(c, dest, e, at)
	case "QueueMemberAdded", "QueueMemberStatus", "QueueMemberPause", "QueueMemberPenalty":
		s.updateMember(e, at)
	case "QueueMemberRemoved":
		if m := s.memberOf(e); m != nil {
			if m.gone {
				m.at = max(m.at, at)
			}
			s.removeMember(m, at)
		}
	case "UserEvent":
		if string(e.user) == "QueueExit" && c != nil && string(e.status) != "CONTINUE" && len(e.status) > 0 {
			if q := s.queues[string(e.queue)]; q != nil {
				s.settleAs(c, &q.counts.Left, at)
			}
		}
	}
	return s.end()
}

// pressed keeps the keys that the first party of a call pressed: what a menu
// was told.
func (s *State) pressed(c *channel, e *event, at int64) {
	if c == nil || c.call == nil || at < c.at || c.seat != nil || c.call.agent != "" || c.bridge != "" {
		return
	}
	if string(e.direction) != "Received" || len(e.digit) != 1 || len(c.call.keys) >= maxKeys {
		return
	}
	c.call.keys = append(c.call.keys, e.digit[0])
	s.change(Change{Kind: Call, ID: c.call.id})
}

// caller: somebody came to a queue, or left it.
func (s *State) caller(c *channel, e *event, at int64) {
	q := s.queueOf(e.queue)
	if c == nil || q == nil || at < c.queueAt {
		return
	}
	switch e.name {
	case "QueueCallerJoin":
		if c.entry == nil && at == c.queueAt {
			return // told again, after the caller has left
		}
		s.enter(c, q, number(e.position), at)
	case "QueueCallerLeave":
		if at == c.queueAt {
			return
		}
		if c.entry == nil || c.entry.queue != q {
			s.enter(c, q, 0, at) // nobody told that they came
		}
		s.leave(c.entry, at)
	default:
		return // what becomes of them is told by what follows
	}
	c.queueAt = at
}

// offered: a queue asks an agent, and what came of it.
func (s *State) offered(c, dest *channel, e *event, at int64) {
	q := s.queueOf(e.queue)
	if q == nil {
		return
	}
	var a *agent
	if number, _, ok := parseAgent(e.iface); ok {
		a = s.agent(string(number))
	}
	switch e.name {
	case "AgentCalled":
		if a != nil && c != nil && dest != nil && at > a.offerAt {
			s.unoffer(a)
			if dest.offeredTo != nil {
				s.unoffer(dest.offeredTo)
			}
			a.offer, a.offerAt, dest.offeredTo = dest, at, a
		}
	case "AgentRingNoAnswer":
		if a != nil && at > a.offerAt {
			a.missed++
			a.offerAt = at
			s.unoffer(a)
		}
	case "AgentConnect":
		if c != nil {
			s.connect(c, q, at)
			if c.call != nil && a != nil {
				c.call.queue, c.call.agent = q.name, a.number
				s.change(Change{Kind: Call, ID: c.call.id})
			}
		}
		if a != nil && at > a.offerAt {
			a.missed, a.offerAt = 0, at
			s.unoffer(a)
		}
	case "AgentComplete":
		if a == nil {
			return
		}
		if w := s.wrapUp[q.name]; w > 0 && a.session != nil {
			a.wrapUntil = max(a.wrapUntil, at+int64(w)*1_000_000)
		}
	}
	s.touchAgent(a)
}

// Snapshot takes the answers to CoreShowChannels and QueueStatus, in any
// order. What they don't have is over. Events that were told before they were
// asked for must have been applied before; others are applied after it,
// although they may tell what it had.
func (s *State) Snapshot(items []Message) []Change {
	s.begin(0)
	s.gen++
	waiting := map[*queue][]*entry{}
	for _, m := range items {
		e, ok := s.decode(m)
		if !ok {
			continue
		}
		at := s.now
		switch e.name {
		case "CoreShowChannel":
			if c := s.touch(&e.own, at); c != nil {
				c.gen = s.gen
				c.bridgeAt = at
				if c.bridge != string(e.bridge) {
					c.bridge = string(e.bridge)
					s.touched(c)
				}
			}
		case "QueueParams":
			s.queueOf(e.queue)
		case "QueueMember":
			if m := s.updateMember(e, at); m != nil {
				m.gen = s.gen
			}
		case "QueueEntry":
			// Without a Linkedid it makes no channel: those came before.
			c := s.channels[string(e.own.uniqueid)]
			if q := s.queueOf(e.queue); c != nil && q != nil {
				entry := s.enter(c, q, number(e.position), at-int64(number(e.wait))*1_000_000)
				entry.gen = s.gen
				waiting[q] = append(waiting[q], entry)
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(s.channels)) {
		if c := s.channels[id]; c.gen != s.gen {
			s.hangup(c, Lost, s.now)
		}
	}
	for _, q := range s.queueOrder {
		for _, m := range slices.Clone(q.members) {
			if m.gen != s.gen {
				s.removeMember(m, s.now)
			}
		}
		for _, e := range slices.Clone(q.waiting) {
			if e.gen != s.gen {
				s.leave(e, s.now)
				s.settled(e, &q.counts.Left)
			}
		}
		if order := waiting[q]; !slices.Equal(order, q.waiting) && len(order) == len(q.waiting) {
			q.waiting = order
			s.change(Change{Kind: Queue, ID: q.name})
		}
	}
	return s.end()
}

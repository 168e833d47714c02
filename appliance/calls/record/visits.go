package record

import (
	"slices"
	"time"

	"switchroom/appliance/calls"
	"switchroom/appliance/calls/queuelog"
)

// stay is what the queue log says of one stay in a queue.
type stay struct {
	channel string
	queue   string
	entered time.Time
	entries []*queuelog.Entry
	used    bool
}

// stays takes the queue log's entries apart, a stay each.
func (b *builder) stays() []*stay {
	var all []*stay
	last := map[string]*stay{}
	for _, e := range b.entries {
		s := last[e.Call]
		if e.Event == queuelog.Enter || s == nil || s.queue != e.Queue {
			s = &stay{channel: e.Call, queue: e.Queue, entered: e.Time}
			last[e.Call] = s
			all = append(all, s)
		}
		s.entries = append(s.entries, e)
	}
	return all
}

// visits makes the stays of the call in queues, from both sources: the channel
// events know the moment, and callers that were not let in; the queue log knows
// the agent and the reason.
func (b *builder) visits(people []*channel) []calls.Visit {
	stays := b.stays()
	var out []calls.Visit
	for _, q := range b.queueings {
		var mine *stay
		for _, s := range stays {
			if !s.used && s.channel == q.ch.id && s.queue == q.queue && s.entered.Unix() >= q.from.Unix() && (q.to.IsZero() || s.entered.Unix() <= q.to.Unix()+1) {
				mine = s
				s.used = true
				break
			}
		}
		out = append(out, b.visit(q, mine, people))
	}
	for _, s := range stays {
		if !s.used && s.entries[0].Event == queuelog.Enter {
			out = append(out, b.visit(&queueing{queue: s.queue, from: s.entered}, s, people))
		}
	}
	slices.SortStableFunc(out, func(x, y calls.Visit) int { return x.Entered.Compare(y.Entered) })
	return out
}

// statuses are what the application Queue says when it ends.
var statuses = map[string]calls.QueueOutcome{
	"TIMEOUT": calls.QueueTimeout, "FULL": calls.QueueFull, "JOINEMPTY": calls.QueueJoinEmpty, "LEAVEEMPTY": calls.QueueLeftEmpty,
	"WITHDRAW": calls.QueueWithdrawn, "KEY": calls.QueueKey,
	// Nobody there, or nobody free enough to join for.
	"JOINUNAVAIL": calls.QueueJoinEmpty, "LEAVEUNAVAIL": calls.QueueLeftEmpty,
}

func (b *builder) visit(q *queueing, s *stay, people []*channel) calls.Visit {
	v := calls.Visit{Queue: q.queue, Entered: q.from, Outcome: calls.QueueWaiting}
	caller := q.ch
	var connect *queuelog.Entry
	if s != nil {
		for _, e := range s.entries {
			switch e.Event {
			case queuelog.Enter:
				v.Position = e.Int(2)
			case queuelog.Connect:
				connect = e
				v.Outcome, v.Agent, v.Left = calls.QueueConnected, e.Agent, e.Time
			case queuelog.Abandon:
				v.Outcome = leave(v.Outcome, calls.QueueAbandoned)
				v.Left = e.Time
			case queuelog.Timeout:
				v.Outcome = leave(v.Outcome, calls.QueueTimeout)
				v.Left = e.Time
			case queuelog.Empty:
				v.Outcome = leave(v.Outcome, calls.QueueLeftEmpty)
				v.Left = e.Time
			case queuelog.Withdraw:
				v.Outcome = leave(v.Outcome, calls.QueueWithdrawn)
				v.Left = e.Time
			case queuelog.Key:
				v.Outcome, v.Key = leave(v.Outcome, calls.QueueKey), e.Arg(0)
				v.Left = e.Time
			case queuelog.CompleteCaller:
				v.EndedBy, v.Done = calls.ByCaller, e.Time
			case queuelog.CompleteAgent:
				v.EndedBy, v.Done = calls.ByAgent, e.Time
			case queuelog.Blind, queuelog.Attended:
				v.Transferred, v.Done = true, e.Time
			}
		}
	}
	if caller == nil {
		return v
	}
	if v.Outcome == calls.QueueWaiting || v.Outcome == calls.QueueAbandoned {
		if o, ok := statuses[q.result]; ok {
			v.Outcome = o
		}
	}
	switch {
	case v.Outcome == calls.QueueWaiting && !q.to.IsZero() && q.result == "" && caller.hung:
		v.Outcome = calls.QueueAbandoned
	case v.Outcome == calls.QueueWaiting && caller.lost:
		v.Outcome = calls.QueueLost
	}
	b.moments(&v, q, connect, people)
	return v
}

// leave keeps the connection: what comes after it is about the talk.
func leave(had, now calls.QueueOutcome) calls.QueueOutcome {
	if had == calls.QueueConnected {
		return had
	}
	return now
}

// moments puts the exact times in place of the queue log's whole seconds.
func (b *builder) moments(v *calls.Visit, q *queueing, connect *queuelog.Entry, people []*channel) {
	end := q.to
	if end.IsZero() && q.ch.hung {
		end = q.ch.end
	}
	if v.Outcome != calls.QueueConnected {
		if !end.IsZero() && v.Outcome != calls.QueueWaiting {
			v.Left = end
		}
		return
	}
	// The telephone of the agent that was answered in this stay, or the
	// channel that stands for it.
	var agent *channel
	for _, c := range people {
		if c.member() == v.Agent && c != q.ch && !c.answered.Before(q.from) && (end.IsZero() || !c.answered.After(end)) && !c.answered.IsZero() &&
			c.start.Before(v.Left.Add(2*time.Second)) {
			agent = c
			break
		}
	}
	if agent == nil {
		agent = b.channels[connect.Arg(1)]
	}
	v.Done = end
	if agent != nil {
		if !agent.answered.IsZero() {
			v.Left = agent.answered
		}
		// A pair that the agent was reached by goes when the two are connected.
		if agent.pair == "" && agent.hung && (v.Done.IsZero() || agent.end.Before(v.Done)) {
			v.Done = agent.end
		}
	}
	for _, t := range b.transfers {
		switch {
		case t.Kind == "pickup", t.At.Before(v.Left), !v.Done.IsZero() && t.At.After(v.Done.Add(time.Second)):
			continue
		case agent != nil && agent.pair == "" && t.by != nil && t.by != agent && t.by.pair == "":
			continue // another handed the caller on
		case agent == nil || agent.pair != "":
			v.Done = t.At // no telephone of the agent's says when
		case t.Kind == "attended" && q.ch.hung && !q.ch.end.After(v.Done.Add(minHold)):
			continue // all three to the end: nobody was left behind
		}
		v.Transferred = true
	}
	for _, h := range q.ch.holds {
		if !h.From.Before(v.Left) && (v.Done.IsZero() || h.From.Before(v.Done)) {
			to := h.To
			if !v.Done.IsZero() && (to.IsZero() || to.After(v.Done)) {
				to = v.Done
			}
			v.Hold += max(to.Sub(h.From), 0)
		}
	}
	if v.Transferred {
		v.EndedBy = ""
		return
	}
	if q.ch.lost {
		v.EndedBy = calls.BySystem
	}
}

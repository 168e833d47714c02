package record

import (
	"slices"
	"strings"
	"time"

	"switchroom/appliance/calls"
	"switchroom/appliance/calls/cel"
	"switchroom/appliance/calls/queuelog"
)

// call puts the record together.
func (b *builder) call() calls.Call {
	call := calls.Call{ID: b.id, Outcome: calls.Running, Path: b.steps, Rating: b.rating, CallbackOf: b.of}
	if len(b.order) == 0 {
		// Nothing but entries of the queue log: its channel events were lost.
		call.Queues = b.visits(nil)
		if len(call.Queues) > 0 {
			call.Start = call.Queues[0].Entered
		} else if len(b.entries) > 0 {
			call.Start = b.entries[0].Time
		}
		call.Direction = calls.Inbound
		call.Outcome = calls.Lost
		call.End = call.Start
		for _, e := range b.entries {
			if e.Time.After(call.End) {
				call.End = e.Time
			}
		}
		return call
	}
	var people []*channel
	for _, c := range b.order {
		if c.pair == "" {
			people = append(people, c)
		}
	}
	first := b.order[0]
	if len(people) > 0 {
		first = people[0]
	}
	call.Start = b.order[0].start
	call.Caller = party(first)
	call.Dialled = first.exten
	if (call.Dialled == "s" || call.Dialled == "") && b.did != "" {
		call.Dialled = b.did // a call that the box made: the way out knows its number
	}
	over := true
	for _, c := range b.order {
		over = over && c.hung
		if c.end.After(call.End) {
			call.End = c.end
		}
	}
	if !over {
		call.End = time.Time{}
	}
	call.Queues = b.visits(people)
	for _, c := range people {
		call.Legs = append(call.Legs, b.leg(c, first, call.Queues))
	}
	for i := range call.Queues {
		b.rings(&call.Queues[i], call.Legs)
	}
	for _, c := range people {
		if c != first && !c.answered.IsZero() && c.everTalked && (call.Answered.IsZero() || c.answered.Before(call.Answered)) {
			call.Answered = c.answered
		}
	}
	for _, v := range call.Queues {
		if v.Outcome == calls.QueueConnected && (call.Answered.IsZero() || v.Left.Before(call.Answered)) {
			call.Answered = v.Left
		}
	}
	for _, t := range b.transfers {
		call.Transfers = append(call.Transfers, b.transfer(t))
	}
	call.Direction = b.direction(first, people)
	call.EndedBy, call.Cause = b.endedBy(first, people)
	if over {
		call.Outcome = b.outcome(call, first, people)
	}
	return call
}

// member is what a queue knows the telephone by: the agent who sits there, or
// the telephone itself.
func (c *channel) member() string {
	if c.agent != "" {
		return c.agent
	}
	return c.seat
}

func party(c *channel) calls.Party {
	p := calls.Party{Number: c.number, Name: c.callerID, Agent: c.agent, Seat: c.seat}
	if p.Name == p.Number {
		p.Name = ""
	}
	// A telephone that the dialplan had no time to name: a pick-up is led past
	// it.
	if p.Seat == "" && strings.HasPrefix(c.context, "phones") && c.linked == c.id {
		p.Seat = c.number
	}
	if p.Seat != "" {
		p.Number = p.Seat
	}
	return p
}

// fromPhone reports whether the channel is one of our telephones.
func fromPhone(c *channel) bool {
	return c.phone || c.seat != "" || strings.HasPrefix(c.context, "phones")
}

func (b *builder) direction(first *channel, people []*channel) calls.Direction {
	switch d := calls.Direction(b.kind); d {
	case calls.Inbound, calls.Outbound, calls.Internal:
		return d
	}
	if len(people) == 0 {
		return calls.Feature // the dialplan's own errands
	}
	if !fromPhone(first) {
		return calls.Inbound
	}
	if b.kinds["AgentLogin"] || b.login && len(people) == 1 {
		return calls.Feature
	}
	for _, c := range people[min(1, len(people)):] {
		if !fromPhone(c) && c.linked != c.id {
			return calls.Outbound
		}
	}
	return calls.Internal
}

func (b *builder) leg(c, first *channel, visits []calls.Visit) calls.Leg {
	l := calls.Leg{
		ID: c.id, Channel: c.name, Role: calls.RoleCallee, Party: party(c),
		Start: c.start, Answered: c.answered, End: c.end, Cause: c.cause, Talk: c.talk, Holds: c.holds,
	}
	if !c.alone.IsZero() {
		l.Holds = append(slices.Clone(l.Holds), calls.Interval{From: c.alone})
	}
	if (l.Number == "s" || l.Number == "") && !fromPhone(c) && c != first {
		l.Number = b.did
	}
	switch {
	case c == first:
		l.Role = calls.RoleCaller
		return l
	case c.linked == c.id:
		l.Role = calls.RoleOther
		return l
	}
	for _, v := range visits {
		if c.member() != "" && !c.start.Before(v.Entered) && (v.Left.IsZero() || !c.start.After(v.Left)) {
			l.Queue = v.Queue
		}
	}
	l.Result = b.result(c, first, l.Queue)
	return l
}

// Causes, of Q.850, as far as they say what became of ringing.
const (
	causeBusy      = 17
	causeNoAnswer  = 19
	causeRejected  = 21
	causeElsewhere = 26
	causeNormal    = 16
	causeNone      = 0
)

// result says what came of ringing a leg.
func (b *builder) result(c, first *channel, queue string) calls.RingResult {
	switch {
	case !c.answered.IsZero():
		return calls.RingAnswered
	case !c.hung:
		return calls.RingRinging
	case c.lost:
		return calls.RingCancelled
	}
	switch c.cause {
	case causeBusy, causeRejected:
		return calls.RingRejected
	case causeElsewhere:
		return calls.RingCancelled
	case causeNone, causeNormal, causeNoAnswer:
	default:
		return calls.RingFailed
	}
	if queue != "" {
		// The queue says it of the telephones that it stopped ringing.
		for _, e := range b.entries {
			if e.Event == queuelog.RingNoAnswer && e.Agent == c.member() && near(e.Time, c.end, 2*time.Second) {
				return calls.RingMissed
			}
		}
		if b.elsewhere(c) || b.left(first, c.end) {
			return calls.RingCancelled
		}
		for _, e := range b.entries {
			if e.Event == queuelog.Timeout && near(e.Time, c.end, 2*time.Second) {
				return calls.RingMissed
			}
		}
		return calls.RingCancelled
	}
	if b.elsewhere(c) || b.left(first, c.end) {
		return calls.RingCancelled
	}
	return calls.RingMissed
}

// elsewhere reports whether another telephone was answered just as this one
// stopped ringing.
func (b *builder) elsewhere(c *channel) bool {
	return slices.ContainsFunc(b.order, func(o *channel) bool {
		return o != c && o.pair == "" && o.start.After(b.order[0].start) && o.answered.After(c.start) && near(o.answered, c.end, 500*time.Millisecond)
	})
}

// left reports whether a channel hung up by itself just then.
func (b *builder) left(c *channel, at time.Time) bool {
	return c.hung && (c.source == c.name || c.lost) && near(c.end, at, 500*time.Millisecond)
}

func near(a, b time.Time, d time.Duration) bool { return a.Sub(b).Abs() <= d }

// rings lists whom the queue rang.
func (b *builder) rings(v *calls.Visit, legs []calls.Leg) {
	for _, l := range legs {
		if l.Role != calls.RoleCallee || l.Queue == "" || l.Queue != v.Queue || l.Start.Before(v.Entered) || !v.Left.IsZero() && l.Start.After(v.Left) {
			continue
		}
		r := calls.Ring{Agent: l.Agent, Seat: l.Seat, Start: l.Start, End: l.End, Result: l.Result}
		if r.Agent == "" {
			r.Agent = l.Seat // a member of the queue by itself
		}
		if l.Result == calls.RingAnswered {
			r.End = l.Answered
		}
		v.Rings = append(v.Rings, r)
	}
}

func (b *builder) transfer(t transfer) calls.Transfer {
	if t.Kind == "pickup" && t.target != nil {
		t.by = t.target // who fetched the call to himself
	}
	if t.by != nil {
		t.By = who(t.by)
	}
	kind := t.Kind
	if kind == "attended" && t.by != nil && (!t.by.hung || t.by.end.Sub(t.At) > time.Second) {
		t.Kind = "three-way" // who asked the third stayed
	}
	switch {
	case t.target != nil && t.target.pair == "":
		t.To = who(t.target)
	case kind == "attended":
		// The target is one of Asterisk's own pairs, or it does not say: who was
		// called last before, and answered.
		var last *channel
		for _, o := range b.order {
			if o.pair == "" && o != t.by && !o.answered.IsZero() && !o.answered.After(t.At) && o.linked != o.id && o.start.After(t.by.start) {
				last = o
			}
		}
		if last != nil {
			t.To = who(last)
		} else if t.target != nil {
			t.To = t.target.exten
		}
	}
	return t.Transfer
}

func who(c *channel) string {
	for _, s := range []string{c.agent, c.seat, c.number, c.exten} {
		if s != "" {
			return s
		}
	}
	return cel.Device(c.name)
}

// endedBy finds who hung up: the party named by the hang-ups of the last who
// were connected, or by the caller's own.
func (b *builder) endedBy(first *channel, people []*channel) (calls.EndedBy, int) {
	var last *channel
	for _, c := range people {
		if c.hung && !c.answered.IsZero() && c != first && (last == nil || c.end.After(last.end)) {
			last = c
		}
	}
	name := func(source string) (calls.EndedBy, bool) {
		for _, c := range people {
			switch {
			case source == "" || c.name != source:
			case c == first:
				return calls.ByCaller, true
			case c.agent != "":
				return calls.ByAgent, true
			default:
				return calls.ByCallee, true
			}
		}
		return "", false
	}
	if last != nil {
		// Whoever of the two went first says why.
		pair := []*channel{last, first}
		if first.hung && first.end.Before(last.end) {
			pair = []*channel{first, last}
		}
		for _, c := range pair {
			if by, ok := name(c.source); ok && c.hung {
				return by, c.cause
			}
		}
	}
	if !first.hung {
		return "", 0
	}
	if first.lost {
		return calls.BySystem, 0
	}
	if by, ok := name(first.source); ok {
		return by, first.cause
	}
	return calls.BySystem, first.cause
}

// outcome judges a call that has ended.
func (b *builder) outcome(call calls.Call, first *channel, people []*channel) calls.Outcome {
	connected := !call.Answered.IsZero()
	switch {
	case connected:
		return calls.Answered
	case slices.ContainsFunc(b.order, func(c *channel) bool { return c.lost }):
		return calls.Lost
	case b.kinds["ConfBridge"]:
		return calls.Conference
	case b.kinds["VoiceMail"]:
		return calls.Voicemail
	case b.callback:
		return calls.Callback
	}
	if n := len(call.Queues); n > 0 {
		if call.Queues[n-1].Outcome == calls.QueueAbandoned {
			return calls.Abandoned
		}
	}
	var last *calls.Leg
	for i := range call.Legs {
		if l := &call.Legs[i]; l.Role == calls.RoleCallee {
			last = l
		}
	}
	switch {
	case last != nil && last.Result == calls.RingCancelled:
		return calls.Abandoned
	case last != nil && last.Result == calls.RingRejected && call.Direction != calls.Feature:
		return calls.Busy
	case last != nil && last.Result == calls.RingFailed:
		return calls.Failed
	case last != nil && last.Result == calls.RingMissed, len(call.Queues) > 0:
		return calls.NoAnswer
	case last != nil:
		// It answered and nobody was connected: the caller had gone.
		return calls.Abandoned
	case first.answered.IsZero() && first.cause == causeRejected:
		return calls.Refused
	case first.answered.IsZero() && first.cause == causeBusy:
		return calls.Busy
	case first.answered.IsZero() && b.left(first, first.end):
		return calls.Abandoned
	case first.answered.IsZero():
		return calls.Failed
	}
	return calls.Served
}

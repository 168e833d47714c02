package record

import (
	"slices"
	"strings"
	"time"

	"switchroom/appliance/calls"
	"switchroom/appliance/calls/cel"
	"switchroom/appliance/calls/queuelog"
)

// Fold makes the call of an id out of its facts. Restarts are the times, in
// whole seconds, at which Asterisk started: a channel that was up before one
// and did not hang up ended with it.
//
// The facts' order, and whether some come twice, makes no difference.
func Fold(id string, facts []Fact, restarts []time.Time) calls.Call {
	events, entries := sorted(facts)
	b := &builder{id: id, restarts: restarts, channels: map[string]*channel{}, pairs: map[string][]*channel{}}
	for _, e := range entries {
		switch e.Event {
		case queuelog.Hold, queuelog.Unhold:
			b.holdEntries = append(b.holdEntries, e)
		default:
			b.entries = append(b.entries, e)
		}
	}
	for _, e := range events {
		b.event(e)
	}
	b.finish()
	return b.call()
}

// channel is one channel of the call while the events are gone through.
type channel struct {
	id, name string
	pair     string // of Asterisk's own pairs; "" for a telephone or a line
	number   string
	callerID string // name
	exten    string
	context  string
	linked   string
	app      string
	agent    string
	seat     string
	phone    bool // one of our telephones

	start, answered, end time.Time
	hung                 bool
	cause                int
	source               string
	lost                 bool

	bridge     string
	holding    bool // the bridge is one to wait in
	pool       bool // asks for an always-connected agent: that agent is at the other end
	everTalked bool
	held       bool // its telephone put the others on hold
	talk       time.Duration
	firstTalk  time.Time
	alone      time.Time // since when the others have been away; zero: they are there
	holds      []calls.Interval
	queues     []*queueing
}

// queueing is one run of the application Queue on a channel.
type queueing struct {
	ch       *channel
	queue    string
	from, to time.Time
	result   string // QUEUESTATUS, as the dialplan told it
}

type builder struct {
	id          string
	restarts    []time.Time
	channels    map[string]*channel
	order       []*channel // by their start
	pairs       map[string][]*channel
	entries     []*queuelog.Entry
	holdEntries []*queuelog.Entry

	now       time.Time // of the event before
	steps     []calls.Step
	transfers []transfer
	queueings []*queueing
	rating    int
	callback  bool
	of        string
	kinds     map[string]bool // applications that the call reached
	kind      string          // the route's own word for the direction
	login     bool
	did       string // the number that the last route was chosen for
}

type transfer struct {
	calls.Transfer
	by, target *channel
}

// minHold is the shortest time that counts as holding: moving between bridges
// takes a few milliseconds.
const minHold = 100 * time.Millisecond

func (b *builder) channel(e *cel.Event) *channel {
	c := b.channels[e.UniqueID]
	if c == nil {
		c = &channel{id: e.UniqueID, linked: e.LinkedID, start: e.Time, context: e.Context, exten: e.Exten}
		b.channels[e.UniqueID] = c
		b.order = append(b.order, c)
	}
	if e.Channel != "" && c.name != e.Channel {
		c.name = e.Channel
		if pair, ok := cel.Local(e.Channel); ok && c.pair == "" {
			c.pair = pair
			b.pairs[pair] = append(b.pairs[pair], c)
		}
	}
	if c.number == "" {
		c.number = e.Number
	}
	if c.callerID == "" {
		c.callerID = e.Name
	}
	return c
}

func (b *builder) event(e *cel.Event) {
	b.pass(e.Time)
	c := b.channel(e)
	if e.User {
		b.user(e, c)
		return
	}
	switch e.Type {
	case cel.Answer:
		if c.answered.IsZero() {
			c.answered = e.Time
		}
	case cel.Hangup:
		c.hung, c.end, c.cause, c.source = true, e.Time, e.Extra.Cause, e.Extra.Source
		c.bridge = ""
	case cel.ChanEnd:
		if !c.hung {
			c.hung, c.end = true, e.Time
		}
		c.bridge = ""
	case cel.BridgeEnter:
		c.bridge, c.holding = e.Extra.Bridge, e.Extra.Technology == "holding_bridge"
		c.pool = e.App == "AgentRequest"
	case cel.BridgeExit:
		if c.bridge == e.Extra.Bridge {
			c.bridge = ""
		}
	case cel.AppStart:
		b.app(e, c)
	case cel.AppEnd:
		c.app = ""
		if e.App == "Queue" && len(c.queues) > 0 {
			if q := c.queues[len(c.queues)-1]; q.to.IsZero() {
				q.to = e.Time
			}
		}
	case cel.BlindTransfer:
		b.transfers = append(b.transfers, transfer{calls.Transfer{At: e.Time, Kind: "blind", To: e.Extra.Extension}, c, nil})
	case cel.AttendedTransfer:
		target := b.channels[e.Extra.TransferTargetID]
		by := c
		b.transfers = append(b.transfers, transfer{calls.Transfer{At: e.Time, Kind: "attended"}, by, target})
	case cel.Pickup:
		t := transfer{calls.Transfer{At: e.Time, Kind: "pickup"}, c, b.channels[e.Extra.PickupChannelID]}
		b.transfers = append(b.transfers, t)
	case cel.ParkStart:
		// Parking is a blind transfer to the parking lot.
		if n := len(b.transfers); n > 0 && b.transfers[n-1].Kind == "blind" && e.Time.Sub(b.transfers[n-1].At) < time.Second {
			b.transfers[n-1].Kind = "parked"
			break
		}
		b.transfers = append(b.transfers, transfer{calls.Transfer{At: e.Time, Kind: "parked", To: e.Exten}, nil, nil})
	}
}

func (b *builder) app(e *cel.Event, c *channel) {
	c.app = e.App
	if b.kinds == nil {
		b.kinds = map[string]bool{}
	}
	b.kinds[e.App] = true
	if e.App == "Queue" {
		name, _, _ := strings.Cut(e.AppData, ",")
		q := &queueing{ch: c, queue: name, from: e.Time}
		c.queues = append(c.queues, q)
		b.queueings = append(b.queueings, q)
	}
}

// user takes what the dialplan said.
func (b *builder) user(e *cel.Event, c *channel) {
	v := e.Values
	switch e.Type {
	case "ROUTE":
		b.steps = append(b.steps, calls.Step{At: e.Time, Kind: "route", Name: v.Get("name")})
		if k := v.Get("kind"); k != "" && b.kind == "" {
			b.kind = k
		}
		if d := v.Get("did"); d != "" {
			b.did = d
		}
	case "IVR":
		b.steps = append(b.steps, calls.Step{At: e.Time, Kind: "ivr", Name: v.Get("menu"), Key: v.Get("key")})
	case "DEST":
		b.steps = append(b.steps, calls.Step{At: e.Time, Kind: v.Get("kind"), Name: v.Get("what"), Key: v.Get("state")})
	case "QUEUE":
		for _, q := range slices.Backward(c.queues) {
			if q.queue == v.Get("queue") && q.result == "" {
				q.result = v.Get("result")
				break
			}
		}
	case "AGENT":
		c.phone = true
		if a := v.Get("agent"); a != "" {
			c.agent = a
		}
		if s := v.Get("seat"); s != "" {
			c.seat = s
		}
	case "LOGIN", "LOGOUT", "PAUSE", "UNPAUSE":
		b.login = true
		c.phone = true
		if a := v.Get("agent"); a != "" && c.agent == "" {
			c.agent = a
		}
		if s := v.Get("seat"); s != "" && c.seat == "" {
			c.seat = s
		}
	case "RATING":
		if k := v.Get("key"); len(k) == 1 && k[0] >= '1' && k[0] <= '5' {
			b.rating = int(k[0] - '0')
		}
	case "CALLBACK":
		if of := v.Get("of"); of != "" {
			b.of = of
		} else {
			b.callback = true
		}
	}
}

// pass counts the time since the event before: who was connected, who alone.
// The holds of telephones that were told to the queue log come in between.
func (b *builder) pass(to time.Time) {
	for len(b.holdEntries) > 0 && b.holdEntries[0].Time.Before(to) {
		e := b.holdEntries[0]
		b.holdEntries = b.holdEntries[1:]
		if e.Time.After(b.now) {
			b.step(e.Time)
		}
		if c := b.channels[e.Call]; c != nil {
			c.held = e.Event == queuelog.Hold
		}
	}
	b.step(to)
}

func (b *builder) step(to time.Time) {
	from := b.now
	b.now = to
	if from.IsZero() || !to.After(from) {
		return
	}
	d := to.Sub(from)
	for _, part := range b.parties() {
		real, playing, held := 0, false, false
		for _, c := range part {
			switch {
			case c.pair == "" || c.pool:
				real++
				held = held || c.held
			case c.bridge == "":
				playing = true
			}
		}
		for _, c := range part {
			if c.pair != "" {
				continue
			}
			switch {
			case c.bridge == "" || c.holding && real < 2 || playing:
				c.back(from)
			case real > 1 && !c.holding && !(held && !c.held):
				c.back(from)
				c.talk += d
				if c.firstTalk.IsZero() {
					c.firstTalk = from
				}
				c.everTalked = true
			case c.everTalked && c.alone.IsZero():
				c.alone = from
			}
		}
	}
}

// back ends a time alone.
func (c *channel) back(at time.Time) {
	if !c.alone.IsZero() && at.Sub(c.alone) >= minHold {
		c.holds = append(c.holds, calls.Interval{From: c.alone, To: at})
	}
	c.alone = time.Time{}
}

// parties are the channels that hear each other: in one bridge, or in two that
// one of Asterisk's own pairs connects.
func (b *builder) parties() [][]*channel {
	group := map[*channel]int{}
	n := 0
	byBridge := map[string]int{}
	byPair := map[string]int{}
	into := map[int]int{}
	find := func(i int) int {
		for into[i] != i {
			i = into[i]
		}
		return i
	}
	for _, c := range b.order {
		if c.hung {
			continue
		}
		mine := -1
		add := func(m map[string]int, key string) {
			if key == "" {
				return
			}
			i, ok := m[key]
			if !ok {
				if mine < 0 {
					mine, into[n] = n, n
					n++
				}
				m[key] = mine
				return
			}
			if mine >= 0 {
				into[find(mine)] = find(i)
			}
			mine = i
		}
		add(byBridge, c.bridge)
		add(byPair, c.pair)
		if mine < 0 {
			mine, into[n] = n, n
			n++
		}
		group[c] = mine
	}
	parts := make([][]*channel, n)
	for _, c := range b.order {
		if i, ok := group[c]; ok {
			i = find(i)
			parts[i] = append(parts[i], c)
		}
	}
	return slices.DeleteFunc(parts, func(p []*channel) bool { return len(p) == 0 })
}

// finish ends what ended with Asterisk.
func (b *builder) finish() {
	slices.SortStableFunc(b.order, func(x, y *channel) int {
		if c := x.start.Compare(y.start); c != 0 {
			return c
		}
		return compareIDs(x.id, y.id)
	})
	for _, c := range b.order {
		if c.hung {
			c.back(c.end)
			continue
		}
		if i := slices.IndexFunc(b.restarts, func(t time.Time) bool { return c.start.Before(t) }); i >= 0 {
			// The last that was heard of the call, and not after the restart.
			end := b.now
			if end.After(b.restarts[i]) {
				end = b.restarts[i]
			}
			if end.Before(c.start) {
				end = c.start
			}
			c.hung, c.lost, c.end = true, true, end
			c.back(end)
		}
	}
}

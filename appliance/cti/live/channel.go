package live

import "strconv"

// channel is one end of Asterisk.
type channel struct {
	id, name string
	call     *call
	seat     *seat // nil: no telephone of ours
	local    bool
	created  int64
	answered int64
	gen      uint64

	at                           int64 // of what follows
	state                        int   // Asterisk's: 0 down … 4 ring, 5 ringing, 6 up
	num, cname, connNum, connNam string
	callref, dnis                string

	bridge   string
	bridgeAt int64
	held     bool // the one at this end has put the others on hold
	heldAt   int64
	spies    string // Uniqueid of the channel that is listened to
	spyAt    int64
	rec      recording
	recAt    int64
	entry    *entry
	queueAt  int64

	offeredTo *agent // this channel is how a queue asks the agent
}

// recording is what becomes of a channel's sound.
type recording uint8

const (
	notRecorded recording = iota
	recorded
	recordingPaused
)

// Asterisk's states of a channel.
const (
	stateDialling = 3 // and 4, ring: the one at this end calls; below, nothing has happened yet
	stateRinging  = 5
	stateUp       = 6
)

// call is all channels with one Linkedid.
type call struct {
	id       string
	channels []*channel // in the order in which they came
	started  int64
	queue    string
	agent    string // who took it from the queue
	keys     []byte // pressed by who called
	party    party
}

// party is who is outside. What was known of it stays when it has left.
type party struct {
	id, number, name string
	calls            bool // the call came from there
}

const maxKeys = 64

func (c *call) firstLeg() *channel {
	for _, ch := range c.channels {
		if !ch.local {
			return ch
		}
	}
	return nil
}

// touch finds the channel that a block is about, makes it if nobody told of
// its beginning, and takes over what the block says unless something newer is
// known. It returns nil for one that has ended, and for none.
func (s *State) touch(b *block, at int64) *channel {
	if len(b.uniqueid) == 0 {
		return nil
	}
	c := s.channels[string(b.uniqueid)]
	if c == nil {
		if len(b.channel) == 0 || len(b.linkedid) == 0 {
			return nil
		}
		if _, ended := s.tombs[string(b.uniqueid)]; ended {
			return nil
		}
		c = &channel{id: string(b.uniqueid), created: at, gen: s.gen}
		s.channels[c.id] = c
		s.rename(c, b.channel)
	}
	if at < c.at || len(b.linkedid) == 0 {
		return c
	}
	c.at = at
	if string(b.channel) != c.name && len(b.channel) > 0 {
		s.rename(c, b.channel)
	}
	changed := false
	if n := number(b.state); len(b.state) > 0 && n != c.state && (c.state != stateUp || n == stateUp) {
		c.state, changed = n, true
		if n == stateUp && c.answered == 0 {
			c.answered = at
		}
	}
	changed = s.set(&c.num, b.num) || changed
	changed = s.set(&c.cname, b.name) || changed
	changed = s.set(&c.connNum, b.connNum) || changed
	changed = s.set(&c.connNam, b.connName) || changed
	if len(b.callref) > 0 {
		changed = s.set(&c.callref, b.callref) || changed
	}
	if len(b.dnis) > 0 {
		changed = s.set(&c.dnis, b.dnis) || changed
	}
	if c.call == nil || c.call.id != string(b.linkedid) {
		s.join(c, b.linkedid)
		changed = true
	}
	if changed {
		if p := &c.call.party; !c.local && c.seat == nil && (p.id == "" || p.id == c.id) {
			if p.id == "" {
				p.id, p.calls = c.id, c.call.firstLeg() == c
			}
			p.number, p.name = c.num, c.cname
		}
		s.touched(c)
	}
	return c
}

// touched notes that a channel is not what it was.
func (s *State) touched(c *channel) {
	if c.call != nil {
		s.change(Change{Kind: Call, ID: c.call.id})
	}
	if c.seat != nil {
		s.touchAgent(c.seat.agent)
	}
	s.touchAgent(c.offeredTo)
}

// rename gives a channel its name. The name says which telephone it is:
// Asterisk moves names from one channel to another when it moves calls.
func (s *State) rename(c *channel, name []byte) {
	c.name = string(name)
	c.local = isLocal(c.name)
	to := s.seatOfChannel(name)
	if to == c.seat {
		return
	}
	if c.seat != nil {
		c.seat.legs = remove(c.seat.legs, c)
		s.touchAgent(c.seat.agent)
	}
	if c.seat = to; to != nil {
		to.legs = append(to.legs, c)
	}
	s.touched(c)
}

// join makes a channel part of a call.
func (s *State) join(c *channel, linkedid []byte) {
	to := s.calls[string(linkedid)]
	if to == nil {
		to = &call{id: string(linkedid), started: c.created}
		s.calls[to.id] = to
	}
	from := c.call
	c.call = to
	to.channels = append(to.channels, c)
	to.started = min(to.started, c.created)
	if from == nil {
		return
	}
	from.channels = remove(from.channels, c)
	if to.party.id == "" {
		to.party = from.party
	}
	if to.queue == "" {
		to.queue, to.agent = from.queue, from.agent
	}
	if len(from.channels) == 0 {
		s.over(from, Joined, to.id)
	} else {
		s.change(Change{Kind: Call, ID: from.id})
	}
}

// over ends a call.
func (s *State) over(c *call, why Reason, into string) {
	delete(s.calls, c.id)
	s.change(Change{Kind: Call, ID: c.id, Gone: true, Reason: why, Into: into})
}

// hangup ends a channel.
func (s *State) hangup(c *channel, why Reason, at int64) {
	if c.entry != nil {
		s.leave(c.entry, at)
	}
	s.settle(c, why, at)
	delete(s.channels, c.id)
	s.bury(c.id)
	if c.offeredTo != nil {
		s.unoffer(c.offeredTo)
	}
	if c.seat != nil {
		c.seat.legs = remove(c.seat.legs, c)
		s.touchAgent(c.seat.agent)
	}
	if c.call != nil {
		call := c.call
		if call.channels = remove(call.channels, c); len(call.channels) == 0 {
			s.over(call, why, "")
		} else {
			s.change(Change{Kind: Call, ID: call.id})
		}
	}
}

func (s *State) enterBridge(c *channel, bridge []byte, at int64) {
	if at < c.bridgeAt {
		return
	}
	c.bridgeAt = at
	if string(bridge) != c.bridge {
		c.bridge = string(bridge)
		s.touched(c)
	}
}

func (s *State) leaveBridge(c *channel, bridge []byte, at int64) {
	if at < c.bridgeAt || c.bridge != string(bridge) {
		return
	}
	c.bridge, c.bridgeAt = "", at
	s.touched(c)
}

func (s *State) hold(c *channel, held bool, at int64) {
	if at < c.heldAt {
		return
	}
	c.heldAt = at
	if c.held != held {
		c.held = held
		s.touched(c)
	}
}

func (s *State) record(c *channel, r recording, at int64) {
	if at < c.recAt {
		return
	}
	c.recAt = at
	if c.rec != r {
		c.rec = r
		s.touched(c)
	}
}

func (s *State) spy(c *channel, on []byte, at int64) {
	if at < c.spyAt {
		return
	}
	c.spyAt = at
	if c.spies != string(on) {
		c.spies = string(on)
		s.touched(c)
	}
}

// cause is Asterisk's cause as a reason.
func cause(v []byte) Reason { return Reason(strconv.Itoa(number(v))) }

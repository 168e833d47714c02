package live

import "slices"

// queue is where callers wait.
type queue struct {
	name    string
	waiting []*entry // in their order
	left    []*entry // who left, and nobody knows yet why
	counts  Counts
	members []*member
}

// Counts are how many callers came since the state was made, and what became
// of them. Joined is the sum of the others and of those who wait.
type Counts struct {
	Joined    int `json:"joined"`
	Answered  int `json:"answered"`
	Abandoned int `json:"abandoned"` // hung up while they waited
	Left      int `json:"left"`      // waited too long, pressed a key, or the queue had nobody any more
	Leaving   int `json:"leaving"`   // have just left, and it is not known yet which of these it is
}

// entry is a caller in a queue.
type entry struct {
	queue  *queue
	caller *channel
	joined int64
	gone   int64 // when the entry left
	gen    uint64
}

// member is somebody who takes a queue's calls.
type member struct {
	queue   *queue
	iface   string
	name    string
	agent   *agent // nil: a telephone that is always a member
	seat    string // as the interface says
	at      int64
	gen     uint64
	gone    bool
	status  int
	paused  bool
	reason  string
	penalty int
	login   int64 // s since 1970
}

func (s *State) queue(name string) *queue {
	q := s.queues[name]
	if q == nil {
		q = &queue{name: name}
		s.queues[name] = q
		s.queueOrder = append(s.queueOrder, q)
		s.change(Change{Kind: Queue, ID: name})
	}
	return q
}

func (s *State) queueOf(name []byte) *queue {
	if q := s.queues[string(name)]; q != nil || len(name) == 0 {
		return q
	}
	return s.queue(string(name))
}

// enter puts a caller in a queue, at a place counted from 1.
func (s *State) enter(c *channel, q *queue, place int, at int64) *entry {
	if c.entry != nil {
		if c.entry.queue == q {
			return c.entry
		}
		s.leave(c.entry, at)
	}
	s.settleAs(c, &q.counts.Left, at)
	e := &entry{queue: q, caller: c, joined: at, gen: s.gen}
	c.entry = e
	i := min(max(place-1, 0), len(q.waiting))
	if place == 0 {
		i = len(q.waiting)
	}
	q.waiting = slices.Insert(q.waiting, i, e)
	q.counts.Joined++
	if c.call != nil && c.call.queue != q.name {
		c.call.queue = q.name
	}
	s.touched(c)
	s.change(Change{Kind: Queue, ID: q.name})
	return e
}

// leave takes a caller out of the queue. Why is told later, if at all.
func (s *State) leave(e *entry, at int64) {
	q := e.queue
	e.caller.entry = nil
	e.gone = at
	q.waiting = remove(q.waiting, e)
	q.left = append(q.left, e)
	q.counts.Leaving++
	s.open++
	s.touched(e.caller)
	s.change(Change{Kind: Queue, ID: q.name})
}

// soon is how fast who gives up is gone for good, in µs.
const soon = 1_000_000

// settle says what became of a caller who had left a queue and hung up now.
func (s *State) settle(c *channel, why Reason, at int64) {
	if s.open == 0 {
		return
	}
	for _, q := range s.queueOrder {
		for _, e := range slices.Clone(q.left) {
			if e.caller != c {
				continue
			}
			if why != Lost && at-e.gone < soon {
				s.settled(e, &q.counts.Abandoned)
			} else {
				s.settled(e, &q.counts.Left)
			}
		}
	}
}

// settleAs says what became of a caller who had left a queue.
func (s *State) settleAs(c *channel, as *int, at int64) bool {
	if s.open == 0 {
		return false
	}
	for _, q := range s.queueOrder {
		for _, e := range q.left {
			if e.caller == c {
				s.settled(e, as)
				return true
			}
		}
	}
	return false
}

// settleOld says of those who left a while ago that they went somewhere else.
func (s *State) settleOld() {
	if s.open == 0 {
		return
	}
	for _, q := range s.queueOrder {
		for len(q.left) > 0 && s.now-q.left[0].gone >= soon {
			s.settled(q.left[0], &q.counts.Left)
		}
	}
}

func (s *State) settled(e *entry, as *int) {
	e.queue.left = remove(e.queue.left, e)
	e.queue.counts.Leaving--
	s.open--
	*as++
	s.change(Change{Kind: Queue, ID: e.queue.name})
}

// connect: an agent took the caller.
func (s *State) connect(c *channel, q *queue, at int64) {
	if c.entry != nil && c.entry.queue == q {
		s.leave(c.entry, at)
		c.queueAt = max(c.queueAt, at)
	}
	s.settleAs(c, &q.counts.Answered, at)
}

// parseAgent reads Local/811*1001@agents.
func parseAgent(iface []byte) (agent, seat []byte, ok bool) {
	const before, after = "Local/", "@agents"
	if len(iface) < len(before)+len(after) || string(iface[:len(before)]) != before {
		return nil, nil, false
	}
	rest := iface[len(before):]
	if string(rest[len(rest)-len(after):]) != after {
		return nil, nil, false
	}
	rest = rest[:len(rest)-len(after)]
	star := slices.Index(rest, '*')
	if star <= 0 || star == len(rest)-1 {
		return nil, nil, false
	}
	return rest[:star], rest[star+1:], true
}

// Interface is the member of a queue that an agent at a seat is.
func Interface(agent, seat string) string { return "Local/" + agent + "*" + seat + "@agents" }

// memberOf finds a member, and makes it if it is new.
func (s *State) memberOf(e *event) *member {
	if len(e.queue) == 0 || len(e.iface) == 0 {
		return nil
	}
	if m := s.members[string(e.queue)][string(e.iface)]; m != nil {
		return m
	}
	q := s.queueOf(e.queue)
	m := &member{queue: q, iface: string(e.iface), gone: true}
	if a, seat, ok := parseAgent(e.iface); ok {
		m.agent, m.seat = s.agent(string(a)), string(seat)
	}
	of := s.members[q.name]
	if of == nil {
		of = map[string]*member{}
		s.members[q.name] = of
	}
	of[m.iface] = m
	return m
}

// updateMember takes over what an event says of a member.
func (s *State) updateMember(e *event, at int64) *member {
	m := s.memberOf(e)
	if m == nil || at < m.at {
		return m
	}
	m.at = at
	status, paused := number(e.status), len(e.paused) == 1 && e.paused[0] == '1'
	changed := m.gone
	if m.gone {
		m.gone, m.gen = false, s.gen
		m.queue.members = append(m.queue.members, m)
		if m.agent != nil {
			m.agent.members = append(m.agent.members, m)
		}
	}
	changed = s.set(&m.name, e.member) || changed
	changed = s.set(&m.reason, e.pausedReason) || changed
	if m.status != status || m.paused != paused {
		m.status, m.paused, changed = status, paused, true
	}
	m.penalty, m.login = number(e.penalty), int64(number(e.login))
	if changed {
		s.change(Change{Kind: Queue, ID: m.queue.name})
		s.touchAgent(m.agent)
	}
	return m
}

// removeMember takes a member out. It is kept, so that what was told of it
// before doesn't bring it back.
func (s *State) removeMember(m *member, at int64) {
	if m.gone || at < m.at {
		return
	}
	m.gone, m.at = true, at
	m.queue.members = remove(m.queue.members, m)
	if m.agent != nil {
		m.agent.members = remove(m.agent.members, m)
		s.touchAgent(m.agent)
	}
	s.change(Change{Kind: Queue, ID: m.queue.name})
}

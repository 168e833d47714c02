package loop

import (
	"cmp"
	"container/heap"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"switchroom/dahdi/tone"
)

// PortsPerCard is how many ports a card has. Ports are numbered through: the
// first card's are 1 to 24, the second's 25 to 48, and so on, as the channels
// of a system with these cards are.
const PortsPerCard = 24

// Config is what a plant is made with.
type Config struct {
	Country string // whose tones are played and recognised; "us" if empty
	Events  int    // how many events each port remembers; 256 if 0
	Log     *slog.Logger
}

// Plant is the outside plant of one or more cards.
type Plant struct {
	mu    sync.Mutex
	cfg   Config
	zone  tone.Zone
	cards []*clock
	ports map[int]*Port
	seq   uint64
	sinks map[int]func(Event) bool
	sink  int
}

// clock is one card's time and what is to happen in it.
type clock struct {
	frame uint64
	queue actions
	n     uint64
}

// action is something that happens at a frame.
type action struct {
	frame  uint64
	n      uint64 // order of asking
	run    func()
	locked bool // run wants the plant locked
	off    bool // cancelled
}

type actions []*action

func (q actions) Len() int { return len(q) }
func (q actions) Less(i, j int) bool {
	return q[i].frame < q[j].frame || (q[i].frame == q[j].frame && q[i].n < q[j].n)
}
func (q actions) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *actions) Push(x any)   { *q = append(*q, x.(*action)) }
func (q *actions) Pop() any {
	old := *q
	a := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	return a
}

// NewPlant makes a plant without ports. The only error is an unknown country.
func NewPlant(cfg Config) (*Plant, error) {
	if cfg.Country == "" {
		cfg.Country = "us"
	}
	if cfg.Events <= 0 {
		cfg.Events = 256
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	zone, err := tone.ZoneOf(cfg.Country)
	if err != nil {
		return nil, fmt.Errorf("making the outside plant: %w", err)
	}
	return &Plant{cfg: cfg, zone: zone, ports: map[int]*Port{}, sinks: map[int]func(Event) bool{}}, nil
}

// Zone gives the tones of the plant's country.
func (p *Plant) Zone() tone.Zone { return p.zone }

// cardOf gives the clock of a port's card, making it if need be.
func (p *Plant) cardOf(port int) *clock {
	i := (port - 1) / PortsPerCard
	for len(p.cards) <= i {
		p.cards = append(p.cards, &clock{})
	}
	return p.cards[i]
}

// Cards is the number of cards with ports.
func (p *Plant) Cards() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.cards)
}

// Frame is the card time of a port's card in ms: the number of the last frame
// whose processing has begun.
func (p *Plant) Frame(port int) uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if port < 1 || (port-1)/PortsPerCard >= len(p.cards) {
		return 0
	}
	return p.cardOf(port).frame
}

// Seq is the number of the last event.
func (p *Plant) Seq() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seq
}

// Ports lists all ports in order.
func (p *Plant) Ports() []*Port {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []*Port
	for n := 1; n <= len(p.cards)*PortsPerCard; n++ {
		if port := p.ports[n]; port != nil {
			out = append(out, port)
		}
	}
	return out
}

// Port finds a port; nil if there is none of this number.
func (p *Plant) Port(n int) *Port {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ports[n]
}

// Schedule runs f at the beginning of the frame, on the goroutine of the
// port's card, with the plant unlocked; at once in the next frame if it is
// past. f must not block. The returned function takes the request back.
func (p *Plant) Schedule(port int, frame uint64, f func()) (cancel func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	a := p.cardOf(port).at(frame, false, f)
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		a.off, a.run = true, nil
	}
}

// Watch hands every event of a port (0: of all ports) to sink from now on, in
// order, until sink returns false or cancel is called. First look is given the
// events that the port still remembers, oldest first, with nothing lost or
// seen twice between; it may be nil, and if it returns false that is the end
// and sink is never called. Both are called with the plant locked.
func (p *Plant) Watch(port int, look, sink func(Event) (more bool)) (cancel func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if look != nil {
		for _, e := range p.remembered(port) {
			if !look(e) {
				return func() {}
			}
		}
	}
	p.sink++
	id := p.sink
	p.sinks[id] = func(e Event) bool { return (port != 0 && e.Port != port) || sink(e) }
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.sinks, id)
	}
}

// remembered gives the remembered events of a port, or of all (0), in order.
func (p *Plant) remembered(port int) []Event {
	if t := p.ports[port]; t != nil {
		return t.events.all()
	}
	var all []Event
	if port == 0 {
		for _, t := range p.ports {
			all = append(all, t.events.all()...)
		}
		slices.SortFunc(all, func(a, b Event) int { return cmp.Compare(a.Seq, b.Seq) })
	}
	return all
}

// Events gives what a port (0: all ports) remembers, oldest first.
func (p *Plant) Events(port int) []Event {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.remembered(port)
}

func (c *clock) at(frame uint64, locked bool, f func()) *action {
	c.n++
	a := &action{frame: frame, n: c.n, run: f, locked: locked}
	heap.Push(&c.queue, a)
	return a
}

// begin starts a frame: what is due by now happens first. It takes the lock
// and returns with it held.
func (p *Plant) begin(c *clock, frame uint64) {
	p.mu.Lock()
	if frame == c.frame {
		return
	}
	c.frame = frame
	for len(c.queue) > 0 && c.queue[0].frame <= frame {
		a := heap.Pop(&c.queue).(*action)
		switch {
		case a.off:
		case a.locked:
			a.run()
		default:
			p.mu.Unlock()
			a.run()
			p.mu.Lock()
		}
	}
}

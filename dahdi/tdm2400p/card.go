package tdm2400p

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
)

// Ports is the number of ports of a card: six quads of four.
const Ports = 24

// Kind says what sits in a port's place on the card.
type Kind uint8

// The kinds of port.
const (
	Empty Kind = iota // nothing: the driver finds no module there
	FXS               // a place of an S400M: feeds a telephone
	FXO               // a place of an X400M: hangs on a line from the exchange
)

// String returns the kind as people write it: empty, fxs, fxo.
func (k Kind) String() string {
	switch k {
	case Empty:
		return "empty"
	case FXS:
		return "fxs"
	case FXO:
		return "fxo"
	}
	return fmt.Sprintf("Kind(%d)", uint8(k))
}

// Config says what a card is made of. The zero Config is a card with twenty-four
// empty places.
type Config struct {
	// Ports is what sits in each place; Ports[0] is port 1. Real modules come
	// four at a time, the card does not insist on it.
	Ports [Ports]Kind
	// VPMOCT032 puts the hardware echo canceller's module on the card.
	VPMOCT032 bool
	// ALaw is the companding of ports that the driver has not set up yet, so
	// only of the silence they give. The driver chooses afterwards, port by
	// port, and the card follows.
	ALaw bool
}

// ErrPort is returned for a port that does not exist, or is of another kind.
var ErrPort = errors.New("no such port")

// Card is one TDM2400P: the modules on it, and what is plugged into them. All
// of its time is card time: one frame is one millisecond, however long the host
// takes for it.
//
// A Card is safe for use by several goroutines. Frames are processed by one of
// them at a time ("the card's goroutine"), and everything that changes the card
// happens between two frames: see [Card.Do] and [Card.At].
type Card struct {
	cfg Config
	log *slog.Logger

	mu     sync.Mutex // held while a frame is processed, and by Do
	ports  [Ports]port
	vpm    vpmoct
	bus    sideBus
	faults cardFaults
	frames atomic.Uint64 // processed so far; also the number of the next one

	counters counters
	agenda   agenda

	paused atomic.Bool
}

// New returns a card as it is at power-on, with nothing plugged in.
func New(cfg Config, log *slog.Logger) *Card {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	c := &Card{cfg: cfg, log: log}
	for m := range c.ports {
		c.ports[m].init(c, m, cfg.Ports[m])
	}
	c.vpm.init(cfg.VPMOCT032)
	return c
}

// Config returns what the card was made with.
func (c *Card) Config() Config { return c.cfg }

// Frames returns how many frames were processed, which is the card's age in card
// milliseconds and the number of the next frame. Safe in any callback.
func (c *Card) Frames() uint64 { return c.frames.Load() }

// PlugStation plugs a telephone into an FXS port (1..24), in place of what was
// there; nil unplugs. It takes effect at the next frame.
func (c *Card) PlugStation(port int, s Station) (err error) {
	c.Do(func(m *Moment) { err = m.PlugStation(port, s) })
	return err
}

// PlugTrunk plugs a line into an FXO port (1..24), in place of what was there;
// nil unplugs. It takes effect at the next frame.
func (c *Card) PlugTrunk(port int, t Trunk) (err error) {
	c.Do(func(m *Moment) { err = m.PlugTrunk(port, t) })
	return err
}

// Pause stops card time: no frame is processed until Resume. The driver waits,
// as it would for a card whose clock stopped. Frame called directly still works.
func (c *Card) Pause() { c.paused.Store(true) }

// Resume lets card time go on after Pause. The time in between is not caught up.
func (c *Card) Resume() { c.paused.Store(false) }

// reset puts the modules into their power-on state, as the card's reset line
// does. What is plugged in, faults and the card's age stay.
func (c *Card) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for m := range c.ports {
		c.ports[m].reset()
	}
	c.vpm.reset()
	c.bus = sideBus{}
	c.counters.resets.Add(1)
}

// at returns the port with a number counted from 1.
func (c *Card) at(port int) (*port, error) {
	if port < 1 || port > Ports {
		return nil, fmt.Errorf("port %d: %w", port, ErrPort)
	}
	return &c.ports[port-1], nil
}

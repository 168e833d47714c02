package tdm2400p

import "sync/atomic"

// Stats counts what happened since the card was made.
type Stats struct {
	Frames    uint64 // processed
	Stalls    uint64 // frames that were due and had to wait for the driver
	Lost      uint64 // card milliseconds given up, because the backlog was full
	Refires   uint64 // interrupts given again, because nobody came
	Underruns uint64 // times that the driver had no descriptor ready
	Dropped   uint64 // receive frames spoiled on purpose
	BusErrors uint64 // accesses to guest memory that is not there
	Resets    uint64 // resets of the modules: a driver's start, a guest's reset
}

type counters struct {
	stalls, lost, refires, underruns, dropped, busErrors, resets atomic.Uint64
}

// Stats returns the counts. Safe in any callback.
func (c *Card) Stats() Stats {
	return Stats{
		Frames:    c.frames.Load(),
		Stalls:    c.counters.stalls.Load(),
		Lost:      c.counters.lost.Load(),
		Refires:   c.counters.refires.Load(),
		Underruns: c.counters.underruns.Load(),
		Dropped:   c.counters.dropped.Load(),
		BusErrors: c.counters.busErrors.Load(),
		Resets:    c.counters.resets.Load(),
	}
}

// Registers is what a module's registers hold.
type Registers struct {
	Kind Kind
	// Direct is what the driver would read: 128 registers of an FXS module, 64
	// of an FXO one, none of an empty place.
	Direct []uint8
	// Indirect is the FXS module's second bank.
	Indirect []uint16
	// Audio says that the module's audio is on, ALaw how it is coded, and the
	// slots where on the bus.
	Audio, ALaw    bool
	TxSlot, RxSlot uint8
}

// Registers returns a copy of what the module of a port (1..24) holds.
func (c *Card) Registers(port int) (r Registers, err error) {
	c.Do(func(m *Moment) { r, err = m.Registers(port) })
	return r, err
}

// Registers is [Card.Registers] for this moment.
func (m *Moment) Registers(port int) (Registers, error) {
	p, err := m.c.at(port)
	if err != nil {
		return Registers{}, err
	}
	bus := p.pcm()
	r := Registers{Kind: p.kind, Audio: bus.on, ALaw: bus.alaw, TxSlot: bus.tx, RxSlot: bus.rx}
	switch p.kind {
	case FXS:
		for i := range p.fxs.regs {
			r.Direct = append(r.Direct, p.fxs.read(uint8(i), &p.faults))
		}
		r.Indirect = append(r.Indirect, p.fxs.indirect[:]...)
	case FXO:
		for i := range p.fxo.regs {
			r.Direct = append(r.Direct, p.fxo.read(uint8(i)))
		}
	}
	return r, nil
}

// SPI is one command that a port got on the control bus.
type SPI struct {
	Frame    uint64
	Eframe   int // 0..7; filler stands in 0
	Port     int // from 1
	Raw      [3]byte
	Read     bool
	Register uint8
	Value    uint8 // written, or answered
	Foreign  bool  // not for the module that is there: it does not answer
}

// Trace hands every command that a port (1..24) gets to fn, on the card's
// goroutine, in place of an earlier trace; nil ends it. There are eight each
// millisecond, most of them filler. The rules for fn are those of a [Station]'s
// Tick.
func (c *Card) Trace(port int, fn func(SPI)) (err error) {
	c.Do(func(m *Moment) { err = m.Trace(port, fn) })
	return err
}

// Trace is [Card.Trace] for this moment.
func (m *Moment) Trace(port int, fn func(SPI)) error {
	p, err := m.c.at(port)
	if err != nil {
		return err
	}
	p.trace = fn
	return nil
}

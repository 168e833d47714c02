package loop

import "fmt"

// Wire joins an FXS port straight to an FXO port, of the same card or another:
// a pair of wires instead of a telephone and the exchange. The card's feed at
// the one is its line at the other, with battery, polarity, ringing, caller
// identification and speech; the FXO port's hook closes the FXS port's loop. A
// difference between the clocks of two cards is made up for by leaving out or
// putting in a few ms now and then. Both ports go on reporting what passes.
func (p *Plant) Wire(fxs, fxo int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	from, to := p.ports[fxs], p.ports[fxo]
	if from == nil || from.phone == nil || to == nil || to.line == nil {
		return fmt.Errorf("wiring port %d to port %d: an FXS and an FXO port are needed", fxs, fxo)
	}
	t, l := from.phone, to.line
	if t.offHook || l.seized || l.ring != nil || t.wired != nil || l.wired != nil {
		return fmt.Errorf("wiring port %d to port %d: one of them is in use", fxs, fxo)
	}
	t.wired, l.wired = l, t
	t.connect(to)
	to.connect(from)
	return nil
}

// Unwire takes the wires of a port, of either kind, away again.
func (p *Plant) Unwire(port int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var t *Telephone
	if at := p.ports[port]; at != nil && at.phone != nil {
		t = at.phone
	} else if at != nil && at.line.wired != nil {
		t = at.line.wired
	}
	if t == nil || t.wired == nil {
		return fmt.Errorf("port %d is not wired to another", port)
	}
	l := t.wired
	t.wired, l.wired = nil, nil
	t.connect(nil)
	l.connect(nil)
	return nil
}

// wireHalfWave is half a period of 20 Hz, in ms.
const wireHalfWave = 25

// supply is what an FXS port's feed looks like to an FXO port.
func (t *Telephone) supply(closed bool) (volts, ring int8) {
	volts = 50
	switch {
	case t.feed == feedOpen || t.feed == feedTipOpen || t.feed == feedRingOpen:
		volts = 0
	case closed:
		volts = 8
	case t.feed == feedRinging:
		if ring = 1; t.clock.frame/wireHalfWave%2 == 1 {
			ring = -1
		}
	}
	if t.feed >= feedReversed {
		volts = -volts
	}
	return volts, ring
}

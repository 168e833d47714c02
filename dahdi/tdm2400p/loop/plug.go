package loop

import (
	"fmt"

	"switchroom/dahdi/tdm2400p"
)

var (
	_ tdm2400p.Station = (*Telephone)(nil)
	_ tdm2400p.Trunk   = (*Line)(nil)
)

// Tick is called by the card once a ms; see [tdm2400p.Station].
func (t *Telephone) Tick(frame uint64, in tdm2400p.StationIn, out *tdm2400p.StationOut) {
	out.OffHook = t.tick(frame, in.Linefeed, &in.Audio, in.ALaw, &out.Audio)
}

// Tick is called by the card once a ms; see [tdm2400p.Trunk].
func (l *Line) Tick(frame uint64, in tdm2400p.TrunkIn, out *tdm2400p.TrunkOut) {
	out.Volts, out.Ring = l.tick(frame, in.OffHook, &in.Audio, in.ALaw, &out.Audio)
}

// Plug makes a telephone for each FXS port of the card and a line for each FXO
// port, and plugs them in. index is the card's place, from 0: its port 1 is
// the plant's index*24 + 1. The card's clock is the plant's from now on.
func (p *Plant) Plug(card *tdm2400p.Card, index int) error {
	if index < 0 {
		return fmt.Errorf("plugging in card %d: cards count from 0", index)
	}
	first := index*PortsPerCard + 1
	for i, kind := range card.Config().Ports {
		var err error
		switch kind {
		case tdm2400p.FXS:
			var t *Telephone
			if t, err = p.AddTelephone(first + i); err == nil {
				err = card.PlugStation(i+1, t)
			}
		case tdm2400p.FXO:
			var l *Line
			if l, err = p.AddLine(first + i); err == nil {
				err = card.PlugTrunk(i+1, l)
			}
		}
		if err != nil {
			return fmt.Errorf("plugging in card %d: %w", index+1, err)
		}
	}
	p.mu.Lock()
	clock := p.cardOf(first)
	p.mu.Unlock()
	// A card without telephones and lines keeps time too.
	card.OnFrame(func(frame uint64) {
		p.begin(clock, frame)
		p.mu.Unlock()
	})
	return nil
}

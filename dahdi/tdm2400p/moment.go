package tdm2400p

import (
	"context"
	"fmt"
)

// Moment is the gap between two frames, in which the card stands still and may
// be changed. It is only valid inside the function that it was handed to.
type Moment struct {
	// Frame is the number of the frame that comes next.
	Frame uint64
	c     *Card
}

// Do runs fn between two frames, on the caller's goroutine, and returns when it
// is done. It does not need a running guest. fn must be short: the card waits for
// it. Neither fn nor anything called from the card's goroutine may call Do; work
// with the Moment that is at hand.
func (c *Card) Do(fn func(*Moment)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fn(&Moment{Frame: c.frames.Load(), c: c})
}

// At runs fn on the card's goroutine just before the frame with the given number
// is processed; a number that has passed means the next frame. Functions for the
// same frame run in the order in which they were given. If card time stands
// still, fn waits. cancel takes fn off the list, and reports whether it was still
// on it.
//
// At may be called from anywhere, also from within callbacks; what is added for
// the present frame from a Tick runs before the next one.
func (c *Card) At(frame uint64, fn func(*Moment)) (cancel func() bool) {
	return c.agenda.add(frame, fn)
}

// OnFrame calls fn on the card's goroutine after every frame, with that frame's
// number, until stop is called. The rules are those of a [Station]'s Tick. After
// stop has returned, fn may still be in its last call.
func (c *Card) OnFrame(fn func(frame uint64)) (stop func()) {
	return c.agenda.watch(fn)
}

// WaitFrame returns when the frame before the given number has been processed,
// that is when Frames is at least frame, or with the context's error.
func (c *Card) WaitFrame(ctx context.Context, frame uint64) error {
	if c.Frames() >= frame {
		return nil
	}
	done := make(chan struct{})
	cancel := c.At(frame, func(*Moment) { close(done) })
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		cancel()
		return fmt.Errorf("waiting for frame %d, now at %d: %w", frame, c.Frames(), ctx.Err())
	}
}

// PlugStation is [Card.PlugStation] for this moment.
func (m *Moment) PlugStation(port int, s Station) error {
	p, err := m.c.at(port)
	if err != nil {
		return err
	}
	if p.kind != FXS {
		return fmt.Errorf("a telephone in port %d, which is %s: %w", port, p.kind, ErrPort)
	}
	p.station = s
	return nil
}

// PlugTrunk is [Card.PlugTrunk] for this moment.
func (m *Moment) PlugTrunk(port int, t Trunk) error {
	p, err := m.c.at(port)
	if err != nil {
		return err
	}
	if p.kind != FXO {
		return fmt.Errorf("a line in port %d, which is %s: %w", port, p.kind, ErrPort)
	}
	p.trunk = t
	return nil
}

package panel

import (
	"context"
	"sync"
	"time"
)

// A display is something that shows frames and has keys.
type display interface {
	size() (columns, rows int)
	// show shows a frame; all of it anew, or what differs from the last one.
	show(ctx context.Context, f Frame, anew bool) error
	// inputs gives keys.
	inputs() <-chan Input
	// gone is closed when the display is.
	gone() <-chan struct{}
}

// anewEvery is how often everything is shown anew: a module may have lost its
// power for a moment, and the kernel or the supervisor have written on the
// console.
const anewEvery = 10 * time.Second

// farewellWithin is how long the end of the service may wait for a display.
const farewellWithin = time.Second

// face shows the facts on a display and does what its keys ask for, until the
// display is gone (nil), fails, or the context ends.
func face(ctx context.Context, d display, w *watcher, c Controls) error {
	changed := make(chan struct{}, 1)
	defer w.subscribe(changed)()
	finished := make(chan error, 1)
	columns, rows := d.size()
	// What was begun is ended, whatever becomes of the display.
	var begun sync.WaitGroup
	defer begun.Wait()
	u := newUI(columns, rows, c, func(do func(context.Context) error) {
		begun.Go(func() { finished <- do(ctx) })
	}, time.Now())
	u.facts = w.now()
	var shown Frame
	anew := time.NewTicker(anewEvery)
	defer anew.Stop()
	for all := true; ; {
		if f := u.frame(); all || !f.equal(shown) {
			err := d.show(ctx, f, all)
			if ctx.Err() != nil {
				return leave(ctx, d, u, w)
			}
			if err != nil {
				return err
			}
			shown, all = f, false
		}
		wake := time.NewTimer(time.Until(u.next()))
		select {
		case <-ctx.Done():
			wake.Stop()
			return leave(ctx, d, u, w)
		case <-d.gone():
			wake.Stop()
			return nil
		case in := <-d.inputs():
			u.input(in, time.Now())
		case err := <-finished:
			u.finished(err, time.Now())
		case <-changed:
			u.facts = w.now()
			u.advance(time.Now())
		case <-anew.C:
			all = true
			u.advance(time.Now())
		case <-wake.C:
			u.advance(time.Now())
		}
		wake.Stop()
	}
}

// leave shows what is to stay.
func leave(ctx context.Context, d display, u *ui, w *watcher) error {
	u.facts = w.now()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewellWithin)
	defer cancel()
	return d.show(ctx, u.farewell(time.Now()), true)
}

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"switchroom/appliance/boot"
	"switchroom/appliance/supervisor/reap"
)

// TestMarkGood: the slot is marked once the box is healthy, again and again
// until that works, and never after.
func TestMarkGood(t *testing.T) {
	for name, c := range map[string]struct {
		errs []error
		want int // tries
	}{
		"at once":  {[]error{nil}, 1},
		"later":    {[]error{errors.New("no"), errors.New("no"), nil}, 3},
		"no slot":  {[]error{fmt.Errorf("looking: %w", boot.ErrNoSlot)}, 1},
		"unwell":   {nil, 0},
		"too many": {[]error{nil, nil}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, stop := context.WithCancel(t.Context())
				healthy := make(chan struct{}, 1)
				tries := 0
				done := make(chan struct{})
				go func() {
					markGood(ctx, func() error { tries++; return c.errs[tries-1] }, healthy, slog.New(slog.DiscardHandler))
					close(done)
				}()
				for range 10 {
					time.Sleep(time.Minute)
					if len(c.errs) > 0 {
						select {
						case healthy <- struct{}{}:
						default:
						}
					}
				}
				synctest.Wait()
				stop()
				<-done
				if tries != c.want {
					t.Errorf("%d tries; want %d", tries, c.want)
				}
			})
		})
	}
}

// TestForeign: programs of the rest of process 1 give their exit codes.
func TestForeign(t *testing.T) {
	run := foreign(&reap.Nursery{})
	code, out, err := run(t.Context(), "/bin/sh", "-c", "echo out; echo err >&2; exit 3")
	if code != 3 || string(out) != "out\nerr\n" || err != nil {
		t.Errorf("run = %d, %q, %v; want 3 and both outputs", code, out, err)
	}
	if code, _, err := run(t.Context(), "/nonexistent"); code != -1 || err == nil {
		t.Errorf("run of nothing = %d, %v; want an error", code, err)
	}
	if code, _, err := run(t.Context(), "/bin/sh", "-c", "kill -9 $$"); code != -1 || err == nil {
		t.Errorf("run of what is killed = %d, %v; want an error", code, err)
	}
}

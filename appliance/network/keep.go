package network

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"
)

// times say when a lease is to be renewed and when it ends, counted from when
// it was asked for. A zero or negative time means never.
type times struct {
	Obtained              time.Time
	Renew, Rebind, Expire time.Duration
}

// never is further away than any lease.
const never = 100 * 365 * 24 * time.Hour

func after(start time.Time, d time.Duration) time.Time {
	if d <= 0 {
		d = never
	}
	return start.Add(d)
}

// exchange is how a lease is got and kept: the messages of DHCP for IPv4 or
// IPv6. Each function does one attempt, within the context's time. errNak is
// the server's no.
type exchange[L any] struct {
	acquire func(ctx context.Context) (*L, error)
	// confirm asks whether a lease from before holds on the network there is
	// now.
	confirm func(ctx context.Context, l *L) (*L, error)
	renew   func(ctx context.Context, l *L) (*L, error) // the server that gave it
	rebind  func(ctx context.Context, l *L) (*L, error) // any server
	times   func(l *L) times
}

// errNak is a server's refusal: the lease must not be used.
var errNak = errors.New("the server refuses the address")

const (
	firstTry = 2 * time.Second
	lastTry  = 64 * time.Second
	// minRetry is the shortest pause between attempts to prolong a lease
	// (RFC 2131, 4.4.5).
	minRetry     = 60 * time.Second
	confirmTries = 3
)

// keep gets a lease and keeps it until the context ends, as RFC 2131, 4.4,
// has it; DHCPv6 differs only in its messages. last is a lease from before
// the cable was pulled, or nil. Whenever what holds changes, set is told: nil
// is no lease. When the context ends the lease stays as it is, and is given.
func keep[L any](ctx context.Context, log *slog.Logger, x exchange[L], last *L, set func(*L)) *L {
	k := keeper[L]{exchange: x, log: log, set: set, lease: last}
	if k.lease != nil && !time.Now().Before(after(x.times(last).Obtained, x.times(last).Expire)) {
		k.drop()
	}
	if k.lease != nil {
		k.verify(ctx)
	}
	for ctx.Err() == nil {
		if k.lease == nil {
			k.get(ctx)
			continue
		}
		k.hold(ctx)
	}
	return k.lease
}

type keeper[L any] struct {
	exchange[L]
	log   *slog.Logger
	set   func(*L)
	lease *L
	naks  int // one after the other
}

func (k *keeper[L]) use(l *L) {
	k.lease, k.naks = l, 0
	k.set(l)
}

func (k *keeper[L]) drop() {
	k.lease = nil
	k.set(nil)
}

// get asks for a lease until there is one.
func (k *keeper[L]) get(ctx context.Context) {
	for try := k.naks; ctx.Err() == nil; try++ {
		l, err := attempt(ctx, backoff(try), true, k.acquire)
		if err == nil {
			k.use(l)
			return
		}
		if ctx.Err() == nil {
			k.log.Debug("no lease yet", "err", err)
		}
	}
}

// verify asks whether the lease holds on this network. Without an answer it
// is used as long as it runs (RFC 2131, 3.2).
func (k *keeper[L]) verify(ctx context.Context) {
	for try := range confirmTries {
		l, err := attempt(ctx, backoff(try), false, func(ctx context.Context) (*L, error) { return k.confirm(ctx, k.lease) })
		switch {
		case err == nil:
			k.use(l)
			return
		case errors.Is(err, errNak):
			k.log.Info("the address from before is not for this network")
			k.drop()
			return
		case ctx.Err() != nil:
			return
		}
	}
	k.set(k.lease)
}

// hold waits until the lease is due, and prolongs it. It returns when the
// lease was replaced or has ended.
func (k *keeper[L]) hold(ctx context.Context) {
	t := k.times(k.lease)
	renew, rebind, expire := after(t.Obtained, t.Renew), after(t.Obtained, t.Rebind), after(t.Obtained, t.Expire)
	if !sleepUntil(ctx, renew) {
		return
	}
	for ctx.Err() == nil {
		now := time.Now()
		if !now.Before(expire) {
			k.log.Warn("the lease has ended: no server has prolonged it")
			k.drop()
			return
		}
		ask, until := k.renew, rebind
		if !now.Before(rebind) {
			ask, until = k.rebind, expire
		}
		if until.After(expire) {
			until = expire
		}
		// Half of what is left, and not too often.
		next := now.Add(max(until.Sub(now)/2, minRetry))
		if next.After(until) {
			next = until
		}
		askCtx, cancel := context.WithDeadline(ctx, minTime(next, now.Add(lastTry)))
		l, err := ask(askCtx, k.lease)
		cancel()
		switch {
		case err == nil:
			k.use(l)
			return
		case errors.Is(err, errNak):
			k.log.Warn("the server does not prolong the lease")
			k.naks++
			k.drop()
			return
		}
		if ctx.Err() == nil {
			k.log.Debug("the lease was not prolonged yet", "err", err)
		}
		if !sleepUntil(ctx, next) {
			return
		}
	}
}

// attempt does one attempt that takes exactly the time it is given, unless it
// succeeds, or is refused and not patient.
func attempt[L any](ctx context.Context, d time.Duration, patient bool, do func(context.Context) (*L, error)) (*L, error) {
	end := time.Now().Add(d)
	tryCtx, cancel := context.WithDeadline(ctx, end)
	defer cancel()
	l, err := do(tryCtx)
	if err != nil && (!errors.Is(err, errNak) || patient) {
		sleepUntil(ctx, end)
	}
	return l, err
}

// backoff is how long the numbered attempt takes: doubled each time, and
// spread by a tenth so that a house of boxes after a power cut does not ask
// in step.
func backoff(try int) time.Duration {
	d := min(firstTry<<min(try, 10), lastTry)
	return d + time.Duration((rand.Float64()-0.5)*0.2*float64(d))
}

func minTime(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// sleepUntil waits, and reports whether the time has come; otherwise the
// context has ended.
func sleepUntil(ctx context.Context, t time.Time) bool {
	timer := time.NewTimer(time.Until(t))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

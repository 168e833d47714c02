package floor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"switchroom/appliance/asterisk/ami"
	"switchroom/appliance/cti/live"
	"switchroom/appliance/cti/plan"
	"switchroom/appliance/cti/sessions"
)

// Asterisk is asked and told; see package ami.
type Asterisk interface {
	Do(context.Context, ami.Action) (*ami.Message, error)
	List(context.Context, ami.Action) ([]*ami.Message, error)
	Until(context.Context, ami.Action, string) (*ami.Message, error)
}

// Events is a subscription.
type Events interface {
	Next(context.Context) (ami.Item, error)
}

// Sessions keeps who is logged in; see package sessions.
type Sessions interface {
	All(context.Context) ([]sessions.Session, error)
	Put(context.Context, sessions.Session) error
	End(context.Context, string) error
	Ended(context.Context) ([]string, error)
	Confirm(context.Context, string) error
}

// Recorder keeps what was applied; see package tape.
type Recorder interface {
	Event(*ami.Message) error
	Snapshot([]*ami.Message) error
}

// Config is what a Floor needs. Publish and Recorder may be nil.
type Config struct {
	Plan     plan.Plan
	Asterisk Asterisk
	Events   Events
	Sessions Sessions
	Log      *slog.Logger
	// Publish is told every change, in order. It must not wait for anything,
	// nor call the Floor; the state is only good while it runs.
	Publish  func(*live.State, []live.Change)
	Recorder Recorder
	// Every is how often a snapshot is taken to be sure: 60 s.
	Every time.Duration
}

// Floor is the call centre as it is now. Its methods may be called by any
// number of goroutines.
type Floor struct {
	cfg Config

	mu      sync.Mutex
	state   *live.State
	up      bool
	changed chan struct{} // closed at the next change

	desk     sync.Mutex // held by who changes sessions and members
	sessions map[string]sessions.Session
	ours     map[string]int // agents whose members are being changed by us
	oursMu   sync.Mutex
	strays   chan string // agents whose members changed
}

// New makes a floor; Run brings it to life.
func New(cfg Config) *Floor {
	if cfg.Every <= 0 {
		cfg.Every = time.Minute
	}
	return &Floor{cfg: cfg, state: live.New(cfg.Plan.Live()), changed: make(chan struct{}), sessions: map[string]sessions.Session{},
		ours: map[string]int{}, strays: make(chan string, 1024)}
}

// Look shows the state. f must not keep it, nor wait for anything.
func (f *Floor) Look(see func(*live.State)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	see(f.state)
}

// Up tells whether Asterisk is there and the state is what it says.
func (f *Floor) Up() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.up
}

// Await waits until the state is as it should be.
func (f *Floor) Await(ctx context.Context, is func(*live.State) bool) error {
	for {
		f.mu.Lock()
		ok, changed := is(f.state), f.changed
		f.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Run keeps the floor until the context ends; it returns the context's error,
// or what makes it impossible to go on.
func (f *Floor) Run(ctx context.Context) error {
	all, err := f.cfg.Sessions.All(ctx)
	if err != nil {
		return err
	}
	for _, x := range all {
		if _, ok := f.cfg.Plan.Agents[x.Agent]; !ok || f.cfg.Plan.Seats[x.Seat].Device == "" {
			f.cfg.Log.WarnContext(ctx, "a session is ended: the site has its agent or its extension no more", "agent", x.Agent, "seat", x.Seat)
			if err := f.cfg.Sessions.End(ctx, x.Agent); err != nil {
				return err
			}
			continue
		}
		f.sessions[x.Agent] = x
		f.step(func(s *live.State) []live.Change { return s.Sit(asLive(x)) })
	}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { f.clock(ctx) })
	wg.Go(func() { f.follow(ctx) })
	for {
		item, err := f.cfg.Events.Next(ctx)
		if err != nil {
			return err
		}
		switch item.Kind {
		case ami.Happened:
			f.happened(ctx, item.Message)
		case ami.Down:
			f.cfg.Log.WarnContext(ctx, "Asterisk is gone", "reason", item.Reason)
			f.mu.Lock()
			f.up = false
			f.mu.Unlock()
		case ami.Up, ami.Lost:
			if item.Kind == ami.Lost {
				f.cfg.Log.WarnContext(ctx, "events were lost", "number", item.Number)
			}
			if err := f.Snapshot(ctx); err != nil {
				f.cfg.Log.WarnContext(ctx, "no snapshot", "error", err)
				continue
			}
			wg.Go(func() { f.restore(ctx) })
		}
	}
}

func (f *Floor) happened(ctx context.Context, m *ami.Message) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cfg.Recorder != nil {
		if err := f.cfg.Recorder.Event(m); err != nil {
			f.cfg.Log.WarnContext(ctx, "an event was not recorded", "error", err)
		}
	}
	f.publish(f.state.Apply(m))
	switch string(m.Event()) {
	case "QueueMemberAdded", "QueueMemberRemoved", "QueueMemberPause":
		f.stray(m)
	}
}

// step changes the state.
func (f *Floor) step(do func(*live.State) []live.Change) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.publish(do(f.state))
}

// publish is called with mu held.
func (f *Floor) publish(changes []live.Change) {
	if len(changes) == 0 {
		return
	}
	if f.cfg.Publish != nil {
		f.cfg.Publish(f.state, changes)
	}
	close(f.changed)
	f.changed = make(chan struct{})
}

// Snapshot asks Asterisk for all there is, and makes the state that. Events
// wait meanwhile.
func (f *Floor) Snapshot(ctx context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var items []*ami.Message
	for _, a := range []string{"CoreShowChannels", "QueueStatus"} {
		list, err := f.cfg.Asterisk.List(ctx, ami.NewAction(a))
		if err != nil {
			return fmt.Errorf("asking for a snapshot: %w", err)
		}
		items = append(items, list...)
	}
	if f.cfg.Recorder != nil {
		if err := f.cfg.Recorder.Snapshot(items); err != nil {
			f.cfg.Log.WarnContext(ctx, "a snapshot was not recorded", "error", err)
		}
	}
	messages := make([]live.Message, len(items))
	for i, m := range items {
		messages[i] = m
	}
	f.up = true
	f.publish(f.state.Snapshot(messages))
	return nil
}

// clock tells the state the time, and has a snapshot taken now and then.
func (f *Floor) clock(ctx context.Context) {
	tick, sure := time.NewTicker(250*time.Millisecond), time.NewTicker(f.cfg.Every)
	defer tick.Stop()
	defer sure.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			f.step(func(s *live.State) []live.Change { return s.Tick(now.UnixMicro()) })
		case <-sure.C:
			if !f.Up() {
				continue
			}
			if err := f.Snapshot(ctx); err != nil && !errors.Is(err, context.Canceled) {
				f.cfg.Log.WarnContext(ctx, "no snapshot", "error", err)
			}
		}
	}
}

func asLive(x sessions.Session) live.Session {
	return live.Session{Agent: x.Agent, Seat: x.Seat, Paused: x.Paused, Reason: x.Reason}
}

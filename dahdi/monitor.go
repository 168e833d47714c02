package dahdi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// Activity is what goes on at a port, in a word.
type Activity string

const (
	ActivityUnusable Activity = "unusable" // an empty place, or not configured
	ActivityIdle     Activity = "idle"
	ActivityRinging  Activity = "ringing" // we ring the telephone, or the exchange rings us
	ActivityBusy     Activity = "busy"    // telephone picked up, or line seized
	ActivityAlarm    Activity = "alarm"   // no battery on the line
)

// Status is how a port is now.
type Status struct {
	Port       int        `json:"port"`
	Kind       Kind       `json:"kind"`
	Signalling Signalling `json:"signalling"`
	Activity   Activity   `json:"activity"`
	// Hook is whether the telephone is picked up (FXS) or we have seized the
	// line (FXO): HookOn, HookOff, or HookUnknown before the first change.
	Hook    Hook `json:"hook"`
	Ringing bool `json:"ringing"`
	// Millivolts on the line of an FXO port, its sign the polarity; about
	// 48000 idle, 8000 seized, 0 without a line. Absent on other ports.
	Millivolts *int    `json:"millivolts,omitempty"`
	Alarms     []Alarm `json:"alarms,omitempty"`
	Claimed    bool    `json:"claimed"` // a program, Asterisk, has the channel open
}

// Event tells that a port has changed, and how it is now.
type Event struct {
	Time    time.Time `json:"time"`
	Changed []string  `json:"changed"` // the JSON names of the members of Status that changed
	Status  Status    `json:"status"`
}

// MonitorConfig is how often a monitor looks. The zero value is right.
type MonitorConfig struct {
	Interval        time.Duration // at hooks, ringing and alarms; 500 ms if 0
	ClaimInterval   time.Duration // at which channels are open; 5 s if 0
	VoltageInterval time.Duration // at the voltage of lines; 10 s if 0; negative: never
	Log             *slog.Logger  // nothing is logged if nil
}

const (
	// ringGap is how long the exchange's ringing may pause: no country's
	// cadence has a pause of more than 5 s.
	ringGap = 6 * time.Second
	// voltStep is what a voltage has to change by to be news, in mV: the
	// converter's steps are 1 V and a line is never quiet.
	voltStep = 4000
	// backlog is how many events may wait for a subscriber.
	backlog = 512
)

// Monitor watches ports and tells of every change. The driver has no way to
// be told of changes on channels that another program holds, so it looks: one
// system call for a port twice a second. That finds every country's ringing,
// whose bursts last 400 ms at least and come in pairs where they are so short.
type Monitor struct {
	drv   Driver
	ports []Port
	cfg   MonitorConfig

	mu       sync.Mutex
	trackers map[int]*tracker
	subs     map[*Subscription]bool
}

// NewMonitor gives a monitor for these ports; those that no telephone or line
// can be on are left out.
func NewMonitor(drv Driver, ports []Port, cfg MonitorConfig) *Monitor {
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	def(&cfg.Interval, 500*time.Millisecond)
	def(&cfg.ClaimInterval, 5*time.Second)
	def(&cfg.VoltageInterval, 10*time.Second)
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	m := &Monitor{drv: drv, cfg: cfg, trackers: map[int]*tracker{}, subs: map[*Subscription]bool{}}
	for _, p := range ports {
		if p.Kind == KindFXS || p.Kind == KindFXO {
			m.ports = append(m.ports, p)
			m.trackers[p.Number] = &tracker{status: Status{Port: p.Number, Kind: p.Kind, Signalling: p.Signalling,
				Activity: ActivityUnusable, Hook: HookUnknown, Claimed: p.InUse, Alarms: p.Alarms},
				untold: p.Kind == KindFXS}
		}
	}
	return m
}

// Run watches until the context is done, which is no error, or until no port
// answers any more: the card or its driver has gone.
func (m *Monitor) Run(ctx context.Context) error {
	if len(m.ports) == 0 {
		<-ctx.Done()
		return nil
	}
	tick := time.NewTicker(m.cfg.Interval)
	defer tick.Stop()
	var claims, volts time.Time
	for {
		now := time.Now()
		claimed := m.claims(now, &claims)
		measured := m.voltages(ctx, now, &volts)
		if err := m.look(now, claimed, measured); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// claims asks which channels are open, if it is time.
func (m *Monitor) claims(now time.Time, next *time.Time) map[int]bool {
	if now.Before(*next) {
		return nil
	}
	*next = now.Add(m.cfg.ClaimInterval)
	all := map[int]bool{}
	var done []int
	for _, p := range m.ports {
		if slices.Contains(done, p.Span) {
			continue
		}
		done = append(done, p.Span)
		used, err := m.drv.InUse(p.Span)
		if err != nil {
			m.cfg.Log.Warn("asking which channels are in use", "span", p.Span, "error", err)
			continue
		}
		for n, u := range used {
			all[n] = u
		}
	}
	return all
}

// hookUnknown reports whether a telephone's hook was not told by the driver yet
// and not measured either. Once is enough: the next change will be told.
func (m *Monitor) hookUnknown(port int) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.trackers[port]
	return t.untold && t.measured == ""
}

// voltages measures all lines, if it is time, and the telephones whose hook
// has to be found out that way.
func (m *Monitor) voltages(ctx context.Context, now time.Time, next *time.Time) map[int]int {
	if m.cfg.VoltageInterval < 0 || now.Before(*next) {
		return nil
	}
	*next = now.Add(m.cfg.VoltageInterval)
	all := map[int]int{}
	for _, p := range m.ports {
		if ctx.Err() != nil || p.Kind == KindFXS && !m.hookUnknown(p.Number) {
			continue
		}
		mV, err := m.drv.Voltage(p.Number)
		if errors.Is(err, ErrNotPossible) {
			continue
		}
		if err != nil {
			m.cfg.Log.Warn("measuring a line", "port", p.Number, "error", err)
			continue
		}
		all[p.Number] = mV
	}
	return all
}

// look goes over all ports once and tells what changed.
func (m *Monitor) look(now time.Time, claimed map[int]bool, measured map[int]int) error {
	failed := 0
	var last error
	for _, p := range m.ports {
		params, err := m.drv.Params(p.Number)
		if err != nil {
			failed++
			last = err
			continue
		}
		m.mu.Lock()
		t := m.trackers[p.Number]
		v, ok := measured[p.Number]
		if ok && p.Kind == KindFXS {
			t.measure(v)
		}
		s := t.next(params, now)
		if c, ok := claimed[p.Number]; ok {
			s.Claimed = c
		}
		if ok && p.Kind == KindFXO && (s.Millivolts == nil || abs(v-*s.Millivolts) >= voltStep) {
			s.Millivolts = &v
		}
		if changed := differences(t.status, s); len(changed) > 0 {
			t.status = s
			m.publish(Event{Time: now, Changed: changed, Status: s})
		}
		m.mu.Unlock()
	}
	if failed == len(m.ports) {
		return fmt.Errorf("no port answers: %w", last)
	}
	return nil
}

func abs(n int) int { return max(n, -n) }

// differences names the members that differ.
func differences(a, b Status) []string {
	var names []string
	note := func(name string, differ bool) {
		if differ {
			names = append(names, name)
		}
	}
	note("signalling", a.Signalling != b.Signalling)
	note("activity", a.Activity != b.Activity)
	note("hook", a.Hook != b.Hook)
	note("ringing", a.Ringing != b.Ringing)
	note("millivolts", (a.Millivolts == nil) != (b.Millivolts == nil) || a.Millivolts != nil && *a.Millivolts != *b.Millivolts)
	note("alarms", !slices.Equal(a.Alarms, b.Alarms))
	note("claimed", a.Claimed != b.Claimed)
	return names
}

// tracker remembers what one look at a channel can't tell: whether a pause
// belongs to ringing, and the hook of a telephone that was picked up before
// the port was configured, which the driver tells only when it changes.
type tracker struct {
	status   Status
	rang     time.Time // when the exchange was last seen ringing
	untold   bool      // the driver has not told the hook of this telephone
	measured Hook      // what the voltage says of it
}

// measure judges a telephone's hook by the voltage between its wires: about
// 48 V on hook, 5 to 15 V with a telephone's current flowing, and none while
// the port takes the battery away.
func (t *tracker) measure(mV int) {
	switch v := abs(mV); {
	case v < 2_000:
	case v < 20_000:
		t.measured = HookOff
	default:
		t.measured = HookOn
	}
}

func (t *tracker) next(p Params, now time.Time) Status {
	s := t.status
	s.Signalling, s.Alarms = p.Signalling, p.Alarms
	if len(s.Alarms) == 0 {
		s.Alarms = nil
	}
	if s.Kind == KindFXS {
		t.telephone(&s, p)
	} else {
		t.line(&s, p, now)
	}
	switch {
	case p.Signalling == SigNone:
		s.Activity, s.Ringing = ActivityUnusable, false
	case slices.Contains(s.Alarms, AlarmRed):
		s.Activity = ActivityAlarm
	case s.Ringing:
		s.Activity = ActivityRinging
	case s.Hook == HookOff:
		s.Activity = ActivityBusy
	default:
		s.Activity = ActivityIdle
	}
	return s
}

// telephone is for FXS ports. While a telephone rings the driver alternates
// between "start" and "off hook" in the ringing's cadence; off hook without
// start before it is a call, or the moment after one.
func (t *tracker) telephone(s *Status, p Params) {
	s.Hook = HookOn
	switch p.RxHook {
	case HookOff:
		s.Hook = HookOff
	case HookUnknown:
		s.Hook = cmp.Or(t.measured, HookUnknown)
	}
	t.untold = p.RxHook == HookUnknown
	s.Ringing = p.TxHook == HookStart || t.status.Ringing && p.TxHook == HookOff && s.Hook != HookOff
}

// line is for FXO ports.
func (t *tracker) line(s *Status, p Params, now time.Time) {
	switch p.TxHook {
	case HookOn:
		s.Hook = HookOn
	case HookOff, HookStart:
		s.Hook = HookOff
	default:
		s.Hook = HookUnknown
	}
	if p.RxHook == HookRing {
		t.rang = now
	}
	s.Ringing = !t.rang.IsZero() && now.Sub(t.rang) < ringGap && s.Hook != HookOff && p.RxHook != HookOn
	if !s.Ringing {
		t.rang = time.Time{}
	}
}

// Snapshot gives the status of all ports, by number.
func (m *Monitor) Snapshot() []Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.snapshot()
}

func (m *Monitor) snapshot() []Status {
	var all []Status
	for _, p := range m.ports {
		all = append(all, m.trackers[p.Number].status)
	}
	slices.SortFunc(all, func(a, b Status) int { return a.Port - b.Port })
	return all
}

// Subscription is a stream of events that began with a snapshot.
type Subscription struct {
	Start  []Status     // the ports as they were; every event is newer
	Events <-chan Event // closed when the subscription ends or its reader was too slow

	m  *Monitor
	ch chan Event
}

// Subscribe begins to tell events. A reader that lets 512 of them pile up is
// cut off and may subscribe again.
func (m *Monitor) Subscribe() *Subscription {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := &Subscription{Start: m.snapshot(), m: m, ch: make(chan Event, backlog)}
	s.Events = s.ch
	m.subs[s] = true
	return s
}

// Close ends the subscription. It may be called more than once.
func (s *Subscription) Close() {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	s.m.drop(s)
}

func (m *Monitor) drop(s *Subscription) {
	if m.subs[s] {
		delete(m.subs, s)
		close(s.ch)
	}
}

func (m *Monitor) publish(e Event) {
	for s := range m.subs {
		select {
		case s.ch <- e:
		default:
			m.drop(s)
		}
	}
}

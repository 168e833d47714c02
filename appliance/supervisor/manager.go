package supervisor

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"switchroom/appliance"
	"switchroom/appliance/supervisor/notify"
	"switchroom/appliance/supervisor/unit"
)

// A manager holds the state of every service. All its fields but events and
// done belong to the goroutine that runs loop.
type manager struct {
	cfg  Config
	set  *unit.Set
	run  runner
	ctx  context.Context // ends when the loop has
	stop context.CancelFunc

	events chan func()

	started  time.Time
	services map[string]*service
	names    []string // of services, sorted
	waiters  []waiter
	notes    map[string]string
	// unmounted are the file systems of cfg.Mounts that are not there yet.
	unmounted map[string]bool

	spawning int              // processes on their way that have no number yet
	early    []notify.Message // from processes that have none yet

	health      appliance.Health
	everHealthy bool
	healthTimer *time.Timer

	stopping *appliance.Outcome
}

// A waiter is somebody who wants to know what becomes of an operation.
type waiter struct {
	service *service
	over    func(*service) (bool, error)
	tell    chan<- error
}

func newManager(ctx context.Context, cfg Config, set *unit.Set, run runner) *manager {
	m := &manager{
		cfg:       cfg,
		set:       set,
		run:       run,
		events:    make(chan func(), 64),
		started:   time.Now(),
		services:  map[string]*service{},
		notes:     map[string]string{},
		unmounted: map[string]bool{},
		health:    appliance.Health{Since: time.Now()},
	}
	m.ctx, m.stop = context.WithCancel(context.WithoutCancel(ctx))
	for path := range cfg.Mounts {
		m.unmounted[path] = true
	}
	for name, u := range set.Services {
		m.services[name] = newService(m, u)
	}
	m.names = slices.Sorted(maps.Keys(m.services))
	for _, s := range m.services {
		for _, r := range s.unit.Requires {
			if other := m.services[r.Name]; other != nil {
				other.requiredBy = append(other.requiredBy, s)
			}
		}
		for _, r := range s.unit.After {
			if other := m.services[r.Name]; other != nil {
				other.before = append(other.before, s)
			}
		}
	}
	return m
}

// post has the loop run f, after what was posted before. After the loop's end
// it does nothing.
func (m *manager) post(f func()) {
	select {
	case m.events <- f:
	case <-m.ctx.Done():
	}
}

// loop runs what is posted until every service is stopped after a shut-down.
func (m *manager) loop(ctx context.Context) appliance.Outcome {
	pulse := time.NewTicker(m.cfg.PulseEvery)
	defer pulse.Stop()
	defer m.stop()
	ending := ctx.Done()
	m.settle()
	for {
		select {
		case f := <-m.events:
			f()
		case <-pulse.C:
			m.judge()
			m.cfg.Health(m.health)
			continue
		case <-ending:
			ending = nil
			m.shutdown(appliance.Exit)
		}
		m.settle()
		if m.stopping != nil && m.allDown() {
			m.settle()
			return *m.stopping
		}
	}
}

// settle brings everything to where it can be now.
func (m *manager) settle() {
	m.reconcile()
	m.judge()
	m.waiters = slices.DeleteFunc(m.waiters, func(w waiter) bool {
		over, err := w.over(w.service)
		if over {
			w.tell <- err
		}
		return over
	})
}

func (m *manager) allDown() bool {
	for _, s := range m.services {
		if !s.down() || s.spawning > 0 {
			return false
		}
	}
	return true
}

// shutdown stops everything; the second time it kills what is left.
func (m *manager) shutdown(o appliance.Outcome) {
	if m.stopping != nil {
		m.cfg.Log.Warn("asked again to shut down: killing what still runs")
		m.killAll()
		return
	}
	m.stopping = &o
	m.cfg.Log.Info("shutting down", "to", o.String())
	m.cfg.Milestone("stopping for " + o.String())
	for _, s := range m.services {
		s.want, s.queued, s.cycle = false, false, false
	}
	time.AfterFunc(m.cfg.ShutdownTimeout, func() {
		m.post(func() {
			m.cfg.Log.Error("services have not stopped in time: killing them")
			m.killAll()
		})
	})
}

func (m *manager) killAll() {
	for _, name := range m.names {
		if s := m.services[name]; !s.down() {
			s.enterKill()
		}
	}
}

// find gives a service by its name, with or without suffix.
func (m *manager) find(name string) (*service, error) {
	if s := m.services[name]; s != nil {
		return s, nil
	}
	if s := m.services[name+".service"]; s != nil {
		return s, nil
	}
	return nil, fmt.Errorf("%w: %s", appliance.ErrUnknown, name)
}

// do runs an operation on a service in the loop and waits for what becomes of it.
func (m *manager) do(ctx context.Context, name string, begin func(*service) error, over func(*service) (bool, error)) error {
	tell := make(chan error, 1)
	m.post(func() {
		s, err := m.find(name)
		if err == nil && m.stopping != nil {
			err = appliance.ErrStopping
		}
		if err == nil {
			err = begin(s)
		}
		if err != nil {
			tell <- err
			return
		}
		m.waiters = append(m.waiters, waiter{s, over, tell})
	})
	select {
	case err := <-tell:
		return err
	case <-ctx.Done():
		return fmt.Errorf("waiting for %s: %w", name, ctx.Err())
	case <-m.ctx.Done():
		return appliance.ErrStopping
	}
}

// Start starts a service and what it requires and wants, and waits until it is
// up or has failed; the error is why.
func (m *manager) Start(ctx context.Context, name string) error {
	return m.do(ctx, name, func(s *service) error { m.wantUp(s); return nil }, startOver)
}

// Stop stops a service and those that require it, and waits.
func (m *manager) Stop(ctx context.Context, name string) error {
	return m.do(ctx, name, func(s *service) error { m.wantDown(s); return nil },
		func(s *service) (bool, error) { return s.down() || s.want, nil })
}

// Restart stops and starts a service and those that require it and are up.
func (m *manager) Restart(ctx context.Context, name string) error {
	return m.do(ctx, name, func(s *service) error { s.forgive(); m.restart(s); return nil }, startOver)
}

// Reload runs a service's ExecReload.
func (m *manager) Reload(ctx context.Context, name string) error {
	return m.do(ctx, name, func(s *service) error { return s.beginReload() },
		func(s *service) (bool, error) { return s.sub != subReload, s.reloadError })
}

func startOver(s *service) (bool, error) {
	switch {
	case s.cycle:
		return false, nil
	case s.queued && s.want: // what is said below is of an earlier life
		if by := s.blockedBy(); by != nil {
			return true, fmt.Errorf("%s waits for %s, which is not up: %s", s.unit.Name, by.unit.Name, by.lastError)
		}
		return false, nil
	case s.up() || s.done && s.sub == subDead:
		return true, nil
	case s.sub == subFailed, s.sub == subCrashLoop, s.sub == subAutoRestart:
		return true, fmt.Errorf("%s: %s", s.unit.Name, s.lastError)
	case s.conditionFailed != "":
		return true, fmt.Errorf("%s: %s does not hold", s.unit.Name, s.conditionFailed)
	case !s.want:
		return true, fmt.Errorf("%s was stopped", s.unit.Name)
	}
	return false, nil
}

// Shutdown begins to stop everything; Run returns when that is done.
func (m *manager) Shutdown(o appliance.Outcome) { m.post(func() { m.shutdown(o) }) }

// note keeps a line for the status; an empty text takes it away.
func (m *manager) note(key, text string) {
	m.post(func() {
		if text == "" {
			delete(m.notes, key)
			return
		}
		m.notes[key] = text
		m.cfg.Log.Warn(key + ": " + text)
	})
}

// Status gives everything as it is now.
func (m *manager) Status(ctx context.Context) (appliance.Status, error) {
	result := make(chan appliance.Status, 1)
	m.post(func() {
		st := appliance.Status{
			Version:  m.cfg.Version,
			Started:  m.started,
			Health:   m.health,
			Stopping: m.stopping != nil,
			Notes:    slices.Clone(m.cfg.Notes()),
		}
		st.Health.Failing, st.Health.Stopped = slices.Clone(m.health.Failing), slices.Clone(m.health.Stopped)
		for _, key := range slices.Sorted(maps.Keys(m.notes)) {
			st.Notes = append(st.Notes, key+": "+m.notes[key])
		}
		for _, name := range m.names {
			st.Services = append(st.Services, m.services[name].report())
		}
		result <- st
	})
	select {
	case st := <-result:
		for i := range st.Services {
			s := &st.Services[i]
			s.Memory = m.run.memory(s.Name, s.MainPID)
		}
		st.Memory = rss("self")
		return st, nil
	case <-ctx.Done():
		return appliance.Status{}, fmt.Errorf("asking for the status: %w", ctx.Err())
	case <-m.ctx.Done():
		return appliance.Status{}, appliance.ErrStopping
	}
}

// judge looks whether the box is healthy.
func (m *manager) judge() {
	now := time.Now()
	var failing, stopped []string
	var youngest time.Time
	for _, name := range m.cfg.Essential {
		s := m.services[name]
		if s != nil && s.off {
			stopped = append(stopped, name)
			continue
		}
		if s == nil || !s.up() {
			failing = append(failing, name)
			continue
		}
		if s.activeSince.After(youngest) {
			youngest = s.activeSince
		}
	}
	ok := len(failing) == 0 && len(stopped) == 0
	if ok && !m.health.OK {
		if left := m.cfg.HealthyAfter - now.Sub(youngest); left > 0 {
			ok = false
			if m.healthTimer != nil {
				m.healthTimer.Stop()
			}
			m.healthTimer = time.AfterFunc(left, func() { m.post(func() {}) })
		}
	}
	changed := ok != m.health.OK || !slices.Equal(failing, m.health.Failing) || !slices.Equal(stopped, m.health.Stopped)
	if ok != m.health.OK {
		m.health.OK, m.health.Since = ok, now
		switch {
		case ok && !m.everHealthy:
			m.everHealthy = true
			m.cfg.Milestone("healthy")
		case ok:
			m.cfg.Log.Info("healthy again")
		default:
			m.cfg.Log.Warn("not healthy", "failing", strings.Join(failing, " "), "stopped", strings.Join(stopped, " "))
		}
	}
	m.health.Failing, m.health.Stopped = failing, stopped
	if changed {
		m.cfg.Health(m.health)
	}
}

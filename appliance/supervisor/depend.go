package supervisor

import (
	"strings"

	"switchroom/appliance/supervisor/unit"
)

// wantUp has a service up, and what it requires and wants: also what has failed
// of that, or waits to be tried again.
func (m *manager) wantUp(s *service) { m.wantUpOnce(s, map[*service]bool{}) }

func (m *manager) wantUpOnce(s *service, seen map[*service]bool) {
	if seen[s] {
		return
	}
	seen[s] = true
	s.forgive()
	if s.want && (s.cycle || s.up() || s.stoppable()) {
		return // it is there, or on its way
	}
	if !s.want || !s.queued {
		s.want, s.off = true, false // which calls off a stop that has not begun
		switch {
		case s.down():
			s.queue()
		case !s.stoppable():
			s.cycle = true // it is on its way down: then up again
		}
	}
	for _, list := range [][]unit.Ref{s.unit.Requires, s.unit.Wants} {
		for _, r := range list {
			if other := m.services[r.Name]; other != nil && (!other.up() || !other.want) {
				m.wantUpOnce(other, seen)
			}
		}
	}
}

// wantDown has a service down, and those that require it.
func (m *manager) wantDown(s *service) {
	s.want, s.queued, s.cycle, s.off = false, false, false, true
	for _, other := range s.requiredBy {
		if other.want || !other.down() {
			m.wantDown(other)
		}
	}
}

// restart takes a service down and up again, and those that require it if they
// are up. What they require comes up too.
func (m *manager) restart(s *service) {
	if s.down() {
		m.wantUp(s)
	} else {
		s.want, s.cycle, s.off = true, true, false
	}
	m.restartDependents(s)
}

func (m *manager) restartDependents(s *service) {
	for _, other := range s.requiredBy {
		if other.want && !other.down() && !other.cycle {
			other.cycle = true
			m.restartDependents(other)
		}
	}
}

// reconcile starts and stops what can be, until nothing more can.
func (m *manager) reconcile() {
	for again := true; again; {
		again = false
		for _, name := range m.names {
			s := m.services[name]
			switch {
			case s.cycle && s.down():
				s.cycle = false
				s.queue()
				again = true
			case (!s.want || s.cycle) && s.stoppable() && m.mayStop(s):
				s.beginStop()
				again = true
			case s.want && s.queued && !s.cycle && s.down() && m.mayStart(s):
				s.begin()
				again = true
			}
		}
	}
}

// mayStop: those that stand After it are down, if they are to go down at all.
func (m *manager) mayStop(s *service) bool {
	for _, other := range s.before {
		if !other.down() && (!other.want || other.cycle) {
			return false
		}
	}
	return true
}

// mayStart: those it stands After are where they will be, of those the required
// ones are up, and those that stand After it are not being stopped.
func (m *manager) mayStart(s *service) bool {
	for _, other := range s.before {
		// Where one of two that are ordered stops and the other starts, the
		// stop goes first, whichever it is.
		if !other.down() && (!other.want || other.cycle) {
			return false
		}
	}
	return len(s.waitsFor()) == 0 && len(s.waitsForMounts()) == 0
}

// waitsForMounts gives the file systems that s needs and that are not there yet.
func (s *service) waitsForMounts() []string {
	var list []string
	for _, path := range s.unit.MountsFor {
		for mount := range s.m.unmounted {
			if path == mount || strings.HasPrefix(path, mount+"/") {
				list = append(list, mount)
			}
		}
	}
	return list
}

// waitsFor gives the services that keep s from starting.
func (s *service) waitsFor() []*service {
	var list []*service
	for _, r := range s.unit.After {
		other := s.m.services[r.Name]
		if other == nil {
			continue
		}
		if !other.settled() || s.requires(other) && !other.satisfied() {
			list = append(list, other)
		}
	}
	return list
}

func (s *service) requires(other *service) bool {
	for _, r := range s.unit.Requires {
		if r.Name == other.unit.Name {
			return true
		}
	}
	return false
}

// blockedBy gives a service that s requires, and that is not about to come up.
func (s *service) blockedBy() *service {
	for _, other := range s.waitsFor() {
		if s.requires(other) && other.settled() {
			return other
		}
	}
	return nil
}

// settled: those that stand After it need not wait for it any more. It is up,
// or its first try has failed, or it is down and stays so for now.
func (s *service) settled() bool {
	if s.cycle {
		return false
	}
	if s.queued && s.want {
		// What waits for somebody who failed is not on its way.
		return s.blockedBy() != nil
	}
	if s.sub == subAutoRestart || s.sub == subCrashLoop {
		return true
	}
	return s.down() || s.up()
}

// satisfied: those that require it may start.
func (s *service) satisfied() bool { return s.up() || s.done }

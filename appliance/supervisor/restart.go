package supervisor

import (
	"time"

	"switchroom/appliance/supervisor/unit"
)

// again has it started after its delay.
func (s *service) again() {
	now := time.Now()
	if !s.activeSince.IsZero() && now.Sub(s.activeSince) >= s.stable() {
		s.attempts, s.loops, s.starts = 0, 0, nil
	}
	s.activeSince = time.Time{}
	recent := s.starts[:0]
	for _, t := range s.starts {
		if now.Sub(t) < s.unit.StartLimitInterval {
			recent = append(recent, t)
		}
	}
	s.starts = recent
	to, delay := subAutoRestart, s.unit.Delay(s.attempts)
	limited := s.unit.StartLimitInterval > 0 && len(s.starts) >= s.unit.StartLimitBurst
	if limited || s.loops > 0 {
		to, delay = subCrashLoop, s.m.cfg.CrashLoopDelay
		for range s.loops {
			delay = min(2*delay, s.m.cfg.CrashLoopMaxDelay)
		}
		s.loops++
	}
	s.attempts++
	delay += time.Duration(float64(delay) * (s.m.cfg.Rand() - 0.5) / 5)
	s.enter(to)
	s.nextTry = now.Add(delay)
	s.m.cfg.Log.Warn("service ended, and is started again", "service", s.unit.Name, "why", s.detail, "in", delay.Round(time.Millisecond))
	s.after(delay, func() {
		s.restarts++
		s.sub, s.nextTry = subDead, time.Time{} // quietly: it is about to start
		s.queue()
		s.m.restartDependents(s)
	})
}

// stable is how long it must have been up for its failures to be forgotten.
func (s *service) stable() time.Duration {
	d := max(s.unit.StartLimitInterval, 10*time.Second)
	if s.unit.RestartMaxDelay != unit.Infinity {
		d = max(d, s.unit.RestartMaxDelay)
	}
	return d
}

// restartsAfter is the table of systemd.service(5), "Exit causes and the
// effect of the Restart= settings".
func (s *service) restartsAfter() bool {
	if s.mainEnded {
		for _, p := range s.unit.PreventStatus {
			if p == (unit.Status{Code: s.mainStatus.Code, Signal: s.mainStatus.Signal}) {
				return false
			}
		}
	}
	abort := s.result == bySignal || s.result == byCoreDump
	abnormal := abort || s.result == byTimeout || s.result == byWatchdog || s.result == byOOM
	switch s.unit.Restart {
	case unit.RestartAlways:
		return true
	case unit.RestartOnSuccess:
		return s.result == success
	case unit.RestartOnFailure:
		return s.result != success
	case unit.RestartOnAbnormal:
		return abnormal
	case unit.RestartOnAbort:
		return abort
	case unit.RestartOnWatchdog:
		return s.result == byWatchdog
	}
	return false
}

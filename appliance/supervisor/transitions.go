package supervisor

import (
	"errors"
	"fmt"
	"strings"
	"syscall"

	"switchroom/appliance/supervisor/reap"
	"switchroom/appliance/supervisor/unit"
)

// spawn makes a process of the service: its main one, or one that helps.
//
// It is made by a goroutine of its own, which then follows it to its end and
// posts what happens, so that these events come in their order.
func (s *service) spawn(c unit.Command, main bool) {
	m := s.m
	req := request{service: s.unit, command: c, main: main}
	if s.main != nil {
		req.env = append(req.env, fmt.Sprintf("MAINPID=%d", s.main.PID()))
	}
	if main {
		req.fds = s.copyFDs()
	}
	if s.sub == subStopPost {
		req.env = append(req.env, "SERVICE_RESULT="+string(s.result))
	}
	s.spawning++
	m.spawning++
	go func() {
		p, err := m.run.start(m.ctx, req)
		for _, f := range req.fds {
			f.file.Close()
		}
		m.post(func() {
			s.spawning--
			m.spawning--
			s.spawned(p, err, c, main)
			m.deliverEarly()
		})
		if err != nil {
			return
		}
		execErr := p.Executed()
		m.post(func() { s.executed(p, execErr) })
		<-p.Done()
		m.post(func() { s.exited(p, p.Status(), c) })
	}()
}

// spawned: a process was made, or could not be.
func (s *service) spawned(p process, err error, c unit.Command, main bool) {
	if err != nil {
		s.fail(byResources, err.Error())
		s.m.cfg.Log.Error("starting a process", "service", s.unit.Name, "err", err)
		if s.ending() {
			s.checkGone()
			return
		}
		s.commandEnded(c, false)
		return
	}
	if main {
		s.main = p
	} else {
		s.control = p
	}
	if s.ending() {
		// It was ordered away while it was being born.
		s.sendSignal()
		return
	}
	if main && s.sub == subStart && s.unit.Type == unit.Simple {
		s.enterRunning(subRunning)
	}
}

// executed: the process runs its program, or can't.
func (s *service) executed(p process, err error) {
	if err != nil {
		s.fail(byExitCode, err.Error())
		return // its end is still to come
	}
	if p == s.main && s.sub == subStart && s.unit.Type == unit.Exec {
		s.enterRunning(subRunning)
	}
}

// exited: a process is gone.
func (s *service) exited(p process, st reap.Status, c unit.Command) {
	isMain := p == s.main
	switch {
	case isMain:
		s.main = nil
		s.mainEnded, s.mainStatus = true, st
	case p == s.control:
		s.control = nil
	default:
		s.checkGone() // a former main process
		return
	}
	clean := s.unit.Clean(unit.Status{Code: st.Code, Signal: st.Signal}) && !st.Lost
	if !isMain {
		clean = st == reap.Status{}
	}
	if s.ending() {
		// What our own signal has done is no failure; what the program makes
		// of it may be.
		if isMain && !clean && s.result == success && !(st.Signal != 0 && s.sentSignal(st.Signal)) {
			s.failStatus(st, "the main process")
		}
		s.checkGone()
		return
	}
	if isMain {
		s.mainExited(st, clean, c)
		return
	}
	if !clean && !c.IgnoreFailure && s.sub != subReload {
		s.failStatus(st, c.Path)
	}
	if s.sub == subReload {
		s.reloaded(st, c)
		return
	}
	s.commandEnded(c, clean)
}

func (s *service) sentSignal(sig syscall.Signal) bool {
	return sig == s.unit.Kill.Signal || sig == s.unit.Kill.FinalSignal || sig == syscall.SIGKILL
}

// failStatus keeps a process's end as the reason of a failure.
func (s *service) failStatus(st reap.Status, who string) {
	r := byExitCode
	switch {
	case st.Core:
		r = byCoreDump
	case st.Signal != 0:
		r = bySignal
	}
	s.fail(r, who+": "+st.String())
}

// mainExited: the main process went by itself.
func (s *service) mainExited(st reap.Status, clean bool, c unit.Command) {
	s.stopWatchdog()
	if !clean && !c.IgnoreFailure {
		s.failStatus(st, "the main process")
	}
	good := s.result == success
	switch s.sub {
	case subStart:
		switch {
		case s.unit.Type == unit.Oneshot:
			s.commandEnded(c, clean)
		case good && s.unit.Type == unit.Notify:
			s.fail(byProtocol, "it ended before it said that it is ready")
			s.leave()
		case good:
			s.enterRunning(subRunning)
			s.mainGone()
		default:
			s.leave()
		}
	case subRunning, subReload:
		if s.sub == subReload {
			s.reloadError = errors.New("it ended while it was reloading")
		}
		s.mainGone()
	case subStop:
		// ExecStop has worked; it may go on to the end.
	default:
		s.leave()
	}
}

// mainGone: a service that was up has no main process any more.
func (s *service) mainGone() {
	switch {
	case s.result != success:
		s.leave()
	case s.unit.RemainAfterExit:
		s.enterRunning(subExited)
	default:
		s.step = 0
		s.enterStop()
	}
}

// leave ends what is left of a service that has failed.
func (s *service) leave() { s.enterSignal(subStopSigterm) }

// commandEnded goes on after a command that the sub-state has waited for.
func (s *service) commandEnded(c unit.Command, clean bool) {
	if c.IgnoreFailure && !clean {
		clean = true
		if s.result == byResources || s.result == byExitCode {
			s.result, s.detail = success, ""
		}
	}
	switch s.sub {
	case subStartPre:
		if !clean {
			s.leave()
			return
		}
		s.step++
		s.enterStartPre()
	case subStart:
		if !clean {
			s.leave()
			return
		}
		if s.unit.Type != unit.Oneshot {
			return
		}
		if s.step++; s.step < len(s.unit.Start) {
			s.enterStart()
			return
		}
		if s.unit.RemainAfterExit {
			s.enterRunning(subExited)
			return
		}
		s.done = true
		s.step = 0
		s.enterStop()
	case subReload:
		s.reloadError = errors.New(s.detail)
		s.result, s.detail = success, ""
		s.enter(subRunning)
	case subStop:
		s.step++
		s.enterStop()
	case subStopPost:
		s.step++
		s.enterStopPost()
	}
}

// beginReload runs ExecReload.
func (s *service) beginReload() error {
	if s.sub != subRunning && s.sub != subExited {
		return fmt.Errorf("%s is %s: only what is up can be reloaded", s.unit.Name, s.sub.state())
	}
	if len(s.unit.Reload) == 0 {
		return fmt.Errorf("%s has no ExecReload=", s.unit.Name)
	}
	s.reloadError = nil
	s.announced = false
	s.step = 0
	s.enterReload()
	return nil
}

func (s *service) enterReload() {
	s.enter(subReload)
	s.timeout(s.unit.TimeoutStart)
	s.spawn(s.unit.Reload[s.step], false)
}

// reloaded: a command of ExecReload has ended. Its failure is no failure of
// the service.
func (s *service) reloaded(st reap.Status, c unit.Command) {
	if st != (reap.Status{}) && !c.IgnoreFailure {
		s.reloadError = fmt.Errorf("%s: %s", c.Path, st)
	} else if s.step++; s.step < len(s.unit.Reload) {
		s.enterReload()
		return
	}
	s.backToRunning()
}

func (s *service) backToRunning() {
	to := subRunning
	if s.main == nil {
		to = subExited
	}
	s.announced = false
	s.enter(to)
}

// timedOut: the sub-state has lasted too long.
func (s *service) timedOut() {
	switch s.sub {
	case subStartPre, subStart:
		s.fail(byTimeout, fmt.Sprintf("it was not up within %s", s.unit.TimeoutStart))
		s.leave()
	case subReload:
		s.reloadError = fmt.Errorf("reloading took longer than %s", s.unit.TimeoutStart)
		if s.control != nil {
			_ = s.control.Signal(syscall.SIGKILL) // if it is gone, so much the better
			s.control = nil                       // its end means nothing any more
		}
		s.backToRunning()
	case subStop, subStopSigterm, subStopWatchdog:
		if s.sub == subStop {
			s.fail(byTimeout, fmt.Sprintf("stopping took longer than %s", s.unit.TimeoutStop))
			s.enterSignal(subStopSigterm)
			return
		}
		if !s.unit.Kill.SendKill {
			s.abandon()
			return
		}
		s.fail(byTimeout, fmt.Sprintf("it did not end within %s of being told to", s.unit.TimeoutStop))
		s.enterSignal(subStopSigkill)
	case subStopPost:
		s.fail(byTimeout, fmt.Sprintf("ExecStopPost took longer than %s", s.unit.TimeoutStop))
		s.enterSignal(subFinalSigkill)
	case subStopSigkill, subFinalSigkill:
		s.abandon()
	}
}

// abandon goes on although processes are left: they can't be killed (they hang
// in the kernel), or must not be.
func (s *service) abandon() {
	s.fail(byTimeout, "processes are left that did not end")
	s.m.cfg.Log.Error("going on although processes are left", "service", s.unit.Name)
	s.main, s.control = nil, nil
	s.enterDead()
}

// sendSignal sends what the sub-state sends.
func (s *service) sendSignal() {
	k := s.unit.Kill
	if k.Mode == unit.KillNone {
		return
	}
	var sig syscall.Signal
	all := k.Mode == unit.KillControlGroup
	switch s.sub {
	case subStopWatchdog:
		sig = syscall.SIGABRT
	case subStopSigterm:
		sig = k.Signal
	case subStopSigkill, subFinalSigkill:
		sig = k.FinalSignal
		all = all || k.Mode == unit.KillMixed
	default:
		return
	}
	// A process that is gone already needs no signal.
	for _, p := range []process{s.main, s.control} {
		if p != nil {
			_ = p.Signal(sig)
			if sig != syscall.SIGKILL && sig != syscall.SIGABRT {
				_ = p.Signal(syscall.SIGCONT) // a stopped one could not hear it
			}
		}
	}
	if all || k.Mode == unit.KillMixed && s.main == nil && s.spawning == 0 {
		if k.Mode == unit.KillMixed {
			sig = k.FinalSignal
		}
		if err := s.m.run.signal(s.unit.Name, sig); err != nil {
			s.m.cfg.Log.Warn("sending a signal", "service", s.unit.Name, "err", err)
		}
	}
}

// checkGone goes on when the processes that were sent away are gone.
func (s *service) checkGone() {
	if !s.ending() || s.main != nil || s.control != nil || s.spawning > 0 {
		return
	}
	mode := s.unit.Kill.Mode
	if mode == unit.KillControlGroup || mode == unit.KillMixed {
		if s.m.run.left(s.unit.Name) > 0 {
			if mode == unit.KillMixed && s.sub == subStopSigterm {
				s.enter(subStopSigkill) // the main one was given its time
				s.timeout(s.unit.TimeoutStop)
				s.sendSignal()
			}
			return
		}
	}
	if s.sub == subFinalSigkill {
		s.enterDead()
		return
	}
	s.step = 0
	s.enterStopPost()
}

// adopted is for the manager: is this process one of ours?
func (s *service) owns(pid int) bool {
	return s.main != nil && s.main.PID() == pid
}

func shortName(name string) string { return strings.TrimSuffix(name, ".service") }

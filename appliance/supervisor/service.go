package supervisor

import (
	"strings"
	"time"

	"switchroom/appliance"
	"switchroom/appliance/supervisor/reap"
	"switchroom/appliance/supervisor/unit"
)

// A sub is a service's sub-state, by systemd's names.
type sub string

const (
	subDead         sub = "dead"
	subStartPre     sub = "start-pre"
	subStart        sub = "start"
	subRunning      sub = "running"
	subExited       sub = "exited"
	subReload       sub = "reload"
	subStop         sub = "stop"          // ExecStop runs
	subStopWatchdog sub = "stop-watchdog" // SIGABRT was sent
	subStopSigterm  sub = "stop-sigterm"
	subStopSigkill  sub = "stop-sigkill"
	subStopPost     sub = "stop-post"
	subFinalSigkill sub = "final-sigkill" // of what ExecStopPost left
	subAutoRestart  sub = "auto-restart"
	subCrashLoop    sub = "crash-loop"
	subFailed       sub = "failed"
)

// states says what each sub-state means to a person.
func (s sub) state() appliance.State {
	switch s {
	case subDead:
		return appliance.Inactive
	case subStartPre, subStart, subAutoRestart:
		return appliance.Activating
	case subRunning, subExited:
		return appliance.Active
	case subReload:
		return appliance.Reloading
	case subCrashLoop:
		return appliance.CrashLoop
	case subFailed:
		return appliance.Failed
	}
	return appliance.Deactivating
}

// A result is why a service ended, by systemd's names.
type result string

const (
	success        result = "success"
	byExitCode     result = "exit-code"
	bySignal       result = "signal"
	byCoreDump     result = "core-dump"
	byWatchdog     result = "watchdog"
	byTimeout      result = "timeout"
	byOOM          result = "oom-kill"
	byProtocol     result = "protocol"
	byResources    result = "resources"
	lastErrorBytes        = 300
)

// A service is the state of one service. It belongs to the manager's loop.
type service struct {
	m    *manager
	unit *unit.Service

	requiredBy, before []*service

	want   bool // it is to be up
	queued bool // it is to be started, as soon as it may
	cycle  bool // it is to be stopped, and then queued
	off    bool // somebody stopped it

	sub             sub
	since           time.Time // of the State, not of sub
	activeSince     time.Time // when it last came up
	done            bool      // it came up, or a oneshot without RemainAfterExit has done its work
	conditionFailed string

	spawning int // processes on their way
	main     process
	control  process // of ExecStartPre, ExecReload, ExecStop
	step     int     // which command of the list
	timer    *time.Timer
	deadline time.Time
	watchdog *time.Timer
	period   time.Duration // of the watchdog

	result      result
	detail      string      // of the result
	mainStatus  reap.Status // how the main process ended
	mainEnded   bool
	oomBefore   int
	lastError   string
	status      string
	reloadError error
	announced   bool // the service itself said RELOADING=1

	restarts int // by itself, since the supervisor started
	attempts int // of those, since it was last up for long
	loops    int // slow tries
	starts   []time.Time
	nextTry  time.Time
	fds      []storedFD
}

func newService(m *manager, u *unit.Service) *service {
	return &service{m: m, unit: u, sub: subDead, since: time.Now(), result: success}
}

func (s *service) down() bool { return s.sub == subDead || s.sub == subFailed }
func (s *service) up() bool   { return s.sub == subRunning || s.sub == subExited || s.sub == subReload }

// stoppable: it is not down, and not being stopped yet.
func (s *service) stoppable() bool {
	switch s.sub {
	case subStartPre, subStart, subRunning, subExited, subReload, subAutoRestart, subCrashLoop:
		return true
	}
	return false
}

// ending: signals were sent, and it is waited for its processes to go.
func (s *service) ending() bool {
	switch s.sub {
	case subStopWatchdog, subStopSigterm, subStopSigkill, subFinalSigkill:
		return true
	}
	return false
}

// report gives what a person sees of it.
func (s *service) report() appliance.Service {
	r := appliance.Service{
		Name:        s.unit.Name,
		Description: s.unit.Description,
		State:       s.sub.state(),
		Sub:         string(s.sub),
		Since:       s.since,
		Restarts:    s.restarts,
		Status:      s.status,
		LastError:   s.lastError,
		NextTry:     s.nextTry,
	}
	if s.main != nil {
		r.MainPID = s.main.PID()
	}
	if s.want && s.queued {
		r.Sub = "waiting"
		for _, other := range s.waitsFor() {
			r.Waiting = append(r.Waiting, other.unit.Name)
		}
		r.Waiting = append(r.Waiting, s.waitsForMounts()...)
	}
	if s.conditionFailed != "" {
		r.Sub = "condition"
		r.Status = s.conditionFailed + " does not hold"
	}
	return r
}

// enter changes the sub-state and tells whoever watches.
func (s *service) enter(to sub) {
	before := s.sub
	s.sub = to
	s.cancelTimer()
	if to.state() == before.state() {
		return
	}
	s.since = time.Now()
	name := strings.TrimSuffix(s.unit.Name, ".service")
	log := s.m.cfg.Log
	switch to.state() {
	case appliance.Active:
		if before == subReload {
			return
		}
		log.Info("service is up", "service", name)
		s.m.cfg.Milestone("service " + name + " active")
		if text := s.m.cfg.Ready[s.unit.Name]; text != "" {
			s.m.cfg.Milestone(text)
		}
	case appliance.Failed, appliance.CrashLoop:
		log.Error("service has failed", "service", name, "state", string(to.state()), "err", s.lastError)
		s.m.cfg.Milestone("service " + name + " " + string(to.state()) + ": " + s.lastError)
	case appliance.Inactive:
		log.Info("service is down", "service", name)
		if s.m.stopping == nil {
			s.m.cfg.Milestone("service " + name + " inactive")
		}
	default:
		log.Debug("service", "service", name, "state", string(to.state()), "sub", string(to))
	}
}

// queue has it started as soon as it may.
func (s *service) queue() { s.queued, s.done = true, false }

// forgive forgets how often it has failed: a person asks for it.
func (s *service) forgive() {
	s.attempts, s.loops, s.starts = 0, 0, nil
	if s.sub == subAutoRestart || s.sub == subCrashLoop {
		s.enter(subDead)
		s.nextTry = time.Time{}
		s.queue()
	}
}

// begin starts it.
func (s *service) begin() {
	s.queued = false
	if failed := s.failedCondition(); failed != "" {
		s.conditionFailed, s.want = failed, false
		s.m.cfg.Log.Info("service is not started", "service", s.unit.Name, "condition", failed)
		s.enter(subDead)
		return
	}
	s.conditionFailed = ""
	s.result, s.detail = success, ""
	s.mainEnded, s.mainStatus = false, reap.Status{}
	s.nextTry = time.Time{}
	s.reloadError, s.announced = nil, false
	s.done = false
	s.starts = append(s.starts, time.Now())
	s.oomBefore = s.m.run.oomKills(s.unit.Name)
	s.step = 0
	s.enterStartPre()
}

func (s *service) enterStartPre() {
	if s.step >= len(s.unit.StartPre) {
		s.step = 0
		s.enterStart()
		return
	}
	s.enter(subStartPre)
	s.timeout(s.unit.TimeoutStart)
	s.spawn(s.unit.StartPre[s.step], false)
}

func (s *service) enterStart() {
	s.enter(subStart)
	s.timeout(s.unit.TimeoutStart)
	s.spawn(s.unit.Start[s.step], true)
}

// enterRunning: it is up.
func (s *service) enterRunning(to sub) {
	s.done = true
	s.activeSince = time.Now()
	s.enter(to)
	if to == subRunning && s.unit.Watchdog > 0 {
		s.feed(s.unit.Watchdog)
	}
}

// feed sets the watchdog's time anew.
func (s *service) feed(period time.Duration) {
	s.period = period
	if s.watchdog != nil {
		s.watchdog.Stop()
	}
	var t *time.Timer
	t = time.AfterFunc(period, func() {
		s.m.post(func() {
			if s.watchdog == t && s.up() {
				s.expire("its watchdog was not fed for " + period.String())
			}
		})
	})
	s.watchdog = t
}

// expire ends a service that does not live any more.
func (s *service) expire(why string) {
	s.fail(byWatchdog, why)
	s.enterSignal(subStopWatchdog)
}

// beginStop stops it, because somebody wants that.
func (s *service) beginStop() {
	switch s.sub {
	case subAutoRestart, subCrashLoop:
		s.nextTry = time.Time{}
		s.enter(subDead)
		return
	case subRunning, subExited, subReload:
		s.step = 0
		s.enterStop()
		return
	}
	s.enterSignal(subStopSigterm)
}

// enterStop runs ExecStop, one after the other, and then sends signals.
func (s *service) enterStop() {
	if s.step >= len(s.unit.Stop) || s.control != nil {
		s.enterSignal(subStopSigterm)
		return
	}
	s.enter(subStop)
	s.timeout(s.unit.TimeoutStop)
	s.spawn(s.unit.Stop[s.step], false)
}

// enterSignal sends the signal that belongs to the sub-state, and waits for
// the processes to go.
func (s *service) enterSignal(to sub) {
	s.stopWatchdog()
	s.enter(to)
	s.timeout(s.unit.TimeoutStop)
	s.sendSignal()
	s.checkGone()
}

// enterKill is the end of patience.
func (s *service) enterKill() {
	switch s.sub {
	case subAutoRestart, subCrashLoop:
		s.beginStop()
	case subStopPost, subFinalSigkill:
		s.enterSignal(subFinalSigkill)
	default:
		s.enterSignal(subStopSigkill)
	}
}

func (s *service) enterStopPost() {
	if s.step >= len(s.unit.StopPost) {
		s.enterSignal(subFinalSigkill)
		return
	}
	s.enter(subStopPost)
	s.timeout(s.unit.TimeoutStop)
	s.spawn(s.unit.StopPost[s.step], false)
}

// enterDead: all its processes are gone.
func (s *service) enterDead() {
	s.stopWatchdog()
	s.cancelTimer()
	if s.m.run.oomKills(s.unit.Name) > s.oomBefore && s.result != success {
		s.result, s.detail = byOOM, "out of memory: "+s.detail
	}
	if s.result != success {
		s.setError(s.detail)
	}
	if s.result == success {
		s.lastError = ""
	}
	s.status = ""
	if s.result != success {
		s.done = false
	}
	restart := s.want && !s.cycle && s.restartsAfter()
	s.m.run.clean(s.unit, restart || s.cycle)
	if !restart && !s.cycle {
		s.dropFDs()
	}
	switch {
	case restart:
		s.again()
	case s.cycle || !s.want:
		s.done = false
		s.attempts, s.loops = 0, 0
		s.enter(subDead)
	case s.result == success:
		s.want = false
		s.enter(subDead)
	default:
		s.want = false
		s.enter(subFailed)
	}
}

// fail keeps the first reason of a failure.
func (s *service) fail(r result, detail string) {
	if s.result == success {
		s.result, s.detail = r, detail
	}
}

func (s *service) setError(text string) {
	if len(text) > lastErrorBytes {
		text = strings.ToValidUTF8(text[:lastErrorBytes], "") + "…"
	}
	s.lastError = text
}

// after runs f in the loop after a while, unless the sub-state changes before.
func (s *service) after(d time.Duration, f func()) {
	s.cancelTimer()
	if d == unit.Infinity {
		return
	}
	s.deadline = time.Now().Add(d)
	var t *time.Timer
	t = time.AfterFunc(d, func() {
		s.m.post(func() {
			if s.timer == t {
				s.cancelTimer()
				f()
			}
		})
	})
	s.timer = t
}

func (s *service) timeout(d time.Duration) { s.after(d, s.timedOut) }

func (s *service) cancelTimer() {
	if s.timer != nil {
		s.timer.Stop()
	}
	s.timer, s.deadline = nil, time.Time{}
}

func (s *service) stopWatchdog() {
	if s.watchdog != nil {
		s.watchdog.Stop()
	}
	s.watchdog, s.period = nil, 0
}

func (s *service) dropFDs() {
	for _, f := range s.fds {
		f.file.Close()
	}
	s.fds = nil
}

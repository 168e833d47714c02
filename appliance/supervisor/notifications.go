package supervisor

import (
	"fmt"

	"golang.org/x/sys/unix"

	"switchroom/appliance/supervisor/notify"
	"switchroom/appliance/supervisor/unit"
)

// maxEarly bounds the messages kept from processes whose number we don't know yet.
const maxEarly = 64

// notified takes a message from the notification socket's goroutine.
func (m *manager) notified(msg notify.Message) {
	select {
	case m.events <- func() { m.deliver(msg) }:
	case <-m.ctx.Done():
		msg.Close()
	}
}

// deliver hands a message to the service whose process sent it.
func (m *manager) deliver(msg notify.Message) {
	s := m.sender(msg.PID)
	if s == nil && m.spawning > 0 && len(m.early) < maxEarly {
		m.early = append(m.early, msg)
		return
	}
	defer msg.Close()
	if msg.Barrier {
		return // what came before was handled: closing its file says so
	}
	if s == nil {
		m.cfg.Log.Debug("a notification from nobody's process", "pid", msg.PID)
		return
	}
	if !s.allowed(msg.PID) {
		m.cfg.Log.Warn("a notification that NotifyAccess= does not allow", "service", s.unit.Name, "pid", msg.PID)
		return
	}
	s.notified(&msg)
}

// deliverEarly tries again with what came before its sender was known.
func (m *manager) deliverEarly() {
	early := m.early
	m.early = nil
	for _, msg := range early {
		m.deliver(msg)
	}
}

// sender finds the service that a process belongs to.
func (m *manager) sender(pid int) *service {
	for _, s := range m.services {
		if s.main != nil && s.main.PID() == pid || s.control != nil && s.control.PID() == pid {
			return s
		}
	}
	for name, s := range m.services {
		if !s.down() && m.run.belongs(name, pid) {
			return s
		}
	}
	return nil
}

func (s *service) allowed(pid int) bool {
	switch s.unit.Access {
	case unit.AccessAll:
		return true
	case unit.AccessExec:
		return s.main != nil && s.main.PID() == pid || s.control != nil && s.control.PID() == pid
	case unit.AccessMain:
		return s.main != nil && s.main.PID() == pid
	}
	return false
}

// notified does what a message asks for.
func (s *service) notified(msg *notify.Message) {
	if msg.Status != nil {
		s.status = *msg.Status
	}
	if msg.Milestone != "" {
		s.m.cfg.Milestone(msg.Milestone)
	}
	if msg.MainPID != 0 {
		s.newMain(msg.MainPID)
	}
	if msg.Errno != 0 {
		s.setError(fmt.Sprintf("it says errno %d", msg.Errno))
	}
	if msg.Extend > 0 && s.timer != nil && !s.deadline.IsZero() && s.sub != subAutoRestart && s.sub != subCrashLoop {
		s.timeout(msg.Extend)
	}
	if msg.Reloading && s.sub == subRunning {
		s.announced = true
		s.enter(subReload)
		s.timeout(s.unit.TimeoutStart)
	}
	if msg.Ready {
		switch {
		case s.sub == subStart && s.unit.Type == unit.Notify:
			s.enterRunning(subRunning)
		case s.sub == subReload && s.announced && s.control == nil && s.spawning == 0:
			s.backToRunning()
		}
	}
	if msg.Stopping && (s.sub == subRunning || s.sub == subReload) {
		// It ends of its own will: its watchdog need not be fed any more.
		s.stopWatchdog()
		s.enter(subStopSigterm)
		s.timeout(s.unit.TimeoutStop)
	}
	if msg.WatchdogIn > 0 && s.sub == subRunning {
		s.feed(msg.WatchdogIn)
	}
	if msg.Watchdog && s.period > 0 {
		s.feed(s.period)
	}
	if msg.Trigger && s.up() {
		s.expire("it asked for its watchdog's end")
	}
	s.store(msg)
}

// newMain makes another process the main one.
func (s *service) newMain(pid int) {
	if s.owns(pid) {
		return
	}
	if !s.m.run.belongs(s.unit.Name, pid) {
		s.m.cfg.Log.Warn("MAINPID= of a process that is not the service's", "service", s.unit.Name, "pid", pid)
		return
	}
	p := s.m.run.adopt(pid)
	s.main = p
	c := s.unit.Start[len(s.unit.Start)-1]
	go func() {
		<-p.Done()
		s.m.post(func() { s.exited(p, p.Status(), c) })
	}()
}

// store keeps the files of FDSTORE=1 and forgets those of FDSTOREREMOVE=1.
func (s *service) store(msg *notify.Message) {
	name := msg.FDName
	if name == "" {
		name = "stored"
	}
	if msg.Remove {
		kept := s.fds[:0]
		for _, f := range s.fds {
			if f.name == name {
				f.file.Close()
				continue
			}
			kept = append(kept, f)
		}
		s.fds = kept
	}
	if !msg.Store {
		return
	}
	for i, f := range msg.Files {
		if len(s.fds) >= s.unit.FDStoreMax {
			s.m.cfg.Log.Warn("a file that FileDescriptorStoreMax= has no room for", "service", s.unit.Name, "name", name)
			break
		}
		s.fds = append(s.fds, storedFD{name, f})
		msg.Files[i] = nil
	}
	rest := msg.Files[:0]
	for _, f := range msg.Files {
		if f != nil {
			rest = append(rest, f)
		}
	}
	msg.Files = rest
}

// copyFDs gives copies of the stored files: they are used by another goroutine,
// while the service may have one removed.
func (s *service) copyFDs() []storedFD {
	var copies []storedFD
	for _, f := range s.fds {
		fd, err := unix.FcntlInt(uintptr(f.file.FD()), unix.F_DUPFD_CLOEXEC, 3)
		if err != nil {
			s.m.cfg.Log.Error("copying a stored file", "service", s.unit.Name, "name", f.name, "err", err)
			continue
		}
		copies = append(copies, storedFD{f.name, notify.NewFile(fd)})
	}
	return copies
}

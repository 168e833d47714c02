package floor

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"switchroom/appliance/asterisk/ami"
	"switchroom/appliance/cti/fault"
	"switchroom/appliance/cti/live"
	"switchroom/appliance/cti/plan"
	"switchroom/appliance/cti/sessions"
)

// Session returns an agent's session; false if there is none.
func (f *Floor) Session(agent string) (sessions.Session, bool) {
	f.desk.Lock()
	defer f.desk.Unlock()
	x, ok := f.sessions[agent]
	return x, ok
}

// Login has an agent take calls at a seat. Who sat there is logged out; an
// agent who sits elsewhere moves, or is refused, as the site says.
func (f *Floor) Login(ctx context.Context, agent, seat string) error {
	a, ok := f.cfg.Plan.Agents[agent]
	switch {
	case !ok:
		return fault.New(fault.AgentUnknown, agent)
	case f.cfg.Plan.Seats[seat].Device == "":
		return fault.New(fault.SeatUnknown, seat)
	case a.Always:
		return fault.New(fault.Always)
	case !f.Up():
		return fault.New(fault.Down)
	}
	f.desk.Lock()
	defer f.desk.Unlock()
	old, has := f.sessions[agent]
	if has && old.Seat != seat {
		if f.cfg.Plan.Relogin == "refuse" {
			return fault.New(fault.Elsewhere, old.Seat)
		}
		if f.busy(agent) {
			return fault.New(fault.InCall)
		}
	}
	for other, x := range f.sessions {
		if other != agent && x.Seat == seat {
			if f.busy(other) {
				return fault.New(fault.SeatTaken, seat)
			}
			if err := f.logout(ctx, other); err != nil {
				return err
			}
		}
	}
	defer f.own(agent)()
	x := sessions.Session{Agent: agent, Seat: seat, Since: time.Now(), Via: "cti"}
	if has && old.Seat == seat {
		x = old
	}
	if err := f.cfg.Sessions.Put(ctx, x); err != nil {
		return err
	}
	f.sessions[agent] = x
	f.step(func(s *live.State) []live.Change { return s.Sit(asLive(x)) })
	// The dial plan keeps who sits where, too: for calls to the agent, and for
	// codes pressed at the telephone.
	f.tell(ctx, "in*"+agent+"*"+seat)
	return f.enforce(ctx, x)
}

// Logout has an agent take no more calls. Calls go on.
func (f *Floor) Logout(ctx context.Context, agent string) error {
	f.desk.Lock()
	defer f.desk.Unlock()
	if _, ok := f.sessions[agent]; !ok {
		return fault.New(fault.LoggedOut)
	}
	return f.logout(ctx, agent)
}

func (f *Floor) logout(ctx context.Context, agent string) error {
	defer f.own(agent)()
	if err := f.cfg.Sessions.End(ctx, agent); err != nil {
		return err
	}
	delete(f.sessions, agent)
	f.step(func(s *live.State) []live.Change { return s.Leave(agent) })
	f.tell(ctx, "out*"+agent)
	return f.evict(ctx, agent)
}

// Pause has queues leave an agent alone, for a reason, or not any more. In a
// call it holds from its end.
func (f *Floor) Pause(ctx context.Context, agent string, paused bool, reason string) error {
	f.desk.Lock()
	defer f.desk.Unlock()
	x, ok := f.sessions[agent]
	if !ok {
		return fault.New(fault.LoggedOut)
	}
	if !f.Up() {
		return fault.New(fault.Down)
	}
	defer f.own(agent)()
	if !paused {
		reason = ""
	}
	x.Paused, x.Reason = paused, reason
	if err := f.cfg.Sessions.Put(ctx, x); err != nil {
		return err
	}
	f.sessions[agent] = x
	f.step(func(s *live.State) []live.Change { return s.Sit(asLive(x)) })
	return f.pause(ctx, x)
}

func (f *Floor) pause(ctx context.Context, x sessions.Session) error {
	yes := "false"
	if x.Paused {
		yes = "true"
	}
	var refused *ami.Refused
	_, err := f.cfg.Asterisk.Do(ctx, ami.NewAction("QueuePause", "Interface", live.Interface(x.Agent, x.Seat), "Paused", yes, "Reason", x.Reason))
	if errors.As(err, &refused) && len(f.cfg.Plan.Agents[x.Agent].Queues) == 0 {
		return nil // is in no queue
	}
	return asFault(err)
}

// enforce makes Asterisk's members of an agent what the session says.
func (f *Floor) enforce(ctx context.Context, x sessions.Session) error {
	want := live.Interface(x.Agent, x.Seat)
	queues := f.cfg.Plan.Agents[x.Agent].Queues
	var has map[string][]string
	f.Look(func(s *live.State) { has = s.Members(x.Agent) })
	var errs []error
	for _, q := range slices.Sorted(maps.Keys(has)) {
		for _, iface := range has[q] {
			if _, serves := queues[q]; !serves || iface != want {
				errs = append(errs, f.drop(ctx, q, iface))
			}
		}
	}
	paused := "false"
	if x.Paused {
		paused = "true"
	}
	for _, q := range slices.Sorted(maps.Keys(queues)) {
		if slices.Contains(has[q], want) {
			continue
		}
		_, err := f.cfg.Asterisk.Do(ctx, ami.NewAction("QueueAdd", "Queue", q, "Interface", want, "MemberName", x.Agent,
			"StateInterface", "hint:"+x.Seat+"@seats", "Penalty", strconv.Itoa(queues[q]), "Paused", paused, "Reason", x.Reason))
		var refused *ami.Refused
		if errors.As(err, &refused) && strings.Contains(refused.Reason, "Already there") {
			err = nil
		}
		errs = append(errs, asFault(err))
	}
	if len(queues) > 0 {
		errs = append(errs, f.pause(ctx, x))
	}
	return errors.Join(errs...)
}

// evict takes an agent who has no session out of every queue, and confirms it.
func (f *Floor) evict(ctx context.Context, agent string) error {
	var has map[string][]string
	f.Look(func(s *live.State) { has = s.Members(agent) })
	var errs []error
	for _, q := range slices.Sorted(maps.Keys(has)) {
		for _, iface := range has[q] {
			errs = append(errs, f.drop(ctx, q, iface))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return f.cfg.Sessions.Confirm(ctx, agent)
}

func (f *Floor) drop(ctx context.Context, queue, iface string) error {
	_, err := f.cfg.Asterisk.Do(ctx, ami.NewAction("QueueRemove", "Queue", queue, "Interface", iface))
	var refused *ami.Refused
	if errors.As(err, &refused) {
		return nil // is not there
	}
	return asFault(err)
}

// tell runs an extension of the dial plan's context for programs, and waits
// for its end. It hangs up by itself, which Asterisk calls a failure.
func (f *Floor) tell(ctx context.Context, what string) {
	if _, err := f.cfg.Asterisk.Until(ctx, ami.NewAction("Originate", "Channel", "Local/"+what+"@cti", "Application", "Wait", "Data", "1",
		"Timeout", "5000", "Async", "true"), "OriginateResponse"); err != nil {
		f.cfg.Log.WarnContext(ctx, "the dial plan was not told", "what", what, "error", err)
	}
}

// busy tells whether an agent is in a call.
func (f *Floor) busy(agent string) (yes bool) {
	f.Look(func(s *live.State) {
		v, _ := s.Agent(agent)
		yes = v.Call != ""
	})
	return yes
}

// own says that what happens to an agent's members is our doing, until the
// returned function is called and the events have come.
func (f *Floor) own(agent string) func() {
	f.oursMu.Lock()
	defer f.oursMu.Unlock()
	f.ours[agent]++
	return func() {
		f.oursMu.Lock()
		defer f.oursMu.Unlock()
		if f.ours[agent]--; f.ours[agent] == 0 {
			delete(f.ours, agent)
		}
	}
}

// stray notes that an agent's members changed.
func (f *Floor) stray(m *ami.Message) {
	iface := m.Get("Interface")
	agent, _, ok := strings.Cut(strings.TrimPrefix(iface, "Local/"), "*")
	if !ok || !strings.HasSuffix(iface, "@agents") {
		return
	}
	f.oursMu.Lock()
	mine := f.ours[agent] > 0
	f.oursMu.Unlock()
	if mine {
		return
	}
	select {
	case f.strays <- agent:
	default: // the next snapshot puts it right
	}
}

// follow makes sessions follow what was done at telephones.
func (f *Floor) follow(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case agent := <-f.strays:
			// A log-in is several events; the last of them is soon there.
			timer := time.NewTimer(100 * time.Millisecond)
			select {
			case <-ctx.Done():
				timer.Stop()
				return
			case <-timer.C:
			}
			f.adopt(ctx, agent)
		}
	}
}

// adopt makes an agent's session what Asterisk's members say.
func (f *Floor) adopt(ctx context.Context, agent string) {
	f.desk.Lock()
	defer f.desk.Unlock()
	a, known := f.cfg.Plan.Agents[agent]
	if !known || a.Always {
		return
	}
	var has map[string][]string
	var now live.Situation
	f.Look(func(s *live.State) {
		has = s.Members(agent)
		now, _ = s.Situation(agent)
	})
	x, was := f.sessions[agent]
	seat := ""
	for _, q := range slices.Sorted(maps.Keys(has)) {
		_, seat, _ = strings.Cut(strings.TrimSuffix(has[q][len(has[q])-1], "@agents"), "*")
		break
	}
	var err error
	switch {
	case seat == "" && was && len(a.Queues) > 0:
		f.cfg.Log.InfoContext(ctx, "logged out at the telephone", "agent", agent, "seat", x.Seat)
		delete(f.sessions, agent)
		err = errors.Join(f.cfg.Sessions.End(ctx, agent), f.cfg.Sessions.Confirm(ctx, agent))
		f.step(func(s *live.State) []live.Change { return s.Leave(agent) })
	case seat != "" && f.cfg.Plan.Seats[seat].Device != "" && (!was || x.Seat != seat || x.Paused != now.Paused || x.Reason != now.PauseReason):
		if !was || x.Seat != seat {
			f.cfg.Log.InfoContext(ctx, "logged in at the telephone", "agent", agent, "seat", seat)
			x = sessions.Session{Agent: agent, Since: time.Now(), Via: "phone"}
		}
		x.Seat, x.Paused, x.Reason = seat, now.Paused, now.PauseReason
		for other, o := range f.sessions {
			if other != agent && o.Seat == seat {
				delete(f.sessions, other)
			}
		}
		f.sessions[agent] = x
		err = f.cfg.Sessions.Put(ctx, x)
		f.step(func(s *live.State) []live.Change { return s.Sit(asLive(x)) })
	}
	if err != nil {
		f.cfg.Log.ErrorContext(ctx, "a session was not kept", "agent", agent, "error", err)
	}
}

// restore puts the queues right after we, or Asterisk, were away.
func (f *Floor) restore(ctx context.Context) {
	f.desk.Lock()
	defer f.desk.Unlock()
	ended, err := f.cfg.Sessions.Ended(ctx)
	if err != nil {
		f.cfg.Log.ErrorContext(ctx, "the queues are not put right", "error", err)
		return
	}
	for _, agent := range slices.Sorted(maps.Keys(f.sessions)) {
		release := f.own(agent)
		if err := f.enforce(ctx, f.sessions[agent]); err != nil {
			f.cfg.Log.WarnContext(ctx, "an agent is not in the queues that the session says", "agent", agent, "error", err)
		}
		release()
	}
	for _, agent := range ended {
		if _, back := f.sessions[agent]; back {
			continue
		}
		release := f.own(agent)
		if err := f.evict(ctx, agent); err != nil {
			f.cfg.Log.WarnContext(ctx, "an agent who logged out may be in queues", "agent", agent, "error", err)
		}
		release()
	}
	var unknown []string
	f.Look(func(s *live.State) {
		for _, a := range s.Agents() {
			if len(s.Members(a)) > 0 {
				unknown = append(unknown, a)
			}
		}
	})
	for _, agent := range unknown {
		if _, ok := f.sessions[agent]; !ok && !slices.Contains(ended, agent) {
			select {
			case f.strays <- agent:
			default:
			}
		}
	}
}

// Plan is the site, as this floor sees it.
func (f *Floor) Plan() plan.Plan { return f.cfg.Plan }

// asFault is what an agent is told of an action's error.
func asFault(err error) error {
	var refused *ami.Refused
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refused):
		return &fault.Error{Code: fault.Refused, Arg: refused.Reason, Err: err}
	case errors.Is(err, ami.ErrDown), errors.Is(err, ami.ErrBroken):
		return fault.Because(fault.Down, err)
	case errors.Is(err, context.DeadlineExceeded):
		return fault.Because(fault.NoAnswer, err)
	}
	return err
}

// Do sends an action; its error is a fault.
func (f *Floor) Do(ctx context.Context, a ami.Action) error {
	_, err := f.cfg.Asterisk.Do(ctx, a)
	return asFault(err)
}

package command

import (
	"context"
	"slices"
	"time"

	"switchroom/appliance/cti/fault"
	"switchroom/appliance/cti/live"
	"switchroom/provisioning"
)

// onHim is the check of what is done to the call of another agent.
func (j *job) onHim() error {
	switch {
	case j.Agent == j.actor.Agent:
		return fault.New(fault.BadRequest, "agent")
	case j.him.Agent.State == live.Offline:
		return fault.New(fault.AgentAway, j.Agent)
	case j.him.Own.Channel == "":
		return fault.New(fault.NoCall)
	}
	return nil
}

func (d *Desk) listen(ctx context.Context, j *job) error  { return d.spy(ctx, j, "qdE") }
func (d *Desk) whisper(ctx context.Context, j *job) error { return d.spy(ctx, j, "qdEw") }
func (d *Desk) barge(ctx context.Context, j *job) error   { return d.spy(ctx, j, "qdEB") }

func (d *Desk) spy(ctx context.Context, j *job, options string) error {
	if err := j.onHim(); err != nil {
		return err
	}
	if j.now.Agent.Call != "" {
		return fault.New(fault.InCall)
	}
	return d.ring(ctx, j.now.Agent.Seat, j.Agent, "Application", "ChanSpy", "Data", j.him.Own.Channel+","+options)
}

// mode presses the key by which ChanSpy changes what it does.
func (d *Desk) mode(ctx context.Context, j *job) error {
	key := map[string]string{"listen": "4", "whisper": "5", "barge": "6"}[j.Mode]
	right := map[string]string{"listen": provisioning.MayListen, "whisper": provisioning.MayWhisper, "barge": provisioning.MayBarge}[j.Mode]
	switch {
	case key == "":
		return fault.New(fault.BadRequest, "mode")
	case !j.agent.May(right):
		return fault.New(fault.NotAllowed, right)
	}
	channel := ""
	d.floor.Look(func(s *live.State) { channel, _ = s.Listening(j.actor.Agent) })
	if channel == "" {
		return fault.New(fault.NotListening)
	}
	return d.press(ctx, channel, key)
}

func (d *Desk) join(ctx context.Context, j *job) error {
	if err := j.onHim(); err != nil {
		return err
	}
	if j.now.Agent.Call != "" {
		return fault.New(fault.InCall)
	}
	if j.him.Agent.State != live.Talking || len(j.him.Peers) == 0 {
		return fault.New(fault.NotTalking)
	}
	return d.ring(ctx, j.now.Agent.Seat, j.Agent, "Application", "BridgeAdd", "Data", j.him.Own.Channel)
}

// takeover joins the call, and takes the agent out when the supervisor is in
// it. A supervisor who does not answer changes nothing.
func (d *Desk) takeover(ctx context.Context, j *job) error {
	if err := d.join(ctx, j); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 35*time.Second)
	defer cancel()
	own := j.him.Own
	err := d.floor.Await(ctx, func(s *live.State) bool {
		x, _ := s.Situation(j.actor.Agent)
		return slices.ContainsFunc(x.Peers, func(l live.LegView) bool { return l.ID == own.ID }) && len(x.Peers) >= 2
	})
	if err != nil {
		return fault.Because(fault.NoAnswer, err)
	}
	return d.act(ctx, "Hangup", "Channel", own.Channel, "Cause", "16")
}

func (d *Desk) release(ctx context.Context, j *job) error {
	if err := j.onHim(); err != nil {
		return err
	}
	if j.him.Asking != "" {
		return fault.New(fault.Asking) // it would give the call away
	}
	own := j.him.Own.ID
	if err := d.act(ctx, "Hangup", "Channel", j.him.Own.Channel, "Cause", "16"); err != nil {
		return err
	}
	return d.until(ctx, j.Agent, func(x live.Situation) bool { return x.Own.ID != own })
}

func (d *Desk) agentState(ctx context.Context, j *job) error {
	if j.him.Agent.State == live.Offline {
		return fault.New(fault.AgentAway, j.Agent)
	}
	return d.pause(ctx, j.Agent, j.State, j.Reason)
}

func (d *Desk) agentLogout(ctx context.Context, j *job) error {
	if j.him.Agent.State == live.Offline {
		return fault.New(fault.AgentAway, j.Agent)
	}
	return d.floor.Logout(ctx, j.Agent)
}

func (d *Desk) waiting(j *job) (queue, channel string, err error) {
	ok := false
	d.floor.Look(func(s *live.State) { queue, channel, ok = s.Waiting(j.Call) })
	if !ok {
		return "", "", fault.New(fault.NotWaiting)
	}
	return queue, channel, nil
}

// frontPriority is above every priority of the document.
const frontPriority = "1000"

func (d *Desk) front(ctx context.Context, j *job) error {
	queue, channel, err := d.waiting(j)
	if err != nil {
		return err
	}
	return d.act(ctx, "QueueChangePriorityCaller", "Queue", queue, "Caller", channel, "Priority", frontPriority, "Immediate", "true")
}

func (d *Desk) move(ctx context.Context, j *job) error {
	if _, ok := d.floor.Plan().Queues[j.Queue]; !ok {
		return fault.New(fault.QueueUnknown, j.Queue)
	}
	queue, channel, err := d.waiting(j)
	if err != nil {
		return err
	}
	if queue == j.Queue {
		return nil
	}
	if err := d.act(ctx, "Redirect", "Channel", channel, "Context", "queues", "Exten", j.Queue, "Priority", "1"); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, d.wait)
	defer cancel()
	err = d.floor.Await(ctx, func(s *live.State) bool {
		now, _, ok := s.Waiting(j.Call)
		return !ok || now != queue
	})
	if err != nil {
		return fault.Because(fault.NoAnswer, err)
	}
	return nil
}

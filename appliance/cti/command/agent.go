package command

import (
	"context"
	"slices"
	"time"

	"switchroom/appliance/cti/fault"
	"switchroom/appliance/cti/live"
	"switchroom/appliance/cti/plan"
	"switchroom/appliance/cti/sessions"
)

func (d *Desk) login(ctx context.Context, j *job) error {
	return d.floor.Login(ctx, j.actor.Agent, j.Seat)
}

func (d *Desk) logout(ctx context.Context, j *job) error {
	return d.floor.Logout(ctx, j.actor.Agent)
}

func (d *Desk) setState(ctx context.Context, j *job) error {
	return d.pause(ctx, j.actor.Agent, j.State, j.Reason)
}

func (d *Desk) pause(ctx context.Context, agent, state, reason string) error {
	switch state {
	case string(live.Ready):
		return d.floor.Pause(ctx, agent, false, "")
	case string(live.NotReady):
		known := slices.ContainsFunc(d.floor.Plan().Reasons, func(r plan.Reason) bool { return r.Key == reason })
		if reason != "" && !known {
			return fault.New(fault.BadRequest, "reason")
		}
		return d.floor.Pause(ctx, agent, true, reason)
	}
	return fault.New(fault.BadRequest, "state")
}

func (d *Desk) dial(ctx context.Context, j *job) error {
	if err := want(anyNumber, j.To); err != nil {
		return err
	}
	if j.now.Agent.Call != "" {
		return fault.New(fault.InCall)
	}
	seat := j.now.Agent.Seat
	return d.ring(ctx, seat, j.To, "Context", d.floor.Plan().DialContext(seat), "Exten", j.To, "Priority", "1")
}

func (d *Desk) answer(_ context.Context, j *job) error {
	if j.now.Agent.State != live.Ringing {
		return fault.New(fault.NotRinging)
	}
	return fault.New(fault.AtTelephone)
}

func (d *Desk) reject(ctx context.Context, j *job) error {
	if j.now.Agent.State != live.Ringing {
		return fault.New(fault.NotRinging)
	}
	own := j.now.Own.ID
	if err := d.act(ctx, "Hangup", "Channel", j.now.Own.Channel, "Cause", "17"); err != nil {
		return err
	}
	return d.until(ctx, j.actor.Agent, func(x live.Situation) bool { return x.Own.ID != own })
}

// talking is the check of what can be done only in a call with somebody.
func (j *job) talking() error {
	switch {
	case j.now.Own.Channel == "":
		return fault.New(fault.NoCall)
	case j.now.AskingContext == plan.HoldContext:
		return fault.New(fault.IsHeld)
	case j.now.Asking != "":
		return fault.New(fault.Asking)
	case j.now.Agent.State == live.Holding:
		return fault.New(fault.IsHeld)
	case j.now.Agent.State != live.Talking || len(j.now.Peers) == 0:
		return fault.New(fault.NotTalking)
	}
	return nil
}

func (d *Desk) hangup(ctx context.Context, j *job) error {
	switch {
	case j.now.Own.Channel == "":
		return fault.New(fault.NoCall)
	case j.now.AskingContext == plan.HoldContext:
		return fault.New(fault.IsHeld)
	case j.now.Asking != "":
		return fault.New(fault.Asking)
	}
	own := j.now.Own.ID
	if err := d.act(ctx, "Hangup", "Channel", j.now.Own.Channel, "Cause", "16"); err != nil {
		return err
	}
	return d.until(ctx, j.actor.Agent, func(x live.Situation) bool { return x.Own.ID != own })
}

// atxfer has the agent's telephone ask a number, and waits until it does. The
// number's digits are pressed only when the other hears music already.
func (d *Desk) atxfer(ctx context.Context, j *job, dialplan, number string) (err error) {
	code := d.floor.Plan().Ask
	if code == "" {
		return fault.New(fault.NotAllowed, "transfer")
	}
	if err := d.codesReady(ctx, j.actor.Agent); err != nil {
		return err
	}
	channel := j.now.Own.Channel
	if err := d.transferContext(ctx, channel, dialplan); err != nil {
		return err
	}
	defer func() {
		back := d.floor.Plan().TransferContext(j.actor.Agent, j.now.Agent.Seat)
		if e := d.transferContext(context.WithoutCancel(ctx), channel, back); e != nil && err == nil {
			d.log.WarnContext(ctx, "a telephone's own transfers go to another context until its call ends", "channel", channel, "error", e)
		}
	}()
	if err := d.press(ctx, channel, code); err != nil {
		return err
	}
	if err := d.until(ctx, j.actor.Agent, func(x live.Situation) bool { return x.Agent.State == live.Holding }); err != nil {
		return err
	}
	if err := d.press(ctx, channel, number); err != nil {
		return err
	}
	return d.until(ctx, j.actor.Agent, func(x live.Situation) bool { return x.Asking != "" })
}

func (d *Desk) transferContext(ctx context.Context, channel, dialplan string) error {
	return d.act(ctx, "Setvar", "Channel", channel, "Variable", "TRANSFER_CONTEXT", "Value", dialplan)
}

func (d *Desk) hold(ctx context.Context, j *job) error {
	if err := j.talking(); err != nil {
		return err
	}
	return d.atxfer(ctx, j, plan.HoldContext, plan.HoldNumber)
}

func (d *Desk) resume(ctx context.Context, j *job) error {
	switch {
	case j.now.Own.Channel == "":
		return fault.New(fault.NoCall)
	case j.now.Agent.State == live.Holding && j.now.Asking == "":
		return fault.New(fault.AtTelephone) // the telephone has put it on hold
	case j.now.AskingContext != plan.HoldContext:
		return fault.New(fault.NotHeld)
	}
	return d.backToOther(ctx, j)
}

func (d *Desk) backToOther(ctx context.Context, j *job) error {
	defer d.codesLater(j.actor.Agent)
	if err := d.act(ctx, "CancelAtxfer", "Channel", j.now.Own.Channel); err != nil {
		return err
	}
	return d.until(ctx, j.actor.Agent, func(x live.Situation) bool { return x.Asking == "" && x.Agent.State == live.Talking })
}

func (d *Desk) dtmf(ctx context.Context, j *job) error {
	if err := want(keys, j.Digits); err != nil {
		return err
	}
	if err := j.talking(); err != nil {
		return err
	}
	for _, k := range j.Digits {
		for _, other := range j.now.Peers {
			if err := d.act(ctx, "PlayDTMF", "Channel", other.Channel, "Digit", string(k), "Duration", "150"); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *Desk) pickup(ctx context.Context, j *job) error {
	if j.now.Agent.Call != "" {
		return fault.New(fault.InCall)
	}
	channel := ""
	d.floor.Look(func(s *live.State) {
		v, _ := s.Call(j.Call)
		for _, l := range v.Legs {
			if l.State == string(live.Ringing) && l.Seat != "" {
				channel = l.Channel
			}
		}
	})
	if channel == "" {
		return fault.New(fault.NotRinging)
	}
	return d.ring(ctx, j.now.Agent.Seat, j.now.Agent.Seat, "Application", "PickupChan", "Data", channel)
}

func (d *Desk) park(ctx context.Context, j *job) error {
	number := d.floor.Plan().Parking
	if number == "" {
		return fault.New(fault.NotAllowed, "parking")
	}
	j.To = number
	return d.blind(ctx, j)
}

func (d *Desk) blind(ctx context.Context, j *job) error {
	if err := want(digits, j.To); err != nil {
		return err
	}
	if err := j.talking(); err != nil {
		return err
	}
	own := j.now.Own.ID
	if err := d.act(ctx, "BlindTransfer", "Channel", j.now.Own.Channel,
		"Context", d.floor.Plan().TransferContext(j.actor.Agent, j.now.Agent.Seat), "Exten", j.To); err != nil {
		return err
	}
	return d.until(ctx, j.actor.Agent, func(x live.Situation) bool { return x.Own.ID != own })
}

func (d *Desk) ask(ctx context.Context, j *job) error {
	if err := want(digits, j.To); err != nil {
		return err
	}
	if err := j.talking(); err != nil {
		return err
	}
	return d.atxfer(ctx, j, d.floor.Plan().TransferContext(j.actor.Agent, j.now.Agent.Seat), j.To)
}

// asking is the check of what can be done only while somebody is asked.
func (j *job) asking() error {
	if j.now.Own.Channel == "" || j.now.Asking == "" || j.now.AskingContext == plan.HoldContext {
		return fault.New(fault.NotAsking)
	}
	return nil
}

func (d *Desk) complete(ctx context.Context, j *job) error {
	if err := j.asking(); err != nil {
		return err
	}
	own := j.now.Own.ID
	if err := d.act(ctx, "Hangup", "Channel", j.now.Own.Channel, "Cause", "16"); err != nil {
		return err
	}
	return d.until(ctx, j.actor.Agent, func(x live.Situation) bool { return x.Own.ID != own })
}

func (d *Desk) cancel(ctx context.Context, j *job) error {
	if err := j.asking(); err != nil {
		return err
	}
	return d.backToOther(ctx, j)
}

func (d *Desk) swap(ctx context.Context, j *job) error {
	if err := j.asking(); err != nil {
		return err
	}
	return d.press(ctx, j.now.Own.Channel, plan.SwapKeys)
}

func (d *Desk) merge(ctx context.Context, j *job) error {
	if err := j.asking(); err != nil {
		return err
	}
	if err := d.press(ctx, j.now.Own.Channel, d.floor.Plan().ThreeWay); err != nil {
		return err
	}
	return d.until(ctx, j.actor.Agent, func(x live.Situation) bool { return x.Agent.State == live.Talking && len(x.Peers) >= 2 })
}

func (d *Desk) add(ctx context.Context, j *job) error {
	if err := want(digits, j.To); err != nil {
		return err
	}
	if err := j.talking(); err != nil {
		return err
	}
	p := d.floor.Plan()
	device := "Local/" + j.To + "@" + p.TransferContext(j.actor.Agent, j.now.Agent.Seat)
	if seat, ok := p.Seats[j.To]; ok {
		device = seat.Device
	}
	return d.act(ctx, "Originate", "Channel", device, "Application", "BridgeAdd", "Data", j.now.Own.Channel,
		"CallerID", j.now.Call.Number, "Timeout", "30000", "Async", "true")
}

func (d *Desk) drop(ctx context.Context, j *job) error {
	if err := j.talking(); err != nil {
		return err
	}
	i := slices.IndexFunc(j.now.Peers, func(l live.LegView) bool { return l.ID == j.Leg })
	if i < 0 {
		return fault.New(fault.BadRequest, "leg")
	}
	if len(j.now.Peers) < 2 {
		return fault.New(fault.Alone)
	}
	if err := d.act(ctx, "Hangup", "Channel", j.now.Peers[i].Channel, "Cause", "16"); err != nil {
		return err
	}
	return d.until(ctx, j.actor.Agent, func(x live.Situation) bool {
		return !slices.ContainsFunc(x.Peers, func(l live.LegView) bool { return l.ID == j.Leg })
	})
}

func (d *Desk) leave(ctx context.Context, j *job) error {
	if err := j.talking(); err != nil {
		return err
	}
	if len(j.now.Peers) < 2 {
		return fault.New(fault.Alone)
	}
	return d.hangup(ctx, j)
}

func (d *Desk) recordingPause(ctx context.Context, j *job) error {
	return d.mute(ctx, j, "1", "paused")
}

func (d *Desk) recordingResume(ctx context.Context, j *job) error {
	return d.mute(ctx, j, "0", "on")
}

func (d *Desk) mute(ctx context.Context, j *job, state, becomes string) error {
	if j.now.Own.Channel == "" {
		return fault.New(fault.NoCall)
	}
	channel := ""
	d.floor.Look(func(s *live.State) { channel = s.Recorded(j.now.Call.Call) })
	if channel == "" {
		return fault.New(fault.NoCall)
	}
	if err := d.act(ctx, "MixMonitorMute", "Channel", channel, "Direction", "both", "State", state); err != nil {
		return err
	}
	return d.until(ctx, j.actor.Agent, func(x live.Situation) bool { return x.Call.Recording == becomes })
}

func (d *Desk) saveLog(ctx context.Context, j *job) error {
	return d.book.Note(ctx, sessions.Note{Call: j.Call, Agent: j.actor.Agent, Disposition: j.Code, Text: j.Text, At: time.Now()})
}

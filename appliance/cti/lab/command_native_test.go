//go:build native

package lab

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"switchroom/appliance/asterisk/ami"
	"switchroom/appliance/cti/command"
	"switchroom/appliance/cti/fault"
	"switchroom/appliance/cti/floor"
	"switchroom/appliance/cti/live"
	"switchroom/appliance/cti/plan"
	"switchroom/appliance/cti/sessions"
	"switchroom/appliance/system/native/lab"
	"switchroom/provisioning"
)

// house is the plan of the lab's site.
func house() plan.Plan {
	p := plan.Plan{Language: "en", Agents: map[string]plan.Agent{}, Seats: map[string]plan.Seat{}, Queues: map[string]plan.Queue{},
		Relogin: "move", Ask: "#2", ThreeWay: "#3", Parking: "700", Reasons: []plan.Reason{{Key: "1", Name: "break"}, {Key: "2", Name: "meal"}}}
	for _, s := range []string{"1001", "1002", "1003", "1010"} {
		p.Seats[s] = plan.Seat{Number: s, Device: "PJSIP/" + s, Class: "standard"}
	}
	for _, a := range []string{"811", "812"} {
		p.Agents[a] = plan.Agent{Number: a, Name: "Agent " + a, PIN: "4" + a, Rights: []string{provisioning.MayDialExternals}, Queues: map[string]int{"600": 0, "601": 0}}
	}
	p.Agents["901"] = plan.Agent{Number: "901", Name: "Boss", PIN: "4901", Queues: map[string]int{}, Rights: []string{provisioning.MayDialExternals,
		provisioning.MayListen, provisioning.MayWhisper, provisioning.MayBarge, provisioning.MayTakeOver, provisioning.MayRelease, provisioning.MayPause, provisioning.MayLogOut}}
	p.Queues["600"] = plan.Queue{Number: "600", WrapUp: 2}
	p.Queues["601"] = plan.Queue{Number: "601"}
	return p
}

// centre is a running call centre: everything but the sockets.
type centre struct {
	*world
	client *ami.Client
	store  *sessions.Store
	floor  *floor.Floor
	desk   *command.Desk
	stop   func()
}

func (w *world) centre(db string) *centre {
	w.t.Helper()
	c := &centre{world: w, client: w.client()}
	var err error
	if c.store, err = sessions.Open(w.ctx, db); err != nil {
		w.t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(w.t.Output(), nil))
	c.floor = floor.New(floor.Config{Plan: house(), Asterisk: c.client, Events: c.client.Subscribe(0, live.Events()...), Sessions: c.store, Log: log})
	c.desk = command.New(c.floor, c.store, log)
	ctx, cancel := context.WithCancel(w.ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := c.floor.Run(ctx); !errors.Is(err, context.Canceled) {
			w.t.Errorf("the floor ended: %v", err)
		}
	}()
	stopped := false
	c.stop = func() {
		if !stopped {
			stopped = true
			cancel()
			<-done
			c.store.Close()
		}
	}
	w.t.Cleanup(c.stop)
	w.eventually("the floor is up", func() bool { return c.floor.Up() })
	return c
}

// eventually waits for something that no event tells.
func (w *world) eventually(what string, is func() bool) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, 20*time.Second)
	defer cancel()
	for !is() {
		select {
		case <-ctx.Done():
			w.t.Fatalf("in vain: %s", what)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (c *centre) try(agent, name string, args command.Args) error {
	data, err := json.Marshal(args)
	c.must(err)
	return c.desk.Do(c.ctx, command.Actor{Agent: agent, Address: "test"}, name, data)
}

func (c *centre) do(agent, name string, args command.Args) {
	c.t.Helper()
	if err := c.try(agent, name, args); err != nil {
		var x live.Situation
		c.floor.Look(func(s *live.State) { x, _ = s.Situation(agent) })
		for _, e := range c.box.Manager().Events(max(0, c.box.Manager().Mark()-60), func(e lab.Event) bool {
			return e["Event"] != "Newexten" && e["Event"] != "VarSet" && e["Event"] != "RTCPSent"
		}) {
			c.t.Log(e["Timestamp"], e["Event"], e["Channel"], e["ChannelStateDesc"], e["Digit"], e["Direction"], e["Exten"], e["BridgeUniqueid"])
		}
		c.t.Fatalf("%s %s %+v: %v\n%+v", agent, name, args, err, x)
	}
}

func (c *centre) refused(code fault.Code, agent, name string, args command.Args) {
	c.t.Helper()
	if err := c.try(agent, name, args); err == nil || fault.Of(err).Code != code {
		c.t.Errorf("%s %s %+v: %v; want %s", agent, name, args, err, code)
	}
}

func (c *centre) is(agent string, fits func(live.Situation) bool) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.ctx, 20*time.Second)
	defer cancel()
	var x live.Situation
	if err := c.floor.Await(ctx, func(s *live.State) bool { x, _ = s.Situation(agent); return fits(x) }); err != nil {
		c.t.Fatalf("agent %s: %+v", agent, x)
	}
}

func (c *centre) state(agent string, want live.AgentState) {
	c.t.Helper()
	c.is(agent, func(x live.Situation) bool { return x.Agent.State == want })
}

// quiet waits until no call is left, and holds the state against a snapshot.
func (c *centre) quiet() {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.ctx, 20*time.Second)
	defer cancel()
	if err := c.floor.Await(ctx, func(s *live.State) bool { return len(s.Calls()) == 0 }); err != nil {
		c.t.Fatal("calls stay")
	}
	look := func() (seen string) {
		c.floor.Look(func(s *live.State) {
			if err := s.Check(); err != nil {
				c.t.Error(err)
			}
			for _, q := range s.Queues() {
				v, _ := s.Queue(q)
				v.Counts, v.States = live.Counts{}, nil
				for i := range v.Members {
					v.Members[i].State = ""
				}
				b, _ := json.Marshal(v)
				seen += string(b) + "\n"
			}
		})
		return seen
	}
	before := look()
	c.must(c.floor.Snapshot(c.ctx))
	if diff := cmp.Diff(before, look()); diff != "" {
		c.t.Errorf("Asterisk says otherwise: %s", diff)
	}
}

// talk brings a caller and an agent together.
func (c *centre) talk(agent, seat string) (caller, phone *lab.Call) {
	c.t.Helper()
	caller = c.in("600", "13800138000")
	phone = c.answer(seat)
	c.talking(agent, 1)
	return caller, phone
}

// talking waits until an agent talks with so many others.
func (c *centre) talking(agent string, others int) {
	c.t.Helper()
	c.is(agent, func(x live.Situation) bool { return x.Agent.State == live.Talking && len(x.Peers) == others })
}

// hears waits until somebody hears another's voice from now on.
func (c *centre) hears(call *lab.Call, voice float64) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.ctx, 20*time.Second)
	defer cancel()
	if _, _, err := call.Ear().Await(ctx, call.Ear().Now(), lab.Tone(voice)); err != nil {
		c.t.Fatalf("%.0f Hz is not heard: %v", voice, err)
	}
}

const customer = 1700

func (c *centre) over(call *lab.Call) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.ctx, 20*time.Second)
	defer cancel()
	_, err := call.AwaitEnd(ctx)
	c.must(err)
}

func voice(seat string) float64 {
	return map[string]float64{"1001": 600, "1002": 800, "1003": 1000, "1010": 1200}[seat]
}

func TestCommands(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	w := newWorld(t, ctx)
	db := filepath.Join(t.TempDir(), "cti.db")
	c := w.centre(db)
	hangup := func(call *lab.Call) { t.Helper(); c.must(call.Hangup(ctx)) }

	c.refused(fault.LoggedOut, "811", "dial", command.Args{To: "1002"})
	c.refused(fault.SeatUnknown, "811", "login", command.Args{Seat: "1999"})
	c.refused(fault.NotAllowed, "811", "listen", command.Args{Agent: "812"})
	c.refused(fault.BadRequest, "811", "login", command.Args{Seat: "1001", To: "1"})
	c.do("811", "login", command.Args{Seat: "1001"})
	c.do("901", "login", command.Args{Seat: "1010"})
	c.is("811", func(x live.Situation) bool { return x.Agent.State == live.Ready && len(x.Agent.Queues) == 2 })
	c.refused(fault.NoCall, "811", "hold", command.Args{})

	c.do("811", "setState", command.Args{State: "notReady", Reason: "2"})
	c.is("811", func(x live.Situation) bool { return x.Agent.State == live.NotReady && x.Agent.Reason == "2" })
	c.do("811", "setState", command.Args{State: "ready"})
	c.state("811", live.Ready)

	// Hold and back: the customer hears the agent again.
	caller, phone := c.talk("811", "1001")
	c.hears(caller, voice("1001"))
	c.do("811", "hold", command.Args{})
	c.state("811", live.Holding)
	c.refused(fault.IsHeld, "811", "hangup", command.Args{})
	c.refused(fault.IsHeld, "811", "transfer.start", command.Args{To: "1002"})
	c.do("811", "resume", command.Args{})
	c.hears(caller, voice("1001"))
	// Ask, and come back; ask, and three together; the third leaves.
	c.do("811", "transfer.start", command.Args{To: "1003"})
	other := c.answer("1003")
	c.hears(phone, voice("1003"))
	c.refused(fault.Asking, "811", "hangup", command.Args{})
	c.do("811", "transfer.cancel", command.Args{})
	c.hears(caller, voice("1001"))
	c.over(other)
	c.do("811", "transfer.start", command.Args{To: "1003"})
	other = c.answer("1003")
	c.hears(phone, voice("1003"))
	c.do("811", "conference.merge", command.Args{})
	c.hears(caller, voice("1003"))
	c.hears(other, customer)
	c.hears(phone, customer)
	var third string
	c.is("811", func(x live.Situation) bool {
		for _, l := range x.Peers {
			if l.Seat == "1003" {
				third = l.ID
			}
		}
		return third != ""
	})
	c.do("811", "conference.drop", command.Args{Leg: third})
	c.over(other)
	c.hears(caller, voice("1001"))
	// Recording pauses and goes on; keys for the customer.
	c.do("811", "recording.pause", command.Args{})
	c.do("811", "recording.resume", command.Args{})
	c.do("811", "dtmf", command.Args{Digits: "42"})
	c.must(caller.Ear().AwaitKeys(ctx, "42"))
	// Somebody joins without being asked.
	c.do("811", "conference.add", command.Args{To: "1003"})
	other = c.answer("1003")
	c.talking("811", 2)
	c.hears(caller, voice("1003"))
	c.do("811", "conference.leave", command.Args{})
	c.over(phone)
	c.hears(caller, voice("1003"))
	hangup(other)
	hangup(caller)
	c.quiet()

	// Ask and give away.
	caller, phone = c.talk("811", "1001")
	c.do("811", "transfer.start", command.Args{To: "1003"})
	other = c.answer("1003")
	c.hears(phone, voice("1003"))
	c.do("811", "transfer.complete", command.Args{})
	c.over(phone)
	c.hears(caller, voice("1003"))
	hangup(caller)
	c.over(other)
	c.quiet()

	// A supervisor listens, whispers, and takes over.
	caller, phone = c.talk("811", "1001")
	c.do("901", "listen", command.Args{Agent: "811"})
	boss := c.answer("1010")
	c.hears(boss, customer)
	c.do("901", "spy.mode", command.Args{Mode: "whisper"})
	c.hears(phone, voice("1010"))
	hangup(boss)
	c.state("901", live.Ready)
	c.do("901", "agent.setState", command.Args{Agent: "811", State: "notReady", Reason: "1"})
	done := make(chan error, 1)
	go func() { done <- c.try("901", "takeover", command.Args{Agent: "811"}) }()
	boss = c.answer("1010")
	c.must(<-done)
	c.over(phone)
	c.hears(caller, voice("1010"))
	c.is("811", func(x live.Situation) bool { return x.Agent.State == live.NotReady && x.Agent.Reason == "1" })
	hangup(caller)
	c.over(boss)
	c.quiet()
	deeds, err := c.store.Deeds(ctx, 10)
	c.must(err)
	var done2 []string
	for _, d := range deeds {
		done2 = append(done2, d.Who+" "+d.What+" "+d.Whom+" "+d.Result)
	}
	if diff := cmp.Diff([]string{"901 takeover 811 ok", "901 agent.setState 811 ok", "901 spy.mode  ok", "901 listen 811 ok", "811 listen 812 not-allowed"}, done2); diff != "" {
		t.Error(diff)
	}

	// The program ends and comes back in the midst of a call.
	c.do("901", "agent.setState", command.Args{Agent: "811", State: "ready"})
	caller, phone = c.talk("811", "1001")
	c.stop()
	c = w.centre(db)
	c.talking("811", 1)
	c.hears(caller, voice("1001"))
	c.do("811", "hangup", command.Args{})
	c.over(caller)
	c.over(phone)
	c.state("811", live.Ready)
	c.quiet()

	// While it was away somebody took the agent out of the queues.
	c.stop()
	_, err = w.box.Manager().Do(ctx, "QueueRemove", "Queue", "600", "Interface", "Local/811*1001@agents")
	c.must(err)
	c = w.centre(db)
	c.is("811", func(x live.Situation) bool { return len(x.Agent.Queues) == 2 })

	// A log-in and a log-out at the telephone.
	for _, q := range []string{"600", "601"} {
		_, err = w.box.Manager().Do(ctx, "QueueAdd", "Queue", q, "Interface", "Local/812*1002@agents", "MemberName", "812", "StateInterface", "hint:1002@seats")
		c.must(err)
	}
	c.state("812", live.Ready)
	for _, q := range []string{"600", "601"} {
		_, err = w.box.Manager().Do(ctx, "QueueRemove", "Queue", q, "Interface", "Local/812*1002@agents")
		c.must(err)
	}
	c.state("812", live.Offline)

	c.do("811", "dial", command.Args{To: "913900139000"})
	phone = c.answer("1001")
	far, err := w.trunk.Incoming(ctx, nil)
	c.must(err)
	c.must(far.Answer(ctx))
	c.talking("811", 1)
	c.do("811", "transfer.blind", command.Args{To: "1002"})
	other = c.answer("1002")
	c.over(phone)
	c.hears(far, voice("1002"))
	hangup(other)
	c.over(far)
	c.do("811", "logout", command.Args{})
	// Offline by our own word at once; out of the queues when Asterisk has said so.
	c.is("811", func(x live.Situation) bool { return x.Agent.State == live.Offline && len(x.Agent.Queues) == 0 })
	c.quiet()
}

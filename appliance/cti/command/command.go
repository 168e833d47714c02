package command

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"sync"
	"time"

	"switchroom/appliance/asterisk/ami"
	"switchroom/appliance/cti/fault"
	"switchroom/appliance/cti/live"
	"switchroom/appliance/cti/plan"
	"switchroom/appliance/cti/sessions"
)

// Floor is the call centre; see package floor.
type Floor interface {
	Plan() plan.Plan
	Look(func(*live.State))
	Await(context.Context, func(*live.State) bool) error
	Do(context.Context, ami.Action) error
	Login(ctx context.Context, agent, seat string) error
	Logout(ctx context.Context, agent string) error
	Pause(ctx context.Context, agent string, paused bool, reason string) error
	Up() bool
}

// Book is where deeds and notes are written; see package sessions.
type Book interface {
	Audit(context.Context, sessions.Deed) error
	Note(context.Context, sessions.Note) error
}

// Actor is who wants something done.
type Actor struct {
	Agent   string
	Address string // from where, for the audit log
}

// Args are the arguments of all commands; each takes some of them.
type Args struct {
	Seat   string `json:"seat,omitempty"`
	State  string `json:"state,omitempty"`  // ready, notReady
	Reason string `json:"reason,omitempty"` // the key of a reason
	To     string `json:"to,omitempty"`     // a number
	Digits string `json:"digits,omitempty"`
	Agent  string `json:"agent,omitempty"` // whom a supervisor means
	Call   string `json:"call,omitempty"`
	Leg    string `json:"leg,omitempty"`
	Queue  string `json:"queue,omitempty"`
	Mode   string `json:"mode,omitempty"` // listen, whisper, barge
	Code   string `json:"code,omitempty"` // of a disposition
	Text   string `json:"text,omitempty"`
}

// Command is one thing that can be done.
type Command struct {
	Name  string
	Help  string
	Needs []string // the arguments that must be given
	Takes []string // those that may be given besides
	Right string   // one of package provisioning's; empty: every agent may
	// Supervisor: it is done to others, and written into the audit log.
	Supervisor bool
	// Anywhere: it may be done by who isn't logged in at a telephone.
	Anywhere bool

	run func(*Desk, context.Context, *job) error
}

// job is one command that is being done.
type job struct {
	Args
	actor Actor
	agent plan.Agent
	now   live.Situation // of the actor
	him   live.Situation // of the agent that a supervisor means
}

// Desk does commands. Its methods may be called by any number of goroutines.
type Desk struct {
	floor Floor
	book  Book
	log   *slog.Logger
	// Wait is how long Asterisk has to show that a command was done.
	wait time.Duration

	mu    sync.Mutex
	turns map[string]chan struct{} // one command of an agent at a time
	codes map[string]time.Time     // when an agent's telephone takes codes again
}

// New makes a desk.
func New(floor Floor, book Book, log *slog.Logger) *Desk {
	return &Desk{floor: floor, book: book, log: log, wait: 5 * time.Second, turns: map[string]chan struct{}{}, codes: map[string]time.Time{}}
}

// Find returns a command by its name.
func Find(name string) (Command, bool) {
	i := slices.IndexFunc(Table, func(c Command) bool { return c.Name == name })
	if i < 0 {
		return Command{}, false
	}
	return Table[i], true
}

// Do does a command. Its errors are of package fault.
func (d *Desk) Do(ctx context.Context, who Actor, name string, data json.RawMessage) error {
	c, ok := Find(name)
	if !ok {
		return fault.New(fault.Unknown, name)
	}
	args, err := c.decode(data)
	if err != nil {
		return err
	}
	err = d.do(ctx, who, c, args)
	if c.Supervisor {
		result := "ok"
		if err != nil {
			result = string(fault.Of(err).Code)
		}
		details, _ := json.Marshal(args) // strings only: can't fail
		deed := sessions.Deed{At: time.Now(), Who: who.Agent, What: c.Name, Whom: args.Agent + args.Call, Details: string(details), Result: result, Address: who.Address}
		if e := d.book.Audit(context.WithoutCancel(ctx), deed); e != nil {
			d.log.ErrorContext(ctx, "a deed is not in the audit log", "deed", deed, "error", e)
		}
	}
	if err == nil {
		return nil
	}
	f := fault.Of(err)
	if f.Code == fault.Internal {
		d.log.ErrorContext(ctx, "a command failed", "command", name, "agent", who.Agent, "error", f.Err)
	}
	return f
}

func (c Command) decode(data json.RawMessage) (Args, error) {
	var args Args
	given := map[string]json.RawMessage{}
	if len(data) > 0 {
		dec := json.NewDecoder(bytes.NewReader(data))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&args); err != nil {
			return args, fault.Because(fault.BadRequest, err)
		}
		if err := json.Unmarshal(data, &given); err != nil {
			return args, fault.Because(fault.BadRequest, err)
		}
	}
	for name, v := range given {
		if !slices.Contains(c.Needs, name) && !slices.Contains(c.Takes, name) {
			return args, fault.New(fault.BadRequest, name)
		}
		if len(v) > 2048 {
			return args, fault.New(fault.BadRequest, name)
		}
	}
	for _, name := range c.Needs {
		if v, ok := given[name]; !ok || string(v) == `""` {
			return args, fault.New(fault.BadRequest, name)
		}
	}
	return args, nil
}

func (d *Desk) do(ctx context.Context, who Actor, c Command, args Args) error {
	p := d.floor.Plan()
	agent, ok := p.Agents[who.Agent]
	if !ok {
		return fault.New(fault.AgentUnknown, who.Agent)
	}
	if c.Right != "" && !agent.May(c.Right) {
		return fault.New(fault.NotAllowed, c.Right)
	}
	if !d.floor.Up() {
		return fault.New(fault.Down)
	}
	release, err := d.turn(ctx, who.Agent)
	if err != nil {
		return err
	}
	defer release()
	j := &job{Args: args, actor: who, agent: agent}
	d.floor.Look(func(s *live.State) {
		j.now, _ = s.Situation(who.Agent)
		if c.Supervisor && args.Agent != "" {
			j.him, ok = s.Situation(args.Agent)
		}
	})
	if !ok {
		return fault.New(fault.AgentUnknown, args.Agent)
	}
	if !c.Anywhere && j.now.Agent.State == live.Offline {
		return fault.New(fault.LoggedOut)
	}
	return c.run(d, ctx, j)
}

// turn waits until no other command of the agent is being done.
func (d *Desk) turn(ctx context.Context, agent string) (release func(), err error) {
	d.mu.Lock()
	t := d.turns[agent]
	if t == nil {
		t = make(chan struct{}, 1)
		d.turns[agent] = t
	}
	d.mu.Unlock()
	select {
	case t <- struct{}{}:
		return func() { <-t }, nil
	case <-ctx.Done():
		return nil, fault.Because(fault.TooFast, ctx.Err())
	}
}

// act sends an action to Asterisk.
func (d *Desk) act(ctx context.Context, name string, keysAndValues ...string) error {
	return d.floor.Do(ctx, ami.NewAction(name, keysAndValues...))
}

// until waits until the state shows what was to be done to an agent.
func (d *Desk) until(ctx context.Context, agent string, is func(live.Situation) bool) error {
	ctx, cancel := context.WithTimeout(ctx, d.wait)
	defer cancel()
	err := d.floor.Await(ctx, func(s *live.State) bool {
		x, _ := s.Situation(agent)
		return is(x)
	})
	if err != nil {
		return fault.Because(fault.NoAnswer, err)
	}
	return nil
}

var (
	anyNumber = regexp.MustCompile(`^\+?[0-9*#]{1,32}$`)
	digits    = regexp.MustCompile(`^[0-9]{1,32}$`)
	keys      = regexp.MustCompile(`^[0-9*#A-D]{1,32}$`)
)

func want(re *regexp.Regexp, s string) error {
	if !re.MatchString(s) {
		return fault.New(fault.BadNumber, s)
	}
	return nil
}

// codesReady waits until an agent's telephone takes codes again.
func (d *Desk) codesReady(ctx context.Context, agent string) error {
	d.mu.Lock()
	at := d.codes[agent]
	d.mu.Unlock()
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fault.Because(fault.NoAnswer, ctx.Err())
	}
}

func (d *Desk) codesLater(agent string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.codes[agent] = time.Now().Add(time.Second)
}

// press presses keys at a channel, as if its telephone had.
func (d *Desk) press(ctx context.Context, channel, keys string) error {
	for _, k := range keys {
		if err := d.act(ctx, "PlayDTMF", "Channel", channel, "Digit", string(k), "Receive", "true"); err != nil {
			return err
		}
	}
	return nil
}

// ring has a seat's telephone ring, and then do something.
func (d *Desk) ring(ctx context.Context, seat, callerID string, then ...string) error {
	device := d.floor.Plan().Seats[seat].Device
	if device == "" {
		return fault.New(fault.SeatUnknown, seat)
	}
	headers := append([]string{"Channel", device, "CallerID", callerID, "Timeout", "30000", "Async", "true"}, then...)
	return d.act(ctx, "Originate", headers...)
}

// describe is for the list of commands that people read.
func (c Command) String() string { return fmt.Sprintf("%s %v: %s", c.Name, c.Needs, c.Help) }

package asterisk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"switchroom/appliance/asterisk/ami"
)

// ErrNotRunning is what connecting to Asterisk says while there is none.
var ErrNotRunning = errors.New("no Asterisk is running")

// Manager is a connection to Asterisk, as [ami.Client] is.
type Manager interface {
	WaitUp(ctx context.Context) error
	Do(ctx context.Context, a ami.Action) (*ami.Message, error)
	List(ctx context.Context, a ami.Action) ([]*ami.Message, error)
}

// When says when steps that end calls may be done.
type When string

const (
	// IfFree: at once, if no call would end. Else nothing is done, and the
	// error is a [*Busy].
	IfFree When = "free"
	// Idle: as soon as no call would end.
	Idle When = "idle"
	// Now: at once, whatever calls there are.
	Now When = "now"
)

// Busy is why nothing was done.
type Busy struct {
	Plan     Plan
	Channels int // that would end
}

func (b *Busy) Error() string { return b.Text("en") }

// Text tells it to a person; language is a BCP 47 tag.
func (b *Busy) Text(language string) string {
	if language == "zh-CN" {
		return fmt.Sprintf("此次修改会中断 %d 路正在进行的通话，因此什么都没有做：\n%s", b.Channels, b.Plan.Text(language))
	}
	return fmt.Sprintf("this would end %d channels in use, so nothing was done:\n%s", b.Channels, b.Plan.Text(language))
}

// RolledBack is why what was in force before is in force again.
type RolledBack struct {
	Reasons []string // in Asterisk's words
}

func (r *RolledBack) Error() string {
	return "what was in force before is so again, since " + strings.Join(r.Reasons, "; ")
}

// Text tells it to a person; language is a BCP 47 tag.
func (r *RolledBack) Text(language string) string {
	if language == "zh-CN" {
		return "修改未生效，已恢复原有配置，原因：\n" + strings.Join(r.Reasons, "\n")
	}
	return "the change was taken back, and what was in force before is so again:\n" + strings.Join(r.Reasons, "\n")
}

// An Applier brings configuration files into force. One at a time does it,
// also among several processes.
type Applier struct {
	Log *slog.Logger
	Dir string // Asterisk's folder: must exist; its group is given to the files

	// Connect connects to Asterisk, or says [ErrNotRunning].
	Connect func(context.Context) (m Manager, stop func(), err error)
	// Listen returns the lines of Asterisk's log from now on, until the
	// context ends. Nil, or an error: the log is not looked at.
	Listen func(context.Context) (<-chan string, error)
	// Restart starts Asterisk again and returns when it has. Nil: nobody can.
	Restart func(context.Context) error

	Quiet time.Duration // how long the log must be silent after a change; default 200 ms
	Poll  time.Duration // how often it is looked whether there are calls; default 1 s
}

// Plan tells what applying these files would do.
func (a *Applier) Plan(files map[string][]byte) (Plan, error) {
	t := tree{a.Dir}
	old, err := t.read()
	if err != nil {
		return Plan{}, err
	}
	return a.plan(t, old, files), nil
}

// plan adds what an interrupted run has left to do.
func (a *Applier) plan(t tree, old, files map[string][]byte) Plan {
	p := Changes(old, files)
	var left []Step
	if t.kept("pending", &left) {
		p = p.join(nil, left)
	}
	return p
}

// Apply brings the files into force, or changes nothing. Where Asterisk is not
// running, they are written and that is all. Else it is told what to read
// anew, and watched: if it complains in its log, refuses, or goes away, the
// files that were there before are put back and read again, and the error is a
// [*RolledBack].
//
// A complaint that Asterisk has about the old files too is no reason: then the
// new ones are brought into force for good.
func (a *Applier) Apply(ctx context.Context, files map[string][]byte, when When) (Plan, error) {
	t := tree{a.Dir}
	unlock, err := t.lock("apply")
	if err != nil {
		return Plan{}, err
	}
	defer unlock()
	old, err := t.read()
	if err != nil {
		return Plan{}, err
	}
	m, stop, err := a.Connect(ctx)
	if errors.Is(err, ErrNotRunning) {
		p := Changes(old, files)
		if err := t.keep("pending", nil); err != nil {
			return p, err
		}
		_, err := t.write(files)
		return p, err
	}
	if err != nil {
		return Plan{}, fmt.Errorf("connecting to Asterisk: %w", err)
	}
	defer stop()
	tx := &transaction{Applier: a, tree: t, asterisk: m, old: old, new: files, plan: a.plan(t, old, files)}
	if len(tx.plan.Steps) == 0 {
		_, err := t.write(files)
		return tx.plan, err
	}
	if err := tx.await(ctx, when); err != nil {
		return tx.plan, err
	}
	return tx.plan, tx.run(ctx)
}

type transaction struct {
	*Applier
	tree     tree
	asterisk Manager
	old, new map[string][]byte
	plan     Plan
}

// await waits until the plan may be done.
func (x *transaction) await(ctx context.Context, when When) error {
	effect := x.plan.Calls()
	if effect == CallsGoOn || when == Now {
		return nil
	}
	poll := x.Poll
	if poll <= 0 {
		poll = time.Second
	}
	told := false
	for {
		n, err := x.channels(ctx, effect)
		if err != nil {
			return fmt.Errorf("asking for calls: %w", err)
		}
		switch {
		case n == 0:
			return nil
		case when != Idle:
			return &Busy{Plan: x.plan, Channels: n}
		case !told:
			told = true
			x.Log.InfoContext(ctx, "waiting until no call would end", "channels", n)
		}
		select {
		case <-time.After(poll):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// channels counts those that would end.
func (x *transaction) channels(ctx context.Context, effect Effect) (n int, err error) {
	list, err := x.asterisk.List(ctx, ami.NewAction("CoreShowChannels"))
	for _, c := range list {
		if effect == AllCallsEnd || strings.HasPrefix(c.Get("Channel"), "DAHDI/") {
			n++
		}
	}
	return n, err
}

// run does the plan. A context that ends no more interrupts what was begun.
func (x *transaction) run(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Minute)
	defer cancel()
	var lines <-chan string
	if x.Listen != nil {
		var err error
		if lines, err = x.Listen(ctx); err != nil {
			x.Log.WarnContext(ctx, "Asterisk's log can't be read: only its answers are looked at", "error", err)
			lines = nil
		}
	}
	// What was said before is not about us.
	before := &watch{lines: lines, plan: x.plan}
	drain(before)

	known := map[complaint]bool{}
	forth, err := x.change(ctx, before.lines, x.plan, x.new)
	reasons := reasonsOf(forth, known, err)
	if len(reasons) == 0 {
		return x.done()
	}
	x.Log.WarnContext(ctx, "what was in force before is put back", "because", strings.Join(reasons, "; "))
	back := Changes(x.new, x.old).join(nil, x.plan.Steps)
	again, backErr := x.change(ctx, forth.lines, back, x.old)
	if backErr != nil {
		return x.halfway(reasons, backErr)
	}
	if err == nil {
		for _, c := range again.found {
			known[c] = true
		}
		if len(reasonsOf(forth, known, nil)) == 0 {
			x.Log.WarnContext(ctx, "Asterisk complains of what was in force before too", "because", strings.Join(reasons, "; "))
			forth, err = x.change(ctx, again.lines, x.plan, x.new)
			if reasons = reasonsOf(forth, known, err); len(reasons) == 0 {
				return x.done()
			}
			if _, err := x.change(ctx, forth.lines, back, x.old); err != nil {
				return x.halfway(reasons, err)
			}
		}
	}
	return errors.Join(&RolledBack{reasons}, x.done())
}

// halfway is a way back that failed. What is left to do is done by whoever
// applies next; but what Asterisk refused it would refuse again.
func (x *transaction) halfway(reasons []string, err error) error {
	var refused *ami.Refused
	var end error
	if errors.As(err, &refused) {
		end = x.done()
	}
	return errors.Join(&RolledBack{reasons}, fmt.Errorf("putting back what was in force before: %w", err), end)
}

func (x *transaction) done() error { return x.tree.keep("pending", nil) }

// reasonsOf are the reasons to go back.
func reasonsOf(w *watch, known map[complaint]bool, err error) (reasons []string) {
	if err != nil {
		reasons = append(reasons, err.Error())
	}
	for _, c := range w.found {
		if !known[c] {
			reasons = append(reasons, c.String())
		}
	}
	return reasons
}

// drain takes what is there.
func drain(w *watch) {
	for {
		select {
		case _, ok := <-w.lines:
			if !ok {
				w.lines = nil
				return
			}
		default:
			return
		}
	}
}

// change writes the files and does the steps.
func (x *transaction) change(ctx context.Context, lines <-chan string, p Plan, files map[string][]byte) (*watch, error) {
	w := &watch{lines: lines, plan: p}
	quiet := x.Quiet
	if quiet <= 0 {
		quiet = 200 * time.Millisecond
	}
	if err := x.tree.keep("pending", p.Steps); err != nil {
		return w, err
	}
	if _, err := x.tree.write(files); err != nil {
		return w, err
	}
	var refusals []error
	for _, s := range p.Steps {
		err := x.do(ctx, s)
		var refused *ami.Refused
		if errors.As(err, &refused) {
			// What can be done of the rest is done: on the way back nothing
			// better can be.
			refusals = append(refusals, err)
			continue
		}
		if err != nil {
			w.settle(ctx, quiet)
			return w, err
		}
	}
	w.settle(ctx, quiet)
	if _, err := x.asterisk.Do(ctx, ami.NewAction("Ping")); err != nil {
		return w, fmt.Errorf("no answer from Asterisk any more: %w", err)
	}
	return w, errors.Join(refusals...)
}

// again has a module that is loaded already read its files, if it has any.
func (x *transaction) again(ctx context.Context, s Step) error {
	s.Operation = Reload
	err := x.do(ctx, s)
	var refused *ami.Refused
	if errors.As(err, &refused) && strings.Contains(refused.Reason, "does not support reload") {
		return nil
	}
	return err
}

// do does one step.
func (x *transaction) do(ctx context.Context, s Step) error {
	x.Log.InfoContext(ctx, s.Text("en"))
	var action ami.Action
	switch s.Operation {
	case Reload:
		action = ami.NewAction("Reload", "Module", s.Module)
	case Load:
		// One that the files left out for a while was not unloaded.
		if _, err := x.asterisk.Do(ctx, ami.NewAction("ModuleCheck", "Module", strings.TrimSuffix(s.Module, ".so"))); err == nil {
			return x.again(ctx, s)
		}
		action = ami.NewAction("ModuleLoad", "LoadType", "load", "Module", s.Module)
	case RestartPorts:
		action = ami.NewAction("DAHDIRestart")
	case SyncAgents:
		action = ami.NewAction("Command", "Command", "channel originate Local/"+syncExtension+"@"+startedContext+" application Wait 1")
	case Restart:
		if x.Restart == nil {
			return errors.New("nobody here may restart Asterisk")
		}
		if err := x.Restart(ctx); err != nil {
			return fmt.Errorf("restarting Asterisk: %w", err)
		}
		return x.asterisk.WaitUp(ctx)
	default:
		return nil
	}
	for {
		// A large dialplan takes a while, and so does a card.
		doing, cancel := context.WithTimeout(ctx, time.Minute)
		_, err := x.asterisk.Do(doing, action)
		cancel()
		var refused *ami.Refused
		if errors.As(err, &refused) && strings.Contains(refused.Reason, "in progress") {
			// Somebody else has Asterisk read its files.
			select {
			case <-time.After(100 * time.Millisecond):
				continue
			case <-ctx.Done():
			}
		}
		if err != nil && refused != nil && s.Operation == SyncAgents {
			// Agents get them when they log in again.
			x.Log.WarnContext(ctx, "agents who are logged in keep the queues that they had", "error", err)
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", s.Text("en"), err)
		}
		return nil
	}
}

package record

import (
	"fmt"
	"slices"
	"time"

	"switchroom/appliance/calls"
	"switchroom/appliance/calls/cel"
	"switchroom/appliance/calls/queuelog"
)

// Archive gives back calls that an [Assembler] no longer holds.
type Archive interface {
	// CallOf returns the id and the facts of the call that a channel, or a
	// bridge, belongs to; "" if it is not known.
	CallOf(channel string) (id string, facts []Fact, err error)
}

// Assembler puts facts to calls. It is not safe for concurrent use.
type Assembler struct {
	archive  Archive
	groups   map[string]*group
	channels map[string]*group // by channel, and by bridge
	restarts []time.Time
	dirty    map[*group]bool
	gone     []Merge
}

// group is a call in the making.
type group struct {
	id      string
	facts   []Fact
	keys    map[Key]bool
	fresh   []Fact          // not yet taken by Changes
	members []string        // unique ids of its channels, and of the bridges they met in
	open    map[string]bool // those that have not hung up
	session bool            // the seat of an always-connected agent
	last    time.Time       // of its facts
}

// Merge says that a call turned out to be part of another.
type Merge struct{ From, Into string }

// Change is what became of a call since the last time of asking.
type Change struct {
	Call     calls.Call
	Fresh    []Fact   // those that came since
	Channels []string // and bridges: by these it is found again
}

// NewAssembler returns one that knows nothing but what the archive gives it.
func NewAssembler(a Archive) *Assembler {
	return &Assembler{archive: a, groups: map[string]*group{}, channels: map[string]*group{}, dirty: map[*group]bool{}}
}

// Restore takes up a call that had not ended when the program did.
func (a *Assembler) Restore(id string, facts []Fact) error {
	for _, f := range facts {
		if err := a.Add(f); err != nil {
			return fmt.Errorf("taking up call %s: %w", id, err)
		}
	}
	for _, g := range a.groups {
		g.fresh = nil
	}
	clear(a.dirty)
	a.gone = nil
	return nil
}

// RestoreRestarts takes up the times at which Asterisk had started.
func (a *Assembler) RestoreRestarts(at []time.Time) { a.restarts = slices.Clone(at) }

// Restarts returns the times at which Asterisk started, oldest first.
func (a *Assembler) Restarts() []time.Time { return slices.Clone(a.restarts) }

// Add takes a fact. One that it has had already changes nothing.
func (a *Assembler) Add(f Fact) error {
	if f.Queue != nil {
		return a.addEntry(f)
	}
	e := f.CEL
	g, err := a.of(e.UniqueID)
	if err != nil {
		return err
	}
	// The channel's first event says with whom it was born. A later one is
	// better than nothing, where the first was lost.
	if (g == nil || e.Type == cel.ChanStart) && e.LinkedID != "" && e.LinkedID != e.UniqueID {
		born, err := a.of(e.LinkedID)
		if err != nil {
			return err
		}
		if born == nil {
			born = a.newGroup(e.LinkedID)
		}
		switch {
		case born.session:
			// Asterisk calls everything after the seat that the agent took
			// calls at; it is no part of that.
		case g == nil:
			a.join(born, e.UniqueID)
			g = born
		case g != born:
			g = a.merge(g, born)
		}
	}
	if g == nil {
		g = a.newGroup(e.UniqueID)
	}
	if e.App == "AgentLogin" && e.Type == cel.AppStart {
		g.session = true
	}
	if b := e.Extra.Bridge; b != "" && e.Type == cel.BridgeEnter && unites(e) {
		met, err := a.of(b)
		if err != nil {
			return err
		}
		switch {
		case met == nil:
			a.attach(g, b)
		case met != g:
			g = a.merge(g, met)
		}
	}
	a.put(g, f)
	switch e.Type {
	case cel.Hangup, cel.ChanEnd:
		delete(g.open, e.UniqueID)
	case cel.ChanStart:
		if !a.ended(g, e.UniqueID) {
			g.open[e.UniqueID] = true
		}
	}
	return nil
}

// unites reports whether those who meet in that bridge are in one call: not in
// a conference room, not with an always-connected agent, not in a parking lot.
func unites(e *cel.Event) bool {
	return e.Extra.Technology != "holding_bridge" && e.App != "ConfBridge" && e.App != "AgentLogin" && e.App != "AgentRequest"
}

func (a *Assembler) ended(g *group, channel string) bool {
	return slices.ContainsFunc(g.facts, func(f Fact) bool {
		return f.CEL != nil && f.CEL.UniqueID == channel && f.CEL.Type == cel.Hangup
	})
}

func (a *Assembler) addEntry(f Fact) error {
	e := f.Queue
	if e.Event == queuelog.Start {
		if !slices.ContainsFunc(a.restarts, e.Time.Equal) {
			a.restarts = append(a.restarts, e.Time)
			slices.SortFunc(a.restarts, time.Time.Compare)
			for _, g := range a.groups {
				if len(g.open) > 0 {
					a.dirty[g] = true
				}
			}
		}
		return nil
	}
	if e.Call == "" || ofMember(e.Event) {
		return nil
	}
	g, err := a.of(e.Call)
	if err != nil {
		return err
	}
	if g == nil {
		g = a.newGroup(e.Call)
	}
	a.put(g, f)
	return nil
}

// ofMember reports whether an entry is about an agent and no call, although it
// may name the channel from which the agent logged in.
func ofMember(event string) bool {
	switch event {
	case queuelog.AddMember, queuelog.RemoveMember, queuelog.Pause, queuelog.Unpause, queuelog.PauseAll,
		queuelog.UnpauseAll, queuelog.Penalty, queuelog.AgentLogin, queuelog.AgentLogoff, queuelog.Reload:
		return true
	}
	return false
}

// of finds the call of a channel or a bridge, in the archive too; nil if there
// is none.
func (a *Assembler) of(channel string) (*group, error) {
	if g := a.channels[channel]; g != nil {
		return g, nil
	}
	if a.archive == nil {
		return nil, nil
	}
	id, facts, err := a.archive.CallOf(channel)
	if err != nil {
		return nil, fmt.Errorf("looking for the call of channel %s: %w", channel, err)
	}
	if id == "" {
		return nil, nil
	}
	g := a.groups[id]
	if g == nil {
		g = a.newGroup(id)
	}
	if a.channels[channel] == nil {
		a.attach(g, channel)
	}
	for _, f := range facts {
		if f.CEL != nil {
			if a.channels[f.CEL.UniqueID] == nil {
				a.join(g, f.CEL.UniqueID)
			}
			if b := f.CEL.Extra.Bridge; b != "" && f.CEL.Type == cel.BridgeEnter && unites(f.CEL) && a.channels[b] == nil {
				a.attach(g, b)
			}
			if f.CEL.App == "AgentLogin" && f.CEL.Type == cel.AppStart {
				g.session = true
			}
		}
		if k := f.Key(); !g.keys[k] {
			g.keys[k] = true
			g.facts = append(g.facts, f)
			if f.Time().After(g.last) {
				g.last = f.Time()
			}
		}
	}
	for _, c := range g.members {
		started := slices.ContainsFunc(g.facts, func(f Fact) bool { return f.CEL != nil && f.CEL.UniqueID == c && f.CEL.Type == cel.ChanStart })
		if started && !a.ended(g, c) {
			g.open[c] = true
		}
	}
	return g, nil
}

func (a *Assembler) newGroup(id string) *group {
	g := &group{id: id, keys: map[Key]bool{}, open: map[string]bool{}}
	a.groups[id] = g
	a.join(g, id)
	return g
}

// attach notes that a channel or a bridge is of a call.
func (a *Assembler) attach(g *group, id string) {
	a.channels[id] = g
	g.members = append(g.members, id)
}

func (a *Assembler) join(g *group, channel string) {
	a.attach(g, channel)
	// A call is named after its first channel.
	if compareIDs(channel, g.id) < 0 {
		if len(g.facts) > 0 {
			a.gone = append(a.gone, Merge{From: g.id, Into: channel})
			a.dirty[g] = true
		}
		delete(a.groups, g.id)
		g.id = channel
		a.groups[g.id] = g
	}
}

// put files a fact.
func (a *Assembler) put(g *group, f Fact) {
	k := f.Key()
	if g.keys[k] {
		return
	}
	g.keys[k] = true
	g.facts = append(g.facts, f)
	g.fresh = append(g.fresh, f)
	if f.Time().After(g.last) {
		g.last = f.Time()
	}
	a.dirty[g] = true
}

// merge puts two calls together and returns the one that stays: the older.
func (a *Assembler) merge(x, y *group) *group {
	if x.session || y.session {
		return x
	}
	if compareIDs(y.id, x.id) < 0 {
		x, y = y, x
	}
	for _, c := range y.members {
		a.channels[c] = x
	}
	x.members = append(x.members, y.members...)
	for _, f := range y.facts {
		if k := f.Key(); !x.keys[k] {
			x.keys[k] = true
			x.facts = append(x.facts, f)
		}
	}
	x.fresh = append(x.fresh, y.fresh...)
	for c := range y.open {
		x.open[c] = true
	}
	if y.last.After(x.last) {
		x.last = y.last
	}
	delete(a.groups, y.id)
	delete(a.dirty, y)
	a.dirty[x] = true
	a.gone = append(a.gone, Merge{From: y.id, Into: x.id})
	return x
}

// Changes returns what became of calls since it was last asked: first those
// that went into others, in order, then those that changed, oldest first.
func (a *Assembler) Changes() ([]Merge, []Change) {
	merges := a.gone
	a.gone = nil
	changed := make([]*group, 0, len(a.dirty))
	for g := range a.dirty {
		changed = append(changed, g)
	}
	clear(a.dirty)
	slices.SortFunc(changed, func(x, y *group) int { return compareIDs(x.id, y.id) })
	out := make([]Change, len(changed))
	for i, g := range changed {
		out[i] = Change{Call: Fold(g.id, g.facts, a.restarts), Fresh: g.fresh, Channels: slices.Clone(g.members)}
		g.fresh = nil
	}
	return merges, out
}

// Settle forgets the calls that ended and of which nothing was heard since a
// time, and returns their ids. Changes must have been taken before. A fact that
// comes for one of them all the same has it fetched from the archive.
func (a *Assembler) Settle(since time.Time) []string {
	var ids []string
	for id, g := range a.groups {
		if !g.last.Before(since) || a.dirty[g] || a.running(g) {
			continue
		}
		ids = append(ids, id)
		delete(a.groups, id)
		for _, c := range g.members {
			delete(a.channels, c)
		}
	}
	slices.SortFunc(ids, compareIDs)
	return ids
}

// running reports whether a channel of the call is up.
func (a *Assembler) running(g *group) bool {
	for c := range g.open {
		sec, _ := splitID(c)
		if !slices.ContainsFunc(a.restarts, func(t time.Time) bool { return sec < t.Unix() }) {
			return true
		}
	}
	return false
}

// Held is how many calls it holds in memory.
func (a *Assembler) Held() int { return len(a.groups) }

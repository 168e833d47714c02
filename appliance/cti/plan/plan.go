// Package plan is what the CTI service takes from the site document: who the
// agents are and what they may, where they can sit, which queues they serve,
// and the names in Asterisk that belong to it. It is pure.
package plan

import (
	"slices"
	"strconv"

	"switchroom/appliance/cti/live"
	"switchroom/provisioning"
)

// Plan is the site, as the CTI service sees it.
type Plan struct {
	Language string // of the box: en or zh-CN
	Agents   map[string]Agent
	Seats    map[string]Seat
	Queues   map[string]Queue
	Reasons  []Reason
	Relogin  string // move or refuse
	Parking  string // the number; empty: none
	Masking  provisioning.Masking
	Ask      string // keys by which a telephone asks somebody while the other hears music
	ThreeWay string // keys that make a conference of who is asked
}

// Agent is one agent.
type Agent struct {
	Number, Name, PIN string
	Languages         []string
	Rights            []string
	Queues            map[string]int // the penalty in each
	Always            bool           // connected for the whole shift; logs in at the telephone
}

// May tells whether the agent has a right, one of those in package
// provisioning.
func (a Agent) May(right string) bool { return slices.Contains(a.Rights, right) }

// Seat is one extension.
type Seat struct {
	Number, Name string
	Device       string // as Asterisk calls it
	Class        string
	Browser      bool
}

// Queue is one queue.
type Queue struct {
	Number, Name string
	WrapUp       int // s
}

// Reason is why somebody pauses; the key stands for it in Asterisk.
type Reason struct {
	Key  string `json:"key"`
	Name string `json:"name"`
}

// Keys that Asterisk knows while somebody is asked, unless the document has
// its own; see features.conf.
const (
	SwapKeys  = "*4"
	AbortKeys = "*1"
)

// HoldContext and HoldNumber are what a call that is on hold is made to ask:
// its music plays meanwhile.
const (
	HoldContext = "cti-hold"
	HoldNumber  = "70"
)

// Of makes the plan of a site, which must be complete.
func Of(site provisioning.Site) Plan {
	p := Plan{Language: site.Language, Agents: map[string]Agent{}, Seats: map[string]Seat{}, Queues: map[string]Queue{},
		Relogin: site.Relogin, Masking: site.Masking, Ask: site.Features.AttendedTransfer, ThreeWay: site.Features.ThreeWay}
	for _, a := range site.Agents {
		p.Agents[a.Number] = Agent{Number: a.Number, Name: a.Name, PIN: a.PIN.Reveal(), Languages: a.Languages, Rights: a.Rights,
			Queues: map[string]int{}, Always: a.AlwaysConnected}
	}
	for i := range site.Queues {
		q := &site.Queues[i]
		p.Queues[q.Number] = Queue{Number: q.Number, Name: q.Name, WrapUp: q.WrapUpSeconds}
		for _, m := range site.QueueMembers(q) {
			p.Agents[m.Agent.Number].Queues[q.Number] = m.Penalty
		}
	}
	for _, e := range site.Extensions {
		device := "PJSIP/" + e.Number
		if e.Port > 0 {
			device = "DAHDI/" + strconv.Itoa(e.Port)
		}
		p.Seats[e.Number] = Seat{Number: e.Number, Name: e.Name, Device: device, Class: e.Class, Browser: e.Browser}
	}
	for _, r := range site.PauseReasons {
		p.Reasons = append(p.Reasons, Reason{r.Key, r.Name})
	}
	if site.Parking != nil {
		p.Parking = site.Parking.Number
	}
	return p
}

// Live is what the live state must know of the site.
func (p Plan) Live() live.Config {
	c := live.Config{Seats: map[string]string{}, WrapUp: map[string]int{}}
	for n, s := range p.Seats {
		c.Seats[s.Device] = n
	}
	for n := range p.Agents {
		c.Agents = append(c.Agents, n)
	}
	for n, q := range p.Queues {
		c.Queues = append(c.Queues, n)
		c.WrapUp[n] = q.WrapUp
	}
	slices.Sort(c.Agents)
	slices.Sort(c.Queues)
	return c
}

// DialContext is where calls from a seat begin.
func (p Plan) DialContext(seat string) string {
	if c := p.Seats[seat].Class; c != "" && c != provisioning.StandardClass {
		return "phones-" + c
	}
	return "phones"
}

// TransferContext is where an agent at a seat gives calls to.
func (p Plan) TransferContext(agent, seat string) string {
	if !p.Agents[agent].May(provisioning.MayDialExternals) {
		return "transfer-house"
	}
	c := p.Seats[seat].Class
	if c == "" {
		c = provisioning.StandardClass
	}
	return "transfer-" + c
}

// shortest is the number of digits below which a number is one of the house.
const shortest = 7

// Mask hides a caller's number as the site says: as Asterisk does it for
// telephones.
func (p Plan) Mask(number string) string {
	first, last := p.Masking.KeepFirst, p.Masking.KeepLast
	if !p.Masking.Enabled || len(number) < max(shortest, first+last+1) {
		return number
	}
	return number[:first] + "****" + number[len(number)-last:]
}

package calls

import (
	"time"
)

// Direction says where a call came from and where it led.
type Direction string

// Directions.
const (
	Inbound  Direction = "in"       // from an outside line or a trunk
	Outbound Direction = "out"      // from a telephone of ours to an outside line or a trunk
	Internal Direction = "internal" // among telephones of ours
	Feature  Direction = "feature"  // a telephone talked to the box alone: log-in, pause, a seat of an always-connected agent
)

// Outcome is what became of a call.
type Outcome string

// Outcomes. A call has the first of these that holds.
const (
	Running    Outcome = "running"    // it has not ended
	Answered   Outcome = "answered"   // two people were connected
	Conference Outcome = "conference" // it joined a conference room
	Voicemail  Outcome = "voicemail"  // it reached a mailbox
	Callback   Outcome = "callback"   // the caller asked to be called back
	Abandoned  Outcome = "abandoned"  // the caller hung up while a queue held the call, or a telephone rang
	Busy       Outcome = "busy"       // who was called was busy
	NoAnswer   Outcome = "noanswer"   // nobody answered in time, or nobody was there
	Failed     Outcome = "failed"     // it could not be put through
	Refused    Outcome = "refused"    // the box refused it, as it does callers on the blacklist
	Served     Outcome = "served"     // menus and announcements were all there was
	Lost       Outcome = "lost"       // Asterisk stopped, and the call with it
)

// EndedBy is who hung up.
type EndedBy string

// Who can hang up.
const (
	ByCaller EndedBy = "caller"
	ByAgent  EndedBy = "agent"  // a called telephone of ours at which an agent sat
	ByCallee EndedBy = "callee" // any other called party
	BySystem EndedBy = "system" // the dialplan, a time limit, a restart
)

// A Call is one record, from the first ring to the last hang-up. Its times are
// in UTC, to the microsecond; a time that has not come is zero.
type Call struct {
	// ID is the unique id that Asterisk gave the first channel. Legs of the
	// same call have ids of their own.
	ID        string    `json:"id"`
	Direction Direction `json:"direction"`
	Outcome   Outcome   `json:"outcome"`

	Start time.Time `json:"start"`
	// Answered is when a person first answered; zero if none did.
	Answered time.Time `json:"answered,omitzero"`
	End      time.Time `json:"end,omitzero"`

	Caller  Party  `json:"caller"`
	Dialled string `json:"dialled"` // what the first channel asked for

	Path      []Step     `json:"path,omitempty"`
	Queues    []Visit    `json:"queues,omitempty"`
	Legs      []Leg      `json:"legs"`
	Transfers []Transfer `json:"transfers,omitempty"`

	EndedBy EndedBy `json:"endedBy,omitempty"`
	Cause   int     `json:"cause,omitempty"` // Q.850, of the leg that ended the call

	Rating int `json:"rating,omitempty"` // 1 to 5, of the caller; 0 none
	// CallbackOf is the call whose caller had asked for this one.
	CallbackOf string `json:"callbackOf,omitempty"`
}

// Party is someone in a call. Agent and Seat are empty outside our telephones,
// and Agent where nobody had logged in.
type Party struct {
	Number string `json:"number"`
	Name   string `json:"name,omitempty"`
	Agent  string `json:"agent,omitempty"`
	Seat   string `json:"seat,omitempty"`
}

// Step is a station on a call's way through the box.
type Step struct {
	At   time.Time `json:"at"`
	Kind string    `json:"kind"` // "route", "ivr", or the kind of a destination
	Name string    `json:"name"`
	Key  string    `json:"key,omitempty"` // the keys pressed in a menu; "t" time-out, "i" invalid
}

// QueueOutcome is how a caller left a queue.
type QueueOutcome string

// How callers leave a queue.
const (
	QueueWaiting   QueueOutcome = "waiting"
	QueueConnected QueueOutcome = "connected"
	QueueAbandoned QueueOutcome = "abandoned" // hung up
	QueueTimeout   QueueOutcome = "timeout"   // waited as long as the owner lets callers wait
	QueueKey       QueueOutcome = "key"       // pressed a key to leave
	QueueFull      QueueOutcome = "full"      // was not let in: too many callers
	QueueJoinEmpty QueueOutcome = "joinempty" // was not let in: no agent
	QueueLeftEmpty QueueOutcome = "leaveempty"
	QueueWithdrawn QueueOutcome = "withdrawn" // taken out by a person
	QueueLost      QueueOutcome = "lost"      // Asterisk stopped
)

// Visit is one stay of a caller in one queue.
type Visit struct {
	Queue   string       `json:"queue"`
	Outcome QueueOutcome `json:"outcome"`
	Entered time.Time    `json:"entered"`
	// Left is when the wait ended, whatever ended it; Done when the agent's
	// part ended: by a hang-up or by handing the caller on.
	Left time.Time `json:"left,omitzero"`
	Done time.Time `json:"done,omitzero"`

	Position int           `json:"position,omitempty"` // on entering; 0 unknown
	Key      string        `json:"key,omitempty"`
	Agent    string        `json:"agent,omitempty"` // who answered
	Rings    []Ring        `json:"rings,omitempty"`
	Hold     time.Duration `json:"hold,omitempty"` // of the time from Left to Done, how long the caller was on hold
	EndedBy  EndedBy       `json:"endedBy,omitempty"`
	// Transferred says that the agent handed the caller on.
	Transferred bool `json:"transferred,omitempty"`
}

// Wait is how long the queue held the caller before anything became of it.
func (v Visit) Wait() time.Duration { return span(v.Entered, v.Left) }

// Talk is how long an agent and the caller talked, what was said to announce
// the agent included and holding excluded.
func (v Visit) Talk() time.Duration {
	if v.Outcome != QueueConnected {
		return 0
	}
	return max(span(v.Left, v.Done)-v.Hold, 0)
}

// RingResult is what came of ringing an agent.
type RingResult string

// Results of ringing.
const (
	RingRinging   RingResult = "ringing"
	RingAnswered  RingResult = "answered"
	RingMissed    RingResult = "missed"    // rang until the queue tried another
	RingRejected  RingResult = "rejected"  // refused the call, or was busy
	RingCancelled RingResult = "cancelled" // the caller had gone, or another answered
	RingFailed    RingResult = "failed"    // the telephone could not be reached
)

// Ring is one ringing of an agent's telephone.
type Ring struct {
	// Agent is the telephone's number, where it is a member of the queue by
	// itself.
	Agent  string     `json:"agent"`
	Seat   string     `json:"seat"`
	Start  time.Time  `json:"start"`
	End    time.Time  `json:"end,omitzero"`
	Result RingResult `json:"result"`
}

// Role is the part of a leg in its call.
type Role string

// Roles.
const (
	RoleCaller Role = "caller" // the channel that began the call
	RoleCallee Role = "callee" // one that was called
	RoleOther  Role = "other"  // one that joined by itself: a pick-up, a second call that was put together with this one
)

// Leg is one channel of a call: one telephone or one outside line, from the
// first ring to its hang-up.
type Leg struct {
	ID      string `json:"id"`
	Channel string `json:"channel"` // Asterisk's name of it, such as DAHDI/1-1
	Role    Role   `json:"role"`
	Party

	Start    time.Time `json:"start"`
	Answered time.Time `json:"answered,omitzero"`
	End      time.Time `json:"end,omitzero"`
	Cause    int       `json:"cause,omitempty"` // Q.850

	// Result of ringing, for a leg that was called.
	Result RingResult `json:"result,omitempty"`
	Queue  string     `json:"queue,omitempty"` // the queue that rang it

	Talk  time.Duration `json:"talk"`            // connected with somebody
	Holds []Interval    `json:"holds,omitempty"` // was left alone by the other side in the midst of a talk
}

// Hold is how long the leg was on hold altogether.
func (l Leg) Hold() time.Duration {
	var d time.Duration
	for _, h := range l.Holds {
		d += span(h.From, h.To)
	}
	return d
}

// Interval is a time with its two ends.
type Interval struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to,omitzero"`
}

// Transfer is one handing on of a call.
type Transfer struct {
	At   time.Time `json:"at"`
	Kind string    `json:"kind"` // "blind", "attended", "three-way", "parked", "pickup"
	By   string    `json:"by"`   // agent, or number, of who did it
	To   string    `json:"to"`   // the number dialled, or that of who has the call now
}

// span is the time from a to b, 0 if one has not come.
func span(a, b time.Time) time.Duration {
	if a.IsZero() || b.IsZero() || b.Before(a) {
		return 0
	}
	return b.Sub(a)
}

package provisioning

import "strings"

// Destination is where a call goes: "queue:600", "ivr:main", "hangup". The
// zero value is none.
type Destination string

// Kind is what sort of thing a [Destination] is.
type Kind string

// The kinds of destinations, and what stands behind the colon.
const (
	ToQueue        Kind = "queue"        // the number of a queue
	ToIVR          Kind = "ivr"          // the name of a menu
	ToExtension    Kind = "extension"    // the number of an extension
	ToAgent        Kind = "agent"        // the number of an agent, wherever the agent sits
	ToGroup        Kind = "group"        // the name of a ring group
	ToAnnouncement Kind = "announcement" // the name of an announcement
	ToVoicemail    Kind = "voicemail"    // the number of an extension with a mailbox, or of a mailbox
	ToConference   Kind = "conference"   // the number of a conference room
	ToSchedule     Kind = "schedule"     // the name of a schedule, which leads on by the time
	ToExternal     Kind = "external"     // a number outside, as a telephone of class unrestricted would dial it: 901087654321
	ToCallback     Kind = "callback"     // the number of a queue that calls the caller back
	ToHangup       Kind = "hangup"       // nothing: the call ends
	ToBusy         Kind = "busy"         // nothing: the busy tone, then the call ends
)

// kinds are all of them, in the order in which they are told.
var kinds = []Kind{ToQueue, ToIVR, ToExtension, ToAgent, ToGroup, ToAnnouncement, ToVoicemail, ToConference, ToSchedule,
	ToExternal, ToCallback, ToHangup, ToBusy}

// To makes a destination. For hangup and busy the target is empty.
func To(kind Kind, target string) Destination {
	if target == "" {
		return Destination(kind)
	}
	return Destination(string(kind) + ":" + target)
}

// Kind is what stands before the colon.
func (d Destination) Kind() Kind {
	k, _, _ := strings.Cut(string(d), ":")
	return Kind(k)
}

// Target is what stands behind the colon.
func (d Destination) Target() string {
	_, t, _ := strings.Cut(string(d), ":")
	return t
}

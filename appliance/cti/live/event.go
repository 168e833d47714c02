package live

// Message is an event or an item of a snapshot: its lines in their order. The
// slices are only looked at during a call.
type Message interface {
	Len() int
	At(i int) (key, value []byte)
}

// block is what an event tells of a channel.
type block struct {
	channel, state, num, name, connNum, connName []byte
	uniqueid, linkedid                           []byte
	callref, dnis                                []byte
}

// event is a message, taken apart. Its slices are the message's.
type event struct {
	name      string // of those in names; else empty
	at        int64  // µs since 1970; 0: the message doesn't say
	own, dest block
	spyer     block
	spyee     block
	givers    [2][]byte // Uniqueids of the channels of who gave a call away

	queue, iface, member, state, paused, reason, pausedReason []byte
	penalty, login, position                                  []byte
	bridge, newName, cause, digit, direction, status          []byte
	user, wait                                                []byte
}

// names are the events that the fold looks at.
var names = [...]string{
	"Newchannel", "Newstate", "NewCallerid", "NewConnectedLine", "Rename", "Hangup", "DialBegin", "DialState", "DialEnd",
	"BridgeEnter", "BridgeLeave", "Hold", "Unhold", "DTMFEnd", "ChanSpyStart", "ChanSpyStop",
	"MixMonitorStart", "MixMonitorStop", "MixMonitorMute", "Pickup", "ParkedCall", "UnParkedCall", "ParkedCallTimeOut", "ParkedCallGiveUp",
	"QueueCallerJoin", "QueueCallerLeave", "QueueCallerAbandon", "AgentCalled", "AgentConnect", "AgentComplete", "AgentRingNoAnswer",
	"QueueMemberAdded", "QueueMemberRemoved", "QueueMemberStatus", "QueueMemberPause", "QueueMemberPenalty", "UserEvent",
	"BlindTransfer", "AttendedTransfer",
	// Items of a snapshot.
	"CoreShowChannel", "QueueParams", "QueueMember", "QueueEntry",
}

// Events are the names of the events that [State.Apply] looks at, for who
// subscribes to them.
func Events() []string { return append([]string(nil), names[:len(names)-4]...) }

// decode takes a message apart; false if it is of no interest.
func (s *State) decode(m Message) (*event, bool) {
	if m.Len() == 0 {
		return nil, false
	}
	key, value := m.At(0)
	if string(key) != "Event" {
		return nil, false
	}
	name, ok := s.names[string(value)]
	if !ok {
		return nil, false
	}
	e := &s.scratch
	*e = event{name: name}
	for i := 1; i < m.Len(); i++ {
		key, v := m.At(i)
		switch string(key) {
		case "Timestamp":
			e.at = timestamp(v)
		case "Channel":
			e.own.channel = v
		case "ChannelState":
			e.own.state = v
		case "CallerIDNum":
			e.own.num = v
		case "CallerIDName":
			e.own.name = v
		case "ConnectedLineNum":
			e.own.connNum = v
		case "ConnectedLineName":
			e.own.connName = v
		case "Uniqueid":
			e.own.uniqueid = v
		case "Linkedid":
			e.own.linkedid = v
		case "ChanVariable":
			e.own.variable(v)
		case "DestChannel":
			e.dest.channel = v
		case "DestChannelState":
			e.dest.state = v
		case "DestCallerIDNum":
			e.dest.num = v
		case "DestCallerIDName":
			e.dest.name = v
		case "DestConnectedLineNum":
			e.dest.connNum = v
		case "DestConnectedLineName":
			e.dest.connName = v
		case "DestUniqueid":
			e.dest.uniqueid = v
		case "DestLinkedid":
			e.dest.linkedid = v
		case "DestChanVariable":
			e.dest.variable(v)
		case "SpyerUniqueid":
			e.spyer.uniqueid = v
		case "SpyeeUniqueid":
			e.spyee.uniqueid = v
		case "OrigTransfererUniqueid":
			e.givers[0] = v
		case "SecondTransfererUniqueid":
			e.givers[1] = v
		case "ParkeeUniqueid":
			e.own.uniqueid = v
		case "Queue":
			e.queue = v
		case "Interface", "Location":
			e.iface = v
		case "MemberName", "Name":
			e.member = v
		case "Status":
			e.status = v
		case "Paused":
			e.paused = v
		case "PausedReason":
			e.pausedReason = v
		case "Penalty":
			e.penalty = v
		case "LoginTime":
			e.login = v
		case "Position":
			e.position = v
		case "Wait":
			e.wait = v
		case "BridgeUniqueid", "BridgeId":
			e.bridge = v
		case "Newname":
			e.newName = v
		case "Cause":
			e.cause = v
		case "Reason":
			e.reason = v
		case "Digit":
			e.digit = v
		case "Direction":
			e.direction = v
		case "State":
			e.state = v
		case "UserEvent":
			e.user = v
		}
	}
	return e, true
}

func (b *block) variable(v []byte) {
	const callref, dnis = "CALLREF=", "DNIS="
	switch {
	case len(v) >= len(callref) && string(v[:len(callref)]) == callref:
		b.callref = v[len(callref):]
	case len(v) >= len(dnis) && string(v[:len(dnis)]) == dnis:
		b.dnis = v[len(dnis):]
	}
}

// timestamp reads seconds and, behind a point, microseconds.
func timestamp(v []byte) int64 {
	var n int64
	digits := -1
	for _, c := range v {
		switch {
		case c == '.' && digits < 0:
			digits = 0
		case c >= '0' && c <= '9' && n < 1<<56:
			if digits >= 6 {
				return n
			}
			n = 10*n + int64(c-'0')
			if digits >= 0 {
				digits++
			}
		default:
			return 0
		}
	}
	for digits = max(digits, 0); digits < 6; digits++ {
		n *= 10
	}
	return n
}

// number reads a whole number that is not negative; what is none is 0.
func number(v []byte) int {
	n := 0
	for _, c := range v {
		if c < '0' || c > '9' || n > 1<<40 {
			return 0
		}
		n = 10*n + int(c-'0')
	}
	return n
}

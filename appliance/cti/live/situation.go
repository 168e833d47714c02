package live

import "strings"

// Situation is what an agent is in the midst of: what a command must know.
type Situation struct {
	Agent  AgentView
	Own    LegView   // the agent's own leg; Channel is empty if there is none
	Peers  []LegView // the other legs in the same bridge
	Others []LegView // all other legs of the call
	Call   CallView  // its ID is empty if there is none
	// Asking is the number of whom the agent asks before giving the call away,
	// and the context it was dialled in; a call on hold is one to the context
	// of the hold.
	Asking, AskingContext string
	Paused                bool // of queues, whatever the agent does
	PauseReason           string
}

// Situation looks at an agent; false if there is none.
func (s *State) Situation(number string) (Situation, bool) {
	v, ok := s.Agent(number)
	if !ok {
		return Situation{}, false
	}
	x := Situation{Agent: v}
	a := s.agents[number]
	x.Paused, x.PauseReason = a.pausedNow()
	if v.Call == "" {
		return x, true
	}
	x.Call, _ = s.Call(v.Call)
	best := -1
	var own *channel
	for _, c := range a.seat.legs {
		if rank := legRank(legState(c)); c.spies == "" && rank > best && c.call.id == v.Call {
			best, own = rank, c
		}
	}
	for _, l := range x.Call.Legs {
		switch {
		case own != nil && l.ID == own.id:
			x.Own = l
		case own != nil && l.Bridge != "" && l.Bridge == own.bridge:
			x.Peers = append(x.Peers, l)
			x.Others = append(x.Others, l)
		default:
			x.Others = append(x.Others, l)
		}
	}
	if own != nil && own.bridge != "" && own.held {
		for _, c := range own.call.channels {
			if c.local && c.bridge == own.bridge && strings.HasSuffix(c.name, ";1") {
				rest := strings.TrimPrefix(c.name, "Local/")
				exten, context, _ := strings.Cut(rest, "@")
				if i := strings.LastIndexByte(context, '-'); i >= 0 {
					context = context[:i]
				}
				x.Asking, x.AskingContext = exten, context
			}
		}
	}
	return x, true
}

// Listening is the channel at an agent's seat that listens to another's call,
// and which channel that is; both are empty if there is none.
func (s *State) Listening(number string) (channel, to string) {
	a := s.agents[number]
	if a == nil || a.seat == nil {
		return "", ""
	}
	for _, c := range a.seat.legs {
		if c.spies != "" {
			if on := s.channels[c.spies]; on != nil {
				return c.name, on.name
			}
			return c.name, ""
		}
	}
	return "", ""
}

// Waiting finds the caller of a call in a queue; false if nobody waits there.
func (s *State) Waiting(call string) (queue, channel string, ok bool) {
	c := s.calls[call]
	if c == nil {
		return "", "", false
	}
	for _, ch := range c.channels {
		if ch.entry != nil {
			return ch.entry.queue.name, ch.name, true
		}
	}
	return "", "", false
}

// Recorded is the channel of a call whose sound is recorded, or empty.
func (s *State) Recorded(call string) string {
	if c := s.calls[call]; c != nil {
		for _, ch := range c.channels {
			if ch.rec != notRecorded {
				return ch.name
			}
		}
	}
	return ""
}

// Offered are the agents whom a queue asks to take a call.
func (s *State) Offered(call string) []string {
	var out []string
	if c := s.calls[call]; c != nil {
		for _, ch := range c.channels {
			if ch.offeredTo != nil {
				out = append(out, ch.offeredTo.number)
			}
		}
	}
	return out
}

// Package live holds what goes on now: agents, queues, callers who wait, and
// calls with their legs. It is a fold over an ordered log, and pure: the same
// log gives the same state, whoever plays it and when. The log has
//
//   - events of Asterisk ([State.Apply]),
//   - the answers to a snapshot ([State.Snapshot]),
//   - who sits where ([State.Sit], [State.Leave]), which is the business of
//     package sessions and not of Asterisk,
//   - the time, when nothing else tells it ([State.Tick]).
//
// Every change has a number, and names what changed; what it is now is asked
// with [State.Agent], [State.Queue] and [State.Call].
//
// # What can go wrong with events, and what is done
//
//   - Repeated: everything here says how something is, and not by how much it
//     changed. Counters are kept by who entered and left, which can't happen
//     twice to the same.
//   - Late: events carry the time at which they were made (timestampevents in
//     manager.conf). Each facet of a thing, such as the bridge a channel is in,
//     remembers the time of its last change and takes nothing older. What has
//     ended is remembered for a while and does not come back.
//   - Missing: any event of a channel tells all about it, so that a channel
//     whose beginning was missed is known with the next one. What has ended
//     unseen is found by the next snapshot, and ends with [Lost] as its reason.
//
// A snapshot is asked for after each connect and from time to time, and the
// events that come meanwhile are kept and applied after it. They may tell what
// the snapshot knew already: see "repeated" and "late".
//
// # Names
//
// A channel is one end of Asterisk; a leg is a channel that has a telephone or
// a line at its other end, so not the halves of a Local channel. A call is all
// channels with one Linkedid: Asterisk gives channels that were bridged the
// Linkedid of the oldest, so a call may come to be part of another.
//
// An agent's state is worked out from three things, in this order: the legs at
// the agent's seat, the wrap-up time after a queue's call, the agent's session
// and pauses. So an agent is always in one state.
package live

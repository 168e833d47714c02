package command

import "switchroom/provisioning"

// Table is every command.
var Table = []Command{
	{Name: "login", Help: "take calls at a seat", Needs: []string{"seat"}, Anywhere: true, run: (*Desk).login},
	{Name: "logout", Help: "take no more calls", Anywhere: true, run: (*Desk).logout},
	{Name: "setState", Help: "ready, or notReady for a reason; in a call it holds from its end", Needs: []string{"state"}, Takes: []string{"reason"}, run: (*Desk).setState},

	{Name: "dial", Help: "the agent's telephone rings first, then the number", Needs: []string{"to"}, run: (*Desk).dial},
	{Name: "answer", Help: "take the call that rings", run: (*Desk).answer},
	{Name: "reject", Help: "let the call that rings go to somebody else", run: (*Desk).reject},
	{Name: "hangup", Help: "end the call", run: (*Desk).hangup},
	{Name: "hold", Help: "the other hears music", run: (*Desk).hold},
	{Name: "resume", Help: "talk on", run: (*Desk).resume},
	{Name: "dtmf", Help: "keys for the other's ears", Needs: []string{"digits"}, run: (*Desk).dtmf},
	{Name: "pickup", Help: "take a call that rings elsewhere", Needs: []string{"call"}, run: (*Desk).pickup},
	{Name: "park", Help: "put the call where anybody can fetch it", run: (*Desk).park},

	{Name: "transfer.blind", Help: "give the call to a number", Needs: []string{"to"}, run: (*Desk).blind},
	{Name: "transfer.start", Help: "ask a number first, while the other hears music", Needs: []string{"to"}, run: (*Desk).ask},
	{Name: "transfer.complete", Help: "give the call to who is asked", run: (*Desk).complete},
	{Name: "transfer.cancel", Help: "talk to the other again", run: (*Desk).cancel},
	{Name: "transfer.swap", Help: "talk to the other, or back to who is asked", run: (*Desk).swap},
	{Name: "conference.merge", Help: "all three together", run: (*Desk).merge},
	{Name: "conference.add", Help: "have a number join the call", Needs: []string{"to"}, run: (*Desk).add},
	{Name: "conference.drop", Help: "take a party out", Needs: []string{"leg"}, run: (*Desk).drop},
	{Name: "conference.leave", Help: "leave the others to themselves", run: (*Desk).leave},

	{Name: "recording.pause", Help: "nothing is recorded for a while", run: (*Desk).recordingPause},
	{Name: "recording.resume", Help: "recording goes on", run: (*Desk).recordingResume},
	{Name: "saveLog", Help: "note what came of a call", Needs: []string{"call"}, Takes: []string{"code", "text"}, Anywhere: true, run: (*Desk).saveLog},

	{Name: "listen", Help: "hear an agent's call", Needs: []string{"agent"}, Right: provisioning.MayListen, Supervisor: true, run: (*Desk).listen},
	{Name: "whisper", Help: "speak to the agent alone", Needs: []string{"agent"}, Right: provisioning.MayWhisper, Supervisor: true, run: (*Desk).whisper},
	{Name: "barge", Help: "speak to both", Needs: []string{"agent"}, Right: provisioning.MayBarge, Supervisor: true, run: (*Desk).barge},
	{Name: "spy.mode", Help: "change between listen, whisper and barge", Needs: []string{"mode"}, Right: provisioning.MayListen, Supervisor: true, run: (*Desk).mode},
	{Name: "join", Help: "become a party of an agent's call", Needs: []string{"agent"}, Right: provisioning.MayBarge, Supervisor: true, run: (*Desk).join},
	{Name: "takeover", Help: "join, and take the agent out", Needs: []string{"agent"}, Right: provisioning.MayTakeOver, Supervisor: true, run: (*Desk).takeover},
	{Name: "release", Help: "end an agent's call", Needs: []string{"agent"}, Right: provisioning.MayRelease, Supervisor: true, Anywhere: true, run: (*Desk).release},
	{Name: "agent.setState", Help: "make an agent ready or notReady", Needs: []string{"agent", "state"}, Takes: []string{"reason"}, Right: provisioning.MayPause, Supervisor: true, Anywhere: true, run: (*Desk).agentState},
	{Name: "agent.logout", Help: "log an agent out", Needs: []string{"agent"}, Right: provisioning.MayLogOut, Supervisor: true, Anywhere: true, run: (*Desk).agentLogout},
	{Name: "queue.front", Help: "let a caller be next", Needs: []string{"call"}, Right: provisioning.MayTakeOver, Supervisor: true, Anywhere: true, run: (*Desk).front},
	{Name: "queue.move", Help: "have a caller wait in another queue", Needs: []string{"call", "queue"}, Right: provisioning.MayTakeOver, Supervisor: true, Anywhere: true, run: (*Desk).move},
}

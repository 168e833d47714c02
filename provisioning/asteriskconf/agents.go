package asteriskconf

import (
	"fmt"
	"slices"
	"strings"

	"switchroom/provisioning"
)

// Five wrong PINs lock an agent's number for five minutes.
const (
	wrongPINs   = 5
	lockSeconds = 300
)

func (r renderer) agentContexts(f *file) {
	f.context("agent-pins", "What agents enter to log in; nothing: the number is enough.")
	for _, a := range r.site.Agents {
		f.exten(a.Number, "Return("+a.PIN.Reveal()+")")
	}
	f.context("agent-says", "What a caller hears when the agent has answered.")
	for _, a := range r.site.Agents {
		f.exten(a.Number, "Playback("+agentSays(a)+")", "Return()")
	}
	f.context("agent-queues", "The queues that agents take calls of, and their penalty there.")
	for _, q := range r.site.Queues {
		for _, m := range r.site.QueueMembers(&q) {
			if !m.Agent.AlwaysConnected {
				f.exten(m.Agent.Number+"*"+q.Number, fmt.Sprintf("Return(%d)", m.Penalty))
			}
		}
	}
	for _, right := range []string{provisioning.MayDialExternals, provisioning.MayNumbers, provisioning.MayListen, provisioning.MayWhisper} {
		f.context("right-"+right, "Agents who have it.")
		for _, a := range r.site.Agents {
			if slices.Contains(a.Rights, right) {
				f.exten(a.Number, "NoOp()")
			}
		}
	}
	f.context("agent-pool", "Agents who are always connected.")
	for _, a := range r.site.Agents {
		if a.AlwaysConnected {
			f.exten(a.Number, "NoOp()")
		}
	}
	relogin := "Gosub(agent-out,${JOINER},1)"
	if r.site.Relogin == "refuse" {
		relogin = "Goto(refused)"
	}
	f.text(strings.ReplaceAll(agentSubs, "@RELOGIN@", relogin))

	f.context("agent-sync", "Gives an agent who is logged in the queues that the document says, and no others.")
	steps := []string{"Set(LOCAL(SITS)=${DB(agent/${EXTEN}/seat)})", `GotoIf($["${SITS}" = ""]?done)`}
	for _, q := range r.site.Queues {
		steps = append(steps, "Gosub(agent-queue,"+q.Number+",1(${EXTEN},${SITS}))")
	}
	f.exten("_X!", append(steps, "done: Return()")...)
	f.context("agent-leave", "Takes the agent ARG1 at the extension ARG2 out of every queue.")
	steps = nil
	for _, q := range r.site.Queues {
		steps = append(steps, "RemoveQueueMember("+q.Number+",Local/${ARG1}*${ARG2}@agents)")
	}
	f.exten("s", append(steps, "Return()")...)

	f.context("agent-direct", "A call to an agent, wherever the agent sits.")
	for _, a := range r.site.Agents {
		steps := append(r.recordIfInbound(),
			"Set(DESK=${FILTER(0-9,${DB(agent/"+a.Number+"/seat)})})",
			`GotoIf($["${DEVICE_${DESK}}" = ""]?ends,unavailable,1)`,
			"Dial(${DEVICE_${DESK}},30,"+r.phoneOptions()+"${OURS})",
			"Goto(not-reached,${DIALSTATUS},1)")
		f.exten(a.Number, steps...)
	}

	f.context("started", "Asterisk has started (s), or the document has changed (apply).")
	steps = []string{"Gosub(sync,1)"}
	for _, q := range r.site.Queues {
		steps = append(steps, "Gosub(callback-resume,"+q.Number+",1)")
	}
	f.exten("s", append([]string{"Answer()"}, append(steps, "Hangup()")...)...)
	f.exten("sync", "Set(LEFT=${DB_KEYS(agent)})",
		"next: Set(ONE=${SHIFT(LEFT)})",
		`GotoIf($["${ONE}" = ""]?agents)`,
		"Gosub(agent-sync,${ONE},1)",
		"Goto(next)",
		"agents: Return()")
	f.exten("apply", "Answer()", "Gosub(sync,1)", "Hangup()")
}

// agentSays is what callers hear of an agent: the owner's recording, or the
// number, digit by digit. As one Playback it is not to be interrupted between.
func agentSays(a provisioning.Agent) string {
	if a.Announcement != "" {
		return prompt(a.Announcement)
	}
	out := "switchroom/agent"
	for _, d := range a.Number {
		out += "&switchroom/digit/" + string(d)
	}
	return out + "&switchroom/at-your-service"
}

func (r renderer) agentPool() []byte {
	f := head("agents.conf: agents whose telephone is off the hook for the whole shift")
	for _, a := range r.site.Agents {
		if !a.AlwaysConnected {
			continue
		}
		f.section(a.Number)
		f.set("fullname", a.Name, "")
		f.set("ackcall", "no", "a beep, and the call is there")
		f.set("autologoff", "0", "")
	}
	return f.Bytes()
}

var agentSubs = fmt.Sprintf(`
[agent-login]
; An agent logs in at this telephone, or out.
exten = s,1,Answer()
 same = n,Set(TRY=0)
 same = n,GotoIf($["${AGENT}" != ""]?out)
 same = n(ask),Read(WHO,switchroom/enter-agent,8,,1,10)
 same = n,Set(WHO=${FILTER(0-9,${WHO})})
 same = n,GotoIf($["${WHO}" = ""]?wrong)
 same = n,Set(RIGHT=)
 same = n,GotoIf($[${DIALPLAN_EXISTS(agent-pins,${WHO},1)} = 0]?pin)
 same = n,Gosub(agent-pins,${WHO},1)
 same = n,Set(RIGHT=${GOSUB_RETVAL})
 same = n,GotoIf($["${RIGHT}" = ""]?in)
; a number that nobody has is asked for a PIN too: it is not to be told from one that somebody has
 same = n(pin),Read(PIN,switchroom/enter-pin,8,,1,10)
 same = n,GotoIf($[0${DB(lock/${WHO}/until)} > ${EPOCH}]?wrong)
; x: else 0012 would be equal to 12
 same = n,GotoIf($["${RIGHT}" != "" & "x${PIN}" = "x${RIGHT}"]?in)
 same = n,GotoIf($["${RIGHT}" = ""]?wrong)
 same = n,Set(BAD=$[0${DB(lock/${WHO}/wrong)} + 1])
 same = n,Set(DB(lock/${WHO}/wrong)=${BAD})
 same = n,GotoIf($[${BAD} < %[1]d]?wrong)
 same = n,Set(DB(lock/${WHO}/until)=$[${EPOCH} + %[2]d])
 same = n,Set(BAD=${DB_DELETE(lock/${WHO}/wrong)})
 same = n(wrong),Playback(switchroom/login-failed)
 same = n,Set(TRY=$[${TRY} + 1])
 same = n,GotoIf($[${TRY} < 3]?ask)
 same = n,Hangup()
 same = n(in),Set(BAD=${DB_DELETE(lock/${WHO}/wrong)})
 same = n,Gosub(agent-in,${WHO}*${SEAT},1)
 same = n,Playback(switchroom/${GOSUB_RETVAL})
 same = n,GotoIf($["${GOSUB_RETVAL}" != "login-elsewhere" & ${DIALPLAN_EXISTS(agent-pool,${WHO},1)}]?pool)
 same = n,Hangup()
 same = n(out),Gosub(agent-out,${AGENT},1)
 same = n,Playback(switchroom/logout-ok)
 same = n,Hangup()
; stays on the line; without dtmf_features these agents would have no codes
 same = n(pool),Set(CHANNEL(hangup_handler_push)=agent-gone,${WHO},1)
 same = n,Set(CHANNEL(dtmf_features)=TXH)
 same = n,AgentLogin(${WHO},s)
 same = n,Hangup()

[agent-gone]
; An agent who is always connected has hung up.
exten = _X!,1,Gosub(agent-out,${EXTEN},1)
 same = n,Return()

[agent-in]
; 811*1001: the agent 811 sits down at the extension 1001. Returns the prompt that says what came of it.
exten = _X!,1,Set(JOINER=${FILTER(0-9,${CUT(EXTEN,*,1)})})
 same = n,Set(CHAIR=${FILTER(0-9,${CUT(EXTEN,*,2)})})
 same = n,GotoIf($[${DIALPLAN_EXISTS(agent-pins,${JOINER},1)} = 0 | "${DEVICE_${CHAIR}}" = ""]?refused)
; one after the other: two telephones must not get the same agent
 same = n,Set(LOCKED=${LOCK(agents)})
 same = n,Set(OLD=${DB(agent/${JOINER}/seat)})
 same = n,Set(RESULT=login-ok)
 same = n,GotoIf($["${OLD}" = "" | "${OLD}" = "${CHAIR}"]?free)
 same = n,Set(RESULT=login-moved)
 same = n,@RELOGIN@
; shifts share desks: who sat here before is out
 same = n(free),Set(OTHER=${DB(seat/${CHAIR}/agent)})
 same = n,ExecIf($["${OTHER}" != "" & "${OTHER}" != "${JOINER}"]?Gosub(agent-out,${OTHER},1))
 same = n,Set(DB(agent/${JOINER}/seat)=${CHAIR})
 same = n,Set(DB(seat/${CHAIR}/agent)=${JOINER})
 same = n,Gosub(agent-sync,${JOINER},1)
 same = n,CELGenUserEvent(LOGIN,agent=${JOINER}&seat=${CHAIR})
 same = n,Set(LOCKED=${UNLOCK(agents)})
 same = n,Return(${RESULT})
 same = n(refused),Set(LOCKED=${UNLOCK(agents)})
 same = n,Return(login-elsewhere)

[agent-out]
; The agent is nowhere any more.
exten = _X!,1,Set(LOCAL(SAT)=${DB(agent/${EXTEN}/seat)})
 same = n,GotoIf($["${SAT}" = ""]?done)
 same = n,Gosub(agent-leave,s,1(${EXTEN},${SAT}))
 same = n,Set(LOCAL(GONE)=${DB_DELETE(agent/${EXTEN}/seat)})
 same = n,Set(GONE=${DB_DELETE(agent/${EXTEN}/missed)})
 same = n,ExecIf($["${DB(seat/${SAT}/agent)}" = "${EXTEN}"]?Set(GONE=${DB_DELETE(seat/${SAT}/agent)}))
 same = n,CELGenUserEvent(LOGOUT,agent=${EXTEN}&seat=${SAT})
 same = n(done),Return()

[agent-queue]
; The agent ARG1 at the extension ARG2 becomes a member of the queue, or is one no more: as the document says.
exten = _X!,1,Set(LOCAL(INTERFACE)=Local/${ARG1}*${ARG2}@agents)
 same = n,GotoIf($[${DIALPLAN_EXISTS(agent-queues,${ARG1}*${EXTEN},1)}]?in)
 same = n,RemoveQueueMember(${EXTEN},${INTERFACE})
 same = n,Return()
 same = n(in),Gosub(agent-queues,${ARG1}*${EXTEN},1)
 same = n,Set(LOCAL(COST)=${GOSUB_RETVAL})
 same = n,Set(LOCAL(MEMBERS)=${QUEUE_MEMBER_LIST(${EXTEN})})
; \\x2c is a comma. Who is a member already stays one, paused or not
 same = n,GotoIf($[${FIELDNUM(MEMBERS,\\x2c,${INTERFACE})} > 0]?already)
 same = n,AddQueueMember(${EXTEN},${INTERFACE},${COST},,${ARG1},hint:${ARG2}@seats)
 same = n,Return()
 same = n(already),Set(QUEUE_MEMBER(${EXTEN},penalty,${INTERFACE})=${COST})
 same = n,Return()

[agent-pause]
; The agent at this telephone takes no calls of queues; the extension is the key of the reason.
exten = _X,1,Answer()
 same = n,GotoIf($["${AGENT}" = ""]?nobody)
 same = n,PauseQueueMember(,Local/${AGENT}*${SEAT}@agents,,${EXTEN})
 same = n,CELGenUserEvent(PAUSE,agent=${AGENT}&seat=${SEAT}&reason=${EXTEN})
 same = n,Playback(switchroom/paused)
 same = n,Hangup()
 same = n(nobody),Playback(switchroom/not-logged-in)
 same = n,Hangup()

[agent-resume]
exten = s,1,Answer()
 same = n,GotoIf($["${AGENT}" = ""]?nobody)
 same = n,UnpauseQueueMember(,Local/${AGENT}*${SEAT}@agents)
 same = n,Set(GONE=${DB_DELETE(agent/${AGENT}/missed)})
 same = n,CELGenUserEvent(UNPAUSE,agent=${AGENT}&seat=${SEAT})
 same = n,Playback(switchroom/resumed)
 same = n,Hangup()
 same = n(nobody),Playback(switchroom/not-logged-in)
 same = n,Hangup()

[cti]
; What programs on this box ask for, as Local/sit*811*1001@cti or Local/leave*811@cti.
exten = _sit*X!,1,Gosub(agent-in,${EXTEN:4},1)
 same = n,Hangup()
exten = _leave*X!,1,Gosub(agent-out,${FILTER(0-9,${EXTEN:6})},1)
 same = n,Hangup()

[pool]
; A queue asks an agent who is always connected. Only one caller at a time is told the number.
exten = _X!,1,Set(WHO=${FILTER(0-9,${EXTEN})})
 same = n,Set(GROUP(pool)=${WHO})
 same = n,GotoIf($[${GROUP_COUNT(${WHO}@pool)} > 1]?busy)
 same = n,Set(CHANNEL(language)=${CALLER_LANGUAGE})
 same = n,GotoIf($["${ANNOUNCE}" != "yes"]?talk)
 same = n,Answer()
 same = n,Gosub(agent-says,${WHO},1)
 same = n(talk),AgentRequest(${WHO})
; empty, if they talked
 same = n,ExecIf($["${AGENT_STATUS}" != ""]?Set(DB(lost/${CALLREF})=1))
 same = n,Hangup()
 same = n(busy),Hangup(17)

[listen]
; The agent at this telephone listens to another's call; 5 whispers and 6 joins in, for who may.
exten = _X!,1,GotoIf($[0${DIALPLAN_EXISTS(right-listen,${IF($["${AGENT}" = ""]?nobody:${AGENT})},1)}]?may)
 same = n,Progress()
 same = n,Playback(switchroom/not-allowed,noanswer)
 same = n,Hangup(21)
 same = n(may),Set(DESK=${FILTER(0-9,${DB(agent/${EXTEN}/seat)})})
 same = n,GotoIf($["${DEVICE_${DESK}}" = ""]?ends,unavailable,1)
 same = n,Answer()
 same = n,CELGenUserEvent(LISTEN,agent=${AGENT}&seat=${SEAT}&to=${EXTEN})
 same = n,ChanSpy(${DEVICE_${DESK}}-,qE${IF($[${DIALPLAN_EXISTS(right-whisper,${AGENT},1)}]?d:)})
 same = n,Hangup()
`, wrongPINs, lockSeconds)

package asteriskconf

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"switchroom/provisioning"
)

// strategies are Asterisk's names for them.
var strategies = map[string]string{"turn": "rrmemory", "all": "ringall", "longestidle": "leastrecent", "fewestcalls": "fewestcalls",
	"random": "random", "weighted": "wrandom", "order": "linear", "ordered-turn": "rrordered"}

func (r renderer) queues() []byte {
	f := head("queues.conf: queues and the members that they always have. Agents come and go, see agent-queue in extensions.conf.")
	f.section("general")
	f.set("persistentmembers", "yes", "who is logged in or pauses still does after a restart")
	f.set("autofill", "yes", "two free members take two callers at once")
	f.set("shared_lastcall", "yes", "time after a call counts for all queues of an agent")
	f.set("log_membername_as_agent", "yes", "the queue log has the agent's number")
	// An idle analog port is UNKNOWN where no hint stands between, so that must
	// not be in this list. Nor `penalty`: who missed a call has a high one.
	for _, q := range r.site.Queues {
		empty := "paused,invalid,unavailable"
		if len(r.pool(&q)) > 0 {
			// Who is always connected is "unavailable" for five seconds after
			// every call; that nobody is there is looked at before.
			empty = "paused,invalid"
		}
		f.section(q.Number)
		f.set("strategy", strategies[q.Strategy], q.Name)
		f.set("timeout", strconv.Itoa(q.RingSeconds), "seconds a member's telephone rings")
		f.set("retry", "1", "seconds until the next is asked")
		f.set("wrapuptime", strconv.Itoa(q.WrapUpSeconds), "seconds an agent is left alone after a call")
		f.set("ringinuse", "no", "who is in any call is not offered another")
		f.set("autopause", "no", "see agent-after in extensions.conf")
		f.set("musicclass", q.Music, "")
		f.set("joinempty", empty, "nobody there: not even a member who is busy")
		f.set("leavewhenempty", empty, "")
		f.set("maxlen", strconv.Itoa(q.MaxCallers), "callers who wait; 0: any number")
		f.set("weight", strconv.Itoa(q.Priority), "before other queues with the same members")
		f.set("servicelevel", strconv.Itoa(q.ServiceLevelSeconds), "")
		f.set("setinterfacevar", "yes", "MEMBERNAME, for the rating")
		often := 0
		if q.AnnouncePosition || q.AnnounceEstimate {
			often = q.AnnounceEverySeconds
		}
		f.set("announce-frequency", strconv.Itoa(often), "seconds")
		f.set("min-announce-frequency", strconv.Itoa(often), "")
		f.yes("announce-position", q.AnnouncePosition, "")
		f.yes("announce-holdtime", q.AnnounceEstimate, "")
		if len(q.Comfort) > 0 {
			var all []string
			for _, p := range q.Comfort {
				all = append(all, prompt(p))
			}
			f.set("periodic-announce", strings.Join(all, ","), "")
			f.set("periodic-announce-frequency", strconv.Itoa(q.ComfortEverySeconds), "seconds")
		}
		if len(q.Keys) > 0 {
			f.set("context", "queue-keys-"+q.Number, "keys by which those who wait leave")
		}
		for _, m := range q.Members {
			f.line("member => Local/%s@members,0,%s,%s", m, m, seat(m))
		}
		for _, m := range r.site.QueueMembers(&q) {
			if m.Agent.AlwaysConnected {
				f.line("member => Local/%s@pool/n,%d,%s,Agent:%s", m.Agent.Number, m.Penalty, m.Agent.Number, m.Agent.Number)
			}
		}
	}
	return f.Bytes()
}

// seat is where a queue finds the state of an extension.
func seat(extension string) string { return "hint:" + extension + "@seats" }

// pool are the agents of a queue who are always connected.
func (r renderer) pool(q *provisioning.Queue) []string {
	var out []string
	for _, m := range r.site.QueueMembers(q) {
		if m.Agent.AlwaysConnected {
			out = append(out, m.Agent.Number)
		}
	}
	return out
}

// penalties are those that a queue's agents have, in order.
func (r renderer) penalties(q *provisioning.Queue) []int {
	set := map[int]bool{}
	if len(q.Members) > 0 {
		set[0] = true
	}
	for _, m := range r.site.QueueMembers(q) {
		set[m.Penalty] = true
	}
	return slices.Sorted(maps.Keys(set))
}

func (r renderer) widens(q *provisioning.Queue) bool {
	return q.WidenSeconds > 0 && len(r.penalties(q)) > 1
}

func (r renderer) queueRules() []byte {
	f := head("queuerules.conf: after how long a caller is offered to agents of the next penalty too")
	for _, q := range r.site.Queues {
		if !r.widens(&q) {
			continue
		}
		f.section("widen-" + q.Number)
		p := r.penalties(&q)
		for i := 1; i < len(p); i++ {
			most := p[i]
			if i == len(p)-1 {
				most = 2 * missedPenalty // those who missed a call too
			}
			f.line("penaltychange => %d,%d,0", i*q.WidenSeconds, most)
		}
	}
	return f.Bytes()
}

// missedPenalty is added to the penalty of a member who missed a call: other
// members who are free are asked first. It is more than any penalty of a
// document, so that the rest of a division by it is what the document says.
const missedPenalty = 1000

// calmSeconds is for how long.
const calmSeconds = 60

func (r renderer) queueContexts(f *file) {
	f.context("queues", "Callers wait here. CALLER_LANGUAGE, ANNOUNCE and RINGS go along to the member who is asked.")
	for _, q := range r.site.Queues {
		greeting := ""
		if len(q.Greeting) > 0 {
			greeting = "Playback(" + prompts(q.Greeting) + ")"
		}
		announce := "yes"
		if !q.AnnounceAgent {
			announce = ""
		}
		wait, rule, most := "", "", ""
		if q.MaxWaitSeconds > 0 {
			wait = strconv.Itoa(q.MaxWaitSeconds)
		}
		if r.widens(&q) {
			rule = "widen-" + q.Number
			most = fmt.Sprintf("Set(QUEUE_MAX_PENALTY=%d)", r.penalties(&q)[0])
		}
		steps := []string{"Answer()"}
		steps = append(steps, r.recordQueue(q)...)
		steps = append(steps, greeting,
			"Gosub(calm,"+q.Number+",1)",
			"again: Set(__QUEUE="+q.Number+")",
			"Set(__ANNOUNCE="+announce+")",
			fmt.Sprintf("Set(__RINGS=%d)", q.RingSeconds),
			fmt.Sprintf("Set(__MISSES=%d)", q.MissedPause),
			`ExecIf($["${CALLER_LANGUAGE}" = ""]?Set(__CALLER_LANGUAGE=${CHANNEL(language)}))`,
			"Set(QUEUE_PRIO=${IF($[0${RANK} > 0]?${RANK}:0)})",
			most)
		if pool := r.pool(&q); len(pool) > 0 {
			steps = append(steps, "Set(THERE=${QUEUE_MEMBER("+q.Number+",logged)})")
			for _, a := range pool {
				steps = append(steps, `ExecIf($["${AGENT(`+a+`:status)}" = "LOGGEDIN"]?Set(THERE=1))`)
			}
			steps = append(steps, "Set(QUEUESTATUS=JOINEMPTY)", "GotoIf($[${THERE} = 0]?over)")
		}
		steps = append(steps,
			"Queue("+q.Number+",ci"+r.options("t", "h")+",,,"+wait+",,,"+rule+",${PLACE}) ; t, h: the member has codes, the caller has none; i: no telephone sends callers elsewhere",
			"Set(PLACE=)",
			// The agent had hung up before the caller heard the number to its end.
			`GotoIf($["${DB_DELETE(lost/${CALLREF})}" = "1"]?lost)`,
			"over: CELGenUserEvent(QUEUE,queue="+q.Number+"&result=${QUEUESTATUS})",
			`Goto(queue-`+q.Number+`,x${QUEUESTATUS},1)`,
			"lost: Set(PLACE=1)", "Goto(again)")
		f.exten(q.Number, steps...)
	}
	for _, q := range r.site.Queues {
		f.context("queue-"+q.Number, "How it may end for those who waited in "+q.Number+".")
		f.exten("xTIMEOUT", to(destination(q.WhenTimeout)))
		f.exten("xFULL", to(destination(q.WhenFull)))
		for _, s := range []string{"xJOINEMPTY", "xLEAVEEMPTY", "xJOINUNAVAIL", "xLEAVEUNAVAIL"} {
			f.exten(s, to(destination(q.WhenEmpty)))
		}
		if q.Rating {
			f.exten("xCONTINUE", "Goto(rating,"+q.Number+",1)")
		}
		f.exten("_[x][A-Z]!", "Hangup(16)") // a bare x would be a digit
		f.exten("x", "Hangup(16)")
		if len(q.Keys) > 0 {
			f.context("queue-keys-"+q.Number, "Keys of those who wait.")
			for _, k := range slices.Sorted(maps.Keys(q.Keys)) {
				f.exten(k, "CELGenUserEvent(QUEUE,queue="+q.Number+"&result=KEY&key="+k+")", to(destination(q.Keys[k])))
			}
		}
	}
	f.text(strings.ReplaceAll(queueSubs, "@BRIDGE@", r.options("t", "h")))
	f.context("calm", "Members who missed a call are asked last for a while; here that ends, before the next caller waits.")
	f.exten("_X!", "Set(LEFT=${DB_KEYS(calm/${EXTEN})})",
		"next: Set(ONE=${SHIFT(LEFT)})",
		`GotoIf($["${ONE}" = ""]?done)`,
		"GotoIf($[0${DB(calm/${EXTEN}/${ONE})} > ${EPOCH}]?next)",
		"Gosub(member-calm,${ONE},1(${EXTEN}))",
		"Goto(next)",
		"done: Return()")
	f.context("rating", "The agent has hung up: what did the caller think of it?")
	f.exten("_X!", "Set(TRY=0)",
		"again: Read(KEY,switchroom/rate-call,1,,1,7)",
		`GotoIf($["${KEY}" = ""]?done)`,
		`GotoIf($[${KEY} >= 1 & ${KEY} <= 5]?good)`,
		"Set(TRY=$[${TRY} + 1])",
		"GotoIf($[${TRY} > 2]?done)",
		"Playback(switchroom/rate-invalid)",
		"Goto(again)",
		"good: CELGenUserEvent(RATING,key=${KEY}&agent=${MEMBERNAME}&queue=${EXTEN})",
		"Playback(switchroom/rate-thanks)",
		"done: Hangup(16)")
}

// queueSubs are the ways from a queue to one of its members.
var queueSubs = fmt.Sprintf(`
[members]
; A queue asks a telephone that is always its member.
exten = _X!,1,Set(DESK=${FILTER(0-9,${EXTEN})})
 same = n,Set(WHO=)
 same = n,Set(MEMBER=Local/${DESK}@members)
 same = n,Goto(agents,ring,1)

[agents]
; A queue asks the agent 811 at the extension 1001: 811*1001. This runs on the far half of a Local channel; the queue has
; the near half. When all is said, Asterisk takes both halves out, and caller and agent are joined as if there had been none.
exten = _X!,1,Set(WHO=${FILTER(0-9,${CUT(EXTEN,*,1)})})
 same = n,Set(DESK=${FILTER(0-9,${CUT(EXTEN,*,2)})})
 same = n,Set(MEMBER=Local/${WHO}*${DESK}@agents)
 same = n,Goto(ring,1)
exten = ring,1,Set(DEVICE=${DEVICE_${DESK}})
 same = n,GotoIf($["${DEVICE}" = ""]?gone)
 same = n,Set(CHANNEL(language)=${CALLER_LANGUAGE})
 same = n,Set(SINCE=${EPOCH})
 same = n,Set(CHANNEL(hangup_handler_push)=agent-after,s,1)
; G: when the telephone is answered, the caller's side goes on at "answered", the agent's one line below
 same = n,Dial(${DEVICE},,b(leg^s^1)G(answered))
 same = n,Hangup(${HANGUPCAUSE})
 same = n(answered),Goto(caller)
 same = n,Goto(agent)
; tells the queue that there is an answer; now the caller hears this side, and the agent hears nothing yet
 same = n(caller),Set(PHONE=${DIALEDPEERNAME})
 same = n,Gosub(member-calm,${IF($["${WHO}" = ""]?${DESK}:${WHO}*${DESK})},1(${QUEUE}))
 same = n,Answer()
 same = n,GotoIf($["${WHO}" = "" | "${ANNOUNCE}" != "yes"]?talk)
 same = n,Gosub(agent-says,${WHO},1)
 same = n(talk),Set(TALKING=yes)
; the agent, whom Bridge calls the called, has the codes; the caller has none
 same = n,Bridge(${PHONE},@BRIDGE@)
 same = n,ExecIf($["${BRIDGERESULT}" != "SUCCESS"]?Set(DB(lost/${CALLREF})=1))
 same = n,Hangup()
 same = n(agent),Wait(60)
 same = n,Hangup()
 same = n(gone),Hangup(20)

[agent-after]
; The far half has ended: was it a call, did the caller give up, or did the member miss it?
exten = s,1,GotoIf($["${TALKING}" = "yes"]?done)
 same = n,GotoIf($["${PHONE}" != ""]?release)
 same = n,GotoIf($["${DIALSTATUS}" = "BUSY" | "${DIALSTATUS}" = "CONGESTION" | "${DIALSTATUS}" = "NOANSWER"]?missed)
 same = n,GotoIf($[${EPOCH} - ${SINCE} >= ${RINGS}]?missed)
 same = n(done),Return()
; the caller hung up while the agent's number was said
 same = n(release),SoftHangup(${PHONE})
 same = n,Return()
; other members are asked before this one, for a while
 same = n(missed),Set(QUEUE_MEMBER(${QUEUE},penalty,${MEMBER})=$[${QUEUE_MEMBER(${QUEUE},penalty,${MEMBER})} %% %[1]d + %[1]d])
 same = n,Set(DB(calm/${QUEUE}/${IF($["${WHO}" = ""]?${DESK}:${WHO}*${DESK})})=$[${EPOCH} + %[2]d])
 same = n,GotoIf($["${WHO}" = "" | ${MISSES} = 0]?done)
; and an agent who misses one after the other is not there
 same = n,Set(MISSED=$[0${DB(agent/${WHO}/missed)} + 1])
 same = n,Set(DB(agent/${WHO}/missed)=${MISSED})
 same = n,GotoIf($[${MISSED} < ${MISSES}]?done)
 same = n,PauseQueueMember(,${MEMBER},,missed)
 same = n,CELGenUserEvent(PAUSE,agent=${WHO}&seat=${DESK}&reason=missed)
 same = n,Set(MISSED=${DB_DELETE(agent/${WHO}/missed)})
 same = n,Return()

[member-calm]
; A member of the queue ARG1, 811*1001 or 1001, has again the penalty that the document says.
exten = _X!,1,Set(LOCAL(INTERFACE)=Local/${EXTEN}@${IF($["${CUT(EXTEN,*,2)}" = ""]?members:agents)})
 same = n,Set(LOCAL(GONE)=${DB_DELETE(agent/${CUT(EXTEN,*,1)}/missed)})
 same = n,GotoIf($["${DB_DELETE(calm/${ARG1}/${EXTEN})}" = ""]?done)
 same = n,GotoIf($[0${QUEUE_MEMBER(${ARG1},penalty,${INTERFACE})} < %[1]d]?done)
 same = n,Set(QUEUE_MEMBER(${ARG1},penalty,${INTERFACE})=$[${QUEUE_MEMBER(${ARG1},penalty,${INTERFACE})} %% %[1]d])
 same = n(done),Return()
`, missedPenalty, calmSeconds)

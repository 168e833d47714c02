package asteriskconf

import (
	"fmt"
	"slices"
	"strings"
)

// dialPrefixes are what stands in front of numbers that telephones dial to
// outside, such as the 9: what the routes take away.
func (r renderer) dialPrefixes() []string {
	var out []string
	for _, o := range r.site.Outbound {
		for _, p := range o.Patterns {
			if o.Emergency || len(p) < o.Strip || strings.Trim(p[:o.Strip], "0123456789*#") != "" {
				continue
			}
			if prefix := p[:o.Strip]; !slices.Contains(out, prefix) {
				out = append(out, prefix)
			}
		}
	}
	return out
}

// callbacks are for callers who want to be called back when it is their turn.
// Somebody keeps their place: a Local channel whose far half waits in the queue
// in their stead. When an agent answers it, the near half calls the number.
//
// The number is the one that the caller came from, as the network told it, and
// one within the country: not one that somebody pressed.
func (r renderer) callbacks(f *file) {
	c := r.site.Callback
	f.context("callback", "A caller who waits asks to be called back.")
	for _, q := range r.site.Queues {
		f.exten(q.Number, "Answer()", "Set(QUEUE="+q.Number+")", "Goto(callback-ask,s,1)")
	}
	f.context("callback-ask", "")
	f.exten("s", "Set(NUMBER=${FILTER(0-9,${CALLERID(num)})})",
		"Set(PLACE=${FILTER(0-9,${QUEUEPOSITION})})",
		"Gosub(callback-dials,s,1)",
		`GotoIf($["${DIALS}" = ""]?refused)`,
		"Playback(switchroom/callback-is)",
		"SayDigits(${NUMBER})",
		"Read(KEY,switchroom/press&digits/1&switchroom/for-callback,1,,2,5)",
		`GotoIf($["${KEY}" != "1"]?queues,${QUEUE},1) ; goes on waiting, at the same place`,
		"Set(ID=${FILTER(0-9,${UNIQUEID})})",
		"Set(DB(callback/${QUEUE}/${ID})=${NUMBER}*${EPOCH}*0*${CHANNEL(language)}*${CALLREF})",
		"CELGenUserEvent(CALLBACK,queue=${QUEUE}&number=${NUMBER})",
		"Gosub(callback-start,${QUEUE},1(${ID},${PLACE},0))",
		"Playback(switchroom/callback-accepted)",
		"Hangup(16)",
		"refused: Playback(switchroom/callback-refused)",
		"Goto(queues,${QUEUE},1)")
	f.context("callback-dials", "DIALS is what a telephone would dial to call NUMBER; empty if that may not be called.")
	steps := []string{"Set(DIALS=)", "Set(KIND=)", `ExecIf($[${LEN(${NUMBER})} > 4]?Gosub(kind,${NUMBER},1))`,
		`GotoIf($["${KIND}" != "local" & "${KIND}" != "national" & "${KIND}" != "mobile"]?done)`}
	for _, p := range r.dialPrefixes() {
		steps = append(steps, fmt.Sprintf(`ExecIf($["${DIALS}" = "" & ${DIALPLAN_EXISTS(out-unrestricted,%[1]s${NUMBER},1)}]?Set(DIALS=%[1]s${NUMBER}))`, p))
	}
	f.exten("s", append(steps, "done: Return()")...)
	f.context("callback-start", "Puts somebody into the queue in the caller's stead: Gosub(callback-start,queue,1(id,place,seconds before)).")
	f.exten("_X!", fmt.Sprintf("Originate(Local/${EXTEN}*${ARG1}*${ARG2}*${ARG3}@callback-wait/n,exten,callback-call,${EXTEN}*${ARG1},1,%d,a)", c.ExpireHours*3600), "Return()")
	f.context("callback-resume", "Asterisk has started: they all wait again.")
	f.exten("_X!", "Set(LEFT=${DB_KEYS(callback/${EXTEN})})",
		"next: Set(ONE=${SHIFT(LEFT)})",
		`GotoIf($["${ONE}" = ""]?done)`,
		"Gosub(callback-start,${EXTEN},1(${ONE},,0))",
		"Goto(next)",
		"done: Return()")
	f.context("callback-wait", "Waits in the queue: queue*id*place*seconds before. What the caller said is in the database: number*when*tries*language*call.")
	f.exten("_X!", "Set(__QUEUE=${CUT(EXTEN,*,1)})",
		"Set(__CALLBACK=callback/${QUEUE}/${CUT(EXTEN,*,2)})",
		"Set(PLACE=${CUT(EXTEN,*,3)})",
		"Wait(${CUT(EXTEN,*,4)})",
		"again: Set(ASKED=${DB(${CALLBACK})})",
		`GotoIf($["${ASKED}" = ""]?done)`,
		fmt.Sprintf("GotoIf($[${EPOCH} - ${CUT(ASKED,*,2)} > %d]?late)", c.ExpireHours*3600),
		"Set(__CALLREF=${CUT(ASKED,*,5)})",
		"Set(__CALLER_LANGUAGE=${CUT(ASKED,*,4)})",
		"Set(CALLERID(num)=${CUT(ASKED,*,1)})",
		"Set(__ANNOUNCE=)",
		"Gosub(callback-rings,${QUEUE},1)",
		"Queue(${QUEUE},ci"+r.options("t", "h")+",,,,,,,${PLACE})",
		"Set(PLACE=)",
		`GotoIf($["${QUEUESTATUS}" = "CONTINUE" | "${QUEUESTATUS}" = ""]?done)`,
		fmt.Sprintf("Wait(%d) ; nobody is there to take calls", c.RetrySeconds),
		"Goto(again)",
		"late: Set(GONE=${DB_DELETE(${CALLBACK})})",
		"done: Hangup(16)")
	f.context("callback-rings", "")
	for _, q := range r.site.Queues {
		f.exten(q.Number, fmt.Sprintf("Set(__RINGS=%d)", q.RingSeconds), fmt.Sprintf("Set(__MISSES=%d)", q.MissedPause), "Return()")
	}
	f.context("callback-call", "An agent has answered: queue*id. The caller is called; the agent hears it ring.")
	f.exten("_X!", "Set(QUEUE=${CUT(EXTEN,*,1)})",
		"Set(__CALLBACK=callback/${QUEUE}/${CUT(EXTEN,*,2)})",
		"Set(CHANNEL(hangup_handler_push)=callback-after,s,1)",
		"Set(ASKED=${DB(${CALLBACK})})",
		"Set(NUMBER=${CUT(ASKED,*,1)})",
		"Set(__CALLER_LANGUAGE=${CUT(ASKED,*,4)})",
		"CELGenUserEvent(CALLBACK,queue=${QUEUE}&of=${CUT(ASKED,*,5)})",
		"Gosub(callback-dials,s,1)",
		`GotoIf($["${DIALS}" = ""]?ends,hangup,1)`,
		"Set(__PAYER=callback)",
		"Goto(out-unrestricted,${DIALS},1)")
	f.context("callback-after", "Did it succeed? Then it is no longer in the database. Else it is tried again, some time later.")
	f.exten("s", "Set(ASKED=${DB(${CALLBACK})})",
		`GotoIf($["${ASKED}" = ""]?done)`,
		"Set(TRIES=$[${CUT(ASKED,*,3)} + 1])",
		fmt.Sprintf("GotoIf($[${TRIES} >= %d]?last)", c.Attempts),
		"Set(DB(${CALLBACK})=${CUT(ASKED,*,1-2)}*${TRIES}*${CUT(ASKED,*,4-5)})",
		fmt.Sprintf("Gosub(callback-start,${CUT(CALLBACK,/,2)},1(${CUT(CALLBACK,/,3)},1,%d))", c.RetrySeconds),
		"Return()",
		"last: Set(ASKED=${DB_DELETE(${CALLBACK})})",
		"done: Return()")
}

package asteriskconf

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"switchroom/provisioning"
)

// outPatterns are the patterns of numbers outside, which every class has: what
// a class may not call is said aloud, when the number is complete.
func (r renderer) outPatterns() []string {
	var out []string
	for _, o := range r.site.Outbound {
		out = append(out, o.Patterns...)
	}
	return out
}

// unrestricted is the class in which the owner's own decisions are carried
// out: external destinations and calling back.
const unrestricted = "unrestricted"

// money is an amount in ten-thousandths, as the dial plan counts it.
func money(amount float64) int { return int(math.Round(amount * 10000)) }

// way is one way out.
type way struct {
	name  string
	dial  string // with ${OUT}
	calls int    // at a time; 0: as many as there are lines
	shown string // the number that it shows
	trunk string // its endpoint, if it is a trunk
	ports []int  // of its lines, if it has lines
	limit int    // seconds; 0: none of its own
}

func (r renderer) way(v provisioning.Via) (way, bool) {
	number := v.Prepend + "${OUT}"
	for _, t := range r.site.Trunks {
		if t.Name == v.Way {
			return way{name: t.Name, trunk: "trunk-" + t.Name, dial: "PJSIP/" + number + "@trunk-" + t.Name, calls: t.MaxCalls, shown: onlyDigits(t.CallerID)}, true
		}
	}
	// w: half a second, in which the exchange notices that the line is taken.
	for _, l := range r.site.Lines {
		if l.Name == v.Way {
			return way{name: l.Name, dial: fmt.Sprintf("DAHDI/%d/w%s", l.Port, number), ports: []int{l.Port}, limit: l.MaxMinutes * 60}, true
		}
	}
	for _, g := range r.site.LineGroups {
		if g.Name != v.Way {
			continue
		}
		w := way{name: g.Name, dial: fmt.Sprintf("DAHDI/%s%d/w%s", map[string]string{"first": "g", "last": "G", "turn": "r"}[g.Pick], r.rings[g.Name], number)}
		for _, l := range r.site.Lines {
			if l.Group == g.Name {
				w.ports = append(w.ports, l.Port)
				w.limit = max(w.limit, l.MaxMinutes*60)
			}
		}
		return w, len(w.ports) > 0
	}
	return way{}, false // its lines are not plugged in
}

func (r renderer) outbound(f *file) {
	used := append(r.usedClasses(), unrestricted)
	for _, c := range r.site.Classes {
		if !slices.Contains(used, c.Name) {
			continue
		}
		f.context("out-"+c.Name, "Numbers outside, for the class "+c.Name+". OUT is what is dialled there.")
		for _, o := range r.site.Outbound {
			for _, p := range o.Patterns {
				f.exten(asPattern(p), "Gosub(from-phone,s,1)", "Set(CLASS="+c.Name+")",
					fmt.Sprintf("Set(OUT=%s${FILTER(0-9*+,${EXTEN:%d})})", o.Prepend, o.Strip), // a # ends a number
					"Goto(outbound,"+o.Name+",1)")
			}
		}
		f.context("may-"+c.Name, "Kinds of numbers that the class "+c.Name+" may call.")
		for _, k := range c.May {
			f.exten(k, "NoOp()")
		}
	}
	f.context("class-limits", "What a class may spend: on an extension in a day, and calls at a time. 0 is: as much as it likes.")
	for _, c := range r.site.Classes {
		f.exten(c.Name, fmt.Sprintf("Set(MAXSECONDS=%d)", c.MinutesPerDay*60), fmt.Sprintf("Set(MAXCOST=%d) ; ten-thousandths", money(c.CostPerDay)),
			fmt.Sprintf("Set(MAXCALLS=%d)", c.Concurrent), "Return()")
	}
	f.context("outbound", "Calls to outside, by route: may this be called, how long, and which way. Nothing that a caller presses leads here.")
	for _, o := range r.site.Outbound {
		if o.Emergency {
			r.emergency(f, o)
			continue
		}
		kind := "Set(KIND=" + o.Kind + ")"
		if o.Kind == "auto" {
			kind = "Gosub(kind,${OUT},1)"
		}
		steps := []string{kind,
			"GotoIf($[${DIALPLAN_EXISTS(may-${CLASS},${KIND},1)} = 0]?outside-failed,forbidden,1)",
			"Gosub(outside-begin,s,1)",
			"CELGenUserEvent(ROUTE,name=" + o.Name + "&did=${OUT}&kind=out)"}
		steps = append(steps, r.recordOutbound()...)
		for _, v := range r.cheapestFirst(o.Via) {
			w, ok := r.way(v)
			if !ok {
				continue
			}
			limit := cmp.Or(w.limit, 86400)
			try := fmt.Sprintf("Gosub(way,s,1(%s,%s,%d,%s,%d,%d))", w.name, w.dial, w.calls, w.shown, money(v.CostPerMinute), limit)
			if w.trunk != "" { // one that is known to be down is passed over without a try
				try = fmt.Sprintf("ExecIf($[${LEN(${PJSIP_DIAL_CONTACTS(%s)})} > 0]?%s)", w.trunk, try)
			}
			steps = append(steps, try,
				`GotoIf($["${AGAIN}" = ""]?outside-failed,s,1)`)
		}
		f.exten(o.Name, append(steps, "Goto(outside-failed,s,1)")...)
	}
	f.context("kind", "What a number is, by the country's plan: the first that matches counts.")
	var kinds []ordered
	for _, k := range r.site.NumberPlan() {
		p := asPattern(k.Pattern)
		if p == "_!" || p == "_." {
			p = "_[0-9*#+]!"
		}
		kinds = append(kinds, ordered{p, []string{"Set(KIND=" + k.Kind + ")", "Return()"}})
	}
	f.inOrder("kind", kinds)
	f.context("external", "The owner leads callers to a number outside: as a telephone without restrictions would call it.")
	f.exten("_[0-9*#+]!", "GotoIf($[${DIALPLAN_EXISTS(out-unrestricted,${EXTEN},1)} = 0]?ends,unavailable,1)",
		"CELGenUserEvent(DEST,kind=external&what=${EXTEN})", "Set(__PAYER=external)", "Goto(out-unrestricted,${EXTEN},1)")
	f.context("outside-failed", "A call to outside that came to nothing: the caller hears why.")
	f.exten("s", `GotoIf($["${DIALSTATUS}" = "BUSY"]?busy)`, `GotoIf($["${DIALSTATUS}" = "NOANSWER"]?quiet)`,
		`GotoIf($["${HANGUPCAUSE}" = "1"]?nowhere,s,1)`,
		"Progress()", "Playback(switchroom/lines-busy,noanswer)", "Hangup(34)", "busy: Busy(60)", "quiet: Congestion(60)")
	f.exten("forbidden", "Progress()", "Playback(switchroom/not-allowed,noanswer)", "Hangup(21)")
	f.exten("calls", "Progress()", "Playback(switchroom/limit-calls,noanswer)", "Hangup(21)")
	f.exten("spent", "Progress()", "Playback(switchroom/limit-minutes,noanswer)", "Hangup(21)")
	l := r.site.Limits
	f.text(strings.NewReplacer("@CALLS@", strconv.Itoa(l.Calls), "@LONGEST@", strconv.Itoa(cmp.Or(l.CallMinutes*60, 86400)),
		"@SECONDS@", strconv.Itoa(l.MinutesPerDay*60), "@COST@", strconv.Itoa(money(l.CostPerDay)), "@TZ@", r.site.TimeZone).Replace(outboundSubs))
}

func (r renderer) cheapestFirst(via []provisioning.Via) []provisioning.Via {
	return slices.SortedStableFunc(slices.Values(via), func(a, b provisioning.Via) int { return cmp.Compare(a.CostPerMinute, b.CostPerMinute) })
}

// emergency tries every way, whatever limits there are, and when all are taken
// makes room on a line.
func (r renderer) emergency(f *file, o provisioning.OutboundRoute) {
	f.line("; Emergency: no limit holds, and another call gives way.")
	steps := []string{"CELGenUserEvent(ROUTE,name=" + o.Name + "&did=${OUT}&kind=out)", "Ringing()"}
	var room []string
	for _, v := range r.cheapestFirst(o.Via) {
		w, ok := r.way(v)
		if !ok {
			continue
		}
		steps = append(steps, "Gosub(urgent,s,1("+w.dial+","+w.shown+"))")
		for _, p := range w.ports {
			room = append(room,
				fmt.Sprintf("GotoIf($[\"${SHARED(URGENT,DAHDI/%d-1)}\" = \"yes\"]?after%d) ; an emergency call is left alone", p, p),
				fmt.Sprintf("SoftHangup(DAHDI/%d-1)", p),
				"Wait(2)",
				fmt.Sprintf("Gosub(urgent,s,1(DAHDI/%d/w%s${OUT},))", p, v.Prepend),
				fmt.Sprintf("after%d: NoOp()", p))
		}
	}
	if len(room) > 0 {
		steps = append(steps, `GotoIf($["${DIALSTATUS}" = "BUSY" | "${DIALSTATUS}" = "NOANSWER"]?outside-failed,s,1) ; it was reached`)
	}
	f.exten(o.Name, append(append(steps, room...), "Goto(outside-failed,s,1)")...)
}

// outboundSubs are what every call to outside goes through.
const outboundSubs = `
[outside-begin]
; How many calls there are at a time, of the class and of the box.
exten = s,1,Gosub(class-limits,${CLASS},1)
 same = n,Set(GROUP(class)=${CLASS})
 same = n,GotoIf($[${MAXCALLS} > 0 & ${GROUP_COUNT(${CLASS}@class)} > ${MAXCALLS}]?outside-failed,calls,1)
 same = n,Set(GROUP(outside)=all)
 same = n,GotoIf($[@CALLS@ > 0 & ${GROUP_COUNT(all@outside)} > @CALLS@]?outside-failed,calls,1)
 same = n,Set(GRANT=0)
 same = n,Set(AGAIN=yes)
 same = n,Set(CHANNEL(hangup_handler_push)=spend-caller,s,1)
 same = n,Return()

[way]
; One way out: Gosub(way,s,1(name,what to dial,calls at a time,number shown,cost of a minute,longest call)). Returns if it came
; to nothing; AGAIN then says whether another way could do better.
exten = s,1,Set(AGAIN=yes)
 same = n,Set(GROUP(way)=${ARG1})
 same = n,GotoIf($[${ARG3} > 0 & ${GROUP_COUNT(${ARG1}@way)} > ${ARG3}]?full)
 same = n,Gosub(spend,s,1(${ARG5},${ARG6}))
 same = n,GotoIf($[${GRANT} = 0]?outside-failed,spent,1)
 same = n,ExecIf($["${SHOWN}${ARG4}" != ""]?Set(CALLERID(num)=${IF($["${SHOWN}" = ""]?${ARG4}:${SHOWN})}))
; names in the house are nobody's business outside
 same = n,Set(CALLERID(name)=)
 same = n,Set(LIMIT_WARNING_FILE=beep)
; L: when the time is up, with a beep a minute before. U: on the called's channel, which then says what of the time it took.
 same = n,Dial(${ARG2},120,${OURS}L(${GRANT}000:60000)b(way-leg^s^1(${GRANT}))U(way-answered^${ACCOUNT}^${GRANT}^${COST}))
 same = n,Gosub(spend-back,${ACCOUNT},1(${GRANT},${COST}))
 same = n,Set(GRANT=0)
 same = n,GotoIf($["${HANGUPCAUSE}" = "1"]?over) ; there is no such number, by any way
 same = n,GotoIf($["${DIALSTATUS}" = "CHANUNAVAIL" | "${DIALSTATUS}" = "CONGESTION"]?done)
 same = n(over),Set(AGAIN=)
 same = n(done),Set(GROUP(way)=none)
 same = n,Return()
 same = n(full),Set(GROUP(way)=none)
 same = n,Set(DIALSTATUS=CONGESTION)
 same = n,Return()

[way-leg]
; On the channel to outside: it ends in time even if it was given to somebody else.
exten = s,1,Set(TIMEOUT(absolute)=$[${ARG1} + 5])
 same = n,Return()

[way-answered]
; On the channel to outside, which has answered: Gosub(…(account,seconds granted,cost of a minute)).
exten = s,1,Set(CHANNEL(hangup_handler_push)=spend-called,s,1(${ARG1},${ARG2},${ARG3},${EPOCH}))
 same = n,GotoIf($["${CALLBACK}" = ""]?done)
 same = n,Set(CHANNEL(language)=${CALLER_LANGUAGE})
 same = n,Set(GONE=${DB_DELETE(${CALLBACK})})
 same = n,Playback(switchroom/callback-call)
 same = n(done),Return()

[urgent]
; An emergency call, one way: Gosub(urgent,s,1(what to dial,number shown)).
exten = s,1,ExecIf($["${SHOWN}${ARG2}" != ""]?Set(CALLERID(num)=${IF($["${SHOWN}" = ""]?${ARG2}:${SHOWN})}))
 same = n,Dial(${ARG1},120,b(urgent-leg^s^1))
 same = n,Return()

[urgent-leg]
exten = s,1,Set(SHARED(URGENT)=yes)
 same = n,Return()

[spend]
; How long a call may be: GRANT, in seconds, is taken from what the payer and the box have left for today, and what of it is not
; used is given back. So all calls together can't be longer than what is left. Who has much left gets a part of it only, or one
; call would keep it from all others. ARG1: cost of a minute; ARG2: longest call.
exten = s,1,Set(ACCOUNT=${IF($["${PAYER}" = ""]?class-${CLASS}:${PAYER})})
 same = n,Set(COST=${ARG1})
 same = n,Set(GRANT=${IF($[${ARG2} < @LONGEST@]?${ARG2}:@LONGEST@)})
 same = n,Set(LOCKED=${LOCK(spent)})
 same = n,Gosub(spend-left,${ACCOUNT},1(${MAXSECONDS},${MAXCOST},2))
 same = n,Gosub(spend-left,box,1(@SECONDS@,@COST@,8))
 same = n,Set(GRANT=${IF($[${GRANT} < 10]?0:${GRANT})})
 same = n,Gosub(spend-take,${ACCOUNT},1(${GRANT}))
 same = n,Gosub(spend-take,box,1(${GRANT}))
 same = n,Set(LOCKED=${UNLOCK(spent)})
 same = n,Return()

[spend-left]
; Makes GRANT no more than the account has: Gosub(spend-left,account,1(seconds a day,cost a day,parts)).
exten = _[0-9a-z].,1,Set(LOCAL(TODAY)=${STRFTIME(${EPOCH},@TZ@,%Y%m%d)})
 same = n,GotoIf($["${DB(spent/${EXTEN}/day)}" = "${TODAY}"]?known)
 same = n,Set(DB(spent/${EXTEN}/day)=${TODAY})
 same = n,Set(DB(spent/${EXTEN}/seconds)=0)
 same = n,Set(DB(spent/${EXTEN}/cost)=0)
 same = n(known),GotoIf($[${ARG1} = 0]?cost)
 same = n,Gosub(spend-part,s,1($[${ARG1} - ${DB(spent/${EXTEN}/seconds)}],${ARG3}))
 same = n(cost),GotoIf($[${ARG2} = 0 | ${COST} = 0]?done)
 same = n,Gosub(spend-part,s,1(${MATH($[(${ARG2} - ${DB(spent/${EXTEN}/cost)}) * 60]/${COST},int)},${ARG3}))
 same = n(done),Return()

[spend-part]
; Of ARG1 seconds: one of ARG2 parts, or ten minutes, or what there is.
exten = s,1,Set(LOCAL(PART)=${MATH(${ARG1}/${ARG2},int)})
 same = n,Set(PART=${IF($[${PART} < 600]?600:${PART})})
 same = n,Set(PART=${IF($[${PART} > ${ARG1}]?${ARG1}:${PART})})
 same = n,Set(GRANT=${IF($[${PART} < ${GRANT}]?${PART}:${GRANT})})
 same = n,Return()

[spend-take]
; Takes ARG1 seconds, and what they cost.
exten = _[0-9a-z].,1,Set(DB(spent/${EXTEN}/seconds)=$[${DB(spent/${EXTEN}/seconds)} + ${ARG1}])
 same = n,Set(DB(spent/${EXTEN}/cost)=$[${DB(spent/${EXTEN}/cost)} + ${MATH($[${ARG1} * ${COST}]/60,int)}])
 same = n,Return()

[spend-back]
; Gives ARG1 seconds back to the account and the box, at the cost ARG2; on the day they were taken.
exten = _[0-9a-z].,1,Set(LOCAL(LOCKED)=${LOCK(spent)})
 same = n,Set(COST=${ARG2})
 same = n,Set(LOCAL(DAY)=${STRFTIME(${EPOCH},@TZ@,%Y%m%d)})
 same = n,ExecIf($["${DB(spent/${EXTEN}/day)}" = "${DAY}"]?Gosub(spend-take,${EXTEN},1(-${ARG1})))
 same = n,ExecIf($["${DB(spent/box/day)}" = "${DAY}"]?Gosub(spend-take,box,1(-${ARG1})))
 same = n,Set(LOCKED=${UNLOCK(spent)})
 same = n,Return()

[spend-caller]
; Who called has hung up before there was an answer.
exten = s,1,ExecIf($[0${GRANT} > 0 & "${DIALSTATUS}" != "ANSWER"]?Gosub(spend-back,${ACCOUNT},1(${GRANT},${COST})))
 same = n,Return()

[spend-called]
; The channel to outside has ended: Gosub(…(account,seconds granted,cost of a minute,when it was answered)).
exten = s,1,Set(UNUSED=$[${ARG2} - (${EPOCH} - ${ARG4})])
 same = n,ExecIf($[${UNUSED} > 0]?Gosub(spend-back,${ARG1},1(${UNUSED},${ARG3})))
 same = n,Return()
`

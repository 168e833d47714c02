package asteriskconf

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"switchroom/provisioning"
)

// extensions is extensions.conf, whose parts stand in the files named for
// their subject.
func (r renderer) extensions() []byte {
	f := head("extensions.conf: the dial plan. A name in brackets is where calls of one kind begin, or what is done with them.")
	f.section("general")
	f.set("static", "yes", "")
	f.set("writeprotect", "yes", "")
	f.set("clearglobalvars", "yes", "nothing but what follows")
	f.section("globals")
	f.line("; What is dialled to ring an extension.")
	for _, e := range r.site.Extensions {
		f.set("DEVICE_"+e.Number, r.device[e.Number], "")
	}
	f.set("OURS_CALLS", r.ownOptions(), "what our telephones may do in calls that they make: options of Dial")

	r.phones(f)
	r.codes(f)
	r.house(f)
	f.text(phoneSubs)
	r.masked(f)
	f.section("seats")
	f.line("; The state of telephones, for queues: a hint takes an idle analog port for free, which it is.")
	for _, e := range r.site.Extensions {
		f.line("exten = %s,hint,%s", e.Number, r.device[e.Number])
	}
	r.extensionCalls(f)

	r.inbound(f)
	r.schedules(f)
	r.ivrs(f)
	r.announcements(f)
	r.groups(f)
	r.queueContexts(f)
	r.callbacks(f)
	r.agentContexts(f)
	r.outbound(f)
	r.mailboxes(f)
	r.conferences(f)
	r.recording(f)

	f.context("ends", "How a call ends that leads nowhere.")
	f.exten("hangup", "Hangup(16)")
	f.exten("busy", "Busy(10)", "Hangup(17)")
	f.exten("unavailable", "Progress()", "Playback(switchroom/unavailable,noanswer)", "Hangup(20)")
	f.context("not-reached", "A telephone was called and did not answer: the caller hears why.")
	f.exten("BUSY", "Busy(60)")
	f.exten("_[A-Z].", "Congestion(60)")
	f.context("parked-back", "A parked call that nobody fetched.")
	if p := r.site.Parking; p != nil && p.Then != "" {
		f.exten("s", to(destination(p.Then)))
	}
	return f.Bytes()
}

// phones are the contexts where calls from our telephones begin, and those
// where they give calls to: one of each for every class.
func (r renderer) phones(f *file) {
	for _, c := range r.usedClasses() {
		f.context(phonesContext(c), "What telephones of the class "+c+" dial.")
		f.line("include = codes")
		f.line("include = house")
		r.includeParking(f)
		f.line("include = out-%s", c)
		f.line("include = dead-ends")
		f.context("transfer-"+c, "What they give calls to.")
		f.line("include = house")
		r.includeParking(f)
		f.line("include = out-%s", c)
	}
	f.context("transfer-house", "What agents without the right external give calls to.")
	f.line("include = house")
	r.includeParking(f)
	f.context("dead-ends", "Numbers that nobody has, with the digit that makes them impossible.")
	for _, p := range deadEnds(slices.Concat(r.codePatterns(), r.housePatterns(), r.outPatterns())) {
		f.exten(p, "Goto(nowhere,s,1)")
	}
	f.context("nowhere", "There is no such number.")
	// On an analog telephone the rest of the number is still being dialled, and
	// a digit can silence a tone that has begun.
	f.exten("s", "Progress()", `GotoIf($["${CHANNEL(channeltype)}" = "PJSIP"]?tone)`,
		"quiet: WaitDigit(1.5) ; until no more digits come",
		`GotoIf($["${WAITDIGITSTATUS}" = "DTMF"]?quiet)`,
		"tone: Playtones(unobtainable)", "WaitDigit(60)",
		`GotoIf($["${WAITDIGITSTATUS}" = "DTMF"]?quiet)`, "Hangup(1)")
}

// usedClasses are the classes that some telephone has.
func (r renderer) usedClasses() []string {
	var out []string
	for _, c := range r.site.Classes {
		if slices.ContainsFunc(r.site.Extensions, func(e provisioning.Extension) bool { return e.Class == c.Name }) {
			out = append(out, c.Name)
		}
	}
	return out
}

func (r renderer) includeParking(f *file) {
	if r.site.Parking != nil {
		f.line("include = parkedcalls")
	}
}

// number is one in the house, and where it leads.
type number struct{ digits, to string }

// numbers are all in the house that can be dialled.
func (r renderer) numbers() []number {
	var out []number
	add := func(digits, to string) { out = append(out, number{digits, to}) }
	for _, e := range r.site.Extensions {
		add(e.Number, "extensions,"+e.Number+",1")
	}
	for _, q := range r.site.Queues {
		add(q.Number, "queues,"+q.Number+",1")
	}
	for _, a := range r.site.Agents {
		add(a.Number, "agent-direct,"+a.Number+",1")
	}
	for _, g := range r.site.Groups {
		if g.Number != "" {
			add(g.Number, "groups,"+g.Name+",1")
		}
	}
	for _, c := range r.site.Conferences {
		add(c.Number, "conferences,"+c.Number+",1")
	}
	for _, b := range r.site.Voicemail.Boxes {
		add(b.Number, "voicemail,"+b.Number+",1")
	}
	return out
}

func (r renderer) housePatterns() []string {
	var out []string
	for _, n := range r.numbers() {
		out = append(out, n.digits)
	}
	if p := r.site.Parking; p != nil {
		out = append(out, p.Number)
		out = append(out, parkingPlaces(*p)...)
	}
	return out
}

func (r renderer) house(f *file) {
	f.context("house", "Numbers within the house.")
	for _, n := range r.numbers() {
		f.exten(n.digits, "Gosub(from-phone,s,1)", to(n.to))
	}
}

// phoneSubs are what is done on channels of our telephones.
const phoneSubs = `
[from-phone]
; A telephone of ours has dialled. Does nothing with a call that was given here by another, which has no SEAT.
exten = s,1,GotoIf($["${SEAT}" = "" | "${CALLREF}" != ""]?done)
 same = n,Set(__CALLREF=${UNIQUEID})
 same = n,Set(__CALLER_LANGUAGE=${CHANNEL(language)})
 same = n,Set(OURS=${OURS_CALLS})
 same = n,Gosub(seat,s,1)
 same = n(done),Return()

[seat]
; On the channel of a telephone of ours: who sits there, for the records; whom its calls are charged to; and where it gives calls to.
exten = s,1,Set(__PAYER=${SEAT})
 same = n,Set(__AGENT=${DB(seat/${SEAT}/agent)})
 same = n,Set(TRANSFER_CONTEXT=transfer-${CLASS})
 same = n,ExecIf($["${AGENT}" != ""]?Set(TRANSFER_CONTEXT=transfer-${IF($[${DIALPLAN_EXISTS(right-external,${AGENT},1)}]?${CLASS}:house)}))
 same = n,CELGenUserEvent(AGENT,agent=${AGENT}&seat=${SEAT})
 same = n,Return()

[leg]
; On the channel of a telephone of ours that is called, before it rings.
exten = s,1,Gosub(seat,s,1)
; one group: every telephone can take the call of every other
 same = n,Set(CHANNEL(callgroup)=1)
 same = n,Gosub(masked,s,1)
; the recording, if there is one, stands on the other channel
 same = n,ExecIf($["${RECORDED}" != ""]?Set(DYNAMIC_FEATURES=pause-theirs))
 same = n,Return()
`

// masked hides callers' numbers from agents without the right to see them, on
// the channel of the telephone: there the caller is the connected line.
func (r renderer) masked(f *file) {
	f.context("masked", "Hides a caller's number from an agent who may not see it.")
	m := r.site.Masking
	if !m.Enabled {
		f.exten("s", "Return()")
		return
	}
	f.exten("s", `GotoIf($["${AGENT}" = ""]?done)`,
		"GotoIf($[${DIALPLAN_EXISTS(right-numbers,${AGENT},1)}]?done)",
		"Set(NUMBER=${FILTER(0-9,${CONNECTEDLINE(num)})})",
		fmt.Sprintf("GotoIf($[${LEN(${NUMBER})} < %d]?done) ; within the house", max(7, m.KeepFirst+m.KeepLast+1)),
		"Set(CONNECTEDLINE(all,i)=<"+mask(m)+">)",
		"done: Return()")
}

func mask(m provisioning.Masking) string {
	out := "****"
	if m.KeepFirst > 0 {
		out = fmt.Sprintf("${NUMBER:0:%d}", m.KeepFirst) + out
	}
	if m.KeepLast > 0 {
		out += fmt.Sprintf("${NUMBER:-%d}", m.KeepLast)
	}
	return out
}

// extensionCalls are the calls to one extension.
func (r renderer) extensionCalls(f *file) {
	f.context("extensions", "Calls to one telephone.")
	for _, e := range r.site.Extensions {
		after := "Goto(not-reached,${DIALSTATUS},1)"
		if e.Unanswered != "" && e.Unanswered.Kind() != provisioning.ToHangup {
			after = to(destination(e.Unanswered))
		}
		steps := r.recordExtension(e)
		steps = append(steps, fmt.Sprintf("Dial(%s,%d,%s${OURS})", r.device[e.Number], e.RingSeconds, r.phoneOptions()), after)
		f.exten(e.Number, steps...)
	}
}

// codePatterns are the codes that can be dialled.
func (r renderer) codePatterns() []string {
	c := r.site.Features
	var out []string
	for _, code := range []string{c.Login, c.Pause, c.Voicemail, c.VoicemailOther, c.Pickup, c.Echo, c.OwnNumber, c.Time} {
		if code != "" {
			out = append(out, code)
		}
	}
	if c.Pause != "" {
		for _, p := range r.site.PauseReasons {
			out = append(out, c.Pause+p.Key)
		}
	}
	if c.Listen != "" {
		for _, a := range r.site.Agents {
			out = append(out, c.Listen+a.Number)
		}
	}
	for _, s := range r.site.Schedules {
		if s.Code != "" {
			out = append(out, s.Code)
		}
	}
	return out
}

func (r renderer) codes(f *file) {
	c := r.site.Features
	f.context("codes", "Codes that our telephones dial.")
	code := func(pattern, about string, steps ...string) {
		if pattern != "" {
			f.line("; %s", about)
			f.exten(pattern, steps...)
		}
	}
	code(c.Echo, "Echo test: one hears oneself. No echo canceller, for it would do its work.",
		"ExecIf($[\"${CHANNEL(channeltype)}\" = \"DAHDI\"]?Set(CHANNEL(echocan_mode)=off))", "Answer()", "Echo()", "Hangup()")
	code(c.Login, "Agents log in and out.", "Gosub(from-phone,s,1)", "Goto(agent-login,s,1)")
	if c.Pause != "" {
		for _, p := range r.site.PauseReasons {
			code(c.Pause+p.Key, "Pause: "+p.Name, "Gosub(from-phone,s,1)", "Goto(agent-pause,"+p.Key+",1)")
		}
		code(c.Pause, "Agents resume.", "Gosub(from-phone,s,1)", "Goto(agent-resume,s,1)")
	}
	code(c.Pickup, "Takes a call that rings elsewhere.", "Gosub(from-phone,s,1)", "Set(CHANNEL(pickupgroup)=1)", "Pickup()", "Hangup()")
	code(c.OwnNumber, "Says the telephone's number.", "Answer()", "Playback(switchroom/extension-is)", "SayDigits(${SEAT})", "Wait(1)", "Hangup()")
	code(c.Time, "Says the time.", "Answer()", "SayUnixTime(,"+r.site.TimeZone+",kM)", "Wait(1)", "Hangup()")
	if r.hasMailboxes() {
		code(c.Voicemail, "The telephone's own messages.", "Gosub(from-phone,s,1)", "Answer()", "Goto(mailbox-own,${SEAT},1)")
		code(c.VoicemailOther, "Anybody's messages.", "Gosub(from-phone,s,1)", "Answer()", "Goto(mailbox-other,s,1)")
	}
	if c.Listen != "" {
		for _, a := range r.site.Agents {
			f.exten(c.Listen+a.Number, "Gosub(from-phone,s,1)", "Goto(listen,"+a.Number+",1)")
		}
	}
	for _, s := range r.site.Schedules {
		code(s.Code, "Switches the schedule "+s.Name+": by the clock, open, closed.", "Gosub(from-phone,s,1)", "Goto(schedule-switch,"+s.Name+",1)")
	}
}

// parkingPlaces are the numbers of the places where calls are parked.
func parkingPlaces(p provisioning.Parking) []string {
	first, err1 := strconv.Atoi(p.First)
	last, err2 := strconv.Atoi(p.Last)
	var out []string
	if err1 == nil && err2 == nil {
		for n := first; n <= last && len(out) < 1000; n++ {
			s := strconv.Itoa(n)
			out = append(out, strings.Repeat("0", max(0, len(p.First)-len(s)))+s)
		}
	}
	return out
}

func (r renderer) parking() []byte {
	f := head("res_parking.conf: where calls wait to be fetched from any telephone")
	f.section("general")
	p := r.site.Parking
	if p == nil {
		return f.Bytes()
	}
	f.section("default")
	f.set("parkext", p.Number, "a transfer to this number parks the call")
	f.set("parkpos", p.First+"-"+p.Last, "")
	f.set("context", "parkedcalls", "")
	f.set("parkingtime", strconv.Itoa(p.TimeoutSeconds), "seconds")
	f.yes("comebacktoorigin", p.Then == "", "back to who parked it")
	f.set("comebackcontext", "parked-back", "")
	f.set("comebackdialtime", "30", "seconds")
	f.set("findslot", "next", "not the place that has just become free: somebody may be dialling it")
	f.set("parkedcalltransfers", "caller", "who fetches a call has the codes; who was parked has none")
	f.set("parkedcallhangup", "caller", "")
	f.set("parkedmusicclass", "default", "")
	return f.Bytes()
}

package asteriskconf

import (
	"fmt"
	"strings"
)

// This file has what decides how a call goes: chan_dahdi.conf,
// extensions.conf and queues.conf.

func (r renderer) dahdi() []byte {
	f := head("chan_dahdi.conf: the card's ports. A setting holds for the channels below it.")
	f.section("trunkgroups")
	f.section("channels")
	f.set("ignore_failed_channels", "yes", "one bad port must not take the others along")
	f.set("language", promptsEN, "")
	f.set("usecallerid", "yes", "")
	f.set("cidsignalling", r.country.cidSignalling, "the modem of caller id in "+r.country.name)
	f.set("cidstart", r.country.cidStart, "what comes before it")
	f.set("hidecallerid", "no", "")
	f.set("immediate", "no", "dial tone first, then digits")
	f.set("callwaiting", "no", "a telephone in a call is busy: the queue counts on it")
	f.set("callwaitingcallerid", "no", "")
	f.set("threewaycalling", "no", "no flash: whom an agent talks to is decided on the screen")
	f.set("transfer", "no", "")
	f.set("cancallforward", "no", "no codes that change where a seat's calls go")
	f.set("callreturn", "no", "")
	f.set("canpark", "no", "")
	f.set("echocancel", "yes", "")
	f.set("echocancelwhenbridged", "yes", "")
	f.set("echotraining", "no", "it would be heard at the beginning of a call")
	f.set("faxdetect", "no", "")
	f.set("interdigit_timeout", "10000", "ms to the next digit; a rotary dial takes two seconds for a 0")
	f.set("matchdigit_timeout", "10000", "ms when it could end here: only as a number that nobody has")

	f.line("\n; Telephones. The card plays the exchange, so their signalling is that of the other side.")
	f.set("signalling", "fxo_ks", "kewlstart: the battery goes away for a moment at hang-up")
	f.set("context", "phones", "")
	for _, e := range r.site.Extensions {
		f.line("callerid = %s<%s>", quoted(e.Name), e.Number)
		f.line("channel => %d", e.Port)
	}

	f.line("\n; Lines from the exchange.")
	f.set("signalling", "fxs_ks", "hang-up is seen by the battery going away for a moment")
	f.set("callerid", "asreceived", "")
	if r.country.busyPattern != "" {
		f.set("busydetect", "yes", "exchanges in "+r.country.name+" may end a call with the busy tone only")
		f.set("busycount", "4", "as many beeps: a voice makes two or three, now and then")
		f.set("busypattern", r.country.busyPattern, "ms on and off")
	}
	for _, l := range r.site.Lines {
		f.set("context", "lines-"+r.queueOf(l), "")
		f.line("channel => %d", l.Port)
	}
	return f.Bytes()
}

// quoted is a name as caller id takes it, with a space after it.
func quoted(name string) string {
	if name == "" {
		return ""
	}
	return `"` + name + `" `
}

func (r renderer) extensions() []byte {
	f := head("extensions.conf: the dialplan. A name in brackets is where calls of one kind begin.")
	f.section("general")
	f.set("static", "yes", "")
	f.set("writeprotect", "yes", "")
	f.set("clearglobalvars", "yes", "")

	f.section("phones")
	f.line("; What our telephones may dial.")
	for _, e := range r.site.Extensions {
		f.line("exten = %s,1,Dial(DAHDI/%d,%d)", e.Number, e.Port, ringTime)
		f.line(" same = n,Goto(not-reached,${DIALSTATUS},1)")
	}
	for _, q := range r.site.Queues {
		f.line("exten = %s,1,Goto(queues,%s,1)", q.Number, q.Number)
	}
	f.line("; Echo test: one hears oneself. No echo canceller, for it would do its work.")
	f.line("exten = *43,1,Set(CHANNEL(echocan_mode)=off)")
	f.line(" same = n,Answer()")
	f.line(" same = n,Echo()")
	f.line(" same = n,Hangup()")
	f.line("; Anything else, decided with the digit that makes it impossible. The first * and # stand")
	f.line("; here too, or the driver's own codes (*72 forwards a seat's calls) would be reached.")
	f.line("exten = _[0-9*#]!,1,Playtones(unobtainable)")
	f.line(" same = n,Wait(60)")
	f.line(" same = n,Hangup(1)")

	f.section("not-reached")
	f.line("; A telephone was dialled and did not answer: the caller hears why.")
	f.line("exten = BUSY,1,Busy(60)")
	f.line("exten = _[A-Z].,1,Congestion(60)")

	for _, q := range r.site.Queues {
		f.section("lines-" + q.Number)
		f.line("; Calls on the lines that lead to the queue %s.", q.Number)
		f.line("; A line whose hang-up is not seen must not be held for ever: %d hours at most.", maxLine/3600)
		f.line("exten = s,1,Set(TIMEOUT(absolute)=%d)", maxLine)
		f.line(" same = n,Goto(queues,%s,1)", q.Number)
	}

	f.section("queues")
	for _, q := range r.site.Queues {
		f.line("exten = %s,1,Answer()", q.Number)
		f.line(" same = n,Queue(%s) ; without options: neither side gets codes to press", q.Number)
		f.line(" same = n,Congestion(10) ; nobody could take the call")
		f.line(" same = n,Hangup()")
	}
	return f.Bytes()
}

func (r renderer) queues() []byte {
	f := head("queues.conf: queues and their members")
	f.section("general")
	f.set("autofill", "yes", "two free members take two callers at once")
	f.set("shared_lastcall", "yes", "")
	f.set("log_membername_as_agent", "yes", "")
	// An idle analog port is UNKNOWN, so that must not be in this list.
	empty := strings.Join([]string{"paused", "penalty", "invalid", "unavailable"}, ",")
	for _, q := range r.site.Queues {
		f.section(q.Number)
		f.set("strategy", "rrmemory", "in turn, beginning after the last who was asked")
		f.set("timeout", "15", "seconds a member's telephone rings")
		f.set("retry", "1", "seconds until the next is asked")
		f.set("ringinuse", "no", "")
		f.set("autopause", "no", "")
		f.set("musicclass", "default", "")
		f.set("joinempty", empty, "without `unknown`: that is the state of an idle analog port")
		f.set("leavewhenempty", empty, "")
		for _, m := range q.Members {
			device := fmt.Sprintf("DAHDI/%d", r.port(m))
			f.line("member => %s,0,%s,%s", device, m, device)
		}
	}
	return f.Bytes()
}

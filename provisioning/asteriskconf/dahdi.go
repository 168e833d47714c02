package asteriskconf

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"switchroom/provisioning"
)

// variableDialling is how long a number may still grow when it could end here,
// in ms: a person pauses that long within a number.
const variableDialling = 4000

func (r renderer) dahdi() []byte {
	f := head("chan_dahdi.conf: the card's ports. A setting holds for the channels below it.")
	f.section("trunkgroups")
	f.section("channels")
	f.set("ignore_failed_channels", "yes", "one bad port must not take the others along")
	f.set("usecallerid", "yes", "")
	f.set("cidsignalling", r.country.cidSignalling, "the modem of caller id in "+r.country.name)
	f.set("cidstart", r.country.cidStart, "what comes before it")
	f.set("hidecallerid", "no", "")
	f.set("immediate", "no", "dial tone first, then digits")
	f.set("callwaiting", "no", "a telephone in a call is busy: the queue counts on it")
	f.set("callwaitingcallerid", "no", "")
	f.set("threewaycalling", "no", "no flash: codes and the screen do more, and do it alike on every telephone")
	f.set("transfer", "no", "")
	f.set("cancallforward", "no", "no codes that change where a seat's calls go")
	f.set("callreturn", "no", "")
	f.set("canpark", "no", "")
	f.set("echocancel", "yes", "")
	f.set("echocancelwhenbridged", "yes", "")
	f.set("echotraining", "no", "it would be heard at the beginning of a call")
	f.set("faxdetect", "no", "")
	f.set("interdigit_timeout", "10000", "ms to the next digit; a rotary dial takes two seconds for a 0")
	f.set("matchdigit_timeout", strconv.Itoa(variableDialling), "ms when it could end here: numbers outside that have no fixed length")

	f.line("\n; Telephones. The card plays the exchange, so their signalling is that of the other side.")
	f.set("signalling", "fxo_ks", "kewlstart: the battery goes away for a moment at hang-up")
	for _, e := range r.site.Extensions {
		if e.Port == 0 {
			continue
		}
		f.set("context", phonesContext(e.Class), "")
		f.set("language", sounds(e.Language), "")
		f.line("callerid = %s<%s>", quoted(e.Name), e.Number)
		f.line("mailbox = %s", mailboxOf(e))
		for _, v := range r.variables(e) {
			f.line("setvar = %s", v)
		}
		r.gains(f, e.Port)
		f.line("channel => %d", e.Port)
	}
	f.line("; What is not a telephone of ours is known by these being empty.")
	for _, v := range []string{"SEAT", "CLASS", "RECORD", "SHOWN"} {
		f.set("setvar", v+"=", "")
	}
	f.set("mailbox", "", "")

	f.line("\n; Lines from the exchange.")
	lines := slices.SortedFunc(slices.Values(r.site.Lines), func(a, b provisioning.Line) int { return cmp.Compare(a.Port, b.Port) })
	f.set("language", sounds(r.site.Language), "")
	f.set("callerid", "asreceived", "")
	f.set("signalling", "fxs_ks", "hang-up is seen by the battery going away for a moment")
	if r.country.busyPattern != "" {
		f.set("busydetect", "yes", "exchanges in "+r.country.name+" may end a call with the busy tone only")
		f.set("busycount", "4", "as many beeps: a voice makes two or three, now and then")
		f.set("busypattern", r.country.busyPattern, "ms on and off")
	}
	for _, l := range lines {
		if !r.site.IsPBX(l.Port) {
			r.dahdiLine(f, l)
		}
	}
	f.line("\n; Ports for telephones that a line of another PBX is plugged into: it is answered with what the route says, not with dial tone.")
	f.set("signalling", "fxo_ks", "")
	f.set("immediate", "yes", "off the hook is a call")
	f.set("busydetect", "no", "")
	for _, l := range lines {
		if r.site.IsPBX(l.Port) {
			r.dahdiLine(f, l)
		}
	}
	return f.Bytes()
}

func (r renderer) dahdiLine(f *file, l provisioning.Line) {
	signalling, start := r.country.cidSignalling, r.country.cidStart
	switch s := l.CallerIDSignalling; {
	case s == "none":
	case s == "dtmf" && start != "polarity":
		signalling, start = s, "dtmf" // it begins with nothing
	case s != "":
		signalling = s
	}
	f.line("; %s", l.Name)
	f.set("context", linesContext(l.Name), "")
	f.set("group", strconv.Itoa(r.rings[l.Group]), "the line group "+l.Group)
	f.yes("usecallerid", l.CallerIDSignalling != "none", "")
	f.set("cidsignalling", signalling, "")
	f.set("cidstart", start, "")
	f.yes("answeronpolarityswitch", l.Answer == "polarity", "")
	f.yes("hanguponpolarityswitch", l.Answer == "polarity", "")
	r.gains(f, l.Port)
	f.line("channel => %d", l.Port)
}

// gains are how much louder a port is made. A setting holds for the channels
// below it: once one port has any, each gets its own.
func (r renderer) gains(f *file, port int) {
	loud := func(p provisioning.Port) bool { return p.GainIn != 0 || p.GainOut != 0 }
	if !slices.ContainsFunc(r.site.Ports, loud) {
		return
	}
	var p provisioning.Port
	if i := slices.IndexFunc(r.site.Ports, func(p provisioning.Port) bool { return p.Port == port }); i >= 0 {
		p = r.site.Ports[i]
	}
	f.set("rxgain", strconv.FormatFloat(p.GainIn, 'f', -1, 64), "dB")
	f.set("txgain", strconv.FormatFloat(p.GainOut, 'f', -1, 64), "dB")
}

// quoted is a name as caller id takes it, with a space after it.
func quoted(name string) string {
	if name == "" {
		return ""
	}
	return `"` + name + `" `
}

// device is what is dialled to ring an extension.
func device(e provisioning.Extension) string {
	if e.Port > 0 {
		return fmt.Sprintf("DAHDI/%d", e.Port)
	}
	return "PJSIP/" + e.Number
}

// variables are what a telephone's channel brings along, whether it calls or
// is called: the dial plan knows by them that it is one of ours, what it may
// call, whether its calls are recorded, and the number that it shows outside.
func (r renderer) variables(e provisioning.Extension) []string {
	record := e.Record
	if record == "default" {
		record = ""
	}
	// All of them, even if empty: in chan_dahdi.conf one holds until it is
	// given anew.
	return []string{"SEAT=" + e.Number, "CLASS=" + e.Class, "RECORD=" + record, "SHOWN=" + onlyDigits(e.CallerID)}
}

// onlyDigits is a number without what people write between its digits.
func onlyDigits(s string) string {
	var b []byte
	for i := range len(s) {
		if s[i] >= '0' && s[i] <= '9' || s[i] == '+' {
			b = append(b, s[i])
		}
	}
	return string(b)
}

// mailboxOf is the mailbox that an extension's lamp or stutter tone tells of.
func mailboxOf(e provisioning.Extension) string {
	if e.Voicemail == nil {
		return ""
	}
	return e.Number + "@default"
}

// phonesContext is where calls from telephones of a class begin.
func phonesContext(class string) string {
	if class == provisioning.StandardClass {
		return "phones"
	}
	return "phones-" + class
}

func linesContext(line string) string  { return "lines-" + line }
func trunkContext(trunk string) string { return "trunk-" + trunk }

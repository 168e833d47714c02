package asteriskconf

import (
	"fmt"
	"slices"
	"strconv"

	"switchroom/provisioning"
)

// This file has voicemail and conference rooms.

func (r renderer) hasMailboxes() bool {
	return len(r.site.Voicemail.Boxes) > 0 ||
		slices.ContainsFunc(r.site.Extensions, func(e provisioning.Extension) bool { return e.Voicemail != nil })
}

// unkeyable is the password of a mailbox that has none: no telephone has keys
// for it.
const unkeyable = "none-is-set"

func (r renderer) voicemail() []byte {
	f := head("voicemail.conf: mailboxes. Notices by mail are not sent: there is no mail program.")
	f.section("general")
	v := r.site.Voicemail
	f.set("format", "wav", "")
	f.set("maxmsg", strconv.Itoa(v.MaxMessages), "messages in a mailbox")
	f.set("maxsecs", strconv.Itoa(v.MaxSeconds), "seconds of one")
	f.set("minsecs", "2", "")
	f.set("attach", "no", "")
	f.set("review", "yes", "callers may listen to what they said, and say it again")
	f.set("operator", "no", "no key leads anywhere else")
	f.set("sendvoicemail", "no", "")
	f.set("tz", "site", "")
	f.set("passwordlocation", "spooldir", "a PIN that is changed by telephone is not written into this file")
	f.section("zonemessages")
	says := "'vm-received' ABdY 'digits/at' IMp"
	if r.site.Language == "zh-CN" {
		says = "'vm-received' BdA kM"
	}
	f.set("site", r.site.TimeZone+"|"+says, "")
	f.section("default")
	box := func(number, name string, pin provisioning.Secret) {
		password := pin.Reveal()
		if password == "" {
			password = unkeyable
		}
		f.line("%s => %s,%s", number, password, plain(name))
	}
	for _, e := range r.site.Extensions {
		if e.Voicemail != nil {
			box(e.Number, e.Name, e.Voicemail.PIN)
		}
	}
	for _, b := range v.Boxes {
		box(b.Number, b.Name, b.PIN)
	}
	return f.Bytes()
}

// plain is a name without the commas that separate fields.
func plain(name string) string {
	out := []rune(name)
	for i, c := range out {
		if c == ',' || c == '|' {
			out[i] = ' '
		}
	}
	return string(out)
}

func (r renderer) mailboxes(f *file) {
	f.context("voicemail", "Callers leave a message.")
	own := ""
	leave := func(number string) {
		f.exten(number, "Answer()", "CELGenUserEvent(DEST,kind=voicemail&what="+number+")", "VoiceMail("+number+"@default,u"+own+")", "Hangup(16)")
	}
	for _, e := range r.site.Extensions {
		if e.Voicemail != nil {
			leave(e.Number)
		}
	}
	for _, b := range r.site.Voicemail.Boxes {
		leave(b.Number)
	}
	if !r.hasMailboxes() {
		return
	}
	f.context("mailbox-own", "A telephone's own messages; without a PIN, to sit there is enough.")
	for _, e := range r.site.Extensions {
		switch {
		case e.Voicemail == nil:
		case e.Voicemail.PIN == "":
			f.exten(e.Number, "VoiceMailMain("+e.Number+"@default,s)", "Hangup()")
		default:
			f.exten(e.Number, "VoiceMailMain("+e.Number+"@default)", "Hangup()")
		}
	}
	f.exten("_X!", "Playback(vm-nobox)", "Hangup()")
	f.context("mailbox-other", "Asks for the mailbox and its PIN.")
	f.exten("s", "VoiceMailMain(@default)", "Hangup()")
}

func (r renderer) confbridge() []byte {
	f := head("confbridge.conf: conference rooms")
	f.section("general")
	f.section("default_bridge")
	f.set("type", "bridge", "")
	f.section("default_user")
	f.set("type", "user", "")
	for _, c := range r.site.Conferences {
		f.section("room-" + c.Number)
		f.set("type", "bridge", c.Name)
		f.set("max_members", strconv.Itoa(c.MaxMembers), "")
		f.set("language", sounds(r.site.Language), "of what the whole room hears")
	}
	user := func(name, why string, settings ...string) {
		f.section(name)
		f.set("type", "user", why)
		f.set("announce_only_user", "yes", "who is alone is told so")
		f.set("music_on_hold_when_empty", "yes", "")
		f.set("dsp_drop_silence", "yes", "who says nothing costs nothing")
		for _, s := range settings {
			f.line("%s", s)
		}
	}
	user("guest", "in a room without a host")
	user("waiting", "in a room with one: music until the host is there", "wait_marked = yes")
	user("host", "", "marked = yes")
	return f.Bytes()
}

func (r renderer) conferences(f *file) {
	f.context("conferences", "Conference rooms.")
	for _, c := range r.site.Conferences {
		steps := []string{"Answer()", "CELGenUserEvent(DEST,kind=conference&what=" + c.Number + ")"}
		if c.Record {
			steps = append(steps, "Gosub(record-told,s,1)")
		}
		join := func(label, user string) []string {
			return []string{label + fmt.Sprintf("ConfBridge(%s,room-%s,%s)", c.Number, c.Number, user), "Hangup()"}
		}
		if c.PIN == "" && c.HostPIN == "" {
			steps = append(steps, "Playback(switchroom/conference-welcome)")
			f.exten(c.Number, append(steps, join("", "guest")...)...)
			continue
		}
		guest := "guest"
		if c.HostPIN != "" {
			guest = "waiting"
		}
		steps = append(steps, "Set(TRY=0)", "ask: Read(PIN,conf-getpin,8,,1,7)")
		if c.HostPIN != "" {
			steps = append(steps, `GotoIf($["x${PIN}" = "x`+c.HostPIN.Reveal()+`"]?host)`)
		}
		steps = append(steps, `GotoIf($["x${PIN}" = "x`+c.PIN.Reveal()+`"]?guest)`,
			"Set(TRY=$[${TRY} + 1])", "Playback(conf-invalidpin)", "GotoIf($[${TRY} < 3]?ask)", "Hangup(21)")
		if c.HostPIN != "" {
			steps = append(steps, join("host: ", "host")...)
		}
		f.exten(c.Number, append(steps, join("guest: ", guest)...)...)
	}
}

// Package asteriskconf turns the site document into every file that Asterisk
// reads from its configuration folder. It is a pure function: the same
// document, ports and secrets give the same files, to the byte, and nothing
// else is looked at.
//
// The files are written to be read: a line whose reason is not obvious has it
// beside it.
//
// # Contexts
//
// Where calls begin:
//
//	phones, phones-<class>       what our telephones dial
//	transfer-<class>             what they may give a call to; transfer-house: within the house
//	lines-<line>, trunk-<trunk>  calls from outside
//	inbound-<n>                  the inbound routes that can apply to some of these
//
// Where they lead:
//
//	extensions, queues, groups, conferences, announcements, schedules, voicemail, agent-direct, external, callback, ends
//	ivr-<name>                   a menu
//	out-<class>, outbound        numbers outside
//
// What is done on the way, by Gosub: from-phone, incoming, seat, leg (on a
// telephone before it rings), record, way, spend …
//
// The state that must outlive a restart is in Asterisk's own database:
//
//	agent/<agent>/seat   where an agent sits      seat/<extension>/agent   who sits there
//	agent/<agent>/missed calls missed in a row    lock/<agent>/…           wrong PINs
//	schedule/<name>      open or closed by hand   spent/<who>/…            what calls to outside have taken today
//	callback/<queue>/<id> who waits for a call    calm/<queue>/<member>    who missed a call a moment ago
//
// # What comes from outside is never executed
//
// Asterisk replaces ${…} and $[…] in a line before it runs it, once; what
// comes out is not looked at again by the dial plan itself, but by the
// application or function that gets it: a comma separates arguments, a quote
// ends a string of an expression. So these rules hold, and a test holds them:
//
//   - A caller's number, the number called and everything else that came over a
//     line or a trunk goes through FILTER before anything is done with it, and
//     has then nothing but digits, * # and +.
//   - A caller's name stays in CALLERID(name), where telephones find it. No line
//     of the dial plan reads it.
//   - A name that the document gives loses its $ where it stands in the dial
//     plan; the form of all others has none.
//   - Keys that were pressed (Read, EXTEN of a menu) are digits, * and #.
//   - Numbers are compared as "x${NUMBER}" where 007 and 7 must differ: an
//     expression compares what looks like numbers as numbers.
//
// # What rests on Asterisk's source and was proven by a test
//
//   - An idle analog port has the device state UNKNOWN: chan_dahdi's callback
//     answers for ISDN only, and the generic look-up finds no channel. A hint
//     makes of it "not in use", and of a port with a channel "in use". So queues
//     look at hints (context seats), for telephones of every kind; and
//     "unknown" still is not in the list of what makes a queue empty.
//   - A pattern that ends in ! is never "could match more": a number ends with
//     the digit that makes it impossible, without a time-out. See deadEnds.
//   - chan_dahdi has codes of its own (*67, *69, *70, *72, *78 …) and looks at
//     the dial plan first: dead ends hide them.
//   - A pattern such as _. also matches h, i and t, which Asterisk jumps to by
//     itself: no pattern here does. And x, z and n in a pattern are digits, as
//     X, Z and N are, unless they stand in brackets.
//   - PRIORITY is the number of the step that runs, and can't be set.
//   - Before the answer a SIP telephone hears nothing unless Progress() is done.
//   - The channel that is called has the language of its technology, not the
//     caller's: CALLER_LANGUAGE carries that.
//   - A blind transfer looks for its number in TRANSFER_CONTEXT of who gives the
//     call away, else in the context where that channel happens to be.
//   - The caller's and the called's features are told apart by the options t and
//     T, h and H, and stay with the channels when Local channels are taken out.
package asteriskconf

import (
	"slices"
	"strings"

	"switchroom/provisioning"
)

// Secrets are what may stand in no document and no log, and what else is known
// to the box alone.
type Secrets struct {
	Manager string // of the manager user "provision", who may reload Asterisk; printable, without spaces; new at every boot
	CTI     string // of the manager user "cti"; empty: there is none
	// SIP are the passwords of telephones that have none in the document, by
	// extension. A telephone without any can't register.
	SIP map[string]string
	// Paths of PEM files on the box, for SIP over TLS; empty: nobody can.
	Certificate, Key string
}

// Folders of the firmware, which the configuration names.
const (
	configDir = "/etc/asterisk"
	moduleDir = "/usr/lib/x86_64-linux-gnu/asterisk/modules"
	dataDir   = "/usr/share/asterisk"   // prompts and music; read-only
	stateDir  = "/var/lib/asterisk"     // Asterisk's own database
	spoolDir  = "/var/spool/asterisk"   // recordings, voice mail
	logDir    = "/var/log/asterisk"     // queue log, channel events
	runDir    = "/run/asterisk"         // control socket
	uploadDir = "/data/prompts/uploads" // what the owner uploaded, by the name in the document
	manager   = "provision"             // a user of manager.conf
	cti       = "cti"                   // the other one
)

// Folders of the prompts below dataDir/sounds, which are Asterisk's names of
// the languages.
const (
	soundsEN = "en_US_f_Allison"
	soundsZH = "zh"
)

// sounds is the folder of a language of the document.
func sounds(language string) string {
	if language == "zh-CN" {
		return soundsZH
	}
	return soundsEN
}

// Render returns the files by name. The site must be valid; it is completed
// for the ports. Extensions and lines whose ports are not among them are left
// out, and so are such extensions as members of queues and groups.
func Render(site provisioning.Site, ports provisioning.Ports, secrets Secrets) map[string][]byte {
	r := newRenderer(plugged(site.Complete(ports), ports), secrets)
	return map[string][]byte{
		"asterisk.conf":    r.asterisk(),
		"modules.conf":     r.modules(),
		"logger.conf":      r.logger(),
		"manager.conf":     r.manager(),
		"cli.conf":         r.cli(),
		"chan_dahdi.conf":  r.dahdi(),
		"pjsip.conf":       r.pjsip(),
		"rtp.conf":         r.rtp(),
		"http.conf":        r.http(),
		"extensions.conf":  r.extensions(),
		"queues.conf":      r.queues(),
		"queuerules.conf":  r.queueRules(),
		"agents.conf":      r.agentPool(),
		"features.conf":    r.features(),
		"res_parking.conf": r.parking(),
		"voicemail.conf":   r.voicemail(),
		"confbridge.conf":  r.confbridge(),
		"indications.conf": r.indications(),
		"musiconhold.conf": r.musicOnHold(),
		"cel.conf":         r.cel(),
		"cel_custom.conf":  r.celCustom(),
		"cdr.conf":         off("cdr.conf: off; the call records are made of channel events (cel.conf)", "enable = no"),
		// Asterisk complains of these when they are missing, and takes its own
		// defaults when there is nothing in them.
		"acl.conf":       empty("acl.conf"),
		"ccss.conf":      empty("ccss.conf"),
		"pjproject.conf": empty("pjproject.conf"),
		"stasis.conf":    empty("stasis.conf"),
		"udptl.conf":     off("udptl.conf: no fax over SIP"),
	}
}

// plugged returns the completed site without what stands on ports that aren't
// there, and so without anybody who has no telephone left.
func plugged(site provisioning.Site, ports provisioning.Ports) provisioning.Site {
	gone := map[string]bool{}
	site.Extensions = slices.DeleteFunc(slices.Clone(site.Extensions), func(e provisioning.Extension) bool {
		if e.Port > 0 && !slices.Contains(ports.FXS, e.Port) {
			gone[e.Number] = true
		}
		return gone[e.Number]
	})
	site.Lines = slices.DeleteFunc(slices.Clone(site.Lines), func(l provisioning.Line) bool {
		if site.IsPBX(l.Port) {
			return !slices.Contains(ports.FXS, l.Port)
		}
		return !slices.Contains(ports.FXO, l.Port)
	})
	keep := func(members []string) []string {
		return slices.DeleteFunc(slices.Clone(members), func(m string) bool { return gone[m] })
	}
	site.Queues, site.Groups = slices.Clone(site.Queues), slices.Clone(site.Groups)
	for i := range site.Queues {
		site.Queues[i].Members = keep(site.Queues[i].Members)
	}
	for i := range site.Groups {
		site.Groups[i].Members = keep(site.Groups[i].Members)
	}
	return site
}

type renderer struct {
	site    *provisioning.Site
	secrets Secrets
	country country
	device  map[string]string // by the number of an extension: what is dialled to ring it
	rings   map[string]int    // by name: the number of a line group in chan_dahdi.conf
}

func newRenderer(site provisioning.Site, secrets Secrets) renderer {
	r := renderer{site: &site, secrets: secrets, country: countries[site.Country], device: map[string]string{}, rings: map[string]int{}}
	for _, e := range site.Extensions {
		r.device[e.Number] = device(e)
	}
	for i, g := range site.LineGroups {
		r.rings[g.Name] = i + 1
	}
	return r
}

// destination is where a call goes, as Goto takes it.
func destination(d provisioning.Destination) string {
	t := d.Target()
	switch d.Kind() {
	case provisioning.ToQueue:
		return "queues," + t + ",1"
	case provisioning.ToIVR:
		return "ivr-" + t + ",s,1"
	case provisioning.ToExtension:
		return "extensions," + t + ",1"
	case provisioning.ToAgent:
		return "agent-direct," + t + ",1"
	case provisioning.ToGroup:
		return "groups," + t + ",1"
	case provisioning.ToAnnouncement:
		return "announcements," + t + ",1"
	case provisioning.ToVoicemail:
		return "voicemail," + t + ",1"
	case provisioning.ToConference:
		return "conferences," + t + ",1"
	case provisioning.ToSchedule:
		return "schedules," + t + ",1"
	case provisioning.ToExternal:
		return "external," + t + ",1"
	case provisioning.ToCallback:
		return "callback," + t + ",1"
	case provisioning.ToBusy:
		return "ends,busy,1"
	}
	return "ends,hangup,1"
}

// prompt is a prompt of the document as Playback takes it: the owner's own are
// in the folder that the room of prompts keeps.
func prompt(name string) string {
	if sound, ok := strings.CutPrefix(name, provisioning.SoundPrefix); ok {
		return sound
	}
	return "custom/site/" + name
}

// prompts are several, one after the other.
func prompts(names []string) string {
	var all []string
	for _, n := range names {
		all = append(all, prompt(n))
	}
	return strings.Join(all, "&")
}

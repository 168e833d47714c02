// Package asteriskconf turns the site document into every file that Asterisk
// reads from its configuration folder. It is a pure function: the same
// document, ports and secrets give the same files, to the byte, and nothing
// else is looked at.
//
// The files are written to be read: a line whose reason is not obvious has it
// beside it. What rests on Asterisk's source and was proven by a test:
//
//   - An idle analog port has the device state UNKNOWN: chan_dahdi's callback
//     answers for ISDN only, and the generic look-up finds no channel. So a
//     queue may not take "unknown" for "nobody there", or a queue of analog
//     telephones would be empty for ever. A port in use has a channel and is
//     INUSE, which is what keeps the queue from ringing it.
//   - A pattern that ends in ! is never "could match more": a number ends with
//     the digit that makes it known or impossible, without a time-out.
//   - chan_dahdi has codes of its own (*67, *69, *70, *72, *78 …) and looks at
//     the dialplan first: the catch-all that begins with [0-9*#] hides them.
package asteriskconf

import (
	"bytes"
	"fmt"
	"slices"

	"switchroom/provisioning"
)

// Secrets are what may stand in no document and no log; new at every boot.
type Secrets struct {
	Manager string // of the manager user who may reload Asterisk; printable, without spaces
}

// Folders of the firmware, which the configuration names.
const (
	configDir = "/etc/asterisk"
	moduleDir = "/usr/lib/x86_64-linux-gnu/asterisk/modules"
	dataDir   = "/usr/share/asterisk" // prompts and music; read-only
	stateDir  = "/var/lib/asterisk"   // Asterisk's own database
	spoolDir  = "/var/spool/asterisk" // recordings, voice mail
	logDir    = "/var/log/asterisk"   // queue log
	runDir    = "/run/asterisk"       // control socket
	promptsEN = "en_US_f_Allison"     // the folder of the English prompts below dataDir/sounds
	manager   = "provision"           // the user of manager.conf
)

// Bounds, in seconds.
const (
	maxLine  = 4 * 60 * 60 // a call on a line; see lines-… in extensions.conf
	ringTime = 120         // ringing of a called telephone
)

// Render returns the files by name. The site must be valid. Extensions and
// lines whose ports are not among ports are left out, and so are such
// extensions as members of a queue.
func Render(site provisioning.Site, ports provisioning.Ports, secrets Secrets) map[string][]byte {
	r := renderer{site: plugged(site, ports), secrets: secrets, country: countries[site.Country]}
	return map[string][]byte{
		"asterisk.conf":    r.asterisk(),
		"modules.conf":     r.modules(),
		"logger.conf":      r.logger(),
		"manager.conf":     r.manager(),
		"chan_dahdi.conf":  r.dahdi(),
		"pjsip.conf":       r.pjsip(),
		"rtp.conf":         r.rtp(),
		"extensions.conf":  r.extensions(),
		"queues.conf":      r.queues(),
		"features.conf":    r.features(),
		"indications.conf": r.indications(),
		"musiconhold.conf": r.musicOnHold(),
		"cdr.conf":         off("cdr.conf: call records are not kept yet", "enable = no"),
		"cel.conf":         off("cel.conf: channel events are not kept yet", "enable = no"),
		"http.conf":        off("http.conf: nothing of ours speaks HTTP through Asterisk", "enabled = no"),
		// Asterisk complains of these when they are missing, and takes its own
		// defaults when there is nothing in them.
		"acl.conf":        empty("acl.conf"),
		"ccss.conf":       empty("ccss.conf"),
		"pjproject.conf":  empty("pjproject.conf"),
		"queuerules.conf": empty("queuerules.conf"),
		"stasis.conf":     empty("stasis.conf"),
		"udptl.conf":      off("udptl.conf: no fax over SIP"),
	}
}

// plugged returns the site without what stands on ports that aren't there.
func plugged(site provisioning.Site, ports provisioning.Ports) provisioning.Site {
	site.Extensions = slices.DeleteFunc(slices.Clone(site.Extensions), func(e provisioning.Extension) bool {
		return !slices.Contains(ports.FXS, e.Port)
	})
	site.Lines = slices.DeleteFunc(slices.Clone(site.Lines), func(l provisioning.Line) bool {
		return !slices.Contains(ports.FXO, l.Port)
	})
	site.Queues = slices.Clone(site.Queues)
	for i := range site.Queues {
		q := &site.Queues[i]
		q.Members = slices.DeleteFunc(slices.Clone(q.Members), func(m string) bool {
			return !slices.ContainsFunc(site.Extensions, func(e provisioning.Extension) bool { return e.Number == m })
		})
	}
	return site
}

// queueOf is the number of the queue that a line's callers come to; empty if
// they go elsewhere.
func (r renderer) queueOf(l provisioning.Line) string {
	for _, in := range r.site.Inbound {
		if len(in.From) == 0 || slices.Contains(in.From, l.Name) || slices.Contains(in.From, l.Group) {
			if in.To.Kind() == provisioning.ToQueue {
				return in.To.Target()
			}
			break
		}
	}
	return ""
}

type renderer struct {
	site    provisioning.Site
	secrets Secrets
	country country
}

// port returns the port of an extension, which exists.
func (r renderer) port(number string) int {
	for _, e := range r.site.Extensions {
		if e.Number == number {
			return e.Port
		}
	}
	panic("asteriskconf: member " + number + " was not left out")
}

// file gathers the lines of one file.
type file struct{ bytes.Buffer }

// head begins a file: what it is, and that changing it is in vain.
func head(what string) *file {
	f := &file{}
	f.line("; %s", what)
	f.line("; Made from the site document at every boot: a change here lasts until then.")
	return f
}

func (f *file) line(format string, args ...any) { fmt.Fprintf(f, format+"\n", args...) }

// section begins a section, after an empty line.
func (f *file) section(name string) { f.line("\n[%s]", name) }

// set writes a setting, and the reason for it unless that is empty.
func (f *file) set(key, value, why string) {
	if why == "" {
		f.line("%s = %s", key, value)
		return
	}
	f.line("%-40s ; %s", key+" = "+value, why)
}

// off is a file whose program part stays at its defaults or off.
func off(what string, settings ...string) []byte {
	f := head(what)
	f.section("general")
	for _, s := range settings {
		f.line("%s", s)
	}
	return f.Bytes()
}

// empty is a file that must be there.
func empty(name string) []byte { return head(name + ": nothing but the defaults").Bytes() }

func (r renderer) asterisk() []byte {
	f := head("asterisk.conf: folders and what holds for the whole process")
	f.section("directories")
	f.set("astetcdir", configDir, "")
	f.set("astmoddir", moduleDir, "")
	f.set("astdatadir", dataDir, "prompts, music")
	f.set("astagidir", dataDir+"/agi-bin", "")
	f.set("astvarlibdir", stateDir, "")
	f.set("astdbdir", stateDir, "")
	f.set("astkeydir", stateDir, "")
	f.set("astspooldir", spoolDir, "")
	f.set("astlogdir", logDir, "")
	f.set("astrundir", runDir, "")
	f.section("options")
	f.set("systemname", "switchroom", "in front of every call's unique id")
	f.set("defaultlanguage", promptsEN, "the folder of the prompts")
	f.set("entityid", "02:00:00:00:00:01", "else Asterisk looks for a network card and complains of none")
	f.set("nocolor", "yes", "output goes to a log, not to a person")
	f.set("hideconnect", "yes", "")
	f.set("live_dangerously", "no", "no shell from the manager's connection")
	f.section("files")
	f.set("astctlpermissions", "0660", "the control socket: for Asterisk's own group")
	f.set("astctlgroup", "asterisk", "")
	return f.Bytes()
}

// The modules of today's site, without those that others load because they
// need them. Autoload would take four times as many, and twice as long.
var modules = []struct{ why, names string }{
	{"the dialplan, its applications and functions",
		"pbx_config app_dial app_queue app_echo app_playback app_playtones app_stack func_callerid func_channel func_logic func_timeout"},
	{"how calls are joined", "bridge_simple bridge_native_rtp bridge_holding bridge_softmix bridge_builtin_features"},
	{"sound: clock, codecs, prompts, music", "res_timing_timerfd codec_ulaw codec_alaw codec_a_mu codec_gsm codec_resample format_pcm format_gsm format_wav res_musiconhold"},
	{"SIP", "res_rtp_asterisk res_sorcery_config res_sorcery_memory res_sorcery_astdb res_pjproject res_pjsip res_pjsip_session res_pjsip_pubsub " +
		"res_pjsip_sdp_rtp res_pjsip_caller_id res_pjsip_authenticator_digest res_pjsip_endpoint_identifier_user res_pjsip_registrar chan_pjsip"},
}

func (r renderer) modules() []byte {
	f := head("modules.conf: what is loaded. A list, because looking at every module costs start-up time.")
	f.section("modules")
	f.set("autoload", "no", "")
	for _, group := range modules {
		f.line("; %s", group.why)
		for _, name := range bytes.Fields([]byte(group.names)) {
			f.line("load = %s.so", name)
		}
	}
	if len(r.site.Extensions)+len(r.site.Lines) > 0 {
		f.line("; the card")
		f.line("load = chan_dahdi.so")
	}
	return f.Bytes()
}

func (r renderer) logger() []byte {
	f := head("logger.conf: everything goes to the standard output, which the supervisor keeps")
	f.section("general")
	f.set("dateformat", "%F %T.%3q", "")
	f.set("queue_log", "no", "nobody reads it yet, and it would grow without a bound")
	f.section("logfiles")
	f.set("console", "notice,warning,error", "")
	return f.Bytes()
}

func (r renderer) manager() []byte {
	f := head("manager.conf: the management connection, for programs on this box")
	f.section("general")
	f.set("enabled", "yes", "")
	f.set("bindaddr", "127.0.0.1", "nobody outside")
	f.set("port", "5038", "")
	f.set("webenabled", "no", "")
	f.set("displayconnects", "no", "")
	f.section(manager)
	f.set("secret", r.secrets.Manager, "new at every boot")
	f.set("deny", "0.0.0.0/0.0.0.0", "")
	f.set("permit", "127.0.0.1/255.255.255.255", "")
	f.set("read", "none", "")
	f.set("write", "system", "reload, and nothing else that is of use without `originate`")
	f.set("writetimeout", "5000", "ms a reader may stall before it is cut off")
	return f.Bytes()
}

func (r renderer) pjsip() []byte {
	f := head("pjsip.conf: SIP. There are no SIP telephones yet; who tries to register is refused.")
	f.section("global")
	f.set("type", "global", "")
	f.set("user_agent", "Switchroom", "")
	f.set("endpoint_identifier_order", "username", "no endpoint is known by its address")
	f.section("udp")
	f.set("type", "transport", "")
	f.set("protocol", "udp", "")
	f.set("bind", "0.0.0.0:5060", "")
	f.section("udp6")
	f.set("type", "transport", "")
	f.set("protocol", "udp", "")
	f.set("bind", "[::]:5060", "")
	return f.Bytes()
}

func (r renderer) rtp() []byte {
	f := head("rtp.conf: the UDP ports of SIP's sound")
	f.section("general")
	f.set("rtpstart", "10000", "")
	f.set("rtpend", "19999", "")
	f.set("icesupport", "no", "")
	return f.Bytes()
}

func (r renderer) features() []byte {
	f := head("features.conf: codes pressed during a call. None: a caller could press them too.")
	f.section("general")
	f.section("featuremap")
	for _, name := range []string{"blindxfer", "atxfer", "disconnect", "automixmon", "parkcall"} {
		f.line("%s =", name)
	}
	f.section("applicationmap")
	return f.Bytes()
}

func (r renderer) indications() []byte {
	c := r.country
	f := head("indications.conf: what tones mean in " + c.name)
	f.section("general")
	f.set("country", r.site.Country, "")
	f.section(r.site.Country)
	f.set("description", c.name, "")
	for _, t := range []struct{ key, value string }{
		{"ringcadence", c.tones.ringCadence}, {"dial", c.tones.dial}, {"busy", c.tones.busy}, {"ring", c.tones.ring},
		{"congestion", c.tones.congestion}, {"callwaiting", c.tones.callWaiting}, {"dialrecall", c.tones.dialRecall},
		{"record", c.tones.record}, {"info", c.tones.info}, {"stutter", c.tones.stutter},
	} {
		f.set(t.key, t.value, "")
	}
	f.line("; ours: there is no such number")
	f.set("unobtainable", c.tones.unobtainable, "")
	return f.Bytes()
}

func (r renderer) musicOnHold() []byte {
	f := head("musiconhold.conf: what waiting callers hear")
	f.section("default")
	f.set("mode", "files", "")
	f.set("directory", dataDir+"/moh", "")
	f.set("sort", "random", "")
	return f.Bytes()
}

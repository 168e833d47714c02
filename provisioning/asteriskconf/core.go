package asteriskconf

import (
	"slices"
	"strings"

	"switchroom/provisioning"
)

// This file has what holds for Asterisk as a whole.

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
	f.set("defaultlanguage", soundsEN, "the folder of the prompts; every telephone, line and trunk has its own, so that this need not change")
	f.set("sounds_search_custom_dir", "yes", "the owner's own voice, custom/…, comes before ours")
	f.set("entityid", "02:00:00:00:00:01", "else Asterisk looks for a network card and complains of none")
	f.set("nocolor", "yes", "output goes to a log, not to a person")
	f.set("hideconnect", "yes", "")
	f.set("live_dangerously", "no", "no shell from the manager's connection")
	f.section("files")
	f.set("astctlpermissions", "0660", "the control socket: for Asterisk's own group")
	f.set("astctlgroup", "asterisk", "")
	return f.Bytes()
}

// moduleGroup is modules that serve one purpose.
type moduleGroup struct{ why, names string }

// The modules of every site. Autoload would take three times as many, and
// twice as long.
var modules = []moduleGroup{
	{"the dial plan and its applications",
		"pbx_config app_dial app_queue app_echo app_playback app_playtones app_read app_stack app_exec app_while app_db app_originate " +
			"app_softhangup app_celgenuserevent app_mixmonitor app_directed_pickup app_sayunixtime app_bridgewait app_chanspy res_clioriginate"},
	{"functions of the dial plan",
		"func_callerid func_channel func_cut func_db func_devstate func_dialplan func_global func_groupcount func_hangupcause func_lock " +
			"func_logic func_math func_rand func_strings func_timeout"},
	{"how calls are joined", "bridge_simple bridge_native_rtp bridge_holding bridge_softmix bridge_builtin_features bridge_builtin_interval_features"},
	{"sound: clock, codecs, prompts, music",
		"res_timing_timerfd codec_ulaw codec_alaw codec_a_mu codec_gsm codec_g722 codec_resample format_pcm format_gsm format_wav res_musiconhold"},
	{"what programs ask for over the management connection", "app_bridgeaddchan app_senddtmf app_userevent res_manager_devicestate res_mutestream"},
	{"records", "res_cdrel_custom cel_custom"},
	{"SIP", "res_rtp_asterisk res_sorcery_config res_sorcery_memory res_sorcery_astdb res_pjproject res_pjsip res_pjsip_session res_pjsip_pubsub " +
		"res_pjsip_sdp_rtp res_pjsip_caller_id res_pjsip_authenticator_digest res_pjsip_outbound_authenticator_digest res_pjsip_endpoint_identifier_user " +
		"res_pjsip_endpoint_identifier_ip res_pjsip_registrar res_pjsip_outbound_registration res_pjsip_dtmf_info res_pjsip_nat res_pjsip_refer " +
		"res_pjsip_rfc3326 res_pjsip_header_funcs chan_pjsip"},
}

// modulesOf are those of every site and those that this one needs.
func (r renderer) modulesOf() []moduleGroup {
	s, out := r.site, slices.Clone(modules)
	add := func(needed bool, why, names string) {
		if needed {
			out = append(out, moduleGroup{why, names})
		}
	}
	add(r.hasMailboxes(), "voicemail", "app_voicemail res_pjsip_mwi res_pjsip_mwi_body_generator")
	add(s.Parking != nil, "parking", "res_parking")
	add(len(s.Conferences) > 0, "conference rooms", "app_confbridge")
	add(slices.ContainsFunc(s.Agents, func(a provisioning.Agent) bool { return a.AlwaysConnected }), "agents who are always connected", "app_agent_pool")
	add(r.encrypts(), "encrypted sound", "res_srtp")
	add(r.hasBrowsers(), "softphones in browsers", "res_http_websocket res_pjsip_transport_websocket")
	codecs := map[string]string{"opus": "codec_opus_open_source res_format_attr_opus", "g729": "format_g729 res_format_attr_g729"}
	for _, c := range []string{"opus", "g729"} {
		add(r.speaks(c), "the codec "+c, codecs[c])
	}
	add(slices.ContainsFunc(s.Extensions, func(e provisioning.Extension) bool { return e.Port > 0 }) || len(s.Lines) > 0, "the card", "chan_dahdi")
	return out
}

func (r renderer) modules() []byte {
	f := head("modules.conf: what is loaded. A list, because looking at every module costs start-up time.")
	f.section("modules")
	f.set("autoload", "no", "")
	for _, group := range r.modulesOf() {
		f.line("; %s", group.why)
		for name := range strings.FieldsSeq(group.names) {
			f.line("load = %s.so", name)
		}
	}
	return f.Bytes()
}

func (r renderer) logger() []byte {
	f := head("logger.conf: everything goes to the standard output, which the supervisor keeps")
	f.section("general")
	f.set("dateformat", "%F %T.%3q", "")
	f.set("queue_log", "yes", "what queues and agents did, for the call records")
	f.set("queue_log_to_file", "yes", "")
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
	f.set("timestampevents", "yes", "")
	f.set("channelvars", "AGENT,CALLREF,DNIS,QUEUE", "come with every event of a channel")
	user := func(name, secret string) {
		f.section(name)
		f.set("secret", secret, "new at every boot")
		f.set("deny", "0.0.0.0/0.0.0.0", "")
		f.set("permit", "127.0.0.1/255.255.255.255", "")
	}
	user(manager, r.secrets.Manager)
	f.set("read", "system", "that Asterisk is ready, and what it reloaded")
	f.set("write", "system,reporting,command", "reload, which calls there are, and the commands of chan_dahdi; no `originate`")
	f.set("writetimeout", "5000", "ms a reader may stall before it is cut off")
	if r.secrets.CTI == "" {
		return f.Bytes()
	}
	user(cti, r.secrets.CTI)
	f.set("read", "system,call,agent,user,dtmf,reporting", "")
	f.set("write", "call,agent,user,originate,reporting", "neither `system` nor `command`: with `originate` they could run any program")
	f.set("writetimeout", "10000", "")
	for _, e := range []string{"VarSet", "Newexten", "RTCPSent", "RTCPReceived"} {
		f.line("eventfilter(action(exclude),name(%s)) =", e)
	}
	f.line("eventfilter(action(exclude),name(DeviceStateChange),header(Device),method(starts_with)) = Local/")
	f.line("eventfilter(action(exclude),name(DeviceStateChange),header(Device),method(starts_with)) = Queue:")
	return f.Bytes()
}

func (r renderer) cli() []byte {
	f := head("cli.conf: what Asterisk does when it has started")
	f.section("startup_commands")
	f.line("; Agents who were logged in get the queues that the document gives them now; who waits for a call back goes on waiting.")
	f.line("channel originate Local/s@started application Wait 1 = yes")
	return f.Bytes()
}

func (r renderer) cel() []byte {
	f := head("cel.conf: channel events, of which the call records are made")
	f.section("general")
	f.set("enable", "yes", "")
	f.set("apps", "queue,dial,voicemail,voicemailmain,confbridge,agentlogin,park,chanspy,pickup,pickupchan", "whose beginning and end is told")
	f.set("events", "CHAN_START,CHAN_END,ANSWER,HANGUP,APP_START,APP_END,PARK_START,PARK_END,USER_DEFINED,BRIDGE_ENTER,BRIDGE_EXIT,"+
		"BLINDTRANSFER,ATTENDEDTRANSFER,PICKUP,FORWARD,LINKEDID_END,LOCAL_OPTIMIZE", "")
	return f.Bytes()
}

func (r renderer) celCustom() []byte {
	f := head("cel_custom.conf: one line for every channel event, in " + logDir + "/cel-custom")
	f.section("cel.csv")
	f.set("format", "dsv", "fields by name, which costs a third of what expressions do")
	f.set("quoting_method", "all", "")
	f.set("fields", "EventTime,EventType,UniqueID,LinkedID,ChanName,Num,Name,Exten,Context,AppName,AppData,Peer,EventExtra,userdeftype,AccountCode", "")
	return f.Bytes()
}

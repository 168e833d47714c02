package asteriskconf

// This file has what people hear that is no speech, and the codes that are
// pressed during a call.

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
	own := false
	for _, m := range r.site.Music {
		own = own || m.Name == "default"
	}
	if !own {
		f.section("default")
		f.set("mode", "files", "")
		f.set("directory", dataDir+"/moh", "")
		f.set("sort", "random", "")
	}
	for _, m := range r.site.Music {
		f.section(m.Name)
		f.set("mode", "playlist", "the files below, without looking into a folder")
		if m.Shuffle {
			f.set("sort", "random", "")
		}
		for _, name := range m.Files {
			f.set("entry", uploadDir+"/"+name, "kept as "+name+".wav: Asterisk adds the ending")
		}
	}
	return f.Bytes()
}

func (r renderer) rtp() []byte {
	f := head("rtp.conf: the UDP ports of SIP's sound")
	f.section("general")
	f.set("rtpstart", "10000", "")
	f.set("rtpend", "19999", "")
	f.yes("icesupport", r.hasBrowsers(), "browsers alone need it; endpoints ask for it themselves")
	return f.Bytes()
}

func (r renderer) http() []byte {
	f := head("http.conf: for the softphones in browsers, whose connections another program of this box hands over")
	f.section("general")
	f.yes("enabled", r.hasBrowsers(), "")
	f.set("bindaddr", "127.0.0.1", "nobody outside")
	f.set("bindport", "8088", "")
	return f.Bytes()
}

func (r renderer) features() []byte {
	c := r.site.Features
	f := head("features.conf: codes pressed during a call. Only our telephones have them: see the options of Dial and Bridge.")
	f.section("general")
	f.set("featuredigittimeout", "1500", "ms between the digits of a code")
	f.set("transferdigittimeout", "5", "seconds between the digits of a number")
	f.set("atxfernoanswertimeout", "30", "seconds")
	f.set("atxferdropcall", "no", "who gives a call away and hangs up early still gives it away")
	f.set("atxferthreeway", c.ThreeWay, "while asking: all three together")
	f.set("pickupexten", "", "the dial plan has a code for it; this one would come first, and knows no groups")
	f.section("featuremap")
	f.set("blindxfer", c.Transfer, "")
	f.set("atxfer", c.AttendedTransfer, "")
	f.set("disconnect", c.Disconnect, "")
	f.set("automixmon", "", "")
	f.set("parkcall", "", "calls are parked by a transfer to the parking number")
	f.section("applicationmap")
	if c.PauseRecording != "" {
		f.line("; The recording stands on the caller's channel: that is ours, or the other one.")
		f.set("pause-ours", c.PauseRecording+",self,Gosub(record-pause,s,1)", "")
		f.set("pause-theirs", c.PauseRecording+",peer,Gosub(record-pause,s,1)", "")
	}
	return f.Bytes()
}

// phoneOptions are Dial's options for a telephone of ours that is called: it
// may give the call away and end it; see also OURS in the dial plan for one
// that calls.
func (r renderer) phoneOptions() string { return r.options("t", "h") + "b(leg^s^1)" }

// ownOptions are those of a telephone of ours that calls.
func (r renderer) ownOptions() string { return r.options("T", "H") }

func (r renderer) options(transfer, hangup string) string {
	c, out := r.site.Features, ""
	if c.Transfer != "" || c.AttendedTransfer != "" {
		out += transfer
	}
	if c.Disconnect != "" {
		out += hangup
	}
	return out
}

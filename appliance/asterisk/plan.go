package asterisk

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Effect is what a step does to calls in progress.
type Effect string

// The effects, from the least to the greatest.
const (
	CallsGoOn    Effect = "none" // nobody notices
	CardCallsEnd Effect = "card" // calls on the card's telephones and lines end
	AllCallsEnd  Effect = "all"  // all end
)

// Operation is what is done in a step.
type Operation string

// The operations.
const (
	Reload       Operation = "reload"        // a module reads its files anew
	Load         Operation = "load"          // a module is loaded
	RestartPorts Operation = "restart-ports" // the card's channels are made anew
	Restart      Operation = "restart"       // Asterisk starts again
	SyncAgents   Operation = "sync-agents"   // agents who are logged in get the queues that they have now
	NextStart    Operation = "next-start"    // nothing now: it takes effect when Asterisk starts again
	Reboot       Operation = "reboot"        // nothing now: it takes effect when the box starts again
)

// A Step is one thing to do so that Asterisk works by the new files.
type Step struct {
	Operation Operation `json:"operation"`
	Module    string    `json:"module,omitempty"` // of Reload and Load
	Files     []string  `json:"files"`            // that it is done for
	Calls     Effect    `json:"calls"`
}

// A Plan is what applying would change, in the order of doing.
type Plan struct {
	Files []string `json:"files"` // that differ, by name
	Steps []Step   `json:"steps"`
}

// Calls is the greatest effect of the plan's steps.
func (p Plan) Calls() Effect {
	effect := CallsGoOn
	for _, s := range p.Steps {
		if s.Calls == AllCallsEnd || s.Calls == CardCallsEnd && effect == CallsGoOn {
			effect = s.Calls
		}
	}
	return effect
}

// Text tells the plan to a person, a line a step; language is a BCP 47 tag.
func (p Plan) Text(language string) string {
	var b strings.Builder
	for _, s := range p.Steps {
		b.WriteString(s.Text(language) + "\n")
	}
	return b.String()
}

// Text tells the step to a person, in one line without its end.
func (s Step) Text(language string) string {
	zh := language == "zh-CN"
	what, files := "", strings.Join(s.Files, ", ")
	switch s.Operation {
	case Reload:
		what = fmt.Sprintf("%s reads %s anew", s.Module, files)
		if zh {
			what = fmt.Sprintf("%s 重新读取 %s", s.Module, files)
		}
	case Load:
		what = fmt.Sprintf("module %s is loaded", s.Module)
		if zh {
			what = fmt.Sprintf("加载模块 %s", s.Module)
		}
	case RestartPorts:
		what = "the card's ports are set up anew"
		if zh {
			what = "重新配置语音卡端口"
		}
	case SyncAgents:
		what = "agents who are logged in get the queues that they have now"
		if zh {
			what = "更新已登录座席所属的队列"
		}
	case Restart:
		what = fmt.Sprintf("Asterisk starts again (%s)", files)
		if zh {
			what = fmt.Sprintf("重新启动 Asterisk（%s）", files)
		}
	case NextStart:
		what = fmt.Sprintf("%s: takes effect when Asterisk starts again", files)
		if zh {
			what = fmt.Sprintf("%s：下次启动 Asterisk 时生效", files)
		}
	case Reboot:
		what = "the driver of the card: takes effect when the box starts again"
		if zh {
			what = "语音卡驱动：设备下次启动时生效"
		}
	}
	effect := map[Effect][2]string{
		CallsGoOn:    {"calls go on", "通话不受影响"},
		CardCallsEnd: {"calls on the card's telephones and lines end", "语音卡上的通话会中断"},
		AllCallsEnd:  {"all calls end", "所有通话会中断"},
	}[s.Calls]
	if zh {
		return what + "；" + effect[1]
	}
	return what + "; " + effect[0]
}

// readers are the modules that read a file, in the order in which they are
// told: what others refer to comes first, the dialplan refers to everything,
// and the connection that this is done over comes last.
var readers = []struct{ file, module string }{
	{"logger.conf", "logger"},
	{"acl.conf", "acl"},
	{"indications.conf", "indications"},
	{"dsp.conf", "dsp"},
	{"udptl.conf", "udptl"},
	{"rtp.conf", "res_rtp_asterisk.so"},
	{"musiconhold.conf", "res_musiconhold.so"},
	{"say.conf", "app_playback.so"},
	{"features.conf", "features"},
	{"res_parking.conf", "res_parking.so"},
	{"cdr.conf", "cdr"},
	{"cdr_custom.conf", "cdr_custom.so"},
	{"cdr_sqlite3_custom.conf", "cdr_sqlite3_custom.so"},
	{"cel.conf", "cel"},
	{"cel_custom.conf", "cel_custom.so"},
	{"cel_sqlite3_custom.conf", "cel_sqlite3_custom.so"},
	{"voicemail.conf", "app_voicemail.so"},
	{"confbridge.conf", "app_confbridge.so"},
	{"agents.conf", "app_agent_pool.so"},
	{"followme.conf", "app_followme.so"},
	{"pjsip.conf", "res_pjsip.so"},
	{"pjsip_notify.conf", "res_pjsip_notify.so"},
	{"chan_dahdi.conf", "chan_dahdi.so"},
	{"queuerules.conf", "app_queue.so"},
	{"queues.conf", "app_queue.so"},
	{"extensions.conf", "pbx_config.so"},
	{"http.conf", "http"},
	{"ari.conf", "res_ari.so"},
	{"manager.conf", "manager"},
}

// Changes plans the way from one set of files to another. A file that differs
// in comments alone is written and nothing more. A file that isn't known here
// asks for Asterisk to start again.
func Changes(old, new map[string][]byte) Plan {
	var p Plan
	names := map[string]bool{}
	maps.Copy(names, keys(old))
	maps.Copy(names, keys(new))
	var meant []string // the files that mean something else now
	for _, n := range slices.Sorted(maps.Keys(names)) {
		a, hadIt := old[n]
		b, hasIt := new[n]
		if hadIt == hasIt && string(a) == string(b) {
			continue
		}
		p.Files = append(p.Files, n)
		if !hadIt || !hasIt || !sameMeaning(a, b) {
			meant = append(meant, n)
		}
	}
	loaded := modulesOf(old["modules.conf"])
	var restart []string
	var fresh []string // modules that read their files when they are loaded
	for _, n := range meant {
		switch {
		case n == "modules.conf":
			wanted := modulesOf(new[n])
			for _, m := range wanted {
				if !slices.Contains(loaded, m) {
					fresh = append(fresh, m)
					p.Steps = append(p.Steps, Step{Load, m, []string{n}, CallsGoOn})
				}
			}
			if len(fresh) == 0 || slices.ContainsFunc(loaded, func(m string) bool { return !slices.Contains(wanted, m) }) {
				p.Steps = append(p.Steps, Step{NextStart, "", []string{n}, CallsGoOn})
			}
		case n == "pjsip.conf" && transports(old[n]) != transports(new[n]),
			!slices.ContainsFunc(readers, func(r struct{ file, module string }) bool { return r.file == n }):
			restart = append(restart, n)
		}
	}
	if len(restart) > 0 {
		p.Steps = []Step{{Restart, "", restart, AllCallsEnd}}
		return p
	}
	for _, r := range readers {
		if !slices.Contains(meant, r.file) || slices.Contains(fresh, r.module) {
			continue
		}
		if i := slices.IndexFunc(p.Steps, func(s Step) bool { return s.Module == r.module }); i >= 0 {
			p.Steps[i].Files = append(p.Steps[i].Files, r.file)
			continue
		}
		s := Step{Reload, r.module, []string{r.file}, CallsGoOn}
		if r.file == "chan_dahdi.conf" && portSetup(old[r.file]) != portSetup(new[r.file]) {
			s.Operation, s.Module, s.Calls = RestartPorts, "", CardCallsEnd
		}
		if strings.HasSuffix(r.module, ".so") && !slices.Contains(modulesOf(new["modules.conf"]), r.module) {
			continue // nobody reads it
		}
		p.Steps = append(p.Steps, s)
	}
	// The dialplan logs agents in, and knows what they are to have.
	if slices.ContainsFunc(p.Steps, func(s Step) bool { return s.Module == "pbx_config.so" || s.Module == "app_queue.so" }) &&
		slices.ContainsFunc(sectionsOf(new["extensions.conf"]), func(s section) bool { return s.name == "["+startedContext+"]" }) {
		p.Steps = append(p.Steps, Step{SyncAgents, "", []string{"extensions.conf"}, CallsGoOn})
	}
	return p
}

// startedContext is the part of the dialplan whose extension syncExtension
// brings agents up to date.
const startedContext, syncExtension = "started", "apply"

// join is the plan that does what either of them does.
func (p Plan) join(files []string, steps []Step) Plan {
	for _, f := range files {
		if !slices.Contains(p.Files, f) {
			p.Files = append(p.Files, f)
		}
	}
	for _, s := range steps {
		if !slices.ContainsFunc(p.Steps, func(t Step) bool { return t.Operation == s.Operation && t.Module == s.Module }) {
			p.Steps = append(p.Steps, s)
		}
	}
	if i := slices.IndexFunc(p.Steps, func(s Step) bool { return s.Operation == Restart }); i >= 0 {
		p.Steps = []Step{p.Steps[i]}
		return p
	}
	slices.SortStableFunc(p.Steps, func(a, b Step) int { return cmp.Compare(rank(a), rank(b)) })
	return p
}

// rank is the place of a step in the order of doing.
func rank(s Step) int {
	switch s.Operation {
	case Load:
		return -1
	case RestartPorts:
		s.Module = "chan_dahdi.so"
	case SyncAgents, NextStart, Reboot:
		return len(readers)
	}
	return slices.IndexFunc(readers, func(r struct{ file, module string }) bool { return r.module == s.Module })
}

func keys(m map[string][]byte) map[string]bool {
	out := map[string]bool{}
	for k := range m {
		out[k] = true
	}
	return out
}

package asteriskconf

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"switchroom/provisioning"
)

// source is where calls from outside come in.
type source struct {
	context string
	names   []string          // by which inbound routes mean it
	start   []string          // what is done first
	called  map[string]string // what is done for the number called, by the context's extensions
}

func (r renderer) sources() []source {
	var out []source
	for _, l := range r.site.Lines {
		dnis := ""
		if l.Number != "" {
			dnis = "Set(__DNIS=" + r.site.Normalise(l.Number) + ")"
		}
		out = append(out, source{linesContext(l.Name), []string{l.Name, l.Group}, []string{
			// A line whose hang-up is not seen must not be held for ever.
			"Set(TIMEOUT(absolute)=" + strconv.Itoa(l.MaxMinutes*60) + ")"}, map[string]string{"s": dnis}})
	}
	for _, t := range r.site.Trunks {
		out = append(out, source{trunkContext(t.Name), []string{t.Name}, []string{
			"Set(GROUP(way)=" + t.Name + ")",
			fmt.Sprintf("GotoIf($[${GROUP_COUNT(%s@way)} > %d]?ends,busy,1) ; more calls than the trunk may have", t.Name, t.MaxCalls),
		}, map[string]string{
			"s":          "Set(__DNIS=" + onlyDigits(t.CallerID) + ")", // the provider doesn't say what was called
			"_[0-9+*#]!": "Set(__DNIS=${FILTER(0-9*#+,${EXTEN})})",
		}})
	}
	return out
}

// inbound are the contexts where calls from outside begin, and the routes.
func (r renderer) inbound(f *file) {
	type list struct {
		name   string
		routes []int
	}
	var lists []list
	for _, s := range r.sources() {
		var routes []int
		for i, in := range r.site.Inbound {
			if len(in.From) == 0 || slices.ContainsFunc(s.names, func(n string) bool { return slices.Contains(in.From, n) }) {
				routes = append(routes, i)
			}
		}
		i := slices.IndexFunc(lists, func(l list) bool { return slices.Equal(l.routes, routes) })
		if i < 0 {
			i = len(lists)
			lists = append(lists, list{"inbound-" + strconv.Itoa(i+1), routes})
		}
		f.context(s.context, "Calls from outside.")
		for _, e := range slices.Sorted(maps.Keys(s.called)) {
			f.exten(e, append(append(slices.Clone(s.start), s.called[e]), "Gosub(incoming,s,1)", "Goto("+lists[i].name+",s,1)")...)
		}
	}
	r.incoming(f)
	for _, l := range lists {
		f.context(l.name, "The routes that can apply, the first that does counts.")
		var steps []string
		for _, i := range l.routes {
			in := r.site.Inbound[i]
			var cond []string
			if len(in.DID) > 0 {
				cond = append(cond, fmt.Sprintf("${DIALPLAN_EXISTS(did-%d,${CALLED},1)}", i+1))
			}
			if len(in.Caller) > 0 {
				cond = append(cond, fmt.Sprintf("${DIALPLAN_EXISTS(caller-%d,${CALLER},1)}", i+1))
			}
			target := fmt.Sprintf("route-%d,s,1", i+1)
			if len(cond) == 0 {
				steps = append(steps, to(target))
				break // it takes every call
			}
			steps = append(steps, "GotoIf($["+strings.Join(cond, " & ")+"]?"+target+")")
		}
		f.exten("s", append(steps, to("ends,hangup,1"))...)
	}
	for i, in := range r.site.Inbound {
		r.route(f, i, in)
	}
}

func (r renderer) route(f *file, i int, in provisioning.InboundRoute) {
	patterns := func(kind, about string, list []string) {
		if len(list) == 0 {
			return
		}
		f.context(fmt.Sprintf("%s-%d", kind, i+1), about)
		for _, p := range list {
			f.exten(asPattern(p), "NoOp()")
		}
	}
	patterns("did", "Numbers called that the route is for.", in.DID)
	patterns("caller", "Callers that the route is for.", in.Caller)
	f.context(fmt.Sprintf("route-%d", i+1), "")
	priority := ""
	if in.Priority > 0 {
		priority = fmt.Sprintf("Set(RANK=${IF($[0${RANK} > %d]?${RANK}:%d)})", in.Priority, in.Priority)
	}
	record := ""
	if r.records("inbound") {
		record = "Set(RECORD=always)"
	}
	f.exten("s", fmt.Sprintf("CELGenUserEvent(ROUTE,name=inbound-%d&did=${DNIS}&kind=in)", i+1),
		"Set(CHANNEL(language)="+sounds(in.Language)+")",
		"Set(__CALLER_LANGUAGE="+sounds(in.Language)+")",
		priority, record,
		// VIPs with a place of their own go there, by whatever route they came.
		`GotoIf($["${VIP}" != ""]?vip-to,${VIP},1)`,
		to(destination(in.To)))
}

// asPattern is a pattern of the document as an extension.
func asPattern(p string) string {
	if p == "anonymous" || strings.Trim(p, "0123456789*#+") == "" {
		return p
	}
	return "_" + p
}

// incoming is what every call from outside goes through first.
func (r renderer) incoming(f *file) {
	f.context("incoming", "Every call from outside, first. The caller's number gets its normal form; CALLER and CALLED are it and\n"+
		"the number called, as what the lists below have: never empty.")
	f.exten("s", "Set(__CALLREF=${UNIQUEID})",
		"Set(NUMBER=${FILTER(0-9+,${CALLERID(num)})})",
		"Set(NUMBER=${FILTER(+,${NUMBER:0:1})}${FILTER(0-9,${NUMBER})}) ; a + in front only",
		`ExecIf($["${NUMBER}" != "" & "${NUMBER}" != "+"]?Gosub(normal,${NUMBER},1))`,
		"Set(CALLERID(num)=${FILTER(0-9+,${NUMBER})})",
		`Set(CALLER=${IF($["${NUMBER}" = "" | "${NUMBER}" = "+"]?anonymous:${NUMBER})})`,
		`Set(CALLED=${IF($["${DNIS}" = ""]?unknown:${DNIS})})`,
		"GotoIf($[${DIALPLAN_EXISTS(blacklist,${CALLER},1)}]?blacklisted,s,1)",
		"ExecIf($[${DIALPLAN_EXISTS(vip,${CALLER},1)}]?Gosub(vip,${CALLER},1))",
		"Return()")
	f.context("normal", "Numbers written in other ways, and what is done with them: the first that matches counts.")
	var rewrites []ordered
	for _, w := range r.site.NumberRewrites() {
		rewrites = append(rewrites, ordered{asPattern(w.Pattern), []string{fmt.Sprintf("Set(NUMBER=%s${EXTEN:%d})", w.Prepend, w.Strip), "Return()"}})
	}
	f.inOrder("normal", append(rewrites, ordered{"_[0-9+]!", []string{"Return()"}}))

	f.context("blacklist", "Callers who are not let in.")
	for _, b := range r.site.Blacklist {
		n := b.Number
		if n != "anonymous" {
			n = r.site.Normalise(n)
		}
		f.exten(n, "NoOp()")
	}
	f.context("blacklisted", "An analog line would ring on unless it is answered.")
	f.exten("s", "CELGenUserEvent(ROUTE,name=blacklist&did=${DNIS}&kind=in)",
		`ExecIf($["${CHANNEL(channeltype)}" = "PJSIP"]?Hangup(21))`, "Answer()", "Playback(switchroom/blacklisted)", "Hangup(21)")
	f.context("vip", "Callers who come first.")
	var direct []provisioning.VIPCaller
	for _, v := range r.site.VIP {
		steps := []string{fmt.Sprintf("Set(RANK=%d)", v.Priority)}
		if v.Name != "" {
			steps = append(steps, "Set(CALLERID(name)="+strings.ReplaceAll(v.Name, "$", "")+")")
		}
		if v.To != "" {
			direct = append(direct, v)
			steps = append(steps, "Set(VIP="+r.site.Normalise(v.Number)+")")
		}
		f.exten(r.site.Normalise(v.Number), append(steps, "Return()")...)
	}
	f.context("vip-to", "Where some of them go at once.")
	for _, v := range direct {
		f.exten(r.site.Normalise(v.Number), to(destination(v.To)))
	}
}

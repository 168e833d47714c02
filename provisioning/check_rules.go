package provisioning

import (
	"slices"
	"time"

	"switchroom/provisioning/numbers"
)

// names finds names that are given twice within what they are names of.
func (c *checker) names() {
	s := c.site
	unique := func(taken map[string]string, list string, i int, field, name string) {
		owner := at(list, i)
		if first, ok := taken[name]; ok {
			c.faults.add(owner+"."+field, DuplicateName, name, first)
		} else if name != "" {
			taken[name] = owner
		}
	}
	ways := map[string]string{} // lines, groups of lines and trunks stand in the same places
	for i, x := range s.LineGroups {
		unique(ways, "lineGroups", i, "name", x.Name)
	}
	if _, given := ways[StandardLineGroup]; !given {
		ways[StandardLineGroup] = "lineGroups"
	}
	for i, x := range s.Lines {
		unique(ways, "lines", i, "name", x.Name)
	}
	for i, x := range s.Trunks {
		unique(ways, "trunks", i, "name", x.Name)
	}
	each(s.Classes, func(x Class) string { return x.Name }, "classes", "name", unique)
	each(s.Outbound, func(x OutboundRoute) string { return x.Name }, "outbound", "name", unique)
	each(s.Schedules, func(x Schedule) string { return x.Name }, "schedules", "name", unique)
	each(s.Calendars, func(x Calendar) string { return x.Name }, "calendars", "name", unique)
	each(s.IVRs, func(x IVR) string { return x.Name }, "ivrs", "name", unique)
	each(s.Announcements, func(x Announcement) string { return x.Name }, "announcements", "name", unique)
	each(s.Groups, func(x Group) string { return x.Name }, "groups", "name", unique)
	each(s.Music, func(x Music) string { return x.Name }, "music", "name", unique)
	each(s.Prompts, func(x Prompt) string { return x.Name }, "prompts", "name", unique)
	each(s.PauseReasons, func(x PauseReason) string { return x.Key }, "pauseReasons", "key", unique)
	// One person's number in two ways is one number.
	callers := map[string]string{}
	for i, x := range s.Blacklist {
		unique(callers, "blacklist", i, "number", c.normal(x.Number))
	}
	for i, x := range s.VIP {
		unique(callers, "vip", i, "number", c.normal(x.Number))
	}
}

// normal is the normal form of a listed caller's number, or the word for none.
func (c *checker) normal(number string) string {
	if number == Anonymous {
		return number
	}
	return c.plan.Normalise(number)
}

// each tells the names of a list, which are a space of their own.
func each[T any](list []T, name func(T) string, path, field string, tell func(map[string]string, string, int, string, string)) {
	taken := map[string]string{}
	for i, x := range list {
		tell(taken, path, i, field, name(x))
	}
}

// repeated finds what stands in a list twice.
func (c *checker) repeated(path string, list []string) {
	for i, x := range list {
		if slices.Contains(list[:i], x) {
			c.faults.add(at(path, i), Repeated, x)
		}
	}
}

// ports finds ports that have two uses.
func (c *checker) ports() {
	s := c.site
	use := map[int]string{}
	seen := map[int]string{}
	for i, p := range s.Ports {
		if first, ok := seen[p.Port]; ok {
			c.faults.add(at("ports", i)+".port", DuplicatePort, p.Port, first)
			continue
		}
		seen[p.Port], use[p.Port] = at("ports", i), p.Use
	}
	taken := map[int]string{}
	take := func(list string, i, p int, uses ...string) {
		path := at(list, i) + ".port"
		if p == 0 {
			return // said elsewhere
		}
		if first, ok := taken[p]; ok {
			c.faults.add(path, DuplicatePort, p, first)
			return
		}
		taken[p] = at(list, i)
		if u := use[p]; u != "" && !slices.Contains(uses, u) {
			c.faults.add(path, WrongUse, p, u, seen[p])
		}
	}
	for i, e := range s.Extensions {
		take("extensions", i, e.Port, "auto", "phone")
	}
	for i, l := range s.Lines {
		take("lines", i, l.Port, "auto", "line", "pbx")
	}
	for i, p := range s.Ports {
		if p.Use == "pbx" && s.Lines != nil && !slices.ContainsFunc(s.Lines, func(l Line) bool { return l.Port == p.Port }) {
			c.faults.add(at("ports", i)+".use", PBXWithoutLine, p.Port)
		}
	}
}

// phones finds telephones and trunks that are two things at once, or none.
func (c *checker) phones() {
	for i, e := range c.site.Extensions {
		path := at("extensions", i)
		kinds := 0
		for _, is := range []bool{e.Port != 0, e.SIP != nil, e.Browser} {
			if is {
				kinds++
			}
		}
		if kinds != 1 {
			c.faults.add(path, OnePhone)
		}
		if e.SIP != nil {
			if e.SIP.SRTP && e.SIP.Transport != "tls" {
				c.faults.add(path+".sip.srtp", SRTPNeedsTLS)
			}
			c.repeated(path+".sip.codecs", e.SIP.Codecs)
		}
	}
	for i, t := range c.site.Trunks {
		path := at("trunks", i)
		if (t.Register == nil) == (t.Peer == nil) {
			c.faults.add(path, OneTrunk)
		}
		if t.SRTP && t.Transport != "tls" {
			c.faults.add(path+".srtp", SRTPNeedsTLS)
		}
		c.repeated(path+".codecs", t.Codecs)
	}
}

// inbound finds routes that are never reached, and lines that no route takes.
func (c *checker) inbound() {
	s := c.site
	for i := range s.Inbound {
		for j := range i {
			if c.covers(&s.Inbound[j], &s.Inbound[i]) {
				c.faults.add(at("inbound", i), RouteShadowed, at("inbound", j))
				break
			}
		}
		c.repeated(at("inbound", i)+".from", s.Inbound[i].From)
		c.numberComes(i, &s.Inbound[i])
	}
	if s.Inbound == nil {
		return
	}
	for i, l := range s.Lines {
		if !s.isRouted(l) {
			c.faults.add(at("lines", i), UnroutedLine, l.Name)
		}
	}
}

// numberComes finds conditions on the called number that no analog line can
// meet.
func (c *checker) numberComes(i int, r *InboundRoute) {
	s := c.site
	if len(r.DID) == 0 || len(r.From) == 0 || s.Lines == nil || slices.ContainsFunc(s.Trunks, func(t Trunk) bool { return slices.Contains(r.From, t.Name) }) {
		return
	}
	if !slices.ContainsFunc(s.Lines, func(l Line) bool {
		did := c.plan.Normalise(l.Number)
		return did != "" && (slices.Contains(r.From, l.Name) || slices.Contains(r.From, l.Group)) &&
			slices.ContainsFunc(r.DID, func(p string) bool { return forms["pattern"].ok(p) && numbers.Match(p, did) })
	}) {
		c.faults.add(at("inbound", i)+".did", DIDNeverComes)
	}
}

// isRouted reports whether an inbound route takes calls of the line.
func (s *Site) isRouted(l Line) bool {
	return slices.ContainsFunc(s.Inbound, func(r InboundRoute) bool {
		return len(r.From) == 0 || slices.Contains(r.From, l.Name) || slices.Contains(r.From, l.Group)
	})
}

// covers reports whether every call that b would take is taken by a.
func (c *checker) covers(a, b *InboundRoute) bool {
	return (len(a.From) == 0 || len(b.From) > 0 && !slices.ContainsFunc(b.From, func(way string) bool {
		return !slices.Contains(a.From, way) && !slices.Contains(a.From, c.groupOf[way])
	})) && coversAll(a.DID, b.DID) && coversAll(a.Caller, b.Caller)
}

// coversAll reports whether every number of the patterns b has one of a.
func coversAll(a, b []string) bool {
	if len(a) == 0 || len(b) == 0 {
		return len(a) == 0
	}
	for _, p := range b {
		if !slices.ContainsFunc(a, func(q string) bool {
			return p == q || isPattern(p) && isPattern(q) && p != Anonymous && q != Anonymous && numbers.Covers(q, p)
		}) {
			return false
		}
	}
	return true
}

// outbound finds ways out that lead nowhere.
func (c *checker) outbound() {
	s := c.site
	for i, r := range s.Outbound {
		var ways []string
		for j, v := range r.Via {
			ways = append(ways, v.Way)
			// The group of lines that name none may be empty: there may be no card.
			isGroup := v.Way != StandardLineGroup && slices.ContainsFunc(s.LineGroups, func(g LineGroup) bool { return g.Name == v.Way })
			if isGroup && !slices.ContainsFunc(s.Lines, func(l Line) bool { return l.Group == v.Way }) {
				c.faults.add(at(at("outbound", i)+".via", j)+".way", EmptyGroup, v.Way)
			}
		}
		c.repeated(at("outbound", i)+".via", ways)
	}
}

// times finds hours and days that aren't any.
func (c *checker) times() {
	for i, s := range c.site.Schedules {
		for j, h := range s.Hours {
			if h.From == h.To || h.From == "24:00" {
				c.faults.add(at(at("schedules", i)+".hours", j), EmptyHours, h.From, h.To)
			}
		}
		c.repeated(at("schedules", i)+".calendars", s.Calendars)
	}
	for i, cal := range c.site.Calendars {
		type span struct {
			first, last time.Time
			path        string
		}
		var spans []span
		for j, d := range cal.Days {
			path := at(at("calendars", i)+".days", j)
			first, errFirst := time.Parse(time.DateOnly, d.Date)
			last := first
			var errLast error
			if d.Until != "" {
				last, errLast = time.Parse(time.DateOnly, d.Until)
			}
			if errFirst != nil || errLast != nil {
				continue // said elsewhere
			}
			if last.Before(first) {
				c.faults.add(path+".until", DaysBackwards, d.Until, d.Date)
				continue
			}
			for _, o := range spans {
				if !first.After(o.last) && !last.Before(o.first) {
					c.faults.add(path+".date", DayTwice, o.path)
					break
				}
			}
			spans = append(spans, span{first, last, path})
		}
	}
}

// heard finds menus without keys, and prompts without a sound.
func (c *checker) heard() {
	for i, m := range c.site.IVRs {
		path := at("ivrs", i)
		if len(m.Keys) == 0 && !m.DirectDial {
			c.faults.add(path, NoKeys)
		}
		for k := range m.Keys {
			if _, ok := m.Languages[k]; ok {
				c.faults.add(join(path+".languages", k), KeyTwice, k)
			}
		}
	}
	for i, p := range c.site.Prompts {
		if len(p.Text) == 0 && len(p.Files) == 0 {
			c.faults.add(at("prompts", i), NoSound)
		}
	}
	if c.site.Recording.Notice != "" && !c.site.Recording.Announce {
		c.faults.add("recording.notice", NoticeUnused)
	}
}

// people finds queues that ask for what nobody has.
func (c *checker) people() {
	for i, q := range c.site.Queues {
		if q.Skill != "" && !slices.ContainsFunc(c.site.Agents, func(a Agent) bool { _, ok := a.Skills[q.Skill]; return ok }) {
			c.faults.add(at("queues", i)+".skill", NobodyCan, q.Skill)
		}
		c.repeated(at("queues", i)+".members", q.Members)
	}
	for i, g := range c.site.Groups {
		c.repeated(at("groups", i)+".members", g.Members)
	}
	for i, a := range c.site.Agents {
		c.repeated(at("agents", i)+".languages", a.Languages)
		c.repeated(at("agents", i)+".rights", a.Rights)
	}
}

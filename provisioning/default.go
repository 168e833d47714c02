package provisioning

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"switchroom/dahdi"
	"switchroom/provisioning/numbers"
)

// Ports is what the document has to know of the cards in the box: the numbers
// of the ports that a telephone or a line can be plugged into, counted from 1
// over all cards, as DAHDI counts its channels.
type Ports struct {
	FXS []int // for telephones
	FXO []int // for lines from the exchange
}

// PortsOf picks the ports that can be used out of what was found in the box.
func PortsOf(inv dahdi.Inventory) Ports {
	return Ports{FXS: inv.Numbers(dahdi.KindFXS), FXO: inv.Numbers(dahdi.KindFXO)}
}

// DefaultQueue is the number of the queue of a site that doesn't say.
const DefaultQueue = "600"

// firstExtension and port 1 make 1001.
const firstExtension = 1000

// Default is the site of a box that nobody has told anything yet: the document
// {}, completed. Every port n for telephones is the extension 1000+n, the first
// two of them are members of the queue 600, and every line from the exchange
// leads to that queue. Without a card it has a queue without members.
func Default(ports Ports) Site {
	s := New[Site]()
	s.derive()
	return s.Complete(ports)
}

// Complete fills in what the document leaves to the box: lists that are absent
// are made of the ports there are, classes, reasons and the like get their
// built-in ones, and destinations that say "as usual" get a name. What it
// returns has no list that is nil at the top, but outbound on a box without any
// way out; it shares no list with s that it changed, is valid if s is, and is
// complete: completing it again changes nothing.
func (s Site) Complete(ports Ports) Site {
	use := map[int]string{}
	for _, p := range s.Ports {
		use[p.Port] = p.Use
	}
	zh := s.Language == "zh-CN"
	s.Ports = given(s.Ports)
	s.completeExtensions(ports, use, zh)
	s.completeLines(ports, use)
	s.completeClasses()
	s.completeQueues(zh)
	s.completeRoutes()
	s.completePeople()
	s.Calendars, s.Announcements, s.Conferences = given(s.Calendars), given(s.Announcements), given(s.Conferences)
	s.Blacklist, s.VIP, s.Music, s.Prompts = given(s.Blacklist), given(s.VIP), given(s.Music), given(s.Prompts)
	s.Trunks, s.Groups = given(s.Trunks), given(s.Groups)
	s.Voicemail.Boxes = given(s.Voicemail.Boxes)
	return s
}

// given is the list, empty if it is absent.
func given[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func (s *Site) completeExtensions(ports Ports, use map[int]string, zh bool) {
	if s.Extensions != nil {
		s.Extensions = slices.Clone(s.Extensions)
	} else {
		s.Extensions = []Extension{}
		taken := s.numbers()
		for _, n := range s.plan().Emergency {
			taken[n] = true
		}
		for _, p := range slices.Sorted(slices.Values(ports.FXS)) {
			number := strconv.Itoa(firstExtension + p)
			if u := use[p]; u != "" && u != "auto" && u != "phone" || taken[number] || slices.ContainsFunc(s.Lines, func(l Line) bool { return l.Port == p }) {
				continue
			}
			e := New[Extension]()
			e.Number, e.Port, e.Name = number, p, fmt.Sprintf("Phone %d", p)
			if zh {
				e.Name = fmt.Sprintf("话机 %d", p)
			}
			s.Extensions = append(s.Extensions, e)
		}
	}
	for i := range s.Extensions {
		e := &s.Extensions[i]
		if e.Language == "" {
			e.Language = s.Language
		}
		if e.Unanswered == "" {
			e.Unanswered = Destination(ToHangup)
			if e.Voicemail != nil {
				e.Unanswered = To(ToVoicemail, e.Number)
			}
		}
	}
}

func (s *Site) completeLines(ports Ports, use map[int]string) {
	add := func(p int) {
		l := New[Line]()
		l.Port, l.Name = p, s.freeWayName(lineName(p))
		s.Lines = append(s.Lines, l)
	}
	if s.Lines == nil {
		s.Lines = []Line{}
		phone := func(p int) bool {
			return slices.ContainsFunc(s.Extensions, func(e Extension) bool { return e.Port == p })
		}
		for _, p := range slices.Sorted(slices.Values(ports.FXO)) {
			if u := use[p]; (u == "" || u == "auto" || u == "line") && !phone(p) {
				add(p)
			}
		}
		for _, p := range slices.Sorted(maps.Keys(use)) {
			if use[p] == "pbx" && !phone(p) { // whether it is plugged in or not
				add(p)
			}
		}
	}
	s.LineGroups = slices.Clone(given(s.LineGroups))
	if !slices.ContainsFunc(s.LineGroups, func(g LineGroup) bool { return g.Name == StandardLineGroup }) {
		g := New[LineGroup]()
		g.Name = StandardLineGroup
		s.LineGroups = append(s.LineGroups, g)
	}
}

// freeWayName is the name, or one like it that neither a line nor a group nor a
// trunk has.
func (s *Site) freeWayName(name string) string {
	for s.hasWay(name) {
		name += "-0"
	}
	return name
}

func (s *Site) hasWay(name string) bool {
	return slices.ContainsFunc(s.Lines, func(l Line) bool { return l.Name == name }) ||
		slices.ContainsFunc(s.LineGroups, func(g LineGroup) bool { return g.Name == name }) ||
		slices.ContainsFunc(s.Trunks, func(t Trunk) bool { return t.Name == name })
}

func (s *Site) completeClasses() {
	s.Classes = slices.Clone(given(s.Classes))
	for _, b := range builtinClasses() {
		if !slices.ContainsFunc(s.Classes, func(c Class) bool { return c.Name == b.Name }) {
			s.Classes = append(s.Classes, b)
		}
	}
}

func (s *Site) completeQueues(zh bool) {
	if s.Queues != nil {
		return
	}
	s.Queues = []Queue{}
	if s.numbers()[DefaultQueue] {
		return // the owner has another use for it
	}
	q := New[Queue]()
	q.Number, q.Name, q.Members = DefaultQueue, "Queue", []string{}
	if zh {
		q.Name = "队列"
	}
	for _, e := range s.Extensions[:min(2, len(s.Extensions))] {
		q.Members = append(q.Members, e.Number)
	}
	s.Queues = append(s.Queues, q)
}

func (s *Site) completeRoutes() {
	fallback := Destination(ToBusy)
	if len(s.Queues) > 0 {
		fallback = To(ToQueue, s.Queues[0].Number)
	}
	if s.Inbound == nil {
		s.Inbound = []InboundRoute{{To: fallback}}
	} else {
		s.Inbound = slices.Clone(s.Inbound)
	}
	var left []string // lines that the box found itself, and no route takes
	for _, l := range s.Lines {
		if !s.isRouted(l) {
			left = append(left, l.Name)
		}
	}
	if len(left) > 0 {
		s.Inbound = append(s.Inbound, InboundRoute{From: left, To: fallback})
	}
	for i := range s.Inbound {
		if s.Inbound[i].Language == "" {
			s.Inbound[i].Language = s.Language
		}
	}
	s.completeOutbound()
	s.Schedules = slices.Clone(given(s.Schedules))
	digits := len(strconv.Itoa(len(s.Schedules))) // as many each, so that none begins like another
	for i := range s.Schedules {
		c := &s.Schedules[i]
		if c.Holiday == "" {
			c.Holiday = c.Closed
		}
		if c.Code == "" && s.Features.DayNight != "" {
			c.Code = fmt.Sprintf("%s%0*d", s.Features.DayNight, digits, i+1)
		}
	}
	s.IVRs = slices.Clone(given(s.IVRs))
	for i := range s.IVRs {
		if m := &s.IVRs[i]; m.Invalid == "" {
			m.Invalid = m.Timeout
		}
	}
}

// completeOutbound gives a site that doesn't say the usual way out, and every
// site that has a way out one for emergency calls.
func (s *Site) completeOutbound() {
	var ways []Via
	for _, g := range s.LineGroups {
		if slices.ContainsFunc(s.Lines, func(l Line) bool { return l.Group == g.Name }) {
			ways = append(ways, Via{Way: g.Name})
		}
	}
	for _, t := range s.Trunks {
		ways = append(ways, Via{Way: t.Name})
	}
	if len(ways) == 0 {
		return
	}
	absent := s.Outbound == nil
	s.Outbound = slices.Clone(given(s.Outbound))
	missing := slices.DeleteFunc(slices.Clone(s.plan().Emergency), func(n string) bool {
		return slices.ContainsFunc(s.Outbound, func(r OutboundRoute) bool {
			return r.Emergency && slices.ContainsFunc(r.Patterns, func(p string) bool { return numbers.Match(p, n) })
		})
	})
	if len(missing) > 0 {
		r := New[OutboundRoute]()
		r.Name, r.Emergency, r.Via, r.Patterns = s.freeRouteName("emergency"), true, ways, missing
		s.Outbound = slices.Insert(s.Outbound, 0, r)
	}
	if prefix := s.freePrefix(); absent && prefix != "" {
		r := New[OutboundRoute]()
		r.Name, r.Patterns, r.Strip, r.Via = "outside", []string{prefix + "."}, 1, ways
		s.Outbound = append(s.Outbound, r)
	}
}

// freeRouteName is the name, or one like it that no route has.
func (s *Site) freeRouteName(name string) string {
	free := name
	for i := 2; slices.ContainsFunc(s.Outbound, func(r OutboundRoute) bool { return r.Name == free }); i++ {
		free = fmt.Sprintf("%s-%d", name, i)
	}
	return free
}

func (s *Site) completePeople() {
	s.Agents = slices.Clone(given(s.Agents))
	for i := range s.Agents {
		if a := &s.Agents[i]; len(a.Languages) == 0 {
			a.Languages = []string{s.Language}
		}
	}
	if s.PauseReasons == nil {
		s.PauseReasons = builtinReasons(s.Language)
	}
}

// freePrefix is a digit with which none of the house's numbers begins; the 9
// if it can be had.
func (s *Site) freePrefix() string {
	taken := s.numbers()
	// 1 and 6 are what the box's own numbers begin with.
	for _, digit := range []string{"9", "0", "8", "7", "5", "4", "3", "2"} {
		free := true
		for n := range taken {
			free = free && n[:1] != digit
		}
		if free {
			return digit
		}
	}
	return ""
}

// numbers are all that the document gives to somebody or something.
func (s *Site) numbers() map[string]bool {
	taken := map[string]bool{}
	s.eachNumber(func(_ string, _ int, number string) {
		if number != "" {
			taken[number] = true
		}
	})
	if s.Parking != nil && s.Parking.Number != "" {
		taken[s.Parking.Number] = true
	}
	for _, p := range s.ParkingPlaces() {
		taken[p] = true
	}
	return taken
}

// IsPBX reports whether a port for telephones is used as the end of another
// PBX's line.
func (s *Site) IsPBX(port int) bool {
	return slices.ContainsFunc(s.Ports, func(p Port) bool { return p.Port == port && p.Use == "pbx" })
}

package provisioning

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"switchroom/provisioning/numbers"
)

// maxParking bounds the places of parking: each is a line of the dial plan.
const maxParking = 100

// numbers finds numbers that are given twice, or that mean something else.
func (c *checker) numbers() {
	s := c.site
	taken := map[string]string{} // number: the path of who has it
	emergency := c.plan.Emergency
	take := func(path, owner, n string) {
		if first, ok := taken[n]; ok {
			c.faults.add(path, DuplicateNumber, n, first)
			return
		}
		taken[n] = owner
		if slices.Contains(emergency, n) {
			c.faults.add(path, IsEmergency, n)
		}
	}
	s.eachNumber(func(list string, i int, n string) {
		owner := at(list, i)
		if forms["number"].ok(n) {
			take(owner+".number", owner, n)
		}
	})
	if p := s.Parking; p != nil {
		if forms["number"].ok(p.Number) {
			take("parking.number", "parking", p.Number)
		}
		for _, place := range c.parkingPlaces() {
			if owner, ok := taken[place]; ok {
				c.faults.add("parking.first", InParking, place, owner)
			} else {
				taken[place] = "parking"
			}
		}
	}
	c.outboundPatterns(taken)
}

// at is the path of an item of a list.
func at(list string, i int) string { return list + "[" + strconv.Itoa(i) + "]" }

// ParkingPlaces are the numbers of the places where calls are parked; none for
// a site without parking.
func (s *Site) ParkingPlaces() []string {
	if s.Parking == nil || len(s.Parking.First) != len(s.Parking.Last) {
		return nil
	}
	first, errFirst := strconv.Atoi(s.Parking.First)
	last, errLast := strconv.Atoi(s.Parking.Last)
	if errFirst != nil || errLast != nil || first > last || last-first >= maxParking {
		return nil
	}
	var out []string
	for n := first; n <= last; n++ {
		out = append(out, fmt.Sprintf("%0*d", len(s.Parking.First), n))
	}
	return out
}

func (c *checker) parkingPlaces() []string {
	p := c.site.Parking
	places := c.site.ParkingPlaces()
	if places == nil && forms["number"].ok(p.First) && forms["number"].ok(p.Last) {
		c.faults.add("parking.last", BadParking, p.First, p.Last, maxParking)
	}
	return places
}

// outboundPatterns finds patterns that catch numbers of the house, and such as
// are never reached.
func (c *checker) outboundPatterns(taken map[string]string) {
	type earlier struct{ path, pattern string }
	var before []earlier
	codes := c.site.dialledCodes()
	for i, r := range c.site.Outbound {
		for j, p := range r.Patterns {
			path := at(at("outbound", i)+".patterns", j)
			if !forms["pattern"].ok(p) {
				continue
			}
			if !r.Emergency && slices.Contains(c.plan.Emergency, p) {
				c.faults.add(path, EmergencyRoute, p)
			}
			if own := firstMatch(p, taken); own != "" && !slices.Contains(c.plan.Emergency, p) {
				c.faults.add(path, TakesOwn, p, own, taken[own])
			}
			for _, code := range codes {
				if example, both := numbers.Overlap(p, code.code+"!"); both {
					c.faults.add(path, TakesOwn, p, example, code.path)
					break
				}
			}
			if k := slices.IndexFunc(before, func(e earlier) bool { return numbers.Covers(e.pattern, p) }); k >= 0 {
				c.faults.add(path, PatternShadowed, before[k].path)
			}
			if n := places(p); r.Strip > n {
				c.faults.add(at("outbound", i)+".strip", StripTooMuch, r.Strip, p, n)
			}
			before = append(before, earlier{path, p})
		}
	}
}

// places is how many digits a number of the pattern has at least.
func places(pattern string) int {
	n := 0
	for rest := pattern; rest != "" && rest != "!"; n++ {
		if rest == "." {
			return n + 1
		}
		rest = dropPlace(rest)
	}
	return n
}

// dropPlace is the pattern without its first place. What stands at the open
// end stays.
func dropPlace(pattern string) string {
	switch {
	case pattern == "" || pattern == "." || pattern == "!":
		return pattern
	case pattern[0] == '[':
		return pattern[strings.IndexByte(pattern, ']')+1:]
	}
	return pattern[1:]
}

// hasRoute reports whether a telephone can dial this. Where the document leaves
// the ways out to the box, it is the prefix that the box would choose.
func (s *Site) hasRoute(dialled string) bool {
	if s.Outbound == nil {
		prefix := s.freePrefix()
		return prefix != "" && numbers.Match(prefix+".", dialled) || slices.Contains(s.plan().Emergency, dialled)
	}
	return slices.ContainsFunc(s.Outbound, func(r OutboundRoute) bool {
		return slices.ContainsFunc(r.Patterns, func(p string) bool { return forms["pattern"].ok(p) && numbers.Match(p, dialled) })
	})
}

func firstMatch(pattern string, taken map[string]string) string {
	best := ""
	for n := range taken {
		if numbers.Match(pattern, n) && (best == "" || n < best) {
			best = n
		}
	}
	return best
}

// featureCode is a code and where it stands.
type featureCode struct{ path, code string }

// dialledCodes are those that telephones dial; schedules' come last.
func (s *Site) dialledCodes() []featureCode {
	f := s.Features
	out := []featureCode{{"login", f.Login}, {"pause", f.Pause}, {"voicemail", f.Voicemail}, {"voicemailOther", f.VoicemailOther},
		{"pickup", f.Pickup}, {"echo", f.Echo}, {"ownNumber", f.OwnNumber}, {"time", f.Time}, {"listen", f.Listen}, {"dayNight", f.DayNight}}
	for i := range out {
		out[i].path = "features." + out[i].path
	}
	for i, sched := range s.Schedules {
		out = append(out, featureCode{at("schedules", i) + ".code", sched.Code})
	}
	return slices.DeleteFunc(out, func(c featureCode) bool { return c.code == "" })
}

// pressedCodes are those that are pressed during a call.
func (s *Site) pressedCodes() []featureCode {
	f := s.Features
	out := []featureCode{{"features.transfer", f.Transfer}, {"features.attendedTransfer", f.AttendedTransfer},
		{"features.threeWay", f.ThreeWay}, {"features.disconnect", f.Disconnect}, {"features.pauseRecording", f.PauseRecording}}
	return slices.DeleteFunc(out, func(c featureCode) bool { return c.code == "" })
}

// codes finds codes of which one begins like another: nobody could tell which
// is meant.
func (c *checker) codes() {
	for _, set := range [][]featureCode{c.site.dialledCodes(), c.site.pressedCodes()} {
		for i, a := range set {
			for _, b := range set[:i] {
				if b.path == "features.dayNight" && strings.HasPrefix(a.path, "schedules[") && a.code != b.code {
					continue // that is how a schedule's code begins
				}
				if strings.HasPrefix(a.code, b.code) || strings.HasPrefix(b.code, a.code) {
					c.faults.add(a.path, CodeClash, a.code, b.code, b.path)
				}
			}
		}
	}
}

package provisioning

import (
	"maps"
	"slices"
	"strings"
)

// edge is one way in which a call goes on.
type edge struct {
	to   Destination
	path string
	// instant says that it may be taken without any time passing or a key
	// being pressed: a telephone may be busy, a queue empty.
	instant bool
}

// graph is where calls go on from each destination.
type graph struct {
	order []Destination // in that of the document
	edges map[Destination][]edge
	path  map[Destination]string
	roots []Destination // where calls begin, or telephones reach
	ends  map[Destination]bool
}

// newGraph gathers the destinations of a document. The kinds that aren't in it
// end a call, or somebody answers it there.
func newGraph(s *Site) *graph {
	g := &graph{edges: map[Destination][]edge{}, path: map[Destination]string{}, ends: map[Destination]bool{}}
	put := func(d Destination, path string, edges ...edge) {
		if _, twice := g.path[d]; twice {
			return // said elsewhere
		}
		g.order, g.path[d] = append(g.order, d), path
		for _, e := range edges {
			if e.to != "" {
				g.edges[d] = append(g.edges[d], e)
			}
		}
	}
	keys := func(path string, keys map[string]Destination) []edge {
		var out []edge
		for _, k := range slices.Sorted(maps.Keys(keys)) {
			out = append(out, edge{to: keys[k], path: join(path, k)})
		}
		return out
	}
	for i, x := range s.Extensions {
		p, d := at("extensions", i), To(ToExtension, x.Number)
		put(d, p, edge{x.Unanswered, p + ".unanswered", true})
		g.roots = append(g.roots, d)
	}
	for _, r := range s.Inbound {
		g.roots = append(g.roots, r.To)
	}
	for _, v := range s.VIP {
		g.roots = append(g.roots, v.To)
	}
	if s.Parking != nil {
		g.roots = append(g.roots, s.Parking.Then)
	}
	for i, x := range s.Schedules {
		p := at("schedules", i)
		put(To(ToSchedule, x.Name), p, edge{x.Open, p + ".open", true}, edge{x.Closed, p + ".closed", true}, edge{x.Holiday, p + ".holiday", true})
	}
	for i, x := range s.IVRs {
		p, d := at("ivrs", i), To(ToIVR, x.Name)
		put(d, p, append(keys(p+".keys", x.Keys), edge{x.Timeout, p + ".timeout", false}, edge{x.Invalid, p + ".invalid", false})...)
		g.ends[d] = x.DirectDial
	}
	for i, x := range s.Announcements {
		p := at("announcements", i)
		put(To(ToAnnouncement, x.Name), p, edge{x.Then, p + ".then", false})
	}
	for i, x := range s.Groups {
		p, d := at("groups", i), To(ToGroup, x.Name)
		put(d, p, edge{x.Then, p + ".then", true})
		if x.Number != "" {
			g.roots = append(g.roots, d)
		}
	}
	for i, x := range s.Queues {
		p, d := at("queues", i), To(ToQueue, x.Number)
		put(d, p, append([]edge{{x.WhenEmpty, p + ".whenEmpty", true}, {x.WhenFull, p + ".whenFull", true}, {x.WhenTimeout, p + ".whenTimeout", false}},
			keys(p+".keys", x.Keys)...)...)
		g.roots = append(g.roots, d)
	}
	for _, d := range g.order {
		switch d.Kind() {
		case ToIVR, ToAnnouncement, ToSchedule:
		default:
			g.ends[d] = true // somebody may answer
		}
	}
	return g
}

// graph finds loops in which nothing happens, places that nobody gets out of,
// and such as nobody gets to.
func (c *checker) graph() {
	g := newGraph(c.site)
	g.loops(&c.faults)
	g.traps(&c.faults)
	g.unreached(&c.faults)
}

// loops tells each loop of instant edges once, at the edge that closes it.
func (g *graph) loops(faults *Faults) {
	done := map[Destination]bool{}
	on := map[Destination]int{} // place on the way here, from 1
	told := map[string]bool{}
	var way []Destination
	var visit func(d Destination)
	visit = func(d Destination) {
		way = append(way, d)
		on[d] = len(way)
		for _, e := range g.edges[d] {
			if !e.instant || done[e.to] {
				continue
			}
			if first := on[e.to]; first > 0 {
				round := way[first-1:]
				sorted := slices.Sorted(slices.Values(round))
				if key := strings.Join(strs(sorted), " "); !told[key] {
					told[key] = true
					faults.add(e.path, Loop, strings.Join(strs(append(slices.Clone(round), e.to)), " → "))
				}
				continue
			}
			visit(e.to)
		}
		way = way[:len(way)-1]
		on[d], done[d] = 0, true
	}
	for _, d := range g.order {
		if !done[d] {
			visit(d)
		}
	}
}

func strs(list []Destination) []string {
	out := make([]string, len(list))
	for i, d := range list {
		out[i] = string(d)
	}
	return out
}

// traps tells the menus and announcements from which every way leads back.
func (g *graph) traps(faults *Faults) {
	out := maps.Clone(g.ends)
	for changed := true; changed; {
		changed = false
		for _, d := range g.order {
			if !out[d] && slices.ContainsFunc(g.edges[d], func(e edge) bool {
				_, inside := g.path[e.to]
				return out[e.to] || !inside
			}) {
				out[d], changed = true, true
			}
		}
	}
	for _, d := range g.order {
		if !out[d] && len(g.edges[d]) > 0 {
			faults.add(g.path[d], NoExit, string(d))
		}
	}
}

// unreached tells what no call ever comes to: of what leads to each other, the
// first only, for with it the others are reached too.
func (g *graph) unreached(faults *Faults) {
	seen := map[Destination]bool{}
	reach := func(from ...Destination) {
		for len(from) > 0 {
			d := from[len(from)-1]
			from = from[:len(from)-1]
			if seen[d] {
				continue
			}
			seen[d] = true
			for _, e := range g.edges[d] {
				from = append(from, e.to)
			}
		}
	}
	reach(slices.Clone(g.roots)...)
	led := map[Destination]bool{} // another that isn't reached leads there
	for _, d := range g.order {
		if !seen[d] {
			for _, e := range g.edges[d] {
				led[e.to] = led[e.to] || e.to != d
			}
		}
	}
	var heads []Destination
	for _, first := range []bool{true, false} { // then those that only lead to each other
		for _, d := range g.order {
			if !seen[d] && !(first && led[d]) {
				heads = append(heads, d)
				reach(d)
			}
		}
	}
	for _, d := range g.order {
		if slices.Contains(heads, d) {
			faults.add(g.path[d], Unreachable, string(d))
		}
	}
}

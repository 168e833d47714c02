package provisioning

import "slices"

// WithExtensions gives the site with these extensions put in: one of the same
// number is replaced, others come after those that are there; where the
// document left extensions to the box, it has only these then. Neither s nor
// list is changed. What refers to them isn't looked at: check what comes out.
func (s Site) WithExtensions(list []Extension) Site {
	s.Extensions = put(s.Extensions, list, func(a, b Extension) bool { return a.Number == b.Number })
	return s
}

// WithInbound gives the site with these routes put in: one with the same
// conditions is replaced in its place; others come before the first that has
// none, for that takes all calls.
func (s Site) WithInbound(list []InboundRoute) Site {
	same := func(a, b InboundRoute) bool {
		return slices.Equal(a.From, b.From) && slices.Equal(a.DID, b.DID) && slices.Equal(a.Caller, b.Caller)
	}
	s.Inbound = put(s.Inbound, list, same)
	isLast := func(r InboundRoute) int { // 1 for those without a condition
		if len(r.From)+len(r.DID)+len(r.Caller) == 0 {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(s.Inbound, func(a, b InboundRoute) int { return isLast(a) - isLast(b) })
	return s
}

// WithCalendar gives the site with this calendar put in, in the place of one
// of the same name.
func (s Site) WithCalendar(c Calendar) Site {
	s.Calendars = put(s.Calendars, []Calendar{c}, func(a, b Calendar) bool { return a.Name == b.Name })
	return s
}

func put[T any](old, list []T, same func(a, b T) bool) []T {
	out := slices.Clone(given(old))
	for _, x := range list {
		if i := slices.IndexFunc(out, func(o T) bool { return same(o, x) }); i >= 0 {
			out[i] = x
		} else {
			out = append(out, x)
		}
	}
	return out
}

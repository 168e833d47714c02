package reports

import (
	"slices"
	"time"
)

// span is a time from one moment to before another.
type span struct{ from, to time.Time }

// spans are disjoint and in order.
type spans []span

// makeSpans sorts and joins.
func makeSpans(in []span) spans {
	in = slices.DeleteFunc(slices.Clone(in), func(s span) bool { return !s.from.Before(s.to) })
	slices.SortFunc(in, func(a, b span) int { return a.from.Compare(b.from) })
	var out spans
	for _, s := range in {
		if n := len(out); n > 0 && !s.from.After(out[n-1].to) {
			if s.to.After(out[n-1].to) {
				out[n-1].to = s.to
			}
			continue
		}
		out = append(out, s)
	}
	return out
}

func (a spans) and(b spans) spans {
	var out spans
	for i, j := 0, 0; i < len(a) && j < len(b); {
		from, to := a[i].from, a[i].to
		if b[j].from.After(from) {
			from = b[j].from
		}
		if b[j].to.Before(to) {
			to = b[j].to
		}
		if from.Before(to) {
			out = append(out, span{from, to})
		}
		if a[i].to.Before(b[j].to) {
			i++
		} else {
			j++
		}
	}
	return out
}

func (a spans) minus(b spans) spans {
	var out spans
	j := 0
	for _, s := range a {
		from := s.from
		for j < len(b) && !b[j].to.After(from) {
			j++
		}
		for k := j; k < len(b) && b[k].from.Before(s.to); k++ {
			if from.Before(b[k].from) {
				out = append(out, span{from, b[k].from})
			}
			if b[k].to.After(from) {
				from = b[k].to
			}
		}
		if from.Before(s.to) {
			out = append(out, span{from, s.to})
		}
	}
	return out
}

func (a spans) or(b spans) spans { return makeSpans(append(slices.Clone(a), b...)) }

func (a spans) length() time.Duration {
	var d time.Duration
	for _, s := range a {
		d += s.to.Sub(s.from)
	}
	return d
}

// Period is how a report is cut.
type Period string

// Periods.
const (
	Whole Period = "whole"
	Hour  Period = "hour"
	Day   Period = "day"
	Week  Period = "week" // from Monday
	Month Period = "month"
)

// cut returns the periods of a time, by the clocks of a zone. The first and
// last are as long as the time leaves them.
func cut(from, to time.Time, by Period, zone *time.Location) []span {
	if by == Whole || by == "" {
		return []span{{from, to}}
	}
	var out []span
	for at := from; at.Before(to); {
		next := after(at.In(zone), by)
		if next.After(to) {
			next = to
		}
		out = append(out, span{at, next})
		at = next
	}
	return out
}

// after is the end of the period that a local time lies in.
func after(t time.Time, by Period) time.Time {
	y, m, d := t.Date()
	switch by {
	case Hour:
		// Minutes and below: zones are off by less than an hour, and clocks
		// that are put back make an hour come twice.
		left := time.Hour - time.Duration(t.Minute())*time.Minute - time.Duration(t.Second())*time.Second - time.Duration(t.Nanosecond())
		return t.Add(left)
	case Day:
		return time.Date(y, m, d+1, 0, 0, 0, 0, t.Location())
	case Week:
		return time.Date(y, m, d+7-(int(t.Weekday())+6)%7, 0, 0, 0, 0, t.Location())
	default:
		return time.Date(y, m+1, 1, 0, 0, 0, 0, t.Location())
	}
}

// label names a period for people.
func label(s span, by Period, zone *time.Location) string {
	t := s.from.In(zone)
	switch by {
	case Hour:
		return t.Format("2006-01-02 15:00")
	case Day:
		return t.Format("2006-01-02")
	case Week:
		y, w := t.ISOWeek()
		return itoa(y) + "-W" + pad(w)
	case Month:
		return t.Format("2006-01")
	}
	return t.Format("2006-01-02 15:04") + " – " + s.to.In(zone).Format("2006-01-02 15:04")
}

package provisioning

import (
	"fmt"
	"slices"
	"time"
)

// ScheduleState is what a [Schedule] is at some time, unless somebody has
// switched it by hand.
type ScheduleState string

// The states of a schedule.
const (
	IsOpen    ScheduleState = "open"
	IsClosed  ScheduleState = "closed"
	IsHoliday ScheduleState = "holiday"
)

var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// At tells what a schedule of the site is at a time. Holidays come before
// hours; on a moved working day the hours are those of the day of the week that
// it works like. Hours that go on after midnight belong to the day on which
// they began. It fails if the time zone isn't known.
func (s *Site) At(sched *Schedule, t time.Time) (ScheduleState, error) {
	zone, err := time.LoadLocation(s.TimeZone)
	if err != nil {
		return "", fmt.Errorf("the site's time zone: %w", err)
	}
	t = t.In(zone)
	today, holiday := s.dayOf(sched, t)
	clock := t.Format("15:04")
	yesterday, wasHoliday := s.dayOf(sched, time.Date(t.Year(), t.Month(), t.Day()-1, 12, 0, 0, 0, zone))
	for _, h := range sched.Hours {
		late := h.To < h.From // into the next day
		if !wasHoliday && late && h.has(yesterday) && clock < h.To {
			return IsOpen, nil
		}
		if !holiday && h.has(today) && clock >= h.From && (late || clock < h.To) {
			return IsOpen, nil
		}
	}
	switch {
	case holiday:
		return IsHoliday, nil
	case len(sched.Hours) == 0:
		return IsOpen, nil
	}
	return IsClosed, nil
}

func (h Hours) has(weekday string) bool { return len(h.Days) == 0 || slices.Contains(h.Days, weekday) }

// dayOf is the day of the week as which the schedule takes a date, and whether
// it is a holiday.
func (s *Site) dayOf(sched *Schedule, t time.Time) (weekday string, holiday bool) {
	weekday, date := weekdays[t.Weekday()], t.Format(time.DateOnly)
	for _, c := range s.Calendars {
		if !slices.Contains(sched.Calendars, c.Name) {
			continue
		}
		for _, d := range c.Days {
			last := d.Until
			if last == "" {
				last = d.Date
			}
			if date < d.Date || date > last {
				continue
			}
			if d.WorksLike != "" {
				return d.WorksLike, false // work comes before holiday, in whichever calendar it stands
			}
			holiday = true
		}
	}
	return weekday, holiday
}

// Package calendar reads holidays out of iCalendar files (RFC 5545), as
// authorities, calendar programs and web sites give them out.
//
// Every event that lasts for whole days is a holiday, and so is each
// repetition of it within the time that is asked for. Events of some hours are
// left out and told. In China, working days that are moved to a week-end (补班,
// 调休上班) stand in such files too: an event is one if its name ends with 班 or
// （班）, names one of those words or "working day", or if it has Apple's mark
// X-APPLE-SPECIAL-DAY:ALTERNATE-WORKDAY. The files don't say by which day of the
// week is worked then: it is as on Friday, unless the owner changes it.
package calendar

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	ics "github.com/arran4/golang-ical"
	"github.com/teambition/rrule-go"

	"switchroom/provisioning"
)

// Bounds of what is read.
const (
	maxSize = 4 << 20
	maxDays = 3700 // ten years of nothing but holidays
	// Working out a rule takes up to 20 ms.
	maxRepeated = 300
)

// worksLike is the day of the week as which is worked on moved working days.
const worksLike = "fri"

// Skipped is an event that did not become a holiday.
type Skipped struct {
	Event  string // its name
	reason reason
	detail string
}

type reason int

const (
	someHours reason = iota
	badDate
	badRule
)

// Text says why, in one of [provisioning.Languages].
func (s Skipped) Text(language string) string {
	text := map[reason][2]string{
		someHours: {"left out %q: it doesn't last for whole days", "已跳过 %q：不是全天事件"},
		badDate:   {"left out %q: its date can't be read: %s", "已跳过 %q：无法读取日期：%s"},
		badRule:   {"left out the repetitions of %q: their rule can't be read: %s", "已跳过 %q 的重复：无法读取重复规则：%s"},
	}[s.reason]
	format := text[0]
	if language == "zh-CN" {
		format = text[1]
	}
	if s.reason == someHours {
		return fmt.Sprintf(format, s.Event)
	}
	return fmt.Sprintf(format, s.Event, s.detail)
}

// Read makes the calendar of the name of an iCalendar file: its days from the
// first to the last, both included, whose times of day don't count. Events
// with times are read in the location. Of several events on one day the first
// in the file counts, but a moved working day comes before a holiday.
func Read(r io.Reader, name string, first, last time.Time, location *time.Location) (provisioning.Calendar, []Skipped, error) {
	out := provisioning.Calendar{Name: name, Days: []provisioning.Day{}}
	data, err := io.ReadAll(io.LimitReader(r, maxSize+1))
	if err != nil {
		return out, nil, fmt.Errorf("reading the calendar: %w", err)
	}
	if len(data) > maxSize {
		return out, nil, fmt.Errorf("the calendar is larger than %d MiB", maxSize>>20)
	}
	file, err := parse(string(data))
	if err != nil {
		return out, nil, fmt.Errorf("reading the calendar: %w", err)
	}
	days := map[date]day{}
	var skipped []Skipped
	repeated := 0
	from, to := dateOf(first), dateOf(last)
	for _, e := range file.Events() {
		ev := event{VEvent: e, name: clean(text(e, ics.ComponentPropertySummary))}
		if e.GetProperty(ics.ComponentPropertyRrule) != nil {
			if repeated++; repeated > maxRepeated {
				return out, skipped, fmt.Errorf("the calendar has more than %d events that repeat", maxRepeated)
			}
		}
		starts, length, problem := ev.days(from, to, location)
		if problem != nil {
			skipped = append(skipped, *problem)
		}
		d := day{name: ev.name, works: ev.works()}
		for _, s := range starts {
			for at := max(s, from); at < s.add(length) && at <= to; at++ {
				old, taken := days[at]
				if taken && (old.works || !d.works) {
					continue
				}
				if len(days) >= maxDays {
					return out, skipped, fmt.Errorf("the calendar has more than %d days", maxDays)
				}
				days[at] = d
			}
		}
	}
	out.Days = join(days)
	return out, skipped, nil
}

// parse reads the file. The library's reader is given a file whose lines all
// end alike, without a byte order mark.
func parse(data string) (file *ics.Calendar, err error) {
	defer func() { // a text from anywhere must not end the program
		if r := recover(); r != nil {
			file, err = nil, fmt.Errorf("it is no iCalendar file: %v", r)
		}
	}()
	data = strings.TrimPrefix(data, "\ufeff")
	if !strings.HasPrefix(strings.ToUpper(strings.TrimSpace(data)), "BEGIN:VCALENDAR") {
		return nil, errors.New("it is no iCalendar file: it doesn't begin with BEGIN:VCALENDAR")
	}
	data = strings.ReplaceAll(data, "\r\n", "\n")
	return ics.ParseCalendar(strings.NewReader(strings.ReplaceAll(data, "\n", "\r\n")))
}

// day is what a date is.
type day struct {
	name  string
	works bool
}

// join makes spans of days that follow each other and are the same.
func join(days map[date]day) []provisioning.Day {
	dates := make([]date, 0, len(days))
	for d := range days {
		dates = append(dates, d)
	}
	slices.SortFunc(dates, func(a, b date) int { return cmp.Compare(a, b) })
	out := []provisioning.Day{}
	for i := 0; i < len(dates); {
		j := i + 1
		for j < len(dates) && dates[j] == dates[i].add(j-i) && days[dates[j]] == days[dates[i]] {
			j++
		}
		d := provisioning.Day{Name: days[dates[i]].name, Date: dates[i].String()}
		if j > i+1 {
			d.Until = dates[j-1].String()
		}
		if days[dates[i]].works {
			d.WorksLike = worksLike
		}
		out = append(out, d)
		i = j
	}
	return out
}

// date counts days, so that no daylight saving time gets in between.
type date int

func dateOf(t time.Time) date {
	return date(time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC).Unix() / 86400)
}

func (d date) time() time.Time   { return time.Unix(int64(d)*86400, 0).UTC() }
func (d date) add(days int) date { return d + date(days) }
func (d date) String() string    { return d.time().Format(time.DateOnly) }

type event struct {
	*ics.VEvent
	name string
}

func text(e *ics.VEvent, p ics.ComponentProperty) string {
	if v := e.GetProperty(p); v != nil {
		return v.Value
	}
	return ""
}

var worksWords = []string{"补班", "调休上班", "上班", "working day", "workday"}

// works tells whether the event is a moved working day.
func (e event) works() bool {
	if strings.EqualFold(text(e.VEvent, "X-APPLE-SPECIAL-DAY"), "ALTERNATE-WORKDAY") {
		return true
	}
	name := strings.ToLower(strings.TrimRight(e.name, "）)】] "))
	return strings.HasSuffix(name, "班") || slices.ContainsFunc(worksWords, func(w string) bool { return strings.Contains(name, w) })
}

// days gives the first days of the event and its repetitions, and how many
// days each lasts.
func (e event) days(from, to date, location *time.Location) ([]date, int, *Skipped) {
	start, length, problem := e.span(location)
	if problem != nil {
		return nil, 0, problem
	}
	rule := text(e.VEvent, ics.ComponentPropertyRrule)
	if rule == "" {
		return []date{start}, length, nil
	}
	all, err := repetitions(rule, start, from.add(-length), to)
	if err != nil {
		return []date{start}, length, &Skipped{e.name, badRule, err.Error()}
	}
	except := map[date]bool{}
	for _, x := range e.GetProperties(ics.ComponentPropertyExdate) {
		for v := range strings.SplitSeq(x.Value, ",") {
			if d, ok := parseDate(v); ok {
				except[d] = true
			}
		}
	}
	return slices.DeleteFunc(all, func(d date) bool { return except[d] }), length, nil
}

// repetitions gives the dates of a rule between two, both included.
//
// The library looks for dates up to the year 9999 when a rule has none, and
// does not survive some that make no sense. Holidays are repeated by year or
// month; of weeks and days only the plain rules are taken.
func repetitions(rule string, start, from, to date) (out []date, err error) {
	defer func() {
		if r := recover(); r != nil {
			out, err = nil, errors.New("it makes no sense")
		}
	}()
	o, err := rrule.StrToROption(rule)
	if err != nil {
		return nil, err
	}
	involved := len(o.Byyearday) + len(o.Byweekno) + len(o.Bysetpos)
	if o.Freq == rrule.WEEKLY || o.Freq == rrule.DAILY {
		involved += len(o.Bymonthday) + len(o.Byeaster) + len(o.Bymonth)
	}
	if o.Freq > rrule.DAILY || involved+len(o.Byhour)+len(o.Byminute)+len(o.Bysecond) > 0 || o.Interval > 100 {
		return nil, errors.New("it is no rule for holidays")
	}
	o.Dtstart = start.time()
	r, err := rrule.NewRRule(*o)
	if err != nil {
		return nil, err
	}
	for _, t := range r.Between(from.time(), to.time(), true) {
		out = append(out, dateOf(t))
	}
	return out, nil
}

var duration = regexp.MustCompile(`^\+?P(?:([0-9]{1,3})W)?(?:([0-9]{1,4})D)?$`)

// span is the event's first day and its number of days.
func (e event) span(location *time.Location) (date, int, *Skipped) {
	value := text(e.VEvent, ics.ComponentPropertyDtStart)
	start, isDate := parseDate(value)
	if !isDate {
		return e.timed(location)
	}
	if value := text(e.VEvent, ics.ComponentPropertyDtEnd); value != "" {
		end, ok := parseDate(value) // not included
		if !ok || end < start || end > start.add(maxDays) {
			return 0, 0, &Skipped{e.name, badDate, value}
		}
		return start, max(int(end-start), 1), nil
	}
	if value := text(e.VEvent, ics.ComponentPropertyDuration); value != "" {
		m := duration.FindStringSubmatch(value)
		if m == nil {
			return 0, 0, &Skipped{e.name, badDate, value}
		}
		weeks, _ := strconv.Atoi(m[1]) // digits, or nothing
		days, _ := strconv.Atoi(m[2])
		return start, min(max(weeks*7+days, 1), maxDays), nil
	}
	return start, 1, nil
}

// timed is the whole days that an event with times covers.
func (e event) timed(location *time.Location) (date, int, *Skipped) {
	start, errStart := e.GetStartAt()
	if errStart != nil {
		return 0, 0, &Skipped{e.name, badDate, errStart.Error()}
	}
	end, errEnd := e.GetEndAt()
	if errEnd != nil {
		return 0, 0, &Skipped{e.name, someHours, ""}
	}
	if !strings.HasSuffix(text(e.VEvent, ics.ComponentPropertyDtStart), "Z") && e.GetProperty(ics.ComponentPropertyDtStart).ICalParameters["TZID"] == nil {
		start, end = inPlace(start, location), inPlace(end, location) // a time of wherever one is
	}
	start, end = start.In(location), end.In(location)
	first := dateOf(start)
	if h, m, s := start.Clock(); h+m+s > 0 {
		first++
	}
	last := dateOf(end.Add(time.Minute)) // 23:59 and 23:59:59 are the end of the day
	if last <= first || last > first.add(maxDays) {
		return 0, 0, &Skipped{e.name, someHours, ""}
	}
	return first, int(last - first), nil
}

// inPlace is the same date and time of day in the location.
func inPlace(t time.Time, location *time.Location) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, location)
}

func parseDate(value string) (date, bool) {
	t, err := time.Parse("20060102", strings.TrimSpace(value))
	if err != nil || t.Year() < 1970 {
		return 0, false
	}
	return dateOf(t), true
}

// maxName is how many bytes of an event's name are kept.
const maxName = 79

// clean makes of an event's name one that the document takes.
func clean(name string) string {
	name = strings.NewReplacer(`\,`, ",", `\;`, ",", `\n`, " ", `\N`, " ").Replace(name)
	name = strings.Map(func(r rune) rune {
		if strings.ContainsRune("\"<>[];\\", r) || unicode.IsControl(r) || r == utf8.RuneError {
			return -1
		}
		return r
	}, name)
	runes := []rune(strings.TrimSpace(name))
	runes = runes[:min(len(runes), 40)]
	for len(string(runes)) > maxName {
		runes = runes[:len(runes)-1]
	}
	return strings.TrimSpace(string(runes))
}

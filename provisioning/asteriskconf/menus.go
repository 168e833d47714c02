package asteriskconf

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"switchroom/provisioning"
)

// This file has menus, announcements and ring groups.

func (r renderer) ivrs(f *file) {
	direct := false
	for _, m := range r.site.IVRs {
		f.context("ivr-"+m.Name, "The menu "+m.Name+". What a caller presses is looked for here and nowhere else.")
		play := "Background(silence/1)"
		if len(m.Greeting) > 0 {
			play = "Background(" + prompts(m.Greeting) + ")"
		}
		f.exten("s", "Answer()",
			"Set(MENU="+m.Name+")",
			"Set(TRY=0)",
			"CELGenUserEvent(IVR,menu="+m.Name+")",
			"Set(TIMEOUT(digit)=2)",
			"again: "+play,
			"WaitExten("+strconv.Itoa(m.TimeoutSeconds)+")")
		for _, k := range slices.Sorted(maps.Keys(m.Keys)) {
			f.exten(k, "CELGenUserEvent(IVR,menu="+m.Name+"&key="+k+")", to(destination(m.Keys[k])))
		}
		for _, k := range slices.Sorted(maps.Keys(m.Languages)) {
			l := sounds(m.Languages[k])
			f.exten(k, "CELGenUserEvent(IVR,menu="+m.Name+"&key="+k+")", "Set(CHANNEL(language)="+l+")", "Set(__CALLER_LANGUAGE="+l+")", "Set(TRY=0)", "Goto(s,again)")
		}
		again := fmt.Sprintf("GotoIf($[${TRY} > %d]?%%s)", m.Retries)
		f.exten("t", "CELGenUserEvent(IVR,menu="+m.Name+"&key=t)", "Set(TRY=$[${TRY} + 1])",
			fmt.Sprintf(again, destination(m.Timeout)), "Goto(s,again)")
		f.exten("i", "CELGenUserEvent(IVR,menu="+m.Name+"&key=i)", "Set(TRY=$[${TRY} + 1])",
			fmt.Sprintf(again, destination(cmp.Or(m.Invalid, m.Timeout))), "Playback("+prompt(m.InvalidPrompt)+")", "Goto(s,again)")
		if m.DirectDial {
			f.line("include = ivr-extensions")
			direct = true
		}
	}
	if direct {
		f.context("ivr-extensions", "Extensions that callers may dial from a menu.")
		for _, e := range r.site.Extensions {
			f.exten(e.Number, "CELGenUserEvent(IVR,menu=${MENU}&key="+e.Number+")", to("extensions,"+e.Number+",1"))
		}
	}
}

func (r renderer) announcements(f *file) {
	f.context("announcements", "What is played, and where the caller goes then.")
	for _, a := range r.site.Announcements {
		steps := []string{"Answer()", "CELGenUserEvent(DEST,kind=announcement&what=" + a.Name + ")"}
		for range a.Times {
			steps = append(steps, "Playback("+prompts(a.Prompts)+")")
		}
		f.exten(a.Name, append(steps, to(destination(a.Then)))...)
	}
}

// groups ring several telephones. The channels that are called know their own
// extensions, so nothing has to be told of them here.
func (r renderer) groups(f *file) {
	f.context("groups", "Ring groups.")
	for _, g := range r.site.Groups {
		var devices []string
		for _, m := range g.Members {
			devices = append(devices, r.device[m])
		}
		dial := func(devices string) string {
			return fmt.Sprintf("Dial(%s,%d,%s${OURS})", devices, g.RingSeconds, r.phoneOptions())
		}
		steps := r.recordIfInbound()
		switch {
		case len(devices) == 0:
		case g.Strategy == "order":
			for _, d := range devices {
				steps = append(steps, dial(d))
			}
		case g.Strategy == "more":
			for i := range devices {
				steps = append(steps, dial(strings.Join(devices[:i+1], "&")))
			}
		case g.Strategy == "random":
			steps = append(steps, "Set(LEFT="+strings.Join(devices, "&")+")",
				"next: Set(ONE=${CUT(LEFT,&,${RAND(1,${FIELDQTY(LEFT,&)})})})",
				"Set(LEFT=${LISTFILTER(LEFT,&,${ONE})})",
				dial("${ONE}"),
				`GotoIf($["${LEFT}" != ""]?next)`)
		default:
			steps = append(steps, dial(strings.Join(devices, "&")))
		}
		f.exten(g.Name, append(steps, to(destination(g.Then)))...)
	}
}

// schedules lead callers on by the time.
func (r renderer) schedules(f *file) {
	days := map[string]int{"mon": 1, "tue": 2, "wed": 3, "thu": 4, "fri": 5, "sat": 6, "sun": 7}
	f.context("schedules", "Where callers go by the time. DAY is the day of the week, 1 to 7, 0 on a holiday; YESTERDAY likewise; CLOCK is the\n"+
		"time as a number, 1830. AT, a time in seconds since 1970, may be set to see where a caller would go then.")
	for _, s := range r.site.Schedules {
		steps := []string{
			"Set(MANUAL=${DB(schedule/" + s.Name + ")})",
			`GotoIf($["${MANUAL}" = "open"]?open)`,
			`GotoIf($["${MANUAL}" = "closed"]?closed)`,
			`Set(AT=${IF($["${AT}" = ""]?${EPOCH}:${AT})})`,
			"Set(CLOCK=$[${STRFTIME(${AT}," + r.site.TimeZone + ",%H%M)} + 0])",
			"Gosub(schedule-days,s,1(" + s.Name + ",${AT}))",
			"Set(DAY=${GOSUB_RETVAL})",
			"Gosub(schedule-days,s,1(" + s.Name + ",$[${AT} - 86400]))",
			"Set(YESTERDAY=${GOSUB_RETVAL})",
			`GotoIf($["${DAY}" = "0"]?holiday)`,
		}
		hours := s.Hours
		if hours == nil {
			steps = append(steps, "Goto(open)")
		}
		for _, h := range hours {
			on := ""
			for _, d := range h.Days {
				on += strconv.Itoa(days[d])
			}
			if len(h.Days) == 0 {
				on = "1234567"
			}
			from, until := clock(h.From), clock(h.To)
			if from < until {
				steps = append(steps, fmt.Sprintf(`GotoIf($[${REGEX("[%s]" ${DAY})} & ${CLOCK} >= %d & ${CLOCK} < %d]?open)`, on, from, until))
			} else { // over midnight
				steps = append(steps,
					fmt.Sprintf(`GotoIf($[${REGEX("[%s]" ${DAY})} & ${CLOCK} >= %d]?open)`, on, from),
					fmt.Sprintf(`GotoIf($[${REGEX("[%s]" ${YESTERDAY})} & ${CLOCK} < %d]?open)`, on, until))
			}
		}
		// An event of the records, then on.
		leave := func(label, state string, d provisioning.Destination) []string {
			return []string{label + ": CELGenUserEvent(DEST,kind=schedule&what=" + s.Name + "&state=" + state + ")", "Set(AT=)", to(destination(d))}
		}
		steps = append(steps, leave("closed", "closed", s.Closed)...)
		steps = append(steps, leave("holiday", "holiday", cmp.Or(s.Holiday, s.Closed))...)
		steps = append(steps, leave("open", "open", s.Open)...)
		f.exten(s.Name, steps...)
	}

	f.context("schedule-days", "What day of the week counts at a time: Gosub(schedule-days,s,1(schedule,time)).")
	f.exten("s", "Set(LOCAL(DATE)=${ARG1}*${STRFTIME(${ARG2},"+r.site.TimeZone+",%Y%m%d)})",
		"GotoIf($[${DIALPLAN_EXISTS(schedule-dates,${DATE},1)}]?special)",
		"Return(${STRFTIME(${ARG2},"+r.site.TimeZone+",%u)})",
		"special: Gosub(schedule-dates,${DATE},1)",
		"Return(${GOSUB_RETVAL})")
	f.context("schedule-dates", "Special days: 0 is a holiday, else the day of the week that it is worked like.")
	for _, s := range r.site.Schedules {
		seen := map[string]bool{}
		for _, name := range s.Calendars {
			for _, c := range r.site.Calendars {
				if c.Name != name {
					continue
				}
				for _, d := range c.Days {
					for _, date := range dates(d) {
						if key := s.Name + "*" + date; !seen[key] {
							seen[key] = true
							f.exten(key, "Return("+strconv.Itoa(days[d.WorksLike])+")")
						}
					}
				}
			}
		}
	}

	f.context("schedule-switch", "A code was dialled: by the clock, open, closed, and so on.")
	for _, s := range r.site.Schedules {
		key := "DB(schedule/" + s.Name + ")"
		f.exten(s.Name, "Answer()", "Set(MANUAL=${"+key+"})",
			`GotoIf($["${MANUAL}" = "open"]?close)`, `GotoIf($["${MANUAL}" = "closed"]?auto)`,
			"Set("+key+"=open)", "Playback(switchroom/day-mode)", "Hangup()",
			"close: Set("+key+"=closed)", "Playback(switchroom/night-mode)", "Hangup()",
			"auto: Set(MANUAL=${DB_DELETE(schedule/"+s.Name+")})", "Playback(switchroom/auto-mode)", "Hangup()")
	}
}

// clock makes 1830 of 18:30.
func clock(s string) int {
	n, err := strconv.Atoi(strings.Replace(s, ":", "", 1))
	if err != nil {
		return 0 // the site is valid
	}
	return n
}

// dates are the days that a special day of a calendar stands for, as 20261001.
func dates(d provisioning.Day) []string {
	first, err := time.Parse(time.DateOnly, d.Date)
	if err != nil {
		return nil // the site is valid
	}
	last := first
	if d.Until != "" {
		if last, err = time.Parse(time.DateOnly, d.Until); err != nil {
			return nil
		}
	}
	var out []string
	for day := first; !day.After(last); day = day.AddDate(0, 0, 1) {
		out = append(out, day.Format("20060102"))
	}
	return out
}

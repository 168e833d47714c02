package panel

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"switchroom/appliance"
	"switchroom/dahdi"
)

// A screen is one of those that take turns. Each of its lines can be understood
// without the title, for which a small display has no room.
type screen struct {
	title string
	lines []string
}

// screens gives those of which something is known. With much room, problems come
// with what to do about them.
func screens(f *Facts, now time.Time, roomy bool) []screen {
	all := []screen{home(f, now)}
	for _, s := range []screen{services(f), alarms(f), calls(f), ports(f, roomy), system(f, now)} {
		if len(s.lines) > 0 {
			all = append(all, s)
		}
	}
	return all
}

func home(f *Facts, now time.Time) screen {
	s := screen{title: shownName(f.Name)}
	a, ok := f.address()
	switch {
	case ok:
		s.lines = append(s.lines, a.String())
	case slices.ContainsFunc(f.Links, func(l Link) bool { return l.Up }):
		s.lines = append(s.lines, "No address yet")
	case len(f.Links) > 0:
		s.lines = append(s.lines, "No network cable")
	case f.Status != nil: // and not just because nobody has looked yet
		s.lines = append(s.lines, "No network port")
	}
	if f.SetupCode != "" {
		s.lines = append(s.lines, "Code "+f.SetupCode)
	}
	s.lines = append(s.lines, map[health]string{
		healthUnknown:  "Waiting for status",
		healthStarting: "Starting",
		healthGood:     "Healthy",
		healthBad:      "NOT HEALTHY",
		healthStopping: "Shutting down",
	}[f.health(now)])
	return s
}

// shownName is the site's name if every display has the characters for it.
func shownName(name string) string {
	if strings.ContainsFunc(name, func(r rune) bool { return r > 0xFF || r < ' ' }) {
		return "Switchroom"
	}
	return name
}

func services(f *Facts) screen {
	s := screen{title: "Services"}
	if f.Status == nil {
		return s
	}
	up, all := 0, 0
	for _, svc := range f.Status.Services {
		name := strings.TrimSuffix(svc.Name, ".service")
		if svc.State != appliance.Inactive {
			all++
		}
		switch svc.State {
		case appliance.Active, appliance.Reloading:
			up++
		case appliance.Inactive:
			if slices.Contains(f.Status.Health.Stopped, svc.Name) {
				s.lines = append(s.lines, name+" stopped")
			}
		default:
			s.lines = append(s.lines, fmt.Sprintf("%s %s", name, svc.State))
		}
	}
	count := "All services up"
	if up < all {
		count = fmt.Sprintf("%d of %d services", up, all)
	}
	s.lines = append([]string{count}, s.lines...)
	return s
}

func alarms(f *Facts) screen {
	s := screen{title: "Alarms"}
	if f.Status == nil {
		return s
	}
	for _, n := range f.Status.Notes {
		s.lines = append(s.lines, "! "+n)
	}
	return s
}

func calls(f *Facts) screen {
	s := screen{title: "Calls"}
	if f.Floor != nil {
		s.lines = append(s.lines, fmt.Sprintf("Calls %d", f.Floor.Calls), fmt.Sprintf("Waiting %d", f.Floor.Waiting))
		agents := fmt.Sprintf("Agents %d", f.Floor.Agents)
		if f.Floor.Paused > 0 {
			agents += fmt.Sprintf(", %d away", f.Floor.Paused)
		}
		s.lines = append(s.lines, agents)
	}
	if f.Hours != HoursUnknown {
		s.lines = append(s.lines, "Hours: "+string(f.Hours))
	}
	return s
}

func ports(f *Facts, roomy bool) screen {
	s := screen{title: "Ports"}
	inv := f.Inventory
	if inv == nil {
		return s
	}
	var dead, broken []int
	for _, p := range inv.Problems {
		switch p.State {
		case dahdi.StateLine:
			dead = append(dead, p.Port)
		case dahdi.StateModule:
			broken = append(broken, p.Port)
		}
	}
	if len(dead) > 0 {
		s.lines = append(s.lines, "No line: "+ranges(dead))
	}
	if len(broken) > 0 {
		s.lines = append(s.lines, "Module: port "+ranges(broken))
	}
	for _, p := range inv.Problems {
		switch p.State {
		case dahdi.StateNoCard:
			s.lines = append(s.lines, "No telephone card")
		case dahdi.StateNoDriver:
			s.lines = append(s.lines, "Card: no driver")
		case dahdi.StateEmpty:
			s.lines = append(s.lines, "Card: no modules")
		case dahdi.StateFault:
			s.lines = append(s.lines, "Card fault", p.Text)
		}
	}
	if roomy {
		s.lines = nil
		for _, p := range inv.Problems {
			s.lines = append(s.lines, p.Text+" "+p.Advice)
		}
	}
	phones, lines := len(inv.Numbers(dahdi.KindFXS)), len(inv.Numbers(dahdi.KindFXO))
	if phones+lines == 0 {
		return s
	}
	if len(inv.Problems) == 0 {
		s.lines = append(s.lines, "All ports well")
	}
	s.lines = append(s.lines, fmt.Sprintf("%d phones %d lines", phones, lines))
	if f.Ports != nil {
		busy := 0
		for _, p := range f.Ports {
			if p.Hook == dahdi.HookOff {
				busy++
			}
		}
		s.lines = append(s.lines, fmt.Sprintf("%d off hook", busy))
	}
	return s
}

func system(f *Facts, now time.Time) screen {
	s := screen{title: "Firmware"}
	if f.Status != nil {
		if f.Status.Version != "" {
			s.lines = append(s.lines, f.Status.Version)
		}
		s.lines = append(s.lines, "Up "+since(now.Sub(f.Status.Started)))
	}
	if f.Slot != "" {
		s.lines = append(s.lines, "Slot "+strings.ToUpper(f.Slot))
	}
	return s
}

// network is what the menu shows of it.
func network(f *Facts) screen {
	s := screen{title: "Network"}
	for _, l := range f.Links {
		state := "no cable"
		if l.Up {
			state = "up"
		}
		s.lines = append(s.lines, l.Name+" "+state)
		for _, a := range l.Addresses {
			s.lines = append(s.lines, a.String())
		}
		if l.MAC != "" {
			s.lines = append(s.lines, l.MAC)
		}
	}
	if f.Gateway.IsValid() {
		s.lines = append(s.lines, "Gateway", f.Gateway.String())
	}
	for _, d := range f.DNS {
		s.lines = append(s.lines, "DNS", d.String())
	}
	if len(s.lines) == 0 {
		s.lines = []string{"No network port"}
	}
	return s
}

// ranges writes numbers in order, neighbours together: "3 17-20".
func ranges(numbers []int) string {
	slices.Sort(numbers)
	numbers = slices.Compact(numbers)
	var parts []string
	for i := 0; i < len(numbers); {
		j := i
		for j+1 < len(numbers) && numbers[j+1] == numbers[j]+1 {
			j++
		}
		part := fmt.Sprint(numbers[i])
		if j > i {
			part += fmt.Sprintf("-%d", numbers[j])
		}
		parts = append(parts, part)
		i = j + 1
	}
	return strings.Join(parts, " ")
}

// since is a duration in its two greatest units, without seconds: what changes
// every second keeps a display from being read.
func since(d time.Duration) string {
	minutes := max(int(d/time.Minute), 0)
	switch {
	case minutes >= 24*60:
		return fmt.Sprintf("%dd %dh", minutes/(24*60), minutes/60%24)
	case minutes >= 60:
		return fmt.Sprintf("%dh %dm", minutes/60, minutes%60)
	}
	return fmt.Sprintf("%dm", minutes)
}

// wrap breaks a text into lines of that many characters, at spaces where it can;
// all but the first begin with a space.
func wrap(text string, columns int) []string {
	var lines []string
	var line []rune
	for word := range strings.FieldsSeq(text) {
		w := []rune(word)
		if len(line) > 0 && len(line)+1+len(w) > columns && strings.TrimSpace(string(line)) != "" {
			lines, line = append(lines, string(line)), []rune{}
		}
		if len(line) > 0 || len(lines) > 0 {
			line = append(line, ' ')
		}
		for len(line)+len(w) > columns {
			n := columns - len(line)
			lines, line, w = append(lines, string(line)+string(w[:n])), []rune(" "), w[n:]
		}
		line = append(line, w...)
	}
	if len(line) > 0 || len(lines) == 0 {
		lines = append(lines, string(line))
	}
	return lines
}

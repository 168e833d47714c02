package appliance

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// WriteTable writes the status for a person to read, as it was at now.
func WriteTable(w io.Writer, st Status, now time.Time) error {
	health := "healthy"
	switch {
	case st.Stopping:
		health = "shutting down"
	case len(st.Health.Failing) > 0:
		health = "not healthy: " + strings.Join(st.Health.Failing, ", ")
	case len(st.Health.Stopped) > 0:
		health = "stopped by order: " + strings.Join(st.Health.Stopped, ", ")
	case !st.Health.OK:
		health = "not healthy yet"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "switchroom %s, up %s, %s, supervisor %s\n", cmp.Or(st.Version, "?"), span(now.Sub(st.Started)), health, size(st.Memory))
	for _, n := range st.Notes {
		fmt.Fprintf(&b, "! %s\n", n)
	}
	b.WriteByte('\n')
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "SERVICE\tSTATE\tSINCE\tRESTARTS\tMEMORY\tPID\tSAYS")
	for _, s := range st.Services {
		state := string(s.State)
		if s.Sub != state && s.State != Active {
			state += " (" + s.Sub + ")"
		}
		pid := "-"
		if s.MainPID != 0 {
			pid = fmt.Sprint(s.MainPID)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%s\t%s\t%s\n", strings.TrimSuffix(s.Name, ".service"), state,
			span(now.Sub(s.Since)), s.Restarts, size(s.Memory), pid, s.says(now))
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("writing the status: %w", err)
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("writing the status: %w", err)
	}
	return nil
}

// says is what is most worth knowing of a service.
func (s Service) says(now time.Time) string {
	var parts []string
	if s.Status != "" {
		parts = append(parts, s.Status)
	}
	if len(s.Waiting) > 0 {
		parts = append(parts, "waits for "+strings.Join(s.Waiting, ", "))
	}
	if s.LastError != "" {
		what := "last error: "
		if s.State == Failed || s.State == CrashLoop {
			what = ""
		}
		parts = append(parts, what+s.LastError)
	}
	if !s.NextTry.IsZero() {
		parts = append(parts, "tried again in "+span(s.NextTry.Sub(now)))
	}
	return strings.Join(parts, "; ")
}

// span is a duration in its two greatest units.
func span(d time.Duration) string {
	d = max(d, 0).Round(time.Second)
	day := 24 * time.Hour
	switch {
	case d >= day:
		return fmt.Sprintf("%dd %dh", d/day, d%day/time.Hour)
	case d >= time.Hour:
		return fmt.Sprintf("%dh %dm", d/time.Hour, d%time.Hour/time.Minute)
	case d >= time.Minute:
		return fmt.Sprintf("%dm %ds", d/time.Minute, d%time.Minute/time.Second)
	}
	return fmt.Sprintf("%ds", d/time.Second)
}

func size(bytes uint64) string {
	switch {
	case bytes == 0:
		return "-"
	case bytes < 1<<20:
		return fmt.Sprintf("%dK", bytes>>10)
	}
	return fmt.Sprintf("%.1fM", float64(bytes)/(1<<20))
}

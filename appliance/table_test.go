package appliance_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"switchroom/appliance"
)

// TestWriteTable holds what a person sees, word for word.
func TestWriteTable(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	st := appliance.Status{
		Version: "0.1.0", Started: ago(26 * time.Hour), Memory: 9 << 20, Notes: []string{"data: volatile"},
		Health: appliance.Health{Failing: []string{"asterisk.service"}},
		Services: []appliance.Service{
			{Name: "asterisk.service", State: appliance.CrashLoop, Sub: "crash-loop", Since: ago(70 * time.Second), Restarts: 12,
				LastError: "the main process: killed by SIGSEGV", NextTry: now.Add(25 * time.Second)},
			{Name: "network.service", State: appliance.Active, Sub: "running", Since: ago(25 * time.Hour), MainPID: 88, Memory: 700 << 10,
				Status: "eth0 10.0.2.15/24"},
			{Name: "ports.service", State: appliance.Active, Sub: "running", Since: ago(3700 * time.Second), Restarts: 1, MainPID: 4711, Memory: 12 << 20,
				Status: "24 ports", LastError: "its watchdog was not fed for 10s"},
			{Name: "site.service", State: appliance.Inactive, Sub: "waiting", Since: ago(time.Second), Waiting: []string{"ports.service", "/data"}},
		},
	}
	var b strings.Builder
	if err := appliance.WriteTable(&b, st, now); err != nil {
		t.Fatal(err)
	}
	want := `switchroom 0.1.0, up 1d 2h, not healthy: asterisk.service, supervisor 9.0M
! data: volatile

SERVICE   STATE               SINCE   RESTARTS  MEMORY  PID   SAYS
asterisk  crash-loop          1m 10s  12        -       -     the main process: killed by SIGSEGV; tried again in 25s
network   active              1d 1h   0         700K    88    eth0 10.0.2.15/24
ports     active              1h 1m   1         12.0M   4711  24 ports; last error: its watchdog was not fed for 10s
site      inactive (waiting)  1s      0         -       -     waits for ports.service, /data
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
	for words, st := range map[string]appliance.Status{
		"healthy,":                            {Health: appliance.Health{OK: true}},
		"not healthy yet,":                    {},
		"stopped by order: asterisk.service,": {Health: appliance.Health{Stopped: []string{"asterisk.service"}}},
		"shutting down,":                      {Stopping: true, Health: appliance.Health{OK: true}},
	} {
		b.Reset()
		if err := appliance.WriteTable(&b, st, now); err != nil || !strings.Contains(b.String(), words) {
			t.Errorf("the table is %v\n%s\nwant %q in it", err, b.String(), words)
		}
	}
	if err := appliance.WriteTable(broken{}, st, now); !errors.Is(err, errBroken) {
		t.Errorf("writing to a broken pipe = %v; want its error", err)
	}
}

var errBroken = errors.New("broken")

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errBroken }

func TestOutcomes(t *testing.T) {
	for want, o := range map[string]appliance.Outcome{"exit": appliance.Exit, "reboot": appliance.Reboot, "poweroff": appliance.PowerOff, "halt": appliance.Halt} {
		if got := o.String(); got != want {
			t.Errorf("String = %q; want %q", got, want)
		}
	}
}

//go:build vm

package system

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"switchroom/appliance"
	"switchroom/appliance/supervisor/unit"
	"switchroom/appliance/units"
)

// What a unit file says of a service holds for its process in the box: user,
// capabilities, scheduling, and the bounds of its cgroup.
func TestVMServicesAreConfined(t *testing.T) {
	b := start(t, machine{cards: []string{"fxs:1-4"}, grubenv: allowRescue})
	b.until("healthy")
	b.logIn()
	set, err := unit.Load(units.FS, unit.Dirs{})
	if err != nil {
		t.Fatal(err)
	}
	status := b.status()
	if len(status.Notes) > 0 {
		t.Errorf("the box is less than it could be: %v", status.Notes)
	}
	running := 0
	for _, s := range status.Services {
		u := set.Services[s.Name]
		if s.MainPID == 0 || u == nil {
			continue
		}
		running++
		t.Run(s.Name, func(t *testing.T) { b.in(t).isConfined(u, s.MainPID) })
	}
	if running < 3 {
		t.Errorf("only %d services run: %+v", running, status.Services)
	}
}

// status is what `switchroom status` knows.
func (b *box) status() appliance.Status {
	b.Helper()
	var s appliance.Status
	if text := b.shell("switchroom status --json"); json.Unmarshal([]byte(text), &s) != nil {
		b.Fatalf("this is no status:\n%s", text)
	}
	return s
}

func (b *box) isConfined(u *unit.Service, pid int) {
	b.Helper()
	of := map[string]string{}
	for line := range strings.Lines(b.shell(fmt.Sprintf("cat /proc/%d/status", pid))) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		of[key] = strings.TrimSpace(value)
	}
	if root := strings.HasPrefix(of["Uid"], "0\t"); root != (u.Process.User == "") {
		b.Errorf("it runs as %s, the unit has User=%s", of["Uid"], u.Process.User)
	}
	if u.Process.Bounding != nil {
		want := fmt.Sprintf("%016x", uint64(*u.Process.Bounding))
		if of["CapBnd"] != want {
			b.Errorf("its bounding set is %s, want %s", of["CapBnd"], want)
		}
		effective, err := strconv.ParseUint(of["CapEff"], 16, 64)
		if err != nil || effective&^uint64(*u.Process.Bounding) != 0 {
			b.Errorf("its capabilities are %s, beyond %s", of["CapEff"], want)
		}
	}
	if u.Process.NoNewPrivileges && of["NoNewPrivs"] != "1" {
		b.Errorf("NoNewPrivs is %s", of["NoNewPrivs"])
	}

	// Behind the name, which may hold spaces: field 3 of proc(5)'s stat is the
	// first; 40 and 41 are real-time priority and policy.
	stat := b.shell(fmt.Sprintf("cat /proc/%d/stat", pid))
	f := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	policies := map[string]string{"": "0", "other": "0", "fifo": "1", "rr": "2", "batch": "3", "idle": "5"}
	if f[37] != strconv.Itoa(u.Process.RealTimePriority) || f[38] != policies[u.Process.Scheduling] {
		b.Errorf("it runs with policy %s and priority %s, the unit says %q and %d", f[38], f[37], u.Process.Scheduling, u.Process.RealTimePriority)
	}

	group := b.shell(fmt.Sprintf("cat /proc/%d/cgroup", pid)) // 0::/path
	dir := "/sys/fs/cgroup" + strings.TrimPrefix(group, "0::")
	for file, want := range map[string]*uint64{
		"memory.max": u.Cgroup.MemoryMax, "memory.high": u.Cgroup.MemoryHigh,
		"pids.max": u.Cgroup.TasksMax, "cpu.weight": u.Cgroup.CPUWeight,
	} {
		if want == nil {
			continue
		}
		text := strconv.FormatUint(*want, 10)
		if *want == math.MaxUint64 {
			text = "max"
		}
		if got := b.shell("cat " + dir + "/" + file); got != text {
			b.Errorf("%s is %s, want %s", file, got, text)
		}
	}
}

// A kernel that hangs, and would for ever, is reset by the chip set's watchdog:
// two minutes of the guest's time after it was last fed, so this is not among the
// tests that are always run.
func TestSlowVMWatchdogResetsAHungKernel(t *testing.T) {
	b := start(t, machine{grubenv: allowRescue})
	b.until("healthy")
	b.logIn()
	b.shell("echo something dear > /data/kept; sync")
	b.fromNow()
	// A panic that does not restart the machine: nothing runs any more.
	if err := b.vm.Type("echo 0 > /proc/sys/kernel/panic; echo c > /proc/sysrq-trigger\r"); err != nil {
		t.Fatal(err)
	}
	b.console(`Kernel panic - not syncing: sysrq triggered crash`)
	b.until("supervisor started")
	b.until("healthy")
	b.logIn()
	b.isKept()
}

// Two cards are one row of ports: the first of the second card is number 25.
func TestVMTwoCards(t *testing.T) {
	b := start(t, machine{cards: []string{"fxs:1-4", "fxs:1-4"}, grubenv: allowRescue})
	b.until("dahdi configured spans=2 channels=48")
	b.ready()
	b.logIn()
	for span := range 2 {
		if got := b.shell(fmt.Sprintf("cat /proc/dahdi/%d", span+1)); strings.Count(got, "FXOKS (In use)") != 4 {
			t.Errorf("card %d has not four telephones that Asterisk uses:\n%s", span+1, got)
		}
	}
}

package units_test

import (
	"io/fs"
	"testing"

	"switchroom/appliance/supervisor/unit"
	"switchroom/appliance/units"
)

// TestUnits: the supervisor reads every one, and none has more rights or more
// room than it says.
func TestUnits(t *testing.T) {
	set, err := unit.Load(units.FS, unit.Dirs{})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ports", "site", "asterisk", "network", "records"} {
		s := set.Services[name+".service"]
		if s == nil {
			t.Errorf("there is no %s.service", name)
			continue
		}
		if !s.AtBoot {
			t.Errorf("%s is not started at boot", name)
		}
		if s.Process.Bounding == nil || *s.Process.Bounding == unit.AllCaps {
			t.Errorf("%s has every capability", name)
		}
		if !s.Process.NoNewPrivileges {
			t.Errorf("%s may gain privileges", name)
		}
		if s.Cgroup.TasksMax == nil {
			t.Errorf("%s may have any number of processes", name)
		}
		if s.Restart == unit.RestartNo {
			t.Errorf("%s is not started again when it fails", name)
		}
	}
	for name, s := range set.Services {
		if s.Description == "" {
			t.Errorf("%s has no description", name)
		}
	}
	entries, err := fs.ReadDir(units.FS, ".")
	if err != nil || len(entries) != len(set.Services)+len(set.Sockets) {
		t.Errorf("%d files, %v; want one for each of %d units", len(entries), err, len(set.Services)+len(set.Sockets))
	}
}

// TestOrder: Asterisk needs its configuration, and the network holds up nobody.
func TestOrder(t *testing.T) {
	set, err := unit.Load(units.FS, unit.Dirs{})
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range set.Services {
		for _, list := range [][]unit.Ref{s.After, s.Requires, s.Wants} {
			for _, r := range list {
				if r.Name == "network.service" {
					t.Errorf("%s waits for the network", name)
				}
			}
		}
	}
	asterisk := set.Services["asterisk.service"]
	if len(asterisk.Requires) != 1 || asterisk.Requires[0].Name != "site.service" {
		t.Errorf("asterisk requires %v; want site.service", asterisk.Requires)
	}
}

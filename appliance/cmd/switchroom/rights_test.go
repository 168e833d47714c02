package main

import (
	"errors"
	"os/user"
	"testing"

	"github.com/google/go-cmp/cmp"

	"switchroom/appliance/supervisor"
	"switchroom/appliance/supervisor/unit"
	"switchroom/appliance/units"
)

// TestGrant: the panel may do what its menu does, and who applies the site may
// restart Asterisk; a user that is not there, or is root, is given nothing.
func TestGrant(t *testing.T) {
	var cfg supervisor.Config
	grant(&cfg, func(name string) (*user.User, error) {
		ids := map[string]string{"provision": "103", "panel": "106"}[name]
		if ids == "" {
			return nil, errors.New("no such user")
		}
		return &user.User{Uid: ids, Gid: "1" + ids}, nil
	})
	want := map[uint32][]string{
		103: {"restart asterisk.service"},
		106: {"restart asterisk.service", "reboot", "poweroff"},
	}
	if d := cmp.Diff(want, cfg.Grants); d != "" {
		t.Errorf("grants (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]uint32{1103, 1106}, cfg.StatusGroups); d != "" {
		t.Errorf("groups that may read the status (-want +got):\n%s", d)
	}
	for _, u := range []*user.User{nil, {Uid: "0", Gid: "0"}, {Uid: "x", Gid: "1"}} {
		var cfg supervisor.Config
		grant(&cfg, func(string) (*user.User, error) {
			if u == nil {
				return nil, errors.New("no such user")
			}
			return u, nil
		})
		if len(cfg.Grants)+len(cfg.StatusGroups) > 0 {
			t.Errorf("user %+v is granted %v, %v", u, cfg.Grants, cfg.StatusGroups)
		}
	}
}

// TestRightsHaveUsers: each right belongs to the user of a service.
func TestRightsHaveUsers(t *testing.T) {
	set, err := unit.Load(units.FS, unit.Dirs{})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rights() {
		found := false
		for _, s := range set.Services {
			found = found || s.Process.User == r.user
		}
		if !found {
			t.Errorf("no service runs as %s", r.user)
		}
	}
}

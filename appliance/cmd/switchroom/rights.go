package main

import (
	"os/user"
	"strconv"

	"switchroom/appliance/supervisor"
	"switchroom/appliance/supervisor/control"
)

// right is what a user may ask the supervisor for, besides status and logs.
type right struct {
	user       string
	operations []string
}

// rights are those of the users that services run as. Root may do everything;
// who is not here may ask for nothing.
func rights() []right {
	return []right{
		// It watches Asterisk's log while it applies the site document, and
		// starts Asterisk again where the owner has agreed to it.
		{provision, []string{control.OpRestart + " asterisk.service"}},
		// Its menu.
		{"panel", []string{
			control.OpRestart + " asterisk.service",
			control.OpReboot,
			control.OpPowerOff,
		}},
	}
}

// grant gives the rights to the users there are; a developer's machine has none
// of them.
func grant(cfg *supervisor.Config, lookup func(name string) (*user.User, error)) {
	cfg.Grants = map[uint32][]string{}
	for _, r := range rights() {
		u, err := lookup(r.user)
		if err != nil {
			continue
		}
		uid, uerr := strconv.ParseUint(u.Uid, 10, 32)
		gid, gerr := strconv.ParseUint(u.Gid, 10, 32)
		if uerr != nil || gerr != nil || uid == 0 || gid == 0 {
			continue
		}
		cfg.Grants[uint32(uid)] = r.operations
		cfg.StatusGroups = append(cfg.StatusGroups, uint32(gid))
	}
}

package unit

import (
	"fmt"
	"math"
	"strings"
	"syscall"
	"time"
)

// A setter takes a directive's value into the unit being read.
type setter func(p *parser, value string, line int) error

// listy are the directives that may be given more than once: their values add
// up, and an empty one forgets those before it.
var listy = map[string]bool{
	"After": true, "Before": true, "Requires": true, "Wants": true, "WantedBy": true, "Documentation": true,
	"RequiresMountsFor":   true,
	"ConditionPathExists": true, "ConditionKernelCommandLine": true,
	"ExecStartPre": true, "ExecStart": true, "ExecReload": true, "ExecStop": true, "ExecStopPost": true,
	"SupplementaryGroups": true, "Environment": true, "CapabilityBoundingSet": true, "AmbientCapabilities": true,
	"RuntimeDirectory": true, "StateDirectory": true, "Sockets": true,
	"SuccessExitStatus": true, "RestartPreventExitStatus": true,
	"ListenStream": true, "ListenDatagram": true,
}

// directives is the language, section by section. It is a function and no
// variable so that nothing can change it.
func directives(section string) map[string]setter {
	switch section {
	case "Unit":
		return map[string]setter{
			"Description":                one(func(p *parser, v string) error { p.common.Description = v; return nil }),
			"Documentation":              func(*parser, string, int) error { return nil },
			"After":                      refs(func(p *parser) *[]Ref { return &p.common.After }),
			"Before":                     refs(func(p *parser) *[]Ref { return &p.common.Before }),
			"Requires":                   refs(func(p *parser) *[]Ref { return &p.common.Requires }),
			"Wants":                      refs(func(p *parser) *[]Ref { return &p.common.Wants }),
			"RequiresMountsFor":          words(func(p *parser) *[]string { return &p.common.MountsFor }, checkPath),
			"ConditionPathExists":        condition("ConditionPathExists"),
			"ConditionKernelCommandLine": condition("ConditionKernelCommandLine"),
			"StartLimitIntervalSec":      duration(func(p *parser) *time.Duration { return &p.common.StartLimitInterval }),
			"StartLimitBurst":            integer(1, 1000, func(p *parser, v int) { p.common.StartLimitBurst = v }),
		}
	case "Install":
		return map[string]setter{"WantedBy": wantedBy}
	case "Service":
		return serviceDirectives()
	case "Socket":
		return map[string]setter{
			"ListenStream":       listen("stream"),
			"ListenDatagram":     listen("datagram"),
			"SocketUser":         name(func(p *parser) *string { return &p.socket.User }),
			"SocketGroup":        name(func(p *parser) *string { return &p.socket.Group }),
			"SocketMode":         mode(func(p *parser) *uint32 { return &p.socket.Mode }),
			"DirectoryMode":      mode(func(p *parser) *uint32 { return &p.socket.DirectoryMode }),
			"Backlog":            integer(1, 65535, func(p *parser, v int) { p.socket.Backlog = v }),
			"FileDescriptorName": name(func(p *parser) *string { return &p.socket.FDName }),
			"Service":            one(func(p *parser, v string) error { p.socket.Service = v; return checkUnitName(v, ".service") }),
			"RemoveOnStop":       boolean(func(p *parser) *bool { return &p.socket.RemoveOnStop }),
			"BindIPv6Only":       choice(func(p *parser) *string { return &p.socket.IPv6Only }, "default", "both", "ipv6-only"),
			"FreeBind":           boolean(func(p *parser) *bool { return &p.socket.FreeBind }),
		}
	}
	return nil
}

func serviceDirectives() map[string]setter {
	set := map[string]setter{
		"Type":            choice(func(p *parser) *Type { return &p.service.Type }, Simple, Exec, Oneshot, Notify),
		"RemainAfterExit": boolean(func(p *parser) *bool { return &p.service.RemainAfterExit }),
		"ExecStartPre":    command(func(p *parser) *[]Command { return &p.service.StartPre }),
		"ExecStart":       command(func(p *parser) *[]Command { return &p.service.Start }),
		"ExecReload":      command(func(p *parser) *[]Command { return &p.service.Reload }),
		"ExecStop":        command(func(p *parser) *[]Command { return &p.service.Stop }),
		"ExecStopPost":    command(func(p *parser) *[]Command { return &p.service.StopPost }),
		"Restart": choice(func(p *parser) *Restart { return &p.service.Restart }, RestartNo, RestartOnSuccess,
			RestartOnFailure, RestartOnAbnormal, RestartOnWatchdog, RestartOnAbort, RestartAlways),
		"RestartSec":               duration(func(p *parser) *time.Duration { return &p.service.RestartDelay }),
		"RestartSteps":             integer(0, 100, func(p *parser, v int) { p.service.RestartSteps = v }),
		"RestartMaxDelaySec":       duration(func(p *parser) *time.Duration { return &p.service.RestartMaxDelay }),
		"SuccessExitStatus":        statuses(func(p *parser) *[]Status { return &p.service.SuccessStatus }),
		"RestartPreventExitStatus": statuses(func(p *parser) *[]Status { return &p.service.PreventStatus }),
		"TimeoutStartSec":          timeout(func(p *parser, d time.Duration) { p.service.TimeoutStart = d }),
		"TimeoutStopSec":           timeout(func(p *parser, d time.Duration) { p.service.TimeoutStop = d }),
		"TimeoutSec": timeout(func(p *parser, d time.Duration) {
			p.service.TimeoutStart, p.service.TimeoutStop = d, d
		}),
		"WatchdogSec":            duration(func(p *parser) *time.Duration { return &p.service.Watchdog }),
		"NotifyAccess":           choice(func(p *parser) *Access { return &p.service.Access }, AccessNone, AccessMain, AccessExec, AccessAll),
		"FileDescriptorStoreMax": integer(0, 64, func(p *parser, v int) { p.service.FDStoreMax = v }),
		"Sockets": words(func(p *parser) *[]string { return &p.service.Sockets }, func(s string) error {
			return checkUnitName(s, ".socket")
		}),

		"User":                     name(func(p *parser) *string { return &p.service.Process.User }),
		"Group":                    name(func(p *parser) *string { return &p.service.Process.Group }),
		"SupplementaryGroups":      words(func(p *parser) *[]string { return &p.service.Process.SupplementaryGroups }, checkName),
		"WorkingDirectory":         one(workingDirectory),
		"Environment":              environment,
		"UMask":                    mode(func(p *parser) *uint32 { return &p.service.Process.UMask }),
		"Nice":                     integer(-20, 19, func(p *parser, v int) { p.service.Process.Nice = &v }),
		"CPUSchedulingPolicy":      choice(func(p *parser) *string { return &p.service.Process.Scheduling }, "other", "batch", "idle", "fifo", "rr"),
		"CPUSchedulingPriority":    integer(1, 99, func(p *parser, v int) { p.service.Process.RealTimePriority = v }),
		"OOMScoreAdjust":           integer(-1000, 1000, func(p *parser, v int) { p.service.Process.OOMScoreAdjust = &v }),
		"CapabilityBoundingSet":    bounding,
		"AmbientCapabilities":      ambient,
		"NoNewPrivileges":          boolean(func(p *parser) *bool { return &p.service.Process.NoNewPrivileges }),
		"RuntimeDirectory":         words(func(p *parser) *[]string { return &p.service.Process.RuntimeDirectory }, checkDirectory),
		"RuntimeDirectoryMode":     mode(func(p *parser) *uint32 { return &p.service.Process.RuntimeDirectoryMode }),
		"RuntimeDirectoryPreserve": choice(func(p *parser) *string { return &p.service.Process.RuntimeDirectoryPreserve }, "no", "restart", "yes"),
		"StateDirectory":           words(func(p *parser) *[]string { return &p.service.Process.StateDirectory }, checkDirectory),
		"StateDirectoryMode":       mode(func(p *parser) *uint32 { return &p.service.Process.StateDirectoryMode }),
		"StandardInput":            choice(func(p *parser) *string { return &p.service.Process.StandardInput }, "null", "tty", "tty-force"),
		"TTYPath":                  one(func(p *parser, v string) error { p.service.Process.TTYPath = v; return checkPath(v) }),

		"KillMode":        choice(func(p *parser) *KillMode { return &p.service.Kill.Mode }, KillControlGroup, KillMixed, KillProcess, KillNone),
		"KillSignal":      signal(func(p *parser) *syscall.Signal { return &p.service.Kill.Signal }),
		"FinalKillSignal": signal(func(p *parser) *syscall.Signal { return &p.service.Kill.FinalSignal }),
		"SendSIGKILL":     boolean(func(p *parser) *bool { return &p.service.Kill.SendKill }),

		"MemoryMax":  bound(parseSize, func(p *parser) **uint64 { return &p.service.Cgroup.MemoryMax }),
		"MemoryHigh": bound(parseSize, func(p *parser) **uint64 { return &p.service.Cgroup.MemoryHigh }),
		"TasksMax":   bound(parseCount, func(p *parser) **uint64 { return &p.service.Cgroup.TasksMax }),
		"CPUWeight":  bound(parseWeight, func(p *parser) **uint64 { return &p.service.Cgroup.CPUWeight }),
	}
	for _, limit := range []string{"NOFILE", "NPROC", "CORE", "MEMLOCK", "RTPRIO"} {
		set["Limit"+limit] = func(p *parser, v string, _ int) error {
			l, err := parseLimit(v)
			if err == nil {
				p.service.Process.Limits[limit] = *l
			}
			return err
		}
	}
	return set
}

func one(set func(p *parser, v string) error) setter {
	return func(p *parser, v string, _ int) error {
		if v == "" {
			return fmt.Errorf("no value")
		}
		return set(p, v)
	}
}

func boolean(at func(*parser) *bool) setter {
	return func(p *parser, v string, _ int) (err error) { *at(p), err = parseBool(v); return err }
}

func duration(at func(*parser) *time.Duration) setter {
	return func(p *parser, v string, _ int) (err error) { *at(p), err = parseDuration(v); return err }
}

// timeout reads a time-out, where systemd takes 0 for none.
func timeout(set func(*parser, time.Duration)) setter {
	return func(p *parser, v string, _ int) error {
		d, err := parseDuration(v)
		if err == nil && d == 0 {
			d = Infinity
		}
		if err == nil {
			set(p, d)
		}
		return err
	}
}

func mode(at func(*parser) *uint32) setter {
	return func(p *parser, v string, _ int) (err error) { *at(p), err = parseMode(v); return err }
}

func signal(at func(*parser) *syscall.Signal) setter {
	return func(p *parser, v string, _ int) (err error) { *at(p), err = parseSignal(v); return err }
}

func integer(low, high int, set func(*parser, int)) setter {
	return func(p *parser, v string, _ int) error {
		n, err := parseInt(v, low, high)
		if err == nil {
			set(p, n)
		}
		return err
	}
}

func choice[T ~string](at func(*parser) *T, of ...T) setter {
	return func(p *parser, v string, _ int) error {
		for _, c := range of {
			if v == string(c) {
				*at(p) = c
				return nil
			}
		}
		return fmt.Errorf("%q is none of %v", v, of)
	}
}

func name(at func(*parser) *string) setter {
	return func(p *parser, v string, _ int) error { *at(p) = v; return checkName(v) }
}

func words(at func(*parser) *[]string, check func(string) error) setter {
	return func(p *parser, v string, _ int) error {
		if v == "" {
			*at(p) = nil
		}
		for w := range strings.FieldsSeq(v) {
			if err := check(w); err != nil {
				return err
			}
			*at(p) = append(*at(p), w)
		}
		return nil
	}
}

func command(at func(*parser) *[]Command) setter {
	return func(p *parser, v string, line int) error {
		if v == "" {
			*at(p) = nil
			return nil
		}
		c, err := p.parseCommand(v)
		c.Line = line
		*at(p) = append(*at(p), c)
		return err
	}
}

func refs(at func(*parser) *[]Ref) setter {
	return func(p *parser, v string, line int) error {
		if v == "" {
			*at(p) = nil
		}
		for w := range strings.FieldsSeq(v) {
			if err := checkUnitName(w, ".service", ".socket", ".target"); err != nil {
				return err
			}
			if w == p.name {
				return fmt.Errorf("%s names itself", w)
			}
			*at(p) = append(*at(p), Ref{w, line})
		}
		return nil
	}
}

func checkUnitName(s string, suffixes ...string) error {
	for _, suffix := range suffixes {
		if stem, ok := strings.CutSuffix(s, suffix); ok {
			return checkName(stem)
		}
	}
	return fmt.Errorf("%q is not the name of a unit (%s)", s, strings.Join(suffixes, ", "))
}

func condition(kind string) setter {
	return func(p *parser, v string, _ int) error {
		c := Condition{Kind: kind}
		v, c.Trigger = strings.CutPrefix(v, "|")
		v, c.Negate = strings.CutPrefix(v, "!")
		c.Value = v
		if v == "" {
			p.common.Conditions = nil
			return nil
		}
		p.common.Conditions = append(p.common.Conditions, c)
		if kind == "ConditionPathExists" {
			return checkPath(v)
		}
		return nil
	}
}

func wantedBy(p *parser, v string, _ int) error {
	for w := range strings.FieldsSeq(v) {
		want := "multi-user.target"
		if p.socket != nil {
			want = "sockets.target"
		}
		if w != want {
			return fmt.Errorf("%s is not reached here; %s is", w, want)
		}
		p.common.AtBoot = true
	}
	return nil
}

func workingDirectory(p *parser, v string) error {
	v, optional := strings.CutPrefix(v, "-")
	v, err := p.specifiers(v)
	if err != nil {
		return err
	}
	p.service.Process.WorkingDirectory, p.service.Process.WorkingOptional = v, optional
	return checkPath(v)
}

func environment(p *parser, v string, _ int) error {
	env := &p.service.Process.Environment
	if v == "" {
		*env = nil
	}
	assignments, err := splitWords(v)
	if err != nil {
		return err
	}
	for _, a := range assignments {
		if a, err = p.specifiers(a); err != nil {
			return err
		}
		key, _, ok := strings.Cut(a, "=")
		if !ok || !isVariable(key) {
			return fmt.Errorf("%q is not NAME=value", a)
		}
		*env = append(*env, a)
	}
	return nil
}

func bounding(p *parser, v string, _ int) error {
	set, err := parseCaps(v)
	at := &p.service.Process.Bounding
	switch {
	case *at == nil || v == "":
		*at = &set
	case strings.HasPrefix(v, "~"):
		**at &= set
	default:
		**at |= set
	}
	return err
}

func ambient(p *parser, v string, _ int) error {
	set, err := parseCaps(v)
	at := &p.service.Process.Ambient
	switch {
	case strings.HasPrefix(v, "~"):
		return fmt.Errorf("say which capabilities are given, not which are not")
	case v == "":
		*at = 0
	default:
		*at |= set
	}
	return err
}

func statuses(at func(*parser) *[]Status) setter {
	return func(p *parser, v string, _ int) error {
		if v == "" {
			*at(p) = nil
		}
		for w := range strings.FieldsSeq(v) {
			if code, err := parseInt(w, 0, 255); err == nil {
				*at(p) = append(*at(p), Status{Code: code})
				continue
			}
			sig, err := parseSignal(w)
			if err != nil {
				return fmt.Errorf("%q is neither an exit status nor a signal", w)
			}
			*at(p) = append(*at(p), Status{Signal: sig})
		}
		return nil
	}
}

func bound(parse func(string) (uint64, error), at func(*parser) **uint64) setter {
	return func(p *parser, v string, _ int) error {
		n, err := parse(v)
		*at(p) = &n
		return err
	}
}

func parseCount(v string) (uint64, error) {
	if v == "infinity" {
		return math.MaxUint64, nil
	}
	n, err := parseInt(v, 1, math.MaxInt32)
	return uint64(n), err
}

func parseWeight(v string) (uint64, error) {
	n, err := parseInt(v, 1, 10000)
	return uint64(n), err
}

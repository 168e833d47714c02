// Package unit reads systemd unit files: the part of their language that the
// services of the appliance are written in. What is read here means the same
// under systemd itself (systemd.unit(5), systemd.service(5), systemd.socket(5),
// systemd.exec(5), systemd.kill(5), systemd.resource-control(5)), so the units
// also run on a plain Debian. Where we do otherwise, it is said below.
//
// Anything that is not in this list is an error with its file and line: a
// directive without effect is a promise that nobody keeps.
//
//	[Unit]     Description, Documentation, After, Before, Requires, Wants,
//	           RequiresMountsFor,
//	           ConditionPathExists, ConditionKernelCommandLine,
//	           StartLimitIntervalSec, StartLimitBurst
//	[Install]  WantedBy (multi-user.target: started at boot;
//	           sockets.target: opened at boot)
//	[Service]  Type (simple, exec, oneshot, notify), RemainAfterExit,
//	           ExecStartPre, ExecStart, ExecReload, ExecStop, ExecStopPost,
//	           Restart, RestartSec, RestartSteps, RestartMaxDelaySec,
//	           SuccessExitStatus, RestartPreventExitStatus,
//	           TimeoutSec, TimeoutStartSec, TimeoutStopSec, WatchdogSec,
//	           NotifyAccess, FileDescriptorStoreMax, Sockets
//	           (how processes run) User, Group, SupplementaryGroups,
//	           WorkingDirectory, Environment, UMask, Nice, OOMScoreAdjust,
//	           CPUSchedulingPolicy (other, batch, idle, fifo, rr),
//	           CPUSchedulingPriority, LimitNOFILE, LimitNPROC, LimitCORE, LimitMEMLOCK, LimitRTPRIO,
//	           CapabilityBoundingSet, AmbientCapabilities, NoNewPrivileges,
//	           RuntimeDirectory, RuntimeDirectoryMode,
//	           RuntimeDirectoryPreserve, StateDirectory, StateDirectoryMode,
//	           StandardInput (null, tty, tty-force), TTYPath
//	           (how they end) KillMode, KillSignal, FinalKillSignal,
//	           SendSIGKILL
//	           (what they may use, by cgroup v2) MemoryMax, MemoryHigh,
//	           TasksMax, CPUWeight
//	[Socket]   ListenStream, ListenDatagram, SocketUser, SocketGroup,
//	           SocketMode, DirectoryMode, Backlog, FileDescriptorName,
//	           Service, RemoveOnStop, BindIPv6Only, FreeBind
//
// A command line may begin with - (its failure does not matter) and + (it runs
// as the supervisor does). Words are split as systemd splits them, with '…',
// "…" and \ as quotes. $NAME as a whole word and ${NAME} anywhere are taken
// from the process's environment; $$ is a dollar sign. The specifiers are %n
// and %N (the unit's name with and without suffix), %t (/run), %S (the state
// directory) and %%.
//
// Differences from systemd: targets are not units, but may be named in After,
// Wants and Requires, where they do nothing; a unit that another one requires
// and that comes up late starts what waited for it; a start limit that was hit
// is not the end, but the crash-loop state (see package supervisor); a directive
// that takes one value may be given once only.
package unit

import (
	"fmt"
	"syscall"
	"time"
)

// An Error is a fault in a unit file, at its line.
type Error struct {
	File string
	Line int // from 1
	Text string
}

func (e *Error) Error() string { return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Text) }

// Type says when a service counts as started.
type Type string

// The types of service.
const (
	Simple  Type = "simple"  // once its process is made
	Exec    Type = "exec"    // once its program is executed
	Oneshot Type = "oneshot" // once it has ended well
	Notify  Type = "notify"  // once it says READY=1
)

// Restart says after which ends a service is started again.
type Restart string

// The rules of restarting: systemd.service(5) has the table.
const (
	RestartNo         Restart = "no"
	RestartOnSuccess  Restart = "on-success"
	RestartOnFailure  Restart = "on-failure"
	RestartOnAbnormal Restart = "on-abnormal"
	RestartOnWatchdog Restart = "on-watchdog"
	RestartOnAbort    Restart = "on-abort"
	RestartAlways     Restart = "always"
)

// Access says whose sd_notify messages count.
type Access string

// Whom a service's notifications are taken from.
const (
	AccessNone Access = "none"
	AccessMain Access = "main" // the main process only
	AccessExec Access = "exec" // and the processes of ExecStartPre, ExecReload, …
	AccessAll  Access = "all"  // and any other process of the unit's cgroup
)

// KillMode says which processes of a service are ended.
type KillMode string

// The kill modes.
const (
	KillControlGroup KillMode = "control-group" // all of them
	KillMixed        KillMode = "mixed"         // the main one politely, then all the rest at once
	KillProcess      KillMode = "process"       // the main one only
	KillNone         KillMode = "none"          // none: only ExecStop runs
)

// A Ref is a name of another unit, and the line that names it.
type Ref struct {
	Name string
	Line int
}

// A Condition must hold for a unit to be started at all; a unit whose
// condition fails stays inactive, and that is no failure.
type Condition struct {
	Kind    string // "ConditionPathExists" or "ConditionKernelCommandLine"
	Value   string
	Negate  bool // !
	Trigger bool // |: one of those with it must hold
}

// A Command is one command line.
type Command struct {
	Path          string   // absolute
	Args          []string // with Path as the first, unexpanded
	IgnoreFailure bool     // -
	Privileged    bool     // +
	Line          int
}

// A Limit is one of setrlimit(2); math.MaxUint64 is no limit.
type Limit struct{ Soft, Hard uint64 }

// Common is what services and sockets have alike.
type Common struct {
	Name        string // with suffix
	File        string // it was read from
	Description string

	After, Before, Requires, Wants []Ref
	MountsFor                      []string // paths that must be mounted
	Conditions                     []Condition
	AtBoot                         bool // [Install] names a target that is reached at boot

	StartLimitInterval time.Duration
	StartLimitBurst    int
}

// A Service is a .service file.
type Service struct {
	Common
	Type            Type
	RemainAfterExit bool

	StartPre, Start, Reload, Stop, StopPost []Command

	Restart         Restart
	RestartDelay    time.Duration
	RestartSteps    int
	RestartMaxDelay time.Duration // Infinity: RestartSec does not grow
	SuccessStatus   []Status      // besides 0
	PreventStatus   []Status      // after which Restart does nothing

	TimeoutStart, TimeoutStop time.Duration // Infinity: none
	Watchdog                  time.Duration // 0: none
	Access                    Access
	FDStoreMax                int
	Sockets                   []string // the .socket units it gets, in order

	Process Process
	Kill    Kill
	Cgroup  Cgroup
}

// A Status is an exit code or the signal that ended a process.
type Status struct {
	Code   int
	Signal syscall.Signal // 0: Code counts
}

// Process is how a service's processes are set up.
type Process struct {
	User, Group         string // names or numbers; "": the supervisor's own
	SupplementaryGroups []string
	WorkingDirectory    string
	WorkingOptional     bool // the directory may be missing (-)
	Environment         []string
	UMask               uint32
	Nice                *int
	Scheduling          string // "other", "batch", "idle", "fifo", "rr"; "": as it is
	RealTimePriority    int    // 1..99, of "fifo" and "rr"; 0: 1
	OOMScoreAdjust      *int
	Limits              map[string]Limit // "NOFILE" and the like
	Bounding            *CapSet          // nil: as it is
	Ambient             CapSet
	NoNewPrivileges     bool

	RuntimeDirectory         []string // below /run
	RuntimeDirectoryMode     uint32
	RuntimeDirectoryPreserve string // "no", "restart", "yes"
	StateDirectory           []string
	StateDirectoryMode       uint32

	StandardInput string // "null", "tty", "tty-force"
	TTYPath       string
}

// Kill is how a service is ended.
type Kill struct {
	Mode        KillMode
	Signal      syscall.Signal
	FinalSignal syscall.Signal
	SendKill    bool
}

// Cgroup is what a service may use; nil and math.MaxUint64 are no bound.
type Cgroup struct {
	MemoryMax, MemoryHigh, TasksMax *uint64
	CPUWeight                       *uint64
}

// A Socket is a .socket file.
type Socket struct {
	Common
	Listen        []Listen
	User, Group   string
	Mode          uint32
	DirectoryMode uint32
	Backlog       int
	FDName        string // default: the unit's name
	Service       string // the service that gets it
	RemoveOnStop  bool
	IPv6Only      string // "default", "both", "ipv6-only"
	FreeBind      bool
}

// A Listen is one address to listen on.
type Listen struct {
	Network string // "unix", "unixgram", "tcp", "udp"
	Address string // a path, or host:port
	Line    int
}

package supervisor

import (
	"context"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"syscall"
	"time"

	"switchroom/appliance"
	"switchroom/appliance/supervisor/journal"
	"switchroom/appliance/supervisor/notify"
	"switchroom/appliance/supervisor/reap"
	"switchroom/appliance/supervisor/unit"
)

// Config is what a supervisor is told. Units, Journal and Log are needed; the
// rest has defaults.
type Config struct {
	Version string
	Units   fs.FS // the unit files, at its top
	Journal *journal.Journal
	Log     *slog.Logger

	// RunDir holds the notification and the control socket; default
	// /run/switchroom. RuntimeRoot and StateRoot are where RuntimeDirectory=
	// and StateDirectory= are made; default /run and /data.
	RunDir, RuntimeRoot, StateRoot string
	// Cgroup is the directory, in a cgroup v2 file system, for the services'
	// groups. "": switchroom below the own group. "-": no groups.
	Cgroup string
	// LogFile is where the journal is written; "": nowhere.
	LogFile string
	// Notes gives what is less than it could be, for the status. It must not
	// wait.
	Notes func() []string

	// Essential are the services on which the health of the box stands.
	Essential []string
	// HealthyAfter is how long they must have been up; default 10 s.
	HealthyAfter time.Duration
	// Health is called by the loop, every PulseEvery (default 5 s) and at
	// every change: who feeds a watchdog by it knows that the loop runs. It
	// must not wait.
	Health     func(appliance.Health)
	PulseEvery time.Duration
	// Milestone is called for each milestone of package appliance's contract:
	// "service asterisk active", "healthy". It must not wait.
	Milestone func(text string)
	// Ready are more milestones, by the service that has become active.
	Ready map[string]string

	// CrashLoopDelay and CrashLoopMaxDelay: see the package comment; default
	// 30 s and 5 min.
	CrashLoopDelay, CrashLoopMaxDelay time.Duration
	// ShutdownTimeout is when services that are still there at a shut-down are
	// killed; default 90 s.
	ShutdownTimeout time.Duration

	// StatusGroups are the groups whose members may read status and logs by
	// the control socket; root may do everything. Grants name the operations
	// that other users may ask for besides: "restart asterisk.service".
	StatusGroups []uint32
	Grants       map[uint32][]string

	// Init: SIGINT and SIGTERM mean what they mean to an init, and kernel
	// threads' orphans are ours. Default: whether the process is pid 1.
	Init *bool
	// Requests are shut-downs that others ask for: the power button.
	Requests <-chan appliance.Outcome
	// Mounts are the file systems that come up late: units with
	// RequiresMountsFor= wait for the channel to be closed.
	Mounts map[string]<-chan struct{}
	// Nursery is where the rest of the program makes processes of its own;
	// nil: nowhere.
	Nursery *reap.Nursery
	// HelperProgram is the program that is executed as process.HelperName;
	// default the running one.
	HelperProgram string
	// Rand gives numbers from 0 to 1 for the jitter; default math/rand's.
	Rand func() float64
}

func (c Config) withDefaults() Config {
	def := func(at *time.Duration, d time.Duration) {
		if *at == 0 {
			*at = d
		}
	}
	text := func(at *string, s string) {
		if *at == "" {
			*at = s
		}
	}
	text(&c.RunDir, "/run/switchroom")
	text(&c.RuntimeRoot, "/run")
	text(&c.StateRoot, "/data")
	def(&c.HealthyAfter, 10*time.Second)
	def(&c.PulseEvery, 5*time.Second)
	def(&c.CrashLoopDelay, 30*time.Second)
	def(&c.CrashLoopMaxDelay, 5*time.Minute)
	def(&c.ShutdownTimeout, 90*time.Second)
	if c.Health == nil {
		c.Health = func(appliance.Health) {}
	}
	if c.Milestone == nil {
		c.Milestone = func(string) {}
	}
	if c.Notes == nil {
		c.Notes = func() []string { return nil }
	}
	if c.Rand == nil {
		c.Rand = rand.Float64
	}
	if c.Init == nil {
		init := os.Getpid() == 1
		c.Init = &init
	}
	return c
}

// A runner makes and ends processes. The manager knows nothing else of the
// system, and tests bring their own. All methods may be called at once.
type runner interface {
	// start makes a process. It may take its time.
	start(ctx context.Context, req request) (process, error)
	// signal sends a signal to every process of the service.
	signal(name string, sig syscall.Signal) error
	// left counts the processes of the service.
	left(name string) int
	// memory gives the bytes that the service's processes use; 0: unknown.
	memory(name string, mainPID int) uint64
	// oomKills counts those of its processes that died because its memory ran out.
	oomKills(name string) int
	// belongs reports whether the process is one of the service's.
	belongs(name string, pid int) bool
	// adopt takes on a process of the service that has become its main one.
	adopt(pid int) process
	// clean removes what start has made for the service: its runtime
	// directories unless they are kept, and its group.
	clean(s *unit.Service, restarting bool)
}

// A request is one process to be made.
type request struct {
	service *unit.Service
	command unit.Command
	main    bool
	env     []string // besides what the unit says: MAINPID and the like
	fds     []storedFD
}

// A process is one that a runner has made.
type process interface {
	PID() int
	// Executed waits until the program runs, or says why it does not.
	Executed() error
	Done() <-chan struct{}
	// Status is how it ended. It waits for that.
	Status() reap.Status
	Signal(syscall.Signal) error
}

// A storedFD is a file that a service gave us to keep (FDSTORE=1).
type storedFD struct {
	name string
	file *notify.File
}

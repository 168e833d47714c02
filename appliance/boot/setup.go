package boot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"switchroom/appliance/boot/kmod"
	"switchroom/appliance/boot/runetc"
	"switchroom/appliance/boot/uevent"
)

// DefaultHostname is the name of a box that was not given another.
const DefaultHostname = "switchroom"

// hostnameFile holds the box's name; the site's configuration writes it.
const hostnameFile = "/data/hostname"

// Runner runs a program to its end and gives its exit code and what it wrote
// to both outputs. err is set when it could not be run or was killed. The
// supervisor gives its own, since it reaps every child of process 1.
type Runner func(ctx context.Context, name string, args ...string) (code int, output []byte, err error)

// Config is what Setup is told.
type Config struct {
	Log *slog.Logger
	// Run runs mke2fs and e2fsck; nil means Exec.
	Run Runner
	// Earliest is a time that has surely passed, such as the build's: a clock
	// that stands before it is set to it. Zero asks the binary itself.
	Earliest time.Time
}

// Exec is a Runner for a process that does not reap the children of others.
func Exec(ctx context.Context, name string, args ...string) (int, []byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() {
		return exit.ExitCode(), out, nil
	}
	if err != nil {
		return -1, out, fmt.Errorf("running %s: %w", name, err)
	}
	return 0, out, nil
}

// State is what the boot found and did, for `switchroom status`.
type State struct {
	Slot     string `json:"slot"`               // "a" or "b"; "" if the box was not started from a slot
	Disk     string `json:"disk,omitempty"`     // the disk of the slots, "sda"
	Device   string `json:"device,omitempty"`   // the slot's partition, "sda3"
	Watchdog string `json:"watchdog,omitempty"` // the kernel's name of the one the initramfs started
	// InitStarted, DiskFound and RootMounted are the initramfs's times, in
	// seconds since the kernel's start.
	InitStarted float64 `json:"init_started,omitempty"`
	DiskFound   float64 `json:"disk_found,omitempty"`
	RootMounted float64 `json:"root_mounted,omitempty"`
	Data        Data    `json:"data"`
	// Problems are things that did not work and that somebody should know of,
	// each a sentence.
	Problems []string `json:"problems,omitempty"`
}

// System is the box after Setup. Its methods may be called by any number of
// goroutines.
type System struct {
	log     *slog.Logger
	run     Runner
	modules *kmod.Loader // nil if the box has none

	dataReady chan struct{}
	esp       sync.Mutex // held while the boot loader's partition is mounted
	work      sync.WaitGroup

	mu    sync.Mutex
	state State
}

// Setup makes the box ready for its first service. It fails only when no
// service could work, such as without /proc. The context ends what goes on in
// the background.
func Setup(ctx context.Context, c Config) (*System, error) {
	s := &System{log: c.Log, run: c.Run, dataReady: make(chan struct{})}
	if s.run == nil {
		s.run = Exec
	}
	who := readIDs("")
	if err := mountAll("", mountTable(who)); err != nil {
		return nil, err
	}
	s.state = readHandover("/run/switchroom/boot")
	if missing := enableControllers(""); len(missing) > 0 {
		s.problem("the kernel cannot limit services by %s", strings.Join(missing, ", "))
	}
	if err := makeFolders("", who, memoryFolders); err != nil {
		return nil, err
	}
	if err := makeLinks("", memoryLinks); err != nil {
		return nil, err
	}
	s.kernel()
	s.clock(c.Earliest)
	if err := loopback(); err != nil {
		return nil, err // Asterisk, and every service that talks to another, needs it
	}
	s.name(DefaultHostname)

	modules, err := kmod.Open("/")
	if err != nil {
		s.problem("no drivers can be loaded: %v", err)
	} else {
		s.modules = modules
	}
	s.work.Go(func() { s.setupData(ctx, who) })
	s.work.Go(func() { s.coldplug(ctx, who) })
	return s, nil
}

// siteDir is for what the user provision makes of the site document and others
// read while the box runs.
const siteDir = "/run/switchroom/site"

// memoryFolders are made in /run and /var before the first service.
var memoryFolders = []folder{
	{path: "/run/switchroom", mode: 0o755},
	{path: runetc.Dir, mode: 0o755},
	{path: siteDir, mode: 0o755, user: "provision", group: "provision"},
	{path: "/run/lock", mode: 0o755},
	{path: "/run/asterisk", mode: 0o755, user: "asterisk", group: "asterisk"},
	{path: "/var/lib", mode: 0o755},
	{path: "/var/log", mode: 0o755},
	{path: "/var/spool", mode: 0o755},
	{path: "/var/cache", mode: 0o755},
	{path: "/var/tmp", mode: 0o777 | os.ModeSticky},
}

var memoryLinks = []link{
	{"/var/run", "/run"},
	{"/var/lock", "/run/lock"},
	{"/var/lib/asterisk", "/data/asterisk/lib"},
	{"/var/spool/asterisk", "/data/asterisk/spool"},
	{"/var/log/asterisk", "/data/asterisk/log"},
	// The user provision puts the site's time zone in the place of the second.
	{runetc.Dir + "/localtime", siteDir + "/localtime"},
	{siteDir + "/localtime", "/usr/share/zoneinfo/UTC"},
	{"/dev/fd", "/proc/self/fd"},
	{"/dev/stdin", "/proc/self/fd/0"},
	{"/dev/stdout", "/proc/self/fd/1"},
	{"/dev/stderr", "/proc/self/fd/2"},
}

// State gives what is known now.
func (s *System) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.state
	st.Problems = append([]string(nil), st.Problems...)
	return st
}

// DataReady is closed once /data is there, on the disk or in memory.
func (s *System) DataReady() <-chan struct{} { return s.dataReady }

// Modules loads kernel modules; nil on a box that has none.
func (s *System) Modules() *kmod.Loader { return s.modules }

// problem notes something that a person should know of.
func (s *System) problem(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	s.log.Warn(text)
	s.mu.Lock()
	s.state.Problems = append(s.state.Problems, text)
	s.mu.Unlock()
}

// readHandover reads what the initramfs left, NAME=value a line. A box that
// started otherwise has an empty state.
func readHandover(path string) State {
	var st State
	b, err := os.ReadFile(path)
	if err != nil {
		return st
	}
	for line := range strings.Lines(string(b)) {
		k, v, _ := strings.Cut(strings.TrimSpace(line), "=")
		seconds, _ := strconv.ParseFloat(v, 64)
		switch k {
		case "SLOT":
			st.Slot = v
		case "DEVICE":
			st.Device = v
		case "DISK":
			st.Disk = v
		case "WATCHDOG":
			st.Watchdog = v
		case "INIT_STARTED":
			st.InitStarted = seconds
		case "DISK_FOUND":
			st.DiskFound = seconds
		case "ROOT_MOUNTED":
			st.RootMounted = seconds
		}
	}
	return st
}

// kernel sets what the kernel should do by itself.
func (s *System) kernel() {
	for _, c := range []struct {
		name  string
		value int
	}{
		{"kernel/panic", 5},         // restart after a panic, seconds
		{"kernel/panic_on_oops", 1}, // a driver that failed may hold locks for ever
		{"fs/suid_dumpable", 0},
	} {
		if err := writeSysctl("", c.name, c.value); err != nil {
			s.log.Warn("a kernel setting was refused", "name", c.name, "err", err)
		}
	}
	// Ctrl-Alt-Del becomes a signal to process 1 instead of a restart on the
	// spot.
	if err := unix.Reboot(unix.LINUX_REBOOT_CMD_CAD_OFF); err != nil {
		s.log.Warn("Ctrl-Alt-Del restarts at once", "err", err)
	}
}

// loopback brings lo up.
func loopback() error {
	lo, err := netlink.LinkByName("lo")
	if err == nil {
		err = netlink.LinkSetUp(lo)
	}
	if err != nil {
		return fmt.Errorf("bringing the loopback interface up: %w", err)
	}
	return nil
}

// name names the box, and lets it find itself by that name.
func (s *System) name(hostname string) {
	if err := unix.Sethostname([]byte(hostname)); err != nil {
		s.problem("the box cannot be named: %v", err)
	}
	for file, content := range map[string]string{
		"hostname":    hostname + "\n",
		"hosts":       runetc.Hosts(hostname, nil),
		"resolv.conf": runetc.ResolvConf(nil, nil),
	} {
		if err := runetc.Write(runetc.Dir, file, content); err != nil {
			s.problem("%v", err)
		}
	}
}

// coldplug loads the drivers of the devices that are there, but for the
// telephony cards: those want parameters that depend on the country, and have
// a service of their own. Then it follows the kernel's events, for devices
// that come: those behind a bus whose driver was just loaded, and those that
// a person plugs in. Terminals are given to the groups that may use them.
func (s *System) coldplug(ctx context.Context, who *ids) {
	s.giveNodes("", who)
	if s.modules == nil {
		return
	}
	events, err := uevent.Listen()
	if err != nil {
		s.problem("devices plugged in later will not be seen: %v", err)
	} else {
		defer events.Close()
		defer context.AfterFunc(ctx, func() { events.Close() })()
	}
	// What the telephones wait for comes first: the card's driver is being
	// loaded, and the data partition mounted.
	select {
	case <-s.dataReady:
	case <-ctx.Done():
		return
	}
	runtime.LockOSThread() // and never unlocked: the priority goes with the thread
	if err := unix.Setpriority(unix.PRIO_PROCESS, 0, backgroundNice); err != nil {
		s.log.Warn("drivers are loaded with full priority", "err", err)
	}
	start := time.Now()
	s.loadAll()
	s.log.Info("drivers loaded", "took", time.Since(start).Round(time.Millisecond))
	for events != nil {
		e, err := events.Next()
		switch {
		case errors.Is(err, uevent.ErrOverrun):
			s.loadAll()
			s.giveNodes("", who)
		case err != nil:
			if ctx.Err() == nil {
				s.problem("devices plugged in later will not be seen: %v", err)
			}
			return
		case e.Action == "add" && e.Vars["SUBSYSTEM"] == "tty":
			// The node is there: the kernel makes it first.
			if err := giveNode("", filepath.Base(e.DevPath), who); err != nil {
				s.log.Warn("a serial port stays root's alone", "err", err)
			}
		case e.Action == "add" && e.Vars["MODALIAS"] != "":
			s.loadFor(e.Vars["MODALIAS"])
		}
	}
}

func (s *System) loadAll() {
	aliases, err := kmod.Modaliases("/sys")
	if err != nil {
		s.problem("looking for devices: %v", err)
		return
	}
	for _, a := range aliases {
		s.loadFor(a)
	}
}

// loadFor loads the drivers of one device, on the thread that calls it.
func (s *System) loadFor(modalias string) {
	if isDisplay(modalias) {
		return
	}
	if err := s.modules.LoadFor(modalias, s.notOurs); err != nil {
		s.log.Warn("a driver was not loaded", "device", modalias, "err", err)
	}
}

// backgroundNice is the priority that drivers are loaded with which nothing
// waits for.
const backgroundNice = 10

// isDisplay reports whether a modalias is a graphics card's, PCI class 03: the
// firmware's own text or frame buffer is enough for a console, and a driver
// takes longer to start than Asterisk.
func isDisplay(modalias string) bool {
	return strings.HasPrefix(modalias, "pci:") && strings.Contains(modalias, "bc03")
}

// notOurs refuses drivers that others load.
func (s *System) notOurs(module string) bool { return s.modules.Needs(module, "dahdi") }

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/user"
	"sync"
	"time"

	"switchroom/appliance"
	"switchroom/appliance/boot"
	"switchroom/appliance/supervisor"
	"switchroom/appliance/supervisor/console"
	"switchroom/appliance/supervisor/journal"
	"switchroom/appliance/supervisor/reap"
	"switchroom/appliance/units"
	"switchroom/appliance/watchdog"
)

// logFile is on the data partition.
const logFile = "/data/log/switchroom.log"

// kernelDelay is how long after the supervisor's start the kernel's log is
// first read.
const kernelDelay = 20 * time.Second

// resetsFile has the history of the watchdog's resets.
const resetsFile = "/data/watchdog.json"

// restartPause is how long a failure of the supervisor itself stands on the
// console before the machine starts again.
const restartPause = 10 * time.Second

// supervise is process 1 of the box, or a supervisor on a developer's machine.
func supervise(ctx context.Context, args []string, _, stderr io.Writer) error {
	f := flags("supervisor", stderr)
	unitDir := f.String("units", "", "directory of unit files (default: those built in)")
	runDir := f.String("run", "/run/switchroom", "directory for the sockets")
	stateDir := f.String("state", "/data", "directory below which services keep their data")
	cgroup := f.String("cgroup", "", "cgroup v2 directory for the services (- for none)")
	verbose := f.Bool("v", false, "show all of the log")
	if err := f.Parse(args); err != nil {
		return err
	}
	if f.NArg() > 0 {
		return errUsage
	}
	j := journal.New(journal.Config{})
	level := slog.LevelInfo
	if *verbose {
		level = slog.LevelDebug
	}
	cfg := supervisor.Config{
		Version:   version(),
		Units:     units.FS,
		Journal:   j,
		Log:       slog.New(j.Handler("supervisor", level)),
		RunDir:    *runDir,
		StateRoot: *stateDir,
		Cgroup:    *cgroup,
		Nursery:   &reap.Nursery{},
		Essential: []string{"asterisk.service"},
		Ready:     map[string]string{"asterisk.service": "asterisk ready"},
	}
	if *unitDir != "" {
		cfg.Units, cfg.Essential = os.DirFS(*unitDir), nil
	}
	if os.Getpid() == 1 {
		grant(&cfg, user.Lookup)
		return process1(ctx, cfg)
	}
	stderr = &oneByOne{w: stderr}
	following, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		for r := range j.Follow(following, 1) {
			fmt.Fprintln(stderr, r)
		}
	}()
	cfg.Milestone = func(text string) {
		fmt.Fprintf(stderr, "switchroom: %.2f %s\n", console.SinceKernelStart().Seconds(), text)
	}
	_, err := supervisor.Run(ctx, cfg)
	return err
}

// process1 is the whole life of the box. It does not return while it can
// restart the machine or switch it off.
func process1(ctx context.Context, cfg supervisor.Config) error {
	setUp, end := context.WithCancel(ctx)
	defer end()
	sys, err := boot.Setup(setUp, boot.Config{
		Log: slog.New(cfg.Journal.Handler("boot", slog.LevelInfo)),
		Run: foreign(cfg.Nursery),
	})
	screen := console.Open(setUp, console.Devices())
	cfg.Milestone = screen.Milestone
	outcome := appliance.Reboot
	if err == nil {
		outcome, err = runBox(ctx, cfg, sys)
	}
	if err != nil {
		cfg.Milestone("the supervisor failed: " + err.Error())
		time.Sleep(restartPause)
		outcome = appliance.Reboot
	}
	cfg.Milestone("services stopped, " + outcome.String())
	end()
	screen.Wait()
	if sys == nil {
		return err // and the kernel's panic restarts the machine
	}
	action := boot.Reboot
	if outcome == appliance.PowerOff || outcome == appliance.Halt {
		action = boot.PowerOff
	}
	return errors.Join(err, sys.Shutdown(ctx, action))
}

// runBox runs the services on a box that is set up.
func runBox(ctx context.Context, cfg supervisor.Config, sys *boot.System) (appliance.Outcome, error) {
	cfg.LogFile = logFile
	cfg.Mounts = map[string]<-chan struct{}{"/data": sys.DataReady()}
	running, stop := context.WithCancel(ctx)
	var background sync.WaitGroup
	defer background.Wait()
	defer stop()

	requests := make(chan appliance.Outcome, 1)
	cfg.Requests = requests
	background.Go(func() {
		err := sys.WatchPowerButton(running, func() {
			select {
			case requests <- appliance.PowerOff:
			default: // it was pressed before
			}
		})
		if err != nil {
			cfg.Log.Error("the power button is not heard any more", "err", err)
		}
	})

	background.Go(func() {
		// The kernel keeps it meanwhile, and the processor is wanted.
		select {
		case <-time.After(kernelDelay):
		case <-running.Done():
			return
		}
		if err := cfg.Journal.Kernel(running, "/dev/kmsg", journal.Notice); err != nil {
			cfg.Log.Error("what the kernel says is not kept", "err", err)
		}
	})

	keeper := watchdog.New(watchdog.Config{
		Log: slog.New(cfg.Journal.Handler("watchdog", slog.LevelInfo)),
		Open: func(timeout time.Duration) (watchdog.Device, watchdog.Info, error) {
			return watchdog.Open("/sys", "/dev", timeout)
		},
	})
	background.Go(func() { keeper.Run(running) })
	background.Go(func() { remember(running, keeper, sys, cfg.Log) })
	healthy := make(chan struct{}, 1)
	cfg.Health = func(h appliance.Health) {
		// What a person has stopped is no reason to reset the box.
		keeper.Report(h.OK || len(h.Failing) == 0 && len(h.Stopped) > 0, h.Failing)
		if h.OK {
			select {
			case healthy <- struct{}{}:
			default:
			}
		}
	}
	background.Go(func() { markGood(running, sys.MarkGood, healthy, cfg.Log) })

	cfg.Notes = func() []string {
		st := sys.State()
		notes := st.Problems
		if st.Data.Volatile {
			notes = append(notes, "data: volatile")
		}
		if w := keeper.State(); w.Device == "" || w.Software || w.Starving || w.GivenUp {
			notes = append(notes, "watchdog: "+w.String())
		}
		return notes
	}
	return supervisor.Run(ctx, cfg)
}

// markGood tells the boot loader that this firmware is good, as soon as the box
// is healthy. If that fails, it is tried again while the box is.
func markGood(ctx context.Context, mark func() error, healthy <-chan struct{}, log *slog.Logger) {
	for {
		select {
		case <-healthy:
		case <-ctx.Done():
			return
		}
		err := mark()
		switch {
		case errors.Is(err, boot.ErrNoSlot):
			log.Info("no slot is marked good", "err", err)
			return
		case err == nil:
			return
		}
		log.Error("the slot could not be marked good, so the boot loader may give it up", "err", err)
		select {
		case <-time.After(time.Minute):
		case <-ctx.Done():
			return
		}
	}
}

// remember gives the watchdog's keeper its history, once there is a place for
// it. A large disk may be repaired for long before: that is no fault.
func remember(ctx context.Context, keeper *watchdog.Keeper, sys *boot.System, log *slog.Logger) {
	release := keeper.Hold()
	defer release()
	select {
	case <-sys.DataReady():
	case <-ctx.Done():
		return
	}
	history, err := watchdog.OpenHistory(resetsFile, sys.State().Data.Volatile)
	if err := errors.Join(err, keeper.Remember(history)); err != nil {
		log.Error("the history of resets", "err", err)
	}
}

// foreign runs programs for the rest of process 1 so that the supervisor does
// not take them for orphans.
func foreign(n *reap.Nursery) boot.Runner {
	return func(ctx context.Context, name string, args ...string) (code int, output []byte, err error) {
		err = n.Foreign(func() error {
			output, err = exec.CommandContext(ctx, name, args...).CombinedOutput()
			return err
		})
		var exit *exec.ExitError
		if errors.As(err, &exit) && exit.Exited() {
			return exit.ExitCode(), output, nil
		}
		if err != nil {
			return -1, output, fmt.Errorf("running %s: %w", name, err)
		}
		return 0, output, nil
	}
}

// oneByOne lets several goroutines write lines to one writer.
type oneByOne struct {
	mu sync.Mutex
	w  io.Writer
}

func (o *oneByOne) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.w.Write(p)
}

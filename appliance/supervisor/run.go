package supervisor

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"switchroom/appliance"
	"switchroom/appliance/supervisor/cgroup"
	"switchroom/appliance/supervisor/control"
	"switchroom/appliance/supervisor/journal"
	"switchroom/appliance/supervisor/notify"
	"switchroom/appliance/supervisor/reap"
	"switchroom/appliance/supervisor/unit"
)

// Run starts every unit that is to be up at boot and keeps it so until a
// signal, the control socket, cfg.Requests or the end of the context ends it;
// then it stops everything and gives what is to become of the machine. An
// error means that it could not begin.
func Run(ctx context.Context, cfg Config) (appliance.Outcome, error) {
	cfg = cfg.withDefaults()
	set, err := unit.Load(cfg.Units, unit.Dirs{Runtime: cfg.RuntimeRoot, State: cfg.StateRoot})
	if err != nil {
		return appliance.Exit, fmt.Errorf("reading the units: %w", err)
	}
	for _, name := range cfg.Essential {
		if set.Services[name] == nil {
			return appliance.Exit, fmt.Errorf("reading the units: there is no %s, which is essential", name)
		}
	}
	if err := os.MkdirAll(cfg.RunDir, 0o755); err != nil {
		return appliance.Exit, fmt.Errorf("making the supervisor's directory: %w", err)
	}
	if !*cfg.Init {
		// Orphans of the services come to us, not to pid 1.
		if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
			return appliance.Exit, fmt.Errorf("becoming the orphans' parent: %w", err)
		}
	}

	y := &system{
		cfg:      cfg,
		log:      cfg.Log,
		journal:  cfg.Journal,
		sockets:  newSockets(set.Sockets),
		notify:   filepath.Join(cfg.RunDir, "notify"),
		sessions: map[string][]int{},
	}
	groupNote := y.openGroups()
	m := newManager(ctx, cfg, set, y)
	defer m.stop()
	if groupNote != "" {
		m.notes["cgroups"] = groupNote
	}

	var background sync.WaitGroup
	defer background.Wait()
	bg, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()

	listener, err := notify.Listen(y.notify, cfg.Log, m.notified)
	if err != nil {
		return appliance.Exit, err
	}
	y.reaper = reap.New(reap.Config{
		Log:     cfg.Log,
		Nursery: cfg.Nursery,
		Before:  listener.Drain,
		Orphan:  func() { m.post(m.checkAllGone) },
	})
	background.Go(func() { y.reaper.Run(bg) })
	background.Go(func() {
		if err := listener.Run(bg); err != nil {
			m.note("notifications", err.Error())
		}
	})
	server, err := control.Listen(control.ServerConfig{
		Path:         filepath.Join(cfg.RunDir, control.SocketName),
		Log:          cfg.Log,
		Manager:      m,
		Journal:      cfg.Journal,
		StatusGroups: cfg.StatusGroups,
		Grants:       cfg.Grants,
	})
	if err != nil {
		end()
		return appliance.Exit, err
	}
	background.Go(func() { server.Run(bg) })
	if cfg.LogFile != "" {
		background.Go(func() {
			for mount, up := range cfg.Mounts {
				if !strings.HasPrefix(cfg.LogFile, mount+"/") {
					continue
				}
				select {
				case <-up:
				case <-bg.Done():
					return
				}
			}
			cfg.Journal.Write(bg, journal.FileConfig{Path: cfg.LogFile, Problem: func(err error) {
				if err != nil {
					m.note("log", "in memory only: "+err.Error())
				} else {
					m.note("log", "")
				}
			}})
		})
	}
	background.Go(func() { m.listen(bg) })
	for path, up := range cfg.Mounts {
		background.Go(func() {
			select {
			case <-up:
				m.post(func() { delete(m.unmounted, path) })
			case <-bg.Done():
			}
		})
	}
	defer y.sockets.close()

	cfg.Milestone("supervisor started")
	for name, u := range set.Sockets {
		if !u.AtBoot {
			continue
		}
		if _, _, err := y.sockets.files([]string{name}); err != nil {
			// The service's own start tries again, and fails with it.
			cfg.Log.Error("opening a socket", "err", err)
		}
	}
	for _, name := range m.names {
		if s := m.services[name]; s.unit.AtBoot {
			m.wantUp(s)
		}
	}
	outcome := m.loop(ctx)
	cfg.Log.Info("everything is stopped", "outcome", outcome.String())
	if y.groups != nil {
		_ = y.groups.Close() // a group that is left keeps it, which does no harm
	}
	end()
	return outcome, nil
}

// openGroups finds a place for the services' groups, and says what is missing.
func (y *system) openGroups() string {
	dir := y.cfg.Cgroup
	if dir == "-" {
		return "off: services are not bounded"
	}
	if dir == "" {
		own, err := cgroup.Own("/sys/fs/cgroup")
		if err != nil {
			return "none, services are not bounded: " + err.Error()
		}
		dir = filepath.Join(own, "switchroom")
	}
	root, err := cgroup.Open(dir)
	if err != nil {
		return "none, services are not bounded: " + err.Error()
	}
	y.groups = root
	if missing := root.Missing(); len(missing) > 0 {
		return "without " + strings.Join(missing, ", ") + ": those bounds do not hold"
	}
	return ""
}

// listen turns signals and requests into shut-downs.
func (m *manager) listen(ctx context.Context) {
	meaning := map[os.Signal]appliance.Outcome{
		syscall.SIGINT:  appliance.Exit,
		syscall.SIGTERM: appliance.Exit,
	}
	if *m.cfg.Init {
		meaning = map[os.Signal]appliance.Outcome{
			syscall.SIGINT:  appliance.Reboot, // Ctrl-Alt-Del
			syscall.SIGTERM: appliance.Reboot,
			syscall.SIGUSR1: appliance.Halt,
			syscall.SIGUSR2: appliance.PowerOff,
			syscall.SIGPWR:  appliance.PowerOff,
		}
	}
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGHUP) // no terminal's end is ours
	for sig := range meaning {
		signal.Notify(signals, sig)
	}
	defer signal.Stop(signals)
	requests := m.cfg.Requests
	for {
		select {
		case sig := <-signals:
			if o, ok := meaning[sig]; ok {
				m.Shutdown(o)
			}
		case o, ok := <-requests:
			if !ok {
				requests = nil
				continue
			}
			m.Shutdown(o)
		case <-ctx.Done():
			return
		}
	}
}

// checkAllGone looks again at the services whose processes were sent away: an
// orphan that was buried may have been the last.
func (m *manager) checkAllGone() {
	for _, s := range m.services {
		s.checkGone()
	}
}

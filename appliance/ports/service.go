package ports

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"switchroom/dahdi"
	"switchroom/provisioning/dahdiconf"
)

// Loader loads kernel modules. It may be used by several goroutines at once.
type Loader interface {
	// Match gives the modules that say they drive a device with this modalias.
	Match(modalias string) []string
	// Needs reports whether a module depends on another.
	Needs(module, other string) bool
	// Load loads a module after those it depends on, with parameters as on
	// modprobe's command line. One that is there already is no error.
	Load(name, params string) error
}

// Driver is the driver of the cards, open.
type Driver interface {
	dahdi.Driver
	io.Closer
}

// Config is what the service is made of.
type Config struct {
	Log     *slog.Logger
	Options func() dahdiconf.Options // the owner's wishes, asked for when they are needed
	Loader  Loader                   // nil: no module can be loaded
	Open    func() (Driver, error)   // dahdi.ErrNoDriver if it isn't in the kernel
	Root    string                   // holds sys, dev and etc: "/" but in tests
	Dir     string                   // holds ports.json and ports.sock; it must exist
	Notify  func(state string)       // as sd_notify's
	Stdout  io.Writer                // gets the milestones
	Retry   time.Duration            // until what failed or went away is tried again; 30 s if 0
	Monitor dahdi.MonitorConfig
}

// refreshDelay is how long after an alarm or the like the inventory is made
// anew: what comes together shall go together.
const refreshDelay = time.Second

// Service is the running service.
type Service struct {
	cfg   Config
	hub   hub
	ready sync.Once

	mu   sync.Mutex
	last []byte // what ports.json holds
}

// New gives a service that isn't running yet.
func New(cfg Config) *Service {
	if cfg.Retry == 0 {
		cfg.Retry = 30 * time.Second
	}
	if cfg.Monitor.Log == nil {
		cfg.Monitor.Log = cfg.Log
	}
	return &Service{cfg: cfg, hub: hub{log: cfg.Log}}
}

// Run does the service's work until the context is done. Its only errors are
// that it can't write its files or listen on its socket.
func (s *Service) Run(ctx context.Context) error {
	path := filepath.Join(s.cfg.Dir, "ports.sock")
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("removing an old socket: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return fmt.Errorf("listening for those who want to know of ports: %w", err)
	}
	// What happens at the ports is no secret on the box: those who ask are
	// services of many users.
	if err := os.Chmod(path, 0o666); err != nil {
		l.Close()
		return fmt.Errorf("opening the socket to others: %w", err)
	}
	serving := make(chan struct{})
	go func() {
		defer close(serving)
		s.hub.serve(l)
	}()
	defer func() {
		l.Close()
		s.hub.close()
		<-serving
	}()
	for {
		again, err := s.round(ctx)
		if err != nil || ctx.Err() != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(again):
		}
	}
}

// round brings the cards up and watches them until that has to be done again.
func (s *Service) round(ctx context.Context) (again time.Duration, err error) {
	drv, inv := s.bringUp(ctx)
	if drv != nil {
		defer drv.Close()
	}
	if err := s.publish(inv); err != nil {
		return 0, err
	}
	s.announce(inv)
	if drv == nil || len(inv.Ports()) == 0 {
		// A card does not come while the machine runs. A driver that failed
		// may be repaired by hand.
		if inv.State == dahdi.StateNoCard {
			<-ctx.Done()
		}
		return s.cfg.Retry, nil
	}
	m := dahdi.NewMonitor(drv, inv.Ports(), s.cfg.Monitor)
	watching, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	wg.Go(func() {
		defer cancel()
		err = s.follow(watching, m, drv, inv)
	})
	if merr := m.Run(watching); merr != nil {
		s.cfg.Log.Error("the card has gone", "error", merr)
	}
	cancel()
	wg.Wait()
	return s.cfg.Retry, err
}

// follow passes events on, and makes the inventory anew when an event says
// that it isn't right any more.
func (s *Service) follow(ctx context.Context, m *dahdi.Monitor, drv Driver, inv dahdi.Inventory) error {
	sub := m.Subscribe()
	defer func() { sub.Close() }()
	s.hub.ports(sub.Start)
	// What configuring failed at is not found again by looking.
	faults := slices.DeleteFunc(slices.Clone(inv.Problems), func(p dahdi.Problem) bool { return p.State != dahdi.StateFault })
	var refresh <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case e, ok := <-sub.Events:
			if !ok { // we were too slow: begin again with what is now
				sub = m.Subscribe()
				s.hub.ports(sub.Start)
				continue
			}
			s.hub.event(e)
			if slices.Contains(e.Changed, "alarms") || slices.Contains(e.Changed, "claimed") || slices.Contains(e.Changed, "signalling") {
				if refresh == nil {
					refresh = time.After(refreshDelay)
				}
			}
		case <-refresh:
			refresh = nil
			now, err := dahdi.Detect(s.sys(), drv)
			if err != nil {
				s.cfg.Log.Warn("looking at the cards again", "error", err)
				continue
			}
			for _, f := range faults {
				now.Fault(errors.New(f.Text))
			}
			if err := s.publish(now); err != nil {
				return err
			}
			s.notify("STATUS=" + now.String())
		}
	}
}

// publish writes the inventory and tells it to those who are connected.
func (s *Service) publish(inv dahdi.Inventory) error {
	b, err := json.MarshalIndent(inv, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding the inventory: %w", err)
	}
	b = append(b, '\n')
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hub.inventory(inv)
	if string(b) == string(s.last) {
		return nil
	}
	if err := replaceFile(filepath.Join(s.cfg.Dir, "ports.json"), b); err != nil {
		return fmt.Errorf("writing the inventory: %w", err)
	}
	s.last = b
	return nil
}

// announce says what was found: the milestone, readiness, and the log.
func (s *Service) announce(inv dahdi.Inventory) {
	for _, p := range inv.Problems {
		s.cfg.Log.Warn(p.Text, "state", p.State, "port", p.Port, "advice", p.Advice)
	}
	s.cfg.Log.Info("ports", "found", inv.String(), "zone", inv.Zone, "driver", inv.Driver)
	s.ready.Do(func() {
		if channels := len(inv.Ports()); channels > 0 {
			milestone := fmt.Sprintf("dahdi configured spans=%d channels=%d", inv.Spans(), channels)
			fmt.Fprintln(s.cfg.Stdout, milestone)
			s.notify("X_SWITCHROOM_MILESTONE=" + milestone)
		}
		s.notify("READY=1\nSTATUS=" + inv.String())
	})
	s.notify("STATUS=" + inv.String())
}

func (s *Service) notify(state string) {
	if s.cfg.Notify != nil {
		s.cfg.Notify(state)
	}
}

// replaceFile puts a file in place in one step, readable for everybody.
func replaceFile(path string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// firstLine is for errors that go into a problem's text.
func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

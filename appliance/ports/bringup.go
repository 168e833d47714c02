package ports

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"switchroom/dahdi"
	"switchroom/provisioning/dahdiconf"
)

// core is the module that all drivers of cards stand on.
const core = "dahdi"

// group may use the cards: Asterisk is in it.
const group = "dahdi"

func (s *Service) sys() fs.FS { return os.DirFS(filepath.Join(s.cfg.Root, "sys")) }

// bringUp does all that is to be done to have working ports, as far as it can
// be done, and says how it is then. The driver is nil if there is none.
func (s *Service) bringUp(ctx context.Context) (Driver, dahdi.Inventory) {
	o := s.cfg.Options()
	loadErr := s.load(o)
	if loadErr != nil {
		s.cfg.Log.Error("loading drivers", "error", loadErr)
	}
	drv, err := s.cfg.Open()
	if err != nil {
		if !errors.Is(err, dahdi.ErrNoDriver) {
			loadErr = errors.Join(loadErr, err)
			s.cfg.Log.Error("opening the driver", "error", err)
		}
		inv, err := dahdi.Detect(s.sys(), nil)
		s.explain(&inv, errors.Join(loadErr, err))
		return nil, inv
	}
	s.assign()
	s.share()
	inv, err := s.configure(ctx, drv, o)
	if err != nil {
		s.cfg.Log.Error("configuring ports", "error", err)
	}
	s.explain(&inv, errors.Join(loadErr, err))
	return drv, inv
}

// explain adds to the inventory what went wrong on the way to it.
func (s *Service) explain(inv *dahdi.Inventory, err error) {
	if err != nil && inv.State != dahdi.StateNoDriver {
		inv.Fault(errors.New(firstLine(err)))
		return
	}
	for i, p := range inv.Problems {
		if err != nil && p.State == dahdi.StateNoDriver {
			inv.Problems[i].Text += " (" + firstLine(err) + ")"
		}
	}
}

// load loads the drivers of the cards that are on the bus, all at once, and
// the echo canceller beside them. Where there is no card nothing is loaded.
func (s *Service) load(o dahdiconf.Options) error {
	if s.cfg.Loader == nil {
		return nil
	}
	aliases, err := fs.Glob(s.sys(), "bus/pci/devices/*/modalias")
	if err != nil {
		return fmt.Errorf("looking for cards: %w", err)
	}
	var modules []string
	for _, path := range aliases {
		b, err := fs.ReadFile(s.sys(), path)
		if err != nil {
			continue // it went away
		}
		for _, m := range s.cfg.Loader.Match(strings.TrimSpace(string(b))) {
			if s.cfg.Loader.Needs(m, core) && !slices.Contains(modules, m) {
				modules = append(modules, m)
			}
		}
	}
	if len(modules) == 0 {
		return nil
	}
	params, err := dahdiconf.Modules(o)
	if err != nil {
		return err
	}
	// First, and by itself: as a dependency it would get no parameters.
	if err := s.cfg.Loader.Load(core, params[core]); err != nil {
		return err
	}
	if echo := dahdiconf.EchoModule(o); echo != "" {
		modules = append(modules, echo)
	}
	var wg sync.WaitGroup
	errs := make([]error, len(modules))
	for i, m := range modules {
		wg.Go(func() { errs[i] = s.cfg.Loader.Load(m, params[m]) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// assign gives numbers to spans that have none, because somebody loaded the
// driver without asking for it.
func (s *Service) assign() {
	dir := filepath.Join(s.cfg.Root, "sys/bus/dahdi_devices/devices")
	devices, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, d := range devices {
		spans, _ := filepath.Glob(filepath.Join(dir, d.Name(), "span-*"))
		b, err := os.ReadFile(filepath.Join(dir, d.Name(), "span_count"))
		n, aerr := strconv.Atoi(strings.TrimSpace(string(b)))
		if err != nil || aerr != nil || len(spans) >= n {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, d.Name(), "auto_assign"), []byte("1\n"), 0); err != nil {
			s.cfg.Log.Error("assigning spans", "device", d.Name(), "error", err)
		}
	}
}

// share lets the group use the device files, which the kernel gives to root
// alone.
func (s *Service) share() {
	g, err := user.LookupGroup(group)
	if err != nil {
		s.cfg.Log.Warn("the device files stay root's", "error", err)
		return
	}
	gid, err := strconv.Atoi(g.Gid)
	if err != nil {
		s.cfg.Log.Warn("the device files stay root's", "error", err)
		return
	}
	err = filepath.WalkDir(filepath.Join(s.cfg.Root, "dev/dahdi"), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		mode := fs.FileMode(0o660)
		if d.IsDir() {
			mode = 0o750
		}
		return errors.Join(os.Lchown(path, 0, gid), os.Chmod(path, mode))
	})
	if err != nil {
		s.cfg.Log.Error("giving the device files to the group", "group", group, "error", err)
	}
}

// configure finds the ports, makes them what they shall be, and looks again.
func (s *Service) configure(ctx context.Context, drv Driver, o dahdiconf.Options) (dahdi.Inventory, error) {
	inv, err := dahdi.Detect(s.sys(), drv)
	if err != nil {
		return dahdi.Inventory{Cards: []dahdi.Card{}}, err
	}
	if len(inv.Ports()) == 0 {
		return inv, nil
	}
	want, err := dahdiconf.Desired(o, inv)
	if err != nil {
		return inv, err
	}
	changes, applyErr := dahdi.Apply(ctx, drv, want)
	for _, c := range changes {
		s.cfg.Log.Debug("configured", "port", c.Port, "change", c.Text)
	}
	s.cfg.Log.Info("ports configured", "changes", len(changes))
	after, err := dahdi.Detect(s.sys(), drv)
	if err != nil {
		return inv, errors.Join(applyErr, err)
	}
	return after, applyErr
}

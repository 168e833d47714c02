package panel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"switchroom/appliance/panel/cfa635"
)

// moduleFace is a display module as a display.
type moduleFace struct {
	module *cfa635.Module
	log    *slog.Logger
	keys   chan Input
	shown  Frame
}

func newModuleFace(m *cfa635.Module, log *slog.Logger) *moduleFace {
	return &moduleFace{module: m, log: log, keys: make(chan Input)}
}

func (m *moduleFace) size() (int, int)      { return m.module.Model.Columns, m.module.Model.Rows }
func (m *moduleFace) inputs() <-chan Input  { return m.keys }
func (m *moduleFace) gone() <-chan struct{} { return m.module.Done() }

// passKeys passes on the keys that are pressed, until the context ends.
func (m *moduleFace) passKeys(ctx context.Context) {
	for {
		select {
		case e := <-m.module.Keys():
			if !e.Down {
				continue
			}
			select {
			case m.keys <- Input{Key: e.Key}:
			case <-ctx.Done():
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// show writes of each line from the first to the last character that differs.
func (m *moduleFace) show(ctx context.Context, f Frame, anew bool) error {
	if anew {
		for _, do := range []func(context.Context) error{m.module.HideCursor, m.module.EnableKeys} {
			if err := m.forgive(do(ctx)); err != nil {
				return err
			}
		}
	}
	for row, line := range f.Lines {
		now, from, to := []rune(line), 0, 0
		to = len(now)
		if !anew && row < len(m.shown.Lines) {
			was := []rune(m.shown.Lines[row])
			for from < len(now) && from < len(was) && now[from] == was[from] {
				from++
			}
			for to > from && to <= len(was) && now[to-1] == was[to-1] {
				to--
			}
		}
		if from == to {
			continue
		}
		if err := m.forgive(m.module.Write(ctx, from, row, string(now[from:to]))); err != nil {
			return err
		}
	}
	for i := range m.module.Model.Lamps {
		if l := f.Lamps[i]; anew || l != m.shown.Lamps[i] {
			red, green := 0, 0
			if l == LampRed || l == LampAmber {
				red = 100
			}
			if l == LampGreen || l == LampAmber {
				green = 100
			}
			if l == LampAmber {
				red, green = 60, 60
			}
			if err := m.forgive(m.module.SetLamp(ctx, i, red, green)); err != nil {
				return err
			}
		}
	}
	if anew || f.Light != m.shown.Light {
		if err := m.forgive(m.module.Backlight(ctx, f.Light)); err != nil {
			return err
		}
	}
	m.shown = f
	return nil
}

// forgive lets a module refuse what it does not know: the rest goes on.
func (m *moduleFace) forgive(err error) error {
	if errors.Is(err, cfa635.ErrRefused) {
		m.log.Debug("the panel refuses", "err", err)
		return nil
	}
	return err
}

// Ports finds the lines a module may be on, and opens them.
type Ports interface {
	// List gives the paths of the serial ports, likeliest first.
	List() []string
	Open(path string, baud int) (io.ReadWriteCloser, error)
}

const (
	// listEvery is how often is looked for ports that have come.
	listEvery = 2 * time.Second
	// askEvery is how often those are asked that were silent.
	askEvery = 10 * time.Second
)

// bauds are the speeds of the modules, bit/s.
func bauds() []int { return []int{115200, 19200} }

// search looks for a module, shows what there is to show on it, and looks again
// when it is gone, until the context ends.
func search(ctx context.Context, cfg Config, w *watcher) {
	p, log, found := cfg.Ports, cfg.Log, cfg.Found
	asked := map[string]time.Time{}
	told := map[string]string{}
	for ctx.Err() == nil {
		for _, path := range p.List() {
			if at, ok := asked[path]; ok && time.Since(at) < askEvery {
				continue
			}
			m, err := connect(ctx, p, path, cfg.AnswerWithin)
			var closed *openError
			switch {
			case errors.As(err, &closed):
				// It has only just come and is root's for another moment, or
				// somebody else's: it is tried again soon.
				if told[path] != err.Error() && ctx.Err() == nil {
					told[path] = err.Error()
					log.Warn("a serial port can't be looked at", "err", err)
				}
				continue
			case err != nil:
				log.Debug("no panel", "port", path, "err", err)
				asked[path] = time.Now()
				continue
			}
			log.Info("a panel", "model", m.Model.Name, "version", m.Version, "port", path)
			found(fmt.Sprintf("%s on %s", m.Model.Name, path))
			err = attend(ctx, m, w, cfg.Controls, log)
			if ctx.Err() == nil {
				log.Warn("the panel is gone", "port", path, "err", err, "noise", m.Dropped())
				found("")
			}
			delete(asked, path)
		}
		select {
		case <-ctx.Done():
		case <-time.After(listEvery):
		}
		// A port that went and came back is another one.
		there := map[string]bool{}
		for _, path := range p.List() {
			there[path] = true
		}
		for path := range asked {
			if !there[path] {
				delete(asked, path)
			}
		}
	}
}

// openError is that a port could not be opened.
type openError struct {
	path string
	err  error
}

func (e *openError) Error() string { return fmt.Sprintf("opening %s: %v", e.path, e.err) }
func (e *openError) Unwrap() error { return e.err }

// connect opens a port at each speed until a module answers.
func connect(ctx context.Context, p Ports, path string, within time.Duration) (*cfa635.Module, error) {
	var errs []error
	for _, baud := range bauds() {
		line, err := p.Open(path, baud)
		if err != nil {
			return nil, &openError{path, err}
		}
		m, err := cfa635.Open(ctx, line, within)
		if err == nil {
			return m, nil
		}
		errs = append(errs, fmt.Errorf("at %d bit/s: %w", baud, err))
	}
	return nil, errors.Join(errs...)
}

// attend is a module's life.
func attend(ctx context.Context, m *cfa635.Module, w *watcher, c Controls, log *slog.Logger) error {
	ctx, cancel := context.WithCancel(ctx)
	defer m.Close()
	defer cancel()
	d := newModuleFace(m, log)
	passed := make(chan struct{})
	go func() {
		defer close(passed)
		d.passKeys(ctx)
	}()
	err := face(ctx, d, w, c)
	cancel()
	<-passed
	return err
}

package panel

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"switchroom/appliance/panel/cfa635"
)

// Config is what the service is made of.
type Config struct {
	Log      *slog.Logger
	Sources  Sources
	Controls Controls
	Ports    Ports  // where a module may be; nil: none is looked for
	Console  string // path of a terminal for the same screens; "": none
	// AnswerWithin is how long a module may take to answer; default
	// cfa635.AnswerWithin.
	AnswerWithin time.Duration
	// Found is told of the module that was found, and "" when it is gone.
	Found func(string)
}

// Run does the service's work until the context ends.
func Run(ctx context.Context, cfg Config) {
	if cfg.AnswerWithin == 0 {
		cfg.AnswerWithin = cfa635.AnswerWithin
	}
	if cfg.Found == nil {
		cfg.Found = func(string) {}
	}
	w := newWatcher(cfg.Sources, cfg.Log)
	var wg sync.WaitGroup
	wg.Go(func() { w.run(ctx) })
	if cfg.Ports != nil {
		wg.Go(func() { search(ctx, cfg, w) })
	}
	if cfg.Console != "" {
		wg.Go(func() { attendConsole(ctx, cfg.Console, w, cfg.Controls, cfg.Log) })
	}
	wg.Wait()
}

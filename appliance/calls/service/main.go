package service

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"switchroom/appliance/calls/ledger"
	"switchroom/appliance/calls/recordings"
)

// Settings are what the owner's site document says of records.
type Settings struct {
	Zone     *time.Location
	Language string // of reports, "en" or "zh-CN"
	Policy   recordings.Policy
	// ServiceLevel of each queue that has one of its own.
	ServiceLevel map[string]time.Duration
	// Mono puts both sides of recordings together.
	Mono bool
	// KeepFirst and KeepLast are how many digits of numbers are seen by those
	// who may not see them.
	KeepFirst, KeepLast int
	// FactDays is for how many days the lines that records were made of are
	// kept.
	FactDays int
}

// Paths are where things are on the box.
type Paths struct {
	DB         string
	CEL        string
	QueueLog   string
	Spool      string
	Recordings string
}

// BoxPaths are those of the box.
var BoxPaths = Paths{
	DB: "/data/calls/calls.db", CEL: "/var/log/asterisk/cel-custom/cel.csv", QueueLog: "/var/log/asterisk/queue_log",
	Spool: "/var/spool/asterisk/monitor", Recordings: "/data/recordings",
}

// Box is what the service and its commands are given by the program they are
// part of.
type Box struct {
	Paths Paths
	// Settings reads the owner's settings; it is asked again now and then.
	Settings func() (Settings, error)
	// Reopen asks Asterisk to open the queue log anew.
	Reopen func(ctx context.Context) error
	// Encoder makes mp3.
	Encoder recordings.Encoder
}

// ReopenByCLI asks Asterisk over its own control socket.
func ReopenByCLI(ctx context.Context) error {
	ctx, stop := context.WithTimeout(ctx, 10*time.Second)
	defer stop()
	out, err := exec.CommandContext(ctx, "/usr/sbin/asterisk", "-C", "/etc/asterisk/asterisk.conf", "-rx", "logger reload").CombinedOutput()
	if err != nil {
		return fmt.Errorf("asking Asterisk to open its logs anew: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return nil
}

// Main is `switchroom records`.
func (b Box) Main(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	name := "run"
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		name, args = args[0], args[1:]
	}
	f := flag.NewFlagSet("switchroom records "+name, flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&b.Paths.DB, "db", b.Paths.DB, "the `file` of records")
	switch name {
	case "run":
		return b.runMain(ctx, f, args, stderr)
	case "list":
		return b.list(ctx, f, args, stdout)
	case "show":
		return b.show(ctx, f, args, stdout)
	case "report":
		return b.report(ctx, f, args, stdout)
	case "export":
		return b.export(ctx, f, args, stdout)
	}
	return fmt.Errorf("records %s: there is run, list, show, report and export", name)
}

// Times of the service.
const (
	pollEvery    = time.Second
	tendEvery    = 30 * time.Second
	convertEvery = 5 * time.Second
	expireEvery  = 10 * time.Minute
)

func (b Box) runMain(ctx context.Context, f *flag.FlagSet, args []string, stderr io.Writer) error {
	if err := f.Parse(args); err != nil {
		return err
	}
	if f.NArg() > 0 {
		return fmt.Errorf("records run takes no arguments, and has %q", f.Args())
	}
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{ReplaceAttr: withoutTime}))
	notify := func(state string) {
		if _, err := daemon.SdNotify(false, state); err != nil {
			log.Warn("the supervisor is not told", "error", err)
		}
	}
	return b.Run(ctx, log, notify)
}

func withoutTime(groups []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey && len(groups) == 0 {
		return slog.Attr{}
	}
	return a
}

// Run is the service: it returns when the context ends, or when it can't go on
// and is to be started again.
func (b Box) Run(ctx context.Context, log *slog.Logger, notify func(string)) error {
	if err := os.MkdirAll(filepath.Dir(b.Paths.DB), 0o770); err != nil {
		return fmt.Errorf("starting: %w", err)
	}
	db, err := ledger.Open(ctx, b.Paths.DB, false)
	if err != nil {
		return fmt.Errorf("starting: %w", err)
	}
	defer db.Close()
	r, err := NewRecorder(ctx, log, db, Files{CEL: b.Paths.CEL, QueueLog: b.Paths.QueueLog})
	if err != nil {
		return fmt.Errorf("starting: %w", err)
	}
	defer r.Close()
	n, err := r.CatchUp(ctx)
	if err != nil {
		return fmt.Errorf("catching up: %w", err)
	}
	log.Info("caught up", "lines", n)
	notify(daemon.SdNotifyReady)

	// Recordings beside: a long one must not hold up the records.
	convert := make(chan error, 1)
	cctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() { convert <- b.convert(cctx, log, db) }()
	err = b.follow(ctx, log, r, notify, convert)
	stop()
	if cerr := <-convert; err == nil && !errors.Is(cerr, context.Canceled) {
		err = cerr
	}
	return err
}

// follow reads the logs until the context or the converter ends.
func (b Box) follow(ctx context.Context, log *slog.Logger, r *Recorder, notify func(string), convert chan error) error {
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	tend := time.NewTicker(tendEvery)
	defer tend.Stop()
	for {
		select {
		case <-ctx.Done():
			// What was written while the others stopped.
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			_, err := r.CatchUp(last)
			return err
		case err := <-convert:
			convert <- err
			return err
		case <-tend.C:
			reopen, err := r.Tend(ctx)
			if err != nil {
				log.Error("the logs could not be tended", "error", err)
			}
			if reopen && b.Reopen != nil {
				if err := b.Reopen(ctx); err != nil {
					// It goes on writing to the file that was put aside, and
					// that is followed too.
					log.Warn("the queue log is still the old one", "error", err)
				}
			}
		case <-poll.C:
			if _, err := r.CatchUp(ctx); err != nil {
				if ctx.Err() != nil {
					continue
				}
				return fmt.Errorf("following the logs: %w", err)
			}
			notify(daemon.SdNotifyWatchdog)
		}
	}
}

// convert makes recordings and removes old ones until the context ends.
func (b Box) convert(ctx context.Context, log *slog.Logger, db *ledger.DB) error {
	k := &recordings.Keeper{Log: log, Spool: b.Paths.Spool, Folder: b.Paths.Recordings, Encoder: b.Encoder, Catalogue: db}
	settings := Settings{Zone: time.UTC, FactDays: 7}
	read := func() {
		s, err := b.Settings()
		if err != nil {
			log.Warn("the owner's settings can't be read: those before hold", "error", err)
			return
		}
		settings = s
		k.Zone, k.Encoder.Mono = s.Zone, s.Mono
	}
	read()
	if err := k.Sweep(ctx); err != nil && ctx.Err() == nil {
		log.Error("recordings could not be tidied up", "error", err)
	}
	work := time.NewTicker(convertEvery)
	defer work.Stop()
	var expired time.Time
	for {
		if _, err := k.Run(ctx); err != nil && ctx.Err() == nil {
			log.Error("recordings", "error", err)
		}
		if time.Since(expired) >= expireEvery && ctx.Err() == nil {
			expired = time.Now()
			read()
			if n, err := k.Expire(ctx, settings.Policy); err != nil {
				log.Error("old recordings could not be removed", "error", err)
			} else if n > 0 {
				log.Info("old recordings removed", "number", n)
			}
			if err := db.Forget(ctx, time.Now().AddDate(0, 0, -max(settings.FactDays, 1))); err != nil {
				log.Error("old lines could not be removed", "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-work.C:
		}
	}
}

package service

import (
	"context"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"time"

	"switchroom/appliance/calls/cel"
	"switchroom/appliance/calls/follow"
	"switchroom/appliance/calls/ledger"
	"switchroom/appliance/calls/queuelog"
	"switchroom/appliance/calls/record"
)

// Recorder makes records of the logs.
type Recorder struct {
	log   *slog.Logger
	db    *ledger.DB
	asm   *record.Assembler
	logs  map[record.Source]*follow.Log
	limit int64
	now   func() time.Time

	agents   []ledger.AgentEvent
	damaged  []ledger.Damaged
	restarts int
	newest   time.Time // of the facts
}

// Files are the two logs.
type Files struct {
	CEL, QueueLog string
}

const (
	// rotateAt is the size, in bytes, at which a log is put aside.
	rotateAt = 4 << 20
	// batchLines is how many lines of a log are taken in one transaction.
	batchLines = 2000
	// graceTime is how long after its last fact a call that is over may still
	// change without being fetched from the ledger.
	graceTime = 10 * time.Minute
	// quietTime is for how long a log that was put aside is kept after its last
	// line.
	quietTime = time.Minute
)

// NewRecorder takes up where the ledger says the last one was.
func NewRecorder(ctx context.Context, log *slog.Logger, db *ledger.DB, files Files) (*Recorder, error) {
	r := &Recorder{log: log, db: db, logs: map[record.Source]*follow.Log{}, limit: rotateAt, now: time.Now}
	r.asm = record.NewAssembler(db.Archive(ctx))
	if err := db.Restore(ctx, r.asm); err != nil {
		return nil, err
	}
	for src, path := range map[record.Source]string{record.CEL: files.CEL, record.QueueLog: files.QueueLog} {
		at, err := db.Positions(ctx, src)
		if err != nil {
			return nil, err
		}
		r.logs[src] = follow.Open(path, at)
	}
	r.restarts = len(r.asm.Restarts())
	return r, nil
}

// Close closes the logs. The ledger stays open.
func (r *Recorder) Close() error {
	var err error
	for _, l := range r.logs {
		if e := l.Close(); err == nil {
			err = e
		}
	}
	return err
}

// Once reads what there is, up to a bound, and commits it. It returns how many
// lines there were. After an error the recorder is to be made anew: what it
// had read is not kept, and is read again.
func (r *Recorder) Once(ctx context.Context) (int, error) {
	n := 0
	for _, src := range []record.Source{record.CEL, record.QueueLog} {
		k, err := r.logs[src].Read(batchLines, func(line string) error { return r.line(src, line) })
		n += k
		if err != nil {
			return n, err
		}
	}
	merges, changes := r.asm.Changes()
	var settled []string
	if n < batchLines {
		// All that was written so far is known; of calls that ended a while ago
		// nothing more is expected.
		since := r.now().Add(-graceTime)
		settled = r.asm.Settle(since)
	}
	all := r.asm.Restarts()
	if n == 0 && len(changes) == 0 && len(settled) == 0 {
		return 0, nil
	}
	b := ledger.Batch{
		Merges: merges, Changes: changes, Settled: settled, Agents: r.agents, Restarts: all[min(r.restarts, len(all)):], Damaged: r.damaged,
		Positions: map[record.Source][]follow.Position{},
	}
	if len(all) != r.restarts {
		b.Restarts = all // one may have come between others
	}
	for src, l := range r.logs {
		b.Positions[src] = l.Positions()
	}
	if err := r.db.Commit(ctx, b); err != nil {
		return n, err
	}
	r.agents, r.damaged, r.restarts = nil, nil, len(all)
	return n, nil
}

// CatchUp reads until there is nothing left.
func (r *Recorder) CatchUp(ctx context.Context) (lines int, err error) {
	for {
		n, err := r.Once(ctx)
		lines += n
		if err != nil || n == 0 {
			return lines, err
		}
		if err := ctx.Err(); err != nil {
			return lines, err
		}
	}
}

// Tend rotates the logs that have grown, and removes what was read. It reports
// whether Asterisk is to be asked to open the queue log anew.
func (r *Recorder) Tend(ctx context.Context) (reopen bool, err error) {
	for src, l := range r.logs {
		if err := l.Clean(quietTime, func() error { return r.db.Sync(ctx) }); err != nil {
			return false, err
		}
		if _, err := l.Rotate(r.limit); err != nil {
			return false, err
		}
		if src == record.QueueLog && l.Waiting() {
			reopen = true
		}
	}
	return reopen, nil
}

// line takes one line.
func (r *Recorder) line(src record.Source, line string) error {
	f, err := record.Parse(src, line)
	if err != nil {
		// A line that was cut off when the power went has the next one right
		// behind it.
		rest, ok := behindCut(src, line)
		if ok {
			f, ok = rest, true
			r.damage(src, strings.TrimSuffix(line, f.Line), err)
		}
		if !ok {
			r.damage(src, line, err)
			return nil
		}
	}
	if f.Time().After(r.newest) {
		r.newest = f.Time()
	}
	if e, ok := agentEvent(f); ok {
		r.agents = append(r.agents, e)
	}
	if err := r.asm.Add(f); err != nil {
		return fmt.Errorf("a line of the %v: %w", src, err)
	}
	return nil
}

func (r *Recorder) damage(src record.Source, line string, err error) {
	const most = 4000
	r.log.Warn("a line could not be read", "source", src.String(), "error", err)
	r.damaged = append(r.damaged, ledger.Damaged{At: r.now(), Source: src, Line: line[:min(len(line), most)], Reason: err.Error()})
}

// starts are what lines begin with.
func starts(src record.Source) *regexp.Regexp {
	if src == record.CEL {
		return regexp.MustCompile(`"\d{10}\.\d{6}",`)
	}
	return regexp.MustCompile(`\d{10}\|`)
}

// behindCut finds a whole line at the end of one that could not be read.
func behindCut(src record.Source, line string) (record.Fact, bool) {
	for _, at := range starts(src).FindAllStringIndex(line, -1) {
		if at[0] == 0 {
			continue
		}
		if f, err := record.Parse(src, line[at[0]:]); err == nil {
			return f, true
		}
	}
	return record.Fact{}, false
}

// agentEvent takes what an agent did out of a fact. The queue log has it from
// every side; the dialplan's own word adds the seat.
func agentEvent(f record.Fact) (ledger.AgentEvent, bool) {
	e := ledger.AgentEvent{Key: f.Key(), At: f.Time()}
	if f.CEL != nil {
		kinds := map[string]string{"LOGIN": "login", "LOGOUT": "logout", "PAUSE": "pause", "UNPAUSE": "unpause"}
		if !f.CEL.User || kinds[f.CEL.Type] == "" {
			return e, false
		}
		e.Kind = kinds[f.CEL.Type]
		e.Agent, e.Seat, e.Reason = f.CEL.Values.Get("agent"), f.CEL.Values.Get("seat"), f.CEL.Values.Get("reason")
		return e, e.Agent != ""
	}
	q := f.Queue
	e.Agent, e.Queue, e.Reason = q.Agent, q.Queue, q.Arg(0)
	switch q.Event {
	case queuelog.AddMember:
		e.Kind, e.Reason = "login", ""
	case queuelog.RemoveMember:
		e.Kind, e.Reason = "logout", ""
	case queuelog.Pause, queuelog.PauseAll:
		e.Kind = "pause"
	case queuelog.Unpause, queuelog.UnpauseAll:
		e.Kind, e.Reason = "unpause", ""
	case queuelog.AgentLogin:
		e.Kind, e.Reason, e.Seat = "login", "", cel.Device(q.Arg(0))
	case queuelog.AgentLogoff:
		e.Kind, e.Reason, e.Seat = "logout", "", cel.Device(q.Arg(0))
	default:
		return e, false
	}
	return e, e.Agent != ""
}

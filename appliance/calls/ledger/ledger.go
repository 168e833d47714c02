// Package ledger keeps calls in calls.db: the records, the facts that they were
// made of, agents' log-ins and pauses, how far the logs were read, recordings,
// and who looked at what.
//
// What was made of a piece of a log and how far the log was read are written in
// one transaction: whatever stops the recorder, each line counts once.
package ledger

import (
	"context"
	"database/sql"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"switchroom/appliance/calls"
	"switchroom/appliance/calls/follow"
	"switchroom/appliance/calls/record"
	"switchroom/appliance/store"
)

//go:embed schema.sql
var schema string

// DB is an open calls.db. It may be used by any number of goroutines, and the
// file by other processes at the same time.
type DB struct {
	db *sql.DB
}

// Open opens the file, making it if it is not there; readOnly it must be.
func Open(ctx context.Context, path string, readOnly bool) (*DB, error) {
	db, err := store.Open(ctx, path, store.Options{
		// A power cut may undo the last transactions, positions included: then
		// the logs are read again from there. See Sync.
		Durability: store.Process,
		ReadOnly:   readOnly,
		Migrations: []string{schema},
		// Group and not only owner: others read reports, and a reader of a
		// database in WAL mode writes its shared memory.
		Mode: 0o660,
	})
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(4)
	return &DB{db: db}, nil
}

// Sync makes sure that what was committed survives the loss of power. It is to
// be called before anything is removed that was read.
func (d *DB) Sync(ctx context.Context) error {
	var busy, wal, moved int
	if err := d.db.QueryRowContext(ctx, "PRAGMA wal_checkpoint(FULL)").Scan(&busy, &wal, &moved); err != nil {
		return fmt.Errorf("writing calls to the disk: %w", err)
	}
	if busy != 0 {
		return errors.New("writing calls to the disk: a reader is in the way")
	}
	return nil
}

// Close closes it.
func (d *DB) Close() error { return d.db.Close() }

func (d *DB) update(ctx context.Context, f func(*sql.Tx) error) error {
	tx, err := d.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := f(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// AgentEvent is an agent who came, went, paused or went on.
type AgentEvent struct {
	Key    record.Key
	At     time.Time
	Agent  string
	Kind   string // "login", "logout", "pause", "unpause"
	Queue  string // "" all
	Seat   string
	Reason string
}

// Damaged is a line that could not be read.
type Damaged struct {
	At     time.Time // of reading it
	Source record.Source
	Line   string
	Reason string
}

// Batch is what was made of a piece of the logs.
type Batch struct {
	Merges    []record.Merge
	Changes   []record.Change
	Settled   []string
	Agents    []AgentEvent
	Restarts  []time.Time
	Damaged   []Damaged
	Positions map[record.Source][]follow.Position
}

// Commit writes a batch, all of it or nothing.
func (d *DB) Commit(ctx context.Context, b Batch) error {
	err := d.update(ctx, func(tx *sql.Tx) error {
		for _, m := range b.Merges {
			if err := merge(ctx, tx, m); err != nil {
				return err
			}
		}
		for _, c := range b.Changes {
			if err := putCall(ctx, tx, c); err != nil {
				return fmt.Errorf("call %s: %w", c.Call.ID, err)
			}
		}
		for _, id := range b.Settled {
			if _, err := tx.ExecContext(ctx, "UPDATE calls SET settled = 1 WHERE id = ?", id); err != nil {
				return err
			}
		}
		for _, e := range b.Agents {
			if _, err := tx.ExecContext(ctx, "INSERT OR IGNORE INTO agent_events VALUES (?, ?, ?, ?, ?, ?, ?)",
				e.Key[:], micros(e.At), e.Agent, e.Kind, e.Queue, e.Seat, e.Reason); err != nil {
				return err
			}
		}
		for _, t := range b.Restarts {
			if _, err := tx.ExecContext(ctx, "INSERT OR IGNORE INTO restarts VALUES (?)", micros(t)); err != nil {
				return err
			}
		}
		for _, l := range b.Damaged {
			if _, err := tx.ExecContext(ctx, "INSERT INTO damaged (at, source, line, reason) VALUES (?, ?, ?, ?)", micros(l.At), int(l.Source), l.Line, l.Reason); err != nil {
				return err
			}
		}
		for src, list := range b.Positions {
			if _, err := tx.ExecContext(ctx, "DELETE FROM positions WHERE source = ?", int(src)); err != nil {
				return err
			}
			for _, p := range list {
				if _, err := tx.ExecContext(ctx, "INSERT INTO positions VALUES (?, ?, ?, ?, ?)", int(src), int64(p.Inode), p.Head, p.HeadSize, p.Offset); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("writing calls: %w", err)
	}
	return nil
}

func merge(ctx context.Context, tx *sql.Tx, m record.Merge) error {
	for _, q := range []string{
		"UPDATE facts SET call = ?2 WHERE call = ?1",
		"UPDATE channels SET call = ?2 WHERE call = ?1",
		"UPDATE recordings SET call = ?2 WHERE call = ?1",
		"DELETE FROM calls WHERE id = ?1 AND ?2 <> ''",
	} {
		if _, err := tx.ExecContext(ctx, q, m.From, m.Into); err != nil {
			return fmt.Errorf("putting call %s into %s: %w", m.From, m.Into, err)
		}
	}
	return nil
}

func putCall(ctx context.Context, tx *sql.Tx, c record.Change) error {
	r := c.Call
	whole, err := json.Marshal(r)
	if err != nil {
		return err
	}
	queue, agent := Columns(r)
	if _, err := tx.ExecContext(ctx, `INSERT INTO calls VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?)
		ON CONFLICT (id) DO UPDATE SET start = excluded.start, answered = excluded.answered, ended = excluded.ended, direction = excluded.direction,
		outcome = excluded.outcome, caller = excluded.caller, caller_agent = excluded.caller_agent, dialled = excluded.dialled, queue = excluded.queue,
		agent = excluded.agent, rating = excluded.rating, settled = 0, record = excluded.record`,
		r.ID, micros(r.Start), optional(r.Answered), optional(r.End), string(r.Direction), string(r.Outcome), r.Caller.Number, r.Caller.Agent, r.Dialled,
		queue, agent, r.Rating, string(whole)); err != nil {
		return err
	}
	for _, ch := range c.Channels {
		if _, err := tx.ExecContext(ctx, "INSERT INTO channels VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET call = ?2 WHERE call <> ?2", ch, r.ID); err != nil {
			return err
		}
	}
	for _, f := range c.Fresh {
		if _, err := tx.ExecContext(ctx, "INSERT INTO facts (call, source, at, line) VALUES (?, ?, ?, ?)", r.ID, int(f.Source), micros(f.Time()), f.Line); err != nil {
			return err
		}
	}
	return nil
}

// Columns are the last queue of a call and the agent who answered last.
func Columns(c calls.Call) (queue, agent string) {
	for _, v := range c.Queues {
		queue = v.Queue
	}
	for _, l := range c.Legs {
		if l.Role != calls.RoleCaller && l.Agent != "" && !l.Answered.IsZero() {
			agent = l.Agent
		}
	}
	for _, v := range c.Queues {
		if agent == "" && v.Agent != "" {
			agent = v.Agent
		}
	}
	return queue, agent
}

func micros(t time.Time) int64 { return t.UnixMicro() }

func optional(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

func fromMicros(n int64) time.Time { return time.UnixMicro(n).UTC() }

package ledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"switchroom/appliance/calls"
)

// ErrNotFound is the error of asking for what is not there.
var ErrNotFound = errors.New("there is no such record")

// Filter says which calls are wanted; what is zero does not matter.
type Filter struct {
	From, To  time.Time // of the start: from From on, and before To
	Direction calls.Direction
	Outcome   calls.Outcome
	Queue     string // was in that queue
	Agent     string // spoke, or was rung
	Number    string // part of the caller's number or of the one dialled
	Limit     int    // 0: no limit
	Newest    bool   // the newest first; else the oldest
}

// Call returns one call.
func (d *DB) Call(ctx context.Context, id string) (calls.Call, error) {
	var text string
	err := d.db.QueryRowContext(ctx, "SELECT record FROM calls WHERE id = ?", id).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return calls.Call{}, fmt.Errorf("call %s: %w", id, ErrNotFound)
	}
	var c calls.Call
	if err == nil {
		err = json.Unmarshal([]byte(text), &c)
	}
	if err != nil {
		return calls.Call{}, fmt.Errorf("reading call %s: %w", id, err)
	}
	return c, nil
}

// Calls goes through the calls that a filter wants.
func (d *DB) Calls(ctx context.Context, f Filter) iter.Seq2[calls.Call, error] {
	var where []string
	var args []any
	add := func(cond string, v ...any) {
		where = append(where, cond)
		args = append(args, v...)
	}
	if !f.From.IsZero() {
		add("start >= ?", micros(f.From))
	}
	if !f.To.IsZero() {
		add("start < ?", micros(f.To))
	}
	if f.Direction != "" {
		add("direction = ?", string(f.Direction))
	}
	if f.Outcome != "" {
		add("outcome = ?", string(f.Outcome))
	}
	if f.Queue != "" {
		add("EXISTS (SELECT 1 FROM json_each(record, '$.queues') WHERE value ->> 'queue' = ?)", f.Queue)
	}
	if f.Agent != "" {
		add("EXISTS (SELECT 1 FROM json_each(record, '$.legs') WHERE value ->> 'agent' = ?)", f.Agent)
	}
	if f.Number != "" {
		add("(instr(caller, ?) > 0 OR instr(dialled, ?) > 0)", f.Number, f.Number)
	}
	q := "SELECT record FROM calls"
	if len(where) > 0 {
		q += " WHERE " + strings.Join(where, " AND ")
	}
	q += " ORDER BY start"
	if f.Newest {
		q += " DESC"
	}
	if f.Limit > 0 {
		q += fmt.Sprintf(" LIMIT %d", f.Limit)
	}
	return func(yield func(calls.Call, error) bool) {
		rows, err := d.db.QueryContext(ctx, q, args...)
		if err != nil {
			yield(calls.Call{}, fmt.Errorf("reading calls: %w", err))
			return
		}
		defer rows.Close()
		for rows.Next() {
			var text []byte
			var c calls.Call
			err := rows.Scan(&text)
			if err == nil {
				err = json.Unmarshal(text, &c)
			}
			if err != nil {
				yield(calls.Call{}, fmt.Errorf("reading calls: %w", err))
				return
			}
			if !yield(c, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(calls.Call{}, fmt.Errorf("reading calls: %w", err))
		}
	}
}

// AgentEvents are those before a time, oldest first: what an agent was doing
// at a time depends on all that came before.
func (d *DB) AgentEvents(ctx context.Context, before time.Time) ([]AgentEvent, error) {
	rows, err := d.db.QueryContext(ctx, "SELECT key, at, agent, kind, queue, seat, reason FROM agent_events WHERE at < ? ORDER BY at", micros(before))
	if err != nil {
		return nil, fmt.Errorf("reading what agents did: %w", err)
	}
	defer rows.Close()
	var out []AgentEvent
	for rows.Next() {
		var e AgentEvent
		var key []byte
		var at int64
		if err := rows.Scan(&key, &at, &e.Agent, &e.Kind, &e.Queue, &e.Seat, &e.Reason); err != nil {
			return nil, fmt.Errorf("reading what agents did: %w", err)
		}
		copy(e.Key[:], key)
		e.At = fromMicros(at)
		out = append(out, e)
	}
	return out, rows.Err()
}

// Audit is a note of who did what, or looked at what.
type Audit struct {
	At      time.Time `json:"at"`
	Who     string    `json:"who"`     // the person, or the program, that did it
	Address string    `json:"address"` // from where
	Action  string    `json:"action"`  // "listen", "download", "export", "monitor", …
	What    string    `json:"what"`    // id of a recording, of a call, of an agent
	Detail  string    `json:"detail,omitempty"`
}

// Note writes a line of the audit log. An access is noted before it is given.
func (d *DB) Note(ctx context.Context, a Audit) error {
	if a.Who == "" || a.Action == "" {
		return errors.New("a note of the audit log without who, or without what was done")
	}
	_, err := d.db.ExecContext(ctx, "INSERT INTO audit (at, who, address, action, what, detail) VALUES (?, ?, ?, ?, ?, ?)",
		micros(a.At), a.Who, a.Address, a.Action, a.What, a.Detail)
	if err != nil {
		return fmt.Errorf("writing the audit log: %w", err)
	}
	return nil
}

// Notes are the audit log's lines from one time to before another, oldest
// first; of one thing only if what is not empty.
func (d *DB) Notes(ctx context.Context, from, to time.Time, what string) ([]Audit, error) {
	rows, err := d.db.QueryContext(ctx, "SELECT at, who, address, action, what, detail FROM audit WHERE at >= ? AND at < ? AND (?3 = '' OR what = ?3) ORDER BY id",
		micros(from), micros(to), what)
	if err != nil {
		return nil, fmt.Errorf("reading the audit log: %w", err)
	}
	defer rows.Close()
	var out []Audit
	for rows.Next() {
		var a Audit
		var at int64
		if err := rows.Scan(&at, &a.Who, &a.Address, &a.Action, &a.What, &a.Detail); err != nil {
			return nil, fmt.Errorf("reading the audit log: %w", err)
		}
		a.At = fromMicros(at)
		out = append(out, a)
	}
	return out, rows.Err()
}

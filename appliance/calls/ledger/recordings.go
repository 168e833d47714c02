package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"switchroom/appliance/calls"
	"switchroom/appliance/calls/recordings"
)

// Subject tells of the channel of a recording.
func (d *DB) Subject(ctx context.Context, channel string) (recordings.Subject, bool, error) {
	id, err := d.CallOf(ctx, channel)
	if err != nil || id == "" {
		return recordings.Subject{}, false, err
	}
	c, err := d.Call(ctx, id)
	if errors.Is(err, ErrNotFound) {
		return recordings.Subject{}, false, nil
	}
	if err != nil {
		return recordings.Subject{}, false, err
	}
	_, agent := Columns(c)
	s := recordings.Subject{Call: id, Start: c.Start, Caller: c.Caller.Number, Agent: agent, Over: !c.End.IsZero()}
	if c.Direction == calls.Outbound {
		// Who was called says more than the seat that called.
		s.Caller, s.Agent = c.Dialled, c.Caller.Agent
	}
	for _, l := range c.Legs {
		if l.ID == channel && !l.End.IsZero() {
			s.Over = true
		}
	}
	return s, true, nil
}

// AddRecording lists a recording.
func (d *DB) AddRecording(ctx context.Context, r recordings.Recording) error {
	_, err := d.db.ExecContext(ctx, "INSERT OR REPLACE INTO recordings VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
		r.ID, r.Call, r.Path, micros(r.At), r.Length.Seconds(), r.Bytes, r.Caller, r.Agent)
	if err != nil {
		return fmt.Errorf("listing recording %s: %w", r.Path, err)
	}
	return nil
}

// DropRecording strikes a recording off.
func (d *DB) DropRecording(ctx context.Context, id string) error {
	if _, err := d.db.ExecContext(ctx, "DELETE FROM recordings WHERE id = ?", id); err != nil {
		return fmt.Errorf("striking recording %s off: %w", id, err)
	}
	return nil
}

// HasRecording reports whether a path is listed.
func (d *DB) HasRecording(ctx context.Context, path string) (bool, error) {
	var n int
	if err := d.db.QueryRowContext(ctx, "SELECT count(*) FROM recordings WHERE path = ?", path).Scan(&n); err != nil {
		return false, fmt.Errorf("looking for recording %s: %w", path, err)
	}
	return n > 0, nil
}

// OldestRecordings are at most n of those from before a time, oldest first.
func (d *DB) OldestRecordings(ctx context.Context, before time.Time, n int) ([]recordings.Recording, error) {
	return d.recordings(ctx, "WHERE at < ? ORDER BY at LIMIT ?", micros(before), n)
}

// Recordings are those of a call.
func (d *DB) Recordings(ctx context.Context, call string) ([]recordings.Recording, error) {
	return d.recordings(ctx, "WHERE call = ? ORDER BY at", call)
}

// Recording is one, by the channel that was recorded.
func (d *DB) Recording(ctx context.Context, id string) (recordings.Recording, error) {
	list, err := d.recordings(ctx, "WHERE id = ?", id)
	if err != nil {
		return recordings.Recording{}, err
	}
	if len(list) == 0 {
		return recordings.Recording{}, fmt.Errorf("recording %s: %w", id, ErrNotFound)
	}
	return list[0], nil
}

func (d *DB) recordings(ctx context.Context, where string, args ...any) (list []recordings.Recording, err error) {
	rows, err := d.db.QueryContext(ctx, "SELECT id, call, path, at, seconds, bytes, caller, agent FROM recordings "+where, args...)
	if err != nil {
		return nil, fmt.Errorf("reading the list of recordings: %w", err)
	}
	defer func(rows *sql.Rows) { err = errors.Join(err, rows.Close()) }(rows)
	for rows.Next() {
		var r recordings.Recording
		var at int64
		var seconds float64
		if err := rows.Scan(&r.ID, &r.Call, &r.Path, &at, &seconds, &r.Bytes, &r.Caller, &r.Agent); err != nil {
			return nil, fmt.Errorf("reading the list of recordings: %w", err)
		}
		r.At, r.Length = fromMicros(at), time.Duration(seconds*float64(time.Second))
		list = append(list, r)
	}
	return list, rows.Err()
}

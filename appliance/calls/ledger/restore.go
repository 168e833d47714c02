package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"switchroom/appliance/calls/follow"
	"switchroom/appliance/calls/record"
)

// Positions are how far a source was read.
func (d *DB) Positions(ctx context.Context, src record.Source) ([]follow.Position, error) {
	rows, err := d.db.QueryContext(ctx, "SELECT inode, head, head_size, offset FROM positions WHERE source = ?", int(src))
	if err != nil {
		return nil, fmt.Errorf("reading positions: %w", err)
	}
	defer rows.Close()
	var out []follow.Position
	for rows.Next() {
		var p follow.Position
		var ino int64
		if err := rows.Scan(&ino, &p.Head, &p.HeadSize, &p.Offset); err != nil {
			return nil, fmt.Errorf("reading positions: %w", err)
		}
		p.Inode = uint64(ino)
		out = append(out, p)
	}
	return out, rows.Err()
}

// Restore fills an assembler with the calls that are not settled.
func (d *DB) Restore(ctx context.Context, a *record.Assembler) error {
	rows, err := d.db.QueryContext(ctx, "SELECT at FROM restarts ORDER BY at")
	if err != nil {
		return fmt.Errorf("reading restarts: %w", err)
	}
	defer rows.Close()
	var restarts []time.Time
	for rows.Next() {
		var at int64
		if err := rows.Scan(&at); err != nil {
			return fmt.Errorf("reading restarts: %w", err)
		}
		restarts = append(restarts, fromMicros(at))
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("reading restarts: %w", err)
	}
	a.RestoreRestarts(restarts)
	open, err := d.ids(ctx, "SELECT id FROM calls WHERE settled = 0 ORDER BY start")
	if err != nil {
		return err
	}
	for _, id := range open {
		facts, err := d.Facts(ctx, id)
		if err != nil {
			return err
		}
		if err := a.Restore(id, facts); err != nil {
			return err
		}
	}
	return nil
}

func (d *DB) ids(ctx context.Context, q string, args ...any) ([]string, error) {
	rows, err := d.db.QueryContext(ctx, q, args...)
	if err != nil {
		return nil, fmt.Errorf("reading calls: %w", err)
	}
	defer rows.Close()
	var ids []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("reading calls: %w", err)
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

// Facts are the lines that a call was made of, as long as they are kept.
func (d *DB) Facts(ctx context.Context, call string) ([]record.Fact, error) {
	rows, err := d.db.QueryContext(ctx, "SELECT source, line FROM facts WHERE call = ? ORDER BY id", call)
	if err != nil {
		return nil, fmt.Errorf("reading the facts of call %s: %w", call, err)
	}
	defer rows.Close()
	var facts []record.Fact
	for rows.Next() {
		var src int
		var line string
		if err := rows.Scan(&src, &line); err != nil {
			return nil, fmt.Errorf("reading the facts of call %s: %w", call, err)
		}
		f, err := record.Parse(record.Source(src), line)
		if err != nil {
			return nil, fmt.Errorf("reading the facts of call %s: %w", call, err)
		}
		facts = append(facts, f)
	}
	return facts, rows.Err()
}

// Archive is the ledger as an assembler asks it.
func (d *DB) Archive(ctx context.Context) record.Archive { return archive{ctx, d} }

type archive struct {
	ctx context.Context
	d   *DB
}

func (a archive) CallOf(channel string) (string, []record.Fact, error) {
	id, err := a.d.CallOf(a.ctx, channel)
	if err != nil || id == "" {
		return "", nil, err
	}
	facts, err := a.d.Facts(a.ctx, id)
	return id, facts, err
}

// CallOf is the call that a channel belongs to, "" if it is not known.
func (d *DB) CallOf(ctx context.Context, channel string) (string, error) {
	var id string
	err := d.db.QueryRowContext(ctx, "SELECT call FROM channels WHERE id = ?", channel).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("looking for the call of channel %s: %w", channel, err)
	}
	return id, nil
}

// Forget removes the lines of calls that settled and began before a time, and
// channels with them: a line that comes later than that begins a call anew.
func (d *DB) Forget(ctx context.Context, before time.Time) error {
	err := d.update(ctx, func(tx *sql.Tx) error {
		for _, q := range []string{
			"DELETE FROM facts WHERE call IN (SELECT id FROM calls WHERE settled = 1 AND start < ?1)",
			"DELETE FROM channels WHERE call IN (SELECT id FROM calls WHERE settled = 1 AND start < ?1)",
			"DELETE FROM damaged WHERE at < ?1",
		} {
			if _, err := tx.ExecContext(ctx, q, micros(before)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("removing the lines of old calls: %w", err)
	}
	return nil
}

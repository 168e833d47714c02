// Package sessions keeps who is logged in where, in a database on the data
// partition, so that it outlives this program, Asterisk and the agents' pages;
// beside it what supervisors did, and what agents noted about calls.
//
// A session that was ended stays in the database until Asterisk has confirmed
// that no queue has the agent any more: whoever is found in a queue later has
// logged in by telephone since.
package sessions

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"switchroom/appliance/store"
)

// Session is one agent's.
type Session struct {
	Agent, Seat string
	Paused      bool
	Reason      string // why paused
	Since       time.Time
	Via         string // how it began: cti, phone
}

// Deed is something that somebody did, for the audit log.
type Deed struct {
	At      time.Time `json:"at"`
	Who     string    `json:"who"`
	What    string    `json:"what"`    // the command
	Whom    string    `json:"whom"`    // agent, queue or call; may be empty
	Details string    `json:"details"` // of the command, as JSON
	Result  string    `json:"result"`  // "ok", or the error's code
	Address string    `json:"address"` // from where
}

// Note is what an agent wrote about a call.
type Note struct {
	Call, Agent, Disposition, Text string
	At                             time.Time
}

var migrations = []string{`
CREATE TABLE session (
	agent   TEXT PRIMARY KEY,
	seat    TEXT NOT NULL,
	active  INTEGER NOT NULL, -- 0: ended, and Asterisk hasn't confirmed it
	paused  INTEGER NOT NULL,
	reason  TEXT NOT NULL,
	since   INTEGER NOT NULL, -- ms since 1970
	via     TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX session_seat ON session (seat) WHERE active;
CREATE TABLE deed (
	id      INTEGER PRIMARY KEY,
	at      INTEGER NOT NULL,
	who     TEXT NOT NULL,
	what    TEXT NOT NULL,
	whom    TEXT NOT NULL,
	details TEXT NOT NULL,
	result  TEXT NOT NULL,
	address TEXT NOT NULL
) STRICT;
CREATE TABLE note (
	call        TEXT NOT NULL,
	agent       TEXT NOT NULL,
	disposition TEXT NOT NULL,
	text        TEXT NOT NULL,
	at          INTEGER NOT NULL,
	PRIMARY KEY (call, agent)
) STRICT, WITHOUT ROWID;
CREATE TABLE key (
	name  TEXT PRIMARY KEY,
	value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
`}

// Store is the database. Its methods may be called by any number of
// goroutines.
type Store struct{ db *sql.DB }

// Open opens the database, and makes it if there is none.
func Open(ctx context.Context, path string) (*Store, error) {
	db, err := store.Open(ctx, path, store.Options{Migrations: migrations})
	if err != nil {
		return nil, fmt.Errorf("opening the sessions: %w", err)
	}
	return &Store{db}, nil
}

// Close closes it.
func (s *Store) Close() error { return s.db.Close() }

// All returns the sessions that are active.
func (s *Store) All(ctx context.Context) (out []Session, err error) {
	rows, err := s.db.QueryContext(ctx, `SELECT agent, seat, paused, reason, since, via FROM session WHERE active ORDER BY agent`)
	if err != nil {
		return nil, fmt.Errorf("reading the sessions: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var x Session
		var since int64
		if err := rows.Scan(&x.Agent, &x.Seat, &x.Paused, &x.Reason, &since, &x.Via); err != nil {
			return nil, fmt.Errorf("reading the sessions: %w", err)
		}
		x.Since = time.UnixMilli(since)
		out = append(out, x)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading the sessions: %w", err)
	}
	return out, nil
}

// Put begins a session or changes it. Whoever had the seat has it no more.
func (s *Store) Put(ctx context.Context, x Session) (err error) {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("keeping the session of %s: %w", x.Agent, err)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("keeping the session of %s: %w", x.Agent, errors.Join(err, tx.Rollback()))
		}
	}()
	if _, err := tx.ExecContext(ctx, `UPDATE session SET active = 0 WHERE seat = ? AND agent <> ?`, x.Seat, x.Agent); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `INSERT OR REPLACE INTO session VALUES (?, ?, 1, ?, ?, ?, ?)`,
		x.Agent, x.Seat, x.Paused, x.Reason, x.Since.UnixMilli(), x.Via); err != nil {
		return err
	}
	return tx.Commit()
}

// End ends a session. It is to be confirmed.
func (s *Store) End(ctx context.Context, agent string) error {
	if _, err := s.db.ExecContext(ctx, `UPDATE session SET active = 0 WHERE agent = ?`, agent); err != nil {
		return fmt.Errorf("ending the session of %s: %w", agent, err)
	}
	return nil
}

// Ended returns the agents whose end was not confirmed.
func (s *Store) Ended(ctx context.Context) (out []string, err error) {
	rows, err := s.db.QueryContext(ctx, `SELECT agent FROM session WHERE NOT active ORDER BY agent`)
	if err != nil {
		return nil, fmt.Errorf("reading the sessions that ended: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var a string
		if err := rows.Scan(&a); err != nil {
			return nil, fmt.Errorf("reading the sessions that ended: %w", err)
		}
		out = append(out, a)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading the sessions that ended: %w", err)
	}
	return out, nil
}

// Confirm forgets a session that has ended: no queue has the agent any more.
func (s *Store) Confirm(ctx context.Context, agent string) error {
	if _, err := s.db.ExecContext(ctx, `DELETE FROM session WHERE agent = ? AND NOT active`, agent); err != nil {
		return fmt.Errorf("forgetting the session of %s: %w", agent, err)
	}
	return nil
}

// Key returns the key of a name, 32 random octets that are made when they are
// asked for first and then stay.
func (s *Store) Key(ctx context.Context, name string) ([]byte, error) {
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return nil, fmt.Errorf("making the key %s: %w", name, err)
	}
	if _, err := s.db.ExecContext(ctx, `INSERT OR IGNORE INTO key VALUES (?, ?)`, name, key); err != nil {
		return nil, fmt.Errorf("keeping the key %s: %w", name, err)
	}
	if err := s.db.QueryRowContext(ctx, `SELECT value FROM key WHERE name = ?`, name).Scan(&key); err != nil {
		return nil, fmt.Errorf("reading the key %s: %w", name, err)
	}
	return key, nil
}

// Audit writes down what somebody did.
func (s *Store) Audit(ctx context.Context, d Deed) error {
	if _, err := s.db.ExecContext(ctx, `INSERT INTO deed (at, who, what, whom, details, result, address) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		d.At.UnixMilli(), d.Who, d.What, d.Whom, d.Details, d.Result, d.Address); err != nil {
		return fmt.Errorf("writing the audit log: %w", err)
	}
	return nil
}

// Deeds returns the last deeds, the newest first.
func (s *Store) Deeds(ctx context.Context, most int) (out []Deed, err error) {
	rows, err := s.db.QueryContext(ctx, `SELECT at, who, what, whom, details, result, address FROM deed ORDER BY id DESC LIMIT ?`, most)
	if err != nil {
		return nil, fmt.Errorf("reading the audit log: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var d Deed
		var at int64
		if err := rows.Scan(&at, &d.Who, &d.What, &d.Whom, &d.Details, &d.Result, &d.Address); err != nil {
			return nil, fmt.Errorf("reading the audit log: %w", err)
		}
		d.At = time.UnixMilli(at)
		out = append(out, d)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading the audit log: %w", err)
	}
	return out, nil
}

// Note keeps what an agent wrote about a call, in place of what the agent
// wrote about it before.
func (s *Store) Note(ctx context.Context, n Note) error {
	if _, err := s.db.ExecContext(ctx, `INSERT OR REPLACE INTO note VALUES (?, ?, ?, ?, ?)`, n.Call, n.Agent, n.Disposition, n.Text, n.At.UnixMilli()); err != nil {
		return fmt.Errorf("keeping a note about call %s: %w", n.Call, err)
	}
	return nil
}

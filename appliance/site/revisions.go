package site

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"switchroom/appliance/store"
)

// Outcome is what became of a revision.
type Outcome string

// The outcomes.
const (
	Begun   Outcome = "begun"   // it is being applied, or that was interrupted
	Applied Outcome = "applied" // the last of these is in force
	Failed  Outcome = "failed"  // it was not applied; Reason says why
)

// A Revision is a document that somebody wanted to be in force.
type Revision struct {
	Number   int64     `json:"number"` // from 1
	Time     time.Time `json:"time"`
	Author   string    `json:"author"`
	Comment  string    `json:"comment"`
	Outcome  Outcome   `json:"outcome"`
	Reason   string    `json:"reason,omitempty"`
	Document []byte    `json:"-"` // as it was given
}

// ErrNoRevision says that there is no such revision.
var ErrNoRevision = errors.New("no such revision")

// migrations of config.db. What was released is not changed.
var migrations = []string{`
CREATE TABLE revision (
	number   INTEGER PRIMARY KEY AUTOINCREMENT,
	time     INTEGER NOT NULL, -- ms since 1970
	author   TEXT NOT NULL,
	comment  TEXT NOT NULL,
	document BLOB NOT NULL,
	outcome  TEXT NOT NULL DEFAULT 'begun' CHECK (outcome IN ('begun', 'applied', 'failed')),
	reason   TEXT NOT NULL DEFAULT ''
) STRICT;
-- What the box made up by itself and must stay as it is: passwords of telephones.
CREATE TABLE secret (
	name  TEXT PRIMARY KEY,
	value TEXT NOT NULL
) STRICT;
`}

// Revisions is the database of the revisions.
type Revisions struct{ db *sql.DB }

// OpenRevisions opens config.db, or makes it.
func OpenRevisions(ctx context.Context, path string) (*Revisions, error) {
	db, err := store.Open(ctx, path, store.Options{Durability: store.Full, Migrations: migrations})
	if err != nil {
		return nil, err
	}
	if err := store.Check(ctx, db); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &Revisions{db}, nil
}

// Close closes the database.
func (r *Revisions) Close() error { return r.db.Close() }

// Add keeps a document as begun, and gives it its number.
func (r *Revisions) Add(ctx context.Context, author, comment string, document []byte) (Revision, error) {
	rev := Revision{Time: time.Now().Truncate(time.Millisecond), Author: author, Comment: comment, Outcome: Begun, Document: document}
	res, err := r.db.ExecContext(ctx, "INSERT INTO revision (time, author, comment, document) VALUES (?, ?, ?, ?)",
		rev.Time.UnixMilli(), author, comment, document)
	if err == nil {
		rev.Number, err = res.LastInsertId()
	}
	if err != nil {
		return rev, fmt.Errorf("keeping a revision: %w", err)
	}
	return rev, nil
}

// End notes what became of a revision.
func (r *Revisions) End(ctx context.Context, number int64, o Outcome, reason string) error {
	if _, err := r.db.ExecContext(ctx, "UPDATE revision SET outcome = ?, reason = ? WHERE number = ?", string(o), reason, number); err != nil {
		return fmt.Errorf("noting what became of revision %d: %w", number, err)
	}
	return nil
}

// Forget takes a revision away that was never tried.
func (r *Revisions) Forget(ctx context.Context, number int64) error {
	if _, err := r.db.ExecContext(ctx, "DELETE FROM revision WHERE number = ? AND outcome = 'begun'", number); err != nil {
		return fmt.Errorf("forgetting revision %d: %w", number, err)
	}
	return nil
}

const columns = "number, time, author, comment, outcome, reason"

func scan(row interface{ Scan(...any) error }, more ...any) (rev Revision, err error) {
	var ms int64
	err = row.Scan(append([]any{&rev.Number, &ms, &rev.Author, &rev.Comment, &rev.Outcome, &rev.Reason}, more...)...)
	rev.Time = time.UnixMilli(ms)
	return rev, err
}

// Get returns a revision with its document, or [ErrNoRevision].
func (r *Revisions) Get(ctx context.Context, number int64) (Revision, error) {
	return r.one(ctx, "WHERE number = ?", number)
}

// Current returns the revision in force, or [ErrNoRevision].
func (r *Revisions) Current(ctx context.Context) (Revision, error) {
	return r.one(ctx, "WHERE outcome = 'applied' ORDER BY number DESC LIMIT 1")
}

// Before returns the last one that was in force before another, or
// [ErrNoRevision].
func (r *Revisions) Before(ctx context.Context, number int64) (Revision, error) {
	return r.one(ctx, "WHERE outcome = 'applied' AND number < ? ORDER BY number DESC LIMIT 1", number)
}

func (r *Revisions) one(ctx context.Context, where string, args ...any) (Revision, error) {
	var document []byte
	rev, err := scan(r.db.QueryRowContext(ctx, "SELECT "+columns+", document FROM revision "+where, args...), &document)
	rev.Document = document
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNoRevision
	}
	if err != nil {
		return rev, fmt.Errorf("reading a revision: %w", err)
	}
	return rev, nil
}

// List returns the newest revisions first, without their documents; limit 0
// means all.
func (r *Revisions) List(ctx context.Context, limit int) ([]Revision, error) {
	if limit <= 0 {
		limit = -1
	}
	rows, err := r.db.QueryContext(ctx, "SELECT "+columns+" FROM revision ORDER BY number DESC LIMIT ?", limit)
	if err != nil {
		return nil, fmt.Errorf("listing revisions: %w", err)
	}
	defer rows.Close()
	var out []Revision
	for rows.Next() {
		rev, err := scan(rows)
		if err != nil {
			return nil, fmt.Errorf("listing revisions: %w", err)
		}
		out = append(out, rev)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("listing revisions: %w", err)
	}
	return out, nil
}

// Secrets returns the secrets of these names, and makes up those that there
// are not yet.
func (r *Revisions) Secrets(ctx context.Context, names []string) (map[string]string, error) {
	out := make(map[string]string, len(names))
	fail := func(err error) (map[string]string, error) { return nil, fmt.Errorf("the box's secrets: %w", err) }
	tx, err := r.db.BeginTx(ctx, nil)
	if err != nil {
		return fail(err)
	}
	defer tx.Rollback() // in vain once it is committed
	for _, n := range names {
		if _, err := tx.ExecContext(ctx, "INSERT OR IGNORE INTO secret VALUES (?, ?)", n, rand.Text()); err != nil {
			return fail(err)
		}
		var value string
		if err := tx.QueryRowContext(ctx, "SELECT value FROM secret WHERE name = ?", n).Scan(&value); err != nil {
			return fail(err)
		}
		out[n] = value
	}
	if err := tx.Commit(); err != nil {
		return fail(err)
	}
	return out, nil
}

// Package store opens the SQLite databases of the box.
//
// A database here is a file on the data partition that may lose its power at
// any moment, is written by one process, and read by others. So it is in WAL
// mode, where readers and the writer don't wait for each other and a commit is
// one sync; transactions that will write say so when they begin, so that two
// of them wait for one another instead of failing; and its tables are made and
// changed by migrations, in one transaction with the number of the last one
// (PRAGMA user_version).
//
// Pragmas belong to a connection and the pool of database/sql makes new ones
// as it likes: they stand in the data source name, where each gets them.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	"modernc.org/sqlite" // registers the driver, and names its errors
	lib "modernc.org/sqlite/lib"
)

// ErrNewer is what [Open] says of a database that a newer firmware has
// changed: it is not touched.
var ErrNewer = errors.New("the database was made by a newer firmware")

// Durability is what a commit survives.
type Durability string

const (
	// Full: a commit that was made survives the loss of power
	// (synchronous=FULL).
	Full Durability = "FULL"
	// Process: it survives the death of the process; the loss of power may
	// take the last ones, but harms nothing (synchronous=NORMAL).
	Process Durability = "NORMAL"
)

// Options say how a database is opened.
type Options struct {
	Durability Durability    // default: Full
	ReadOnly   bool          // the file must exist; migrations are not made
	Busy       time.Duration // how long to wait for another's write; default: 10 s
	// Migrations are scripts, the first of which makes the tables of an empty
	// database. A migration that was released is never changed: another is
	// added.
	Migrations []string
	// Mode is that of a file that is made; default: 0600.
	Mode os.FileMode
}

// Open opens the database at path, makes it if there is none, and makes the
// migrations that it lacks.
func Open(ctx context.Context, path string, o Options) (*sql.DB, error) {
	if o.Durability == "" {
		o.Durability = Full
	}
	if o.Busy == 0 {
		o.Busy = 10 * time.Second
	}
	if o.Mode == 0 {
		o.Mode = 0o600
	}
	if !o.ReadOnly {
		// SQLite gives its journal the mode of the database.
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, o.Mode)
		if err != nil {
			return nil, fmt.Errorf("opening a database: %w", err)
		}
		if err := f.Close(); err != nil {
			return nil, fmt.Errorf("opening the database %s: %w", path, err)
		}
	}
	db, err := sql.Open("sqlite", dsn(path, o))
	if err != nil {
		return nil, fmt.Errorf("opening the database %s: %w", path, err)
	}
	if err := ready(ctx, db, o); err != nil {
		return nil, errors.Join(fmt.Errorf("opening the database %s: %w", path, err), db.Close())
	}
	return db, nil
}

func dsn(path string, o Options) string {
	q := url.Values{"_pragma": {
		fmt.Sprintf("busy_timeout(%d)", o.Busy.Milliseconds()), // first: what follows may have to wait
		"foreign_keys(1)",
		"trusted_schema(0)",
	}}
	if o.ReadOnly {
		q.Set("mode", "ro")
		q.Add("_pragma", "query_only(1)")
	} else {
		q.Add("_pragma", "journal_mode(WAL)")
		q.Add("_pragma", "synchronous("+string(o.Durability)+")")
		q.Set("_txlock", "immediate")
	}
	return (&url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: q.Encode()}).String()
}

// ready makes the missing migrations.
func ready(ctx context.Context, db *sql.DB, o Options) error {
	has, err := version(ctx, db)
	switch {
	case err != nil:
		return err
	case has > len(o.Migrations) && o.Migrations != nil:
		return fmt.Errorf("%w (tables of version %d, and %d is known here)", ErrNewer, has, len(o.Migrations))
	case has == len(o.Migrations), o.ReadOnly:
		return nil
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // in vain once it is committed
	// Another process may have made them while this one waited for its turn.
	if has, err = version(ctx, tx); err != nil {
		return err
	}
	for ; has < len(o.Migrations); has++ {
		if _, err := tx.ExecContext(ctx, o.Migrations[has]); err != nil {
			return fmt.Errorf("migration %d: %w", has+1, err)
		}
		if _, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", has+1)); err != nil {
			return err
		}
	}
	return tx.Commit()
}

func version(ctx context.Context, q interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}) (n int, err error) {
	err = q.QueryRowContext(ctx, "PRAGMA user_version").Scan(&n)
	return n, err
}

// IsCorrupt tells whether the error means that the file is damaged, or no
// database at all.
func IsCorrupt(err error) bool {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return false
	}
	code := e.Code() & 0xff // without its extension
	return code == lib.SQLITE_CORRUPT || code == lib.SQLITE_NOTADB
}

// Check looks for damage in the whole file; the error is then one that
// [IsCorrupt] knows, or tells what was found.
func Check(ctx context.Context, db *sql.DB) error {
	var found string
	if err := db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&found); err != nil {
		return fmt.Errorf("checking a database: %w", err)
	}
	if found != "ok" {
		return fmt.Errorf("checking a database: %s", found)
	}
	return nil
}

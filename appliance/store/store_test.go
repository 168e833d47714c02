package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var tables = []string{
	"CREATE TABLE a (x INTEGER PRIMARY KEY, y TEXT NOT NULL) STRICT; CREATE TABLE b (x INTEGER REFERENCES a (x)) STRICT",
	"ALTER TABLE a ADD COLUMN z INTEGER NOT NULL DEFAULT 7",
}

func open(t *testing.T, path string, o Options) *sql.DB {
	t.Helper()
	db, err := Open(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func exec(t *testing.T, db *sql.DB, query string) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), query); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

func ask(t *testing.T, db *sql.DB, query string) (out string) {
	t.Helper()
	if err := db.QueryRowContext(t.Context(), query).Scan(&out); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return out
}

// Every connection of the pool has the pragmas, also under a path with marks
// that mean something in a URL.
func TestPragmas(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a b?c#d%41.db")
	db := open(t, path, Options{Migrations: tables})
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("the file: %v %v", info, err)
	}
	var conns []*sql.Conn
	for range 3 {
		c, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, c)
		for pragma, want := range map[string]string{"synchronous": "2", "journal_mode": "wal", "foreign_keys": "1", "busy_timeout": "10000"} {
			var got string
			if err := c.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
				t.Errorf("%s = %q, want %q (%v)", pragma, got, want, err)
			}
		}
	}
	for _, c := range conns {
		c.Close()
	}
	if _, err := db.ExecContext(t.Context(), "INSERT INTO b VALUES (5)"); err == nil {
		t.Error("a reference to nothing was taken")
	}
}

func TestMigrations(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	old, err := Open(t.Context(), path, Options{Migrations: tables[:1]})
	if err != nil {
		t.Fatal(err)
	}
	exec(t, old, "INSERT INTO a VALUES (1, 'kept')")
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	broken := []string{tables[0], tables[1], "INSERT INTO a VALUES (2, 'half', 0); INSERT INTO nowhere VALUES (1)"}
	if db, err := Open(t.Context(), path, Options{Migrations: broken}); err == nil {
		db.Close()
		t.Fatal("a migration that fails is no error")
	}
	db := open(t, path, Options{Migrations: tables})
	if got := ask(t, db, "SELECT group_concat(y || z) FROM a"); got != "kept7" {
		t.Errorf("after the migrations: %q", got)
	}
	if got := ask(t, db, "PRAGMA user_version"); got != "2" {
		t.Errorf("version %s", got)
	}
	if db, err := Open(t.Context(), path, Options{Migrations: tables[:1]}); !errors.Is(err, ErrNewer) {
		t.Errorf("an older firmware: %v %v", db, err)
	}
}

func TestReadOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	if db, err := Open(t.Context(), path, Options{ReadOnly: true}); err == nil {
		t.Errorf("opened what is not there: %v", db.Close())
	}
	w := open(t, path, Options{Migrations: tables})
	r := open(t, path, Options{ReadOnly: true})
	exec(t, w, "INSERT INTO a VALUES (1, 'seen', 1)")
	if got := ask(t, r, "SELECT y FROM a"); got != "seen" {
		t.Errorf("the reader sees %q", got)
	}
	if _, err := r.ExecContext(t.Context(), "DELETE FROM a"); err == nil {
		t.Error("the reader has written")
	}
}

// Writers wait for each other, also those that read first.
func TestManyWriters(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	var wg sync.WaitGroup
	const writers, each = 4, 25
	for range writers {
		wg.Go(func() {
			db, err := Open(t.Context(), path, Options{Durability: Process, Migrations: tables})
			if err != nil {
				t.Error(err)
				return
			}
			defer db.Close()
			for range each {
				if err := add(t.Context(), db); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if got := ask(t, open(t, path, Options{Migrations: tables}), "SELECT count(*) || '/' || max(x) FROM a"); got != fmt.Sprintf("%d/%d", writers*each, writers*each) {
		t.Errorf("rows and greatest: %s", got)
	}
}

func add(ctx context.Context, db *sql.DB) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	var n int
	if err := tx.QueryRowContext(ctx, "SELECT coalesce(max(x), 0) + 1 FROM a").Scan(&n); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "INSERT INTO a VALUES (?, 'x', 0)", n); err != nil {
		return err
	}
	return tx.Commit()
}

func TestDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	if err := os.WriteFile(path, []byte("this is a letter and not a database, and it is long enough to be looked at closely, which it has to be, to a hundred bytes"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), path, Options{Migrations: tables}); !IsCorrupt(err) {
		t.Errorf("of a letter: %v", err)
	}
	good := filepath.Join(t.TempDir(), "db")
	db := open(t, good, Options{Migrations: tables})
	exec(t, db, "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) INSERT INTO a SELECT i, hex(randomblob(20)), 1 FROM n")
	exec(t, db, "PRAGMA wal_checkpoint(TRUNCATE)")
	if err := Check(t.Context(), db); err != nil {
		t.Errorf("a good one: %v", err)
	}
	data, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	for i := len(data) / 2; i < len(data)/2+4096; i++ {
		data[i] ^= 0x5a
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Check(t.Context(), open(t, path, Options{Migrations: tables})); err == nil {
		t.Error("a page full of rubbish was not found")
	}
	if IsCorrupt(errors.New("x")) || IsCorrupt(nil) {
		t.Error("any error is damage")
	}
}

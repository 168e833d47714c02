package packages

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"switchroom/image/packages/progress"
)

// Config says where a [Store] keeps things and how it talks. The zero value is usable.
type Config struct {
	Dir      string       // the cache; "" is the default place (see the package's documentation)
	Log      *slog.Logger // nil: nothing is logged
	Progress io.Writer    // where long work shows how far it is; nil: nowhere
	Mirrors  []string     // archive roots, tried in this order; nil: those of the host's apt
	Client   *http.Client // nil: one that honours the usual proxy variables and apt's own proxy
	Parallel int          // downloads at a time; 0 is 4
}

// Store is a cache of packages and of what was unpacked from them. Its methods may be called from
// any number of goroutines, and any number of stores, in any number of processes, may share one
// directory.
type Store struct {
	mu       sync.Mutex // guards mirrors and client
	dir      string
	log      *slog.Logger
	bars     *progress.Printer
	mirrors  []string
	client   *http.Client
	parallel int
	retry    time.Duration // before a download is tried again; twice that before the third time
}

// DefaultDir returns where the cache is unless Config says otherwise.
func DefaultDir() (string, error) {
	if d := os.Getenv("SWITCHROOM_CACHE"); d != "" {
		return filepath.Abs(d)
	}
	d, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no place for a cache: %w; set SWITCHROOM_CACHE to a directory", err)
	}
	return filepath.Join(d, "switchroom"), nil
}

// Open opens a store, making its directory where there is none. It does not use the network.
func Open(cfg Config) (*Store, error) {
	dir := cfg.Dir
	if dir == "" {
		d, err := DefaultDir()
		if err != nil {
			return nil, err
		}
		dir = d
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("opening the cache: %w", err)
	}
	for _, d := range []string{"blobs", "trees", "bin", "build", "locks"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return nil, fmt.Errorf("opening the cache: %w", err)
		}
	}
	s := &Store{dir: dir, log: cfg.Log, bars: progress.New(cfg.Progress), mirrors: cfg.Mirrors, client: cfg.Client, parallel: cfg.Parallel, retry: time.Second}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.parallel <= 0 {
		s.parallel = 4
	}
	return s, nil
}

// Dir returns the cache's directory.
func (s *Store) Dir() string { return s.dir }

// Progress returns the printer of the progress of long work; never nil.
func (s *Store) Progress() *progress.Printer { return s.bars }

// File returns where a package's file is once it was fetched.
func (s *Store) File(p Package) string { return s.Blob(p.SHA256) }

// Blob returns where a fetched file with the SHA-256 is.
func (s *Store) Blob(sha256 string) string { return filepath.Join(s.dir, "blobs", sha256) }

// Once makes sure that dir, a directory somewhere in the cache, exists and was completed: if it
// does not, fill is called with an empty directory beside it, which is renamed to dir when fill
// succeeds. At most one process of all that share the cache fills a directory; others wait.
func (s *Store) Once(ctx context.Context, dir string, fill func(tmp string) error) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	rel, err := filepath.Rel(s.dir, dir)
	if err != nil || !filepath.IsLocal(rel) {
		return fmt.Errorf("%s is not in the cache %s", dir, s.dir)
	}
	unlock, err := s.lock(ctx, strings.ReplaceAll(rel, string(filepath.Separator), "_"))
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := os.Stat(dir); err == nil {
		return nil // another process was faster
	}
	// Only the holder of the lock makes this name, so a left-over is from a process that died.
	tmp := filepath.Join(filepath.Dir(dir), ".new-"+filepath.Base(dir))
	if err := os.RemoveAll(tmp); err != nil {
		return fmt.Errorf("removing what an interrupted run left: %w", err)
	}
	if err := os.MkdirAll(tmp, 0o755); err != nil {
		return err
	}
	if err := fill(tmp); err != nil {
		return errors.Join(err, os.RemoveAll(tmp))
	}
	if err := os.Rename(tmp, dir); err != nil {
		return fmt.Errorf("putting what was made in its place: %w", err)
	}
	return nil
}

// lock takes the cache-wide lock of a name.
func (s *Store) lock(ctx context.Context, name string) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(s.dir, "locks", name), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("locking %s: %w", name, err)
	}
	said := false
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil // closing gives the lock back
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return nil, errors.Join(fmt.Errorf("locking %s: %w", name, err), f.Close())
		}
		if !said {
			s.log.InfoContext(ctx, "waiting for another process that makes the same", "what", name)
			said = true
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("waiting for the lock of %s: %w", name, ctx.Err()), f.Close())
		case <-time.After(200 * time.Millisecond):
		}
	}
}

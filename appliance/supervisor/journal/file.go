package journal

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// FileConfig bounds the file. A zero value is replaced by the default.
type FileConfig struct {
	Path  string
	Bytes int64         // of one file; default 4 MiB
	Keep  int           // old files: Path.1 is the youngest; default 3
	Delay time.Duration // the longest that a record waits to be written; default 1 s
	// Problem is called when writing begins to fail, and with nil when it
	// works again. Records are kept in memory all the while.
	Problem func(error)
}

// Write writes every record kept and every new one to the file until the
// context ends, and then what is left. It tries again for ever.
func (j *Journal) Write(ctx context.Context, cfg FileConfig) {
	if cfg.Bytes == 0 {
		cfg.Bytes = 4 << 20
	}
	if cfg.Keep == 0 {
		cfg.Keep = 3
	}
	if cfg.Delay == 0 {
		cfg.Delay = time.Second
	}
	if cfg.Problem == nil {
		cfg.Problem = func(error) {}
	}
	w := &writer{cfg: cfg}
	defer w.close()
	next := uint64(1)
	failing := false
	for {
		ended := ctx.Err() != nil
		for {
			records, after := j.Since(next, 256)
			if len(records) == 0 {
				break
			}
			if err := w.write(records, next); err != nil {
				if !failing {
					cfg.Problem(err)
				}
				failing = true
				w.close()
				break
			}
			next = after
			if failing {
				cfg.Problem(nil)
				failing = false
			}
		}
		if ended {
			return
		}
		// Wait for a record, and then a little for more of them.
		if more := j.wait(next); more != nil {
			select {
			case <-more:
			case <-ctx.Done():
				continue
			}
		}
		wait := cfg.Delay
		if failing {
			wait = max(wait, 10*time.Second)
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
	}
}

// A writer is the open file.
type writer struct {
	cfg  FileConfig
	file *os.File
	size int64
}

// write appends the records; expected is the Seq that follows the last write's.
func (w *writer) write(records []Record, expected uint64) error {
	if err := w.open(); err != nil {
		return err
	}
	out := bufio.NewWriterSize(w.file, 16<<10)
	n := 0
	if gap := records[0].Seq - expected; gap > 0 {
		n, _ = fmt.Fprintf(out, "%s journal warning %d records were not written\n", records[0].Time.Format(timeFormat), gap)
		w.size += int64(n)
	}
	for _, r := range records {
		n, _ = fmt.Fprintln(out, r.String())
		w.size += int64(n)
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("writing the log: %w", err)
	}
	if w.size >= w.cfg.Bytes {
		return w.rotate()
	}
	return nil
}

func (w *writer) open() error {
	if w.file != nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(w.cfg.Path), 0o755); err != nil {
		return fmt.Errorf("making the log's directory: %w", err)
	}
	f, err := os.OpenFile(w.cfg.Path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o640)
	if err != nil {
		return fmt.Errorf("opening the log: %w", err)
	}
	st, err := f.Stat()
	if err != nil {
		f.Close()
		return fmt.Errorf("opening the log: %w", err)
	}
	w.file, w.size = f, st.Size()
	return nil
}

// rotate moves the file to Path.1, that to Path.2, and so on.
func (w *writer) rotate() error {
	w.close()
	name := func(n int) string {
		if n == 0 {
			return w.cfg.Path
		}
		return fmt.Sprintf("%s.%d", w.cfg.Path, n)
	}
	for n := w.cfg.Keep; n > 0; n-- {
		if err := os.Rename(name(n-1), name(n)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("rotating the log: %w", err)
		}
	}
	return nil
}

func (w *writer) close() {
	if w.file != nil {
		w.file.Close()
		w.file = nil
	}
}

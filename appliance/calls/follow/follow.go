// Package follow reads log files line by line while they grow, across
// restarts of the writer, of the reader and of the machine, without losing a
// line.
//
// A file is known by its inode and by what it begins with, so that it is found
// again under another name; how far it was read is for the caller to keep, in
// the same transaction as what was made of the lines. A log is rotated by
// renaming it ([Log.Rotate]): a writer that still has it open goes on in the
// renamed file, and the reader with it, until there is a new one. A renamed
// file is removed when it has been read to its end and is not written any more.
//
// A line is what ends with a line feed: the beginning of one that is being
// written is left for later.
package follow

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Position is how far a file was read.
type Position struct {
	Inode uint64
	// Head is a fingerprint of the file's first bytes, of which there were
	// HeadSize, because inodes are used again.
	Head     string
	HeadSize int
	Offset   int64 // bytes
}

// headSize is how much of a file's beginning is looked at: the first line of
// either log is longer, or tells the second in which it was written.
const headSize = 24

// maxLine is the longest line, in bytes: more is taken for damage, and passed
// over.
const maxLine = 1 << 20

// Log is one log: the file of a name, and those that it was renamed to. It is
// not safe for concurrent use.
type Log struct {
	path  string
	known []Position
	files []*file // oldest first; the last may be the live one

	scanned bool
	now     func() time.Time
}

type file struct {
	pos  Position
	path string
	live bool
	f    *os.File
	part []byte // the beginning of a line
	skip bool   // a line too long is being passed over
}

// Open follows the log at a path from the positions that were reached. The
// file need not exist yet.
func Open(path string, reached []Position) *Log {
	return &Log{path: path, known: slices.Clone(reached), now: time.Now}
}

// Close closes its files.
func (l *Log) Close() error {
	var errs []error
	for _, f := range l.files {
		errs = append(errs, f.f.Close())
	}
	l.files = nil
	return errors.Join(errs...)
}

// Positions are how far the files were read, of those that are there; before
// the first [Log.Read], what Open was given.
func (l *Log) Positions() []Position {
	if !l.scanned {
		return slices.Clone(l.known)
	}
	out := make([]Position, len(l.files))
	for i, f := range l.files {
		out[i] = f.pos
		out[i].Offset -= int64(len(f.part))
	}
	return out
}

// Read calls each with every whole line there is, without its end, oldest
// first, until there are none or it has had max.
func (l *Log) Read(max int, each func(line string) error) (n int, err error) {
	if err := l.scan(); err != nil {
		return 0, err
	}
	buf := make([]byte, 64<<10)
	for i := 0; i < len(l.files) && n < max; i++ {
		f := l.files[i]
		for n < max {
			k, err := f.f.ReadAt(buf, f.pos.Offset)
			if err != nil && !errors.Is(err, io.EOF) {
				return n, fmt.Errorf("reading %s: %w", f.path, err)
			}
			if k == 0 {
				break
			}
			took, lines, err := f.take(buf[:k], max-n, each)
			n += lines
			f.pos.Offset += int64(took)
			if err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

// take goes through bytes that were read, at most max lines, and returns how
// many bytes it used.
func (f *file) take(b []byte, max int, each func(string) error) (used, lines int, err error) {
	for used < len(b) {
		if lines >= max {
			return used, lines, nil
		}
		i := bytes.IndexByte(b[used:], '\n')
		if i < 0 {
			f.part = append(f.part, b[used:]...)
			used = len(b)
			if len(f.part) > maxLine {
				f.part, f.skip = nil, true
			}
			return used, lines, nil
		}
		line := b[used : used+i]
		used += i + 1
		if len(f.part) > 0 {
			line = append(f.part, line...)
			f.part = nil
		}
		if f.skip || len(line) > maxLine {
			f.skip = false
			continue
		}
		line = bytes.TrimSuffix(line, []byte("\r"))
		// A file system that lost power may hold zeros where nothing was written yet.
		line = bytes.Trim(line, "\x00")
		if len(line) == 0 {
			continue
		}
		lines++
		if err := each(string(line)); err != nil {
			return used, lines, err
		}
	}
	return used, lines, nil
}

// scan finds files that came, or were renamed.
func (l *Log) scan() error {
	paths, err := l.paths()
	if err != nil {
		return err
	}
	var found []*file
	for _, p := range paths {
		f, err := l.openOne(p)
		if errors.Is(err, fs.ErrNotExist) {
			continue // renamed just now: there the next time
		}
		if err != nil {
			return err
		}
		if f != nil {
			found = append(found, f)
		}
	}
	// A file that is nowhere any more was removed by somebody; what could be
	// read of it was.
	for _, f := range l.files {
		if !slices.Contains(found, f) {
			_ = f.f.Close()
		}
	}
	l.files, l.scanned = found, true
	return nil
}

// openOne opens the file at a path, or finds that it is open already.
func (l *Log) openOne(p string) (*file, error) {
	st, err := os.Stat(p)
	if err != nil {
		return nil, fmt.Errorf("following %s: %w", l.path, err)
	}
	ino := st.Sys().(*syscall.Stat_t).Ino
	for _, f := range l.files {
		if f.pos.Inode != ino {
			continue
		}
		mine, err := f.f.Stat()
		if err != nil || !os.SameFile(st, mine) {
			continue
		}
		f.path, f.live = p, p == l.path
		if st.Size() < f.pos.Offset {
			// Emptied in place, by somebody else: from the beginning.
			f.pos, f.part, f.skip = Position{Inode: ino}, nil, false
		}
		if f.pos.HeadSize < headSize {
			f.pos.Head, f.pos.HeadSize = head(f.f, headSize)
		}
		return f, nil
	}
	h, err := os.Open(p)
	if err != nil {
		return nil, fmt.Errorf("following %s: %w", l.path, err)
	}
	f := &file{path: p, live: p == l.path, f: h, pos: Position{Inode: ino}}
	for _, k := range l.known {
		if k.Inode != ino || st.Size() < k.Offset {
			continue
		}
		if sum, n := head(h, k.HeadSize); n == k.HeadSize && sum == k.Head {
			f.pos = k
			break
		}
	}
	if f.pos.HeadSize < headSize {
		f.pos.Head, f.pos.HeadSize = head(h, headSize)
	}
	return f, nil
}

// head is the fingerprint of the first bytes, and of how many.
func head(r io.ReaderAt, size int) (string, int) {
	b := make([]byte, size)
	n, _ := r.ReadAt(b, 0)
	sum := sha256.Sum256(b[:n])
	return hex.EncodeToString(sum[:8]), n
}

// paths are the log's files, oldest first.
func (l *Log) paths() ([]string, error) {
	entries, err := os.ReadDir(filepath.Dir(l.path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("following %s: %w", l.path, err)
	}
	var numbers []int
	live := false
	for _, e := range entries {
		if e.Name() == filepath.Base(l.path) {
			live = true
		}
		if n, ok := l.number(e.Name()); ok {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	var out []string
	for _, n := range numbers {
		out = append(out, l.numbered(n))
	}
	if live {
		out = append(out, l.path)
	}
	return out, nil
}

func (l *Log) numbered(n int) string { return fmt.Sprintf("%s.old-%08d", l.path, n) }

func (l *Log) number(name string) (int, bool) {
	rest, ok := strings.CutPrefix(name, filepath.Base(l.path)+".old-")
	if !ok {
		return 0, false
	}
	n, err := strconv.Atoi(rest)
	return n, err == nil && n >= 0
}

// Rotate renames the live file if it has grown beyond a size in bytes and was
// not renamed before. It reports whether it did: a writer that keeps the file
// open is then to be asked to open it anew.
func (l *Log) Rotate(size int64) (bool, error) {
	st, err := os.Stat(l.path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("rotating %s: %w", l.path, err)
	}
	if st.Size() <= size {
		return false, nil
	}
	paths, err := l.paths()
	if err != nil {
		return false, err
	}
	next := 1
	for _, p := range paths {
		if n, ok := l.number(filepath.Base(p)); ok {
			next = n + 1
		}
	}
	if err := os.Rename(l.path, l.numbered(next)); err != nil {
		return false, fmt.Errorf("rotating %s: %w", l.path, err)
	}
	return true, nil
}

// Waiting reports whether the log was rotated and its writer has not opened a
// new file yet.
func (l *Log) Waiting() bool {
	paths, err := l.paths()
	return err == nil && len(paths) > 0 && paths[len(paths)-1] != l.path
}

// Clean removes the renamed files that were read to their end and have not
// been written for so long, while there is a new one. Before the first it calls
// sync, which is to make sure that the positions are safely kept.
func (l *Log) Clean(quiet time.Duration, sync func() error) error {
	if l.Waiting() {
		return nil
	}
	var errs []error
	synced := false
	l.files = slices.DeleteFunc(l.files, func(f *file) bool {
		if f.live {
			return false
		}
		st, err := f.f.Stat()
		if err != nil || st.Size() != f.pos.Offset || l.now().Sub(st.ModTime()) < quiet {
			return false
		}
		if !synced {
			if err := sync(); err != nil {
				errs = append(errs, err)
				return false
			}
			synced = true
		}
		if err := os.Remove(f.path); err != nil {
			errs = append(errs, fmt.Errorf("removing a log that was read: %w", err))
			return false
		}
		_ = f.f.Close()
		return true
	})
	return errors.Join(errs...)
}

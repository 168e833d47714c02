package recordings

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Recording is one that people can listen to.
type Recording struct {
	ID     string // the channel that was recorded
	Call   string
	Path   string // under the folder of recordings
	At     time.Time
	Length time.Duration
	Bytes  int64
	Caller string
	Agent  string // "" if there was none
}

// Subject is what is to be known of a recorded channel.
type Subject struct {
	Call   string
	Start  time.Time
	Caller string
	Agent  string
	Over   bool // the channel has hung up: nothing more will be written
}

// Catalogue lists recordings and knows the calls.
type Catalogue interface {
	// Subject tells of a channel; ok is false if it is not known (yet).
	Subject(ctx context.Context, channel string) (s Subject, ok bool, err error)
	// AddRecording lists a recording, in place of an earlier one of the id.
	AddRecording(ctx context.Context, r Recording) error
	// OldestRecordings are at most n of those that were made before a time,
	// the oldest first.
	OldestRecordings(ctx context.Context, before time.Time, n int) ([]Recording, error)
	// DropRecording strikes one off.
	DropRecording(ctx context.Context, id string) error
	// HasRecording reports whether a path is listed.
	HasRecording(ctx context.Context, path string) (bool, error)
}

// Policy is how long recordings are kept.
type Policy struct {
	Days           int // 0: for ever, while there is room
	MinFreePercent int // of the disk; the oldest recordings go first
}

// Keeper makes recordings, and removes old ones.
type Keeper struct {
	Log       *slog.Logger
	Spool     string // where Asterisk records
	Folder    string // where recordings are kept
	Encoder   Encoder
	Catalogue Catalogue
	// Zone is the site's: days and hours in names are by its clocks.
	Zone *time.Location

	// now and free are replaced by tests.
	now  func() time.Time
	free func(dir string) (percent float64, err error)

	retry map[string]attempt
}

type attempt struct {
	n  int
	at time.Time
}

// Times, and how often.
const (
	// settleTime is how long a file must have been left alone, after the
	// channel ended: Asterisk closes it a moment later.
	settleTime = 2 * time.Second
	// orphanTime is after which a recording whose channel nobody knows is kept
	// all the same.
	orphanTime = 15 * time.Minute
	// emptyTime is after which one with no sample in it is removed.
	emptyTime = time.Hour
	// maxAttempts at converting one; then once a day.
	maxAttempts = 5
)

func (k *Keeper) clock() time.Time {
	if k.now != nil {
		return k.now()
	}
	return time.Now()
}

// Run converts what is ready, one recording after the other, until nothing is
// or the context ends, and returns how many there were. A recording that can't
// be converted stays where it is, and is tried again later.
func (k *Keeper) Run(ctx context.Context) (int, error) {
	ids, err := k.pending()
	if err != nil {
		return 0, err
	}
	done := 0
	for _, id := range ids {
		if ctx.Err() != nil {
			return done, ctx.Err()
		}
		if a, ok := k.retry[id]; ok && k.clock().Before(a.at) {
			continue
		}
		ok, err := k.one(ctx, id)
		if err != nil {
			if ctx.Err() != nil {
				return done, ctx.Err()
			}
			k.failed(ctx, id, err)
			continue
		}
		delete(k.retry, id)
		if ok {
			done++
		}
	}
	return done, nil
}

func (k *Keeper) failed(ctx context.Context, id string, err error) {
	if k.retry == nil {
		k.retry = map[string]attempt{}
	}
	a := k.retry[id]
	a.n++
	wait := time.Minute << min(a.n, 6)
	if a.n >= maxAttempts {
		wait = 24 * time.Hour
	}
	a.at = k.clock().Add(wait)
	k.retry[id] = a
	k.Log.ErrorContext(ctx, "a recording could not be converted: it stays and is tried again", "channel", id, "attempt", a.n, "in", wait, "error", err)
}

const (
	inSuffix  = "-in.wav"
	outSuffix = "-out.wav"
)

// pending are the channels with recordings in the spool, the oldest first.
func (k *Keeper) pending() ([]string, error) {
	entries, err := os.ReadDir(k.Spool)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking for recordings: %w", err)
	}
	type item struct {
		id string
		at time.Time
	}
	var items []item
	for _, e := range entries {
		id, ok := strings.CutSuffix(e.Name(), inSuffix)
		if !ok || id == "" {
			continue
		}
		if fi, err := e.Info(); err == nil {
			items = append(items, item{id, fi.ModTime()})
		}
	}
	slices.SortFunc(items, func(a, b item) int { return a.at.Compare(b.at) })
	ids := make([]string, len(items))
	for i, it := range items {
		ids[i] = it.id
	}
	return ids, nil
}

// one converts one recording, if it has ended.
func (k *Keeper) one(ctx context.Context, id string) (bool, error) {
	in, out := filepath.Join(k.Spool, id+inSuffix), filepath.Join(k.Spool, id+outSuffix)
	var last time.Time
	for _, p := range []string{in, out} {
		fi, err := os.Stat(p)
		if err != nil {
			return false, err
		}
		if fi.ModTime().After(last) {
			last = fi.ModTime()
		}
	}
	idle := k.clock().Sub(last)
	subject, known, err := k.Catalogue.Subject(ctx, id)
	switch {
	case err != nil:
		return false, err
	case known && !subject.Over || idle < settleTime:
		return false, nil
	case !known && idle < orphanTime:
		return false, nil
	case !known:
		subject = Subject{Call: id, Start: last}
	}
	r := Recording{ID: id, Call: subject.Call, At: subject.Start, Caller: subject.Caller, Agent: subject.Agent, Path: k.name(id, subject)}
	dst := filepath.Join(k.Folder, r.Path)
	r.Length, err = k.Encoder.convert(ctx, in, out, dst)
	if errors.Is(err, errEmpty) {
		if idle < emptyTime {
			return false, nil
		}
		k.Log.InfoContext(ctx, "a recording without a sound is removed", "channel", id)
		return false, errors.Join(remove(in), remove(out))
	}
	if err != nil {
		return false, err
	}
	fi, err := os.Stat(dst)
	if err != nil {
		return false, err
	}
	r.Bytes = fi.Size()
	if err := k.Catalogue.AddRecording(ctx, r); err != nil {
		return false, err
	}
	k.Log.InfoContext(ctx, "recording kept", "path", r.Path, "length", r.Length.Round(time.Second), "bytes", r.Bytes)
	return true, errors.Join(remove(in), remove(out))
}

// name is where a recording is kept, under the folder.
func (k *Keeper) name(id string, s Subject) string {
	zone := k.Zone
	if zone == nil {
		zone = time.UTC
	}
	t := s.Start.In(zone)
	return t.Format("2006/01/02/150405") + "-" + word(s.Caller, "unknown") + "-" + word(s.Agent, "none") + "-" + word(id, "x") + ".mp3"
}

// word makes a part of a file name of something that came from outside.
func word(s, without string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r >= '0' && r <= '9', r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r == '.', r == '+', r == '_':
			return r
		case r == '-':
			return '_'
		}
		return -1
	}, s)
	s = strings.Trim(s, ".")
	if s == "" {
		return without
	}
	return s[:min(len(s), 64)]
}

// Expire removes what the policy no longer keeps, and returns how many.
func (k *Keeper) Expire(ctx context.Context, p Policy) (int, error) {
	n := 0
	if p.Days > 0 {
		before := k.clock().AddDate(0, 0, -p.Days)
		for {
			old, err := k.Catalogue.OldestRecordings(ctx, before, 100)
			if err != nil {
				return n, err
			}
			for _, r := range old {
				if err := k.removeOne(ctx, r); err != nil {
					return n, err
				}
				n++
			}
			if len(old) < 100 {
				break
			}
		}
	}
	free := k.free
	if free == nil {
		free = freePercent
	}
	for p.MinFreePercent > 0 {
		percent, err := free(k.Folder)
		if err != nil {
			return n, fmt.Errorf("how full the disk is: %w", err)
		}
		if percent >= float64(p.MinFreePercent) {
			break
		}
		old, err := k.Catalogue.OldestRecordings(ctx, k.clock(), 10)
		if err != nil {
			return n, err
		}
		if len(old) == 0 {
			k.Log.WarnContext(ctx, "the disk is fuller than it should be, and there are no recordings to remove", "free%", percent)
			break
		}
		for _, r := range old {
			if err := k.removeOne(ctx, r); err != nil {
				return n, err
			}
			n++
		}
	}
	return n, nil
}

// removeOne strikes a recording off, then removes it, and folders that are
// empty then.
func (k *Keeper) removeOne(ctx context.Context, r Recording) error {
	if err := k.Catalogue.DropRecording(ctx, r.ID); err != nil {
		return err
	}
	path := filepath.Join(k.Folder, r.Path)
	if err := remove(path); err != nil {
		return fmt.Errorf("removing an old recording: %w", err)
	}
	for dir := filepath.Dir(path); len(dir) > len(filepath.Clean(k.Folder)); dir = filepath.Dir(dir) {
		if os.Remove(dir) != nil {
			break
		}
	}
	return nil
}

func freePercent(dir string) (float64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, err
	}
	if st.Blocks == 0 {
		return 100, nil
	}
	return 100 * float64(st.Bavail) / float64(st.Blocks), nil
}

// Sweep tidies up after an interruption: it removes parts of files, and lists
// again whole recordings that are not listed, by what their names say. One
// whose wav files are still there is left for [Keeper.Run] to make anew.
func (k *Keeper) Sweep(ctx context.Context) error {
	err := filepath.WalkDir(k.Folder, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if strings.HasSuffix(path, partSuffix) {
			return remove(path)
		}
		rel, err := filepath.Rel(k.Folder, path)
		if err != nil {
			return err
		}
		r, ok := k.parseName(rel)
		if !ok {
			return nil
		}
		if _, err := os.Stat(filepath.Join(k.Spool, r.ID+inSuffix)); err == nil {
			return nil
		}
		listed, err := k.Catalogue.HasRecording(ctx, rel)
		if err != nil || listed {
			return err
		}
		if fi, err := e.Info(); err == nil {
			r.Bytes = fi.Size()
			r.Length = time.Duration(r.Bytes*8) * time.Second / (defaultKbps * 1000)
		}
		if s, known, err := k.Catalogue.Subject(ctx, r.ID); err != nil {
			return err
		} else if known {
			r.Call = s.Call
		}
		k.Log.InfoContext(ctx, "a recording is listed again", "path", rel)
		return k.Catalogue.AddRecording(ctx, r)
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// parseName reads what the name of a recording says.
func (k *Keeper) parseName(rel string) (Recording, bool) {
	zone := k.Zone
	if zone == nil {
		zone = time.UTC
	}
	base, ok := strings.CutSuffix(filepath.ToSlash(rel), ".mp3")
	f := strings.Split(base, "-")
	if !ok || len(f) != 4 {
		return Recording{}, false
	}
	at, err := time.ParseInLocation("2006/01/02/150405", f[0], zone)
	if err != nil {
		return Recording{}, false
	}
	// A dash in an id became an underscore: there is one, if any.
	id := strings.Replace(f[3], "_", "-", 1)
	r := Recording{ID: id, Call: id, Path: rel, At: at.UTC(), Caller: f[1], Agent: f[2]}
	if r.Caller == "unknown" {
		r.Caller = ""
	}
	if r.Agent == "none" {
		r.Agent = ""
	}
	return r, true
}

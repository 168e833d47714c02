package journal

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"sync"
	"time"
)

// Config bounds a Journal. A zero value is replaced by the default.
type Config struct {
	MemoryBytes int // of text kept in memory; default 512 KiB
	LineBytes   int // of a line, before it is split; default 4 KiB
	// Rate and Burst bound what one service may say: Burst lines at once, and
	// Rate a second in the long run. Default 200 and 2000.
	Rate, Burst int
	Now         func() time.Time // default time.Now
}

// A Journal holds the records. Its methods may be called from any goroutine.
type Journal struct {
	cfg Config

	mu      sync.Mutex
	ring    []Record // ring[first:] and then ring[:first], the oldest first
	first   int
	bytes   int
	next    uint64        // Seq of the next record
	changed chan struct{} // closed at the next record, if somebody waits
}

// recordOverhead is what a record takes besides its text, about.
const recordOverhead = 96

// New gives an empty Journal.
func New(cfg Config) *Journal {
	if cfg.MemoryBytes == 0 {
		cfg.MemoryBytes = 512 << 10
	}
	if cfg.LineBytes == 0 {
		cfg.LineBytes = 4 << 10
	}
	if cfg.Rate == 0 {
		cfg.Rate = 200
	}
	if cfg.Burst == 0 {
		cfg.Burst = 2000
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Journal{cfg: cfg, next: 1}
}

// Add records a line of text.
func (j *Journal) Add(service string, level Level, text string) {
	j.addAt(j.cfg.Now(), service, level, text)
}

func (j *Journal) addAt(at time.Time, service string, level Level, text string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.ring = append(j.ring, Record{Seq: j.next, Time: at, Service: service, Level: level, Text: text})
	j.next++
	j.bytes += len(text) + recordOverhead
	for j.bytes > j.cfg.MemoryBytes && j.first < len(j.ring)-1 {
		j.bytes -= len(j.ring[j.first].Text) + recordOverhead
		j.ring[j.first] = Record{}
		j.first++
	}
	// Forgotten records at the front are given back once they are the half.
	if j.first > len(j.ring)/2 {
		n := copy(j.ring, j.ring[j.first:])
		clear(j.ring[n:])
		j.ring, j.first = j.ring[:n], 0
	}
	if j.changed != nil {
		close(j.changed)
		j.changed = nil
	}
}

// Since gives up to limit records that are kept, of those with a Seq of at
// least from, and the Seq to go on with.
func (j *Journal) Since(from uint64, limit int) ([]Record, uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	oldest := j.next - uint64(len(j.ring)-j.first)
	from = min(max(from, oldest), j.next)
	at := j.first + int(from-oldest)
	n := min(len(j.ring)-at, limit)
	out := make([]Record, n)
	copy(out, j.ring[at:])
	return out, from + uint64(n)
}

// wait gives a channel that is closed when there is a record with that Seq,
// or nil if there is one.
func (j *Journal) wait(seq uint64) <-chan struct{} {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.next > seq {
		return nil
	}
	if j.changed == nil {
		j.changed = make(chan struct{})
	}
	return j.changed
}

// Follow yields the records kept from a Seq on, and then every new one, until
// the context ends. A reader that is slower than the writers misses those that
// memory had no room for; the Seq tells.
func (j *Journal) Follow(ctx context.Context, from uint64) iter.Seq[Record] {
	return func(yield func(Record) bool) {
		for {
			records, next := j.Since(from, 256)
			from = next
			for _, r := range records {
				if !yield(r) {
					return
				}
			}
			if len(records) > 0 {
				continue
			}
			if more := j.wait(from); more != nil {
				select {
				case <-more:
				case <-ctx.Done():
					return
				}
			}
		}
	}
}

// Handler gives an slog.Handler whose records are a service's: the supervisor
// itself logs by it.
func (j *Journal) Handler(service string, level slog.Leveler) slog.Handler {
	return &handler{journal: j, service: service, level: level}
}

type handler struct {
	journal *Journal
	service string
	level   slog.Leveler
	prefix  string // of attributes that are there already
	group   string
}

func (h *handler) Enabled(_ context.Context, l slog.Level) bool { return l >= h.level.Level() }

func (h *handler) Handle(_ context.Context, r slog.Record) error {
	text := r.Message + h.prefix
	r.Attrs(func(a slog.Attr) bool { text += h.format(a); return true })
	h.journal.Add(h.service, fromSlog(r.Level), printable([]byte(text)))
	return nil
}

func (h *handler) format(a slog.Attr) string {
	v := a.Value.Resolve()
	if v.Kind() == slog.KindString {
		return fmt.Sprintf(" %s%s=%q", h.group, a.Key, v.String())
	}
	return fmt.Sprintf(" %s%s=%v", h.group, a.Key, v)
}

func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	c := *h
	for _, a := range attrs {
		c.prefix += h.format(a)
	}
	return &c
}

func (h *handler) WithGroup(name string) slog.Handler {
	c := *h
	c.group += name + "."
	return &c
}

package record

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"switchroom/appliance/calls/cel"
	"switchroom/appliance/calls/queuelog"
)

// Source is the file that a fact was read from.
type Source int

// The sources. The numbers are in calls.db: they never change.
const (
	CEL Source = iota
	QueueLog
)

func (s Source) String() string {
	if s == CEL {
		return "cel"
	}
	return "queue_log"
}

// Fact is one line of one source.
type Fact struct {
	Source Source
	Line   string
	CEL    *cel.Event      // of source CEL
	Queue  *queuelog.Entry // of source QueueLog
}

// Parse reads a line of a source.
func Parse(src Source, line string) (Fact, error) {
	f := Fact{Source: src, Line: line}
	if src == CEL {
		e, err := cel.Parse(line)
		if err != nil {
			return Fact{}, fmt.Errorf("a channel event: %w", err)
		}
		f.CEL = &e
		return f, nil
	}
	e, err := queuelog.Parse(line)
	if err != nil {
		return Fact{}, fmt.Errorf("the queue log: %w", err)
	}
	f.Queue = &e
	return f, nil
}

// Time is when it happened; facts of the queue log have whole seconds.
func (f Fact) Time() time.Time {
	if f.CEL != nil {
		return f.CEL.Time
	}
	return f.Queue.Time
}

// Key is the same for the same line of the same source, however often it is
// read, and for no other.
type Key [16]byte

// Key returns the fact's key.
func (f Fact) Key() Key {
	h := sha256.New()
	h.Write([]byte{byte(f.Source)})
	h.Write([]byte(f.Line))
	var k Key
	copy(k[:], h.Sum(nil))
	return k
}

// rank orders events of the same microsecond, as they can only have happened.
func rank(typ string) int {
	switch typ {
	case cel.ChanStart:
		return 0
	case cel.Answer:
		return 2
	case cel.AppStart:
		return 3
	case cel.BridgeEnter:
		return 4
	case cel.BridgeExit:
		return 6
	case cel.AppEnd:
		return 7
	case cel.Hangup:
		return 8
	case cel.ChanEnd:
		return 9
	case cel.LinkedIDEnd:
		return 10
	}
	return 5
}

// sorted returns the facts' events and entries in the one order that does not
// depend on how they came.
func sorted(facts []Fact) (events []*cel.Event, entries []*queuelog.Entry) {
	facts = slices.Clone(facts)
	slices.SortFunc(facts, func(a, b Fact) int {
		if c := cmp.Compare(a.Source, b.Source); c != 0 {
			return c
		}
		if c := a.Time().Compare(b.Time()); c != 0 {
			return c
		}
		if a.CEL != nil {
			if c := cmp.Compare(rank(a.CEL.Type), rank(b.CEL.Type)); c != 0 {
				return c
			}
		} else if c := cmp.Compare(entryRank(a.Queue.Event), entryRank(b.Queue.Event)); c != 0 {
			return c
		}
		return strings.Compare(a.Line, b.Line)
	})
	for _, f := range facts {
		if f.CEL != nil {
			events = append(events, f.CEL)
		} else {
			entries = append(entries, f.Queue)
		}
	}
	return events, entries
}

// entryRank orders entries of the same second.
func entryRank(event string) int {
	switch event {
	case queuelog.Enter:
		return 0
	case queuelog.RingNoAnswer, queuelog.RingCanceled:
		return 1
	case queuelog.Connect:
		return 2
	}
	return 3
}

// ID orders unique ids: by the second in which the channel was made, then by
// its number in that run of Asterisk.
func compareIDs(a, b string) int {
	at, an := splitID(a)
	bt, bn := splitID(b)
	if c := cmp.Compare(at, bt); c != 0 {
		return c
	}
	if c := cmp.Compare(an, bn); c != 0 {
		return c
	}
	return strings.Compare(a, b)
}

// splitID takes "box-1795384328.1" apart.
func splitID(id string) (sec, n int64) {
	head, tail, ok := strings.Cut(id, ".")
	if !ok {
		return 0, 0
	}
	if i := strings.LastIndexByte(head, '-'); i >= 0 {
		head = head[i+1:]
	}
	sec, _ = strconv.ParseInt(head, 10, 64)
	n, _ = strconv.ParseInt(tail, 10, 64)
	return sec, n
}

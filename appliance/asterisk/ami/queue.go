package ami

import (
	"context"
	"encoding/binary"
	"errors"
	"sync"
)

// ErrClosed is what a closed [Subscription] says.
var ErrClosed = errors.New("ami: subscription closed")

// ItemKind is what an [Item] tells.
type ItemKind uint8

// The kinds of items.
const (
	// Up: there is a connection, and Asterisk has booted. What was known
	// before is void: take a snapshot. Message is FullyBooted.
	Up ItemKind = iota + 1
	// Happened: Message is an event.
	Happened
	// Lost: Number events had to be dropped here, because they were not
	// consumed in time. Take a snapshot.
	Lost
	// Down: the connection is gone; Reason says why.
	Down
)

// An Item is what a [Subscription] gives.
type Item struct {
	Kind    ItemKind
	Message *Message // of Up and Happened, good until the next call of Next
	Number  int      // of Lost
	Reason  string   // of Down
}

// A Subscription is a bounded queue of events. Its consumer is one goroutine.
type Subscription struct {
	events map[string]bool // nil: all
	limit  int
	close  func()
	wake   chan struct{} // holds a token when there is something to take

	mu      sync.Mutex
	queue   []byte // records that the consumer has not taken
	waiting int    // events among them
	lost    int    // events dropped after the last record
	closed  bool

	// The consumer's.
	taken, rest []byte
	msg         Message
}

// A record is its kind, its number (of the message, or of the events lost),
// the length of what follows, and the message or the reason.
const recordHead = 1 + 8 + 4

// keepBuffer is how much a queue keeps for itself when there is little to do.
const keepBuffer = 1 << 20

func appendRecord(b []byte, kind ItemKind, number uint64, data []byte) []byte {
	b = append(b, byte(kind))
	b = binary.LittleEndian.AppendUint64(b, number)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(data)))
	return append(b, data...)
}

// event queues an event, or counts it as lost. It never waits.
func (s *Subscription) event(m *Message) {
	if s.events != nil && !s.events[string(m.Event())] {
		return
	}
	s.mu.Lock()
	if s.lost > 0 || len(s.queue)+recordHead+len(m.raw) > s.limit {
		// Until the consumer has taken what is there, so that there is one gap
		// and not many.
		s.lost++
	} else {
		s.queue = appendRecord(s.queue, Happened, m.Seq, m.raw)
		s.waiting++
	}
	s.mu.Unlock()
	s.signal()
}

// control queues Up or Down, which are never dropped. If even these pile up,
// because nobody consumes any more, all events before them are.
func (s *Subscription) control(kind ItemKind, seq uint64, data []byte) {
	s.mu.Lock()
	if len(s.queue) > 2*s.limit {
		s.lost += s.waiting
		s.queue, s.waiting = s.queue[:0], 0
	}
	s.noteLost()
	s.queue = appendRecord(s.queue, kind, seq, data)
	s.mu.Unlock()
	s.signal()
}

// noteLost puts the gap into the queue. s.mu is held.
func (s *Subscription) noteLost() {
	if s.lost > 0 {
		s.queue = appendRecord(s.queue, Lost, uint64(s.lost), nil)
		s.lost = 0
	}
}

func (s *Subscription) signal() {
	select {
	case s.wake <- struct{}{}:
	default: // it was told before
	}
}

// Next waits for the next item. It returns the context's error, or
// [ErrClosed].
func (s *Subscription) Next(ctx context.Context) (Item, error) {
	for len(s.rest) == 0 {
		if s.take() {
			break
		}
		s.mu.Lock()
		closed := s.closed
		s.mu.Unlock()
		if closed {
			return Item{}, ErrClosed
		}
		select {
		case <-s.wake:
		case <-ctx.Done():
			return Item{}, ctx.Err()
		}
	}
	kind := ItemKind(s.rest[0])
	number := binary.LittleEndian.Uint64(s.rest[1:])
	size := int(binary.LittleEndian.Uint32(s.rest[9:]))
	data := s.rest[recordHead : recordHead+size]
	s.rest = s.rest[recordHead+size:]
	item := Item{Kind: kind}
	switch kind {
	case Up, Happened:
		s.msg.Parse(data)
		s.msg.Seq = number
		item.Message = &s.msg
	case Lost:
		item.Number = int(number)
	case Down:
		item.Reason = string(data)
	}
	return item, nil
}

// take exchanges the consumer's empty buffer for the queue.
func (s *Subscription) take() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noteLost()
	if cap(s.taken) > keepBuffer && len(s.taken) < keepBuffer/4 {
		s.taken = nil // the burst it grew in is over
	}
	s.queue, s.taken = s.taken[:0], s.queue
	s.waiting = 0
	s.rest = s.taken
	return len(s.rest) > 0
}

// Close ends the subscription. It may be called by any goroutine.
func (s *Subscription) Close() {
	s.close()
	s.mu.Lock()
	s.closed, s.queue, s.lost = true, nil, 0
	s.mu.Unlock()
	s.signal()
}

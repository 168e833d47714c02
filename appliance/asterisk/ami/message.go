package ami

import (
	"bytes"
	"iter"
	"strconv"
)

// Kind is what a message is.
type Kind uint8

// The kinds of messages.
const (
	Other    Kind = iota // neither of them
	Event                // its first line is "Event: …"
	Response             // its first line is "Response: …"
)

// A field is a line of a message, as offsets into it. A line without a colon
// has an empty key.
type field struct{ key, keyEnd, value, end uint32 }

// A Message is one packet from Asterisk.
//
// The slices that its methods return are parts of it. A message that was read
// from a [Parser] or a [Subscription] is good until the next one is read; a
// [Message.Clone] is good for ever. Reading it from several goroutines at once
// is fine.
type Message struct {
	// Seq counts the messages of a connection from 1, so that the items of a
	// list and the events that came meanwhile can be put in order.
	Seq uint64

	raw    []byte
	fields []field
}

// Len is the number of lines.
func (m *Message) Len() int { return len(m.fields) }

// At returns line i, counted from 0.
func (m *Message) At(i int) (key, value []byte) {
	f := &m.fields[i]
	return m.raw[f.key:f.keyEnd], m.raw[f.value:f.end]
}

// All gives the lines in their order.
func (m *Message) All() iter.Seq2[[]byte, []byte] {
	return func(yield func(key, value []byte) bool) {
		for i := range m.fields {
			if !yield(m.At(i)) {
				return
			}
		}
	}
}

// Raw is the message as it came, with the empty line at its end.
func (m *Message) Raw() []byte { return m.raw }

// Value is the value of the first line with this key, or nil. Upper and lower
// case of the key don't matter.
func (m *Message) Value(key string) []byte {
	for i := range m.fields {
		f := &m.fields[i]
		if m.isKey(f, key) {
			return m.raw[f.value:f.end:f.end]
		}
	}
	return nil
}

// Values gives the values of all lines with this key.
func (m *Message) Values(key string) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for i := range m.fields {
			if f := &m.fields[i]; m.isKey(f, key) && !yield(m.raw[f.value:f.end:f.end]) {
				return
			}
		}
	}
}

// Get is [Message.Value] as a string.
func (m *Message) Get(key string) string { return string(m.Value(key)) }

// Int is the value as a whole number; ok is false if it is none, or missing.
func (m *Message) Int(key string) (n int, ok bool) {
	n, err := strconv.Atoi(string(m.Value(key)))
	return n, err == nil
}

// Variable is the value of a channel variable in lines such as
// "ChanVariable: AGENT=811" ("DestChanVariable" for the other channel of an
// event that has two), or nil.
func (m *Message) Variable(key, name string) []byte {
	for v := range m.Values(key) {
		if len(v) > len(name) && v[len(name)] == '=' && string(v[:len(name)]) == name {
			return v[len(name)+1:]
		}
	}
	return nil
}

// Kind tells what the message is.
func (m *Message) Kind() Kind {
	if len(m.fields) == 0 {
		return Other
	}
	switch f := &m.fields[0]; {
	case m.isKey(f, "Event"):
		return Event
	case m.isKey(f, "Response"):
		return Response
	}
	return Other
}

// Event is the name of the event, or nil if the message is none.
func (m *Message) Event() []byte {
	if m.Kind() != Event {
		return nil
	}
	return m.raw[m.fields[0].value:m.fields[0].end]
}

// Clone returns a copy that shares nothing with m.
func (m *Message) Clone() *Message {
	return &Message{Seq: m.Seq, raw: bytes.Clone(m.raw), fields: append([]field(nil), m.fields...)}
}

func (m *Message) String() string { return string(m.raw) }

func (m *Message) isKey(f *field, key string) bool {
	if int(f.keyEnd-f.key) != len(key) {
		return false
	}
	has := m.raw[f.key:f.keyEnd]
	return string(has) == key || equalFold(has, key)
}

// equalFold compares ASCII letters without their case; both are of one length.
func equalFold(a []byte, b string) bool {
	for i := range a {
		x, y := a[i], b[i]
		if x == y {
			continue
		}
		if x |= 0x20; x != y|0x20 || x < 'a' || x > 'z' {
			return false
		}
	}
	return true
}

// Parse reads one whole message out of data and returns what follows it. ok is
// false if data doesn't hold a whole one. The message refers to data.
func (m *Message) Parse(data []byte) (rest []byte, ok bool) {
	var s scanner
	m.fields = m.fields[:0]
	n, ok := s.scan(data, m)
	if !ok {
		return data, false
	}
	m.raw = data[:n:n]
	return data[n:], true
}

// A scanner finds the lines of a message. It can be called again with the same
// bytes and more, and goes on where it stopped.
type scanner struct {
	line int // where the line began that isn't at its end
	pos  int // what was looked at
}

// scan appends the lines in b to m and returns the length of the message, once
// its empty line is there. Empty lines before the first line are part of it.
func (s *scanner) scan(b []byte, m *Message) (n int, ok bool) {
	line, pos, fields := s.line, s.pos, m.fields
	for {
		i := bytes.IndexByte(b[pos:], '\n')
		if i < 0 {
			s.line, s.pos, m.fields = line, len(b), fields
			return 0, false
		}
		pos += i + 1
		end := pos - 2 // where the CR must be
		if end < line || b[end] != '\r' {
			continue
		}
		if end == line {
			line = pos
			if len(fields) == 0 {
				continue
			}
			m.fields = fields
			return pos, true
		}
		f := field{key: uint32(line), keyEnd: uint32(line), value: uint32(line), end: uint32(end)}
		if c := bytes.IndexByte(b[line:end], ':'); c >= 0 {
			v := line + c
			f.keyEnd = uint32(v)
			v++
			for v < end && b[v] == ' ' {
				v++
			}
			f.value = uint32(v)
		}
		fields = append(fields, f)
		line = pos
	}
}

package loop

import (
	"encoding/json"
	"fmt"
)

// Data are an event's particulars. Values are strings, bools, ints, int64s,
// uint64s or float64s.
type Data map[string]any

// Event is something a port observed or did.
type Event struct {
	Seq   uint64 `json:"seq"`   // counts the events of all ports of the plant, from 1
	Frame uint64 `json:"frame"` // card time, ms
	Port  int    `json:"port"`
	Name  string `json:"event"`
	Data  Data   `json:"data,omitempty"`
}

// String is one line for people and for failures' dumps.
func (e Event) String() string {
	data, err := json.Marshal(e.Data)
	if err != nil {
		data = []byte(fmt.Sprint(e.Data))
	}
	if len(e.Data) == 0 {
		data = nil
	}
	return fmt.Sprintf("%10d port %-2d %-12s %s", e.Frame, e.Port, e.Name, data)
}

// eventLog is the bounded memory of a port.
type eventLog struct {
	ring []Event
	next int
	full bool
}

func (l *eventLog) add(e Event) {
	l.ring[l.next] = e
	l.next++
	if l.next == len(l.ring) {
		l.next, l.full = 0, true
	}
}

// all gives the events from oldest to newest.
func (l *eventLog) all() []Event {
	var out []Event
	if l.full {
		out = append(out, l.ring[l.next:]...)
	}
	return append(out, l.ring[:l.next]...)
}

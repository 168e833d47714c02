package control

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"switchroom/dahdi/tdm2400p/loop"
)

// Codes of an [Error].
const (
	CodeBadRequest = "bad-request"
	CodeNoPort     = "no-port"
	CodeFailed     = "failed"
	CodeTimeout    = "timeout"
)

// Error is a request's failure, as the server tells it.
type Error struct {
	Code   string       `json:"code"`
	Text   string       `json:"text"`
	Events []loop.Event `json:"events,omitempty"` // what the port remembers, oldest first
}

// Error gives the text, and the events one a line.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Text)
	if len(e.Events) > 0 {
		b.WriteString("; the last events:")
	}
	for _, ev := range e.Events {
		b.WriteString("\n")
		b.WriteString(ev.String())
	}
	return b.String()
}

// request is a line from a client.
type request struct {
	ID    uint64          `json:"id"`
	Do    string          `json:"do"`
	Port  int             `json:"port,omitempty"`
	At    uint64          `json:"at,omitempty"`
	After uint64          `json:"after,omitempty"`
	Args  json.RawMessage `json:"args,omitempty"`
}

// reply is a line from the server in answer to a request.
type reply struct {
	ID     uint64          `json:"id"`
	Frame  uint64          `json:"frame"`
	Result json.RawMessage `json:"result,omitempty"`
	Error  *Error          `json:"error,omitempty"`
}

// strict decodes exactly one JSON value without unknown members.
func strict(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one JSON value")
	}
	return nil
}

func parseRequest(line []byte) (request, error) {
	var r request
	if err := strict(line, &r); err != nil {
		return r, fmt.Errorf("request: %w", err)
	}
	switch {
	case r.Do == "":
		return r, errors.New("request: no verb")
	case r.At != 0 && r.After != 0:
		return r, errors.New("request: at and after exclude each other")
	case r.Port < 0 || r.Port > 24*64:
		return r, fmt.Errorf("request: port %d", r.Port)
	case r.After > 1<<40:
		return r, errors.New("request: after is beyond reason")
	}
	return r, nil
}

// Match is what an event's data must have. Values are compared as JSON: a
// string, a bool, a number; a number's value may be given as a Range, and an
// array stands for any of its members.
type Match map[string]any

// Range matches the numbers from Min to Max, both included.
type Range struct {
	Min float64 `json:"min"`
	Max float64 `json:"max"`
}

// matches tells whether data has all of m. m must come from JSON.
func (m Match) matches(data loop.Data) bool {
	for k, want := range m {
		have, ok := data[k]
		if !ok || !equal(want, have) {
			return false
		}
	}
	return true
}

func equal(want, have any) bool {
	switch w := want.(type) {
	case []any:
		for _, v := range w {
			if equal(v, have) {
				return true
			}
		}
		return false
	case map[string]any:
		h, ok := number(have)
		if !ok {
			return false
		}
		if v, ok := number(w["min"]); ok && h < v {
			return false
		}
		if v, ok := number(w["max"]); ok && h > v {
			return false
		}
		return true
	}
	if w, ok := number(want); ok {
		h, ok := number(have)
		return ok && w == h
	}
	switch w := want.(type) {
	case string:
		h, ok := have.(string)
		return ok && w == h
	case bool:
		h, ok := have.(bool)
		return ok && w == h
	}
	return false
}

func number(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case int:
		return float64(v), true
	case int64:
		return float64(v), true
	case uint64:
		return float64(v), true
	}
	return 0, false
}

// check refuses a match that can't match anything.
func (m Match) check() error {
	for k, v := range m {
		if err := checkValue(v); err != nil {
			return fmt.Errorf("match of %s: %w", k, err)
		}
	}
	return nil
}

func checkValue(v any) error {
	switch v := v.(type) {
	case string, bool, float64:
		return nil
	case []any:
		for _, e := range v {
			if _, nested := e.([]any); nested {
				return errors.New("arrays don't nest")
			}
			if err := checkValue(e); err != nil {
				return err
			}
		}
		return nil
	case map[string]any:
		for k, e := range v {
			if _, ok := e.(float64); !ok || (k != "min" && k != "max") {
				return errors.New(`a range is {"min": number, "max": number}`)
			}
		}
		return nil
	}
	return fmt.Errorf("%T can't be compared", v)
}

package ami

import (
	"errors"
	"fmt"
	"strings"
)

// What Asterisk's manager.c reads.
const (
	maxLine  = 1024 // bytes, with CR LF
	maxLines = 128  // of an action
)

// ErrInvalid is what is said of an action that must not be sent.
var ErrInvalid = errors.New("ami: action refused")

// A Header is a line of an action.
type Header struct{ Key, Value string }

// An Action is something to ask of Asterisk. The ActionID is the client's.
type Action struct {
	Name    string
	Headers []Header // keys may repeat, as Variable does
}

// NewAction makes an action of keys and values in turn. It panics if the last
// key has no value.
func NewAction(name string, keysAndValues ...string) Action {
	if len(keysAndValues)%2 != 0 {
		panic("ami: NewAction: a key without a value")
	}
	a := Action{Name: name}
	for i := 0; i < len(keysAndValues); i += 2 {
		a.Headers = append(a.Headers, Header{keysAndValues[i], keysAndValues[i+1]})
	}
	return a
}

// With returns the action with one line more.
func (a Action) With(key, value string) Action {
	a.Headers = append(a.Headers[:len(a.Headers):len(a.Headers)], Header{key, value})
	return a
}

// append writes the action as it is sent. It appends nothing if there is a
// fault: a line that could be taken for several, one that is too long, or too
// many of them.
func (a Action) append(b []byte, id string) ([]byte, error) {
	if len(a.Headers)+2 > maxLines {
		return b, fmt.Errorf("%w: %s: %d lines are more than Asterisk takes", ErrInvalid, a.Name, len(a.Headers)+2)
	}
	out := b
	for i := -2; i < len(a.Headers); i++ {
		var h Header
		switch i {
		case -2:
			h = Header{"Action", a.Name}
		case -1:
			h = Header{"ActionID", id}
		default:
			h = a.Headers[i]
			if equalKey(h.Key, "Action") || equalKey(h.Key, "ActionID") {
				return b, fmt.Errorf("%w: %s: %s is not for the caller to set", ErrInvalid, a.Name, h.Key)
			}
		}
		if !isKey(h.Key) {
			return b, fmt.Errorf("%w: %.40q is no key", ErrInvalid, h.Key)
		}
		if strings.ContainsAny(h.Value, "\r\n\x00") {
			return b, fmt.Errorf("%w: %s has a CR, LF or NUL in its value", ErrInvalid, h.Key)
		}
		if len(h.Key)+len(h.Value)+len(": \r\n") > maxLine {
			return b, fmt.Errorf("%w: %s is longer than %d bytes", ErrInvalid, h.Key, maxLine)
		}
		out = append(out, h.Key...)
		out = append(out, ": "...)
		out = append(out, h.Value...)
		out = append(out, "\r\n"...)
	}
	return append(out, "\r\n"...), nil
}

func equalKey(a, b string) bool { return len(a) == len(b) && equalFold([]byte(a), b) }

func isKey(k string) bool {
	for i := range len(k) {
		c := k[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_') {
			return false
		}
	}
	return k != ""
}

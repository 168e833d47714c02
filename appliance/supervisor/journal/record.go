// Package journal keeps what services say: one line is one record, with time,
// service and level. It is held in memory, bounded, and written to a file that
// is bounded and rotated.
//
// A service never waits for it: its pipe is always read, a service that says
// too much loses lines (and the log says how many), and the file is written by
// a goroutine of its own, so that a slow disk delays nobody.
package journal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Level is how grave a record is, in syslog's numbers.
type Level uint8

// The levels of syslog(3).
const (
	Emergency Level = iota
	Alert
	Critical
	Error
	Warning
	Notice
	Info
	Debug
)

var levelNames = [...]string{"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"}

func (l Level) String() string {
	if int(l) < len(levelNames) {
		return levelNames[l]
	}
	return "?"
}

// ParseLevel is the inverse of String.
func ParseLevel(s string) (Level, error) {
	for i, n := range levelNames {
		if s == n {
			return Level(i), nil
		}
	}
	return 0, fmt.Errorf("%q is not a level (%s)", s, strings.Join(levelNames[:], ", "))
}

// MarshalText and UnmarshalText write a level by its name.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText reads a level's name.
func (l *Level) UnmarshalText(text []byte) (err error) {
	*l, err = ParseLevel(string(text))
	return err
}

// A Record is one line.
type Record struct {
	Seq     uint64    `json:"seq"` // rises by one from record to record
	Time    time.Time `json:"time"`
	Service string    `json:"service"` // without suffix
	Level   Level     `json:"level"`
	Text    string    `json:"text"` // without control characters
}

// timeFormat is RFC 3339 with milliseconds.
const timeFormat = "2006-01-02T15:04:05.000Z07:00"

// String is the line of the file and of `switchroom logs`.
func (r Record) String() string {
	return r.Time.Format(timeFormat) + " " + r.Service + " " + r.Level.String() + " " + r.Text
}

// parseLine finds the level of a line and makes its text fit to be shown.
//
// The level is that of sd-daemon(3), a number in angle brackets at the
// beginning; or slog's, in its text or JSON form; or Asterisk's, whose lines
// begin with "[time] WARNING[thread]"; else it is Info.
func parseLine(line []byte) (Level, string) {
	level := Info
	switch {
	case len(line) >= 3 && line[0] == '<' && line[2] == '>' && line[1] >= '0' && line[1] <= '7':
		level = Level(line[1] - '0')
		line = line[3:]
	case bytes.HasPrefix(line, []byte("time=")), bytes.HasPrefix(line, []byte("level=")):
		rest := line
		if line[0] == 't' {
			_, rest, _ = bytes.Cut(line, []byte(" "))
		}
		word, after, _ := bytes.Cut(rest, []byte(" "))
		if name, ok := bytes.CutPrefix(word, []byte("level=")); ok {
			if l, ok := slogLevel(string(name)); ok {
				level, line = l, after // its time and level are ours
			}
		}
	case bytes.HasPrefix(line, []byte(`{"time":`)):
		var head struct{ Level string }
		if json.Unmarshal(line, &head) == nil && head.Level != "" {
			if l, ok := slogLevel(head.Level); ok {
				level = l
			}
		}
	case bytes.HasPrefix(line, []byte("[")):
		if _, after, ok := bytes.Cut(line[:min(len(line), 60)], []byte("] ")); ok {
			word, _, _ := bytes.Cut(after, []byte("["))
			if l, ok := asteriskLevels[string(word)]; ok {
				// Its own time says less than ours.
				level, line = l, line[bytes.IndexByte(line, ']')+2:]
			}
		}
	}
	return level, printable(line)
}

var asteriskLevels = map[string]Level{
	"ERROR": Error, "WARNING": Warning, "NOTICE": Notice, "SECURITY": Notice, "VERBOSE": Info, "DTMF": Info, "DEBUG": Debug,
}

// slogLevel turns slog's name of a level, like "WARN" or "DEBUG-2", into ours.
func slogLevel(name string) (Level, bool) {
	var l slog.Level
	if l.UnmarshalText([]byte(name)) != nil {
		return 0, false
	}
	return fromSlog(l), true
}

func fromSlog(l slog.Level) Level {
	switch {
	case l >= slog.LevelError:
		return Error
	case l >= slog.LevelWarn:
		return Warning
	case l >= slog.LevelInfo:
		return Info
	}
	return Debug
}

// printable keeps a line from doing anything to the terminal that shows it: a
// caller's name can be in it. Control characters are shown as \x1b, bytes that
// are not UTF-8 as the replacement character.
func printable(line []byte) string {
	line = bytes.TrimRight(line, "\r\n")
	plain := true
	for _, b := range line {
		if b < ' ' && b != '\t' || b >= 0x7f {
			plain = false
			break
		}
	}
	if plain {
		return string(line)
	}
	var b strings.Builder
	for len(line) > 0 {
		r, n := utf8.DecodeRune(line)
		switch {
		case r == utf8.RuneError && n == 1:
			b.WriteRune(utf8.RuneError)
		case r == '\t' || !unicode.IsControl(r) && !unicode.In(r, unicode.Zl, unicode.Zp, unicode.Bidi_Control):
			b.WriteRune(r)
		case r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
		line = line[n:]
	}
	return b.String()
}

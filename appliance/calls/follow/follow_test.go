package follow

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// writer writes a log as Asterisk does: piece by piece, into the file it has
// open until it is told to open it anew.
type writer struct {
	path  string
	f     *os.File
	lines []string
	rest  string // of the line that is being written
}

func (w *writer) reopen(t *rapid.T) {
	if w.f != nil {
		w.f.Close()
	}
	f, err := os.OpenFile(w.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	w.f = f
}

func (w *writer) write(t *rapid.T, s string) {
	if _, err := w.f.WriteString(s); err != nil {
		t.Fatal(err)
	}
}

// TestNothingIsLost: whatever is written in whatever pieces, rotated, removed
// when read, and read by readers that stop at any time, each line is had once,
// in order, as far as the reader's positions were kept.
func TestNothingIsLost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "follow")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		w := &writer{path: filepath.Join(dir, "log")}
		w.reopen(t)
		defer func() { w.f.Close() }()
		now := time.Now()
		var kept []Position
		var got []string // as far as was kept
		l := Open(w.path, nil)
		l.now = func() time.Time { return now }
		defer func() { l.Close() }()
		n := 0
		read := func(max int) {
			var some []string
			if _, err := l.Read(max, func(s string) error { some = append(some, s); return nil }); err != nil {
				t.Fatal(err)
			}
			got = append(got, some...)
			kept = l.Positions()
		}
		t.Repeat(map[string]func(*rapid.T){
			"write a line": func(t *rapid.T) {
				if w.rest != "" {
					w.write(t, w.rest+"\n")
					w.rest = ""
				}
				n++
				s := fmt.Sprintf("%d %s", n, strings.Repeat("x", rapid.IntRange(0, 200).Draw(t, "length")))
				w.lines = append(w.lines, s)
				w.write(t, s+"\n")
			},
			"write half a line": func(t *rapid.T) {
				if w.rest != "" {
					return
				}
				n++
				s := fmt.Sprintf("%d half and half", n)
				w.lines = append(w.lines, s)
				i := rapid.IntRange(1, len(s)).Draw(t, "cut")
				w.write(t, s[:i])
				w.rest = s[i:] // may be nothing but the end of the line
				if w.rest == "" {
					w.write(t, "\n")
				}
			},
			"read": func(t *rapid.T) { read(rapid.IntRange(1, 10).Draw(t, "max")) },
			"read and lose it": func(t *rapid.T) {
				if _, err := l.Read(5, func(string) error { return nil }); err != nil {
					t.Fatal(err)
				}
				l.Close()
				l = Open(w.path, kept)
				l.now = func() time.Time { return now }
			},
			"start the reader anew": func(*rapid.T) {
				l.Close()
				l = Open(w.path, kept)
				l.now = func() time.Time { return now }
			},
			"rotate": func(t *rapid.T) {
				if _, err := l.Rotate(50); err != nil {
					t.Fatal(err)
				}
			},
			"the writer opens its log anew": func(t *rapid.T) {
				if w.rest == "" { // Asterisk writes whole lines between
					w.reopen(t)
				}
			},
			"clean": func(t *rapid.T) {
				if _, err := l.Read(0, nil); err != nil { // finds its files
					t.Fatal(err)
				}
				kept = l.Positions()
				now = time.Now().Add(time.Hour)
				// A writer that never opened its log anew would write on in a
				// file that is removed: only if there is a new one.
				if err := l.Clean(time.Minute, func() error { return nil }); err != nil {
					t.Fatal(err)
				}
				kept = l.Positions()
			},
			"": func(t *rapid.T) {
				if len(got) > len(w.lines) || !slices.Equal(got, w.lines[:len(got)]) {
					t.Fatalf("had %q; written %q", got, w.lines)
				}
			},
		})
		if w.rest != "" {
			w.write(t, w.rest+"\n")
		}
		read(1 << 30)
		if !slices.Equal(got, w.lines) {
			t.Fatalf("had %q\nwant %q", got, w.lines)
		}
	})
}

// TestInodeUsedAgain: a new file that has the inode of an old one is read from
// its beginning.
func TestInodeUsedAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(path, []byte("1795384330|the first file's line\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l := Open(path, nil)
	if n, err := l.Read(10, func(string) error { return nil }); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	at := l.Positions()
	l.Close()
	// Writing in place keeps the inode: what begins otherwise is another file.
	if err := os.WriteFile(path, []byte("1795399999|another\n1795399999|and one more, so that it is longer\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l = Open(path, at)
	defer l.Close()
	var got []string
	if _, err := l.Read(10, func(s string) error { got = append(got, s); return nil }); err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 {
		t.Errorf("had %q; want both lines", got)
	}
}

func TestDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	long := strings.Repeat("y", maxLine+100)
	if err := os.WriteFile(path, []byte("one\n"+long+"\n\x00\x00\x00\x00two\r\n\nthree\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l := Open(path, nil)
	defer l.Close()
	var got []string
	if _, err := l.Read(100, func(s string) error { got = append(got, s); return nil }); err != nil {
		t.Fatal(err)
	}
	if want := []string{"one", "two", "three"}; !slices.Equal(got, want) {
		t.Errorf("had %.100q; want %q", got, want)
	}
}

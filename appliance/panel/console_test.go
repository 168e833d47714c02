package panel

import (
	"context"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"switchroom/appliance/panel/cfa635"
	"switchroom/appliance/panel/emulated"
)

func TestParseKeys(t *testing.T) {
	key := func(k cfa635.Key) Input { return Input{Key: k} }
	for text, want := range map[string][]Input{
		"\r":               {key(cfa635.KeyEnter)},
		"\n":               {key(cfa635.KeyEnter)},
		"\x1b[A\x1b[B":     {key(cfa635.KeyUp), key(cfa635.KeyDown)},
		"\x1bOC\x1b[D":     {key(cfa635.KeyRight), key(cfa635.KeyLeft)},
		"\x1b":             {key(cfa635.KeyExit)},
		"\x1b\x1b[A":       {key(cfa635.KeyExit), key(cfa635.KeyUp)},
		"\x7f0":            {key(cfa635.KeyLeft), {Digit: '0'}},
		"x9":               {{}, {Digit: '9'}},
		"\x1b[[A7":         {{}, {Digit: '7'}}, // F1
		"\x1b[3~\r":        {{}, key(cfa635.KeyEnter)},
		"\x1b[1;5A1":       {{}, {Digit: '1'}},
		"\x1b[":            {{}},
		"\x1b[11111111111": {{}},
	} {
		var got []Input
		for b := []byte(text); len(b) > 0; {
			in, used := parseKeys(b, true)
			if used == 0 {
				t.Fatalf("%q: stuck at %q", text, b)
			}
			got, b = append(got, in), b[used:]
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%q (-want +got):\n%s", text, d)
		}
	}
	for _, part := range []string{"", "\x1b", "\x1b[", "\x1b[1"} {
		if in, used := parseKeys([]byte(part), false); used != 0 {
			t.Errorf("%q, with more to come, is %v", part, in)
		}
	}
}

func FuzzParseKeys(f *testing.F) {
	f.Add([]byte("\x1b[A\x1b[1;5C\x1b"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for len(b) > 0 {
			in, used := parseKeys(b, true)
			if used <= 0 || used > len(b) {
				t.Fatalf("%q: %d used", b, used)
			}
			if in.Key != cfa635.KeyNone && in.Digit != 0 {
				t.Fatalf("%q is %v", b, in)
			}
			b = b[used:]
		}
	})
}

// terminal is as much of one as the console's control sequences need.
func terminal(columns, rows int, text string) []string {
	lines := make([][]rune, rows)
	for i := range lines {
		lines[i] = []rune(strings.Repeat(" ", columns))
	}
	row, column := 0, 0
	for len(text) > 0 {
		if rest, ok := strings.CutPrefix(text, "\x1b["); ok {
			end := strings.IndexFunc(rest, func(r rune) bool { return r >= '@' && r <= '~' })
			if end < 0 {
				break
			}
			args := strings.Split(rest[:end], ";")
			switch rest[end] {
			case 'H':
				row, column = number(args[0])-1, 0
			case 'K':
				for i := column; i < columns; i++ {
					lines[row][i] = ' '
				}
			}
			text = rest[end+1:]
			continue
		}
		r := []rune(text)[0]
		lines[row][column] = r
		column++
		text = text[len(string(r)):]
	}
	var all []string
	for _, l := range lines {
		all = append(all, strings.TrimRight(string(l), " "))
	}
	return all
}

func number(s string) int {
	n := 0
	for _, r := range s {
		n = n*10 + int(r-'0')
	}
	return n
}

// TestConsole: on a terminal stand the screens, and its keys work the menu.
func TestConsole(t *testing.T) {
	pty, err := emulated.OpenPTY()
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var mu sync.Mutex
	var text strings.Builder
	more := make(chan struct{}, 1)
	read := make(chan struct{})
	go func() {
		defer close(read)
		buf := make([]byte, 4096)
		for {
			n, err := pty.Read(buf)
			mu.Lock()
			text.Write(buf[:n])
			mu.Unlock()
			select {
			case more <- struct{}{}:
			default:
			}
			if err != nil {
				return
			}
		}
	}()
	screen := func() []string {
		mu.Lock()
		defer mu.Unlock()
		return terminal(usualColumns, usualRows, text.String())
	}
	shows := func(line string) {
		t.Helper()
		for {
			for _, l := range screen() {
				if l == line {
					return
				}
			}
			select {
			case <-more:
			case <-time.After(time.Minute):
				t.Fatalf("the console does not show %q:\n%s", line, strings.Join(screen(), "\n"))
			}
		}
	}
	ended := make(chan struct{})
	box := &fakeBox{}
	go func() {
		defer close(ended)
		Run(ctx, Config{
			Log: slog.New(slog.DiscardHandler), Console: pty.Path, Sources: Sources{Name: func() string { return "Hotline\x1b[2J" }, Status: status},
			Controls: Controls{Box: box, PINs: &memoryPINs{pin: "1234"}},
		})
	}()
	shows("Switchroom") // a name with control characters is none
	shows("  1.2.3")
	for _, k := range []struct{ keys, then string }{
		{"\r", ">Network"}, {"\x1b[B\x1b[B\x1b[B", ">Power off"}, {"\r", "PIN:"}, {"1234", "****_"}, {"\r", "Power off?"}, {"\r", "Done"},
		{"\x1b", ">Power off"}, {"\x1b", "Enter: menu"},
	} {
		if _, err := io.WriteString(pty, k.keys); err != nil {
			t.Fatal(err)
		}
		shows(k.then)
	}
	if got := strings.Join(box.list(), ""); got != "asked: power off\n" {
		t.Errorf("the box was %q", got)
	}
	stop()
	<-ended
	shows("One moment...")
	pty.Close()
	<-read
}

// TestNoConsole: a console that is not there, or is no terminal, is no end.
func TestNoConsole(t *testing.T) {
	for _, path := range []string{"/nonexistent", "/dev/null"} {
		ctx, stop := context.WithCancel(t.Context())
		stop()
		if err := oneConsole(ctx, path, newWatcher(Sources{}, nil), Controls{}); err == nil {
			t.Errorf("%s is a console", path)
		}
		attendConsole(ctx, path, newWatcher(Sources{}, nil), Controls{}, slog.New(slog.DiscardHandler))
	}
}

package progress

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestPlainLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b strings.Builder
		p := New(&b)
		task := p.Start("fetching", Bytes, 100e6)
		for range 100 {
			time.Sleep(200 * time.Millisecond)
			task.Add(1e6)
		}
		task.Done()
		p.Printf("and %s", "more")
		want := `fetching: 25.0 MB of 100.0 MB, 25 %, 5 s, about 15 s to go
fetching: 50.0 MB of 100.0 MB, 50 %, 10 s, about 10 s to go
fetching: 75.0 MB of 100.0 MB, 75 %, 15 s, about 5 s to go
fetching: 100.0 MB of 100.0 MB, 100 %, 20 s
fetching: 100.0 MB in 20 s
and more
`
		if b.String() != want {
			t.Errorf("it wrote:\n%swant:\n%s", b.String(), want)
		}
	})
}

func TestTotalsThatAreNotKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b strings.Builder
		p := New(&b)
		unknown, estimate := p.Start("looking", Items, 0), p.Start("compiling", Items, 10)
		time.Sleep(70 * time.Second)
		unknown.Add(3)
		estimate.Say(12, "the last file")
		want := "looking: 3, 1 min 10 s\ncompiling: 12, 1 min 10 s: the last file\n"
		if b.String() != want {
			t.Errorf("it wrote %q; want %q", b.String(), want)
		}
	})
}

// A short task is not worth a line.
func TestShortTaskIsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b strings.Builder
		task := New(&b).Start("x", Items, 1)
		task.Add(1)
		task.Done()
		if b.String() != "" {
			t.Errorf("it wrote %q", b.String())
		}
	})
}

func TestTerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b strings.Builder
		p := New(&b)
		p.tty = true
		task := p.Start("unpacking", Items, 4)
		time.Sleep(time.Second)
		task.Say(1, strings.Repeat("long name ", 30))
		line := b.String()
		if !strings.HasPrefix(line, "\r\x1b[Kunpacking: 1 of 4, 25 %, 1 s: long name") || !strings.HasSuffix(line, "…") || len([]rune(line)) > 104 {
			t.Errorf("it drew %q", line)
		}
		b.Reset()
		task.Add(1) // too soon to draw again
		if b.String() != "" {
			t.Errorf("it drew %q", b.String())
		}
		p.Printf("a message")
		time.Sleep(time.Second)
		task.Done()
		if want := "\r\x1b[Ka message\nunpacking: 2 in 2 s\n"; b.String() != want {
			t.Errorf("it drew %q; want %q", b.String(), want)
		}
	})
}

func TestSilence(t *testing.T) {
	var none *Printer
	for _, p := range []*Printer{none, New(nil)} {
		task := p.Start("x", Items, 1)
		task.Add(1)
		task.Done()
		p.Printf("x")
	}
}

package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestParseLine(t *testing.T) {
	for in, want := range map[string]struct {
		level Level
		text  string
	}{
		"hello":     {Info, "hello"},
		"<3>broken": {Error, "broken"},
		"<7>":       {Debug, ""},
		"<9>what":   {Info, "<9>what"},
		"time=2026-01-01T00:00:00Z level=WARN msg=x":                {Warning, "msg=x"},
		`{"time":"2026-01-01T00:00:00Z","level":"ERROR","msg":"x"}`: {Error, `{"time":"2026-01-01T00:00:00Z","level":"ERROR","msg":"x"}`},
		`{"time":broken`:            {Info, `{"time":broken`},
		"time=x level=LOUD":         {Info, "time=x level=LOUD"},
		`level=ERROR msg="a b" c=1`: {Error, `msg="a b" c=1`},
		"level=":                    {Info, "level="},
		"time=":                     {Info, "time="},
		"a\x1b[31mred\x07\tb\r":     {Info, `a\x1b[31mred\x07` + "\tb"},
		"grüße \xff 你好":             {Info, "grüße � 你好"},
		"\u202eevil\u2028line":      {Info, `\u202eevil\u2028line`},
	} {
		if level, text := parseLine([]byte(in)); level != want.level || text != want.text {
			t.Errorf("parseLine(%q) = %v, %q; want %v, %q", in, level, text, want.level, want.text)
		}
	}
}

func texts(records []Record) []string {
	var all []string
	for _, r := range records {
		all = append(all, r.Text)
	}
	return all
}

// TestPipe: lines become records, long ones several, the last without its end
// too.
func TestPipe(t *testing.T) {
	j := New(Config{LineBytes: 8})
	done := make(chan struct{})
	w, err := j.Pipe("test", func() { close(done) })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.WriteString("one\n\n  \n<4>two\n12345678abc\n1234567ä!\nlast"); err != nil {
		t.Fatal(err)
	}
	w.Close()
	<-done
	records, next := j.Since(0, 100)
	want := []string{"one", "two", "12345678", "abc", "1234567", "ä!", "last"}
	if diff := cmp.Diff(want, texts(records)); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
	if records[1].Level != Warning || records[1].Service != "test" || next != 8 {
		t.Errorf("record 2 = %+v, next %d; want a warning of test and 8", records[1], next)
	}
}

// TestFlood: a service that says too much loses lines and is told so, and
// gets its say again later.
func TestFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := New(Config{Rate: 1, Burst: 3})
		l := limiter{journal: j, service: "s", tokens: 3, last: time.Now()}
		for n := range 10 {
			l.line(fmt.Append(nil, n))
		}
		time.Sleep(2 * time.Second)
		l.line([]byte("later"))
		records, _ := j.Since(0, 100)
		want := []string{"0", "1", "2", "7 lines lost: too many at once", "later"}
		if diff := cmp.Diff(want, texts(records)); diff != "" {
			t.Errorf("records (-want +got):\n%s", diff)
		}
	})
}

// TestMemory: what is kept stays within its bound, and the youngest stay.
func TestMemory(t *testing.T) {
	const bound = 10_000
	j := New(Config{MemoryBytes: bound})
	for n := range 5000 {
		j.Add("s", Info, fmt.Sprintf("line %d", n))
		if j.bytes > bound+200 {
			t.Fatalf("%d bytes are kept; the bound is %d", j.bytes, bound)
		}
	}
	records, next := j.Since(0, 1<<20)
	if got := records[len(records)-1].Text; got != "line 4999" || next != 5001 {
		t.Errorf("the last record is %q, next %d; want line 4999, 5001", got, next)
	}
	if len(records) < 50 || cap(j.ring) > 4*len(records) {
		t.Errorf("%d records in room for %d; want no more than four times as much", len(records), cap(j.ring))
	}
	for i, r := range records {
		if r.Seq != records[0].Seq+uint64(i) {
			t.Fatalf("record %d has number %d; want %d", i, r.Seq, records[0].Seq+uint64(i))
		}
	}
	some, next := j.Since(records[10].Seq, 5)
	if len(some) != 5 || some[0].Seq != records[10].Seq || next != some[4].Seq+1 {
		t.Errorf("Since = %d records from %d, next %d", len(some), some[0].Seq, next)
	}
	if future, next := j.Since(1<<40, 5); len(future) != 0 || next != 5001 {
		t.Errorf("Since of the future = %v, %d; want none, 5001", future, next)
	}
}

func TestFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := New(Config{})
		j.Add("s", Info, "old")
		go func() {
			for n := range 3 {
				time.Sleep(time.Second)
				j.Add("s", Info, fmt.Sprint("new ", n))
			}
		}()
		ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
		defer stop()
		var got []string
		for r := range j.Follow(ctx, 1) {
			got = append(got, r.Text)
		}
		if diff := cmp.Diff([]string{"old", "new 0", "new 1", "new 2"}, got); diff != "" {
			t.Errorf("followed (-want +got):\n%s", diff)
		}
	})
}

func TestHandler(t *testing.T) {
	j := New(Config{})
	log := slog.New(j.Handler("me", slog.LevelInfo))
	log.Debug("not kept")
	log.With("a", 1).WithGroup("g").Warn("bad\nthing", "b", "x y", "err", errors.New("no"))
	records, _ := j.Since(0, 10)
	if len(records) != 1 || records[0].Level != Warning || records[0].Service != "me" {
		t.Fatalf("records = %+v; want one warning of me", records)
	}
	if got, want := records[0].Text, `bad\x0athing a=1 g.b="x y" g.err=no`; got != want {
		t.Errorf("text = %q; want %q", got, want)
	}
}

// TestFile: the file has every record in its form, is rotated at its bound,
// and old ones go.
func TestFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "log", "switchroom.log")
		j := New(Config{})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			j.Write(ctx, FileConfig{Path: path, Bytes: 400, Keep: 2})
			close(done)
		}()
		for n := range 100 {
			j.Add("svc", Notice, fmt.Sprintf("line %d", n))
			time.Sleep(2 * time.Second)
		}
		j.Add("svc", Notice, "the last")
		stop()
		<-done
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if want := "2000-01-01T00:03:20.000Z svc notice the last\n"; !bytes.HasSuffix(data, []byte(want)) {
			t.Errorf("the file is\n%s\nwant it to end with %s", data, want)
		}
		entries, err := os.ReadDir(filepath.Dir(path))
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, e := range entries {
			names = append(names, e.Name())
			info, err := e.Info()
			if err != nil || info.Size() > 500 {
				t.Errorf("%s is of %d bytes, %v; want at most 500", e.Name(), info.Size(), err)
			}
		}
		if want := []string{"switchroom.log", "switchroom.log.1", "switchroom.log.2"}; !slices.Equal(names, want) {
			t.Errorf("files = %v; want %v", names, want)
		}
	})
}

// TestFileProblem: what could not be written is written later, once.
func TestFileProblem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		blocker := filepath.Join(dir, "log")
		if err := os.WriteFile(blocker, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		var problems []string
		j := New(Config{})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			j.Write(ctx, FileConfig{Path: filepath.Join(blocker, "x.log"), Problem: func(err error) {
				problems = append(problems, fmt.Sprint(err != nil))
			}})
			close(done)
		}()
		j.Add("s", Info, "early")
		time.Sleep(30 * time.Second)
		if err := os.Remove(blocker); err != nil {
			t.Fatal(err)
		}
		time.Sleep(30 * time.Second)
		stop()
		<-done
		data, err := os.ReadFile(filepath.Join(blocker, "x.log"))
		if got := strings.Count(string(data), "early"); got != 1 || err != nil {
			t.Errorf("the file has the record %d times, %v; want once", got, err)
		}
		if diff := cmp.Diff([]string{"true", "false"}, problems); diff != "" {
			t.Errorf("problems (-want +got):\n%s", diff)
		}
	})
}

// TestKernel reads messages from a pipe, which gives one a read if they come
// one by one.
func TestKernel(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kmsg")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	w, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	j := New(Config{})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- j.Kernel(ctx, path, Notice) }()
	for n, text := range []string{
		"4,1,1000000,-;watchdog: did not stop!\n SUBSYSTEM=watchdog\n",
		"6,2,2000000,-;not grave enough",
		"nonsense",
		"14,3,3000000,-;switchroom init: found the disk\n",
		"3,4,4000000,c;bad\x1b[2J\n",
	} {
		if _, err := w.WriteString(text); err != nil {
			t.Fatal(err)
		}
		for { // until it is read
			left, err := unix.IoctlGetInt(int(w.Fd()), unix.TIOCINQ)
			if err != nil {
				t.Fatal(n, err)
			}
			if left == 0 {
				break
			}
			time.Sleep(time.Millisecond)
		}
	}
	var got []string
	for r := range j.Follow(t.Context(), 1) {
		if age := time.Since(r.Time); age <= 0 {
			t.Errorf("%q is from the future", r.Text)
		}
		if got = append(got, r.Service+" "+r.Level.String()+" "+r.Text); len(got) == 3 {
			break
		}
	}
	want := []string{"kernel warning watchdog: did not stop!", "kernel info switchroom init: found the disk", `kernel err bad\x1b[2J`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
	stop()
	if err := <-done; err != nil {
		t.Errorf("Kernel = %v; want nil at the context's end", err)
	}
	if err := j.Kernel(t.Context(), "/nonexistent", Notice); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Kernel of nothing = %v", err)
	}
}

func FuzzParseKmsg(f *testing.F) {
	f.Add([]byte("4,1,1000000,-;text\n A=b"))
	f.Fuzz(func(t *testing.T, in []byte) {
		m, err := parseKmsg(in)
		if err == nil && (m.level > Debug || m.at < 0 || strings.Contains(m.text, "\n")) {
			t.Errorf("%q is read as %+v", in, m)
		}
	})
}

func FuzzParseLine(f *testing.F) {
	f.Add([]byte("<3>x"))
	f.Add([]byte("time=1 level=ERROR\x1b"))
	f.Add([]byte(`{"time":1,"level":"WARN"}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		level, text := parseLine(in)
		if level > Debug {
			t.Errorf("level %d", level)
		}
		if strings.ContainsFunc(strings.TrimSpace(text), func(r rune) bool { return r < ' ' && r != '\t' || r >= 0x7f && r < 0xa0 }) {
			t.Errorf("text with control characters: %q", text)
		}
	})
}

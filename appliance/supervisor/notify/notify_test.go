package notify

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestParse(t *testing.T) {
	text := func(s string) *string { return &s }
	for in, want := range map[string]Message{
		"":                                  {},
		"READY=1":                           {Ready: true},
		"READY=1\nSTATUS=all is well\n":     {Ready: true, Status: text("all is well")},
		"STATUS=":                           {Status: text("")},
		"STATUS=a\x1b[2Jb":                  {Status: text("a [2Jb")},
		"RELOADING=1\nMONOTONIC_USEC=5":     {Reloading: true},
		"STOPPING=1":                        {Stopping: true},
		"MAINPID=123\nERRNO=2":              {MainPID: 123, Errno: 2},
		"WATCHDOG=1":                        {Watchdog: true},
		"WATCHDOG=trigger":                  {Trigger: true},
		"WATCHDOG_USEC=2500000":             {WatchdogIn: 2500 * time.Millisecond},
		"EXTEND_TIMEOUT_USEC=1000":          {Extend: time.Millisecond},
		"FDSTORE=1\nFDNAME=db":              {Store: true, FDName: "db"},
		"FDSTOREREMOVE=1\nFDNAME=db":        {Remove: true, FDName: "db"},
		"BARRIER=1":                         {Barrier: true},
		"X_SWITCHROOM_MILESTONE=dahdi done": {Milestone: "dahdi done"},
		"FANCY=new\nREADY=1":                {Ready: true},
	} {
		got, err := Parse([]byte(in))
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("Parse(%q): %v (-want +got):\n%s", in, err, diff)
		}
	}
	for _, in := range []string{
		"READY", "=1", "READY=0", "READY=yes", "MAINPID=0", "MAINPID=1", "MAINPID=x", "MAINPID=99999999", "WATCHDOG=2",
		"WATCHDOG_USEC=0", "WATCHDOG_USEC=-1", "WATCHDOG_USEC=99999999999999", "FDNAME=a:b", "FDNAME=", "FDNAME=\x01",
		"ERRNO=-2", "BARRIER=1\nREADY=1", "READY=1\nnonsense", strings.Repeat("A=1\n", 2000),
	} {
		if got, err := Parse([]byte(in)); err == nil {
			t.Errorf("Parse(%.40q) = %+v; want an error", in, got)
		}
	}
}

func TestStatusIsBounded(t *testing.T) {
	got, err := Parse([]byte("STATUS=" + strings.Repeat("ä", 1000)))
	if err != nil || len(*got.Status) > maxText || strings.Trim(*got.Status, "ä") != "" {
		t.Errorf("a long status became %q, %v; want at most %d bytes of whole runes", *got.Status, err, maxText)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("READY=1\nSTATUS=x\nMAINPID=7\nWATCHDOG_USEC=9"))
	f.Add([]byte("FDSTORE=1\nFDNAME=a\nBARRIER=1"))
	f.Fuzz(func(t *testing.T, in []byte) {
		m, err := Parse(in)
		if err != nil {
			return
		}
		for _, s := range []*string{m.Status, &m.Milestone, &m.FDName} {
			if s != nil && (len(*s) > maxText || strings.ContainsFunc(*s, func(r rune) bool { return r < ' ' })) {
				t.Errorf("text is not fit to be shown: %q", *s)
			}
		}
		if m.MainPID < 0 || m.MainPID == 1 || m.Extend < 0 || m.WatchdogIn < 0 {
			t.Errorf("numbers out of their range: %+v", m)
		}
	})
}

// listen starts a Listener whose messages come by the channel.
func listen(t *testing.T) (path string, l *Listener, messages chan Message) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "notify")
	messages = make(chan Message, 100)
	l, err := Listen(path, slog.New(slog.NewTextHandler(io.Discard, nil)), func(m Message) { messages <- m })
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("Run = %v; want nil", err)
		}
	})
	return path, l, messages
}

// send sends a datagram, with files.
func send(t *testing.T, path, text string, fds ...int) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	var rights []byte
	if len(fds) > 0 {
		rights = unix.UnixRights(fds...)
	}
	if err := unix.Sendmsg(fd, []byte(text), rights, &unix.SockaddrUnix{Name: path}, 0); err != nil {
		t.Fatal(err)
	}
}

func TestListener(t *testing.T) {
	path, _, messages := listen(t)
	for _, text := range []string{"READY=maybe", strings.Repeat("A=1\n", 1500), "READY=1"} {
		send(t, path, text)
	}
	m := <-messages // the first two were refused
	if !m.Ready || m.PID != os.Getpid() || m.UID != uint32(os.Getuid()) {
		t.Errorf("message = %+v; want READY of process %d", m, os.Getpid())
	}
	select {
	case m := <-messages:
		t.Errorf("another message came: %+v", m)
	default:
	}
}

// TestFiles passes a file, and sees it arrive open.
func TestFiles(t *testing.T) {
	path, _, messages := listen(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	send(t, path, "FDSTORE=1\nFDNAME=pipe", int(w.Fd()))
	w.Close()
	m := <-messages
	if !m.Store || m.FDName != "pipe" || len(m.Files) != 1 {
		t.Fatalf("message = %+v; want one file called pipe", m)
	}
	if _, err := unix.Write(m.Files[0].FD(), []byte("hello")); err != nil {
		t.Error(err)
	}
	m.Close()
	if got, err := io.ReadAll(r); string(got) != "hello" || err != nil {
		t.Errorf("read %q, %v through the passed file; want hello", got, err)
	}
}

// TestTooManyFiles: none of a refused message's files stays open.
func TestTooManyFiles(t *testing.T) {
	path, _, messages := listen(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	fds := make([]int, MaxFiles+1)
	for i := range fds {
		fds[i] = int(w.Fd())
	}
	send(t, path, "FDSTORE=1", fds...)
	w.Close()
	send(t, path, "READY=1")
	if m := <-messages; !m.Ready {
		t.Errorf("message = %+v; want the one after the refused one", m)
	}
	if _, err := r.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("reading the pipe = %v; want EOF, since every copy of its other end is closed", err)
	}
}

// TestDrain: what was sent before Drain was taken when it returns.
func TestDrain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	var got int
	l, err := Listen(path, slog.New(slog.NewTextHandler(io.Discard, nil)), func(m Message) { got++ })
	if err != nil {
		t.Fatal(err)
	}
	for n := range 8 {
		send(t, path, "WATCHDOG=1")
		l.Drain()
		if got != n+1 {
			t.Fatalf("%d messages were taken; want %d", got, n+1)
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := l.Run(ctx); err != nil {
		t.Errorf("Run = %v; want nil", err)
	}
	l.Drain() // on a closed socket
}

func TestListenFails(t *testing.T) {
	if _, err := Listen(filepath.Join(t.TempDir(), "no", "such"), nil, nil); err == nil {
		t.Error("Listen in a missing directory succeeded")
	}
}

// Package notify is the manager's side of sd_notify(3): the socket to which
// services write that they are ready, that they live, and what they are doing.
//
// The kernel tells who wrote (SCM_CREDENTIALS); whether that process may speak
// for a service is for the caller to decide.
//
// Beyond systemd's own variables there is one of ours, which systemd ignores as
// it ignores every X_: X_SWITCHROOM_MILESTONE=text is a line for the console,
// where tests and people watch the box come up. With go-systemd's client:
//
//	daemon.SdNotify(false, "X_SWITCHROOM_MILESTONE=dahdi configured spans=1 channels=24")
package notify

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// Bounds of a message.
const (
	MaxBytes = 4096 // of a datagram; systemd's bound
	MaxFiles = 16   // passed along with one
	maxText  = 512  // bytes kept of STATUS and the like
)

// A Message is one datagram.
type Message struct {
	PID int // who wrote it, by the kernel's word
	UID uint32

	Ready      bool          // READY=1
	Reloading  bool          // RELOADING=1
	Stopping   bool          // STOPPING=1
	Status     *string       // STATUS=…
	Errno      int           // ERRNO=…
	MainPID    int           // MAINPID=…
	Watchdog   bool          // WATCHDOG=1: it lives
	Trigger    bool          // WATCHDOG=trigger: it wants to be treated as if it did not
	WatchdogIn time.Duration // WATCHDOG_USEC=…: from now on; 0: not said
	Extend     time.Duration // EXTEND_TIMEOUT_USEC=…: of the time-out that runs now
	Store      bool          // FDSTORE=1: keep Files
	Remove     bool          // FDSTOREREMOVE=1: forget those named FDName
	FDName     string        // FDNAME=…
	Barrier    bool          // BARRIER=1: close Files once all before was handled
	Milestone  string        // X_SWITCHROOM_MILESTONE=…

	Files []*File // the receiver is to close them
}

// A File is one that was passed along. It is no os.File, because Go would
// watch a service's socket for events that are the service's, and would change
// its mode.
type File struct {
	fd   int
	once sync.Once
}

// NewFile wraps a file descriptor.
func NewFile(fd int) *File { return &File{fd: fd} }

// FD is the file descriptor; it is good until Close.
func (f *File) FD() int { return f.fd }

// Close closes it, once.
func (f *File) Close() { f.once.Do(func() { _ = unix.Close(f.fd) }) } // nothing was written by us

// Close closes the files that came with it.
func (m *Message) Close() {
	for _, f := range m.Files {
		f.Close()
	}
	m.Files = nil
}

// Parse reads the text of a datagram: lines of NAME=value. Names that are not
// known are ignored, as systemd does; a value that is not what its name asks
// for is an error, and the message is not to be used at all.
func Parse(text []byte) (Message, error) {
	var m Message
	if len(text) > MaxBytes {
		return m, fmt.Errorf("a notification of %d bytes; the most is %d", len(text), MaxBytes)
	}
	for line := range strings.SplitSeq(string(text), "\n") {
		if line == "" {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok || name == "" {
			return m, fmt.Errorf("notification %q is not NAME=value", clean(line))
		}
		if err := m.set(name, value); err != nil {
			return m, fmt.Errorf("notification %s: %w", clean(name), err)
		}
	}
	if m.Barrier && (m.Ready || m.Stopping || m.Reloading || m.Store || m.Remove) {
		return m, fmt.Errorf("a notification with BARRIER=1 and more")
	}
	return m, nil
}

func (m *Message) set(name, value string) (err error) {
	flag := func(at *bool) error {
		if value != "1" {
			return fmt.Errorf("%q is not 1", clean(value))
		}
		*at = true
		return nil
	}
	switch name {
	case "READY":
		return flag(&m.Ready)
	case "RELOADING":
		return flag(&m.Reloading)
	case "STOPPING":
		return flag(&m.Stopping)
	case "FDSTORE":
		return flag(&m.Store)
	case "FDSTOREREMOVE":
		return flag(&m.Remove)
	case "BARRIER":
		return flag(&m.Barrier)
	case "STATUS":
		s := clean(value)
		m.Status = &s
	case "X_SWITCHROOM_MILESTONE":
		m.Milestone = clean(value)
	case "FDNAME":
		if !validFDName(value) {
			return fmt.Errorf("%q is not a name for a file", clean(value))
		}
		m.FDName = value
	case "ERRNO":
		m.Errno, err = number(value, 1, 4095)
	case "MAINPID":
		m.MainPID, err = number(value, 2, 1<<22)
	case "WATCHDOG":
		if value == "trigger" {
			m.Trigger = true
			return nil
		}
		return flag(&m.Watchdog)
	case "WATCHDOG_USEC":
		m.WatchdogIn, err = micros(value)
	case "EXTEND_TIMEOUT_USEC":
		m.Extend, err = micros(value)
	}
	return err
}

func number(s string, low, high int) (int, error) {
	v, err := strconv.Atoi(s)
	if err != nil || v < low || v > high {
		return 0, fmt.Errorf("%q is not a number from %d to %d", clean(s), low, high)
	}
	return v, nil
}

func micros(s string) (time.Duration, error) {
	v, err := strconv.ParseUint(s, 10, 63)
	if err != nil || v == 0 || v > uint64(24*time.Hour/time.Microsecond) {
		return 0, fmt.Errorf("%q is not a time from 1 µs to a day", clean(s))
	}
	return time.Duration(v) * time.Microsecond, nil
}

// validFDName is systemd's fdname_is_valid: printable ASCII without a colon.
func validFDName(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' || s[i] == ':' {
			return false
		}
	}
	return s != "" && len(s) <= 255
}

// clean makes text fit for a terminal: no control characters, valid UTF-8, and
// bounded.
func clean(s string) string {
	s = strings.ToValidUTF8(s, "�")
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
	if len(s) > maxText {
		cut := maxText
		for cut > 0 && !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut]
	}
	return s
}

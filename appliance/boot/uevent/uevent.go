// Package uevent listens to the kernel's own announcements of devices that
// come and go: netlink's NETLINK_KOBJECT_UEVENT, first group, as
// lib/kobject_uevent.c of Linux sends them.
//
// The boot waits for devices with it, so that nothing has to sleep and look
// again.
package uevent

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Event is one announcement.
type Event struct {
	Action  string            // "add", "remove", "change", "bind"…
	DevPath string            // below /sys, beginning with a slash
	Vars    map[string]string // SUBSYSTEM, MODALIAS, DEVNAME, PARTNAME…
}

// Listener receives announcements. Close ends a Next that waits.
type Listener struct {
	f    *os.File
	conn syscall.RawConn
	buf  []byte
}

// kernelGroup is the multicast group that the kernel itself sends to; udev
// sends to another.
const kernelGroup = 1

// Listen begins to listen. What is announced from now on is kept, up to
// 1 MiB, until Next asks for it.
func Listen() (*Listener, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_KOBJECT_UEVENT)
	if err != nil {
		return nil, fmt.Errorf("opening a socket for device events: %w", err)
	}
	// As root this goes beyond net.core.rmem_max; an ordinary user keeps the
	// default size.
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 1<<20)
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: kernelGroup}); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("listening for device events: %w", err)
	}
	f := os.NewFile(uintptr(fd), "uevent")
	conn, err := f.SyscallConn()
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("listening for device events: %w", err)
	}
	return &Listener{f: f, conn: conn, buf: make([]byte, 64<<10)}, nil
}

// Close ends the listener.
func (l *Listener) Close() error { return l.f.Close() }

// ErrOverrun says that announcements were lost: the kernel sent more than
// were asked for. The caller looks at sysfs again.
var ErrOverrun = errors.New("device events were lost")

// Next waits for an announcement. It fails with ErrOverrun when some were
// lost, after which it may be called again, and with an error that wraps
// os.ErrClosed after Close. Only one goroutine may call it at a time.
func (l *Listener) Next() (Event, error) {
	for {
		var (
			n    int
			from unix.Sockaddr
			err  error
		)
		waited := l.conn.Read(func(fd uintptr) bool {
			n, from, err = unix.Recvfrom(int(fd), l.buf, 0)
			return !errors.Is(err, unix.EAGAIN)
		})
		switch {
		case waited != nil:
			// The poller has an error of its own for this, which is not
			// exported.
			return Event{}, fmt.Errorf("waiting for device events: %w (%v)", os.ErrClosed, waited)
		case errors.Is(err, unix.ENOBUFS):
			return Event{}, ErrOverrun
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return Event{}, fmt.Errorf("waiting for device events: %w", err)
		}
		// Only the kernel is believed: its port number is 0.
		if nl, ok := from.(*unix.SockaddrNetlink); !ok || nl.Pid != 0 {
			continue
		}
		if e, ok := Parse(l.buf[:n]); ok {
			return e, nil
		}
	}
}

// Parse reads one message: "action@devpath", then KEY=value, each ended by a
// zero byte.
func Parse(msg []byte) (Event, bool) {
	head, rest, ok := bytes.Cut(msg, []byte{0})
	if !ok {
		return Event{}, false
	}
	action, path, ok := strings.Cut(string(head), "@")
	if !ok || action == "" || !strings.HasPrefix(path, "/") {
		return Event{}, false
	}
	e := Event{Action: action, DevPath: path, Vars: map[string]string{}}
	for field := range bytes.SplitSeq(rest, []byte{0}) {
		if k, v, ok := strings.Cut(string(field), "="); ok && k != "" {
			e.Vars[k] = v
		}
	}
	return e, true
}

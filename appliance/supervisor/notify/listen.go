package notify

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// A Listener is the manager's socket.
type Listener struct {
	conn *net.UnixConn
	raw  rawConn
	log  *slog.Logger
	take func(Message)

	mu  sync.Mutex // held while messages are received and taken
	buf [MaxBytes + 1]byte
	oob []byte
}

// rawConn is what is used of syscall.RawConn.
type rawConn interface {
	Read(func(fd uintptr) bool) error
	Control(func(fd uintptr)) error
}

// Listen makes the socket at path, where every user may write to it. Take is
// called for every message, in the order of their coming, and never twice at
// once; it may wait a moment, and is to close the message's files.
func Listen(path string, log *slog.Logger, take func(Message)) (*Listener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("removing an old notification socket: %w", err)
	}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return nil, fmt.Errorf("opening the notification socket: %w", err)
	}
	l := &Listener{conn: conn, log: log, take: take, oob: make([]byte, unix.CmsgSpace(unix.SizeofUcred)+unix.CmsgSpace(4*253))}
	setup := func() error {
		raw, err := conn.SyscallConn()
		if err != nil {
			return err
		}
		l.raw = raw
		var opt error
		if err := raw.Control(func(fd uintptr) {
			opt = errors.Join(
				unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_PASSCRED, 1),
				unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 1<<20),
			)
		}); err != nil {
			return err
		}
		return errors.Join(opt, os.Chmod(path, 0o777))
	}
	if err := setup(); err != nil {
		conn.Close()
		return nil, fmt.Errorf("setting up the notification socket: %w", err)
	}
	return l, nil
}

// Run receives until the context ends, and then closes the socket.
func (l *Listener) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { l.conn.Close() })
	defer stop()
	err := l.raw.Read(func(fd uintptr) bool {
		l.drain(int(fd))
		return false // wait until there is more
	})
	l.conn.Close()
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("receiving notifications: %w", err)
}

// Drain takes all that has come, now. A message that was sent before Drain was
// called has been taken when it returns.
func (l *Listener) Drain() {
	// An error means that the socket is closed: nothing is left to take.
	_ = l.raw.Control(func(fd uintptr) { l.drain(int(fd)) })
}

func (l *Listener) drain(fd int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		n, oobn, flags, _, err := unix.Recvmsg(fd, l.buf[:], l.oob, unix.MSG_DONTWAIT|unix.MSG_CMSG_CLOEXEC)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			if err != unix.EAGAIN {
				l.log.Error("receiving a notification", "err", err)
			}
			return
		}
		l.one(l.buf[:n], l.oob[:oobn], flags)
	}
}

// one handles one datagram.
func (l *Listener) one(text, oob []byte, flags int) {
	var from *unix.Ucred
	var files []*File
	controls, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		l.log.Warn("a notification with control data that makes no sense", "err", err)
		return
	}
	for _, c := range controls {
		if cred, err := unix.ParseUnixCredentials(&c); err == nil {
			from = cred
		}
		if fds, err := unix.ParseUnixRights(&c); err == nil {
			for _, fd := range fds {
				files = append(files, NewFile(fd))
			}
		}
	}
	m := Message{Files: files}
	refuse := func(why string, args ...any) {
		m.Close()
		l.log.Warn("notification refused: "+why, args...)
	}
	switch {
	case from == nil || from.Pid == 0:
		refuse("nobody known sent it")
		return
	case flags&unix.MSG_CTRUNC != 0 || len(files) > MaxFiles:
		refuse("too many files", "pid", from.Pid)
		return
	case len(text) > MaxBytes || flags&unix.MSG_TRUNC != 0:
		refuse("too long", "pid", from.Pid)
		return
	}
	parsed, err := Parse(text)
	if err != nil {
		refuse(err.Error(), "pid", from.Pid)
		return
	}
	parsed.PID, parsed.UID, parsed.Files = int(from.Pid), from.Uid, files
	l.take(parsed)
}

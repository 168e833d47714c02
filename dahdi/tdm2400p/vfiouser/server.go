package vfiouser

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// Listen opens the socket that a client connects to. What an earlier server left
// at path is removed, unless it still answers, or is no socket.
func Listen(path string) (*net.UnixListener, error) {
	addr := &net.UnixAddr{Name: path, Net: "unix"}
	if st, err := os.Lstat(path); err == nil && st.Mode()&os.ModeSocket != 0 {
		if c, err := net.DialUnix("unix", nil, addr); err == nil {
			c.Close()
			return nil, fmt.Errorf("listening on %s: another server is there", path)
		} else if errors.Is(err, unix.ECONNREFUSED) {
			if err := os.Remove(path); err != nil {
				return nil, fmt.Errorf("removing an old socket: %w", err)
			}
		}
	}
	l, err := net.ListenUnix("unix", addr)
	if err != nil {
		return nil, fmt.Errorf("listening for a vfio-user client: %w", err)
	}
	return l, nil
}

// Serve lets clients use the device, one after the other; who comes while there
// is one is turned away. It returns when the context ends, with its error, or
// when the listener fails; it closes the listener. Between clients the device is
// reset. log may be nil.
func Serve(ctx context.Context, l *net.UnixListener, dev Device, log *slog.Logger) error {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	defer l.Close()
	var busy sync.Mutex
	var clients sync.WaitGroup
	defer clients.Wait()
	for {
		conn, err := l.AcceptUnix()
		if err != nil {
			if ctx.Err() != nil {
				return fmt.Errorf("serving %s: %w", l.Addr(), context.Cause(ctx))
			}
			return fmt.Errorf("waiting for a vfio-user client: %w", err)
		}
		if !busy.TryLock() {
			log.Warn("vfio-user client turned away: the device is in use")
			conn.Close()
			continue
		}
		clients.Go(func() {
			defer busy.Unlock()
			log.Info("vfio-user client connected")
			dev.Reset()
			if err := ServeConn(ctx, conn, dev, log); err != nil && ctx.Err() == nil {
				log.Error("vfio-user client dropped", "err", err)
				return
			}
			log.Info("vfio-user client gone")
		})
	}
}

// ServeConn lets one client use the device, until it hangs up, which is no error.
// It closes the connection. log may be nil.
func ServeConn(ctx context.Context, conn *net.UnixConn, dev Device, log *slog.Logger) error {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	fd, err := detach(conn)
	if err != nil {
		return fmt.Errorf("taking over a vfio-user connection: %w", err)
	}
	defer unix.Close(fd)
	return newSession(fd, dev, log).serve(ctx)
}

// detach takes the descriptor out of conn, and out of the runtime's poller, which
// would otherwise be woken by every message.
func detach(conn *net.UnixConn) (fd int, err error) {
	defer conn.Close()
	raw, err := conn.SyscallConn()
	if err != nil {
		return -1, err
	}
	var dup error
	err = raw.Control(func(old uintptr) {
		fd, dup = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0)
	})
	return fd, errors.Join(err, dup)
}

package emulated

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// A PTY is a pseudo-terminal: the panel's end of a line, whose other end programs
// open at Path as they would a serial port. Closing it is pulling the plug.
type PTY struct {
	Path string

	*os.File          // the panel's end
	other    *os.File // keeps the line up while no program has it open
}

// OpenPTY makes one.
func OpenPTY() (*PTY, error) {
	// Non-blocking, so that Close ends a Read.
	f, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("making a pseudo-terminal: %w", err)
	}
	fail := func(err error) (*PTY, error) {
		f.Close()
		return nil, fmt.Errorf("making a pseudo-terminal: %w", err)
	}
	conn, err := f.SyscallConn()
	if err != nil {
		return fail(err)
	}
	var number int
	var inner error
	err = conn.Control(func(fd uintptr) {
		if inner = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); inner == nil {
			number, inner = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		}
	})
	if err == nil {
		err = inner
	}
	if err != nil {
		return fail(err)
	}
	path := fmt.Sprintf("/dev/pts/%d", number)
	other, err := os.OpenFile(path, os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		return fail(err)
	}
	// A serial line has no echo.
	oc, err := other.SyscallConn()
	if err == nil {
		err = oc.Control(func(fd uintptr) { inner = raw(int(fd)) })
	}
	if err == nil {
		err = inner
	}
	if err != nil {
		other.Close()
		return fail(err)
	}
	return &PTY{Path: path, File: f, other: other}, nil
}

func raw(fd int) error {
	t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return err
	}
	t.Iflag, t.Oflag, t.Lflag = 0, 0, 0
	return unix.IoctlSetTermios(fd, unix.TCSETS, t)
}

// Close pulls the plug: who has the line open reads its end.
func (p *PTY) Close() error {
	p.other.Close()
	return p.File.Close()
}

package vfiouser

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"runtime/debug"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// yieldTime is half of what the runtime lets a goroutine run for.
const yieldTime = 5 * time.Millisecond

// session is one connection.
type session struct {
	fd  int
	dev Device
	log *slog.Logger

	start  time.Time
	yield  time.Duration // when to let others run
	memory memory
	irq    intx
	spoken bool // VERSION was exchanged

	// in holds what was received and not dealt with yet: in[from:to]. pos is
	// where in the stream in[from] stands.
	in       []byte
	from, to int
	pos      uint64
	oob      []byte
	batches  []batch

	out []byte

	// What system calls look at, here so that it costs no allocation.
	poll  []unix.PollFd
	limit unix.Timespec
	iov   unix.Iovec
	msg   unix.Msghdr
}

// batch is the descriptors that came with the message at pos.
type batch struct {
	pos uint64
	fds []int
}

func newSession(fd int, dev Device, log *slog.Logger) *session {
	return &session{
		fd: fd, dev: dev, log: log,
		start: time.Now(),
		irq:   newINTx(),
		in:    make([]byte, 4*maxMessage),
		oob:   make([]byte, unix.CmsgSpace(maxFDs*4)),
		out:   make([]byte, 0, maxMessage),
		poll:  make([]unix.PollFd, 2),
	}
}

// serve talks with the client until it hangs up, which is nil, or misbehaves, or
// the context ends. It closes all descriptors that came from the client, but not
// fd.
func (s *session) serve(ctx context.Context) error {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))

	hung := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(hung)
		_ = unix.Shutdown(s.fd, unix.SHUT_RDWR)
	})
	defer func() {
		if !stop() {
			<-hung // so that it does not hit a descriptor that is no longer ours
		}
	}()

	s.dev.Attach(s)
	defer s.close()
	for {
		if err := s.wait(); err != nil {
			if ctx.Err() != nil {
				return fmt.Errorf("serving a vfio-user client: %w", context.Cause(ctx))
			}
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
	}
}

func (s *session) close() {
	s.dev.Detach()
	s.irq.drop()
	s.memory.clear()
	for _, b := range s.batches {
		closeAll(b.fds)
	}
	s.batches = nil
}

// wait lets the device run, sleeps until something happens, and deals with it.
func (s *session) wait() error {
	now := s.now()
	if now >= s.yield {
		// The runtime takes a goroutine that never yields for one that hogs its
		// thread, and then watches it, every 20 µs, at a cost that is a quarter
		// of ours.
		runtime.Gosched()
		s.yield = now + yieldTime
	}
	next := s.dev.Run(now)
	next = min(next, s.irq.due(now))

	s.poll[0] = unix.PollFd{Fd: int32(s.fd), Events: unix.POLLIN}
	fds := s.poll[:1]
	if s.irq.resample >= 0 {
		s.poll[1] = unix.PollFd{Fd: int32(s.irq.resample), Events: unix.POLLIN}
		fds = s.poll[:2]
	}
	var limit *unix.Timespec
	if next != Never {
		s.limit = unix.NsecToTimespec(int64(max(next-s.now(), 0)))
		limit = &s.limit
	}
	n, err := unix.Ppoll(fds, limit, nil)
	if err == unix.EINTR || n == 0 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("waiting for a vfio-user client: %w", err)
	}
	if len(fds) > 1 && fds[1].Revents != 0 {
		s.irq.resampled(s.now())
	}
	if fds[0].Revents != 0 {
		return s.receive()
	}
	return nil
}

// receive takes what has come and carries out the messages that are complete.
func (s *session) receive() error {
	if err := s.fill(); err != nil {
		return err
	}
	for s.to-s.from >= headerSize {
		h, err := parseHeader(s.in[s.from:s.to])
		if err != nil {
			return err
		}
		size := int(h.size)
		if s.to-s.from < size {
			return nil
		}
		body := s.in[s.from+headerSize : s.from+size]
		fds := s.claim()
		err = s.handle(h, body, fds)
		closeAll(fds)
		if err != nil {
			return err
		}
		s.from += size
		s.pos += uint64(size)
	}
	return nil
}

// fill reads once.
func (s *session) fill() error {
	if s.from > 0 {
		copy(s.in, s.in[s.from:s.to])
		s.from, s.to = 0, s.to-s.from
	}
	n, oobn, flags, err := s.recvmsg(s.in[s.to:])
	switch err {
	case 0:
	case unix.EAGAIN, unix.EINTR:
		return nil
	case unix.ECONNRESET:
		return io.EOF
	default:
		return fmt.Errorf("reading from a vfio-user client: %w", err)
	}
	old := s.to
	s.to += n
	if oobn > 0 {
		fds, err := parseRights(s.oob[:oobn])
		if err == nil && flags&unix.MSG_CTRUNC != 0 {
			err = fmt.Errorf("more than %d file descriptors: %w", maxFDs, errProtocol)
		}
		if err == nil {
			err = s.tie(fds, old)
		}
		if err != nil {
			closeAll(fds)
			return err
		}
	}
	if n == 0 {
		return io.EOF
	}
	return nil
}

// recvmsg is the system call without the memory that its wrapper costs each time,
// and without telling the runtime, which would only look after a call that blocks.
func (s *session) recvmsg(p []byte) (n, oobn, flags int, err unix.Errno) {
	s.iov.Base = &p[0]
	s.iov.SetLen(len(p))
	s.msg = unix.Msghdr{Iov: &s.iov, Control: &s.oob[0]}
	s.msg.SetIovlen(1)
	s.msg.SetControllen(len(s.oob))
	const how = unix.MSG_DONTWAIT | unix.MSG_CMSG_CLOEXEC
	r, _, err := unix.RawSyscall(unix.SYS_RECVMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&s.msg)), how)
	if err != 0 {
		return 0, 0, 0, err
	}
	return int(r), int(s.msg.Controllen), int(s.msg.Flags), 0
}

// tie notes to which message the descriptors belong that came with what was read
// into the buffer from old on.
func (s *session) tie(fds []int, old int) error {
	if len(fds) == 0 {
		return nil
	}
	owner := -1
	for at := s.from; at < s.to; {
		if at >= old {
			owner = at
		}
		if s.to-at < headerSize {
			break
		}
		h, err := parseHeader(s.in[at:s.to])
		if err != nil {
			return err
		}
		at += int(h.size)
	}
	if owner < 0 {
		return fmt.Errorf("file descriptors inside a message: %w", errProtocol)
	}
	s.batches = append(s.batches, batch{s.pos + uint64(owner-s.from), fds})
	return nil
}

// claim returns the descriptors of the message at hand.
func (s *session) claim() []int {
	if len(s.batches) == 0 || s.batches[0].pos != s.pos {
		return nil
	}
	fds := s.batches[0].fds
	s.batches = s.batches[1:]
	return fds
}

func parseRights(oob []byte) (fds []int, err error) {
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, fmt.Errorf("reading control messages: %w", err)
	}
	for i := range msgs {
		if msgs[i].Header.Level != unix.SOL_SOCKET || msgs[i].Header.Type != unix.SCM_RIGHTS {
			continue
		}
		got, err := unix.ParseUnixRights(&msgs[i])
		if err != nil {
			return fds, fmt.Errorf("reading file descriptors: %w", err)
		}
		fds = append(fds, got...)
	}
	return fds, nil
}

func closeAll(fds []int) {
	for _, fd := range fds {
		if fd >= 0 {
			_ = unix.Close(fd)
		}
	}
}

// send writes the message in out. The client reads its replies, or waits for
// them: a full socket is one that is not served.
func (s *session) send() error {
	for b := s.out; len(b) > 0; {
		n, _, err := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(s.fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)),
			unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT, 0, 0)
		switch err {
		case 0:
			b = b[n:]
		case unix.EINTR:
		case unix.EAGAIN:
			fds := []unix.PollFd{{Fd: int32(s.fd), Events: unix.POLLOUT}}
			if _, err := unix.Ppoll(fds, nil, nil); err != nil && err != unix.EINTR {
				return fmt.Errorf("waiting to answer a vfio-user client: %w", err)
			}
		case unix.EPIPE, unix.ECONNRESET:
			return io.EOF
		default:
			return fmt.Errorf("answering a vfio-user client: %w", err)
		}
	}
	return nil
}

func (s *session) now() time.Duration { return time.Since(s.start) }

// The Host's side.

func (s *session) ReadMemory(addr uint64, p []byte) error  { return s.memory.read(addr, p) }
func (s *session) WriteMemory(addr uint64, p []byte) error { return s.memory.write(addr, p) }
func (s *session) Load32(addr uint64) (uint32, error)      { return s.memory.load32(addr) }
func (s *session) Store32(addr uint64, v uint32) error     { return s.memory.store32(addr, v) }
func (s *session) SetInterrupt(up bool)                    { s.irq.set(up, s.now()) }
func (s *session) Refires() uint64                         { return s.irq.refires }

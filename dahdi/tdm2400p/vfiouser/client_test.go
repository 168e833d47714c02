package vfiouser

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// toy is a device of two regions that keep what is written, and a clock.
type toy struct {
	mu     sync.Mutex
	region [2][64]byte
	host   Host
	resets int
	gone   bool
	every  time.Duration // 0: no clock
	ticks  int
	onTick func(Host)
	do     chan func(Host) // done on the device's goroutine, at the next access
	done   chan struct{}
	allow  error // what accesses return
}

func newToy() *toy {
	return &toy{do: make(chan func(Host), 1), done: make(chan struct{})}
}

func (d *toy) RegionSize(region int) uint64 {
	switch region {
	case RegionBAR0 + 1, RegionConfig:
		return 64
	}
	return 0
}

func (d *toy) at(region int) *[64]byte { return &d.region[region&1^1] }

func (d *toy) ReadRegion(region int, offset uint64, p []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	select {
	case fn := <-d.do:
		fn(d.host)
	default:
	}
	copy(p, d.at(region)[offset:])
	return d.allow
}

func (d *toy) WriteRegion(region int, offset uint64, p []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	copy(d.at(region)[offset:], p)
	return d.allow
}

func (d *toy) Reset() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.resets++
}

func (d *toy) Attach(h Host) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.host = h
}

func (d *toy) Detach() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.gone = true
}

func (d *toy) Run(now time.Duration) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.every == 0 {
		return Never
	}
	if n := int(now / d.every); n > d.ticks {
		d.ticks = n
		d.onTick(d.host)
	}
	return time.Duration(d.ticks+1) * d.every
}

// client talks to a server over a socket pair.
type client struct {
	t   testing.TB
	fd  int
	id  uint16
	dev *toy
	err chan error // the server's end
}

func newClient(t testing.TB, dev *toy) *client {
	t.Helper()
	c := dial(t, dev)
	c.call(cmdVersion, append([]byte{0, 0, 1, 0}, `{"capabilities":{"max_msg_fds":16}}`+"\x00"...))
	return c
}

// dial does not say the version yet.
func dial(t testing.TB, dev *toy) *client {
	t.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.SetNonblock(pair[1], true); err != nil {
		t.Fatal(err)
	}
	c := &client{t: t, fd: pair[0], dev: dev, err: make(chan error, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer unix.Close(pair[1])
		c.err <- newSession(pair[1], dev, slog.New(slog.DiscardHandler)).serve(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
		unix.Close(pair[0])
		if dev.mu.Lock(); !dev.gone {
			t.Error("the device was not detached")
		}
		dev.mu.Unlock()
	})
	return c
}

// message makes a request.
func message(id, command uint16, flags uint32, body []byte) []byte {
	b := make([]byte, headerSize, headerSize+len(body))
	le.PutUint16(b[0:], id)
	le.PutUint16(b[2:], command)
	le.PutUint32(b[4:], uint32(headerSize+len(body)))
	le.PutUint32(b[8:], flags)
	return append(b, body...)
}

func (c *client) send(b []byte, fds ...int) {
	c.t.Helper()
	var oob []byte
	if len(fds) > 0 {
		oob = unix.UnixRights(fds...)
	}
	if err := unix.Sendmsg(c.fd, b, oob, nil, unix.MSG_NOSIGNAL); err != nil {
		c.t.Fatalf("sending: %v", err)
	}
}

func (c *client) receive(n int) []byte {
	c.t.Helper()
	b := make([]byte, n)
	for got := 0; got < n; {
		m, err := unix.Read(c.fd, b[got:])
		if err == unix.EINTR {
			continue
		}
		if err != nil || m == 0 {
			c.t.Fatalf("receiving: %d of %d octets, %v", got, n, err)
		}
		got += m
	}
	return b
}

// reply reads one, and returns its body and errno.
func (c *client) reply(command uint16) ([]byte, unix.Errno) {
	c.t.Helper()
	h := c.receive(headerSize)
	if id := le.Uint16(h); id != c.id {
		c.t.Fatalf("a reply to message %d, want %d", id, c.id)
	}
	if got := le.Uint16(h[2:]); got != command {
		c.t.Fatalf("a reply to command %d, want %d", got, command)
	}
	flags, errno := le.Uint32(h[8:]), unix.Errno(le.Uint32(h[12:]))
	if failed := flags&flagError != 0; flags&^flagError != flagReply || failed != (errno != 0) {
		c.t.Fatalf("a reply with flags %#x and error %d", flags, errno)
	}
	return c.receive(int(le.Uint32(h[4:])) - headerSize), errno
}

func (c *client) try(command uint16, body []byte, fds ...int) ([]byte, unix.Errno) {
	c.t.Helper()
	c.id++
	c.send(message(c.id, command, 0, body), fds...)
	return c.reply(command)
}

func (c *client) call(command uint16, body []byte, fds ...int) []byte {
	c.t.Helper()
	b, errno := c.try(command, body, fds...)
	if errno != 0 {
		c.t.Fatalf("command %d: %v", command, errno)
	}
	return b
}

// do runs fn on the device's goroutine.
func (c *client) do(fn func(Host)) {
	c.t.Helper()
	c.dev.do <- fn
	c.call(cmdRegionRead, words(0, 0, RegionConfig, 1))
}

func words(vs ...uint32) []byte {
	var b []byte
	for _, v := range vs {
		b = le.AppendUint32(b, v)
	}
	return b
}

func (c *client) dmaMap(flags uint32, offset, iova, size uint64, fds ...int) unix.Errno {
	c.t.Helper()
	b := words(32, flags)
	for _, v := range []uint64{offset, iova, size} {
		b = le.AppendUint64(b, v)
	}
	_, errno := c.try(cmdDMAMap, b, fds...)
	return errno
}

func (c *client) dmaUnmap(flags uint32, iova, size uint64) unix.Errno {
	c.t.Helper()
	b := words(24, flags)
	b = le.AppendUint64(le.AppendUint64(b, iova), size)
	_, errno := c.try(cmdDMAUnmap, b)
	return errno
}

func (c *client) irq(flags, index, start, count uint32, fds ...int) unix.Errno {
	c.t.Helper()
	_, errno := c.try(cmdSetIRQs, words(20, flags, index, start, count), fds...)
	return errno
}

// ends waits for the server to be done with the client.
func (c *client) ends() error {
	c.t.Helper()
	return <-c.err
}

func memfd(t testing.TB, size int) int {
	t.Helper()
	fd, err := unix.MemfdCreate("guest", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := unix.Ftruncate(fd, int64(size)); err != nil {
		t.Fatal(err)
	}
	return fd
}

func eventfd(t testing.TB) int {
	t.Helper()
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

// signals returns how often an eventfd was signalled since it was last asked.
func signals(t testing.TB, fd int) int {
	t.Helper()
	var b [8]byte
	_, err := unix.Read(fd, b[:])
	if errors.Is(err, unix.EAGAIN) {
		return 0
	}
	if err != nil {
		t.Fatal(err)
	}
	return int(le.Uint64(b[:]))
}

// openFDs returns how many descriptors the process has.
func openFDs(t testing.TB) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

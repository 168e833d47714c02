package tdm2400p

import (
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"switchroom/dahdi/tdm2400p/vfiouser"
)

// remote is a card at the other end of a vfio-user socket: as much of a client as
// a guest needs.
type remote struct {
	t    *testing.T
	conn *net.UnixConn
	id   uint16
}

// call sends a request, with at most one descriptor, and returns the answer's
// body.
func (r *remote) call(command uint16, body []byte, fds ...int) []byte {
	r.t.Helper()
	r.id++
	b := make([]byte, 16, 16+len(body))
	le.PutUint16(b, r.id)
	le.PutUint16(b[2:], command)
	le.PutUint32(b[4:], uint32(16+len(body)))
	var oob []byte
	if len(fds) > 0 {
		oob = unix.UnixRights(fds...)
	}
	if _, _, err := r.conn.WriteMsgUnix(append(b, body...), oob, nil); err != nil {
		r.t.Fatal(err)
	}
	var h [16]byte
	if _, err := io.ReadFull(r.conn, h[:]); err != nil {
		r.t.Fatal(err)
	}
	if id, errno := le.Uint16(h[:]), le.Uint32(h[12:]); id != r.id || errno != 0 {
		r.t.Fatalf("command %d: answer to message %d of %d, errno %d", command, id, r.id, errno)
	}
	answer := make([]byte, le.Uint32(h[4:])-16)
	if _, err := io.ReadFull(r.conn, answer); err != nil {
		r.t.Fatal(err)
	}
	return answer
}

func words(vs ...uint32) (b []byte) {
	for _, v := range vs {
		b = le.AppendUint32(b, v)
	}
	return b
}

func (r *remote) RegionSize(int) uint64 { return 0 }

func (r *remote) ReadRegion(region int, offset uint64, p []byte) error {
	copy(p, r.call(9, words(uint32(offset), 0, uint32(region), uint32(len(p))))[16:])
	return nil
}

func (r *remote) WriteRegion(region int, offset uint64, p []byte) error {
	r.call(10, append(words(uint32(offset), 0, uint32(region), uint32(len(p))), p...))
	return nil
}

func (r *remote) Reset()                          { r.call(13, nil) }
func (r *remote) Attach(vfiouser.Host)            {}
func (r *remote) Detach()                         {}
func (r *remote) Run(time.Duration) time.Duration { return vfiouser.Never }

// TestOverTheSocket runs a guest against a card at the other end of a socket, with
// shared memory and a real interrupt; then another one, as after a restart of the
// virtual machine.
func TestOverTheSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "card")
	card := New(Config{Ports: all(FXS)}, nil)
	l, err := vfiouser.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- card.Serve(ctx, l) }()
	for range 2 {
		overTheSocket(t, card, path)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("Serve = %v", err)
	}
}

func overTheSocket(t *testing.T, card *Card, path string) {
	r := &remote{t: t}
	for hello := false; !hello; { // the server may not have seen its last client go
		conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
		if err != nil {
			t.Fatal(err)
		}
		b := append(words(1<<16, 20, 0, 0), 0, 0, 1, 0)
		if _, err := conn.Write(b); err == nil {
			var h [16]byte
			if _, err := io.ReadFull(conn, h[:]); err == nil {
				if _, err := io.CopyN(io.Discard, conn, int64(le.Uint32(h[4:])-16)); err != nil {
					t.Fatal(err)
				}
				hello, r.conn = true, conn
				continue
			}
		}
		conn.Close()
	}
	defer r.conn.Close()

	mem, err := unix.MemfdCreate("guest", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(mem)
	const size = (memSize + 4095) &^ 4095
	if err := unix.Ftruncate(mem, size); err != nil {
		t.Fatal(err)
	}
	shared, err := unix.Mmap(mem, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Munmap(shared); err != nil {
			t.Error(err)
		}
	}()
	interrupt, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(interrupt)
	r.call(2, words(32, 3, 0, 0, memBase, 0, size, 0), mem)
	r.call(8, words(20, 0x24, 0, 0, 1), interrupt)

	before := card.Stats()
	g := &guest{t: t, card: card, dev: r, mem: shared[:memSize]}
	g.config(pciCommand, 0x16, 0)
	g.start()
	for len(g.frames) < 50 {
		if _, err := unix.Poll([]unix.PollFd{{Fd: int32(interrupt), Events: unix.POLLIN}}, -1); err == unix.EINTR {
			continue
		} else if err != nil {
			t.Fatal(err)
		}
		var b [8]byte
		if _, err := unix.Read(interrupt, b[:]); err != nil {
			t.Fatal(err)
		}
		g.handle()
	}
	for i, ident := range g.frames {
		if want := uint8(7 * i); ident != want {
			t.Fatalf("frame %d has ident %d, want %d", i, ident, want)
		}
	}
	g.stop()
	r.Reset()
	if s := card.Stats(); s.Underruns != before.Underruns || s.BusErrors != before.BusErrors || s.Frames < before.Frames+50 {
		t.Errorf("stats: %+v, before %+v", s, before)
	}
}

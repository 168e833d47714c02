package vfiouser

import (
	"errors"
	"io"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// FuzzDecoders feeds the decoders alone.
func FuzzDecoders(f *testing.F) {
	f.Add(message(1, cmdRegionRead, 0, words(0, 0, 1, 4)))
	f.Add(message(1, cmdSetIRQs, 0, words(20, 0x24, 0, 0, 1)))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) >= headerSize {
			if h, err := parseHeader(b); err == nil && (h.size < headerSize || h.size > maxMessage) {
				t.Errorf("a message of %d octets passes", h.size)
			}
		}
		if a, err := parseAccess(b); err == nil && a.count > maxTransfer {
			t.Errorf("an access of %d octets passes", a.count)
		}
		var m memory
		defer m.clear()
		if d, err := parseDMAMap(b); err == nil {
			if m.add(d, -1) == nil && m.ranges[0].end() < m.ranges[0].iova {
				t.Errorf("a range around the world passes: %+v", d)
			}
		}
		if d, err := parseDMAUnmap(b); err == nil {
			_ = m.remove(d)
		}
		_ = m.read(0x1000, make([]byte, 16))
		x := newINTx()
		defer x.drop()
		if s, err := parseSetIRQs(b); err == nil {
			_ = x.configure(s, nil, 0)
		}
	})
}

// FuzzServer plays a hostile client: any octets, cut into any pieces, with
// descriptors of any kind on them. The server must end the connection, cleanly.
func FuzzServer(f *testing.F) {
	hello := message(1, cmdVersion, 0, []byte{0, 0, 1, 0})
	add := func(ms ...[]byte) {
		b := hello
		for _, m := range ms {
			b = append(b[:len(b):len(b)], m...)
		}
		f.Add(b, byte(0), uint16(0))
		f.Add(b, byte(1), uint16(len(hello)))
		f.Add(b, byte(2), uint16(len(hello)))
		f.Add(b, byte(3), uint16(7))
	}
	body := words(32, 3)
	for _, v := range []uint64{0, 0, 4096} {
		body = le.AppendUint64(body, v)
	}
	add(message(2, cmdDMAMap, 0, body), message(3, cmdRegionRead, 0, words(0, 0, 1, 4)))
	add(message(2, cmdSetIRQs, 0, words(20, 0x24, 0, 0, 1)), message(3, cmdRegionRead, 0, words(0, 0, 1, 4)))
	add(message(2, cmdSetIRQs, 0, words(20, 0x14, 0, 0, 1)), message(3, cmdReset, 0, nil))
	add(message(2, cmdGetInfo, 0, words(16, 0, 0, 0)), message(3, cmdGetRegionInfo, 0, words(32, 0, 1, 0, 0, 0, 0, 0)))
	f.Fuzz(func(t *testing.T, b []byte, kind byte, at uint16) {
		dev := newToy()
		up := false
		dev.every = 50 * time.Microsecond
		dev.onTick = func(h Host) {
			up = !up
			h.SetInterrupt(up)
			_ = h.WriteMemory(0, []byte("guest memory"))
			_, _ = h.Load32(0x1000)
		}
		c := dial(t, dev)
		var fds []int
		switch kind % 4 {
		case 1:
			fds = []int{memfd(t, 8192)}
		case 2:
			fds = []int{eventfd(t)}
		case 3:
			fds = []int{memfd(t, 100), eventfd(t), c.fd}
		}
		cut := min(int(at), len(b))
		for _, piece := range [][]byte{b[:cut], b[cut:]} {
			if len(piece) == 0 {
				continue
			}
			var oob []byte
			if len(fds) > 0 {
				oob = unix.UnixRights(fds...)
			}
			// The server may have had enough.
			if err := unix.Sendmsg(c.fd, piece, oob, nil, unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT); err != nil {
				break
			}
		}
		if err := unix.Shutdown(c.fd, unix.SHUT_WR); err != nil && !errors.Is(err, unix.ENOTCONN) {
			t.Fatal(err)
		}
		// It may want to answer.
		read := make(chan struct{})
		go func() {
			defer close(read)
			var sink [4096]byte
			for {
				if n, err := unix.Read(c.fd, sink[:]); n <= 0 && err != unix.EINTR {
					return
				}
			}
		}()
		if err := c.ends(); err != nil && !errors.Is(err, errProtocol) && !errors.Is(err, io.EOF) {
			t.Errorf("the server ends with %v", err)
		}
		_ = unix.Shutdown(c.fd, unix.SHUT_RDWR)
		<-read
	})
}

package vfiouser

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestVersion(t *testing.T) {
	c := dial(t, newToy())
	b := c.call(cmdVersion, []byte{0, 0, 1, 0})
	if !bytes.Equal(b[:4], []byte{0, 0, 1, 0}) || b[len(b)-1] != 0 {
		t.Fatalf("version: % x", b)
	}
	var said struct {
		Capabilities struct {
			MaxFDs  int `json:"max_msg_fds"`
			MaxData int `json:"max_data_xfer_size"`
		}
	}
	if err := json.Unmarshal(b[4:len(b)-1], &said); err != nil {
		t.Fatal(err)
	}
	if said.Capabilities.MaxFDs != maxFDs || said.Capabilities.MaxData != maxTransfer {
		t.Errorf("capabilities: %+v", said)
	}
}

func TestVersionFirst(t *testing.T) {
	c := dial(t, newToy())
	c.send(message(1, cmdGetInfo, 0, make([]byte, 16)))
	if err := c.ends(); !errors.Is(err, errProtocol) {
		t.Errorf("a client that does not say its version: %v", err)
	}
	c = newClient(t, newToy())
	c.send(message(1, cmdVersion, 0, []byte{0, 0, 1, 0}))
	if err := c.ends(); !errors.Is(err, errProtocol) {
		t.Errorf("a client that says its version twice: %v", err)
	}
	c = dial(t, newToy())
	if _, errno := c.try(cmdVersion, []byte{1, 0, 0, 0}); errno != unix.ENOTSUP {
		t.Errorf("version 1.0: %v", errno)
	}
	if _, errno := c.try(cmdVersion, append([]byte{0, 0, 1, 0}, "{nonsense\x00"...)); errno != unix.EINVAL {
		t.Errorf("broken capabilities: %v", errno)
	}
}

func TestInfo(t *testing.T) {
	c := newClient(t, newToy())
	if got, want := c.call(cmdGetInfo, words(16, 0, 0, 0)), words(16, 3, 9, 5); !bytes.Equal(got, want) {
		t.Errorf("device: % x, want % x", got, want)
	}
	for region := range uint32(Regions) {
		var flags, size uint32
		if region == 1 || region == RegionConfig {
			flags, size = 3, 64
		}
		got := c.call(cmdGetRegionInfo, words(32, 0, region, 0, 0, 0, 0, 0))
		if want := words(32, flags, region, 0, size, 0, 0, 0); !bytes.Equal(got, want) {
			t.Errorf("region %d: % x, want % x", region, got, want)
		}
	}
	for index := range uint32(irqs) {
		var flags, count uint32
		if index == 0 {
			flags, count = 7, 1
		}
		if got, want := c.call(cmdGetIRQInfo, words(16, 0, index, 0)), words(16, flags, index, count); !bytes.Equal(got, want) {
			t.Errorf("interrupt %d: % x, want % x", index, got, want)
		}
	}
	for _, tt := range []struct {
		command uint16
		body    []byte
		want    unix.Errno
	}{
		{cmdGetRegionInfo, words(32, 0, Regions, 0, 0, 0, 0, 0), unix.EINVAL},
		{cmdGetIRQInfo, words(16, 0, irqs, 0), unix.EINVAL},
		{cmdGetInfo, nil, unix.EINVAL},
		{cmdGetRegionInfo, nil, unix.EINVAL},
		{cmdGetIRQInfo, nil, unix.EINVAL},
		{cmdSetIRQs, nil, unix.EINVAL},
		{cmdDMAMap, nil, unix.EINVAL},
		{cmdDMAUnmap, nil, unix.EINVAL},
		{cmdRegionRead, nil, unix.EINVAL},
		{cmdRegionWrite, nil, unix.EINVAL},
		{6, nil, unix.ENOTSUP},
		{99, nil, unix.ENOTSUP},
	} {
		if _, errno := c.try(tt.command, tt.body); errno != tt.want {
			t.Errorf("command %d with %d octets: %v, want %v", tt.command, len(tt.body), errno, tt.want)
		}
	}
}

func TestAccess(t *testing.T) {
	c := newClient(t, newToy())
	head := words(8, 0, 1, 4)
	if got := c.call(cmdRegionWrite, append(bytes.Clone(head), 1, 2, 3, 4)); !bytes.Equal(got, head) {
		t.Errorf("write: % x, want % x", got, head)
	}
	if got, want := c.call(cmdRegionRead, head), append(bytes.Clone(head), 1, 2, 3, 4); !bytes.Equal(got, want) {
		t.Errorf("read: % x, want % x", got, want)
	}
	// A posted write has no answer; what follows on it does.
	c.send(message(7, cmdRegionWrite, flagNoReply, append(bytes.Clone(head), 5, 6, 7, 8)))
	if got, want := c.call(cmdRegionRead, head), append(bytes.Clone(head), 5, 6, 7, 8); !bytes.Equal(got, want) {
		t.Errorf("read: % x, want % x", got, want)
	}
	for _, tt := range []struct {
		name string
		body []byte
	}{
		{"beyond the end", words(61, 0, 1, 4)},
		{"far beyond the end", words(0xffffffff, 0xffffffff, 1, 4)},
		{"more than the region", words(0, 0, 1, 65)},
		{"more than may be", words(0, 0, 1, 5000)},
		{"much more than may be", words(0, 0, 1, 0xffffffff)},
		{"of a region without size", words(0, 0, 2, 4)},
		{"of no region", words(0, 0, 9, 4)},
		{"of a negative region", words(0, 0, 0xffffffff, 4)},
	} {
		if _, errno := c.try(cmdRegionRead, tt.body); errno != unix.EINVAL {
			t.Errorf("read %s: %v", tt.name, errno)
		}
		if _, errno := c.try(cmdRegionWrite, append(tt.body, 1, 2, 3, 4)); errno != unix.EINVAL {
			t.Errorf("write %s: %v", tt.name, errno)
		}
	}
	if _, errno := c.try(cmdRegionWrite, append(words(0, 0, 1, 4), 1, 2, 3)); errno != unix.EINVAL {
		t.Errorf("write with too little data: %v", errno)
	}
	c.dev.mu.Lock()
	c.dev.allow = errors.New("no")
	c.dev.mu.Unlock()
	if _, errno := c.try(cmdRegionRead, head); errno != unix.EIO {
		t.Errorf("read that the device refuses: %v", errno)
	}
}

func TestReset(t *testing.T) {
	c := newClient(t, newToy())
	c.call(cmdReset, nil)
	if c.dev.mu.Lock(); c.dev.resets != 1 {
		t.Errorf("%d resets", c.dev.resets)
	}
	c.dev.mu.Unlock()
}

// TestPipelined sends everything at once, in pieces of every size.
func TestPipelined(t *testing.T) {
	for size := 1; size < 70; size += 3 {
		c := newClient(t, newToy())
		var stream []byte
		for i := range 50 {
			flags := uint32(0)
			if i%2 == 0 {
				flags = flagNoReply
			}
			stream = append(stream, message(uint16(i), cmdRegionWrite, flags, append(words(0, 0, 1, 1), byte(i)))...)
		}
		go func() {
			for b := stream; len(b) > 0; b = b[min(size, len(b)):] {
				c.send(b[:min(size, len(b))])
			}
		}()
		for i := 1; i < 50; i += 2 {
			c.id = uint16(i)
			if _, errno := c.reply(cmdRegionWrite); errno != 0 {
				t.Fatalf("pieces of %d: write %d: %v", size, i, errno)
			}
		}
		if got := c.call(cmdRegionRead, words(0, 0, 1, 1))[16]; got != 49 {
			t.Errorf("pieces of %d: the last write left %d", size, got)
		}
	}
}

// TestDescriptorsBelongToTheirMessage sends maps that are told apart by what is
// in their file, amid messages without a descriptor, as fast as can be.
func TestDescriptorsBelongToTheirMessage(t *testing.T) {
	c := newClient(t, newToy())
	const n = 40
	for i := range uint64(n) {
		fd := memfd(t, 4096)
		if _, err := unix.Pwrite(fd, []byte{byte(i) + 1}, 0); err != nil {
			t.Fatal(err)
		}
		c.send(message(0, cmdRegionWrite, flagNoReply, append(words(0, 0, 1, 1), 0)))
		body := words(32, 3)
		for _, v := range []uint64{0, i << 12, 4096} {
			body = le.AppendUint64(body, v)
		}
		c.send(message(0, cmdDMAMap, flagNoReply, body), fd)
		body = words(32, 3) // without a descriptor
		for _, v := range []uint64{0, (i + 1000) << 12, 4096} {
			body = le.AppendUint64(body, v)
		}
		c.send(message(0, cmdDMAMap, flagNoReply, body))
	}
	c.do(func(h Host) {
		var b [1]byte
		for i := range uint64(n) {
			if err := h.ReadMemory(i<<12, b[:]); err != nil || b[0] != byte(i)+1 {
				t.Errorf("map %d holds %d, %v", i, b[0], err)
			}
			if err := h.ReadMemory((i+1000)<<12, b[:]); !errors.Is(err, ErrAddress) {
				t.Errorf("map %d without a descriptor: %v", i, err)
			}
		}
	})
}

func TestDescriptorInsideAMessage(t *testing.T) {
	c := newClient(t, newToy())
	c.id = 1
	m := message(c.id, cmdRegionRead, 0, words(0, 0, 1, 4))
	// One and a half: when the first is answered, the half has been read.
	c.send(append(bytes.Clone(m), m[:20]...))
	if _, errno := c.reply(cmdRegionRead); errno != 0 {
		t.Fatal(errno)
	}
	c.send(m[20:], memfd(t, 4096))
	if err := c.ends(); !errors.Is(err, errProtocol) {
		t.Errorf("a descriptor inside a message: %v", err)
	}
}

func TestMalformed(t *testing.T) {
	for name, b := range map[string][]byte{
		"too short":  words(0, 8, 0, 0),
		"too long":   words(0, maxMessage+1, 0, 0),
		"huge":       words(0, 0xffffffff, 0, 0),
		"a reply":    message(1, cmdGetInfo, flagReply, nil),
		"of no type": message(1, cmdGetInfo, 7, nil),
	} {
		c := newClient(t, newToy())
		c.send(b)
		if err := c.ends(); !errors.Is(err, errProtocol) {
			t.Errorf("a message %s: %v", name, err)
		}
	}
}

func TestTooManyDescriptors(t *testing.T) {
	before := openFDs(t)
	c := newClient(t, newToy())
	fd := memfd(t, 4096)
	var many []int
	for range maxFDs + 1 {
		many = append(many, fd)
	}
	c.send(message(1, cmdReset, 0, nil), many...)
	if err := c.ends(); !errors.Is(err, errProtocol) {
		t.Errorf("%d descriptors: %v", len(many), err)
	}
	// The socket pair and the memfd are still there.
	if after := openFDs(t); after > before+3 {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

// TestUnwantedDescriptors are closed, and do no harm.
func TestUnwantedDescriptors(t *testing.T) {
	c := newClient(t, newToy())
	fd := memfd(t, 4096)
	before := openFDs(t)
	for range 10 {
		c.call(cmdReset, nil, fd, fd, fd)
		if errno := c.dmaMap(3, 0, 0, 4096, fd, fd); errno != unix.EINVAL {
			t.Errorf("a map with two descriptors: %v", errno)
		}
		if errno := c.irq(0x24, 0, 0, 1, fd, fd); errno != unix.EINVAL {
			t.Errorf("an interrupt with two descriptors: %v", errno)
		}
	}
	c.call(cmdReset, nil) // those of the message before are closed by now
	if after := openFDs(t); after != before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

// TestDescriptorsAreClosed: whatever a client leaves behind goes with it.
func TestDescriptorsAreClosed(t *testing.T) {
	dev := newToy()
	c := newClient(t, dev)
	before := openFDs(t)
	fd, ev, re := memfd(t, 8192), eventfd(t), eventfd(t)
	if errno := c.dmaMap(3, 0, 0, 8192, fd); errno != 0 {
		t.Fatal(errno)
	}
	c.irq(0x24, 0, 0, 1, ev)
	c.irq(0x14, 0, 0, 1, re)
	m := message(9, cmdDMAMap, 0, make([]byte, 32))
	c.send(m[:len(m)-1], fd) // never completed
	if err := unix.Shutdown(c.fd, unix.SHUT_WR); err != nil {
		t.Fatal(err)
	}
	if err := c.ends(); err != nil {
		t.Errorf("a client that hangs up: %v", err)
	}
	if after := openFDs(t); after > before+3 {
		t.Errorf("%d descriptors before, %d after, 3 of them the test's", before, after)
	}
}

// TestContext: the server lets go of its client when it is told to.
func TestContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	dev := newToy()
	ended := make(chan error)
	go func() { ended <- Serve(ctx, l, dev, nil) }()
	if _, err := Listen(path); err == nil || !strings.Contains(err.Error(), "another server") {
		t.Errorf("a second server on the socket: %v", err)
	}
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for { // who was turned away for the probe above comes again
		if _, err := conn.Write(message(1, cmdVersion, 0, []byte{0, 0, 0, 0})); err == nil {
			var b [16]byte
			if n, _ := conn.Read(b[:]); n > 0 {
				break
			}
		}
		conn.Close()
		if conn, err = net.Dial("unix", path); err != nil {
			t.Fatal(err)
		}
	}
	second, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if n, err := second.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("a second client: %d octets, %v; want to be turned away", n, err)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("Serve = %v", err)
	}
	if dev.mu.Lock(); !dev.gone {
		t.Error("the device was not detached")
	}
	dev.mu.Unlock()
	// What is left of the socket is no hindrance.
	l, err = Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
}

// TestClock: the device is called at the times that it asks for.
func TestClock(t *testing.T) {
	dev := newToy()
	ticked := make(chan struct{})
	n := 0
	dev.every, dev.onTick = time.Millisecond, func(Host) {
		if n++; n == 20 {
			close(ticked)
		}
	}
	c := newClient(t, dev)
	<-ticked
	c.call(cmdReset, nil)
}

// TestNoAllocations: what goes on a thousand times a second costs no memory.
func TestNoAllocations(t *testing.T) {
	c := newClient(t, newToy())
	request := append(message(0, cmdRegionWrite, flagNoReply, append(words(0, 0, 1, 4), 1, 2, 3, 4)),
		message(0, cmdRegionRead, 0, words(0, 0, 1, 4))...)
	reply := make([]byte, headerSize+accessSize+4)
	n := testing.AllocsPerRun(1000, func() {
		if _, err := unix.Write(c.fd, request); err != nil {
			t.Error(err)
		}
		for got := 0; got < len(reply); {
			n, err := unix.Read(c.fd, reply[got:])
			if err != nil && err != unix.EINTR || n == 0 {
				t.Fatal(n, err)
			}
			got += max(n, 0)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations for a write and a read", n)
	}
}

// BenchmarkRead measures a synchronous access, there and back.
func BenchmarkRead(b *testing.B) {
	c := newClient(b, newToy())
	request := message(0, cmdRegionRead, 0, words(0, 0, 1, 4))
	reply := make([]byte, headerSize+accessSize+4)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := unix.Write(c.fd, request); err != nil {
			b.Fatal(err)
		}
		if n, err := unix.Read(c.fd, reply); err != nil || n != len(reply) {
			b.Fatal(n, err)
		}
	}
}

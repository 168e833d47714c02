package tdm2400p

import (
	"testing"
	"time"

	"switchroom/dahdi/tdm2400p/vfiouser"
)

// guest is a machine with the card in it, and as much of the driver's lower half
// as moves frames: registers, rings, the interrupt's handler.
type guest struct {
	t    testing.TB
	card *Card
	dev  vfiouser.Device
	mem  []byte // at address memBase
	now  time.Duration
	next time.Duration

	line    bool // INTx
	rises   int  // of it
	refires uint64

	word [4]byte // of an access, here so that it costs no allocation

	tail   int // where the driver puts the next transmit frame
	head   int // where it looks for the next received one
	ident  uint8
	frames []uint8 // first ident of every frame received
	short  int     // frames of another length than a frame's
}

const (
	memBase  = 0x10000
	ringSize = 128
	stride   = 64 // cache line of 0x10
	txRingAt = memBase
	rxRingAt = txRingAt + ringSize*stride
	txBufsAt = rxRingAt + ringSize*stride
	rxBufsAt = txBufsAt + ringSize*1024
	memSize  = rxBufsAt + ringSize*1024 - memBase
)

func newGuest(t testing.TB, cfg Config) *guest {
	g := &guest{t: t, card: New(cfg, nil), mem: make([]byte, memSize)}
	g.dev = g.card.Device()
	g.dev.Attach(g)
	g.config(pciCommand, 0x16, 0)
	g.config(pciCacheLine, 0x10)
	return g
}

func (g *guest) slice(addr uint64, n int) ([]byte, error) {
	if addr < memBase || addr+uint64(n) > memBase+uint64(len(g.mem)) {
		return nil, vfiouser.ErrAddress
	}
	return g.mem[addr-memBase:][:n], nil
}

func (g *guest) ReadMemory(addr uint64, p []byte) error {
	b, err := g.slice(addr, len(p))
	copy(p, b)
	return err
}

func (g *guest) WriteMemory(addr uint64, p []byte) error {
	b, err := g.slice(addr, len(p))
	copy(b, p)
	return err
}

func (g *guest) Load32(addr uint64) (uint32, error) {
	b, err := g.slice(addr, 4)
	if err != nil {
		return 0, err
	}
	return le.Uint32(b), nil
}

func (g *guest) Store32(addr uint64, v uint32) error {
	b, err := g.slice(addr, 4)
	if err == nil {
		le.PutUint32(b, v)
	}
	return err
}

func (g *guest) SetInterrupt(up bool) {
	if up && !g.line {
		g.rises++
	}
	g.line = up
}

func (g *guest) Refires() uint64 { return g.refires }

func (g *guest) config(offset uint64, p ...byte) {
	if err := g.dev.WriteRegion(vfiouser.RegionConfig, offset, p); err != nil {
		g.t.Error(err)
	}
}

func (g *guest) read(reg int) uint32 {
	if err := g.dev.ReadRegion(1, uint64(reg), g.word[:]); err != nil {
		g.t.Error(err)
	}
	return le.Uint32(g.word[:])
}

func (g *guest) write(reg int, v uint32) {
	le.PutUint32(g.word[:], v)
	if err := g.dev.WriteRegion(1, uint64(reg), g.word[:]); err != nil {
		g.t.Error(err)
	}
}

// serial writes a register behind the management interface, bit by bit.
func (g *guest) serial(reg, val uint32) {
	bits := uint64(0xffffffff)<<32 | uint64(0x5<<12|1<<7|reg<<2|0x2)<<16 | uint64(val)
	for i := 63; i >= 0; i-- {
		out := uint32(bits>>i&1) * serialOut
		g.write(csrSerial, out)
		g.write(csrSerial, out|serialClock)
	}
}

func (g *guest) store(addr uint64, v uint32) {
	if err := g.Store32(addr, v); err != nil {
		g.t.Fatal(err)
	}
}

func (g *guest) load(addr uint64) uint32 {
	v, err := g.Load32(addr)
	if err != nil {
		g.t.Fatal(err)
	}
	return v
}

// rings sets both rings up: all of the receive ring is the card's, and two frames
// wait to be sent.
func (g *guest) rings() {
	g.tail, g.head = 0, 0
	for i := range ringSize {
		last := uint32(0)
		if i == ringSize-1 {
			last = descriptorLast
		}
		rx, tx := uint64(rxRingAt+i*stride), uint64(txRingAt+i*stride)
		g.store(rx, descriptorOwn)
		g.store(rx+4, last|FrameSize)
		g.store(rx+8, uint32(rxBufsAt+i*1024))
		g.store(tx, 0)
		g.store(tx+4, last|FrameSize)
		g.store(tx+8, uint32(txBufsAt+i*1024))
	}
	g.write(csrTxRing, txRingAt)
	g.write(csrRxRing, rxRingAt)
	g.transmit()
	g.transmit()
}

// start is the driver's start of the bus.
func (g *guest) start() {
	g.write(csrReset, 0x01a00000|(stride-16)/4<<2|resetSoftware)
	if g.read(csrReset)&resetSoftware != 0 {
		g.t.Error("the chip stays in reset")
	}
	g.rings()
	g.write(csrOperation, 0x00280048)
	g.write(0x78, 0x13)
	g.write(0xfc, 7)
	g.serial(0, 0x0100)
	g.serial(serialReset, 0x2100)
	g.write(0xfc, 4)
	if g.read(0xfc)&7 != 4 {
		g.t.Errorf("mode = %#x, want 4", g.read(0xfc))
	}
	g.run()
}

// run starts the processors, as the driver does after a start and after an
// underrun.
func (g *guest) run() {
	g.write(csrStatus, 0xffffffff)
	g.write(csrInterrupt, 0x1a187)
	g.write(csrOperation, g.read(csrOperation)|operateRx|operateTx)
	if g.read(csrStatus)>>20&7 == 0 {
		g.t.Error("the transmitter does not run")
	}
}

func (g *guest) stop() {
	g.write(csrOperation, g.read(csrOperation)&^(operateRx|operateTx))
	if s := g.read(csrStatus) & 0x7e0000; s != 0 {
		g.t.Errorf("after a stop, status says %#x", s)
	}
}

// transmit puts the next frame into the ring.
func (g *guest) transmit() {
	at := uint64(txRingAt + g.tail*stride)
	buf, err := g.slice(uint64(g.load(at+8)), FrameSize)
	if err != nil {
		g.t.Fatal(err)
	}
	for e := range 7 {
		buf[e*128+109] = g.ident
		g.ident++
	}
	g.store(at, descriptorOwn)
	g.tail = (g.tail + 1) % ringSize
}

// handle is the interrupt's handler: it takes what was received, sends as many
// frames again, and acknowledges.
func (g *guest) handle() {
	status := g.read(csrStatus)
	if status&statusDone == 0 {
		return
	}
	for range 4 {
		at := uint64(rxRingAt + g.head*stride)
		word := g.load(at)
		if word&descriptorOwn != 0 {
			break
		}
		if word>>16&0x7fff == FrameSize {
			buf, err := g.slice(uint64(g.load(at+8)), FrameSize)
			if err != nil {
				g.t.Fatal(err)
			}
			g.frames = append(g.frames, buf[109])
		} else {
			g.short++
		}
		g.store(at, descriptorOwn)
		g.head = (g.head + 1) % ringSize
		g.transmit()
	}
	g.write(csrTxPoll, 0)
	g.write(csrStatus, statusDone)
}

// pass lets time pass, with a driver that comes at once when it is called.
func (g *guest) pass(d time.Duration) {
	for end := g.now + d; ; {
		g.next = g.dev.Run(g.now)
		if g.line {
			g.handle()
			continue
		}
		if g.next > end {
			g.now = end
			return
		}
		g.now = max(g.now, g.next)
	}
}

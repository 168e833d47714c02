package tdm2400p

import (
	"encoding/binary"
	"log/slog"
	"time"

	"switchroom/dahdi/tdm2400p/vfiouser"
)

// The registers of the bus chip, by their offset in BAR 1.
const (
	csrReset     = 0x00
	csrTxPoll    = 0x08
	csrRxPoll    = 0x10
	csrRxRing    = 0x18
	csrTxRing    = 0x20
	csrStatus    = 0x28
	csrOperation = 0x30
	csrInterrupt = 0x38
	csrSerial    = 0x48

	registersSize = 0x400 // of BAR 1
	portsSize     = 0x100 // of BAR 0
)

const (
	resetSoftware = 1 << 0 // in csrReset; above it the descriptors' skip length

	// In csrStatus. The summaries and states are made up when it is read.
	statusTxDone        = 1 << 0
	statusTxUnavailable = 1 << 2
	statusRxDone        = 1 << 6
	statusRxUnavailable = 1 << 7
	statusBusError      = 1 << 13
	statusAbnormal      = 1 << 15
	statusNormal        = 1 << 16
	statusDone          = statusTxDone | statusRxDone
	statusEvents        = statusDone | statusTxUnavailable | statusRxUnavailable | statusBusError

	rxWaiting   = 3 << 17
	rxSuspended = 4 << 17
	txReading   = 3 << 20
	txSuspended = 6 << 20

	operateRx = 1 << 1 // in csrOperation
	operateTx = 1 << 13

	serialClock = 1 << 16 // in csrSerial
	serialOut   = 1 << 17
	serialReset = 0x16 // the register behind it that resets the modules

	descriptorOwn  = 1 << 31 // in a descriptor's first word: it is the card's
	descriptorLast = 1 << 25 // in its second: the ring ends here
)

const (
	frameTime = time.Millisecond
	// backlogTime is how far card time may lag behind before it gives up some.
	backlogTime = 20 * time.Millisecond
	// leastTime lies between two frames while card time catches up.
	leastTime = frameTime * 3 / 4
	// restTime is the longest rest that the guest gets after a frame it was slow
	// to handle.
	restTime = 5 * time.Millisecond
	// pausedTime is how often a paused card looks whether it still is.
	pausedTime = 10 * time.Millisecond
)

var le = binary.LittleEndian

// voicebus is the card's bus chip, and the clock that moves its frames: the
// device that a guest sees. See the package comment for its registers and for
// how it keeps time.
type voicebus struct {
	card   *Card
	log    *slog.Logger
	host   vfiouser.Host // nil: nobody is there
	config configSpace
	regs   [registersSize / 4]uint32
	serial uint64 // the last 64 bits that came over csrSerial

	txRing, rxRing       ring
	txStalled, rxStalled bool // no descriptor: waits for a poll demand
	dead                 bool // guest memory was not there: waits for a restart

	due     time.Duration // when the next frame is
	last    time.Duration // when the one before was processed
	handled bool          // the driver has looked at it, and ready is set
	ready   time.Duration // before which the next one would come too fast
	stalled bool          // its being late was counted
	refires uint64        // of the host, counted so far

	tx, rx [FrameSize]byte
}

// ring is a place in a ring of descriptors.
type ring struct{ base, at uint64 }

func newVoicebus(c *Card) *voicebus {
	v := &voicebus{card: c, log: c.log}
	v.power()
	return v
}

// power sets the chip as it is at power-on.
func (v *voicebus) power() {
	v.config.reset()
	v.clear()
}

// clear is the chip's software reset.
func (v *voicebus) clear() {
	v.regs = [registersSize / 4]uint32{}
	v.serial = 0
	v.txRing, v.rxRing = ring{}, ring{}
	v.txStalled, v.rxStalled, v.dead = false, false, false
}

func (v *voicebus) reg(offset int) *uint32 { return &v.regs[offset/4] }

// The device's side of vfio-user.

func (v *voicebus) RegionSize(region int) uint64 {
	switch region {
	case vfiouser.RegionBAR0:
		return portsSize
	case vfiouser.RegionBAR0 + 1:
		return registersSize
	case vfiouser.RegionConfig:
		return uint64(len(v.config))
	}
	return 0
}

func (v *voicebus) ReadRegion(region int, offset uint64, p []byte) error {
	switch region {
	case vfiouser.RegionConfig:
		copy(p, v.config[offset:])
	case vfiouser.RegionBAR0 + 1:
		if offset%4 == 0 && len(p) == 4 {
			le.PutUint32(p, v.read(int(offset)))
		}
	}
	return nil
}

func (v *voicebus) WriteRegion(region int, offset uint64, p []byte) error {
	switch region {
	case vfiouser.RegionConfig:
		v.config.write(offset, p)
	case vfiouser.RegionBAR0 + 1:
		if offset%4 == 0 && len(p) == 4 {
			v.write(int(offset), le.Uint32(p))
		}
	}
	v.interrupt()
	return nil
}

func (v *voicebus) Reset() {
	v.power()
	v.card.reset()
	v.interrupt()
}

func (v *voicebus) Attach(host vfiouser.Host) {
	v.host, v.due, v.refires = host, 0, 0
	v.last, v.handled, v.ready = 0, true, 0
}

func (v *voicebus) Detach() { v.host = nil }

// interrupt brings the line to the level that the registers ask for.
func (v *voicebus) interrupt() {
	if v.host == nil {
		return
	}
	up := *v.reg(csrStatus)&*v.reg(csrInterrupt)&statusEvents != 0
	v.host.SetInterrupt(up && v.config.command()&commandINTxDisable == 0)
}

func (v *voicebus) read(offset int) uint32 {
	val := *v.reg(offset)
	if offset != csrStatus {
		return val
	}
	if val&statusDone != 0 {
		val |= statusNormal
	}
	if val&statusEvents&^statusDone != 0 {
		val |= statusAbnormal
	}
	operation := *v.reg(csrOperation)
	switch {
	case operation&operateRx == 0:
	case v.rxStalled:
		val |= rxSuspended
	default:
		val |= rxWaiting
	}
	switch {
	case operation&operateTx == 0:
	case v.txStalled:
		val |= txSuspended
	default:
		val |= txReading
	}
	return val
}

func (v *voicebus) write(offset int, val uint32) {
	switch offset {
	case csrReset:
		if val&resetSoftware != 0 {
			v.clear()
		}
		val &^= resetSoftware
	case csrTxPoll:
		v.txStalled = false
	case csrRxPoll:
		v.rxStalled = false
	case csrTxRing:
		v.txRing = ring{uint64(val), uint64(val)}
	case csrRxRing:
		v.rxRing = ring{uint64(val), uint64(val)}
	case csrStatus:
		*v.reg(offset) &^= val
		return
	case csrOperation:
		if started := val &^ *v.reg(offset); started&(operateTx|operateRx) != 0 {
			v.txStalled, v.rxStalled, v.dead = false, false, false
			v.due = 0
		}
	case csrSerial:
		if rose := val &^ *v.reg(offset); rose&serialClock != 0 {
			v.serialBit(val&serialOut != 0)
		}
	}
	*v.reg(offset) = val
}

// serialBit takes a bit from the management interface: a preamble of 32 ones,
// a header of 0101, a register in bits 6 to 2, and 16 bits for it.
func (v *voicebus) serialBit(one bool) {
	v.serial <<= 1
	if one {
		v.serial |= 1
	}
	if v.serial>>32 != 0xffffffff || v.serial>>28&0xf != 5 {
		return
	}
	register := v.serial >> 18 & 0x1f
	v.serial = 0
	if register == serialReset {
		v.card.reset()
	}
}

// Run processes frames that are due.
func (v *voicebus) Run(now time.Duration) (next time.Duration) {
	if n := v.host.Refires(); n != v.refires {
		v.card.counters.refires.Add(n - v.refires)
		v.refires = n
	}
	for {
		if v.card.paused.Load() {
			v.due = 0
			return now + pausedTime
		}
		if !v.running() {
			return vfiouser.Never
		}
		if v.due == 0 {
			v.due, v.handled, v.ready = now+frameTime, true, 0 // the clock starts
		}
		seen := *v.reg(csrStatus)&statusDone == 0
		if seen && !v.handled {
			v.handled = true
			v.ready = max(v.last+leastTime, now+min(now-v.last, restTime))
		}
		if next := max(v.due, v.ready); now < next {
			return next
		}
		if !seen {
			// The driver has not yet looked at the frame before.
			if !v.stalled {
				v.stalled = true
				v.card.counters.stalls.Add(1)
			}
			return vfiouser.Never
		}
		if late := now - v.due; late > backlogTime {
			lost := (late - backlogTime) / frameTime
			v.card.counters.lost.Add(uint64(lost))
			v.due += lost * frameTime
		}
		if v.frame() {
			v.last, v.handled = now, false
		}
		v.interrupt()
	}
}

func (v *voicebus) running() bool {
	const both = operateTx | operateRx
	return *v.reg(csrOperation)&both == both && !v.txStalled && !v.rxStalled && !v.dead &&
		v.config.command()&commandMaster != 0
}

// frame takes the next descriptor of either ring and exchanges a frame,
// if it can.
func (v *voicebus) frame() bool {
	drop, underrun := v.card.busFaults()
	own, err := v.owned(&v.txRing)
	if err != nil {
		v.fail("transmit descriptor", err)
		return false
	}
	if !own || underrun {
		v.txStalled = true
		*v.reg(csrStatus) |= statusTxUnavailable
		v.card.counters.underruns.Add(1)
		return false
	}
	if own, err = v.owned(&v.rxRing); err != nil {
		v.fail("receive descriptor", err)
		return false
	}
	if !own {
		v.rxStalled = true
		*v.reg(csrStatus) |= statusRxUnavailable
		v.card.counters.underruns.Add(1)
		return false
	}
	if err := v.exchange(drop); err != nil {
		v.fail("frame", err)
		return false
	}
	*v.reg(csrStatus) |= statusDone
	v.due += frameTime
	v.stalled = false
	return true
}

// busFaults returns what is to go wrong with the next frame.
func (c *Card) busFaults() (drop, underrun bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if underrun = take(&c.faults.underrun); underrun {
		return false, true
	}
	return take(&c.faults.drop), false
}

func (v *voicebus) owned(r *ring) (bool, error) {
	word, err := v.host.Load32(r.at)
	return word&descriptorOwn != 0, err
}

func (v *voicebus) exchange(drop bool) error {
	if err := v.readBuffer(&v.txRing, v.tx[:]); err != nil {
		return err
	}
	v.card.Frame(v.tx[:], v.rx[:])
	if err := v.writeBuffer(&v.rxRing, v.rx[:]); err != nil {
		return err
	}
	length := uint32(FrameSize)
	if drop {
		length = 4
		v.card.counters.dropped.Add(1)
	}
	if err := v.give(&v.rxRing, length<<16); err != nil {
		return err
	}
	return v.give(&v.txRing, 0)
}

func (v *voicebus) readBuffer(r *ring, p []byte) error {
	addr, err := v.host.Load32(r.at + 8)
	if err != nil {
		return err
	}
	return v.host.ReadMemory(uint64(addr), p)
}

func (v *voicebus) writeBuffer(r *ring, p []byte) error {
	addr, err := v.host.Load32(r.at + 8)
	if err != nil {
		return err
	}
	return v.host.WriteMemory(uint64(addr), p)
}

// give hands the descriptor at hand back to the driver, and goes on to the next.
func (v *voicebus) give(r *ring, word uint32) error {
	control, err := v.host.Load32(r.at + 4)
	if err != nil {
		return err
	}
	if err := v.host.Store32(r.at, word); err != nil {
		return err
	}
	if control&descriptorLast != 0 {
		r.at = r.base
		return nil
	}
	skip := *v.reg(csrReset) >> 2 & 0x1f
	r.at += 16 + 4*uint64(skip)
	return nil
}

// fail stops the chip until the driver starts it again.
func (v *voicebus) fail(what string, err error) {
	v.dead = true
	*v.reg(csrStatus) |= statusBusError
	v.card.counters.busErrors.Add(1)
	v.log.Error("the card can't reach guest memory", "for", what, "err", err)
}

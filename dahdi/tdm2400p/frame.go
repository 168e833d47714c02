package tdm2400p

// The shape of a VoiceBus frame: see the package comment.
const (
	// FrameSize is the length of a frame in octets.
	FrameSize = eframes*eframeStride - (eframeStride - eframeSize)

	eframes      = 8   // sample periods in a frame
	eframeStride = 128 // from one eframe to the next
	eframeSize   = 108 // octets of audio and control in an eframe
	identOffset  = 109 // of the eframe's serial number; the last eframe has none
	controlStart = 24  // audio octets come first
	controlGap   = 7   // between the octets of one module's command

	vpmStart = 30 // the echo canceller's first octet
	vpmBytes = 12

	identJump = 0x40 // how far FaultIdentJump shifts
)

const (
	silenceMu = 0xff
	silenceA  = 0xd5
)

func silence(alaw bool) byte {
	if alaw {
		return silenceA
	}
	return silenceMu
}

// commandOffset returns where in an eframe the command of module m (0..23)
// begins; its second and third octets follow at distances of controlGap.
func commandOffset(m int) int { return controlStart + (m&3)*3*controlGap + m>>2 }

// Frame lets one card millisecond pass: it reads what the driver transmits in tx
// and writes what the card answers to rx. Both are FrameSize octets long and must
// not overlap. It needs no guest, and is what the engine calls once per frame.
func (c *Card) Frame(tx, rx []byte) {
	tx, rx = tx[:FrameSize:FrameSize], rx[:FrameSize:FrameSize]
	c.mu.Lock()
	defer c.mu.Unlock()

	frame := c.frames.Load()
	if c.agenda.late.Load() != 0 {
		c.agenda.run(&Moment{Frame: frame, c: c})
	}
	c.blank(tx, rx)
	c.bus.turn()
	for m := range c.ports {
		c.ports[m].tick(frame, tx, rx)
	}
	for m := range c.ports {
		c.ports[m].commands(frame, tx, rx)
	}
	c.vpm.commands(tx, rx)
	c.frames.Store(frame + 1)
	c.agenda.done(frame)
}

// blank fills rx with what is there when no module says anything: silence, the
// open bus's ones, and the idents of tx, by which the driver pairs answers with
// commands.
func (c *Card) blank(tx, rx []byte) {
	quiet := silence(c.cfg.ALaw)
	for e := range eframes {
		at := e * eframeStride
		for i := range Ports {
			rx[at+i] = quiet
		}
		for i := at + controlStart; i < at+eframeSize; i++ {
			rx[i] = 0xff
		}
		if e < eframes-1 {
			gap := rx[at+eframeSize : at+eframeStride]
			clear(gap)
			gap[0] = tx[at+eframeSize]
			gap[identOffset-eframeSize] = tx[at+identOffset]
		}
	}
	if take(&c.faults.jump) {
		for e := range eframes - 1 {
			rx[e*eframeStride+identOffset] += identJump
		}
	}
}

// sideBus is the card's own audio bus beyond the timeslots of the frame: a module
// that transmits there is heard, one millisecond later, by those that listen
// there. The driver's cross-connect would use timeslots 24 to 47 of it.
type sideBus struct {
	heard, said map[uint8][8]byte // by timeslot; nil while nobody uses it
}

func (b *sideBus) turn() {
	if b.heard == nil {
		return
	}
	b.heard, b.said = b.said, b.heard
	clear(b.said)
}

func (b *sideBus) talk(slot uint8, audio [8]byte) {
	if b.said == nil {
		b.heard, b.said = make(map[uint8][8]byte), make(map[uint8][8]byte)
	}
	b.said[slot] = audio
}

func (b *sideBus) listen(slot uint8, quiet byte) [8]byte {
	if audio, ok := b.heard[slot]; ok {
		return audio
	}
	return [8]byte{quiet, quiet, quiet, quiet, quiet, quiet, quiet, quiet}
}

package tdm2400p

// port is one place of the card: the module in it, if any, and what is plugged
// into that.
type port struct {
	card   *Card
	m      int // counted from 0, as the driver does
	kind   Kind
	offset int // of the command's first octet in an eframe
	sel    byte

	fxs     proslic
	fxo     daa
	station Station
	trunk   Trunk

	// Kept here, and not on the stack, because they go through an interface.
	stationOut StationOut
	trunkOut   TrunkOut

	carry  byte // the answer to the command in the last eframe of a frame
	faults portFaults
	trace  func(SPI)
}

// daaAddress is what selects one of a quad's four DAAs, in the first octet of
// a command.
var daaAddress = [4]byte{0x00, 0x08, 0x04, 0x0c}

const (
	daaWrite = 0x20
	daaRead  = 0x60

	proslicRead = 0x80 // in the second octet

	noAnswer = 0xff // the open bus
)

func (p *port) init(c *Card, m int, kind Kind) {
	p.card, p.m, p.kind = c, m, kind
	p.offset = commandOffset(m)
	p.sel = 1 << (m & 3)
	if kind == FXO {
		p.sel = daaAddress[m&3]
	}
	p.reset()
}

func (p *port) reset() {
	p.carry = noAnswer
	p.fxs.reset()
	p.fxo.reset()
}

// pcm is how a module stands on the card's audio bus.
type pcm struct {
	on     bool
	alaw   bool
	tx, rx uint8 // timeslots it transmits in and listens to
}

func (p *port) pcm() pcm {
	if p.kind == FXO {
		return p.fxo.pcm
	}
	return p.fxs.pcm
}

// tick lets what is plugged in live for one millisecond.
func (p *port) tick(frame uint64, tx, rx []byte) {
	if p.kind == Empty || p.faults.absent {
		return
	}
	bus := p.pcm()
	if !bus.on {
		bus.alaw = p.card.cfg.ALaw
	}
	var in [8]byte
	p.listen(bus, tx, &in)
	quiet := silence(bus.alaw)
	out := [8]byte{quiet, quiet, quiet, quiet, quiet, quiet, quiet, quiet}
	switch p.kind {
	case FXS:
		p.stationOut = StationOut{Audio: out}
		if p.station != nil {
			p.station.Tick(frame, StationIn{Linefeed: p.fxs.linefeed(), Audio: in, ALaw: bus.alaw}, &p.stationOut)
		}
		p.fxs.offHook = p.stationOut.OffHook
		out = p.stationOut.Audio
	case FXO:
		p.trunkOut = TrunkOut{Audio: out}
		if p.trunk != nil {
			p.trunk.Tick(frame, TrunkIn{OffHook: p.fxo.offHook(), Audio: in, ALaw: bus.alaw}, &p.trunkOut)
		}
		p.fxo.volts, p.fxo.ring = p.trunkOut.Volts, p.trunkOut.Ring
		out = p.trunkOut.Audio
	}
	if bus.on {
		p.talk(bus, rx, &out)
	}
}

// listen takes what the module hears off the bus: a timeslot of the frame, or,
// beyond those, what another module put there in the millisecond before.
func (p *port) listen(bus pcm, tx []byte, in *[8]byte) {
	switch {
	case !bus.on:
		quiet := silence(bus.alaw)
		*in = [8]byte{quiet, quiet, quiet, quiet, quiet, quiet, quiet, quiet}
	case bus.rx < Ports:
		for e := range eframes {
			in[e] = tx[e*eframeStride+int(bus.rx)]
		}
	default:
		*in = p.card.bus.listen(bus.rx, silence(bus.alaw))
	}
}

func (p *port) talk(bus pcm, rx []byte, out *[8]byte) {
	if bus.tx >= Ports {
		p.card.bus.talk(bus.tx, *out)
		return
	}
	for e := range eframes {
		rx[e*eframeStride+int(bus.tx)] = out[e]
	}
}

// commands carries out the eight commands that a frame holds for the port, in
// order. The answer to the last one goes out with the next frame, as the driver
// stamps that command with the ident of the next frame's first eframe.
func (p *port) commands(frame uint64, tx, rx []byte) {
	if p.kind == Empty || p.faults.absent {
		p.traceForeign(frame, tx)
		p.carry = noAnswer
		return
	}
	late := p.carry
	for e := range eframes {
		at := e*eframeStride + p.offset
		answer := p.spi(frame, e, tx[at], tx[at+controlGap], tx[at+2*controlGap])
		switch e {
		case 0:
			// Only filler is sent here: its answer has no place, the
			// carried one has.
			rx[at+2*controlGap] = late
		case eframes - 1:
			p.carry = answer
			rx[at+2*controlGap] = answer
		default:
			rx[at+2*controlGap] = answer
		}
	}
}

// spi carries out one three-octet command.
func (p *port) spi(frame uint64, e int, sel, reg, val byte) (answer byte) {
	answer = noAnswer
	cmd := SPI{Frame: frame, Eframe: e, Raw: [3]byte{sel, reg, val}}
	switch {
	case p.kind == FXS && sel == p.sel:
		cmd.Register = reg &^ proslicRead
		if cmd.Read = reg&proslicRead != 0; cmd.Read {
			answer = p.fxs.read(cmd.Register, &p.faults)
		} else {
			p.fxs.write(cmd.Register, val)
		}
	case p.kind == FXO && sel == daaRead|p.sel:
		cmd.Register, cmd.Read = reg, true
		answer = p.fxo.read(reg)
	case p.kind == FXO && sel == daaWrite|p.sel:
		cmd.Register = reg
		p.fxo.write(reg, val)
	default:
		cmd.Foreign = true
	}
	if cmd.Read && p.faults.corrupt != nil {
		answer = p.faults.corruptRead(cmd.Register, answer)
	}
	if p.trace != nil {
		cmd.Port, cmd.Value = p.m+1, val
		if cmd.Read {
			cmd.Value = answer
		}
		p.trace(cmd)
	}
	return answer
}

// traceForeign shows a trace what an empty place is asked.
func (p *port) traceForeign(frame uint64, tx []byte) {
	if p.trace == nil {
		return
	}
	for e := range eframes {
		at := e*eframeStride + p.offset
		p.trace(SPI{Frame: frame, Eframe: e, Port: p.m + 1, Foreign: true,
			Raw: [3]byte{tx[at], tx[at+controlGap], tx[at+2*controlGap]}})
	}
}

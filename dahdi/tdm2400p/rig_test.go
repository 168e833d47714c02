package tdm2400p

import "pgregory.net/rapid"

// rig is the driver's end of the frames: it queues commands by port, stamps them
// with idents, and pairs answers, the way the Linux driver's transmit and receive
// sides do.
type rig struct {
	t       rapid.TB // a test's or a property's
	card    *Card
	tx, rx  [FrameSize]byte
	txident uint8
	rxident uint8
	pending [Ports][]*command
	active  [Ports][]*command
	audio   [Ports][8]byte // to be sent, by timeslot
	heard   [Ports][8]byte // received, by timeslot
	misses  int            // jumps of the ident
	ignored int            // frames whose idents stand still
	vpm     []*vpmCommand  // to be sent to the echo canceller
	vpmSent []*vpmCommand
}

type command struct {
	raw   [3]byte
	ident uint8
	value uint8
	done  bool
}

type vpmCommand struct {
	raw    [vpmBytes]byte
	ident  uint8
	answer [vpmBytes]byte
	done   bool
}

func newRig(t rapid.TB, cfg Config) *rig {
	return &rig{t: t, card: New(cfg, nil), rxident: 0xff}
}

// all returns a card's ports all of one kind.
func all(k Kind) (p [Ports]Kind) {
	for i := range p {
		p[i] = k
	}
	return p
}

func (r *rig) filler(port int) [3]byte {
	m := port - 1
	switch r.card.cfg.Ports[m] {
	case FXS:
		return fxsRead(port, slicLinefeed)
	case FXO:
		return fxoRead(port, daaLineStatus)
	}
	return [3]byte{0x10, 0x10, 0x10}
}

func fxsRead(port, reg int) [3]byte {
	return [3]byte{1 << ((port - 1) & 3), byte(reg) | 0x80, 0}
}

func fxsWrite(port, reg, val int) [3]byte {
	return [3]byte{1 << ((port - 1) & 3), byte(reg), byte(val)}
}

func fxoRead(port, reg int) [3]byte {
	return [3]byte{0x60 | []byte{0, 8, 4, 12}[(port-1)&3], byte(reg), 0}
}

func fxoWrite(port, reg, val int) [3]byte {
	return [3]byte{0x20 | []byte{0, 8, 4, 12}[(port-1)&3], byte(reg), byte(val)}
}

// place is where a module's command stands in an eframe, written down from the
// driver on its own.
func place(port, octet int) int {
	m := port - 1
	return 24 + ((m&3)*3+octet)*7 + m>>2
}

// frame lets one millisecond pass.
func (r *rig) frame() {
	r.t.Helper()
	r.tx = [FrameSize]byte{}
	for e := range 8 {
		at := e * 128
		for slot := range Ports {
			r.tx[at+slot] = r.audio[slot][e]
		}
		for port := 1; port <= Ports; port++ {
			raw := r.filler(port)
			if q := r.pending[port-1]; e > 0 && len(q) > 0 {
				q[0].ident = r.txident
				raw = q[0].raw
				r.active[port-1] = append(r.active[port-1], q[0])
				r.pending[port-1] = q[1:]
			}
			for i := range raw {
				r.tx[at+place(port, i)] = raw[i]
			}
		}
		if len(r.vpm) > 0 {
			v := r.vpm[0]
			r.vpm = r.vpm[1:]
			v.ident = r.txident
			r.vpmSent = append(r.vpmSent, v)
			for i := range v.raw {
				r.tx[at+30+7*i] = v.raw[i]
			}
		}
		if e < 7 {
			r.tx[at+108] = 0x10
			r.tx[at+109] = r.txident
			r.txident++
		}
	}
	for i := range r.rx {
		r.rx[i] = 0x5c // what an octet that nobody set would show
	}
	r.card.Frame(r.tx[:], r.rx[:])
	r.receive()
}

func (r *rig) receive() {
	if r.rx[109] == r.rx[128+109] {
		r.ignored++
		return
	}
	for e := range 8 {
		at := e * 128
		for slot := range Ports {
			r.heard[slot][e] = r.rx[at+slot]
		}
		if e < 7 {
			expected := r.rxident + 1
			r.rxident = r.rx[at+109]
			if r.rxident != expected {
				r.misses++
				for m := range r.active {
					r.pending[m] = append(r.active[m], r.pending[m]...)
					r.active[m] = nil
				}
			}
		}
		for m := range r.active {
			if q := r.active[m]; len(q) > 0 && q[0].ident == r.rxident {
				q[0].value, q[0].done = r.rx[at+place(m+1, 2)], true
				r.active[m] = q[1:]
			}
		}
		if q := r.vpmSent; len(q) > 0 && q[0].ident == r.rxident {
			for i := range q[0].answer {
				q[0].answer[i] = r.rx[at+30+7*i]
			}
			q[0].done = true
			r.vpmSent = q[1:]
		}
	}
}

func (r *rig) frames(n int) {
	for range n {
		r.frame()
	}
}

// send queues a command for a port.
func (r *rig) send(port int, raw [3]byte) *command {
	c := &command{raw: raw}
	r.pending[port-1] = append(r.pending[port-1], c)
	return c
}

// ask sends a command and returns the answer to it.
func (r *rig) ask(port int, raw [3]byte) uint8 {
	r.t.Helper()
	c := r.send(port, raw)
	for range 10 {
		if r.frame(); c.done {
			return c.value
		}
	}
	r.t.Fatalf("port %d: no answer to % x", port, raw)
	return 0
}

// read and write are for modules of either kind.
func (r *rig) read(port, reg int) uint8 {
	r.t.Helper()
	if r.card.cfg.Ports[port-1] == FXO {
		return r.ask(port, fxoRead(port, reg))
	}
	return r.ask(port, fxsRead(port, reg))
}

func (r *rig) write(port, reg, val int) {
	r.t.Helper()
	if r.card.cfg.Ports[port-1] == FXO {
		r.ask(port, fxoWrite(port, reg, val))
		return
	}
	r.ask(port, fxsWrite(port, reg, val))
}

// enable switches a port's audio on in its own timeslot, as the driver does.
func (r *rig) enable(port int, alaw bool) {
	r.t.Helper()
	mode := 0x28
	if alaw {
		mode = 0x20
	}
	slot := (port - 1) * 8
	regs := []int{2, 3, 4, 5, 1}
	if r.card.cfg.Ports[port-1] == FXO {
		regs = []int{34, 35, 36, 37, 33}
	}
	for i, v := range []int{slot & 0xff, slot >> 8, slot & 0xff, slot >> 8, mode} {
		r.write(port, regs[i], v)
	}
}

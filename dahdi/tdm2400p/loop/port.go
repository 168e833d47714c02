package loop

import (
	"encoding/binary"
	"fmt"

	"switchroom/dahdi/tone"
)

// Kind says what a port's module is.
type Kind string

// What stands at a port.
const (
	FXS Kind = "fxs" // the card feeds a telephone
	FXO Kind = "fxo" // the card takes a line
)

// Port is what telephones and lines have in common: an event log, a mouth and
// an ear.
type Port struct {
	plant  *Plant
	clock  *clock
	number int
	kind   Kind
	phone  *Telephone
	line   *Line

	events eventLog
	law    tone.Law
	quiet  int // frames of digital silence in a row, as received

	playing []*playback
	rec     *recorder
	duplex  *Duplex
	dtmf    *tone.DTMFDetector
	prog    *tone.Recogniser
	peer    *Port    // hears what this port hears; the port itself is an echo
	fifo    []int16  // what the peers said, to be sent
	pcm     [8]int16 // heard in this frame
	out     [8]int16 // said in this frame
}

// quietFrames of silence flush every detector's memory.
const quietFrames = 100

type playback struct {
	g    tone.Generator
	tag  string
	done func() // called locked, in the frame of the end
}

func (p *Plant) newPort(n int, kind Kind) (*Port, error) {
	if n < 1 {
		return nil, fmt.Errorf("port %d: ports count from 1", n)
	}
	if p.ports[n] != nil {
		return nil, fmt.Errorf("port %d: something is plugged in already", n)
	}
	t := &Port{plant: p, clock: p.cardOf(n), number: n, kind: kind,
		events: eventLog{ring: make([]Event, p.cfg.Events)},
		dtmf:   tone.NewDTMFDetector(tone.DTMFLimits{}), prog: tone.NewRecogniser(p.zone)}
	p.ports[n] = t
	return t, nil
}

// Number is the port's number, counted through over the cards.
func (t *Port) Number() int { return t.number }

// Kind is the port's kind.
func (t *Port) Kind() Kind { return t.kind }

// Telephone is what is plugged into an FXS port, nil at an FXO port.
func (t *Port) Telephone() *Telephone { return t.phone }

// Line is what comes in at an FXO port, nil at an FXS port.
func (t *Port) Line() *Line { return t.line }

// Law is the companding the card used for the port in the last frame.
func (t *Port) Law() tone.Law {
	t.plant.mu.Lock()
	defer t.plant.mu.Unlock()
	return t.law
}

// Events gives what the port remembers, oldest first.
func (t *Port) Events() []Event { return t.plant.Events(t.number) }

// emit records an event and hands it out. The plant is locked.
func (t *Port) emit(name string, data Data) {
	p := t.plant
	p.seq++
	e := Event{Seq: p.seq, Frame: t.clock.frame, Port: t.number, Name: name, Data: data}
	t.events.add(e)
	for id, sink := range p.sinks {
		if !sink(e) {
			delete(p.sinks, id)
		}
	}
}

// after runs f, locked, when so many ms have passed.
func (t *Port) after(ms int, f func()) *action {
	return t.clock.at(t.clock.frame+uint64(max(1, ms)), true, f)
}

// Play sends a signal after those under way. When it is at its end a "played"
// event with the tag is recorded.
func (t *Port) Play(g tone.Generator, tag string) {
	t.plant.mu.Lock()
	defer t.plant.mu.Unlock()
	t.play(g, tag, func() { t.emit("played", Data{"tag": tag}) })
}

func (t *Port) play(g tone.Generator, tag string, done func()) {
	t.playing = append(t.playing, &playback{g: g, tag: tag, done: done})
}

// StopPlay ends every signal at once; no "played" events come.
func (t *Port) StopPlay() {
	t.plant.mu.Lock()
	defer t.plant.mu.Unlock()
	t.stopPlay()
}

func (t *Port) stopPlay() { t.playing = nil }

// speak fills a frame's outgoing audio.
func (t *Port) speak(out *[8]byte) {
	silence := t.law.Silence()
	if len(t.playing) == 0 && t.duplex == nil && len(t.fifo) == 0 {
		for i := range out {
			out[i] = silence
		}
		return
	}
	pcm := &t.out
	clear(pcm[:])
	n := 0
	for n < len(pcm) && len(t.playing) > 0 {
		head := t.playing[0]
		n += head.g.Next(pcm[n:])
		if n < len(pcm) {
			t.playing = t.playing[1:]
			if head.done != nil {
				head.done()
			}
		}
	}
	if len(t.fifo) >= len(pcm) {
		for i, s := range t.fifo[:len(pcm)] {
			pcm[i] = satAdd(pcm[i], s)
		}
		t.fifo = append(t.fifo[:0], t.fifo[len(pcm):]...)
	}
	if t.duplex != nil {
		t.duplex.pull(pcm)
	}
	for i, s := range pcm {
		out[i] = t.law.Encode(s)
	}
}

// fifoRoom bounds what a peer on another card, whose clock is its own, can be
// ahead: 20 ms.
const fifoRoom = 160

// connect lets a peer hear what the port hears from now on; nil ends it.
func (t *Port) connect(peer *Port) {
	if t.peer != nil {
		t.peer.fifo = t.peer.fifo[:0]
	}
	t.peer = peer
}

// hear takes a frame's incoming audio. It returns false when there has been
// digital silence for so long that the detectors need not look.
func (t *Port) hear(in *[8]byte) bool {
	word := binary.LittleEndian.Uint64(in[:])
	if word == uint64(t.law.Silence())*0x0101010101010101 {
		t.quiet++
	} else {
		t.quiet = 0
	}
	if t.rec != nil {
		t.rec.add(t, in)
	}
	if t.duplex == nil && t.peer == nil && t.quiet > quietFrames {
		return false
	}
	for i, b := range in {
		t.pcm[i] = t.law.Decode(b)
	}
	if t.peer != nil {
		if over := len(t.peer.fifo) + len(t.pcm) - fifoRoom; over > 0 {
			t.peer.fifo = append(t.peer.fifo[:0], t.peer.fifo[over:]...)
		}
		t.peer.fifo = append(t.peer.fifo, t.pcm[:]...)
	}
	if t.duplex != nil {
		t.duplex.push(&t.pcm)
	}
	return t.quiet <= quietFrames
}

// detect runs the key and tone recognisers over what was heard; loud is what
// hear returned.
func (t *Port) detect(loud bool, tones bool) {
	if loud || !t.dtmf.Idle() {
		if !loud {
			clear(t.pcm[:])
		}
		for _, e := range t.dtmf.Write(t.pcm[:]) {
			if e.Down {
				t.key(e.Key, true)
				continue
			}
			t.emit("dtmf", Data{"digit": string(e.Key), "ms": int(e.At-e.Start) / tone.PerMS, "level": round1(e.Level), "twist": round1(e.Twist)})
			t.key(e.Key, false)
		}
	} else {
		t.dtmf.Skip(8)
	}
	if !tones {
		return
	}
	if !loud && t.prog.Idle() {
		t.prog.Skip(8)
		return
	}
	if !loud {
		clear(t.pcm[:])
	}
	for _, e := range t.prog.Write(t.pcm[:]) {
		data := Data{"name": string(e.Name), "on": e.On}
		if e.On && e.Name != tone.Quiet {
			data["level"] = round1(e.Level)
		}
		t.emit("tone", data)
	}
}

// key tells whoever collects digits.
func (t *Port) key(k byte, down bool) {
	if t.line != nil && down {
		t.line.digit(k)
	}
}

// deaf forgets what was heard, when the connection begins or ends.
func (t *Port) deaf() {
	t.dtmf = tone.NewDTMFDetector(tone.DTMFLimits{})
	t.prog.Reset()
	t.quiet = 0
}

func round1(v float64) float64 { return float64(int(v*10+copysign(0.5, v))) / 10 }

func copysign(a, b float64) float64 {
	if b < 0 {
		return -a
	}
	return a
}

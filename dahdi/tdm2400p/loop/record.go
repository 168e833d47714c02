package loop

import (
	"context"
	"errors"
	"fmt"

	"switchroom/dahdi/tone"
)

// MaxRecordMS bounds a recording: ten minutes, 4.8 MB.
const MaxRecordMS = 600_000

// recorder keeps what a port heard, octet by octet as on the wire.
type recorder struct {
	from  uint64 // frame of the first eight octets
	data  []byte
	limit int // octets
	over  bool
}

// Recording is a piece of what a port heard.
type Recording struct {
	From, To uint64 // card ms: [From, To)
	Law      tone.Law
	Wire     []byte // eight octets a ms, as on the wire
}

// Samples expands the recording.
func (r Recording) Samples() []int16 { return r.Law.DecodeAll(nil, r.Wire) }

// Record starts a recording of what the port hears, dropping an older one. It
// stops by itself after maxMS (at most MaxRecordMS; 0 means 60,000).
func (t *Port) Record(maxMS int) error {
	if maxMS == 0 {
		maxMS = 60_000
	}
	if maxMS < 0 || maxMS > MaxRecordMS {
		return fmt.Errorf("recording of %d ms: 1 to %d ms can be had", maxMS, MaxRecordMS)
	}
	t.plant.mu.Lock()
	defer t.plant.mu.Unlock()
	t.rec = &recorder{limit: maxMS * 8}
	return nil
}

// StopRecord ends the recording; what was recorded stays to be fetched.
func (t *Port) StopRecord() {
	t.plant.mu.Lock()
	defer t.plant.mu.Unlock()
	if t.rec != nil && !t.rec.over {
		t.rec.stop(t)
	}
}

func (r *recorder) stop(t *Port) {
	r.over = true
	t.emit("recorded", Data{"from": r.from, "to": r.from + uint64(len(r.data)/8)})
}

func (r *recorder) add(t *Port, in *[8]byte) {
	if r.over {
		return
	}
	if len(r.data) == 0 {
		r.from = t.clock.frame
	}
	r.data = append(r.data, in[:]...)
	if len(r.data) >= r.limit {
		r.stop(t)
	}
}

// Recording gives what was recorded between two card times, [from, to); to = 0
// means up to now, from = 0 from the beginning. It is an error if the recording
// does not hold all of it, or it is longer than maxMS.
func (t *Port) Recording(from, to uint64, maxMS int) (Recording, error) {
	t.plant.mu.Lock()
	defer t.plant.mu.Unlock()
	if t.rec == nil || len(t.rec.data) == 0 {
		return Recording{}, fmt.Errorf("port %d: nothing was recorded", t.number)
	}
	have := Recording{From: t.rec.from, To: t.rec.from + uint64(len(t.rec.data)/8)}
	if from == 0 {
		from = have.From
	}
	if to == 0 {
		to = have.To
	}
	if from < have.From || to > have.To || from > to {
		return Recording{}, fmt.Errorf("port %d: frames %d to %d were asked, %d to %d are recorded", t.number, from, to, have.From, have.To)
	}
	if to-from > uint64(maxMS) {
		return Recording{}, fmt.Errorf("port %d: %d ms of a recording were asked, %d can be had at once", t.number, to-from, maxMS)
	}
	data := t.rec.data[(from-have.From)*8 : (to-have.From)*8]
	return Recording{From: from, To: to, Law: t.law, Wire: append([]byte(nil), data...)}, nil
}

// ErrDetached is returned by a Duplex that was closed or replaced.
var ErrDetached = errors.New("loop: audio detached")

// duplexRoom is how many samples a Duplex holds in each direction: a second.
const duplexRoom = tone.Rate

// Duplex is live audio of a port in both directions, at the card's pace.
type Duplex struct {
	port    *Port
	rx, tx  []int16
	wake    chan struct{} // something was received
	room    chan struct{} // something was sent
	closed  bool
	dropped uint64 // received samples nobody read in time
	starved uint64 // samples of silence sent because none were written
}

// Attach takes the port's live audio; an older attachment ends.
func (t *Port) Attach() *Duplex {
	t.plant.mu.Lock()
	defer t.plant.mu.Unlock()
	if t.duplex != nil {
		t.duplex.shut()
	}
	t.duplex = &Duplex{port: t, wake: make(chan struct{}, 1), room: make(chan struct{}, 1)}
	return t.duplex
}

func (d *Duplex) shut() {
	d.closed = true
	signal(d.wake)
	signal(d.room)
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Close detaches.
func (d *Duplex) Close() error {
	d.port.plant.mu.Lock()
	defer d.port.plant.mu.Unlock()
	if d.port.duplex == d {
		d.port.duplex = nil
	}
	d.shut()
	return nil
}

// push and pull are called by the card, locked.
func (d *Duplex) push(pcm *[8]int16) {
	if over := len(d.rx) + len(pcm) - duplexRoom; over > 0 {
		d.rx = append(d.rx[:0], d.rx[over:]...)
		d.dropped += uint64(over)
	}
	d.rx = append(d.rx, pcm[:]...)
	signal(d.wake)
}

func (d *Duplex) pull(pcm *[8]int16) {
	n := min(len(d.tx), len(pcm))
	for i, s := range d.tx[:n] {
		pcm[i] = satAdd(pcm[i], s)
	}
	d.starved += uint64(len(pcm) - n)
	d.tx = append(d.tx[:0], d.tx[n:]...)
	if n > 0 {
		signal(d.room)
	}
}

func satAdd(a, b int16) int16 { return int16(max(-32768, min(32767, int(a)+int(b)))) }

// Read waits for received samples and gives up to len(buf) of them. One
// goroutine may read while another writes.
func (d *Duplex) Read(ctx context.Context, buf []int16) (int, error) {
	for {
		d.port.plant.mu.Lock()
		n := copy(buf, d.rx)
		d.rx = append(d.rx[:0], d.rx[n:]...)
		closed := d.closed
		d.port.plant.mu.Unlock()
		if n > 0 {
			return n, nil
		}
		if closed {
			return 0, ErrDetached
		}
		select {
		case <-ctx.Done():
			return 0, fmt.Errorf("reading the audio of port %d: %w", d.port.number, ctx.Err())
		case <-d.wake:
		}
	}
}

// Write gives samples to be sent, waiting for room: a second is held.
func (d *Duplex) Write(ctx context.Context, samples []int16) error {
	for {
		d.port.plant.mu.Lock()
		closed := d.closed
		n := min(len(samples), duplexRoom-len(d.tx))
		d.tx = append(d.tx, samples[:n]...)
		d.port.plant.mu.Unlock()
		if samples = samples[n:]; len(samples) == 0 {
			return nil
		}
		if closed {
			return ErrDetached
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("sending audio to port %d: %w", d.port.number, ctx.Err())
		case <-d.room:
		}
	}
}

// Lost tells how many received samples nobody read in time, and how many
// samples of silence were sent for want of better.
func (d *Duplex) Lost() (dropped, starved uint64) {
	d.port.plant.mu.Lock()
	defer d.port.plant.mu.Unlock()
	return d.dropped, d.starved
}

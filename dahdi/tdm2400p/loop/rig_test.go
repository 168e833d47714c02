package loop

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"switchroom/dahdi/tdm2400p"
	"switchroom/dahdi/tone"
)

// rig plays the card: it ticks telephones and lines in port order at virtual
// time, with what a test's switch sends.
type rig struct {
	t     *testing.T
	plant *Plant
	frame uint64
	alaw  bool
	fxs   map[int]*fxsPort
	fxo   map[int]*fxoPort
	each  func() // the switch's own work, before each frame
}

type fxsPort struct {
	phone *Telephone
	feed  uint8
	send  tone.Generator // to the telephone
	wire  *tdm2400p.StationOut
	heard []byte
	cross *fxoPort // speech goes to and fro
}

type fxoPort struct {
	line    *Line
	offHook bool
	send    tone.Generator
	wire    *tdm2400p.TrunkOut
	heard   []byte
	cross   *fxsPort
}

func newRig(t *testing.T, country string, fxs, fxo []int) *rig {
	t.Helper()
	plant, err := NewPlant(Config{Country: country})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, plant: plant, fxs: map[int]*fxsPort{}, fxo: map[int]*fxoPort{}}
	for _, n := range fxs {
		p, err := plant.AddTelephone(n)
		if err != nil {
			t.Fatal(err)
		}
		r.fxs[n] = &fxsPort{phone: p, feed: feedActive, wire: &tdm2400p.StationOut{}}
	}
	for _, n := range fxo {
		l, err := plant.AddLine(n)
		if err != nil {
			t.Fatal(err)
		}
		r.fxo[n] = &fxoPort{line: l, wire: &tdm2400p.TrunkOut{}}
	}
	return r
}

func (r *rig) law() tone.Law {
	if r.alaw {
		return tone.ALaw
	}
	return tone.MuLaw
}

// audio makes a frame of g, silence when it is at its end.
func (r *rig) audio(g *tone.Generator) (out [8]byte) {
	var pcm [8]int16
	n := 0
	if *g != nil {
		if n = (*g).Next(pcm[:]); n < len(pcm) {
			*g = nil
		}
	}
	for i := range out {
		if out[i] = r.law().Silence(); i < n {
			out[i] = r.law().Encode(pcm[i])
		}
	}
	return out
}

// run lets ms milliseconds of card time pass.
func (r *rig) run(ms int) {
	for range ms {
		r.frame++
		if r.each != nil {
			r.each()
		}
		for n := 1; n <= 48; n++ {
			if p := r.fxs[n]; p != nil {
				in := tdm2400p.StationIn{Linefeed: p.feed, Audio: r.audio(&p.send), ALaw: r.alaw}
				if p.cross != nil {
					in.Audio = p.cross.wire.Audio
				}
				*p.wire = tdm2400p.StationOut{}
				p.phone.Tick(r.frame, in, p.wire)
				p.heard = append(p.heard, p.wire.Audio[:]...)
			}
			if p := r.fxo[n]; p != nil {
				in := tdm2400p.TrunkIn{OffHook: p.offHook, Audio: r.audio(&p.send), ALaw: r.alaw}
				if p.cross != nil {
					in.Audio = p.cross.wire.Audio
				}
				*p.wire = tdm2400p.TrunkOut{}
				p.line.Tick(r.frame, in, p.wire)
				p.heard = append(p.heard, p.wire.Audio[:]...)
			}
		}
	}
}

// matcher tells events of a name that say all of want ("k=v").
func matcher(event string, want []string) func(Event) bool {
	return func(e Event) bool {
		for _, w := range want {
			k, v, _ := strings.Cut(w, "=")
			if fmt.Sprint(e.Data[k]) != v {
				return false
			}
		}
		return e.Name == event
	}
}

// heard gives the first such event that the port remembers, and fails if there
// is none.
func (r *rig) heard(port int, event string, want ...string) Event {
	r.t.Helper()
	events := r.plant.Events(port)
	i := slices.IndexFunc(events, matcher(event, want))
	if i < 0 {
		r.t.Fatalf("port %d: no %s %v; its events:\n%s", port, event, want, r.dump(port))
	}
	return events[i]
}

// until runs up to ms until an event of the port says all of want ("k=v").
func (r *rig) until(ms, port int, event string, want ...string) Event {
	r.t.Helper()
	var found *Event
	says := matcher(event, want)
	cancel := r.plant.Watch(port, nil, func(e Event) bool {
		if !says(e) {
			return true
		}
		found = &e
		return false
	})
	defer cancel()
	for range ms {
		r.run(1)
		if found != nil {
			return *found
		}
	}
	r.t.Fatalf("port %d: no %s %v within %d ms; its events:\n%s", port, event, want, ms, r.dump(port))
	return Event{}
}

func (r *rig) dump(port int) string {
	var b strings.Builder
	for _, e := range r.plant.Port(port).Events() {
		fmt.Fprintln(&b, e)
	}
	return b.String()
}

// never fails if the port has had such an event since frame from.
func (r *rig) never(from uint64, port int, event string) {
	r.t.Helper()
	for _, e := range r.plant.Port(port).Events() {
		if e.Name == event && e.Frame >= from {
			r.t.Errorf("port %d: unwanted %v", port, e)
		}
	}
}

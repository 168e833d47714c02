package tdm2400p

import (
	"errors"
	"testing"

	"pgregory.net/rapid"
)

// handset is a telephone that tests hold in their hands.
type handset struct {
	out  StationOut // what it does; Audio counts only if speak
	talk bool
	in   StationIn // what it got last
	at   uint64    // in which frame
	fn   func(frame uint64)
}

func (h *handset) Tick(frame uint64, in StationIn, out *StationOut) {
	h.in, h.at = in, frame
	out.OffHook = h.out.OffHook
	if h.talk {
		out.Audio = h.out.Audio
	}
	if h.fn != nil {
		h.fn(frame)
	}
}

// pair is a line from the exchange that tests hold in their hands.
type pair struct {
	out  TrunkOut
	talk bool
	in   TrunkIn
}

func (p *pair) Tick(_ uint64, in TrunkIn, out *TrunkOut) {
	p.in = in
	out.Volts, out.Ring = p.out.Volts, p.out.Ring
	if p.talk {
		out.Audio = p.out.Audio
	}
}

func (r *rig) station(port int) *handset {
	r.t.Helper()
	h := &handset{}
	if err := r.card.PlugStation(port, h); err != nil {
		r.t.Fatal(err)
	}
	return h
}

func (r *rig) trunk(port int) *pair {
	r.t.Helper()
	p := &pair{}
	if err := r.card.PlugTrunk(port, p); err != nil {
		r.t.Fatal(err)
	}
	return p
}

func TestPlugChecksThePort(t *testing.T) {
	cfg := Config{}
	cfg.Ports[0], cfg.Ports[1] = FXS, FXO
	c := New(cfg, nil)
	for _, port := range []int{-1, 0, 2, 3, 25} {
		if err := c.PlugStation(port, &handset{}); !errors.Is(err, ErrPort) {
			t.Errorf("PlugStation(%d) = %v, want ErrPort", port, err)
		}
	}
	for _, port := range []int{-1, 0, 1, 3, 25} {
		if err := c.PlugTrunk(port, &pair{}); !errors.Is(err, ErrPort) {
			t.Errorf("PlugTrunk(%d) = %v, want ErrPort", port, err)
		}
	}
	if err := c.PlugStation(1, &handset{}); err != nil {
		t.Errorf("PlugStation(1) = %v", err)
	}
	if err := c.PlugTrunk(2, &pair{}); err != nil {
		t.Errorf("PlugTrunk(2) = %v", err)
	}
}

// TestAudio sends random octets both ways through random ports in random
// timeslots: every one must arrive, and in no other place.
func TestAudio(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := Config{}
		for m := range cfg.Ports {
			cfg.Ports[m] = rapid.SampledFrom([]Kind{Empty, FXS, FXO}).Draw(t, "kind")
		}
		alaw := rapid.Bool().Draw(t, "alaw")
		r := newRig(t, cfg)
		slots := rapid.Permutation([]int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23}).Draw(t, "slots")
		var phones [Ports]*handset
		var lines [Ports]*pair
		want := r.heard
		for m, k := range cfg.Ports {
			slot := slots[m]
			var said [8]byte
			copy(said[:], rapid.SliceOfN(rapid.Byte(), 8, 8).Draw(t, "said"))
			copy(r.audio[slot][:], rapid.SliceOfN(rapid.Byte(), 8, 8).Draw(t, "sent"))
			regs := []int{2, 3, 4, 5, 1}
			switch k {
			case Empty:
				want[slot] = [8]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
				continue
			case FXS:
				phones[m] = r.station(m + 1)
				phones[m].talk, phones[m].out.Audio = true, said
			case FXO:
				regs = []int{34, 35, 36, 37, 33}
				lines[m] = r.trunk(m + 1)
				lines[m].talk, lines[m].out.Audio = true, said
			}
			mode := 0x28
			if alaw {
				mode = 0x20
			}
			for i, v := range []int{slot * 8, 0, slot * 8, 0, mode} {
				r.write(m+1, regs[i], v)
			}
			want[slot] = said
		}
		r.frame()
		if r.heard != want {
			t.Errorf("the driver heard\n% x\nwant\n% x", r.heard, want)
		}
		for m := range cfg.Ports {
			sent := r.audio[slots[m]]
			if h := phones[m]; h != nil && (h.in.Audio != sent || h.in.ALaw != alaw) {
				t.Errorf("port %d: the telephone heard % x, A-law %v; want % x, %v", m+1, h.in.Audio, h.in.ALaw, sent, alaw)
			}
			if l := lines[m]; l != nil && (l.in.Audio != sent || l.in.ALaw != alaw) {
				t.Errorf("port %d: the line heard % x, A-law %v; want % x, %v", m+1, l.in.Audio, l.in.ALaw, sent, alaw)
			}
		}
	})
}

// TestSilence: a port whose audio is off says nothing and hears nothing.
func TestSilence(t *testing.T) {
	for _, alaw := range []bool{false, true} {
		r := newRig(t, Config{Ports: all(FXS), ALaw: alaw})
		h := r.station(3)
		h.talk, h.out.Audio = true, [8]byte{1, 2, 3, 4, 5, 6, 7, 8}
		r.audio[2] = [8]byte{9, 9, 9, 9, 9, 9, 9, 9}
		r.frame()
		q := silence(alaw)
		quiet := [8]byte{q, q, q, q, q, q, q, q}
		if r.heard[2] != quiet {
			t.Errorf("ALaw %v: the driver heard % x, want silence", alaw, r.heard[2])
		}
		if h.in.Audio != quiet || h.in.ALaw != alaw {
			t.Errorf("ALaw %v: the telephone heard % x, A-law %v", alaw, h.in.Audio, h.in.ALaw)
		}
	}
}

// TestSideBus cross-connects two ports on a timeslot that no frame carries.
func TestSideBus(t *testing.T) {
	r := newRig(t, Config{Ports: all(FXS)})
	a, b := r.station(2), r.station(1)
	a.talk = true
	r.enable(2, false)
	r.enable(1, false)
	r.write(2, slicTxSlotLow, 30*8) // port 2 speaks there
	r.write(1, slicRxSlotLow, 30*8) // port 1 listens there
	if r.write(2, slicTxSlotHigh, 0); r.heard[1][0] != 0xff {
		t.Errorf("the driver still hears % x", r.heard[1])
	}
	for i := range 5 {
		said := a.out.Audio
		a.out.Audio = [8]byte{byte(i), 1, 2, 3, 4, 5, 6, 7}
		r.frame()
		if i > 0 && b.in.Audio != said {
			t.Errorf("port 1 heard % x, want what port 2 said a millisecond ago: % x", b.in.Audio, said)
		}
	}
	r.write(2, slicTxSlotLow, 8)
	r.frames(2)
	if b.in.Audio[0] != 0xff {
		t.Errorf("port 1 hears % x of a slot that nobody speaks in", b.in.Audio)
	}
}

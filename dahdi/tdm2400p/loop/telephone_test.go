package loop

import (
	"testing"

	"switchroom/dahdi/tdm2400p"
	"switchroom/dahdi/tone"
)

func play(t *testing.T, z tone.Zone, n tone.Name, ms int) tone.Generator {
	t.Helper()
	c, ok := z.Tone(n)
	if !ok {
		t.Fatalf("no %s tone", n)
	}
	return c.Play(-13, ms)
}

func TestTelephoneHearsDialToneAndDials(t *testing.T) {
	for _, country := range []string{"us", "cn", "gb", "de"} {
		r := newRig(t, country, []int{1}, nil)
		p := r.fxs[1]
		r.run(100)
		p.phone.OffHook()
		r.run(50)
		if !p.wire.OffHook {
			t.Fatal("the loop is open with the handset lifted")
		}
		p.send = play(t, r.plant.Zone(), tone.Dial, -1)
		r.until(2000, 1, "tone", "name=dial", "on=true")
		p.heard = nil
		if err := p.phone.Dial("1002#", DialOptions{Tag: "x"}); err != nil {
			t.Fatal(err)
		}
		p.send = nil
		r.until(2000, 1, "dialled", "digits=1002#", "tag=x")
		det := tone.NewDTMFDetector(tone.DTMFLimits{})
		var got string
		for _, e := range det.Write(tone.MuLaw.DecodeAll(nil, p.heard)) {
			if e.Down {
				got += string(e.Key)
			}
		}
		if got != "1002#" {
			t.Errorf("%s: the switch heard %q, want 1002#", country, got)
		}
		p.phone.OnHook()
		r.run(10)
		if p.wire.OffHook {
			t.Error("the loop is closed with the handset down")
		}
	}
}

func TestTelephoneIsRung(t *testing.T) {
	r := newRig(t, "us", []int{3}, nil)
	p := r.fxs[3]
	r.run(100)
	for n := 1; n <= 3; n++ {
		p.feed = feedRinging
		e := r.until(10, 3, "ring")
		if e.Data["n"] != n || (n > 1 && (e.Data["on_ms"] != 2000 || e.Data["off_ms"] != 4000)) {
			t.Errorf("burst %d: %v", n, e)
		}
		r.run(1999)
		p.feed = feedOnHook
		e = r.until(10, 3, "ringpause")
		if e.Data["n"] != n || e.Data["on_ms"] != 2000 {
			t.Errorf("pause %d: %v", n, e)
		}
		if n < 3 {
			r.run(3999)
		}
	}
	p.feed = feedActive
	if e := r.until(10, 3, "ringstop", "reason=idle"); e.Data["n"] != 3 {
		t.Errorf("end: %v", e)
	}
	// A new call counts anew, and is answered within a burst.
	p.feed = feedRinging
	r.until(10, 3, "ring", "n=1")
	p.phone.OffHook()
	r.run(2)
	if !p.wire.OffHook {
		t.Error("the loop is open")
	}
	p.feed = feedActive
	r.until(10, 3, "ringstop", "reason=answered")
	// One that is given up while the feed stays ready.
	p.phone.OnHook()
	p.feed = feedRinging
	r.run(500)
	p.feed = feedOnHook
	r.until(ringOverMS+10, 3, "ringstop", "reason=silence")
}

// TestCallerIDBetweenRings sends caller identification as DAHDI does: half a
// second into the first pause, by either modem or keys.
func TestCallerIDBetweenRings(t *testing.T) {
	id := tone.CallerID{Month: 11, Day: 22, Hour: 19, Minute: 5, Number: "13800138000", Name: "Wang"}
	msg, err := id.MDMF()
	if err != nil {
		t.Fatal(err)
	}
	keys, err := tone.DTMF("D13800138000C", tone.DTMFOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for std, g := range map[string]tone.Generator{StandardBell: tone.FSK(tone.Bell202, msg, tone.FSKOptions{}), StandardV23: tone.FSK(tone.V23, msg, tone.FSKOptions{}), StandardDTMF: keys} {
		r := newRig(t, "us", []int{1}, nil)
		p := r.fxs[1]
		r.run(50)
		p.feed = feedRinging
		r.run(2000)
		p.feed = feedOnHook
		r.run(500)
		p.send = g
		e := r.until(4000, 1, "callerid")
		if e.Data["number"] != "13800138000" || e.Data["standard"] != std {
			t.Errorf("%s: %v", std, e)
		}
		if std != StandardDTMF && (e.Data["name"] != "Wang" || e.Data["time"] != "11-22 19:05") {
			t.Errorf("%s: %v", std, e)
		}
		r.never(0, 1, "callerid-error")
	}
	// What is garbled on the way is said to be.
	r := newRig(t, "us", []int{1}, nil)
	bad := append([]byte(nil), msg...)
	bad[9] ^= 1
	r.fxs[1].feed = feedOnHook
	r.fxs[1].send = tone.FSK(tone.Bell202, bad, tone.FSKOptions{})
	r.until(4000, 1, "callerid-error")
}

// loopTimes gives the lengths of the loop's states, ms, beginning when it
// first opens.
func loopTimes(r *rig, p *fxsPort, ms int) (out []int) {
	closed, n := true, 0
	for range ms {
		r.run(1)
		if p.wire.OffHook != closed {
			if closed = p.wire.OffHook; len(out) > 0 || !closed {
				out = append(out, n)
			}
			n = 0
		}
		n++
	}
	if len(out) > 0 {
		out = out[1:]
	}
	return out
}

func TestPulsesAndFlash(t *testing.T) {
	r := newRig(t, "us", []int{1}, nil)
	p := r.fxs[1]
	r.run(10)
	if err := p.phone.Pulse("1", DialOptions{}); err == nil {
		t.Error("pulses with the handset down")
	}
	p.phone.OffHook()
	r.run(10)
	if err := p.phone.Pulse("31", DialOptions{PPS: 10, Break: 0.6, PauseMS: 800}); err != nil {
		t.Fatal(err)
	}
	got := loopTimes(r, p, 2000)
	want := []int{60, 40, 60, 40, 60, 840, 60}
	if len(got) != len(want) {
		t.Fatalf("3 and 1 by pulses: %v, want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("3 and 1 by pulses: %v, want %v", got, want)
		}
	}
	r.heard(1, "dialled", "digits=31")
	if err := p.phone.Flash(400); err != nil {
		t.Fatal(err)
	}
	if got := loopTimes(r, p, 1000); len(got) != 1 || got[0] != 400 {
		t.Errorf("a flash of 400 ms: %v", got)
	}
	// Putting the handset down ends the pulses under way.
	if err := p.phone.Pulse("0", DialOptions{}); err != nil {
		t.Fatal(err)
	}
	r.run(250)
	p.phone.OnHook()
	r.run(1)
	for range 2000 {
		if r.run(1); p.wire.OffHook {
			t.Fatal("a pulse closed the loop with the handset down")
		}
	}
}

func TestLoadFaults(t *testing.T) {
	r := newRig(t, "us", []int{1}, nil)
	p := r.fxs[1]
	p.phone.OffHook()
	p.phone.Play(tone.Sines(-10, -1, 1004), "")
	r.run(10)
	if tone.Level(tone.MuLaw.DecodeAll(nil, p.wire.Audio[:])) < -20 {
		t.Error("a telephone that plays is silent")
	}
	for load, offHook := range map[Load]bool{LoadUnplugged: false, LoadShort: true, LoadPhone: true} {
		if err := p.phone.SetLoad(load); err != nil {
			t.Fatal(err)
		}
		r.run(5)
		if p.wire.OffHook != offHook {
			t.Errorf("%s: off hook %v, want %v", load, p.wire.OffHook, offHook)
		}
		if silent := p.wire.Audio == [8]byte{255, 255, 255, 255, 255, 255, 255, 255}; silent == (load == LoadPhone) {
			t.Errorf("%s: silent %v", load, silent)
		}
	}
	if err := p.phone.SetLoad("eaten"); err == nil {
		t.Error("a load of no kind was taken")
	}
}

func TestDisconnectAndPolarity(t *testing.T) {
	r := newRig(t, "us", []int{1}, nil)
	p := r.fxs[1]
	p.phone.OffHook()
	r.run(10)
	p.feed = feedReversed
	r.until(5, 1, "polarity", "reversed=true")
	p.feed = feedOpen
	r.until(5, 1, "disconnect", "on=true")
	p.feed = feedActive
	r.until(5, 1, "disconnect", "on=false")
	r.heard(1, "polarity", "reversed=false")
}

func TestAudioIsExact(t *testing.T) {
	// What a telephone records is what came over the wire, octet by octet, and
	// what it plays from the wire goes out unchanged; but for µ-law's negative
	// zero, which no sample stands for.
	for _, alaw := range []bool{false, true} {
		r := newRig(t, "us", []int{1}, nil)
		r.alaw = alaw
		p := r.fxs[1]
		p.phone.OffHook()
		r.run(2)
		wire := make([]byte, 4096)
		for i := range wire {
			if wire[i] = byte(i*7 + i/256); !alaw && wire[i] == 0x7f {
				wire[i] = 0xff
			}
		}
		p.send = tone.Samples(r.law().DecodeAll(nil, wire))
		p.phone.Play(tone.Samples(r.law().DecodeAll(nil, wire)), "")
		if err := p.phone.Record(512); err != nil {
			t.Fatal(err)
		}
		p.heard = nil
		r.until(600, 1, "recorded")
		rec, err := p.phone.Recording(0, 0, 1000)
		if err != nil {
			t.Fatal(err)
		}
		if string(rec.Wire) != string(wire) {
			t.Errorf("alaw %v: the recording differs", alaw)
		}
		if string(p.heard[:4096]) != string(wire) {
			t.Errorf("alaw %v: what was played differs", alaw)
		}
		if part, err := p.phone.Recording(rec.From+10, rec.From+20, 1000); err != nil || string(part.Wire) != string(wire[80:160]) {
			t.Errorf("a window of the recording: %v", err)
		}
		for _, w := range [][2]uint64{{rec.From - 1, rec.To}, {rec.From, rec.To + 1}, {rec.To, rec.From}} {
			if _, err := p.phone.Recording(w[0], w[1], 1000); err == nil {
				t.Errorf("frames %d to %d of [%d, %d) could be had", w[0], w[1], rec.From, rec.To)
			}
		}
	}
}

func TestDuplex(t *testing.T) {
	r := newRig(t, "us", []int{1}, nil)
	p := r.fxs[1]
	p.phone.OffHook()
	r.run(2)
	d := p.phone.Attach()
	send := tone.Take(tone.Sines(-10, -1, 600), 800)
	if err := d.Write(t.Context(), send); err != nil {
		t.Fatal(err)
	}
	p.send = tone.Sines(-15, -1, 900)
	p.heard = nil
	r.run(100)
	if hz, _ := tone.Frequency(tone.MuLaw.DecodeAll(nil, p.heard)); hz < 598 || hz > 602 {
		t.Errorf("the switch heard %.1f Hz, want 600", hz)
	}
	buf := make([]int16, 2000)
	n, err := d.Read(t.Context(), buf)
	if hz, _ := tone.Frequency(buf[:n]); err != nil || n != 800 || hz < 898 || hz > 902 {
		t.Errorf("received %d samples of %.1f Hz (%v), want 800 of 900", n, hz, err)
	}
	// Nobody reads for two seconds: the last one is kept.
	r.run(2000)
	if dropped, _ := d.Lost(); dropped != 8000 {
		t.Errorf("%d samples were dropped, want 8000", dropped)
	}
	// A second attachment ends the first.
	e := p.phone.Attach()
	defer e.Close()
	for range 9 {
		if _, err = d.Read(t.Context(), buf); err != nil {
			break
		}
	}
	if err != ErrDetached {
		t.Errorf("the old attachment reads on: %v", err)
	}
}

func BenchmarkIdleCard(b *testing.B) {
	plant, err := NewPlant(Config{})
	if err != nil {
		b.Fatal(err)
	}
	var phones []*Telephone
	for n := 1; n <= 24; n++ {
		p, err := plant.AddTelephone(n)
		if err != nil {
			b.Fatal(err)
		}
		phones = append(phones, p)
	}
	benchmarkCard(b, phones, [8]byte{255, 255, 255, 255, 255, 255, 255, 255})
}

func BenchmarkBusyCard(b *testing.B) {
	plant, err := NewPlant(Config{})
	if err != nil {
		b.Fatal(err)
	}
	var phones []*Telephone
	for n := 1; n <= 24; n++ {
		p, err := plant.AddTelephone(n)
		if err != nil {
			b.Fatal(err)
		}
		p.OffHook()
		p.Play(tone.Sines(-10, -1, 1004), "")
		phones = append(phones, p)
	}
	benchmarkCard(b, phones, [8]byte{10, 90, 200, 33, 150, 60, 1, 77})
}

// benchmarkCard is one frame of a card of telephones per round.
func benchmarkCard(b *testing.B, phones []*Telephone, audio [8]byte) {
	b.ReportAllocs()
	for i := range b.N {
		for _, p := range phones {
			var out tdm2400p.StationOut
			p.Tick(uint64(i+1), tdm2400p.StationIn{Linefeed: feedActive, Audio: audio}, &out)
		}
	}
}

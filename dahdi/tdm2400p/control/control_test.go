package control

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"switchroom/dahdi/tdm2400p"
	"switchroom/dahdi/tdm2400p/loop"
	"switchroom/dahdi/tone"
)

// bench is a card that runs as fast as it can, with a server and a client.
type bench struct {
	t      *testing.T
	ctx    context.Context
	card   *tdm2400p.Card
	plant  *loop.Plant
	server *Server
	client *Client
	path   string

	mu   sync.Mutex
	send map[int]tone.Generator // to telephones and lines, by port
}

// newBench makes ports 1-2 telephones, powered, and 13-14 lines.
func newBench(t *testing.T) *bench {
	t.Helper()
	ports, err := ParsePorts("fxs:1-2,fxo:13-14")
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, card: tdm2400p.New(tdm2400p.Config{Ports: ports}, nil), send: map[int]tone.Generator{}, path: filepath.Join(t.TempDir(), "ctl")}
	if b.plant, err = loop.NewPlant(loop.Config{Country: "us"}); err != nil {
		t.Fatal(err)
	}
	if err := b.plant.Plug(b.card, 0); err != nil {
		t.Fatal(err)
	}
	x := b.plant.NewExchange()
	for n, number := range map[int]string{13: "5550013", 14: "5550014"} {
		x.Connect(b.plant.Port(n).Line(), number)
	}
	b.server, err = NewServer(Config{Plant: b.plant, Cards: []*tdm2400p.Card{b.card}, Exchange: x, Clients: 4})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", b.path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	b.ctx = ctx
	var all sync.WaitGroup
	all.Go(func() {
		if err := b.server.Serve(ctx, l); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		cancel()
		all.Wait()
		goleak.VerifyNone(t)
	})
	b.client = b.dial()
	all.Go(func() { b.run(ctx) })
	return b
}

func (b *bench) dial() *Client {
	b.t.Helper()
	c, err := Dial(b.ctx, b.path)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { c.Close() })
	return c
}

// run feeds the card with frames: the first ones power the telephones' feed
// and seize nothing, all carry what is to be heard.
func (b *bench) run(ctx context.Context) {
	tx, rx := make([]byte, tdm2400p.FrameSize), make([]byte, tdm2400p.FrameSize)
	ident := byte(0)
	for frame := 0; ctx.Err() == nil; frame++ {
		b.fill(tx, frame, &ident)
		b.card.Frame(tx, rx)
	}
}

// fill writes a frame: audio for every port, and in the second eframe a
// command for each telephone that lets its feed be active.
func (b *bench) fill(tx []byte, frame int, ident *byte) {
	clear(tx)
	b.mu.Lock()
	defer b.mu.Unlock()
	for e := range 8 {
		for slot := range 24 {
			tx[e*128+slot] = 0xff
		}
		if e < 7 {
			tx[e*128+109] = *ident
			*ident++
		}
	}
	for port, g := range b.send {
		var pcm [8]int16
		n := g.Next(pcm[:])
		for e := range n {
			tx[e*128+port-1] = tone.MuLaw.Encode(pcm[e])
		}
	}
	write := func(port int, eframe int, raw ...byte) {
		m := port - 1
		for i, v := range raw {
			tx[eframe*128+24+((m&3)*3+i)*7+m>>2] = v
		}
	}
	for _, port := range []int{1, 2} {
		sel := byte(1) << ((port - 1) & 3)
		write(port, 1, sel, 64, 0x01)
		write(port, 2, sel, 1, 0x28)
	}
}

func (b *bench) say(port int, g tone.Generator) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.send[port] = g
}

func TestTelephoneOverTheSocket(t *testing.T) {
	b := newBench(t)
	p := b.client.Port(1)
	if _, err := p.Wait(b.ctx, "linefeed", Match{"state": "active"}, 1000); err != nil {
		t.Fatal(err)
	}
	if err := p.OffHook(b.ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Wait(b.ctx, "hook", Match{"state": "off"}, 1000); err != nil {
		t.Fatal(err)
	}
	zone := b.plant.Zone()
	dial, _ := zone.Tone(tone.Dial)
	b.say(1, dial.Play(-13, -1))
	e, err := p.WaitTone(b.ctx, tone.Dial, 3000)
	if err != nil {
		t.Fatal(err)
	}
	if level, _ := e.Data["level"].(float64); level < -10.5 || level > -9.5 {
		t.Errorf("two tones of -13 dBm0 were heard at %v dBm0, want -10", e.Data["level"])
	}
	if err := p.Dial(b.ctx, "1002"); err != nil {
		t.Fatal(err)
	}
	b.say(1, tone.Sines(-20, -1, 1004))
	rec, err := p.Listen(b.ctx, 500)
	if err != nil {
		t.Fatal(err)
	}
	samples := rec.Samples()
	if rec.To-rec.From != 500 || len(samples) != 4000 {
		t.Fatalf("recorded [%d, %d) and %d samples, want 500 ms", rec.From, rec.To, len(samples))
	}
	hz, level := tone.Frequency(samples[800:])
	if hz < 1003.5 || hz > 1004.5 || level < -20.3 || level > -19.7 {
		t.Errorf("heard %.2f Hz at %.2f dBm0, want 1004 at -20", hz, level)
	}
}

func TestWaitFailsWithTheLastEvents(t *testing.T) {
	b := newBench(t)
	p := b.client.Port(2)
	if err := p.OffHook(b.ctx); err != nil {
		t.Fatal(err)
	}
	_, err := p.Wait(b.ctx, "ring", nil, 500)
	var e *Error
	if !errors.As(err, &e) || e.Code != CodeTimeout || !IsTimeout(err) {
		t.Fatalf("waiting in vain: %v", err)
	}
	found := false
	for _, ev := range e.Events {
		found = found || ev.Name == "hook"
	}
	if !found || !strings.Contains(err.Error(), "hook") {
		t.Errorf("the failure does not tell the port's events: %v", err)
	}
}

package control

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"switchroom/dahdi/tdm2400p"
	"switchroom/dahdi/tdm2400p/loop"
	"switchroom/dahdi/tone"
)

// raw is a connection without the client package.
type raw struct {
	t  *testing.T
	c  net.Conn
	in *bufio.Reader
}

func (b *bench) raw() *raw {
	b.t.Helper()
	c, err := net.Dial("unix", b.path)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		b.t.Fatal(err)
	}
	return &raw{t: b.t, c: c, in: bufio.NewReader(c)}
}

func (r *raw) send(format string, v ...any) {
	r.t.Helper()
	if _, err := fmt.Fprintf(r.c, format+"\n", v...); err != nil {
		r.t.Fatal(err)
	}
}

// line reads a line into v.
func (r *raw) line(v any) {
	r.t.Helper()
	line, err := r.in.ReadBytes('\n')
	if err != nil {
		r.t.Fatalf("reading a line: %v", err)
	}
	if err := json.Unmarshal(line, v); err != nil {
		r.t.Fatalf("%q: %v", line, err)
	}
}

func TestRefusals(t *testing.T) {
	b := newBench(t)
	r := b.raw()
	for _, c := range []struct{ line, code, text string }{
		{`{"id":1}`, CodeBadRequest, "no verb"},
		{`{"id":1,"do":"jump"}`, CodeBadRequest, "no verb \"jump\""},
		{`{"id":1,"do":"offhook","prot":1}`, CodeBadRequest, "prot"},
		{`{"id":1,"do":"offhook","port":1} x`, CodeBadRequest, "value"},
		{`nonsense`, CodeBadRequest, "invalid"},
		{`{"id":-1,"do":"info"}`, CodeBadRequest, "id"},
		{`{"id":1,"do":"offhook"}`, CodeNoPort, "port 0"},
		{`{"id":1,"do":"offhook","port":13}`, CodeNoPort, "fxo"},
		{`{"id":1,"do":"ring","port":1}`, CodeNoPort, "fxs"},
		{`{"id":1,"do":"offhook","port":3}`, CodeNoPort, "nothing"},
		{`{"id":1,"do":"offhook","port":25}`, CodeNoPort, "no port 25"},
		{`{"id":1,"do":"dial","port":1,"args":{"digits":"1"}}`, CodeFailed, "on the hook"},
		{`{"id":1,"do":"dial","port":1,"args":{"digit":"1"}}`, CodeBadRequest, "digit"},
		{`{"id":1,"do":"flash","port":1,"args":[]}`, CodeBadRequest, "array"},
		{`{"id":1,"do":"play","port":1,"args":{"hz":[5000]}}`, CodeBadRequest, "frequencies"},
		{`{"id":1,"do":"play","port":1,"args":{"tone":"dial","hz":[500]}}`, CodeBadRequest, "exactly one"},
		{`{"id":1,"do":"wait","port":1}`, CodeBadRequest, "event"},
		{`{"id":1,"do":"wait","port":1,"args":{"event":"ring","match":{"n":null}}}`, CodeBadRequest, "compared"},
		{`{"id":1,"do":"wait","port":1,"args":{"event":"ring","match":{"n":{"mni":1}}}}`, CodeBadRequest, "range"},
		{`{"id":1,"do":"offhook","port":1,"at":1,"after":1}`, CodeBadRequest, "exclude"},
		{`{"id":1,"do":"recording","port":1}`, CodeFailed, "nothing was recorded"},
		{`{"id":1,"do":"fault","port":1,"args":{"kind":"rust"}}`, CodeFailed, "rust"},
		{`{"id":1,"do":"attach","port":1,"after":5}`, CodeBadRequest, "put off"},
		{`{"id":1,"do":"routes","args":{"set":[{"number":"1-2"}]}}`, CodeBadRequest, "route"},
		{`{"id":1,"do":"ring","port":13,"args":{"callerid":{"standard":"v21"}}}`, CodeFailed, "v21"},
		{`{"id":1,"do":"ring","port":13,"args":{"callerid":{"time":"yesterday"}}}`, CodeBadRequest, "time"},
	} {
		r.send("%s", c.line)
		var got reply
		r.line(&got)
		if got.Error == nil || got.Error.Code != c.code || !strings.Contains(got.Error.Text, c.text) {
			t.Errorf("%s: answered %+v, want %s with %q", c.line, got.Error, c.code, c.text)
		}
	}
	// After all that the connection is as good as new.
	r.send("")
	r.send(`{"id":77,"do":"info"}`)
	var got reply
	if r.line(&got); got.ID != 77 || got.Error != nil {
		t.Errorf("answered %+v", got)
	}
}

func TestLinesAreBounded(t *testing.T) {
	b := newBench(t)
	r := b.raw()
	go func() {
		// The server closes before it has read all of it.
		_, _ = io.WriteString(r.c, strings.Repeat("x", MaxLine+100_000))
	}()
	var got reply
	r.line(&got)
	if got.Error == nil || got.Error.Code != CodeBadRequest {
		t.Errorf("answered %+v", got)
	}
	if _, err := r.in.ReadByte(); err == nil {
		t.Error("the connection is still open")
	}
}

func TestClientsAreBounded(t *testing.T) {
	b := newBench(t) // four, one is in
	for range 3 {
		b.dial()
	}
	_, err := Dial(b.ctx, b.path)
	var e *Error
	if !errors.As(err, &e) && !errors.Is(err, ErrClosed) {
		t.Errorf("a fifth client: %v", err)
	}
}

// TestSlowClient watches a busy port without reading: the server goes on, the
// client learns how many events it missed, and replies still come.
func TestSlowClient(t *testing.T) {
	b := newBench(t)
	r := b.raw()
	r.send(`{"id":1,"do":"watch","args":{"ports":[13]}}`)
	var got reply
	r.line(&got)
	p := b.client.Port(13)
	line := b.plant.Port(13).Line()
	const n = 20_000
	for i := range n {
		if err := line.Battery(3 + i%100); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := p.State(b.ctx); err != nil {
		t.Fatalf("another client suffers: %v", err)
	}
	seen, dropped := 0, 0
	last := uint64(0)
	read := func() (more bool) {
		var e struct {
			loop.Event
			ID uint64 `json:"id"`
		}
		r.line(&e)
		switch {
		case e.ID == 2:
			return false
		case e.Name == "dropped":
			lost, _ := e.Data["n"].(float64)
			dropped += int(lost)
		default:
			if e.Seq <= last {
				t.Fatalf("event %d after %d", e.Seq, last)
			}
			last = e.Seq
			seen++
		}
		return true
	}
	// What was queued before is read; only then is there room for the notice.
	for seen < 400 {
		read()
	}
	r.send(`{"id":2,"do":"state","port":13}`)
	for read() {
	}
	if err := line.Battery(50); err != nil {
		t.Fatal(err)
	}
	for seen+dropped < n+1 {
		read()
	}
	if dropped == 0 || seen+dropped != n+1 {
		t.Errorf("%d events were seen and %d said to be dropped, of %d", seen, dropped, n+1)
	}
}

func TestDeferred(t *testing.T) {
	b := newBench(t)
	p := b.client.Port(1)
	now, err := p.Frame(b.ctx)
	if err != nil {
		t.Fatal(err)
	}
	// Asked for in the wrong order, done in the right one, to the ms.
	errs := make(chan error, 2)
	at := now + 5000
	go func() { errs <- p.When(When{At: at + 250}).OnHook(b.ctx) }()
	go func() { errs <- p.When(When{At: at}).OffHook(b.ctx) }()
	off, err := p.Wait(b.ctx, "hook", Match{"state": "off"}, 20_000)
	if err != nil {
		t.Fatal(err)
	}
	on, err := p.Wait(b.ctx, "hook", Match{"state": "on"}, 20_000)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if off.Frame+1 < at || off.Frame > at || on.Frame-off.Frame != 250 {
		t.Errorf("off hook at %d, on hook at %d; asked for %d and %d", off.Frame, on.Frame, at, at+250)
	}
	// A fault, which works on the card itself, can be put off as well.
	if _, err := b.client.Do(b.ctx, "fault", 1, When{After: 20}, FaultArgs{Kind: tdm2400p.FaultAbsent}, nil); err != nil {
		t.Error(err)
	}
}

// TestWaitLooksBack: nothing is missed between an action and the wait for it,
// nothing is told twice.
func TestWaitLooksBack(t *testing.T) {
	b := newBench(t)
	p := b.client.Port(13)
	for _, v := range []int{10, 20, 30, 20} {
		if err := p.Battery(b.ctx, v); err != nil {
			t.Fatal(err)
		}
	}
	var seqs []uint64
	for range 2 {
		e, err := p.Wait(b.ctx, "battery", Match{"volts": 20}, 100)
		if err != nil {
			t.Fatal(err)
		}
		seqs = append(seqs, e.Seq)
	}
	if seqs[0] >= seqs[1] {
		t.Errorf("the same event twice: %v", seqs)
	}
	if _, err := p.Wait(b.ctx, "battery", nil, 100); !IsTimeout(err) {
		t.Errorf("a third one: %v", err)
	}
	if err := p.Battery(b.ctx, 44); err != nil {
		t.Fatal(err)
	}
	e, err := p.Wait(b.ctx, "battery", Match{"volts": Range{40, 45}}, 100)
	if err != nil || e.Data["volts"] != 44.0 {
		t.Errorf("a range: %v, %v", e, err)
	}
	if err := p.Mark(b.ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Wait(b.ctx, "battery", Match{"volts": []int{44, 45}}, 100); !IsTimeout(err) {
		t.Errorf("after a mark: %v", err)
	}
}

func TestAttach(t *testing.T) {
	b := newBench(t)
	p := b.client.Port(1)
	if err := p.OffHook(b.ctx); err != nil {
		t.Fatal(err)
	}
	b.say(1, tone.Sines(-15, -1, 900))
	if _, err := p.Wait(b.ctx, "hook", nil, 1000); err != nil {
		t.Fatal(err)
	}
	a, err := p.Attach(b.ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	buf := make([]byte, 2*4000)
	if _, err := io.ReadFull(a, buf); err != nil {
		t.Fatal(err)
	}
	var pcm []int16
	for i := 0; i < len(buf); i += 2 {
		pcm = append(pcm, int16(uint16(buf[i])|uint16(buf[i+1])<<8))
	}
	// The card runs far faster than this test reads: pieces may be missing, so
	// a level is all that can be asked of 500 ms, and of 20 ms the frequency.
	if l := tone.Level(pcm); l < -15.5 || l > -14.5 {
		t.Errorf("received %.1f dBm0, want -15", l)
	}
	if _, err := a.Write(make([]byte, 1601)); err != nil { // an odd octet waits for its other half
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := b.client.Port(3).Attach(b.ctx); err == nil {
		t.Error("audio of an empty place")
	}
}

func TestCardVerbs(t *testing.T) {
	b := newBench(t)
	c := b.client
	info, err := c.Info(b.ctx)
	if err != nil || len(info.Cards) != 1 || info.Cards[0].Ports != "fxs:1-2,fxo:13-14" || info.Country != "us" {
		t.Errorf("info: %+v, %v", info, err)
	}
	if err := c.Sleep(b.ctx, 1, 500); err != nil {
		t.Error(err)
	}
	s, err := c.Stats(b.ctx, 1)
	if err != nil || s.Frames < info.Cards[0].Frame+500 {
		t.Errorf("stats: %+v, %v", s, err)
	}
	r, err := c.Port(1).Registers(b.ctx)
	if err != nil || r.Kind != "fxs" || len(r.Direct) != 128 || r.Direct[64] != 0x11 {
		t.Errorf("registers: %+v, %v", r, err)
	}
	if err := c.Pause(b.ctx, 1); err != nil {
		t.Error(err)
	}
	if err := c.Resume(b.ctx, 1); err != nil {
		t.Error(err)
	}
	ports, err := c.Ports(b.ctx)
	if err != nil || len(ports) != 4 || ports[0].Phone == nil || ports[3].Line == nil || ports[3].Port != 14 {
		t.Errorf("ports: %+v, %v", ports, err)
	}
	if err := c.Routes(b.ctx, []loop.Route{{Number: "1.", Busy: true}}); err != nil {
		t.Error(err)
	}
	if err := c.ExchangeCallerID(b.ctx, "v23"); err != nil {
		t.Error(err)
	}
	if err := c.ExchangeCallerID(b.ctx, "v90"); err == nil {
		t.Error("caller identification by v90")
	}
	sub, err := c.Subscribe(b.ctx, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	if _, err := c.Do(b.ctx, "trace", 1, When{}, traceArgs{On: true}, nil); err != nil {
		t.Fatal(err)
	}
	e := <-sub.C()
	if e.Name != "spi" || e.Port != 1 {
		t.Errorf("traced %v", e)
	}
	if _, err := c.Do(b.ctx, "trace", 1, When{}, traceArgs{}, nil); err != nil {
		t.Fatal(err)
	}
}

// TestClientsComeAndGo leaves requests of every kind under way behind; goleak
// and the race detector look on.
func TestClientsComeAndGo(t *testing.T) {
	b := newBench(t)
	for i := range 20 {
		for !b.leave(i) {
			// The seat of an earlier one is not free yet.
		}
	}
}

// leave connects, leaves requests behind and goes; false if there is no seat.
func (b *bench) leave(i int) bool {
	b.t.Helper()
	r := b.raw()
	defer r.c.Close()
	if _, err := io.WriteString(r.c, `{"id":1,"do":"watch"}`+"\n"); err != nil {
		return false
	}
	var got struct {
		ID    uint64 `json:"id"`
		Event string `json:"event"`
	}
	for got.ID != 1 {
		line, err := r.in.ReadBytes('\n')
		if err != nil || json.Unmarshal(line, &got) != nil || (got.Event == "" && got.ID == 0) {
			return false
		}
	}
	r.send(`{"id":2,"do":"wait","port":1,"args":{"event":"never","timeout_ms":1000000}}`)
	r.send(`{"id":3,"do":"wait","args":{"event":"never","timeout_ms":%d}}`, i+1)
	r.send(`{"id":4,"do":"offhook","port":1,"after":%d}`, i)
	r.send(`{"id":5,"do":"trace","port":2,"args":{"on":true}}`)
	return true
}

func TestPortSpecRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var want [tdm2400p.Ports]tdm2400p.Kind
		for i := range want {
			want[i] = rapid.SampledFrom([]tdm2400p.Kind{tdm2400p.Empty, tdm2400p.FXS, tdm2400p.FXO}).Draw(t, "kind")
		}
		spec := FormatPorts(want, 0)
		got, err := ParsePorts(spec)
		if err != nil || got != want {
			t.Fatalf("%v was written %q and read %v (%v)", want, spec, got, err)
		}
	})
	for _, spec := range []string{"1-4", "fxs", "fxs:", "fxs:0", "fxs:25", "fxs:4-2", "fxs:1,1", "abc:1", "fxs:1-12,fxo:12", "fxs:1--2"} {
		if got, err := ParsePorts(spec); err == nil {
			t.Errorf("%q was read as %v", spec, got)
		}
	}
}

// FuzzRequest sends a line to a server that has nothing running, and wants one
// line of JSON for it, or none for an empty one.
func FuzzRequest(f *testing.F) {
	f.Add(`{"id":1,"do":"offhook","port":1}`)
	f.Add(`{"id":2,"do":"dial","port":1,"args":{"digits":"12*#"}}`)
	f.Add(`{"id":3,"do":"ring","port":13,"args":{"callerid":{"number":"1","standard":"dtmf"},"cadence_ms":[100,100]}}`)
	f.Add(`{"id":4,"do":"play","port":1,"args":{"samples":"AAA="}}`)
	f.Add(`{"id":5,"do":"routes","args":{"set":[{"number":"1X."}]}}`)
	f.Add(`{"id":6,"do":"wait","port":1,"args":{"event":"x","match":{"a":[1,{"min":2}]},"since":1}}`)
	f.Add(`{"id":7,"do":"pulse","port":1,"args":{"digits":"0","pps":20,"break":0.5}}`)
	f.Fuzz(func(t *testing.T, line string) {
		ports, err := ParsePorts("fxs:1-2,fxo:13-14")
		if err != nil {
			t.Fatal(err)
		}
		card := tdm2400p.New(tdm2400p.Config{Ports: ports}, nil)
		plant, err := loop.NewPlant(loop.Config{})
		if err != nil {
			t.Fatal(err)
		}
		if err := plant.Plug(card, 0); err != nil {
			t.Fatal(err)
		}
		plant.Port(1).Telephone().OffHook()
		s, err := NewServer(Config{Plant: plant, Cards: []*tdm2400p.Card{card}, Exchange: plant.NewExchange()})
		if err != nil {
			t.Fatal(err)
		}
		here, there := net.Pipe()
		defer here.Close()
		defer there.Close()
		c := &client{server: s, conn: there, out: make(chan []byte, maxQueue), closed: make(chan struct{}), pending: map[int]func(){}, traces: map[int]*tdm2400p.Card{}}
		defer c.forget()
		req, err := parseRequest([]byte(line))
		if err != nil {
			return
		}
		c.handle(req)
		tx, rx := make([]byte, tdm2400p.FrameSize), make([]byte, tdm2400p.FrameSize)
		for range 50 {
			card.Frame(tx, rx)
		}
		for len(c.out) > 0 {
			line := <-c.out
			if !json.Valid(line) || strings.Count(string(line), "\n") != 1 {
				t.Fatalf("answered %q", line)
			}
		}
	})
}

func TestSocketIsGone(t *testing.T) {
	if _, err := Dial(t.Context(), t.TempDir()+"/none"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("connecting to nothing: %v", err)
	}
}

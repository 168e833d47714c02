//go:build native

package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/lxzan/gws"

	"switchroom/appliance/cti"
	"switchroom/appliance/cti/feed"
	"switchroom/appliance/cti/live"
	"switchroom/appliance/system/native/lab"
)

// service is the whole service, as the box has it.
type service struct {
	*world
	address string
	db      string
	end     func()
}

// start runs the service; end stops it.
func (s *service) start() {
	s.t.Helper()
	listener, err := net.Listen("tcp", s.address)
	s.must(err)
	s.address = listener.Addr().String()
	ctx, cancel := context.WithCancel(s.ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := cti.Run(ctx, cti.Config{Plan: house(), Dial: s.dial, Secret: func() (string, error) { return "cti", nil },
			Listener: listener, Database: s.db, Version: "test", Log: slog.New(slog.NewTextHandler(s.t.Output(), nil))}); err != nil {
			s.t.Errorf("the service ended: %v", err)
		}
	}()
	var once sync.Once
	s.end = func() { once.Do(func() { cancel(); <-done }) }
	s.t.Cleanup(s.end)
}

// page is an agent's page.
type page struct {
	s     *service
	token string

	mu     sync.Mutex
	conn   *gws.Conn
	epoch  string
	seq    uint64
	calls  map[string]live.CallView
	me     live.AgentView
	who    string
	id     int
	reply  map[string]string
	wrong  []string
	change chan struct{}
}

type pageEvents struct {
	gws.BuiltinEventHandler
	p *page
}

type incoming struct {
	feed.Frame
	ID    string `json:"id"`
	OK    bool   `json:"ok"`
	Error *struct{ Code, Message string }
}

func (e pageEvents) OnMessage(_ *gws.Conn, m *gws.Message) {
	defer m.Close()
	p := e.p
	var x incoming
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := json.Unmarshal(m.Bytes(), &x); err != nil {
		p.wrong = append(p.wrong, err.Error())
		return
	}
	switch x.Type {
	case "snapshot":
		p.epoch, p.seq, p.calls = x.Epoch, x.Seq, map[string]live.CallView{}
		for _, a := range x.Agents {
			if a.Agent == p.who {
				p.me = a
			}
		}
		for _, c := range x.Calls {
			p.calls[c.Call] = c
		}
	case "change":
		if x.Seq <= p.seq {
			p.wrong = append(p.wrong, fmt.Sprintf("%d after %d", x.Seq, p.seq))
		}
		p.seq = x.Seq
		switch {
		case x.Agent != nil && x.Agent.Agent == p.who:
			p.me = *x.Agent
		case x.Call != nil:
			p.calls[x.Call.Call] = *x.Call
		case x.Gone != nil:
			delete(p.calls, x.Gone.Call)
		}
	case "reply":
		p.reply[x.ID] = "ok"
		if x.Error != nil {
			p.reply[x.ID] = x.Error.Code
		}
	}
	close(p.change)
	p.change = make(chan struct{})
}

func (s *service) page(agent, pin string) *page {
	s.t.Helper()
	p := &page{s: s, who: agent, reply: map[string]string{}, calls: map[string]live.CallView{}, change: make(chan struct{})}
	body, _ := json.Marshal(map[string]string{"agent": agent, "pin": pin})
	res, err := http.Post("http://"+s.address+"/v1/login", "application/json", bytes.NewReader(body))
	s.must(err)
	defer res.Body.Close()
	var out struct{ Token string }
	s.must(json.NewDecoder(res.Body).Decode(&out))
	p.token = out.Token
	s.must(p.open())
	return p
}

// open connects, and goes on where the page was.
func (p *page) open() error {
	conn, _, err := gws.NewClient(pageEvents{p: p}, &gws.ClientOption{Addr: "ws://" + p.s.address + "/v1/socket",
		RequestHeader: http.Header{"Sec-Websocket-Protocol": {"switchroom.v1, token." + p.token}}})
	if err != nil {
		return err
	}
	go conn.ReadLoop()
	p.mu.Lock()
	p.conn = conn
	args := fmt.Sprintf(`{"epoch":%q,"seq":%d}`, p.epoch, p.seq)
	p.mu.Unlock()
	p.s.t.Cleanup(func() { _ = conn.NetConn().Close() })
	return conn.WriteString(`{"id":"s","command":"sync","args":` + args + `}`)
}

func (p *page) until(what string, is func() bool) {
	p.s.t.Helper()
	ctx, cancel := context.WithTimeout(p.s.ctx, 20*time.Second)
	defer cancel()
	for {
		p.mu.Lock()
		ok, change := is(), p.change
		p.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-change:
		case <-ctx.Done():
			p.mu.Lock()
			p.s.t.Fatalf("in vain: %s; %+v %+v", what, p.me, p.calls)
		}
	}
}

// do does a command, as soon as there is an exchange.
func (p *page) do(command, args string) {
	p.s.t.Helper()
	p.s.eventually(command, func() bool {
		code := p.try(command, args)
		if code != "ok" && code != "down" {
			p.s.t.Fatalf("%s: %s", command, code)
		}
		return code == "ok"
	})
}

func (p *page) try(command, args string) string {
	p.s.t.Helper()
	p.mu.Lock()
	p.id++
	id := fmt.Sprint(p.id)
	conn := p.conn
	p.mu.Unlock()
	p.s.must(conn.WriteString(fmt.Sprintf(`{"id":%q,"command":%q,"args":%s}`, id, command, args)))
	p.until(command, func() bool { return p.reply[id] != "" })
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.reply[id]
}

func (p *page) is(state live.AgentState) {
	p.s.t.Helper()
	p.until(string(state), func() bool { return p.me.State == state })
}

// TestService: agents at their pages; the connection breaks, and the service dies.
func TestService(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	s := &service{world: newWorld(t, ctx), address: "127.0.0.1:0", db: filepath.Join(t.TempDir(), "cti.db")}
	s.start()
	p := s.page("811", "4811")
	p.until("the exchange", func() bool { return p.me.Agent == "811" })
	p.do("login", `{"seat":"1001"}`)
	p.is(live.Ready)
	caller := s.in("600", "13800138000")
	phone := s.incoming("1001")
	p.is(live.Ringing)
	p.until("who calls", func() bool {
		c := p.calls[p.me.Call]
		return c.Direction == live.In && c.Queue == "600" && c.DNIS == "600"
	})
	s.must(phone.Answer(ctx))
	p.is(live.Talking)
	p.until("together", func() bool {
		c := p.calls[p.me.Call]
		return len(c.Legs) == 2 && c.Legs[0].With == c.Legs[1].With && c.Legs[0].With > 0
	})

	// The connection breaks in the midst of the call, and the page misses something.
	_ = p.conn.NetConn().Close()
	if _, err := s.box.Manager().Do(ctx, "QueuePause", "Interface", "Local/811*1001@agents", "Paused", "true", "Reason", "1"); err != nil {
		t.Fatal(err)
	}
	before := p.epoch
	s.must(p.open())
	p.until("what was missed", func() bool { return p.me.Next == live.NotReady && p.me.NextReason == "1" })
	p.do("setState", `{"state":"ready"}`)
	if p.epoch != before || len(p.wrong) > 0 {
		t.Error(p.epoch, before, p.wrong)
	}

	// The service dies; the call goes on, and the page finds it.
	s.end()
	_ = p.conn.NetConn().Close()
	s.start()
	again := time.Now()
	s.eventually("the page is back", func() bool { return p.open() == nil })
	p.until("the call", func() bool { return p.epoch != before && p.me.State == live.Talking && len(p.calls) == 1 })
	t.Logf("restart of the service: %v until the page has its call again", time.Since(again))
	p.do("hold", `{}`)
	p.is(live.Holding)
	p.do("resume", `{}`)
	p.is(live.Talking)

	s.must(caller.Hangup(ctx))
	_, err := phone.AwaitEnd(ctx)
	s.must(err)
	p.is(live.Ready)
	p.until("no call", func() bool { return len(p.calls) == 0 })
	p.do("logout", `{}`)
	p.is(live.Offline)
	if len(p.wrong) > 0 {
		t.Error(p.wrong)
	}
}

// TestPop measures how long it takes from the queue's choice of an agent to
// the agent's page: the whole way over a real Asterisk.
func TestPop(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	s := &service{world: newWorld(t, ctx), address: "127.0.0.1:0", db: filepath.Join(t.TempDir(), "cti.db")}
	s.start()
	p := s.page("811", "4811")
	p.until("agents", func() bool { return p.me.Agent != "" })
	p.do("login", `{"seat":"1001"}`)
	p.is(live.Ready)
	var took []time.Duration
	for range 10 {
		mark := s.box.Manager().Mark()
		caller := s.in("601", "13800138000")
		p.until("reserved", func() bool { return p.me.Call != "" })
		at := time.Now()
		e, err := s.box.Manager().Await(ctx, mark, func(e lab.Event) bool { return e["Event"] == "AgentCalled" })
		s.must(err)
		var sec, micro int64
		if _, err := fmt.Sscanf(e["Timestamp"], "%d.%d", &sec, &micro); err != nil {
			t.Fatal(err)
		}
		took = append(took, at.Sub(time.Unix(sec, micro*1000)))
		s.must(caller.Hangup(ctx))
		p.is(live.Ready)
		p.until("no call", func() bool { return len(p.calls) == 0 })
	}
	slices.Sort(took)
	t.Logf("from Asterisk's event to the page: %v, median %v", took, took[len(took)/2])
}

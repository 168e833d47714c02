package web

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lxzan/gws"
	"go.uber.org/goleak"

	"switchroom/appliance/cti/command"
	"switchroom/appliance/cti/fault"
	"switchroom/appliance/cti/feed"
	"switchroom/appliance/cti/live"
	"switchroom/appliance/cti/plan"
	"switchroom/appliance/cti/sessions"
	"switchroom/provisioning"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// centre is a call centre without an Asterisk.
type centre struct {
	mu       sync.Mutex
	state    *live.State
	feed     *feed.Feed
	done     []string
	loggedIn map[string]sessions.Session
	out      chan string
}

func (c *centre) Plan() plan.Plan {
	return plan.Plan{Agents: map[string]plan.Agent{
		"811": {Number: "811", Name: "A", PIN: "1234", Rights: []string{provisioning.MayNumbers}},
		"901": {Number: "901", PIN: "5678", Rights: []string{provisioning.MayListen, provisioning.MayReports}}}}
}
func (c *centre) Look(see func(*live.State)) { c.mu.Lock(); defer c.mu.Unlock(); see(c.state) }
func (c *centre) Up() bool                   { return true }
func (c *centre) Session(a string) (sessions.Session, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	x, ok := c.loggedIn[a]
	return x, ok
}
func (c *centre) Logout(_ context.Context, a string) error {
	c.mu.Lock()
	c.feed.Publish(c.state, c.state.Leave(a))
	delete(c.loggedIn, a)
	c.mu.Unlock()
	c.out <- a
	return nil
}
func (c *centre) Do(_ context.Context, who command.Actor, name string, args json.RawMessage) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done = append(c.done, who.Agent+" "+name+" "+string(args))
	if name == "hold" {
		return fault.New(fault.NoCall)
	}
	return nil
}
func (c *centre) Deeds(context.Context, int) ([]sessions.Deed, error) {
	return []sessions.Deed{{Who: "901", What: "listen"}}, nil
}

func (c *centre) sit(agent, seat string, paused bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.loggedIn[agent] = sessions.Session{Agent: agent, Seat: seat, Via: "cti"}
	c.feed.Publish(c.state, c.state.Sit(live.Session{Agent: agent, Seat: seat, Paused: paused}))
}

// clock is a time that tests set.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.now }
func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

type box struct {
	t      *testing.T
	c      *centre
	clock  *clock
	server *Server
	url    string
}

func newBox(t *testing.T) *box {
	t.Helper()
	c := &centre{state: live.New(live.Config{Agents: []string{"811", "901"}, Queues: []string{"600"}}), loggedIn: map[string]sessions.Session{}, out: make(chan string, 10)}
	c.feed = feed.New(feed.Config{Epoch: "e1", Log: slog.New(slog.DiscardHandler)})
	b := &box{t: t, c: c, clock: &clock{now: time.Unix(1_795_000_000, 0)}}
	b.server = New(Config{Floor: c, Desk: c, Feed: c.feed, Book: c, Key: []byte("key"), Origins: []string{"https://crm.example.com"},
		Log: slog.New(slog.DiscardHandler), Now: b.clock.Now, Version: "1"})
	h := httptest.NewServer(b.server)
	b.url = h.URL
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = b.server.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done; h.Close(); http.DefaultClient.CloseIdleConnections() })
	return b
}

func (b *box) ask(method, path, body string, headers ...string) (int, map[string]any, http.Header) {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, b.url+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	var out map[string]any
	if len(bytes.TrimSpace(data)) > 0 && data[0] == '{' {
		if err := json.Unmarshal(data, &out); err != nil {
			b.t.Fatalf("%s: %v", data, err)
		}
	}
	return res.StatusCode, out, res.Header
}

func (b *box) token(agent, pin string) string {
	b.t.Helper()
	status, out, _ := b.ask("POST", "/v1/login", fmt.Sprintf(`{"agent":%q,"pin":%q}`, agent, pin))
	if status != 200 {
		b.t.Fatal(status, out)
	}
	return out["token"].(string)
}

func code(out map[string]any) string {
	e, _ := out["error"].(map[string]any)
	s, _ := e["code"].(string)
	return s
}

func TestLogin(t *testing.T) {
	b := newBox(t)
	tok := b.token("811", "1234")
	if status, out, _ := b.ask("GET", "/v1/state", "", "Authorization", "Bearer "+tok); status != 200 || out["epoch"] != "e1" {
		t.Error(status, out)
	}
	half := len(tok) / 2
	for name, headers := range map[string][]string{
		"none":           {},
		"changed":        {"Authorization", "Bearer " + tok[:half] + "A" + tok[half+1:]},
		"another origin": {"Authorization", "Bearer " + tok, "Origin", "https://crm.example.com"},
	} {
		if status, out, _ := b.ask("GET", "/v1/state", "", headers...); status != 401 || code(out) != "wrong-token" {
			t.Error(name, status, out)
		}
	}
	b.clock.add(tokenLife)
	if status, _, _ := b.ask("GET", "/v1/state", "", "Authorization", "Bearer "+tok); status != 401 {
		t.Error("a token does not end:", status)
	}
	for i := range lockAfter {
		status, out, _ := b.ask("POST", "/v1/login", `{"agent":"811","pin":"0000"}`, "Accept-Language", "zh-CN")
		if status != 401 || !strings.Contains(fmt.Sprint(out), "工号或密码错误") {
			t.Error(i, status, out)
		}
	}
	status, out, _ := b.ask("POST", "/v1/login", `{"agent":"811","pin":"1234"}`)
	if status != 429 || code(out) != "locked-out" || !strings.Contains(fmt.Sprint(out), "in 301 seconds") {
		t.Error(status, out)
	}
	b.clock.add(lockFor)
	b.token("811", "1234")
}

func TestOrigins(t *testing.T) {
	b := newBox(t)
	for origin, want := range map[string]int{"https://crm.example.com": 200, "https://evil.example.com": 403, "null": 403, "http://crm.example.com": 403, b.url: 200} {
		status, _, h := b.ask("GET", "/v1/health", "", "Origin", origin)
		if allowed := h.Get("Access-Control-Allow-Origin"); status != want || (want == 200) != (allowed == origin) {
			t.Errorf("%s: %d, allowed %q", origin, status, allowed)
		}
	}
	if status, _, h := b.ask("OPTIONS", "/v1/state", "", "Origin", "https://crm.example.com", "Access-Control-Request-Method", "GET"); status != 204 || h.Get("Access-Control-Allow-Headers") == "" {
		t.Error(status, h)
	}
}

func TestAPI(t *testing.T) {
	b := newBox(t)
	agent, boss := "Bearer "+b.token("811", "1234"), "Bearer "+b.token("901", "5678")
	if status, out, _ := b.ask("POST", "/v1/commands/hold", `{}`, "Authorization", agent); status != 409 || code(out) != "no-call" {
		t.Error(status, out)
	}
	if status, out, _ := b.ask("POST", "/v1/commands/login", `{"seat":"1001"}`, "Authorization", agent); status != 200 {
		t.Error(status, out)
	}
	if got := b.c.done[len(b.c.done)-1]; got != `811 login {"seat":"1001"}` {
		t.Error(got)
	}
	if status, out, _ := b.ask("GET", "/v1/audit", "", "Authorization", agent); status != 403 || code(out) != "not-allowed" {
		t.Error(status, out)
	}
	if status, _, _ := b.ask("GET", "/v1/audit", "", "Authorization", boss); status != 200 {
		t.Error(status)
	}
	status, out, _ := b.ask("GET", "/openapi.json", "")
	paths, _ := out["paths"].(map[string]any)
	if status != 200 || paths["/v1/commands/{name}"] == nil || paths["/v1/login"] == nil {
		t.Error(status, out)
	}
}

func TestPace(t *testing.T) {
	b := newBox(t)
	tok := "Bearer " + b.token("811", "1234")
	var got []int
	for range 5 {
		status, _, _ := b.ask("POST", "/v1/commands/dial", `{"to":"1"}`, "Authorization", tok)
		got = append(got, status)
	}
	if fmt.Sprint(got) != "[200 200 200 429 429]" {
		t.Error(got)
	}
	b.clock.add(10 * time.Second)
	got = nil
	for range 12 {
		status, _, _ := b.ask("POST", "/v1/commands/logout", `{}`, "Authorization", tok)
		got = append(got, status)
	}
	if fmt.Sprint(got) != "[200 200 200 200 200 200 200 200 200 200 429 429]" {
		t.Error(got)
	}
}

// page is a client of the socket.
type page struct {
	t    *testing.T
	conn *gws.Conn
	in   chan map[string]any
	gone chan error
}

type pageEvents struct {
	gws.BuiltinEventHandler
	p *page
}

func (e pageEvents) OnMessage(_ *gws.Conn, m *gws.Message) {
	defer m.Close()
	var v map[string]any
	if err := json.Unmarshal(m.Bytes(), &v); err != nil {
		e.p.t.Error(err)
	}
	e.p.in <- v
}

func (e pageEvents) OnClose(_ *gws.Conn, err error) { e.p.gone <- err }

func (b *box) open(token string, headers ...string) (*page, *http.Response, error) {
	p := &page{t: b.t, in: make(chan map[string]any, 1000), gone: make(chan error, 1)}
	h := http.Header{"Sec-Websocket-Protocol": {"switchroom.v1, token." + token}}
	for i := 0; i+1 < len(headers); i += 2 {
		h.Set(headers[i], headers[i+1])
	}
	conn, res, err := gws.NewClient(pageEvents{p: p}, &gws.ClientOption{Addr: "ws" + strings.TrimPrefix(b.url, "http") + "/v1/socket", RequestHeader: h})
	if err != nil {
		return nil, res, err
	}
	p.conn = conn
	go conn.ReadLoop()
	b.t.Cleanup(func() { _ = conn.NetConn().Close() })
	return p, res, nil
}

// next waits for a message of a type.
func (p *page) next(kind string) map[string]any {
	p.t.Helper()
	for {
		select {
		case m := <-p.in:
			if m["type"] == kind {
				return m
			}
		case err := <-p.gone:
			p.t.Fatalf("waiting for %s: the socket was closed: %v", kind, err)
		case <-time.After(20 * time.Second):
			p.t.Fatalf("no %s comes", kind)
		}
	}
}

func (p *page) say(text string) {
	p.t.Helper()
	if err := p.conn.WriteString(text); err != nil {
		p.t.Fatal(err)
	}
}

func TestSocket(t *testing.T) {
	b := newBox(t)
	tok := b.token("811", "1234")
	if _, res, err := b.open("nonsense"); err == nil || res.StatusCode != 401 {
		t.Error("a socket without a token", err)
	}
	if _, res, err := b.open(tok, "Origin", "https://evil.example.com"); err == nil || res.StatusCode != 403 {
		t.Error("a socket of a page that may not", err)
	}
	p, _, err := b.open(tok)
	if err != nil {
		t.Fatal(err)
	}
	if m := p.next("hello"); m["self"] != "811" || m["epoch"] != "e1" || strings.Contains(fmt.Sprint(m["commands"]), "listen") {
		t.Error(m)
	}
	p.say(`{"id":"1","command":"sync"}`)
	if m := p.next("snapshot"); len(m["agents"].([]any)) != 2 {
		t.Error(m)
	}
	b.c.sit("811", "1001", false)
	m := p.next("change")
	if m["agent"].(map[string]any)["state"] != "ready" {
		t.Error(m)
	}
	p.say(`{"id":"2","command":"hold"}`)
	if m := p.next("reply"); m["id"] != "2" || m["error"].(map[string]any)["code"] != "no-call" {
		t.Error(m)
	}
	p.say(`{"id":"3","command":"hold","extra":1}`)
	if m := p.next("reply"); m["error"].(map[string]any)["code"] != "bad-request" {
		t.Error(m)
	}
	// The connection breaks; something happens; the page comes back.
	_ = p.conn.NetConn().Close()
	b.c.sit("811", "1001", true)
	again, _, err := b.open(tok)
	if err != nil {
		t.Fatal(err)
	}
	again.say(fmt.Sprintf(`{"id":"1","command":"sync","args":{"epoch":"e1","seq":%v}}`, m["seq"]))
	if m := again.next("change"); m["agent"].(map[string]any)["state"] != "notReady" {
		t.Error(m)
	}
	again.say(strings.Repeat("x", maxFrame+1))
	select {
	case <-again.gone:
	case <-time.After(20 * time.Second):
		t.Error("a message that is too long is taken")
	}
}

func TestSockets(t *testing.T) {
	b := newBox(t)
	tok := b.token("811", "1234")
	for range maxSockets {
		p, _, err := b.open(tok)
		if err != nil {
			t.Fatal(err)
		}
		p.next("hello")
	}
	if _, res, err := b.open(tok); err == nil || res.StatusCode != 429 {
		t.Error("too many sockets", err)
	}
}

// TestLost: who has no connection for 90 s is logged out.
func TestLost(t *testing.T) {
	b := newBox(t)
	b.c.sit("811", "1001", false)
	b.server.logOutLost(t.Context())
	b.clock.add(89 * time.Second)
	b.server.logOutLost(t.Context())
	if len(b.c.out) != 0 {
		t.Fatal("logged out too early")
	}
	b.clock.add(time.Second)
	b.server.logOutLost(t.Context())
	if got := <-b.c.out; got != "811" {
		t.Error(got)
	}
	// With a page, nobody is.
	b.c.sit("811", "1001", false)
	p, _, err := b.open(b.token("811", "1234"))
	if err != nil {
		t.Fatal(err)
	}
	p.next("hello")
	b.clock.add(time.Hour)
	b.server.logOutLost(t.Context())
	b.clock.add(time.Hour)
	b.server.logOutLost(t.Context())
	if len(b.c.out) != 0 {
		t.Error("logged out in spite of a page")
	}
}

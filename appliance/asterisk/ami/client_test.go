package ami

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is an Asterisk at the other end of a pipe, for tests in a bubble of
// package synctest.
type fake struct {
	t      *testing.T
	boot   time.Duration // from the log-in to FullyBooted
	refuse bool          // log-ins and connections
	answer func(c *fakeConn, m *Message)

	mu    sync.Mutex
	dials []time.Time
	last  *fakeConn
	wg    sync.WaitGroup
}

type fakeConn struct {
	net.Conn
	turn chan struct{} // holds a token while nobody writes; a mutex would stop a bubble's clock
}

// say writes lines of a message.
func (c *fakeConn) say(lines ...string) {
	<-c.turn
	defer func() { c.turn <- struct{}{} }()
	_, _ = io.WriteString(c, strings.Join(lines, "\r\n")+"\r\n\r\n") // who closed it doesn't listen
}

func (f *fake) dial(context.Context) (net.Conn, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dials = append(f.dials, time.Now())
	if f.refuse {
		return nil, errors.New("connection refused")
	}
	ours, theirs := net.Pipe()
	c := &fakeConn{Conn: theirs, turn: make(chan struct{}, 1)}
	c.turn <- struct{}{}
	f.last = c
	f.wg.Go(func() { f.serve(c) })
	return ours, nil
}

func (f *fake) serve(c *fakeConn) {
	defer c.Close()
	if _, err := io.WriteString(c, "Asterisk Call Manager/11.0.0\r\n"); err != nil {
		return
	}
	p := NewParser(c, 0)
	for {
		m, err := p.Next()
		if err != nil {
			return
		}
		id := "ActionID: " + m.Get("ActionID")
		switch m.Get("Action") {
		case "Login":
			if m.Get("Username") != "u" || m.Get("Secret") != "s" {
				c.say("Response: Error", id, "Message: Authentication failed")
				return
			}
			c.say("Event: TooEarly")
			c.say("Response: Success", id, "Message: Authentication accepted")
			time.Sleep(f.boot)
			c.say("Event: FullyBooted", "Privilege: system,all", "Status: Fully Booted")
		case "Ping":
			c.say("Response: Success", id, "Ping: Pong")
		default:
			if f.answer != nil {
				f.answer(c, m)
			}
		}
	}
}

// run starts a client of the fake; stop ends both.
func (f *fake) run(t *testing.T, cfg Config) (c *Client, stop func()) {
	f.t = t
	cfg.Dial = f.dial
	if cfg.Login == nil {
		cfg.Login = func(context.Context) (Login, error) { return Login{User: "u", Secret: "s"}, nil }
	}
	c = New(cfg)
	ctx, cancel := context.WithCancel(t.Context())
	f.wg.Go(func() {
		if err := c.Run(ctx); err != context.Canceled {
			t.Errorf("Run ended with %v", err)
		}
	})
	return c, func() {
		cancel()
		f.wg.Wait()
	}
}

func mustUp(t *testing.T, c *Client) {
	t.Helper()
	if err := c.WaitUp(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (i Item) String() string {
	switch i.Kind {
	case Up:
		return "up"
	case Down:
		return "down"
	case Lost:
		return fmt.Sprint("lost ", i.Number)
	}
	return i.Message.Get("Event") + i.Message.Get("N")
}

func next(t *testing.T, s *Subscription) string {
	t.Helper()
	item, err := s.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return item.String()
}

func want(t *testing.T, s *Subscription, items ...string) {
	t.Helper()
	for _, w := range items {
		if got := next(t, s); got != w {
			t.Fatalf("got %q, want %q", got, w)
		}
	}
}

func TestUpOnlyWhenBooted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{boot: 3 * time.Second}
		c, stop := f.run(t, Config{})
		defer stop()
		sub := c.Subscribe(0)
		began := time.Now()
		if _, err := c.Do(t.Context(), NewAction("X")); !errors.Is(err, ErrDown) {
			t.Errorf("before it is up: %v", err)
		}
		want(t, sub, "up") // and not TooEarly
		if got := time.Since(began); got != 3*time.Second {
			t.Errorf("up after %v", got)
		}
		f.last.say("Event: A")
		want(t, sub, "A")
		late := c.Subscribe(0)
		want(t, late, "up")
		late.Close()
		if _, err := late.Next(t.Context()); err != ErrClosed {
			t.Errorf("a closed subscription: %v", err)
		}
	})
}

func TestAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{answer: func(c *fakeConn, m *Message) {
			id := "ActionID: " + m.Get("ActionID")
			switch m.Get("Action") {
			case "Good":
				c.say("Response: Success", "ActionID: somebody's")
				c.say("Event: E", id) // an event is no answer
				c.say("Response: Success", id, "Message: "+m.Get("X"))
				c.say("Event: After", id)
			case "Bad":
				c.say("Response: Error", id, "Message: No such thing")
			case "List":
				c.say("Response: Success", id, "EventList: start")
				c.say("Event: Item", id, "N: 1")
				c.say("Event: Between")
				c.say("Event: Item", id, "N: 2")
				c.say("Event: ListComplete", id, "EventList: Complete", "ListItems: 2")
			case "Cut":
				c.say("Response: Success", id, "EventList: start")
				c.say("Event: Item", id, "N: 1")
				c.say("Event: ListComplete", id, "EventList: Cancelled")
			case "Originate":
				c.say("Response: Success", id, "Message: Originate successfully queued")
				c.say("Event: Newchannel", id)
				c.say("Event: OriginateResponse", "Response: Failure", id, "Reason: 3")
			}
		}}
		c, stop := f.run(t, Config{})
		defer stop()
		sub := c.Subscribe(0)
		mustUp(t, c)
		m, err := c.Do(t.Context(), NewAction("Good", "X", "hello"))
		if err != nil || m.Get("Message") != "hello" {
			t.Errorf("Do: %v %v", m, err)
		}
		want(t, sub, "up", "E", "After")
		var refused *Refused
		if _, err = c.Do(t.Context(), NewAction("Bad")); !errors.As(err, &refused) || refused.Reason != "No such thing" {
			t.Errorf("a refusal: %v", err)
		}
		if _, err = c.List(t.Context(), NewAction("Bad")); !errors.As(err, &refused) {
			t.Errorf("the refusal of a list: %v", err)
		}
		if _, err = c.Until(t.Context(), NewAction("Bad"), "OriginateResponse"); !errors.As(err, &refused) {
			t.Errorf("the refusal of what goes on: %v", err)
		}
		list, err := c.List(t.Context(), NewAction("List"))
		if err != nil || len(list) != 2 || list[0].Get("N") != "1" || list[1].Get("N") != "2" {
			t.Errorf("List: %v %v", list, err)
		}
		item, err := sub.Next(t.Context())
		if err != nil || item.String() != "Between" || item.Message.Seq <= list[0].Seq || item.Message.Seq >= list[1].Seq {
			t.Errorf("the event between the items is %v with number %d; the items have %d and %d", item, item.Message.Seq, list[0].Seq, list[1].Seq)
		}
		if _, err := c.List(t.Context(), NewAction("Cut")); err == nil {
			t.Error("a list that was cancelled is no error")
		}
		m, err = c.Until(t.Context(), NewAction("Originate"), "OriginateResponse")
		if err != nil || m.Get("Reason") != "3" {
			t.Errorf("Until: %v %v", m, err)
		}
		want(t, sub, "Newchannel", "OriginateResponse")
		if _, err := c.Do(t.Context(), NewAction("Good", "X", "a\r\nAction: Bad")); !errors.Is(err, ErrInvalid) {
			t.Errorf("a forged action: %v", err)
		}
		if m, err := c.Do(t.Context(), NewAction("Good", "X", "2")); err != nil || m.Get("Message") != "2" {
			t.Errorf("after the forged one: %v %v", m, err)
		}
	})
}

func TestDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ids := make(chan string, 2)
		f := &fake{answer: func(c *fakeConn, m *Message) { ids <- "ActionID: " + m.Get("ActionID") }}
		c, stop := f.run(t, Config{Timeout: 4 * time.Second})
		defer stop()
		mustUp(t, c)
		began := time.Now()
		if _, err := c.Do(t.Context(), NewAction("Silent")); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 4*time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		f.last.say("Response: Success", <-ids) // too late, and no harm
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began = time.Now()
		if _, err := c.List(ctx, NewAction("Silent")); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Minute {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		if n := len(f.dials); n != 1 {
			t.Errorf("connected %d times", n)
		}
	})
}

func TestBreaks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{answer: func(c *fakeConn, m *Message) { c.Close() }}
		c, stop := f.run(t, Config{})
		defer stop()
		sub := c.Subscribe(0)
		for range 3 {
			want(t, sub, "up")
			if _, err := c.Do(t.Context(), NewAction("Die")); !errors.Is(err, ErrBroken) {
				t.Errorf("when the connection breaks: %v", err)
			}
			want(t, sub, "down")
			if _, err := c.Do(t.Context(), NewAction("X")); !errors.Is(err, ErrDown) {
				t.Errorf("while there is none: %v", err)
			}
		}
	})
}

func TestBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{refuse: true}
		c, stop := f.run(t, Config{MinBackoff: 100 * time.Millisecond, MaxBackoff: 5 * time.Second})
		defer stop()
		time.Sleep(time.Minute)
		synctest.Wait()
		f.mu.Lock()
		for i, expect := range []time.Duration{100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000} {
			expect *= time.Millisecond
			if got := f.dials[i+1].Sub(f.dials[i]); got < expect/2 || got > expect {
				t.Errorf("pause %d took %v, want %v to %v", i, got, expect/2, expect)
			}
		}
		f.refuse = false
		f.mu.Unlock()
		mustUp(t, c)
	})
}

func TestAsteriskThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		c, stop := f.run(t, Config{KeepAlive: 15 * time.Second, Timeout: 10 * time.Second})
		defer stop()
		sub := c.Subscribe(0)
		want(t, sub, "up")
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if n := len(f.dials); n != 1 {
			t.Fatalf("a healthy connection was made %d times", n)
		}
		began := time.Now()
		hung := f.last
		<-hung.turn // nothing is said any more
		want(t, sub, "down")
		if took := time.Since(began); took > 25*time.Second {
			t.Errorf("noticed after %v", took)
		}
		hung.turn <- struct{}{}
		want(t, sub, "up")
	})
}

func TestLoginRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var secret atomic.Value
		secret.Store("old")
		f := &fake{}
		c, stop := f.run(t, Config{Login: func(context.Context) (Login, error) { return Login{User: "u", Secret: secret.Load().(string)}, nil }})
		defer stop()
		time.Sleep(time.Minute)
		synctest.Wait()
		if _, err := c.Do(t.Context(), NewAction("X")); !errors.Is(err, ErrDown) {
			t.Errorf("logged in with a wrong secret: %v", err)
		}
		secret.Store("s") // it is asked for anew
		mustUp(t, c)
	})
}

// A consumer that does not consume holds up nobody, and learns how much it
// missed, and where.
func TestConsumerThatStalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		c, stop := f.run(t, Config{})
		defer stop()
		slow, quick := c.Subscribe(2000), c.Subscribe(0)
		mustUp(t, c)
		const events = 1000
		go func() {
			for i := range events {
				f.last.say("Event: E", fmt.Sprintf("N: %d", i))
			}
		}()
		want(t, quick, "up")
		for i := range events {
			want(t, quick, fmt.Sprintf("E%d", i))
		}
		want(t, slow, "up")
		got := 0
		for {
			item := next(t, slow)
			if item == fmt.Sprintf("E%d", got) {
				got++
				continue
			}
			if item != fmt.Sprintf("lost %d", events-got) {
				t.Fatalf("after %d events: %q", got, item)
			}
			break
		}
		if got == 0 || got > 2000/recordHead {
			t.Errorf("%d events were queued in 2000 bytes", got)
		}
		f.last.say("Event: E", "N: again")
		want(t, slow, "Eagain")
	})
}

func TestSubscriptionByName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		c, stop := f.run(t, Config{})
		defer stop()
		sub := c.Subscribe(0, "B", "D")
		mustUp(t, c)
		for _, e := range []string{"A", "B", "C", "BB", "D"} {
			f.last.say("Event: " + e)
		}
		want(t, sub, "up", "B", "D")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if item, err := sub.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("more came: %v %v", item, err)
		}
	})
}

// The queue keeps order and never passes over a loss, whatever the order of
// putting and taking.
func TestQueueBounds(t *testing.T) {
	c := New(Config{})
	s := c.Subscribe(10 * (recordHead + len("Event: E\r\nN: 1000\r\n\r\n")))
	n, expect, lost := 0, 0, 0
	for round := range 200 {
		for range round % 23 {
			var m Message
			m.Parse(fmt.Appendf(nil, "Event: E\r\nN: %d\r\n\r\n", n))
			s.event(&m)
			n++
		}
		if round%50 == 49 {
			s.control(Down, 0, []byte("x"))
		}
		for range round % 7 {
			if !s.has() {
				break
			}
			item, err := s.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			switch item.Kind {
			case Lost:
				lost += item.Number
				expect += item.Number
			case Happened:
				if got, _ := item.Message.Int("N"); got != expect {
					t.Fatalf("event %d, want %d", got, expect)
				}
				expect++
			}
		}
	}
	if lost == 0 || expect < 100 {
		t.Errorf("lost %d, came to %d: this tested nothing", lost, expect)
	}
}

func (s *Subscription) has() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.rest)+len(s.queue)+s.lost > 0
}

// Connections come and go, nobody consumes: the queue stays bounded.
func TestNobodyConsumes(t *testing.T) {
	c := New(Config{})
	s := c.Subscribe(1000)
	var m Message
	m.Parse([]byte("Event: E\r\nN: 1\r\n\r\n"))
	for range 10000 {
		s.control(Up, 1, m.raw)
		s.event(&m)
		s.control(Down, 0, []byte("broke"))
	}
	if n := len(s.queue); n > 2*1000+200 {
		t.Errorf("the queue has %d bytes", n)
	}
	kinds := []ItemKind{}
	for s.has() {
		item, err := s.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		kinds = append(kinds, item.Kind)
	}
	if kinds[len(kinds)-1] != Down || !slices.Contains(kinds, Lost) {
		t.Errorf("it ends with %v", kinds)
	}
}

// From the connection to the consumer, without an allocation for an event.
func BenchmarkSubscription(b *testing.B) {
	c := New(Config{})
	sub := c.Subscribe(0)
	p := NewParser(&again{data: []byte(stream)}, 0)
	b.ReportAllocs()
	for b.Loop() {
		m, err := p.Next()
		if err != nil {
			b.Fatal(err)
		}
		c.publish(m)
		if item, err := sub.Next(b.Context()); err != nil || item.Kind != Happened {
			b.Fatal(item, err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

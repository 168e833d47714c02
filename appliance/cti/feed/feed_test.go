package feed

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"switchroom/appliance/cti/live"
	"switchroom/appliance/cti/tape"
)

func recorded(t interface{ Fatal(...any) }) []tape.Entry {
	var out []tape.Entry
	for _, name := range []string{"answered", "attended", "threeway", "wait"} {
		r, err := os.Open("../live/testdata/" + name + ".tape")
		if err != nil {
			t.Fatal(err)
		}
		entries, err := tape.Read(r)
		r.Close()
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, entries...)
	}
	return out
}

// centre plays a tape into a feed.
type centre struct {
	state *live.State
	feed  *Feed
}

func newCentre(keep int) *centre {
	c := &centre{state: live.New(live.Config{Seats: map[string]string{"PJSIP/1001": "1001", "PJSIP/1003": "1003"}, Agents: []string{"811", "812"}})}
	c.feed = New(Config{Epoch: "e", Keep: keep, Queue: 1 << 20, Log: slog.New(slog.DiscardHandler), Mask: func(s string) string { return strings.Repeat("*", len(s)) }})
	c.feed.Publish(c.state, c.state.Sit(live.Session{Agent: "811", Seat: "1001"}))
	return c
}

func (c *centre) step(e tape.Entry) {
	if e.Kind == tape.Event {
		c.feed.Publish(c.state, c.state.Apply(e.Messages[0]))
		return
	}
	var items []live.Message
	for _, m := range e.Messages {
		items = append(items, m)
	}
	c.feed.Publish(c.state, c.state.Snapshot(items))
}

// page is what a client makes of what it is sent.
type page struct {
	epoch  string
	seq    uint64
	agents map[string]live.AgentView
	queues map[string]live.QueueView
	calls  map[string]live.CallView
}

func (p *page) take(t interface{ Fatalf(string, ...any) }, c *Client) {
	frames, ok := c.Take()
	if !ok {
		t.Fatalf("too slow")
	}
	for _, data := range frames {
		var x Frame
		if err := json.Unmarshal(data, &x); err != nil {
			t.Fatalf("%s: %v", data, err)
		}
		if x.Type == "snapshot" {
			*p = page{epoch: x.Epoch, agents: map[string]live.AgentView{}, queues: map[string]live.QueueView{}, calls: map[string]live.CallView{}}
		} else if x.Seq <= p.seq {
			t.Fatalf("%d came after %d", x.Seq, p.seq)
		}
		p.seq = x.Seq
		for _, v := range x.Agents {
			p.agents[v.Agent] = v
		}
		for _, v := range x.Queues {
			p.queues[v.Queue] = v
		}
		for _, v := range x.Calls {
			p.calls[v.Call] = v
		}
		switch {
		case x.Agent != nil:
			p.agents[x.Agent.Agent] = *x.Agent
		case x.Queue != nil:
			p.queues[x.Queue.Queue] = *x.Queue
		case x.Call != nil:
			p.calls[x.Call.Call] = *x.Call
		case x.Gone != nil:
			delete(p.calls, x.Gone.Call)
		}
	}
}

// TestResume breaks a client's connection at random: in the end it has what
// one has who comes fresh.
func TestResume(t *testing.T) {
	entries := recorded(t)
	rapid.Check(t, func(t *rapid.T) {
		c := newCentre(rapid.IntRange(1, 400).Draw(t, "kept"))
		who := Viewer{Agent: rapid.SampledFrom([]string{"811", "812"}).Draw(t, "who"), AllCalls: rapid.Bool().Draw(t, "all"), Numbers: rapid.Bool().Draw(t, "numbers")}
		var p page
		var client *Client
		break_ := rapid.IntRange(1, 300).Draw(t, "breaks")
		stop := rapid.IntRange(1, len(entries)).Draw(t, "stop")
		for i, e := range entries[:stop] {
			c.step(e)
			switch {
			case client == nil && i%break_ == 0:
				var err error
				if client, err = c.feed.Join(c.state, who, p.epoch, p.seq); err != nil {
					t.Fatal(err)
				}
			case client != nil && i%7 == 0:
				p.take(t, client)
			case client != nil && i%break_ == break_/2:
				client.Leave() // what it had not taken is lost with the connection
				client = nil
			}
			if i%11 == 0 {
				c.feed.Flush(c.state)
			}
		}
		c.feed.Flush(c.state)
		if client == nil {
			client, _ = c.feed.Join(c.state, who, p.epoch, p.seq)
		}
		p.take(t, client)
		fresh, err := c.feed.Join(c.state, who, "", 0)
		if err != nil {
			t.Fatal(err)
		}
		var want page
		want.take(t, fresh)
		if p.seq > want.seq {
			t.Fatalf("%d and %d", p.seq, want.seq)
		}
		if diff := cmp.Diff([]any{want.agents, want.calls}, []any{p.agents, p.calls}); diff != "" {
			t.Fatal(diff)
		}
	})
}

// TestWhoSeesWhat: others' calls are not seen, and numbers only by who may.
func TestWhoSeesWhat(t *testing.T) {
	c := newCentre(1000)
	see := map[string]*Client{}
	for name, who := range map[string]Viewer{"811": {Agent: "811", Numbers: true}, "812": {Agent: "812", Numbers: true}, "boss": {Agent: "901", AllCalls: true}} {
		client, err := c.feed.Join(c.state, who, "", 0)
		if err != nil {
			t.Fatal(err)
		}
		see[name] = client
	}
	for _, e := range recorded(t)[:60] {
		c.step(e)
	}
	c.feed.Flush(c.state)
	got := map[string]string{}
	for name, client := range see {
		frames, _ := client.Take()
		for _, f := range frames[1:] {
			if strings.Contains(string(f), `"queue":{`) {
				continue // the board is everybody's
			}
			got[name] += string(f)
		}
	}
	if !strings.Contains(got["811"], "13800138000") || strings.Contains(got["812"], `"call":{`) ||
		strings.Contains(got["boss"], "13800138000") || !strings.Contains(got["boss"], `"number":"***********"`) {
		t.Errorf("%q", got)
	}
}

// TestSlow cuts off who takes nothing, and nobody else.
func TestSlow(t *testing.T) {
	c := newCentre(10)
	c.feed.cfg.Queue = 5
	slow, err := c.feed.Join(c.state, Viewer{AllCalls: true}, "", 0)
	if err != nil {
		t.Fatal(err)
	}
	quick, err := c.feed.Join(c.state, Viewer{AllCalls: true}, "", 0)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		c.feed.Publish(c.state, c.state.Sit(live.Session{Agent: "811", Seat: "1001", Paused: i%2 == 0, Reason: fmt.Sprint(i)}))
		if _, ok := quick.Take(); !ok {
			t.Fatal("who is quick was cut off")
		}
	}
	if frames, ok := slow.Take(); ok || len(frames) > 0 {
		t.Errorf("%d frames for who was slow", len(frames))
	}
}

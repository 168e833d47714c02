//go:build native

package lab

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"switchroom/appliance/asterisk/ami"
	"switchroom/appliance/cti/tape"
	"switchroom/appliance/system/native/lab"
)

var only = flag.String("only", "", "the tape to make")

var record = flag.Bool("record", false, "keep the tapes as testdata of package live")

// recorder keeps what the manager interface tells.
type recorder struct {
	w      *world
	c      *ami.Client
	mu     sync.Mutex
	buf    bytes.Buffer
	events []*ami.Message
	more   chan struct{}
}

func newRecorder(w *world, c *ami.Client) *recorder {
	r := &recorder{w: w, c: c, more: make(chan struct{})}
	sub := c.Subscribe(0)
	ctx, cancel := context.WithCancel(w.ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			item, err := sub.Next(ctx)
			if err != nil {
				return
			}
			if item.Kind != ami.Happened {
				continue
			}
			r.mu.Lock()
			r.events = append(r.events, item.Message.Clone())
			_ = tape.NewWriter(&r.buf).Event(item.Message)
			close(r.more)
			r.more = make(chan struct{})
			r.mu.Unlock()
		}
	}()
	w.t.Cleanup(func() { cancel(); <-done })
	return r
}

// snapshot asks for everything, and puts it on the tape.
func (r *recorder) snapshot() {
	var items []*ami.Message
	for _, a := range []string{"CoreShowChannels", "QueueStatus"} {
		list, err := r.c.List(r.w.ctx, ami.NewAction(a))
		if err != nil {
			r.w.t.Fatal(err)
		}
		items = append(items, list...)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := tape.NewWriter(&r.buf).Snapshot(items); err != nil {
		r.w.t.Fatal(err)
	}
}

// await waits for an event with these values, key by value, since a mark.
func (r *recorder) await(from int, name string, want ...string) *ami.Message {
	r.w.t.Helper()
	ctx, cancel := context.WithTimeout(r.w.ctx, 20*time.Second)
	defer cancel()
	start := from
	for {
		r.mu.Lock()
		events, more := r.events, r.more
		r.mu.Unlock()
		for ; from < len(events); from++ {
			m, fits := events[from], string(events[from].Event()) == name
			for i := 0; i+1 < len(want) && fits; i += 2 {
				fits = m.Get(want[i]) == want[i+1]
			}
			if fits {
				return m
			}
		}
		select {
		case <-more:
		case <-ctx.Done():
			for _, m := range events[start:] {
				r.w.t.Log(string(m.Event()), m.Get("Channel"), m.Get("DestChannel"), m.Get("ChannelStateDesc"), m.Get("DialStatus"), m.Get("Digit"), m.Get("Exten"))
			}
			r.w.t.Fatalf("waiting for %s %v: %v", name, want, ctx.Err())
		}
	}
}

func (r *recorder) mark() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.events)
}

func (r *recorder) do(name string, kv ...string) {
	r.w.t.Helper()
	if _, err := r.c.Do(r.w.ctx, ami.NewAction(name, kv...)); err != nil {
		r.w.t.Fatal(err)
	}
}

// quiet waits until there is no channel left.
func (r *recorder) quiet() {
	r.w.t.Helper()
	for {
		list, err := r.c.List(r.w.ctx, ami.NewAction("CoreShowChannels"))
		if err != nil {
			r.w.t.Fatal(err)
		}
		if len(list) == 0 {
			return
		}
		select {
		case <-r.w.ctx.Done():
			r.w.t.Fatalf("channels stay: %v", list)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// tape plays a scenario from rest to rest, and keeps it.
func (r *recorder) tape(name string, play func()) {
	r.w.t.Helper()
	if *only != "" && *only != name {
		return
	}
	r.mu.Lock()
	r.buf.Reset()
	r.mu.Unlock()
	r.snapshot()
	play()
	r.quiet()
	r.do("Ping")
	r.snapshot()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.w.t.Logf("%s: %d bytes", name, r.buf.Len())
	if *record {
		if err := os.WriteFile(filepath.Join("..", "live", "testdata", name+".tape"), r.buf.Bytes(), 0o644); err != nil {
			r.w.t.Fatal(err)
		}
	}
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) incoming(seat string) *lab.Call {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, 20*time.Second)
	defer cancel()
	c, err := w.phones[seat].Incoming(ctx, nil)
	if err != nil && w.tell != nil {
		w.tell()
	}
	w.must(err)
	return c
}

// in is a call from outside to a queue.
func (w *world) in(number, from string) *lab.Call {
	w.t.Helper()
	c, err := w.trunk.Call(w.ctx, number, lab.CallOptions{From: from})
	w.must(err)
	return c
}

func (w *world) answer(seat string) *lab.Call {
	w.t.Helper()
	c := w.incoming(seat)
	w.must(c.Answer(w.ctx))
	return c
}

func TestRecord(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	w := newWorld(t, ctx)
	r := newRecorder(w, w.client())
	w.tell = func() {
		for _, m := range r.events[max(0, len(r.events)-60):] {
			t.Log(string(m.Event()), m.Get("Channel"), m.Get("DestChannel"), m.Get("ChannelStateDesc"), m.Get("DialStatus"), m.Get("Digit"), m.Get("Exten"))
		}
	}
	add := func(agent, seat string) {
		for _, q := range []string{"600", "601"} {
			r.do("QueueAdd", "Queue", q, "Interface", "Local/"+agent+"*"+seat+"@agents", "MemberName", agent, "StateInterface", "hint:"+seat+"@seats")
		}
	}
	remove := func(agent, seat string) {
		for _, q := range []string{"600", "601"} {
			r.do("QueueRemove", "Queue", q, "Interface", "Local/"+agent+"*"+seat+"@agents")
		}
	}
	hangup := func(c *lab.Call) { w.t.Helper(); w.must(c.Hangup(ctx)) }
	ended := func(c *lab.Call) { w.t.Helper(); _, err := c.AwaitEnd(ctx); w.must(err) }
	// talk brings a caller and the agent at the only seat that is logged in together.
	talk := func(seat string) (caller, agent *lab.Call, customer, phone string) {
		w.t.Helper()
		from := r.mark()
		caller = w.in("600", "13800138000")
		agent = w.answer(seat)
		m := r.await(from, "BridgeEnter", "CallerIDNum", "13800138000")
		customer = m.Get("Channel")
		// The local channel is taken out.
		r.await(from, "LocalOptimizationEnd")
		list, err := r.c.List(ctx, ami.NewAction("CoreShowChannels"))
		w.must(err)
		for _, m := range list {
			if n := m.Get("Channel"); len(n) > 10 && n[:10] == "PJSIP/"+seat {
				phone = n
			}
		}
		return
	}
	if *only != "" && *only != "login" {
		add("811", "1001")
	}
	r.tape("login", func() {
		add("811", "1001")
		add("812", "1002")
		r.do("QueuePause", "Interface", "Local/811*1001@agents", "Paused", "true", "Reason", "2")
		r.do("QueuePause", "Interface", "Local/811*1001@agents", "Paused", "false")
		remove("812", "1002")
	})
	r.tape("answered", func() {
		caller, agent, _, _ := talk("1001")
		hangup(caller)
		ended(agent)
		r.await(0, "AgentComplete")
	})
	r.tape("agent-ends", func() {
		caller, agent, _, _ := talk("1001")
		hangup(agent)
		ended(caller)
	})
	r.tape("abandoned-ringing", func() {
		caller := w.in("600", "13800138001")
		agent := w.incoming("1001")
		hangup(caller)
		ended(agent)
	})
	r.tape("missed", func() {
		from := r.mark()
		caller := w.in("600", "13800138002")
		w.incoming("1001")
		r.await(from, "AgentRingNoAnswer")
		agent := w.answer("1001")
		hangup(agent)
		ended(caller)
	})
	r.tape("wait", func() {
		c1, agent, _, _ := talk("1001")
		from := r.mark()
		c2, c3 := w.in("600", "13800138003"), w.in("600", "13800138004")
		r.await(from, "QueueCallerJoin", "Position", "2")
		from = r.mark()
		hangup(c2)
		r.await(from, "QueueCallerAbandon")
		ended(c3) // waited too long
		hangup(c1)
		ended(agent)
	})
	r.tape("paused", func() {
		r.do("QueuePause", "Interface", "Local/811*1001@agents", "Paused", "true", "Reason", "1")
		ended(w.in("600", "13800138005")) // nobody there
		r.do("QueuePause", "Interface", "Local/811*1001@agents", "Paused", "false")
	})
	r.tape("hold", func() {
		caller, agent, _, phone := talk("1001")
		from := r.mark()
		w.must(agent.Hold(ctx, true))
		r.await(from, "Hold")
		w.must(agent.Hold(ctx, false))
		r.await(from, "Unhold")
		from = r.mark()
		r.do("Atxfer", "Channel", phone, "Context", "cti-hold", "Exten", "70")
		r.await(from, "Hold")
		r.await(from, "BridgeEnter", "Context", "cti-hold")
		r.do("CancelAtxfer", "Channel", phone)
		r.await(from, "Unhold")
		hangup(caller)
		ended(agent)
	})
	r.tape("blind", func() {
		caller, agent, _, phone := talk("1001")
		from := r.mark()
		r.do("BlindTransfer", "Channel", phone, "Context", "transfer-standard", "Exten", "1003")
		other := w.answer("1003")
		r.await(from, "BlindTransfer")
		ended(agent)
		hangup(other)
		ended(caller)
	})
	r.tape("attended", func() {
		caller, agent, _, phone := talk("1001")
		from := r.mark()
		r.do("Atxfer", "Channel", phone, "Context", "transfer-standard", "Exten", "1003")
		other := w.answer("1003")
		r.await(from, "DialEnd", "DialStatus", "ANSWER")
		r.do("CancelAtxfer", "Channel", phone)
		r.await(from, "Unhold")
		ended(other)
		time.Sleep(time.Second) // at once, the digits of the next one go to the customer
		from = r.mark()
		r.do("Atxfer", "Channel", phone, "Context", "transfer-standard", "Exten", "1003")
		other = w.answer("1003")
		r.await(from, "DialEnd", "DialStatus", "ANSWER")
		r.do("Hangup", "Channel", phone, "Cause", "16")
		ended(agent)
		r.await(from, "AttendedTransfer")
		hangup(caller)
		ended(other)
	})
	r.tape("threeway", func() {
		caller, agent, _, phone := talk("1001")
		from := r.mark()
		r.do("Originate", "Channel", "PJSIP/1003", "Application", "BridgeAdd", "Data", phone, "Async", "true", "Timeout", "20000")
		other := w.answer("1003")
		r.await(from, "BridgeEnter", "BridgeNumChannels", "3")
		hangup(agent)
		hangup(caller)
		ended(other)
	})
	r.tape("out", func() {
		from := r.mark()
		r.do("Originate", "Channel", "PJSIP/1001", "Context", "phones", "Exten", "913900139000", "Priority", "1", "CallerID", "913900139000", "Timeout", "20000", "Async", "true")
		agent := w.answer("1001")
		far, err := w.trunk.Incoming(ctx, nil)
		w.must(err)
		w.must(far.Answer(ctx))
		r.await(from, "DialEnd", "DialStatus", "ANSWER")
		hangup(far)
		ended(agent)
	})
	r.tape("internal", func() {
		call, err := w.phones["1001"].Call(ctx, "1003", lab.CallOptions{})
		w.must(err)
		other := w.answer("1003")
		w.must(call.AwaitAnswer(ctx))
		hangup(other)
		ended(call)
	})
	r.tape("listen", func() {
		caller, agent, _, phone := talk("1001")
		from := r.mark()
		r.do("Originate", "Channel", "PJSIP/1010", "Application", "ChanSpy", "Data", phone+",qdE", "Timeout", "20000", "Async", "true")
		boss := w.answer("1010")
		r.await(from, "ChanSpyStart")
		hangup(caller)
		ended(agent)
		ended(boss)
	})
	r.tape("pickup", func() {
		from := r.mark()
		caller := w.in("600", "13800138009")
		ringing := w.incoming("1001")
		m := r.await(from, "DialBegin", "DestCallerIDNum", "1001")
		r.do("Originate", "Channel", "PJSIP/1003", "Application", "PickupChan", "Data", m.Get("DestChannel"), "Timeout", "20000", "Async", "true")
		other := w.answer("1003")
		r.await(from, "Pickup")
		ended(ringing)
		r.await(from, "AgentConnect")
		hangup(caller)
		ended(other)
	})
	r.tape("takeover", func() {
		caller, agent, customer, _ := talk("1001")
		r.do("Redirect", "Channel", customer, "Context", "transfer-standard", "Exten", "1010", "Priority", "1")
		boss := w.answer("1010")
		ended(agent)
		hangup(boss)
		ended(caller)
	})
	r.tape("logout", func() {
		caller, agent, _, _ := talk("1001")
		remove("811", "1001")
		hangup(caller)
		ended(agent)
	})
}

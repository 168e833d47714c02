//go:build native

package native_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"sync"
	"syscall"
	"testing"
	"time"

	"switchroom/appliance/system/native/lab"
	"switchroom/dahdi/tone"
)

// floor is a call centre at work: agents at their desks, all in the queue 600, whose calls are
// recorded and announced.
type floor struct {
	*room
	desks []*person
}

func openFloor(b *testing.B, agents int) *floor {
	b.Helper()
	var extensions, people []any
	for i := range agents {
		extensions = append(extensions, map[string]any{"number": desk(i)})
		people = append(people, map[string]any{"number": agent(i), "pin": "1234", "queues": map[string]any{"600": 0}})
	}
	document, err := json.Marshal(map[string]any{
		"extensions": extensions, "agents": people,
		"trunks":    []any{map[string]any{"name": "carrier", "peer": map[string]any{"addresses": []any{"127.0.2.1:5070"}}, "maxCalls": 1000}},
		"queues":    []any{map[string]any{"number": "600", "maxCallers": 500}},
		"recording": map[string]any{"what": []any{"queue"}, "announce": false},
		"inbound":   []any{map[string]any{"to": "queue:600"}},
	})
	if err != nil {
		b.Fatal(err)
	}
	f := &floor{room: open(b, string(document))}
	for i := range agents {
		p := &person{r: f.room, name: desk(i), number: desk(i), language: "en", voice: f.newVoice()}
		p.phone = f.plug(lab.PhoneOptions{IP: netip.AddrFrom4([4]byte{127, 0, 3, byte(1 + i)}), User: desk(i), Secret: password(desk(i)), Law: tone.ALaw, Voice: float64(p.voice)})
		p.must(p.phone.Register(f.ctx, 3600))
		f.desks = append(f.desks, p)
		// As the programs of the box log agents in.
		if _, err := f.box.Manager().Do(f.ctx, "QueueAdd", "Queue", "600", "Interface", "Local/"+agent(i)+"*"+desk(i)+"@agents",
			"MemberName", agent(i), "StateInterface", "PJSIP/"+desk(i)); err != nil {
			b.Fatal(err)
		}
	}
	return f
}

func desk(i int) string  { return fmt.Sprint(1001 + i) }
func agent(i int) string { return fmt.Sprint(8001 + i) }

// conversation is a call of a caller and the agent who took it.
type conversation struct{ caller, agent *lab.Call }

// converse has so many calls at once begin, so many a second, and returns them when all talk.
func (f *floor) converse(b *testing.B, calls int, perSecond float64) []conversation {
	b.Helper()
	// Any agent may be asked: whoever is answers, until there are as many conversations.
	ctx, cancel := context.WithCancel(f.ctx)
	var wg sync.WaitGroup
	defer func() {
		cancel()
		wg.Wait()
	}()
	agents := make(chan *lab.Call, len(f.desks))
	for _, d := range f.desks {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for {
				c, err := d.phone.Incoming(ctx, nil)
				if err != nil {
					return // enough of them
				}
				if c.Answer(f.ctx) == nil { // else it has rung in vain
					agents <- c
				}
			}
		}()
	}
	tick := time.NewTicker(time.Duration(float64(time.Second) / perSecond))
	defer tick.Stop()
	var callers []*lab.Call
	for i := range calls {
		c, err := f.carrier.Call(f.ctx, "88880600", lab.CallOptions{From: fmt.Sprint(13800000000 + i), Voice: 1000})
		if err != nil {
			b.Fatal(err)
		}
		callers = append(callers, c)
		<-tick.C
	}
	out := make([]conversation, 0, calls)
	for _, c := range callers {
		var a *lab.Call // whichever; what counts is that all are heard
		select {
		case a = <-agents:
		case <-f.ctx.Done():
			b.Fatalf("%d of %d conversations: %v", len(out), calls, f.ctx.Err())
		}
		if _, _, err := a.Ear().Await(f.ctx, 0, lab.Tone(1000)); err != nil {
			b.Fatal(err)
		}
		out = append(out, conversation{c, a})
	}
	return out
}

func (f *floor) end(b *testing.B, all []conversation) {
	b.Helper()
	for _, c := range all {
		if err := c.caller.Hangup(f.ctx); err != nil {
			b.Error(err)
		}
	}
	for _, c := range all {
		if _, err := c.agent.AwaitEnd(f.ctx); err != nil {
			b.Error(err)
		}
	}
}

// own is what this process has used.
func own(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// measured is a while of calls.
type measured struct {
	asterisk, test float64 // share of one core
	memory         int64   // bytes
	lost, late     float64 // share of the packets
}

// measure looks at calls for a while.
func (f *floor) measure(b *testing.B, all []conversation, d time.Duration) measured {
	b.Helper()
	count := func() (q lab.Quality) {
		for _, c := range all {
			for _, call := range []*lab.Call{c.caller, c.agent} {
				n := call.Quality()
				q.Came, q.Lost, q.Late = q.Came+n.Came, q.Lost+n.Lost, q.Late+n.Late
			}
		}
		return q
	}
	usage := func() lab.Usage {
		u, err := f.box.Usage()
		if err != nil {
			b.Fatal(err)
		}
		return u
	}
	before, us, mine, began := usage(), count(), own(b), time.Now()
	time.Sleep(d) // it is measured by the clock
	after, them := usage(), count()
	took := time.Since(began).Seconds()
	packets := float64(max(1, them.Came-us.Came))
	return measured{
		asterisk: (after.CPU - before.CPU).Seconds() / took, test: (own(b) - mine).Seconds() / took, memory: after.Memory,
		lost: float64(them.Lost-us.Lost) / packets, late: float64(them.Late-us.Late) / packets,
	}
}

// BenchmarkTenCalls is the load of 2009: 30 agents, ten calls of a queue at a time, recorded.
func BenchmarkTenCalls(b *testing.B) {
	f := openFloor(b, 30)
	idle := f.measure(b, nil, 5*time.Second)
	for b.Loop() {
		calls := f.converse(b, 10, 5)
		m := f.measure(b, calls, 20*time.Second)
		f.end(b, calls)
		b.ReportMetric(100*m.asterisk, "%core/asterisk")
		b.ReportMetric(100*m.test, "%core/telephones")
		b.ReportMetric(100*idle.asterisk, "%core/idle")
		b.ReportMetric(float64(m.memory)/(1<<20), "MiB/asterisk")
		b.ReportMetric(100*m.lost, "%lost")
		b.ReportMetric(100*m.late, "%late")
	}
}

// BenchmarkHowFar takes more and more recorded calls at once, five more a second, until a packet in
// a thousand is lost or late. The telephones run on the same machine and take their share of it.
func BenchmarkHowFar(b *testing.B) {
	f := openFloor(b, 200)
	for b.Loop() {
		good := 0
		for _, n := range []int{20, 50, 100, 150, 200} {
			calls := f.converse(b, n, 5)
			m := f.measure(b, calls, 10*time.Second)
			f.end(b, calls)
			b.Logf("%3d calls: Asterisk %3.0f %% of a core and %3.0f MiB, telephones %3.0f %%; %.3f %% of the packets lost, %.3f %% late",
				n, 100*m.asterisk, float64(m.memory)/(1<<20), 100*m.test, 100*m.lost, 100*m.late)
			if m.lost > 0.001 || m.late > 0.001 {
				break
			}
			good = n
		}
		b.ReportMetric(float64(good), "calls")
	}
}

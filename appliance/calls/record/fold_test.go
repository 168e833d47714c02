package record

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"switchroom/appliance/calls"
)

// facts reads the logs of a recorded day.
func facts(t testing.TB) []Fact {
	t.Helper()
	var out []Fact
	for _, s := range []struct {
		src  Source
		name string
	}{{CEL, "cel.csv"}, {QueueLog, "queue_log"}} {
		data, err := os.ReadFile(filepath.Join("testdata", s.name))
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range strings.Split(strings.TrimSpace(string(data)), "\n") {
			f, err := Parse(s.src, l)
			if err != nil {
				t.Fatalf("%v: %v", l, err)
			}
			out = append(out, f)
		}
	}
	return out
}

func assemble(t interface{ Fatal(...any) }, all []Fact) []calls.Call {
	a := NewAssembler(nil)
	for _, f := range all {
		if err := a.Add(f); err != nil {
			t.Fatal(err)
		}
	}
	_, changes := a.Changes()
	var out []calls.Call
	for _, c := range changes {
		out = append(out, c.Call)
	}
	return out
}

// TestOrder: one log ahead of the other by any length, and lines that come
// again, once or often, make the same calls. Within a log the lines keep their
// order, as in a file: a late line can only be a second one.
func TestOrder(t *testing.T) {
	all := facts(t)
	want := assemble(t, all)
	if len(want) < 60 {
		t.Fatalf("%d calls; want at least 60", len(want))
	}
	split := slices.IndexFunc(all, func(f Fact) bool { return f.Source == QueueLog })
	rapid.Check(t, func(t *rapid.T) {
		rnd := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		// The two logs shuffled into each other, in runs.
		logs := [][]Fact{all[:split], all[split:]}
		var mixed []Fact
		longest := rapid.IntRange(1, 2*len(all)).Draw(t, "longest run")
		for len(logs[0])+len(logs[1]) > 0 {
			l := &logs[rnd.IntN(2)]
			n := min(1+rnd.IntN(longest), len(*l))
			mixed = append(mixed, (*l)[:n]...)
			*l = (*l)[n:]
		}
		for range rapid.IntRange(0, 30).Draw(t, "repeated") {
			from := rnd.IntN(len(mixed))
			run := slices.Clone(mixed[from:min(from+1+rnd.IntN(40), len(mixed))])
			mixed = slices.Insert(mixed, from+len(run)+rnd.IntN(len(mixed)-from-len(run)+1), run...)
		}
		if diff := cmp.Diff(want, assemble(t, mixed)); diff != "" {
			t.Fatalf("(-want +got)\n%s", diff)
		}
	})
}

// TestAnyOrder: Fold itself does not look at the order at all.
func TestAnyOrder(t *testing.T) {
	a := NewAssembler(nil)
	for _, f := range facts(t) {
		if err := a.Add(f); err != nil {
			t.Fatal(err)
		}
	}
	rnd := rand.New(rand.NewPCG(7, 7))
	for id, g := range a.groups {
		want := Fold(id, g.facts, a.restarts)
		for range 5 {
			mixed := slices.Clone(g.facts)
			rnd.Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
			mixed = append(mixed, mixed[:len(mixed)/2]...)
			// Twice the same line is for the assembler; times and states bear it.
			if diff := cmp.Diff(want, Fold(id, dedupe(mixed), a.restarts)); diff != "" {
				t.Fatalf("%s (-want +got)\n%s", id, diff)
			}
		}
	}
}

func dedupe(in []Fact) []Fact {
	seen := map[Key]bool{}
	return slices.DeleteFunc(in, func(f Fact) bool {
		k := f.Key()
		had := seen[k]
		seen[k] = true
		return had
	})
}

// TestLostLines: whatever lines are missing, there is a record of every call
// of which any are left, and nothing falls over.
func TestLostLines(t *testing.T) {
	all := facts(t)
	rapid.Check(t, func(t *rapid.T) {
		rnd := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		share := rapid.Float64Range(0, 1).Draw(t, "lost")
		var left []Fact
		want := map[string]bool{}
		for _, f := range all {
			if rnd.Float64() < share {
				continue
			}
			left = append(left, f)
			if f.CEL != nil {
				want[f.CEL.UniqueID] = true
			}
		}
		a := NewAssembler(nil)
		for _, f := range left {
			if err := a.Add(f); err != nil {
				t.Fatal(err)
			}
		}
		_, changes := a.Changes()
		for _, c := range changes {
			if c.Call.ID == "" || c.Call.Start.IsZero() && len(c.Call.Legs) > 0 {
				t.Fatalf("a call without id or start: %+v", c.Call)
			}
			for _, ch := range c.Channels {
				delete(want, ch)
			}
		}
		if len(want) > 0 {
			t.Fatalf("channels in no call: %v", want)
		}
	})
}

func BenchmarkFold(b *testing.B) {
	data, err := os.ReadFile(filepath.Join("testdata", "cel.csv"))
	if err != nil {
		b.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	n := 0
	for b.Loop() {
		a := NewAssembler(nil)
		for _, l := range lines {
			f, err := Parse(CEL, l)
			if err != nil {
				b.Fatal(err)
			}
			if err := a.Add(f); err != nil {
				b.Fatal(err)
			}
		}
		_, changes := a.Changes()
		n = len(changes)
	}
	b.ReportMetric(float64(b.N*len(lines))/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*n), "µs/call")
}

// TestHold: what a telephone's own hold key does is told to the queue log by a
// program of ours, for no file of Asterisk's has it.
func TestHold(t *testing.T) {
	event := func(at, typ, id, linked, channel, extra string) Fact {
		f, err := Parse(CEL, `"1795384330.`+at+`","`+typ+`","`+id+`","`+linked+`","`+channel+`","","","1002","phones","","","","`+strings.ReplaceAll(extra, `"`, `""`)+`","",""`)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	later := func(f Fact, seconds string) Fact {
		f, err := Parse(CEL, strings.Replace(f.Line, `"1795384330.`, `"`+seconds+`.`, 1))
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	entry := func(line string) Fact {
		f, err := Parse(QueueLog, line)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	const a, b = "x-1795384330.1", "x-1795384330.2"
	const bridge = `{"bridge_id":"b","bridge_technology":"simple_bridge"}`
	const hangup = `{"hangupcause":16,"hangupsource":"PJSIP/1001-1","dialstatus":""}`
	list := []Fact{
		event("000001", "CHAN_START", a, a, "PJSIP/1001-1", ""),
		event("000002", "CHAN_START", b, a, "PJSIP/1002-2", ""),
		event("500000", "ANSWER", b, a, "PJSIP/1002-2", ""),
		event("600000", "BRIDGE_ENTER", a, a, "PJSIP/1001-1", bridge),
		event("600000", "BRIDGE_ENTER", b, a, "PJSIP/1002-2", bridge),
		entry("1795384340|" + b + "|NONE|NONE|HOLD|"),
		entry("1795384350|" + b + "|NONE|NONE|UNHOLD|"),
		later(event("600000", "BRIDGE_EXIT", a, a, "PJSIP/1001-1", bridge), "1795384360"),
		later(event("600000", "BRIDGE_EXIT", b, a, "PJSIP/1002-2", bridge), "1795384360"),
		later(event("700000", "HANGUP", a, a, "PJSIP/1001-1", hangup), "1795384360"),
		later(event("700001", "HANGUP", b, a, "PJSIP/1002-2", hangup), "1795384360"),
	}
	got := assemble(t, list)
	if len(got) != 1 || len(got[0].Legs) != 2 {
		t.Fatalf("calls %+v", got)
	}
	caller, callee := got[0].Legs[0], got[0].Legs[1]
	if caller.Hold().Seconds() != 10 || caller.Talk.Seconds() != 20 {
		t.Errorf("the one on hold: held %v, talked %v; want 10 s and 20 s", caller.Hold(), caller.Talk)
	}
	if len(callee.Holds) != 0 {
		t.Errorf("the one who pressed the key was held %v", callee.Holds)
	}
	if got[0].Direction != calls.Internal || got[0].EndedBy != calls.ByCaller {
		t.Errorf("%s, ended by %s", got[0].Direction, got[0].EndedBy)
	}
}

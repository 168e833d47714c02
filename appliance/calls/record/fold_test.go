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

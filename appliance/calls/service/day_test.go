package service

import (
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"switchroom/appliance/calls"
	"switchroom/appliance/calls/reports"
)

// TestDayByHand: the reports of the recorded day, against figures counted by
// hand in the script of its 68 calls (package record's testdata, calls.txt).
func TestDayByHand(t *testing.T) {
	cel, queue := logLines(t, "cel.csv"), logLines(t, "queue_log")
	b := newBench(t)
	b.append("cel.csv", strings.Join(cel, "")+"\n")
	b.append("queue_log", strings.Join(queue, "")+"\n")
	b.catchUp()
	list := slices.SortedFunc(maps.Values(b.calls()), func(x, y calls.Call) int { return x.Start.Compare(y.Start) })
	from, to := list[0].Start.Add(-time.Second), list[len(list)-1].End.Add(time.Minute)
	events, err := b.db.AgentEvents(t.Context(), to)
	if err != nil {
		t.Fatal(err)
	}
	q := reports.Query{From: from, To: to, By: reports.Whole, Zone: time.UTC, Now: to}
	check := func(r reports.Report, want map[string]map[string]float64) {
		t.Helper()
		for i, row := range r.Rows {
			for key, w := range want[row.Subject] {
				v, err := r.Get(i, key)
				if err != nil || v == nil || math.Abs(*v-w) > 1e-9 {
					got := "undefined"
					if v != nil {
						got = reportsNumber(*v)
					}
					t.Errorf("%s: %s = %s, %v; want %v", row.Subject, key, got, err, w)
				}
			}
			delete(want, row.Subject)
		}
		for s := range want {
			t.Errorf("there is no row of %s", s)
		}
	}
	check(reports.Queues(list, events, q), map[string]map[string]float64{
		"600": {
			"offered": 28, "answered": 24, "abandoned": 1, "abandonedShort": 1, "timedOut": 1, "leaveEmpty": 1, "other": 1, "full": 0, "joinEmpty": 0, "leftByKey": 0,
			"serviceLevel": 24.0 / 27, "transfers": 6, "endedByAgent": 8, "endedByCaller": 9, "ratings": 2, "averageRating": 4, "callbacks": 0,
		},
		"601": {"offered": 2, "abandoned": 1, "full": 1, "answered": 0},
		"602": {"offered": 2, "leftByKey": 2, "callbacks": 1},
		"603": {"offered": 2, "joinEmpty": 2},
		"604": {"offered": 1, "answered": 1},
	})
	agents := reports.Agents(list, events, q)
	check(agents, map[string]map[string]float64{
		"811": {"missed": 2, "rejected": 1, "outbound": 2, "outboundAnswered": 1},
		"812": {"missed": 2, "rejected": 0, "outbound": 1, "outboundAnswered": 0},
		"813": {"missed": 2, "rejected": 1, "outbound": 1, "outboundAnswered": 0},
		"821": {"answered": 1, "missed": 0},
	})
	// Together they answered what the queues had answered.
	answered := 0.0
	for i, row := range agents.Rows {
		v, err := agents.Get(i, "answered")
		if err != nil {
			t.Fatal(err)
		}
		answered += *v
		// An agent is in one state at a time: together they are the time logged in.
		logged, err := agents.Get(i, "loggedIn")
		if err != nil || *logged <= 0 {
			t.Errorf("%s was never logged in, %v", row.Subject, err)
		}
	}
	if answered != 25 {
		t.Errorf("agents answered %v calls of queues; want 25", answered)
	}
	// 812 and 813 paused about 25 and 30 s, with the reasons that they pressed.
	for i, row := range agents.Rows {
		for key, span := range map[string]map[string][2]float64{"paused.3": {"812": {20, 30}}, "paused.5": {"813": {25, 45}}} {
			v, err := agents.Get(i, key)
			if err != nil {
				t.Fatal(err)
			}
			if w, ok := span[row.Subject]; ok && (*v < w[0] || *v > w[1]) || !ok && *v != 0 {
				t.Errorf("%s: %s is %v s", row.Subject, key, *v)
			}
		}
	}
}

func reportsNumber(f float64) string {
	return time.Duration(f*float64(time.Second)).String() + " (as seconds)"
}

// BenchmarkRecorder measures the whole way: lines of the logs to records in
// the database.
func BenchmarkRecorder(b *testing.B) {
	cel, queue := logLines(b, "cel.csv"), logLines(b, "queue_log")
	n := 0
	for b.Loop() {
		bench := newBench(b)
		bench.append("cel.csv", strings.Join(cel, "")+"\n")
		bench.append("queue_log", strings.Join(queue, "")+"\n")
		bench.catchUp()
		n = len(bench.calls())
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*n), "µs/call")
	b.ReportMetric(float64(b.N*(len(cel)+len(queue)))/b.Elapsed().Seconds(), "lines/s")
}

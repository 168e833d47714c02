package reports

import (
	"bytes"
	"encoding/csv"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"
	"pgregory.net/rapid"

	"switchroom/appliance/calls"
	"switchroom/appliance/calls/ledger"
)

// day is 09:00 of a day in Shanghai.
var shanghai = time.FixedZone("Asia/Shanghai", 8*3600)

func at(h, m, s int) time.Time { return time.Date(2026, 11, 23, h, m, s, 0, shanghai) }

// visit is a stay in queue 600 that began at a time, with a wait and a talk in
// seconds.
func visit(from time.Time, o calls.QueueOutcome, agent string, wait, talk, hold int) calls.Visit {
	v := calls.Visit{Queue: "600", Outcome: o, Entered: from, Left: from.Add(time.Duration(wait) * time.Second), Agent: agent}
	if o == calls.QueueConnected {
		v.Done = v.Left.Add(time.Duration(talk+hold) * time.Second)
		v.Hold = time.Duration(hold) * time.Second
		v.EndedBy = calls.ByCaller
	}
	return v
}

// call makes a call of a stay, with the legs that the stay had.
func call(id string, v calls.Visit) calls.Call {
	c := calls.Call{ID: id, Direction: calls.Inbound, Start: v.Entered, End: v.Left, Queues: []calls.Visit{v}, Outcome: calls.Abandoned}
	caller := calls.Leg{ID: id, Role: calls.RoleCaller, Start: v.Entered, End: v.Left}
	if v.Outcome == calls.QueueConnected {
		c.Outcome, c.Answered, c.End = calls.Answered, v.Left, v.Done
		caller.End = v.Done
		if v.Hold > 0 {
			caller.Holds = []calls.Interval{{From: v.Left.Add(10 * time.Second), To: v.Left.Add(10*time.Second + v.Hold)}}
		}
		c.Legs = append(c.Legs, calls.Leg{ID: id + "a", Role: calls.RoleCallee, Party: calls.Party{Agent: v.Agent, Seat: "1001"}, Queue: "600",
			Start: v.Left.Add(-5 * time.Second), Answered: v.Left, End: v.Done, Result: calls.RingAnswered})
	}
	c.Legs = append(c.Legs, caller)
	return c
}

// hour is a call centre's hour whose figures were worked out by hand.
func hour() ([]calls.Call, []ledger.AgentEvent, Query) {
	list := []calls.Call{
		call("1", visit(at(9, 0, 0), calls.QueueConnected, "811", 10, 100, 0)),
		call("2", visit(at(9, 10, 0), calls.QueueConnected, "811", 20, 80, 30)), // on the threshold: within
		call("3", visit(at(9, 20, 0), calls.QueueConnected, "812", 40, 60, 0)),
		call("4", visit(at(9, 30, 0), calls.QueueAbandoned, "", 3, 0, 0)),
		call("5", visit(at(9, 31, 0), calls.QueueAbandoned, "", 57, 0, 0)),
		call("6", visit(at(9, 40, 0), calls.QueueTimeout, "", 90, 0, 0)),
		call("7", visit(at(10, 0, 0), calls.QueueFull, "", 0, 0, 0)), // the next hour
	}
	list[0].Rating, list[1].Rating = 5, 2
	list[1].Queues[0].EndedBy = calls.ByAgent
	list[2].Queues[0].Transferred, list[2].Queues[0].EndedBy = true, ""
	// 811 missed the call that timed out, and rang 15 s.
	list[5].Queues[0].Rings = []calls.Ring{{Agent: "811", Start: at(9, 40, 0), End: at(9, 40, 15), Result: calls.RingMissed}}
	list[5].Legs = append(list[5].Legs, calls.Leg{Role: calls.RoleCallee, Party: calls.Party{Agent: "811"}, Queue: "600", Start: at(9, 40, 0), End: at(9, 40, 15), Result: calls.RingMissed})
	ev := func(t time.Time, agent, kind, queue, reason string) ledger.AgentEvent {
		return ledger.AgentEvent{At: t, Agent: agent, Kind: kind, Queue: queue, Reason: reason}
	}
	events := []ledger.AgentEvent{
		ev(at(8, 30, 0), "811", "login", "600", ""),
		ev(at(8, 30, 0), "811", "login", "601", ""),
		{At: at(8, 30, 1), Agent: "811", Kind: "login", Seat: "1001"},
		ev(at(9, 12, 10), "811", "pause", "", "ACW"), // after call 2: 20 s
		ev(at(9, 12, 30), "811", "unpause", "", ""),
		ev(at(9, 50, 0), "811", "pause", "600", "lunch"), // in one queue: still there for the other
		ev(at(9, 51, 0), "811", "pause", "601", "lunch"),
		ev(at(9, 59, 0), "811", "unpause", "601", ""),
		ev(at(9, 15, 0), "812", "login", "600", ""),
		ev(at(9, 45, 0), "812", "logout", "600", ""),
	}
	return list, events, Query{From: at(9, 0, 0), To: at(10, 0, 0), By: Hour, Zone: shanghai, Now: at(12, 0, 0)}
}

// check compares figures of a row.
func check(t *testing.T, r Report, row int, want map[string]float64, undefined ...string) {
	t.Helper()
	for key, w := range want {
		v, err := r.Get(row, key)
		switch {
		case err != nil:
			t.Error(err)
		case v == nil:
			t.Errorf("%s is not defined; want %v", key, w)
		case math.Abs(*v-w) > 1e-9:
			t.Errorf("%s = %v; want %v", key, *v, w)
		}
	}
	for _, key := range undefined {
		if v, err := r.Get(row, key); err != nil || v != nil {
			t.Errorf("%s is defined, %v", key, err)
		}
	}
}

func TestQueues(t *testing.T) {
	list, events, q := hour()
	r := Queues(list, events, q)
	if len(r.Rows) != 1 {
		t.Fatalf("%d rows; want 1", len(r.Rows))
	}
	check(t, r, 0, map[string]float64{
		"offered": 6, "answered": 3, "abandoned": 2, "abandonedShort": 1, "timedOut": 1, "full": 0, "other": 0,
		"serviceLevel": 2.0 / 5, "answerRate": 3.0 / 6, "abandonRate": 2.0 / 6,
		"averageSpeedOfAnswer": 70.0 / 3, "averageAbandonTime": 60.0 / 2, "averageWait": 220.0 / 6, "longestWait": 90,
		"talk": 240, "hold": 30, "wrapUp": 20, "averageHandlingTime": 290.0 / 3,
		"transfers": 1, "endedByCaller": 1, "endedByAgent": 1, "ratings": 2, "averageRating": 3.5,
	})
	q.To = at(11, 0, 0)
	r = Queues(list, events, q)
	if len(r.Rows) != 2 || r.Rows[1].Period != "2026-11-23 10:00" {
		t.Fatalf("rows %+v", r.Rows)
	}
	check(t, r, 1, map[string]float64{"offered": 1, "full": 1, "answered": 0, "serviceLevel": 0}, "averageSpeedOfAnswer", "averageHandlingTime", "averageRating")
}

func TestAgents(t *testing.T) {
	list, events, q := hour()
	r := Agents(list, events, q)
	if len(r.Rows) != 2 || r.Rows[0].Subject != "811" || r.Rows[1].Subject != "812" {
		t.Fatalf("rows %+v", r.Rows)
	}
	// 811: logged in all the hour. Calls 110 and 100+30 s … 100+80 talk, 30
	// hold; rang 5+5+15; paused 480 s; wrap-up 20.
	check(t, r, 0, map[string]float64{
		"loggedIn": 3600, "paused": 480, "paused.lunch": 480, "ringing": 25, "talk": 180, "hold": 30, "wrapUp": 20,
		"ready": 3600 - 480 - 25 - 180 - 30 - 20, "occupancy": 230.0 / (3600 - 480),
		"answered": 2, "missed": 1, "rejected": 0, "callsPerHour": 2, "averageHandlingTime": 230.0 / 2, "ratings": 2, "averageRating": 3.5,
	})
	check(t, r, 1, map[string]float64{
		"loggedIn": 1800, "talk": 60, "ringing": 5, "ready": 1735, "occupancy": 60.0 / 1800, "answered": 1, "callsPerHour": 2, "transfers": 1,
	}, "averageRating")
	want := []Session{
		{Agent: "811", Seat: "1001", From: at(8, 30, 0)},
		{Agent: "812", From: at(9, 15, 0), To: at(9, 45, 0)},
	}
	if diff := cmp.Diff(want, Sessions(events, q)); diff != "" {
		t.Errorf("sessions (-want +got)\n%s", diff)
	}
}

// TestWholeIsSumOfParts: by hours, days, weeks and months the counts and times
// of a report add up to those of the whole.
func TestWholeIsSumOfParts(t *testing.T) {
	outcomes := []calls.QueueOutcome{
		calls.QueueConnected, calls.QueueAbandoned, calls.QueueTimeout, calls.QueueKey, calls.QueueFull, calls.QueueJoinEmpty, calls.QueueLeftEmpty,
		calls.QueueWithdrawn, calls.QueueLost,
	}
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		// About the night in which the clocks are put back.
		from := time.Date(2026, 10, 20, 0, 0, 0, 0, berlin)
		to := time.Date(2026, 11, 5, 0, 0, 0, 0, berlin)
		var list []calls.Call
		for range rapid.IntRange(0, 40).Draw(t, "calls") {
			begin := from.Add(time.Duration(rapid.Int64Range(0, int64(to.Sub(from)-time.Hour)).Draw(t, "begin")))
			v := visit(begin, rapid.SampledFrom(outcomes).Draw(t, "outcome"), rapid.SampledFrom([]string{"811", "812"}).Draw(t, "agent"),
				rapid.IntRange(0, 300).Draw(t, "wait"), rapid.IntRange(0, 4000).Draw(t, "talk"), rapid.IntRange(0, 100).Draw(t, "hold"))
			list = append(list, call(begin.String(), v))
		}
		var events []ledger.AgentEvent
		for range rapid.IntRange(0, 40).Draw(t, "events") {
			events = append(events, ledger.AgentEvent{
				At: from.Add(time.Duration(rapid.Int64Range(0, int64(to.Sub(from))).Draw(t, "at"))), Agent: rapid.SampledFrom([]string{"811", "812"}).Draw(t, "who"),
				Kind: rapid.SampledFrom([]string{"login", "logout", "pause", "unpause"}).Draw(t, "kind"), Queue: rapid.SampledFrom([]string{"", "600", "601"}).Draw(t, "queue"),
				Reason: rapid.SampledFrom([]string{"", "lunch", "ACW"}).Draw(t, "reason"),
			})
		}
		q := Query{From: from, To: to, By: Whole, Zone: berlin, Now: to}
		for _, make := range []func([]calls.Call, []ledger.AgentEvent, Query) Report{Queues, Agents} {
			q.By = Whole
			whole := make(list, events, q)
			for _, by := range []Period{Hour, Day, Week, Month} {
				q.By = by
				parts := make(list, events, q)
				for col, c := range whole.Columns {
					if c.Unit != Count && c.Unit != Seconds || strings.HasPrefix(c.Key, "average") || c.Key == "longestWait" {
						continue
					}
					want, got := map[string]float64{}, map[string]float64{}
					for _, row := range whole.Rows {
						want[row.Subject] += *row.Values[col]
					}
					for _, row := range parts.Rows {
						got[row.Subject] += *row.Values[col]
					}
					for s, w := range want {
						if math.Abs(got[s]-w) > 1e-6 {
							t.Fatalf("%s of %s by %s: %v; whole %v", c.Key, s, by, got[s], w)
						}
					}
				}
			}
			for i := range whole.Rows {
				get := func(key string) float64 {
					v, err := whole.Get(i, key)
					if err != nil || v == nil {
						t.Fatal(key, err)
					}
					return *v
				}
				if whole.Title.En == "Queues" {
					sum := 0.0
					for _, k := range []string{"answered", "abandoned", "timedOut", "leftByKey", "full", "joinEmpty", "leaveEmpty", "other"} {
						sum += get(k)
					}
					if sum != get("offered") {
						t.Fatalf("offered %v; the parts of it %v", get("offered"), sum)
					}
				} else if get("ready") < 0 || get("ready")+get("paused") > get("loggedIn")+1e-6 {
					t.Fatalf("ready %v, paused %v, logged in %v", get("ready"), get("paused"), get("loggedIn"))
				}
			}
		}
	})
}

func TestColumnsAreExplained(t *testing.T) {
	for _, c := range append(QueueColumns(), AgentColumns()...) {
		if c.Key == "" || c.Title.En == "" || c.Title.Zh == "" || c.Formula.En == "" || c.Formula.Zh == "" || c.Unit == "" {
			t.Errorf("something is missing: %+v", c)
		}
	}
}

func TestCSV(t *testing.T) {
	list, events, q := hour()
	r := Queues(list, events, q)
	for lang, want := range map[string][]string{"en": {"Period", "Queue", "Offered"}, "zh-CN": {"时段", "队列", "呼入量"}} {
		var b bytes.Buffer
		if err := r.CSV(&b, lang); err != nil {
			t.Fatal(err)
		}
		text, ok := strings.CutPrefix(b.String(), "\ufeff")
		if !ok {
			t.Error("there is no mark of UTF-8")
		}
		rd := csv.NewReader(strings.NewReader(text))
		rd.FieldsPerRecord = -1
		rows, err := rd.ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, rows[0][:3]); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		if diff := cmp.Diff([]string{"2026-11-23 09:00", "600", "6", "3", "2", "1", "1"}, rows[1][:7]); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		if len(rows) != 2+1+len(r.Columns) {
			t.Errorf("%d lines; want head, one row, and a head and %d lines of formulas", len(rows), len(r.Columns))
		}
	}
}

func TestXLSX(t *testing.T) {
	list, events, q := hour()
	var b bytes.Buffer
	if err := Queues(list, events, q).XLSX(&b, "zh-CN"); err != nil {
		t.Fatal(err)
	}
	f, err := excelize.OpenReader(&b)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := f.GetRows("队列报表")
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 2 || rows[0][2] != "呼入量" || rows[1][2] != "6" {
		t.Fatalf("rows %q", rows)
	}
	for i, name := range rows[0] {
		switch name {
		case "服务水平":
			if rows[1][i] != "40.0%" {
				t.Errorf("%s is %s; want 40.0%%", name, rows[1][i])
			}
		case "通话时长":
			if rows[1][i] != "0:04:00" {
				t.Errorf("%s is %s; want 0:04:00", name, rows[1][i])
			}
		}
	}
	if formulas, err := f.GetRows("计算公式"); err != nil || len(formulas) != 1+len(QueueColumns()) {
		t.Errorf("%d formulas, %v", len(formulas), err)
	}
}

func TestSafe(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "811": "811", "+8613900000000": "+8613900000000", "=1+1": "'=1+1", "@x": "'@x", "-1": "'-1", "+cmd|' /C calc'!A0": "'+cmd|' /C calc'!A0", "\t=x": "'\t=x",
	} {
		if got := Safe(in); got != want {
			t.Errorf("Safe(%q) = %q; want %q", in, got, want)
		}
	}
}

func TestListCSV(t *testing.T) {
	list, _, q := hour()
	list[0].Caller = calls.Party{Number: "=HYPERLINK(1)", Name: "@evil"}
	var b bytes.Buffer
	if err := ListCSV(&b, list, "en", q.Zone); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(b.String(), "\ufeff"))).ReadAll()
	if err != nil || len(rows) != 1+len(list) {
		t.Fatal(len(rows), err)
	}
	if rows[1][1] != "2026-11-23 09:00:00" || rows[1][5] != "'=HYPERLINK(1)" || rows[1][6] != "'@evil" || rows[1][11] != "811" || rows[1][10] != "10" {
		t.Errorf("%q", rows[1])
	}
}

func BenchmarkMonth(b *testing.B) {
	var list []calls.Call
	var events []ledger.AgentEvent
	start := at(0, 0, 0)
	for i := range 30000 {
		list = append(list, call("x", visit(start.Add(time.Duration(i)*80*time.Second), calls.QueueConnected, "811", 10, 100, 5)))
	}
	q := Query{From: start, To: start.AddDate(0, 0, 30), By: Day, Zone: shanghai, Now: start.AddDate(0, 1, 0)}
	for b.Loop() {
		Queues(list, events, q)
		Agents(list, events, q)
	}
}

package record

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"switchroom/appliance/calls"
)

// The logs in testdata are of the real Asterisk 22, in a configuration with
// everything a call can meet, while scripts made the calls of calls.txt: number,
// second, who called what, what the caller did (w wait so many seconds, a
// answer, d press, h hang up), and what it was about. What is below was worked
// out from the scripts, not from the records.

// want is what was to come of a call, by the caller's number.
type want struct {
	outcome calls.Outcome
	by      calls.EndedBy
	queues  string // queue, outcome, wait in seconds, for each stay
	rating  int
	moves   string // kind and target of transfers
}

var inbound = map[string]want{
	"02010000001": {calls.Answered, calls.ByCaller, "600 connected 1", 0, ""},
	"02010000002": {calls.Answered, calls.ByCaller, "600 connected 1", 0, ""},
	"02010000003": {calls.Answered, calls.ByCaller, "600 connected 1", 0, ""},
	"02010000010": {calls.Answered, calls.ByAgent, "600 connected 1", 5, ""},
	"02010000011": {calls.Answered, calls.ByAgent, "600 connected 1", 3, ""},
	"02010000012": {calls.Answered, calls.ByAgent, "600 connected 1", 0, ""}, // 9 is no rating
	"02010000013": {calls.Answered, calls.ByAgent, "600 connected 1", 0, ""},
	"02010000021": {calls.Abandoned, calls.ByCaller, "600 abandoned 2", 0, ""},
	"02010000022": {calls.Answered, calls.ByCaller, "600 connected 11", 0, ""}, // 4 s missed, 1 s pause, 4 s, 1 s, 1 s
	"02010000023": {calls.Answered, calls.ByCaller, "600 connected 1", 0, ""},
	"02010000024": {calls.Voicemail, calls.ByCaller, "600 timeout 15", 0, ""},
	"02010000025": {calls.NoAnswer, calls.BySystem, "603 joinempty 0", 0, ""},
	"02010000026": {calls.NoAnswer, calls.BySystem, "603 joinempty 0", 0, ""},
	"02010000027": {calls.Abandoned, calls.ByCaller, "601 abandoned 4", 0, ""},
	"02010000028": {calls.NoAnswer, calls.BySystem, "601 full 0", 0, ""},
	"02010000029": {calls.Callback, calls.BySystem, "602 key9 2", 0, ""},
	"02010000030": {calls.Answered, calls.ByCaller, "602 key0 2", 0, ""},
	"02010000031": {calls.Served, calls.BySystem, "", 0, ""},
	"02010000032": {calls.Served, calls.BySystem, "", 0, ""},
	"02010000033": {calls.Served, calls.ByCaller, "", 0, ""},
	"02010000034": {calls.Answered, calls.ByCaller, "600 connected 1", 0, ""},
	"02010000035": {calls.Answered, calls.ByCaller, "", 0, ""},
	"02010000036": {calls.Busy, calls.BySystem, "", 0, ""},
	"02010000037": {calls.Abandoned, calls.ByCaller, "", 0, ""},
	"02010000038": {calls.NoAnswer, calls.BySystem, "", 0, ""},
	"02010000039": {calls.Refused, calls.BySystem, "", 0, ""},
	"02010000040": {calls.Failed, calls.BySystem, "", 0, ""},
	"02010000041": {calls.Abandoned, calls.ByCaller, "", 0, ""},
	"02010000042": {calls.Answered, calls.ByCaller, "600 connected 1", 0, "blind 1004"},
	"02010000043": {calls.Answered, calls.ByCaller, "600 connected 1, 604 connected 0", 0, "blind 604"},
	"02010000044": {calls.Answered, calls.ByCaller, "600 connected 1", 0, "attended 1004"},
	"02010000045": {calls.Answered, calls.ByCaller, "600 connected 1", 0, "three-way 1004"},
	"02010000046": {calls.Answered, calls.ByAgent, "600 connected 1", 0, ""},
	"02010000047": {calls.Answered, calls.ByCaller, "600 connected 1", 0, "parked 700"},
	"02010000048": {calls.Answered, calls.ByCaller, "600 connected 1", 0, "parked 700"},
	"02010000049": {calls.Answered, calls.ByCaller, "", 0, "pickup 1006"},
	"02010000050": {calls.Conference, calls.ByCaller, "", 0, ""},
	"02010000051": {calls.Answered, calls.ByCaller, "600 connected 1", 0, ""},
	"02010000052": {calls.Answered, calls.ByAgent, "600 connected 1", 0, ""},
	"02010000053": {calls.Answered, calls.ByAgent, "600 connected 1", 0, ""},
	"02010000054": {calls.Answered, calls.ByAgent, "600 connected 5", 0, ""},
	"02010000055": {calls.NoAnswer, calls.BySystem, "600 leaveempty 4", 0, ""},
	"02010000056": {calls.Answered, calls.BySystem, "600 connected 1", 0, ""},
	"02010000057": {calls.Lost, calls.BySystem, "600 lost 0", 0, ""}, // no sign of it after it came to the queue
	"02010000058": {calls.Lost, calls.BySystem, "", 0, ""},
	"02010000059": {calls.Answered, calls.ByCaller, "600 connected 1", 0, ""},
	"02010000060": {calls.Answered, calls.ByCaller, "600 connected 1", 0, ""},
}

// others are the calls of telephones, by who called what; those that joined
// another call are not among them.
var others = map[string][]want{
	"1001 *45811": {{outcome: calls.Served}, {outcome: calls.Served}, {outcome: calls.Served}},
	"1002 *45812": {{outcome: calls.Served}, {outcome: calls.Served}},
	"1003 *45813": {{outcome: calls.Served}, {outcome: calls.Served}},
	"1002 *463":   {{outcome: calls.Served}},
	"1003 *465":   {{outcome: calls.Served}},
	"1002 *460":   {{outcome: calls.Served}},
	"1005 450":    {{outcome: calls.Served}},

	"1001 013900000001": {{outcome: calls.Answered, by: calls.ByCaller}},
	"1001 013900000002": {{outcome: calls.Busy, by: calls.BySystem}},
	"1002 013900000003": {{outcome: calls.Abandoned, by: calls.ByCaller}},
	"1003 013900000009": {{outcome: calls.Failed, by: calls.BySystem}},
	"1006 1004":         {{outcome: calls.Answered, by: calls.ByCallee}, {outcome: calls.Busy, by: calls.BySystem}},
	"1004 1006":         {{outcome: calls.Voicemail, by: calls.ByCaller}},
	"1006 750":          {{outcome: calls.Conference, by: calls.ByCaller}},
}

func TestScenario(t *testing.T) {
	left := maps.Clone(inbound)
	rest := map[string][]want{}
	for k, v := range others {
		rest[k] = slices.Clone(v)
	}
	for _, c := range assemble(t, facts(t)) {
		w, ok := left[c.Caller.Number]
		name := c.Caller.Number
		if ok {
			delete(left, name)
			if c.Direction != calls.Inbound {
				t.Errorf("%s came %s", name, c.Direction)
			}
		} else {
			name += " " + c.Dialled
			list := rest[name]
			if len(list) == 0 {
				t.Errorf("%s: nobody made this call: %+v", name, c)
				continue
			}
			w, rest[name] = list[0], list[1:]
			wantDirection := calls.Internal
			switch {
			case w.outcome == calls.Served:
				wantDirection = calls.Feature
			case strings.HasPrefix(c.Dialled, "0139"):
				wantDirection = calls.Outbound
			}
			if c.Direction != wantDirection {
				t.Errorf("%s: direction %s; want %s", name, c.Direction, wantDirection)
			}
		}
		if c.Outcome != w.outcome || w.by != "" && c.EndedBy != w.by || c.Rating != w.rating {
			t.Errorf("%s: %s, ended by %s, rated %d; want %s, %s, %d", name, c.Outcome, c.EndedBy, c.Rating, w.outcome, w.by, w.rating)
		}
		var stays, moves []string
		for _, v := range c.Queues {
			stays = append(stays, fmt.Sprintf("%s %s%s %.0f", v.Queue, v.Outcome, v.Key, math.Round(v.Wait().Seconds())))
			if (v.Outcome == calls.QueueConnected) != (v.Agent != "") {
				t.Errorf("%s: %s by %q", name, v.Outcome, v.Agent)
			}
		}
		for _, m := range c.Transfers {
			moves = append(moves, m.Kind+" "+m.To)
			if m.By == "" {
				t.Errorf("%s: nobody transferred it: %+v", name, m)
			}
		}
		if got := strings.Join(stays, ", "); got != w.queues {
			t.Errorf("%s: queues %q; want %q", name, got, w.queues)
		}
		if got := strings.Join(moves, ", "); got != w.moves {
			t.Errorf("%s: transfers %q; want %q", name, got, w.moves)
		}
		if c.End.IsZero() || c.End.Before(c.Start) {
			t.Errorf("%s: from %v to %v", name, c.Start, c.End)
		}
	}
	for n := range left {
		t.Errorf("there is no record of %s", n)
	}
	for n, list := range rest {
		if len(list) > 0 {
			t.Errorf("%d records of %s are missing", len(list), n)
		}
	}
}

// byNumber finds the call of a caller.
func byNumber(t *testing.T, number string) calls.Call {
	t.Helper()
	for _, c := range assemble(t, facts(t)) {
		if c.Caller.Number == number {
			return c
		}
	}
	t.Fatalf("there is no call of %s", number)
	return calls.Call{}
}

// TestDetails looks into some calls: who rang, how long they talked and held.
// Times in seconds are those of the scripts; the pressing of keys and Asterisk's
// own reactions take up to a second more.
func TestDetails(t *testing.T) {
	within := func(what string, got, from, to float64) {
		t.Helper()
		if got < from || got > to {
			t.Errorf("%s: %.1f s; want %v to %v", what, got, from, to)
		}
	}
	rings := func(c calls.Call) (out []string) {
		for _, r := range c.Queues[0].Rings {
			out = append(out, fmt.Sprintf("%s %s %.0f", r.Agent, r.Result, math.Round(r.End.Sub(r.Start).Seconds())))
		}
		return out
	}
	if got, want := rings(byNumber(t, "02010000022")), []string{"813 missed 4", "811 missed 4", "812 answered 1"}; !slices.Equal(got, want) {
		t.Errorf("missed until 812: %q; want %q", got, want)
	}
	for _, r := range rings(byNumber(t, "02010000023")) {
		if !strings.Contains(r, "rejected 0") && r != "812 answered 1" {
			t.Errorf("rejected until 812: %s", r)
		}
	}
	if got := rings(byNumber(t, "02010000024")); len(got) != 3 || slices.ContainsFunc(got, func(s string) bool { return !strings.HasSuffix(s, " missed 4") }) {
		t.Errorf("nobody answers: %q", got)
	}
	// Key 1, then 9 s: less 1 s of ringing, 8 s of talk with the announcement.
	within("a plain talk", byNumber(t, "02010000001").Queues[0].Talk().Seconds(), 8, 8.5)
	// Asked another for 5 s, the caller waiting.
	consulted := byNumber(t, "02010000044")
	within("the hold before an attended transfer", consulted.Queues[0].Hold.Seconds(), 5, 6)
	within("the same, the caller's", consulted.Legs[0].Hold().Seconds(), 5, 6)
	back := byNumber(t, "02010000046")
	if v := back.Queues[0]; v.Transferred || v.EndedBy != calls.ByAgent {
		t.Errorf("a consultation that came to nothing: transferred %v, ended by %s", v.Transferred, v.EndedBy)
	}
	within("its hold", back.Queues[0].Hold.Seconds(), 3.5, 5)
	picked := byNumber(t, "02010000049")
	if len(picked.Legs) != 3 || picked.Legs[1].Result != calls.RingCancelled || picked.Legs[2].Role != calls.RoleOther || picked.Legs[2].Seat != "1006" {
		t.Errorf("picked up: %+v", picked.Legs)
	}
	menu := byNumber(t, "02010000034")
	var path []string
	for _, s := range menu.Path {
		path = append(path, s.Kind+" "+s.Name+" "+s.Key)
	}
	if want := []string{"route 400 ", "ivr main ", "ivr main 3", "ivr sub ", "ivr sub 5"}; !slices.Equal(path, want) {
		t.Errorf("path %q; want %q", path, want)
	}
}

// TestQueueLogAgrees compares with what Asterisk itself counted: every stay's
// seconds of waiting and talking in the queue log.
func TestQueueLogAgrees(t *testing.T) {
	records := map[string]calls.Visit{} // by channel and queue
	for _, c := range assemble(t, facts(t)) {
		for _, v := range c.Queues {
			records[c.Legs[0].ID+" "+v.Queue] = v
		}
	}
	checked := 0
	for _, f := range facts(t) {
		e := f.Queue
		if e == nil || e.Call == "" {
			continue
		}
		v := records[e.Call+" "+e.Queue]
		about := func(what string, got float64, counted int) {
			t.Helper()
			checked++
			// Asterisk subtracts whole seconds: it may be off by one.
			if math.Abs(got-float64(counted)) > 1.05 {
				t.Errorf("%s in queue %s: %s %.2f s; Asterisk counted %d", e.Call, e.Queue, what, got, counted)
			}
		}
		switch e.Event {
		case "CONNECT":
			about("wait", v.Wait().Seconds(), e.Int(0))
		case "ABANDON", "EXITWITHTIMEOUT", "EXITEMPTY":
			about("wait", v.Wait().Seconds(), e.Int(2))
		case "EXITWITHKEY":
			about("wait", v.Wait().Seconds(), e.Int(3))
		case "COMPLETECALLER", "COMPLETEAGENT":
			about("talk and hold", (v.Talk() + v.Hold).Seconds(), e.Int(1))
		}
	}
	if checked < 50 {
		t.Errorf("%d figures compared; want at least 50", checked)
	}
}

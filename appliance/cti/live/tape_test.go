package live_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"switchroom/appliance/cti/live"
	"switchroom/appliance/cti/tape"
)

// seats are those of the lab in which the tapes were made.
func newState() *live.State {
	s := live.New(live.Config{
		Seats:  map[string]string{"PJSIP/1001": "1001", "PJSIP/1002": "1002", "PJSIP/1003": "1003", "PJSIP/1010": "1010"},
		Agents: []string{"811", "812", "901"}, Queues: []string{"600", "601"},
		WrapUp: map[string]int{"600": 2},
	})
	s.Sit(live.Session{Agent: "811", Seat: "1001"})
	s.Sit(live.Session{Agent: "901", Seat: "1010"})
	return s
}

func tapes(t testing.TB) map[string][]tape.Entry {
	t.Helper()
	files, err := filepath.Glob("testdata/*.tape")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d tapes, %v", len(files), err)
	}
	out := map[string][]tape.Entry{}
	for _, f := range files {
		r, err := os.Open(f)
		if err != nil {
			t.Fatal(err)
		}
		entries, err := tape.Read(r)
		r.Close()
		if err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		out[strings.TrimSuffix(filepath.Base(f), ".tape")] = entries
	}
	return out
}

func step(s *live.State, e tape.Entry) []live.Change {
	if e.Kind == tape.Event {
		return s.Apply(e.Messages[0])
	}
	var items []live.Message
	for _, m := range e.Messages {
		items = append(items, m)
	}
	return s.Snapshot(items)
}

// picture is all that can be seen of a state.
type picture struct {
	Agents []live.AgentView
	Queues []live.QueueView
	Calls  []live.CallView
}

func look(s *live.State) picture {
	var p picture
	for _, id := range s.Agents() {
		v, _ := s.Agent(id)
		p.Agents = append(p.Agents, v)
	}
	for _, id := range s.Queues() {
		v, _ := s.Queue(id)
		p.Queues = append(p.Queues, v)
	}
	for _, id := range s.Calls() {
		v, _ := s.Call(id)
		p.Calls = append(p.Calls, v)
	}
	return p
}

// blur takes away what depends on when something was heard of, and on which of
// several outcomes it had.
func blur(p picture) picture {
	for i := range p.Agents {
		p.Agents[i].Since, p.Agents[i].Missed, p.Agents[i].Until = 0, 0, 0
		if p.Agents[i].State == live.WrapUp {
			p.Agents[i].State = live.Ready
		}
	}
	for i := range p.Queues {
		p.Queues[i].Counts, p.Queues[i].States = live.Counts{}, nil
		for j := range p.Queues[i].Members {
			p.Queues[i].Members[j].State = ""
		}
	}
	return p
}

func play(t interface{ Fatalf(string, ...any) }, entries []tape.Entry) *live.State {
	s := newState()
	seq := s.Seq()
	for i, e := range entries {
		for _, c := range step(s, e) {
			if seq++; c.Seq != seq {
				t.Fatalf("entry %d: change %d follows %d", i, c.Seq, seq-1)
			}
		}
		if err := s.Check(); err != nil {
			t.Fatalf("entry %d: %v\n%v", i, err, e.Messages)
		}
	}
	return s
}

// TestTapes holds what is seen of each tape, step by step, against a golden
// file.
func TestTapes(t *testing.T) {
	for name, entries := range tapes(t) {
		t.Run(name, func(t *testing.T) {
			s := newState()
			var b strings.Builder
			last := map[string]string{}
			tell := func(key, now string) {
				if last[key] != now {
					last[key] = now
					fmt.Fprintf(&b, "%s: %s\n", key, now)
				}
			}
			ids := map[string]string{}
			for i, e := range entries {
				changes := slices.Clone(step(s, e))
				if err := s.Check(); err != nil {
					t.Fatalf("entry %d: %v", i, err)
				}
				for _, c := range changes {
					switch c.Kind {
					case live.Agent:
						v, ok := s.Agent(c.ID)
						if !ok {
							t.Fatalf("change of agent %s, who is not there", c.ID)
						}
						tell("agent "+c.ID, strings.TrimSpace(fmt.Sprintf("%s %s %s", v.State, v.Reason, strings.Join(v.Queues, ","))))
					case live.Queue:
						v, _ := s.Queue(c.ID)
						tell("queue "+c.ID, fmt.Sprintf("%d waiting, %+v", len(v.Waiting), v.Counts))
					case live.Call:
						if ids[c.ID] == "" {
							ids[c.ID] = fmt.Sprintf("call %d", len(ids)+1)
						}
						if c.Gone {
							tell(ids[c.ID], fmt.Sprintf("gone %s %s", c.Reason, ids[c.Into]))
							continue
						}
						v, ok := s.Call(c.ID)
						if !ok {
							if !slices.ContainsFunc(changes, func(o live.Change) bool { return o.ID == c.ID && o.Gone }) {
								t.Fatalf("change of call %s, which is not there", c.ID)
							}
							continue
						}
						var legs []string
						for _, l := range v.Legs {
							who := l.Seat
							if who == "" {
								who = "outside"
							}
							legs = append(legs, fmt.Sprintf("%s %s %d", who, l.State, l.With))
						}
						tell(ids[c.ID], fmt.Sprintf("%s %s queue=%s agent=%s waiting=%t recording=%s [%s]", v.Direction, v.Number, v.Queue, v.Agent, v.Waiting, v.Recording, strings.Join(legs, ", ")))
					}
				}
			}
			if len(s.Calls()) > 0 {
				t.Errorf("phantoms: %v", look(s).Calls)
			}
			golden := filepath.Join("testdata", name+".golden")
			if os.Getenv("UPDATE") != "" {
				if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), b.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestSame plays each tape twice: the same log makes the same changes.
func TestSame(t *testing.T) {
	for name, entries := range tapes(t) {
		a, b := newState(), newState()
		for i, e := range entries {
			if diff := cmp.Diff(slices.Clone(step(a, e)), slices.Clone(step(b, e))); diff != "" {
				t.Fatalf("%s, entry %d: %s", name, i, diff)
			}
		}
	}
}

// TestRepeated has every event come twice, at once and again later.
func TestRepeated(t *testing.T) {
	for name, entries := range tapes(t) {
		want := look(play(t, entries))
		for later := range 12 {
			var twice []tape.Entry
			for i, e := range entries {
				twice = append(twice, e)
				if j := i - later*later; j >= 0 && entries[j].Kind == tape.Event && e.Kind == tape.Event && seconds(e)-seconds(entries[j]) < 8 {
					twice = append(twice, entries[j])
				}
			}
			if diff := cmp.Diff(want, look(play(t, twice))); diff != "" {
				t.Fatalf("%s, repeated %d events later: %s", name, later*later, diff)
			}
		}
	}
}

// seconds is when an event was made; after ten seconds it would count as one
// of another clock.
func seconds(e tape.Entry) float64 {
	f, _ := strconv.ParseFloat(e.Messages[0].Get("Timestamp"), 64)
	return f
}

// TestLate has each event in turn come later.
func TestLate(t *testing.T) {
	for name, entries := range tapes(t) {
		want := blur(look(play(t, entries)))
		for i, e := range entries {
			if e.Kind != tape.Event {
				continue
			}
			for _, by := range []int{1, 3, 10, len(entries)} {
				to := min(i+by, len(entries)-2) // not behind the last snapshot
				if to <= i {
					continue
				}
				late := slices.Insert(slices.Delete(slices.Clone(entries), i, i+1), to, e)
				if diff := cmp.Diff(want, blur(look(play(t, late)))); diff != "" {
					t.Fatalf("%s, entry %d late by %d: %v\n%s", name, i, by, e.Messages[0], diff)
				}
			}
		}
	}
}

// TestMissing leaves out each event in turn. The last snapshot puts things
// right.
func TestMissing(t *testing.T) {
	for name, entries := range tapes(t) {
		want := blur(look(play(t, entries)))
		for i, e := range entries {
			if e.Kind != tape.Event {
				continue
			}
			if diff := cmp.Diff(want, blur(look(play(t, slices.Delete(slices.Clone(entries), i, i+1))))); diff != "" {
				t.Fatalf("%s without entry %d: %v\n%s", name, i, e.Messages[0], diff)
			}
		}
	}
}

// TestAway misses a part of each tape and takes the snapshot after it.
func TestAway(t *testing.T) {
	all := tapes(t)
	rapid.Check(t, func(t *rapid.T) {
		entries := all[rapid.SampledFrom(sortedNames(all)).Draw(t, "tape")]
		from := rapid.IntRange(1, len(entries)-1).Draw(t, "from")
		to := rapid.IntRange(from, len(entries)-1).Draw(t, "to")
		s := play(t, slices.Concat(entries[:from], entries[len(entries)-1:], entries[to:]))
		if n := len(s.Calls()); n > 0 {
			t.Fatalf("%d phantoms: %v", n, s.Calls())
		}
	})
}

// TestChaos plays tapes with events dropped, repeated, moved and mixed.
func TestChaos(t *testing.T) {
	all := tapes(t)
	rapid.Check(t, func(t *rapid.T) {
		s := newState()
		var last tape.Entry
		for range rapid.IntRange(1, 4).Draw(t, "tapes") {
			entries := slices.Clone(all[rapid.SampledFrom(sortedNames(all)).Draw(t, "tape")])
			last = entries[len(entries)-1]
			for range rapid.IntRange(0, 20).Draw(t, "faults") {
				i := rapid.IntRange(0, len(entries)-2).Draw(t, "where")
				j := rapid.IntRange(0, len(entries)-2).Draw(t, "to")
				switch rapid.IntRange(0, 3).Draw(t, "what") {
				case 0:
					entries = slices.Delete(entries, i, i+1)
				case 1:
					entries = slices.Insert(entries, j, entries[i])
				case 2:
					entries[i], entries[j] = entries[j], entries[i]
				case 3:
					n := rapid.IntRange(0, 3).Draw(t, "session")
					agent, seat := []string{"811", "812", "901", "813"}[n], []string{"1001", "1002", "1010", "1003"}[rapid.IntRange(0, 3).Draw(t, "seat")]
					if rapid.Bool().Draw(t, "leave") {
						s.Leave(agent)
					} else {
						s.Sit(live.Session{Agent: agent, Seat: seat})
					}
				}
				if len(entries) < 3 {
					break
				}
			}
			for i, e := range entries {
				step(s, e)
				if err := s.Check(); err != nil {
					t.Fatalf("entry %d: %v", i, err)
				}
			}
		}
		step(s, last)
		s.Tick(s.Now() + 60_000_000)
		if err := s.Check(); err != nil {
			t.Fatal(err)
		}
		if n := len(s.Calls()); n > 0 {
			t.Fatalf("%d phantoms", n)
		}
	})
}

func sortedNames(all map[string][]tape.Entry) []string {
	var out []string
	for n := range all {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}

// TestClockSetBack goes on with the next tape after the clock was set back by
// an hour.
func TestClockSetBack(t *testing.T) {
	all := tapes(t)
	s := newState()
	s.Tick(3_000_000_000_000_000)
	for _, e := range all["answered"] {
		step(s, e)
		if err := s.Check(); err != nil {
			t.Fatal(err)
		}
	}
	v, _ := s.Queue("600")
	if want := (live.Counts{Joined: 1, Answered: 1}); v.Counts != want {
		t.Errorf("%+v; want %+v", v.Counts, want)
	}
}

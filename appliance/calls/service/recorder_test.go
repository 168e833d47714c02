package service

import (
	"encoding/json"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"switchroom/appliance/calls"
	"switchroom/appliance/calls/ledger"
	"switchroom/appliance/calls/record"
)

// logLines are the logs of a day of package record's testdata.
func logLines(t testing.TB, name string) []string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "record", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return strings.SplitAfter(strings.TrimSuffix(string(data), "\n"), "\n")
}

// expected are the calls of the logs, in one go.
func expected(t testing.TB, cel, queueLog []string) map[string]calls.Call {
	t.Helper()
	a := record.NewAssembler(nil)
	for src, list := range map[record.Source][]string{record.CEL: cel, record.QueueLog: queueLog} {
		for _, l := range list {
			f, err := record.Parse(src, strings.TrimSuffix(l, "\n"))
			if err != nil {
				t.Fatal(err)
			}
			if err := a.Add(f); err != nil {
				t.Fatal(err)
			}
		}
	}
	_, changes := a.Changes()
	out := map[string]calls.Call{}
	for _, c := range changes {
		out[c.Call.ID] = stored(t, c.Call)
	}
	return out
}

// stored is a call as it comes back from a database.
func stored(t testing.TB, c calls.Call) calls.Call {
	t.Helper()
	data, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var out calls.Call
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

type bench struct {
	t   testing.TB
	db  *ledger.DB
	dir string
	rec *Recorder
}

func newBench(t testing.TB) *bench {
	t.Helper()
	b := &bench{t: t, dir: t.TempDir()}
	var err error
	if b.db, err = ledger.Open(t.Context(), filepath.Join(b.dir, "calls.db"), false); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.db.Close() })
	b.start()
	return b
}

func (b *bench) files() Files {
	return Files{CEL: filepath.Join(b.dir, "cel.csv"), QueueLog: filepath.Join(b.dir, "queue_log")}
}

// start starts a recorder, in place of one that is not asked.
func (b *bench) start() {
	b.t.Helper()
	if b.rec != nil {
		b.rec.Close()
	}
	r, err := NewRecorder(b.t.Context(), slog.New(slog.DiscardHandler), b.db, b.files())
	if err != nil {
		b.t.Fatal(err)
	}
	b.rec = r
}

func (b *bench) catchUp() {
	b.t.Helper()
	if _, err := b.rec.CatchUp(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) append(name, text string) {
	b.t.Helper()
	f, err := os.OpenFile(filepath.Join(b.dir, name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		b.t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) calls() map[string]calls.Call {
	b.t.Helper()
	out := map[string]calls.Call{}
	for c, err := range b.db.Calls(b.t.Context(), ledger.Filter{}) {
		if err != nil {
			b.t.Fatal(err)
		}
		out[c.ID] = c
	}
	return out
}

// TestWhateverHappens: however the logs come, piece by piece, one ahead of the
// other, rotated, the recorder killed and started anew, what is in the ledger
// in the end is what all the lines at once make.
func TestWhateverHappens(t *testing.T) {
	sources := map[string][]string{"cel.csv": logLines(t, "cel.csv"), "queue_log": logLines(t, "queue_log")}
	want := expected(t, sources["cel.csv"], sources["queue_log"])
	for seed := range uint64(20) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		b := newBench(t)
		b.rec.limit = 20000
		texts := map[string]string{}
		for name, lines := range sources {
			texts[name] = strings.Join(lines, "")
		}
		for texts["cel.csv"] != "" || texts["queue_log"] != "" {
			name := []string{"cel.csv", "queue_log"}[rnd.IntN(2)]
			n := min(rnd.IntN(map[string]int{"cel.csv": 8000, "queue_log": 400}[name]), len(texts[name]))
			b.append(name, texts[name][:n])
			texts[name] = texts[name][n:]
			switch rnd.IntN(6) {
			case 0:
				b.start()
				b.rec.limit = 20000
			case 1:
				// It reads, and dies before it could write.
				for _, src := range []record.Source{record.CEL, record.QueueLog} {
					if _, err := b.rec.logs[src].Read(50, func(l string) error { return b.rec.line(src, l) }); err != nil {
						t.Fatal(err)
					}
				}
				b.start()
				b.rec.limit = 20000
			case 2, 3:
				if _, err := b.rec.Once(t.Context()); err != nil {
					t.Fatal(err)
				}
			case 4:
				// Asterisk never stops in the midst of a line while a log is renamed.
				if !whole(b, "cel.csv") || !whole(b, "queue_log") {
					break
				}
				b.catchUp()
				if _, err := b.rec.Tend(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
		b.append("queue_log", "\n")
		b.append("cel.csv", "\n")
		b.catchUp()
		if diff := cmp.Diff(want, b.calls()); diff != "" {
			t.Fatalf("seed %d (-want +got)\n%s", seed, diff)
		}
		// And once more from the beginning, as after positions were lost.
		for _, name := range []string{"cel.csv", "queue_log"} {
			b.append(name, strings.Join(sources[name], "")+"\n")
		}
		b.catchUp()
		if diff := cmp.Diff(want, b.calls()); diff != "" {
			t.Fatalf("seed %d, every line twice (-want +got)\n%s", seed, diff)
		}
		events, err := b.db.AgentEvents(t.Context(), time.Now().AddDate(10, 0, 0))
		if err != nil {
			t.Fatal(err)
		}
		if n := memberLines(sources); len(events) != n {
			t.Fatalf("seed %d: %d events of agents; the logs have %d lines of them", seed, len(events), n)
		}
	}
}

// whole reports whether a log ends with a whole line.
func whole(b *bench, name string) bool {
	data, err := os.ReadFile(filepath.Join(b.dir, name))
	return err != nil || len(data) == 0 || data[len(data)-1] == 10 // a line feed
}

// memberLines counts the lines about agents, by looking at the text.
func memberLines(sources map[string][]string) int {
	seen := map[string]bool{}
	for _, l := range sources["queue_log"] {
		for _, verb := range []string{"ADDMEMBER", "REMOVEMEMBER", "PAUSE", "UNPAUSE", "PAUSEALL", "UNPAUSEALL", "AGENTLOGIN", "AGENTLOGOFF"} {
			if strings.Contains(l, "|"+verb+"|") {
				seen[l] = true
			}
		}
	}
	for _, l := range sources["cel.csv"] {
		for _, typ := range []string{"LOGIN", "LOGOUT", "PAUSE", "UNPAUSE"} {
			if strings.Contains(l, `","`+typ+`","box-`) && strings.Contains(l, "CELGenUserEvent") {
				seen[l] = true
			}
		}
	}
	return len(seen)
}

// TestCutLine: the line that Asterisk was writing when the power went is lost;
// the one right behind it is not.
func TestCutLine(t *testing.T) {
	cel, queue := logLines(t, "cel.csv"), logLines(t, "queue_log")
	i := slices.IndexFunc(cel, func(l string) bool { return strings.Contains(l, `"LINKEDID_END"`) })
	j := slices.IndexFunc(queue, func(l string) bool { return strings.Contains(l, "|CONNECT|") })
	b := newBench(t)
	cutCEL := slices.Clone(cel)
	cutCEL[i] = cel[i][:len(cel[i])/2]
	cutQueue := slices.Clone(queue)
	cutQueue[j] = queue[j][:20]
	b.append("cel.csv", strings.Join(cutCEL, "")+"\n")
	b.append("queue_log", strings.Join(cutQueue, "")+"\n")
	b.catchUp()
	// What the two lines said is missing, and nothing else.
	want := expected(t, slices.Delete(slices.Clone(cel), i, i+1), slices.Delete(slices.Clone(queue), j, j+1))
	if diff := cmp.Diff(want, b.calls()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestCountByHand compares with a count that knows nothing of records: the
// first channels that are no halves of Asterisk's own pairs, by grep.
func TestCountByHand(t *testing.T) {
	cel := logLines(t, "cel.csv")
	b := newBench(t)
	b.append("cel.csv", strings.Join(cel, "")+"\n")
	b.append("queue_log", strings.Join(logLines(t, "queue_log"), "")+"\n")
	b.catchUp()
	lines, phones := 0, 0
	for _, l := range cel {
		if !strings.Contains(l, `"CHAN_START"`) {
			continue
		}
		f := strings.Split(l, `","`)
		if f[2] != f[3] {
			continue // born of another
		}
		switch {
		case strings.HasPrefix(f[4], "PJSIP/line-"):
			lines++
		case strings.HasPrefix(f[4], "PJSIP/"):
			phones++
		}
	}
	in, others := 0, 0
	for _, c := range b.calls() {
		if c.Direction == calls.Inbound {
			in++
		} else {
			others++
		}
	}
	if in != lines {
		t.Errorf("%d calls came in; the lines rang %d times", in, lines)
	}
	// The picked-up and the fetched call are parts of those that they joined.
	joined := 0
	for _, c := range b.calls() {
		for _, l := range c.Legs {
			if l.Role == calls.RoleOther {
				joined++
			}
		}
	}
	if others+joined != phones {
		t.Errorf("%d calls of telephones, and %d that joined another; telephones called %d times", others, joined, phones)
	}
}

package ledger

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"switchroom/appliance/calls"
	"switchroom/appliance/calls/follow"
	"switchroom/appliance/calls/record"
	"switchroom/appliance/calls/recordings"
)

func open(t *testing.T) (*DB, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "calls.db")
	d, err := Open(t.Context(), path, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d, path
}

func fact(t *testing.T, line string) record.Fact {
	t.Helper()
	f, err := record.Parse(record.QueueLog, line)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func change(t *testing.T, id, caller string, start time.Time) record.Change {
	t.Helper()
	return record.Change{
		Call: calls.Call{ID: id, Start: start, End: start.Add(time.Minute), Direction: calls.Inbound, Outcome: calls.Answered, Caller: calls.Party{Number: caller},
			Queues: []calls.Visit{{Queue: "600", Agent: "811", Outcome: calls.QueueConnected}},
			Legs:   []calls.Leg{{ID: id, Role: calls.RoleCaller}, {ID: id + "9", Role: calls.RoleCallee, Party: calls.Party{Agent: "811"}, Answered: start}}},
		Fresh:    []record.Fact{fact(t, "1795384330|"+id+"|600|811|CONNECT|1|x.2|1")},
		Channels: []string{id, id + "9"},
	}
}

func TestCommit(t *testing.T) {
	d, path := open(t)
	ctx := t.Context()
	at := []follow.Position{{Inode: 1<<63 + 5, Head: "ab", HeadSize: 24, Offset: 77}}
	if err := d.Commit(ctx, Batch{
		Changes:   []record.Change{change(t, "b.1", "13900000001", noon), change(t, "b.2", "13900000002", noon.Add(time.Hour))},
		Positions: map[record.Source][]follow.Position{record.CEL: at},
		Agents:    []AgentEvent{{Key: record.Key{1}, At: noon, Agent: "811", Kind: "login", Queue: "600"}, {Key: record.Key{1}, At: noon, Agent: "811", Kind: "login", Queue: "600"}},
		Restarts:  []time.Time{noon},
	}); err != nil {
		t.Fatal(err)
	}
	if got, err := d.Positions(ctx, record.CEL); err != nil || cmp.Diff(at, got) != "" {
		t.Errorf("positions %+v, %v", got, err)
	}
	if got, err := d.AgentEvents(ctx, noon.Add(time.Second)); err != nil || len(got) != 1 {
		t.Errorf("%d events of agents, %v; want the one", len(got), err)
	}
	// Another program reads at the same time.
	r, err := Open(ctx, path, true)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, c := range []struct {
		f    Filter
		want int
	}{
		{Filter{}, 2}, {Filter{From: noon.Add(time.Minute)}, 1}, {Filter{To: noon}, 0}, {Filter{Number: "0000002"}, 1}, {Filter{Queue: "600"}, 2},
		{Filter{Queue: "601"}, 0}, {Filter{Agent: "811"}, 2}, {Filter{Agent: "812"}, 0}, {Filter{Limit: 1}, 1}, {Filter{Outcome: calls.Busy}, 0},
		{Filter{Direction: calls.Inbound, Outcome: calls.Answered, Newest: true}, 2},
	} {
		n := 0
		for _, err := range r.Calls(ctx, c.f) {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		if n != c.want {
			t.Errorf("%+v: %d calls; want %d", c.f, n, c.want)
		}
	}
	if err := r.Note(ctx, Audit{At: noon, Who: "x", Action: "listen"}); err == nil {
		t.Error("a reader could write")
	}
	// The second turns out to be part of the first.
	if err := d.AddRecording(ctx, recordings.Recording{ID: "b.2", Call: "b.2", Path: "2026/x.mp3", At: noon, Length: 90 * time.Second, Bytes: 5}); err != nil {
		t.Fatal(err)
	}
	if err := d.Commit(ctx, Batch{Merges: []record.Merge{{From: "b.2", Into: "b.1"}}, Changes: []record.Change{change(t, "b.1", "13900000001", noon)}, Settled: []string{"b.1"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Call(ctx, "b.2"); !errors.Is(err, ErrNotFound) {
		t.Errorf("the call that is part of another: %v", err)
	}
	if id, err := d.CallOf(ctx, "b.29"); id != "b.1" || err != nil {
		t.Errorf("its channel belongs to %q, %v", id, err)
	}
	if list, err := d.Recordings(ctx, "b.1"); err != nil || len(list) != 1 || list[0].Length != 90*time.Second {
		t.Errorf("its recording: %+v, %v", list, err)
	}
	if facts, err := d.Facts(ctx, "b.1"); err != nil || len(facts) != 3 {
		t.Errorf("%d facts, %v; want those of both", len(facts), err)
	}
	// Old lines go, the record stays.
	if err := d.Forget(ctx, noon.AddDate(0, 0, 7)); err != nil {
		t.Fatal(err)
	}
	if facts, err := d.Facts(ctx, "b.1"); err != nil || len(facts) != 0 {
		t.Errorf("%d facts are left, %v", len(facts), err)
	}
	if _, err := d.Call(ctx, "b.1"); err != nil {
		t.Error(err)
	}
	if err := d.Sync(ctx); err != nil {
		t.Error(err)
	}
}

// TestCommitFails: a batch is written wholly or not at all, positions included.
func TestCommitFails(t *testing.T) {
	d, _ := open(t)
	ctx := t.Context()
	p := follow.Position{Inode: 1, Offset: 5}
	err := d.Commit(ctx, Batch{
		Changes:   []record.Change{change(t, "b.1", "1", noon)},
		Positions: map[record.Source][]follow.Position{record.CEL: {p, p}}, // the same file twice is refused
	})
	if err == nil {
		t.Fatal("no error")
	}
	if _, err := d.Call(ctx, "b.1"); !errors.Is(err, ErrNotFound) {
		t.Errorf("the call is there all the same: %v", err)
	}
}

func TestAudit(t *testing.T) {
	d, _ := open(t)
	ctx := t.Context()
	a := Audit{At: noon, Who: "manager", Address: "192.0.2.1", Action: "listen", What: "b.1", Detail: "from the page"}
	b := Audit{At: noon.Add(time.Second), Who: "manager", Action: "download", What: "b.2"}
	for _, n := range []Audit{a, b} {
		if err := d.Note(ctx, n); err != nil {
			t.Fatal(err)
		}
	}
	for what, want := range map[string][]Audit{"": {a, b}, "b.2": {b}, "b.3": nil} {
		got, err := d.Notes(ctx, noon, noon.Add(time.Hour), what)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("of %q (-want +got)\n%s", what, diff)
		}
	}
	if err := d.Note(ctx, Audit{At: noon, Action: "listen"}); err == nil {
		t.Error("a note without who was taken")
	}
}

func TestSubject(t *testing.T) {
	d, _ := open(t)
	ctx := t.Context()
	in, out := change(t, "b.1", "13900000001", noon), change(t, "b.3", "1001", noon)
	out.Call.Direction, out.Call.Dialled, out.Call.Caller.Agent = calls.Outbound, "013900000002", "812"
	if err := d.Commit(ctx, Batch{Changes: []record.Change{in, out}}); err != nil {
		t.Fatal(err)
	}
	for channel, want := range map[string]recordings.Subject{
		"b.1": {Call: "b.1", Start: noon, Caller: "13900000001", Agent: "811", Over: true},
		"b.3": {Call: "b.3", Start: noon, Caller: "013900000002", Agent: "812", Over: true},
	} {
		got, ok, err := d.Subject(ctx, channel)
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", channel, diff)
		}
	}
	if _, ok, err := d.Subject(ctx, "b.7"); ok || err != nil {
		t.Errorf("a channel of nobody: %v, %v", ok, err)
	}
}

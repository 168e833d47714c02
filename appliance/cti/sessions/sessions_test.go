package sessions

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSessionsOutliveTheProgram(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cti.db")
	open := func() *Store {
		s, err := Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	s := open()
	since := time.UnixMilli(1_795_000_000_000)
	a := Session{Agent: "811", Seat: "1001", Paused: true, Reason: "2", Since: since, Via: "cti"}
	b := Session{Agent: "812", Seat: "1002", Since: since, Via: "phone"}
	must(s.Put(t.Context(), a))
	must(s.Put(t.Context(), b))
	must(s.Close())
	s = open()
	got, err := s.All(t.Context())
	if diff := cmp.Diff([]Session{a, b}, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	// The desk changes hands; the agent moves.
	b.Seat = "1001"
	must(s.Put(t.Context(), b))
	got, err = s.All(t.Context())
	if diff := cmp.Diff([]Session{b}, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	ended, err := s.Ended(t.Context())
	if diff := cmp.Diff([]string{"811"}, ended); diff != "" || err != nil {
		t.Error(diff, err)
	}
	must(s.Confirm(t.Context(), "811"))
	must(s.Confirm(t.Context(), "812")) // is active: stays
	must(s.End(t.Context(), "812"))
	must(s.Confirm(t.Context(), "812"))
	if got, err = s.All(t.Context()); len(got) != 0 || err != nil {
		t.Error(got, err)
	}
	if ended, err = s.Ended(t.Context()); len(ended) != 0 || err != nil {
		t.Error(ended, err)
	}
	must(s.Close())
}

func TestAudit(t *testing.T) {
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "cti.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, what := range []string{"listen", "release"} {
		if err := s.Audit(t.Context(), Deed{At: time.UnixMilli(1), Who: "901", What: what, Whom: "811", Result: "ok"}); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.Deeds(t.Context(), 1)
	if err != nil || len(got) != 1 || got[0].What != "release" || got[0].Who != "901" {
		t.Error(got, err)
	}
	for range 2 {
		if err := s.Note(t.Context(), Note{Call: "1.1", Agent: "811", Disposition: "sold", At: time.UnixMilli(1)}); err != nil {
			t.Error(err)
		}
	}
}

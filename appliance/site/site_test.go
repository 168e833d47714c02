package site

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"switchroom/appliance/asterisk"
	"switchroom/provisioning"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// applier notes what it is given, and fails as it is told.
type applier struct {
	files map[string][]byte
	err   error
}

func (a *applier) Plan(map[string][]byte) (asterisk.Plan, error) { return asterisk.Plan{}, nil }

func (a *applier) Apply(_ context.Context, files map[string][]byte, _ asterisk.When) (asterisk.Plan, error) {
	if a.err == nil {
		a.files = files
	}
	return asterisk.Plan{}, a.err
}

func newBox(t *testing.T) (*Service, *applier, *Revisions) {
	t.Helper()
	p := BoxPaths(t.TempDir())
	for _, dir := range []string{p.Dir, p.Asterisk, filepath.Dir(p.Zone), p.Zones + "/Etc"} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(p.Zones+"/Etc/UTC", []byte("UTC"), 0o644); err != nil {
		t.Fatal(err)
	}
	a := &applier{}
	s := &Service{Log: slog.New(slog.DiscardHandler), Paths: p, Applier: a, Secret: func(user string) (string, error) { return "of-" + user, nil }}
	r, err := s.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, a, r
}

func outcomes(t *testing.T, r *Revisions) (out []string) {
	t.Helper()
	list, err := r.List(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, rev := range list {
		out = append(out, strings.TrimSpace(string(rev.Outcome)+" "+rev.Comment+" "+rev.Reason))
	}
	return out
}

func TestOutcomes(t *testing.T) {
	s, a, r := newBox(t)
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	good, bad := []byte(`{"country": "de", "timeZone": "Etc/UTC"}`), []byte(`{"country": "fr", "timeZone": "Etc/UTC"}`)
	if _, _, err := s.Apply(t.Context(), r, good, Change{Author: "a", Comment: "good"}); err != nil {
		t.Fatal(err)
	}
	a.err = &asterisk.RolledBack{Reasons: []string{"it complained"}}
	var back *asterisk.RolledBack
	if _, _, err := s.Apply(t.Context(), r, bad, Change{Author: "a", Comment: "bad"}); !errors.As(err, &back) {
		t.Errorf("taken back: %v", err)
	}
	a.err = &asterisk.Busy{}
	var busy *asterisk.Busy
	if _, _, err := s.Apply(t.Context(), r, bad, Change{Author: "a", Comment: "must wait"}); !errors.As(err, &busy) {
		t.Errorf("must wait: %v", err)
	}
	var faults provisioning.Faults
	if _, _, err := s.Apply(t.Context(), r, []byte(`{"x": 1}`), Change{Author: "a", Comment: "faults"}); !errors.As(err, &faults) {
		t.Errorf("with faults: %v", err)
	}
	want := []string{"failed bad " + back.Error(), "applied good", "applied the built-in site"}
	if diff := cmp.Diff(want, outcomes(t, r)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	now, err := r.Current(t.Context())
	if err != nil || string(now.Document) != string(good) {
		t.Errorf("in force: %s %v", now.Document, err)
	}
	if has, err := os.ReadFile(s.Paths.copy()); err != nil || string(has) != string(good) {
		t.Errorf("the copy: %s %v", has, err)
	}
	if info, err := os.Stat(s.Paths.copy()); err != nil || info.Mode() != 0o600 {
		t.Errorf("the copy, which has passwords: %v %v", info.Mode(), err)
	}
	if has, err := os.ReadFile(s.Paths.card()); err != nil || !strings.Contains(string(has), `"de"`) {
		t.Errorf("what the card has to know: %s %v", has, err)
	}
	// An old firmware meets a document that it can't read: the one before.
	rev, err := r.Add(t.Context(), "a", "of the future", []byte(`{"version": 99}`))
	if err == nil {
		err = r.End(t.Context(), rev.Number, Applied, "")
	}
	if err != nil {
		t.Fatal(err)
	}
	a.err = nil
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if conf := string(a.files["indications.conf"]); !strings.Contains(conf, "[de]") {
		t.Errorf("the one before is not in force:\n%s", conf)
	}
	// What was begun and interrupted is not in force.
	if _, err := r.Add(t.Context(), "a", "interrupted", bad); err != nil {
		t.Fatal(err)
	}
	if _, document := s.inForce(t.Context(), r); string(document) != string(good) {
		t.Errorf("in force: %s", document)
	}
}

// trouble is one that a test makes up.
type trouble string

func (t trouble) Text(string) string { return string(t) }

// The prompts are made before Asterisk may play them, and are those of the
// document in force after a change was taken back. That one can't be made
// stops nothing.
func TestPrompts(t *testing.T) {
	s, a, r := newBox(t)
	var log strings.Builder
	s.Log = slog.New(slog.NewTextHandler(&log, nil))
	var said []string
	s.Prompts = func(_ context.Context, site provisioning.Site) ([]Trouble, error) {
		said = append(said, site.Country)
		return []Trouble{trouble("can't be said: " + site.Country)}, errors.New("disk full")
	}
	if _, _, err := s.Apply(t.Context(), r, []byte(`{"country": "de", "timeZone": "Etc/UTC"}`), Change{}); err != nil {
		t.Fatal(err)
	}
	a.err = &asterisk.RolledBack{}
	if _, _, err := s.Apply(t.Context(), r, []byte(`{"country": "fr", "timeZone": "Etc/UTC"}`), Change{}); err == nil {
		t.Error("no error")
	}
	if diff := cmp.Diff([]string{"de", "fr", "de"}, said); diff != "" {
		t.Errorf("prompts of (-want +got):\n%s", diff)
	}
	for _, want := range []string{"can't be said: fr", "disk full"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("%q was not logged, but\n%s", want, log.String())
		}
	}
}

// What other services may read has no secret in it.
func TestCopiesForOthers(t *testing.T) {
	s, _, r := newBox(t)
	doc := []byte(`{"timeZone": "Etc/UTC", "extensions": [{"number": "1001", "sip": {"secret": "very-secret-1"}, "voicemail": {"pin": "73519"}}],
		"queues": [{"number": "600", "members": ["1001"], "serviceLevelSeconds": 17}], "recording": {"retentionDays": 33}}`)
	if _, _, err := s.Apply(t.Context(), r, doc, Change{}); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{s.Paths.records(), s.Paths.card()} {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(data), "secret") || strings.Contains(string(data), "73519") {
			t.Errorf("%s has a secret: %s", path, data)
		}
		if info, err := os.Stat(path); err != nil || info.Mode() != 0o644 {
			t.Errorf("%s: %v %v", path, info.Mode(), err)
		}
	}
	var got struct {
		ServiceLevels map[string]int
		Recording     struct{ RetentionDays int }
	}
	data, err := os.ReadFile(s.Paths.records())
	if err == nil {
		err = json.Unmarshal(data, &got)
	}
	if err != nil || got.ServiceLevels["600"] != 17 || got.Recording.RetentionDays != 33 {
		t.Errorf("for the records: %+v %v", got, err)
	}
}

func TestRevisions(t *testing.T) {
	_, _, r := newBox(t)
	if _, err := r.Current(t.Context()); !errors.Is(err, ErrNoRevision) {
		t.Errorf("of an empty database: %v", err)
	}
	for _, c := range []string{"one", "two", "three"} {
		rev, err := r.Add(t.Context(), "座席", c, []byte(c))
		if err == nil {
			err = r.End(t.Context(), rev.Number, Applied, "")
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Forget(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	rev, err := r.Current(t.Context())
	if err != nil || rev.Number != 3 || rev.Author != "座席" || string(rev.Document) != "three" {
		t.Errorf("current: %+v %v; what was applied is not forgotten", rev, err)
	}
	if rev, err = r.Before(t.Context(), 3); err != nil || rev.Comment != "two" {
		t.Errorf("before: %+v %v", rev, err)
	}
	if list, err := r.List(t.Context(), 2); err != nil || len(list) != 2 || list[0].Number != 3 {
		t.Errorf("the newest two: %+v %v", list, err)
	}
	if _, err := r.Get(t.Context(), 9); !errors.Is(err, ErrNoRevision) {
		t.Errorf("one that isn't: %v", err)
	}
}

// A telephone that is given no password has the same one after every change.
func TestTelephoneWithoutPassword(t *testing.T) {
	s, a, r := newBox(t)
	var first string
	for _, name := range []string{"A", "B"} {
		doc := []byte(`{"timeZone": "Etc/UTC", "extensions": [{"number": "1001", "name": "` + name + `", "sip": {}}, {"number": "1002", "sip": {"secret": "its-own-one"}}]}`)
		if _, _, err := s.Apply(t.Context(), r, doc, Change{}); err != nil {
			t.Fatal(err)
		}
		kept, err := r.Secrets(t.Context(), []string{"sip/1001"})
		if err != nil {
			t.Fatal(err)
		}
		if conf := string(a.files["pjsip.conf"]); !strings.Contains(conf, kept["sip/1001"]) || !strings.Contains(conf, "its-own-one") {
			t.Errorf("the passwords are not in\n%s", conf)
		}
		if first == "" {
			first = kept["sip/1001"]
		}
		if kept["sip/1001"] != first {
			t.Errorf("the password was %s and is %s", first, kept["sip/1001"])
		}
	}
}

func TestSecretsStay(t *testing.T) {
	_, _, r := newBox(t)
	first, err := r.Secrets(t.Context(), []string{"sip/1001", "sip/1002"})
	if err != nil || len(first) != 2 || first["sip/1001"] == first["sip/1002"] || len(first["sip/1001"]) < 20 {
		t.Fatalf("%v %v", first, err)
	}
	again, err := r.Secrets(t.Context(), []string{"sip/1002", "sip/1003"})
	if err != nil || again["sip/1002"] != first["sip/1002"] || again["sip/1003"] == "" {
		t.Errorf("%v, before %v (%v)", again, first, err)
	}
}

func TestZone(t *testing.T) {
	s, _, _ := newBox(t)
	if err := os.Symlink("/usr/share/zoneinfo/UTC", s.Paths.Zone); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Paths.setZone("Etc/UTC"); err != nil {
			t.Fatal(err)
		}
	}
	if info, err := os.Lstat(s.Paths.Zone); err != nil || !info.Mode().IsRegular() {
		t.Errorf("it is %v (%v); programs are told of a file's end, not of a link's", info.Mode(), err)
	}
	for _, bad := range []string{"No/Where", "../../etc/passwd", "/etc/passwd"} {
		if err := s.Paths.setZone(bad); err == nil {
			t.Errorf("%s was taken", bad)
		}
	}
}

func TestLanguage(t *testing.T) {
	for _, c := range []struct{ all, lang, want string }{{"", "", "en"}, {"", "zh_CN.UTF-8", "zh-CN"}, {"C", "zh_CN", "en"}, {"zh", "en", "zh-CN"}} {
		env := map[string]string{"LC_ALL": c.all, "LANG": c.lang}
		if got := Language(func(n string) string { return env[n] }); got != c.want {
			t.Errorf("%v: %s", c, got)
		}
	}
}

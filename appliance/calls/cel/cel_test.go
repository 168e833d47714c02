package cel

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const line = `"1795384341.584020","HANGUP","box-1795384328.1","box-1795384328.1","PJSIP/line-00000001","02012345678","A \""\""b, Ltd","600","queues","","","","{""hangupcause"":16,""hangupsource"":""PJSIP/line-00000001"",""dialstatus"":""ANSWER""}","",""`

func TestParse(t *testing.T) {
	got, err := Parse(line)
	if err != nil {
		t.Fatal(err)
	}
	want := Event{
		Time: time.Unix(1795384341, 584020000).UTC(), Type: Hangup, UniqueID: "box-1795384328.1", LinkedID: "box-1795384328.1",
		Channel: "PJSIP/line-00000001", Number: "02012345678", Name: `A ""b, Ltd`, Exten: "600", Context: "queues",
		Extra: Extra{Cause: 16, Source: "PJSIP/line-00000001", DialStatus: "ANSWER"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestParseUserEvent(t *testing.T) {
	got, err := Parse(`"1795384329.417586","AGENT","box-1795384329.4","box-1795384328.1","PJSIP/1001-00000002","1001","Phone 1001","s","agent-predial","CELGenUserEvent","AGENT,agent=811&seat=1001","","{""extra"":""agent=811&seat=1001""}","AGENT",""`)
	if err != nil {
		t.Fatal(err)
	}
	if !got.User || got.Values.Get("agent") != "811" || got.Values.Get("seat") != "1001" {
		t.Errorf("user %v, values %v; want agent 811 at seat 1001", got.User, got.Values)
	}
}

// TestParseCut: no part of a line is taken for a whole one.
func TestParseCut(t *testing.T) {
	for i := range len(line) {
		if _, err := Parse(line[:i]); !errors.Is(err, ErrCut) {
			t.Errorf("the first %d bytes: %v; want ErrCut", i, err)
		}
		if i > 0 {
			if _, err := Parse(line[i:]); err == nil {
				t.Errorf("all but the first %d bytes: read as an event", i)
			}
		}
	}
	for _, s := range []string{line + ",", line + `,""`, line + line, strings.Replace(line, "1795384341.584020", "1795384341", 1)} {
		if _, err := Parse(s); !errors.Is(err, ErrCut) {
			t.Errorf("%s: %v; want ErrCut", s, err)
		}
	}
}

func TestNames(t *testing.T) {
	if pair, ok := Local("Local/811*1001@agents-00000000;2"); !ok || pair != "Local/811*1001@agents-00000000" {
		t.Errorf("pair %q, %v", pair, ok)
	}
	if _, ok := Local("PJSIP/1001-00000002"); ok {
		t.Error("a telephone was taken for one of Asterisk's own pairs")
	}
	for name, want := range map[string]string{"DAHDI/1-1": "DAHDI/1", "PJSIP/line-a-00000002": "PJSIP/line-a", "x": "x"} {
		if got := Device(name); got != want {
			t.Errorf("Device(%q) = %q; want %q", name, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(line)
	f.Add(line[:40])
	f.Fuzz(func(t *testing.T, s string) {
		if e, err := Parse(s); err == nil && (e.Type == "" || e.UniqueID == "" || e.Time.IsZero()) {
			t.Errorf("%q: %+v", s, e)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(line); err != nil {
			b.Fatal(err)
		}
	}
}

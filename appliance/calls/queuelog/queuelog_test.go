package queuelog

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	for line, want := range map[string]Entry{
		"1795384330|box-1795384328.1|600|811|CONNECT|1|box-1795384329.2|1": {
			Time: time.Unix(1795384330, 0).UTC(), Call: "box-1795384328.1", Queue: "600", Agent: "811", Event: Connect, Args: []string{"1", "box-1795384329.2", "1"},
		},
		"1795384297|NONE|NONE|NONE|QUEUESTART|":       {Time: time.Unix(1795384297, 0).UTC(), Event: Start, Args: []string{""}},
		"1795384297|MANAGER|600|811|ADDMEMBER|PAUSED": {Time: time.Unix(1795384297, 0).UTC(), Queue: "600", Agent: "811", Event: AddMember, Args: []string{"PAUSED"}},
	} {
		got, err := Parse(line)
		if err != nil {
			t.Errorf("%s: %v", line, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", line, diff)
		}
	}
	for _, line := range []string{"", "17953", "1795384330|box", "x|a|b|c|d|e", "1795384330|a|b|c||", "-1|a|b|c|d|"} {
		if e, err := Parse(line); !errors.Is(err, ErrCut) {
			t.Errorf("%q: %+v, %v; want ErrCut", line, e, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("1795384330|box-1795384328.1|600|811|CONNECT|1|box-1795384329.2|1")
	f.Fuzz(func(t *testing.T, s string) {
		if e, err := Parse(s); err == nil && (e.Event == "" || e.Args == nil || e.Int(99) != 0) {
			t.Errorf("%q: %+v", s, e)
		}
	})
}

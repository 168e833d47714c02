package provisioning

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDiff(t *testing.T) {
	parse := func(doc string) Site {
		t.Helper()
		s, faults := Read([]byte(doc))
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		return s
	}
	before := parse(`{"extensions": [{"number": "801", "sip": {"secret": "oldpassword"}}, {"number": "802", "port": 2}, {"number": "803", "port": 3}],
		"queues": [{"number": "600", "keys": {"1": "callback:600", "2": "hangup"}}],
		"agents": [{"number": "811", "pin": "1234"}],
		"inbound": [{"from": ["lines"], "to": "queue:600"}, {"to": "hangup"}]}`)
	after := parse(`{"language": "zh-CN", "extensions": [{"number": "802", "port": 2, "name": "前台"}, {"number": "801", "sip": {"secret": "newpassword"}}, {"number": "804", "sip": {"secret": "secretsecret"}}],
		"queues": [{"number": "600", "ringSeconds": 20, "keys": {"2": "busy", "3": "hangup"}, "record": "default"}],
		"agents": [{"number": "811", "pin": "4321", "languages": ["en"]}],
		"inbound": [{"from": ["lines"], "to": "busy"}, {"to": "hangup"}],
		"parking": {"number": "700", "first": "701", "last": "720"}}`)
	want := []string{
		`changed language: "en" becomes "zh-CN"`,
		`removed extensions[803] (was {"number": "803", "port": 3})`,
		`changed extensions[802].name: "" becomes "前台"`,
		`moved extensions[802]: from place 2 to 1`,
		`changed extensions[801].sip.secret: "****" becomes "****"`,
		`added extensions[804]: {"number": "804", "sip": {"secret": "****"}}`,
		`changed inbound[lines / * / *].to: "queue:600" becomes "busy"`,
		`removed queues[600].keys.1 (was "callback:600")`,
		`changed queues[600].keys.2: "hangup" becomes "busy"`,
		`added queues[600].keys.3: "hangup"`,
		`changed queues[600].ringSeconds: 15 becomes 20`,
		`changed agents[811].pin: "****" becomes "****"`,
		`added agents[811].languages: ["en"]`,
		`added parking: {"number": "700", "first": "701", "last": "720"}`,
	}
	changes := Diff(before, after)
	var got []string
	for _, c := range changes {
		got = append(got, c.Text("en"))
		if zh := c.Text("zh-CN"); zh == c.Text("en") || strings.Contains(zh, "password") {
			t.Errorf("in Chinese: %s", zh)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if c := Diff(before, before); len(c) != 0 {
		t.Errorf("the same document differs from itself: %v", c)
	}
	for _, secret := range []string{"oldpassword", "newpassword", "secretsecret", "1234", "4321"} {
		if strings.Contains(fmt.Sprint(changes), secret) {
			t.Errorf("%s is told", secret)
		}
		if strings.Contains(fmt.Sprintf("%v %+v %#v", before.Agents, before, before.Extensions[0].SIP), secret) {
			t.Errorf("%s is printed", secret)
		}
	}
}

func TestDiffTellsTheFewestMoves(t *testing.T) {
	if got := longestRise([]int{3, 0, 1, 2, 4}); !slices.Equal(got, []int{0, 1, 2, 4}) {
		t.Errorf("got %v", got)
	}
}

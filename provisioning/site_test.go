package provisioning

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"switchroom/dahdi"
)

func seq(from, to int) []int {
	var out []int
	for i := from; i <= to; i++ {
		out = append(out, i)
	}
	return out
}

func TestDefault(t *testing.T) {
	s := Default(Ports{FXS: []int{3, 1, 2, 30}, FXO: []int{26, 25}})
	if err := s.Validate(); err != nil {
		t.Fatalf("the built-in site has faults: %v", err)
	}
	var numbers, names []string
	for _, e := range s.Extensions {
		numbers, names = append(numbers, e.Number), append(names, e.Name)
	}
	if diff := cmp.Diff([]string{"1001", "1002", "1003", "1030"}, numbers); diff != "" {
		t.Errorf("extensions (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"Phone 1", "Phone 2", "Phone 3", "Phone 30"}, names); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	queue := New[Queue]()
	queue.Number, queue.Name, queue.Members = "600", "Queue", []string{"1001", "1002"}
	if diff := cmp.Diff([]Queue{queue}, s.Queues); diff != "" {
		t.Errorf("queues (-want +got):\n%s", diff)
	}
	if len(s.Lines) != 2 || s.Lines[0].Name != "line-25" || s.Lines[1].Port != 26 {
		t.Errorf("lines: %+v", s.Lines)
	}
	if diff := cmp.Diff([]InboundRoute{{To: "queue:600", Language: "en"}}, s.Inbound); diff != "" {
		t.Errorf("inbound (-want +got):\n%s", diff)
	}
}

// A box without a card, with lines only, and with every port DAHDI can have
// must all come up with the built-in site.
func TestDefaultIsAlwaysValid(t *testing.T) {
	for name, ports := range map[string]Ports{
		"no card": {}, "lines only": {FXO: seq(1, 24)}, "full": {FXS: seq(1, maxPort)},
	} {
		for _, country := range Countries {
			s := New[Site]()
			s.Country = country
			s.derive()
			if err := s.Complete(ports).Validate(); err != nil {
				t.Errorf("%s in %s: %v", name, country, err)
			}
		}
		s := Default(ports)
		doc, err := s.Format()
		if err != nil {
			t.Fatal(err)
		}
		back, err := Parse(doc)
		if err != nil {
			t.Errorf("%s: reading what was written: %v", name, err)
		}
		if diff := cmp.Diff(s, back); diff != "" {
			t.Errorf("%s: written and read again (-want +got):\n%s", name, diff)
		}
	}
}

const document = `{
  "version": 2, "country": "cn", "language": "en", "timeZone": "Asia/Shanghai",
  "extensions": [{"number": "801", "name": "前台", "port": 1}, {"number": "802", "name": "", "port": 2}],
  "queues": [{"number": "60", "name": "Hotline", "members": ["802"]}],
  "lines": [{"port": 24}],
  "inbound": [{"from": ["lines"], "to": "queue:60"}]
}`

func TestParse(t *testing.T) {
	s, err := Parse([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	want := New[Site]()
	want.Country, want.Language, want.TimeZone = "cn", "en", "Asia/Shanghai"
	want.Extensions = []Extension{New[Extension](), New[Extension]()}
	want.Extensions[0].Number, want.Extensions[0].Name, want.Extensions[0].Port = "801", "前台", 1
	want.Extensions[1].Number, want.Extensions[1].Port = "802", 2
	want.Queues = []Queue{New[Queue]()}
	want.Queues[0].Number, want.Queues[0].Name, want.Queues[0].Members = "60", "Hotline", []string{"802"}
	want.Lines = []Line{New[Line]()}
	want.Lines[0].Port, want.Lines[0].Name = 24, "line-24"
	want.Inbound = []InboundRoute{{From: []string{"lines"}, To: "queue:60"}}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Each fault is one change to a good document, and must be told with its place.
func TestFaultsAreToldWithTheirPlace(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{`"version": 2`, `"version": 3`, "version: the document has version 3, this firmware reads up to 2"},
		{`"version": 2`, `"Version": 2`, "Version: unknown field; did you mean version?"},
		{`"version": 2`, `"version": "1"`, `version: want a whole number, not "1"`},
		{`"version": 2`, `"version": 1.5`, `version: want a whole number, not 1.5`},
		{`"version": 2`, `"version": 1e99`, `version: want a whole number, not 1e99`},
		{`"version": 2`, `"version": 2, "version": 2`, "version: given twice"},
		{`"version": 2`, `"version": 2, "colour": 2`, "colour: unknown field; known here: agents, announcements, "},
		{`"country": "cn"`, `"country": "CN"`, `country: "CN" is not one of br, cn`},
		{`"language": "en"`, `"language": null`, `language: want a string in quotes, not null`},
		{`"language": "en"`, `"language": "tlh"`, `language: "tlh" is not one of en`},
		{`Asia/Shanghai`, `Asia/Shanghi`, `timeZone: "Asia/Shanghi" is not the name`},
		{`Asia/Shanghai`, `Local`, `timeZone: "Local" is not the name`},
		{`Asia/Shanghai`, `../../etc/passwd`, `timeZone: "../../etc/passwd" is not`},
		{`"port": 2}`, `"port": 2, "pin": 1}`, "extensions[1].pin: unknown field; known here: browser, callerId, class,"},
		{`"port": 2}`, `"port": 1024}`, "extensions[1].port: 1024 is not between 1 and 1023"},
		{`"port": 2}`, `"port": []}`, "extensions[1].port: want a whole number, not […]"},
		{`"number": "802"`, `"number": "8x2"`, `extensions[1].number: "8x2" is not a number of 2 to 8 digits`},
		{`"前台"`, `"a\"b"`, `extensions[0].name: "a\"b" is longer`},
		{`"前台"`, `"a;b"`, `extensions[0].name: "a;b" is longer`},
		{`"Hotline"`, `"a\nb"`, `queues[0].name: "a\nb" is longer`},
		{`["802"]`, `["60"]`, `queues[0].members[0]: there is no extension "60"`},
		{`["802"]`, `"802"`, `queues[0].members: want a list, not "802"`},
		{`"queue:60"`, `"queue:801"`, `inbound[0].to: there is no queue "801"`},
		{`"lines": [{`, `"lines": [3, {`, `lines[0]: want an object, not 3`},
		{"\n}", "\n} {", "something follows the document"},
		{"\n}", "\n", "the document ends too early"},
	} {
		if !strings.Contains(document, c.old) {
			t.Fatalf("the document has no %q", c.old)
		}
		_, err := Parse([]byte(strings.Replace(document, c.old, c.new, 1)))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s instead of %s:\n got %v\nwant %s", c.new, c.old, err, c.want)
		}
	}
}

func TestAllFaultsAreToldAtOnce(t *testing.T) {
	_, err := Parse([]byte(`{"version": 2, "country": "xx", "language": "yy", "timeZone": "zz"}`))
	if err == nil {
		t.Fatal("no error")
	}
	if got := strings.Count(err.Error(), "\n") + 1; got != 3 {
		t.Errorf("%d faults told, want 3:\n%v", got, err)
	}
}

func TestUnplugged(t *testing.T) {
	s := Default(Ports{FXS: []int{1, 2}, FXO: []int{5}})
	if got := s.Unplugged(Ports{FXS: []int{1, 2}, FXO: []int{5}}); len(got) != 0 {
		t.Errorf("with every port in place: %q", got)
	}
	got := s.Unplugged(Ports{FXS: []int{1, 5}})
	want := []string{"extension 1002: there is no telephone port 2", "line line-5: there is no line port 5"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestPortsOf(t *testing.T) {
	card := func(ports ...dahdi.Port) dahdi.Card { return dahdi.Card{Spans: []dahdi.Span{{Ports: ports}}} }
	got := PortsOf(dahdi.Inventory{Cards: []dahdi.Card{
		card(dahdi.Port{Number: 1, Kind: dahdi.KindFXS}, dahdi.Port{Number: 2, Kind: dahdi.KindNone}),
		card(dahdi.Port{Number: 25, Kind: dahdi.KindFXO}, dahdi.Port{Number: 26, Kind: dahdi.KindFXS}),
	}})
	if diff := cmp.Diff(Ports{FXS: []int{1, 26}, FXO: []int{25}}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// No document may make the reader crash, and what it takes must be written
// such that it is read again as the same.
func FuzzParse(f *testing.F) {
	f.Add([]byte(document))
	f.Add([]byte(`{"version":1,"extensions":[[]]}`))
	for _, path := range []string{"example/hotline.json", "testdata/v1.json"} {
		doc, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(doc)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := Parse(data)
		if err != nil {
			return
		}
		doc, err := s.Format()
		if err != nil {
			t.Fatal(err)
		}
		back, err := Parse(doc)
		if err != nil {
			t.Fatalf("%v\n%s", err, doc)
		}
		if diff := cmp.Diff(s, back); diff != "" {
			t.Fatal(diff)
		}
	})
}

package provisioning_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"switchroom/provisioning"
	"switchroom/provisioning/example"
)

var warningCases = []struct{ doc, want string }{
	{`{}`, ""},
	{`{"extensions": [{"number": "801", "port": 13}], "lines": [{"port": 1}]}`, "extensions[0].port unplugged, lines[0].port unplugged"},
	{`{"queues": [{"number": "600"}, {"number": "601", "skill": "french"}], "agents": [{"number": "811", "pin": "7391", "skills": {"french": 3}}, {"number": "812", "pin": "7391"}]}`,
		"queues[0] nobody-serves, agents[1] no-queue"},
	{`{"agents": [{"number": "8110", "queues": {"600": 0}}, {"number": "8111", "pin": "8111", "queues": {"600": 0}}, {"number": "812", "pin": "8120", "queues": {"600": 0}}],
	   "conferences": [{"number": "700", "pin": "4321", "hostPin": "7777"}], "voicemail": {"boxes": [{"number": "690", "pin": "0123"}]},
	   "extensions": [{"number": "801", "port": 1, "voicemail": {"pin": "3456"}}, {"number": "802", "port": 2, "voicemail": {"pin": "8027"}}]}`,
		"agents[0].pin no-pin, agents[1].pin simple-pin, agents[2].pin simple-pin, conferences[0].pin simple-pin, conferences[0].hostPin simple-pin, " +
			"voicemail.boxes[0].pin simple-pin, extensions[0].voicemail.pin simple-pin"},
	{`{"lines": [], "trunks": []}`, "outbound no-emergency"},
	{`{"conferences": [{"number": "60"}, {"number": "1001"}], "extensions": [{"number": "10015", "port": 1}]}`, "queues[0].number slow-to-dial, extensions[0].number slow-to-dial"},
	{`{"prompts": [{"name": "p", "text": {"zh-CN": "x"}}, {"name": "q", "text": {"en": "x"}}, {"name": "r", "files": {"zh-CN": "x.wav"}}]}`, "prompts[0].text prompt-one-tongue"},
}

func warnings(t *testing.T, doc string) provisioning.Faults {
	t.Helper()
	s, err := provisioning.Parse([]byte(doc))
	if err != nil {
		t.Fatalf("%s: %v", doc, err)
	}
	return s.Warnings(example.Ports())
}

func TestWarnings(t *testing.T) {
	for _, c := range warningCases {
		got := map[string]bool{}
		for _, f := range warnings(t, c.doc) {
			got[f.Path+" "+string(f.Code)] = true
			if zh := f.Text("zh-CN"); zh == f.Text("en") || strings.Contains(zh+f.Text("en"), "%!") {
				t.Errorf("told as %q and %q", zh, f.Text("en"))
			}
		}
		want := map[string]bool{}
		for w := range strings.SplitSeq(c.want, ", ") {
			if w != "" {
				want[w] = true
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.doc, diff)
		}
	}
}

func TestFaultAsJSON(t *testing.T) {
	_, err := provisioning.Parse([]byte(`{"queues": [{"number": "6"}]}`))
	got, errJSON := json.Marshal(err)
	if errJSON != nil {
		t.Fatal(errJSON)
	}
	want := `[{"path":"queues[0].number","line":1,"code":"bad-number","text":{"en":"\"6\" is not a number of 2 to 8 digits","zh-CN":"\"6\" 不是 2 到 8 位数字的号码"}}]`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// The same caller in any way of writing.
func TestLookUp(t *testing.T) {
	s, err := provisioning.Parse([]byte(`{"country": "cn", "areaCode": "010", "blacklist": [{"number": "87654321"}, {"number": "anonymous"}],
		"vip": [{"number": "+86 138 0013 8000", "name": "Boss"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	for number, want := range map[string]string{"13800138000": "Boss", "013800138000": "Boss", "008613800138000": "Boss", "13800138001": "",
		"01087654321": "blocked", "861087654321": "blocked", "87654321": "blocked", "075587654321": "", "": "blocked", "anonymous": "blocked"} {
		vip, blocked := s.LookUp(number)
		got := ""
		if vip != nil {
			got += vip.Name
		}
		if blocked {
			got += "blocked"
		}
		if got != want {
			t.Errorf("%q is %q, want %q", number, got, want)
		}
	}
}

func TestSchedule(t *testing.T) {
	s, err := provisioning.Parse(example.Hotline())
	if err != nil {
		t.Fatal(err)
	}
	// And one that goes on after midnight, without calendars.
	night := provisioning.Schedule{Name: "night", Hours: []provisioning.Hours{{Days: []string{"fri"}, From: "22:00", To: "06:00"}}}
	always := provisioning.Schedule{Name: "always", Calendars: []string{"cn-2026"}}
	day := s.Schedules[0]
	zone := time.FixedZone("", 8*60*60)
	for _, c := range []struct {
		sched *provisioning.Schedule
		at    string
		want  provisioning.ScheduleState
	}{
		{&day, "2026-03-02 08:29", provisioning.IsClosed}, // a Monday
		{&day, "2026-03-02 08:30", provisioning.IsOpen},
		{&day, "2026-03-02 20:59", provisioning.IsOpen},
		{&day, "2026-03-02 21:00", provisioning.IsClosed},
		{&day, "2026-03-07 08:30", provisioning.IsClosed}, // a Saturday
		{&day, "2026-03-07 09:00", provisioning.IsOpen},
		{&day, "2026-02-14 20:00", provisioning.IsOpen}, // a Saturday that works like a Friday
		{&day, "2026-02-15 12:00", provisioning.IsHoliday},
		{&day, "2026-02-23 12:00", provisioning.IsHoliday},
		{&day, "2026-02-24 12:00", provisioning.IsOpen},
		{&night, "2026-03-06 21:59", provisioning.IsClosed}, // a Friday
		{&night, "2026-03-06 22:00", provisioning.IsOpen},
		{&night, "2026-03-07 05:59", provisioning.IsOpen},
		{&night, "2026-03-07 06:00", provisioning.IsClosed},
		{&night, "2026-03-06 05:00", provisioning.IsClosed},
		{&always, "2026-03-06 03:00", provisioning.IsOpen},
		{&always, "2026-10-01 03:00", provisioning.IsHoliday},
	} {
		at, err := time.ParseInLocation("2006-01-02 15:04", c.at, zone)
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.At(c.sched, at.UTC())
		if err != nil || got != c.want {
			t.Errorf("%s at %s: %s, %v; want %s", c.sched.Name, c.at, got, err, c.want)
		}
	}
}

package calendar

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"switchroom/provisioning"
)

func at(t *testing.T, s string) time.Time {
	t.Helper()
	d, err := time.Parse(time.DateOnly, s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

var shanghai = time.FixedZone("", 8*60*60)

// In the forms in which Apple, Google and authorities give them out.
const holidays = "\ufeffBEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:test\r\nX-WR-CALNAME:中国节假日\r\n" +
	"BEGIN:VEVENT\r\nUID:1\r\nDTSTAMP:20250101T000000Z\r\nDTSTART;VALUE=DATE:20260101\r\nDTEND;VALUE=DATE:20260104\r\nSUMMARY:元旦（休）\r\nX-APPLE-SPECIAL-DAY:WORK-HOLIDAY\r\nEND:VEVENT\r\n" +
	"BEGIN:VEVENT\r\nUID:2\r\nDTSTAMP:20250101T000000Z\r\nDTSTART;VALUE=DATE:20260104\r\nSUMMARY:元旦（班）\r\nEND:VEVENT\r\n" +
	"BEGIN:VEVENT\r\nUID:3\r\nDTSTAMP:20250101T000000Z\r\nDTSTART;VALUE=DATE:20260215\r\nDURATION:P1W2D\r\nSUMMARY:春\r\n 节\r\nEND:VEVENT\r\n" +
	"BEGIN:VEVENT\r\nUID:4\r\nDTSTAMP:20250101T000000Z\r\nDTSTART;VALUE=DATE:20200501\r\nRRULE:FREQ=YEARLY\r\nEXDATE;VALUE=DATE:20270501\r\nSUMMARY:Labour Day\\, \"1 May\"\r\nEND:VEVENT\r\n" +
	"BEGIN:VEVENT\r\nUID:5\r\nDTSTAMP:20250101T000000Z\r\nDTSTART;TZID=Asia/Shanghai:20261001T000000\r\nDTEND;TZID=Asia/Shanghai:20261003T000000\r\nSUMMARY:National Day\r\nEND:VEVENT\r\n" +
	"BEGIN:VEVENT\r\nUID:6\r\nDTSTAMP:20250101T000000Z\r\nDTSTART:20261224T100000\r\nDTEND:20261224T140000\r\nSUMMARY:Party\r\nEND:VEVENT\r\n" +
	"BEGIN:VEVENT\r\nUID:7\r\nDTSTAMP:20250101T000000Z\r\nDTSTART;VALUE=DATE:20261010\r\nX-APPLE-SPECIAL-DAY:ALTERNATE-WORKDAY\r\nSUMMARY:国庆节\r\nEND:VEVENT\r\n" +
	"BEGIN:VEVENT\r\nUID:8\r\nDTSTAMP:20250101T000000Z\r\nDTSTART;VALUE=DATE:20260217\r\nSUMMARY:Another on the same day\r\nEND:VEVENT\r\n" +
	"BEGIN:VEVENT\r\nUID:9\r\nDTSTAMP:20250101T000000Z\r\nDTSTART;VALUE=DATE:20260601\r\nRRULE:FREQ=SECONDLY\r\nSUMMARY:Ticking\r\nEND:VEVENT\r\n" +
	"BEGIN:VEVENT\r\nUID:10\r\nDTSTAMP:20250101T000000Z\r\nDTSTART;VALUE=DATE:20290601\r\nSUMMARY:Too late\r\nEND:VEVENT\r\n" +
	"END:VCALENDAR\r\n"

func TestRead(t *testing.T) {
	for name, file := range map[string]string{"as it is": holidays, "lines of Unix": strings.ReplaceAll(holidays, "\r\n", "\n")} {
		got, skipped, err := Read(strings.NewReader(file), "cn", at(t, "2026-01-01"), at(t, "2028-12-31"), shanghai)
		if err != nil {
			t.Fatal(err)
		}
		want := provisioning.Calendar{Name: "cn", Days: []provisioning.Day{
			{Name: "元旦（休）", Date: "2026-01-01", Until: "2026-01-03"},
			{Name: "元旦（班）", Date: "2026-01-04", WorksLike: "fri"},
			{Name: "春节", Date: "2026-02-15", Until: "2026-02-23"},
			{Name: "Labour Day, 1 May", Date: "2026-05-01"},
			{Name: "Ticking", Date: "2026-06-01"},
			{Name: "National Day", Date: "2026-10-01", Until: "2026-10-02"},
			{Name: "国庆节", Date: "2026-10-10", WorksLike: "fri"},
			{Name: "Labour Day, 1 May", Date: "2028-05-01"},
		}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		var told []string
		for _, s := range skipped {
			told = append(told, s.Text("en"), s.Text("zh-CN"))
		}
		wantTold := []string{`left out "Party": it doesn't last for whole days`, `已跳过 "Party"：不是全天事件`,
			`left out the repetitions of "Ticking": their rule can't be read: it is no rule for holidays`, `已跳过 "Ticking" 的重复：无法读取重复规则：it is no rule for holidays`}
		if diff := cmp.Diff(wantTold, told); diff != "" {
			t.Errorf("%s: left out (-want +got):\n%s", name, diff)
		}
	}
}

// Rules that have no date, or that no library should be asked.
func TestRulesThatMakeNoSense(t *testing.T) {
	for rule, days := range map[string]int{"FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=31": 0, "FREQ=MONTHLY;BYDAY=9MO": 1, "FREQ=DAILY;BYMONTHDAY=31;BYMONTH=2": 1,
		"FREQ=DAILY;INTERVAL=-1": 1, "FREQ=YEARLY;BYMONTH=11;BYDAY=4TH": 2, "FREQ=WEEKLY;COUNT=3": 3, "nonsense": 1} {
		file := "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20260101\nRRULE:" + rule + "\nEND:VEVENT\nEND:VCALENDAR\n"
		got, _, err := Read(strings.NewReader(file), "x", at(t, "2026-01-01"), at(t, "2027-12-31"), time.UTC)
		if err != nil || len(got.Days) != days {
			t.Errorf("%s: %v, %+v; want %d days", rule, err, got.Days, days)
		}
	}
}

// What is imported must fit into a document.
func valid(t *testing.T, c provisioning.Calendar) {
	t.Helper()
	s := provisioning.New[provisioning.Site]()
	s.Language, s.TimeZone, s.Calendars = "en", "Etc/UTC", []provisioning.Calendar{c}
	if err := s.Validate(); err != nil {
		t.Error(err)
	}
}

func TestNoCalendar(t *testing.T) {
	for _, file := range []string{"", "<html>", "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n"} {
		if got, _, err := Read(strings.NewReader(file), "x", at(t, "2026-01-01"), at(t, "2026-12-31"), time.UTC); err == nil {
			t.Errorf("%q is taken: %+v", file, got)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(holidays)
	f.Add("BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20260101T000000Z\nDTEND:20260102T000000Z\nRRULE:FREQ=DAILY;COUNT=3\nEND:VEVENT\nEND:VCALENDAR\n")
	f.Fuzz(func(t *testing.T, file string) {
		got, _, err := Read(strings.NewReader(file), "fuzz", at(t, "2026-01-01"), at(t, "2027-12-31"), shanghai)
		if err == nil {
			valid(t, got)
		}
	})
}

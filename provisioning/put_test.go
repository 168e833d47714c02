package provisioning_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"switchroom/provisioning"
)

func TestPut(t *testing.T) {
	s, err := provisioning.Parse([]byte(`{
		"extensions": [{"number": "801", "port": 1}, {"number": "802", "port": 2}],
		"inbound": [{"did": ["100"], "to": "busy"}, {"to": "queue:600"}],
		"calendars": [{"name": "cn", "days": []}, {"name": "de", "days": []}]}`))
	if err != nil {
		t.Fatal(err)
	}
	before, err := s.FormatFull()
	if err != nil {
		t.Fatal(err)
	}
	one, three := provisioning.New[provisioning.Extension](), provisioning.New[provisioning.Extension]()
	one.Number, one.Port, one.Name = "801", 1, "Front"
	three.Number, three.Port = "803", 3
	got := s.WithExtensions([]provisioning.Extension{three, one}).
		WithInbound([]provisioning.InboundRoute{{DID: []string{"200"}, To: "extension:803"}, {DID: []string{"100"}, To: "extension:801"}, {To: "busy"}}).
		WithCalendar(provisioning.Calendar{Name: "cn", Days: []provisioning.Day{{Name: "New Year", Date: "2027-01-01"}}})
	want := []string{
		`changed extensions[801].name: "" becomes "Front"`,
		`added extensions[803]: {"number": "803", "port": 3}`,
		`changed inbound[* / 100 / *].to: "busy" becomes "extension:801"`,
		`added inbound[* / 200 / *]: {"did": ["200"], "to": "extension:803"}`,
		`changed inbound[* / * / *].to: "queue:600" becomes "busy"`,
		`added calendars[cn].days[2027-01-01]: {"name": "New Year", "date": "2027-01-01"}`,
	}
	var told []string
	for _, c := range provisioning.Diff(s, got) {
		told = append(told, c.Text("en"))
	}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if last := got.Inbound[len(got.Inbound)-1]; last.To != "busy" || len(last.DID) > 0 {
		t.Errorf("the route for all calls is not the last: %+v", got.Inbound)
	}
	if err := got.Validate(); err != nil {
		t.Error(err)
	}
	after, err := s.FormatFull()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(before), string(after)); diff != "" {
		t.Errorf("the site that was added to has changed:\n%s", diff)
	}
}

package calls

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMask(t *testing.T) {
	for _, c := range []struct {
		in          string
		first, last int
		want        string
	}{
		{"13900000001", 3, 4, "139****0001"},
		{"+8613900000001", 3, 4, "+861******0001"},
		{"010-1234 5678", 3, 4, "010-**** 5678"},
		{"13900000001", 0, 0, "***********"},
		{"13900000001", 20, 20, "139****0001"},
		{"13900000001", -1, 4, "*******0001"},
		{"1234567", 3, 4, "1****67"},
		{"1001", 3, 4, "1001"},
		{"", 3, 4, ""},
		{"anonymous", 3, 4, "anonymous"},
	} {
		if got := Mask(c.in, c.first, c.last); got != c.want {
			t.Errorf("Mask(%q, %d, %d) = %q; want %q", c.in, c.first, c.last, got, c.want)
		}
	}
}

func TestFor(t *testing.T) {
	c := Call{
		Caller: Party{Number: "13900000001", Name: "Mr Wang"}, Dialled: "02012345678",
		Path:      []Step{{Kind: "route", Name: "hotline"}, {Kind: "external", Name: "13900000002"}},
		Legs:      []Leg{{Party: Party{Number: "13900000001", Name: "13900000001"}}, {Party: Party{Number: "1001", Agent: "811", Seat: "1001", Name: "Desk"}}},
		Transfers: []Transfer{{By: "811", To: "13900000003"}},
	}
	if diff := cmp.Diff(c, c.For(Viewer{Numbers: true})); diff != "" {
		t.Errorf("with the right to see numbers (-want +got)\n%s", diff)
	}
	want := Call{
		Caller: Party{Number: "139****0001"}, Dialled: "020****5678",
		Path:      []Step{{Kind: "route", Name: "hotline"}, {Kind: "external", Name: "139****0002"}},
		Legs:      []Leg{{Party: Party{Number: "139****0001"}}, {Party: Party{Number: "1001", Agent: "811", Seat: "1001", Name: "Desk"}}},
		Transfers: []Transfer{{By: "811", To: "139****0003"}},
	}
	if diff := cmp.Diff(want, c.For(Viewer{KeepFirst: 3, KeepLast: 4})); diff != "" {
		t.Errorf("without it (-want +got)\n%s", diff)
	}
	if c.Path[1].Name != "13900000002" || c.Transfers[0].To != "13900000003" {
		t.Error("the record itself was changed")
	}
}

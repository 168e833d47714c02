package numbers

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestNormalise(t *testing.T) {
	for _, c := range []struct{ country, area, want, numbers string }{
		// One number of each sort, in all the ways in which it comes or is written.
		{"cn", "010", "13800138000", "13800138000|013800138000|8613800138000|008613800138000|+8613800138000|+86 138-0013-8000|+86 (0)138 0013 8000|１３８００１３８０００"},
		{"cn", "010", "01087654321", "87654321|01087654321|1087654321|861087654321|00861087654321|+861087654321|+86 (010) 8765-4321|+86(0)1087654321"},
		{"cn", "10", "01087654321", "87654321"},
		{"cn", "", "87654321", "87654321"},
		{"cn", "0755", "075582345678", "82345678|75582345678|8675582345678|+8675582345678"},
		{"cn", "0931", "09318765432", "8765432|9318765432|+86 931 8765432"},
		{"cn", "010", "4008001234", "4008001234|400-800-1234|+864008001234|864008001234"},
		{"cn", "010", "10086", "10086"},
		{"cn", "010", "110", "110"},
		{"cn", "010", "95588", "95588"},
		{"cn", "010", "95013123", "95013123"},
		{"cn", "010", "0014155550100", "+1 415 555 0100|0014155550100"},
		{"cn", "010", "", "anonymous||Unavailable|+"},
		{"us", "415", "4155550100", "555-0100|(415) 555-0100|1-415-555-0100|+1 415 555 0100|011 1 415 555 0100"},
		{"us", "", "5550100", "555-0100"},
		{"us", "415", "011861087654321", "+86 10 8765 4321|011861087654321"},
		{"us", "415", "911", "911"},
		{"gb", "020", "02079460123", "79460123|020 7946 0123|+44 20 7946 0123|+44 (0)20 7946 0123|00442079460123|442079460123"},
		{"de", "030", "03023456789", "23456789|030/23456789|+49 (30) 23456789|00493023456789"},
		{"fr", "", "0123456789", "01 23 45 67 89|+33 1 23 45 67 89|0033123456789|33123456789|123456789"},
		{"in", "", "09876543210", "9876543210|09876543210|+91 98765 43210|919876543210"},
		{"jp", "03", "0312345678", "03-1234-5678|+81 3 1234 5678"},
		{"ru", "495", "84951234567", "8 (495) 123-45-67|+7 495 123 45 67|74951234567|4951234567"},
		{"ru", "495", "84952345678", "234-56-78"},
		{"br", "11", "011987654321", "987654321|(11) 98765-4321|+55 11 98765 4321|5511987654321|011987654321"},
	} {
		plan := Of(c.country, c.area)
		for number := range strings.SplitSeq(c.numbers, "|") {
			if got := plan.Normalise(number); got != c.want {
				t.Errorf("%s, area %q: %q becomes %q, want %q", c.country, c.area, number, got, c.want)
			}
		}
	}
}

func TestKind(t *testing.T) {
	for _, c := range []struct{ country, area, kind, numbers string }{
		{"cn", "010", Emergency, "110|119|120|122"},
		{"cn", "010", Local, "87654321|8765432|01087654321"},
		{"cn", "010", National, "075582345678|09318765432"},
		{"cn", "010", Mobile, "13800138000|013800138000|19912345678"},
		{"cn", "010", TollFree, "4008001234|8008101234"},
		{"cn", "010", Service, "114|121|10086|12345|95588|96110"},
		{"cn", "010", International, "0014155550100|00441234|+14155550100"},
		{"cn", "010", Premium, "168|16812345|1795100142|12593138|1|9"},
		{"us", "415", Emergency, "911"},
		{"us", "415", Local, "5550100|4155550100|14155550100"},
		{"us", "415", National, "2125550100|12125550100"},
		{"us", "415", TollFree, "8005550100|18885550100"},
		{"us", "415", International, "18765550100|8765550100|0114420794"},
		{"us", "415", Premium, "19005550100|4159765550|1010321|0"},
		{"us", "415", Service, "411|611"},
		{"gb", "", Mobile, "07700900123"},
		{"gb", "", Premium, "09011234567|08712345678|07012345678|118118"},
		{"de", "030", Premium, "09001234567|01371234567|11833"},
		{"ru", "", International, "8101415"},
		{"xx", "", Premium, "123"},
	} {
		plan := Of(c.country, c.area)
		for number := range strings.SplitSeq(c.numbers, "|") {
			if got := plan.Kind(number); got != c.kind {
				t.Errorf("%s: %s is %s, want %s", c.country, number, got, c.kind)
			}
		}
	}
}

var codes = slices.Sorted(maps.Keys(countries))

// areas are some of each country.
var areas = map[string][]string{"br": {"11"}, "cn": {"10", "755", "931"}, "de": {"30", "89", "3301"}, "gb": {"20", "1632"}, "in": {"22"},
	"jp": {"3", "11"}, "ru": {"495", "812"}, "us": {"415", "212"}}

// What is normal stays as it is: otherwise the same caller would have two
// histories, depending on how often the number was looked at.
func TestNormalIsNormal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		country := rapid.SampledFrom(codes).Draw(t, "country")
		plan := Of(country, rapid.SampledFrom(append(areas[country], "")).Draw(t, "area"))
		number := rapid.StringMatching(`\+?[0-9]{0,16}`).Draw(t, "number")
		once := plan.Normalise(number)
		if twice := plan.Normalise(once); twice != once {
			t.Fatalf("%s becomes %s, which becomes %s", number, once, twice)
		}
	})
}

// Emergency numbers are what they are in every country, and normal.
func TestEmergency(t *testing.T) {
	for _, code := range codes {
		plan := Of(code, "10")
		if len(plan.Emergency) == 0 {
			t.Errorf("%s has none", code)
		}
		for _, n := range plan.Emergency {
			if k, normal := plan.Kind(n), plan.Normalise(n); k != Emergency || normal != n {
				t.Errorf("%s: %s is %s and becomes %s", code, n, k, normal)
			}
		}
		if last := plan.Kinds[len(plan.Kinds)-1]; last.Pattern != "!" || last.Kind != Premium {
			t.Errorf("%s: the last rule is %v", code, last)
		}
	}
}

// alphabet is small, so that patterns and numbers meet.
var pattern = rapid.StringMatching(`([0-2XZN]|\[1-2\]|\[02\]){0,3}[.!]?`)

func TestOverlapAndCovers(t *testing.T) {
	var all []string // every number of up to four digits of 0, 1, 2, 9 and *
	for n := range 5 {
		for i := range pow(5, n) {
			number := ""
			for range n {
				number, i = number+string("0129*"[i%5]), i/5
			}
			all = append(all, number)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := pattern.Draw(t, "a"), pattern.Draw(t, "b")
		both, onlyB := "-", "-"
		for _, n := range all {
			switch inA, inB := Match(a, n), Match(b, n); {
			case inA && inB:
				both = n
			case inB:
				onlyB = n
			}
		}
		example, ok := Overlap(a, b)
		if ok != (both != "-") {
			t.Fatalf("overlap of %s and %s: %v, but both match %s", a, b, ok, both)
		}
		if ok && (!Match(a, example) || !Match(b, example)) {
			t.Fatalf("%s is said to have the patterns %s and %s", example, a, b)
		}
		if got := Covers(a, b); got != (onlyB == "-") {
			t.Fatalf("%s covers %s: %v, but %s", a, b, got, onlyB)
		}
	})
}

func pow(a, n int) int {
	out := 1
	for range n {
		out *= a
	}
	return out
}

func FuzzNormalise(f *testing.F) {
	f.Add("cn", "010", "+86 138 0013 8000")
	f.Fuzz(func(t *testing.T, country, area, number string) {
		plan := Of(country, area)
		got := plan.Normalise(number)
		if strings.Trim(strings.TrimPrefix(got, "+"), "0123456789") != "" && strings.Trim(area, "0123456789") == "" {
			t.Errorf("%q becomes %q", number, got)
		}
		plan.Kind(got)
	})
}

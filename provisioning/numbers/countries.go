package numbers

// country is what differs between countries.
type country struct {
	code, trunk, international string
	length                     int // digits of area code and local number together; 0 where they differ
	emergency                  []string
	local                      []string // numbers as they are dialled in their own area
	bare                       []string // numbers that are dialled without a trunk prefix from any area, as they follow the country code
	kinds                      []Kind   // of national numbers, before local ones
	rewrites                   []Rewrite
}

var countries = map[string]country{
	"br": {code: "55", trunk: "0", international: "00", emergency: []string{"190", "192", "193", "112"},
		local: []string{"[2-5]XXXXXXX", "9XXXXXXXX"},
		kinds: []Kind{{"0800.", TollFree}, {"0300.", Premium}, {"0500.", Premium}, {"0900.", Premium},
			{"0XX[1-9]X9XXXXXXXX", Mobile}, {"0[1-9]X9XXXXXXXX", Mobile}, {"9XXXXXXXX", Mobile}, {"0.", National}, {"1XX", Service}, {"10XXX", Service},
			{"4004XXXX", Local}},
		rewrites: []Rewrite{{"0.", 0, ""}, {"55[1-9]XXXXXXXXX", 2, "0"}, {"55[1-9]X9XXXXXXXX", 2, "0"}, {"[1-9]X9XXXXXXXX", 0, "0"}, {"[1-9]X[2-5]XXXXXXX", 0, "0"}}},

	"cn": {code: "86", trunk: "0", international: "00", emergency: []string{"110", "119", "120", "122"},
		local: []string{"[2-8]XXXXXX", "[2-8]XXXXXXX"},
		bare:  []string{"1[3-9]XXXXXXXXX", "400XXXXXXX", "800XXXXXXX"},
		kinds: []Kind{{"400XXXXXXX", TollFree}, {"800XXXXXXX", TollFree}, {"1[3-9]XXXXXXXXX", Mobile}, {"01[3-9]XXXXXXXXX", Mobile},
			{"0[1-9].", National}, {"16!", Premium}, {"11X", Service}, {"12X", Service}, {"1[0-2]XXX", Service},
			{"95XXX", Service}, {"95XXXX", Service}, {"95XXXXX", Service}, {"95XXXXXX", Service}, {"96XXX", Service}, {"96XXXX", Service}},
		rewrites: []Rewrite{
			{"01[3-9]XXXXXXXXX", 1, ""}, // a mobile number as dialled from another city
			{"0.", 0, ""},
			{"1[3-9]XXXXXXXXX", 0, ""}, {"400XXXXXXX", 0, ""}, {"800XXXXXXX", 0, ""},
			// The country code without anything in front, as some trunks send it.
			{"861[3-9]XXXXXXXXX", 2, ""}, {"86400XXXXXXX", 2, ""}, {"86800XXXXXXX", 2, ""},
			{"8610[2-8]XXXXXXX", 2, "0"}, {"862X[2-8]XXXXXXX", 2, "0"}, {"86[3-9]XX[2-8]XXXXXX", 2, "0"}, {"86[3-9]XX[2-8]XXXXXXX", 2, "0"},
			// An area code without its 0, as some exchanges send it.
			{"10[2-8]XXXXXXX", 0, "0"}, {"2X[2-8]XXXXXXX", 0, "0"}, {"[3-9]XX[2-8]XXXXXX", 0, "0"}, {"[3-9]XX[2-8]XXXXXXX", 0, "0"}}},

	"de": {code: "49", trunk: "0", international: "00", emergency: []string{"112", "110"},
		local: []string{"[2-9]XX!"},
		kinds: []Kind{{"0800.", TollFree}, {"0900.", Premium}, {"0137.", Premium}, {"0180.", Premium}, {"0700.", Premium}, {"0191.", Premium}, {"0192.", Premium}, {"0193.", Premium}, {"0194.", Premium},
			{"015.", Mobile}, {"016.", Mobile}, {"017.", Mobile}, {"010.", Premium}, {"0[2-9].", National}, {"115", Service}, {"116XXX", Service}, {"118.", Premium}},
		rewrites: []Rewrite{{"0.", 0, ""}, {"49[1-9]XXXXXXXX!", 2, "0"}}},

	"fr": {code: "33", trunk: "0", international: "00", emergency: []string{"112", "15", "17", "18"},
		kinds: []Kind{{"080[0-5]XXXXXX", TollFree}, {"08.", Premium}, {"0[67]XXXXXXXX", Mobile}, {"0[1-59]XXXXXXXX", National},
			{"116XXX", Service}, {"30XX", Service}, {"31XX", Service}, {"10XX", Service}, {"1X", Service}, {"19X", Service}},
		rewrites: []Rewrite{{"0.", 0, ""}, {"33[1-9]XXXXXXXX", 2, "0"}, {"[1-9]XXXXXXXX", 0, "0"}}},

	"gb": {code: "44", trunk: "0", international: "00", emergency: []string{"999", "112"},
		local: []string{"[2-9]XXXX!"},
		kinds: []Kind{{"0800.", TollFree}, {"0808.", TollFree}, {"08.", Premium}, {"09.", Premium}, {"070.", Premium}, {"076.", Premium},
			{"07[1-9].", Mobile}, {"0[1-35].", National}, {"101", Service}, {"105", Service}, {"111", Service}, {"116XXX", Service}, {"118XXX", Premium}},
		rewrites: []Rewrite{{"0.", 0, ""}, {"44[1-9]XXXXXXXXX", 2, "0"}, {"7[1-9]XXXXXXXX", 0, "0"}}},

	"in": {length: 10, code: "91", trunk: "0", international: "00", emergency: []string{"112", "100", "101", "102", "108"},
		local: []string{"[2-7]XXXXX", "[2-7]XXXXXX", "[2-7]XXXXXXX"},
		bare:  []string{"1800XXXXXX", "1800XXXXXXX"},
		kinds: []Kind{{"1800XXXXXX", TollFree}, {"1800XXXXXXX", TollFree}, {"1860.", Premium}, {"190.", Premium}, {"[6-9]XXXXXXXXX", Mobile},
			{"0[1-9].", National}, {"1XX", Service}, {"1XXX", Service}},
		rewrites: []Rewrite{{"0.", 0, ""}, {"91[1-9]XXXXXXXXX", 2, "0"}, {"1800.", 0, ""}, {"[2-9]XXXXXXXXX", 0, "0"}}},

	"jp": {code: "81", trunk: "0", international: "010", emergency: []string{"110", "119", "118"},
		local: []string{"[2-9]XXXX", "[2-9]XXXXX", "[2-9]XXXXXX", "[2-9]XXXXXXX"},
		kinds: []Kind{{"0120XXXXXX", TollFree}, {"0800XXXXXXX", TollFree}, {"0990.", Premium}, {"0570.", Premium}, {"0[6-9]0XXXXXXXX", Mobile},
			{"00.", Premium}, {"0[1-9].", National}, {"1XX", Service}, {"171", Service}},
		rewrites: []Rewrite{{"0.", 0, ""}, {"81[1-9]XXXXXXXX", 2, "0"}, {"81[1-9]XXXXXXXXX", 2, "0"}}},

	"ru": {length: 10, code: "7", trunk: "8", international: "810", emergency: []string{"112", "101", "102", "103"},
		local: []string{"[2-7]XXXX", "[2-7]XXXXX", "[2-7]XXXXXX"},
		kinds: []Kind{{"8800XXXXXXX", TollFree}, {"8803.", Premium}, {"8809.", Premium}, {"89XXXXXXXXX", Mobile}, {"8[3-8]XXXXXXXXX", National},
			{"104", Service}, {"0X", Service}, {"1XX", Service}},
		rewrites: []Rewrite{{"8XXXXXXXXXX", 0, ""}, {"7XXXXXXXXXX", 1, "8"}, {"[3-9]XXXXXXXXX", 0, "8"}}},

	// North America: dearer neighbours have area codes like one's own.
	"us": {length: 10, code: "1", trunk: "1", international: "011", emergency: []string{"911"},
		local: []string{"NXXXXXX"},
		kinds: append(withOne(append(each(International, "242", "246", "264", "268", "284", "345", "441", "473", "649", "658", "664", "721", "758",
			"767", "784", "809", "829", "849", "868", "869", "876"), append(each(TollFree, "800", "833", "844", "855", "866", "877", "888"),
			Kind{"900NXXXXXX", Premium}, Kind{"NXX976XXXX", Premium}, Kind{"NXXNXXXXXX", National})...)),
			Kind{"976XXXX", Premium}, Kind{"[2-8]11", Service}, Kind{"988", Service}),
		rewrites: []Rewrite{{"1NXXNXXXXXX", 1, ""}}},
}

// each are the kinds of the numbers of area codes in North America.
func each(kind string, areas ...string) []Kind {
	var out []Kind
	for _, a := range areas {
		out = append(out, Kind{a + "NXXXXXX", kind})
	}
	return out
}

// withOne adds the same numbers with the 1 in front.
func withOne(kinds []Kind) []Kind {
	var out []Kind
	for _, k := range kinds {
		out = append(out, k, Kind{"1" + k.Pattern, k.Kind})
	}
	return out
}

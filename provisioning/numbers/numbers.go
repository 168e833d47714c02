// Package numbers knows how telephone numbers are written and dialled in the
// countries of the site document: the numbering plan as far as it decides
// what a number is, whom it reaches and what it may cost.
//
// The plans are those that the countries' administrations have communicated
// to the ITU (Operational Bulletin, communications by E.164), kept to what a
// private exchange has to decide.
package numbers

// Plan is a country's numbering plan.
type Plan struct {
	Code          string   // the country code, without +
	Trunk         string   // the prefix for another area within the country; may be empty
	International string   // the prefix for another country
	Emergency     []string // the numbers of the emergency services
}

// Of gives the plan of a country, by its ISO 3166 code in lower case. For one
// that isn't known it is the zero value.
func Of(country string) Plan { return plans[country] }

var plans = map[string]Plan{
	"br": {Code: "55", Trunk: "0", International: "00", Emergency: []string{"190", "192", "193", "112"}},
	"cn": {Code: "86", Trunk: "0", International: "00", Emergency: []string{"110", "119", "120", "122"}},
	"de": {Code: "49", Trunk: "0", International: "00", Emergency: []string{"112", "110"}},
	"fr": {Code: "33", Trunk: "0", International: "00", Emergency: []string{"112", "15", "17", "18"}},
	"gb": {Code: "44", Trunk: "0", International: "00", Emergency: []string{"999", "112"}},
	"in": {Code: "91", Trunk: "0", International: "00", Emergency: []string{"112", "100", "101", "102", "108"}},
	"jp": {Code: "81", Trunk: "0", International: "010", Emergency: []string{"110", "119", "118"}},
	"ru": {Code: "7", Trunk: "8", International: "810", Emergency: []string{"112", "101", "102", "103"}},
	"us": {Code: "1", Trunk: "1", International: "011", Emergency: []string{"911"}},
}

package dahdi

import (
	"fmt"
	"slices"
	"strings"
)

// Countries lists the countries that [ZoneFor] knows, sorted.
func Countries() []string {
	var all []string
	for _, z := range zones() {
		all = append(all, z.Country)
	}
	slices.Sort(all)
	return all
}

// ZoneFor gives the tone zone of a country (ISO 3166, in either case; "uk" means
// "gb", and Canada sounds as the United States do).
func ZoneFor(country string) (Zone, error) {
	c := strings.ToLower(country)
	switch c {
	case "uk":
		c = "gb"
	case "ca":
		c = "us"
	}
	for _, z := range zones() {
		if z.Country == c {
			return z, nil
		}
	}
	return Zone{}, fmt.Errorf("no tone zone for country %q; there are %s", country, strings.Join(Countries(), " "))
}

// zones are the national tones of ITU-T E.180's supplement 2, with the levels
// and the numbers that libtonezone 3.4.0 gives them. A tone that a country has
// no use for is the one most of its neighbours use; the tools have always
// filled the gap so.
func zones() []Zone {
	const (
		recallNA  = "!350+440/100,!0/100,!350+440/100,!0/100,!350+440/100,!0/100,350+440"
		stutterNA = "!350+440/100,!0/100,!350+440/100,!0/100,!350+440/100,!0/100," + recallNA
		recall425 = "!425/100,!0/100,!425/100,!0/100,!425/100,!0/100,425"
		sit       = "!950/330,!1400/330,!1800/330,0"
		sitLoop   = "950/330,1400/330,1800/330,0/1000"
		wait425   = "!425/200,!0/200,!425/200,!0/5000,"
	)
	return []Zone{
		{Number: 0, Country: "us", Name: "United States / North America", RingCadence: []int{2000, 4000},
			DTMFHigh: -10, DTMFLow: -10, MFR1: -10, MFR2: -8, Tones: []ToneSpec{
				{ToneDial, "350+440"}, {ToneBusy, "480+620/500,0/500"}, {ToneRing, "440+480/2000,0/4000"},
				{ToneCongestion, "480+620/250,0/250"}, {ToneCallWait, "440/300,0/10000"}, {ToneRecall, recallNA},
				{ToneRecord, "1400/500,0/15000"}, {ToneInfo, sit}, {ToneStutter, stutterNA}}},
		{Number: 2, Country: "fr", Name: "France", RingCadence: []int{1500, 3500},
			DTMFHigh: -9, DTMFLow: -11, MFR1: -7, MFR2: -8, Tones: []ToneSpec{
				{ToneDial, "440"}, {ToneBusy, "440/500,0/500"}, {ToneRing, "440/1500,0/3500"},
				{ToneCongestion, "440/250,0/250"}, {ToneCallWait, "440/300,0/10000"}, {ToneRecall, recallNA},
				{ToneRecord, "1400/500,0/15000"}, {ToneInfo, sit},
				{ToneStutter, "!440/100,!0/100,!440/100,!0/100,!440/100,!0/100,!440/100,!0/100,!440/100,!0/100,!440/100,!0/100,440"}}},
		{Number: 3, Country: "nl", Name: "Netherlands", RingCadence: []int{1000, 4000},
			DTMFHigh: -9, DTMFLow: -11, MFR1: -7, MFR2: -8, Tones: []ToneSpec{
				{ToneDial, "425"}, {ToneBusy, "425/500,0/500"}, {ToneRing, "425/1000,0/4000"},
				{ToneCongestion, "425/250,0/250"}, {ToneCallWait, "425/500,0/9500"}, {ToneRecall, recall425},
				{ToneRecord, "1400/500,0/15000"}, {ToneInfo, sitLoop}, {ToneStutter, "425/500,0/50"}}},
		{Number: 4, Country: "gb", Name: "United Kingdom", RingCadence: []int{400, 200, 400, 2000},
			DTMFHigh: -9, DTMFLow: -11, MFR1: -7, MFR2: -8, Tones: []ToneSpec{
				{ToneDial, "350+440"}, {ToneBusy, "400/375,0/375"}, {ToneRing, "400+450/400,0/200,400+450/400,0/2000"},
				{ToneCongestion, "400/400,0/350,400/225,0/525"}, {ToneCallWait, "400/100,0/4000"}, {ToneRecall, "350+440"},
				{ToneRecord, "1400/500,0/60000"}, {ToneInfo, "950/330,0/15,1400/330,0/15,1800/330,0/1000"},
				{ToneStutter, "350+440/750,440/750"}}},
		{Number: 6, Country: "es", Name: "Spain", RingCadence: []int{1500, 3000},
			DTMFHigh: -9, DTMFLow: -11, MFR1: -7, MFR2: -8, Tones: []ToneSpec{
				{ToneDial, "425"}, {ToneBusy, "425/200,0/200"}, {ToneRing, "425/1500,0/3000"},
				{ToneCongestion, "425/200,0/200,425/200,0/200,425/200,0/600"}, {ToneCallWait, "425/175,0/175,425/175,0/3500"},
				{ToneRecall, "!425/200,!0/200,!425/200,!0/200,!425/200,!0/200,425"}, {ToneRecord, "1400/500,0/15000"},
				{ToneInfo, "950/330,0/1000"}, {ToneStutter, "425/500,0/50"}}},
		{Number: 7, Country: "jp", Name: "Japan", RingCadence: []int{1000, 2000},
			DTMFHigh: -7, DTMFLow: -7, MFR1: -7, MFR2: -8, Tones: []ToneSpec{
				{ToneDial, "400"}, {ToneBusy, "400/500,0/500"}, {ToneRing, "400+15/1000,0/2000"},
				{ToneCongestion, "400/500,0/500"}, {ToneCallWait, "400+16/500,0/8000"},
				{ToneRecall, "!400/200,!0/200,!400/200,!0/200,!400/200,!0/200,400"}, {ToneRecord, "1400/500,0/15000"},
				{ToneInfo, sit},
				{ToneStutter, "!400/100,!0/100,!400/100,!0/100,!400/100,!0/100,!400/100,!0/100,!400/100,!0/100,!400/100,!0/100,400"}}},
		{Number: 11, Country: "it", Name: "Italy", RingCadence: []int{1000, 4000},
			DTMFHigh: -9, DTMFLow: -11, MFR1: -10, MFR2: -8, Tones: []ToneSpec{
				{ToneDial, "425/200,0/200,425/600,0/1000"}, {ToneBusy, "425/500,0/500"}, {ToneRing, "425/1000,0/4000"},
				{ToneCongestion, "425/200,0/200"}, {ToneCallWait, "425/400,0/100,425/250,0/100,425/150,0/14000"},
				{ToneRecall, "470/400,425/400"}, {ToneRecord, "1400/400,0/15000"},
				{ToneInfo, "!950/330,!1400/330,!1800/330,!0/1000,!950/330,!1400/330,!1800/330,!0/1000,!950/330,!1400/330,!1800/330,!0/1000,0"},
				{ToneStutter, "470/400,425/400"}}},
		{Number: 14, Country: "tw", Name: "Taiwan", RingCadence: []int{1000, 4000},
			DTMFHigh: -11, DTMFLow: -9, MFR1: -7, MFR2: -8, Tones: []ToneSpec{
				{ToneDial, "350+440"}, {ToneBusy, "480+620/500,0/500"}, {ToneRing, "440+480/1000,0/2000"},
				{ToneCongestion, "480+620/250,0/250"}, {ToneCallWait, "350+440/250,0/250,350+440/250,0/3250"},
				{ToneRecall, "300/1500,0/500"}, {ToneRecord, "1400/500,0/15000"}, {ToneInfo, sit}, {ToneStutter, stutterNA}}},
		{Number: 18, Country: "sg", Name: "Singapore", RingCadence: []int{400, 200, 400, 2000},
			DTMFHigh: -11, DTMFLow: -9, MFR1: -7, MFR2: -8, Tones: []ToneSpec{
				{ToneDial, "425"}, {ToneBusy, "425/750,0/750"}, {ToneRing, "425*24/400,0/200,425*24/400,0/2000"},
				{ToneCongestion, "425/250,0/250"}, {ToneCallWait, "425*24/300,0/200,425*24/300,0/3200"},
				{ToneRecall, "425*24/500,0/500,425/500,0/2500"}, {ToneRecord, "1400/500,0/15000"}, {ToneInfo, sitLoop},
				{ToneStutter, strings.Repeat("!425/200,!0/200,!425/600,!0/200,", 4) + "425"}}},
		{Number: 20, Country: "br", Name: "Brazil", RingCadence: []int{1000, 4000},
			DTMFHigh: -10, DTMFLow: -12, MFR1: -10, MFR2: -8, Tones: []ToneSpec{
				{ToneDial, "425"}, {ToneBusy, "425/250,0/250"}, {ToneRing, "425/1000,0/4000"},
				{ToneCongestion, "425/250,0/250,425/750,0/250"}, {ToneCallWait, "425/50,0/1000"}, {ToneRecall, "350+440"},
				{ToneRecord, "425/250,0/250"}, {ToneInfo, "950/330,1400/330,1800/330"}, {ToneStutter, "350+440"}}},
		{Number: 27, Country: "mx", Name: "Mexico", RingCadence: []int{2000, 4000},
			DTMFHigh: -8, DTMFLow: -6, MFR1: -7, MFR2: -8, Tones: []ToneSpec{
				{ToneDial, "425"}, {ToneBusy, "425/250,0/250"}, {ToneRing, "425/1000,0/4000"},
				{ToneCongestion, "425/250,0/250"}, {ToneCallWait, "425/200,0/600,425/200,0/10000"}, {ToneRecall, recallNA},
				{ToneRecord, "1400/500,0/15000"}, {ToneInfo, "950/330,0/30,1400/330,0/30,1800/330,0/1000"},
				{ToneStutter, stutterNA}}},
		{Number: 28, Country: "in", Name: "India", RingCadence: []int{400, 200, 400, 2000},
			DTMFHigh: -10, DTMFLow: -10, MFR1: -10, MFR2: -8, Tones: []ToneSpec{
				{ToneDial, "400*25"}, {ToneBusy, "400/750,0/750"}, {ToneRing, "400*25/400,0/200,400*25/400,0/2000"},
				{ToneCongestion, "400/250,0/250"}, {ToneCallWait, "400/200,0/100,400/200,0/7500"}, {ToneRecall, recallNA},
				{ToneRecord, "1400/500,0/15000"}, {ToneInfo, "!950/330,!1400/330,!1800/330,0/1000"},
				{ToneStutter, stutterNA}}},
		{Number: 29, Country: "de", Name: "Germany", RingCadence: []int{1000, 4000},
			DTMFHigh: -9, DTMFLow: -11, MFR1: -7, MFR2: -8, Tones: []ToneSpec{
				{ToneDial, "425"}, {ToneBusy, "425/480,0/480"}, {ToneRing, "425/1000,0/4000"},
				{ToneCongestion, "425/240,0/240"}, {ToneCallWait, strings.Repeat(wait425, 4) + "!425/200,!0/200,!425/200,0"},
				{ToneRecall, recall425}, {ToneRecord, "1400/80,0/15000"}, {ToneInfo, sitLoop}, {ToneStutter, "425+400"}}},
		{Number: 33, Country: "cn", Name: "China", RingCadence: []int{1000, 4000},
			DTMFHigh: -11, DTMFLow: -9, MFR1: -7, MFR2: -8, Tones: []ToneSpec{
				{ToneDial, "450"}, {ToneBusy, "450/350,0/350"}, {ToneRing, "450/1000,0/4000"},
				{ToneCongestion, "450/700,0/700"}, {ToneCallWait, "450/400,0/4000"}, {ToneRecall, "450"},
				{ToneRecord, "950/400,0/10000"}, {ToneInfo, "450/100,0/100,450/100,0/100,450/100,0/100,450/400,0/400"},
				{ToneStutter, "450+425"}}},
		{Number: 40, Country: "ru", Name: "Russian Federation", RingCadence: []int{1000, 4000},
			DTMFHigh: -10, DTMFLow: -10, MFR1: -10, MFR2: -8, Tones: []ToneSpec{
				{ToneDial, "425"}, {ToneBusy, "425/350,0/350"}, {ToneRing, "425/1000,0/4000"},
				{ToneCongestion, "425/175,0/175"}, {ToneCallWait, "425/200,0/5000"}, {ToneRecord, "1400/400,0/15000"},
				{ToneInfo, "950/330,1440/330,1800/330,0/1000"},
				{ToneStutter, "!425/100,!0/100,!425/100,!0/100,!425/100,!0/100," + recall425}, {ToneRecall, recallNA}}},
	}
}

package asteriskconf

// country is how telephones and exchanges behave in one country, as far as
// Asterisk has to know it. Tones are written the way indications.conf wants
// them: frequencies in Hz (a+b both at once, a*b the one modulated with the
// other), a slash and the milliseconds, elements separated by commas; those
// marked ! are played once, the others over and over.
//
// Tones are those of ITU-T E.180's supplement 2 ("Various tones used in
// national networks", and of Russia's OST 45.223) as Asterisk's own sample
// file has them.
type country struct {
	name  string
	tones tones
	// cidSignalling and cidStart say how an exchange tells the caller's
	// number: the modem (bell: Bell 202; v23: ETSI EN 300 659; dtmf) and what
	// comes before it (ring: between the first two rings; polarity: after a
	// reversal, before the first ring; dtmf: nothing at all).
	cidSignalling, cidStart string
	// busyPattern is the busy tone's on and off time in ms where an exchange
	// ends a call with nothing but that tone. Empty where it takes the
	// battery away for a moment: then listening for tones could only do harm,
	// for a tone in a call would end it.
	busyPattern string
}

// tones are the signals that a person has to tell apart by ear.
type tones struct {
	ringCadence                                 string
	dial, busy, ring, congestion, info, stutter string
	callWaiting, dialRecall, record             string
	// unobtainable says that there is no such number. Where a country plays
	// the special information tone and a spoken text, the tone is followed by
	// the congestion tone.
	unobtainable string
}

var countries = map[string]country{
	"br": {name: "Brazil", cidSignalling: "dtmf", cidStart: "dtmf", busyPattern: "250,250", tones: tones{
		ringCadence: "1000,4000", dial: "425", busy: "425/250,0/250", ring: "425/1000,0/4000",
		congestion: "425/250,0/250,425/750,0/250", unobtainable: "425/250,0/250,425/750,0/250",
		info: "950/330,1400/330,1800/330", stutter: "350+440", callWaiting: "425/50,0/1000",
		dialRecall: "350+440", record: "425/250,0/250"}},
	"cn": {name: "China", cidSignalling: "bell", cidStart: "ring", busyPattern: "350,350", tones: tones{
		ringCadence: "1000,4000", dial: "450", busy: "450/350,0/350", ring: "450/1000,0/4000",
		congestion: "450/700,0/700", unobtainable: "450/100,0/100,450/100,0/100,450/100,0/100,450/400,0/400",
		info: "450/100,0/100,450/100,0/100,450/100,0/100,450/400,0/400", stutter: "450+425",
		callWaiting: "450/400,0/4000", dialRecall: "450", record: "950/400,0/10000"}},
	"de": {name: "Germany", cidSignalling: "v23", cidStart: "ring", busyPattern: "480,480", tones: tones{
		ringCadence: "1000,4000", dial: "425", busy: "425/480,0/480", ring: "425/1000,0/4000",
		congestion: "425/240,0/240", unobtainable: "950/330,1400/330,1800/330,0/1000",
		info: "950/330,1400/330,1800/330,0/1000", stutter: "425+400",
		callWaiting: "!425/200,!0/200,!425/200,!0/5000,!425/200,!0/200,!425/200,0",
		dialRecall:  "!425/100,!0/100,!425/100,!0/100,!425/100,!0/100,425", record: "1400/80,0/15000"}},
	"fr": {name: "France", cidSignalling: "v23", cidStart: "ring", busyPattern: "500,500", tones: tones{
		ringCadence: "1500,3500", dial: "440", busy: "440/500,0/500", ring: "440/1500,0/3500",
		congestion: "440/250,0/250", unobtainable: "!950/330,!1400/330,!1800/330,440/250,0/250",
		info: "!950/330,!1400/330,!1800/330", callWaiting: "440/300,0/10000",
		stutter:    "!440/100,!0/100,!440/100,!0/100,!440/100,!0/100,!440/100,!0/100,!440/100,!0/100,!440/100,!0/100,440",
		dialRecall: "!350+440/100,!0/100,!350+440/100,!0/100,!350+440/100,!0/100,350+440", record: "1400/500,0/15000"}},
	"gb": {name: "United Kingdom", cidSignalling: "v23", cidStart: "polarity", tones: tones{
		ringCadence: "400,200,400,2000", dial: "350+440", busy: "400/375,0/375", ring: "400+450/400,0/200,400+450/400,0/2000",
		congestion: "400/400,0/350,400/225,0/525", unobtainable: "400",
		info: "950/330,0/15,1400/330,0/15,1800/330,0/1000", stutter: "350+440/750,440/750",
		callWaiting: "400/100,0/4000", dialRecall: "350+440", record: "1400/500,0/60000"}},
	"in": {name: "India", cidSignalling: "dtmf", cidStart: "polarity_in", busyPattern: "750,750", tones: tones{
		ringCadence: "400,200,400,2000", dial: "400*25", busy: "400/750,0/750", ring: "400*25/400,0/200,400*25/400,0/2000",
		congestion: "400/250,0/250", unobtainable: "400/2800,0/200",
		info: "!950/330,!1400/330,!1800/330,0/1000", callWaiting: "400/200,0/100,400/200,0/7500",
		stutter:    "!350+440/100,!0/100,!350+440/100,!0/100,!350+440/100,!0/100,!350+440/100,!0/100,400*25",
		dialRecall: "!350+440/100,!0/100,!350+440/100,!0/100,!350+440/100,!0/100,350+440", record: "1400/500,0/15000"}},
	"jp": {name: "Japan", cidSignalling: "v23_jp", cidStart: "ring", busyPattern: "500,500", tones: tones{
		ringCadence: "1000,2000", dial: "400", busy: "400/500,0/500", ring: "400+15/1000,0/2000",
		congestion: "400/500,0/500", unobtainable: "!950/330,!1400/330,!1800/330,400/500,0/500",
		info: "!950/330,!1400/330,!1800/330,0", callWaiting: "400+16/500,0/8000",
		stutter:    "!400/100,!0/100,!400/100,!0/100,!400/100,!0/100,!400/100,!0/100,!400/100,!0/100,!400/100,!0/100,400",
		dialRecall: "!400/200,!0/200,!400/200,!0/200,!400/200,!0/200,400", record: "1400/500,0/15000"}},
	"ru": {name: "Russia", cidSignalling: "v23", cidStart: "ring", busyPattern: "350,350", tones: tones{
		ringCadence: "1000,4000", dial: "425", busy: "425/350,0/350", ring: "425/1000,0/4000",
		congestion: "425/175,0/175", unobtainable: "950/330,1400/330,1800/330,0/1000",
		info: "950/330,1400/330,1800/330,0/1000", callWaiting: "425/200,0/5000", dialRecall: "425/400,0/40",
		stutter: "!425/100,!0/100,!425/100,!0/100,!425/100,!0/100,!425/100,!0/100,!425/100,!0/100,!425/100,!0/100,425",
		record:  "1400/400,0/15000"}},
	"us": {name: "United States, Canada", cidSignalling: "bell", cidStart: "ring", tones: tones{
		ringCadence: "2000,4000", dial: "350+440", busy: "480+620/500,0/500", ring: "440+480/2000,0/4000",
		congestion: "480+620/250,0/250", unobtainable: "!950/330,!1400/330,!1800/330,480+620/250,0/250",
		info: "!950/330,!1400/330,!1800/330,0", callWaiting: "440/300,0/10000",
		stutter:    "!350+440/100,!0/100,!350+440/100,!0/100,!350+440/100,!0/100,!350+440/100,!0/100,!350+440/100,!0/100,!350+440/100,!0/100,350+440",
		dialRecall: "!350+440/100,!0/100,!350+440/100,!0/100,!350+440/100,!0/100,350+440", record: "1400/500,0/15000"}},
}

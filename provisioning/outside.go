package provisioning

import "strconv"

// Line is a line from the exchange that ends at a port for lines, or a line
// of another PBX that ends at a port for telephones (whose use is pbx).
type Line struct {
	// Counted from 1 over all cards.
	Port int `json:"port" need:"yes" range:"1..1023"`
	// By which inbound routes mean it. Absent: line-1 on port 1.
	Name string `json:"name" is:"id"`
	// The group that it is taken from for calls to outside.
	Group string `json:"group" default:"lines" ref:"lineGroup"`
	// The number that callers dial to reach it, if it is known: the line itself doesn't tell. It is what inbound's did sees.
	Number string `json:"number" is:"phone"`
	// How it is known that the called has answered: the line reverses its polarity, or it is assumed after dialling.
	Answer string `json:"answer" default:"assume" enum:"assume|polarity"`
	// How the exchange tells the caller's number. Absent: as is usual in the country. none: it doesn't.
	CallerIDSignalling string `json:"callerIdSignalling" enum:"bell|v23|v23_jp|dtmf|none"`
	// The longest call, so that a missed hang-up can't hold the line for ever.
	MaxMinutes int `json:"maxMinutes" default:"240" range:"1..1440"`
}

// lineName is the name of a line that wasn't given one.
func lineName(port int) string { return "line-" + strconv.Itoa(port) }

// LineGroup is lines that serve the same purpose: the first free one is taken.
type LineGroup struct {
	Name string `json:"name" need:"yes" is:"id"`
	// From which end a free line is looked for: the first, the last (so that calls in both directions
	// meet late), or in turn.
	Pick string `json:"pick" default:"last" enum:"first|last|turn"`
}

// StandardLineGroup is the group of lines that name none.
const StandardLineGroup = "lines"

// Trunk is a way to a provider, to another PBX or to a gateway over SIP: by
// registering there, or by address; exactly one of these.
type Trunk struct {
	Name     string        `json:"name" need:"yes" is:"id"`
	Register *Registration `json:"register"`
	Peer     *Peer         `json:"peer"`
	// How signalling travels.
	Transport string `json:"transport" default:"udp" enum:"udp|tcp|tls"`
	// Whether sound is encrypted; only with tls.
	SRTP bool `json:"srtp"`
	// What sound is coded in, the best first.
	Codecs []string `json:"codecs" default:"alaw,ulaw" enum:"alaw|ulaw|g722|opus|gsm|g729"`
	// The number that is shown outside unless the extension has its own.
	CallerID string `json:"callerId" is:"phone"`
	// How keys travel.
	DTMF string `json:"dtmf" default:"rfc4733" enum:"rfc4733|inband|info"`
	// Calls in both directions together.
	MaxCalls int `json:"maxCalls" default:"30" range:"1..1000"`
}

// Registration is an account with a SIP provider.
type Registration struct {
	// The provider's host, with :port if it is not the usual one.
	Host   string `json:"host" need:"yes" is:"host"`
	User   string `json:"user" need:"yes" is:"user"`
	Secret Secret `json:"secret" need:"yes" is:"password"`
}

// Peer is a SIP neighbour that is known by its address.
type Peer struct {
	// Hosts, with :port if it is not the usual one; calls go to the first that answers.
	Addresses []string `json:"addresses" need:"yes" is:"host"`
}

// InboundRoute is where calls from outside go. All conditions must hold; one
// that is absent holds always.
type InboundRoute struct {
	// Names of lines, line groups and trunks.
	From []string `json:"from" ref:"way"`
	// Patterns of the called number: as the trunk tells it; of a line its number, as dialled within the country (01087654321).
	DID []string `json:"did" is:"pattern"`
	// Patterns of the caller's number, normalised; anonymous for none.
	Caller []string `json:"caller" is:"callerpattern"`
	// Where they go.
	To Destination `json:"to" need:"yes"`
	// What callers are spoken to in. Absent: the site's.
	Language string `json:"language" enum:"en|zh-CN"`
	// Their place in queues: the higher, the earlier.
	Priority int `json:"priority" range:"0..100"`
}

// OutboundRoute is which way calls to some numbers go.
type OutboundRoute struct {
	Name string `json:"name" need:"yes" is:"id"`
	// Patterns of what is dialled.
	Patterns []string `json:"patterns" need:"yes" is:"pattern"`
	// How many digits are taken away from the front, such as the 9 for outside.
	Strip int `json:"strip" range:"0..20"`
	// What is put in front then.
	Prepend string `json:"prepend" is:"digits"`
	// The ways, the cheapest that works first.
	Via []Via `json:"via" need:"yes"`
	// These numbers always get through, from any telephone; if all ways are taken, another call gives way.
	Emergency bool `json:"emergency"`
	// What kind of number it is for classes. auto: by the country's numbering plan.
	Kind string `json:"kind" default:"auto" enum:"auto|local|national|mobile|tollfree|service|international|premium"`
}

// Via is one way out.
type Via struct {
	// The name of a trunk, of a line group, or of a line.
	Way string `json:"way" need:"yes" ref:"way"`
	// Put in front of the number on this way only.
	Prepend string `json:"prepend" is:"digits"`
	// What a minute costs: ways are tried the cheapest first, equal ones in the order given.
	CostPerMinute float64 `json:"costPerMinute" range:"0..1000"`
}

// ListedCaller is a number on the blacklist.
type ListedCaller struct {
	// As anyone would write it; or anonymous.
	Number string `json:"number" need:"yes" is:"caller"`
	Note   string `json:"note" is:"name"`
}

// VIPCaller is a number whose callers come first.
type VIPCaller struct {
	// As anyone would write it.
	Number string `json:"number" need:"yes" is:"phone"`
	// Shown to the agent.
	Name string `json:"name" is:"name"`
	// Their place in queues: the higher, the earlier.
	Priority int `json:"priority" default:"10" range:"1..100"`
	// Where they go at once. Absent: where the route says.
	To Destination `json:"to"`
}

// Anonymous stands for callers who withhold their number, on the blacklist and
// in the callers of inbound routes.
const Anonymous = "anonymous"

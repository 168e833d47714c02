// Package provisioning holds the site document: what the owner of the box
// wants, in one strict, versioned JSON document. The document says which
// number rings which telephone, what callers hear, which queue they wait in,
// who takes their calls, which calls may go out, and in which country all
// this stands. Nothing in it is a setting of a program: the rooms below turn
// it into these.
//
// # Absent is not invalid
//
// Every field has a default, and `{}` is a document. A field that is not
// given has, after [Parse], the value of its tag `default`; [Site.Complete]
// then fills in what depends on the cards in the box: every port for
// telephones becomes an extension, every line leads to the queue 600.
// [Site.Format] leaves out what has its default, so that a document stays as
// short as its owner wrote it. In Go, [New] makes a value with its defaults.
//
// For a list of the document itself it makes a difference whether it is
// absent (nil in Go: "as you think right") or empty ("none").
//
// # Tags
//
// What holds for one field alone stands at the field, and is read from there
// by the parser, the check and the JSON Schema:
//
//	default   the value of a field that is not given; a list's items are separated by commas
//	enum      the values that a string may have, separated by |
//	range     the values that a number may have, as 1..300
//	is        the form of a string, of each string of a list, or of a map's values: see forms
//	keys      the form of a map's keys, or the kind of thing that they name
//	ref       the kind of thing that a string names: extension, queue, agent …
//	need      "yes": must be given
//	keep      "yes": is written even if it has its default
//
// # Secrets
//
// Passwords and PINs are of the type [Secret], which prints as stars. They
// stand in the document as they are: an agent's PIN is four to eight digits,
// and any form of it that a dial plan could compare is undone by trying all of
// them. Whoever may read the document may read the secrets; whoever may only
// read what changed in it ([Diff]) may not.
//
// Everything here is pure: reading a file, finding out which cards there are
// and applying the result is the business of others.
package provisioning

import (
	_ "time/tzdata" // a time zone is judged the same on every machine
)

// Version is the version of the document that this program writes. It reads
// every earlier one too.
const Version = 2

// Countries are the countries whose telephone network is known here: tones,
// ringing, caller id, the numbering plan, and the way an exchange ends a call.
// ISO 3166-1 alpha-2 codes in lower case.
var Countries = []string{"br", "cn", "de", "fr", "gb", "in", "jp", "ru", "us"}

// Languages are the languages that callers can be spoken to in, and that
// faults are told in. BCP 47 tags.
var Languages = []string{"en", "zh-CN"}

// Site is the document. See [New] for one with its defaults, and [Default]
// for one that fits a box.
type Site struct {
	// The version of the document; this firmware writes 2 and reads 1 and 2.
	Version int `json:"version" default:"2" keep:"yes"`
	// What the site is called: on the panel, and in reports.
	Name string `json:"name" default:"Switchroom" is:"name"`
	// Where the box stands: tones, ringing, caller id and the numbering plan follow from it.
	Country string `json:"country" default:"us" enum:"br|cn|de|fr|gb|in|jp|ru|us" keep:"yes"`
	// What callers are spoken to in, unless they chose or a route says otherwise. By the country if absent.
	Language string `json:"language" enum:"en|zh-CN" keep:"yes"`
	// A name of the tz database, such as Asia/Shanghai. By the country if absent.
	TimeZone string `json:"timeZone" is:"timezone" keep:"yes"`
	// The area code of the lines, as dialled within the country: 010, 0755. Empty where numbers have none.
	AreaCode string `json:"areaCode" is:"areacode"`

	// The card's ports that differ from what their module says. Absent ones are as they are.
	Ports []Port `json:"ports"`
	// Telephones. Absent: one on every port for telephones, 1000 + port.
	Extensions []Extension `json:"extensions"`
	// What telephones may call. The classes internal, standard and unrestricted exist without being given.
	Classes []Class `json:"classes"`
	// Lines from the exchange, or from another PBX. Absent: one on every port for lines.
	Lines []Line `json:"lines"`
	// Lines that are taken in turn. The group lines exists without being given.
	LineGroups []LineGroup `json:"lineGroups"`
	// SIP trunks.
	Trunks []Trunk `json:"trunks"`
	// Where calls from outside go. The first that matches counts. Absent: all to the first queue.
	Inbound []InboundRoute `json:"inbound"`
	// Which way calls to outside go. The first that matches counts. Absent: 9 and the number, over the lines.
	Outbound []OutboundRoute `json:"outbound"`
	// Times of the day, the week and the year.
	Schedules []Schedule `json:"schedules"`
	// Holidays, and working days that would be none.
	Calendars []Calendar `json:"calendars"`
	// Menus.
	IVRs []IVR `json:"ivrs"`
	// What is played, and where the caller goes then.
	Announcements []Announcement `json:"announcements"`
	// Ring groups: several telephones that are rung for a call.
	Groups []Group `json:"groups"`
	// Queues. Absent: 600, with the first two telephones.
	Queues []Queue `json:"queues"`
	// People who take the calls of queues, wherever they sit.
	Agents []Agent `json:"agents"`
	// An agent who logs in while logged in elsewhere is moved to the new place, or refused.
	Relogin string `json:"relogin" default:"move" enum:"move|refuse"`
	// Why agents pause. Absent: break, meal, training, meeting, away.
	PauseReasons []PauseReason `json:"pauseReasons"`
	// Conference rooms.
	Conferences []Conference `json:"conferences"`
	// Voicemail: what holds for all boxes, and boxes that belong to no extension.
	Voicemail Voicemail `json:"voicemail"`
	// Where calls are parked. Absent: nowhere.
	Parking *Parking `json:"parking"`
	// The codes that our telephones may dial or press. An empty code is off.
	Features Features `json:"features"`
	// Callers who are not let in. The word anonymous stands for those who withhold their number.
	Blacklist []ListedCaller `json:"blacklist"`
	// Callers who come first.
	VIP []VIPCaller `json:"vip"`
	// Music on hold. The music default exists without being given.
	Music []Music `json:"music"`
	// What is spoken: recorded, or by the box itself.
	Prompts []Prompt `json:"prompts"`
	// Which calls are recorded, and for how long that is kept.
	Recording Recording `json:"recording"`
	// Callers who asked to be called back.
	Callback Callback `json:"callback"`
	// Which agents see callers' numbers.
	Masking Masking `json:"masking"`
	// What the whole box may spend on calls, in case somebody misuses it.
	Limits Limits `json:"limits"`
}

// Parse reads a document of any version up to [Version], brings it up to date,
// and checks it. The error is [Faults]: all that is wrong with the document,
// each with its place and, where it is known, its line. Of a text that is no
// JSON only the first fault is told.
func Parse(data []byte) (Site, error) {
	s, faults := Read(data)
	if len(faults) == 0 {
		faults = s.Check()
	}
	if len(faults) > 0 {
		return Site{}, faults.located(data)
	}
	return s, nil
}

// Read is Parse without the check of what the document means: what it returns
// has the right fields of the right types, with their defaults.
func Read(data []byte) (Site, Faults) {
	s := New[Site]()
	tree, faults := readTree(data)
	if len(faults) > 0 {
		return s, faults
	}
	if faults = migrate(tree); len(faults) > 0 {
		return s, faults
	}
	faults = bind(tree, &s)
	s.derive()
	return s, faults
}

// derive fills in what follows from other fields of the document.
func (s *Site) derive() {
	local, ok := locals[s.Country]
	if !ok {
		local = locals["us"] // the country is a fault of its own
	}
	if s.Language == "" {
		s.Language = local.language
	}
	if s.TimeZone == "" {
		s.TimeZone = local.timeZone
	}
	for i := range s.Lines {
		if l := &s.Lines[i]; l.Name == "" {
			l.Name = lineName(l.Port)
		}
	}
}

// locals are the language and the time of the countries. For those with many
// times it is the capital's; the United States' is left to the owner.
var locals = map[string]struct{ language, timeZone string }{
	"br": {"en", "America/Sao_Paulo"}, "cn": {"zh-CN", "Asia/Shanghai"}, "de": {"en", "Europe/Berlin"}, "fr": {"en", "Europe/Paris"},
	"gb": {"en", "Europe/London"}, "in": {"en", "Asia/Kolkata"}, "jp": {"en", "Asia/Tokyo"}, "ru": {"en", "Europe/Moscow"},
	"us": {"en", "Etc/UTC"},
}

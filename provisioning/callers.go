package provisioning

// Schedule leads callers on by the time.
type Schedule struct {
	Name string `json:"name" need:"yes" is:"id"`
	// When it is open. Absent: always, but for holidays.
	Hours []Hours `json:"hours"`
	// Names of calendars with its holidays.
	Calendars []string `json:"calendars" ref:"calendar"`
	// The code by which a telephone switches it: by the clock, open, closed. Absent: features.dayNight and the place in the list.
	Code string `json:"code" is:"code"`
	// Where callers go when it is open.
	Open Destination `json:"open" need:"yes"`
	// Where they go when it is not.
	Closed Destination `json:"closed" default:"hangup"`
	// Where they go on holidays. Absent: as when it is closed.
	Holiday Destination `json:"holiday"`
}

// Hours is a span of time on some days of the week.
type Hours struct {
	// Absent: every day.
	Days []string `json:"days" enum:"mon|tue|wed|thu|fri|sat|sun"`
	// HH:MM
	From string `json:"from" default:"00:00" is:"time"`
	// HH:MM, not included; 24:00 is midnight. Earlier than from: on the day after.
	To string `json:"to" default:"24:00" is:"time"`
}

// Calendar is a list of special days.
type Calendar struct {
	Name string `json:"name" need:"yes" is:"id"`
	Days []Day  `json:"days"`
}

// Day is one special day, or several in a row.
type Day struct {
	// What it is called.
	Name string `json:"name" is:"name"`
	// YYYY-MM-DD
	Date string `json:"date" need:"yes" is:"date"`
	// The last day, YYYY-MM-DD. Absent: the same.
	Until string `json:"until" is:"date"`
	// A day on which work is done although the week says otherwise: as on the given day of the week.
	WorksLike string `json:"worksLike" enum:"mon|tue|wed|thu|fri|sat|sun"`
}

// IVR is a menu: callers hear a greeting and press a key.
type IVR struct {
	Name string `json:"name" need:"yes" is:"id"`
	// Prompts that are played one after the other. A key may be pressed any time.
	Greeting []string `json:"greeting" ref:"prompt"`
	// Where a key leads: 0 to 9, * and #.
	Keys map[string]Destination `json:"keys" keys:"key"`
	// Keys that change the language; the greeting is played again in it.
	Languages map[string]string `json:"languages" keys:"key" enum:"en|zh-CN"`
	// How long a key is waited for after the greeting.
	TimeoutSeconds int `json:"timeoutSeconds" default:"5" range:"1..60"`
	// How often the greeting is repeated for those who press nothing, or a wrong key.
	Retries int `json:"retries" default:"2" range:"0..10"`
	// Played after a wrong key.
	InvalidPrompt string `json:"invalidPrompt" default:"sound:switchroom/invalid-key" ref:"prompt"`
	// Where those go who press nothing.
	Timeout Destination `json:"timeout" default:"hangup"`
	// Where those go who press wrong keys only. Absent: as for timeout.
	Invalid Destination `json:"invalid"`
	// Whether the number of an extension can be dialled.
	DirectDial bool `json:"directDial"`
}

// Announcement is played, then the caller goes on.
type Announcement struct {
	Name string `json:"name" need:"yes" is:"id"`
	// Played one after the other.
	Prompts []string `json:"prompts" need:"yes" ref:"prompt"`
	// How often all of it is played.
	Times int         `json:"times" default:"1" range:"1..10"`
	Then  Destination `json:"then" default:"hangup"`
}

// Group is telephones that are rung together or in turn.
type Group struct {
	Name string `json:"name" need:"yes" is:"id"`
	// To call it from a telephone. Absent: it can't be.
	Number string `json:"number" is:"number"`
	// Numbers of extensions.
	Members []string `json:"members" need:"yes" ref:"extension"`
	// all: all at once. order: one after the other. more: the first, then the first and the second …
	// random: one after the other, in another order every time.
	Strategy string `json:"strategy" default:"all" enum:"all|order|more|random"`
	// How long telephones ring: all of them, or each where it is one after the other.
	RingSeconds int         `json:"ringSeconds" default:"20" range:"5..300"`
	Then        Destination `json:"then" default:"hangup"`
}

// Queue holds callers until somebody is free. Who takes its calls is said by
// the agents, by their queues and skills; members are telephones that always
// take part, whoever sits there.
type Queue struct {
	// 2 to 8 digits; telephones reach the queue by it.
	Number string `json:"number" need:"yes" is:"number"`
	Name   string `json:"name" is:"name"`
	// Numbers of extensions that are always members.
	Members []string `json:"members" ref:"extension"`
	// Agents who have this skill are members, the better ones before the others.
	Skill string `json:"skill" is:"id"`
	// Who is asked: turn: the next after the last who was asked. all: all at once. longestidle: who has been free for
	// longest. fewestcalls: who had the fewest calls. random, weighted: by chance, weighted by penalty. order: always from
	// the first. ordered-turn: the next in the order given.
	Strategy string `json:"strategy" default:"turn" enum:"turn|all|longestidle|fewestcalls|random|weighted|order|ordered-turn"`
	// Played before the caller waits.
	Greeting []string `json:"greeting" ref:"prompt"`
	// How long a caller waits, then whenTimeout. 0: for ever.
	MaxWaitSeconds int `json:"maxWaitSeconds" default:"600" range:"0..86400"`
	// How many callers wait; one more goes to whenFull. 0: as many as come.
	MaxCallers int `json:"maxCallers" default:"50" range:"0..1000"`
	// Whether callers are told their place.
	AnnouncePosition bool `json:"announcePosition" default:"true"`
	// Whether callers are told how long it will take.
	AnnounceEstimate bool `json:"announceEstimate" default:"true"`
	// How often they are told that.
	AnnounceEverySeconds int `json:"announceEverySeconds" default:"60" range:"10..3600"`
	// Played from time to time, one after the other.
	Comfort []string `json:"comfort" ref:"prompt"`
	// How often.
	ComfortEverySeconds int `json:"comfortEverySeconds" default:"45" range:"10..3600"`
	// How long an agent is left alone after a call.
	WrapUpSeconds int `json:"wrapUpSeconds" default:"5" range:"0..3600"`
	// How long a telephone rings before another agent is asked.
	RingSeconds int `json:"ringSeconds" default:"15" range:"5..300"`
	// How many calls in a row an agent may miss before being paused. 0: any number.
	MissedPause int `json:"missedPause" default:"3" range:"0..100"`
	// After how long agents of the next penalty are asked too. 0: as soon as the others are busy.
	WidenSeconds int `json:"widenSeconds" range:"0..3600"`
	// Where callers go when nobody is there to take calls.
	WhenEmpty Destination `json:"whenEmpty" default:"busy"`
	// Where callers go when too many wait.
	WhenFull Destination `json:"whenFull" default:"busy"`
	// Where callers go who waited too long.
	WhenTimeout Destination `json:"whenTimeout" default:"busy"`
	// Keys by which those who wait leave: 0 to 9, * and #.
	Keys map[string]Destination `json:"keys" keys:"key"`
	// What they hear.
	Music string `json:"music" default:"default" ref:"music"`
	// Before which queues this one gets an agent who is in both: the higher, the earlier.
	Priority int `json:"priority" range:"0..100"`
	// Whether callers are told the agent's number when the agent answers.
	AnnounceAgent bool `json:"announceAgent" default:"true"`
	// Whether its calls are recorded; default: what recording says.
	Record string `json:"record" default:"default" enum:"default|always|never"`
	// Whether callers are asked for a rating, 1 to 5, after the agent has hung up.
	Rating bool `json:"rating"`
	// Within which an answer is good, for reports.
	ServiceLevelSeconds int `json:"serviceLevelSeconds" default:"20" range:"1..3600"`
}

// Conference is a room where any number of people talk.
type Conference struct {
	Number string `json:"number" need:"yes" is:"number"`
	Name   string `json:"name" is:"name"`
	// Asked from those who enter. Absent: nothing is.
	PIN Secret `json:"pin" is:"pin"`
	// Of the host: until a host is there, the others hear music. Absent: no host is needed.
	HostPIN    Secret `json:"hostPin" is:"pin"`
	MaxMembers int    `json:"maxMembers" default:"20" range:"2..200"`
	Record     bool   `json:"record"`
}

// Prompt is something that is spoken: recorded, or from a text that the box
// speaks. In a language in which it has neither, callers hear it in another.
type Prompt struct {
	Name string `json:"name" need:"yes" is:"id"`
	// What is said, by language: en, zh-CN.
	Text map[string]string `json:"text" keys:"language" is:"text"`
	// The recording, by language: the name of an uploaded file. It comes before the text.
	Files map[string]string `json:"files" keys:"language" is:"file"`
}

// SoundPrefix begins the name of a prompt that the firmware brings along, as
// in sound:vm-goodbye; what follows is the name of the file below the folder
// of a language.
const SoundPrefix = "sound:"

// Music is what people hear while they wait.
type Music struct {
	Name string `json:"name" need:"yes" is:"id"`
	// Names of uploaded files.
	Files []string `json:"files" need:"yes" is:"file"`
	// Whether they are played in another order every time.
	Shuffle bool `json:"shuffle"`
}

// DefaultMusic is the music that the firmware brings along.
const DefaultMusic = "default"

package provisioning

// Voicemail is what holds for all mailboxes.
type Voicemail struct {
	// The longest message.
	MaxSeconds int `json:"maxSeconds" default:"180" range:"10..3600"`
	// Messages in one mailbox; then it is full.
	MaxMessages int `json:"maxMessages" default:"100" range:"1..9999"`
	// Mailboxes that belong to no extension.
	Boxes []SharedMailbox `json:"boxes"`
}

// SharedMailbox is a mailbox of several people, such as a queue's.
type SharedMailbox struct {
	Number string `json:"number" need:"yes" is:"number"`
	Name   string `json:"name" is:"name"`
	// To listen by telephone. Absent: that can't be done.
	PIN Secret `json:"pin" is:"pin"`
}

// Parking is where calls wait to be fetched from any telephone.
type Parking struct {
	// Transferring a call to this number parks it.
	Number string `json:"number" need:"yes" is:"number"`
	// The places: calls are fetched by dialling their number.
	First string `json:"first" need:"yes" is:"number"`
	// The last place; as long as the first.
	Last string `json:"last" need:"yes" is:"number"`
	// How long a call is left there.
	TimeoutSeconds int `json:"timeoutSeconds" default:"120" range:"10..3600"`
	// Where it goes then. Absent: back to who parked it.
	Then Destination `json:"then"`
}

// Features are codes of our telephones. The first are dialled, the last
// pressed during a call, by our side only: callers have none. Empty is off.
type Features struct {
	// Dialled: agents log in and out.
	Login string `json:"login" default:"*45" is:"code"`
	// Dialled, with the key of a reason behind it: agents pause; without: they resume.
	Pause string `json:"pause" default:"*46" is:"code"`
	// Dialled: listen to the telephone's messages.
	Voicemail string `json:"voicemail" default:"*97" is:"code"`
	// Dialled: listen to any mailbox's messages.
	VoicemailOther string `json:"voicemailOther" default:"*98" is:"code"`
	// Dialled: take a call that rings elsewhere.
	Pickup string `json:"pickup" default:"*8" is:"code"`
	// Dialled: hear oneself.
	Echo string `json:"echo" default:"*43" is:"code"`
	// Dialled: hear the telephone's number.
	OwnNumber string `json:"ownNumber" default:"*65" is:"code"`
	// Dialled: hear the time.
	Time string `json:"time" default:"*61" is:"code"`
	// Dialled, with the number of an agent behind it: listen to a call; needs the right.
	Listen string `json:"listen" default:"*55" is:"code"`
	// Dialled, with the place of a schedule in the list behind it: by the clock, open, closed.
	DayNight string `json:"dayNight" default:"*28" is:"code"`
	// Pressed: give the call to another.
	Transfer string `json:"transfer" default:"#1" is:"code"`
	// Pressed: ask another first.
	AttendedTransfer string `json:"attendedTransfer" default:"#2" is:"code"`
	// Pressed while asking: all three together.
	ThreeWay string `json:"threeWay" default:"#3" is:"code"`
	// Pressed: end the call, where the telephone stays off the hook.
	Disconnect string `json:"disconnect" default:"#0" is:"code"`
	// Pressed: the recording pauses, or goes on.
	PauseRecording string `json:"pauseRecording" default:"#9" is:"code"`
}

// Recording is which calls are recorded. It is the owner's affair to know
// whether and how callers must be told.
type Recording struct {
	// queue: calls of queues. inbound, outbound, internal: other calls. Absent: none are.
	What []string `json:"what" enum:"queue|inbound|outbound|internal"`
	// Whether callers are told so first.
	Announce bool `json:"announce" default:"true"`
	// What they are told. Absent: the firmware's own words.
	Notice string `json:"notice" ref:"prompt"`
	// Whether both sides are kept apart, left and right.
	Stereo bool `json:"stereo" default:"true"`
	// After how many days a recording is deleted. 0: never.
	RetentionDays int `json:"retentionDays" default:"180" range:"0..3650"`
	// The oldest are deleted before less than this much of the disk is free.
	MinFreePercent int `json:"minFreePercent" default:"10" range:"1..90"`
}

// Callback is how those are called back who asked for it in a queue.
type Callback struct {
	// How often it is tried.
	Attempts int `json:"attempts" default:"3" range:"1..10"`
	// How long it waits before it tries again.
	RetrySeconds int `json:"retrySeconds" default:"300" range:"30..86400"`
	// After how long nobody is called back any more.
	ExpireHours int `json:"expireHours" default:"24" range:"1..168"`
}

// Masking hides callers' numbers from agents without the right numbers.
type Masking struct {
	Enabled bool `json:"enabled"`
	// Digits shown at the front.
	KeepFirst int `json:"keepFirst" default:"3" range:"0..20"`
	// Digits shown at the end.
	KeepLast int `json:"keepLast" default:"4" range:"0..20"`
}

// Limits bound what the whole box may spend on calls to outside; emergency
// calls are not counted.
type Limits struct {
	// Calls at a time. 0: without a limit.
	Calls int `json:"calls" range:"0..1000"`
	// Minutes a day, of all extensions together. 0: without a limit.
	MinutesPerDay int `json:"minutesPerDay" default:"6000" range:"0..1440000"`
	// By costPerMinute of the ways out. 0: without a limit.
	CostPerDay float64 `json:"costPerDay" range:"0..1000000"`
	// The longest call. 0: without a limit.
	CallMinutes int `json:"callMinutes" default:"240" range:"0..1440"`
}

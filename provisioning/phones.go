package provisioning

// Port is a socket of a card.
type Port struct {
	// Counted from 1 over all cards.
	Port int `json:"port" need:"yes" range:"1..1023"`
	// What is written beside the socket.
	Name string `json:"name" is:"name"`
	// auto: a telephone on an FXS port, a line on an FXO port. pbx: an FXS port that a line of another PBX or of a
	// gateway is plugged into: off-hook is a call, which goes where inbound says. off: nothing.
	Use string `json:"use" default:"auto" enum:"auto|phone|line|pbx|off"`
	// How much louder what comes in is made, in dB.
	GainIn float64 `json:"gainIn" range:"-24..24"`
	// How much louder what goes out is made, in dB.
	GainOut float64 `json:"gainOut" range:"-24..24"`
}

// Extension is a telephone that can be called and can call: on a port of the
// card, over SIP, or in a browser; exactly one of these.
type Extension struct {
	// 2 to 8 digits.
	Number string `json:"number" need:"yes" is:"number"`
	// Shown to whom it calls within the house.
	Name string `json:"name" is:"name"`
	// The port that it is plugged into.
	Port int `json:"port" range:"1..1023"`
	// A SIP telephone.
	SIP *SIPPhone `json:"sip"`
	// The softphone in the widget.
	Browser bool `json:"browser"`
	// What it may call.
	Class string `json:"class" default:"standard" ref:"class"`
	// What whoever uses it is spoken to in. Absent: the site's.
	Language string `json:"language" enum:"en|zh-CN"`
	// The number that is shown outside, where the way out allows it. Absent: the way's own.
	CallerID string `json:"callerId" is:"phone"`
	// How long it rings before its unanswered calls go on.
	RingSeconds int `json:"ringSeconds" default:"30" range:"5..300"`
	// Where calls go that it doesn't answer. Absent: its voicemail if it has one, else the end.
	Unanswered Destination `json:"unanswered"`
	// Whether its calls are recorded; default: what recording says.
	Record string `json:"record" default:"default" enum:"default|always|never"`
	// Its mailbox. Absent: none.
	Voicemail *Mailbox `json:"voicemail"`
}

// SIPPhone is how a SIP telephone registers.
type SIPPhone struct {
	// The password, of at least 8 characters. Absent: the box makes one and keeps it.
	Secret Secret `json:"secret" is:"password"`
	// How signalling travels.
	Transport string `json:"transport" default:"udp" enum:"udp|tcp|tls"`
	// Whether sound is encrypted; only with tls.
	SRTP bool `json:"srtp"`
	// What sound is coded in, the best first.
	Codecs []string `json:"codecs" default:"alaw,ulaw" enum:"alaw|ulaw|g722|opus|gsm"`
}

// Mailbox is where callers leave messages.
type Mailbox struct {
	// To listen by telephone. Absent: from the extension itself without, from others not at all.
	PIN Secret `json:"pin" is:"pin"`
}

// Class is what telephones may call. Emergency numbers always get through.
type Class struct {
	Name string `json:"name" need:"yes" is:"id"`
	// Kinds of numbers outside. None: the house only.
	May []string `json:"may" enum:"local|national|mobile|tollfree|service|international|premium"`
	// Minutes outside that each extension may talk in a day. 0: as many as it likes.
	MinutesPerDay int `json:"minutesPerDay" default:"240" range:"0..1440"`
	// What calls of each extension may cost in a day, by costPerMinute of the ways out. 0: without a limit.
	CostPerDay float64 `json:"costPerDay" range:"0..100000"`
	// Calls outside that all extensions of the class together may have at a time. 0: without a limit.
	Concurrent int `json:"concurrent" range:"0..1000"`
}

// The kinds of numbers outside that a [Class] may call.
const (
	Local         = "local"         // in the same area
	National      = "national"      // in the same country
	Mobile        = "mobile"        // in the same country
	TollFree      = "tollfree"      // the called pays, or both do (China's 400)
	Service       = "service"       // short numbers: time, directory, an operator's desk
	International = "international" //
	Premium       = "premium"       // at a higher price
)

// StandardClass is the class of extensions that name none.
const StandardClass = "standard"

// builtinClasses exist unless the document has its own of the name.
func builtinClasses() []Class {
	internal, standard, all := New[Class](), New[Class](), New[Class]()
	internal.Name = "internal"
	standard.Name, standard.May = StandardClass, []string{Local, National, Mobile, TollFree, Service}
	all.Name, all.May = "unrestricted", []string{Local, National, Mobile, TollFree, Service, International, Premium}
	return []Class{internal, standard, all}
}

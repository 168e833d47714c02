package dahdi

// Driver is what we need of DAHDI. The room ioctl gives the real one, on
// /dev/dahdi/ctl. No call opens a channel, so all of them work on channels that
// Asterisk holds. An error for a channel, a span or a zone that isn't there wraps
// ErrNotFound. A Driver may be used by several goroutines at once.
type Driver interface {
	// Version is the version of the driver and the echo cancellers it has loaded.
	Version() (Version, error)
	// Params tells everything about a channel.
	Params(channel int) (Params, error)
	// SpanStatus tells how a span is.
	SpanStatus(span int) (SpanStatus, error)
	// SetSignalling configures a channel. It hangs the channel up, whatever is
	// going on, so it is only for a channel that must change. The law is the
	// default of the channel, from the next time it is opened.
	SetSignalling(channel int, sig Signalling, law Companding) error
	// GainTables gives a channel's tables: what every sample code is replaced
	// by on its way in and out. Only for a channel with signalling.
	GainTables(channel int) (rx, tx GainTable, err error)
	// SetGainTables sets them, until the channel is next opened or closed.
	SetGainTables(channel int, rx, tx GainTable) error
	// EchoCanceller gives the name, in lower case, of the one that the channel
	// will use, "" for none.
	EchoCanceller(channel int) (string, error)
	// AttachEchoCanceller makes it use another one, or none. The driver loads
	// a module for one that it doesn't know yet, if it can.
	AttachEchoCanceller(channel int, name string) error
	// LoadZone gives the driver a tone zone, in place of the one with its
	// number. Channels in use keep what they have.
	LoadZone(z Zone) error
	// DefaultZone gives the number of the zone that channels get when they are
	// opened; loaded is false if there is no zone at all.
	DefaultZone() (number int, loaded bool, err error)
	// SetDefaultZone chooses it among those loaded.
	SetDefaultZone(number int) error
	// Voltage measures a port, in mV: on an FXO port the line's, whose sign is
	// its polarity; on an FXS port between tip and ring, as we feed it. It takes
	// some milliseconds of the card's time.
	Voltage(channel int) (int, error)
	// InUse tells which channels of a span a program has open.
	InUse(span int) (map[int]bool, error)
}

// Version is that of the driver in the kernel.
type Version struct {
	Number         string   `json:"number"`
	EchoCancellers []string `json:"echoCancellers"` // loaded now; lower case
}

// Hook is the state of one direction of an analog channel, as the driver has it.
type Hook string

// What the far end does (RxHook), or what we do (TxHook). To an FXO port the far
// end is the exchange: off hook means that there is battery, on hook none.
const (
	HookUnknown Hook = "unknown" // the channel can't tell, or nothing was heard yet
	HookOn      Hook = "on"
	HookOff     Hook = "off"
	HookStart   Hook = "start" // transmitting: ringing the telephone right now
	HookRing    Hook = "ring"  // receiving: the exchange is ringing right now
	HookKewl    Hook = "kewl"  // transmitting: battery taken away to tell a hang-up
)

// Params is all that the driver tells about a channel. Times are in ms.
type Params struct {
	Channel    int          `json:"channel"`
	Span       int          `json:"span"`
	Position   int          `json:"position"` // in the span, from 1
	Name       string       `json:"name"`
	Signalling Signalling   `json:"signalling"`
	Can        []Signalling `json:"can"`
	Law        Companding   `json:"law"`
	RxHook     Hook         `json:"rxHook"`
	TxHook     Hook         `json:"txHook"`
	RxOffHook  bool         `json:"rxOffHook"`
	RxBits     int          `json:"rxBits"` // ABCD bits of a digital channel; -1 on others
	TxBits     int          `json:"txBits"`
	IdleBits   int          `json:"idleBits"`
	Alarms     []Alarm      `json:"alarms"`

	PreWink    int `json:"preWink"`
	PreFlash   int `json:"preFlash"`
	Wink       int `json:"wink"`
	Flash      int `json:"flash"`
	Start      int `json:"start"`
	RxWink     int `json:"rxWink"`
	RxFlash    int `json:"rxFlash"`
	Debounce   int `json:"debounce"`
	PulseBreak int `json:"pulseBreak"`
	PulseMake  int `json:"pulseMake"`
	PulseAfter int `json:"pulseAfter"`

	// The numbers behind Signalling and Can, for those this package has no name for.
	SigBits uint32 `json:"sigBits"`
	CanBits uint32 `json:"canBits"`
}

// SpanStatus is how the driver sees a span.
type SpanStatus struct {
	Span         int     `json:"span"`
	Name         string  `json:"name"`
	Description  string  `json:"description"`
	Manufacturer string  `json:"manufacturer"`
	Device       string  `json:"device"` // "Wildcard TDM2400P (VPMOCT032)"
	Location     string  `json:"location"`
	Type         string  `json:"type"` // cut to five letters by the interface
	Alarms       []Alarm `json:"alarms"`
	IRQMisses    int     `json:"irqMisses"` // frames that came too late
	Configured   int     `json:"configured"`
	Channels     int     `json:"channels"`
	Spans        int     `json:"spans"` // in the whole system
}

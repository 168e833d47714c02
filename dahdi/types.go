package dahdi

import (
	"fmt"
	"slices"
)

// Kind is what a port is made for.
type Kind string

const (
	KindNone  Kind = "none"  // an empty place, or a module that did not answer
	KindFXS   Kind = "fxs"   // powers and rings a telephone
	KindFXO   Kind = "fxo"   // takes a line from the exchange
	KindOther Kind = "other" // something else the driver knows: E&M, a digital channel
)

// Signalling is a channel's signalling, in chan_dahdi.conf's words.
type Signalling string

const (
	SigNone  Signalling = "none" // not configured
	SigFXSLS Signalling = "fxs_ls"
	SigFXSGS Signalling = "fxs_gs"
	SigFXSKS Signalling = "fxs_ks" // kewlstart, for an FXO port
	SigFXOLS Signalling = "fxo_ls"
	SigFXOGS Signalling = "fxo_gs"
	SigFXOKS Signalling = "fxo_ks" // kewlstart, for an FXS port
	SigEM    Signalling = "em"
	SigSF    Signalling = "sf"
	SigClear Signalling = "clear"
	SigOther Signalling = "other" // any that this package doesn't name
)

// SignallingFor gives the signalling for a kind of port: kewlstart, the loop
// start that tells a hang-up by taking the battery away for a moment; none for
// what can't be used.
func SignallingFor(k Kind) Signalling {
	switch k {
	case KindFXS:
		return SigFXOKS
	case KindFXO:
		return SigFXSKS
	}
	return SigNone
}

// KindOf tells what a channel is made for from the signallings it can do, as
// the driver tells them. A channel that can do nothing is an empty place.
func KindOf(can []Signalling) Kind {
	switch {
	case len(can) == 0:
		return KindNone
	case slices.Contains(can, SigFXOKS), slices.Contains(can, SigFXOLS):
		return KindFXS
	case slices.Contains(can, SigFXSKS), slices.Contains(can, SigFXSLS):
		return KindFXO
	}
	return KindOther
}

// Companding is the law by which a channel's samples are coded (ITU-T G.711).
type Companding string

const (
	LawDefault Companding = "default" // as the card's driver was loaded
	LawMu      Companding = "mulaw"
	LawA       Companding = "alaw"
)

// Echo cancellers that come with DAHDI, and none at all.
const (
	EchoNone  = ""
	EchoMG2   = "mg2"
	EchoKB1   = "kb1"
	EchoSEC2  = "sec2"
	EchoOSLEC = "oslec"
	// EchoHardware is the module on the card, which the driver puts in place of
	// any other if there is one.
	EchoHardware = "hwec"
)

// Gains amplify a port's audio in software, in dB, -24 to +24. RX is what comes
// in from the telephone or the line, TX what goes out to it. The driver forgets
// them whenever a program opens or closes the channel: they are for a channel in
// use. Gains that last belong into chan_dahdi.conf (rxgain, txgain), which sets
// them on every call.
type Gains struct {
	RX float64 `json:"rx"`
	TX float64 `json:"tx"`
}

// MaxGain bounds what [GainTable] takes, in dB either way.
const MaxGain = 24.0

// Alarm is what is wrong with a span or a channel.
type Alarm string

const (
	AlarmRed        Alarm = "red"    // no battery on a line, no signal on a digital span
	AlarmYellow     Alarm = "yellow" // the far end has an alarm
	AlarmBlue       Alarm = "blue"
	AlarmLoopback   Alarm = "loopback"
	AlarmRecovering Alarm = "recovering"
	AlarmNotOpen    Alarm = "notopen"
)

// Port is one channel: a place for a telephone or a line. Number counts from 1
// over all cards, as everything else (Asterisk, the site document) does;
// Position counts from 1 within the card and is what is printed beside its socket.
type Port struct {
	Number     int          `json:"number"`
	Span       int          `json:"span"`
	Position   int          `json:"position"`
	Name       string       `json:"name"`
	Kind       Kind         `json:"kind"`
	Signalling Signalling   `json:"signalling"`
	Can        []Signalling `json:"can,omitempty"`
	Law        Companding   `json:"law,omitempty"`
	// EchoCanceller is the one that is used when the channel is in a call,
	// in lower case; "hwec" is the one on the card.
	EchoCanceller string  `json:"echoCanceller,omitempty"`
	InUse         bool    `json:"inUse"` // a program (Asterisk) has it open
	Alarms        []Alarm `json:"alarms,omitempty"`
}

// Span is DAHDI's unit of a card: all ports of a TDM2400P are one.
type Span struct {
	Number      int     `json:"number"`
	Name        string  `json:"name"`
	Description string  `json:"description"`
	Type        string  `json:"type"` // FXS, FXO, ANALOG_MIXED, E1, T1 …, as the driver says
	Alarms      []Alarm `json:"alarms,omitempty"`
	Master      bool    `json:"master"` // gives DAHDI its clock
	Ports       []Port  `json:"ports"`
}

// Card is a piece of hardware: one on the PCI bus that is for DAHDI, whether
// its driver works or not, or anything else that a DAHDI driver has shown.
type Card struct {
	ID           string `json:"id"`                   // where it is: "0000:00:04.0" on PCI, else the driver's name for it
	Model        string `json:"model"`                // "Wildcard TDM2400P", as the driver says
	Manufacturer string `json:"manufacturer"`         // as the driver says
	Location     string `json:"location"`             // as the driver says, "PCI Bus 00 Slot 05"
	HardwareID   string `json:"hardwareID,omitempty"` // a serial number, where the card has one
	PCI          string `json:"pci,omitempty"`        // vendor:device, four hexadecimal digits each
	Driver       string `json:"driver,omitempty"`     // of the kernel, bound to it; empty for none
	Spans        []Span `json:"spans"`
}

// Ports gives the card's ports, in order.
func (c Card) Ports() []Port {
	var all []Port
	for _, s := range c.Spans {
		all = append(all, s.Ports...)
	}
	return all
}

// State says in a word how the cards of a box are. Every one but StateOK has an
// advice; none keeps the box from starting.
type State string

const (
	StateOK       State = "ok"
	StateNoCard   State = "no-card"        // none on the bus: telephones and trunks by SIP only
	StateNoDriver State = "no-driver"      // a card, but its driver isn't there or refused it
	StateEmpty    State = "card-empty"     // a card without any module that answers
	StateModule   State = "module-missing" // part of a module of four doesn't answer
	StateLine     State = "line-dead"      // a line without battery
	StateFault    State = "fault"          // configuring failed; Problems says how
)

// Problem is one thing that is wrong, in words for the installer. Port is 0
// if it concerns no port in particular, Card is empty if no card.
type Problem struct {
	State  State  `json:"state"`
	Card   string `json:"card,omitempty"`
	Port   int    `json:"port,omitempty"`
	Text   string `json:"text"`
	Advice string `json:"advice"`
}

// Inventory is the cards found in a box and how they are. Its JSON is what
// `switchroom ports` writes for the others.
type Inventory struct {
	State    State     `json:"state"`
	Driver   string    `json:"driver,omitempty"` // DAHDI's version; empty if it is not loaded
	Zone     string    `json:"zone,omitempty"`   // the default tone zone's country
	Cards    []Card    `json:"cards"`
	Problems []Problem `json:"problems,omitempty"`
}

// Ports gives the ports of all cards, by number.
func (inv Inventory) Ports() []Port {
	var all []Port
	for _, c := range inv.Cards {
		all = append(all, c.Ports()...)
	}
	slices.SortFunc(all, func(a, b Port) int { return a.Number - b.Number })
	return all
}

// Numbers gives the numbers of the ports of one kind, in order.
func (inv Inventory) Numbers(k Kind) []int {
	var all []int
	for _, p := range inv.Ports() {
		if p.Kind == k {
			all = append(all, p.Number)
		}
	}
	return all
}

// Spans gives the number of spans of all cards.
func (inv Inventory) Spans() int {
	n := 0
	for _, c := range inv.Cards {
		n += len(c.Spans)
	}
	return n
}

// String is one line for a person.
func (inv Inventory) String() string {
	return fmt.Sprintf("%s: %d cards, %d telephone ports, %d line ports", inv.State, len(inv.Cards),
		len(inv.Numbers(KindFXS)), len(inv.Numbers(KindFXO)))
}

package tdm2400p

// Station is what is plugged into an FXS port: a telephone.
//
// Tick is called once per card millisecond, in port order, from the card's
// goroutine. It must not block, must not keep out, and must not call methods of
// the Card but [Card.At], [Card.Frames] and [Card.Stats].
type Station interface {
	Tick(frame uint64, in StationIn, out *StationOut)
}

// StationIn is what a telephone gets from its port in one millisecond.
type StationIn struct {
	// Linefeed is the state that the port really is in, as the upper half of
	// the ProSLIC's register 64 tells it: see the Linefeed constants.
	Linefeed uint8
	// Audio is one millisecond of G.711, as it came over the card's bus. It is
	// silence while the driver has the port's audio switched off.
	Audio [8]byte
	// ALaw says that Audio is A-law; else it is µ-law.
	ALaw bool
}

// The states of an FXS port's line feed.
const (
	LinefeedOpen                = 0 // no current: a disconnect, to the telephone
	LinefeedForwardActive       = 1 // idle or talking
	LinefeedForwardOnHook       = 2 // on-hook transmission: between rings, caller id passes
	LinefeedTipOpen             = 3 // ground start
	LinefeedRinging             = 4
	LinefeedReverseActive       = 5 // as 1, 2, 3 with reversed polarity
	LinefeedReverseOnHook       = 6
	LinefeedRingOpen            = 7
	linefeedStates        uint8 = 8
)

// StationOut is what a telephone does to its port in one millisecond. It is
// handed to Tick on hook and silent, in the port's companding.
type StationOut struct {
	OffHook bool    // the loop is closed
	Audio   [8]byte // one millisecond of G.711, in the companding of StationIn
}

// Trunk is what is plugged into an FXO port: a line from the exchange. The rules
// for Tick are those of [Station].
type Trunk interface {
	Tick(frame uint64, in TrunkIn, out *TrunkOut)
}

// TrunkIn is what a line gets from its port in one millisecond.
type TrunkIn struct {
	OffHook bool    // the card has seized the line
	Audio   [8]byte // one millisecond of G.711
	ALaw    bool    // Audio is A-law, else µ-law
}

// TrunkOut is what a line does to its port in one millisecond. It is handed to
// Tick without voltage, not ringing and silent.
type TrunkOut struct {
	// Volts is the voltage that the DAA measures (its register 29): about 50
	// with the port on hook, 8 off hook, less than 3 either way is no battery.
	// The sign is the polarity.
	Volts int8
	// Ring is the half wave of the ringing voltage at this millisecond: +1, -1,
	// or 0 when there is none. 20 Hz is 25 ms of each in turn.
	Ring  int8
	Audio [8]byte // one millisecond of G.711, in the companding of TrunkIn
}

package ioctl

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"unsafe"

	"switchroom/dahdi"
)

// text is a C string in a field of fixed length.
func text(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}

// signallings are those that we have a name for.
var signallings = []struct {
	bits uint32
	name dahdi.Signalling
}{
	{DAHDI_SIG_FXSLS, dahdi.SigFXSLS}, {DAHDI_SIG_FXSGS, dahdi.SigFXSGS}, {DAHDI_SIG_FXSKS, dahdi.SigFXSKS},
	{DAHDI_SIG_FXOLS, dahdi.SigFXOLS}, {DAHDI_SIG_FXOGS, dahdi.SigFXOGS}, {DAHDI_SIG_FXOKS, dahdi.SigFXOKS},
	{DAHDI_SIG_EM, dahdi.SigEM}, {DAHDI_SIG_SF, dahdi.SigSF}, {DAHDI_SIG_CLEAR, dahdi.SigClear},
}

func signallingBits(s dahdi.Signalling) (uint32, bool) {
	if s == dahdi.SigNone {
		return DAHDI_SIG_NONE, true
	}
	for _, e := range signallings {
		if e.name == s {
			return e.bits, true
		}
	}
	return 0, false
}

func signallingOf(bits uint32) dahdi.Signalling {
	if bits == DAHDI_SIG_NONE {
		return dahdi.SigNone
	}
	for _, e := range signallings {
		if e.bits == bits {
			return e.name
		}
	}
	return dahdi.SigOther
}

// capabilities lists what a channel can do. FXS and FXO signallings share their
// high bit, so each counts only if all of its bits are there.
func capabilities(bits uint32) []dahdi.Signalling {
	can := make([]dahdi.Signalling, 0, len(signallings))
	for _, e := range signallings {
		if bits&e.bits == e.bits {
			can = append(can, e.name)
		}
	}
	if bits != 0 && len(can) == 0 {
		can = append(can, dahdi.SigOther)
	}
	return can
}

// noAlarms is for the usual case, which a monitor sees all the time.
var noAlarms = []dahdi.Alarm{}

func alarms(bits uint32) []dahdi.Alarm {
	if bits == 0 {
		return noAlarms
	}
	list := []dahdi.Alarm{}
	for _, e := range []struct {
		bit  uint32
		name dahdi.Alarm
	}{
		{DAHDI_ALARM_RED, dahdi.AlarmRed}, {DAHDI_ALARM_YELLOW, dahdi.AlarmYellow}, {DAHDI_ALARM_BLUE, dahdi.AlarmBlue},
		{DAHDI_ALARM_LOOPBACK, dahdi.AlarmLoopback}, {DAHDI_ALARM_RECOVER, dahdi.AlarmRecovering}, {DAHDI_ALARM_NOTOPEN, dahdi.AlarmNotOpen},
	} {
		if bits&e.bit != 0 {
			list = append(list, e.name)
		}
	}
	return list
}

// The driver's own numbering of hook states (enum dahdi_rxsig and dahdi_txsig
// of its kernel header, which is not for programs; GET_PARAMS gives them out
// all the same). The fifth received state is "nothing heard yet".
var (
	rxHooks = []dahdi.Hook{dahdi.HookOn, dahdi.HookOff, dahdi.HookStart, dahdi.HookRing, dahdi.HookUnknown}
	txHooks = []dahdi.Hook{dahdi.HookOn, dahdi.HookOff, dahdi.HookStart, dahdi.HookKewl}
)

func hook(names []dahdi.Hook, n int32) dahdi.Hook {
	if n < 0 || int(n) >= len(names) {
		return dahdi.HookUnknown
	}
	return names[n]
}

func fromParams(p *params) dahdi.Params {
	law := dahdi.LawMu
	if p.Curlaw == DAHDI_LAW_ALAW {
		law = dahdi.LawA
	}
	return dahdi.Params{
		Channel: int(p.Channo), Span: int(p.Spanno), Position: int(p.Chanpos), Name: text(p.Name[:]),
		Signalling: signallingOf(uint32(p.Sigtype)), Can: capabilities(uint32(p.Sigcap)), Law: law,
		RxHook: hook(rxHooks, p.Rxhooksig), TxHook: hook(txHooks, p.Txhooksig), RxOffHook: p.Rxisoffhook != 0,
		RxBits: int(p.Rxbits), TxBits: int(p.Txbits), IdleBits: int(p.Idlebits), Alarms: alarms(p.ChanAlarms),
		PreWink: int(p.Prewinktime), PreFlash: int(p.Preflashtime), Wink: int(p.Winktime), Flash: int(p.Flashtime),
		Start: int(p.Starttime), RxWink: int(p.Rxwinktime), RxFlash: int(p.Rxflashtime), Debounce: int(p.Debouncetime),
		PulseBreak: int(p.Pulsebreaktime), PulseMake: int(p.Pulsemaketime), PulseAfter: int(p.Pulseaftertime),
		SigBits: uint32(p.Sigtype), CanBits: uint32(p.Sigcap),
	}
}

// encodeZone lays a zone out for DAHDI_LOADZONE: the header, then the elements.
func encodeZone(z dahdi.Zone) ([]byte, error) {
	defs, err := z.Definitions()
	if err != nil {
		return nil, err
	}
	cadence, err := z.Cadence()
	if err != nil {
		return nil, err
	}
	head := toneDefHeader{Count: int32(len(defs)), Zone: int32(z.Number), Ringcadence: cadence}
	if len(z.Name) >= len(head.Name) {
		return nil, fmt.Errorf("tone zone %s: name %q of more than %d bytes", z.Country, z.Name, len(head.Name)-1)
	}
	copy(head.Name[:], z.Name)
	buf := make([]byte, 0, int(unsafe.Sizeof(head))+len(defs)*int(unsafe.Sizeof(toneDef{})))
	buf, err = binary.Append(buf, binary.NativeEndian, &head)
	if err != nil {
		return nil, fmt.Errorf("tone zone %s: %w", z.Country, err)
	}
	for _, d := range defs {
		buf, err = binary.Append(buf, binary.NativeEndian, &toneDef{
			Tone: d.Tone, Next: d.Next, Samples: d.Samples, Shift: d.Shift,
			Fac1: d.Fac1, InitV21: d.InitV2First, InitV31: d.InitV3First,
			Fac2: d.Fac2, InitV22: d.InitV2Second, InitV32: d.InitV3Second, Modulate: d.Modulate,
		})
		if err != nil {
			return nil, fmt.Errorf("tone zone %s: %w", z.Country, err)
		}
	}
	return buf, nil
}

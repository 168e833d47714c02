package loop

import (
	"fmt"
	"strings"

	"switchroom/dahdi/tone"
)

// How a caller is announced.
const (
	StandardBell = "bell" // Bell 202, GR-30: after the first burst of ringing
	StandardV23  = "v23"  // V.23, EN 300 659-1
	StandardDTMF = "dtmf" // keys, D…C unless told otherwise
)

// CallerID is what a line sends before or between bursts of ringing.
type CallerID struct {
	tone.CallerID
	Standard    string  // StandardBell if empty
	Single      bool    // the single data message (date and number only) instead of the multiple one
	Before      bool    // before the first burst instead of after it
	Reversal    bool    // with Before: the polarity is reversed first
	Start, Stop byte    // StandardDTMF: the framing keys; 'D' and 'C' if 0
	Level       float64 // dBm0; 0 means the standard's
}

// signal makes what is heard.
func (c CallerID) signal() (tone.Generator, error) {
	modem := tone.Bell202
	switch c.Standard {
	case "", StandardBell:
	case StandardV23:
		modem = tone.V23
	case StandardDTMF:
		start, stop := c.Start, c.Stop
		if start == 0 {
			start = 'D'
		}
		if stop == 0 {
			stop = 'C'
		}
		keys, err := tone.DTMFCallerID(c.Number, start, stop)
		if err != nil {
			return nil, err
		}
		return tone.DTMF(keys, tone.DTMFOptions{OnMS: 70, OffMS: 70, Level: c.Level})
	default:
		return nil, fmt.Errorf("caller identification %q: want %s, %s or %s", c.Standard, StandardBell, StandardV23, StandardDTMF)
	}
	msg, err := c.MDMF()
	if c.Single {
		msg, err = c.SDMF()
	}
	if err != nil {
		return nil, err
	}
	return tone.FSK(modem, msg, tone.FSKOptions{Level: c.Level}), nil
}

// callerIDData is the particulars of a callerid event.
func callerIDData(standard string, c tone.CallerID) Data {
	d := Data{"standard": standard, "number": c.Number, "name": c.Name}
	if c.Month != 0 {
		d["time"] = fmt.Sprintf("%02d-%02d %02d:%02d", c.Month, c.Day, c.Hour, c.Minute)
	}
	if c.NoNumber != tone.Given {
		d["number_absent"] = c.NoNumber.String()
	}
	if c.NoName != tone.Given {
		d["name_absent"] = c.NoName.String()
	}
	if c.Called != "" {
		d["called"] = c.Called
	}
	if c.Waiting {
		d["message_waiting"] = c.Lamp
	}
	return d
}

// cidEar listens for caller identification while the handset is down.
type cidEar struct {
	fsk  *tone.FSKDecoder
	dtmf *tone.DTMFDetector
	keys string
	live bool // heard something since the last silence
}

// fresh begins anew, at a change of the line's state.
func (e *cidEar) fresh(t *Telephone) {
	if e.fsk != nil {
		e.fsk, e.dtmf, e.live = nil, nil, false
	}
}

// listen is given every frame heard on hook.
func (e *cidEar) listen(t *Telephone, loud bool) {
	if !loud {
		if e.live {
			e.fresh(t)
		}
		return
	}
	if e.fsk == nil {
		if t.quiet > 0 {
			return // nothing yet
		}
		e.fsk, e.dtmf, e.keys, e.live = tone.NewFSKDecoder(), tone.NewDTMFDetector(tone.DTMFLimits{}), "", true
	}
	for _, m := range e.fsk.Write(t.pcm[:]) {
		if m.Err != nil {
			t.emit("callerid-error", Data{"text": m.Err.Error(), "octets": len(m.Octets)})
			continue
		}
		c, err := tone.ParseCallerID(m.Octets)
		if err != nil {
			t.emit("callerid-error", Data{"text": err.Error(), "octets": len(m.Octets)})
			continue
		}
		t.emit("callerid", callerIDData(m.Modem, c))
	}
	for _, k := range e.dtmf.Write(t.pcm[:]) {
		if !k.Down {
			continue
		}
		if strings.IndexByte("ABD", k.Key) >= 0 && (e.keys == "" || k.Key == 'A') {
			e.keys = ""
		}
		if e.keys += string(k.Key); len(e.keys) > 64 {
			e.keys = e.keys[1:]
		}
		if k.Key == 'C' || k.Key == '#' {
			if c, ok := tone.ParseDTMFCallerID(e.keys); ok {
				t.emit("callerid", callerIDData(StandardDTMF, c))
			}
			e.keys = ""
		}
	}
}

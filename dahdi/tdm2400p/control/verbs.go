package control

import (
	"encoding/base64"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"switchroom/dahdi/tdm2400p"
	"switchroom/dahdi/tdm2400p/loop"
	"switchroom/dahdi/tone"
)

// none is the result of a verb that only does something.
type none struct{}

// act makes a verb of a kind of port from a function with arguments.
func act[A any](kind loop.Kind, f func(k *call, a A) error) verb {
	return ask(kind, func(k *call, a A) (any, error) { return none{}, f(k, a) })
}

// ask makes a verb with a result.
func ask[A any](kind loop.Kind, f func(k *call, a A) (any, error)) verb {
	return verb{kind: kind, port: true, run: func(k *call) (any, error) {
		var a A
		if err := k.args(&a); err != nil {
			return nil, err
		}
		return f(k, a)
	}}
}

// anywhere is ask for a verb that needs no port.
func anywhere[A any](f func(k *call, a A) (any, error)) verb {
	v := ask("", f)
	v.port = false
	return v
}

// verbs is the table of all that can be asked for.
func verbs() map[string]verb {
	table := map[string]verb{
		"info":     anywhere(info),
		"stats":    anywhere(stats),
		"pause":    anywhere(func(k *call, _ none) (any, error) { k.server.card(max(1, k.req.Port)).Pause(); return none{}, nil }),
		"resume":   anywhere(func(k *call, _ none) (any, error) { k.server.card(max(1, k.req.Port)).Resume(); return none{}, nil }),
		"fault":    anywhere(fault),
		"regs":     anywhere(regs),
		"trace":    anywhere(trace),
		"ports":    anywhere(ports),
		"routes":   anywhere(routes),
		"exchange": anywhere(exchange),
		"events":   anywhere(events),
		"watch":    anywhere(watch),
		"unwatch":  anywhere(func(k *call, _ none) (any, error) { k.setWatch(nil); return none{}, nil }),
		"wait":     {run: wait},

		"state":      ask("", func(k *call, _ none) (any, error) { return stateOf(k.port), nil }),
		"play":       act("", play),
		"stop":       act("", func(k *call, _ none) error { k.port.StopPlay(); return nil }),
		"record":     act("", func(k *call, a recordArgs) error { return k.port.Record(a.MaxMS) }),
		"stoprecord": act("", func(k *call, _ none) error { k.port.StopRecord(); return nil }),
		"recording":  ask("", recording),
		"attach":     ask("", func(k *call, _ none) (any, error) { k.attach = k.port.Attach(); return none{}, nil }),
	}
	telephoneVerbs(table)
	lineVerbs(table)
	return table
}

func telephoneVerbs(table map[string]verb) {
	table["offhook"] = act(loop.FXS, func(k *call, _ none) error { k.port.Telephone().OffHook(); return nil })
	table["onhook"] = act(loop.FXS, func(k *call, _ none) error { k.port.Telephone().OnHook(); return nil })
	table["flash"] = act(loop.FXS, func(k *call, a msArgs) error { return k.port.Telephone().Flash(a.MS) })
	table["dial"] = act(loop.FXS, func(k *call, a DialArgs) error {
		return k.port.Telephone().Dial(a.Digits, loop.DialOptions{Tag: a.Tag,
			DTMF: tone.DTMFOptions{OnMS: a.OnMS, OffMS: a.OffMS, Level: a.Level, Twist: a.Twist, Shift: a.Shift}})
	})
	table["pulse"] = act(loop.FXS, func(k *call, a PulseArgs) error {
		return k.port.Telephone().Pulse(a.Digits, loop.DialOptions{Tag: a.Tag, PPS: a.PPS, Break: a.Break, PauseMS: a.PauseMS})
	})
	table["wire"] = act(loop.FXS, func(k *call, a wireArgs) error {
		if a.To == 0 {
			return k.server.cfg.Plant.Unwire(k.port.Number())
		}
		return k.server.cfg.Plant.Wire(k.port.Number(), a.To)
	})
	table["load"] = act(loop.FXS, func(k *call, a loadArgs) error { return k.port.Telephone().SetLoad(a.State) })
}

func lineVerbs(table map[string]verb) {
	table["ring"] = act(loop.FXO, func(k *call, a RingArgs) error {
		opt, err := a.options()
		if err != nil {
			return &Error{Code: CodeBadRequest, Text: err.Error()}
		}
		return k.port.Line().Ring(opt)
	})
	table["stopring"] = act(loop.FXO, func(k *call, _ none) error { k.port.Line().StopRing(); return nil })
	table["hangup"] = act(loop.FXO, func(k *call, a hangupArgs) error {
		if a.How == "" {
			a.How = loop.HangupOpen
		}
		return k.port.Line().Hangup(a.How, a.MS)
	})
	table["battery"] = act(loop.FXO, func(k *call, a voltsArgs) error { return k.port.Line().Battery(a.Volts) })
	table["polarity"] = act(loop.FXO, func(k *call, a reversedArgs) error { k.port.Line().Polarity(a.Reversed); return nil })
	table["flashlimit"] = act(loop.FXO, func(k *call, a msArgs) error { return k.port.Line().SetFlash(a.MS) })
	table["answer"] = act("", func(k *call, a answerArgs) error {
		if phone := k.port.Telephone(); phone != nil {
			phone.OffHook()
			return nil
		}
		k.port.StopPlay()
		if a.Reversal {
			k.port.Line().Polarity(true)
		}
		return nil
	})
}

type msArgs struct {
	MS int `json:"ms,omitempty"`
}

type loadArgs struct {
	State loop.Load `json:"state"`
}

type wireArgs struct {
	To int `json:"to,omitempty"`
}

type hangupArgs struct {
	How string `json:"how,omitempty"`
	MS  int    `json:"ms,omitempty"`
}

type voltsArgs struct {
	Volts int `json:"volts"`
}

type reversedArgs struct {
	Reversed bool `json:"reversed"`
}

type answerArgs struct {
	Reversal bool `json:"reversal,omitempty"`
}

type recordArgs struct {
	MaxMS int `json:"max_ms,omitempty"`
}

// DialArgs say how digits are sent as tones; only Digits must be given.
type DialArgs struct {
	Digits string  `json:"digits"`           // 0-9 * # A-D, and w or a comma for half a second
	OnMS   int     `json:"on_ms,omitempty"`  // 80
	OffMS  int     `json:"off_ms,omitempty"` // 80
	Level  float64 `json:"level,omitempty"`  // of the low frequency, dBm0; -9
	Twist  float64 `json:"twist,omitempty"`  // high over low frequency, dB
	Shift  float64 `json:"shift,omitempty"`  // share by which the frequencies are off
	Tag    string  `json:"tag,omitempty"`
}

// PulseArgs say how digits are pulsed; only Digits must be given.
type PulseArgs struct {
	Digits  string  `json:"digits"`
	PPS     float64 `json:"pps,omitempty"`      // 10
	Break   float64 `json:"break,omitempty"`    // share of a pulse that is open; 0.6
	PauseMS int     `json:"pause_ms,omitempty"` // between digits; 700
	Tag     string  `json:"tag,omitempty"`
}

// RingArgs say how a line rings; all may be left out.
type RingArgs struct {
	CadenceMS []int         `json:"cadence_ms,omitempty"` // on, off, …; the country's
	Hz        int           `json:"hz,omitempty"`         // 20
	CallerID  *CallerIDArgs `json:"callerid,omitempty"`
}

// CallerIDArgs say how a caller is announced.
type CallerIDArgs struct {
	Number   string  `json:"number,omitempty"`
	Name     string  `json:"name,omitempty"`
	Time     string  `json:"time,omitempty"`      // "11-22 19:05"
	NoNumber string  `json:"no_number,omitempty"` // why there is none: O not available, P private
	NoName   string  `json:"no_name,omitempty"`
	Called   string  `json:"called,omitempty"`
	Standard string  `json:"standard,omitempty"` // bell, v23, dtmf; bell
	Single   bool    `json:"single,omitempty"`   // the single data message
	Before   bool    `json:"before,omitempty"`   // before the first burst
	Reversal bool    `json:"reversal,omitempty"` // with before: after a polarity reversal
	Start    string  `json:"start,omitempty"`    // framing keys of dtmf: D
	Stop     string  `json:"stop,omitempty"`     // C
	Level    float64 `json:"level,omitempty"`    // dBm0
}

func (a RingArgs) options() (loop.RingOptions, error) {
	opt := loop.RingOptions{CadenceMS: a.CadenceMS, Hz: a.Hz}
	c := a.CallerID
	if c == nil {
		return opt, nil
	}
	out := &loop.CallerID{Standard: c.Standard, Single: c.Single, Before: c.Before, Reversal: c.Reversal, Level: c.Level}
	out.Number, out.Name, out.Called = c.Number, c.Name, c.Called
	for _, one := range []struct {
		name, text string
		to         *byte
	}{{"start", c.Start, &out.Start}, {"stop", c.Stop, &out.Stop}, {"no_number", c.NoNumber, (*byte)(&out.NoNumber)}, {"no_name", c.NoName, (*byte)(&out.NoName)}} {
		switch len(one.text) {
		case 0:
		case 1:
			*one.to = one.text[0]
		default:
			return opt, fmt.Errorf("ring: %s %q: one character wanted", one.name, one.text)
		}
	}
	if c.Time != "" {
		t, err := parseTime(c.Time)
		if err != nil {
			return opt, err
		}
		out.Month, out.Day, out.Hour, out.Minute = t[0], t[1], t[2], t[3]
	}
	opt.CallerID = out
	return opt, nil
}

func parseTime(s string) (t [4]int, err error) {
	bad := fmt.Errorf("ring: time %q: want it like 11-22 19:05", s)
	parts := strings.FieldsFunc(s, func(r rune) bool { return r == '-' || r == ' ' || r == ':' })
	if len(parts) != 4 {
		return t, bad
	}
	for i, p := range parts {
		if t[i], err = strconv.Atoi(p); err != nil {
			return t, bad
		}
	}
	return t, nil
}

// PlayArgs say what is played: one of the first seven.
type PlayArgs struct {
	Tone    string    `json:"tone,omitempty"` // a call-progress tone of the plant's country
	Hz      []float64 `json:"hz,omitempty"`   // up to four frequencies
	DTMF    string    `json:"dtmf,omitempty"`
	Silence bool      `json:"silence,omitempty"`
	Samples []byte    `json:"samples,omitempty"` // s16le at 8,000/s
	Wire    []byte    `json:"wire,omitempty"`    // G.711 in the port's companding

	Level float64 `json:"level,omitempty"` // dBm0; -10
	MS    int     `json:"ms,omitempty"`
	Tag   string  `json:"tag,omitempty"`
}

// defaultPlayMS is how long what has no end is played.
const defaultPlayMS = 10_000

func play(k *call, a PlayArgs) error {
	bad := func(format string, v ...any) error {
		return &Error{Code: CodeBadRequest, Text: "play: " + fmt.Sprintf(format, v...)}
	}
	if a.Level == 0 {
		a.Level = -10
	}
	if a.Level < -80 || a.Level > 3 || math.IsNaN(a.Level) {
		return bad("a level of %g dBm0", a.Level)
	}
	ms := a.MS
	if ms == 0 {
		ms = defaultPlayMS
	}
	given := 0
	for _, is := range []bool{a.Tone != "", len(a.Hz) > 0, a.DTMF != "", a.Silence, len(a.Samples) > 0, len(a.Wire) > 0} {
		if is {
			given++
		}
	}
	if given != 1 {
		return bad("exactly one of tone, hz, dtmf, silence, samples and wire")
	}
	var g tone.Generator
	switch {
	case a.Tone != "":
		t, ok := k.server.cfg.Plant.Zone().Tone(tone.Name(a.Tone))
		if !ok {
			return bad("no tone %q in %s", a.Tone, k.server.cfg.Plant.Zone().Country)
		}
		g = t.Play(a.Level, ms)
	case len(a.Hz) > 0:
		for _, f := range a.Hz {
			if !(f > 0 && f < tone.Rate/2) || len(a.Hz) > 4 {
				return bad("up to four frequencies below 4000 Hz")
			}
		}
		g = tone.Sines(a.Level, ms, a.Hz...)
	case a.DTMF != "":
		var err error
		if g, err = tone.DTMF(a.DTMF, tone.DTMFOptions{Level: a.Level}); err != nil {
			return bad("%v", err)
		}
	case a.Silence:
		g = tone.Silence(ms)
	case len(a.Wire) > 0:
		g = tone.Samples(k.port.Law().DecodeAll(nil, a.Wire))
	default:
		if len(a.Samples)%2 != 0 {
			return bad("half a sample")
		}
		pcm := make([]int16, len(a.Samples)/2)
		for i := range pcm {
			pcm[i] = int16(uint16(a.Samples[2*i]) | uint16(a.Samples[2*i+1])<<8)
		}
		g = tone.Samples(pcm)
	}
	k.port.Play(g, a.Tag)
	return nil
}

// maxRecording is how much of a recording fits a reply, ms.
const maxRecording = 60_000

type recordingArgs struct {
	From uint64 `json:"from,omitempty"`
	To   uint64 `json:"to,omitempty"`
}

type recordingResult struct {
	From uint64 `json:"from"`
	To   uint64 `json:"to"`
	Law  string `json:"law"`
	Wire string `json:"wire"`
}

func recording(k *call, a recordingArgs) (any, error) {
	r, err := k.port.Recording(a.From, a.To, maxRecording)
	if err != nil {
		return nil, err
	}
	return recordingResult{From: r.From, To: r.To, Law: r.Law.String(), Wire: base64.StdEncoding.EncodeToString(r.Wire)}, nil
}

type eventsArgs struct {
	Since uint64 `json:"since,omitempty"`
	Limit int    `json:"limit,omitempty"`
}

type eventsResult struct {
	Events []loop.Event `json:"events"`
}

func events(k *call, a eventsArgs) (any, error) {
	all := k.server.cfg.Plant.Events(k.req.Port)
	all = slices.DeleteFunc(all, func(e loop.Event) bool { return e.Frame < a.Since })
	if a.Limit <= 0 || a.Limit > 1000 {
		a.Limit = 1000
	}
	return eventsResult{Events: all[max(0, len(all)-a.Limit):]}, nil
}

type watchArgs struct {
	Ports  []int    `json:"ports,omitempty"`
	Events []string `json:"events,omitempty"`
}

func watch(k *call, a watchArgs) (any, error) {
	k.setWatch(nil)
	k.setWatch(k.server.cfg.Plant.Watch(0, nil, func(e loop.Event) bool {
		if (len(a.Ports) == 0 || slices.Contains(a.Ports, e.Port)) && (len(a.Events) == 0 || slices.Contains(a.Events, e.Name)) {
			k.event(e)
		}
		return true
	}))
	return none{}, nil
}

// setWatch ends the watch there is and remembers how to end the new one.
func (c *client) setWatch(cancel func()) {
	c.mu.Lock()
	old := c.unwatch
	c.unwatch = cancel
	gone := c.pending == nil
	c.mu.Unlock()
	if old != nil {
		old()
	}
	if gone && cancel != nil {
		cancel()
	}
}

// PortState is what is known of a port.
type PortState struct {
	Port  int                  `json:"port"`
	Kind  loop.Kind            `json:"kind"`
	Phone *loop.TelephoneState `json:"phone,omitempty"`
	Line  *loop.LineState      `json:"line,omitempty"`
}

func stateOf(p *loop.Port) PortState {
	s := PortState{Port: p.Number(), Kind: p.Kind()}
	if t := p.Telephone(); t != nil {
		state := t.State()
		s.Phone = &state
	}
	if l := p.Line(); l != nil {
		state := l.State()
		s.Line = &state
	}
	return s
}

type portsResult struct {
	Ports []PortState `json:"ports"`
}

func ports(k *call, _ none) (any, error) {
	var out portsResult
	for _, p := range k.server.cfg.Plant.Ports() {
		out.Ports = append(out.Ports, stateOf(p))
	}
	return out, nil
}

type routesArgs struct {
	Set *[]loop.Route `json:"set,omitempty"`
}

type routesResult struct {
	Routes []loop.Route `json:"routes"`
}

func routes(k *call, a routesArgs) (any, error) {
	x := k.server.cfg.Exchange
	if x == nil {
		return nil, &Error{Code: CodeFailed, Text: "there is no exchange"}
	}
	if a.Set != nil {
		if err := x.SetRoutes(*a.Set); err != nil {
			return nil, &Error{Code: CodeBadRequest, Text: err.Error()}
		}
	}
	return routesResult{Routes: x.Routes()}, nil
}

type exchangeArgs struct {
	CallerID string `json:"callerid"`
}

func exchange(k *call, a exchangeArgs) (any, error) {
	x := k.server.cfg.Exchange
	if x == nil {
		return nil, &Error{Code: CodeFailed, Text: "there is no exchange"}
	}
	if err := x.SetCallerID(a.CallerID); err != nil {
		return nil, &Error{Code: CodeBadRequest, Text: err.Error()}
	}
	return none{}, nil
}

// Info is what a server says of itself.
type Info struct {
	Country string     `json:"country"`
	Cards   []CardInfo `json:"cards"`
	Seq     uint64     `json:"seq"` // of the last event
}

// CardInfo is what a server says of a card.
type CardInfo struct {
	Ports string `json:"ports"` // like fxs:1-12,fxo:13-24, numbered through
	Frame uint64 `json:"frame"`
	VPM   bool   `json:"vpm"`
}

func info(k *call, _ none) (any, error) {
	out := Info{Country: k.server.cfg.Plant.Zone().Country, Seq: k.server.cfg.Plant.Seq()}
	for i, c := range k.server.cfg.Cards {
		out.Cards = append(out.Cards, CardInfo{Ports: FormatPorts(c.Config().Ports, i*loop.PortsPerCard), Frame: c.Frames(), VPM: c.Config().VPMOCT032})
	}
	return out, nil
}

// Stats are a card's counters; see [tdm2400p.Stats].
type Stats struct {
	Frames    uint64 `json:"frames"`
	Stalls    uint64 `json:"stalls"`
	Lost      uint64 `json:"lost"`
	Refires   uint64 `json:"refires"`
	Underruns uint64 `json:"underruns"`
	Dropped   uint64 `json:"dropped"`
	BusErrors uint64 `json:"bus_errors"`
	Resets    uint64 `json:"resets"`
}

func stats(k *call, _ none) (any, error) {
	return Stats(k.server.card(max(1, k.req.Port)).Stats()), nil
}

// FaultArgs are a fault; see [tdm2400p.Fault]. Its port is the request's.
type FaultArgs struct {
	Kind     tdm2400p.FaultKind `json:"kind"`
	Clear    bool               `json:"clear,omitempty"`
	Count    int                `json:"count,omitempty"`
	Register uint8              `json:"register,omitempty"`
	Mask     uint8              `json:"mask,omitempty"`
}

func fault(k *call, a FaultArgs) (any, error) {
	return none{}, k.card(func(m *tdm2400p.Moment, port int) error {
		return m.Fault(tdm2400p.Fault{Kind: a.Kind, Port: port, Clear: a.Clear, Count: a.Count, Register: a.Register, Mask: a.Mask})
	})
}

// Registers are what a port's module holds; see [tdm2400p.Registers].
type Registers struct {
	Kind     string   `json:"kind"`
	Direct   []int    `json:"direct"`
	Indirect []uint16 `json:"indirect,omitempty"`
	Audio    bool     `json:"audio"`
	ALaw     bool     `json:"alaw"`
	TxSlot   int      `json:"tx_slot"`
	RxSlot   int      `json:"rx_slot"`
}

func regs(k *call, _ none) (any, error) {
	var out Registers
	err := k.card(func(m *tdm2400p.Moment, port int) error {
		r, err := m.Registers(port)
		if err != nil {
			return err
		}
		out = Registers{Kind: r.Kind.String(), Indirect: r.Indirect, Audio: r.Audio, ALaw: r.ALaw, TxSlot: int(r.TxSlot), RxSlot: int(r.RxSlot)}
		for _, v := range r.Direct {
			out.Direct = append(out.Direct, int(v))
		}
		return nil
	})
	return out, err
}

type traceArgs struct {
	On     bool `json:"on"`
	Filler bool `json:"filler,omitempty"` // the commands that only keep the bus busy too
}

func trace(k *call, a traceArgs) (any, error) {
	fn := func(s tdm2400p.SPI) {
		if s.Eframe == 0 && !a.Filler {
			return
		}
		k.event(loop.Event{Frame: s.Frame, Port: k.req.Port, Name: "spi", Data: loop.Data{
			"eframe": s.Eframe, "raw": fmt.Sprintf("%x", s.Raw), "read": s.Read, "register": int(s.Register), "value": int(s.Value), "foreign": s.Foreign}})
	}
	if !a.On {
		fn = nil
	}
	err := k.card(func(m *tdm2400p.Moment, port int) error { return m.Trace(port, fn) })
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.traces != nil {
		if delete(k.traces, k.req.Port); a.On {
			k.traces[k.req.Port] = k.server.card(k.req.Port)
		}
	}
	return none{}, nil
}

package loop

import (
	"fmt"
	"strings"

	"switchroom/dahdi/tone"
)

// What a scripted far end does once it has answered.
const (
	ThenSilence = "silence"
	ThenEcho    = "echo" // sends back what it hears
	ThenTone    = "tone" // Route.Hz at Route.Level
)

// Route says where a number leads.
type Route struct {
	// Number is matched digit by digit; X stands for any digit, Z for 1 to 9, a
	// full stop at the end for one digit or more of whatever kind.
	Number string `json:"number"`

	To         int  `json:"to,omitempty"`         // the line at this port, ringing it
	Busy       bool `json:"busy,omitempty"`       // is busy
	Congestion bool `json:"congestion,omitempty"` // can't be had

	// A scripted far end, when none of those is set:
	AnswerMS int     `json:"answer_ms,omitempty"` // rings so long before it answers; negative: never answers
	Then     string  `json:"then,omitempty"`      // ThenSilence if empty
	Hz       float64 `json:"hz,omitempty"`        // of ThenTone; 1004
	Level    float64 `json:"level,omitempty"`     // of ThenTone, dBm0; -10
	HangupMS int     `json:"hangup_ms,omitempty"` // hangs up so long after the answer; 0: never

	Reversal bool   `json:"reversal,omitempty"` // the answer reverses the caller's polarity
	Hangup   string `json:"hangup,omitempty"`   // how the far end's hang-up shows; HangupOpen
}

func (r Route) check() error {
	if r.Number == "" || len(r.Number) > 32 || strings.Trim(strings.TrimSuffix(r.Number, "."), "0123456789*#ABCDXZ") != "" {
		return fmt.Errorf("route %q: a number is up to 32 of 0-9 * # A-D X Z, then perhaps a full stop", r.Number)
	}
	switch r.Then {
	case "", ThenSilence, ThenEcho, ThenTone:
	default:
		return fmt.Errorf("route %s: %q is no behaviour: want %s, %s or %s", r.Number, r.Then, ThenSilence, ThenEcho, ThenTone)
	}
	switch r.Hangup {
	case "", HangupOpen, HangupBusy, HangupReversal:
	default:
		return fmt.Errorf("route %s: hang-up by %q: want %s, %s or %s", r.Number, r.Hangup, HangupOpen, HangupBusy, HangupReversal)
	}
	if r.AnswerMS > 3_600_000 || r.HangupMS < 0 || r.HangupMS > 3_600_000 || r.Hz < 0 || r.Hz >= tone.Rate/2 || r.Level > 3 || r.Level < -80 {
		return fmt.Errorf("route %s: times go to an hour, tones to 4000 Hz, levels from -80 to 3 dBm0", r.Number)
	}
	return nil
}

// match tells whether digits are the route's number, and whether more digits
// could make them so.
func (r Route) match(digits string) (whole, part bool) {
	pattern, open := strings.CutSuffix(r.Number, ".")
	for i := range len(digits) {
		if i >= len(pattern) {
			return open, open
		}
		d := digits[i]
		switch c := pattern[i]; {
		case c == d:
		case c == 'X' && d >= '0' && d <= '9':
		case c == 'Z' && d >= '1' && d <= '9':
		default:
			return false, false
		}
	}
	if len(digits) < len(pattern) {
		return false, true
	}
	return !open, open
}

// Times of the exchange, ms.
const (
	firstDigitMS = 20_000
	nextDigitMS  = 4_000
	routingMS    = 300
)

// Exchange gives lines dial tone, collects their digits and connects them. It
// has its own numbers for the lines, and routes.
type Exchange struct {
	plant  *Plant
	routes []Route
	lines  map[*Line]*subscription
	cid    string // how callers are announced to lines
}

// subscription is a line as the exchange sees it.
type subscription struct {
	number string
	state  string // "" is idle
	digits string
	route  Route
	peer   *Line
	timer  *action
}

// The states of a call, as the "call" event has them.
const (
	callDialtone   = "dialtone"
	callCollecting = "collecting"
	callRouting    = "routing"
	callRinging    = "ringing" // the far end is called
	callOffered    = "offered" // this line is called
	callConnected  = "connected"
	callBusy       = "busy"
	callCongestion = "congestion"
	callReleased   = "released"
)

// NewExchange makes an exchange without lines.
func (p *Plant) NewExchange() *Exchange {
	return &Exchange{plant: p, lines: map[*Line]*subscription{}, cid: StandardBell}
}

// Connect puts a line on the exchange, under a number that callers see.
func (x *Exchange) Connect(l *Line, number string) {
	x.plant.mu.Lock()
	defer x.plant.mu.Unlock()
	x.lines[l] = &subscription{number: number}
	l.exchange, l.user = x, x
}

// SetRoutes replaces the routes; the first that matches counts. At most 256.
func (x *Exchange) SetRoutes(routes []Route) error {
	if len(routes) > 256 {
		return fmt.Errorf("%d routes: 256 can be had", len(routes))
	}
	for _, r := range routes {
		if err := r.check(); err != nil {
			return err
		}
	}
	x.plant.mu.Lock()
	defer x.plant.mu.Unlock()
	x.routes = append([]Route(nil), routes...)
	return nil
}

// Routes gives the present routes.
func (x *Exchange) Routes() []Route {
	x.plant.mu.Lock()
	defer x.plant.mu.Unlock()
	return append([]Route(nil), x.routes...)
}

// SetCallerID says how called lines are told who calls: a standard, or "" for
// not at all.
func (x *Exchange) SetCallerID(standard string) error {
	switch standard {
	case "", StandardBell, StandardV23, StandardDTMF:
	default:
		return fmt.Errorf("caller identification %q: want %s, %s or %s", standard, StandardBell, StandardV23, StandardDTMF)
	}
	x.plant.mu.Lock()
	defer x.plant.mu.Unlock()
	x.cid = standard
	return nil
}

func (x *Exchange) state(l *Line) string { return x.lines[l].state }

// enter changes a line's state and says so.
func (x *Exchange) enter(l *Line, state string, more Data) {
	s := x.lines[l]
	if s.timer != nil {
		s.timer.off, s.timer = true, nil
	}
	s.state = state
	d := Data{"state": state}
	for k, v := range more {
		d[k] = v
	}
	l.emit("call", d)
}

func (x *Exchange) timer(l *Line, ms int, f func()) {
	x.lines[l].timer = l.after(ms, f)
}

// tone replaces what the line hears by a tone of the country.
func (x *Exchange) tone(l *Line, n tone.Name) {
	l.stopPlay()
	l.playTone(n)
}

func (x *Exchange) seize(l *Line) {
	s := x.lines[l]
	s.digits, s.peer = "", nil
	x.enter(l, callDialtone, nil)
	x.tone(l, tone.Dial)
	x.timer(l, firstDigitMS, func() { x.fail(l, callCongestion, tone.Congestion) })
}

func (x *Exchange) fail(l *Line, state string, n tone.Name) {
	x.enter(l, state, Data{"number": x.lines[l].digits})
	x.tone(l, n)
}

func (x *Exchange) key(l *Line, d byte) {
	s := x.lines[l]
	if s.state != callDialtone && s.state != callCollecting {
		return
	}
	if s.digits += string(d); len(s.digits) == 1 {
		l.stopPlay()
	}
	x.enter(l, callCollecting, Data{"number": s.digits})
	whole, part := -1, false
	for i, r := range x.routes {
		w, p := r.match(s.digits)
		if w && whole < 0 {
			whole = i
		}
		part = part || p
	}
	switch {
	case whole >= 0 && !part:
		x.route(l, x.routes[whole])
	case whole < 0 && !part:
		x.fail(l, callCongestion, tone.Congestion)
	default:
		x.timer(l, nextDigitMS, func() {
			if whole >= 0 {
				x.route(l, x.routes[whole])
				return
			}
			x.fail(l, callCongestion, tone.Congestion)
		})
	}
}

func (x *Exchange) route(l *Line, r Route) {
	s := x.lines[l]
	s.route = r
	x.enter(l, callRouting, Data{"number": s.digits})
	x.timer(l, routingMS, func() {
		switch {
		case r.Busy:
			x.fail(l, callBusy, tone.Busy)
		case r.Congestion:
			x.fail(l, callCongestion, tone.Congestion)
		case r.To != 0:
			x.call(l, r.To)
		default:
			x.enter(l, callRinging, Data{"number": s.digits})
			x.tone(l, tone.Ringback)
			if r.AnswerMS >= 0 {
				x.timer(l, r.AnswerMS, func() { x.farAnswers(l) })
			}
		}
	})
}

// farAnswers begins the script of a far end.
func (x *Exchange) farAnswers(l *Line) {
	s := x.lines[l]
	r := s.route
	l.stopPlay()
	x.enter(l, callConnected, Data{"number": s.digits})
	if r.Reversal {
		l.polarity(true)
	}
	switch r.Then {
	case ThenEcho:
		l.connect(l.Port)
	case ThenTone:
		hz, level := r.Hz, r.Level
		if hz == 0 {
			hz = 1004
		}
		if level == 0 {
			level = -10
		}
		l.play(tone.Sines(level, -1, hz), "", nil)
	}
	if r.HangupMS > 0 {
		x.timer(l, r.HangupMS, func() { x.farHangsUp(l) })
	}
}

// farHangsUp shows a far end's hang-up to the line that is left.
func (x *Exchange) farHangsUp(l *Line) {
	s := x.lines[l]
	how := s.route.Hangup
	if how == "" {
		how = HangupOpen
	}
	l.connect(nil)
	s.peer = nil
	x.enter(l, callReleased, Data{"by": "far"})
	// The kinds of hang-up were checked with the route.
	if err := l.hangup(how, 800); err != nil {
		l.plant.cfg.Log.Error("exchange: hanging up", "port", l.number, "error", err)
	}
}

// call rings another line of the exchange.
func (x *Exchange) call(l *Line, port int) {
	s := x.lines[l]
	var to *Line
	if p := x.plant.ports[port]; p != nil {
		to = p.line
	}
	if to == nil || x.lines[to] == nil {
		x.fail(l, callCongestion, tone.Congestion)
		return
	}
	opt := RingOptions{}
	if x.cid != "" && s.number != "" {
		opt.CallerID = &CallerID{CallerID: tone.CallerID{Number: s.number}, Standard: x.cid}
	}
	if x.lines[to].state != "" || to.startRing(opt) != nil {
		x.fail(l, callBusy, tone.Busy)
		return
	}
	s.peer = to
	t := x.lines[to]
	t.peer, t.route = l, Route{Hangup: s.route.Hangup}
	x.enter(l, callRinging, Data{"number": s.digits, "to": port})
	x.enter(to, callOffered, Data{"number": s.number, "from": l.number})
	x.tone(l, tone.Ringback)
}

func (x *Exchange) answered(l *Line) {
	s := x.lines[l]
	if s.state != callOffered || s.peer == nil {
		return // offered by hand, not by the exchange
	}
	caller := s.peer
	caller.stopPlay()
	if x.lines[caller].route.Reversal {
		caller.polarity(true)
	}
	x.enter(caller, callConnected, Data{"to": l.number})
	x.enter(l, callConnected, Data{"from": caller.number})
	caller.connect(l.Port)
	l.connect(caller.Port)
}

func (x *Exchange) release(l *Line) {
	s := x.lines[l]
	if s.state == "" {
		return
	}
	x.enter(l, callReleased, Data{"by": "near"})
	s.state = ""
	l.connect(nil)
	l.polarity(false)
	peer := s.peer
	if s.peer = nil; peer == nil {
		return
	}
	t := x.lines[peer]
	if t.state == callOffered {
		t.peer = nil
		x.enter(peer, callReleased, Data{"by": "far"})
		t.state = ""
		if peer.ring != nil {
			peer.ringEnd("stopped")
		}
		return
	}
	x.farHangsUp(peer)
}

func (x *Exchange) hook(*Line) {}

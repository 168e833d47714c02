package control

import (
	"encoding/json"
	"errors"
	"fmt"

	"switchroom/dahdi/tdm2400p"
	"switchroom/dahdi/tdm2400p/loop"
)

// verb is something a client can ask for.
type verb struct {
	kind loop.Kind // the kind of port it needs; "" if any
	port bool      // it needs a port
	run  func(*call) (result any, err error)
}

// call is a request being done.
type call struct {
	*client
	req    request
	port   *loop.Port       // nil if the verb needs none and none was named
	moment *tdm2400p.Moment // not nil if it is done on the card's goroutine
}

// errLater is returned by a verb that replies by itself.
var errLater = errors.New("later")

// handle does a request, now or when its time has come.
func (c *client) handle(req request) {
	fail := func(code string, err error) {
		c.send(reply{ID: req.ID, Frame: c.server.cfg.Plant.Frame(max(1, req.Port)), Error: &Error{Code: code, Text: err.Error()}})
	}
	v, ok := c.server.verbs[req.Do]
	if !ok {
		fail(CodeBadRequest, fmt.Errorf("there is no verb %q", req.Do))
		return
	}
	k := &call{client: c, req: req}
	if req.Port != 0 {
		k.port = c.server.cfg.Plant.Port(req.Port)
		if c.server.card(req.Port) == nil {
			fail(CodeNoPort, fmt.Errorf("there is no port %d", req.Port))
			return
		}
	}
	if v.port && (k.port == nil || (v.kind != "" && k.port.Kind() != v.kind)) {
		what := "nothing"
		if k.port != nil {
			what = string(k.port.Kind())
		}
		need := "a telephone or a line"
		if v.kind != "" {
			need = "an " + string(v.kind) + " port"
		}
		fail(CodeNoPort, fmt.Errorf("%s needs %s; port %d is %s", req.Do, need, req.Port, what))
		return
	}
	if req.At == 0 && req.After == 0 {
		k.do(v)
		return
	}
	if req.Do == "attach" {
		fail(CodeBadRequest, errors.New("attach can't be put off"))
		return
	}
	card := c.server.card(max(1, req.Port))
	frame := req.At
	if req.After != 0 {
		frame = card.Frames() + req.After
	}
	done, ok := c.begin()
	if !ok {
		fail(CodeFailed, fmt.Errorf("%d requests are under way already", maxPending))
		return
	}
	cancel := card.At(frame, func(m *tdm2400p.Moment) {
		done(nil)
		k.moment = m
		k.do(v)
	})
	done(func() { cancel() })
}

// do runs the verb and replies.
func (k *call) do(v verb) {
	result, err := v.run(k)
	if errors.Is(err, errLater) {
		return
	}
	k.finish(result, err)
}

// finish replies with a result or an error.
func (k *call) finish(result any, err error) {
	r := reply{ID: k.req.ID, Frame: k.server.cfg.Plant.Frame(max(1, k.req.Port))}
	if err == nil {
		r.Result, err = json.Marshal(result)
	}
	if err != nil {
		var e *Error
		if !errors.As(err, &e) {
			e = &Error{Code: CodeFailed, Text: err.Error()}
		}
		r.Error, r.Result = e, nil
	}
	k.send(r)
}

// args decodes the request's arguments.
func (k *call) args(v any) error {
	if len(k.req.Args) == 0 {
		return nil
	}
	if err := strict(k.req.Args, v); err != nil {
		return &Error{Code: CodeBadRequest, Text: fmt.Sprintf("%s: args: %v", k.req.Do, err)}
	}
	return nil
}

// card runs f between two frames of the request's card.
func (k *call) card(f func(m *tdm2400p.Moment, port int) error) (err error) {
	port := 0
	if k.req.Port != 0 {
		port = (k.req.Port-1)%loop.PortsPerCard + 1
	}
	if k.moment != nil {
		return f(k.moment, port)
	}
	k.server.card(max(1, k.req.Port)).Do(func(m *tdm2400p.Moment) { err = f(m, port) })
	return err
}

// card finds the card of a port.
func (s *Server) card(port int) *tdm2400p.Card {
	i := (port - 1) / loop.PortsPerCard
	if i < 0 || i >= len(s.cfg.Cards) {
		return nil
	}
	return s.cfg.Cards[i]
}

// begin counts something under way; ok is false if there is too much. update
// is told how to take it back, and with nil that it is over; the two may come
// in either order.
func (c *client) begin() (update func(cancel func()), ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.pending) >= maxPending || c.pending == nil {
		return nil, false
	}
	c.next++
	id := c.next
	c.pending[id] = func() {}
	return func(cancel func()) {
		c.mu.Lock()
		gone := c.pending == nil
		if _, there := c.pending[id]; there {
			if cancel == nil {
				delete(c.pending, id)
			} else {
				c.pending[id] = cancel
			}
		}
		c.mu.Unlock()
		if gone && cancel != nil {
			cancel() // the client left meanwhile
		}
	}, true
}

// waitArgs are those of wait.
type waitArgs struct {
	Event     string  `json:"event"`
	Match     Match   `json:"match,omitempty"`
	TimeoutMS int     `json:"timeout_ms,omitempty"`
	Since     *uint64 `json:"since,omitempty"` // nil: does not look back
	AfterSeq  *uint64 `json:"after_seq,omitempty"`
}

// dumpEvents is how many events a time-out tells.
const dumpEvents = 50

// wait replies when an event comes, or its time is over.
func wait(k *call) (any, error) {
	a := waitArgs{}
	if err := k.args(&a); err != nil {
		return nil, err
	}
	if a.TimeoutMS == 0 {
		a.TimeoutMS = 10_000
	}
	if a.Event == "" || a.TimeoutMS < 0 || a.TimeoutMS > 86_400_000 {
		return nil, &Error{Code: CodeBadRequest, Text: "wait: an event, and a time-out of up to a day, are needed"}
	}
	if err := a.Match.check(); err != nil {
		return nil, &Error{Code: CodeBadRequest, Text: "wait: " + err.Error()}
	}
	fits := func(e loop.Event) bool { return e.Name == a.Event && a.Match.matches(e.Data) }

	update, ok := k.begin()
	if !ok {
		return nil, fmt.Errorf("wait: %d requests are under way already", maxPending)
	}
	// Once is who comes first: the event, the time-out, or the client's end.
	var found *loop.Event
	take := k.once1()
	look := func(e loop.Event) bool {
		if found == nil && (a.AfterSeq == nil || e.Seq > *a.AfterSeq) && (a.Since == nil || e.Frame >= *a.Since) && fits(e) && take() {
			found = &e
		}
		return found == nil
	}
	if a.Since == nil && a.AfterSeq == nil {
		look = nil
	}
	plant := k.server.cfg.Plant
	unwatch := plant.Watch(k.req.Port, look, func(e loop.Event) bool {
		if !fits(e) {
			return true
		}
		if take() {
			update(nil)
			k.answer(e)
		}
		return false
	})
	if found != nil {
		update(nil)
		k.answer(*found)
		return nil, errLater
	}
	at := max(1, k.req.Port)
	unschedule := plant.Schedule(at, plant.Frame(at)+uint64(a.TimeoutMS), func() {
		unwatch()
		if !take() {
			return
		}
		update(nil)
		events := plant.Events(k.req.Port)
		events = events[max(0, len(events)-dumpEvents):]
		k.finish(nil, &Error{Code: CodeTimeout, Events: events,
			Text: fmt.Sprintf("port %d: no %s %s within %d ms", k.req.Port, a.Event, describe(a.Match), a.TimeoutMS)})
	})
	update(func() {
		take()
		unwatch()
		unschedule()
	})
	return nil, errLater
}

func describe(m Match) string {
	if len(m) == 0 {
		return "event"
	}
	text, err := json.Marshal(m)
	if err != nil {
		return fmt.Sprint(map[string]any(m))
	}
	return string(text)
}

// answer replies with an event. Its frame is the event's, so that the plant,
// which may be locked, is not asked.
func (k *call) answer(e loop.Event) {
	r := reply{ID: k.req.ID, Frame: e.Frame}
	var err error
	if r.Result, err = json.Marshal(e); err != nil {
		r.Error = &Error{Code: CodeFailed, Text: err.Error()}
	}
	k.send(r)
}

// once1 gives a function that is true the first time it is called.
func (k *call) once1() func() bool {
	done := false
	return func() bool {
		k.mu.Lock()
		defer k.mu.Unlock()
		first := !done
		done = true
		return first
	}
}

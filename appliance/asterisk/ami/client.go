package ami

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"time"
)

// Errors of [Client.Do] and [Client.List].
var (
	// ErrDown: there is no connection, or Asterisk has not booted. Nothing was
	// sent.
	ErrDown = errors.New("ami: not connected to Asterisk")
	// ErrBroken: the connection broke after the action was sent. Whether it
	// was done is not known.
	ErrBroken = errors.New("ami: the connection broke before the answer")
)

// Refused is Asterisk's answer to an action that it did not do.
type Refused struct {
	Action string
	Reason string // in Asterisk's words
}

func (r *Refused) Error() string { return "Asterisk refused " + r.Action + ": " + r.Reason }

// Login is how a client makes itself known.
type Login struct {
	User, Secret string
	// Events are the classes of events that Asterisk should send: "on" (also
	// if empty: those that the user may read), "off", or a list such as
	// "call,agent". Without `system` there is no FullyBooted, which is waited
	// for.
	Events string
}

// Config is what a [Client] needs. Only Dial and Login have no default.
type Config struct {
	// Dial connects to Asterisk.
	Dial func(context.Context) (net.Conn, error)
	// Login is asked before every log-in, since secrets change.
	Login func(context.Context) (Login, error)
	Log   *slog.Logger

	Timeout    time.Duration // of an action whose context has no deadline, and of a write: 10 s
	KeepAlive  time.Duration // how often Asterisk is asked whether it is there: 15 s
	MinBackoff time.Duration // until the first new attempt: 50 ms; doubled every time
	MaxBackoff time.Duration // and at most: 5 s
	MaxMessage int           // see [NewParser]
	MaxList    int           // the longest list, in bytes: 64 MiB
}

// A Client keeps a connection to Asterisk. Its methods may be called by any
// number of goroutines.
type Client struct {
	cfg Config

	mu      sync.Mutex
	sess    *session // nil while there is none
	up      bool
	changed chan struct{} // closed when up or sess changes
	subs    map[*Subscription]struct{}
	lastID  uint64
	fault   error // why there is no connection
}

// New makes a client. It connects when [Client.Run] is called.
func New(cfg Config) *Client {
	def := func(d *time.Duration, to time.Duration) {
		if *d <= 0 {
			*d = to
		}
	}
	def(&cfg.Timeout, 10*time.Second)
	def(&cfg.KeepAlive, 15*time.Second)
	def(&cfg.MinBackoff, 50*time.Millisecond)
	def(&cfg.MaxBackoff, 5*time.Second)
	if cfg.MaxList <= 0 {
		cfg.MaxList = 64 << 20
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Client{cfg: cfg, changed: make(chan struct{}), subs: map[*Subscription]struct{}{}}
}

// DialTCP connects to an address such as 127.0.0.1:5038.
func DialTCP(address string) func(context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) {
		return (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "tcp", address)
	}
}

// DefaultQueue is the bound of a subscription's queue, in bytes: some seconds
// of a very busy Asterisk.
const DefaultQueue = 16 << 20

// Subscribe returns a queue of the events with these names, or of all. limit
// is its bound in bytes (0: [DefaultQueue]). If the client is up, the first
// item says so.
func (c *Client) Subscribe(limit int, events ...string) *Subscription {
	if limit <= 0 {
		limit = DefaultQueue
	}
	s := &Subscription{limit: limit, wake: make(chan struct{}, 1)}
	if len(events) > 0 {
		s.events = make(map[string]bool, len(events))
		for _, e := range events {
			s.events[e] = true
		}
	}
	s.close = func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.subs, s)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.subs[s] = struct{}{}
	if c.up {
		s.control(Up, c.sess.bootedSeq, c.sess.booted)
	}
	return s
}

// Run connects, and connects again whenever the connection breaks, until the
// context ends; it returns the context's error.
func (c *Client) Run(ctx context.Context) error {
	wait := c.cfg.MinBackoff
	for {
		began := time.Now()
		err := c.session(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		c.mu.Lock()
		c.fault = err
		close(c.changed)
		c.changed = make(chan struct{})
		c.mu.Unlock()
		if time.Since(began) > c.cfg.MaxBackoff {
			wait = c.cfg.MinBackoff
		}
		c.cfg.Log.WarnContext(ctx, "no connection to Asterisk", "error", err, "again in", wait)
		// Not all at once, if there are several of us.
		timer := time.NewTimer(wait/2 + rand.N(wait/2+1))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
		wait = min(2*wait, c.cfg.MaxBackoff)
	}
}

// WaitUp waits until the client is up.
func (c *Client) WaitUp(ctx context.Context) error {
	return c.WaitUpUnless(ctx, func(error) bool { return false })
}

// WaitUpUnless waits until the client is up, or until there is no connection
// for a reason that is final, which it returns.
func (c *Client) WaitUpUnless(ctx context.Context, final func(error) bool) error {
	for {
		c.mu.Lock()
		up, changed, fault := c.up, c.changed, c.fault
		c.mu.Unlock()
		if up {
			return nil
		}
		if fault != nil && final(fault) {
			return fault
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Fault is why there is no connection; nil if there is one, or none was tried
// yet. A refused log-in is a [*Refused].
func (c *Client) Fault() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.fault
}

// Do sends an action and returns its response. Asterisk's refusal is a
// [*Refused]; other errors are [ErrInvalid], [ErrDown], [ErrBroken], and the
// context's. Without a deadline of its own the action has Config.Timeout.
func (c *Client) Do(ctx context.Context, a Action) (*Message, error) {
	msgs, err := c.ask(ctx, a, &pending{})
	if err != nil {
		return nil, err
	}
	return msgs[0], nil
}

// List sends an action that is answered by a list, and returns the list's
// items without the response and without the event that ends it.
func (c *Client) List(ctx context.Context, a Action) ([]*Message, error) {
	msgs, err := c.ask(ctx, a, &pending{list: true})
	if err != nil {
		return nil, err
	}
	return msgs[1 : len(msgs)-1], nil
}

// Until sends an action and waits for its response and then for an event of
// that name with its ActionID, which is returned: OriginateResponse of an
// Originate with "Async: true". Subscriptions get the event as well.
func (c *Client) Until(ctx context.Context, a Action, event string) (*Message, error) {
	msgs, err := c.ask(ctx, a, &pending{until: event})
	if err != nil {
		return nil, err
	}
	return msgs[len(msgs)-1], nil
}

func (c *Client) ask(ctx context.Context, a Action, p *pending) ([]*Message, error) {
	c.mu.Lock()
	s, up := c.sess, c.up
	c.lastID++
	id := strconv.FormatUint(c.lastID, 36)
	c.mu.Unlock()
	if !up {
		return nil, fmt.Errorf("%s: %w", a.Name, ErrDown)
	}
	if _, has := ctx.Deadline(); !has {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.cfg.Timeout)
		defer cancel()
	}
	msgs, err := s.ask(ctx, a, id, p)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", a.Name, err)
	}
	if r := msgs[0]; equalKey(r.Get("Response"), "Error") {
		reason := r.Get("Message")
		for line := range r.Values("Output") { // of a command
			reason += "; " + string(line)
		}
		return nil, &Refused{Action: a.Name, Reason: reason}
	}
	return msgs, nil
}

// setUp notes a change and tells the subscriptions.
func (c *Client) setUp(s *session, up bool, seq uint64, data []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	kind := Up
	if !up {
		kind = Down
	}
	if up != c.up {
		for sub := range c.subs {
			sub.control(kind, seq, data)
		}
	}
	c.sess, c.up = s, up
	if up {
		c.fault = nil
	}
	close(c.changed)
	c.changed = make(chan struct{})
}

// publish gives an event to the subscriptions.
func (c *Client) publish(m *Message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for s := range c.subs {
		s.event(m)
	}
}

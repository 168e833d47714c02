package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"

	"switchroom/dahdi/tdm2400p/loop"
)

// ErrClosed is returned when the connection to the server is gone.
var ErrClosed = errors.New("control: the connection is closed")

// Client is a connection to a server. Its methods may be called by any number
// of goroutines.
//
// Every method takes a context, which bounds the wall time of the call and no
// more: a request whose context ends may still be done. What happens on the
// card is bounded in card time, by the server.
type Client struct {
	path string
	base uint64 // the last event's seq when it connected
	conn net.Conn
	send chan struct{} // a token: who has it writes

	mu      sync.Mutex
	next    uint64
	waiting map[uint64]chan reply
	err     error
	subs    map[*Subscription]struct{}
	marks   map[int]uint64 // by port: the seq up to which events were waited for
	done    chan struct{}
	watched bool
	watchMu sync.Mutex
}

// Dial connects to the server's socket at path.
func Dial(ctx context.Context, path string) (*Client, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("control: connecting: %w", err)
	}
	c := newClient(conn)
	c.path = path
	info, err := c.Info(ctx)
	if err != nil {
		c.Close()
		return nil, err
	}
	c.base = info.Seq
	return c, nil
}

func newClient(conn net.Conn) *Client {
	c := &Client{conn: conn, send: make(chan struct{}, 1), waiting: map[uint64]chan reply{},
		subs: map[*Subscription]struct{}{}, marks: map[int]uint64{}, done: make(chan struct{})}
	go c.read()
	return c
}

// Close ends the connection; calls under way fail with [ErrClosed].
func (c *Client) Close() error {
	err := c.conn.Close()
	<-c.done
	return err
}

// read takes the server's lines until the end.
func (c *Client) read() {
	defer close(c.done)
	in := bufio.NewReaderSize(c.conn, 64<<10)
	for {
		line, err := readLine(in)
		if err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) {
				err = ErrClosed
			} else {
				err = fmt.Errorf("%w: %w", ErrClosed, err)
			}
			c.fail(err)
			return
		}
		var probe struct {
			Event string `json:"event"`
		}
		if err := json.Unmarshal(line, &probe); err != nil {
			c.fail(fmt.Errorf("control: a line that is no JSON from the server: %w", err))
			c.conn.Close()
			return
		}
		if probe.Event != "" {
			var e loop.Event
			if json.Unmarshal(line, &e) == nil {
				c.deliver(e)
			}
			continue
		}
		var r reply
		if err := json.Unmarshal(line, &r); err != nil {
			continue
		}
		c.mu.Lock()
		ch := c.waiting[r.ID]
		delete(c.waiting, r.ID)
		if ch == nil && r.ID == 0 && r.Error != nil && c.err == nil {
			c.err = r.Error // a refusal of the connection itself
		}
		c.mu.Unlock()
		if ch != nil {
			ch <- r
		}
	}
}

func (c *Client) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = err
	}
	for id, ch := range c.waiting {
		delete(c.waiting, id)
		close(ch)
	}
	for s := range c.subs {
		delete(c.subs, s)
		close(s.c)
	}
}

func (c *Client) deliver(e loop.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for s := range c.subs {
		if len(s.ports) > 0 && e.Name != "dropped" && !slices.Contains(s.ports, e.Port) {
			continue
		}
		select {
		case s.c <- e:
		default:
			s.lost++
		}
	}
}

// When puts a request off in card time. The zero When is now.
type When struct {
	At    uint64 // just before this frame
	After uint64 // so many ms from when the server gets the request
}

// Do sends any request and decodes its result into result, which may be nil.
// It returns the card time at which the request was done. A refusal is an
// [*Error].
func (c *Client) Do(ctx context.Context, do string, port int, when When, args, result any) (frame uint64, err error) {
	req := request{Do: do, Port: port, At: when.At, After: when.After}
	if args != nil {
		if req.Args, err = json.Marshal(args); err != nil {
			return 0, fmt.Errorf("control: %s: %w", do, err)
		}
	}
	ch := make(chan reply, 1)
	c.mu.Lock()
	if c.err != nil {
		err := c.err
		c.mu.Unlock()
		return 0, fmt.Errorf("control: %s: %w", do, err)
	}
	c.next++
	req.ID = c.next
	c.waiting[req.ID] = ch
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		delete(c.waiting, req.ID)
		c.mu.Unlock()
	}()
	if err := c.write(ctx, req); err != nil {
		return 0, fmt.Errorf("control: %s: %w", do, err)
	}
	select {
	case <-ctx.Done():
		return 0, fmt.Errorf("control: %s of port %d: %w", do, port, ctx.Err())
	case r, ok := <-ch:
		if !ok {
			c.mu.Lock()
			defer c.mu.Unlock()
			return 0, fmt.Errorf("control: %s: %w", do, c.err)
		}
		if r.Error != nil {
			return r.Frame, fmt.Errorf("control: %s: %w", do, r.Error)
		}
		if result != nil {
			if err := json.Unmarshal(r.Result, result); err != nil {
				return r.Frame, fmt.Errorf("control: %s: reading the result: %w", do, err)
			}
		}
		return r.Frame, nil
	}
}

func (c *Client) write(ctx context.Context, req request) error {
	line, err := json.Marshal(req)
	if err != nil {
		return err
	}
	if len(line) > MaxLine {
		return fmt.Errorf("a request of %d octets: %d fit", len(line), MaxLine)
	}
	select {
	case c.send <- struct{}{}:
		defer func() { <-c.send }()
	case <-ctx.Done():
		return ctx.Err()
	}
	// The server always reads; a context's end needs no help here.
	_, err = c.conn.Write(append(line, '\n'))
	return err
}

// Subscription is a stream of events.
type Subscription struct {
	client *Client
	ports  []int
	c      chan loop.Event
	lost   int
}

// C gives the events in order; it is closed with the subscription or the
// connection.
func (s *Subscription) C() <-chan loop.Event { return s.c }

// Lost is how many events did not fit because C was not read.
func (s *Subscription) Lost() int {
	s.client.mu.Lock()
	defer s.client.mu.Unlock()
	return s.lost
}

// Close ends the subscription.
func (s *Subscription) Close() {
	s.client.mu.Lock()
	defer s.client.mu.Unlock()
	if _, ok := s.client.subs[s]; ok {
		delete(s.client.subs, s)
		close(s.c)
	}
}

// Subscribe gives the events of these ports (of all, if none is named) from now
// on. Up to 4,096 wait to be read; what comes beyond is lost and counted.
func (c *Client) Subscribe(ctx context.Context, ports ...int) (*Subscription, error) {
	s := &Subscription{client: c, ports: ports, c: make(chan loop.Event, 4096)}
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return nil, fmt.Errorf("control: subscribing: %w", c.err)
	}
	c.subs[s] = struct{}{}
	c.mu.Unlock()
	c.watchMu.Lock()
	defer c.watchMu.Unlock()
	if c.watched {
		return s, nil
	}
	if _, err := c.Do(ctx, "watch", 0, When{}, nil, nil); err != nil {
		s.Close()
		return nil, err
	}
	c.watched = true
	return s, nil
}

// Info asks what the server's cards are.
func (c *Client) Info(ctx context.Context) (Info, error) {
	var out Info
	_, err := c.Do(ctx, "info", 0, When{}, nil, &out)
	return out, err
}

// Ports asks for the state of every port.
func (c *Client) Ports(ctx context.Context) ([]PortState, error) {
	var out portsResult
	_, err := c.Do(ctx, "ports", 0, When{}, nil, &out)
	return out.Ports, err
}

// Stats asks for the counters of a card, counted from 1.
func (c *Client) Stats(ctx context.Context, card int) (Stats, error) {
	var out Stats
	_, err := c.Do(ctx, "stats", firstPort(card), When{}, nil, &out)
	return out, err
}

// Pause stops the time of a card, counted from 1.
func (c *Client) Pause(ctx context.Context, card int) error {
	_, err := c.Do(ctx, "pause", firstPort(card), When{}, nil, nil)
	return err
}

// Resume lets the time of a card go on.
func (c *Client) Resume(ctx context.Context, card int) error {
	_, err := c.Do(ctx, "resume", firstPort(card), When{}, nil, nil)
	return err
}

// Fault makes something go wrong with a port (0: with the first card).
func (c *Client) Fault(ctx context.Context, port int, f FaultArgs) error {
	_, err := c.Do(ctx, "fault", port, When{}, f, nil)
	return err
}

// Routes replaces the exchange's routes.
func (c *Client) Routes(ctx context.Context, routes []loop.Route) error {
	_, err := c.Do(ctx, "routes", 0, When{}, routesArgs{Set: &routes}, nil)
	return err
}

// ExchangeCallerID says how the exchange announces callers: bell, v23, dtmf or "".
func (c *Client) ExchangeCallerID(ctx context.Context, standard string) error {
	_, err := c.Do(ctx, "exchange", 0, When{}, exchangeArgs{CallerID: standard}, nil)
	return err
}

// WaitFrame returns when the card has come to the frame.
func (c *Client) WaitFrame(ctx context.Context, card int, frame uint64) error {
	_, err := c.Do(ctx, "info", firstPort(card), When{At: frame}, nil, nil)
	return err
}

// Sleep lets so many ms pass on a card's clock.
func (c *Client) Sleep(ctx context.Context, card int, ms uint64) error {
	_, err := c.Do(ctx, "info", firstPort(card), When{After: ms}, nil, nil)
	return err
}

func firstPort(card int) int { return (max(1, card)-1)*loop.PortsPerCard + 1 }

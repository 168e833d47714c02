package control

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"switchroom/dahdi/tdm2400p"
	"switchroom/dahdi/tdm2400p/loop"
)

// Config is what a server is made of.
type Config struct {
	Plant    *loop.Plant
	Cards    []*tdm2400p.Card // in the plant's order
	Exchange *loop.Exchange   // may be nil
	Clients  int              // how many may be connected; 64 if 0
	Log      *slog.Logger
}

// Server serves the protocol.
type Server struct {
	cfg   Config
	verbs map[string]verb
}

// NewServer makes a server. There must be a plant and a card.
func NewServer(cfg Config) (*Server, error) {
	if cfg.Plant == nil || len(cfg.Cards) == 0 {
		return nil, errors.New("control: a plant and a card are needed")
	}
	if cfg.Clients <= 0 {
		cfg.Clients = 64
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Server{cfg: cfg, verbs: verbs()}, nil
}

// Serve takes clients from l until ctx is done, then closes l and every
// client, and returns nil when all is over; or a listener's error.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	var all sync.WaitGroup
	defer all.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	seats := make(chan struct{}, s.cfg.Clients)
	for {
		conn, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("control: taking a client: %w", err)
		}
		select {
		case seats <- struct{}{}:
		default:
			all.Go(func() { refuse(conn, s.cfg.Clients) })
			continue
		}
		all.Go(func() {
			defer func() { <-seats }()
			s.client(ctx, conn)
		})
	}
}

// refuse tells a client that there is no room.
func refuse(conn net.Conn, limit int) {
	defer conn.Close()
	line, err := json.Marshal(reply{Error: &Error{Code: CodeFailed, Text: fmt.Sprintf("there are %d clients already", limit)}})
	if err != nil {
		return
	}
	// The client is sent away; whether it hears why is its own affair.
	_ = conn.SetWriteDeadline(time.Now().Add(time.Second))
	_, _ = conn.Write(append(line, '\n'))
}

// client is one connection.
type client struct {
	server *Server
	conn   net.Conn
	in     *bufio.Reader
	out    chan []byte
	closed chan struct{}
	once   sync.Once

	mu      sync.Mutex
	pending map[int]func() // takes back what is under way
	next    int
	dropped int
	unwatch func()
	traces  map[int]*tdm2400p.Card // by the plant's port number
	attach  *loop.Duplex
}

// writeTimeout is how long a client may leave its socket full.
const writeTimeout = 30 * time.Second

func (s *Server) client(ctx context.Context, conn net.Conn) {
	c := &client{server: s, conn: conn, in: bufio.NewReaderSize(conn, 64<<10), out: make(chan []byte, maxQueue),
		closed: make(chan struct{}), pending: map[int]func(){}, traces: map[int]*tdm2400p.Card{}}
	stop := context.AfterFunc(ctx, c.close)
	defer stop()
	var writer sync.WaitGroup
	writer.Go(c.write)
	err := c.read()
	if c.attach != nil || errors.Is(err, errTooLong) {
		// There is a last reply, to be sent before audio or the end.
		select {
		case c.out <- nil:
		case <-c.closed:
		}
		writer.Wait()
	}
	if err == nil && c.attach != nil {
		err = c.audio(ctx)
	}
	switch {
	case err == nil, errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed), ctx.Err() != nil:
	default:
		s.cfg.Log.Debug("control: a client left", "error", err)
	}
	c.close()
	writer.Wait()
	c.forget()
}

func (c *client) close() {
	c.once.Do(func() {
		close(c.closed)
		c.conn.Close()
	})
}

// forget takes back what the client left behind.
func (c *client) forget() {
	c.mu.Lock()
	cancels := make([]func(), 0, len(c.pending)+1)
	for _, f := range c.pending {
		cancels = append(cancels, f)
	}
	if c.unwatch != nil {
		cancels = append(cancels, c.unwatch)
	}
	traces := c.traces
	c.pending, c.unwatch, c.traces = nil, nil, nil
	c.mu.Unlock()
	for _, f := range cancels {
		f()
	}
	for port, card := range traces {
		// The port exists, it was traced.
		_ = card.Trace((port-1)%loop.PortsPerCard+1, nil)
	}
	if c.attach != nil {
		_ = c.attach.Close()
	}
}

// read handles requests until the connection ends or becomes audio.
func (c *client) read() error {
	for c.attach == nil {
		line, err := readLine(c.in)
		if err != nil {
			if errors.Is(err, errTooLong) {
				c.send(reply{Error: &Error{Code: CodeBadRequest, Text: err.Error()}})
			}
			return err
		}
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		req, err := parseRequest(line)
		if err != nil {
			c.send(reply{ID: req.ID, Error: &Error{Code: CodeBadRequest, Text: err.Error()}})
			continue
		}
		c.handle(req)
	}
	return nil
}

var errTooLong = fmt.Errorf("a line is longer than %d octets", MaxLine)

// readLine reads up to a line feed, which it leaves out, within the bound.
func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		if len(line)+len(part) > MaxLine+1 {
			return nil, errTooLong
		}
		line = append(line, part...)
		switch {
		case err == nil:
			return line[:len(line)-1], nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}

// write sends what is queued. Only it writes lines to the connection.
func (c *client) write() {
	for {
		select {
		case line := <-c.out:
			if line == nil { // from here on it is audio's
				return
			}
			if err := c.conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
				c.close()
				return
			}
			if _, err := c.conn.Write(line); err != nil {
				c.close()
				return
			}
		case <-c.closed:
			return
		}
	}
}

// send queues a reply; a client that lets its queue fill up is disconnected.
func (c *client) send(r reply) {
	line, err := json.Marshal(r)
	if err != nil {
		c.server.cfg.Log.Error("control: writing a reply", "error", err)
		line = fmt.Appendf(nil, `{"id":%d,"frame":%d,"error":{"code":%q,"text":"the reply can't be written"}}`, r.ID, r.Frame, CodeFailed)
	}
	if len(line) > MaxLine {
		line = fmt.Appendf(nil, `{"id":%d,"frame":%d,"error":{"code":%q,"text":"the reply is too long for a line"}}`, r.ID, r.Frame, CodeFailed)
	}
	select {
	case c.out <- append(line, '\n'):
	default:
		c.server.cfg.Log.Warn("control: a client does not read its replies: disconnected")
		c.close()
	}
}

// event queues an event if there is room. It is called with the plant locked.
func (c *client) event(e loop.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	// Half of the queue is kept for replies.
	if len(c.out) >= maxQueue/2 {
		c.dropped++
		return
	}
	if c.dropped > 0 {
		if !c.offer(loop.Event{Frame: e.Frame, Name: "dropped", Data: loop.Data{"n": c.dropped}}) {
			return
		}
		c.dropped = 0
	}
	c.offer(e)
}

func (c *client) offer(e loop.Event) bool {
	line, err := json.Marshal(e)
	if err != nil {
		return false
	}
	select {
	case c.out <- append(line, '\n'):
		return true
	default:
		c.dropped++
		return false
	}
}

// audio carries an attached port's samples in both directions.
func (c *client) audio(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var up sync.WaitGroup
	defer up.Wait()
	up.Go(func() {
		defer c.close()
		defer cancel()
		buf := make([]byte, 3200)
		var pcm []int16
		odd := 0
		for {
			n, err := c.in.Read(buf[odd:])
			n += odd
			pcm = pcm[:0]
			for i := 0; i+1 < n; i += 2 {
				pcm = append(pcm, int16(uint16(buf[i])|uint16(buf[i+1])<<8))
			}
			if odd = n & 1; odd == 1 {
				buf[0] = buf[n-1]
			}
			if c.attach.Write(ctx, pcm) != nil || err != nil {
				return
			}
		}
	})
	buf := make([]int16, 800)
	var line []byte
	for {
		n, err := c.attach.Read(ctx, buf)
		if err != nil {
			return err
		}
		line = line[:0]
		for _, s := range buf[:n] {
			line = append(line, byte(s), byte(uint16(s)>>8))
		}
		if err := c.conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
			return err
		}
		if _, err := c.conn.Write(line); err != nil {
			return err
		}
	}
}

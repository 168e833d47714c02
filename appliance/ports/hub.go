package ports

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"

	"switchroom/dahdi"
)

const (
	// queued is how many messages may wait for a client.
	queued = 1024
	// maxClients bounds what anybody on the box can cost us.
	maxClients = 64
	// writeLimit is how long a client may take for a message.
	writeLimit = 10 * time.Second
)

// Message is one line of the socket: one of its members is there.
type Message struct {
	Inventory *dahdi.Inventory `json:"inventory,omitempty"`
	Ports     []dahdi.Status   `json:"ports,omitempty"`
	Event     *dahdi.Event     `json:"event,omitempty"`
}

// hub tells every client the same, each from what is now on.
type hub struct {
	log *slog.Logger

	mu      sync.Mutex
	inv     *dahdi.Inventory
	status  map[int]dahdi.Status
	clients map[*client]bool
	closed  bool
	wg      sync.WaitGroup
}

type client struct {
	conn net.Conn
	out  chan []byte
}

func (h *hub) inventory(inv dahdi.Inventory) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.inv = &inv
	h.send(Message{Inventory: &inv})
}

func (h *hub) ports(all []dahdi.Status) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.status = map[int]dahdi.Status{}
	for _, st := range all {
		h.status[st.Port] = st
	}
	h.send(Message{Ports: all})
}

func (h *hub) event(e dahdi.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.status != nil {
		h.status[e.Status.Port] = e.Status
	}
	h.send(Message{Event: &e})
}

// send queues a message for all. The lock is held.
func (h *hub) send(m Message) {
	b, err := json.Marshal(m)
	if err != nil {
		h.log.Error("encoding a message", "error", err)
		return
	}
	b = append(b, '\n')
	for c := range h.clients {
		h.queue(c, b)
	}
}

func (h *hub) queue(c *client, b []byte) {
	select {
	case c.out <- b:
	default:
		h.log.Warn("a client that doesn't read is cut off")
		h.drop(c)
	}
}

// drop ends a client. The lock is held.
func (h *hub) drop(c *client) {
	if h.clients[c] {
		delete(h.clients, c)
		close(c.out)
	}
}

// serve accepts clients until the listener is closed.
func (h *hub) serve(l net.Listener) {
	for {
		conn, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			h.log.Warn("accepting a client", "error", err)
			time.Sleep(100 * time.Millisecond) // out of files, most likely
			continue
		}
		if !h.add(conn) {
			conn.Close()
		}
	}
}

func (h *hub) add(conn net.Conn) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || len(h.clients) >= maxClients {
		return false
	}
	c := &client{conn, make(chan []byte, queued)}
	if h.clients == nil {
		h.clients = map[*client]bool{}
	}
	h.clients[c] = true
	if h.inv != nil {
		h.first(c, Message{Inventory: h.inv})
	}
	if h.status != nil {
		all := make([]dahdi.Status, 0, len(h.status))
		for _, st := range h.status {
			all = append(all, st)
		}
		slices.SortFunc(all, func(a, b dahdi.Status) int { return a.Port - b.Port })
		h.first(c, Message{Ports: all})
	}
	h.wg.Go(func() { h.write(c) })
	// Nothing is expected from a client but that it goes away.
	h.wg.Go(func() {
		var b [64]byte
		for {
			if _, err := conn.Read(b[:]); err != nil {
				break
			}
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		h.drop(c)
	})
	return true
}

func (h *hub) first(c *client, m Message) {
	if b, err := json.Marshal(m); err == nil {
		h.queue(c, append(b, '\n'))
	}
}

// write sends what is queued, until the queue is closed or the client is gone.
func (h *hub) write(c *client) {
	defer c.conn.Close()
	for b := range c.out {
		_ = c.conn.SetWriteDeadline(time.Now().Add(writeLimit))
		if _, err := c.conn.Write(b); err != nil {
			h.mu.Lock()
			h.drop(c)
			h.mu.Unlock()
			return
		}
	}
}

// close ends all clients and waits for them.
func (h *hub) close() {
	h.mu.Lock()
	h.closed = true
	for c := range h.clients {
		h.drop(c)
		c.conn.Close() // whatever it is being written: it has no more time
	}
	h.mu.Unlock()
	h.wg.Wait()
}

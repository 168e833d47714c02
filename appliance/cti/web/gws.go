package web

import (
	"net/http"
	"time"

	"github.com/lxzan/gws"
)

// This file is all that knows which WebSocket library there is.

// conn is one WebSocket. Send, Ping and Close may be called by any goroutine.
type conn interface {
	Send(data []byte) error
	Ping() error
	Close(code uint16, reason string)
	// Alive says that the other side has until then to say something.
	Alive(until time.Time)
}

// receiver is told what comes over a socket, by one goroutine.
type receiver interface {
	received(data []byte)
	alive() // a pong, or anything else
}

type upgrader struct{ u *gws.Upgrader }

const (
	maxFrame     = 8 << 10
	protocol     = "switchroom.v1"
	writeTimeout = 10 * time.Second
	// Codes of RFC 6455, section 7.4.1.
	closeGoingAway = 1001
	closeTooSlow   = 1013 // "try again later"
)

func newUpgrader() upgrader {
	return upgrader{gws.NewUpgrader(events{}, &gws.ServerOption{ReadMaxPayloadSize: maxFrame, CheckUtf8Enabled: true,
		SubProtocols: []string{protocol}, HandshakeTimeout: 5 * time.Second, ReadBufferSize: 2048,
		Logger: nobody{}, Recovery: gws.Recovery})}
}

// open makes a socket of a request. run reads until the socket ends.
func (u upgrader) open(w http.ResponseWriter, r *http.Request, to receiver) (c conn, run func(), err error) {
	x, err := u.u.Upgrade(w, r)
	if err != nil {
		return nil, nil, err
	}
	x.Session().Store("to", to)
	return gwsConn{x}, x.ReadLoop, nil
}

type gwsConn struct{ c *gws.Conn }

func (g gwsConn) Send(data []byte) error {
	_ = g.c.SetWriteDeadline(time.Now().Add(writeTimeout))
	return g.c.WriteMessage(gws.OpcodeText, data)
}

func (g gwsConn) Ping() error {
	_ = g.c.SetWriteDeadline(time.Now().Add(writeTimeout))
	return g.c.WritePing(nil)
}

func (g gwsConn) Close(code uint16, reason string) {
	_ = g.c.SetWriteDeadline(time.Now().Add(time.Second))
	_ = g.c.WriteClose(code, []byte(reason))
	_ = g.c.NetConn().Close()
}

func (g gwsConn) Alive(until time.Time) { _ = g.c.SetReadDeadline(until) }

type events struct{ gws.BuiltinEventHandler }

func to(c *gws.Conn) receiver {
	v, _ := c.Session().Load("to")
	r, _ := v.(receiver)
	return r
}

func (events) OnPing(c *gws.Conn, payload []byte) {
	_ = c.WritePong(payload)
	to(c).alive()
}

func (events) OnPong(c *gws.Conn, _ []byte) { to(c).alive() }

func (events) OnMessage(c *gws.Conn, m *gws.Message) {
	defer m.Close()
	r := to(c)
	r.alive()
	r.received(append([]byte(nil), m.Bytes()...))
}

// nobody hears what the library would log: what a client sends is no event
// of ours.
type nobody struct{}

func (nobody) Error(...any) {}

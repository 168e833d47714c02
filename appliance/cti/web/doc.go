// Package web is how pages and programs reach the call centre: a WebSocket
// with JSON for those who look on and act, and an HTTP API that describes
// itself (/openapi.json).
//
// # Log-in
//
// POST /v1/login takes an agent's number and PIN and returns a token, good for
// ten minutes and for the origin that asked. Tokens are signed and not kept,
// so that they outlive this program. Five wrong PINs lock that number, and that
// address, for five minutes.
//
// # The WebSocket
//
// GET /v1/socket, with the sub-protocols "switchroom.v1" and "token." followed
// by the token: so the token stands in no URL and no log. Messages are JSON
// objects. A client sends:
//
//	{"id": "1", "command": "sync", "args": {"epoch": "…", "seq": 17}}   first of all; without args for a snapshot
//	{"id": "2", "command": "hold"}                                      see package command
//
// and is sent:
//
//	{"type": "hello", "self": "811", "epoch": …}   who it is, and what it may do
//	{"type": "snapshot", "seq": 17, …}             see package feed
//	{"type": "change", "seq": 18, …}
//	{"type": "reply", "id": "2", "ok": true}       or with "error": {"code", "message"}
//	{"type": "token", "token": …}                  a new one, before the old one ends
//	{"type": "asterisk", "up": false}              whether there is an exchange
//
// The server sends a ping every ten seconds, and takes a client that says
// nothing for 25 seconds for gone: a page's own timers are slowed down when it
// is hidden. An agent who has been without a connection for 90 seconds, and is
// in no call, is logged out.
//
// # Bounds
//
// 8 KiB a message, ten commands a second and three calls begun in ten seconds
// for each agent, four sockets. Pages of origins that are not on the list are
// refused, at the handshake and at every request.
package web

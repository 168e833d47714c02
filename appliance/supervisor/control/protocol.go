// Package control is how others talk to the supervisor: a unix socket on which
// each line is a JSON object.
//
// A client writes a request and reads answers until one of them is the last
// (Done). The kernel tells the server who the client is (SO_PEERCRED,
// SO_PEERGROUPS): root may ask for everything; members of some groups for the
// status and the logs; and single operations can be granted to single users.
//
//	→ {"v":1,"op":"restart","service":"asterisk"}
//	← {"v":1,"done":true}
//	→ {"v":1,"op":"start","service":"nonesuch"}
//	← {"v":1,"done":true,"error":{"code":"unknown","text":"no such service: nonesuch"}}
//	→ {"v":1,"op":"logs","service":"asterisk","lines":2,"follow":true}
//	← {"v":1,"record":{"seq":7,"time":"…","service":"asterisk","level":"info","text":"…"}}
//	← …
package control

import (
	"fmt"

	"switchroom/appliance"
	"switchroom/appliance/supervisor/journal"
)

// Version is of the protocol. A server refuses what it does not speak.
const Version = 1

// SocketName is the socket's name in the supervisor's directory.
const SocketName = "supervisor.sock"

// The operations.
const (
	OpStatus   = "status"
	OpLogs     = "logs"
	OpStart    = "start"
	OpStop     = "stop"
	OpRestart  = "restart"
	OpReload   = "reload"
	OpReboot   = "reboot"
	OpPowerOff = "poweroff"
	OpHalt     = "halt"
)

// maxRequest bounds a request's line, in bytes.
const maxRequest = 4096

// A Request is one line of a client.
type Request struct {
	V       int    `json:"v"`
	Op      string `json:"op"`
	Service string `json:"service,omitempty"` // with or without suffix
	Lines   int    `json:"lines,omitempty"`   // logs: the last so many; 0: all that are kept
	Follow  bool   `json:"follow,omitempty"`  // logs: and those to come
}

// An Answer is one line of the server.
type Answer struct {
	V      int               `json:"v"`
	Status *appliance.Status `json:"status,omitempty"`
	Record *journal.Record   `json:"record,omitempty"`
	Error  *Error            `json:"error,omitempty"`
	Done   bool              `json:"done,omitempty"` // the last answer to this request
}

// The codes of errors.
const (
	CodeBad     = "bad-request"
	CodeVersion = "version"
	CodeDenied  = "denied"
	CodeUnknown = "unknown"
	CodeFailed  = "failed"
	CodeBusy    = "busy"
)

// An Error is why a request was not done.
type Error struct {
	Code string `json:"code"`
	Text string `json:"text"`
}

func (e *Error) Error() string { return fmt.Sprintf("%s (%s)", e.Text, e.Code) }

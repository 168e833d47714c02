// Package queuelog reads Asterisk's queue log: a line for each thing that
// happens to a queue, its callers and its agents.
//
//	1795384330|box-1795384328.1|600|811|CONNECT|1|box-1795384329.2|1
//
// that is: when (seconds since 1970), the caller's channel, queue, agent, what
// happened, and what belongs to it. NONE stands for nothing.
package queuelog

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// What happens.
const (
	Start    = "QUEUESTART" // Asterisk started, or read its loggers anew
	Reload   = "CONFIGRELOAD"
	Enter    = "ENTERQUEUE" // url, number, position
	Connect  = "CONNECT"    // wait in s, channel, ringing in s
	Abandon  = "ABANDON"    // position, original position, wait in s
	Timeout  = "EXITWITHTIMEOUT"
	Key      = "EXITWITHKEY" // key, position, original position, wait in s
	Empty    = "EXITEMPTY"
	Withdraw = "WITHDRAW"

	CompleteCaller = "COMPLETECALLER" // wait in s, talk in s, original position
	CompleteAgent  = "COMPLETEAGENT"
	Blind          = "BLINDTRANSFER"
	Attended       = "ATTENDEDTRANSFER"

	RingNoAnswer = "RINGNOANSWER" // ringing in ms
	RingCanceled = "RINGCANCELED"

	AddMember    = "ADDMEMBER"
	RemoveMember = "REMOVEMEMBER"
	Pause        = "PAUSE" // reason
	Unpause      = "UNPAUSE"
	PauseAll     = "PAUSEALL"
	UnpauseAll   = "UNPAUSEALL"
	Penalty      = "PENALTY"

	// Always-connected agents.
	AgentLogin  = "AGENTLOGIN"  // channel
	AgentLogoff = "AGENTLOGOFF" // channel, time logged in in s

	// Written by programs of ours, with AMI's action QueueLog, because no file
	// of Asterisk's has them: a telephone puts its call on hold, by its channel.
	Hold   = "HOLD"
	Unhold = "UNHOLD"
)

// Entry is one line. Call, Queue and Agent are empty where the line has NONE,
// and Call also where a person or a program acted, outside of any call.
type Entry struct {
	Time  time.Time // UTC, whole seconds
	Call  string    // unique id of the caller's channel
	Queue string
	Agent string
	Event string
	Args  []string // never nil
}

// ErrCut is the error of a line that is not whole.
var ErrCut = errors.New("the line is not whole")

// Parse reads one line, without its end of line.
func Parse(line string) (Entry, error) {
	f := strings.Split(line, "|")
	if len(f) < 6 {
		return Entry{}, fmt.Errorf("%d fields; want at least 6: %w", len(f), ErrCut)
	}
	sec, err := strconv.ParseInt(f[0], 10, 64)
	if err != nil || sec < 0 || sec > 1<<40 {
		return Entry{}, fmt.Errorf("the time %q: %w", f[0], ErrCut)
	}
	// What happens is a word in capitals: a line that was cut off has the next
	// one right behind it, and looks like one with more fields.
	if f[4] == "" || strings.Trim(f[4], "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") != "" {
		return Entry{}, fmt.Errorf("%q happened: %w", f[4], ErrCut)
	}
	e := Entry{Time: time.Unix(sec, 0).UTC(), Call: none(f[1]), Queue: none(f[2]), Agent: none(f[3]), Event: f[4], Args: f[5:]}
	if !strings.Contains(e.Call, ".") {
		e.Call = "" // "MANAGER", "REALTIME": no channel
	}
	return e, nil
}

func none(s string) string {
	if s == "NONE" {
		return ""
	}
	return s
}

// Arg is the i-th argument, "" if there is none.
func (e Entry) Arg(i int) string {
	if i < len(e.Args) {
		return e.Args[i]
	}
	return ""
}

// Int is the i-th argument as a number, 0 if it is none.
func (e Entry) Int(i int) int {
	n, err := strconv.Atoi(e.Arg(i))
	if err != nil {
		return 0
	}
	return n
}

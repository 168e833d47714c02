// Package cel reads the channel events that Asterisk's cel_custom writes, one
// event a line: fifteen fields, each in double quotes, a double quote within
// doubled, a comma between.
//
// The columns are those of [Fields], which stand in cel_custom.conf. The time
// is in seconds and microseconds since 1970. See Asterisk's documentation of
// channel event logging for what each event means.
package cel

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Fields are the columns, as cel_custom.conf names them.
const Fields = "EventTime,EventType,UniqueID,LinkedID,ChanName,Num,Name,Exten,Context,AppName,AppData,Peer,EventExtra,userdeftype,AccountCode"

const columns = 15

// Types of events that matter here.
const (
	ChanStart        = "CHAN_START"
	ChanEnd          = "CHAN_END"
	Answer           = "ANSWER"
	Hangup           = "HANGUP"
	AppStart         = "APP_START"
	AppEnd           = "APP_END"
	ParkStart        = "PARK_START"
	ParkEnd          = "PARK_END"
	BridgeEnter      = "BRIDGE_ENTER"
	BridgeExit       = "BRIDGE_EXIT"
	BlindTransfer    = "BLINDTRANSFER"
	AttendedTransfer = "ATTENDEDTRANSFER"
	Pickup           = "PICKUP"
	Forward          = "FORWARD"
	LinkedIDEnd      = "LINKEDID_END"
	LocalOptimize    = "LOCAL_OPTIMIZE"
)

// Event is one line.
type Event struct {
	Time     time.Time // UTC
	Type     string    // one of the constants, or the name of a user's event
	UniqueID string
	LinkedID string
	Channel  string // "DAHDI/1-1"
	Number   string // caller id of the channel
	Name     string
	Exten    string
	Context  string
	App      string
	AppData  string
	Peer     string
	Extra    Extra
	// User says that the dialplan made the event; Values is what it said.
	User   bool
	Values url.Values
}

// Extra is what Asterisk says besides, as far as it is used.
type Extra struct {
	Text string `json:"extra"` // of the dialplan's own events

	Cause      int    `json:"hangupcause"`
	Source     string `json:"hangupsource"` // the channel that hung up, or "dialplan/…"
	DialStatus string `json:"dialstatus"`

	Bridge     string `json:"bridge_id"`
	Technology string `json:"bridge_technology"`

	Extension          string `json:"extension"`
	TransfereeID       string `json:"transferee_channel_uniqueid"`
	TransferTargetName string `json:"transfer_target_channel_name"`
	TransferTargetID   string `json:"transfer_target_channel_uniqueid"`
	SecondChannelID    string `json:"channel2_uniqueid"`

	PickupChannelID string `json:"pickup_channel_uniqueid"`
	PickupChannel   string `json:"pickup_channel"`
	LocalTwoID      string `json:"local_two_uniqueid"`
	Reason          string `json:"reason"` // of the end of parking
}

// ErrCut is the error of a line that is not whole: Asterisk, or the machine,
// stopped in the midst of it.
var ErrCut = errors.New("the line is not whole")

// Parse reads one line, without its end of line.
func Parse(line string) (Event, error) {
	f, err := split(line)
	if err != nil {
		return Event{}, err
	}
	at, err := parseTime(f[0])
	if err != nil {
		return Event{}, err
	}
	if f[1] == "" || f[2] == "" {
		return Event{}, fmt.Errorf("an event without type or channel: %w", ErrCut)
	}
	e := Event{
		Time: at, Type: f[1], UniqueID: f[2], LinkedID: f[3], Channel: f[4],
		Number: f[5], Name: unescape(f[6]), Exten: f[7], Context: f[8], App: f[9], AppData: f[10], Peer: f[11],
		User: f[13] != "",
	}
	if f[12] != "" {
		if err := json.Unmarshal([]byte(f[12]), &e.Extra); err != nil {
			return Event{}, fmt.Errorf("what %s says besides: %w", e.Type, err)
		}
	}
	if e.User {
		// A value that cannot be read is left out; the rest is still of use.
		e.Values, _ = url.ParseQuery(e.Extra.Text)
	}
	return e, nil
}

// split takes a line apart. It allocates once, but for fields with quotes.
func split(line string) (f [columns]string, err error) {
	rest := line
	for i := range columns {
		if rest == "" || rest[0] != '"' {
			return f, fmt.Errorf("field %d does not begin with a quote: %w", i+1, ErrCut)
		}
		rest = rest[1:]
		doubled := false
		end := -1
		for j := 0; j < len(rest); j++ {
			if rest[j] != '"' {
				continue
			}
			if j+1 < len(rest) && rest[j+1] == '"' {
				doubled = true
				j++
				continue
			}
			end = j
			break
		}
		if end < 0 {
			return f, fmt.Errorf("field %d has no end: %w", i+1, ErrCut)
		}
		f[i] = rest[:end]
		if doubled {
			f[i] = strings.ReplaceAll(f[i], `""`, `"`)
		}
		rest = rest[end+1:]
		if i < columns-1 {
			if rest == "" || rest[0] != ',' {
				return f, fmt.Errorf("%d fields; want %d: %w", i+1, columns, ErrCut)
			}
			rest = rest[1:]
		}
	}
	if rest != "" {
		return f, fmt.Errorf("more than %d fields: %w", columns, ErrCut)
	}
	return f, nil
}

func parseTime(s string) (time.Time, error) {
	sec, micro, ok := strings.Cut(s, ".")
	if !ok || len(micro) != 6 {
		return time.Time{}, fmt.Errorf("the time %q: %w", s, ErrCut)
	}
	a, err1 := strconv.ParseInt(sec, 10, 64)
	b, err2 := strconv.ParseUint(micro, 10, 32)
	if err := errors.Join(err1, err2); err != nil || a < 0 || a > 1<<40 {
		return time.Time{}, fmt.Errorf("the time %q: %w", s, ErrCut)
	}
	return time.Unix(a, int64(b)*1000).UTC(), nil
}

// unescape undoes what the SIP stack does to quotes and backslashes in names.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// Local reports whether the channel is one half of Asterisk's own pairs that
// lead a call through the dialplan once more: nobody's telephone. Pair is the
// name that both halves share.
func Local(channel string) (pair string, ok bool) {
	if !strings.HasPrefix(channel, "Local/") {
		return "", false
	}
	pair, _, ok = strings.Cut(channel, ";")
	return pair, ok
}

// Device is the telephone or line that a channel is on: "DAHDI/1" of
// "DAHDI/1-1".
func Device(channel string) string {
	if i := strings.LastIndexByte(channel, '-'); i > 0 {
		return channel[:i]
	}
	return channel
}

package tone

import (
	"errors"
	"fmt"
	"strings"
)

// What can be wrong with a message of caller identification.
var (
	errCarrier  = errors.New("caller identification: the carrier was lost in a message")
	errShort    = errors.New("caller identification: the message stopped short")
	errFraming  = errors.New("caller identification: an octet without stop bit")
	errChecksum = errors.New("caller identification: the check-sum is wrong")
)

// Message types of GR-30 and EN 300 659-3.
const (
	TypeSDMF        = 0x04 // single data message: date, time and number
	TypeMDMF        = 0x80 // multiple data message: call set-up
	TypeWaitingMDMF = 0x82 // message waiting
	TypeWaitingSDMF = 0x06 // message waiting, Bellcore
)

func messageType(b byte) bool {
	return b == TypeSDMF || b == TypeMDMF || b == TypeWaitingMDMF || b == TypeWaitingSDMF
}

// Parameter types of a multiple data message.
const (
	paramTime         = 0x01
	paramNumber       = 0x02
	paramCalled       = 0x03
	paramNumberAbsent = 0x04
	paramName         = 0x07
	paramNameAbsent   = 0x08
	paramWaiting      = 0x0b
	paramCallType     = 0x11
)

// Absence is the reason why a number or name is not given.
type Absence byte

// The reasons of GR-31.
const (
	Given     Absence = 0
	OutOfArea Absence = 'O' // not available
	Private   Absence = 'P' // the caller withholds it
)

// String names the reason.
func (a Absence) String() string {
	switch a {
	case Given:
		return ""
	case OutOfArea:
		return "unavailable"
	case Private:
		return "private"
	}
	return fmt.Sprintf("reason %q", byte(a))
}

// CallerID is what an exchange tells a called party.
type CallerID struct {
	Month, Day   int // 0: no time is given
	Hour, Minute int
	Number       string  // up to 20 characters
	NoNumber     Absence // why Number is empty
	Name         string  // up to 50 characters
	NoName       Absence // why Name is empty
	Called       string  // the number that was dialled, if told
	Waiting      bool    // a message-waiting message: Lamp says which way
	Lamp         bool
}

func checkSum(msg []byte) error {
	var sum byte
	for _, b := range msg {
		sum += b
	}
	if sum != 0 {
		return errChecksum
	}
	return nil
}

// seal puts type and length before, and the check-sum after, a body.
func seal(kind byte, body []byte) ([]byte, error) {
	if len(body) > 255 {
		return nil, fmt.Errorf("caller identification of %d octets: 255 fit", len(body))
	}
	msg := append([]byte{kind, byte(len(body))}, body...)
	var sum byte
	for _, b := range msg {
		sum += b
	}
	return append(msg, -sum), nil
}

func (c CallerID) check() error {
	for _, s := range []string{c.Number, c.Name, c.Called} {
		for i := range len(s) {
			if s[i] < 0x20 || s[i] > 0x7e {
				return fmt.Errorf("caller identification %q: only printable ASCII can be sent", s)
			}
		}
	}
	if c.Month != 0 && (c.Month < 1 || c.Month > 12 || c.Day < 1 || c.Day > 31 || c.Hour < 0 || c.Hour > 23 || c.Minute < 0 || c.Minute > 59) {
		return fmt.Errorf("caller identification: %02d-%02d %02d:%02d is no time", c.Month, c.Day, c.Hour, c.Minute)
	}
	for _, a := range []Absence{c.NoNumber, c.NoName} {
		if a != Given && a != OutOfArea && a != Private {
			return fmt.Errorf("caller identification: %v is no reason for absence", a)
		}
	}
	if len(c.Number) > 20 || len(c.Called) > 20 || len(c.Name) > 50 {
		return errors.New("caller identification: a number has up to 20 characters, a name up to 50")
	}
	return nil
}

func (c CallerID) time() string {
	return fmt.Sprintf("%02d%02d%02d%02d", c.Month, c.Day, c.Hour, c.Minute)
}

// MDMF is the multiple data message of the call, check-sum included.
func (c CallerID) MDMF() ([]byte, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	var body []byte
	add := func(kind byte, s string) { body = append(append(body, kind, byte(len(s))), s...) }
	if c.Waiting {
		lamp := "\x00"
		if c.Lamp {
			lamp = "\xff"
		}
		add(paramWaiting, lamp)
		return seal(TypeWaitingMDMF, body)
	}
	if c.Month != 0 {
		add(paramTime, c.time())
	}
	switch {
	case c.Number != "":
		add(paramNumber, c.Number)
	case c.NoNumber != Given:
		add(paramNumberAbsent, string(rune(c.NoNumber)))
	}
	switch {
	case c.Name != "":
		add(paramName, c.Name)
	case c.NoName != Given:
		add(paramNameAbsent, string(rune(c.NoName)))
	}
	if c.Called != "" {
		add(paramCalled, c.Called)
	}
	return seal(TypeMDMF, body)
}

// SDMF is the single data message of the call: time and number only.
func (c CallerID) SDMF() ([]byte, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if c.Waiting {
		lamp := "\x6f\x6f\x6f"
		if c.Lamp {
			lamp = "\x42\x42\x42"
		}
		return seal(TypeWaitingSDMF, []byte(lamp))
	}
	number := c.Number
	if number == "" && c.NoNumber != Given {
		number = string(rune(c.NoNumber))
	}
	return seal(TypeSDMF, []byte(c.time()+number))
}

// ParseCallerID reads a message, check-sum included.
func ParseCallerID(msg []byte) (CallerID, error) {
	var c CallerID
	if len(msg) < 3 || len(msg) != int(msg[1])+3 {
		return c, errShort
	}
	if err := checkSum(msg); err != nil {
		return c, err
	}
	body := msg[2 : len(msg)-1]
	switch msg[0] {
	case TypeSDMF:
		if len(body) < 8 {
			return c, errShort
		}
		if err := c.setTime(body[:8]); err != nil {
			return c, err
		}
		c.setNumber(string(body[8:]))
		return c, nil
	case TypeWaitingSDMF:
		c.Waiting, c.Lamp = true, len(body) > 0 && body[0] == 0x42
		return c, nil
	case TypeWaitingMDMF, TypeMDMF:
	default:
		return c, fmt.Errorf("caller identification: message type %#02x is unknown", msg[0])
	}
	c.Waiting = msg[0] == TypeWaitingMDMF
	for len(body) > 0 {
		if len(body) < 2 || len(body) < 2+int(body[1]) {
			return c, errShort
		}
		kind, value := body[0], body[2:2+int(body[1])]
		body = body[2+int(body[1]):]
		switch kind {
		case paramTime:
			if err := c.setTime(value); err != nil {
				return c, err
			}
		case paramNumber:
			c.Number = string(value)
		case paramCalled:
			c.Called = string(value)
		case paramName:
			c.Name = string(value)
		case paramNumberAbsent:
			if len(value) > 0 {
				c.NoNumber = Absence(value[0])
			}
		case paramNameAbsent:
			if len(value) > 0 {
				c.NoName = Absence(value[0])
			}
		case paramWaiting:
			c.Waiting, c.Lamp = true, len(value) > 0 && value[0] != 0
		case paramCallType: // an ordinary call, a ring-back, a message: not told apart
		default: // what this receiver does not know, it passes over (GR-30)
		}
	}
	return c, nil
}

func (c *CallerID) setNumber(s string) {
	switch s {
	case "O", "P":
		c.NoNumber = Absence(s[0])
	default:
		c.Number = s
	}
}

func (c *CallerID) setTime(b []byte) error {
	if len(b) != 8 {
		return fmt.Errorf("caller identification: a time of %d characters", len(b))
	}
	var v [4]int
	for i, d := range b {
		if d < '0' || d > '9' {
			return fmt.Errorf("caller identification: %q is no time", b)
		}
		v[i/2] = v[i/2]*10 + int(d-'0')
	}
	c.Month, c.Day, c.Hour, c.Minute = v[0], v[1], v[2], v[3]
	return nil
}

// DTMFCallerID frames a number for caller identification by keys: China and
// others send D…C, Denmark A…#, ETSI's EN 300 659-1 annex B A…C.
func DTMFCallerID(number string, start, stop byte) (string, error) {
	if !strings.ContainsRune("ABD", rune(start)) || !strings.ContainsRune("C#", rune(stop)) {
		return "", fmt.Errorf("caller identification by keys: %q to %q is no frame: A, B or D to C or #", start, stop)
	}
	for i := range len(number) {
		if number[i] < '0' || number[i] > '9' {
			return "", fmt.Errorf("caller identification by keys: %q is no number", number)
		}
	}
	return string(start) + number + string(stop), nil
}

// ParseDTMFCallerID reads keys framed like that, and ETSI's several fields
// (A calling number, D diverting number, B a reason, then C); ok is false when
// they are no whole frame.
func ParseDTMFCallerID(keys string) (c CallerID, ok bool) {
	if len(keys) < 2 || !strings.ContainsRune("ABD", rune(keys[0])) || !strings.ContainsRune("C#", rune(keys[len(keys)-1])) {
		return c, false
	}
	field, value := keys[0], ""
	flush := func() {
		switch {
		case field == 'B' && strings.HasSuffix(value, "1"), value == "10" && field == 'D':
			c.NoNumber = Private
		case field == 'B':
			c.NoNumber = OutOfArea
		case c.Number == "":
			c.Number = value
		}
		value = ""
	}
	for _, k := range keys[1 : len(keys)-1] {
		switch {
		case k >= '0' && k <= '9':
			value += string(k)
		case k == 'A' || k == 'B' || k == 'D':
			flush()
			field = byte(k)
		default:
			return CallerID{}, false
		}
	}
	flush()
	return c, c.Number != "" || c.NoNumber != Given
}

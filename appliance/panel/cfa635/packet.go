package cfa635

import "fmt"

// MaxData is the most data that a packet carries, in bytes.
const MaxData = 22

// overhead is what a packet has besides its data.
const overhead = 4

// A Packet is what goes over the line, without its CRC.
type Packet struct {
	Type byte
	Data []byte
}

// The upper bits of a packet's type.
const (
	classMask    = 0xC0
	classCommand = 0x00
	classAnswer  = 0x40
	classReport  = 0x80
	classRefusal = 0xC0
)

// The commands, and the one report that is of interest here.
const (
	CmdPing        = 0  // sends its data back, up to 16 bytes
	CmdVersion     = 1  // the model and its firmware as text: "CFA635:h1.4,u2.1"
	CmdStoreBoot   = 4  // what is shown now is what is shown after power-on
	CmdReboot      = 5  // with 8, 18, 99
	CmdClear       = 6  // all spaces
	CmdDefineChar  = 9  // a number 0–7, and eight rows of pixels
	CmdCursorPos   = 11 // column, row
	CmdCursorStyle = 12 // 0: none
	CmdContrast    = 13 // 0–255, on the CFA-633 0–50
	CmdBacklight   = 14 // 0–100
	CmdKeyReports  = 23 // a mask for keys pressed, and one for keys released
	CmdPollKeys    = 24 // masks: held, pressed since, released since
	CmdWrite       = 31 // column, row, text
	CmdBaud        = 33 // 0: 19200, 1: 115200
	CmdSetOutput   = 34 // an output or lamp, and 0–100
	CmdReadOutput  = 35
	maxCommand     = 36

	ReportKey = 0x80
	maxReport = 0x82 // keys, fans, temperatures
)

// Answer is the type of the answer to a command.
func Answer(command byte) byte { return classAnswer | command }

// Refusal is the type of the answer to a command that is refused.
func Refusal(command byte) byte { return classRefusal | command }

func (p Packet) String() string { return fmt.Sprintf("%#02x % x", p.Type, p.Data) }

// CRC is the check sum of the bytes.
func CRC(b []byte) uint16 {
	crc := uint16(0xFFFF)
	for _, c := range b {
		crc ^= uint16(c)
		for range 8 {
			if crc&1 != 0 {
				crc = crc>>1 ^ 0x8408
			} else {
				crc >>= 1
			}
		}
	}
	return ^crc
}

// Append appends the packet to b as it is sent. Data beyond MaxData is a
// programmer's error, and panics.
func (p Packet) Append(b []byte) []byte {
	if len(p.Data) > MaxData {
		panic(fmt.Sprintf("cfa635: a packet with %d bytes of data", len(p.Data)))
	}
	start := len(b)
	b = append(b, p.Type, byte(len(p.Data)))
	b = append(b, p.Data...)
	crc := CRC(b[start:])
	return append(b, byte(crc), byte(crc>>8))
}

// FromModule accepts the types of packet that a module sends.
func FromModule(t byte) bool {
	switch t & classMask {
	case classAnswer, classRefusal:
		return t&^classMask <= maxCommand
	case classReport:
		return t <= maxReport
	}
	return false
}

// FromHost accepts the types of packet that a module is sent.
func FromHost(t byte) bool { return t <= maxCommand }

// A Parser finds the packets in what comes over a line. Accept tells the types
// that can come: the fewer, the sooner it finds its way after noise.
type Parser struct {
	Accept  func(byte) bool
	Dropped int // bytes that were in no packet

	buf []byte
}

// Feed takes what has come. The parser keeps a copy.
func (p *Parser) Feed(b []byte) { p.buf = append(p.buf, b...) }

// Next gives the next whole packet. If there is none yet, more has to come
// first; unless it does not, see [Parser.Skip].
func (p *Parser) Next() (Packet, bool) {
	for len(p.buf) > 0 {
		if !p.Accept(p.buf[0]) {
			p.drop()
			continue
		}
		if len(p.buf) == 1 {
			break
		}
		n := int(p.buf[1])
		if n > MaxData {
			p.drop()
			continue
		}
		if len(p.buf) < n+overhead {
			break
		}
		if crc := CRC(p.buf[:n+2]); p.buf[n+2] != byte(crc) || p.buf[n+3] != byte(crc>>8) {
			p.drop()
			continue
		}
		found := Packet{Type: p.buf[0], Data: append([]byte(nil), p.buf[2:n+2]...)}
		p.buf = p.buf[:copy(p.buf, p.buf[n+overhead:])]
		return found, true
	}
	return Packet{}, false
}

// Skip gives up the packet that the parser is in the midst of. Noise can look
// like the beginning of one and swallow what comes after; when an answer is
// overdue, it may already be here.
func (p *Parser) Skip() {
	if len(p.buf) > 0 {
		p.drop()
	}
}

// Pending is the number of bytes of a packet that is not whole.
func (p *Parser) Pending() int { return len(p.buf) }

func (p *Parser) drop() {
	p.Dropped++
	p.buf = p.buf[:copy(p.buf, p.buf[1:])]
}

package ami

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// ErrTooLong is what a [Parser] says of a message longer than its limit.
var ErrTooLong = errors.New("ami: message too long")

const (
	// DefaultMaxMessage is the longest message a [Parser] takes, in bytes: the
	// output of a command is one message.
	DefaultMaxMessage = 8 << 20

	readSize = 64 << 10
)

// A Parser reads messages from a connection. In the steady state it allocates
// nothing. It is not for several goroutines at once.
type Parser struct {
	r          io.Reader
	max        int
	buf        []byte // buf[start:end] was read and not yet given
	start, end int
	seq        uint64
	scan       scanner
	msg        Message
}

// NewParser returns a parser that takes messages of up to max bytes (0:
// [DefaultMaxMessage]).
func NewParser(r io.Reader, max int) *Parser {
	if max <= 0 {
		max = DefaultMaxMessage
	}
	return &Parser{r: r, max: max, buf: make([]byte, min(readSize, max))}
}

// Banner reads the line with which Asterisk greets, without its end.
func (p *Parser) Banner() (string, error) {
	for looked := 0; ; {
		if i := bytes.Index(p.buf[p.start+looked:p.end], []byte("\r\n")); i >= 0 {
			line := string(p.buf[p.start : p.start+looked+i])
			p.start += looked + i + 2
			return line, nil
		}
		looked = max(0, p.end-p.start-1)
		if err := p.fill(); err != nil {
			return "", err
		}
	}
}

// Next returns the next message, good until it is called again. After the last
// one it returns [io.EOF], or [io.ErrUnexpectedEOF] if the connection ended
// within a message.
func (p *Parser) Next() (*Message, error) {
	p.msg.fields = p.msg.fields[:0]
	p.scan = scanner{}
	for {
		if n, ok := p.scan.scan(p.buf[p.start:p.end], &p.msg); ok {
			p.msg.raw = p.buf[p.start : p.start+n : p.start+n]
			p.start += n
			p.seq++
			p.msg.Seq = p.seq
			return &p.msg, nil
		}
		if err := p.fill(); err != nil {
			if err == io.EOF && len(bytes.TrimLeft(p.buf[p.start:p.end], "\r\n")) > 0 {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
}

// fill reads more.
func (p *Parser) fill() error {
	if p.start == p.end {
		p.start, p.end = 0, 0
		if len(p.buf) > readSize { // after something long
			p.buf = make([]byte, readSize)
		}
	}
	if p.end == len(p.buf) {
		switch {
		case p.start > 0 && p.start >= len(p.buf)/2:
			p.end = copy(p.buf, p.buf[p.start:p.end])
			p.start = 0
		case p.end-p.start >= p.max:
			return fmt.Errorf("%w: more than %d bytes", ErrTooLong, p.max)
		default:
			bigger := make([]byte, min(2*len(p.buf), p.max+readSize))
			p.end = copy(bigger, p.buf[p.start:p.end])
			p.buf, p.start = bigger, 0
		}
	}
	for range 100 {
		n, err := p.r.Read(p.buf[p.end:])
		p.end += n
		if n > 0 {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}

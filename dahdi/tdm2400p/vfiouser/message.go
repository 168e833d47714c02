package vfiouser

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// The commands, as their numbers go over the wire.
const (
	cmdVersion       = 1
	cmdDMAMap        = 2
	cmdDMAUnmap      = 3
	cmdGetInfo       = 4
	cmdGetRegionInfo = 5
	cmdGetIRQInfo    = 7
	cmdSetIRQs       = 8
	cmdRegionRead    = 9
	cmdRegionWrite   = 10
	cmdReset         = 13
)

// The flags of a header.
const (
	flagTypeMask = 0x0f // 0 is a request
	flagReply    = 0x01
	flagNoReply  = 0x10
	flagError    = 0x20
)

const (
	headerSize = 16
	accessSize = 16 // offset, region, count
	// maxTransfer is how much one access may carry; the client is told.
	maxTransfer = 4096
	// maxMessage bounds a message: what an access needs, and what a client may
	// have to say about itself in VERSION.
	maxMessage = 8192
	// maxFDs is how many file descriptors a message may carry; the client is
	// told. One is enough for all we understand.
	maxFDs = 8
	// maxMaps is how many ranges of guest memory there may be.
	maxMaps = 1024
)

// errProtocol is a message that no client of good will sends.
var errProtocol = errors.New("protocol error")

var le = binary.LittleEndian

type header struct {
	id, command uint16
	size        uint32 // of the message, header included
	flags       uint32
}

// parseHeader reads the header at the start of b, which must hold one.
func parseHeader(b []byte) (header, error) {
	h := header{
		id:      le.Uint16(b[0:]),
		command: le.Uint16(b[2:]),
		size:    le.Uint32(b[4:]),
		flags:   le.Uint32(b[8:]),
	}
	if h.size < headerSize || h.size > maxMessage {
		return h, fmt.Errorf("a message of %d octets: %w", h.size, errProtocol)
	}
	if h.flags&flagTypeMask != 0 {
		return h, fmt.Errorf("a message with flags %#x, no request: %w", h.flags, errProtocol)
	}
	return h, nil
}

// access is the head of a REGION_READ or REGION_WRITE.
type access struct {
	offset uint64
	region uint32
	count  uint32
}

func parseAccess(body []byte) (a access, err error) {
	if len(body) < accessSize {
		return a, unix.EINVAL
	}
	a = access{le.Uint64(body), le.Uint32(body[8:]), le.Uint32(body[12:])}
	if a.count > maxTransfer {
		return a, unix.EINVAL
	}
	return a, nil
}

// dmaMap is the body of a DMA_MAP.
type dmaMap struct {
	flags              uint32
	offset, iova, size uint64
}

func parseDMAMap(body []byte) (m dmaMap, err error) {
	if len(body) < 32 {
		return m, unix.EINVAL
	}
	return dmaMap{le.Uint32(body[4:]), le.Uint64(body[8:]), le.Uint64(body[16:]), le.Uint64(body[24:])}, nil
}

// dmaUnmap is the body of a DMA_UNMAP.
type dmaUnmap struct {
	flags      uint32
	iova, size uint64
}

func parseDMAUnmap(body []byte) (m dmaUnmap, err error) {
	if len(body) < 24 {
		return m, unix.EINVAL
	}
	return dmaUnmap{le.Uint32(body[4:]), le.Uint64(body[8:]), le.Uint64(body[16:])}, nil
}

// setIRQs is the body of a SET_IRQS.
type setIRQs struct {
	flags, index, start, count uint32
	data                       []byte
}

func parseSetIRQs(body []byte) (m setIRQs, err error) {
	if len(body) < 20 {
		return m, unix.EINVAL
	}
	return setIRQs{le.Uint32(body[4:]), le.Uint32(body[8:]), le.Uint32(body[12:]), le.Uint32(body[16:]), body[20:]}, nil
}

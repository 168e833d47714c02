package vfiouser

import (
	"encoding/json"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// capabilities is what the server says of itself.
const capabilities = `{"capabilities":{"max_msg_fds":8,"max_data_xfer_size":4096,"max_dma_maps":1024}}`

const (
	regionRead  = 1
	regionWrite = 2

	deviceReset = 1
	devicePCI   = 2
)

// handle carries out one message and answers it. A message that makes sense but
// can't be obeyed is answered with an errno; an error of handle ends the
// connection.
func (s *session) handle(h header, body []byte, fds []int) error {
	if !s.spoken && h.command != cmdVersion {
		return fmt.Errorf("command %d before the version: %w", h.command, errProtocol)
	}
	s.out = append(s.out[:0], make([]byte, headerSize)...)
	err := s.execute(h, body, fds)
	if errors.Is(err, errProtocol) {
		return err
	}
	flags := uint32(flagReply)
	errno := unix.Errno(0)
	if err != nil {
		errno = number(err)
		flags |= flagError
		s.out = s.out[:headerSize]
		s.log.Debug("vfio-user request failed", "command", h.command, "err", err)
	}
	if h.flags&flagNoReply != 0 {
		return nil
	}
	le.PutUint16(s.out[0:], h.id)
	le.PutUint16(s.out[2:], h.command)
	le.PutUint32(s.out[4:], uint32(len(s.out)))
	le.PutUint32(s.out[8:], flags)
	le.PutUint32(s.out[12:], uint32(errno))
	return s.send()
}

// number returns the errno by which the client is told of an error.
func number(err error) unix.Errno {
	if errno := unix.Errno(0); errors.As(err, &errno) {
		return errno
	}
	return unix.EIO
}

// execute carries out a message, and appends the body of the answer to out.
func (s *session) execute(h header, body []byte, fds []int) error {
	switch h.command {
	case cmdRegionRead:
		return s.regionRead(body)
	case cmdRegionWrite:
		return s.regionWrite(body)
	case cmdVersion:
		return s.version(body)
	case cmdDMAMap:
		return s.dmaMap(body, fds)
	case cmdDMAUnmap:
		return s.dmaUnmap(body)
	case cmdGetInfo:
		return s.deviceInfo(body)
	case cmdGetRegionInfo:
		return s.regionInfo(body)
	case cmdGetIRQInfo:
		return s.irqInfo(body)
	case cmdSetIRQs:
		m, err := parseSetIRQs(body)
		if err != nil {
			return err
		}
		if err := s.irq.configure(m, fds, s.now()); err != nil {
			return fmt.Errorf("setting interrupt %d, flags %#x, count %d: %w", m.index, m.flags, m.count, err)
		}
		return nil
	case cmdReset:
		s.dev.Reset()
		return nil
	}
	return unix.ENOTSUP
}

func (s *session) version(body []byte) error {
	if s.spoken || len(body) < 4 {
		return fmt.Errorf("the version: %w", errProtocol)
	}
	major, minor := le.Uint16(body), le.Uint16(body[2:])
	if major != 0 {
		return fmt.Errorf("version %d.%d of vfio-user: %w", major, minor, unix.ENOTSUP)
	}
	if said := body[4:]; len(said) > 0 {
		if said[len(said)-1] == 0 {
			said = said[:len(said)-1]
		}
		if len(said) > 0 && !json.Valid(said) {
			return fmt.Errorf("the client's capabilities: %w", unix.EINVAL)
		}
		s.log.Debug("vfio-user client", "version", minor, "capabilities", string(said))
	}
	s.spoken = true
	s.out = append(s.out, body[:4]...)
	s.out = append(s.out, capabilities...)
	s.out = append(s.out, 0)
	return nil
}

func (s *session) regionRead(body []byte) error {
	a, err := parseAccess(body)
	if err != nil {
		return err
	}
	if err := s.inside(a); err != nil {
		return err
	}
	s.out = append(s.out, body[:accessSize]...)
	at := len(s.out)
	s.out = s.out[:at+int(a.count)] // it has room for maxTransfer
	clear(s.out[at:])
	return s.dev.ReadRegion(int(a.region), a.offset, s.out[at:])
}

func (s *session) regionWrite(body []byte) error {
	a, err := parseAccess(body)
	if err != nil {
		return err
	}
	if err := s.inside(a); err != nil {
		return err
	}
	if len(body) != accessSize+int(a.count) {
		return unix.EINVAL
	}
	s.out = append(s.out, body[:accessSize]...)
	return s.dev.WriteRegion(int(a.region), a.offset, body[accessSize:])
}

// inside holds an access against the region it is for.
func (s *session) inside(a access) error {
	if a.region >= Regions {
		return unix.EINVAL
	}
	size := s.dev.RegionSize(int(a.region))
	if a.offset > size || uint64(a.count) > size-a.offset {
		return unix.EINVAL
	}
	return nil
}

func (s *session) dmaMap(body []byte, fds []int) error {
	m, err := parseDMAMap(body)
	if err != nil {
		return err
	}
	fd := -1
	switch len(fds) {
	case 0:
	case 1:
		fd = fds[0] // the mapping outlives it
	default:
		return unix.EINVAL
	}
	if err := s.memory.add(m, fd); err != nil {
		return fmt.Errorf("mapping %#x octets at %#x: %w", m.size, m.iova, err)
	}
	s.log.Debug("guest memory", "address", m.iova, "size", m.size, "flags", m.flags, "accessible", fd >= 0)
	return nil
}

func (s *session) dmaUnmap(body []byte) error {
	m, err := parseDMAUnmap(body)
	if err != nil {
		return err
	}
	if err := s.memory.remove(m); err != nil {
		return fmt.Errorf("unmapping %#x octets at %#x: %w", m.size, m.iova, err)
	}
	s.out = append(s.out, body[:24]...)
	return nil
}

func (s *session) append32(vs ...uint32) {
	for _, v := range vs {
		s.out = le.AppendUint32(s.out, v)
	}
}

func (s *session) deviceInfo(body []byte) error {
	if len(body) < 16 {
		return unix.EINVAL
	}
	s.append32(16, deviceReset|devicePCI, Regions, irqs)
	return nil
}

func (s *session) regionInfo(body []byte) error {
	if len(body) < 32 {
		return unix.EINVAL
	}
	region := le.Uint32(body[8:])
	if region >= Regions {
		return unix.EINVAL
	}
	size := s.dev.RegionSize(int(region))
	var flags uint32
	if size > 0 {
		flags = regionRead | regionWrite
	}
	s.append32(32, flags, region, 0)
	s.out = le.AppendUint64(s.out, size)
	s.out = le.AppendUint64(s.out, 0)
	return nil
}

func (s *session) irqInfo(body []byte) error {
	if len(body) < 16 {
		return unix.EINVAL
	}
	index := le.Uint32(body[8:])
	if index >= irqs {
		return unix.EINVAL
	}
	if index != irqINTx {
		s.append32(16, 0, index, 0)
		return nil
	}
	const eventfd, maskable, automasked = 1, 2, 4
	s.append32(16, eventfd|maskable|automasked, index, 1)
	return nil
}

package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/sdp/v3"

	"switchroom/dahdi/tone"
)

// Payload types: those of RFC 3551, and the one that we give telephone events.
const (
	payloadMuLaw = 0
	payloadALaw  = 8
	payloadEvent = 101
)

// direction is an attribute of SDP.
type direction string

const (
	sendRecv direction = "sendrecv"
	sendOnly direction = "sendonly"
)

// media is the sound of one call: a socket, a mouth and an ear.
type media struct {
	conn *net.UDPConn
	ear  *Ear
	law  tone.Law

	mu     sync.Mutex
	remote netip.AddrPort // invalid: nowhere to send yet
	codec  uint8          // payload type agreed upon
	event  uint8          // payload type of events, 0: none agreed upon
	mouth  tone.Generator
	held   bool // the other side wants nothing to hear
	quiet  bool // nothing is sent: the call is not answered yet
	stop   chan struct{}
	once   sync.Once
	wg     sync.WaitGroup

	presses chan press // to the sender
	version uint64     // of our session description
	ticks   int        // times that the sender was awake, every 20 ms
	timers  []timer
	lost    int // packets that did not come, by their sequence numbers
	came    int // packets that came
	late    int // packets that came more than 60 ms after the one before
}

// timer is closed at a tick.
type timer struct {
	at   int
	done chan struct{}
}

type press struct {
	key  byte
	done chan struct{}
}

func newMedia(n network, ip netip.Addr, law tone.Law, mouth tone.Generator) (*media, error) {
	m := &media{ear: newEar(), law: law, mouth: mouth, codec: payloadMuLaw, stop: make(chan struct{}), presses: make(chan press)}
	if law == tone.ALaw {
		m.codec = payloadALaw
	}
	err := n.do(func() (err error) {
		m.conn, err = net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(ip, 0)))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("opening a socket for sound: %w", err)
	}
	m.wg.Add(2)
	go m.receive()
	go m.send()
	return m, nil
}

func (m *media) close() {
	m.once.Do(func() {
		close(m.stop)
		_ = m.conn.Close()
	})
	m.wg.Wait()
	m.ear.close()
}

// describe returns our session description.
func (m *media) describe(d direction) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.version++
	local := m.conn.LocalAddr().(*net.UDPAddr)
	address := &sdp.Address{Address: local.IP.String()}
	body := sdp.SessionDescription{
		Origin: sdp.Origin{Username: "lab", SessionID: uint64(local.Port), SessionVersion: m.version, NetworkType: "IN",
			AddressType: "IP4", UnicastAddress: local.IP.String()},
		SessionName:           "lab",
		ConnectionInformation: &sdp.ConnectionInformation{NetworkType: "IN", AddressType: "IP4", Address: address},
		TimeDescriptions:      []sdp.TimeDescription{{}},
	}
	audio := &sdp.MediaDescription{MediaName: sdp.MediaName{Media: "audio", Port: sdp.RangedPort{Value: local.Port}, Protos: []string{"RTP", "AVP"}}}
	name := map[tone.Law]string{tone.MuLaw: "PCMU", tone.ALaw: "PCMA"}[m.law]
	payload := map[tone.Law]uint8{tone.MuLaw: payloadMuLaw, tone.ALaw: payloadALaw}[m.law]
	audio.WithCodec(payload, name, tone.Rate, 0, "")
	audio.WithCodec(payloadEvent, "telephone-event", tone.Rate, 0, "0-16")
	audio.WithValueAttribute("ptime", "20").WithPropertyAttribute(string(d))
	body.WithMedia(audio)
	return body.Marshal()
}

// agree takes the other side's session description, an offer or an answer.
func (m *media) agree(body []byte) error {
	var s sdp.SessionDescription
	if err := s.Unmarshal(body); err != nil {
		return fmt.Errorf("reading a session description: %w", err)
	}
	i := slices.IndexFunc(s.MediaDescriptions, func(d *sdp.MediaDescription) bool { return d.MediaName.Media == "audio" })
	if i < 0 {
		return errors.New("a session description without sound")
	}
	audio := s.MediaDescriptions[i]
	at := s.ConnectionInformation
	if audio.ConnectionInformation != nil {
		at = audio.ConnectionInformation
	}
	if at == nil || at.Address == nil {
		return errors.New("a session description without an address")
	}
	ip, err := netip.ParseAddr(at.Address.Address)
	if err != nil {
		return fmt.Errorf("reading a session description: %w", err)
	}
	codec, event := -1, uint8(0)
	for _, f := range audio.MediaName.Formats {
		if n, err := strconv.Atoi(f); err == nil && codec < 0 && (n == payloadMuLaw && m.law == tone.MuLaw || n == payloadALaw && m.law == tone.ALaw) {
			codec = n
		}
	}
	for _, a := range audio.Attributes {
		if n, what, ok := strings.Cut(a.Value, " "); ok && a.Key == "rtpmap" && strings.HasPrefix(what, "telephone-event/8000") {
			if n, err := strconv.ParseUint(n, 10, 7); err == nil {
				event = uint8(n)
			}
		}
	}
	if codec < 0 {
		return fmt.Errorf("no codec in common: they offer %v", audio.MediaName.Formats)
	}
	_, receivesNot := audio.Attribute("sendonly")
	_, inactive := audio.Attribute("inactive")
	m.mu.Lock()
	defer m.mu.Unlock()
	m.remote = netip.AddrPortFrom(ip, uint16(audio.MediaName.Port.Value))
	m.codec, m.event = uint8(codec), event
	m.held = receivesNot || inactive || ip.IsUnspecified()
	return nil
}

// say changes what the telephone says, from the next packet on.
func (m *media) say(g tone.Generator) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mouth = g
}

// pass waits for so many ticks.
func (m *media) pass(ctx context.Context, ticks int) error {
	t := timer{done: make(chan struct{})}
	m.mu.Lock()
	t.at = m.ticks + ticks
	m.timers = append(m.timers, t)
	m.mu.Unlock()
	select {
	case <-t.done:
		return nil
	case <-m.stop:
		return errors.New("the call has ended")
	case <-ctx.Done():
		return ctx.Err()
	}
}

// mute stops sending, or begins it again.
func (m *media) mute(quiet bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.quiet = quiet
}

func (m *media) receive() {
	defer m.wg.Done()
	buf := make([]byte, 2048)
	var pcm []int16
	var lastEvent uint32
	var ssrc uint32
	var sequence uint16
	var last time.Time
	for {
		n, err := m.conn.Read(buf)
		if err != nil {
			return // closed
		}
		var p rtp.Packet
		if err := p.Unmarshal(buf[:n]); err != nil {
			continue // nothing of ours
		}
		now := time.Now()
		m.mu.Lock()
		m.came++
		if p.SSRC == ssrc && !p.Marker {
			if gap := p.SequenceNumber - sequence - 1; gap > 0 && gap < 1000 {
				m.lost += int(gap)
			}
			if now.Sub(last) > 60*time.Millisecond {
				m.late++
			}
		}
		m.mu.Unlock()
		ssrc, sequence, last = p.SSRC, p.SequenceNumber, now
		switch p.PayloadType {
		case payloadMuLaw:
			pcm = tone.MuLaw.DecodeAll(pcm[:0], p.Payload)
			m.ear.hear(pcm)
		case payloadALaw:
			pcm = tone.ALaw.DecodeAll(pcm[:0], p.Payload)
			m.ear.hear(pcm)
		case payloadEvent:
			// An event's packets have one time stamp in common.
			if len(p.Payload) == 4 && p.Timestamp != lastEvent && int(p.Payload[0]) < len(eventKeys) {
				lastEvent = p.Timestamp
				m.ear.press(eventKeys[p.Payload[0]])
			}
		}
	}
}

// eventKeys are RFC 4733's numbers of the keys.
const eventKeys = "0123456789*#ABCD"

// send says what the mouth has to say, a packet every 20 ms.
func (m *media) send() {
	defer m.wg.Done()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	packet := rtp.Packet{Header: rtp.Header{Version: 2, SSRC: uint32(m.conn.LocalAddr().(*net.UDPAddr).Port)<<8 | 1, SequenceNumber: 1, Marker: true}}
	pcm := make([]int16, Frame)
	var payload []byte
	var keying *keying
	for {
		if keying == nil {
			select {
			case p := <-m.presses:
				keying = newKeying(p, packet.Timestamp)
			default:
			}
		}
		select {
		case <-tick.C:
		case <-m.stop:
			return
		}
		m.mu.Lock()
		remote, codec, event, held := m.remote, m.codec, m.event, m.held || m.quiet
		n := m.mouth.Next(pcm)
		clear(pcm[n:])
		m.ticks++
		for i := 0; i < len(m.timers); i++ {
			if m.ticks >= m.timers[i].at {
				close(m.timers[i].done)
				m.timers = slices.Delete(m.timers, i, i+1)
				i--
			}
		}
		m.mu.Unlock()
		switch {
		case !remote.IsValid():
		case keying != nil && keying.age < eventPackets:
			packet.SequenceNumber += m.sendEvent(packet, remote, event, keying)
		case !held:
			packet.PayloadType = codec
			payload = m.law.EncodeAll(payload[:0], pcm)
			packet.Payload = payload
			m.write(packet, remote)
			packet.SequenceNumber++
			packet.Marker = false
		}
		if keying != nil {
			if keying.age++; keying.age == eventPackets+eventPause {
				close(keying.done)
				keying = nil
			}
		}
		packet.Timestamp += Frame
	}
}

// keying is a key being pressed: a packet every 20 ms, and then a pause as long as as many.
type keying struct {
	press
	start uint32 // time stamp
	age   int    // in packets
}

const eventPackets, eventPause = 6, 4

func newKeying(p press, start uint32) *keying { return &keying{press: p, start: start} }

// sendEvent sends one packet of a key press, the last one three times, and returns how many it sent.
func (m *media) sendEvent(p rtp.Packet, to netip.AddrPort, event uint8, k *keying) (sent uint16) {
	p.PayloadType, p.Timestamp, p.Marker = event, k.start, k.age == 0
	length := (k.age + 1) * Frame
	p.Payload = []byte{byte(strings.IndexByte(eventKeys, k.key)), 10, byte(length >> 8), byte(length)}
	times := uint16(1)
	if k.age == eventPackets-1 {
		p.Payload[1] |= 0x80
		times = 3
	}
	for ; sent < times; sent++ {
		m.write(p, to)
		p.SequenceNumber++
	}
	return sent
}

// dial presses a key, and returns when it is over.
func (m *media) dial(ctx context.Context, key byte) error {
	m.mu.Lock()
	agreed := m.event != 0
	m.mu.Unlock()
	if strings.IndexByte(eventKeys, key) < 0 {
		return fmt.Errorf("%q is no key", key)
	}
	if !agreed {
		return errors.New("pressing a key: no telephone events were agreed upon")
	}
	p := press{key, make(chan struct{})}
	select {
	case m.presses <- p:
	case <-m.stop:
		return errors.New("pressing a key: the call has ended")
	case <-ctx.Done():
		return fmt.Errorf("pressing a key: %w", ctx.Err())
	}
	select {
	case <-p.done:
		return nil
	case <-m.stop:
		return nil // the key may have ended the call
	case <-ctx.Done():
		return fmt.Errorf("pressing a key: %w", ctx.Err())
	}
}

func (m *media) write(p rtp.Packet, to netip.AddrPort) {
	b, err := p.Marshal()
	if err != nil {
		return // can't be: our own packet
	}
	// The other side's socket may be closed a moment before we are told that the call is over.
	_, _ = m.conn.WriteToUDPAddrPort(b, to)
}

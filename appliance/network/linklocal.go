package network

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Times of RFC 3927, 9.
const (
	probeWait     = time.Second
	probeNum      = 3
	probeGap      = 1500 * time.Millisecond // between PROBE_MIN and PROBE_MAX
	announceWait  = 2 * time.Second
	maxConflicts  = 10
	arpFrameSize  = 28
	arpRequest    = 1
	linkLocalBits = 16
)

// linkLocalCandidate gives the n-th address that a port with this hardware
// address tries: always the same ones, so that the box keeps its address over
// a restart (RFC 3927, 2.1).
func linkLocalCandidate(mac net.HardwareAddr, n int) netip.Prefix {
	h := fnv.New64a()
	h.Write(mac)
	r := rand.New(rand.NewPCG(h.Sum64(), uint64(n)))
	// 169.254.1.0 to 169.254.254.255.
	host := 256 + r.IntN(254*256)
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{169, 254, byte(host >> 8), byte(host)}), linkLocalBits)
}

// claimLinkLocal finds an address in 169.254/16 that nobody on the link uses.
func claimLinkLocal(ctx context.Context, iface string, mac net.HardwareAddr) (netip.Prefix, error) {
	a, err := openARP(iface, mac)
	if err != nil {
		return netip.Prefix{}, err
	}
	defer a.Close()
	for n := range maxConflicts {
		p := linkLocalCandidate(mac, n)
		taken, err := a.probe(ctx, p.Addr())
		if err != nil {
			return netip.Prefix{}, err
		}
		if !taken {
			return p, nil
		}
	}
	return netip.Prefix{}, fmt.Errorf("%d addresses in 169.254/16 are all in use", maxConflicts)
}

// arp sends and receives ARP on one interface (RFC 826).
type arp struct {
	f     *os.File
	index int
	mac   net.HardwareAddr
}

func openARP(iface string, mac net.HardwareAddr) (*arp, error) {
	i, err := net.InterfaceByName(iface)
	if err != nil {
		return nil, fmt.Errorf("opening an ARP socket: %w", err)
	}
	proto := htons(unix.ETH_P_ARP)
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, int(proto))
	if err != nil {
		return nil, fmt.Errorf("opening an ARP socket: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: proto, Ifindex: i.Index}); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("opening an ARP socket: %w", err)
	}
	return &arp{f: os.NewFile(uintptr(fd), "arp"), index: i.Index, mac: mac}, nil
}

func htons(v uint16) uint16 {
	return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, v))
}

func (a *arp) Close() error { return a.f.Close() }

// probe asks three times who has the address, and reports whether anybody
// has it or wants it too.
func (a *arp) probe(ctx context.Context, addr netip.Addr) (taken bool, err error) {
	if !sleepUntil(ctx, time.Now().Add(rand.N(probeWait))) {
		return false, ctx.Err()
	}
	for i := range probeNum {
		if err := a.send(netip.IPv4Unspecified(), addr); err != nil {
			return false, err
		}
		wait := probeGap
		if i == probeNum-1 {
			wait = announceWait
		}
		if taken, err = a.listen(ctx, addr, wait); taken || err != nil {
			return taken, err
		}
	}
	// Announce it, so that old entries elsewhere are forgotten.
	return false, a.send(addr, addr)
}

func (a *arp) send(sender, target netip.Addr) error {
	conn, err := a.f.SyscallConn()
	if err != nil {
		return fmt.Errorf("sending an ARP request: %w", err)
	}
	to := &unix.SockaddrLinklayer{Protocol: htons(unix.ETH_P_ARP), Ifindex: a.index, Halen: 6}
	copy(to.Addr[:], net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	frame := arpFrame(a.mac, sender, target)
	var sent error
	if err := conn.Write(func(fd uintptr) bool {
		sent = unix.Sendto(int(fd), frame, 0, to)
		return sent != unix.EAGAIN
	}); err != nil {
		return fmt.Errorf("sending an ARP request: %w", err)
	}
	if sent != nil {
		return fmt.Errorf("sending an ARP request: %w", sent)
	}
	return nil
}

// arpFrame is a request, for Ethernet and IPv4.
func arpFrame(mac net.HardwareAddr, sender, target netip.Addr) []byte {
	b := []byte{0, 1, 8, 0, 6, 4, 0, arpRequest}
	b = append(b, mac...)
	b = append(b, sender.AsSlice()...)
	b = append(b, make([]byte, 6)...)
	return append(b, target.AsSlice()...)
}

// listen reports whether within the time another station uses the address, or
// probes for it.
func (a *arp) listen(ctx context.Context, addr netip.Addr, wait time.Duration) (bool, error) {
	defer context.AfterFunc(ctx, func() { _ = a.f.SetReadDeadline(time.Unix(1, 0)) })()
	if err := a.f.SetReadDeadline(time.Now().Add(wait)); err != nil {
		return false, fmt.Errorf("listening for ARP: %w", err)
	}
	buf := make([]byte, 256)
	for {
		n, err := a.f.Read(buf)
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		if os.IsTimeout(err) {
			return false, nil
		}
		if err != nil {
			return false, fmt.Errorf("listening for ARP: %w", err)
		}
		if arpConflict(buf[:n], a.mac, addr) {
			return true, nil
		}
	}
}

// arpConflict reports whether a packet says that another station has the
// address, or is probing for it (RFC 3927, 2.2.1).
func arpConflict(b []byte, mac net.HardwareAddr, addr netip.Addr) bool {
	if len(b) < arpFrameSize || string(b[:6]) != "\x00\x01\x08\x00\x06\x04" {
		return false
	}
	if string(b[8:14]) == string(mac) {
		return false // our own
	}
	sender := netip.AddrFrom4([4]byte(b[14:18]))
	target := netip.AddrFrom4([4]byte(b[24:28]))
	return sender == addr || sender.IsUnspecified() && target == addr
}

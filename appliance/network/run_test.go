package network

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/server4"
	"github.com/insomniacslk/dhcp/dhcpv6"
	"github.com/insomniacslk/dhcp/dhcpv6/server6"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// patience is how long a test waits for what must come: it is only ever used
// up by a failing test.
const patience = time.Minute

// box is the network service under test, on "eth0".
type box struct {
	t   *testing.T
	etc string

	mu      sync.Mutex
	changed chan struct{}
	status  string
	got     []string
}

func startBox(t *testing.T) *box {
	t.Helper()
	b := &box{t: t, etc: t.TempDir(), changed: make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- Run(ctx, Config{
			Log:       slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})),
			Interface: "eth0",
			EtcDir:    b.etc,
			Hostname:  func() string { return "box" },
			// The rule is tested, not the patience.
			LinkLocalAfter: time.Millisecond,
			Status:         func(s string) { b.change(func() { b.status = s }) },
			Address:        func(p string, a netip.Prefix) { b.change(func() { b.got = append(b.got, p+" "+a.String()) }) },
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return b
}

func (b *box) change(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f()
	close(b.changed)
	b.changed = make(chan struct{})
}

// until waits until the status is such.
func (b *box) until(what string, ok func(status string) bool) {
	b.t.Helper()
	end := time.After(patience)
	for {
		b.mu.Lock()
		status, changed := b.status, b.changed
		b.mu.Unlock()
		if ok(status) {
			return
		}
		select {
		case <-changed:
		case <-end:
			b.t.Fatalf("waited for %s; the status is %q", what, status)
		}
	}
}

func (b *box) untilHas(text string) {
	b.t.Helper()
	b.until(text, func(s string) bool { return strings.Contains(s, text) })
}

func (b *box) file(name string) string {
	b.t.Helper()
	text, err := os.ReadFile(filepath.Join(b.etc, name))
	check(b.t, err)
	return string(text)
}

// dhcp is a DHCP server at the far end; the messages it got go to seen.
type dhcp struct {
	seen chan *dhcpv4.DHCPv4
	srv  *server4.Server

	mu      sync.Mutex
	silent  bool
	refuse  bool
	address net.IP
	lease   time.Duration
}

func (w *wire) serve4(address string, lease time.Duration) *dhcp {
	w.t.Helper()
	d := &dhcp{seen: make(chan *dhcpv4.DHCPv4, 1000), address: net.ParseIP(address).To4(), lease: lease}
	w.do(func() (err error) {
		d.srv, err = server4.NewServer(farEnd, &net.UDPAddr{Port: dhcpv4.ServerPort}, d.handle)
		return err
	})
	go func() { _ = d.srv.Serve() }()
	w.t.Cleanup(func() { d.srv.Close() })
	return d
}

func (d *dhcp) set(f func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f()
}

func (d *dhcp) handle(conn net.PacketConn, peer net.Addr, m *dhcpv4.DHCPv4) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.seen <- m
	if d.silent {
		return
	}
	typ := dhcpv4.MessageTypeOffer
	if m.MessageType() == dhcpv4.MessageTypeRequest {
		typ = dhcpv4.MessageTypeAck
		want := m.RequestedIPAddress()
		if want == nil || want.IsUnspecified() {
			want = m.ClientIPAddr
		}
		if d.refuse || !want.Equal(d.address) {
			typ = dhcpv4.MessageTypeNak
		}
	}
	reply, err := dhcpv4.NewReplyFromRequest(m,
		dhcpv4.WithMessageType(typ),
		dhcpv4.WithServerIP(net.IPv4(10, 9, 8, 1)),
		dhcpv4.WithOption(dhcpv4.OptServerIdentifier(net.IPv4(10, 9, 8, 1))))
	if err != nil {
		panic(err)
	}
	if typ != dhcpv4.MessageTypeNak {
		for _, mod := range []dhcpv4.Modifier{
			dhcpv4.WithYourIP(d.address),
			dhcpv4.WithNetmask(net.CIDRMask(24, 32)),
			dhcpv4.WithRouter(net.IPv4(10, 9, 8, 1)),
			dhcpv4.WithDNS(net.IPv4(10, 9, 8, 2), net.IPv4(10, 9, 8, 3)),
			dhcpv4.WithDomainSearchList("example.net"),
			dhcpv4.WithLeaseTime(uint32(d.lease / time.Second)),
			dhcpv4.WithOption(dhcpv4.OptRenewTimeValue(time.Second)),
		} {
			mod(reply)
		}
	}
	if m.ClientIPAddr.IsUnspecified() || typ == dhcpv4.MessageTypeNak {
		peer = &net.UDPAddr{IP: net.IPv4bcast, Port: dhcpv4.ClientPort}
	}
	_, _ = conn.WriteTo(reply.ToBytes(), peer) // the cable may be out
}

// next waits for a message of the kind.
func (d *dhcp) next(t *testing.T, what string, ok func(*dhcpv4.DHCPv4) bool) *dhcpv4.DHCPv4 {
	t.Helper()
	end := time.After(patience)
	for {
		select {
		case m := <-d.seen:
			if ok(m) {
				return m
			}
		case <-end:
			t.Fatalf("the server waited for %s", what)
		}
	}
}

func kind(k dhcpv4.MessageType) func(*dhcpv4.DHCPv4) bool {
	return func(m *dhcpv4.DHCPv4) bool { return m.MessageType() == k }
}

func TestAddressByDHCP(t *testing.T) {
	if !inside(t) {
		return
	}
	w := newWire(t)
	w.address("10.9.8.1/24")
	d := w.serve4("10.9.8.77", time.Hour)
	b := startBox(t)
	b.untilHas("no cable")
	w.plug(true)
	b.untilHas("10.9.8.77/24")

	m := d.next(t, "DHCPDISCOVER", kind(dhcpv4.MessageTypeDiscover))
	if m.HostName() != "box" {
		t.Errorf("the box called itself %q to the server", m.HostName())
	}
	if got := b.file("hosts"); !strings.Contains(got, "\n10.9.8.77 box\n") {
		t.Errorf("hosts:\n%s", got)
	}
	if got, want := b.file("resolv.conf"), "options timeout:2 attempts:2\nsearch example.net\nnameserver 10.9.8.2\nnameserver 10.9.8.3\n"; got != want {
		t.Errorf("resolv.conf:\n%s\nwant:\n%s", got, want)
	}
	def, err := netlink.RouteGet(net.IPv4(192, 0, 2, 1))
	if err != nil || len(def) != 1 || !def[0].Gw.Equal(net.IPv4(10, 9, 8, 1)) || !def[0].Src.Equal(net.IPv4(10, 9, 8, 77)) {
		t.Errorf("the way out: %v, %v", def, err)
	}
	link, err := netlink.LinkByName("eth0")
	check(t, err)
	all, err := netlink.AddrList(link, netlink.FAMILY_V4)
	check(t, err)
	if len(all) != 1 || all[0].ValidLft <= 0 || all[0].ValidLft > 3600 {
		t.Errorf("addresses %+v; want one that ends with its lease", all)
	}
	b.mu.Lock()
	first := b.got[0]
	b.mu.Unlock()
	if first != "eth0 10.9.8.77/24" {
		t.Errorf("told %q first", first)
	}
	// It renews with the server itself, from its address, after a second.
	r := d.next(t, "a renewal", func(m *dhcpv4.DHCPv4) bool {
		return m.MessageType() == dhcpv4.MessageTypeRequest && !m.ClientIPAddr.IsUnspecified()
	})
	if !r.ClientIPAddr.Equal(net.IPv4(10, 9, 8, 77)) || r.ServerIdentifier() != nil {
		t.Errorf("the renewal says %v", r)
	}
}

func TestCableToAnotherNetwork(t *testing.T) {
	if !inside(t) {
		return
	}
	w := newWire(t)
	w.address("10.9.8.1/24")
	d := w.serve4("10.9.8.77", time.Hour)
	b := startBox(t)
	w.plug(true)
	b.untilHas("10.9.8.77/24")

	w.plug(false)
	b.untilHas("no cable")
	b.untilHas("10.9.8.77/24") // calls in progress keep their address
	w.plug(true)
	w.address("10.9.8.1/24")
	d.next(t, "the question whether the address still holds", func(m *dhcpv4.DHCPv4) bool {
		return m.MessageType() == dhcpv4.MessageTypeRequest && m.RequestedIPAddress().Equal(net.IPv4(10, 9, 8, 77)) &&
			m.ServerIdentifier() == nil
	})
	b.until("the cable", func(s string) bool {
		return s == "eth0: 10.9.8.77/24" || strings.HasPrefix(s, "eth0: 10.9.8.77/24, fe")
	})

	w.plug(false)
	b.untilHas("no cable")
	d.set(func() { d.address = net.IPv4(10, 9, 8, 99).To4() })
	w.plug(true)
	w.address("10.9.8.1/24")
	b.until("the new address alone", func(s string) bool {
		return strings.Contains(s, "10.9.8.99/24") && !strings.Contains(s, "10.9.8.77")
	})
	if got := b.file("hosts"); !strings.Contains(got, "\n10.9.8.99 box\n") || strings.Contains(got, "10.9.8.77") {
		t.Errorf("hosts:\n%s", got)
	}
}

// TestRestartCutsNobodyOff starts the service a second time on a port that
// has its address.
func TestRestartCutsNobodyOff(t *testing.T) {
	if !inside(t) {
		return
	}
	w := newWire(t)
	w.address("10.9.8.1/24")
	w.serve4("10.9.8.77", time.Hour)
	w.plug(true)
	t.Run("first", func(t *testing.T) { startBox(t).untilHas("10.9.8.77/24") })

	updates := make(chan netlink.AddrUpdate, 100)
	stop := make(chan struct{})
	check(t, netlink.AddrSubscribe(updates, stop))
	t.Run("second", func(t *testing.T) { startBox(t).untilHas("10.9.8.77/24") })
	close(stop)
	for u := range updates {
		if !u.NewAddr && u.LinkAddress.IP.To4() != nil {
			t.Errorf("%v was taken away", u.LinkAddress)
		}
	}
}

func TestNoServer(t *testing.T) {
	if !inside(t) {
		return
	}
	w := newWire(t)
	w.address("10.9.8.1/24")
	d := w.serve4("10.9.8.77", time.Hour)
	d.set(func() { d.silent = true })
	// The first address that the box will think of is taken.
	mac := net.HardwareAddr{2, 0, 0, 0, 0, 1}
	first, second := linkLocalCandidate(mac, 0), linkLocalCandidate(mac, 1)
	w.address(first.String())
	b := startBox(t)
	w.plug(true)
	b.untilHas(second.String() + " (no DHCP server answers)")
	d.set(func() { d.silent = false })
	b.until("a lease, and the makeshift gone", func(s string) bool {
		return strings.Contains(s, "10.9.8.77/24") && !strings.Contains(s, "169.254")
	})
}

// advertise sends a router advertisement (RFC 4861, 4.2): a prefix for
// addresses of one's own making, and the flags.
func (w *wire) advertise(prefix netip.Prefix, flags byte) {
	w.t.Helper()
	w.do(func() error {
		i, err := net.InterfaceByName(farEnd)
		if err != nil {
			return err
		}
		fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_ICMPV6)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_HOPS, 255); err != nil {
			return err
		}
		ra := []byte{134, 0, 0, 0, 64, flags, 0x07, 0x08, 0, 0, 0, 0, 0, 0, 0, 0}
		p := prefix.Addr().As16()
		ra = append(ra, 3, 4, byte(prefix.Bits()), 0xc0, 0, 0, 0x0e, 0x10, 0, 0, 0x0e, 0x10, 0, 0, 0, 0)
		ra = append(ra, p[:]...)
		to := &unix.SockaddrInet6{ZoneId: uint32(i.Index), Addr: netip.MustParseAddr("ff02::1").As16()}
		err = unix.Sendto(fd, ra, 0, to)
		if errors.Is(err, unix.EADDRNOTAVAIL) {
			return nil // its own address is not there yet: the next one will be sent
		}
		return err
	})
}

// serve6 starts a DHCPv6 server at the far end. It gives one address.
func (w *wire) serve6(address string) chan dhcpv6.MessageType {
	w.t.Helper()
	seen := make(chan dhcpv6.MessageType, 1000)
	handle := func(conn net.PacketConn, peer net.Addr, d dhcpv6.DHCPv6) {
		m, err := d.GetInnerMessage()
		if err != nil {
			return
		}
		seen <- m.MessageType
		mods := []dhcpv6.Modifier{
			dhcpv6.WithServerID(&dhcpv6.DUIDLL{HWType: 1, LinkLayerAddr: net.HardwareAddr{2, 0, 0, 0, 0, 2}}),
			dhcpv6.WithDNS(net.ParseIP("2001:db8::53")),
			dhcpv6.WithDomainSearchList("six.example.net"),
		}
		if m.MessageType != dhcpv6.MessageTypeInformationRequest {
			var iaid [4]byte
			copy(iaid[:], m.Options.OneIANA().IaId[:])
			mods = append(mods, dhcpv6.WithIANA(dhcpv6.OptIAAddress{
				IPv6Addr: net.ParseIP(address), PreferredLifetime: time.Hour, ValidLifetime: 2 * time.Hour}), dhcpv6.WithIAID(iaid))
		}
		var reply *dhcpv6.Message
		if m.MessageType == dhcpv6.MessageTypeSolicit {
			reply, err = dhcpv6.NewAdvertiseFromSolicit(m, mods...)
		} else {
			reply, err = dhcpv6.NewReplyFromMessage(m, mods...)
		}
		if err != nil {
			panic(err)
		}
		_, _ = conn.WriteTo(reply.ToBytes(), peer)
	}
	var srv *server6.Server
	w.do(func() (err error) {
		srv, err = server6.NewServer(farEnd, &net.UDPAddr{IP: net.IPv6unspecified, Port: dhcpv6.DefaultServerPort}, handle)
		return err
	})
	go func() { _ = srv.Serve() }()
	w.t.Cleanup(func() { srv.Close() })
	return seen
}

func TestIPv6(t *testing.T) {
	if !inside(t) {
		return
	}
	w := newWire(t)
	b := startBox(t)
	w.plug(true)
	seen := w.serve6("2001:db8::1234")

	// Addresses of one's own making, and servers' names by DHCPv6.
	w.untilAdvertised(b, netip.MustParsePrefix("2001:db8:0:1::/64"), 0x40, "2001:db8:0:1:")
	if m := <-seen; m != dhcpv6.MessageTypeInformationRequest {
		t.Errorf("the router says O, and the box sent %v", m)
	}
	b.untilFile("resolv.conf", "search six.example.net\nnameserver 2001:db8::53\n")
	if got := b.file("hosts"); !strings.Contains(got, "\n2001:db8:0:1:") {
		t.Errorf("hosts:\n%s", got)
	}

	// Then addresses by DHCPv6 too.
	w.untilAdvertised(b, netip.MustParsePrefix("2001:db8:0:1::/64"), 0xc0, "2001:db8::1234/128")
	if m := <-seen; m != dhcpv6.MessageTypeSolicit {
		t.Errorf("the router says M, and the box sent %v", m)
	}
}

// untilAdvertised advertises again and again, as routers do, until the status
// has the text.
func (w *wire) untilAdvertised(b *box, p netip.Prefix, flags byte, text string) {
	w.t.Helper()
	for range 60 {
		w.advertise(p, flags)
		b.mu.Lock()
		changed := b.changed
		has := strings.Contains(b.status, text)
		b.mu.Unlock()
		if has {
			return
		}
		select {
		case <-changed:
		case <-time.After(time.Second):
		}
	}
	b.untilHas(text)
}

// untilFile waits until a file has a text.
func (b *box) untilFile(name, text string) {
	b.t.Helper()
	w, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	check(b.t, err)
	f := os.NewFile(uintptr(w), "inotify")
	defer f.Close()
	_, err = unix.InotifyAddWatch(w, b.etc, unix.IN_MOVED_TO)
	check(b.t, err)
	check(b.t, f.SetReadDeadline(time.Now().Add(patience)))
	for !strings.Contains(b.file(name), text) {
		if _, err := f.Read(make([]byte, 4096)); err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				b.t.Fatalf("%s never had %q:\n%s", name, text, b.file(name))
			}
			b.t.Fatal(err)
		}
	}
}

package network

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/nclient4"
)

// lease4 is what a DHCP server has said.
type lease4 struct {
	times
	Address netip.Prefix
	Server  netip.Addr
	Routes  []route
	DNS     []netip.Addr
	Search  []string
	MTU     int // bytes; 0: not said

	ack *dhcpv4.DHCPv4
}

// route leads to a network over a router; an invalid Via means that the
// network is on the link itself.
type route struct {
	Dest netip.Prefix
	Via  netip.Addr
}

// times that a server leaves out are parts of the lease (RFC 2131, 4.4.5).
const (
	defaultLease4   = time.Hour
	infinite        = 0xffffffff * time.Second
	renewPart       = 0.5
	rebindPart      = 0.875
	minInterfaceMTU = 576
)

// client4 speaks DHCP for IPv4 on one interface (RFC 2131).
type client4 struct {
	iface    string
	hostname func() string
}

func (c *client4) exchange() exchange[lease4] {
	return exchange[lease4]{
		acquire: c.acquire, confirm: c.confirm, renew: c.renew, rebind: c.rebind,
		times: func(l *lease4) times { return l.times },
	}
}

// options are what every message of ours carries.
func (c *client4) options() []dhcpv4.Modifier {
	return []dhcpv4.Modifier{
		dhcpv4.WithOption(dhcpv4.OptHostName(c.hostname())),
		dhcpv4.WithOption(dhcpv4.OptMaxMessageSize(nclient4.MaxMessageSize)),
		dhcpv4.WithRequestedOptions(
			dhcpv4.OptionSubnetMask, dhcpv4.OptionRouter, dhcpv4.OptionDomainNameServer, dhcpv4.OptionDomainName,
			dhcpv4.OptionDNSDomainSearchList, dhcpv4.OptionClasslessStaticRoute, dhcpv4.OptionInterfaceMTU,
			dhcpv4.OptionIPAddressLeaseTime, dhcpv4.OptionRenewTimeValue, dhcpv4.OptionRebindingTimeValue,
		),
	}
}

// open gives a client for one attempt, which lasts as long as the context:
// whoever calls decides about the next.
func (c *client4) open(ctx context.Context, opts ...nclient4.ClientOpt) (*nclient4.Client, error) {
	d := lastTry
	if t, ok := ctx.Deadline(); ok {
		d = time.Until(t)
	}
	opts = append(opts, nclient4.WithRetry(1), nclient4.WithTimeout(d))
	cl, err := nclient4.New(c.iface, opts...)
	if err != nil {
		return nil, fmt.Errorf("opening a DHCP socket: %w", err)
	}
	return cl, nil
}

func (c *client4) acquire(ctx context.Context) (*lease4, error) {
	cl, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	start := time.Now()
	l, err := cl.Request(ctx, c.options()...)
	var nak *nclient4.ErrNak
	if errors.As(err, &nak) {
		return nil, errNak
	}
	if err != nil {
		return nil, fmt.Errorf("asking for an address: %w", err)
	}
	return parseLease4(l.ACK, start)
}

// confirm is the exchange of a client that knows its address (RFC 2131, 3.2).
func (c *client4) confirm(ctx context.Context, l *lease4) (*lease4, error) {
	return c.ask(ctx, nil, nil, append(c.options(),
		dhcpv4.WithOption(dhcpv4.OptRequestedIPAddress(l.Address.Addr().AsSlice())))...)
}

// renew asks the server that gave the lease, from the address itself.
func (c *client4) renew(ctx context.Context, l *lease4) (*lease4, error) {
	server := &net.UDPAddr{IP: l.Server.AsSlice(), Port: nclient4.ServerPort}
	opts := []nclient4.ClientOpt{nclient4.WithUnicast(&net.UDPAddr{IP: l.Address.Addr().AsSlice(), Port: nclient4.ClientPort})}
	return c.ask(ctx, opts, server, append(c.options(), dhcpv4.WithClientIP(l.Address.Addr().AsSlice()))...)
}

// rebind asks every server.
func (c *client4) rebind(ctx context.Context, l *lease4) (*lease4, error) {
	return c.ask(ctx, nil, nil, append(c.options(), dhcpv4.WithClientIP(l.Address.Addr().AsSlice()))...)
}

// ask sends a DHCPREQUEST, to everybody if server is nil, and takes the answer.
func (c *client4) ask(ctx context.Context, opts []nclient4.ClientOpt, server *net.UDPAddr, mods ...dhcpv4.Modifier) (*lease4, error) {
	cl, err := c.open(ctx, opts...)
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	if server == nil {
		server = nclient4.DefaultServers
	}
	mods = append([]dhcpv4.Modifier{dhcpv4.WithHwAddr(cl.InterfaceAddr()), dhcpv4.WithMessageType(dhcpv4.MessageTypeRequest)}, mods...)
	req, err := dhcpv4.New(mods...)
	if err != nil {
		return nil, fmt.Errorf("making a DHCP request: %w", err)
	}
	start := time.Now()
	resp, err := cl.SendAndRead(ctx, server, req, nclient4.IsMessageType(dhcpv4.MessageTypeAck, dhcpv4.MessageTypeNak))
	if err != nil {
		return nil, fmt.Errorf("asking to keep the address: %w", err)
	}
	if resp.MessageType() == dhcpv4.MessageTypeNak {
		return nil, errNak
	}
	return parseLease4(resp, start)
}

// parseLease4 reads a DHCPACK. start is when the request was sent: the lease
// runs from there.
func parseLease4(m *dhcpv4.DHCPv4, start time.Time) (*lease4, error) {
	addr, ok := netip.AddrFromSlice(m.YourIPAddr.To4())
	if !ok || !addr.IsValid() || addr.IsUnspecified() || addr.IsMulticast() || addr.IsLoopback() {
		return nil, fmt.Errorf("the DHCP server gave %v for an address", m.YourIPAddr)
	}
	bits := 32
	if mask := m.SubnetMask(); mask != nil {
		ones, size := mask.Size()
		if size != 32 || ones == 0 {
			return nil, fmt.Errorf("the DHCP server gave %v for a netmask", mask)
		}
		bits = ones
	}
	l := &lease4{Address: netip.PrefixFrom(addr, bits), DNS: addrs(m.DNS()), ack: m}
	if s := addrs([]net.IP{m.ServerIdentifier()}); len(s) == 1 {
		l.Server = s[0]
	}
	l.Routes = routes4(m)
	if s := m.DomainSearch(); s != nil && len(s.Labels) > 0 {
		l.Search = s.Labels
	} else if d := m.DomainName(); d != "" {
		l.Search = []string{d}
	}
	l.Search = validDomains(l.Search)
	if b := m.Options.Get(dhcpv4.OptionInterfaceMTU); len(b) == 2 {
		if mtu := int(b[0])<<8 | int(b[1]); mtu >= minInterfaceMTU {
			l.MTU = mtu
		}
	}
	if d := m.IPAddressLeaseTime(defaultLease4); d < time.Second {
		return nil, fmt.Errorf("the DHCP server gave an address for %v", d)
	}
	l.times = leaseTimes(start, m.IPAddressLeaseTime(defaultLease4), m.IPAddressRenewalTime(0), m.IPAddressRebindingTime(0))
	return l, nil
}

// leaseTimes puts the three times in order, and fills in those left out.
func leaseTimes(start time.Time, expire, renew, rebind time.Duration) times {
	if expire >= infinite {
		return times{Obtained: start} // for ever
	}
	if rebind <= 0 || rebind >= expire {
		rebind = time.Duration(rebindPart * float64(expire))
	}
	if renew <= 0 || renew >= rebind {
		renew = min(time.Duration(renewPart*float64(expire)), rebind)
	}
	return times{Obtained: start, Renew: renew, Rebind: rebind, Expire: expire}
}

// routes4 gives the routes: the classless ones instead of the router if there
// are any (RFC 3442).
func routes4(m *dhcpv4.DHCPv4) []route {
	var all []route
	for _, r := range m.ClasslessStaticRoute() {
		dest, ok := netip.AddrFromSlice(r.Dest.IP.To4())
		if !ok {
			continue
		}
		ones, _ := r.Dest.Mask.Size()
		via, _ := netip.AddrFromSlice(r.Router.To4())
		if via.IsUnspecified() {
			via = netip.Addr{}
		}
		all = append(all, route{netip.PrefixFrom(dest, ones).Masked(), via})
	}
	if len(all) > 0 {
		return all
	}
	if via := addrs(m.Router()); len(via) > 0 {
		all = append(all, route{netip.PrefixFrom(netip.IPv4Unspecified(), 0), via[0]})
	}
	return all
}

// addrs converts addresses, and leaves out what is none.
func addrs(ips []net.IP) []netip.Addr {
	var all []netip.Addr
	for _, ip := range ips {
		a, ok := netip.AddrFromSlice(ip)
		if a = a.Unmap(); ok && !a.IsUnspecified() {
			all = append(all, a)
		}
	}
	return all
}

// validDomains leaves out what could not stand in resolv.conf: what a server
// on the network says goes into a file of ours.
func validDomains(names []string) []string {
	var all []string
	for _, n := range names {
		if validDomain(n) {
			all = append(all, n)
		}
	}
	return all
}

func validDomain(s string) bool {
	if s == "" || len(s) > 253 {
		return false
	}
	for _, c := range s {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '.', c == '_':
		default:
			return false
		}
	}
	return true
}

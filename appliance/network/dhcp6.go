package network

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv6"
	"github.com/insomniacslk/dhcp/dhcpv6/nclient6"
	"github.com/insomniacslk/dhcp/iana"
)

// lease6 is what a DHCPv6 server has said.
type lease6 struct {
	times
	Addresses []address6
	DNS       []netip.Addr
	Search    []string

	reply *dhcpv6.Message
}

// address6 is an address with its lifetimes, from when the lease began.
type address6 struct {
	Addr             netip.Addr
	Preferred, Valid time.Duration
}

// client6 speaks DHCP for IPv6 on one interface (RFC 8415).
type client6 struct {
	iface string
	mac   net.HardwareAddr
	// managed: addresses are asked for too, as the router's advertisement
	// wants it; else only servers' names.
	managed bool
}

// Information is asked for again after this time unless the server says
// otherwise, and not more often than that (RFC 8415, 7.6).
const (
	defaultRefresh = 24 * time.Hour
	minRefresh     = 600 * time.Second
)

func (c *client6) exchange() exchange[lease6] {
	x := exchange[lease6]{times: func(l *lease6) times { return l.times }}
	if c.managed {
		x.acquire, x.renew, x.rebind = c.acquire, c.renew, c.rebind
		// A new link may be another network: every server may say so.
		x.confirm = c.rebind
		return x
	}
	again := func(ctx context.Context, _ *lease6) (*lease6, error) { return c.inform(ctx) }
	x.acquire, x.confirm, x.renew, x.rebind = c.inform, again, again, again
	return x
}

func (c *client6) open(ctx context.Context) (*nclient6.Client, error) {
	d := lastTry
	if t, ok := ctx.Deadline(); ok {
		d = time.Until(t)
	}
	cl, err := nclient6.New(c.iface, nclient6.WithRetry(1), nclient6.WithTimeout(d))
	if err != nil {
		return nil, fmt.Errorf("opening a DHCPv6 socket: %w", err)
	}
	return cl, nil
}

// duid is the box's identity: its port's hardware address, so that it stays
// the same when the disk is changed.
func (c *client6) duid() dhcpv6.DUID {
	return &dhcpv6.DUIDLL{HWType: iana.HWTypeEthernet, LinkLayerAddr: c.mac}
}

func (c *client6) acquire(ctx context.Context) (*lease6, error) {
	cl, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	start := time.Now()
	reply, err := cl.RapidSolicit(ctx, dhcpv6.WithClientID(c.duid()))
	if err != nil {
		return nil, fmt.Errorf("asking for an IPv6 address: %w", err)
	}
	return parseLease6(reply, start)
}

func (c *client6) renew(ctx context.Context, l *lease6) (*lease6, error) {
	m, err := c.prolong(dhcpv6.MessageTypeRenew, l)
	if err != nil {
		return nil, err
	}
	m.AddOption(dhcpv6.OptServerID(l.reply.Options.ServerID()))
	return c.ask(ctx, m)
}

func (c *client6) rebind(ctx context.Context, l *lease6) (*lease6, error) {
	m, err := c.prolong(dhcpv6.MessageTypeRebind, l)
	if err != nil {
		return nil, err
	}
	return c.ask(ctx, m)
}

// prolong makes a message that asks to keep what the lease gave.
func (c *client6) prolong(typ dhcpv6.MessageType, l *lease6) (*dhcpv6.Message, error) {
	m, err := c.message(typ)
	if err != nil {
		return nil, err
	}
	if ia := l.reply.Options.OneIANA(); ia != nil {
		m.AddOption(ia)
	}
	return m, nil
}

func (c *client6) inform(ctx context.Context) (*lease6, error) {
	m, err := c.message(dhcpv6.MessageTypeInformationRequest)
	if err != nil {
		return nil, err
	}
	return c.ask(ctx, m)
}

func (c *client6) message(typ dhcpv6.MessageType) (*dhcpv6.Message, error) {
	m, err := dhcpv6.NewMessage()
	if err != nil {
		return nil, fmt.Errorf("making a DHCPv6 message: %w", err)
	}
	m.MessageType = typ
	m.AddOption(dhcpv6.OptClientID(c.duid()))
	m.AddOption(dhcpv6.OptElapsedTime(0))
	m.AddOption(dhcpv6.OptRequestedOption(dhcpv6.OptionDNSRecursiveNameServer, dhcpv6.OptionDomainSearchList,
		dhcpv6.OptionInformationRefreshTime))
	return m, nil
}

func (c *client6) ask(ctx context.Context, m *dhcpv6.Message) (*lease6, error) {
	cl, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	start := time.Now()
	reply, err := cl.SendAndRead(ctx, nclient6.AllDHCPRelayAgentsAndServers, m, nclient6.IsMessageType(dhcpv6.MessageTypeReply))
	if err != nil {
		return nil, fmt.Errorf("asking a DHCPv6 server: %w", err)
	}
	if m.MessageType == dhcpv6.MessageTypeInformationRequest {
		return parseInfo6(reply, start), nil
	}
	return parseLease6(reply, start)
}

// parseInfo6 reads the answer to a request for information only.
func parseInfo6(m *dhcpv6.Message, start time.Time) *lease6 {
	l := &lease6{DNS: addrs(m.Options.DNS()), reply: m}
	if s := m.Options.DomainSearchList(); s != nil {
		l.Search = validDomains(s.Labels)
	}
	l.times = times{Obtained: start, Renew: max(m.Options.InformationRefreshTime(defaultRefresh), minRefresh)}
	return l
}

// parseLease6 reads an answer that should give addresses.
func parseLease6(m *dhcpv6.Message, start time.Time) (*lease6, error) {
	if m.MessageType != dhcpv6.MessageTypeReply {
		return nil, fmt.Errorf("the DHCPv6 server answered with %v", m.MessageType)
	}
	if err := status6(m.Options.Status()); err != nil {
		return nil, err
	}
	l := parseInfo6(m, start)
	ia := m.Options.OneIANA()
	if ia == nil {
		return nil, errors.New("the DHCPv6 server gave no address")
	}
	if err := status6(ia.Options.Status()); err != nil {
		return nil, err
	}
	var shortest, longest time.Duration
	for _, o := range ia.Options.Addresses() {
		a, ok := netip.AddrFromSlice(o.IPv6Addr)
		if !ok || a.IsUnspecified() || a.IsMulticast() || a.Is4In6() || o.ValidLifetime == 0 || o.PreferredLifetime > o.ValidLifetime {
			continue
		}
		l.Addresses = append(l.Addresses, address6{a, o.PreferredLifetime, o.ValidLifetime})
		if shortest == 0 || o.PreferredLifetime < shortest {
			shortest = o.PreferredLifetime
		}
		longest = max(longest, o.ValidLifetime)
	}
	if len(l.Addresses) == 0 {
		// What was leased is not any more (RFC 8415, 18.2.10.1).
		return nil, errNak
	}
	l.times = leaseTimes(start, longest, ia.T1, ia.T2)
	if ia.T1 == 0 && shortest > 0 && shortest < infinite {
		l.Renew = min(l.Renew, shortest/2)
	}
	return l, nil
}

// status6 turns a status option into an error.
func status6(s *dhcpv6.OptStatusCode) error {
	switch {
	case s == nil || s.StatusCode == iana.StatusSuccess:
		return nil
	case s.StatusCode == iana.StatusNoBinding || s.StatusCode == iana.StatusNotOnLink || s.StatusCode == iana.StatusNoAddrsAvail:
		return fmt.Errorf("%w: %v", errNak, s.StatusCode)
	}
	return fmt.Errorf("the DHCPv6 server said %v", s.StatusCode)
}

package network

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv6"
	"github.com/insomniacslk/dhcp/iana"
)

func ack(t *testing.T, mods ...dhcpv4.Modifier) *dhcpv4.DHCPv4 {
	t.Helper()
	m, err := dhcpv4.New(append([]dhcpv4.Modifier{dhcpv4.WithMessageType(dhcpv4.MessageTypeAck), dhcpv4.WithYourIP(net.IPv4(10, 0, 0, 5))}, mods...)...)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestParseLease4(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	_, lan, err := net.ParseCIDR("192.168.7.9/16")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		m    *dhcpv4.DHCPv4
		want *lease4 // nil: an error
	}{
		{"bare", ack(t), &lease4{
			times:   times{start, 30 * time.Minute, 3150 * time.Second, time.Hour},
			Address: netip.MustParsePrefix("10.0.0.5/32"),
		}},
		{"router and nonsense for names", ack(t, dhcpv4.WithNetmask(net.CIDRMask(8, 32)), dhcpv4.WithRouter(net.IPv4(10, 0, 0, 1), net.IPv4(10, 0, 0, 2)),
			dhcpv4.WithDNS(net.IPv4(10, 0, 0, 3), net.IPv4zero),
			dhcpv4.WithOption(dhcpv4.OptDomainName("a.example\nnameserver 6.6.6.6")), dhcpv4.WithLeaseTime(100)),
			&lease4{
				times:   times{start, 50 * time.Second, 87500 * time.Millisecond, 100 * time.Second},
				Address: netip.MustParsePrefix("10.0.0.5/8"),
				Routes:  []route{{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParseAddr("10.0.0.1")}},
				DNS:     []netip.Addr{netip.MustParseAddr("10.0.0.3")},
			}},
		{"classless routes instead of the router", ack(t, dhcpv4.WithRouter(net.IPv4(10, 0, 0, 1)),
			dhcpv4.WithOption(dhcpv4.OptClasslessStaticRoute(
				&dhcpv4.Route{Dest: lan, Router: net.IPv4(10, 0, 0, 8)},
				&dhcpv4.Route{Dest: &net.IPNet{IP: net.IPv4(10, 1, 0, 0), Mask: net.CIDRMask(24, 32)}, Router: net.IPv4zero})),
			dhcpv4.WithOption(dhcpv4.OptGeneric(dhcpv4.OptionInterfaceMTU, []byte{5, 120}))),
			&lease4{
				times:   times{start, 30 * time.Minute, 3150 * time.Second, time.Hour},
				Address: netip.MustParsePrefix("10.0.0.5/32"),
				Routes: []route{{netip.MustParsePrefix("192.168.0.0/16"), netip.MustParseAddr("10.0.0.8")},
					{Dest: netip.MustParsePrefix("10.1.0.0/24")}},
				MTU: 1400,
			}},
		{"an MTU too small", ack(t, dhcpv4.WithOption(dhcpv4.OptGeneric(dhcpv4.OptionInterfaceMTU, []byte{0, 68}))), &lease4{
			times:   times{start, 30 * time.Minute, 3150 * time.Second, time.Hour},
			Address: netip.MustParsePrefix("10.0.0.5/32"),
		}},
		{"no address", ack(t, dhcpv4.WithYourIP(net.IPv4zero)), nil},
		{"a loopback address", ack(t, dhcpv4.WithYourIP(net.IPv4(127, 0, 0, 1))), nil},
		{"no time", ack(t, dhcpv4.WithLeaseTime(0)), nil},
		{"a mask with holes", ack(t, dhcpv4.WithNetmask(net.IPv4Mask(255, 0, 255, 0))), nil},
	} {
		got, err := parseLease4(c.m, start)
		if c.want == nil {
			if err == nil {
				t.Errorf("%s: %+v; want an error", c.name, got)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if d := cmp.Diff(c.want, got, cmp.AllowUnexported(lease4{}), cmpopts.IgnoreFields(lease4{}, "ack"), cmp.Comparer(func(a, b netip.Addr) bool { return a == b }), cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
	}
}

func TestParseLease6(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	reply := func(mods ...dhcpv6.Modifier) *dhcpv6.Message {
		m, err := dhcpv6.NewMessage(mods...)
		if err != nil {
			t.Fatal(err)
		}
		m.MessageType = dhcpv6.MessageTypeReply
		return m
	}
	addr := func(a string, preferred, valid time.Duration) dhcpv6.OptIAAddress {
		return dhcpv6.OptIAAddress{IPv6Addr: net.ParseIP(a), PreferredLifetime: preferred, ValidLifetime: valid}
	}
	l, err := parseLease6(reply(dhcpv6.WithIANA(
		addr("2001:db8::5", time.Hour, 2*time.Hour), addr("2001:db8::6", time.Hour, 0), addr("ff02::1", time.Hour, time.Hour))), start)
	if err != nil {
		t.Fatal(err)
	}
	if len(l.Addresses) != 1 || l.Addresses[0] != (address6{netip.MustParseAddr("2001:db8::5"), time.Hour, 2 * time.Hour}) {
		t.Errorf("addresses %+v; want the one that is an address and lives", l.Addresses)
	}
	if l.Renew != 30*time.Minute || l.Expire != 2*time.Hour {
		t.Errorf("times %+v; want to renew after half the preferred time", l.times)
	}
	for name, m := range map[string]*dhcpv6.Message{
		"no address at all":    reply(),
		"an address withdrawn": reply(dhcpv6.WithIANA(addr("2001:db8::5", 0, 0))),
		"a refusal":            reply(dhcpv6.WithOption(&dhcpv6.OptStatusCode{StatusCode: iana.StatusNoAddrsAvail})),
	} {
		if l, err := parseLease6(m, start); err == nil {
			t.Errorf("%s: %+v; want an error", name, l)
		}
	}
	if i := parseInfo6(reply(dhcpv6.WithOption(dhcpv6.OptInformationRefreshTime(time.Second))), start); i.Renew != minRefresh || i.Expire != 0 {
		t.Errorf("information: %+v; want it asked for again after ten minutes at the least", i.times)
	}
}

// FuzzLease4 feeds what a machine on the network may send.
func FuzzLease4(f *testing.F) {
	m, err := dhcpv4.New(dhcpv4.WithYourIP(net.IPv4(10, 0, 0, 5)), dhcpv4.WithNetmask(net.CIDRMask(8, 32)), dhcpv4.WithDomainSearchList("a.example"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(m.ToBytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := dhcpv4.FromBytes(b)
		if err != nil {
			return
		}
		l, err := parseLease4(m, time.Time{})
		if err != nil {
			return
		}
		if !l.Address.IsValid() || l.Renew > l.Rebind || l.Rebind > l.Expire || l.Expire < 0 {
			t.Errorf("lease %+v", l)
		}
		for _, s := range l.Search {
			if !validDomain(s) {
				t.Errorf("search %q", s)
			}
		}
		for _, r := range l.Routes {
			if !r.Dest.IsValid() {
				t.Errorf("route %+v", r)
			}
		}
	})
}

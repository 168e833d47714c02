package network

import (
	"fmt"
	"math"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// routeMetric makes our routes worse than one that a person sets by hand.
const routeMetric = 100

// protocol marks our routes, as those of a DHCP client.
const protocol = unix.RTPROT_DHCP

// addressing is what an interface should have of one protocol family.
type addressing struct {
	addresses []address
	routes    []route
}

// address lives as long as its lease: should we die, the kernel takes it away.
type address struct {
	prefix           netip.Prefix
	preferred, valid time.Time // zero: for ever
}

// set4 makes the interface have these IPv4 addresses and routes of ours, and
// no others. What is as it should be is not touched, so no connection suffers.
func set4(index int, want addressing) error {
	link, err := netlink.LinkByIndex(index)
	if err != nil {
		return fmt.Errorf("setting addresses: %w", err)
	}
	have, err := netlink.AddrList(link, netlink.FAMILY_V4)
	if err != nil {
		return fmt.Errorf("setting addresses of %s: %w", link.Attrs().Name, err)
	}
	// New ones come first: a route needs its source.
	if err := addAll(link, want.addresses); err != nil {
		return err
	}
	for _, a := range have {
		if !wanted(want.addresses, a.IPNet) {
			if err := netlink.AddrDel(link, &a); err != nil {
				return fmt.Errorf("removing %s from %s: %w", a.IPNet, link.Attrs().Name, err)
			}
		}
	}
	return setRoutes(link, want)
}

// set6 adds DHCPv6's addresses, and removes those we had set before. Those
// that the kernel makes from router advertisements are its own.
func set6(index int, want, before []address) error {
	link, err := netlink.LinkByIndex(index)
	if err != nil {
		return fmt.Errorf("setting addresses: %w", err)
	}
	if err := addAll(link, want); err != nil {
		return err
	}
	for _, a := range before {
		n := ipNet(a.prefix)
		if !wanted(want, n) {
			// It may have ended by itself.
			_ = netlink.AddrDel(link, &netlink.Addr{IPNet: n})
		}
	}
	return nil
}

func addAll(link netlink.Link, want []address) error {
	for _, a := range want {
		na := &netlink.Addr{IPNet: ipNet(a.prefix), ValidLft: lifetime(a.valid), PreferedLft: lifetime(a.preferred)}
		if a.prefix.Addr().IsLinkLocalUnicast() {
			na.Scope = unix.RT_SCOPE_LINK
		}
		if a.prefix.Addr().Is6() {
			// The router says what is on the link (RFC 5942).
			na.Flags = unix.IFA_F_NOPREFIXROUTE
		}
		if err := netlink.AddrReplace(link, na); err != nil {
			return fmt.Errorf("giving %s to %s: %w", a.prefix, link.Attrs().Name, err)
		}
	}
	return nil
}

// lifetime is what is left until t, in seconds, as the kernel wants it; 0 is
// for ever.
func lifetime(t time.Time) int {
	if t.IsZero() {
		return 0
	}
	return int(min(max(math.Ceil(time.Until(t).Seconds()), 1), math.MaxInt32))
}

func wanted(want []address, n *net.IPNet) bool {
	return slices.ContainsFunc(want, func(a address) bool { return prefix(n) == a.prefix })
}

func setRoutes(link netlink.Link, want addressing) error {
	mine := &netlink.Route{LinkIndex: link.Attrs().Index, Protocol: protocol, Table: unix.RT_TABLE_MAIN}
	have, err := netlink.RouteListFiltered(netlink.FAMILY_V4, mine, netlink.RT_FILTER_OIF|netlink.RT_FILTER_PROTOCOL|netlink.RT_FILTER_TABLE)
	if err != nil {
		return fmt.Errorf("setting routes of %s: %w", link.Attrs().Name, err)
	}
	for _, r := range want.routes {
		nr := &netlink.Route{LinkIndex: mine.LinkIndex, Protocol: protocol, Dst: ipNet(r.Dest), Priority: routeMetric, Scope: unix.RT_SCOPE_LINK}
		if r.Via.IsValid() {
			nr.Gw, nr.Scope = r.Via.AsSlice(), unix.RT_SCOPE_UNIVERSE
			if !slices.ContainsFunc(want.addresses, func(a address) bool { return a.prefix.Contains(r.Via) }) {
				// A router outside the subnet, as some providers have it.
				nr.Flags = int(netlink.FLAG_ONLINK)
			}
		}
		if err := netlink.RouteReplace(nr); err != nil {
			return fmt.Errorf("setting the route to %s: %w", r.Dest, err)
		}
	}
	for _, r := range have {
		keep := slices.ContainsFunc(want.routes, func(w route) bool {
			via, _ := netip.AddrFromSlice(r.Gw)
			return prefix(r.Dst) == w.Dest && via.Unmap() == w.Via
		})
		if !keep {
			// It may be gone with its address.
			_ = netlink.RouteDel(&r)
		}
	}
	return nil
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

// prefix is the other way round; nil, which is how netlink has the default
// route, becomes 0.0.0.0/0.
func prefix(n *net.IPNet) netip.Prefix {
	if n == nil {
		return netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	}
	a, _ := netip.AddrFromSlice(n.IP)
	ones, _ := n.Mask.Size()
	return netip.PrefixFrom(a.Unmap(), ones)
}

// globals lists the addresses of an interface that others can reach, those of
// IPv4 first, without those whose uniqueness is still being checked.
func globals(index int) ([]netip.Prefix, error) {
	link, err := netlink.LinkByIndex(index)
	if err != nil {
		return nil, fmt.Errorf("listing addresses: %w", err)
	}
	all, err := netlink.AddrList(link, netlink.FAMILY_ALL)
	if err != nil {
		return nil, fmt.Errorf("listing addresses of %s: %w", link.Attrs().Name, err)
	}
	var out []netip.Prefix
	for _, a := range all {
		p := prefix(a.IPNet)
		if p.Addr().Is6() && p.Addr().IsLinkLocalUnicast() || a.Flags&(unix.IFA_F_TENTATIVE|unix.IFA_F_DADFAILED) != 0 {
			continue
		}
		out = append(out, p)
	}
	slices.SortStableFunc(out, func(a, b netip.Prefix) int {
		if a.Addr().Is4() != b.Addr().Is4() {
			if a.Addr().Is4() {
				return -1
			}
			return 1
		}
		return a.Addr().Compare(b.Addr())
	})
	return out, nil
}

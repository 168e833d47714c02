package panel

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
)

// Routes is the way out of the network, and who knows names.
type Routes struct {
	Gateway netip.Addr // of IPv4
	DNS     []netip.Addr
}

// rank is how useful an address is to a person, the more the better.
func rank(a netip.Addr) int {
	switch {
	case !a.IsValid():
		return 0
	case a.IsLinkLocalUnicast() && a.Is6():
		return 1
	case a.IsLinkLocalUnicast():
		return 2
	case a.Is6():
		return 3
	}
	return 4
}

// SystemNetwork looks at the machine's Ethernet ports and routes. etc holds
// resolv.conf. The file of routes is Linux's own.
func SystemNetwork(etc string) ([]Link, Routes, error) {
	var r Routes
	all, err := net.Interfaces()
	if err != nil {
		return nil, r, fmt.Errorf("looking at the network: %w", err)
	}
	var links []Link
	for _, i := range all {
		// Ethernet, and what is made of it; not loopback, tunnels, dummies.
		if i.Flags&net.FlagLoopback != 0 || len(i.HardwareAddr) != 6 {
			continue
		}
		l := Link{Name: i.Name, MAC: i.HardwareAddr.String(), Up: i.Flags&net.FlagRunning != 0}
		addrs, err := i.Addrs()
		if err != nil {
			continue // it has just gone
		}
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil {
				l.Addresses = append(l.Addresses, p)
			}
		}
		slices.SortStableFunc(l.Addresses, func(a, b netip.Prefix) int { return rank(b.Addr()) - rank(a.Addr()) })
		links = append(links, l)
	}
	slices.SortFunc(links, func(a, b Link) int { return strings.Compare(a.Name, b.Name) })
	if f, err := os.Open("/proc/net/route"); err == nil {
		r.Gateway = parseRoutes(f)
		f.Close()
	}
	if f, err := os.Open(etc + "/resolv.conf"); err == nil {
		r.DNS = parseResolv(f)
		f.Close()
	}
	return links, r, nil
}

// parseRoutes finds the default gateway in /proc/net/route: columns Iface,
// Destination, Gateway, Flags, …, the addresses in hexadecimal of the machine's
// byte order, which is little-endian here.
func parseRoutes(r io.Reader) netip.Addr {
	for s := bufio.NewScanner(r); s.Scan(); {
		f := strings.Fields(s.Text())
		if len(f) < 8 || f[1] != "00000000" || f[7] != "00000000" {
			continue
		}
		b, err := hex.DecodeString(f[2])
		if err != nil || len(b) != 4 {
			continue
		}
		var a [4]byte
		binary.LittleEndian.PutUint32(a[:], binary.BigEndian.Uint32(b))
		if gw := netip.AddrFrom4(a); !gw.IsUnspecified() {
			return gw
		}
	}
	return netip.Addr{}
}

// parseResolv finds the name servers in resolv.conf(5).
func parseResolv(r io.Reader) []netip.Addr {
	var all []netip.Addr
	for s := bufio.NewScanner(r); s.Scan(); {
		f := strings.Fields(s.Text())
		if len(f) < 2 || f[0] != "nameserver" {
			continue
		}
		if a, err := netip.ParseAddr(f[1]); err == nil {
			all = append(all, a)
		}
	}
	return all
}

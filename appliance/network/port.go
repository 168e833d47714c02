package network

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// port is an Ethernet port of the box.
type port struct {
	name    string
	index   int
	carrier bool
	device  string // where it hangs in the machine: its place in sysfs
}

// ports lists the box's Ethernet ports, those built in first, in the order of
// their slots: the kernel's numbers depend on which driver was faster. If only
// is given, that interface alone counts, whatever it is.
func ports(sysfs, only string) ([]port, error) {
	links, err := netlink.LinkList()
	if err != nil {
		return nil, fmt.Errorf("listing network interfaces: %w", err)
	}
	var all []port
	for _, l := range links {
		a := l.Attrs()
		p := port{name: a.Name, index: a.Index, carrier: a.RawFlags&unix.IFF_LOWER_UP != 0 && a.Flags&1 != 0}
		if only != "" {
			if a.Name == only {
				all = append(all, p)
			}
			continue
		}
		if a.EncapType != "ether" {
			continue
		}
		dir := filepath.Join(sysfs, "class/net", a.Name)
		if p.device, err = filepath.EvalSymlinks(filepath.Join(dir, "device")); err != nil {
			continue // no hardware: a bridge, a tunnel
		}
		if exists(filepath.Join(dir, "wireless")) || exists(filepath.Join(dir, "phy80211")) {
			continue
		}
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b port) int {
		return cmp.Or(cmp.Compare(onUSB(a), onUSB(b)), strings.Compare(a.device, b.device), cmp.Compare(a.index, b.index))
	})
	return all, nil
}

func onUSB(p port) int {
	if strings.Contains(p.device, "/usb") {
		return 1
	}
	return 0
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// raFlags say what the last router advertisement on a link wanted: addresses
// from DHCPv6, or other information from it.
type raFlags struct {
	managed, other bool
}

// Flags of IFLA_INET6_FLAGS, of include/net/if_inet6.h.
const (
	ifRAOtherConf = 0x80
	ifRAManaged   = 0x40
)

// routerFlags asks the kernel what the routers of a link advertise.
func routerFlags(index int) (raFlags, error) {
	req := nl.NewNetlinkRequest(unix.RTM_GETLINK, unix.NLM_F_ACK)
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index = int32(index)
	req.AddData(msg)
	msgs, err := req.Execute(unix.NETLINK_ROUTE, 0)
	if err != nil {
		return raFlags{}, fmt.Errorf("asking for the state of IPv6: %w", err)
	}
	for _, m := range msgs {
		if len(m) < unix.SizeofIfInfomsg {
			continue
		}
		b := m[unix.SizeofIfInfomsg:]
		for _, typ := range []uint16{unix.IFLA_AF_SPEC, unix.AF_INET6, unix.IFLA_INET6_FLAGS} {
			if b, err = attribute(b, typ); err != nil {
				return raFlags{}, fmt.Errorf("asking for the state of IPv6: %w", err)
			}
		}
		if len(b) == 4 {
			f := nl.NativeEndian().Uint32(b)
			return raFlags{managed: f&ifRAManaged != 0, other: f&ifRAOtherConf != 0}, nil
		}
	}
	return raFlags{}, nil // IPv6 is off
}

// attribute finds one attribute among others; nil if it is not there.
func attribute(b []byte, typ uint16) ([]byte, error) {
	attrs, err := nl.ParseRouteAttr(b)
	if err != nil {
		return nil, err
	}
	for _, a := range attrs {
		if a.Attr.Type&^unix.NLA_F_NESTED == typ {
			return a.Value, nil
		}
	}
	return nil, nil
}

// watch gives a token whenever something about links, addresses or router
// advertisements has changed, until stop is called. Several changes may make
// one token: whoever gets it looks at everything.
func watch() (changed <-chan struct{}, stop func(), err error) {
	sock, err := nl.Subscribe(unix.NETLINK_ROUTE, unix.RTNLGRP_LINK, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV6_IFADDR,
		unix.RTNLGRP_IPV6_IFINFO, unix.RTNLGRP_IPV6_PREFIX)
	if err != nil {
		return nil, nil, fmt.Errorf("watching the network interfaces: %w", err)
	}
	c := make(chan struct{}, 1)
	done := make(chan struct{})
	// A time-out, since closing the socket does not end a read.
	tv := unix.NsecToTimeval(int64(watchTick))
	if err := sock.SetReceiveTimeout(&tv); err != nil {
		sock.Close()
		return nil, nil, fmt.Errorf("watching the network interfaces: %w", err)
	}
	stopping := make(chan struct{})
	go func() {
		defer close(done)
		defer sock.Close()
		for {
			select {
			case <-stopping:
				return
			default:
			}
			_, _, err := sock.Receive()
			if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
				continue
			}
			// ENOBUFS means that much has happened, which is what is to be told.
			if err != nil && !errors.Is(err, unix.ENOBUFS) {
				return
			}
			select {
			case c <- struct{}{}:
			default:
			}
		}
	}()
	return c, func() { close(stopping); <-done }, nil
}

package network

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/vishvananda/netlink"

	"switchroom/appliance/boot/runetc"
)

// Config is what Run is told. Log is needed; the rest has defaults.
type Config struct {
	Log *slog.Logger
	// Interface is the port to use; "" means the first Ethernet port with a
	// cable.
	Interface string
	// EtcDir is where hosts and resolv.conf are written; default runetc.Dir.
	EtcDir string
	// Sysfs is where it is mounted; default /sys.
	Sysfs string
	// Hostname gives the box's name; default the kernel's.
	Hostname func() string
	// LinkLocalAfter is how long an address by DHCP is waited for before the
	// box takes one by itself, and goes on asking; default 15 s.
	LinkLocalAfter time.Duration
	// Status is told in a few words how the network is, whenever it changes.
	Status func(text string)
	// Address is called for every address that the port gets.
	Address func(port string, a netip.Prefix)
}

func (c Config) withDefaults() Config {
	if c.EtcDir == "" {
		c.EtcDir = runetc.Dir
	}
	if c.Sysfs == "" {
		c.Sysfs = "/sys"
	}
	if c.Hostname == nil {
		c.Hostname = func() string {
			name, err := os.Hostname()
			if err != nil {
				return "switchroom"
			}
			return name
		}
	}
	if c.LinkLocalAfter <= 0 {
		c.LinkLocalAfter = linkLocalAfter
	}
	if c.Status == nil {
		c.Status = func(string) {}
	}
	if c.Address == nil {
		c.Address = func(string, netip.Prefix) {}
	}
	return c
}

const (
	// watchTick is how often the watcher looks whether it should stop.
	watchTick = 500 * time.Millisecond
	// portPatience is how long a port without a cable is waited for before
	// another that has one is taken: two ports never come up in step.
	portPatience   = 5 * time.Second
	linkLocalAfter = 15 * time.Second
)

// Run keeps the network up until the context ends. What it has set then
// stays: a service that is started anew must not cut anybody off, and what
// was leased the kernel takes away in time. It fails only when the kernel's
// interfaces can't be watched.
func Run(ctx context.Context, c Config) error {
	changed, stop, err := watch()
	if err != nil {
		return err
	}
	defer stop()
	m := &manager{
		Config: c.withDefaults(),
		new4:   make(chan *lease4),
		new6:   make(chan *lease6),
		ll:     make(chan netip.Prefix),
	}
	defer m.stopAll()
	for {
		m.look(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		case <-m.wake():
		case l := <-m.new4:
			m.set4(l)
		case l := <-m.new6:
			m.set6(l)
		case p := <-m.ll:
			m.setLinkLocal(p)
		}
	}
}

// manager is the state of Run's loop; nobody else touches it.
type manager struct {
	Config
	new4 chan *lease4
	new6 chan *lease6
	ll   chan netip.Prefix

	port    port
	waiting time.Time // since when a better port is waited for; zero: not

	dhcp4, dhcp6, linkLocal task
	lease4, last4           *lease4
	lease6, last6           *lease6
	local                   netip.Prefix // of our own making; invalid: none
	set6Before              []address
	ra                      raFlags

	told      []netip.Prefix
	status    string
	lastError string
}

// task is a goroutine that can be stopped.
type task struct {
	cancel context.CancelFunc
	done   chan struct{}
}

func (t *task) running() bool { return t.cancel != nil }

func (t *task) start(ctx context.Context, f func(context.Context)) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	t.cancel, t.done = cancel, done
	go func() {
		defer close(done)
		f(ctx)
	}()
}

// stop ends the goroutine and waits for it. It must not be waiting for us:
// what it sends is given up when its context ends.
func (t *task) stop() {
	if t.cancel != nil {
		t.cancel()
		<-t.done
		t.cancel = nil
	}
}

func (m *manager) stopAll() {
	m.dhcp4.stop()
	m.dhcp6.stop()
	m.linkLocal.stop()
}

// wake fires when the patience with a port without a cable is over.
func (m *manager) wake() <-chan time.Time {
	if m.waiting.IsZero() {
		return nil
	}
	return time.After(time.Until(m.waiting.Add(portPatience)))
}

// look compares what there is with what should be, and acts.
func (m *manager) look(ctx context.Context) {
	all, err := ports(m.Sysfs, m.Interface)
	if err != nil {
		m.trouble(err)
		return
	}
	for _, p := range all {
		m.up(p)
	}
	m.choose(all)
	if m.port.name == "" {
		m.report(nil)
		return
	}
	m.follow4(ctx)
	m.follow6(ctx)
	have, err := globals(m.port.index)
	if err != nil {
		m.trouble(err)
		return
	}
	m.report(have)
}

// up switches a port on, so that it can see a cable.
func (m *manager) up(p port) {
	link, err := netlink.LinkByIndex(p.index)
	if err == nil && link.Attrs().Flags&net.FlagUp == 0 {
		err = netlink.LinkSetUp(link)
	}
	if err != nil {
		m.trouble(fmt.Errorf("switching %s on: %w", p.name, err))
	}
}

// choose picks the port to use: the one in use as long as it has a cable,
// else the first with one; but a better one that has none yet is given a
// little time.
func (m *manager) choose(all []port) {
	first := slices.IndexFunc(all, func(p port) bool { return p.carrier })
	now := slices.IndexFunc(all, func(p port) bool { return p.index == m.port.index })
	switch {
	case len(all) == 0:
		m.change(port{})
		return
	case now >= 0 && all[now].carrier, first < 0 && now >= 0:
		m.port, m.waiting = all[now], time.Time{}
		return
	case first < 0:
		m.change(all[0])
		return
	}
	prefer := max(now, 0)
	if first == prefer || !m.waiting.IsZero() && time.Since(m.waiting) >= portPatience {
		m.change(all[first])
		return
	}
	if m.waiting.IsZero() {
		m.waiting = time.Now()
	}
	if now < 0 {
		m.change(all[prefer])
		m.waiting = time.Now()
	} else {
		m.port = all[now]
	}
}

// change goes over to another port. What the old one had is taken from it.
func (m *manager) change(p port) {
	m.waiting = time.Time{}
	if m.port.index == p.index {
		m.port = p
		return
	}
	m.stopAll()
	if old := m.port; old.name != "" {
		m.set4(nil)
		m.set6(nil)
	}
	m.last4, m.last6, m.local, m.set6Before, m.ra, m.told = nil, nil, netip.Prefix{}, nil, raFlags{}, nil
	m.port = p
	if p.name != "" {
		m.Log.Info("network port chosen", "port", p.name, "cable", p.carrier)
	}
}

// follow4 has DHCP run while there is a cable.
func (m *manager) follow4(ctx context.Context) {
	switch {
	case m.port.carrier && !m.dhcp4.running():
		c := &client4{iface: m.port.name, hostname: m.Hostname}
		last := m.last4
		m.dhcp4.start(ctx, func(ctx context.Context) {
			keep(ctx, m.Log, c.exchange(), last, func(l *lease4) { send(ctx, m.new4, l) })
		})
	case !m.port.carrier:
		m.dhcp4.stop()
		m.linkLocal.stop()
	}
	if m.port.carrier && m.lease4 == nil {
		m.startLinkLocal(ctx)
	}
}

// follow6 has DHCPv6 run as the routers want it.
func (m *manager) follow6(ctx context.Context) {
	var ra raFlags
	if m.port.carrier {
		var err error
		if ra, err = routerFlags(m.port.index); err != nil {
			m.trouble(err)
			return
		}
	}
	if ra == m.ra {
		return
	}
	m.dhcp6.stop()
	if m.ra.managed && !ra.managed && m.port.carrier {
		m.set6(nil)
		m.last6 = nil
	}
	m.ra = ra
	if !ra.managed && !ra.other {
		return
	}
	mac, err := m.mac()
	if err != nil {
		m.trouble(err)
		return
	}
	c := &client6{iface: m.port.name, mac: mac, managed: ra.managed}
	last := m.last6
	if last != nil && ra.managed && len(last.Addresses) == 0 {
		last = nil // it was information only: there is nothing to confirm
	}
	m.dhcp6.start(ctx, func(ctx context.Context) {
		keep(ctx, m.Log, c.exchange(), last, func(l *lease6) { send(ctx, m.new6, l) })
	})
}

func send[T any](ctx context.Context, c chan<- T, v T) {
	select {
	case c <- v:
	case <-ctx.Done():
	}
}

func (m *manager) mac() (net.HardwareAddr, error) {
	link, err := netlink.LinkByIndex(m.port.index)
	if err != nil {
		return nil, fmt.Errorf("reading the hardware address of %s: %w", m.port.name, err)
	}
	return link.Attrs().HardwareAddr, nil
}

func (m *manager) startLinkLocal(ctx context.Context) {
	mac, err := m.mac()
	if err != nil || m.linkLocal.running() {
		return
	}
	name, wait := m.port.name, m.LinkLocalAfter
	m.linkLocal.start(ctx, func(ctx context.Context) {
		if !sleepUntil(ctx, time.Now().Add(wait)) {
			return
		}
		a, err := claimLinkLocal(ctx, name, mac)
		if err != nil {
			if ctx.Err() == nil {
				m.Log.Warn("no address of the box's own making", "err", err)
			}
			return
		}
		send(ctx, m.ll, a)
	})
}

// set4 puts an IPv4 lease, or none, onto the port.
func (m *manager) set4(l *lease4) {
	m.lease4 = l
	if l != nil {
		m.last4 = l
		m.linkLocal.stop()
		m.local = netip.Prefix{}
	}
	m.apply4()
}

func (m *manager) setLinkLocal(p netip.Prefix) {
	if m.lease4 == nil {
		m.local = p
		m.apply4()
	}
}

func (m *manager) apply4() {
	var want addressing
	switch l := m.lease4; {
	case l != nil:
		a := address{prefix: l.Address}
		if l.Expire > 0 {
			a.valid = l.Obtained.Add(l.Expire)
			a.preferred = a.valid
		}
		want = addressing{[]address{a}, l.Routes}
	case m.local.IsValid():
		want.addresses = []address{{prefix: m.local}}
	}
	if err := set4(m.port.index, want); err != nil {
		m.trouble(err)
	}
	if l := m.lease4; l != nil && l.MTU > 0 {
		if link, err := netlink.LinkByIndex(m.port.index); err == nil && link.Attrs().MTU != l.MTU {
			if err := netlink.LinkSetMTU(link, l.MTU); err != nil {
				m.trouble(fmt.Errorf("setting the largest packet of %s to %d bytes: %w", m.port.name, l.MTU, err))
			}
		}
	}
}

// set6 puts a DHCPv6 lease, or none, onto the port.
func (m *manager) set6(l *lease6) {
	m.lease6 = l
	var want []address
	if l != nil {
		m.last6 = l
		for _, a := range l.Addresses {
			w := address{prefix: netip.PrefixFrom(a.Addr, 128)}
			if a.Valid < infinite {
				w.valid = l.Obtained.Add(a.Valid)
			}
			if a.Preferred < infinite {
				w.preferred = l.Obtained.Add(a.Preferred)
			}
			want = append(want, w)
		}
	}
	if err := set6(m.port.index, want, m.set6Before); err != nil {
		m.trouble(err)
	}
	m.set6Before = want
}

// report tells everybody what there is now.
func (m *manager) report(have []netip.Prefix) {
	for _, p := range have {
		if !slices.Contains(m.told, p) {
			m.Log.Info("network address", "port", m.port.name, "address", p)
			m.Address(m.port.name, p)
		}
	}
	m.told = have
	m.writeFiles(have)
	if s := m.describe(have); s != m.status {
		m.status = s
		m.Status(s)
	}
}

func (m *manager) writeFiles(have []netip.Prefix) {
	var own, servers []netip.Addr
	for _, p := range have {
		own = append(own, p.Addr())
	}
	var search []string
	if l := m.lease4; l != nil {
		servers, search = l.DNS, l.Search
	}
	if l := m.lease6; l != nil {
		servers = append(slices.Clone(servers), l.DNS...)
		for _, d := range l.Search {
			if !slices.Contains(search, d) {
				search = append(slices.Clone(search), d)
			}
		}
	}
	for file, content := range map[string]string{
		"hosts":       runetc.Hosts(m.Hostname(), own),
		"resolv.conf": runetc.ResolvConf(servers, search),
	} {
		if err := runetc.Write(m.EtcDir, file, content); err != nil {
			m.trouble(err)
		}
	}
}

func (m *manager) describe(have []netip.Prefix) string {
	if m.port.name == "" {
		return "no Ethernet port"
	}
	var parts []string
	for _, p := range have {
		how := ""
		if p == m.local {
			how = " (no DHCP server answers)"
		}
		parts = append(parts, p.String()+how)
	}
	switch {
	case !m.port.carrier:
		parts = append(parts, "no cable")
	case len(parts) == 0:
		parts = append(parts, "asking for an address")
	}
	return m.port.name + ": " + strings.Join(parts, ", ")
}

// trouble is noted once as long as it lasts.
func (m *manager) trouble(err error) {
	if s := err.Error(); s != m.lastError {
		m.lastError = s
		m.Log.Warn("network", "err", err)
	}
}

package dahdi

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// pciCards are the cards on the PCI bus that a DAHDI driver in the image
// handles, by vendor and device, as far as they can be told from the bus alone.
// The rest of the family appears once its driver shows it.
var pciCards = map[string]string{
	"d161:2400": "Wildcard TDM2400P",
	"d161:8003": "Wildcard AEX2400",
	"d161:8007": "HA8-0000",
	"d161:8008": "HB8-0000",
}

// vendorDigium owns all PCI devices that are DAHDI's.
const vendorDigium = "0xd161"

// Detect finds the cards of a box: those on the PCI bus that should have a
// DAHDI driver, and whatever DAHDI has registered. sys is /sys. drv is the
// driver, or nil if it isn't loaded: then the cards have no ports. Only the
// driver's not answering is an error; a card in a bad way is a problem that the
// inventory names.
func Detect(sys fs.FS, drv Driver) (Inventory, error) {
	d := detector{sys: sys, drv: drv}
	d.inv.Cards = []Card{}
	if drv != nil {
		v, err := drv.Version()
		if err != nil {
			return Inventory{}, fmt.Errorf("asking for the driver's version: %w", err)
		}
		d.inv.Driver = v.Number
		number, loaded, err := drv.DefaultZone()
		if err != nil {
			return Inventory{}, fmt.Errorf("asking for the default tone zone: %w", err)
		}
		for _, z := range zones() {
			if loaded && z.Number == number {
				d.inv.Zone = z.Country
			}
		}
	}
	if err := d.registered(); err != nil {
		return Inventory{}, err
	}
	if err := d.onBus(); err != nil {
		return Inventory{}, err
	}
	slices.SortStableFunc(d.inv.Cards, func(a, b Card) int { return a.first() - b.first() })
	d.inv.judge()
	return d.inv, nil
}

// first is the number of a card's first port; a card without any comes last.
func (c Card) first() int {
	for _, p := range c.Ports() {
		return p.Number
	}
	return 1 << 20
}

type detector struct {
	sys fs.FS
	drv Driver
	inv Inventory
}

// attr reads one attribute of a device; empty if it has none.
func (d *detector) attr(dir, name string) string {
	b, err := fs.ReadFile(d.sys, path.Join(dir, name))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

func (d *detector) list(dir string) ([]string, error) {
	entries, err := fs.ReadDir(d.sys, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking for devices: %w", err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, nil
}

// registered takes the cards that DAHDI knows: a device for each, whose
// directory holds those of its spans.
func (d *detector) registered() error {
	const bus = "bus/dahdi_devices/devices"
	devices, err := d.list(bus)
	if err != nil {
		return err
	}
	for _, name := range devices {
		dir := path.Join(bus, name)
		c := Card{
			ID:    strings.TrimPrefix(name, "pci:"),
			Model: d.attr(dir, "type"), Manufacturer: d.attr(dir, "manufacturer"),
			Location: d.attr(dir, "location"), HardwareID: d.attr(dir, "hardware_id"),
			Spans: []Span{},
		}
		inside, err := d.list(dir)
		if err != nil {
			return err
		}
		for _, sub := range inside {
			n, ok := strings.CutPrefix(sub, "span-")
			number, err := strconv.Atoi(n)
			if !ok || err != nil {
				continue
			}
			s, err := d.span(path.Join(dir, sub), number)
			if err != nil {
				return err
			}
			c.Spans = append(c.Spans, s)
		}
		slices.SortFunc(c.Spans, func(a, b Span) int { return a.Number - b.Number })
		d.inv.Cards = append(d.inv.Cards, c)
	}
	return nil
}

func (d *detector) span(dir string, number int) (Span, error) {
	s := Span{
		Number: number, Name: d.attr(dir, "name"), Description: d.attr(dir, "desc"), Type: d.attr(dir, "spantype"),
		Master: d.attr(dir, "is_sync_master") == "1", Ports: []Port{},
	}
	if d.drv == nil {
		return s, nil
	}
	status, err := d.drv.SpanStatus(number)
	if err != nil {
		return Span{}, fmt.Errorf("asking for span %d: %w", number, err)
	}
	s.Alarms = status.Alarms
	used, err := d.drv.InUse(number)
	if err != nil {
		return Span{}, fmt.Errorf("asking which channels of span %d are in use: %w", number, err)
	}
	base, err := strconv.Atoi(d.attr(dir, "basechan"))
	if err != nil {
		return s, nil // a span without channels has no base
	}
	for i := range status.Channels {
		p, err := d.port(base+i, used)
		if err != nil {
			return Span{}, err
		}
		s.Ports = append(s.Ports, p)
	}
	return s, nil
}

func (d *detector) port(number int, used map[int]bool) (Port, error) {
	p, err := d.drv.Params(number)
	if err != nil {
		return Port{}, fmt.Errorf("asking for port %d: %w", number, err)
	}
	echo, err := d.drv.EchoCanceller(number)
	if err != nil {
		return Port{}, fmt.Errorf("asking for the echo canceller of port %d: %w", number, err)
	}
	return Port{
		Number: number, Span: p.Span, Position: p.Position, Name: p.Name, Kind: KindOf(p.Can),
		Signalling: p.Signalling, Can: p.Can, Law: p.Law, EchoCanceller: echo, InUse: used[number], Alarms: p.Alarms,
	}, nil
}

// onBus adds what the PCI bus shows: the numbers and the driver of the cards
// that are registered, and the cards that are not.
func (d *detector) onBus() error {
	const bus = "bus/pci/devices"
	devices, err := d.list(bus)
	if err != nil {
		return err
	}
	for _, address := range devices {
		dir := path.Join(bus, address)
		vendor, device := d.attr(dir, "vendor"), d.attr(dir, "device")
		id := strings.TrimPrefix(vendor, "0x") + ":" + strings.TrimPrefix(device, "0x")
		i := slices.IndexFunc(d.inv.Cards, func(c Card) bool { return c.ID == address })
		if i < 0 && vendor != vendorDigium {
			continue
		}
		if i < 0 {
			model := pciCards[id]
			if model == "" {
				model = "Digium card " + id
			}
			d.inv.Cards = append(d.inv.Cards, Card{ID: address, Model: model, Spans: []Span{}})
			i = len(d.inv.Cards) - 1
		}
		d.inv.Cards[i].PCI = id
		d.inv.Cards[i].Driver = driverOf(d.attr(dir, "uevent"))
	}
	return nil
}

// driverOf reads the name of the driver from a device's uevent.
func driverOf(uevent string) string {
	for line := range strings.Lines(uevent) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "DRIVER="); ok {
			return name
		}
	}
	return ""
}

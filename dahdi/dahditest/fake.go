// Package dahditest has what tests of DAHDI need: a fake driver that behaves as
// the real one does, and the suite that both have to pass.
package dahditest

import (
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing/fstest"

	"switchroom/dahdi"
)

// Fake is a driver in memory, with one card. It may be used by several
// goroutines. Its Set and Open methods are for the test.
type Fake struct {
	mu       sync.Mutex
	channels []*channel
	zones    []int // loaded; the default one first
	fail     map[string]error
	calls    []string
	version  dahdi.Version
}

type channel struct {
	params  dahdi.Params
	echo    string
	rx, tx  dahdi.GainTable
	open    bool
	voltage int
}

// New gives a TDM2400P as its driver shows it after loading: kinds has 24
// entries for the ports in order, or fewer, and the rest are empty places.
func New(kinds ...dahdi.Kind) *Fake {
	f := &Fake{fail: map[string]error{}, version: dahdi.Version{Number: "3.4.0", EchoCancellers: []string{}}}
	for i := range 24 {
		kind := dahdi.KindNone
		if i < len(kinds) {
			kind = kinds[i]
		}
		c := &channel{rx: dahdi.UnityGain(), tx: dahdi.UnityGain()}
		c.params = dahdi.Params{
			Channel: i + 1, Span: 1, Position: i + 1, Name: fmt.Sprintf("WCTDM/0/%d", i), Signalling: dahdi.SigNone,
			Can: []dahdi.Signalling{}, Law: dahdi.LawMu, RxHook: dahdi.HookUnknown, TxHook: dahdi.HookOn,
			RxBits: -1, TxBits: -1, Alarms: []dahdi.Alarm{},
		}
		switch kind {
		case dahdi.KindFXS:
			c.params.Can = []dahdi.Signalling{dahdi.SigFXOLS, dahdi.SigFXOGS, dahdi.SigFXOKS, dahdi.SigEM, dahdi.SigSF, dahdi.SigClear}
			c.voltage = 48_000
		case dahdi.KindFXO:
			c.params.Can = []dahdi.Signalling{dahdi.SigFXSLS, dahdi.SigFXSKS, dahdi.SigSF, dahdi.SigClear}
			c.params.RxHook = dahdi.HookOff // battery
			c.voltage = 50_000
		}
		f.channels = append(f.channels, c)
	}
	return f
}

// Mix makes the kinds of a card from pairs of a number of ports and their kind.
func Mix(pairs ...any) []dahdi.Kind {
	var kinds []dahdi.Kind
	for i := 0; i+1 < len(pairs); i += 2 {
		for range pairs[i].(int) {
			kinds = append(kinds, pairs[i+1].(dahdi.Kind))
		}
	}
	return kinds
}

// Sys gives /sys as it looks with this card in the box.
func (f *Fake) Sys() fs.FS {
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s + "\n")} }
	dev, pci := "bus/dahdi_devices/devices/pci:0000:00:05.0/", "bus/pci/devices/0000:00:05.0/"
	return fstest.MapFS{
		dev + "type": file("Wildcard TDM2400P"), dev + "manufacturer": file("Digium"), dev + "location": file("PCI Bus 00 Slot 06"),
		dev + "hardware_id": file(""), dev + "span_count": file("1"),
		dev + "span-1/name": file("WCTDM/0"), dev + "span-1/desc": file("Wildcard TDM2400P"), dev + "span-1/spantype": file("ANALOG_MIXED"),
		dev + "span-1/is_sync_master": file("1"), dev + "span-1/basechan": file("1"), dev + "span-1/channels": file("24"),
		pci + "vendor": file("0xd161"), pci + "device": file("0x2400"), pci + "uevent": file("DRIVER=wctdm24xxp\nPCI_ID=D161:2400"),
		"bus/pci/devices/0000:00:03.0/vendor": file("0x8086"), "bus/pci/devices/0000:00:03.0/device": file("0x100e"),
	}
}

// Fail makes a method return an error from now on; nil ends it. The name may
// have a channel behind it: "SetSignalling 3".
func (f *Fake) Fail(method string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail[method] = err
}

// Calls gives the calls that changed something, in order.
func (f *Fake) Calls() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.calls)
}

// Set lets the test change what a channel's parameters say.
func (f *Fake) Set(number int, change func(*dahdi.Params)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(&f.channels[number-1].params)
}

// SetVoltage sets what Voltage measures, in mV.
func (f *Fake) SetVoltage(number, mV int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.channels[number-1].voltage = mV
}

// Open opens or closes a channel as a program would: its gains are forgotten.
func (f *Fake) Open(number int, open bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.channels[number-1]
	c.open, c.rx, c.tx = open, dahdi.UnityGain(), dahdi.UnityGain()
}

// begin locks, and gives the channel and the error that the test wants.
func (f *Fake) begin(method string, number int) (*channel, error) {
	f.mu.Lock()
	for _, key := range []string{method, method + " " + strconv.Itoa(number)} {
		if err := f.fail[key]; err != nil {
			return nil, err
		}
	}
	if number < 1 || number > len(f.channels) {
		return nil, fmt.Errorf("channel %d: %w", number, dahdi.ErrNotFound)
	}
	return f.channels[number-1], nil
}

func (f *Fake) did(format string, args ...any) {
	f.calls = append(f.calls, fmt.Sprintf(format, args...))
}

// Version implements dahdi.Driver.
func (f *Fake) Version() (dahdi.Version, error) {
	_, err := f.begin("Version", 1)
	defer f.mu.Unlock()
	v := f.version
	v.EchoCancellers = slices.Clone(v.EchoCancellers)
	return v, err
}

// Params implements dahdi.Driver.
func (f *Fake) Params(number int) (dahdi.Params, error) {
	c, err := f.begin("Params", number)
	defer f.mu.Unlock()
	if err != nil {
		return dahdi.Params{}, err
	}
	p := c.params
	p.Can, p.Alarms = slices.Clone(p.Can), slices.Clone(p.Alarms)
	return p, nil
}

// SpanStatus implements dahdi.Driver.
func (f *Fake) SpanStatus(span int) (dahdi.SpanStatus, error) {
	_, err := f.begin("SpanStatus", 1)
	defer f.mu.Unlock()
	if err != nil {
		return dahdi.SpanStatus{}, err
	}
	if span != 1 {
		return dahdi.SpanStatus{}, fmt.Errorf("span %d: %w", span, dahdi.ErrNotFound)
	}
	s := dahdi.SpanStatus{Span: 1, Name: "WCTDM/0", Description: "Wildcard TDM2400P", Manufacturer: "Digium", Device: "Wildcard TDM2400P",
		Type: "ANALO", Alarms: []dahdi.Alarm{}, Channels: len(f.channels), Spans: 1}
	for _, c := range f.channels {
		if c.params.Signalling != dahdi.SigNone {
			s.Configured++
		}
	}
	return s, nil
}

// SetSignalling implements dahdi.Driver.
func (f *Fake) SetSignalling(number int, sig dahdi.Signalling, law dahdi.Companding) error {
	c, err := f.begin("SetSignalling", number)
	defer f.mu.Unlock()
	if err != nil {
		return err
	}
	if sig != dahdi.SigNone && !slices.Contains(c.params.Can, sig) {
		return fmt.Errorf("channel %d: signalling %s: %w", number, sig, dahdi.ErrNotPossible)
	}
	f.did("SetSignalling %d %s %s", number, sig, law)
	p := &c.params
	p.Signalling, p.TxHook, p.RxHook = sig, dahdi.HookOn, dahdi.HookUnknown
	if sig != dahdi.SigNone {
		p.PreWink, p.PreFlash, p.Wink, p.Flash, p.Start, p.RxWink, p.RxFlash = 50, 50, 150, 750, 1500, 300, 1250
		p.Debounce, p.PulseBreak, p.PulseMake, p.PulseAfter = 600, 50, 50, 750
		if dahdi.KindOf(p.Can) == dahdi.KindFXS {
			p.Start = 2000
		}
	}
	if law != dahdi.LawDefault {
		p.Law = law
	}
	return nil
}

func (c *channel) audio() error {
	if c.params.Signalling == dahdi.SigNone || c.params.Signalling == dahdi.SigClear {
		return fmt.Errorf("channel %d has no audio: %w", c.params.Channel, dahdi.ErrNotPossible)
	}
	return nil
}

// GainTables implements dahdi.Driver.
func (f *Fake) GainTables(number int) (rx, tx dahdi.GainTable, err error) {
	c, err := f.begin("GainTables", number)
	defer f.mu.Unlock()
	if err == nil {
		err = c.audio()
	}
	if err != nil {
		return rx, tx, err
	}
	return c.rx, c.tx, nil
}

// SetGainTables implements dahdi.Driver.
func (f *Fake) SetGainTables(number int, rx, tx dahdi.GainTable) error {
	c, err := f.begin("SetGainTables", number)
	defer f.mu.Unlock()
	if err == nil {
		err = c.audio()
	}
	if err != nil {
		return err
	}
	f.did("SetGainTables %d", number)
	c.rx, c.tx = rx, tx
	return nil
}

// EchoCanceller implements dahdi.Driver.
func (f *Fake) EchoCanceller(number int) (string, error) {
	c, err := f.begin("EchoCanceller", number)
	defer f.mu.Unlock()
	if err != nil {
		return "", err
	}
	return c.echo, nil
}

// AttachEchoCanceller implements dahdi.Driver.
func (f *Fake) AttachEchoCanceller(number int, name string) error {
	c, err := f.begin("AttachEchoCanceller", number)
	defer f.mu.Unlock()
	if err != nil {
		return err
	}
	name = strings.ToLower(name)
	if !slices.Contains([]string{"", dahdi.EchoMG2, dahdi.EchoKB1, dahdi.EchoSEC2, dahdi.EchoOSLEC}, name) {
		return fmt.Errorf("channel %d: echo canceller %q: %w", number, name, dahdi.ErrNotFound)
	}
	f.did("AttachEchoCanceller %d %s", number, name)
	c.echo = name
	if name != "" && !slices.Contains(f.version.EchoCancellers, name) {
		f.version.EchoCancellers = append(f.version.EchoCancellers, name)
	}
	return nil
}

// LoadZone implements dahdi.Driver.
func (f *Fake) LoadZone(z dahdi.Zone) error {
	_, err := f.begin("LoadZone", 1)
	defer f.mu.Unlock()
	if err != nil {
		return err
	}
	if _, err := z.Definitions(); err != nil {
		return err
	}
	f.did("LoadZone %s", z.Country)
	f.zones = append(slices.DeleteFunc(f.zones, func(n int) bool { return n == z.Number }), z.Number)
	return nil
}

// DefaultZone implements dahdi.Driver.
func (f *Fake) DefaultZone() (number int, loaded bool, err error) {
	_, err = f.begin("DefaultZone", 1)
	defer f.mu.Unlock()
	if err != nil || len(f.zones) == 0 {
		return 0, false, err
	}
	return f.zones[0], true, nil
}

// SetDefaultZone implements dahdi.Driver.
func (f *Fake) SetDefaultZone(number int) error {
	_, err := f.begin("SetDefaultZone", 1)
	defer f.mu.Unlock()
	if err != nil {
		return err
	}
	i := slices.Index(f.zones, number)
	if i < 0 {
		return fmt.Errorf("tone zone %d: %w", number, dahdi.ErrNotFound)
	}
	f.did("SetDefaultZone %d", number)
	f.zones = slices.Insert(slices.Delete(f.zones, i, i+1), 0, number)
	return nil
}

// Voltage implements dahdi.Driver.
func (f *Fake) Voltage(number int) (int, error) {
	c, err := f.begin("Voltage", number)
	defer f.mu.Unlock()
	if err != nil {
		return 0, err
	}
	if len(c.params.Can) == 0 {
		return 0, fmt.Errorf("channel %d can't measure: %w", number, dahdi.ErrNotPossible)
	}
	return c.voltage, nil
}

// InUse implements dahdi.Driver.
func (f *Fake) InUse(span int) (map[int]bool, error) {
	_, err := f.begin("InUse", 1)
	defer f.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if span != 1 {
		return nil, fmt.Errorf("span %d: %w", span, dahdi.ErrNotFound)
	}
	used := map[int]bool{}
	for i, c := range f.channels {
		used[i+1] = c.open
	}
	return used, nil
}

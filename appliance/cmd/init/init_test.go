package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"switchroom/appliance/boot/kmod"
	"switchroom/appliance/boot/uevent"
)

// machine is a computer as sysfs shows it: its devices have modaliases, and a
// driver that is loaded makes more appear.
type machine struct {
	t      *testing.T
	sysfs  string
	events chan uevent.Event
	closed chan struct{}
	once   sync.Once

	mu     sync.Mutex
	loaded []string
	drives map[string][]string // modalias -> its drivers
	starts map[string]func()   // driver -> what it makes appear
	usb    []string            // drivers that need usbcore
}

func newMachine(t *testing.T, modaliases ...string) *machine {
	t.Helper()
	m := &machine{
		t: t, sysfs: t.TempDir(), events: make(chan uevent.Event, 100), closed: make(chan struct{}),
		drives: map[string][]string{}, starts: map[string]func(){},
	}
	m.mkdir("class/block")
	m.mkdir("bus/pci/devices")
	for i, a := range modaliases {
		m.write(fmt.Sprintf("bus/pci/devices/%d/modalias", i), a+"\n")
	}
	return m
}

func (m *machine) mkdir(path string) {
	m.t.Helper()
	if err := os.MkdirAll(filepath.Join(m.sysfs, path), 0o755); err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) write(path, text string) {
	m.t.Helper()
	m.mkdir(filepath.Dir(path))
	if err := os.WriteFile(filepath.Join(m.sysfs, path), []byte(text), 0o644); err != nil {
		m.t.Fatal(err)
	}
}

// disk makes a disk with partitions appear, and announces them.
func (m *machine) disk(name string, partitions ...string) {
	dir := "devices/" + name
	m.write(dir+"/uevent", "DEVNAME="+name+"\nDEVTYPE=disk\n")
	m.write(dir+"/size", "16777216\n")
	m.link(dir, name)
	for i, p := range partitions {
		part := fmt.Sprintf("%s%d", name, i+1)
		m.write(dir+"/"+part+"/uevent", fmt.Sprintf("DEVNAME=%s\nPARTN=%d\nPARTNAME=%s\n", part, i+1, p))
		m.write(dir+"/"+part+"/size", "524288\n")
		m.write(dir+"/"+part+"/start", fmt.Sprintf("%d\n", 2048+524288*i))
		m.link(dir+"/"+part, part)
	}
	m.events <- uevent.Event{Action: "add", DevPath: "/" + dir, Vars: map[string]string{"SUBSYSTEM": "block", "DEVNAME": name}}
}

func (m *machine) link(dir, name string) {
	m.t.Helper()
	if err := os.Symlink(filepath.Join(m.sysfs, dir), filepath.Join(m.sysfs, "class/block", name)); err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) Next() (uevent.Event, error) {
	select {
	case e := <-m.events:
		return e, nil
	case <-m.closed:
		return uevent.Event{}, os.ErrClosed
	}
}

func (m *machine) close() { m.once.Do(func() { close(m.closed) }) }

func (m *machine) Load(name, _ string) error {
	m.mu.Lock()
	if slices.Contains(m.loaded, name) {
		m.mu.Unlock()
		return nil
	}
	m.loaded = append(m.loaded, name)
	start := m.starts[name]
	m.mu.Unlock()
	if start != nil {
		start()
	}
	return nil
}

func (m *machine) LoadFor(modalias string, skip func(string) bool) error {
	for _, n := range m.drives[modalias] {
		if skip == nil || !skip(n) {
			if err := m.Load(n, ""); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *machine) LoadForAll(all []string, _ int, skip func(string) bool) error {
	var errs []error
	for _, a := range all {
		errs = append(errs, m.LoadFor(a, skip))
	}
	return errors.Join(errs...)
}

func (m *machine) Needs(name, other string) bool {
	return other == "usbcore" && slices.Contains(m.usb, name)
}

func (m *machine) has(name string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Contains(m.loaded, name)
}

func (m *machine) finder(prefer string) *finder {
	return &finder{
		sysfs: m.sysfs, loader: m, events: m, name: "slot-a", prefer: prefer,
		log: m.t.Logf, gotDog: func() {}, timeout: time.Minute,
	}
}

const (
	ahci = "pci:v00008086d00002922sv00001AF4sd00001100bc01sc06i01"
	xhci = "pci:v00001B36d0000000Dsv00001AF4sd00001100bc0Csc03i30"
	lpc  = "pci:v00008086d00002918sv00001AF4sd00001100bc06sc01i00"
)

var slots = []string{"bios", "esp", "slot-a", "slot-b"}

func TestFindsDiskByEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t, lpc, xhci, ahci)
		m.drives[ahci], m.drives[xhci], m.drives[lpc] = []string{"ahci"}, []string{"xhci_pci"}, []string{"lpc_ich"}
		m.usb = []string{"xhci_pci"}
		m.starts["ahci"] = func() {
			// The controller finds a disk, which wants a driver of its own, which
			// takes its time.
			m.drives["scsi:t-0x00"] = []string{"sd_mod"}
			m.events <- uevent.Event{Action: "add", DevPath: "/devices/x", Vars: map[string]string{"SUBSYSTEM": "scsi", "MODALIAS": "scsi:t-0x00"}}
		}
		m.starts["sd_mod"] = func() {
			time.Sleep(5 * time.Second)
			m.disk("sda", slots...)
		}
		f := m.finder("")
		start := time.Now()
		p, others, err := f.find()
		if err != nil || p.Device != "sda3" || p.Disk != "sda" || p.Number != 3 || len(others) != 0 {
			t.Fatalf("find = %+v, %v, %v; want sda3", p, others, err)
		}
		if d := time.Since(start); d != 5*time.Second {
			t.Errorf("found %v after the start; the disk was there after 5 s", d)
		}
		m.close()
		f.finish()
		if !m.has("squashfs") || !m.has("lpc_ich") {
			t.Errorf("loaded %v; want the file system and the rest too", m.loaded)
		}
		if slices.Index(m.loaded, "ahci") > slices.Index(m.loaded, "lpc_ich") {
			t.Errorf("loaded %v; want disk controllers first", m.loaded)
		}
	})
}

func TestDiskIsThereAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t, xhci)
		m.drives[xhci], m.usb = []string{"xhci_pci"}, []string{"xhci_pci"}
		m.disk("vda", slots...)
		f := m.finder("")
		p, _, err := f.find()
		if err != nil || p.Device != "vda3" {
			t.Fatalf("find = %+v, %v; want vda3", p, err)
		}
		m.close()
		f.finish()
		if m.has("xhci_pci") {
			t.Error("USB was started, and nothing waited for it")
		}
	})
}

func TestStartsFromAStick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t, ahci, xhci)
		m.drives[ahci], m.drives[xhci], m.usb = []string{"ahci"}, []string{"xhci_pci"}, []string{"xhci_pci", "usb_storage"}
		m.drives["usb:v0781"] = []string{"usb_storage"}
		m.starts["ahci"] = func() { m.disk("sda", "windows") }
		m.starts["xhci_pci"] = func() {
			m.events <- uevent.Event{Action: "add", Vars: map[string]string{"SUBSYSTEM": "usb", "MODALIAS": "usb:v0781"}}
		}
		m.starts["usb_storage"] = func() {
			go func() {
				time.Sleep(3 * time.Second) // a stick is slow
				m.disk("sdb", slots...)
			}()
		}
		f := m.finder("")
		p, _, err := f.find()
		if err != nil || p.Device != "sdb3" {
			t.Fatalf("find = %+v, %v; want sdb3", p, err)
		}
		m.close()
		f.finish()
	})
}

func TestTwoDisks(t *testing.T) {
	for _, c := range []struct{ prefer, want, other string }{
		{"", "sda3", "sdb"}, {"sdb", "sdb3", "sda"}, {"nvme0n1", "sda3", "sdb"},
	} {
		synctest.Test(t, func(t *testing.T) {
			m := newMachine(t)
			m.disk("sdb", slots...)
			m.disk("sda", slots...)
			f := m.finder(c.prefer)
			p, others, err := f.find()
			if err != nil || p.Device != c.want || !slices.Equal(others, []string{c.other}) {
				t.Errorf("find with %q preferred = %s, %v, %v; want %s and %s beside it", c.prefer, p.Device, others, err, c.want, c.other)
			}
			m.close()
			f.finish()
		})
	}
}

func TestNoDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t)
		m.disk("sda", "windows")
		f := m.finder("")
		_, _, err := f.find()
		if err == nil || !strings.Contains(err.Error(), `"slot-a"`) || !strings.Contains(err.Error(), "sda1") || !strings.Contains(err.Error(), "windows") {
			t.Errorf("error %v; want one that says what was looked for and what there is", err)
		}
		m.close()
		f.finish()
		if s := (&finder{sysfs: newMachine(t).sysfs}).inventory(); !strings.Contains(s, "no disks at all") {
			t.Errorf("inventory without disks: %q", s)
		}
	})
}

func TestLostEventsAreMadeGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t)
		f := m.finder("")
		lost := make(chan struct{})
		f.events = overrun{m, lost}
		go func() {
			time.Sleep(time.Second)
			m.disk("sda", slots...)
			<-m.events // which is what was lost
			close(lost)
		}()
		if p, _, err := f.find(); err != nil || p.Device != "sda3" {
			t.Errorf("find = %+v, %v; want sda3", p, err)
		}
		m.close()
		f.finish()
	})
}

// overrun says once that events were lost.
type overrun struct {
	m    *machine
	lost chan struct{}
}

func (o overrun) Next() (uevent.Event, error) {
	select {
	case <-o.lost:
		<-o.m.closed
		return uevent.Event{}, os.ErrClosed
	default:
	}
	<-o.lost
	return uevent.Event{}, uevent.ErrOverrun
}

func TestWatchdogAppears(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t)
		m.events <- uevent.Event{Action: "add", Vars: map[string]string{"SUBSYSTEM": "watchdog", "DEVNAME": "watchdog0"}}
		f := m.finder("")
		dogs := 0
		f.gotDog = func() { dogs++ }
		time.AfterFunc(time.Second, func() { m.disk("sda", slots...) })
		if _, _, err := f.find(); err != nil {
			t.Fatal(err)
		}
		m.close()
		f.finish()
		if dogs != 1 {
			t.Errorf("told of %d watchdogs; want 1", dogs)
		}
	})
}

func TestParseCmdline(t *testing.T) {
	for s, want := range map[string]options{
		"":                                  {slot: "a"},
		"quiet switchroom.slot=b panic=5\n": {slot: "b"},
		"switchroom.disk=/dev/sdb switchroom.slot=": {slot: "", disk: "sdb"},
	} {
		if got := parseCmdline(s); got != want {
			t.Errorf("parseCmdline(%q) = %+v; want %+v", s, got, want)
		}
	}
}

func TestIsStorage(t *testing.T) {
	for s, want := range map[string]bool{ahci: true, xhci: false, lpc: false, "virtio:d00000002v00001AF4": true, "acpi:PNP0C0C:": false} {
		if isStorage(s) != want {
			t.Errorf("isStorage(%q) = %v", s, !want)
		}
	}
}

func TestRefusesToBeAnythingElse(t *testing.T) {
	if err := run(&console{}); err == nil || !strings.Contains(err.Error(), "initramfs") {
		t.Errorf("run in a test = %v; want a refusal", err)
	}
}

func TestConsoleSplitsLines(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "kmsg"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	c := &console{kmsg: f}
	c.warn("one\ntwo %s\n", strings.Repeat("x", 2000))
	b, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
	if len(lines) != 2 || lines[0] != "<3>switchroom init: one" || !strings.HasPrefix(lines[1], "<3>switchroom init: two x") || len(lines[1]) > 1000 {
		t.Errorf("written:\n%s", b)
	}
}

var _ moduleLoader = (*kmod.Loader)(nil)

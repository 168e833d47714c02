package ioctl

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"

	"switchroom/dahdi"
)

// Ctl is DAHDI's control device. It satisfies dahdi.Driver.
type Ctl struct {
	proc string // /proc/dahdi: a file for each span
	sys  string // a folder for each channel

	mu  sync.Mutex
	fd  int
	dev string // the directory of device files
}

var _ dahdi.Driver = (*Ctl)(nil)

// Open opens the control device of a box; root is "/" but in tests. The error
// is dahdi.ErrNoDriver if the driver isn't in the kernel.
func Open(root string) (*Ctl, error) {
	dev := filepath.Join(root, "dev/dahdi")
	fd, err := open(filepath.Join(dev, "ctl"))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENXIO) || errors.Is(err, unix.ENODEV) {
		return nil, fmt.Errorf("%w: %w", dahdi.ErrNoDriver, err)
	}
	if err != nil {
		return nil, err
	}
	return &Ctl{proc: filepath.Join(root, "proc/dahdi"), sys: filepath.Join(root, "sys/bus/dahdi_channels/devices"), fd: fd, dev: dev}, nil
}

// open opens without the runtime's poller, which would have a channel's file
// made non-blocking.
func open(path string) (int, error) {
	for {
		fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return -1, &os.PathError{Op: "open", Path: path, Err: err}
		}
		return fd, nil
	}
}

// Close closes the device.
func (c *Ctl) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fd < 0 {
		return os.ErrClosed
	}
	err := unix.Close(c.fd)
	c.fd = -1
	return err
}

// ioctl is one system call at a time: DAHDI_INDIRECT makes the driver change
// the open file while it works.
func (c *Ctl) ioctl(name string, op uint32, arg unsafe.Pointer) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fd < 0 {
		return os.ErrClosed
	}
	return call(c.fd, name, op, arg)
}

func call(fd int, name string, op uint32, arg unsafe.Pointer) error {
	for {
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), uintptr(op), uintptr(arg))
		switch errno {
		case 0:
			return nil
		case unix.EINTR:
			continue
		}
		return os.NewSyscallError("ioctl "+name, errno)
	}
}

// onChannel runs an ioctl of a channel through the control device.
func (c *Ctl) onChannel(channel int, name string, op uint32, arg unsafe.Pointer) error {
	d := indirectData{Chan: int32(channel), Op: int32(op), Data: arg}
	if err := c.ioctl(name, DAHDI_INDIRECT, unsafe.Pointer(&d)); err != nil {
		return about("channel", channel, err)
	}
	return nil
}

// about says of what number the error is; the driver has EINVAL and ENXIO for
// a number that it doesn't know.
func about(what string, number int, err error) error {
	if errors.Is(err, unix.ENXIO) {
		return fmt.Errorf("%s %d: %w: %w", what, number, dahdi.ErrNotFound, err)
	}
	return fmt.Errorf("%s %d: %w", what, number, err)
}

// Version implements dahdi.Driver.
func (c *Ctl) Version() (dahdi.Version, error) {
	var v versionInfo
	if err := c.ioctl("GETVERSION", DAHDI_GETVERSION, unsafe.Pointer(&v)); err != nil {
		return dahdi.Version{}, err
	}
	out := dahdi.Version{Number: text(v.Version[:]), EchoCancellers: []string{}}
	for name := range strings.SplitSeq(text(v.EchoCanceller[:]), ",") {
		if name = strings.ToLower(strings.TrimSpace(name)); name != "" {
			out.EchoCancellers = append(out.EchoCancellers, name)
		}
	}
	return out, nil
}

// Params implements dahdi.Driver.
func (c *Ctl) Params(channel int) (dahdi.Params, error) {
	if channel < 1 || channel >= DAHDI_MAX_CHANNELS {
		return dahdi.Params{}, fmt.Errorf("channel %d: %w", channel, dahdi.ErrNotFound)
	}
	p := params{Channo: int32(channel)}
	err := c.getParams(&p)
	if errors.Is(err, unix.EINVAL) { // it has no other reason for this call
		return dahdi.Params{}, fmt.Errorf("channel %d: %w", channel, dahdi.ErrNotFound)
	}
	if err != nil {
		return dahdi.Params{}, about("channel", channel, err)
	}
	return fromParams(&p), nil
}

// getParams is what a monitor calls a hundred times a second. The driver never
// sleeps in it, so the scheduler need not hear of it.
func (c *Ctl) getParams(p *params) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fd < 0 {
		return os.ErrClosed
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_IOCTL, uintptr(c.fd), DAHDI_GET_PARAMS, uintptr(unsafe.Pointer(p))); errno != 0 {
		return os.NewSyscallError("ioctl GET_PARAMS", errno)
	}
	return nil
}

// SpanStatus implements dahdi.Driver.
func (c *Ctl) SpanStatus(span int) (dahdi.SpanStatus, error) {
	if span < 1 {
		return dahdi.SpanStatus{}, fmt.Errorf("span %d: %w", span, dahdi.ErrNotFound)
	}
	s := spanInfo{Spanno: int32(span)}
	err := c.ioctl("SPANSTAT", DAHDI_SPANSTAT, unsafe.Pointer(&s))
	if errors.Is(err, unix.EINVAL) {
		return dahdi.SpanStatus{}, fmt.Errorf("span %d: %w", span, dahdi.ErrNotFound)
	}
	if err != nil {
		return dahdi.SpanStatus{}, about("span", span, err)
	}
	return dahdi.SpanStatus{
		Span: int(s.Spanno), Name: text(s.Name[:]), Description: text(s.Desc[:]), Manufacturer: text(s.Manufacturer[:]),
		Device: text(s.Devicetype[:]), Location: text(s.Location[:]), Type: text(s.Spantype[:]),
		Alarms: alarms(uint32(s.Alarms)), IRQMisses: int(s.Irqmisses), Configured: int(s.Numchans),
		Channels: int(s.Totalchans), Spans: int(s.Totalspans),
	}, nil
}

// SetSignalling implements dahdi.Driver.
func (c *Ctl) SetSignalling(channel int, sig dahdi.Signalling, law dahdi.Companding) error {
	bits, ok := signallingBits(sig)
	if !ok {
		return fmt.Errorf("channel %d: signalling %q: %w", channel, sig, dahdi.ErrNotPossible)
	}
	cfg := chanConfig{Chan: int32(channel), Sigtype: int32(bits), Master: int32(channel)}
	switch law {
	case dahdi.LawMu:
		cfg.Deflaw = DAHDI_LAW_MULAW
	case dahdi.LawA:
		cfg.Deflaw = DAHDI_LAW_ALAW
	}
	err := c.ioctl("CHANCONFIG", DAHDI_CHANCONFIG, unsafe.Pointer(&cfg))
	if errors.Is(err, unix.EINVAL) {
		// Either there is no such channel or it can't do this signalling.
		if _, perr := c.Params(channel); perr != nil {
			return perr
		}
		return fmt.Errorf("channel %d: signalling %s: %w", channel, sig, dahdi.ErrNotPossible)
	}
	if err != nil {
		return about("channel", channel, err)
	}
	if bits == DAHDI_SIG_NONE {
		return nil
	}
	return c.initialise(channel)
}

// initialise opens and closes a channel. Only that gives it its law and the
// times of its signalling (flash, debounce, pulses), which are 0 before. The
// driver's own tools do the same.
func (c *Ctl) initialise(channel int) error {
	ch, err := openChannel(c.dev, channel)
	if errors.Is(err, ErrBusy) { // then whoever has it has done it
		return nil
	}
	if err != nil {
		return fmt.Errorf("initialising: %w", err)
	}
	if err := ch.Close(); err != nil {
		return fmt.Errorf("initialising channel %d: %w", channel, err)
	}
	return nil
}

// GainTables implements dahdi.Driver.
func (c *Ctl) GainTables(channel int) (rx, tx dahdi.GainTable, err error) {
	g := gains{Chan: int32(channel)}
	if err := c.audioIoctl(channel, "GETGAINS", DAHDI_GETGAINS, unsafe.Pointer(&g)); err != nil {
		return rx, tx, err
	}
	return g.Rxgain, g.Txgain, nil
}

// SetGainTables implements dahdi.Driver.
func (c *Ctl) SetGainTables(channel int, rx, tx dahdi.GainTable) error {
	g := gains{Chan: int32(channel), Rxgain: rx, Txgain: tx}
	return c.audioIoctl(channel, "SETGAINS", DAHDI_SETGAINS, unsafe.Pointer(&g))
}

// audioIoctl is for calls that fail with EINVAL on a channel that isn't there
// and on one that has no audio.
func (c *Ctl) audioIoctl(channel int, name string, op uint32, arg unsafe.Pointer) error {
	if channel < 1 {
		return fmt.Errorf("channel %d: %w", channel, dahdi.ErrNotFound)
	}
	err := c.ioctl(name, op, arg)
	if errors.Is(err, unix.EINVAL) {
		if _, perr := c.Params(channel); perr != nil {
			return perr
		}
		return fmt.Errorf("channel %d has no audio: %w", channel, dahdi.ErrNotPossible)
	}
	if err != nil {
		return about("channel", channel, err)
	}
	return nil
}

// AttachEchoCanceller implements dahdi.Driver.
func (c *Ctl) AttachEchoCanceller(channel int, name string) error {
	a := attachEchocan{Chan: int32(channel)}
	if len(name) >= len(a.Echocan) {
		return fmt.Errorf("echo canceller %q: %w", name, dahdi.ErrNotFound)
	}
	copy(a.Echocan[:], name)
	err := c.ioctl("ATTACH_ECHOCAN", DAHDI_ATTACH_ECHOCAN, unsafe.Pointer(&a))
	if errors.Is(err, unix.EINVAL) {
		if _, perr := c.Params(channel); perr != nil {
			return perr
		}
		return fmt.Errorf("channel %d: echo canceller %q: %w", channel, name, dahdi.ErrNotFound)
	}
	if err != nil {
		return about("channel", channel, err)
	}
	return nil
}

// LoadZone implements dahdi.Driver.
func (c *Ctl) LoadZone(z dahdi.Zone) error {
	buf, err := encodeZone(z)
	if err != nil {
		return err
	}
	// The driver refuses a number that it has. A zone in use stays with the
	// channels that use it.
	number := int32(z.Number)
	if err := c.ioctl("FREEZONE", DAHDI_FREEZONE, unsafe.Pointer(&number)); err != nil {
		return fmt.Errorf("freeing tone zone %d: %w", z.Number, err)
	}
	if err := c.ioctl("LOADZONE", DAHDI_LOADZONE, unsafe.Pointer(&buf[0])); err != nil {
		return fmt.Errorf("tone zone %d: %w", z.Number, err)
	}
	return nil
}

// SetDefaultZone implements dahdi.Driver.
func (c *Ctl) SetDefaultZone(number int) error {
	n := int32(number)
	err := c.ioctl("DEFAULTZONE", DAHDI_DEFAULTZONE, unsafe.Pointer(&n))
	if errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("tone zone %d: %w", number, dahdi.ErrNotFound)
	}
	if err != nil {
		return about("tone zone", number, err)
	}
	return nil
}

// DefaultZone implements dahdi.Driver. The driver has no call for it, but it
// gives a pseudo channel the default zone like any other.
func (c *Ctl) DefaultZone() (number int, loaded bool, err error) {
	fd, err := open(filepath.Join(c.dev, "pseudo"))
	if err != nil {
		return 0, false, fmt.Errorf("looking for the default tone zone: %w", err)
	}
	defer unix.Close(fd)
	n := int32(DAHDI_TONE_ZONE_DEFAULT)
	err = call(fd, "SETTONEZONE", DAHDI_SETTONEZONE, unsafe.Pointer(&n))
	if errors.Is(err, unix.ENODATA) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("looking for the default tone zone: %w", err)
	}
	if err := call(fd, "GETTONEZONE", DAHDI_GETTONEZONE, unsafe.Pointer(&n)); err != nil {
		return 0, false, fmt.Errorf("asking for the default tone zone: %w", err)
	}
	return int(n), true, nil
}

// Voltage implements dahdi.Driver. It works on the drivers of Digium's analog
// cards (wctdm24xxp, wctdm, wcaxx); others answer with an error.
func (c *Ctl) Voltage(channel int) (int, error) {
	p, err := c.Params(channel)
	if err != nil {
		return 0, err
	}
	var s wctdmStats
	err = c.onChannel(channel, "WCTDM_GET_STATS", WCTDM_GET_STATS, unsafe.Pointer(&s))
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOTTY) || errors.Is(err, unix.ENOSYS) {
		return 0, fmt.Errorf("channel %d can't measure: %w", channel, dahdi.ErrNotPossible)
	}
	if err != nil {
		return 0, err
	}
	if dahdi.KindOf(p.Can) == dahdi.KindFXS {
		return int(s.Tipvolt - s.Ringvolt), nil
	}
	return int(s.Tipvolt), nil
}

// EchoCanceller implements dahdi.Driver. Only sysfs and /proc tell it.
func (c *Ctl) EchoCanceller(channel int) (string, error) {
	p, err := c.Params(channel)
	if err != nil {
		return "", err
	}
	b, err := os.ReadFile(filepath.Join(c.sys, fmt.Sprintf("dahdi!chan!%03d!%03d", p.Span, p.Position), "ec_factory"))
	if err != nil {
		return "", fmt.Errorf("asking for the echo canceller of channel %d: %w", channel, err)
	}
	return strings.ToLower(strings.TrimSpace(string(b))), nil
}

// InUse implements dahdi.Driver.
func (c *Ctl) InUse(span int) (map[int]bool, error) {
	b, err := os.ReadFile(filepath.Join(c.proc, strconv.Itoa(span)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("span %d: %w: %w", span, dahdi.ErrNotFound, err)
	}
	if err != nil {
		return nil, fmt.Errorf("reading span %d: %w", span, err)
	}
	return parseSpan(b), nil
}

// parseSpan reads which channels are in use from a span's file in /proc/dahdi,
// which tells it for all of them in one read. Lines that begin with a tab and a
// number are channels: "<number> <name> <signalling> (In use) RED …".
func parseSpan(b []byte) map[int]bool {
	used := map[int]bool{}
	for line := range bytes.Lines(b) {
		f := bytes.Fields(line)
		if len(f) == 0 || line[0] != '\t' {
			continue
		}
		if n, err := strconv.Atoi(string(f[0])); err == nil {
			used[n] = bytes.Contains(line, []byte("(In use)"))
		}
	}
	return used
}

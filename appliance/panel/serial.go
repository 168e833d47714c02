package panel

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.bug.st/serial"
)

// SystemPorts are the machine's serial ports.
type SystemPorts struct {
	Root string   // holds sys and dev: "/" but in tests
	Only []string // these and no others, if there are any
}

// List implements Ports: USB first, for what announces itself is likelier to be
// a panel than what has always been there. Left out are ports without a chip
// behind them, and those that are the kernel's console.
func (s SystemPorts) List() []string {
	if len(s.Only) > 0 {
		return s.Only
	}
	class := filepath.Join(s.Root, "sys/class/tty")
	entries, err := os.ReadDir(class)
	if err != nil {
		return nil
	}
	active, _ := os.ReadFile(filepath.Join(class, "console/active"))
	consoles := strings.Fields(string(active))
	var names []string
	for _, e := range entries {
		name := e.Name()
		switch {
		case slices.Contains(consoles, name):
		case strings.HasPrefix(name, "ttyUSB"), strings.HasPrefix(name, "ttyACM"):
			names = append(names, name)
		case strings.HasPrefix(name, "ttyS"):
			// PORT_UNKNOWN of Linux's serial_core: nothing is there.
			kind, err := os.ReadFile(filepath.Join(class, name, "type"))
			if err == nil && strings.TrimSpace(string(kind)) != "0" {
				names = append(names, name)
			}
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		usb := func(s string) int {
			if strings.HasPrefix(s, "ttyS") {
				return 1
			}
			return 0
		}
		return cmp.Or(usb(a)-usb(b), len(a)-len(b), strings.Compare(a, b))
	})
	for i, n := range names {
		names[i] = filepath.Join(s.Root, "dev", n)
	}
	return names
}

// Open implements Ports.
func (SystemPorts) Open(path string, baud int) (io.ReadWriteCloser, error) {
	p, err := serial.Open(path, &serial.Mode{BaudRate: baud, DataBits: 8, Parity: serial.NoParity, StopBits: serial.OneStopBit})
	if err != nil {
		return nil, fmt.Errorf("at %d bit/s: %w", baud, err)
	}
	return p, nil
}

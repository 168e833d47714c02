//go:build vm

package system

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"switchroom/image"
)

// TestVMCardAgainstDahdiCfg holds what we make of a card by ioctl against what
// DAHDI's own dahdi_cfg makes of it: the same /proc/dahdi and the same
// parameters of every channel.
func TestVMCardAgainstDahdiCfg(t *testing.T) {
	for _, tt := range []struct {
		name, ports string
		config      string // for dahdi_cfg
	}{
		{"24 telephones", "fxs:1-24", "fxoks=1-24\n"},
		{"24 lines", "fxo:1-24", "fxsks=1-24\n"},
		{"mixed", "fxs:1-8,fxo:13-20", "fxoks=1-8\nfxsks=13-20\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := start(t, machine{cards: []string{tt.ports}, grubenv: allowRescue, second: dahdiCfg})
			b.ready()
			b.logIn()

			// Asterisk has parameters of its own for channels: both get a
			// driver that was just loaded, and that nobody else uses.
			b.shell("switchroom stop asterisk")
			b.unloadDriver()
			b.fromNow()
			b.shell("switchroom start ports")
			b.until("dahdi configured spans=1 channels=24")
			ours := b.card()

			b.unloadDriver()
			b.loadDriver()
			// Else this would compare our result with itself.
			if bare := b.card(); bare == ours {
				t.Fatal("the driver kept the configuration over its unloading")
			}
			var echo []string
			for _, l := range strings.Fields(tt.config) {
				_, channels, _ := strings.Cut(l, "=")
				echo = append(echo, "echocanceller=mg2,"+channels)
			}
			config := tt.config + strings.Join(echo, "\n") + "\nloadzone=us\ndefaultzone=us\n"
			for _, l := range strings.Fields(config) {
				b.shell(fmt.Sprintf("echo %s >> /tmp/system.conf", l))
			}
			b.shell("dd if=/dev/nvme0n1 of=/tmp/dahdi_cfg && chmod 0755 /tmp/dahdi_cfg")
			b.shell("/tmp/dahdi_cfg -c /tmp/system.conf")
			if diff := cmp.Diff(strings.Split(b.card(), "\n"), strings.Split(ours, "\n")); diff != "" {
				t.Errorf("the card by dahdi_cfg (-) and by us (+):\n%s", diff)
			}
		})
	}
}

// driver is the card's driver, module by module, in the order they are loaded.
var driver = []string{"dahdi", "dahdi_echocan_mg2", "dahdi_voicebus", "wctdm24xxp"}

// unloadDriver takes the driver away, and with it all that it was told.
func (b *box) unloadDriver() {
	b.Helper()
	b.shell("switchroom stop ports")
	for _, module := range slices.Backward(driver) {
		b.shell("rmmod " + module)
	}
}

// loadDriver loads the driver as the ports service does in the built-in site's
// country, and nothing more.
func (b *box) loadDriver() {
	b.Helper()
	arguments := map[string]string{"dahdi": " auto_assign_spans=1", "wctdm24xxp": " opermode=FCC"}
	for _, module := range driver {
		b.shell(fmt.Sprintf("insmod $(find /lib/modules/ -name %s.ko)%s", module, arguments[module]))
	}
}

// card is what the driver says of the card and of every channel.
func (b *box) card() string {
	b.Helper()
	return b.shell("cat /proc/dahdi/1") + "\n" + b.shell("switchroom dahdictl params")
}

// dahdiCfg writes the program dahdi_cfg to a disk, and nothing else. The
// libraries it needs are on the box, for Asterisk.
func dahdiCfg(path string) error {
	set, err := lab.lock.Set("vmtest")
	if err != nil {
		return err
	}
	tree, err := lab.store.Tree(context.Background(), set)
	if err != nil {
		return err
	}
	program, err := os.ReadFile(filepath.Join(tree, "usr/sbin/dahdi_cfg"))
	if err != nil {
		return err
	}
	return writeDisk(path, program)
}

// writeDisk makes a disk that begins with a program, in whole sectors.
func writeDisk(path string, program []byte) error {
	program = append(program, make([]byte, image.SectorSize-len(program)%image.SectorSize)...)
	return os.WriteFile(path, program, 0o644)
}

// TestVMDriver plays, inside the box, the tests that package ioctl has for the
// real driver: the contract that the other rooms' fake of it keeps as well.
func TestVMDriver(t *testing.T) {
	b := start(t, machine{cards: []string{"fxs:1-8,fxo:13-20"}, grubenv: allowRescue, second: func(path string) error {
		program := path + ".test"
		cmd := exec.Command("go", "test", "-c", "-tags", "vm", "-o", program, "switchroom/dahdi/ioctl")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("compiling the driver's tests: %w\n%s", err, out)
		}
		data, err := os.ReadFile(program)
		if err != nil {
			return err
		}
		return writeDisk(path, data)
	}})
	b.ready()
	b.logIn()
	b.shell("switchroom stop asterisk")
	b.unloadDriver()
	b.loadDriver()
	b.shell("dd if=/dev/nvme0n1 of=/tmp/ioctl.test bs=65536 && chmod 0755 /tmp/ioctl.test")
	out := b.shell("cd /tmp && ./ioctl.test -test.v -test.run '^(TestDriver|TestChannel)$'")
	if !strings.Contains(out, "--- PASS: TestDriver") || !strings.Contains(out, "--- PASS: TestChannel") {
		t.Errorf("the tests did not run:\n%s", out)
	}
}

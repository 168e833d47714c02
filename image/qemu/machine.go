package qemu

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
)

// Firmware is what the machine boots with.
type Firmware int

const (
	BIOS Firmware = iota // SeaBIOS
	UEFI                 // OVMF, Secure Boot off
)

func (f Firmware) String() string {
	if f == UEFI {
		return "UEFI"
	}
	return "BIOS"
}

// Accel is how guest code is executed.
type Accel string

const (
	KVM Accel = "kvm"
	TCG Accel = "tcg"
)

// Forward makes a port of the guest reachable on the host's loopback.
type Forward struct {
	Protocol string // "tcp" or "udp"
	Host     int    // port on 127.0.0.1
	Guest    int    // port on the guest's first network card
}

// Config describes one machine.
type Config struct {
	Disk      string    // raw image; never written to
	Overlay   string    // qcow2 file that takes what is written, made if there is none; a new one in Dir unless set
	DiskGiB   int       // size of the disk that the guest sees, 8 unless set; the first boot fills it
	Firmware  Firmware  //
	Accel     Accel     // TCG unless set
	MemoryMiB int       // 1024 unless set
	CPUs      int       // 2 unless set
	Cards     []string  // vfio-user sockets of emulated cards, in PCI order
	Forwards  []Forward //
	Dir       string    // for sockets and the serial log; made by the caller, on a short path (a socket's path has 107 bytes at most)
	Extra     []string  // further arguments
}

func (c Config) withDefaults() Config {
	if c.Accel == "" {
		c.Accel = TCG
	}
	if c.MemoryMiB == 0 {
		c.MemoryMiB = 1024
	}
	if c.CPUs == 0 {
		c.CPUs = 2
	}
	if c.DiskGiB == 0 {
		c.DiskGiB = 8
	}
	if c.Overlay == "" {
		c.Overlay = filepath.Join(c.Dir, "disk.qcow2")
	}
	return c
}

// Paths inside the tool tree.
const (
	binary   = "/usr/bin/qemu-system-x86_64"
	qemuImg  = "/usr/bin/qemu-img"
	ovmfCode = "/usr/share/OVMF/OVMF_CODE_4M.fd"
	ovmfVars = "/usr/share/OVMF/OVMF_VARS_4M.fd"
)

func (c Config) qmpSocket() string  { return filepath.Join(c.Dir, "qmp.sock") }
func (c Config) varsFile() string   { return filepath.Join(c.Dir, "ovmf-vars.fd") }
func (c Config) serialFile() string { return filepath.Join(c.Dir, "serial.log") }

// args is QEMU's command line: a q35 PC with what a small office machine has,
// a SATA disk, an Intel network card, the chip set's own watchdog.
func (c Config) args() ([]string, error) {
	args := []string{
		"-nodefaults", "-no-user-config",
		"-name", "switchroom",
		// The card writes into guest memory: it must be a file that can be shared.
		"-machine", "q35,memory-backend=mem0,accel=" + string(c.Accel),
		"-object", fmt.Sprintf("memory-backend-memfd,id=mem0,size=%dM,share=on", c.MemoryMiB),
		"-m", strconv.Itoa(c.MemoryMiB),
		"-smp", strconv.Itoa(c.CPUs),
		"-rtc", "base=utc,clock=host",
		// QEMU's default is a watchdog that only pretends to reset.
		"-global", "ICH9-LPC.noreboot=false",
		"-action", "watchdog=reset",
		"-device", "virtio-rng-pci",
		"-display", "none", "-vga", "std",
		"-serial", "stdio",
		"-qmp", "unix:" + c.qmpSocket() + ",server=on,wait=off",
	}
	if c.Accel == KVM {
		args = append(args, "-cpu", "host")
	} else {
		args = append(args, "-cpu", "max")
	}

	disk, err := json.Marshal(map[string]any{
		"driver": "qcow2", "node-name": "disk0", "discard": "unmap",
		"file": map[string]any{"driver": "file", "filename": c.Overlay},
	})
	if err != nil {
		return nil, fmt.Errorf("describing the disk: %w", err)
	}
	args = append(args, "-blockdev", string(disk),
		"-device", "ide-hd,drive=disk0,bus=ide.0,serial=switchroom0,bootindex=0")

	if c.Firmware == UEFI {
		args = append(args,
			"-drive", "if=pflash,unit=0,format=raw,readonly=on,file="+ovmfCode,
			"-drive", "if=pflash,unit=1,format=raw,file="+escapeOption(c.varsFile()))
	}

	// restrict=on: the guest reaches nothing but QEMU's own DHCP and what is forwarded.
	netdev := "user,id=net0,restrict=on,hostname=switchroom"
	for _, f := range c.Forwards {
		netdev += fmt.Sprintf(",hostfwd=%s:127.0.0.1:%d-:%d", f.Protocol, f.Host, f.Guest)
	}
	args = append(args, "-netdev", netdev, "-device", "e1000e,netdev=net0,romfile=")

	for _, socket := range c.Cards {
		dev, err := json.Marshal(map[string]any{
			"driver": "vfio-user-pci",
			"socket": map[string]string{"type": "unix", "path": socket},
		})
		if err != nil {
			return nil, fmt.Errorf("describing the card at %s: %w", socket, err)
		}
		args = append(args, "-device", string(dev))
	}
	return append(args, c.Extra...), nil
}

// escapeOption doubles the commas of a value in a QEMU option string.
func escapeOption(s string) string {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == ',' {
			out = append(out, ',')
		}
		out = append(out, s[i])
	}
	return string(out)
}

package qemu

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"switchroom/image/packages"
)

// probeTime is how long a guest under KVM may take to say its first byte. A
// working one takes a few milliseconds.
const probeTime = 3 * time.Second

const kvmDevice = "/dev/kvm"

// probeROM is a BIOS that writes "K\n" to the first serial port and halts.
// The processor starts 16 bytes below its end.
func probeROM() []byte {
	rom := make([]byte, 64<<10)
	copy(rom[len(rom)-16:], []byte{
		0xba, 0xf8, 0x03, // mov dx, 0x3f8
		0xb0, 'K', // mov al, 'K'
		0xee,       // out dx, al
		0xb0, '\n', // mov al, '\n'
		0xee,       // out dx, al
		0xf4,       // hlt
		0xeb, 0xfd, // jmp to the hlt
	})
	return rom
}

// ProbeKVM says whether guests run under KVM here, by running one. Where they
// don't, the second result says why not.
func ProbeKVM(ctx context.Context, tools Tools, dir string) (ok bool, why string, err error) {
	f, err := os.OpenFile(kvmDevice, os.O_RDWR, 0)
	if err != nil {
		return false, err.Error(), nil
	}
	f.Close()

	rom := filepath.Join(dir, "kvm-probe.rom")
	if err := os.WriteFile(rom, probeROM(), 0o644); err != nil {
		return false, "", fmt.Errorf("writing the probe for KVM: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	cmd := tools.Command(ctx,
		packages.RunOptions{Binds: []packages.Bind{{Host: dir, Guest: dir, Writable: true}}, Devices: []string{kvmDevice}},
		binary, "-nodefaults", "-no-user-config", "-display", "none", "-machine", "pc,accel=kvm",
		"-m", "16", "-bios", rom, "-serial", "stdio")
	stderr := &tail{max: 1 << 10}
	cmd.Stderr = stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return false, "", fmt.Errorf("making the probe's pipe: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return false, "", fmt.Errorf("starting the probe for KVM: %w", err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	timedOut := ctx.Err() != nil
	cancel()
	// It is killed in every case; only what it said counts.
	_ = cmd.Wait()
	switch {
	case line == "K\n":
		return true, "", nil
	case timedOut:
		return false, fmt.Sprintf("a guest said nothing for %v", probeTime), nil
	}
	return false, "QEMU: " + stderr.String(), nil
}

//go:build vm

package system

import (
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	"switchroom/image"
	"switchroom/image/disk"
	"switchroom/image/qemu"
)

// Asterisk dies in the middle of a call. The box takes the next one.
func TestVMAsteriskIsKilled(t *testing.T) {
	for _, firmware := range []qemu.Firmware{qemu.BIOS, qemu.UEFI} {
		t.Run(firmware.String(), func(t *testing.T) { asteriskIsKilled(t, firmware) })
	}
}

func asteriskIsKilled(t *testing.T, firmware qemu.Firmware) {
	b := start(t, machine{firmware: firmware, cards: []string{"fxs:1-4"}, grubenv: allowRescue})
	b.ready()
	b.logIn()
	b.everybodyHangsUp()
	one, two := b.phone(1), b.phone(2)
	b.connect(one, two)
	b.talk(one.Port, two.Port)

	b.fromNow()
	b.shell("kill -9 $(cat /run/asterisk/asterisk.pid)")
	b.ready()

	b.everybodyHangsUp()
	b.connect(one, two)
	b.talk(one.Port, two.Port)
	if status := b.shell("switchroom status --json"); !strings.Contains(status, "asterisk") {
		t.Errorf("the status does not know Asterisk:\n%s", status)
	}
}

// Without a card there is nothing to wait for: SIP works.
func TestVMNoCard(t *testing.T) {
	b := start(t, machine{grubenv: allowRescue})
	b.ready()
	b.until("healthy")
	b.logIn()

	// Only loopback listens, but for SIP. (Port 68 is the DHCP client's.)
	listening := b.shell("cat /proc/net/tcp /proc/net/tcp6 /proc/net/udp /proc/net/udp6")
	for _, s := range sockets(listening) {
		if s.loopback || s.port == 5060 || s.client {
			continue
		}
		t.Errorf("somebody listens on %s", s.text)
	}
}

func TestVMPowerButton(t *testing.T) {
	b := start(t, machine{})
	b.until("healthy")
	ctx, cancel := b.limit()
	defer cancel()
	if err := b.vm.PressPower(ctx); err != nil {
		t.Fatal(err)
	}
	b.until("stopping for")
	if err := b.vm.Wait(ctx); err != nil {
		t.Errorf("the machine did not switch itself off: %v", err)
	}
}

// What is on the data partition outlives a restart by Ctrl-Alt-Del, the reset
// button, and damage to the file system.
func TestVMDataIsKept(t *testing.T) {
	b := start(t, machine{grubenv: allowRescue})
	b.until("healthy")
	b.logIn()
	mounts := b.shell("cat /proc/mounts")
	m := regexp.MustCompile(`(?m)^(/dev/\S+) /data ext4 `).FindStringSubmatch(mounts)
	if m == nil {
		t.Fatalf("the data partition is not mounted:\n%s", mounts)
	}
	device := m[1]
	b.shell("echo something dear > /data/kept; sync")
	b.isKept()

	t.Log("Ctrl-Alt-Del")
	ctx, cancel := b.limit()
	defer cancel()
	b.fromNow()
	if err := b.vm.PressKeys(ctx, "ctrl", "alt", "delete"); err != nil {
		t.Fatal(err)
	}
	b.until("stopping for reboot")
	b.until("supervisor started")
	b.until("healthy")
	b.logIn()
	b.isKept()

	t.Log("the reset button, with the file system's first block gone")
	b.shell("sync; dd if=/dev/zero of=" + device + " bs=4096 count=1; sync")
	b.fromNow()
	if err := b.vm.Reset(ctx); err != nil {
		t.Fatal(err)
	}
	b.until("supervisor started")
	b.until("healthy")
	b.logIn()
	b.isKept()
}

func (b *box) isKept() {
	b.Helper()
	if got := b.shell("cat /data/kept"); got != "something dear" {
		b.Errorf("the data partition has %q", got)
	}
}

// A firmware that never becomes healthy gets three tries; then the other slot
// is started.
func TestVMFallsBackAfterThreeTries(t *testing.T) {
	b := start(t, machine{
		change: copySlotAToB,
		grubenv: func(env *disk.Grubenv) {
			allowRescue(env)
			env.SetPreferred(image.SlotA)
			env.SetSlot(image.SlotA, disk.SlotState{Tries: disk.FullTries})
			env.SetSlot(image.SlotB, disk.SlotState{Tries: disk.FullTries})
		},
	})
	ctx, cancel := b.limit()
	defer cancel()
	for try := 1; try <= disk.FullTries; try++ {
		b.until("supervisor started")
		b.logIn()
		if got := b.shell("cat /proc/cmdline"); !strings.Contains(got, "switchroom.slot=a") {
			t.Fatalf("try %d is not of slot a: %s", try, got)
		}
		b.fromNow()
		if err := b.vm.Reset(ctx); err != nil { // before it is healthy
			t.Fatal(err)
		}
	}
	b.until("healthy")
	b.logIn()
	if got := b.shell("cat /proc/cmdline"); !strings.Contains(got, "switchroom.slot=b") {
		t.Errorf("after three tries: %s", got)
	}
	// Slot b is good now, and stays in use.
	b.fromNow()
	if err := b.vm.Reset(ctx); err != nil {
		t.Fatal(err)
	}
	b.until("supervisor started")
	b.logIn()
	if got := b.shell("cat /proc/cmdline"); !strings.Contains(got, "switchroom.slot=b") {
		t.Errorf("after slot b was healthy: %s", got)
	}
}

// copySlotAToB makes both slots of an image the same.
func copySlotAToB(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	a, _ := disk.FindPartition(disk.Partitions(), image.PartSlotA)
	b, _ := disk.FindPartition(disk.Partitions(), image.PartSlotB)
	_, err = io.Copy(io.NewOffsetWriter(f, b.Start), io.NewSectionReader(f, a.Start, image.MaxSlotContent+4<<20))
	return err
}

// Both firmwares find the same box.
func TestVMStartsUnderUEFIWithoutACard(t *testing.T) {
	b := start(t, machine{firmware: qemu.UEFI})
	b.ready()
	b.until("healthy")
}

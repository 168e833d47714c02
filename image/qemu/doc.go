// Package qemu starts an image in QEMU, for people (make run) and for tests.
//
// A machine is described by a Config, started with Start, and watched through
// its serial Console, whose lines one waits for instead of sleeping, and
// through QMP, QEMU's own control protocol (docs/interop/qmp-spec.rst), with
// which it is stopped, reset, powered down and ended.
//
// QEMU comes out of the locked tool tree and runs in its sandbox. An emulated
// TDM2400P is reached over vfio-user (docs/interop/vfio-user.rst): QEMU
// connects to the card's socket when it starts, and aborts if the card goes
// away, so a card must outlive the machine.
//
// KVM is used only where ProbeKVM has seen a guest speak: a /dev/kvm can exist
// and yet hang every guest, as inside some virtual machines.
package qemu

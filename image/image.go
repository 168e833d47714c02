// Package image says what a firmware image is: the partitions of its disk, the
// two firmware slots, and the manifest that names what is inside. The builder,
// the flasher, the boot code and the updater all take these facts from here.
//
// # The disk
//
// One GPT disk starts under BIOS and under UEFI. Its partitions are found by
// their GPT names, never by number or device name:
//
//	bios     GRUB's core image for BIOS machines (raw, LBA 2048 to 4095)
//	esp      FAT32: GRUB for UEFI, grub.cfg, and grubenv, the try counters
//	slot-a   a firmware: one squashfs with kernel, initramfs and root tree
//	slot-b   the other firmware; empty on a freshly flashed disk
//	data     ext4, everything the owner keeps; not in the image: the box adds
//	         it on its first boot and lets it fill the disk
//
// # A slot
//
// A slot is a squashfs that GRUB reads itself (so neither zstd nor lz4). The
// root tree is the file system's root; the kernel and the initramfs stand in
// it at [KernelPath] and [InitrdPath].
package image

// Names of the partitions in the GPT. They are how every program finds them.
const (
	PartBIOS  = "bios"
	PartESP   = "esp"
	PartSlotA = "slot-a"
	PartSlotB = "slot-b"
	PartData  = "data"
)

// Numbers of the partitions in the table, counted from 1. Only GRUB needs
// them, which cannot look for a partition by name.
const (
	NumberBIOS  = 1
	NumberESP   = 2
	NumberSlotA = 3
	NumberSlotB = 4
	NumberData  = 5
)

// GUIDs of partition types (UEFI specification 2.10, table 5-7; GRUB's and
// Linux's own).
const (
	TypeBIOSBoot = "21686148-6449-6E6F-744E-656564454649"
	TypeESP      = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
	TypeLinux    = "0FC63DAF-8483-4772-8E79-3D69D8477DE4"
)

// Sizes and places, in bytes unless the name says otherwise.
const (
	// SectorSize is the logical sector the image is laid out for. A disk with
	// 4,096-byte logical sectors can't take the image.
	SectorSize = 512
	// Alignment of every partition: what SSDs and RAID controllers like.
	Alignment = 1 << 20

	BIOSStart = 2048 * SectorSize
	BIOSSize  = 2048 * SectorSize
	// ESPSize gives, with one sector per cluster, more than the 65,525
	// clusters below which UEFI firmware takes the file system for FAT16.
	ESPSize = 64 << 20
	// SlotSize is a slot's place in the table; its content is at most
	// MaxSlotContent, the rest is room to grow by updates.
	SlotSize = 256 << 20
	// MinDataSize is the least room for the data partition a disk must offer
	// beyond the image to be worth flashing.
	MinDataSize = 512 << 20
)

// Budgets, in bytes, that the builder holds every image to.
const (
	MaxSlotContent int64 = 60e6
	MaxCompressed  int64 = 80e6
)

// ESPLabel is the FAT volume label of the ESP.
const ESPLabel = "SWITCHROOM"

// Paths inside a slot's root.
const (
	KernelPath   = "/boot/vmlinuz"
	InitrdPath   = "/boot/initrd.img"
	ManifestPath = "/usr/share/switchroom/manifest.json"
	SBOMPath     = "/usr/share/switchroom/sbom.spdx.json"
)

// Paths on the ESP.
const (
	GrubConfigPath = "/grub/grub.cfg"
	GrubEnvPath    = "/grub/grubenv"
	// GrubCustomPath may be put on the ESP by the owner; GRUB sources it
	// before it chooses a slot.
	GrubCustomPath = "/grub/custom.cfg"
)

// SlotArgument is the kernel command-line key that tells the firmware which
// slot it was started from: "switchroom.slot=a" or "switchroom.slot=b".
const SlotArgument = "switchroom.slot"

// Slot is one of the two firmware copies.
type Slot string

// The slots.
const (
	SlotA Slot = "a"
	SlotB Slot = "b"
)

// Valid reports whether s is one of the two slots.
func (s Slot) Valid() bool { return s == SlotA || s == SlotB }

// Other returns the slot that s is not.
func (s Slot) Other() Slot {
	if s == SlotA {
		return SlotB
	}
	return SlotA
}

// Partition returns the GPT name of the slot's partition.
func (s Slot) Partition() string { return "slot-" + string(s) }

package disk

import (
	_ "embed"
	"encoding/binary"
	"fmt"

	"switchroom/image"
)

// grubConfig is grub.cfg as it lies on the ESP.
//
//go:embed grub.cfg
var grubConfig []byte

// grubEarly is the configuration embedded into GRUB itself. It only has to
// leave the rest to grub.cfg, which GRUB's normal mode looks for at its prefix.
const grubEarly = "set pager=0\n"

// grubPrefix is where GRUB finds its configuration. The missing disk name means
// the disk that GRUB was started from, on BIOS and UEFI alike.
const grubPrefix = "(,gpt2)/grub"

// grubModules are the modules built into GRUB's images: what grub.cfg uses, and
// what a person needs who has to look around at its prompt. Nothing is loaded
// from the ESP at run time.
var grubModules = []string{
	"part_gpt", "fat", "squash4",
	"normal", "configfile", "linux", "loadenv", "test", "echo", "regexp",
	"serial", "terminal", "sleep", "reboot", "halt", "minicmd", "ls", "cat",
}

// Offsets in GRUB's boot sector and in the first sector of its core image
// (GRUB, include/grub/i386/pc/boot.h and grub-core/boot/i386/pc/diskboot.S).
const (
	bootCodeSize       = 440  // the rest of LBA 0 is the disk signature and the partition table
	bootKernelSector   = 0x5c // u64: LBA of the core image
	bootDrive          = 0x64 // 0xff: the disk the firmware started from
	bootDriveCheck     = 0x66 // a jump that works around old BIOSes which pass a wrong disk; two NOPs switch it off
	coreBlocklistStart = 500  // u64: LBA of the core image's second sector
)

// EmbedBIOS returns what makes a disk start GRUB under BIOS: the boot code for
// the first 440 bytes of LBA 0, and the core image for the BIOS boot partition
// that begins at LBA coreLBA. It is what grub-bios-setup does to a disk, done
// to bytes, so that no block device is needed. boot is GRUB's boot.img, core is
// what grub-mkimage made for i386-pc.
func EmbedBIOS(boot, core []byte, coreLBA uint64) (mbr, embedded []byte, err error) {
	if len(boot) != image.SectorSize || boot[510] != 0x55 || boot[511] != 0xaa {
		return nil, nil, fmt.Errorf("embedding GRUB: boot.img is no boot sector (%d bytes)", len(boot))
	}
	if len(core) <= image.SectorSize {
		return nil, nil, fmt.Errorf("embedding GRUB: the core image has only %d bytes", len(core))
	}
	if len(core) > image.BIOSSize {
		return nil, nil, fmt.Errorf("embedding GRUB: the core image has %d bytes, its partition %d", len(core), image.BIOSSize)
	}
	// diskboot.S ends with one entry of a block list: LBA, length in sectors,
	// load segment. grub-mkimage has filled in the last two.
	sectors := binary.LittleEndian.Uint16(core[coreBlocklistStart+8:])
	if want := (len(core) - 1) / image.SectorSize; int(sectors) != want {
		return nil, nil, fmt.Errorf("embedding GRUB: the core image says it has %d more sectors, it has %d", sectors, want)
	}
	mbr = append([]byte(nil), boot[:bootCodeSize]...)
	binary.LittleEndian.PutUint64(mbr[bootKernelSector:], coreLBA)
	mbr[bootDrive] = 0xff
	mbr[bootDriveCheck], mbr[bootDriveCheck+1] = 0x90, 0x90

	embedded = append([]byte(nil), core...)
	binary.LittleEndian.PutUint64(embedded[coreBlocklistStart:], coreLBA+1)
	return mbr, embedded, nil
}

package boot

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"switchroom/appliance/boot/blockdev"
	"switchroom/image"
	"switchroom/image/disk"
)

// espName names the partition with the boot loader, espDir is where it is
// mounted while it is needed.
const (
	espName = "esp"
	espDir  = "/efi"
)

// ErrNoSlot says that the box was not started from a slot of a disk.
var ErrNoSlot = errors.New("the box was not started from a slot")

// MarkGood tells the boot loader that the slot the box started from is good:
// it is not tried a limited number of times any more. It is called once the
// box is healthy, and touches the disk only if the slot was not good before.
func (s *System) MarkGood() error {
	slot := image.Slot(s.State().Slot)
	if !slot.Valid() {
		return ErrNoSlot
	}
	s.esp.Lock()
	defer s.esp.Unlock()
	return s.withESP(func(writable func() error) error {
		path := espDir + image.GrubEnvPath
		env, err := disk.ReadGrubenvFile(path)
		if err != nil {
			return err
		}
		if env.Slot(slot).Good {
			return nil
		}
		if err := writable(); err != nil {
			return err
		}
		if err := disk.UpdateGrubenvFile(path, func(e *disk.Grubenv) error {
			e.MarkGood(slot)
			return nil
		}); err != nil {
			return err
		}
		s.log.Info("this firmware is good", "slot", slot)
		return nil
	})
}

// withESP mounts the boot loader's partition for as long as do runs:
// read-only, until do asks for more.
func (s *System) withESP(do func(writable func() error) error) (err error) {
	all, err := blockdev.Partitions("/sys")
	if err != nil {
		return err
	}
	esp, ok := blockdev.OnDisk(all, s.State().Disk, espName)
	if !ok {
		return fmt.Errorf("%w: %s has no partition named %q", ErrNoSlot, s.State().Disk, espName)
	}
	for _, driver := range []string{"vfat", "nls_cp437", "nls_ascii"} {
		if err := s.load(driver); err != nil {
			return err
		}
	}
	const (
		flags   = noSuid | noDev | noExec | unix.MS_NOATIME | unix.MS_SYNCHRONOUS
		options = "umask=0077,codepage=437,iocharset=ascii"
	)
	if err := unix.Mount("/dev/"+esp.Device, espDir, "vfat", flags|unix.MS_RDONLY, options); err != nil {
		return fmt.Errorf("mounting the boot loader's partition %s: %w", esp.Device, err)
	}
	defer func() {
		if e := unix.Unmount(espDir, 0); err == nil && e != nil {
			err = fmt.Errorf("unmounting the boot loader's partition %s: %w", esp.Device, e)
		}
	}()
	return do(func() error {
		if err := unix.Mount("", espDir, "", flags|unix.MS_REMOUNT, options); err != nil {
			return fmt.Errorf("making the boot loader's partition %s writable: %w", esp.Device, err)
		}
		return nil
	})
}

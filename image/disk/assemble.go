package disk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"switchroom/image"
)

// Slots says which squashfs file goes into which slot.
type Slots map[image.Slot]string

// Assemble writes the raw image to path: the boot code, the ESP, the slots and
// the partition table. What is zero stays a hole, so the file takes little
// more room than its content. The file appears under its name only when it is
// whole.
func Assemble(ctx context.Context, path string, boot Boot, slots Slots) (err error) {
	tmp := path + ".part"
	f, err := os.Create(tmp)
	if err != nil {
		return fmt.Errorf("writing the image: %w", err)
	}
	defer func() {
		if f != nil {
			err = errors.Join(err, f.Close(), os.Remove(tmp))
		}
	}()
	if err := f.Truncate(ImageSize()); err != nil {
		return fmt.Errorf("writing the image: %w", err)
	}
	if _, err := f.WriteAt(boot.MBR, 0); err != nil {
		return fmt.Errorf("writing the image's boot code: %w", err)
	}
	parts := Partitions()
	bios, _ := FindPartition(parts, image.PartBIOS)
	if _, err := f.WriteAt(boot.Core, bios.Start); err != nil {
		return fmt.Errorf("writing the image's GRUB core: %w", err)
	}
	contents := map[string]string{image.PartESP: boot.ESP}
	for slot, file := range slots {
		contents[slot.Partition()] = file
	}
	for name, file := range contents {
		part, ok := FindPartition(parts, name)
		if !ok {
			return fmt.Errorf("writing the image: no partition %s", name)
		}
		if err := copyInto(ctx, f, part, file); err != nil {
			return fmt.Errorf("writing the image's partition %s: %w", name, err)
		}
	}
	if err := WriteTable(f, ImageSize(), parts); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		f = nil
		return fmt.Errorf("writing the image: %w", err)
	}
	f = nil
	if err := os.Rename(tmp, path); err != nil {
		return fmt.Errorf("writing the image: %w", err)
	}
	return nil
}

// copyInto copies a file to a partition's place, leaving out blocks of zeros.
func copyInto(ctx context.Context, dst io.WriterAt, part Partition, file string) error {
	src, err := os.Open(file)
	if err != nil {
		return err
	}
	defer src.Close()
	buf := make([]byte, 64<<10)
	zero := make([]byte, len(buf))
	for off := int64(0); ; {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := io.ReadFull(src, buf)
		if n > 0 {
			if off+int64(n) > part.Size {
				return fmt.Errorf("%s is larger than the partition's %d bytes", file, part.Size)
			}
			if !bytes.Equal(buf[:n], zero[:n]) {
				if _, err := dst.WriteAt(buf[:n], part.Start+off); err != nil {
					return err
				}
			}
			off += int64(n)
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

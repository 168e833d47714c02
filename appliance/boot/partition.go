package boot

import (
	"crypto/rand"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"

	"switchroom/appliance/boot/blockdev"
	"switchroom/appliance/boot/gpt"
)

// dataName names the data partition in the table, and its file system.
const dataName = "data"

// minData is the smallest data partition worth having, and the least a
// partition is grown by.
const minData = 64 << 20

// drive is an open disk.
type drive struct {
	*os.File
	size  int64
	block int // logical, bytes
}

func openDisk(path string) (*drive, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("opening the disk: %w", err)
	}
	d := &drive{File: f, block: 512}
	st, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("opening the disk: %w", err)
	}
	d.size = st.Size()
	if st.Mode()&os.ModeDevice != 0 {
		if err := d.ask(); err != nil {
			f.Close()
			return nil, fmt.Errorf("asking %s for its size: %w", path, err)
		}
	}
	return d, nil
}

func (d *drive) ask() error {
	var size uint64
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, d.Fd(), unix.BLKGETSIZE64, uintptr(unsafe.Pointer(&size))); errno != 0 {
		return errno
	}
	block, err := unix.IoctlGetInt(int(d.Fd()), unix.BLKSSZGET)
	d.size, d.block = int64(size), block
	return err
}

// tellKernel makes a partition known to the kernel while others of the disk
// are in use, which re-reading the whole table would refuse.
func (d *drive) tellKernel(op int32, p gpt.Partition) error {
	part := unix.BlkpgPartition{
		Start:  int64(p.First) * int64(d.block),
		Length: int64(p.Last-p.First+1) * int64(d.block),
		Pno:    int32(p.Number),
	}
	arg := unix.BlkpgIoctlArg{Op: op, Datalen: int32(unsafe.Sizeof(part)), Data: (*byte)(unsafe.Pointer(&part))}
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, d.Fd(), unix.BLKPG, uintptr(unsafe.Pointer(&arg))); errno != 0 {
		return fmt.Errorf("telling the kernel of partition %d: %w", p.Number, errno)
	}
	return nil
}

// dataPlan is what the disk's table says of the data partition, and what is
// to be done about it.
type dataPlan struct {
	table     *gpt.Table
	partition gpt.Partition
	created   bool // it is not in the table on the disk yet
	grown     bool // it is larger than the table on the disk says
}

// planData reads the table of a disk and finds the data partition in it, or
// the place for one. Nothing is written.
func planData(d *drive) (*dataPlan, error) {
	t, err := gpt.Read(d, d.size, d.block)
	if err != nil {
		return nil, err
	}
	p, ok := t.Find(dataName)
	if ok {
		p, grown, err := t.Grow(p.Number, minData)
		return &dataPlan{table: t, partition: p, grown: grown}, err
	}
	var id gpt.GUID
	if _, err := rand.Read(id[:]); err != nil {
		return nil, fmt.Errorf("making an identity for a partition: %w", err)
	}
	// Version 4, variant 1, in GPT's byte order.
	id[7] = id[7]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	p, err = t.Append(dataName, gpt.LinuxData, id, minData)
	return &dataPlan{table: t, partition: p, created: true}, err
}

// nodeOf gives the device of a disk's numbered partition.
func nodeOf(sysfs, diskName string, number int) (string, error) {
	all, err := blockdev.Partitions(sysfs)
	if err != nil {
		return "", err
	}
	for _, p := range all {
		if p.Disk == diskName && p.Number == number {
			return p.Device, nil
		}
	}
	return "", fmt.Errorf("the kernel shows no partition %d of %s", number, diskName)
}

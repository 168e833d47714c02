package disk

import (
	"crypto/sha1"
	"fmt"
	"slices"

	"github.com/diskfs/go-diskfs/backend"
	"github.com/diskfs/go-diskfs/partition/gpt"
	"github.com/google/uuid"

	"switchroom/image"
)

// gptTail is what a GPT keeps at the end of a disk: 32 sectors of entries and
// the backup header.
const gptTail = 33 * image.SectorSize

// Partition is one partition of the table, in bytes.
type Partition struct {
	Name   string
	Number int // from 1
	Type   string
	Start  int64
	Size   int64
}

// End returns the first byte after the partition.
func (p Partition) End() int64 { return p.Start + p.Size }

// Partitions returns the image's partitions in their order. The data partition
// is not among them: the box adds it on its first boot.
func Partitions() []Partition {
	esp := int64(image.BIOSStart + image.BIOSSize)
	slotA := esp + image.ESPSize
	slotB := slotA + image.SlotSize
	return []Partition{
		{image.PartBIOS, image.NumberBIOS, image.TypeBIOSBoot, image.BIOSStart, image.BIOSSize},
		{image.PartESP, image.NumberESP, image.TypeESP, esp, image.ESPSize},
		{image.PartSlotA, image.NumberSlotA, image.TypeLinux, slotA, image.SlotSize},
		{image.PartSlotB, image.NumberSlotB, image.TypeLinux, slotB, image.SlotSize},
	}
}

// ImageSize returns the size of the raw image in bytes: the partitions and,
// aligned, the table's copy at the end.
func ImageSize() int64 {
	parts := Partitions()
	return parts[len(parts)-1].End() + image.Alignment
}

// MinDiskSize returns the size of the smallest disk worth flashing, in bytes.
func MinDiskSize() int64 { return ImageSize() + image.MinDataSize }

// FindPartition returns the partition of that name.
func FindPartition(parts []Partition, name string) (Partition, bool) {
	i := slices.IndexFunc(parts, func(p Partition) bool { return p.Name == name })
	if i < 0 {
		return Partition{}, false
	}
	return parts[i], true
}

// PartitionGUID returns the GUID of the partition of that name, the disk's own
// for "". GUIDs are made from the names, so that two builds are identical; two
// flashed disks in one machine therefore have the same ones, as they have the
// same names, and such a machine must start from one of them only.
func PartitionGUID(name string) string {
	sum := sha1.Sum([]byte("switchroom disk " + name))
	id, err := uuid.FromBytes(sum[:16])
	if err != nil {
		panic(err) // sixteen bytes are always a UUID
	}
	id[6] = id[6]&0x0f | 0x50 // version 5: made from a name
	id[8] = id[8]&0x3f | 0x80
	return id.String()
}

// WriteTable writes the partition table and the protective MBR's entry to a
// disk or image of the given size in bytes. Both copies of the table are
// written and synced, the one at the end first, so that a crash leaves at
// least one whole table. Boot code in LBA 0 stays.
func WriteTable(f backend.WritableFile, size int64, parts []Partition) error {
	if size%image.SectorSize != 0 {
		return fmt.Errorf("writing the partition table: the size %d is no multiple of %d", size, image.SectorSize)
	}
	t := &gpt.Table{
		LogicalSectorSize:  image.SectorSize,
		PhysicalSectorSize: image.SectorSize,
		GUID:               PartitionGUID(""),
		ProtectiveMBR:      true,
	}
	next := int64(34 * image.SectorSize)
	for _, p := range parts {
		if p.Start < next || p.Size <= 0 || p.End() > size-gptTail || p.Start%image.SectorSize != 0 || p.Size%image.SectorSize != 0 {
			return fmt.Errorf("writing the partition table: %s can't lie at %d+%d on a disk of %d bytes", p.Name, p.Start, p.Size, size)
		}
		next = p.End()
		t.Partitions = append(t.Partitions, &gpt.Partition{
			Index: p.Number,
			Start: uint64(p.Start / image.SectorSize),
			End:   uint64(p.End()/image.SectorSize) - 1,
			Size:  uint64(p.Size),
			Type:  gpt.Type(p.Type),
			Name:  p.Name,
			GUID:  PartitionGUID(p.Name),
		})
	}
	if err := t.Write(f, size); err != nil {
		return fmt.Errorf("writing the partition table: %w", err)
	}
	return nil
}

// ReadTable reads the partition table of a disk or image, from the copy at the
// end if the first is damaged.
func ReadTable(f backend.File) ([]Partition, error) {
	t, err := gpt.Read(f, image.SectorSize, image.SectorSize)
	if err != nil {
		return nil, fmt.Errorf("reading the partition table: %w", err)
	}
	var parts []Partition
	for _, p := range t.Partitions {
		parts = append(parts, Partition{
			Name:   p.Name,
			Number: p.Index,
			Type:   string(p.Type),
			Start:  int64(p.Start) * image.SectorSize,
			Size:   int64(p.End-p.Start+1) * image.SectorSize,
		})
	}
	slices.SortFunc(parts, func(a, b Partition) int { return a.Number - b.Number })
	return parts, nil
}

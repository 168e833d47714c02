// Package gpt reads a GUID partition table and adds or grows one partition in
// it, on a disk that may be larger than the image that was written to it.
//
// It follows the UEFI specification 2.10, chapter 5.3. It is much less than a
// partitioning tool on purpose: it works on the disk the machine runs from.
// An entry it was not asked to change stays as it is to the last byte, the
// backup is written before the primary table, and nothing is written unless
// the table on the disk was whole.
package gpt

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"unicode/utf16"
)

// GUID is a GUID in the mixed byte order that GPT stores.
type GUID [16]byte

// LinuxData is the partition type "Linux filesystem data",
// 0FC63DAF-8483-4772-8E79-3D69D8477DE4.
var LinuxData = GUID{0xaf, 0x3d, 0xc6, 0x0f, 0x83, 0x84, 0x72, 0x47, 0x8e, 0x79, 0x3d, 0x69, 0xd8, 0x47, 0x7d, 0xe4}

// Partition is one entry. First and Last are logical blocks, both its own.
type Partition struct {
	Number      int // from 1
	Type, ID    GUID
	First, Last uint64
	Name        string
}

// Disk is what a table is kept on.
type Disk interface {
	io.ReaderAt
	io.WriterAt
	Sync() error
}

const (
	headerSize = 92
	entrySize  = 128
	nameOffset = 56
	nameLength = 36 // UTF-16 units
	maxEntries = 1024
	// Align is the alignment of new partitions, in bytes: what every disk of
	// today, and every tool, is content with.
	Align = 1 << 20
)

var signature = []byte("EFI PART")

// header is the fixed part of a header, in the order of the specification.
type header struct {
	Signature             [8]byte
	Revision, Size, CRC   uint32
	Reserved              uint32
	My, Alternate         uint64
	FirstUsable, LastUse  uint64
	ID                    GUID
	Entries               uint64
	EntryCount, EntrySize uint32
	EntriesCRC            uint32
}

// Table is a partition table in memory.
type Table struct {
	block   uint64 // bytes of a logical block
	blocks  uint64 // of the disk as it is now
	header  header
	entries []byte
	// Moved says that the backup does not lie at the disk's end: the disk is
	// larger than the image, and the table must be written once.
	Moved bool
}

// ErrNoTable says that neither of the two tables on the disk is whole.
var ErrNoTable = errors.New("no valid GUID partition table")

// Read reads the table of a disk of size bytes with logical blocks of the
// given length (512 or 4096 bytes). If the primary table is damaged, the
// backup at the disk's end counts.
func Read(d io.ReaderAt, size int64, block int) (*Table, error) {
	if block < 512 || block&(block-1) != 0 || size < int64(block)*68 {
		return nil, fmt.Errorf("reading a partition table: a disk of %d bytes in blocks of %d holds none", size, block)
	}
	t := &Table{block: uint64(block), blocks: uint64(size) / uint64(block)}
	primary := t.read(d, 1)
	if primary == nil {
		t.Moved = t.header.Alternate != t.blocks-1
		return t, nil
	}
	backup := t.read(d, t.blocks-1)
	if backup == nil {
		// Seen from the backup, the primary is the alternate; as a table in
		// memory it is the other way round.
		t.header.My, t.header.Alternate = 1, t.blocks-1
		t.header.Entries = 2
		t.Moved = true
		return t, nil
	}
	return nil, fmt.Errorf("%w: primary: %w; backup: %w", ErrNoTable, primary, backup)
}

func (t *Table) read(d io.ReaderAt, lba uint64) error {
	b := make([]byte, t.block)
	if _, err := d.ReadAt(b, int64(lba*t.block)); err != nil {
		return fmt.Errorf("reading the header in block %d: %w", lba, err)
	}
	var h header
	if err := binary.Read(bytes.NewReader(b), binary.LittleEndian, &h); err != nil {
		return err
	}
	switch {
	case !bytes.Equal(h.Signature[:], signature):
		return fmt.Errorf("block %d has no signature", lba)
	case h.Size < headerSize || uint64(h.Size) > t.block:
		return fmt.Errorf("header in block %d: size %d", lba, h.Size)
	case h.Size != headerSize || h.Revision != 0x10000 || h.EntrySize != entrySize:
		// Allowed, made by nobody, and not worth the risk of writing.
		return fmt.Errorf("header in block %d: revision %#x, size %d, entries of %d bytes", lba, h.Revision, h.Size, h.EntrySize)
	}
	clear(b[16:20])
	if crc32.ChecksumIEEE(b[:h.Size]) != h.CRC {
		return fmt.Errorf("header in block %d: wrong checksum", lba)
	}
	switch {
	case h.My != lba:
		return fmt.Errorf("header in block %d says it lies in block %d", lba, h.My)
	case h.EntryCount == 0 || h.EntryCount > maxEntries:
		return fmt.Errorf("header in block %d: %d entries", lba, h.EntryCount)
	case h.FirstUsable > h.LastUse || h.LastUse >= t.blocks:
		return fmt.Errorf("header in block %d: usable blocks %d to %d of %d", lba, h.FirstUsable, h.LastUse, t.blocks)
	}
	entries := make([]byte, int(h.EntryCount)*entrySize)
	if h.Entries >= t.blocks {
		return fmt.Errorf("header in block %d: entries in block %d of %d", lba, h.Entries, t.blocks)
	}
	if _, err := d.ReadAt(entries, int64(h.Entries*t.block)); err != nil {
		return fmt.Errorf("reading the entries in block %d: %w", h.Entries, err)
	}
	if crc32.ChecksumIEEE(entries) != h.EntriesCRC {
		return fmt.Errorf("entries in block %d: wrong checksum", h.Entries)
	}
	t.header, t.entries = h, entries
	return nil
}

// Partitions lists the partitions in the order of their numbers.
func (t *Table) Partitions() []Partition {
	var all []Partition
	for i := range int(t.header.EntryCount) {
		e := t.entry(i)
		var p Partition
		copy(p.Type[:], e)
		if p.Type == (GUID{}) {
			continue
		}
		copy(p.ID[:], e[16:])
		p.Number = i + 1
		p.First = binary.LittleEndian.Uint64(e[32:])
		p.Last = binary.LittleEndian.Uint64(e[40:])
		p.Name = decodeName(e[nameOffset:])
		all = append(all, p)
	}
	return all
}

// Find gives the first partition with the name.
func (t *Table) Find(name string) (Partition, bool) {
	all := t.Partitions()
	i := slices.IndexFunc(all, func(p Partition) bool { return p.Name == name })
	if i < 0 {
		return Partition{}, false
	}
	return all[i], true
}

func (t *Table) entry(i int) []byte { return t.entries[i*entrySize : (i+1)*entrySize] }

func decodeName(b []byte) string {
	var u []uint16
	for i := range nameLength {
		c := binary.LittleEndian.Uint16(b[2*i:])
		if c == 0 {
			break
		}
		u = append(u, c)
	}
	return string(utf16.Decode(u))
}

// entryBlocks is how many blocks the entries take.
func (t *Table) entryBlocks() uint64 {
	return (uint64(len(t.entries)) + t.block - 1) / t.block
}

// lastUsable is the last block a partition may have on the disk as it is now.
func (t *Table) lastUsable() uint64 { return t.blocks - 2 - t.entryBlocks() }

// ErrNoSpace says that the disk has no room for the partition.
var ErrNoSpace = errors.New("not enough free space on the disk")

// Append adds a partition after the last one, to the end of the disk. It
// fails with ErrNoSpace when less than min bytes are free there.
func (t *Table) Append(name string, typ, id GUID, min int64) (Partition, error) {
	u := utf16.Encode([]rune(name))
	if len(u) == 0 || len(u) > nameLength {
		return Partition{}, fmt.Errorf("adding partition %q: the name has %d characters, 1 to %d can be", name, len(u), nameLength)
	}
	if typ == (GUID{}) || id == (GUID{}) {
		return Partition{}, fmt.Errorf("adding partition %q: a type and an identity are needed", name)
	}
	free := -1
	next := t.header.FirstUsable
	for i := range int(t.header.EntryCount) {
		e := t.entry(i)
		if bytes.Equal(e[:16], make([]byte, 16)) {
			if free < 0 {
				free = i
			}
			continue
		}
		// After the last in number too, so that the order on the disk stays.
		free = -1
		next = max(next, binary.LittleEndian.Uint64(e[40:])+1)
	}
	if free < 0 {
		return Partition{}, fmt.Errorf("adding partition %q: all %d entries are taken", name, t.header.EntryCount)
	}
	first, last := t.span(next)
	if last < first || int64((last-first+1)*t.block) < min {
		return Partition{}, fmt.Errorf("adding partition %q: %w", name, ErrNoSpace)
	}
	e := t.entry(free)
	clear(e)
	copy(e, typ[:])
	copy(e[16:], id[:])
	binary.LittleEndian.PutUint64(e[32:], first)
	binary.LittleEndian.PutUint64(e[40:], last)
	for i, c := range u {
		binary.LittleEndian.PutUint16(e[nameOffset+2*i:], c)
	}
	return Partition{Number: free + 1, Type: typ, ID: id, First: first, Last: last, Name: name}, nil
}

// span gives the aligned blocks from next to the disk's end.
func (t *Table) span(next uint64) (first, last uint64) {
	align := max(Align/t.block, 1)
	first = (next + align - 1) / align * align
	end := (t.lastUsable() + 1) / align * align // one past
	if end == 0 {
		return first, 0
	}
	return first, end - 1
}

// Grow makes the numbered partition reach to the end of the disk, if no other
// lies behind it, and gives it as it is then. grown says whether it changed:
// less than min bytes more are not worth it.
func (t *Table) Grow(number int, min int64) (p Partition, grown bool, err error) {
	all := t.Partitions()
	i := slices.IndexFunc(all, func(p Partition) bool { return p.Number == number })
	if i < 0 {
		return Partition{}, false, fmt.Errorf("growing partition %d: there is none", number)
	}
	p = all[i]
	for _, o := range all {
		if o.First > p.Last {
			return p, false, nil
		}
	}
	_, last := t.span(p.Last + 1)
	if last <= p.Last || int64((last-p.Last)*t.block) < min {
		return p, false, nil
	}
	p.Last = last
	binary.LittleEndian.PutUint64(t.entry(number - 1)[40:], last)
	return p, true, nil
}

// Write writes the table: the backup at the disk's present end, then the
// primary. A power cut in between leaves one of the two whole.
func (t *Table) Write(d Disk) error {
	h := t.header
	h.LastUse = t.lastUsable()
	h.EntriesCRC = crc32.ChecksumIEEE(t.entries)
	for _, p := range t.Partitions() {
		if p.First < h.FirstUsable || p.Last > h.LastUse || p.First > p.Last {
			return fmt.Errorf("writing the partition table: partition %d (%s) lies in blocks %d to %d, usable are %d to %d",
				p.Number, p.Name, p.First, p.Last, h.FirstUsable, h.LastUse)
		}
	}
	backup := h
	backup.My, backup.Alternate = t.blocks-1, 1
	backup.Entries = t.blocks - 1 - t.entryBlocks()
	primary := h
	primary.My, primary.Alternate = 1, t.blocks-1
	if primary.Entries+t.entryBlocks() > h.FirstUsable {
		return fmt.Errorf("writing the partition table: its entries in block %d reach into the usable blocks from %d", primary.Entries, h.FirstUsable)
	}
	for _, w := range []*header{&backup, &primary} {
		if _, err := d.WriteAt(t.entries, int64(w.Entries*t.block)); err != nil {
			return fmt.Errorf("writing the partition table: %w", err)
		}
		// The header makes the entries count: they must be there before it.
		if err := d.Sync(); err != nil {
			return fmt.Errorf("writing the partition table: %w", err)
		}
		if _, err := d.WriteAt(t.encode(w), int64(w.My*t.block)); err != nil {
			return fmt.Errorf("writing the partition table: %w", err)
		}
		if err := d.Sync(); err != nil {
			return fmt.Errorf("writing the partition table: %w", err)
		}
	}
	t.header, t.Moved = primary, false
	return nil
}

// encode gives a header's whole block, with its checksum.
func (t *Table) encode(h *header) []byte {
	h.CRC = 0
	b := make([]byte, t.block)
	var w bytes.Buffer
	_ = binary.Write(&w, binary.LittleEndian, h) // a fixed-size struct into memory
	copy(b, w.Bytes())
	h.CRC = crc32.ChecksumIEEE(b[:headerSize])
	binary.LittleEndian.PutUint32(b[16:], h.CRC)
	return b
}

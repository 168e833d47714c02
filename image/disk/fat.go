package disk

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"switchroom/image"
)

// fat finds files in a FAT32 file system without mounting it, to change a
// grubenv inside an image. It knows short names only, which is what
// mtools gives every name we use, and no writing of anything but file content.
// (Microsoft, "FAT32 File System Specification" 1.03.)
type fat struct {
	r        io.ReaderAt
	off      int64 // of the file system in r
	cluster  int64 // bytes in a cluster
	fatStart int64
	data     int64 // of cluster 2
	root     uint32
	clusters uint32
}

func openFAT(r io.ReaderAt, off int64) (*fat, error) {
	b := make([]byte, 512)
	if _, err := r.ReadAt(b, off); err != nil {
		return nil, fmt.Errorf("reading the FAT boot sector: %w", err)
	}
	le := binary.LittleEndian
	sector, perCluster := int64(le.Uint16(b[11:])), int64(b[13])
	reserved, copies, size := int64(le.Uint16(b[14:])), int64(b[16]), int64(le.Uint32(b[36:]))
	if b[510] != 0x55 || b[511] != 0xaa || sector != image.SectorSize || perCluster == 0 || copies == 0 || size == 0 || le.Uint16(b[22:]) != 0 {
		return nil, errors.New("no FAT32 file system")
	}
	return &fat{
		r: r, off: off,
		cluster:  sector * perCluster,
		fatStart: off + reserved*sector,
		data:     off + (reserved+copies*size)*sector,
		root:     le.Uint32(b[44:]),
		clusters: uint32(size * sector / 4),
	}, nil
}

// chain returns the offsets in r of a file's or folder's clusters.
func (f *fat) chain(first uint32) ([]int64, error) {
	var offs []int64
	for c := first; c < 0x0ffffff8; {
		if c < 2 || c >= f.clusters || len(offs) > int(f.clusters) {
			return nil, fmt.Errorf("a chain of clusters leads to %d", c)
		}
		offs = append(offs, f.data+int64(c-2)*f.cluster)
		var e [4]byte
		if _, err := f.r.ReadAt(e[:], f.fatStart+int64(c)*4); err != nil {
			return nil, fmt.Errorf("reading the FAT: %w", err)
		}
		c = binary.LittleEndian.Uint32(e[:]) & 0x0fffffff
	}
	return offs, nil
}

// find returns the clusters' offsets and the size of the file at a path.
func (f *fat) find(path string) (clusters []int64, size int64, err error) {
	at := f.root
	parts := strings.Split(strings.Trim(path, "/"), "/")
	for i, name := range parts {
		dir, err := f.chain(at)
		if err != nil {
			return nil, 0, err
		}
		entry, err := f.entry(dir, name)
		if err != nil {
			return nil, 0, err
		}
		if entry == nil {
			return nil, 0, fmt.Errorf("%s: %w", path, os.ErrNotExist)
		}
		isDir := entry[11]&0x10 != 0
		if last := i == len(parts)-1; isDir == last {
			return nil, 0, fmt.Errorf("%s: %w", path, os.ErrNotExist)
		}
		at = uint32(binary.LittleEndian.Uint16(entry[20:]))<<16 | uint32(binary.LittleEndian.Uint16(entry[26:]))
		size = int64(binary.LittleEndian.Uint32(entry[28:]))
	}
	clusters, err = f.chain(at)
	return clusters, size, err
}

// entry returns the 32 bytes of a name in a folder, nil if it isn't there.
func (f *fat) entry(dir []int64, name string) ([]byte, error) {
	base, ext, _ := strings.Cut(strings.ToUpper(name), ".")
	want := fmt.Sprintf("%-8s%-3s", base, ext)
	buf := make([]byte, f.cluster)
	for _, off := range dir {
		if _, err := f.r.ReadAt(buf, off); err != nil {
			return nil, fmt.Errorf("reading a folder: %w", err)
		}
		for e := buf; len(e) >= 32; e = e[32:] {
			switch {
			case e[0] == 0:
				return nil, nil
			case e[0] == 0xe5, e[11]&0x08 != 0: // deleted; label or long name
			case string(e[:11]) == want:
				return append([]byte(nil), e[:32]...), nil
			}
		}
	}
	return nil, nil
}

// grubenvAt returns the offset of the environment block in a disk or image.
func grubenvAt(r interface {
	io.ReaderAt
	io.Seeker
}, parts []Partition) (int64, error) {
	esp, ok := FindPartition(parts, image.PartESP)
	if !ok {
		return 0, fmt.Errorf("no partition %s", image.PartESP)
	}
	fs, err := openFAT(r, esp.Start)
	if err != nil {
		return 0, fmt.Errorf("partition %s: %w", image.PartESP, err)
	}
	clusters, size, err := fs.find(image.GrubEnvPath)
	if err != nil {
		return 0, fmt.Errorf("partition %s: %w", image.PartESP, err)
	}
	if size != GrubenvSize || len(clusters) == 0 {
		return 0, fmt.Errorf("%s has %d bytes; want %d", image.GrubEnvPath, size, GrubenvSize)
	}
	for i, c := range clusters {
		if c != clusters[0]+int64(i)*fs.cluster {
			return 0, fmt.Errorf("%s is in pieces", image.GrubEnvPath)
		}
	}
	return clusters[0], nil
}

// ReadGrubenv reads the environment block inside an image file or on a disk
// whose ESP isn't mounted.
func ReadGrubenv(imagePath string) (*Grubenv, error) {
	var found *Grubenv
	err := inImage(imagePath, os.O_RDONLY, func(f *os.File, off int64) error {
		b := make([]byte, GrubenvSize)
		if _, err := f.ReadAt(b, off); err != nil {
			return fmt.Errorf("reading the block: %w", err)
		}
		var err error
		found, err = ParseGrubenv(b)
		return err
	})
	return found, err
}

// UpdateGrubenv changes the environment block inside an image file, or on a
// disk whose ESP isn't mounted: to start the other slot, or with more on the
// kernel's command line. The running box uses [UpdateGrubenvFile].
func UpdateGrubenv(imagePath string, change func(*Grubenv) error) error {
	return inImage(imagePath, os.O_RDWR|os.O_SYNC, func(f *os.File, off int64) error {
		return updateGrubenvAt(f, off, change)
	})
}

func inImage(path string, flag int, do func(*os.File, int64) error) (err error) {
	f, err := os.OpenFile(path, flag, 0)
	if err != nil {
		return fmt.Errorf("opening the image: %w", err)
	}
	defer func() {
		if cerr := f.Close(); err == nil && cerr != nil {
			err = fmt.Errorf("closing the image: %w", cerr)
		}
	}()
	parts, err := ReadTable(f)
	if err != nil {
		return err
	}
	off, err := grubenvAt(f, parts)
	if err != nil {
		return fmt.Errorf("finding the GRUB environment in %s: %w", path, err)
	}
	if err := do(f, off); err != nil {
		return fmt.Errorf("the GRUB environment in %s: %w", path, err)
	}
	return nil
}

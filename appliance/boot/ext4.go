package boot

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	mke2fs = "/usr/sbin/mke2fs"
	e2fsck = "/usr/sbin/e2fsck"
)

// Exit codes of e2fsck(8), which are added together.
const (
	fsckCorrected = 1
	fsckReboot    = 2 // only for a mounted file system: like corrected
)

// makeExt4 makes an empty file system. What mke2fs takes from its
// configuration file elsewhere is said here, so that none is needed: an
// appliance's partition is never small enough for small blocks.
func makeExt4(ctx context.Context, run Runner, device, label string) error {
	code, out, err := run(ctx, mke2fs, "-F", "-q", "-t", "ext4", "-b", "4096", "-I", "256", "-m", "1", "-L", label,
		"-O", "has_journal,extent,huge_file,flex_bg,metadata_csum,64bit,dir_nlink,extra_isize,dir_index,filetype,resize_inode,sparse_super,large_file,ext_attr",
		"-E", "lazy_itable_init=1,lazy_journal_init=1", device)
	if err != nil {
		return err
	}
	if code != 0 {
		return fmt.Errorf("making a file system on %s: mke2fs ended with %d: %s", device, code, lastLines(out))
	}
	return nil
}

// checkExt4 checks a file system that is not mounted, and repairs what can be
// repaired, without asking. repaired says that there was something; err that
// it is not whole still.
func checkExt4(ctx context.Context, run Runner, device string) (repaired bool, err error) {
	code, _, err := run(ctx, e2fsck, "-p", device)
	if err != nil {
		return false, err
	}
	switch {
	case code == 0:
		return false, nil
	case code&^(fsckCorrected|fsckReboot) == 0:
		return true, nil
	}
	// More than the safe repairs is needed. There is nobody to ask, and a box
	// with most of its data is better than one with none.
	var out []byte
	code, out, err = run(ctx, e2fsck, "-f", "-y", device)
	if err != nil {
		return false, err
	}
	if code&^(fsckCorrected|fsckReboot) != 0 {
		return false, fmt.Errorf("repairing %s: e2fsck ended with %d: %s", device, code, lastLines(out))
	}
	return true, nil
}

// lastLines gives the end of a program's output, on one line.
func lastLines(out []byte) string {
	lines := strings.FieldsFunc(string(bytes.TrimSpace(out)), func(r rune) bool { return r == '\n' || r == '\r' })
	return strings.Join(lines[max(len(lines)-3, 0):], " / ")
}

// superblock is what is read of an ext4 super block (Documentation/
// filesystems/ext4/super.rst).
type superblock struct {
	blocks    uint64 // of the file system
	blockSize uint64 // bytes
	label     string
}

const (
	superOffset = 1024
	superMagic  = 0xef53
	// incompat64 says that the number of blocks has an upper half.
	incompat64 = 0x80
)

// readSuper reads the super block, and whether there is one at all.
func readSuper(r io.ReaderAt) (superblock, bool, error) {
	b := make([]byte, 1024)
	if _, err := r.ReadAt(b, superOffset); err != nil {
		return superblock{}, false, fmt.Errorf("reading a file system's super block: %w", err)
	}
	le := binary.LittleEndian
	if le.Uint16(b[0x38:]) != superMagic {
		return superblock{}, false, nil
	}
	s := superblock{blocks: uint64(le.Uint32(b[0x4:])), label: unix.ByteSliceToString(b[0x78:0x88])}
	shift := le.Uint32(b[0x18:])
	if shift > 6 {
		return superblock{}, false, nil
	}
	s.blockSize = 1024 << shift
	if le.Uint32(b[0x60:])&incompat64 != 0 {
		s.blocks |= uint64(le.Uint32(b[0x150:])) << 32
	}
	return s, true, nil
}

// ext4ResizeFS is EXT4_IOC_RESIZE_FS, _IOW('f', 16, __u64), of
// include/uapi/linux/ext4.h.
const ext4ResizeFS = 0x40086610

// growExt4 makes a mounted file system fill its partition, of size bytes. The
// kernel does it while the file system is in use.
func growExt4(dir string, sb superblock, size int64) error {
	blocks := uint64(size) / sb.blockSize
	if blocks <= sb.blocks {
		return nil
	}
	f, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("growing the file system: %w", err)
	}
	defer f.Close()
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), ext4ResizeFS, uintptr(unsafe.Pointer(&blocks)))
	if errno != 0 {
		return fmt.Errorf("growing the file system on %s to %d blocks: %w", dir, blocks, errno)
	}
	return nil
}

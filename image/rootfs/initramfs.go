package rootfs

import (
	"fmt"
	"io"
	"io/fs"

	"github.com/klauspost/compress/zstd"
	"github.com/u-root/u-root/pkg/cpio"
)

// Initramfs returns the tree of the initramfs: init, the program that finds the
// slot, and the kernel modules it may need before it has.
func Initramfs(init string, k *Kernel) (*Tree, error) {
	t := new(Tree)
	names, err := ModuleList(ModulesEarly)
	if err != nil {
		return nil, err
	}
	modules, err := k.Select(names...)
	if err != nil {
		return nil, err
	}
	for _, d := range []string{"dev", "proc", "sys", "run", "newroot"} {
		if err := t.Dir(d, 0o755); err != nil {
			return nil, err
		}
	}
	for from, to := range merged {
		if err := t.Dir(to, 0o755); err != nil {
			return nil, err
		}
		if err := t.Symlink(from, to); err != nil {
			return nil, err
		}
	}
	// The kernel opens the console for init before init can mount /dev.
	if err := t.CharDevice("dev/console", 0o600, 5, 1); err != nil {
		return nil, err
	}
	if err := t.CharDevice("dev/null", 0o666, 1, 3); err != nil {
		return nil, err
	}
	if err := t.File("init", init, 0o755); err != nil {
		return nil, err
	}
	if err := k.AddModules(t, modules); err != nil {
		return nil, err
	}
	return t, nil
}

// WriteCPIO writes the tree as the kernel wants an initramfs: a cpio archive of
// the "newc" form (Linux, Documentation/driver-api/early-userspace/
// buffer-format.rst), compressed with zstd.
func (t *Tree) WriteCPIO(w io.Writer) error {
	z, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return fmt.Errorf("writing the initramfs: %w", err)
	}
	rw := cpio.Newc.Writer(z)
	for i, e := range t.Entries() {
		if err := writeCPIORecord(rw, e, uint64(i)+1); err != nil {
			return fmt.Errorf("writing the initramfs: %s: %w", e.Path, err)
		}
	}
	if err := cpio.WriteTrailer(rw); err != nil {
		return fmt.Errorf("writing the initramfs: %w", err)
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("writing the initramfs: %w", err)
	}
	return nil
}

func writeCPIORecord(rw cpio.RecordWriter, e Entry, ino uint64) error {
	info := cpio.Info{Ino: ino, Name: e.Path, Mode: uint64(e.Mode.Perm()), NLink: 1}
	content := []byte(nil)
	switch {
	case e.Mode.IsDir():
		info.Mode |= cpio.S_IFDIR
		info.NLink = 2
	case e.Mode&fs.ModeSymlink != 0:
		info.Mode |= cpio.S_IFLNK
		content = []byte(e.Target)
	case e.Mode&fs.ModeCharDevice != 0:
		info.Mode |= cpio.S_IFCHR
		info.Rmajor, info.Rminor = uint64(e.Major), uint64(e.Minor)
	case e.Mode.IsRegular():
		info.Mode |= cpio.S_IFREG
		r, _, err := e.open()
		if err != nil {
			return err
		}
		content, err = io.ReadAll(r)
		r.Close()
		if err != nil {
			return err
		}
	default:
		return fmt.Errorf("mode %v", e.Mode)
	}
	return rw.WriteRecord(cpio.StaticRecord(content, info))
}

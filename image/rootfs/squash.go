package rootfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"switchroom/image/disk"
)

// Compression is how a slot's squashfs is compressed.
type Compression struct {
	Name string   // as the manifest names it
	Args []string // for mksquashfs
}

// Compressions are those that GRUB can read.
func Compressions() []Compression {
	return []Compression{
		// Level 9 would save a third of a percent and take several times as long.
		{"gzip", []string{"-comp", "gzip", "-Xcompression-level", "6"}},
		{"lzo", []string{"-comp", "lzo", "-Xalgorithm", "lzo1x_999", "-Xcompression-level", "8"}},
		{"xz", []string{"-comp", "xz", "-Xbcj", "x86"}},
	}
}

// Squash packs a tree into a squashfs in the folder dir, with mksquashfs of the
// tools. block is the size of its blocks in bytes, a power of two from 4,096 to
// 1 MiB. The tree is streamed, nothing of it is staged.
func Squash(ctx context.Context, tools disk.Tools, t *Tree, dir, name string, c Compression, block int, built time.Time) error {
	pr, pw := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := t.WriteTar(pw, built)
		pw.CloseWithError(err)
		done <- err
	}()
	stamp := fmt.Sprint(built.Unix())
	args := append([]string{"-", name, "-tar", "-noappend", "-no-progress", "-quiet", "-all-root", "-no-xattrs", "-no-exports",
		"-mkfs-time", stamp, "-all-time", stamp, "-root-time", stamp, "-root-mode", "755", "-b", fmt.Sprint(block)}, c.Args...)
	err := tools.Run(ctx, disk.Command{Dir: dir, Stdin: pr, Name: "mksquashfs", Args: args})
	// mksquashfs may have ended early: the writer must not wait for a reader.
	pr.CloseWithError(errors.New("mksquashfs has ended"))
	werr := <-done
	if err != nil {
		return fmt.Errorf("packing the slot: %w", errors.Join(err, werr))
	}
	if werr != nil {
		return fmt.Errorf("packing the slot: %w", werr)
	}
	return nil
}

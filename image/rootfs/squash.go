package rootfs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
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
// 1 MiB. The tree is staged in dir for as long as that takes; owners and times
// are set by mksquashfs, so anybody can do it.
//
// What is under /boot is not compressed again: it hardly gets smaller, and GRUB
// would take most of a second to unpack it on a slow machine.
func Squash(ctx context.Context, tools disk.Tools, t *Tree, dir, name string, c Compression, block int, built time.Time) (err error) {
	const staged = "staged"
	stage := filepath.Join(dir, staged)
	defer func() { err = errors.Join(err, os.RemoveAll(stage)) }()
	if err := t.WriteDir(stage); err != nil {
		return fmt.Errorf("packing the slot: %w", err)
	}
	args := append([]string{staged, name}, SquashArgs(c, block, built)...)
	if err := tools.Run(ctx, disk.Command{Dir: dir, Name: "mksquashfs", Args: args}); err != nil {
		return fmt.Errorf("packing the slot: %w", err)
	}
	return nil
}

// SquashArgs returns how [Squash] calls mksquashfs: beside the tree, all that
// its result depends on.
func SquashArgs(c Compression, block int, built time.Time) []string {
	stamp := fmt.Sprint(built.Unix())
	return append([]string{"-noappend", "-no-progress", "-quiet", "-all-root", "-no-xattrs", "-no-exports",
		"-mkfs-time", stamp, "-all-time", stamp, "-root-mode", "755", "-b", fmt.Sprint(block),
		"-action", "uncompressed@subpathname(boot)"}, c.Args...)
}

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"switchroom/image/packages/progress"
)

// blockSize is how much is written and compared at once.
const blockSize = 4 << 20

// medium is the disk that is written: a block device, or a file in tests.
type medium interface {
	io.ReaderAt
	io.WriterAt
	Sync() error
}

// writeImage copies the image to the disk and waits until the disk has it.
func writeImage(ctx context.Context, dst medium, src io.ReaderAt, size int64, bars *progress.Printer) error {
	task := bars.Start("writing", progress.Bytes, size)
	buf := make([]byte, blockSize)
	for off := int64(0); off < size; off += blockSize {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("stopped after %s of %s; the disk can't be started from: %w", megabytes(off), megabytes(size), err)
		}
		n, err := readBlock(src, buf, off, size)
		if err != nil {
			return fmt.Errorf("reading the image: %w", err)
		}
		if _, err := dst.WriteAt(buf[:n], off); err != nil {
			return fmt.Errorf("writing to the disk at byte %d: %w", off, err)
		}
		// Without this the page cache takes it all, and the progress shown
		// would be that of the computer's memory.
		if err := dst.Sync(); err != nil {
			return fmt.Errorf("writing to the disk near byte %d: %w", off, err)
		}
		task.Add(int64(n))
	}
	task.Done()
	return nil
}

// compare reads the disk back.
func compare(ctx context.Context, dst medium, src io.ReaderAt, size int64, bars *progress.Printer) error {
	task := bars.Start("comparing", progress.Bytes, size)
	want, got := make([]byte, blockSize), make([]byte, blockSize)
	for off := int64(0); off < size; off += blockSize {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("stopped while comparing, after %s of %s: %w", megabytes(off), megabytes(size), err)
		}
		n, err := readBlock(src, want, off, size)
		if err != nil {
			return fmt.Errorf("reading the image: %w", err)
		}
		if _, err := readBlock(dst, got, off, size); err != nil {
			return fmt.Errorf("reading the disk back at byte %d: %w", off, err)
		}
		if !bytes.Equal(want[:n], got[:n]) {
			at := off
			for i := range n {
				if want[i] != got[i] {
					at += int64(i)
					break
				}
			}
			return fmt.Errorf("the disk gives back something else than was written, first at byte %d: it is faulty, or not of the size it claims; use another", at)
		}
		task.Add(int64(n))
	}
	task.Done()
	return nil
}

// readBlock fills buf from off, up to size.
func readBlock(r io.ReaderAt, buf []byte, off, size int64) (int, error) {
	n := int(min(int64(len(buf)), size-off))
	if m, err := r.ReadAt(buf[:n], off); m < n {
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return m, err
	}
	return n, nil
}

// forget drops what the kernel remembers of the disk, so that comparing reads
// the medium (BLKFLSBUF in linux/fs.h).
func forget(f *os.File) error {
	if err := unix.IoctlSetInt(int(f.Fd()), unix.BLKFLSBUF, 0); err != nil {
		return fmt.Errorf("emptying the disk's buffers before comparing: %w", err)
	}
	return nil
}

// rereadPartitions lets the host see the new partitions. If it can't, they
// show after the disk is plugged in again: no reason to fail.
func rereadPartitions(f *os.File) {
	_ = unix.IoctlSetInt(int(f.Fd()), unix.BLKRRPART, 0)
}

// Flash writes a firmware image to a disk and reads it back.
//
//	flash [-image FILE] /dev/sdX
//
// It refuses a disk that is mounted, in use by swap, LVM, RAID or encryption,
// that the host runs from, that is read-only or too small, and anything that
// is not a whole disk. It says what the disk is, asks once, and compares
// every byte after writing.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"switchroom/image"
	"switchroom/image/packages/progress"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdin, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "flash:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	flags := flag.NewFlagSet("flash", flag.ContinueOnError)
	flags.SetOutput(out)
	imageFile := flags.String("image", "", "the image to write (default: the newest build/*.img)")
	flags.Usage = func() {
		fmt.Fprintf(out, "usage: flash [-image FILE] /dev/sdX\n\nWrites a firmware image to a whole disk. Everything on the disk is lost.\n")
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() != 1 {
		flags.Usage()
		return errors.New("name one disk, such as DEV=/dev/sdb (lsblk lists them)")
	}
	if *imageFile == "" {
		var err error
		if *imageFile, err = image.Newest("build"); err != nil {
			return err
		}
	}
	src, err := os.Open(*imageFile)
	if err != nil {
		return fmt.Errorf("opening the image: %w", err)
	}
	defer src.Close()
	info, err := src.Stat()
	if err != nil {
		return fmt.Errorf("looking at the image: %w", err)
	}
	size := info.Size()
	if err := checkImage(src, size); err != nil {
		return fmt.Errorf("%s: %w", *imageFile, err)
	}

	disk, err := host{}.disk(flags.Arg(0))
	if err != nil {
		return err
	}
	if err := disk.usable(size + image.MinDataSize); err != nil {
		return err
	}
	fmt.Fprintf(out, "Image:  %s, %s\n", *imageFile, megabytes(size))
	fmt.Fprintf(out, "Disk:   %s\n", disk.describe())
	fmt.Fprintln(out, "\nEverything on this disk will be lost. The computer that starts from it must have")
	fmt.Fprintln(out, "Secure Boot switched off in its firmware set-up: the card's driver is not signed.")
	fmt.Fprintf(out, "\nType %s to write it, anything else to leave: ", disk.name)
	answer, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && err != io.EOF {
		return fmt.Errorf("reading the answer: %w", err)
	}
	if strings.TrimSpace(answer) != disk.name {
		return errors.New("nothing was written")
	}

	// O_EXCL: the kernel refuses a block device that something else has claimed meanwhile.
	dst, err := os.OpenFile(disk.path, os.O_RDWR|os.O_EXCL, 0)
	if err != nil {
		return fmt.Errorf("opening the disk: %w", err)
	}
	defer dst.Close()
	bars := progress.New(out)
	if err := writeImage(ctx, dst, src, size, bars); err != nil {
		return err
	}
	if err := forget(dst); err != nil {
		return err
	}
	if err := compare(ctx, dst, src, size, bars); err != nil {
		return err
	}
	rereadPartitions(dst)
	fmt.Fprintf(out, "%s is written and compared. Put it into the box and start it.\n", disk.path)
	return nil
}

// checkImage tells an image from some other file: it begins with a boot sector
// and a GUID partition table.
func checkImage(f io.ReaderAt, size int64) error {
	head := make([]byte, 2*image.SectorSize)
	if _, err := f.ReadAt(head, 0); err != nil {
		return fmt.Errorf("reading its first sectors: %w", err)
	}
	if head[510] != 0x55 || head[511] != 0xaa || string(head[512:520]) != "EFI PART" {
		return errors.New("this is not a disk image (no GUID partition table); give the raw .img, not the .zst")
	}
	if size%image.SectorSize != 0 {
		return fmt.Errorf("its size of %d bytes is not whole sectors: it was cut off", size)
	}
	return nil
}

func megabytes(n int64) string {
	if n >= 10e9 {
		return fmt.Sprintf("%.1f GB", float64(n)/1e9)
	}
	return fmt.Sprintf("%.0f MB", float64(n)/1e6)
}

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"

	"switchroom/image"
	"switchroom/image/disk"
	"switchroom/image/packages/progress"
)

// steps tells people what is being done, and how long it took.
type steps struct{ p *progress.Printer }

func (s *steps) do(what string, f func() error) error {
	start := time.Now()
	if err := f(); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	s.p.Printf("%-28s %6.1f s", what, time.Since(start).Seconds())
	return nil
}

// compress writes a file's zstd form. The encoder uses one thread: what it
// writes must not depend on how many there are.
func compress(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to + ".part")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(to+".part"))
		}
	}()
	z, err := zstd.NewWriter(out, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedDefault))
	if err != nil {
		return errors.Join(err, out.Close())
	}
	_, err = io.Copy(z, in)
	if err = errors.Join(err, z.Close(), out.Close()); err != nil {
		return err
	}
	fi, err := os.Stat(to + ".part")
	if err != nil {
		return err
	}
	if fi.Size() > image.MaxCompressed {
		return fmt.Errorf("the compressed image has %d bytes; at most %d may be", fi.Size(), image.MaxCompressed)
	}
	return os.Rename(to+".part", to)
}

// writeBeside writes what goes with the image: the manifest and the bill of
// materials.
func (b *builder) writeBeside(m *made) error {
	text, err := m.manifest.Encode()
	if err != nil {
		return err
	}
	base := strings.TrimSuffix(m.path, ".img")
	if err := os.WriteFile(base+".manifest.json", text, 0o644); err != nil {
		return err
	}
	if m.sbom == nil {
		return nil
	}
	return os.WriteFile(base+".spdx.json", m.sbom, 0o644)
}

// again packs a second image from the same parts, past the cache of packed
// pieces, and compares.
func (b *builder) again(ctx context.Context, first *made) error {
	return b.steps.do("packing again and comparing", func() error {
		dir, err := os.MkdirTemp(filepath.Dir(first.path), ".again-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		second := &made{path: filepath.Join(dir, "again.img"), parts: first.parts}
		fresh := *b
		fresh.anew = dir
		fresh.steps = &steps{p: progress.New(nil)}
		if err := fresh.pack(ctx, second); err != nil {
			return err
		}
		return compare(first, second)
	})
}

// compare fails, saying where, if two images differ.
func compare(first, second *made) error {
	if first.manifest.ImageSHA256 == second.manifest.ImageSHA256 {
		return nil
	}
	a, err := os.Open(first.path)
	if err != nil {
		return err
	}
	defer a.Close()
	b, err := os.Open(second.path)
	if err != nil {
		return err
	}
	defer b.Close()
	off, err := firstDifference(a, b)
	if err != nil {
		return err
	}
	return fmt.Errorf("two builds of the same commit differ, first at byte %d (%s)", off, placeOf(off))
}

// firstDifference returns the offset of the first byte in which two streams
// differ, -1 if they don't.
func firstDifference(a, b io.Reader) (int64, error) {
	x, y := make([]byte, 1<<20), make([]byte, 1<<20)
	for off := int64(0); ; {
		n, errA := io.ReadFull(a, x)
		m, errB := io.ReadFull(b, y)
		for i := range min(n, m) {
			if x[i] != y[i] {
				return off + int64(i), nil
			}
		}
		if n != m {
			return off + int64(min(n, m)), nil
		}
		off += int64(n)
		if errA != nil || errB != nil {
			if (errors.Is(errA, io.EOF) || errors.Is(errA, io.ErrUnexpectedEOF)) && (errors.Is(errB, io.EOF) || errors.Is(errB, io.ErrUnexpectedEOF)) {
				return -1, nil
			}
			return 0, errors.Join(errA, errB)
		}
	}
}

// report says what was made.
func (m *made) report(w io.Writer) error {
	var b bytes.Buffer
	slot := m.manifest.Slots[image.SlotA]
	fmt.Fprintf(&b, "\n%s\n", m.path)
	fmt.Fprintf(&b, "  slot        %5.1f MB (%s)\n", float64(slot.Size)/1e6, m.manifest.Compression)
	if m.zst != "" {
		fi, err := os.Stat(m.zst)
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "  compressed  %5.1f MB  %s\n", float64(fi.Size())/1e6, filepath.Base(m.zst))
	}
	fmt.Fprintf(&b, "  sha256      %s\n", m.manifest.ImageSHA256)
	fmt.Fprintf(&b, "  kernel %s, Asterisk %s, DAHDI %s, %s\n", m.manifest.Kernel, m.manifest.Asterisk, m.manifest.DAHDI, m.manifest.Go)
	if m.manifest.Unlocked {
		fmt.Fprintf(&b, "  UNLOCKED: packages were taken in other versions than the lock names. Not for release.\n")
	}
	_, err := w.Write(b.Bytes())
	return err
}

func slotContent(path string) (image.SlotContent, error) {
	fi, err := os.Stat(path)
	if err != nil {
		return image.SlotContent{}, err
	}
	sum, err := hashFile(path)
	return image.SlotContent{Size: fi.Size(), SHA256: sum}, err
}

func hashFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// placeOf says in which part of the disk an offset lies.
func placeOf(off int64) string {
	for _, p := range disk.Partitions() {
		if off >= p.Start && off < p.End() {
			return fmt.Sprintf("partition %s, byte %d of it", p.Name, off-p.Start)
		}
	}
	return "outside of the partitions"
}

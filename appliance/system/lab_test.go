//go:build vm

package system

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"switchroom/image"
	"switchroom/image/packages"
	"switchroom/image/qemu"
)

// laboratory is what all tests share: QEMU, and the image.
type laboratory struct {
	store *packages.Store
	lock  *packages.Lock
	host  *qemu.Host
	image string
	build string // the folder of the image, where the logs of failed tests go
}

// lab is set up once, before the first test.
var lab laboratory

func TestMain(m *testing.M) {
	if err := lab.setUp(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "the tests can't begin:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func (l *laboratory) setUp(ctx context.Context) error {
	var err error
	if l.build, err = filepath.Abs(filepath.Join("..", "..", "build")); err != nil {
		return err
	}
	if l.image, err = image.Newest(l.build); err != nil {
		return err
	}
	if l.lock, err = packages.Default(); err != nil {
		return err
	}
	l.store, err = packages.Open(packages.Config{Log: slog.New(slog.NewTextHandler(os.Stderr, nil)), Progress: os.Stderr})
	if err != nil {
		return err
	}
	if l.lock, err = l.store.Usable(ctx, l.lock, "root", "vm", "vmtest"); err != nil {
		return err
	}
	if l.host, err = qemu.NewHost(ctx, l.store, l.lock); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "image %s, %s", filepath.Base(l.image), l.host.Accel)
	if l.host.WhyTCG != "" {
		fmt.Fprintf(os.Stderr, " (no KVM: %s)", l.host.WhyTCG)
	}
	fmt.Fprintln(os.Stderr)
	return nil
}

// copyImage copies the image into a folder, for a test that changes it. Holes
// stay holes.
func (l *laboratory) copyImage(dir string) (string, error) {
	in, err := os.Open(l.image)
	if err != nil {
		return "", err
	}
	defer in.Close()
	path := filepath.Join(dir, "changed.img")
	out, err := os.Create(path)
	if err != nil {
		return "", err
	}
	defer out.Close()
	buf, zero := make([]byte, 1<<20), make([]byte, 1<<20)
	size := int64(0)
	for {
		n, err := io.ReadFull(in, buf)
		if n > 0 && string(buf[:n]) != string(zero[:n]) {
			if _, err := out.WriteAt(buf[:n], size); err != nil {
				return "", err
			}
		}
		size += int64(n)
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return path, out.Truncate(size)
		}
		if err != nil {
			return "", err
		}
	}
}

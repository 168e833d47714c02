package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"switchroom/image"
	"switchroom/image/packages/progress"
)

// fakeHost lays out sysfs and procfs for a disk sdb with a partition sdb1,
// next to sda, from which the host runs.
func fakeHost(t *testing.T, mountinfo, swaps string, change map[string]string) host {
	t.Helper()
	root := t.TempDir()
	files := map[string]string{
		"sys/devices/sdb/dev":                      "8:16",
		"sys/devices/sdb/size":                     "15523840", // 7.9 GB
		"sys/devices/sdb/ro":                       "0",
		"sys/devices/sdb/queue/logical_block_size": "512",
		"sys/devices/sdb/device/vendor":            "Acme    ",
		"sys/devices/sdb/device/model":             "Stick 8  ",
		"sys/devices/sdb/sdb1/partition":           "1",
		"sys/devices/sdb/sdb1/dev":                 "8:17",
		"proc/self/mountinfo":                      "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n" + mountinfo,
		"proc/swaps":                               "Filename Type Size Used Priority\n" + swaps,
	}
	for name, text := range change {
		files[name] = text
	}
	for name, text := range files {
		put(t, filepath.Join(root, name), text)
	}
	for number, dir := range map[string]string{"8:16": "sdb", "8:17": "sdb/sdb1"} {
		from := filepath.Join(root, "sys/dev/block", number)
		if err := os.MkdirAll(filepath.Dir(from), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(filepath.Join(root, "sys/devices", dir), from); err != nil {
			t.Fatal(err)
		}
	}
	numbers := map[string]string{"sdb": "8:16", "sdb1": "8:17", "sda1": "8:1"}
	return host{
		sys: filepath.Join(root, "sys"), proc: filepath.Join(root, "proc"),
		number: func(path string) (string, error) {
			if n, ok := numbers[filepath.Base(path)]; ok {
				return n, nil
			}
			return "", fmt.Errorf("%s is %w", path, errNotBlock)
		},
	}
}

// device is a stand-in for a node in /dev: only its name counts.
func device(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	put(t, path, "")
	return path
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestRefusals(t *testing.T) {
	const need = 1 << 30
	for name, tt := range map[string]struct {
		mountinfo, swaps string
		change           map[string]string
		device           string
		want             string
	}{
		"free":            {},
		"mounted":         {mountinfo: `30 22 8:17 / /media/My\040Stick rw - vfat /dev/sdb1 rw`, want: "sdb1 is mounted on /media/My Stick"},
		"runs from it":    {mountinfo: "30 22 8:17 / /boot/efi rw - vfat /dev/sdb1 rw", want: "this computer runs from it"},
		"btrfs":           {mountinfo: "30 22 0:44 /sub /home rw - btrfs /dev/sdb1 rw", want: "sdb1 is mounted on /home"},
		"whole disk":      {mountinfo: "30 22 8:16 / /mnt rw - ext4 /dev/sdb rw", want: "sdb is mounted on /mnt"},
		"swap":            {swaps: "/dev/sdb1 partition 1000 0 -2", want: "sdb1 is used for swapping"},
		"volume group":    {change: map[string]string{"sys/devices/sdb/sdb1/holders/dm-0/x": "", "sys/class/block/dm-0/dm/name": "vg-root"}, want: "sdb1 is part of dm-0 (vg-root)"},
		"read-only":       {change: map[string]string{"sys/devices/sdb/ro": "1"}, want: "read-only"},
		"no medium":       {change: map[string]string{"sys/devices/sdb/size": "0"}, want: "no medium"},
		"large sectors":   {change: map[string]string{"sys/devices/sdb/queue/logical_block_size": "4096"}, want: "sectors of 4096 bytes"},
		"too small":       {change: map[string]string{"sys/devices/sdb/size": "2097151"}, want: "too small: it has 1074 MB, the firmware and its data need 1074 MB"},
		"partition":       {device: "sdb1", want: "name the whole disk, /dev/sdb"},
		"not a disk":      {device: "text", want: "not a block device"},
		"something else":  {mountinfo: "30 22 8:33 / /mnt rw - ext4 /dev/sdc1 rw"},
		"garbled mounts":  {mountinfo: "x y\n- - - - - - -"},
		"exactly as much": {change: map[string]string{"sys/devices/sdb/size": "2097152"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := fakeHost(t, tt.mountinfo, tt.swaps, tt.change)
			dev := tt.device
			if dev == "" {
				dev = "sdb"
			}
			d, err := h.disk(device(t, dev))
			if err == nil {
				err = d.usable(need)
			}
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case tt.want != "" && err == nil:
				t.Errorf("accepted; want it refused with %q", tt.want)
			case err != nil && !strings.Contains(err.Error(), tt.want):
				t.Errorf("refused with %q; want %q", err, tt.want)
			case err == nil && !strings.HasSuffix(d.describe(), "Acme Stick 8"):
				t.Errorf("described as %q", d.describe())
			}
		})
	}
}

// faulty is a medium that gives back a changed byte, as a stick that claims
// more memory than it has.
type faulty struct {
	*os.File
	at int64
}

func (f faulty) ReadAt(p []byte, off int64) (int, error) {
	n, err := f.File.ReadAt(p, off)
	if f.at >= off && f.at < off+int64(n) {
		p[f.at-off] ^= 1
	}
	return n, err
}

func TestWriteAndCompare(t *testing.T) {
	const size = 2*blockSize + 5*image.SectorSize
	img := make([]byte, size)
	for i := range img {
		img[i] = byte(i * 7 >> 3)
	}
	path := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(path, bytes.Repeat([]byte{0xee}, size+1000), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	bars := progress.New(io.Discard)
	ctx := t.Context()
	src := bytes.NewReader(img)
	if err := writeImage(ctx, f, src, size, bars); err != nil {
		t.Fatal(err)
	}
	if err := compare(ctx, f, src, size, bars); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got[:size], img) || got[size] != 0xee {
		t.Error("the disk does not hold the image, or something behind it changed")
	}
	const bad = blockSize + 77
	if err := compare(ctx, faulty{f, bad}, src, size, bars); err == nil || !strings.Contains(err.Error(), fmt.Sprint("byte ", bad)) {
		t.Errorf("a changed byte %d: %v", bad, err)
	}
	if err := compare(ctx, f, src, size+2000, bars); err == nil {
		t.Error("an image longer than the disk compared well")
	}
	stopped, cancel := context.WithCancel(ctx)
	cancel()
	if err := writeImage(stopped, f, src, size, bars); !errors.Is(err, context.Canceled) {
		t.Errorf("writing after a stop: %v", err)
	}
}

func TestCheckImage(t *testing.T) {
	img := make([]byte, 4096)
	img[510], img[511] = 0x55, 0xaa
	copy(img[512:], "EFI PART")
	if err := checkImage(bytes.NewReader(img), 4096); err != nil {
		t.Errorf("a good image: %v", err)
	}
	if err := checkImage(bytes.NewReader(img), 4095); err == nil {
		t.Error("an image that was cut off was accepted")
	}
	if err := checkImage(bytes.NewReader(make([]byte, 4096)), 4096); err == nil {
		t.Error("zeros were accepted")
	}
	if err := checkImage(bytes.NewReader(nil), 0); err == nil {
		t.Error("nothing was accepted")
	}
}

package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/klauspost/compress/zstd"

	"switchroom/image"
	"switchroom/image/disk"
)

func TestFirstDifference(t *testing.T) {
	long := strings.Repeat("x", 3<<20)
	for name, c := range map[string]struct {
		a, b string
		want int64
	}{
		"equal":       {long, long, -1},
		"empty":       {"", "", -1},
		"a byte":      {long + "a", long + "b", 3 << 20},
		"far":         {long[:1<<20] + "y" + long, long[:1<<20] + "z" + long, 1 << 20},
		"shorter":     {long, long + "a", 3 << 20},
		"first empty": {"", "a", 0},
	} {
		got, err := firstDifference(strings.NewReader(c.a), strings.NewReader(c.b))
		if err != nil || got != c.want {
			t.Errorf("%s: %d, %v; want %d", name, got, err, c.want)
		}
	}
	if _, err := firstDifference(iotest.ErrReader(io.ErrClosedPipe), strings.NewReader("")); err == nil {
		t.Error("a read error passed as equality")
	}
}

func TestPlaceOf(t *testing.T) {
	slot := disk.Partitions()[2]
	if got, want := placeOf(slot.Start+7), "partition slot-a, byte 7 of it"; got != want {
		t.Errorf("placeOf = %q; want %q", got, want)
	}
	if got, want := placeOf(100), "outside of the partitions"; got != want {
		t.Errorf("placeOf = %q; want %q", got, want)
	}
}

func TestPruneKeepsTheNewest(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	for name, age := range map[string]time.Duration{"new": 0, "used": 30 * time.Minute, "old": 2 * time.Hour, "older": 3 * time.Hour} {
		p := filepath.Join(dir, name)
		if err := os.Mkdir(p, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(p, now.Add(-age), now.Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	left := func() string {
		es, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, e := range es {
			names = append(names, e.Name())
		}
		return strings.Join(names, " ")
	}
	if err := prune(dir, 3, now.Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	if got, want := left(), "new old used"; got != want {
		t.Errorf("left %q; want %q", got, want)
	}
	// Another build may still be reading what was used lately.
	if err := prune(dir, 1, now.Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	if got, want := left(), "new used"; got != want {
		t.Errorf("left %q; want %q", got, want)
	}
}

func TestCompress(t *testing.T) {
	dir := t.TempDir()
	raw := filepath.Join(dir, "x.img")
	content := append(make([]byte, 5<<20), "the end"...)
	if err := os.WriteFile(raw, content, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, to := range []string{"a.zst", "b.zst"} {
		if err := compress(raw, filepath.Join(dir, to)); err != nil {
			t.Fatal(err)
		}
	}
	a, err := os.ReadFile(filepath.Join(dir, "a.zst"))
	if err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "b.zst")); err != nil || !bytes.Equal(a, b) {
		t.Errorf("compressing twice gives different files (%v)", err)
	}
	z, err := zstd.NewReader(bytes.NewReader(a))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	if back, err := io.ReadAll(z); err != nil || !bytes.Equal(back, content) {
		t.Errorf("what was compressed does not come back (%v)", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "a.zst.part")); !os.IsNotExist(err) {
		t.Errorf("the unfinished file was left behind: %v", err)
	}
}

func TestCompareNamesThePlace(t *testing.T) {
	dir := t.TempDir()
	img := func(name string, at int64) *made {
		m := &made{path: filepath.Join(dir, name)}
		f, err := os.Create(m.path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := f.Truncate(disk.ImageSize()); err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt([]byte{1}, at); err != nil {
			t.Fatal(err)
		}
		m.manifest = image.Manifest{ImageSHA256: name}
		return m
	}
	esp := disk.Partitions()[1].Start
	err := compare(img("a", esp+5), img("b", esp+9))
	if err == nil || !strings.Contains(err.Error(), "partition esp, byte 5 of it") {
		t.Errorf("compare = %v; want it to name the place", err)
	}
}

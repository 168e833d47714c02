package boot

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/diskfs/go-diskfs"
	dgpt "github.com/diskfs/go-diskfs/partition/gpt"
)

const mib = 1 << 20

// diskFile is a disk with the image's partitions, as dd leaves it: larger
// than the image.
func diskFile(t *testing.T, size int64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk")
	d, err := diskfs.Create(path, 20*mib, diskfs.SectorSize512)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Partition(&dgpt.Table{LogicalSectorSize: 512, ProtectiveMBR: true, Partitions: []*dgpt.Partition{
		{Index: 1, Start: 2048, End: 4095, Type: dgpt.BIOSBoot, Name: "bios"},
		{Index: 2, Start: 4096, End: 20479, Type: dgpt.LinuxFilesystem, Name: "slot-a"},
	}}); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
	return path
}

func plan(t *testing.T, path string) (*drive, *dataPlan) {
	t.Helper()
	d, err := openDisk(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	p, err := planData(d)
	if err != nil {
		t.Fatal(err)
	}
	return d, p
}

func TestPlanData(t *testing.T) {
	path := diskFile(t, 200*mib)
	d, p := plan(t, path)
	if !p.created || p.grown || p.partition.Number != 3 || p.partition.First != 20480 || p.partition.Last != 199*2048-1 {
		t.Errorf("first boot: %+v; want a new partition behind the others, to the end", p)
	}
	// A power cut before the table was written: the same again.
	if _, again := plan(t, path); !again.created {
		t.Error("after a power cut the partition counts as made")
	}
	if err := p.table.Write(d); err != nil {
		t.Fatal(err)
	}
	if _, p := plan(t, path); p.created || p.grown || p.table.Moved {
		t.Errorf("second boot: %+v; want nothing to do", p)
	}
	if err := os.Truncate(path, 400*mib); err != nil {
		t.Fatal(err)
	}
	if _, p := plan(t, path); p.created || !p.grown || p.partition.Last != 399*2048-1 {
		t.Errorf("on a larger disk: %+v; want it grown", p)
	}

	small, err := openDisk(diskFile(t, 30*mib))
	if err != nil {
		t.Fatal(err)
	}
	defer small.Close()
	if _, err := planData(small); err == nil {
		t.Error("a data partition of a few MiB was planned")
	}
}

// TestExt4 uses the real mke2fs and e2fsck, which are on every Debian.
func TestExt4(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fs")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 300*mib); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, ok, err := readSuper(f); ok || err != nil {
		t.Errorf("an empty partition has a super block: %v, %v", ok, err)
	}
	if err := makeExt4(t.Context(), Exec, path, dataName); err != nil {
		t.Fatal(err)
	}
	sb, ok, err := readSuper(f)
	if want := (superblock{blocks: 76800, blockSize: 4096, label: "data"}); !ok || err != nil || sb != want {
		t.Errorf("super block %+v, %v, %v; want %+v", sb, ok, err, want)
	}
	if repaired, err := checkExt4(t.Context(), Exec, path); repaired || err != nil {
		t.Errorf("a new file system: repaired %v, %v", repaired, err)
	}

	// The primary super block is lost; e2fsck knows where the others are.
	if _, err := f.WriteAt(make([]byte, 4096), 0); err != nil {
		t.Fatal(err)
	}
	if repaired, err := checkExt4(t.Context(), Exec, path); !repaired || err != nil {
		t.Errorf("without its super block: repaired %v, %v", repaired, err)
	}
	if repaired, err := checkExt4(t.Context(), Exec, path); repaired || err != nil {
		t.Errorf("after the repair: repaired %v, %v", repaired, err)
	}
	// The bitmaps and the first inodes, that of the root among them.
	junk := make([]byte, 60*4096)
	for i := range junk {
		junk[i] = byte(i * 7)
	}
	if _, err := f.WriteAt(junk, 20*4096); err != nil {
		t.Fatal(err)
	}
	if repaired, err := checkExt4(t.Context(), Exec, path); !repaired || err != nil {
		t.Errorf("with its bitmaps lost: repaired %v, %v", repaired, err)
	}

	// Beyond repair: nothing is left.
	if err := f.Truncate(0); err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(300 * mib); err != nil {
		t.Fatal(err)
	}
	if _, err := checkExt4(t.Context(), Exec, path); err == nil {
		t.Error("an empty partition counts as whole")
	}
	if err := makeExt4(t.Context(), Exec, filepath.Join(t.TempDir(), "none"), "x"); err == nil {
		t.Error("a file system was made on nothing")
	}
}

package gpt

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/diskfs/go-diskfs"
	dgpt "github.com/diskfs/go-diskfs/partition/gpt"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

const mib = 1 << 20

// image writes a disk image with another program's code: the partitions the
// firmware's image has, all but data.
func image(t testing.TB, size int64) *os.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk.img")
	d, err := diskfs.Create(path, size, diskfs.SectorSize512)
	if err != nil {
		t.Fatal(err)
	}
	err = d.Partition(&dgpt.Table{LogicalSectorSize: 512, ProtectiveMBR: true, Partitions: []*dgpt.Partition{
		{Index: 1, Start: 2048, End: 4095, Type: dgpt.BIOSBoot, Name: "bios"},
		{Index: 2, Start: 4096, End: 8191, Type: dgpt.EFISystemPartition, Name: "esp"},
		{Index: 3, Start: 8192, End: 12287, Type: dgpt.LinuxFilesystem, Name: "slot-a"},
		{Index: 4, Start: 12288, End: 16383, Type: dgpt.LinuxFilesystem, Name: "slot-b"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// reread reads the table with the other program's code.
func reread(t testing.TB, f *os.File) *dgpt.Table {
	t.Helper()
	d, err := diskfs.Open(f.Name(), diskfs.WithOpenMode(diskfs.ReadOnly))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	pt, err := d.GetPartitionTable()
	if err != nil {
		t.Fatal(err)
	}
	return pt.(*dgpt.Table)
}

var id = GUID{1, 2, 3, 4, 5, 6, 7, 0x48, 0x89, 10, 11, 12, 13, 14, 15, 16}

func TestAppendOnALargerDisk(t *testing.T) {
	f := image(t, 10*mib)
	const size = 300 * mib
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	before := make([]byte, 4*entrySize)
	if _, err := f.ReadAt(before, 1024); err != nil {
		t.Fatal(err)
	}
	table, err := Read(f, size, 512)
	if err != nil {
		t.Fatal(err)
	}
	if !table.Moved {
		t.Error("Moved = false; the backup is where the smaller disk ended")
	}
	p, err := table.Append("data", LinuxData, id, 64*mib)
	if err != nil {
		t.Fatal(err)
	}
	want := Partition{Number: 5, Type: LinuxData, ID: id, First: 16384, Last: size/512 - 2048 - 1, Name: "data"}
	if d := cmp.Diff(want, p); d != "" {
		t.Errorf("Append (-want +got):\n%s", d)
	}
	if err := table.Write(f); err != nil {
		t.Fatal(err)
	}

	after := make([]byte, 4*entrySize)
	if _, err := f.ReadAt(after, 1024); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(before, after) {
		t.Error("the entries that were there have changed")
	}
	other := reread(t, f)
	var names []string
	for _, p := range other.Partitions {
		if p.Type != dgpt.Unused {
			names = append(names, p.Name)
		}
	}
	if d := cmp.Diff([]string{"bios", "esp", "slot-a", "slot-b", "data"}, names); d != "" {
		t.Errorf("partitions as another program reads them (-want +got):\n%s", d)
	}
	if err := other.Verify(f, uint64(size)); err != nil {
		t.Errorf("another program finds fault with the table: %v", err)
	}
	again, err := Read(f, size, 512)
	if err != nil {
		t.Fatal(err)
	}
	if again.Moved {
		t.Error("Moved = true after Write")
	}
	if got, ok := again.Find("data"); !ok || got != p {
		t.Errorf("Find(data) = %+v, %v; want %+v", got, ok, p)
	}
}

// TestTornWrite stops the writing after every single write: one of the two
// tables must be whole, the old or the new.
func TestTornWrite(t *testing.T) {
	f := image(t, 10*mib)
	const size = 16 * mib
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	clean, err := io.ReadAll(io.NewSectionReader(f, 0, size))
	if err != nil {
		t.Fatal(err)
	}
	for cut := 0; ; cut++ {
		d := &tearing{b: bytes.Clone(clean), left: cut}
		table, err := Read(d, size, 512)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := table.Append("data", LinuxData, id, mib); err != nil {
			t.Fatal(err)
		}
		failed := table.Write(d)
		after, err := Read(d, size, 512)
		if err != nil {
			t.Fatalf("cut after %d sectors: %v", cut, err)
		}
		n := len(after.Partitions())
		if n != 4 && n != 5 {
			t.Fatalf("cut after %d sectors: %d partitions", cut, n)
		}
		if failed == nil {
			if n != 5 {
				t.Fatal("written to the end, and the partition is not there")
			}
			if cut < 4 {
				t.Fatalf("the table was written in %d sectors: nothing was torn", cut)
			}
			return
		}
	}
}

var errPowerCut = errors.New("power cut")

// tearing is a disk whose power is cut after a number of sectors.
type tearing struct {
	b    []byte
	left int
}

func (d *tearing) ReadAt(p []byte, off int64) (int, error) {
	return bytes.NewReader(d.b).ReadAt(p, off)
}

func (d *tearing) WriteAt(p []byte, off int64) (int, error) {
	n := 0
	for len(p) > 0 {
		if d.left == 0 {
			return n, errPowerCut
		}
		d.left--
		k := copy(d.b[off:], p[:min(512, len(p))])
		p, off, n = p[k:], off+int64(k), n+k
	}
	return n, nil
}

func (d *tearing) Sync() error { return nil }

func TestDamagedPrimary(t *testing.T) {
	for name, offset := range map[string]int64{"header": 512 + 40, "entry": 1024 + 130} {
		f := image(t, 10*mib)
		if _, err := f.WriteAt([]byte{0xff}, offset); err != nil {
			t.Fatal(err)
		}
		table, err := Read(f, 10*mib, 512)
		if err != nil {
			t.Fatalf("damaged %s: %v", name, err)
		}
		if !table.Moved {
			t.Errorf("damaged %s: Moved = false; the table must be written", name)
		}
		if err := table.Write(f); err != nil {
			t.Fatal(err)
		}
		again, err := Read(f, 10*mib, 512)
		if err != nil || again.Moved || len(again.Partitions()) != 4 {
			t.Errorf("damaged %s, written again: %v", name, err)
		}
		if err := reread(t, f).Verify(f, 10*mib); err != nil {
			t.Errorf("damaged %s, written again: another program finds fault: %v", name, err)
		}
	}
	f := image(t, 10*mib)
	for _, off := range []int64{512, 10*mib - 512} {
		if _, err := f.WriteAt([]byte("xx"), off); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Read(f, 10*mib, 512); !errors.Is(err, ErrNoTable) {
		t.Errorf("both damaged: %v; want ErrNoTable", err)
	}
}

func TestGrow(t *testing.T) {
	f := image(t, 10*mib)
	size := int64(100 * mib)
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	table, err := Read(f, size, 512)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := table.Append("data", LinuxData, id, mib); err != nil {
		t.Fatal(err)
	}
	if err := table.Write(f); err != nil {
		t.Fatal(err)
	}
	if _, grown, err := table.Grow(5, mib); grown || err != nil {
		t.Errorf("Grow on the same disk = %v, %v; want nothing done", grown, err)
	}
	if _, grown, err := table.Grow(3, mib); grown || err != nil {
		t.Errorf("Grow(3) = %v, %v; others lie behind it", grown, err)
	}
	if _, _, err := table.Grow(9, mib); err == nil {
		t.Error("Grow(9) succeeded: there is no such partition")
	}

	size *= 2
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	if table, err = Read(f, size, 512); err != nil {
		t.Fatal(err)
	}
	p, grown, err := table.Grow(5, mib)
	if err != nil || !grown || p.Last != uint64(size/512-2048-1) || p.First != 16384 {
		t.Errorf("Grow on a larger disk = %+v, %v, %v", p, grown, err)
	}
	if err := table.Write(f); err != nil {
		t.Fatal(err)
	}
	if err := reread(t, f).Verify(f, uint64(size)); err != nil {
		t.Errorf("another program finds fault with the table: %v", err)
	}
}

func TestNoSpace(t *testing.T) {
	f := image(t, 9*mib)
	table, err := Read(f, 9*mib, 512)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := table.Append("data", LinuxData, id, mib); !errors.Is(err, ErrNoSpace) {
		t.Errorf("Append = %v; want ErrNoSpace", err)
	}
	if len(table.Partitions()) != 4 {
		t.Error("a partition was added all the same")
	}
	if _, err := table.Append("", LinuxData, id, 0); err == nil {
		t.Error("a partition without a name was added")
	}
}

// TestDamageNeverPanics changes bytes of the two headers.
func TestDamageNeverPanics(t *testing.T) {
	f := image(t, 10*mib)
	clean, err := io.ReadAll(io.NewSectionReader(f, 0, 10*mib))
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		b := bytes.Clone(clean)
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		for range rapid.IntRange(1, 40).Draw(t, "changes") {
			at := 512 + r.IntN(2048)
			if r.IntN(2) == 0 {
				at = len(b) - 1 - r.IntN(2048)
			}
			b[at] = byte(r.Uint32())
		}
		d := &tearing{b: b, left: 1 << 20}
		table, err := Read(d, int64(len(b)), 512)
		if err != nil {
			return
		}
		table.Partitions()
		_ = table.Write(d)
	})
}

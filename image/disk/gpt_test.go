package disk

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"switchroom/image"
)

// newDisk makes a sparse file of the given size.
func newDisk(t *testing.T, size int64) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "disk.img"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestPartitionsDontOverlap(t *testing.T) {
	var end int64
	for i, p := range Partitions() {
		if p.Start%image.Alignment != 0 || p.Start < end {
			t.Errorf("%s starts at %d, the one before ends at %d", p.Name, p.Start, end)
		}
		if p.Number != i+1 {
			t.Errorf("%s is number %d; want %d", p.Name, p.Number, i+1)
		}
		end = p.End()
	}
	if ImageSize() < end+gptTail {
		t.Errorf("the image's %d bytes have no room for the table's copy after %d", ImageSize(), end)
	}
}

func TestTableComesBack(t *testing.T) {
	f := newDisk(t, ImageSize())
	code := bytes.Repeat([]byte{0xab}, bootCodeSize)
	if _, err := f.WriteAt(code, 0); err != nil {
		t.Fatal(err)
	}
	if err := WriteTable(f, ImageSize(), Partitions()); err != nil {
		t.Fatal(err)
	}
	got, err := ReadTable(f)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Partitions(), got); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
	mbr := make([]byte, 512)
	if _, err := f.ReadAt(mbr, 0); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(mbr[:bootCodeSize], code) {
		t.Error("the boot code was overwritten")
	}
	if mbr[510] != 0x55 || mbr[511] != 0xaa || mbr[446+4] != 0xee {
		t.Errorf("no protective MBR: % x", mbr[446:])
	}
}

func TestWriteTableRefuses(t *testing.T) {
	f := newDisk(t, ImageSize())
	parts := Partitions()
	for name, bad := range map[string][]Partition{
		"overlap":        {parts[0], parts[0]},
		"past the end":   {{"x", 1, image.TypeLinux, 1 << 20, ImageSize()}},
		"in the table":   {{"x", 1, image.TypeLinux, 512, 1 << 20}},
		"half a sector":  {{"x", 1, image.TypeLinux, 1 << 20, 100}},
		"nothing inside": {{"x", 1, image.TypeLinux, 1 << 20, 0}},
	} {
		if err := WriteTable(f, ImageSize(), bad); err == nil {
			t.Errorf("%s: written", name)
		}
	}
}

func TestPartitionGUIDs(t *testing.T) {
	seen := map[string]string{}
	for _, name := range []string{"", image.PartBIOS, image.PartESP, image.PartSlotA, image.PartSlotB, image.PartData} {
		id := PartitionGUID(name)
		if other, ok := seen[id]; ok {
			t.Errorf("%q and %q have the same GUID %s", name, other, id)
		}
		seen[id] = name
	}
	// The GUIDs are on every disk out there: they must never change.
	if got, want := PartitionGUID(image.PartData), "a822b13d-c039-500b-afab-c253d0aa391a"; got != want {
		t.Errorf("GUID of data = %s; want %s", got, want)
	}
}

package disk

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"switchroom/image"
)

// fakeGRUB returns a boot sector and a core image with the fields EmbedBIOS
// changes filled with something else.
func fakeGRUB(coreSize int) (boot, core []byte) {
	boot = bytes.Repeat([]byte{0x11}, 512)
	boot[510], boot[511] = 0x55, 0xaa
	core = bytes.Repeat([]byte{0x22}, coreSize)
	binary.LittleEndian.PutUint16(core[508:], uint16((coreSize-1)/512))
	return boot, core
}

func TestEmbedBIOS(t *testing.T) {
	boot, core := fakeGRUB(3000)
	mbr, embedded, err := EmbedBIOS(boot, core, 2048)
	if err != nil {
		t.Fatal(err)
	}
	if len(mbr) != 440 {
		t.Errorf("boot code has %d bytes; want 440: the rest is the partition table's", len(mbr))
	}
	if got := binary.LittleEndian.Uint64(mbr[0x5c:]); got != 2048 {
		t.Errorf("the boot code loads LBA %d; want 2048", got)
	}
	if mbr[0x64] != 0xff || mbr[0x66] != 0x90 || mbr[0x67] != 0x90 {
		t.Errorf("drive bytes % x; want ff 11 90 90", mbr[0x64:0x68])
	}
	if got := binary.LittleEndian.Uint64(embedded[500:]); got != 2049 {
		t.Errorf("the core goes on at LBA %d; want 2049", got)
	}
	if !bytes.Equal(embedded[512:], core[512:]) || !bytes.Equal(mbr[:0x5c], boot[:0x5c]) {
		t.Error("more was changed than the places GRUB leaves for it")
	}
	if core[500] != 0x22 || boot[0x64] != 0x11 {
		t.Error("the arguments were changed")
	}
}

func TestEmbedBIOSRefuses(t *testing.T) {
	boot, core := fakeGRUB(3000)
	_, big := fakeGRUB(image.BIOSSize + 1)
	short := append([]byte(nil), core[:2000]...)
	for name, c := range map[string]struct{ boot, core []byte }{
		"no boot sector": {boot[:511], core},
		"no signature":   {make([]byte, 512), core},
		"core too large": {boot, big},
		"core cut short": {boot, short},
		"core empty":     {boot, nil},
	} {
		if _, _, err := EmbedBIOS(c.boot, c.core, 2048); err == nil {
			t.Errorf("%s: embedded", name)
		}
	}
}

// fakeESP makes a FAT32 file system with /GRUB/GRUBENV, whose two sectors are
// clusters 5 and 6, or 5 and 7 if split.
func fakeESP(t *testing.T, block []byte, split bool) string {
	t.Helper()
	le := binary.LittleEndian
	const reserved, fatSectors = 32, 8
	b := make([]byte, (reserved+2*fatSectors+10)*512)
	le.PutUint16(b[11:], 512)
	b[13] = 1
	le.PutUint16(b[14:], reserved)
	b[16] = 2
	le.PutUint32(b[36:], fatSectors)
	le.PutUint32(b[44:], 2)
	b[510], b[511] = 0x55, 0xaa
	link := func(c, next uint32) { le.PutUint32(b[reserved*512+c*4:], next) }
	cluster := func(c int) []byte { return b[(reserved+2*fatSectors+c-2)*512:][:512] }
	entry := func(at []byte, name string, attr byte, first uint16, size uint32) {
		copy(at, name)
		at[11] = attr
		le.PutUint16(at[26:], first)
		le.PutUint32(at[28:], size)
	}
	const end = 0x0fffffff
	link(2, 3) // the root folder has two clusters; the first is all deleted entries
	link(3, end)
	link(4, end)
	second := uint32(6)
	if split {
		second = 7
	}
	link(5, second)
	link(second, end)
	for i := 0; i < 512; i += 32 {
		cluster(2)[i] = 0xe5
	}
	entry(cluster(3), image.ESPLabel+" ", 0x08, 0, 0)
	entry(cluster(3)[32:], "GRUB       ", 0x10, 4, 0)
	entry(cluster(4), "GRUBENV    ", 0x20, 5, uint32(len(block)))
	copy(cluster(5), block[:512])
	copy(cluster(int(second)), block[512:])
	path := filepath.Join(t.TempDir(), "esp.img")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAssemble(t *testing.T) {
	dir := t.TempDir()
	boot, core := fakeGRUB(3000)
	mbr, core, err := EmbedBIOS(boot, core, image.BIOSStart/512)
	if err != nil {
		t.Fatal(err)
	}
	block, err := FreshGrubenv().Bytes()
	if err != nil {
		t.Fatal(err)
	}
	slot := filepath.Join(dir, "slot")
	content := append(bytes.Repeat([]byte{0}, 100_000), bytes.Repeat([]byte("squash"), 50_000)...)
	if err := os.WriteFile(slot, content, 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "disk.img")
	b := Boot{MBR: mbr, Core: core, ESP: fakeESP(t, block, false)}
	if err := Assemble(t.Context(), path, b, Slots{image.SlotA: slot}); err != nil {
		t.Fatal(err)
	}

	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	parts, err := ReadTable(f)
	if err != nil {
		t.Fatal(err)
	}
	part, ok := FindPartition(parts, image.PartSlotA)
	if !ok {
		t.Fatal("no slot-a")
	}
	got := make([]byte, len(content))
	if _, err := f.ReadAt(got, part.Start); err != nil || !bytes.Equal(got, content) {
		t.Errorf("slot a does not hold its file (%v)", err)
	}
	start := make([]byte, 440)
	if _, err := f.ReadAt(start, 0); err != nil || !bytes.Equal(start, mbr) {
		t.Errorf("LBA 0 does not hold the boot code (%v)", err)
	}

	if err := UpdateGrubenv(path, func(e *Grubenv) error { e.SetExtraCmdline("debug"); return nil }); err != nil {
		t.Fatal(err)
	}
	e, err := ReadGrubenv(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := e.Get("extra_cmdline"); got != "debug" {
		t.Errorf("extra_cmdline = %q; want debug", got)
	}
	if got, want := e.Slot(image.SlotA), (SlotState{Tries: FullTries}); got != want {
		t.Errorf("slot a is %+v; want %+v", got, want)
	}
	if _, err := os.Stat(path + ".part"); !os.IsNotExist(err) {
		t.Errorf("the unfinished file was left behind: %v", err)
	}
}

func TestAssembleRefusesContentTooLarge(t *testing.T) {
	dir := t.TempDir()
	slot := filepath.Join(dir, "slot")
	if err := os.WriteFile(slot, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(slot, image.SlotSize+1); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "disk.img")
	esp := filepath.Join(dir, "esp")
	if err := os.WriteFile(esp, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Assemble(t.Context(), path, Boot{ESP: esp}, Slots{image.SlotA: slot}); err == nil {
		t.Error("a slot larger than its partition was taken")
	}
	for _, p := range []string{path, path + ".part"} {
		if _, err := os.Stat(p); !os.IsNotExist(err) {
			t.Errorf("%s was left behind", filepath.Base(p))
		}
	}
}

func TestReadGrubenvInPieces(t *testing.T) {
	block, err := FreshGrubenv().Bytes()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "disk.img")
	boot, core := fakeGRUB(3000)
	if err := Assemble(t.Context(), path, Boot{MBR: boot[:440], Core: core, ESP: fakeESP(t, block, true)}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadGrubenv(path); err == nil {
		t.Error("a grubenv in pieces was read as one")
	}
}

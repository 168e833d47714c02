package rootfs

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fakeELF returns a shared object that says no more than what it needs.
func fakeELF(interp, runpath string, needs ...string) []byte {
	var strtab bytes.Buffer
	strtab.WriteByte(0)
	intern := func(s string) uint64 {
		off := strtab.Len()
		strtab.WriteString(s + "\x00")
		return uint64(off)
	}
	var dyn []uint64
	for _, n := range needs {
		dyn = append(dyn, 1, intern(n)) // DT_NEEDED
	}
	if runpath != "" {
		dyn = append(dyn, 29, intern(runpath)) // DT_RUNPATH
	}
	dyn = append(dyn, 0, 0)
	names := "\x00.dynamic\x00.dynstr\x00.shstrtab\x00"

	le := binary.LittleEndian
	const header, program, section = 64, 56, 64
	nprog := 0
	if interp != "" {
		nprog = 1
	}
	off := uint64(header + program*nprog)
	interpOff := off
	off += uint64(len(interp) + 1)
	dynOff := off
	off += uint64(8 * len(dyn))
	strOff := off
	off += uint64(strtab.Len())
	namesOff := off
	off += uint64(len(names))

	var b bytes.Buffer
	put := func(v any) {
		if err := binary.Write(&b, le, v); err != nil {
			panic(err)
		}
	}
	b.WriteString("\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 9))
	put([]uint16{3, 62})
	put(uint32(1))
	put([]uint64{0, header, off})
	put(uint32(0))
	put([]uint16{header, program, uint16(nprog), section, 4, 3})
	if nprog > 0 {
		put([]uint32{3, 4}) // PT_INTERP
		put([]uint64{interpOff, 0, 0, uint64(len(interp) + 1), uint64(len(interp) + 1), 1})
	}
	b.WriteString(interp + "\x00")
	put(dyn)
	b.Write(strtab.Bytes())
	b.WriteString(names)
	sec := func(name, typ uint32, off, size uint64, link uint32, entry uint64) {
		put([]uint32{name, typ})
		put([]uint64{0, 0, off, size})
		put([]uint32{link, 0})
		put([]uint64{1, entry})
	}
	sec(0, 0, 0, 0, 0, 0)
	sec(1, 6, dynOff, uint64(8*len(dyn)), 2, 16)   // SHT_DYNAMIC
	sec(10, 3, strOff, uint64(strtab.Len()), 0, 0) // SHT_STRTAB
	sec(18, 3, namesOff, uint64(len(names)), 0, 0) // SHT_STRTAB
	return b.Bytes()
}

func TestAddELF(t *testing.T) {
	dir := t.TempDir()
	put := func(p string, b []byte) { write(t, filepath.Join(dir, p), string(b)) }
	put("usr/sbin/asterisk", fakeELF("/lib64/ld-linux-x86-64.so.2", "", "libone.so.1", "libc.so.6"))
	put("usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", fakeELF("", ""))
	put("usr/lib/x86_64-linux-gnu/libone.so.1.2.3", fakeELF("", "", "libtwo.so", "libc.so.6"))
	put("usr/lib/x86_64-linux-gnu/libc.so.6", fakeELF("", "", "ld-linux-x86-64.so.2"))
	put("usr/lib/private/libmod.so", fakeELF("", "$ORIGIN/more:/opt/none", "libhere.so"))
	put("usr/lib/private/more/libhere.so", fakeELF("", "", "libone.so.1")) // a circle through libtwo
	put("usr/lib/libtwo.so", fakeELF("", "", "libone.so.1"))
	put("usr/lib/unused.so", fakeELF("", ""))
	must(t,
		os.MkdirAll(filepath.Join(dir, "usr/lib64"), 0o755),
		os.Symlink("../lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", filepath.Join(dir, "usr/lib64/ld-linux-x86-64.so.2")),
		os.Symlink("libone.so.1.2.3", filepath.Join(dir, "usr/lib/x86_64-linux-gnu/libone.so.1")),
	)
	tree := new(Tree)
	must(t, AddELF(tree, NewOverlay(dir), "usr/sbin/asterisk", "usr/lib/private/libmod.so"))
	var got []string
	for _, e := range tree.Entries() {
		if !e.Mode.IsDir() {
			got = append(got, e.Path)
			if !e.Mode.IsRegular() || e.Mode.Perm() != 0o755 {
				t.Errorf("%s: mode %v; want a plain program", e.Path, e.Mode)
			}
		}
	}
	want := []string{
		"usr/lib/libtwo.so", "usr/lib/private/libmod.so", "usr/lib/private/more/libhere.so",
		"usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", "usr/lib/x86_64-linux-gnu/libc.so.6", "usr/lib/x86_64-linux-gnu/libone.so.1",
		"usr/lib64/ld-linux-x86-64.so.2", "usr/sbin/asterisk",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("closure (-want +got):\n%s", diff)
	}
}

func TestAddELFSaysWhoNeedsWhat(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "usr/bin/tool"), string(fakeELF("", "", "libgone.so.9")))
	write(t, filepath.Join(dir, "usr/bin/script"), "#!/bin/sh\n")
	err := AddELF(new(Tree), NewOverlay(dir), "usr/bin/tool")
	if err == nil || !strings.Contains(err.Error(), "usr/bin/tool needs libgone.so.9") {
		t.Errorf("a missing library gives %v", err)
	}
	if err := AddELF(new(Tree), NewOverlay(dir), "usr/bin/script"); err == nil {
		t.Error("a script was taken for a program")
	}
	if err := AddELF(new(Tree), NewOverlay(dir), "usr/bin/none"); err == nil {
		t.Error("a missing program was taken")
	}
}

package rootfs

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"testing"
)

// object makes a relocatable ELF file with these sections, in order, and a
// table of their names at the end.
func object(t *testing.T, sections []string, data map[string][]byte) []byte {
	t.Helper()
	le := binary.LittleEndian
	var names, body bytes.Buffer
	names.WriteByte(0)
	headers := make([]byte, shSize) // the first is empty
	body.Write(make([]byte, elfHeaderSize))
	for _, s := range append(sections, ".shstrtab") {
		h := make([]byte, shSize)
		le.PutUint32(h, uint32(names.Len()))
		names.WriteString(s + "\x00")
		content := data[s]
		kind := elf.SHT_PROGBITS
		switch s {
		case ".shstrtab":
			content, kind = names.Bytes(), elf.SHT_STRTAB
		case ".bss":
			kind = elf.SHT_NOBITS
		}
		body.Write(make([]byte, -body.Len()&15))
		le.PutUint32(h[shType:], uint32(kind))
		le.PutUint64(h[shOffset:], uint64(body.Len()))
		le.PutUint64(h[shLength:], uint64(len(content)))
		le.PutUint64(h[shAlign:], 16)
		if kind == elf.SHT_NOBITS {
			le.PutUint64(h[shLength:], 4096)
		} else {
			body.Write(content)
		}
		headers = append(headers, h...)
	}
	b := body.Bytes()
	copy(b, "\x7fELF\x02\x01\x01")
	le.PutUint16(b[16:], uint16(elf.ET_REL))
	le.PutUint16(b[18:], uint16(elf.EM_X86_64))
	le.PutUint32(b[20:], 1)
	le.PutUint64(b[elfShoff:], uint64(len(b)))
	le.PutUint16(b[52:], elfHeaderSize)
	le.PutUint16(b[58:], shSize)
	le.PutUint16(b[elfShnum:], uint16(len(headers)/shSize))
	le.PutUint16(b[elfShstrndx:], uint16(len(headers)/shSize-1))
	return append(b, headers...)
}

func TestSlimModule(t *testing.T) {
	data := map[string][]byte{
		".text": bytes.Repeat([]byte{0x90}, 100), ".BTF": bytes.Repeat([]byte("type"), 1000), ".modinfo": []byte("license=GPL\x00"),
		".BTF.base": []byte("base"), ".BTF_ids": {1, 2, 3, 4},
	}
	b := object(t, []string{".text", ".BTF", ".modinfo", ".bss", ".BTF.base", ".BTF_ids"}, data)
	signed := append(bytes.Clone(b), bytes.Repeat([]byte{7}, 400)...)
	signed = append(signed, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1, 0x90)
	signed = append(signed, moduleSignature...)

	slim, err := slimModule(signed)
	if err != nil {
		t.Fatal(err)
	}
	if len(slim) > len(b)-4000 {
		t.Errorf("%d bytes of %d are left", len(slim), len(b))
	}
	f, err := elf.NewFile(bytes.NewReader(slim))
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Sections) != 8 {
		t.Errorf("%d sections; none may be gone from the list", len(f.Sections))
	}
	for i, name := range []string{".text", ".modinfo", ".BTF_ids"} {
		s := f.Section(name)
		if s == nil || s.Offset%16 != 0 {
			t.Fatalf("section %s: %+v", name, s)
		}
		if got, err := s.Data(); err != nil || !bytes.Equal(got, data[name]) {
			t.Errorf("section %s: %q, %v", name, got, err)
		}
		if want := []int{1, 3, 6}[i]; f.Sections[want] != s {
			t.Errorf("section %s is not number %d any more", name, want)
		}
	}
	if s := f.Section(".bss"); s == nil || s.Size != 4096 {
		t.Errorf("section .bss: %+v", s)
	}
	if f.Section(".BTF") != nil || f.Section(".BTF.base") != nil {
		t.Error("type information is left")
	}
	again, err := slimModule(slim)
	if err != nil || !bytes.Equal(again, slim) {
		t.Errorf("a second time changes it: %v", err)
	}
}

func FuzzSlimModule(f *testing.F) {
	f.Add([]byte("\x7fELF\x02\x01"))
	f.Add(append(make([]byte, 100), moduleSignature...))
	f.Fuzz(func(t *testing.T, b []byte) {
		// It may refuse; it must not fall over.
		_, _ = slimModule(b)
	})
}

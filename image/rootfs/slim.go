package rootfs

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// moduleSignature ends a signed module; what lies before it, and the
// signature itself, follows the ELF file's own end (Linux,
// include/linux/module_signature.h).
var moduleSignature = []byte("~Module signature appended~\n")

// Offsets in ELF's 64-bit headers (elf(5)).
const (
	elfShoff, elfShnum, elfShstrndx       = 0x28, 0x3c, 0x3e
	elfHeaderSize, shSize                 = 64, 64
	shType, shOffset, shLength, shAlign   = 4, 24, 32, 48
	shtNull, shtNobits                    = 0, 8
	signatureInfoSize, signatureLengthOff = 12, 8
)

// slimModule takes from a kernel module what our box only loses time with:
// the distribution's signature, since modules of our own are unsigned and
// nothing is enforced, and the type information for BPF. Checking the one and
// parsing the other is most of the work of loading a driver. The sections
// stay where they are in the list, so no index in the file changes; one that
// is taken away becomes a section of no kind.
func slimModule(b []byte) ([]byte, error) {
	le := binary.LittleEndian
	if n := len(b) - len(moduleSignature); n >= signatureInfoSize && bytes.Equal(b[n:], moduleSignature) {
		length := int(binary.BigEndian.Uint32(b[n-signatureInfoSize+signatureLengthOff:]))
		if n -= signatureInfoSize + length; n < elfHeaderSize {
			return nil, fmt.Errorf("a signature of %d bytes in a module of %d", length, len(b))
		}
		b = b[:n]
	}
	if len(b) < elfHeaderSize || !bytes.HasPrefix(b, []byte("\x7fELF\x02\x01")) {
		return nil, fmt.Errorf("not a 64-bit ELF file")
	}
	count, names := int(le.Uint16(b[elfShnum:])), int(le.Uint16(b[elfShstrndx:]))
	table := le.Uint64(b[elfShoff:])
	if names >= count || table > uint64(len(b)) || uint64(count*shSize) > uint64(len(b))-table {
		return nil, fmt.Errorf("%d sections at %#x in a file of %d bytes", count, table, len(b))
	}
	headers := bytes.Clone(b[table : table+uint64(count*shSize)])
	content := func(h []byte) ([]byte, error) {
		if t := le.Uint32(h[shType:]); t == shtNull || t == shtNobits {
			return nil, nil
		}
		off, n := le.Uint64(h[shOffset:]), le.Uint64(h[shLength:])
		if off > uint64(len(b)) || n > uint64(len(b))-off {
			return nil, fmt.Errorf("a section of %d bytes at %#x in a file of %d", n, off, len(b))
		}
		return b[off : off+n], nil
	}
	strings, err := content(headers[names*shSize : (names+1)*shSize])
	if err != nil {
		return nil, err
	}
	out := bytes.Clone(b[:elfHeaderSize])
	for i := range count {
		h := headers[i*shSize : (i+1)*shSize]
		name := le.Uint32(h)
		if uint64(name) >= uint64(len(strings)) && i > 0 {
			return nil, fmt.Errorf("section %d: its name lies at %d of %d", i, name, len(strings))
		}
		if s := strings[min(int(name), len(strings)):]; bytes.HasPrefix(s, []byte(".BTF\x00")) || bytes.HasPrefix(s, []byte(".BTF.base\x00")) {
			clear(h)
			continue
		}
		data, err := content(h)
		if err != nil {
			return nil, fmt.Errorf("section %d: %w", i, err)
		}
		if data == nil {
			continue
		}
		if align := int(le.Uint64(h[shAlign:])); align > 1 {
			out = append(out, make([]byte, -len(out)&(align-1))...)
		}
		le.PutUint64(h[shOffset:], uint64(len(out)))
		out = append(out, data...)
	}
	out = append(out, make([]byte, -len(out)&7)...)
	le.PutUint64(out[elfShoff:], uint64(len(out)))
	return append(out, headers...), nil
}

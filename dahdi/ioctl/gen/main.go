// Command gen writes the structures and the ioctl numbers of DAHDI for the room
// ioctl, from the header of the driver that ships:
//
//	go run ./gen -include /usr/src/dahdi-3.4.0/include
//
// The header is that of Debian's package dahdi-dkms. Nothing of its text is
// copied: a C compiler reads it, and what it makes of it, names, sizes, offsets
// and numbers, comes back two ways that don't know of each other. The Go types
// are made from the debugging information (DWARF) of an object file; the table
// that the room's test holds them against is printed by a program that is run
// and uses sizeof and offsetof.
package main

import (
	"bytes"
	"debug/dwarf"
	"debug/elf"
	"flag"
	"fmt"
	"go/format"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// structs are the C structures we speak, and their Go names.
var structs = []struct{ c, goName string }{
	{"dahdi_params", "params"},
	{"dahdi_spaninfo", "spanInfo"},
	{"dahdi_gains", "gains"},
	{"dahdi_chanconfig", "chanConfig"},
	{"dahdi_tone_def", "toneDef"},
	{"dahdi_tone_def_header", "toneDefHeader"},
	{"dahdi_attach_echocan", "attachEchocan"},
	{"dahdi_indirect_data", "indirectData"},
	{"dahdi_versioninfo", "versionInfo"},
	{"wctdm_stats", "wctdmStats"},
}

// constants are the numbers we use, by their C names.
var constants = strings.Fields(`
DAHDI_GET_PARAMS DAHDI_SPANSTAT DAHDI_GETGAINS DAHDI_SETGAINS DAHDI_CHANCONFIG DAHDI_LOADZONE DAHDI_FREEZONE DAHDI_DEFAULTZONE
DAHDI_SETTONEZONE DAHDI_GETTONEZONE DAHDI_ATTACH_ECHOCAN DAHDI_INDIRECT DAHDI_GETVERSION DAHDI_SPECIFY DAHDI_SENDTONE DAHDI_HOOK
WCTDM_GET_STATS
DAHDI_SIG_NONE DAHDI_SIG_FXSLS DAHDI_SIG_FXSGS DAHDI_SIG_FXSKS DAHDI_SIG_FXOLS DAHDI_SIG_FXOGS DAHDI_SIG_FXOKS DAHDI_SIG_EM
DAHDI_SIG_SF DAHDI_SIG_CLEAR
DAHDI_ALARM_RECOVER DAHDI_ALARM_LOOPBACK DAHDI_ALARM_YELLOW DAHDI_ALARM_RED DAHDI_ALARM_BLUE DAHDI_ALARM_NOTOPEN
DAHDI_LAW_DEFAULT DAHDI_LAW_MULAW DAHDI_LAW_ALAW DAHDI_TONE_ZONE_DEFAULT DAHDI_MAX_CHANNELS
DAHDI_ONHOOK DAHDI_OFFHOOK DAHDI_RING`)

const headers = "#include <dahdi/user.h>\n#include <dahdi/wctdm_user.h>\n"

func main() {
	log.SetFlags(0)
	include := flag.String("include", "", "the directory that holds dahdi/user.h")
	cc := flag.String("cc", "cc", "the C compiler")
	out := flag.String("out", "zdahdi.go", "the Go file to write")
	table := flag.String("table", "testdata/layout.txt", "the table to write")
	flag.Parse()
	if *include == "" {
		log.Fatal("gen: -include is wanted: the directory that holds dahdi/user.h")
	}
	if err := run(*include, *cc, *out, *table); err != nil {
		log.Fatal("gen: ", err)
	}
}

func run(include, cc, out, table string) error {
	tmp, err := os.MkdirTemp("", "dahdi-gen-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	data, err := debugInfo(tmp, include, cc)
	if err != nil {
		return err
	}
	types, values, err := read(data)
	if err != nil {
		return err
	}
	src, err := goSource(types, values)
	if err != nil {
		return err
	}
	if err := os.WriteFile(out, src, 0o644); err != nil {
		return err
	}
	printed, err := layout(tmp, include, cc, types)
	if err != nil {
		return err
	}
	return os.WriteFile(table, printed, 0o644)
}

func compile(tmp, include, cc, name, text string, args ...string) (string, error) {
	src, obj := filepath.Join(tmp, name+".c"), filepath.Join(tmp, name)
	if err := os.WriteFile(src, []byte(text), 0o600); err != nil {
		return "", err
	}
	cmd := exec.Command(cc, append([]string{"-std=gnu11", "-I", include, "-o", obj, src}, args...)...)
	if msg, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("compiling against the header in %s: %w\n%s", include, err, msg)
	}
	return obj, nil
}

// debugInfo compiles a file that has every structure in a variable and every
// number in a variable's value, and reads the object's DWARF.
func debugInfo(tmp, include, cc string) (*object, error) {
	var b strings.Builder
	b.WriteString(headers)
	for _, s := range structs {
		fmt.Fprintf(&b, "struct %s use_%s;\n", s.c, s.c)
	}
	for _, c := range constants {
		fmt.Fprintf(&b, "const unsigned int value_%s __attribute__((section(\"values\"),used)) = (unsigned int)(%s);\n", c, c)
	}
	obj, err := compile(tmp, include, cc, "dwarf.o", b.String(), "-g", "-gdwarf-4", "-c")
	if err != nil {
		return nil, err
	}
	f, err := elf.Open(obj)
	if err != nil {
		return nil, fmt.Errorf("reading the object file: %w", err)
	}
	defer f.Close()
	d, err := f.DWARF()
	if err != nil {
		return nil, fmt.Errorf("reading the debugging information: %w", err)
	}
	syms, err := f.Symbols()
	if err != nil {
		return nil, fmt.Errorf("reading the symbols: %w", err)
	}
	o := &object{dwarf: d, values: map[string]uint32{}}
	for _, s := range syms {
		name, ok := strings.CutPrefix(s.Name, "value_")
		if !ok {
			continue
		}
		var buf [4]byte
		if _, err := f.Sections[s.Section].ReadAt(buf[:], int64(s.Value)); err != nil {
			return nil, fmt.Errorf("reading the value of %s: %w", name, err)
		}
		o.values[name] = f.ByteOrder.Uint32(buf[:])
	}
	return o, nil
}

type object struct {
	dwarf  *dwarf.Data
	values map[string]uint32
}

func read(o *object) (map[string]*dwarf.StructType, map[string]uint32, error) {
	types := map[string]*dwarf.StructType{}
	r := o.dwarf.Reader()
	for {
		e, err := r.Next()
		if err != nil {
			return nil, nil, fmt.Errorf("reading the debugging information: %w", err)
		}
		if e == nil {
			break
		}
		if e.Tag != dwarf.TagStructType {
			continue
		}
		t, err := o.dwarf.Type(e.Offset)
		if err != nil {
			return nil, nil, fmt.Errorf("reading a type: %w", err)
		}
		if s, ok := t.(*dwarf.StructType); ok && !s.Incomplete {
			types[s.StructName] = s
		}
	}
	for _, s := range structs {
		if types[s.c] == nil {
			return nil, nil, fmt.Errorf("the header has no struct %s", s.c)
		}
	}
	for _, c := range constants {
		if _, ok := o.values[c]; !ok {
			return nil, nil, fmt.Errorf("the object has no value for %s", c)
		}
	}
	return types, o.values, nil
}

// goName makes "chanconfig_name" ChanconfigName: exported, so that the test
// can look at the fields; the types themselves are not.
func goName(c string) string {
	var b strings.Builder
	for p := range strings.SplitSeq(c, "_") {
		if p != "" {
			b.WriteString(strings.ToUpper(p[:1]) + p[1:])
		}
	}
	return b.String()
}

// goType is the Go type for a C type, "" for an array without length.
func goType(t dwarf.Type) (string, error) {
	switch t := t.(type) {
	case *dwarf.TypedefType:
		return goType(t.Type)
	case *dwarf.IntType:
		return fmt.Sprintf("int%d", t.ByteSize*8), nil
	case *dwarf.UintType:
		return fmt.Sprintf("uint%d", t.ByteSize*8), nil
	case *dwarf.CharType, *dwarf.UcharType:
		return "uint8", nil
	case *dwarf.PtrType:
		return "unsafe.Pointer", nil
	case *dwarf.ArrayType:
		if t.Count <= 0 {
			return "", nil
		}
		e, err := goType(t.Type)
		return fmt.Sprintf("[%d]%s", t.Count, e), err
	}
	return "", fmt.Errorf("no Go type for %s (%T)", t, t)
}

func goSource(types map[string]*dwarf.StructType, values map[string]uint32) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString("// Code generated by dahdi/ioctl/gen from dahdi/user.h and dahdi/wctdm_user.h of DAHDI 3.4.0; DO NOT EDIT.\n\npackage ioctl\n\nimport \"unsafe\"\n\n")
	for _, s := range structs {
		t := types[s.c]
		fmt.Fprintf(&b, "// %s is struct %s, %d bytes.\ntype %s struct {\n", s.goName, s.c, t.ByteSize, s.goName)
		at := int64(0)
		for _, f := range t.Field {
			gt, err := goType(f.Type)
			if err != nil {
				return nil, fmt.Errorf("struct %s, member %s: %w", s.c, f.Name, err)
			}
			if gt == "" {
				continue
			}
			if f.ByteOffset > at {
				fmt.Fprintf(&b, "_ [%d]byte\n", f.ByteOffset-at)
			}
			fmt.Fprintf(&b, "%s %s\n", goName(f.Name), gt)
			at = f.ByteOffset + f.Type.Size()
		}
		if t.ByteSize > at {
			fmt.Fprintf(&b, "_ [%d]byte\n", t.ByteSize-at)
		}
		b.WriteString("}\n\n")
	}
	b.WriteString("const (\n")
	for _, c := range constants {
		if values[c] == 0xffffffff { // -1
			fmt.Fprintf(&b, "%s = -1\n", c)
			continue
		}
		fmt.Fprintf(&b, "%s = %#x\n", c, values[c])
	}
	b.WriteString(")\n")
	return format.Source(b.Bytes())
}

// layout compiles and runs a program that prints sizes, offsets and numbers.
func layout(tmp, include, cc string, types map[string]*dwarf.StructType) ([]byte, error) {
	var b strings.Builder
	b.WriteString(headers + "#include <stdio.h>\n#include <stddef.h>\nint main(void) {\n")
	for _, s := range structs {
		fmt.Fprintf(&b, "printf(\"struct %s %s %%zu\\n\", sizeof(struct %s));\n", s.c, s.goName, s.c)
		for _, f := range types[s.c].Field {
			if gt, err := goType(f.Type); err != nil || gt == "" {
				continue
			}
			fmt.Fprintf(&b, "printf(\"member %s %%zu %%zu\\n\", offsetof(struct %s, %s), sizeof(((struct %s *)0)->%s));\n",
				goName(f.Name), s.c, f.Name, s.c, f.Name)
		}
	}
	for _, c := range constants {
		fmt.Fprintf(&b, "printf(\"const %s %%lld\\n\", (long long)(%s));\n", c, c)
	}
	b.WriteString("return 0;\n}\n")
	prog, err := compile(tmp, include, cc, "layout", b.String())
	if err != nil {
		return nil, err
	}
	out, err := exec.Command(prog).Output()
	if err != nil {
		return nil, fmt.Errorf("running the program that prints the table: %w", err)
	}
	return out, nil
}

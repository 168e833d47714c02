package ioctl

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
)

// TestLayout holds our structures and numbers against the C compiler's.
func TestLayout(t *testing.T) {
	b, err := os.ReadFile("testdata/layout.txt")
	if err != nil {
		t.Fatal(err)
	}
	ours := map[string]reflect.Type{}
	for _, v := range []any{params{}, spanInfo{}, gains{}, chanConfig{}, toneDef{}, toneDefHeader{}, attachEchocan{},
		indirectData{}, versionInfo{}, wctdmStats{}} {
		ours[reflect.TypeOf(v).Name()] = reflect.TypeOf(v)
	}
	numbers := map[string]int64{
		"DAHDI_GET_PARAMS": DAHDI_GET_PARAMS, "DAHDI_SPANSTAT": DAHDI_SPANSTAT, "DAHDI_GETGAINS": DAHDI_GETGAINS,
		"DAHDI_SETGAINS": DAHDI_SETGAINS, "DAHDI_CHANCONFIG": DAHDI_CHANCONFIG, "DAHDI_LOADZONE": DAHDI_LOADZONE,
		"DAHDI_FREEZONE": DAHDI_FREEZONE, "DAHDI_DEFAULTZONE": DAHDI_DEFAULTZONE, "DAHDI_SETTONEZONE": DAHDI_SETTONEZONE,
		"DAHDI_GETTONEZONE": DAHDI_GETTONEZONE, "DAHDI_ATTACH_ECHOCAN": DAHDI_ATTACH_ECHOCAN, "DAHDI_INDIRECT": DAHDI_INDIRECT,
		"DAHDI_GETVERSION": DAHDI_GETVERSION, "DAHDI_SPECIFY": DAHDI_SPECIFY, "DAHDI_SENDTONE": DAHDI_SENDTONE,
		"DAHDI_HOOK": DAHDI_HOOK, "WCTDM_GET_STATS": WCTDM_GET_STATS,
		"DAHDI_SIG_FXSKS": DAHDI_SIG_FXSKS, "DAHDI_SIG_FXOKS": DAHDI_SIG_FXOKS, "DAHDI_SIG_NONE": DAHDI_SIG_NONE,
		"DAHDI_SIG_FXSLS": DAHDI_SIG_FXSLS, "DAHDI_SIG_FXSGS": DAHDI_SIG_FXSGS, "DAHDI_SIG_FXOLS": DAHDI_SIG_FXOLS,
		"DAHDI_SIG_FXOGS": DAHDI_SIG_FXOGS, "DAHDI_SIG_EM": DAHDI_SIG_EM, "DAHDI_SIG_SF": DAHDI_SIG_SF, "DAHDI_SIG_CLEAR": DAHDI_SIG_CLEAR,
		"DAHDI_ALARM_RED": DAHDI_ALARM_RED, "DAHDI_ALARM_YELLOW": DAHDI_ALARM_YELLOW, "DAHDI_ALARM_BLUE": DAHDI_ALARM_BLUE,
		"DAHDI_ALARM_LOOPBACK": DAHDI_ALARM_LOOPBACK, "DAHDI_ALARM_RECOVER": DAHDI_ALARM_RECOVER, "DAHDI_ALARM_NOTOPEN": DAHDI_ALARM_NOTOPEN,
		"DAHDI_LAW_DEFAULT": DAHDI_LAW_DEFAULT, "DAHDI_LAW_MULAW": DAHDI_LAW_MULAW, "DAHDI_LAW_ALAW": DAHDI_LAW_ALAW,
		"DAHDI_TONE_ZONE_DEFAULT": DAHDI_TONE_ZONE_DEFAULT, "DAHDI_MAX_CHANNELS": DAHDI_MAX_CHANNELS,
		"DAHDI_ONHOOK": DAHDI_ONHOOK, "DAHDI_OFFHOOK": DAHDI_OFFHOOK, "DAHDI_RING": DAHDI_RING,
	}
	var in reflect.Type
	structs, members, consts := 0, 0, 0
	for line := range strings.Lines(string(b)) {
		switch word, rest, _ := strings.Cut(line, " "); word {
		case "struct":
			var cName, name string
			var size uintptr
			if _, err := fmt.Sscan(rest, &cName, &name, &size); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			if in = ours[name]; in == nil {
				t.Fatalf("no Go type %s for struct %s", name, cName)
			}
			// A packed structure may end where Go would pad it: what is beyond is never copied.
			if in.Size() < size || in.Size() > (size+7)/8*8 {
				t.Errorf("%s has %d bytes; struct %s has %d", name, in.Size(), cName, size)
			}
			structs++
		case "member":
			var name string
			var offset, size uintptr
			if _, err := fmt.Sscan(rest, &name, &offset, &size); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			f, ok := in.FieldByName(name)
			if !ok {
				t.Errorf("%s has no field %s", in.Name(), name)
			} else if f.Offset != offset || f.Type.Size() != size {
				t.Errorf("%s.%s stands at %d with %d bytes; in C at %d with %d", in.Name(), name, f.Offset, f.Type.Size(), offset, size)
			}
			members++
		case "const":
			var name string
			var want int64
			if _, err := fmt.Sscan(rest, &name, &want); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			if got, ok := numbers[name]; !ok || got != want {
				t.Errorf("%s = %#x (known: %t); C has %#x", name, got, ok, want)
			}
			consts++
		}
	}
	if structs != len(ours) || members < 80 || consts != len(numbers) {
		t.Errorf("the table has %d structures, %d members, %d of our numbers; want %d, 80 or more, %d", structs, members, consts, len(ours), len(numbers))
	}
}

package uevent

import (
	"errors"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	msg := "add@/devices/pci0/ata1/block/sda/sda3\x00ACTION=add\x00DEVPATH=/devices/pci0/ata1/block/sda/sda3\x00SUBSYSTEM=block\x00PARTNAME=slot-a\x00ODD\x00=x\x00EMPTY=\x00"
	want := Event{Action: "add", DevPath: "/devices/pci0/ata1/block/sda/sda3", Vars: map[string]string{
		"ACTION": "add", "DEVPATH": "/devices/pci0/ata1/block/sda/sda3", "SUBSYSTEM": "block", "PARTNAME": "slot-a", "EMPTY": "",
	}}
	got, ok := Parse([]byte(msg))
	if d := cmp.Diff(want, got); !ok || d != "" {
		t.Errorf("Parse: %v (-want +got):\n%s", ok, d)
	}
	for _, bad := range []string{"", "add@/x", "libudev\x00\xfe\xed\xca\xfe", "@/x\x00", "add@x\x00"} {
		if e, ok := Parse([]byte(bad)); ok {
			t.Errorf("Parse(%q) = %+v; want nothing", bad, e)
		}
	}
}

// TestClose has Close end a Next that waits.
func TestClose(t *testing.T) {
	l, err := Listen()
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		for {
			if _, err := l.Next(); err != nil && !errors.Is(err, ErrOverrun) {
				done <- err
				return
			}
		}
	}()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; !errors.Is(err, os.ErrClosed) {
		t.Errorf("Next after Close: %v; want os.ErrClosed", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("add@/x\x00A=b\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if e, ok := Parse(b); ok && (e.Action == "" || e.DevPath == "" || e.Vars == nil) {
			t.Errorf("Parse(%q) = %+v", b, e)
		}
	})
}

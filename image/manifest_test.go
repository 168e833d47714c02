package image_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"switchroom/image"
)

func TestManifestComesBack(t *testing.T) {
	m := image.Manifest{
		Format: image.ManifestFormat, Product: "switchroom", Version: "0.1.0+gabc", Commit: "abc",
		Built: time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC), Kernel: "7.2.1-amd64", Unlocked: true,
		Slots: map[image.Slot]image.SlotContent{image.SlotA: {Size: 4096, SHA256: "00"}},
	}
	b, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := image.DecodeManifest(b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(m, got); diff != "" {
		t.Errorf("decode(encode(m)) differs (-want +got):\n%s", diff)
	}
}

func TestDecodeManifestRefuses(t *testing.T) {
	for name, doc := range map[string]string{
		"unknown field": `{"format":1,"colour":"blue"}`,
		"other format":  `{"format":2}`,
		"no format":     `{}`,
		"slot c":        `{"format":1,"slots":{"c":{"size":1,"sha256":""}}}`,
		"two documents": `{"format":1}{"format":1}`,
		"not JSON":      `format: 1`,
	} {
		if _, err := image.DecodeManifest([]byte(doc)); err == nil {
			t.Errorf("%s: accepted", name)
		} else if !strings.HasPrefix(err.Error(), "reading the manifest: ") {
			t.Errorf("%s: error %q does not say what was being done", name, err)
		}
	}
}

func TestSlots(t *testing.T) {
	for _, c := range []struct {
		slot, other image.Slot
		part        string
	}{{image.SlotA, image.SlotB, image.PartSlotA}, {image.SlotB, image.SlotA, image.PartSlotB}} {
		if c.slot.Other() != c.other || c.slot.Partition() != c.part || !c.slot.Valid() {
			t.Errorf("slot %s: Other() = %s, Partition() = %s, Valid() = %v", c.slot, c.slot.Other(), c.slot.Partition(), c.slot.Valid())
		}
	}
	if image.Slot("").Valid() || image.Slot("c").Valid() {
		t.Error("a slot that doesn't exist is valid")
	}
}

package image

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// BaseVersion is the release the present tree works towards. A build's full
// version adds the commit, as "0.1.0+g1a2b3c4".
const BaseVersion = "0.1.0"

// ManifestFormat is the version of the manifest's own form.
const ManifestFormat = 1

// Manifest names what an image is made of. It lies beside the image and,
// without the hashes that only the finished image has (Slots, ImageSHA256),
// inside every slot at [ManifestPath].
type Manifest struct {
	Format  int       `json:"format"`
	Product string    `json:"product"`
	Version string    `json:"version"`
	Commit  string    `json:"commit,omitempty"`
	Built   time.Time `json:"built"` // the commit's time, not the clock's: two builds of a commit are identical

	Kernel   string `json:"kernel"`   // release, as uname -r says it
	Asterisk string `json:"asterisk"` // Debian version of the source it was built from
	DAHDI    string `json:"dahdi"`
	Go       string `json:"go"`

	// Unlocked is true when a package was taken in another version than the
	// lock names: such an image is for trying, never for release.
	Unlocked    bool   `json:"unlocked"`
	LockSHA256  string `json:"lock_sha256"`
	Suite       string `json:"suite"`
	Compression string `json:"compression"` // of the slot's squashfs

	Slots       map[Slot]SlotContent `json:"slots,omitempty"`
	ImageSize   int64                `json:"image_size,omitempty"` // bytes, raw
	ImageSHA256 string               `json:"image_sha256,omitempty"`
}

// SlotContent is what a slot's partition holds: the first Size bytes are the
// squashfs, whose hash is SHA256.
type SlotContent struct {
	Size   int64  `json:"size"` // bytes
	SHA256 string `json:"sha256"`
}

// Encode returns the manifest as indented JSON with a final newline. The same
// manifest always gives the same bytes.
func (m Manifest) Encode() ([]byte, error) {
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encoding the manifest: %w", err)
	}
	return append(b, '\n'), nil
}

// DecodeManifest reads a manifest strictly: an unknown field or another format
// is an error, because a reader that ignores what it doesn't know could flash
// or start something it doesn't understand.
func DecodeManifest(b []byte) (Manifest, error) {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	var m Manifest
	if err := dec.Decode(&m); err != nil {
		return Manifest{}, fmt.Errorf("reading the manifest: %w", err)
	}
	if dec.More() {
		return Manifest{}, fmt.Errorf("reading the manifest: more than one document")
	}
	if m.Format != ManifestFormat {
		return Manifest{}, fmt.Errorf("reading the manifest: format %d is not %d", m.Format, ManifestFormat)
	}
	for s := range m.Slots {
		if !s.Valid() {
			return Manifest{}, fmt.Errorf("reading the manifest: %q is no slot", s)
		}
	}
	return m, nil
}

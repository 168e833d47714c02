package main

import (
	"bytes"
	"testing"

	"switchroom/image/rootfs"
)

// A program in the cache is another one as soon as any module that it is compiled from is.
func TestVersions(t *testing.T) {
	a := []rootfs.Component{{Name: "example.org/shell", Version: "v1.0.0"}, {Name: "example.org/text", Version: "v0.3.0"}}
	b := []rootfs.Component{{Name: "example.org/shell", Version: "v1.0.0"}, {Name: "example.org/text", Version: "v0.3.1"}}
	if !bytes.Equal(versions(a), versions(a)) || bytes.Equal(versions(a), versions(b)) || bytes.Equal(versions(a), versions(a[:1])) {
		t.Errorf("%q, %q", versions(a), versions(b))
	}
}

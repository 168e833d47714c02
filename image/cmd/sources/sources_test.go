package main

import (
	"os"
	"path/filepath"
	"testing"

	"switchroom/image/packages"
)

func TestCollect(t *testing.T) {
	cache, out := t.TempDir(), filepath.Join(t.TempDir(), "hello_1-1")
	blob := func(sha256 string) string { return filepath.Join(cache, sha256) }
	if err := os.WriteFile(blob("aa"), []byte("tar"), 0o444); err != nil {
		t.Fatal(err)
	}
	files := []packages.File{{Path: "pool/main/h/hello/hello_1.orig.tar.xz", Size: 3, SHA256: "aa"}}
	for range 2 { // a second run replaces what the first one made
		if err := collect(out, files, blob); err != nil {
			t.Fatal(err)
		}
	}
	if b, err := os.ReadFile(filepath.Join(out, "hello_1.orig.tar.xz")); err != nil || string(b) != "tar" {
		t.Errorf("collected %q, %v", b, err)
	}
	files[0].SHA256 = "bb"
	if err := collect(out, files, blob); err == nil {
		t.Error("a file that is not in the cache was collected")
	}
}

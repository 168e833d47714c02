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

// TestMissing: what the mirror does not have is left out, and named so that
// sha256sum can check what somebody adds.
func TestMissing(t *testing.T) {
	here := packages.File{Path: "pool/h/hello_1.dsc", SHA256: "aa"}
	gone := packages.File{Path: "pool/h/hello_1.orig.tar.xz", SHA256: "bb"}
	missing := &packages.MissingError{Files: []packages.File{gone}}
	if got := present([]packages.File{here, gone}, missing); len(got) != 1 || got[0] != here {
		t.Errorf("collected %v, want %v alone", got, here)
	}
	if got := present([]packages.File{here, gone}, nil); len(got) != 2 {
		t.Errorf("collected %v, want both", got)
	}
	if got, want := listMissing(missing.Files), "bb  hello_1.orig.tar.xz\n"; got != want {
		t.Errorf("the list is %q, want %q", got, want)
	}
}

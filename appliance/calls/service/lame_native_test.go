//go:build native

package service

import (
	"path/filepath"
	"testing"

	"switchroom/image/packages"
)

// lame is that of the image, started with the image's own libraries.
func lame(t *testing.T) []string {
	t.Helper()
	store, err := packages.Open(packages.Config{})
	if err != nil {
		t.Fatal(err)
	}
	lock, err := packages.Default()
	if err != nil {
		t.Fatal(err)
	}
	list, err := lock.Union("root")
	if err != nil {
		t.Fatal(err)
	}
	tree, err := store.Tree(t.Context(), list)
	if err != nil {
		t.Fatal(err)
	}
	lib := filepath.Join(tree, "usr/lib/x86_64-linux-gnu")
	return []string{filepath.Join(lib, "ld-linux-x86-64.so.2"), "--library-path", lib, filepath.Join(tree, "usr/bin/lame")}
}

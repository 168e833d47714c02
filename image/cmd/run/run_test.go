package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestEnter(t *testing.T) {
	link := filepath.Join(t.TempDir(), "build", "box")
	dir, _, leave, err := enter(link)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := enter(link); err == nil || !strings.Contains(err.Error(), "another run") {
		t.Errorf("a second run at the same time: %v", err)
	}
	leave()
	if _, err := os.Stat(dir); err == nil {
		t.Errorf("%s is still there", dir)
	}

	// What a killed run leaves: the folder and the link, but no lock.
	stale := t.TempDir()
	if err := os.Symlink(stale, link); err != nil {
		t.Fatal(err)
	}
	dir, _, leave, err = enter(link)
	if err != nil {
		t.Fatal(err)
	}
	defer leave()
	if got, err := os.Readlink(link); err != nil || got != dir || got == stale {
		t.Errorf("the link leads to %q, %v; want %q", got, err, dir)
	}
	if _, err := os.Stat(stale); err == nil {
		t.Error("what the killed run left is still there")
	}
}

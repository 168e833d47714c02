package image

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestNewest(t *testing.T) {
	dir := t.TempDir()
	if _, err := Newest(dir); err == nil || !strings.Contains(err.Error(), "make image") {
		t.Errorf("in an empty folder: %v; want advice", err)
	}
	for i, name := range []string{"b.img", "c.img", "a.img"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		at := time.Unix(1e9, 0).Add(time.Duration(i%2) * time.Hour)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := Newest(dir); err != nil || filepath.Base(got) != "c.img" {
		t.Errorf("Newest = %q, %v; want c.img", got, err)
	}
}

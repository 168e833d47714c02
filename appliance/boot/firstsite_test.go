package boot

import (
	"os"
	"path/filepath"
	"testing"
)

func TestTakeDocument(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
	if found, err := takeDocument(from, to, os.Getuid(), os.Getgid()); found || err != nil {
		t.Errorf("where there is none: %v %v", found, err)
	}
	if err := os.WriteFile(from, []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	if found, err := takeDocument(from, to, os.Getuid(), os.Getgid()); !found || err != nil {
		t.Errorf("where there is one: %v %v", found, err)
	}
	data, err := os.ReadFile(to)
	if err != nil || string(data) != "{}" {
		t.Errorf("it is %q (%v)", data, err)
	}
	if info, err := os.Stat(to); err != nil || info.Mode() != 0o600 {
		t.Errorf("it has passwords, and its mode is %v (%v)", info.Mode(), err)
	}
	if err := os.Truncate(from, maxDocument+1); err != nil {
		t.Fatal(err)
	}
	if _, err := takeDocument(from, filepath.Join(dir, "large"), os.Getuid(), os.Getgid()); err == nil {
		t.Error("a document without end was taken")
	}
}

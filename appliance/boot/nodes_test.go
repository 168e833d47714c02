package boot

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNodeGroup(t *testing.T) {
	consoles := []string{"tty0", "ttyS0"}
	for name, want := range map[string]string{
		"ttyS0": "", "ttyS1": "dialout", "ttyUSB0": "dialout", "ttyACM3": "dialout",
		"tty1": "tty", "tty2": "", "tty": "", "tty0": "", "console": "", "ptmx": "", "ttyprintk": "",
	} {
		if got := nodeGroup(name, consoles); got != want {
			t.Errorf("nodeGroup(%s) = %q; want %q", name, got, want)
		}
	}
}

// TestGiveNodes: the nodes that are for others become theirs, the rest stays.
// The groups are this user's own, which anybody may give a file to.
func TestGiveNodes(t *testing.T) {
	root := t.TempDir()
	for _, d := range []string{"sys/class/tty/console", "dev"} {
		if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	names := []string{"tty1", "tty2", "ttyS0", "ttyS1", "ttyUSB0"}
	for _, n := range names {
		if err := os.MkdirAll(filepath.Join(root, "sys/class/tty", n), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, "dev", n), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "sys/class/tty/console/active"), []byte("tty0 ttyS0\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	// As root, whose group is 0 and stands for none, any number will do.
	gid := os.Getgid()
	if gid == 0 {
		gid = 1
	}
	s := &System{log: slog.New(slog.DiscardHandler)}
	s.giveNodes(root, &ids{groups: map[string]int{"dialout": gid, "tty": gid}})
	got := map[string]os.FileMode{}
	for _, n := range names {
		info, err := os.Stat(filepath.Join(root, "dev", n))
		if err != nil {
			t.Fatal(err)
		}
		got[n] = info.Mode().Perm()
	}
	want := map[string]os.FileMode{"tty1": 0o660, "tty2": 0o600, "ttyS0": 0o600, "ttyS1": 0o660, "ttyUSB0": 0o660}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("modes (-want +got):\n%s", d)
	}
	if len(s.state.Problems) > 0 {
		t.Errorf("problems: %q", s.state.Problems)
	}
}

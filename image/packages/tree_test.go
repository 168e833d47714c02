package packages

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestTree(t *testing.T) {
	m := newMirror(t)
	one := m.add("one", makeDeb(t, ".xz", []entry{
		{name: "./", kind: tar.TypeDir, mode: 0o755},
		{name: "./usr/", kind: tar.TypeDir, mode: 0o755},
		{name: "./usr/bin/", kind: tar.TypeDir, mode: 0o755},
		{name: "./usr/bin/su", mode: 0o4755, body: "program"},
		{name: "./usr/bin/mawk", mode: 0o755, body: "mawk"},
		{name: "./usr/bin/hard", kind: tar.TypeLink, link: "./usr/bin/su"},
		{name: "./usr/bin/soft", kind: tar.TypeSymlink, link: "/usr/bin/su"},
		{name: "./lib/", kind: tar.TypeDir, mode: 0o755},
		{name: "./lib/libx.so", body: "library"},
		{name: "./usr/share/closed/", kind: tar.TypeDir, mode: 0o555},
		{name: "./usr/share/closed/file", mode: 0o444, body: "data"},
		{name: "./etc/group", body: "mine:x:1:\n"},
	}))
	two := m.add("two", makeDeb(t, ".zst", []entry{
		{name: "./bin", kind: tar.TypeSymlink, link: "usr/bin"},
		{name: "./usr/share/ca-certificates/mozilla/B.crt", body: "B\n"},
		{name: "./usr/share/ca-certificates/mozilla/A.crt", body: "A\n"},
	}))
	s := openStore(t, t.TempDir(), m)
	ctx := context.Background()
	dir, err := s.Tree(ctx, []Package{one, two})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"usr/bin/su": "program", "usr/bin/hard": "program", "bin/su": "program", "usr/lib/libx.so": "library", "lib/libx.so": "library",
		"usr/share/closed/file": "data", "etc/group": "mine:x:1:\n", "usr/bin/awk": "mawk",
		"etc/ssl/certs/ca-certificates.crt": "A\nB\n",
	} {
		if got := read(t, dir, name); got != want {
			t.Errorf("%s = %q; want %q", name, got, want)
		}
	}
	for name, want := range map[string]fs.FileMode{
		"usr/bin/su": 0o755, "lib": fs.ModeSymlink | 0o777, "usr/bin/soft": fs.ModeSymlink | 0o777,
		"usr/share/closed": fs.ModeDir | 0o755, "usr/share/closed/file": 0o444,
	} {
		st, err := os.Lstat(filepath.Join(dir, name))
		if err != nil || st.Mode() != want {
			t.Errorf("mode of %s = %v, %v; want %v", name, st.Mode(), err, want)
		}
	}
	if to, err := os.Readlink(filepath.Join(dir, "usr/bin/soft")); to != "/usr/bin/su" {
		t.Errorf("soft -> %q, %v", to, err)
	}
	a, errA := os.Stat(filepath.Join(dir, "usr/bin/su"))
	b, errB := os.Stat(filepath.Join(dir, "usr/bin/hard"))
	if err := errors.Join(errA, errB); err != nil || !os.SameFile(a, b) {
		t.Errorf("a hard link is another file (%v)", err)
	}
	if want := time.Unix(1_600_000_000, 0); !a.ModTime().Equal(want) {
		t.Errorf("time of su = %v; want %v", a.ModTime(), want)
	}

	m.Close()
	again, err := s.Tree(ctx, []Package{two, one})
	if err != nil || again != dir {
		t.Errorf("the same list in another order: %s, %v; want %s", again, err, dir)
	}
}

// The two ways of undoing a package's compression give the same tree.
func TestUnpackWithAndWithoutDpkg(t *testing.T) {
	deb := makeDeb(t, ".xz", []entry{{name: "./usr/a", body: strings.Repeat("a", 100_000)}, {name: "./usr/b", kind: tar.TypeSymlink, link: "a"}})
	file := filepath.Join(t.TempDir(), "x.deb")
	if err := os.WriteFile(file, deb, 0o644); err != nil {
		t.Fatal(err)
	}
	unpack := func() string {
		dir := t.TempDir()
		root, err := os.OpenRoot(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		if _, err := unpackDeb(context.Background(), file, root); err != nil {
			t.Fatal(err)
		}
		return read(t, dir, "usr/b")
	}
	with := unpack()
	t.Setenv("PATH", t.TempDir())
	if without := unpack(); without != with || len(with) != 100_000 {
		t.Errorf("%d bytes with dpkg-deb, %d without; want 100000", len(with), len(without))
	}
}

func TestTreeStaysInside(t *testing.T) {
	tests := map[string][]entry{
		"a name with ..":              {{name: "../evil", body: "x"}},
		"a name that climbs":          {{name: "./usr/../../evil", body: "x"}},
		"a file through a link":       {{name: "./usr/out", kind: tar.TypeSymlink, link: "/"}, {name: "./usr/out/evil", body: "x"}},
		"a file through a climber":    {{name: "./usr/out", kind: tar.TypeSymlink, link: "../../.."}, {name: "./usr/out/evil", body: "x"}},
		"a directory through a link":  {{name: "./usr/out", kind: tar.TypeSymlink, link: "/"}, {name: "./usr/out/evil/", kind: tar.TypeDir}},
		"a hard link out":             {{name: "./usr/evil", kind: tar.TypeLink, link: "../../../etc/passwd"}},
		"a hard link through a link":  {{name: "./usr/out", kind: tar.TypeSymlink, link: "/etc"}, {name: "./usr/evil", kind: tar.TypeLink, link: "usr/out/passwd"}},
		"a link over the merged /lib": {{name: "./lib/../../evil", body: "x"}},
		"a device":                    {{name: "./dev/sda", kind: tar.TypeBlock}},
		"a file twice":                {{name: "./usr/x", body: "1"}, {name: "./usr/x", body: "2"}},
		"a file over a link":          {{name: "./usr/x", kind: tar.TypeSymlink, link: "y"}, {name: "./usr/x", body: "2"}},
	}
	for name, entries := range tests {
		t.Run(name, func(t *testing.T) {
			outside := t.TempDir()
			dir := filepath.Join(outside, "in", "tree")
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			root, err := os.OpenRoot(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer root.Close()
			if err := mergeUsr(root); err != nil {
				t.Fatal(err)
			}
			if _, err := unpackTar(context.Background(), bytes.NewReader(makeTar(t, entries)), root); err == nil {
				t.Error("unpacking found nothing wrong")
			}
			left, err := filepath.Glob(outside + "/*")
			if err != nil || len(left) != 1 {
				t.Errorf("outside of the tree there is %v (%v)", left, err)
			}
		})
	}
}

// An absolute name is one in the tree, as tar has it.
func TestAbsoluteNameIsInTheTree(t *testing.T) {
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if _, err := unpackTar(context.Background(), bytes.NewReader(makeTar(t, []entry{{name: "/usr/x", body: "x"}})), root); err != nil {
		t.Fatal(err)
	}
	if got := read(t, dir, "usr/x"); got != "x" {
		t.Errorf("usr/x = %q", got)
	}
}

func FuzzUnpackTar(f *testing.F) {
	f.Add(makeTar(f, []entry{{name: "./usr/x", body: "x"}, {name: "./usr/y", kind: tar.TypeSymlink, link: "/"}, {name: "./usr/y/z", body: "x"}}))
	f.Add(makeTar(f, []entry{{name: "./a", kind: tar.TypeLink, link: "../b"}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		outside := t.TempDir()
		dir := filepath.Join(outside, "tree")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		root, err := os.OpenRoot(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		_, _ = unpackTar(context.Background(), bytes.NewReader(b), root)
		if left, err := os.ReadDir(outside); err != nil || len(left) != 1 {
			t.Errorf("outside of the tree there is %v (%v)", left, err)
		}
	})
}

func TestTreeFetchesADamagedPackageAgain(t *testing.T) {
	m := newMirror(t)
	p := m.add("p", makeDeb(t, ".gz", []entry{{name: "./usr/x", body: "x"}}))
	s := openStore(t, t.TempDir(), m)
	ctx := context.Background()
	if err := s.Fetch(ctx, []Package{p}); err != nil {
		t.Fatal(err)
	}
	damaged := []byte(read(t, s.File(p)))
	damaged[len(damaged)/2] ^= 1
	if err := os.WriteFile(s.File(p), damaged, 0o644); err != nil {
		t.Fatal(err)
	}
	dir, err := s.Tree(ctx, []Package{p})
	if err != nil {
		t.Fatal(err)
	}
	if got := read(t, dir, "usr/x"); got != "x" || m.asked(p) != 2 {
		t.Errorf("usr/x = %q after %d downloads; want x after 2", got, m.asked(p))
	}
}

func TestOnce(t *testing.T) {
	s := openStore(t, t.TempDir())
	dir := filepath.Join(s.Dir(), "build", "x")
	ctx := context.Background()

	boom := errors.New("boom")
	fail := func(tmp string) error {
		if err := os.WriteFile(filepath.Join(tmp, "half"), nil, 0o644); err != nil {
			return err
		}
		return boom
	}
	if err := s.Once(ctx, dir, fail); !errors.Is(err, boom) {
		t.Fatalf("Once = %v; want %v", err, boom)
	}
	if left, err := os.ReadDir(filepath.Dir(dir)); err != nil || len(left) != 0 {
		t.Errorf("a failure left %v (%v)", left, err)
	}
	// What a process left that died in the middle must not get into the result.
	if err := os.MkdirAll(filepath.Join(s.Dir(), "build", ".new-x", "half"), 0o755); err != nil {
		t.Fatal(err)
	}
	var fills atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			err := s.Once(ctx, dir, func(tmp string) error {
				fills.Add(1)
				return os.WriteFile(filepath.Join(tmp, "whole"), nil, 0o644)
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := fills.Load(); n != 1 {
		t.Errorf("filled %d times; want once", n)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 || left[0].Name() != "whole" {
		t.Errorf("the result has %v (%v)", left, err)
	}
	if err := s.Once(ctx, "/etc/x", fail); err == nil || errors.Is(err, boom) {
		t.Errorf("Once outside of the cache = %v", err)
	}
}

func TestOnceStopsWaitingWithItsContext(t *testing.T) {
	s := openStore(t, t.TempDir())
	dir := filepath.Join(s.Dir(), "build", "x")
	ctx, cancel := context.WithCancel(context.Background())
	err := s.Once(context.Background(), dir, func(string) error {
		cancel()
		if err := s.Once(ctx, dir, func(string) error { return nil }); !errors.Is(err, context.Canceled) {
			t.Errorf("waiting = %v; want %v", err, context.Canceled)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestDefaultDir(t *testing.T) {
	t.Setenv("HOME", "/home/x")
	t.Setenv("XDG_CACHE_HOME", "")
	t.Setenv("SWITCHROOM_CACHE", "")
	for _, tt := range []struct{ key, value, want string }{
		{"HOME", "/home/x", "/home/x/.cache/switchroom"},
		{"XDG_CACHE_HOME", "/xdg", "/xdg/switchroom"},
		{"SWITCHROOM_CACHE", "/mine", "/mine"},
	} {
		t.Setenv(tt.key, tt.value)
		if got, err := DefaultDir(); err != nil || got != tt.want {
			t.Errorf("with %s: DefaultDir = %q, %v; want %q", tt.key, got, err, tt.want)
		}
	}
}

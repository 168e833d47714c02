package rootfs

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"github.com/u-root/u-root/pkg/cpio"
)

func must(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func write(t *testing.T, path, content string) string {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o600))
	return path
}

// sample is a tree with one of everything.
func sample(t *testing.T) *Tree {
	t.Helper()
	host := write(t, filepath.Join(t.TempDir(), "host"), "from the host")
	tree := new(Tree)
	must(t,
		tree.File("/bin/tool", host, 0o755),
		tree.Bytes("etc/name", []byte("switchroom\n"), 0o644),
		tree.Symlink("bin", "usr/bin"),
		tree.CharDevice("dev/console", 0o600, 5, 1),
		tree.Dir("efi", 0o700),
	)
	return tree
}

func TestTreeEntries(t *testing.T) {
	var got []string
	for _, e := range sample(t).Entries() {
		got = append(got, e.Mode.String()+" "+e.Path)
	}
	want := []string{
		"Lrwxrwxrwx bin", "drwxr-xr-x dev", "Dcrw------- dev/console", "drwx------ efi", "drwxr-xr-x etc", "-rw-r--r-- etc/name",
		"drwxr-xr-x usr", "drwxr-xr-x usr/bin", "-rwxr-xr-x usr/bin/tool",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
}

func TestTreeRefuses(t *testing.T) {
	tree := sample(t)
	for name, err := range map[string]error{
		"another file of a name": tree.Bytes("etc/name", []byte("other"), 0o644),
		"below a file":           tree.Bytes("etc/name/x", nil, 0o644),
		"file for a folder":      tree.Bytes("usr/bin", nil, 0o644),
		"the root":               tree.Bytes("/", nil, 0o644),
	} {
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if err := tree.Bytes("/etc/../etc/name", []byte("switchroom\n"), 0o644); err != nil {
		t.Errorf("the same file once more: %v", err)
	}
}

func TestTreeHash(t *testing.T) {
	base, err := sample(t).Hash()
	must(t, err)
	again, err := sample(t).Hash() // the host's file lies somewhere else now
	must(t, err)
	if base != again {
		t.Error("equal trees have different hashes")
	}
	for name, change := range map[string]func(*Tree) error{
		"content":    func(x *Tree) error { x.entries["etc/name"].Data = []byte("other"); return nil },
		"permission": func(x *Tree) error { return x.Dir("efi", 0o755) },
		"target":     func(x *Tree) error { x.entries["bin"].Target = "usr/sbin"; return nil },
		"device":     func(x *Tree) error { x.entries["dev/console"].Minor = 2; return nil },
		"more":       func(x *Tree) error { return x.Dir("more", 0o755) },
		"host's file": func(x *Tree) error {
			return os.WriteFile(x.entries["usr/bin/tool"].Source, []byte("from another"), 0o600)
		},
	} {
		tree := sample(t)
		must(t, change(tree))
		if h, err := tree.Hash(); err != nil || h == base {
			t.Errorf("%s: the hash is the same (%v)", name, err)
		}
	}
}

func TestWriteCPIO(t *testing.T) {
	var packed, again bytes.Buffer
	must(t, sample(t).WriteCPIO(&packed), sample(t).WriteCPIO(&again))
	if !bytes.Equal(packed.Bytes(), again.Bytes()) {
		t.Error("equal trees make different archives")
	}
	z, err := zstd.NewReader(&packed)
	must(t, err)
	defer z.Close()
	plain, err := io.ReadAll(z)
	must(t, err)
	records, err := cpio.ReadAllRecords(cpio.Newc.Reader(bytes.NewReader(plain)))
	must(t, err)
	found := map[string]cpio.Record{}
	for _, r := range records {
		found[r.Name] = r
	}
	if c := found["dev/console"]; c.Mode != cpio.S_IFCHR|0o600 || c.Rmajor != 5 || c.Rminor != 1 {
		t.Errorf("console: %v", c.Info)
	}
	if l := found["bin"]; l.Mode != cpio.S_IFLNK|0o777 {
		t.Errorf("link: %v", l.Info)
	}
	content, err := io.ReadAll(io.NewSectionReader(found["usr/bin/tool"], 0, int64(found["usr/bin/tool"].FileSize)))
	must(t, err)
	if string(content) != "from the host" {
		t.Errorf("tool holds %q", content)
	}
}

func TestWriteDir(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "root")
	must(t, sample(t).WriteDir(dir))
	content, err := os.ReadFile(filepath.Join(dir, "bin", "tool")) // through the link
	must(t, err)
	if string(content) != "from the host" {
		t.Errorf("tool holds %q", content)
	}
	if fi, err := os.Stat(filepath.Join(dir, "efi")); err != nil || fi.Mode().Perm() != 0o700 {
		t.Errorf("efi: %v, %v", fi, err)
	}
	if _, err := os.Lstat(filepath.Join(dir, "dev", "console")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the device was made: %v", err)
	}
	if err := sample(t).WriteDir(dir); err == nil {
		t.Error("a folder that isn't empty was written to")
	}
}

func TestOverlay(t *testing.T) {
	top, low := t.TempDir(), t.TempDir()
	write(t, filepath.Join(top, "usr/lib/both"), "top")
	write(t, filepath.Join(low, "usr/lib/both"), "low")
	write(t, filepath.Join(low, "lib/unmerged"), "low") // a package that isn't usr-merged
	write(t, filepath.Join(low, "etc/secret"), "inside")
	must(t,
		os.Symlink("/etc/secret", filepath.Join(low, "usr/lib/absolute")),
		os.Symlink("both", filepath.Join(low, "usr/lib/relative")),
		os.Symlink("../../../../../../etc/secret", filepath.Join(low, "usr/lib/climbing")),
		os.Symlink("loop", filepath.Join(low, "usr/lib/loop")),
	)
	o := NewOverlay(top, low)
	for p, want := range map[string]string{
		"/lib/both": "top", "usr/lib/both": "top", "/lib/unmerged": "low", "usr/lib/unmerged": "low",
		"lib/absolute": "inside", "lib/relative": "top", "lib/climbing": "inside",
	} {
		host, _, err := o.Resolve(p)
		if err != nil {
			t.Errorf("Resolve(%q): %v", p, err)
			continue
		}
		if got, err := os.ReadFile(host); err != nil || string(got) != want {
			t.Errorf("Resolve(%q) leads to %q, %v; want %q", p, got, err, want)
		}
	}
	if _, _, err := o.Resolve("lib/none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Resolve of nothing = %v; want %v", err, fs.ErrNotExist)
	}
	if _, _, err := o.Resolve("lib/loop"); err == nil {
		t.Error("a link to itself was resolved")
	}

	tree := new(Tree)
	must(t, o.Copy(tree, "usr/lib"))
	var names []string
	for _, e := range tree.Entries() {
		names = append(names, e.Path)
	}
	want := "usr usr/lib usr/lib/absolute usr/lib/both usr/lib/climbing usr/lib/loop usr/lib/relative"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("copied %q; want %q", got, want)
	}
	if e, _ := tree.Lookup("lib/both"); e.Source != filepath.Join(top, "usr/lib/both") || e.Mode.Perm() != 0o644 {
		t.Errorf("copied %+v", e)
	}
}

func TestBase(t *testing.T) {
	tree := new(Tree)
	must(t, addBase(tree))
	passwd, ok := tree.Lookup("etc/passwd")
	if !ok {
		t.Fatal("no /etc/passwd")
	}
	group, _ := tree.Lookup("etc/group")
	// The numbers are on owners' data partitions.
	for _, line := range []string{"root:x:0:0:", "asterisk:x:101:101:", "cti:x:102:102:", "provision:x:103:103:", "records:x:104:104:", "setup:x:105:105:", "panel:x:106:106:"} {
		if !strings.Contains("\n"+string(passwd.Data), "\n"+line) {
			t.Errorf("no line %q in\n%s", line, passwd.Data)
		}
	}
	for _, line := range []string{"asterisk:x:101:\n", "dialout:x:20:\n", "dahdi:x:107:\n", "nogroup:x:65534:\n"} {
		if !strings.Contains("\n"+string(group.Data), "\n"+line) {
			t.Errorf("no line %q in\n%s", line, group.Data)
		}
	}
	for _, dir := range []string{"proc", "sys", "dev", "run", "tmp", "data", "var", "etc/asterisk", "efi"} {
		if e, ok := tree.Lookup(dir); !ok || !e.Mode.IsDir() {
			t.Errorf("%s is no folder", dir)
		}
	}
	for link, target := range map[string]string{"bin": "usr/bin", "lib64": "usr/lib64", "etc/hosts": "/run/switchroom/etc/hosts"} {
		if e, ok := tree.Lookup(link); !ok || e.Target != target {
			t.Errorf("%s -> %q; want %q", link, e.Target, target)
		}
	}
}

package boot

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

func TestReadHandover(t *testing.T) {
	path := filepath.Join(t.TempDir(), "boot")
	// As command init writes it.
	text := "SLOT=b\nDEVICE=nvme0n1p4\nDISK=nvme0n1\nWATCHDOG=watchdog0\nINIT_STARTED=2.125\nDISK_FOUND=3.000\nROOT_MOUNTED=3.250\nLATER=x\n"
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	want := State{Slot: "b", Device: "nvme0n1p4", Disk: "nvme0n1", Watchdog: "watchdog0", InitStarted: 2.125, DiskFound: 3, RootMounted: 3.25}
	if d := cmp.Diff(want, readHandover(path)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if d := cmp.Diff(State{}, readHandover(path+"x")); d != "" {
		t.Errorf("without a file (-want +got):\n%s", d)
	}
}

func TestIDs(t *testing.T) {
	root := t.TempDir()
	if err := os.Mkdir(root+"/etc", 0o755); err != nil {
		t.Fatal(err)
	}
	for f, text := range map[string]string{
		"passwd": "root:x:0:0::/:/bin/false\nasterisk:x:101:101::/:/bin/false\nbad\n",
		"group":  "root:x:0:\nasterisk:x:111:\nworse:x:y:\n",
	} {
		if err := os.WriteFile(root+"/etc/"+f, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	i := readIDs(root)
	if i.user("asterisk") != 101 || i.group("asterisk") != 111 || i.user("nobody") != 0 || i.group("worse") != 0 {
		t.Errorf("ids %+v", i)
	}
	if i := readIDs(root + "/none"); i.user("asterisk") != 0 {
		t.Errorf("ids of nothing %+v", i)
	}
}

func TestParseMountinfo(t *testing.T) {
	text := `22 1 8:3 / / ro,relatime shared:1 - squashfs /dev/sda3 ro
23 22 0:21 / /proc rw - proc proc rw
30 22 0:30 / /mnt/a\040b\134c rw,nosuid master:1 propagate_from:2 - ext4 /dev/sdb1 rw
broken
`
	want := []mounted{{"/", "squashfs"}, {"/proc", "proc"}, {`/mnt/a b\c`, "ext4"}}
	if d := cmp.Diff(want, parseMountinfo(strings.NewReader(text)), cmp.AllowUnexported(mounted{})); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// fakeMounts is a table of file systems, some of which are in use.
type fakeMounts struct {
	all  []mounted
	busy map[string]int // how often an unmount is refused; -1: always
	ro   []string
	gone []string
}

func (f *fakeMounts) mounts() ([]mounted, error) { return append([]mounted(nil), f.all...), nil }

func (f *fakeMounts) unmount(dir string) error {
	if n := f.busy[dir]; n != 0 {
		f.busy[dir] = max(n-1, -1)
		return unix.EBUSY
	}
	for i, m := range f.all {
		if m.dir == dir {
			// What lies in it must go first.
			for _, o := range f.all {
				if strings.HasPrefix(o.dir, dir+"/") {
					return unix.EBUSY
				}
			}
			f.all = append(f.all[:i], f.all[i+1:]...)
			f.gone = append(f.gone, dir)
			return nil
		}
	}
	return unix.EINVAL
}

func (f *fakeMounts) readOnly(dir string) error {
	f.ro = append(f.ro, dir)
	return nil
}

func TestUnmountAll(t *testing.T) {
	table := []mounted{
		{"/", "squashfs"}, {"/proc", "proc"}, {"/run", "tmpfs"}, {"/var", "tmpfs"},
		{"/data", "ext4"}, {"/data/stick", "vfat"}, {"/dev", "devtmpfs"},
	}
	f := &fakeMounts{all: append([]mounted(nil), table...)}
	unmountAll(quiet, f)
	if d := cmp.Diff([]string{"/data/stick", "/data", "/var"}, f.gone); d != "" || len(f.ro) != 0 {
		t.Errorf("unmounted (-want +got):\n%s; read-only: %v", d, f.ro)
	}

	f = &fakeMounts{all: append([]mounted(nil), table...), busy: map[string]int{"/data/stick": 1}}
	unmountAll(quiet, f)
	if d := cmp.Diff([]string{"/var", "/data/stick", "/data"}, f.gone); d != "" {
		t.Errorf("busy at first: unmounted (-want +got):\n%s", d)
	}

	f = &fakeMounts{all: append([]mounted(nil), table...), busy: map[string]int{"/data": -1}}
	unmountAll(quiet, f)
	if d := cmp.Diff([]string{"/data"}, f.ro); d != "" {
		t.Errorf("always busy: read-only (-want +got):\n%s", d)
	}
}

func TestPowerKey(t *testing.T) {
	var b bytes.Buffer
	event := func(kind, code uint16, value uint32) {
		e := make([]byte, inputEventSize)
		binary.NativeEndian.PutUint16(e[16:], kind)
		binary.NativeEndian.PutUint16(e[18:], code)
		binary.NativeEndian.PutUint32(e[20:], value)
		b.Write(e)
	}
	event(evKey, 30, 1)
	event(0, keyPower, 1)
	event(evKey, keyPower, 0)
	if err := powerKey(&b); !errors.Is(err, io.EOF) {
		t.Errorf("another key, a report and a release: %v; want the end", err)
	}
	event(0, 0, 0)
	event(evKey, keyPower, 1)
	if err := powerKey(&b); err != nil {
		t.Errorf("the power key: %v", err)
	}
}

func TestBitSet(t *testing.T) {
	for _, c := range []struct {
		bitmap string
		bit    int
		want   bool
	}{
		{"10000000000000 0\n", 116, true},                                            // an ACPI power button
		{"402000000 3803078f800d001 feffffdfffefffff fffffffffffffffe\n", 116, true}, // a keyboard with that key
		{"402000000 3803078f800d001 feffffdfffefffff fffffffffffffffe\n", 120, false},
		{"402000000 3803078f800d001 feffffdfffefffff fffffffffffffffe\n", 30, true},
		{"0\n", 116, false}, {"", 0, false}, {"x", 0, false},
	} {
		if got := bitSet(c.bitmap, c.bit); got != c.want {
			t.Errorf("bitSet(%q, %d) = %v", c.bitmap, c.bit, got)
		}
	}
}

func TestHasPowerKey(t *testing.T) {
	sys := t.TempDir()
	dir := filepath.Join(sys, "class/input/event0/device/capabilities")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/key", []byte("10000000000000 0\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if !hasPowerKey(sys, "event0") || hasPowerKey(sys, "event1") {
		t.Error("event0 has a power key, and event1 is not there")
	}
}

func TestHostnames(t *testing.T) {
	for s, want := range map[string]bool{
		"switchroom": true, "Box-2": true, strings.Repeat("a", 63): true,
		"": false, strings.Repeat("a", 64): false, "-a": false, "a-": false, "a.b": false, "a b": false, "總機": false,
	} {
		if validHostname(s) != want {
			t.Errorf("validHostname(%q) = %v", s, !want)
		}
	}
	path := filepath.Join(t.TempDir(), "hostname")
	for text, want := range map[string]string{"box-1\n": "box-1", "two words\n": "", "": ""} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if got := readHostname(path); got != want {
			t.Errorf("readHostname of %q = %q; want %q", text, got, want)
		}
	}
}

func TestIsDisplay(t *testing.T) {
	for s, want := range map[string]bool{
		"pci:v00001234d00001111sv00001AF4sd00001100bc03sc00i00": true,
		"pci:v00008086d000010D3sv00008086sd00000000bc02sc00i00": false,
		"platform:bc03": false,
	} {
		if isDisplay(s) != want {
			t.Errorf("isDisplay(%q) = %v", s, !want)
		}
	}
}

func TestClockIsNotSetBack(t *testing.T) {
	s := &System{log: quiet}
	s.notBefore(time.Now().Add(-time.Hour), "a test")
	s.notBefore(time.Time{}, "a test")
	if p := s.State().Problems; len(p) != 0 {
		t.Errorf("a clock that is right is a problem: %q", p)
	}
}

func TestFoldersAndLinks(t *testing.T) {
	root := t.TempDir()
	old := unix.Umask(0o077)
	defer unix.Umask(old)
	who := &ids{users: map[string]int{"me": os.Getuid()}, groups: map[string]int{"me": os.Getgid()}}
	for range 2 { // a second time changes nothing
		err := makeFolders(root, who, []folder{{path: "/a/b", mode: 0o755}, {path: "/t", mode: 0o777 | os.ModeSticky}, {path: "/m", mode: 0o750, user: "me", group: "me"}})
		if err != nil {
			t.Fatal(err)
		}
		if err := makeLinks(root, []link{{"/l/x", "/data/x"}}); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]os.FileMode{"/a/b": os.ModeDir | 0o755, "/t": os.ModeDir | os.ModeSticky | 0o777, "/m": os.ModeDir | 0o750} {
		st, err := os.Stat(root + path)
		if err != nil || st.Mode() != want {
			t.Errorf("%s: %v, %v; want %v", path, st.Mode(), err, want)
		}
	}
	if to, err := os.Readlink(root + "/l/x"); err != nil || to != "/data/x" {
		t.Errorf("the link leads to %q, %v", to, err)
	}
}

package rootfs

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/u-root/u-root/pkg/kmodule"
	"github.com/ulikunitz/xz"
)

// fakeModule returns an ELF object with a section .modinfo.
func fakeModule(info ...string) []byte {
	data := strings.Join(info, "\x00") + "\x00"
	names := "\x00.modinfo\x00.shstrtab\x00"
	le := binary.LittleEndian
	var b bytes.Buffer
	put := func(v any) {
		if err := binary.Write(&b, le, v); err != nil {
			panic(err)
		}
	}
	off := uint64(64 + len(data) + len(names))
	b.WriteString("\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 9))
	put([]uint16{1, 62})
	put(uint32(1))
	put([]uint64{0, 0, off})
	put(uint32(0))
	put([]uint16{64, 0, 0, 64, 3, 2})
	b.WriteString(data + names)
	sec := func(name, typ uint32, off, size uint64) {
		put([]uint32{name, typ})
		put([]uint64{0, 0, off, size})
		put([]uint32{0, 0})
		put([]uint64{1, 0})
	}
	sec(0, 0, 0, 0)
	sec(1, 1, 64, uint64(len(data)))
	sec(10, 3, uint64(64+len(data)), uint64(len(names)))
	return b.Bytes()
}

// fakeKernel makes a kernel whose modules are
//
//	card -> voicebus, dahdi; voicebus -> dahdi; dahdi -> crc-ccitt (built in)
//	net -> phy-lib, softly before it: realtek, and one that doesn't exist
func fakeKernel(t *testing.T) *Kernel {
	t.Helper()
	dir, extra := t.TempDir(), t.TempDir()
	write(t, filepath.Join(dir, "modules.builtin"), "kernel/lib/crc-ccitt.ko\nkernel/fs/fuse/fuse.ko\n")
	put := func(p string, m []byte) {
		var b bytes.Buffer
		w, err := xz.NewWriter(&b)
		must(t, err)
		_, err = w.Write(m)
		must(t, err, w.Close())
		write(t, filepath.Join(dir, p), b.String())
	}
	put("kernel/drivers/net/net.ko.xz", fakeModule("license=GPL", "depends=phy-lib", "softdep=pre: realtek gone", "alias=pci:v000010ECd*", "alias=of:x"))
	put("kernel/drivers/net/phy-lib.ko.xz", fakeModule("depends="))
	put("kernel/drivers/net/realtek.ko.xz", fakeModule("depends=phy-lib", "softdep=post: fuse"))
	put("kernel/drivers/unused.ko.xz", fakeModule("depends=gone"))
	write(t, filepath.Join(extra, "deep/card.ko"), string(fakeModule("depends=voicebus,dahdi", "alias=pci:v0000D161d00002400*")))
	write(t, filepath.Join(extra, "voicebus.ko"), string(fakeModule("depends=dahdi")))
	write(t, filepath.Join(extra, "dahdi.ko"), string(fakeModule("depends=crc-ccitt")))
	k, err := OpenKernel("7.0-test", dir, filepath.Join(dir, "modules.builtin"), t.TempDir(), extra)
	must(t, err)
	return k
}

func names(modules []*Module) string {
	var s []string
	for _, m := range modules {
		s = append(s, m.Name)
	}
	return strings.Join(s, " ")
}

func TestSelect(t *testing.T) {
	k := fakeKernel(t)
	for ask, want := range map[string]string{
		"card":         "card dahdi voicebus",
		"net":          "net phy_lib realtek",
		"phy-lib":      "phy_lib",
		"phy_lib fuse": "phy_lib",
		"fuse":         "",
	} {
		got, err := k.Select(strings.Fields(ask)...)
		if err != nil {
			t.Errorf("Select(%s): %v", ask, err)
		} else if names(got) != want {
			t.Errorf("Select(%s) = %s; want %s", ask, names(got), want)
		}
	}
	for _, ask := range []string{"gone", "unused"} {
		if _, err := k.Select(ask); !errors.Is(err, ErrNoModule) {
			t.Errorf("Select(%s) = %v; want %v", ask, err, ErrNoModule)
		}
	}
}

func TestAddModules(t *testing.T) {
	k := fakeKernel(t)
	modules, err := k.Select("card", "net")
	must(t, err)
	tree := new(Tree)
	must(t, k.AddModules(tree, modules))
	for file, want := range map[string]string{
		"modules.dep": "extra/card.ko: extra/voicebus.ko extra/dahdi.ko\n" +
			"extra/dahdi.ko:\n" +
			"extra/voicebus.ko: extra/dahdi.ko\n" +
			"kernel/drivers/net/net.ko: kernel/drivers/net/phy-lib.ko\n" +
			"kernel/drivers/net/phy-lib.ko:\n" +
			"kernel/drivers/net/realtek.ko: kernel/drivers/net/phy-lib.ko\n",
		"modules.alias": "# Aliases extracted from modules themselves.\n" +
			"alias pci:v0000D161d00002400* card\nalias pci:v000010ECd* net\nalias of:x net\n",
		"modules.softdep": "# Soft dependencies extracted from modules themselves.\n" +
			"softdep net pre: realtek gone\nsoftdep realtek post: fuse\n",
	} {
		e, ok := tree.Lookup("lib/modules/7.0-test/" + file)
		if !ok {
			t.Errorf("no %s", file)
		} else if diff := cmp.Diff(want, string(e.Data)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", file, diff)
		}
	}
	if err := k.AddModules(new(Tree), modules[:1]); err == nil {
		t.Error("modules without their dependencies were listed")
	}
}

// TestLoaderReadsModules holds that u-root's module loader, which ours is
// modelled on, loads the modules in the right order from what we write.
func TestLoaderReadsModules(t *testing.T) {
	k := fakeKernel(t)
	modules, err := k.Select("card", "net", "fuse")
	must(t, err)
	tree := new(Tree)
	must(t, k.AddModules(tree, modules))
	root := t.TempDir()
	must(t, os.RemoveAll(root), tree.WriteDir(root), os.Symlink("usr/lib", filepath.Join(root, "lib")))
	for ask, want := range map[string]string{"card": "dahdi voicebus card", "net": "phy-lib net", "fuse": ""} {
		var loaded []string
		must(t, kmodule.ProbeOptions(ask, "", kmodule.ProbeOpts{
			RootDir: root, KVer: "7.0-test", IgnoreProcMods: true,
			DryRunCB: func(p string) { loaded = append(loaded, strings.TrimSuffix(filepath.Base(p), ".ko")) },
		}))
		if got := strings.Join(loaded, " "); got != want {
			t.Errorf("loading %s loads %q; want %q", ask, got, want)
		}
	}
}

func TestParseModinfo(t *testing.T) {
	m := parseModinfo([]byte("license=GPL v2\x00depends=a,b-c,\x00softdep=pre: x-y z post: w\x00softdep=pre: q\x00alias=pci:*\x00version\x00"))
	want := &Module{License: "GPL v2", Depends: []string{"a", "b_c"}, SoftPre: []string{"x_y", "z", "q"}, SoftPost: []string{"w"}, Aliases: []string{"pci:*"}}
	if diff := cmp.Diff(want, m); diff != "" {
		t.Errorf("parseModinfo (-want +got):\n%s", diff)
	}
}

func TestModuleLists(t *testing.T) {
	early, err := ModuleList(ModulesEarly)
	must(t, err)
	all, err := ModuleList(ModulesEarly, ModulesRoot, ModulesDAHDI)
	must(t, err)
	seen := map[string]bool{}
	for _, n := range all {
		if seen[n] {
			t.Errorf("%s is listed twice", n)
		}
		seen[n] = true
	}
	for _, n := range []string{"squashfs", "ahci", "i6300esb", "ext4", "e1000e", "wctdm24xxp"} {
		if !seen[n] {
			t.Errorf("%s does not ship", n)
		}
	}
	if len(early) == 0 || len(early) >= len(all) {
		t.Errorf("%d early modules of %d", len(early), len(all))
	}
	if _, err := parseModuleList("ahci\n[early]\n", "early"); err == nil {
		t.Error("a name before the first section was taken")
	}
	if _, err := ModuleList("none"); err == nil {
		t.Error("a section that doesn't exist was found")
	}
}

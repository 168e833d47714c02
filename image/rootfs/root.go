package rootfs

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"switchroom/image"
	"switchroom/image/build"
	"switchroom/image/prompts"
)

// Parts is what a root tree is put together from. All paths are of the build
// machine.
type Parts struct {
	Packages string // the unpacked packages of the firmware
	Asterisk string // what Asterisk's "make install" made
	Espeak   string // the speech synthesiser
	Opus     string // the codec's library, instead of the packages'
	Vorbis   string // the same
	Prompts  string // what it has said at build time
	DAHDI    string // folder of the card's kernel modules, .ko

	Switchroom string // our own programs
	Rescue     string
	Units      string // folder of *.service and *.socket

	Kernel  *Kernel
	Vmlinuz string // the kernel itself, a bzImage
	Initrd  string

	Manifest []byte
}

// programs of the packages that ship; what they load comes by itself.
var programs = []string{
	"usr/sbin/mke2fs", "usr/sbin/e2fsck", "usr/sbin/resize2fs", "usr/sbin/fsck.fat",
	"usr/bin/lame", build.EspeakProgram,
	// NSS opens its token and its arithmetic at run time; libsrtp uses NSS, and
	// Asterisk ends if they are missing.
	"usr/lib/x86_64-linux-gnu/libsoftokn3.so",
	"usr/lib/x86_64-linux-gnu/libfreebl3.so",
	"usr/lib/x86_64-linux-gnu/libfreeblpriv3.so",
}

// links to them by the names that others call them.
var programLinks = map[string]string{
	"usr/sbin/mkfs.ext4": "mke2fs", "usr/sbin/fsck.ext4": "e2fsck", "usr/sbin/fsck.vfat": "fsck.fat",
}

// data of the packages and of Asterisk, as files or whole folders.
var data = []string{
	"usr/share/zoneinfo",
	"usr/share/asterisk", build.EspeakData,
	"usr/share/common-licenses",
	"etc/mke2fs.conf", "etc/os-release", "usr/lib/os-release",
	"etc/ssl/certs/ca-certificates.crt",
}

// leaveOut are parts of the data that nothing on the box reads.
var leaveOut = []string{
	"usr/share/zoneinfo/right", "usr/share/zoneinfo/posix",
	"usr/share/zoneinfo/posixrules", "usr/share/zoneinfo/leap-seconds.list",
	"usr/share/zoneinfo/leapseconds", "usr/share/zoneinfo/tzdata.zi",
	"usr/share/asterisk/firmware", "usr/share/asterisk/images", "usr/share/asterisk/static-http",
	"usr/share/asterisk/rest-api", "usr/share/asterisk/agi-bin", "usr/share/asterisk/scripts",
	"usr/share/asterisk/phoneprov", "usr/share/asterisk/keys",
	// Three pieces of music, of eight minutes in all, are enough for those who wait: these two have 1 MB.
	"usr/share/asterisk/moh/reno_project-system.gsm", "usr/share/asterisk/moh/macroform-the_simplicity.gsm",
}

// modules returns the kernel modules that ship in the root: all sections of the
// list, the card's drivers among them.
func (p Parts) modules() ([]*Module, error) {
	names, err := ModuleList(ModulesEarly, ModulesRoot, ModulesDAHDI)
	if err != nil {
		return nil, err
	}
	return p.Kernel.Select(names...)
}

// Root returns the root tree of a slot, kernel and initramfs included, without
// licence texts and the bill of materials: see [AddLicences] and [SBOM].
func Root(p Parts) (*Tree, error) {
	t := new(Tree)
	if err := addBase(t); err != nil {
		return nil, err
	}
	o := NewOverlay(p.Asterisk, p.Prompts, p.Espeak, p.Opus, p.Vorbis, p.Packages)
	if err := addPrograms(t, o); err != nil {
		return nil, err
	}
	if err := addData(t, o); err != nil {
		return nil, err
	}
	modules, err := p.modules()
	if err != nil {
		return nil, err
	}
	if err := p.Kernel.AddModules(t, modules); err != nil {
		return nil, err
	}
	if err := addOwn(t, p); err != nil {
		return nil, err
	}
	return t, nil
}

func addPrograms(t *Tree, o *Overlay) error {
	roots := slices.Clone(programs)
	roots = append(roots, "usr/sbin/asterisk")
	modules, err := o.Glob("usr/lib/x86_64-linux-gnu/asterisk/modules/*.so")
	if err != nil {
		return err
	}
	if len(modules) == 0 {
		return errors.New("the root: Asterisk has no modules")
	}
	if _, _, err := o.Resolve("usr/sbin/astcanary"); err == nil {
		roots = append(roots, "usr/sbin/astcanary")
	}
	if err := AddELF(t, o, append(roots, modules...)...); err != nil {
		return fmt.Errorf("the root: %w", err)
	}
	for from, to := range programLinks {
		if err := t.Symlink(from, to); err != nil {
			return fmt.Errorf("the root: %w", err)
		}
	}
	return nil
}

func addData(t *Tree, o *Overlay) error {
	out := slices.Clone(leaveOut)
	dropped, err := prompts.Dropped()
	if err != nil {
		return fmt.Errorf("the root's data: %w", err)
	}
	for _, name := range dropped {
		out = append(out, path.Join(prompts.SoundsDir, prompts.EnglishVoice, name+".gsm"))
	}
	// Into a tree of its own, to leave parts out before they meet the others.
	all := new(Tree)
	for _, d := range data {
		if err := o.Copy(all, d); err != nil {
			return fmt.Errorf("the root's data: %w", err)
		}
	}
	for _, e := range all.Entries() {
		if slices.ContainsFunc(out, func(dir string) bool { return e.Path == dir || strings.HasPrefix(e.Path, dir+"/") }) {
			continue
		}
		if err := t.add(e); err != nil {
			return fmt.Errorf("the root's data: %w", err)
		}
	}
	return addLanguages(t)
}

// ownerPrompts is where the owner's prompts lie on the data partition, by language.
const ownerPrompts = "/data/prompts"

// addLanguages makes the links by which Asterisk finds prompts: the English voice by its short name,
// and, by the language of the call, what the owner has recorded. Asterisk looks for "custom/" and a
// prompt's name before the prompt itself (sounds_search_custom_dir), so a recording takes the
// place of a built-in prompt. "any" has what exists in one language only. A prompt that is missing in
// a language stops the build.
func addLanguages(t *Tree) error {
	var sounds []string
	for _, e := range t.Entries() {
		if name, ok := strings.CutPrefix(e.Path, prompts.SoundsDir+"/"); ok && !e.Mode.IsDir() {
			sounds = append(sounds, name)
		}
	}
	if err := prompts.Check(sounds); err != nil {
		return fmt.Errorf("the root's data: %w", err)
	}
	for from, to := range map[string]string{
		prompts.English:                  prompts.EnglishVoice,
		prompts.EnglishVoice + "/custom": ownerPrompts + "/" + prompts.English,
		prompts.Chinese + "/custom":      ownerPrompts + "/" + prompts.Chinese,
		"custom":                         ownerPrompts + "/any",
	} {
		if err := t.Symlink(path.Join(prompts.SoundsDir, from), to); err != nil {
			return fmt.Errorf("the root's data: %w", err)
		}
	}
	return nil
}

func addOwn(t *Tree, p Parts) error {
	add := func(to, from string, perm fs.FileMode) error {
		if from == "" {
			return fmt.Errorf("the root: nothing to put at %s", to)
		}
		return t.File(to, from, perm)
	}
	for _, err := range []error{
		add("usr/bin/switchroom", p.Switchroom, 0o755),
		add(image.KernelPath, p.Vmlinuz, 0o644),
		add(image.InitrdPath, p.Initrd, 0o644),
		addRescue(t, p.Rescue),
		t.Bytes(image.ManifestPath, p.Manifest, 0o644),
	} {
		if err != nil {
			return err
		}
	}
	n := 0
	for _, pattern := range []string{"*.service", "*.socket"} {
		files, err := filepath.Glob(filepath.Join(p.Units, pattern))
		if err != nil {
			return fmt.Errorf("the root's units: %w", err)
		}
		for _, f := range files {
			if err := t.File("usr/lib/systemd/system/"+filepath.Base(f), f, 0o644); err != nil {
				return err
			}
			n++
		}
	}
	if n == 0 {
		return fmt.Errorf("the root: no units in %s", p.Units)
	}
	return nil
}

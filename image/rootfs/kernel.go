package rootfs

import (
	"bytes"
	"debug/elf"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// Kernel is the modules of one kernel release on the build machine, read as
// far as somebody asks. Not safe for concurrent use.
type Kernel struct {
	Release string

	files   map[string]moduleFile // by module name
	builtin map[string]bool
	modules map[string]*Module
	cache   string
}

type moduleFile struct{ rel, host string } // rel: in lib/modules/<release>, without compression's suffix

// Module is a kernel module and what its .modinfo section says.
type Module struct {
	Name     string // with underscores, as the kernel calls it
	Rel      string // path in lib/modules/<release>, ending in .ko
	File     string // on the build machine, not compressed
	Depends  []string
	SoftPre  []string // loaded before it if they can be
	SoftPost []string
	Aliases  []string // the hardware it drives, as modalias patterns
	License  string
}

// OpenKernel finds the modules of a release. dir holds the kernel's own, in the
// layout of lib/modules/<release>; builtin is the kernel's modules.builtin, the
// list of what is no module because it is always there; extra holds more .ko
// files, built for this kernel, which take precedence. Decompressed modules are
// kept in cache.
func OpenKernel(release, dir, builtin, cache string, extra ...string) (*Kernel, error) {
	k := &Kernel{Release: release, files: make(map[string]moduleFile), builtin: make(map[string]bool), modules: make(map[string]*Module), cache: cache}
	list, err := os.ReadFile(builtin)
	if err != nil {
		return nil, fmt.Errorf("opening the modules of %s: %w", release, err)
	}
	for line := range strings.Lines(string(list)) {
		k.builtin[moduleName(strings.TrimSpace(line))] = true
	}
	if err := k.scan(filepath.Join(dir, "kernel"), "kernel"); err != nil {
		return nil, err
	}
	for _, e := range extra {
		if err := k.scan(e, "extra"); err != nil {
			return nil, err
		}
	}
	return k, nil
}

func (k *Kernel) scan(dir, under string) error {
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name := moduleName(p)
		if name == "" {
			return nil
		}
		rel, err := filepath.Rel(dir, p)
		if err != nil {
			return err
		}
		if under == "extra" {
			rel = path.Base(filepath.ToSlash(rel))
		}
		i := strings.LastIndex(rel, ".ko")
		k.files[name] = moduleFile{path.Join(under, filepath.ToSlash(rel[:i+3])), p}
		return nil
	})
	if err != nil {
		return fmt.Errorf("opening the modules of %s: %w", k.Release, err)
	}
	return nil
}

// moduleName returns the kernel's name of a module file, "" if it is none.
func moduleName(file string) string {
	base := path.Base(filepath.ToSlash(file))
	for _, suffix := range []string{".ko", ".ko.xz", ".ko.zst"} {
		if name, ok := strings.CutSuffix(base, suffix); ok {
			return strings.ReplaceAll(name, "-", "_")
		}
	}
	return ""
}

// ErrNoModule is returned for a name that is neither a module nor built in.
var ErrNoModule = errors.New("no such kernel module")

// Module reads a module; nil without error if it is built into the kernel.
func (k *Kernel) Module(name string) (*Module, error) {
	name = strings.ReplaceAll(name, "-", "_")
	if m, ok := k.modules[name]; ok {
		return m, nil
	}
	f, ok := k.files[name]
	if !ok {
		if k.builtin[name] {
			return nil, nil
		}
		return nil, fmt.Errorf("%w: %s", ErrNoModule, name)
	}
	plain, err := k.plain(f)
	if err != nil {
		return nil, fmt.Errorf("reading the module %s: %w", name, err)
	}
	m, err := readModule(plain)
	if err != nil {
		return nil, fmt.Errorf("reading the module %s: %w", name, err)
	}
	m.Name, m.Rel, m.File = name, f.rel, plain
	k.modules[name] = m
	return m, nil
}

// plain returns a file decompressed and slim, from the cache if it is there.
func (k *Kernel) plain(f moduleFile) (string, error) {
	if strings.HasSuffix(f.host, ".ko") {
		return f.host, nil
	}
	out := filepath.Join(k.cache, k.Release, "slim", f.rel)
	if _, err := os.Stat(out); err == nil {
		return out, nil
	}
	packed, err := os.ReadFile(f.host)
	if err != nil {
		return "", err
	}
	var r io.Reader
	if strings.HasSuffix(f.host, ".xz") {
		if r, err = xz.NewReader(bytes.NewReader(packed)); err != nil {
			return "", err
		}
	} else {
		d, err := zstd.NewReader(bytes.NewReader(packed))
		if err != nil {
			return "", err
		}
		defer d.Close()
		r = d
	}
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return "", err
	}
	tmp, err := os.CreateTemp(filepath.Dir(out), ".unpacking-*")
	if err != nil {
		return "", err
	}
	module, err := io.ReadAll(r)
	if err == nil {
		module, err = slimModule(module)
	}
	if err == nil {
		_, err = tmp.Write(module)
	}
	if err = errors.Join(err, tmp.Close()); err != nil {
		return "", errors.Join(err, os.Remove(tmp.Name()))
	}
	return out, os.Rename(tmp.Name(), out)
}

// readModule reads a module's .modinfo: key=value strings, each ended by NUL
// (Linux, include/linux/moduleparam.h, __MODULE_INFO).
func readModule(file string) (*Module, error) {
	f, err := elf.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	s := f.Section(".modinfo")
	if s == nil {
		return nil, errors.New("it has no section .modinfo")
	}
	info, err := s.Data()
	if err != nil {
		return nil, fmt.Errorf("section .modinfo: %w", err)
	}
	return parseModinfo(info), nil
}

func parseModinfo(info []byte) *Module {
	var m Module
	for _, field := range bytes.Split(info, []byte{0}) {
		key, value, _ := strings.Cut(string(field), "=")
		switch key {
		case "depends":
			for d := range strings.SplitSeq(value, ",") {
				if d != "" {
					m.Depends = append(m.Depends, strings.ReplaceAll(d, "-", "_"))
				}
			}
		case "alias":
			m.Aliases = append(m.Aliases, value)
		case "license":
			m.License = value
		case "softdep":
			// "pre: a b post: c"
			var to *[]string
			for _, word := range strings.Fields(value) {
				switch word {
				case "pre:":
					to = &m.SoftPre
				case "post:":
					to = &m.SoftPost
				default:
					if to != nil {
						*to = append(*to, strings.ReplaceAll(word, "-", "_"))
					}
				}
			}
		}
	}
	return &m
}

// Select returns the modules named, with all they depend on, sorted by path.
// A name that is built into the kernel is fine; one that doesn't exist is an
// error. Soft dependencies are taken where the kernel has them.
func (k *Kernel) Select(names ...string) ([]*Module, error) {
	chosen := make(map[string]*Module)
	var need func(name, by string, soft bool) error
	need = func(name, by string, soft bool) error {
		m, err := k.Module(name)
		if err != nil {
			if soft && errors.Is(err, ErrNoModule) {
				return nil
			}
			if by != "" {
				return fmt.Errorf("%s depends on it: %w", by, err)
			}
			return err
		}
		if m == nil || chosen[m.Name] != nil {
			return nil
		}
		chosen[m.Name] = m
		for _, d := range m.Depends {
			if err := need(d, m.Name, false); err != nil {
				return err
			}
		}
		for _, d := range slices.Concat(m.SoftPre, m.SoftPost) {
			if err := need(d, m.Name, true); err != nil {
				return err
			}
		}
		return nil
	}
	for _, n := range names {
		if err := need(n, "", false); err != nil {
			return nil, fmt.Errorf("choosing kernel modules: %w", err)
		}
	}
	all := make([]*Module, 0, len(chosen))
	for _, m := range chosen {
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b *Module) int { return strings.Compare(a.Rel, b.Rel) })
	return all, nil
}

// AddModules puts modules into a tree under /lib/modules/<release>, with the
// files a loader looks into, in depmod's formats (depmod(8), modules.dep(5)):
// modules.dep with paths relative to that folder and all dependencies, the
// deepest last; modules.alias; modules.softdep; modules.builtin. The modules
// must be closed over their dependencies, as those of [Kernel.Select] are.
func (k *Kernel) AddModules(t *Tree, modules []*Module) error {
	base := path.Join("usr/lib/modules", k.Release)
	byName := make(map[string]*Module)
	for _, m := range modules {
		byName[m.Name] = m
	}
	var dep, alias, soft, builtin strings.Builder
	alias.WriteString("# Aliases extracted from modules themselves.\n")
	soft.WriteString("# Soft dependencies extracted from modules themselves.\n")
	for _, m := range modules {
		if err := t.File(path.Join(base, m.Rel), m.File, 0o644); err != nil {
			return err
		}
		order, err := k.loadOrder(m, byName)
		if err != nil {
			return err
		}
		dep.WriteString(m.Rel + ":")
		for _, d := range slices.Backward(order) {
			dep.WriteString(" " + d.Rel)
		}
		dep.WriteString("\n")
		for _, a := range m.Aliases {
			fmt.Fprintf(&alias, "alias %s %s\n", a, m.Name)
		}
		if len(m.SoftPre)+len(m.SoftPost) > 0 {
			fmt.Fprintf(&soft, "softdep %s", m.Name)
			for _, part := range []struct {
				word string
				mods []string
			}{{"pre:", m.SoftPre}, {"post:", m.SoftPost}} {
				if len(part.mods) > 0 {
					fmt.Fprintf(&soft, " %s %s", part.word, strings.Join(part.mods, " "))
				}
			}
			soft.WriteString("\n")
		}
	}
	names := make([]string, 0, len(k.builtin))
	for n := range k.builtin {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		// Only the names matter to a loader: whether asking for one is in vain.
		fmt.Fprintf(&builtin, "kernel/%s.ko\n", n)
	}
	for name, text := range map[string]string{
		"modules.dep": dep.String(), "modules.alias": alias.String(), "modules.softdep": soft.String(), "modules.builtin": builtin.String(),
	} {
		if err := t.Bytes(path.Join(base, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// loadOrder returns what a module depends on, each after what it depends on
// itself.
func (k *Kernel) loadOrder(m *Module, byName map[string]*Module) ([]*Module, error) {
	var order []*Module
	done := map[string]bool{m.Name: true}
	var visit func(m *Module) error
	visit = func(m *Module) error {
		for _, name := range m.Depends {
			if done[name] {
				continue
			}
			done[name] = true
			d := byName[name]
			if d == nil && k.builtin[name] && k.files[name].host == "" {
				continue
			}
			if d == nil {
				return fmt.Errorf("listing kernel modules: %s depends on %s, which is not among them", m.Name, name)
			}
			if err := visit(d); err != nil {
				return err
			}
			order = append(order, d)
		}
		return nil
	}
	return order, visit(m)
}

// Package kmod loads kernel modules: by name with parameters, or by the
// modalias of a device, with everything they depend on.
//
// It reads what depmod writes beside the modules of one kernel
// (modules.dep, modules.alias, modules.softdep, modules.builtin; all but the
// first may be missing) and calls finit_module(2). Modules lie uncompressed
// in the image: the file systems around them compress better, and a module
// is inflated once.
//
// The package serves the initramfs as well as the root, so it imports little:
// every kilobyte of the initramfs is read by the firmware of the machine.
package kmod

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Index is what is known of the modules of one kernel. It does not change
// after it was read, so any number of goroutines may use it.
type Index struct {
	dir     string
	modules map[string]module
	// Aliases by the bus they begin with ("pci", "usb", "platform"…):
	// a device's modalias is compared with its own bus's only, and with the
	// few whose bus is a pattern too ("acpi*:LNXPWRBN:*"), which stand under
	// anyBus.
	aliases map[string][]alias
	builtin map[string]bool
}

type module struct {
	path      string
	deps      []string // names of the modules it needs
	pre, post []string // names of modules that should be there before and after it
}

type alias struct {
	pattern, name string
}

// Name is the kernel's name of a module: without folder and ending, with
// underscores.
func Name(s string) string {
	s = path.Base(s)
	s = strings.TrimSuffix(s, ".ko")
	return strings.ReplaceAll(s, "-", "_")
}

// ReadIndex reads the index of the modules in dir, such as
// /lib/modules/6.12.0. Without modules.dep it fails; the other files may be
// missing.
func ReadIndex(dir string) (*Index, error) {
	x := &Index{
		dir:     dir,
		modules: map[string]module{},
		aliases: map[string][]alias{},
		builtin: map[string]bool{},
	}
	for _, f := range []struct {
		name     string
		line     func(string) error
		optional bool
	}{
		{"modules.dep", x.depLine, false},
		{"modules.alias", x.aliasLine, true},
		{"modules.softdep", x.softdepLine, true},
		{"modules.builtin", x.builtinLine, true},
	} {
		err := readLines(filepath.Join(dir, f.name), f.line)
		if f.optional && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("reading the index of kernel modules: %w", err)
		}
	}
	return x, nil
}

func readLines(name string, line func(string) error) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return scan(f, name, line)
}

func scan(r io.Reader, name string, line func(string) error) error {
	s := bufio.NewScanner(r)
	s.Buffer(nil, 1<<20)
	for n := 1; s.Scan(); n++ {
		text := strings.TrimSpace(s.Text())
		if text == "" || text[0] == '#' {
			continue
		}
		if err := line(text); err != nil {
			return fmt.Errorf("%s:%d: %w", name, n, err)
		}
	}
	if err := s.Err(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// depLine reads "kernel/a.ko: kernel/b.ko kernel/c.ko".
func (x *Index) depLine(s string) error {
	file, deps, ok := strings.Cut(s, ":")
	if !ok {
		return fmt.Errorf("no colon in %q", s)
	}
	m := module{path: file}
	for _, d := range strings.Fields(deps) {
		m.deps = append(m.deps, Name(d))
	}
	x.modules[Name(file)] = m
	return nil
}

// aliasLine reads "alias pci:v00008086d* e1000e".
func (x *Index) aliasLine(s string) error {
	w := strings.Fields(s)
	if len(w) != 3 || w[0] != "alias" {
		return fmt.Errorf("want \"alias PATTERN MODULE\", have %q", s)
	}
	b := bus(w[1])
	if strings.ContainsAny(b, "*?[") {
		b = anyBus
	}
	x.aliases[b] = append(x.aliases[b], alias{w[1], Name(w[2])})
	return nil
}

// softdepLine reads "softdep NAME pre: A B post: C".
func (x *Index) softdepLine(s string) error {
	w := strings.Fields(s)
	if len(w) < 2 || w[0] != "softdep" {
		return fmt.Errorf("want \"softdep MODULE pre: … post: …\", have %q", s)
	}
	m, ok := x.modules[Name(w[1])]
	if !ok {
		return nil // about a module that is not in this tree
	}
	var to *[]string
	for _, f := range w[2:] {
		switch {
		case f == "pre:":
			to = &m.pre
		case f == "post:":
			to = &m.post
		case to == nil:
			return fmt.Errorf("%q stands before \"pre:\" or \"post:\"", f)
		default:
			*to = append(*to, Name(f))
		}
	}
	x.modules[Name(w[1])] = m
	return nil
}

func (x *Index) builtinLine(s string) error {
	x.builtin[Name(s)] = true
	return nil
}

// Has reports whether the module is in the tree, or built into the kernel.
func (x *Index) Has(name string) bool {
	name = Name(name)
	_, ok := x.modules[name]
	return ok || x.builtin[name]
}

// Needs reports whether the module is the other one, or depends on it,
// directly or not.
func (x *Index) Needs(name, other string) bool {
	return x.needs(Name(name), Name(other), 0)
}

func (x *Index) needs(name, other string, depth int) bool {
	if name == other {
		return true
	}
	if depth > maxDepth {
		return false
	}
	return slices.ContainsFunc(x.modules[name].deps, func(d string) bool {
		return x.needs(d, other, depth+1)
	})
}

// Match gives the names of the modules that say they drive a device with
// this modalias, in the order of the index, each once. An alias that names a
// module itself ("fs-ext4") matches too.
func (x *Index) Match(modalias string) []string {
	var names []string
	for _, list := range [][]alias{x.aliases[bus(modalias)], x.aliases[anyBus]} {
		for _, a := range list {
			if glob(a.pattern, modalias) && !slices.Contains(names, a.name) {
				names = append(names, a.name)
			}
		}
	}
	return names
}

const anyBus = "*"

// bus is the part of an alias before its colon. Aliases without a colon share
// one list.
func bus(alias string) string {
	b, _, ok := strings.Cut(alias, ":")
	if !ok {
		return ""
	}
	return b
}

// glob matches as fnmatch(3) without flags does, with what depmod writes:
// '*', '?', and sets in brackets. It never takes more than len(pattern) *
// len(s) steps: only the last star is ever tried again.
func glob(pattern, s string) bool {
	p, i := 0, 0
	star, mark := -1, 0
	for i < len(s) {
		if p < len(pattern) {
			switch c := pattern[p]; c {
			case '*':
				star, mark = p, i
				p++
				continue
			case '?':
				p++
				i++
				continue
			case '[':
				if n, ok := set(pattern[p:], s[i]); n > 0 {
					if ok {
						p += n
						i++
						continue
					}
				} else if s[i] == '[' { // never closed: an ordinary character
					p++
					i++
					continue
				}
			default:
				if c == s[i] {
					p++
					i++
					continue
				}
			}
		}
		if star < 0 {
			return false
		}
		mark++
		p, i = star+1, mark
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// set matches one character with the bracketed set that pattern begins with,
// and gives the set's length, 0 if it is never closed.
func set(pattern string, c byte) (n int, ok bool) {
	i := 1
	negate := false
	if i < len(pattern) && (pattern[i] == '!' || pattern[i] == '^') {
		negate = true
		i++
	}
	for first := true; i < len(pattern); first = false {
		if pattern[i] == ']' && !first {
			return i + 1, ok != negate
		}
		lo, hi := pattern[i], pattern[i]
		if i+2 < len(pattern) && pattern[i+1] == '-' && pattern[i+2] != ']' {
			hi = pattern[i+2]
			i += 2
		}
		ok = ok || lo <= c && c <= hi
		i++
	}
	return 0, false
}

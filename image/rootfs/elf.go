package rootfs

import (
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// libraryDirs is where Debian's loader looks without a cache (glibc's
// ld.so(8), multiarch path first).
var libraryDirs = []string{"usr/lib/x86_64-linux-gnu", "usr/lib"}

// AddELF adds programs and shared objects of the overlay to a tree together
// with everything they load: the interpreter and, transitively, the libraries
// named in their dynamic sections. Libraries are looked for as the loader does:
// DT_RPATH or DT_RUNPATH with $ORIGIN, then the standard folders. A link to a
// library becomes a plain file under the link's name, so the loader has one
// look-up less. Libraries opened at run time (dlopen) are not in any section:
// they must be among the roots.
//
// A root that is no ELF file is an error, as is a library that no layer has;
// the error says who needs it.
func AddELF(t *Tree, o *Overlay, roots ...string) error {
	type job struct{ path, host string }
	var queue []job
	seen := make(map[string]bool)
	add := func(p string) error {
		host, _, err := o.Resolve(p)
		if err != nil {
			return err
		}
		c, err := clean(p)
		if err != nil {
			return err
		}
		if seen[c] {
			return nil
		}
		seen[c] = true
		queue = append(queue, job{c, host})
		return t.File(c, host, 0o755)
	}
	for _, r := range roots {
		if err := add(r); err != nil {
			return fmt.Errorf("adding the program %s: %w", r, err)
		}
	}
	for len(queue) > 0 {
		j := queue[0]
		queue = queue[1:]
		needs, err := readNeeds(j.host)
		if err != nil {
			return fmt.Errorf("reading what %s loads: %w", j.path, err)
		}
		if needs.interp != "" {
			if err := add(needs.interp); err != nil {
				return fmt.Errorf("the interpreter of %s: %w", j.path, err)
			}
		}
		for _, lib := range needs.libs {
			found, err := findLibrary(o, lib, j.path, needs.runpath)
			if err != nil {
				return fmt.Errorf("%s needs %s: %w", j.path, lib, err)
			}
			if err := add(found); err != nil {
				return fmt.Errorf("%s needs %s: %w", j.path, lib, err)
			}
		}
	}
	return nil
}

type elfNeeds struct {
	interp  string
	libs    []string
	runpath []string
}

func readNeeds(host string) (elfNeeds, error) {
	f, err := elf.Open(host)
	if err != nil {
		return elfNeeds{}, err
	}
	defer f.Close()
	var n elfNeeds
	for _, p := range f.Progs {
		if p.Type != elf.PT_INTERP {
			continue
		}
		b, err := io.ReadAll(p.Open())
		if err != nil {
			return elfNeeds{}, fmt.Errorf("the interpreter's name: %w", err)
		}
		n.interp = strings.TrimRight(string(b), "\x00")
	}
	if n.libs, err = f.ImportedLibraries(); err != nil {
		return elfNeeds{}, fmt.Errorf("the dynamic section: %w", err)
	}
	for _, tag := range []elf.DynTag{elf.DT_RUNPATH, elf.DT_RPATH} {
		paths, err := f.DynString(tag)
		if err != nil {
			return elfNeeds{}, fmt.Errorf("the dynamic section: %w", err)
		}
		for _, p := range paths {
			n.runpath = append(n.runpath, strings.Split(p, ":")...)
		}
	}
	return n, nil
}

func findLibrary(o *Overlay, lib, by string, runpath []string) (string, error) {
	if strings.Contains(lib, "/") {
		return lib, nil
	}
	var dirs []string
	for _, p := range runpath {
		dirs = append(dirs, strings.NewReplacer("${ORIGIN}", "/"+path.Dir(by), "$ORIGIN", "/"+path.Dir(by)).Replace(p))
	}
	for _, dir := range slices.Concat(dirs, libraryDirs) {
		p := path.Join(dir, lib)
		if _, _, err := o.Resolve(p); err == nil {
			return p, nil
		} else if !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	return "", fmt.Errorf("it is in none of the packages: %w", fs.ErrNotExist)
}

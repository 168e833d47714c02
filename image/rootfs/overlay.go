package rootfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Overlay is several unpacked trees seen as one: a file is looked for in the
// first, then the next. Symbolic links are followed inside the whole, never
// out to the build machine. Names are usr-merged.
type Overlay struct {
	layers []string
}

// NewOverlay returns the overlay of these folders, the first on top.
func NewOverlay(layers ...string) *Overlay {
	return &Overlay{layers: slices.Clone(layers)}
}

// maxLinks is how many links in a row the kernel follows, too.
const maxLinks = 40

// Resolve returns the file of the build machine behind a path of the overlay,
// and that path with all links followed. It fails with fs.ErrNotExist if no
// layer has it.
func (o *Overlay) Resolve(p string) (host, real string, err error) {
	rest := strings.Split(strings.Trim(path.Clean("/"+p), "/"), "/")
	done := ""
	links := 0
	for len(rest) > 0 {
		if rest[0] == "" {
			rest = rest[1:]
			continue
		}
		at := path.Join(done, rest[0])
		rest = rest[1:]
		if to, ok := merged[at]; ok {
			at = to
		}
		found, fi, err := o.lstat(at)
		if err != nil {
			return "", "", fmt.Errorf("finding %s: %w", p, err)
		}
		if fi.Mode()&fs.ModeSymlink == 0 {
			done, host = at, found
			continue
		}
		if links++; links > maxLinks {
			return "", "", fmt.Errorf("finding %s: too many symbolic links", p)
		}
		target, err := os.Readlink(found)
		if err != nil {
			return "", "", fmt.Errorf("finding %s: %w", p, err)
		}
		if path.IsAbs(target) {
			done = ""
		} else {
			target = path.Join("/", done, target)
			done = ""
		}
		rest = append(strings.Split(strings.Trim(path.Clean(target), "/"), "/"), rest...)
	}
	return host, done, nil
}

// lstat finds a usr-merged name in the layers; a layer may not be merged.
func (o *Overlay) lstat(at string) (string, fs.FileInfo, error) {
	names := []string{at}
	for from, to := range merged {
		if rest, ok := strings.CutPrefix(at, to+"/"); ok {
			names = append(names, from+"/"+rest)
		}
	}
	for _, layer := range o.layers {
		for _, name := range names {
			host := filepath.Join(layer, name)
			fi, err := os.Lstat(host)
			if err == nil {
				return host, fi, nil
			}
			if !errors.Is(err, fs.ErrNotExist) {
				return "", nil, err
			}
		}
	}
	return "", nil, fs.ErrNotExist
}

// Glob returns the overlay's paths that match a pattern of path.Match, sorted.
// Links in the pattern's fixed part are not followed.
func (o *Overlay) Glob(pattern string) ([]string, error) {
	var found []string
	for _, layer := range o.layers {
		hits, err := filepath.Glob(filepath.Join(layer, pattern))
		if err != nil {
			return nil, fmt.Errorf("looking for %s: %w", pattern, err)
		}
		for _, h := range hits {
			rel, err := filepath.Rel(layer, h)
			if err != nil {
				return nil, fmt.Errorf("looking for %s: %w", pattern, err)
			}
			found = append(found, filepath.ToSlash(rel))
		}
	}
	slices.Sort(found)
	return slices.Compact(found), nil
}

// Copy adds a file or, with all it holds, a folder of the overlay to a tree,
// under the same name. Links are kept as links.
func (o *Overlay) Copy(t *Tree, p string) error {
	p = strings.Trim(path.Clean("/"+p), "/")
	at, err := clean(p)
	if err != nil {
		return err
	}
	if dir := path.Dir(at); dir != "." {
		// The folder may be a link; what is below it belongs where it leads.
		_, real, err := o.Resolve(dir)
		if err != nil {
			return fmt.Errorf("copying %s: %w", p, err)
		}
		at = path.Join(real, path.Base(at))
	}
	host, fi, err := o.lstat(at)
	if err != nil {
		return fmt.Errorf("copying %s: %w", p, err)
	}
	switch {
	case fi.Mode()&fs.ModeSymlink != 0:
		target, err := os.Readlink(host)
		if err != nil {
			return fmt.Errorf("copying %s: %w", p, err)
		}
		return t.Symlink(at, target)
	case fi.Mode().IsRegular():
		return t.File(at, host, normalPerm(fi.Mode()))
	case !fi.IsDir():
		return fmt.Errorf("copying %s: it is neither file nor folder nor link", p)
	}
	if err := t.Dir(at, 0o755); err != nil {
		return err
	}
	names, err := o.list(at)
	if err != nil {
		return fmt.Errorf("copying %s: %w", p, err)
	}
	for _, name := range names {
		if err := o.Copy(t, path.Join(at, name)); err != nil {
			return err
		}
	}
	return nil
}

// list returns the names in a folder, over all layers.
func (o *Overlay) list(at string) ([]string, error) {
	var names []string
	for _, layer := range o.layers {
		es, err := os.ReadDir(filepath.Join(layer, at))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, e := range es {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// normalPerm makes permissions independent of the build machine's umask, and
// drops set-user-id bits: nothing in the firmware needs them.
func normalPerm(m fs.FileMode) fs.FileMode {
	if m&0o111 != 0 {
		return 0o755
	}
	return 0o644
}

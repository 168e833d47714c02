package rootfs

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
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

// Entry is one file of a tree. Everything in a tree belongs to root: what other
// users may write lies on the data partition or in memory, never in the image.
type Entry struct {
	Path   string      // without a leading slash, usr-merged
	Mode   fs.FileMode // type and permissions
	Target string      // of a symbolic link
	Source string      // of a regular file: a file of the build machine, or, if empty,
	Data   []byte      // its content
	Major  uint32      // of a device
	Minor  uint32
}

// open returns a regular file's content.
func (e *Entry) open() (io.ReadCloser, int64, error) {
	if e.Source == "" {
		return io.NopCloser(bytes.NewReader(e.Data)), int64(len(e.Data)), nil
	}
	f, err := os.Open(e.Source)
	if err != nil {
		return nil, 0, err
	}
	fi, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	if !fi.Mode().IsRegular() {
		f.Close()
		return nil, 0, fmt.Errorf("%s is no regular file", e.Source)
	}
	return f, fi.Size(), nil
}

// Tree is a file tree in the making: what is to be in it and where that comes
// from. Nothing is copied until it is written out. Folders on the way to an
// entry are made as needed. The zero value is an empty tree. Not safe for
// concurrent use.
type Tree struct {
	entries map[string]*Entry
}

// merged are the folders that are links into /usr in a merged tree.
var merged = map[string]string{"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64"}

// clean returns the path an entry is kept under.
func clean(p string) (string, error) {
	c := strings.TrimPrefix(path.Clean("/"+p), "/")
	if c == "" {
		return "", fmt.Errorf("%q names no entry", p)
	}
	top, rest, below := strings.Cut(c, "/")
	if to, ok := merged[top]; ok && below {
		return to + "/" + rest, nil
	}
	return c, nil
}

func (t *Tree) add(e Entry) error {
	p, err := clean(e.Path)
	if err != nil {
		return err
	}
	e.Path = p
	if t.entries == nil {
		t.entries = make(map[string]*Entry)
	}
	if old, ok := t.entries[p]; ok {
		if old.Mode.IsDir() && e.Mode.IsDir() {
			old.Mode = e.Mode
			return nil
		}
		if old.Mode == e.Mode && old.Target == e.Target && old.Source == e.Source && bytes.Equal(old.Data, e.Data) {
			return nil
		}
		return fmt.Errorf("%s is already in the tree", p)
	}
	for dir := path.Dir(p); dir != "."; dir = path.Dir(dir) {
		if up, ok := t.entries[dir]; ok {
			if !up.Mode.IsDir() {
				return fmt.Errorf("%s can't be in the tree: %s is no folder", p, dir)
			}
			continue
		}
		t.entries[dir] = &Entry{Path: dir, Mode: fs.ModeDir | 0o755}
	}
	t.entries[p] = &e
	return nil
}

// Dir adds a folder, or sets the permissions of one that is there.
func (t *Tree) Dir(p string, perm fs.FileMode) error {
	return t.add(Entry{Path: p, Mode: fs.ModeDir | perm.Perm()})
}

// File adds a file with the content that source has on the build machine when
// the tree is written.
func (t *Tree) File(p, source string, perm fs.FileMode) error {
	return t.add(Entry{Path: p, Mode: perm.Perm(), Source: source})
}

// Bytes adds a file with the given content.
func (t *Tree) Bytes(p string, data []byte, perm fs.FileMode) error {
	return t.add(Entry{Path: p, Mode: perm.Perm(), Data: data})
}

// Symlink adds a symbolic link.
func (t *Tree) Symlink(p, target string) error {
	return t.add(Entry{Path: p, Mode: fs.ModeSymlink | 0o777, Target: target})
}

// CharDevice adds a character device.
func (t *Tree) CharDevice(p string, perm fs.FileMode, major, minor uint32) error {
	return t.add(Entry{Path: p, Mode: fs.ModeDevice | fs.ModeCharDevice | perm.Perm(), Major: major, Minor: minor})
}

// Lookup returns the entry at a path.
func (t *Tree) Lookup(p string) (Entry, bool) {
	c, err := clean(p)
	if err != nil {
		return Entry{}, false
	}
	e, ok := t.entries[c]
	if !ok {
		return Entry{}, false
	}
	return *e, true
}

// Entries returns all entries, each folder before what is in it.
func (t *Tree) Entries() []Entry {
	all := make([]Entry, 0, len(t.entries))
	for _, e := range t.entries {
		all = append(all, *e)
	}
	slices.SortFunc(all, func(a, b Entry) int { return cmp.Compare(a.Path, b.Path) })
	return all
}

// Hash returns the SHA-256, in hexadecimal, of everything in the tree: names,
// modes and content. Equal trees make equal archives.
func (t *Tree) Hash() (string, error) {
	h := sha256.New()
	for _, e := range t.Entries() {
		fmt.Fprintf(h, "%q %v %q %d:%d ", e.Path, e.Mode, e.Target, e.Major, e.Minor)
		if e.Mode.IsRegular() {
			r, size, err := e.open()
			if err != nil {
				return "", fmt.Errorf("hashing the tree: %s: %w", e.Path, err)
			}
			fmt.Fprintf(h, "%d ", size)
			_, err = io.Copy(h, r)
			if err = errors.Join(err, r.Close()); err != nil {
				return "", fmt.Errorf("hashing the tree: %s: %w", e.Path, err)
			}
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// WriteDir writes the tree into a folder of the build machine, which must be
// empty or missing: for mksquashfs, or to start the firmware's own programs
// there without a virtual machine. Files belong to whoever writes them, and devices are left
// out, since only root could make them.
func (t *Tree) WriteDir(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("writing the tree: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("writing the tree: %w", err)
	}
	defer root.Close()
	for _, e := range t.Entries() {
		if err := writeDirEntry(root, e); err != nil {
			return fmt.Errorf("writing the tree to %s: %w", dir, err)
		}
	}
	return nil
}

func writeDirEntry(root *os.Root, e Entry) error {
	name := filepath.FromSlash(e.Path)
	switch {
	case e.Mode.IsDir():
		if err := root.Mkdir(name, 0o755); err != nil {
			return err
		}
		return root.Chmod(name, e.Mode.Perm()|0o700)
	case e.Mode&fs.ModeSymlink != 0:
		return root.Symlink(e.Target, name)
	case e.Mode&fs.ModeDevice != 0:
		return nil
	}
	r, _, err := e.open()
	if err != nil {
		return err
	}
	defer r.Close()
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Chmod(e.Mode.Perm()), f.Close())
}

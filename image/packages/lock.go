package packages

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
)

// Package is one binary package of a lock. All fields are needed; Path is relative to the
// archive's root ("pool/main/…") and Size is in bytes.
type Package struct {
	Name          string `json:"name"`
	Version       string `json:"version"`
	Arch          string `json:"arch"`
	Source        string `json:"source"`        // source package it was built from
	SourceVersion string `json:"sourceVersion"` // version of that source package
	Path          string `json:"path"`
	Size          int64  `json:"size"`
	SHA256        string `json:"sha256"`
}

// File returns the package's file.
func (p Package) File() File { return File{Path: p.Path, Size: p.Size, SHA256: p.SHA256} }

// File is a file of the archive: path relative to its root, size in bytes, SHA-256 in lower-case
// hexadecimal.
type File struct {
	Path   string `json:"path"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Source is a source package: a .dsc and the archives that it names.
type Source struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Files   []File `json:"files"`
}

// Lock says exactly which packages are used.
type Lock struct {
	Suite   string               `json:"suite"`
	Sets    map[string][]Package `json:"sets"`    // each sorted by name
	Sources []Source             `json:"sources"` // what is compiled, sorted by name

	// Unlocked lists what was taken from the suite's present state for this run only. What is
	// built from a lock with such changes must say so. It is never written.
	Unlocked []Change `json:"-"`
}

//go:embed lock.json
var lockJSON []byte

//go:embed sources.lock.json
var sourcesJSON []byte

// Default returns the lock that this program was built with.
func Default() (*Lock, error) {
	l, err := ParseLock(lockJSON)
	if err != nil {
		return nil, fmt.Errorf("built-in lock: %w", err)
	}
	return l, nil
}

// DefaultSources returns the locked source packages of everything that gets into an image.
func DefaultSources() ([]Source, error) {
	s, err := ParseSources(sourcesJSON)
	if err != nil {
		return nil, fmt.Errorf("built-in lock of sources: %w", err)
	}
	return s, nil
}

// ReadLock reads and checks a lock file.
func ReadLock(name string) (*Lock, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("reading lock: %w", err)
	}
	l, err := ParseLock(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return l, nil
}

// ParseLock parses a lock file and checks it: unknown fields, missing hashes, paths that leave the
// archive and packages named twice in a set are errors.
func ParseLock(b []byte) (*Lock, error) {
	var l Lock
	if err := strictJSON(b, &l); err != nil {
		return nil, err
	}
	if err := l.check(); err != nil {
		return nil, err
	}
	return &l, nil
}

// ParseSources parses a file of locked source packages, as [ParseLock] does.
func ParseSources(b []byte) ([]Source, error) {
	var s []Source
	if err := strictJSON(b, &s); err != nil {
		return nil, err
	}
	if err := checkSources(s); err != nil {
		return nil, err
	}
	return s, nil
}

func strictJSON(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("parsing: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("parsing: data after the end")
	}
	return nil
}

func (l *Lock) check() error {
	if l.Suite == "" || strings.ContainsAny(l.Suite, "/ \n") {
		return fmt.Errorf("suite %q is not the name of one", l.Suite)
	}
	for set, pkgs := range l.Sets {
		seen := map[string]bool{}
		for _, p := range pkgs {
			if p.Name == "" || p.Version == "" || p.Arch == "" || p.Source == "" || p.SourceVersion == "" {
				return fmt.Errorf("set %s: package %q: name, version, architecture or source is missing", set, p.Name)
			}
			if seen[p.Name] {
				return fmt.Errorf("set %s: package %s stands there twice", set, p.Name)
			}
			seen[p.Name] = true
			if err := p.File().check(); err != nil {
				return fmt.Errorf("set %s: package %s: %w", set, p.Name, err)
			}
		}
	}
	return checkSources(l.Sources)
}

func checkSources(sources []Source) error {
	for _, s := range sources {
		if s.Name == "" || s.Version == "" || len(s.Files) == 0 {
			return fmt.Errorf("source %q: name, version or files are missing", s.Name)
		}
		for _, f := range s.Files {
			if err := f.check(); err != nil {
				return fmt.Errorf("source %s: %w", s.Name, err)
			}
		}
	}
	return nil
}

func (f File) check() error {
	if sum, err := hex.DecodeString(f.SHA256); err != nil || len(sum) != sha256.Size || strings.ToLower(f.SHA256) != f.SHA256 {
		return fmt.Errorf("%q is not a SHA-256", f.SHA256)
	}
	if f.Size <= 0 {
		return fmt.Errorf("size %d of %q", f.Size, f.Path)
	}
	if f.Path == "" || path.IsAbs(f.Path) || path.Clean(f.Path) != f.Path || f.Path == ".." || strings.HasPrefix(f.Path, "../") ||
		strings.ContainsFunc(f.Path, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return fmt.Errorf("path %q is not one inside an archive", f.Path)
	}
	return nil
}

// Set returns the packages of a set.
func (l *Lock) Set(name string) ([]Package, error) {
	pkgs, ok := l.Sets[name]
	if !ok {
		return nil, fmt.Errorf("the lock has no set %q: run `make relock`", name)
	}
	return pkgs, nil
}

// Source returns a source package by name.
func (l *Lock) Source(name string) (Source, error) {
	for _, s := range l.Sources {
		if s.Name == name {
			return s, nil
		}
	}
	return Source{}, fmt.Errorf("the lock has no source package %q: run `make relock`", name)
}

// Package returns a package of a set by name.
func (l *Lock) Package(set, name string) (Package, error) {
	for _, p := range l.Sets[set] {
		if p.Name == name {
			return p, nil
		}
	}
	return Package{}, fmt.Errorf("the lock's set %q has no package %q: run `make relock`", set, name)
}

// Format returns the lock as it is kept in a file: one package a line, so that a change of a
// version is a change of one line.
func (l *Lock) Format() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "{\n  \"suite\": %s,\n  \"sets\": {", mustJSON(l.Suite))
	names := make([]string, 0, len(l.Sets))
	for n := range l.Sets {
		names = append(names, n)
	}
	slices.Sort(names)
	for i, n := range names {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "\n    %s: ", mustJSON(n))
		writeLines(&b, l.Sets[n], "    ")
	}
	b.WriteString("\n  },\n  \"sources\": ")
	writeLines(&b, l.Sources, "  ")
	b.WriteString("\n}\n")
	return b.Bytes()
}

// FormatSources returns source packages as they are kept in a file.
func FormatSources(s []Source) []byte {
	var b bytes.Buffer
	writeLines(&b, s, "")
	b.WriteByte('\n')
	return b.Bytes()
}

func writeLines[T any](b *bytes.Buffer, items []T, indent string) {
	b.WriteByte('[')
	for i, it := range items {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(b, "\n%s  %s", indent, mustJSON(it))
	}
	fmt.Fprintf(b, "\n%s]", indent)
}

// mustJSON marshals plain structs of strings and numbers, which can't fail.
func mustJSON(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

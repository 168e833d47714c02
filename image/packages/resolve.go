package packages

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// DefaultSuite is the Debian suite that packages are taken from.
const DefaultSuite = "forky"

// compiled are the source packages that package build compiles.
var compiled = []Source{{Name: "asterisk"}, {Name: "espeak-ng"}, {Name: "libvorbis"}, {Name: "opus"}}

// sourceDebs are binary packages of the set build that hold source, which package build compiles:
// they are the corresponding source of what comes of it.
var sourceDebs = []string{"dahdi-dkms"}

// bootLoaders are the packages of the set tools whose code gets into the image itself.
var bootLoaders = []string{"grub-pc-bin", "grub-efi-amd64-bin"}

//go:embed sets.json
var setsJSON []byte

// group is a part of a set: what is asked of apt, and which of what it resolves is kept.
type group struct {
	Why     string   `json:"why"`
	Install []string `json:"install"`
	Keep    []string `json:"keep,omitempty"` // patterns as in path.Match; none: everything
}

func defaultSets() (map[string][]group, error) {
	var sets map[string][]group
	if err := strictJSON(setsJSON, &sets); err != nil {
		return nil, fmt.Errorf("sets.json: %w", err)
	}
	return sets, nil
}

// Present resolves every set against the suite's present state and returns the lock that would be
// of it, and the source packages of everything that gets into an image. It asks the mirror; log, if not
// nil, gets what apt says.
func (s *Store) Present(ctx context.Context, suite string, log io.Writer) (*Lock, []Source, error) {
	unlock, err := s.lock(ctx, "apt")
	if err != nil {
		return nil, nil, err
	}
	defer unlock()
	a, err := s.apt(ctx, suite, log)
	if err != nil {
		return nil, nil, err
	}
	sets, err := defaultSets()
	if err != nil {
		return nil, nil, err
	}
	l := &Lock{Suite: suite, Sets: map[string][]Package{}}
	for name, groups := range sets {
		if l.Sets[name], err = a.resolveSet(ctx, groups); err != nil {
			return nil, nil, fmt.Errorf("resolving set %s: %w", name, err)
		}
	}
	if l.Sources, err = a.sources(ctx, compiled); err != nil {
		return nil, nil, err
	}
	shipped := append(sourcesOf(l.Sets["root"]), l.Sources...)
	for _, name := range bootLoaders {
		i := slices.IndexFunc(l.Sets["tools"], func(p Package) bool { return p.Name == name })
		if i < 0 {
			return nil, nil, fmt.Errorf("set tools has no package %s, whose code is in the image", name)
		}
		shipped = append(shipped, sourcesOf(l.Sets["tools"][i:i+1])...)
	}
	root, err := a.sources(ctx, unique(shipped))
	if err != nil {
		return nil, nil, fmt.Errorf("sources of what is in the image: %w", err)
	}
	for _, name := range sourceDebs {
		p, err := l.Package("build", name)
		if err != nil {
			return nil, nil, err
		}
		root = append(root, Source{Name: name, Version: p.Version, Files: []File{p.File()}})
	}
	sortSources(root)
	if err := errors.Join(l.check(), checkSources(root)); err != nil {
		return nil, nil, fmt.Errorf("what apt resolved: %w", err)
	}
	return l, root, nil
}

// apt opens the private root with the first mirror that has the suite, properly signed.
func (s *Store) apt(ctx context.Context, suite string, log io.Writer) (*apt, error) {
	mirrors, err := s.Mirrors(ctx)
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, m := range mirrors {
		a, err := openApt(ctx, filepath.Join(s.dir, "apt"), m, suite, log)
		if err == nil {
			return a, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

func (a *apt) resolveSet(ctx context.Context, groups []group) ([]Package, error) {
	byName := map[string]Package{}
	// Groups that keep everything are resolved together, so that apt chooses among alternatives once.
	var whole []string
	for _, g := range groups {
		if len(g.Keep) == 0 {
			whole = append(whole, g.Install...)
			continue
		}
		pkgs, err := a.resolve(ctx, g.Install)
		if err != nil {
			return nil, err
		}
		for _, pattern := range g.Keep {
			n := 0
			for _, p := range pkgs {
				ok, err := path.Match(pattern, p.Name)
				if err != nil {
					return nil, fmt.Errorf("pattern %q: %w", pattern, err)
				}
				if ok {
					byName[p.Name] = p
					n++
				}
			}
			if n == 0 {
				return nil, fmt.Errorf("no package of %q matches %q, which is to be kept", g.Install, pattern)
			}
		}
	}
	if len(whole) > 0 {
		pkgs, err := a.resolve(ctx, whole)
		if err != nil {
			return nil, err
		}
		for _, p := range pkgs {
			byName[p.Name] = p
		}
	}
	return slices.SortedFunc(maps.Values(byName), func(a, b Package) int { return strings.Compare(a.Name, b.Name) }), nil
}

// sourcesOf names the source packages of binary packages.
func sourcesOf(pkgs []Package) []Source {
	var all []Source
	for _, p := range pkgs {
		all = append(all, Source{Name: p.Source, Version: p.SourceVersion})
	}
	return all
}

// unique leaves out the source packages that stand there twice.
func unique(sources []Source) []Source {
	var all []Source
	for _, s := range sources {
		if !slices.ContainsFunc(all, func(o Source) bool { return o.Name == s.Name && o.Version == s.Version }) {
			all = append(all, s)
		}
	}
	return all
}

// Change is one difference between two locks. From is empty for what is added, To for what is
// removed.
type Change struct {
	Set, Name, From, To string
}

func (c Change) String() string {
	switch {
	case c.From == "":
		return fmt.Sprintf("%s: + %s %s", c.Set, c.Name, c.To)
	case c.To == "":
		return fmt.Sprintf("%s: - %s %s", c.Set, c.Name, c.From)
	case c.From == c.To:
		return fmt.Sprintf("%s: ~ %s %s, another file under the same version", c.Set, c.Name, c.From)
	}
	return fmt.Sprintf("%s: ~ %s %s -> %s", c.Set, c.Name, c.From, c.To)
}

// Diff returns what is different in b, sorted by set and name. A nil lock is an empty one. Source
// packages form the set "sources".
func Diff(a, b *Lock) []Change {
	type entry struct{ version, hash string }
	index := func(l *Lock) map[[2]string]entry {
		m := map[[2]string]entry{}
		if l == nil {
			return m
		}
		for set, pkgs := range l.Sets {
			for _, p := range pkgs {
				m[[2]string{set, p.Name}] = entry{p.Version, p.SHA256}
			}
		}
		for _, s := range l.Sources {
			m[[2]string{"sources", s.Name}] = entry{s.Version, fmt.Sprint(s.Files)}
		}
		return m
	}
	old, now := index(a), index(b)
	var all []Change
	for k, o := range old {
		if n := now[k]; n != o {
			all = append(all, Change{Set: k[0], Name: k[1], From: o.version, To: n.version})
		}
	}
	for k, n := range now {
		if _, ok := old[k]; !ok {
			all = append(all, Change{Set: k[0], Name: k[1], To: n.version})
		}
	}
	slices.SortFunc(all, func(a, b Change) int {
		return strings.Compare(a.Set+"\x00"+a.Name, b.Set+"\x00"+b.Name)
	})
	return all
}

package unit

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
)

// A Set is every unit there is, checked against each other.
type Set struct {
	Services map[string]*Service // by name
	Sockets  map[string]*Socket  // by name
}

// Load reads every .service and .socket file at the top of the file system.
// It reads on after an error, so that all of them are seen at once.
func Load(fsys fs.FS, dirs Dirs) (*Set, error) {
	set := &Set{Services: map[string]*Service{}, Sockets: map[string]*Socket{}}
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil, fmt.Errorf("listing the units: %w", err)
	}
	var errs []error
	for _, e := range entries {
		isService, isSocket := strings.HasSuffix(e.Name(), ".service"), strings.HasSuffix(e.Name(), ".socket")
		if !isService && !isSocket {
			continue
		}
		data, err := fs.ReadFile(fsys, e.Name())
		if err != nil {
			errs = append(errs, fmt.Errorf("reading a unit: %w", err))
			continue
		}
		if isService {
			s, err := ParseService(e.Name(), data, dirs)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			set.Services[s.Name] = s
		} else {
			s, err := ParseSocket(e.Name(), data, dirs)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			set.Sockets[s.Name] = s
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if err := set.check(); err != nil {
		return nil, err
	}
	return set, nil
}

// commons gives what all units have alike, by name.
func (set *Set) commons() map[string]*Common {
	all := map[string]*Common{}
	for n, s := range set.Services {
		all[n] = &s.Common
	}
	for n, s := range set.Sockets {
		all[n] = &s.Common
	}
	return all
}

// check resolves what units say of each other: names that exist, no cycles,
// Before turned into the other's After, sockets and services matched.
func (set *Set) check() error {
	all := set.commons()
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(all)) {
		c := all[name]
		for _, list := range [][]Ref{c.After, c.Before, c.Requires, c.Wants} {
			for _, r := range list {
				if all[r.Name] == nil && !strings.HasSuffix(r.Name, ".target") {
					errs = append(errs, &Error{c.File, r.Line, "there is no " + r.Name})
				}
			}
		}
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	for name, c := range all {
		for _, r := range c.Before {
			if other := all[r.Name]; other != nil {
				other.After = append(other.After, Ref{name, 0})
			}
		}
	}
	for _, c := range all {
		c.After, c.Requires, c.Wants = known(all, c.After), known(all, c.Requires), known(all, c.Wants)
	}
	for _, name := range slices.Sorted(maps.Keys(set.Sockets)) {
		sock := set.Sockets[name]
		svc := set.Services[sock.Service]
		if svc == nil {
			errs = append(errs, &Error{sock.File, 1, "there is no " + sock.Service + " for it"})
			continue
		}
		if !slices.Contains(svc.Sockets, name) {
			svc.Sockets = append(svc.Sockets, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(set.Services)) {
		svc := set.Services[name]
		for _, s := range svc.Sockets {
			if set.Sockets[s] == nil {
				errs = append(errs, &Error{svc.File, 1, "there is no " + s})
			}
		}
	}
	for _, kind := range []struct {
		what string
		refs func(*Common) []Ref
	}{
		{"starts after itself", func(c *Common) []Ref { return c.After }},
		{"requires itself", func(c *Common) []Ref { return c.Requires }},
	} {
		if path, line := cycle(all, kind.refs); path != nil {
			errs = append(errs, &Error{all[path[0]].File, line, fmt.Sprintf("%s %s: %s", path[0], kind.what, strings.Join(path, " → "))})
		}
	}
	return errors.Join(errs...)
}

// known drops the targets and what is named twice, and sorts.
func known(all map[string]*Common, refs []Ref) []Ref {
	refs = slices.DeleteFunc(refs, func(r Ref) bool { return all[r.Name] == nil })
	slices.SortStableFunc(refs, func(a, b Ref) int { return strings.Compare(a.Name, b.Name) })
	return slices.CompactFunc(refs, func(a, b Ref) bool { return a.Name == b.Name })
}

// cycle finds a way from a unit back to itself, and the line of its first step.
func cycle(all map[string]*Common, refs func(*Common) []Ref) ([]string, int) {
	const walking, walked = 1, 2
	mark := map[string]int{}
	var path []string
	var walk func(string) []string
	walk = func(n string) []string {
		switch mark[n] {
		case walked:
			return nil
		case walking:
			return append(slices.Clone(path[slices.Index(path, n):]), n)
		}
		mark[n] = walking
		path = append(path, n)
		for _, r := range refs(all[n]) {
			if found := walk(r.Name); found != nil {
				return found
			}
		}
		path = path[:len(path)-1]
		mark[n] = walked
		return nil
	}
	for _, n := range slices.Sorted(maps.Keys(all)) {
		if found := walk(n); found != nil {
			for _, r := range refs(all[found[0]]) {
				if r.Name == found[1] {
					return found, max(r.Line, 1)
				}
			}
			return found, 1
		}
	}
	return nil, 0
}

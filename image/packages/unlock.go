package packages

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"golang.org/x/sync/errgroup"
)

// Usable returns a lock whose sets can all be had: the given one if they can, and otherwise one in
// which the sets with missing files are those that the suite would give at present, and whose
// Unlocked field says what is different. That is for a run or a test; a release build uses the lock
// as it is, and lets [Store.Fetch] fail.
//
// Sets are replaced whole, because versions are only known to go together as apt resolved them; and
// root, build, tools, voice and the source packages, of which and with which an image is made, are
// replaced together: kernel modules are compiled for the root's kernel, Asterisk against the root's
// libraries. On a machine with an empty cache this
// replaces exactly what is missing, since a mirror has nothing but present versions.
func (s *Store) Usable(ctx context.Context, lock *Lock, sets ...string) (*Lock, error) {
	broken := map[string]bool{}
	var missing []File
	find := func(set string, files []File) error {
		gone, err := s.gone(ctx, files)
		if len(gone) > 0 {
			broken[set] = true
			missing = append(missing, gone...)
		}
		return err
	}
	for _, set := range sets {
		pkgs, err := lock.Set(set)
		if err != nil {
			return nil, err
		}
		if err := find(set, filesOf(pkgs)); err != nil {
			return nil, err
		}
	}
	if slices.Contains(sets, "build") {
		for _, src := range lock.Sources {
			if err := find("build", src.Files); err != nil {
				return nil, err
			}
		}
	}
	if len(missing) == 0 {
		return lock, nil
	}
	s.bars.Printf("%v", &MissingError{Files: missing})
	s.bars.Printf("Taking the present versions of suite %s for this run only. What comes of it is marked unlocked.", lock.Suite)
	now, _, err := s.Present(ctx, lock.Suite, nil)
	if err != nil {
		return nil, fmt.Errorf("looking up the suite's present versions: %w", err)
	}
	mixed, err := replaceSets(lock, now, broken)
	if err != nil {
		return nil, err
	}
	for _, c := range mixed.Unlocked {
		s.bars.Printf("  unlocked: %s", c)
	}
	s.log.WarnContext(ctx, "packages are not the locked ones", "changes", len(mixed.Unlocked))
	return mixed, nil
}

// replaceSets returns the lock with the broken sets, and what must go with them, from another.
func replaceSets(lock, now *Lock, broken map[string]bool) (*Lock, error) {
	mixed := &Lock{Suite: lock.Suite, Sets: map[string][]Package{}, Sources: lock.Sources}
	image := []string{"root", "build", "tools", "voice"}
	together := slices.ContainsFunc(image, func(set string) bool { return broken[set] })
	if together {
		mixed.Sources = now.Sources
	}
	for set, pkgs := range lock.Sets {
		if broken[set] || together && slices.Contains(image, set) {
			if pkgs = now.Sets[set]; len(pkgs) == 0 {
				return nil, fmt.Errorf("the suite's present state has no set %s", set)
			}
		}
		mixed.Sets[set] = pkgs
	}
	mixed.Unlocked = append(slices.Clone(lock.Unlocked), Diff(lock, mixed)...)
	return mixed, nil
}

func filesOf(pkgs []Package) []File {
	files := make([]File, len(pkgs))
	for i, p := range pkgs {
		files[i] = p.File()
	}
	return files
}

// gone returns the files that are neither in the cache nor, by name and size, on any mirror.
func (s *Store) gone(ctx context.Context, files []File) ([]File, error) {
	want := s.absent(files)
	if len(want) == 0 {
		return nil, nil
	}
	mirrors, err := s.Mirrors(ctx)
	if err != nil {
		return nil, err
	}
	client := s.httpClient(ctx)
	gone := make([]bool, len(want))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(2 * s.parallel)
	for i, f := range want {
		g.Go(func() error {
			var errs []error
			for _, m := range mirrors {
				has, err := onMirror(gctx, client, m, f)
				if has {
					return nil
				}
				errs = append(errs, err)
			}
			gone[i] = true
			return errors.Join(errs...)
		})
	}
	if err := g.Wait(); err != nil {
		return nil, fmt.Errorf("asking the mirror what it has: %w", err)
	}
	var out []File
	for i, f := range want {
		if gone[i] {
			out = append(out, f)
		}
	}
	return out, nil
}

func onMirror(ctx context.Context, client *http.Client, mirror string, f File) (bool, error) {
	u, err := url.Parse(mirror)
	if err != nil {
		return false, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, u.JoinPath(f.Path).String(), nil)
	if err != nil {
		return false, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return false, err
	}
	if err := resp.Body.Close(); err != nil {
		return false, err
	}
	switch resp.StatusCode {
	case http.StatusOK:
		return resp.ContentLength < 0 || resp.ContentLength == f.Size, nil
	case http.StatusNotFound, http.StatusGone:
		return false, nil
	}
	return false, fmt.Errorf("%s: the mirror says %s", f.Path, resp.Status)
}

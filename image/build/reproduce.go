package build

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"switchroom/image/packages"
)

// Reproduce compiles Asterisk, the DAHDI modules, the speech synthesiser and two codecs, each once more than is
// in the cache, and fails naming what is different. It takes as long as the first time.
func Reproduce(ctx context.Context, store Store, lock *packages.Lock) error {
	jobs := []func() (*job, error){
		func() (*job, error) { return modulesJob(), nil },
		func() (*job, error) { return espeakJob(ctx, store, lock) },
		func() (*job, error) { return opusJob(ctx, store, lock) },
		func() (*job, error) { return vorbisJob(ctx, store, lock) },
		func() (*job, error) { return asteriskJob(ctx, store, lock) },
	}
	var errs []error
	for _, newJob := range jobs {
		// A job is run once: each of its runs adds to what its result's name is made of.
		first, err := newJob()
		if err != nil {
			return err
		}
		a, err := first.run(ctx, store, lock, "")
		if err != nil {
			return err
		}
		second, err := newJob()
		if err != nil {
			return err
		}
		b, err := second.run(ctx, store, lock, "-again")
		if err != nil {
			return err
		}
		diffs, err := differences(a, b)
		if err != nil {
			return err
		}
		if len(diffs) > 0 {
			errs = append(errs, fmt.Errorf("%s: a second build differs from the first (kept in %s) in %s", first.name, b, strings.Join(diffs, ", ")))
			continue
		}
		if err := os.RemoveAll(b); err != nil {
			return err
		}
	}
	return errors.Join(errs...)
}

// differences returns the names of what is not the same in two trees: content, kind, permissions,
// link targets. Times don't count: what is packed gives all files one time.
func differences(a, b string) ([]string, error) {
	inA, err := describe(a)
	if err != nil {
		return nil, err
	}
	inB, err := describe(b)
	if err != nil {
		return nil, err
	}
	var diffs []string
	for name, what := range inA {
		if other, ok := inB[name]; !ok || !bytes.Equal(what, other) {
			diffs = append(diffs, name)
		}
	}
	for name := range inB {
		if _, ok := inA[name]; !ok {
			diffs = append(diffs, name)
		}
	}
	slices.Sort(diffs)
	return diffs, nil
}

// describe returns, for everything below a directory, what makes it different from another.
func describe(dir string) (map[string][]byte, error) {
	all := map[string][]byte{}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		what := []byte(info.Mode().String() + "\n")
		switch {
		case d.Type().IsRegular():
			b, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			what = append(what, b...)
		case d.Type() == fs.ModeSymlink:
			to, err := os.Readlink(p)
			if err != nil {
				return err
			}
			what = append(what, to...)
		}
		rel, err := filepath.Rel(dir, p)
		all[rel] = what
		return err
	})
	return all, err
}

package asterisk

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// stateDir is the folder in Asterisk's folder in which is kept what is good as
// long as the box runs. Nobody else may read it.
const stateDir = ".provision"

// A tree is Asterisk's configuration folder.
type tree struct{ dir string }

// read returns the files by name.
func (t tree) read() (map[string][]byte, error) {
	entries, err := os.ReadDir(t.dir)
	if err != nil {
		return nil, fmt.Errorf("reading Asterisk's configuration: %w", err)
	}
	files := map[string][]byte{}
	for _, e := range entries {
		if !e.Type().IsRegular() {
			continue
		}
		if files[e.Name()], err = os.ReadFile(filepath.Join(t.dir, e.Name())); err != nil {
			return nil, fmt.Errorf("reading Asterisk's configuration: %w", err)
		}
	}
	return files, nil
}

// write makes the folder hold these files and nothing else but the state, and
// tells how many it changed. All are written in a folder beside them before
// the first is put in its place, so that a full disk changes nothing. The
// files belong to the folder's group, which may read them.
func (t tree) write(files map[string][]byte) (changed int, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("writing Asterisk's configuration: %w", err)
		}
	}()
	info, err := os.Stat(t.dir)
	if err != nil {
		return 0, err
	}
	group := int(info.Sys().(*syscall.Stat_t).Gid)
	old, err := os.ReadDir(t.dir)
	if err != nil {
		return 0, err
	}
	staging, err := os.MkdirTemp(t.dir, ".new-")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(staging)) }()
	var names []string // of what differs
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if has, err := os.ReadFile(filepath.Join(t.dir, name)); err == nil && bytes.Equal(has, files[name]) {
			continue
		}
		if err := writeFile(filepath.Join(staging, name), files[name], group); err != nil {
			return 0, err
		}
		names = append(names, name)
	}
	for _, name := range names {
		if err := os.Rename(filepath.Join(staging, name), filepath.Join(t.dir, name)); err != nil {
			return changed, err
		}
		changed++
	}
	// What is no longer made, and what an interrupted run left.
	for _, e := range old {
		if _, ours := files[e.Name()]; !ours && e.Name() != stateDir {
			if err := os.RemoveAll(filepath.Join(t.dir, e.Name())); err != nil {
				return changed, err
			}
		}
	}
	return changed, nil
}

func writeFile(path string, data []byte, group int) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Chmod(0o640), f.Chown(-1, group), f.Close())
}

// keep writes a value into the state, or takes it away if it is nil.
func (t tree) keep(name string, v any) error {
	dir := filepath.Join(t.dir, stateDir)
	path := filepath.Join(dir, name)
	if v == nil {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("keeping the state: %w", err)
		}
		return nil
	}
	data, err := json.Marshal(v)
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err == nil {
		err = os.WriteFile(path+".new", data, 0o600)
	}
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		return fmt.Errorf("keeping the state: %w", err)
	}
	return nil
}

// kept reads a value of the state; ok is false if there is none.
func (t tree) kept(name string, v any) (ok bool) {
	data, err := os.ReadFile(filepath.Join(t.dir, stateDir, name))
	return err == nil && json.Unmarshal(data, v) == nil
}

// lock lets one process at a time do something. It waits for its turn.
func (t tree) lock(what string) (unlock func() error, err error) {
	dir := filepath.Join(t.dir, stateDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("waiting for another process: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, what+".lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("waiting for another process: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(fmt.Errorf("waiting for another process: %w", err), f.Close())
	}
	return f.Close, nil
}

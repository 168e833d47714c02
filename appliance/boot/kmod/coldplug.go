package kmod

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// Modaliases gives the modalias of every device under sysfs's devices folder
// (normally /sys/devices), each once. Devices that vanish meanwhile are left
// out.
func Modaliases(devices string) ([]string, error) {
	seen := map[string]bool{}
	var all []string
	err := filepath.WalkDir(devices, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			if path == devices {
				return err
			}
			return nil
		}
		// Folders that hold no devices, and many files.
		if d.IsDir() {
			switch d.Name() {
			case "power", "msi_irqs", "statistics", "queues", "trace":
				return fs.SkipDir
			}
			return nil
		}
		if d.Name() != "modalias" {
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return nil
		}
		if m := strings.TrimSpace(string(b)); m != "" && !seen[m] {
			seen[m] = true
			all = append(all, m)
		}
		return nil
	})
	return all, err
}

// LoadForAll loads the modules for all the modaliases, up to width modules at
// a time, and gives what went wrong, all joined: a driver that fails must not
// keep another from being loaded.
func (l *Loader) LoadForAll(modaliases []string, width int, skip func(name string) bool) error {
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		errs []error
		seen = map[string]bool{}
		gate = make(chan struct{}, max(width, 1))
	)
	for _, m := range modaliases {
		for _, n := range l.Match(m) {
			if seen[n] || skip != nil && skip(n) {
				continue
			}
			seen[n] = true
			gate <- struct{}{}
			wg.Go(func() {
				defer func() { <-gate }()
				if err := l.load(n, "", 0); err != nil {
					mu.Lock()
					errs = append(errs, err)
					mu.Unlock()
				}
			})
		}
	}
	wg.Wait()
	return errors.Join(errs...)
}

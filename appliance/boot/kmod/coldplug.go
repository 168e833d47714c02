package kmod

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// Modaliases gives the modalias of every device on a bus, each once, from
// sysfs (normally /sys). Devices that vanish meanwhile are left out.
func Modaliases(sysfs string) ([]string, error) {
	// The folders of the buses hold what a walk through all of sysfs would
	// find, in a tenth of the time.
	buses, err := os.ReadDir(filepath.Join(sysfs, "bus"))
	if err != nil {
		return nil, fmt.Errorf("looking for devices: %w", err)
	}
	seen := map[string]bool{}
	var all []string
	for _, bus := range buses {
		dir := filepath.Join(sysfs, "bus", bus.Name(), "devices")
		devices, err := os.ReadDir(dir)
		if err != nil {
			continue
		}
		for _, d := range devices {
			b, err := os.ReadFile(filepath.Join(dir, d.Name(), "modalias"))
			if err != nil {
				continue // it has none, or is gone
			}
			if m := strings.TrimSpace(string(b)); m != "" && !seen[m] {
				seen[m] = true
				all = append(all, m)
			}
		}
	}
	// Input devices and a few others stand in a class, not on a bus.
	classes, err := filepath.Glob(filepath.Join(sysfs, "class/input/*/modalias"))
	if err != nil {
		return nil, fmt.Errorf("looking for devices: %w", err)
	}
	for _, c := range classes {
		if b, err := os.ReadFile(c); err == nil {
			if m := strings.TrimSpace(string(b)); m != "" && !seen[m] {
				seen[m] = true
				all = append(all, m)
			}
		}
	}
	return all, nil
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

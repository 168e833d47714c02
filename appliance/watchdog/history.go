package watchdog

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Reset is one reset by the watchdog.
type Reset struct {
	Time   time.Time `json:"time"`
	Reason string    `json:"reason"`
	// Expected: the Keeper let it happen, and has not seen the boot after it.
	Expected bool `json:"expected,omitempty"`
}

// History is the list of resets, in a file.
type History struct {
	path     string
	volatile bool
	resets   []Reset
}

// keepResets bounds the list.
const keepResets = 20

// OpenHistory reads the history from a file, which need not be there. One
// that cannot be read counts as empty, and err says why. volatile says that
// the file will not be there after a reset.
func OpenHistory(path string, volatile bool) (*History, error) {
	h := &History{path: path, volatile: volatile}
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return h, nil
	}
	if err != nil {
		return h, fmt.Errorf("reading the history of resets: %w", err)
	}
	if err := json.Unmarshal(b, &h.resets); err != nil {
		h.resets = nil
		return h, fmt.Errorf("reading the history of resets: %s: %w", path, err)
	}
	return h, nil
}

// Within lists the resets of the window before now. The clock may have been
// set back since: what seems to lie ahead by less than the window counts too.
func (h *History) Within(now time.Time, window time.Duration) []Reset {
	var in []Reset
	for _, r := range h.resets {
		if d := now.Sub(r.Time); d < window && d > -window {
			in = append(in, r)
		}
	}
	return in
}

func (h *History) persistent() bool { return !h.volatile }

// expected reports whether the last reset was one that the Keeper let happen.
func (h *History) expected() bool {
	return len(h.resets) > 0 && h.resets[len(h.resets)-1].Expected
}

// arrived notes that the boot after an expected reset has come.
func (h *History) arrived() error {
	if !h.expected() {
		return nil
	}
	h.resets[len(h.resets)-1].Expected = false
	return h.write()
}

// takeBack removes an expected reset that did not happen.
func (h *History) takeBack() error {
	if !h.expected() {
		return nil
	}
	h.resets = h.resets[:len(h.resets)-1]
	return h.write()
}

func (h *History) add(r Reset) error {
	h.resets = append(h.resets, r)
	h.resets = slices.Clone(h.resets[max(len(h.resets)-keepResets, 0):])
	return h.write()
}

// write replaces the file, and has it on the disk when it returns: the
// machine is about to be reset.
func (h *History) write() error {
	b, err := json.Marshal(h.resets)
	if err != nil {
		return fmt.Errorf("writing the history of resets: %w", err)
	}
	tmp, err := os.CreateTemp(filepath.Dir(h.path), ".watchdog.*")
	if err != nil {
		return fmt.Errorf("writing the history of resets: %w", err)
	}
	defer os.Remove(tmp.Name()) // in vain once it is renamed
	_, err = tmp.Write(append(b, '\n'))
	if err == nil {
		err = tmp.Sync()
	}
	if e := tmp.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(tmp.Name(), h.path)
	}
	if err == nil {
		err = syncDir(filepath.Dir(h.path))
	}
	if err != nil {
		return fmt.Errorf("writing the history of resets: %w", err)
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

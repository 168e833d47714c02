package image

import (
	"fmt"
	"os"
	"path/filepath"
)

// Newest returns the image in a folder that was built last.
func Newest(dir string) (string, error) {
	all, err := filepath.Glob(filepath.Join(dir, "*.img"))
	if err != nil {
		return "", fmt.Errorf("looking for an image: %w", err)
	}
	newest, at := "", int64(0)
	for _, f := range all {
		info, err := os.Stat(f)
		if err != nil {
			return "", fmt.Errorf("looking for an image: %w", err)
		}
		if t := info.ModTime().UnixNano(); t >= at {
			newest, at = f, t
		}
	}
	if newest == "" {
		return "", fmt.Errorf("no image in %s: make one with `make image`", dir)
	}
	return newest, nil
}

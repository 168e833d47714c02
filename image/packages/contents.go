package packages

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
)

// Contents returns the names of everything in a package but directories, as
// [Store.Tree] would place them: without a leading slash, in the merged
// directories, in the package's own order. The package is fetched if need be.
func (s *Store) Contents(ctx context.Context, p Package) ([]string, error) {
	if err := s.Fetch(ctx, []Package{p}); err != nil {
		return nil, err
	}
	f, err := os.Open(s.File(p))
	if err != nil {
		return nil, fmt.Errorf("listing %s: %w", p.Name, err)
	}
	defer f.Close()
	names, err := listDeb(ctx, f)
	if err != nil {
		return nil, fmt.Errorf("listing %s: %w", p.Name, err)
	}
	return names, nil
}

func listDeb(ctx context.Context, r io.Reader) ([]string, error) {
	data, err := debData(r)
	if err != nil {
		return nil, err
	}
	var names []string
	for t := tar.NewReader(data); ; {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return names, nil
		}
		if err != nil {
			return nil, err
		}
		if h.Typeflag == tar.TypeDir {
			continue
		}
		name := strings.TrimPrefix(path.Clean("/"+h.Name), "/")
		switch top, _, _ := strings.Cut(name, "/"); top {
		case "bin", "sbin", "lib", "lib32", "lib64", "libx32":
			name = "usr/" + name
		}
		names = append(names, name)
	}
}

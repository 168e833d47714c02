package packages

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"switchroom/image/packages/progress"
)

// treeFormat is part of the name of every tree: to be raised when unpacking changes.
const treeFormat = "2"

// maxFile is the size, in bytes, that no file of a package has.
const maxFile = 4 << 30

// Tree returns a directory with the packages unpacked into it, made the first time that this list
// is asked for. Callers must not write to it. Owners are those of the running user, and set-user-id
// and set-group-id bits are left out: what is packed from a tree must say its owners itself.
//
// Directories are always the merged ones: what a package has in /lib is in /usr/lib.
//
// Maintainer scripts do not run; what they would have made and programs miss is made by [finish]:
// awk, cc, /etc/passwd, the list of certificate authorities.
func (s *Store) Tree(ctx context.Context, pkgs []Package) (string, error) {
	pkgs = slices.Clone(pkgs)
	slices.SortFunc(pkgs, func(a, b Package) int { return strings.Compare(a.Name, b.Name) })
	h := sha256.New()
	fmt.Fprintln(h, treeFormat)
	for _, p := range pkgs {
		fmt.Fprintln(h, p.SHA256)
	}
	dir := filepath.Join(s.dir, "trees", hex.EncodeToString(h.Sum(nil)[:16]))
	err := s.Once(ctx, dir, func(tmp string) error { return s.unpackAll(ctx, pkgs, tmp) })
	if err != nil {
		return "", fmt.Errorf("unpacking packages: %w", err)
	}
	return dir, nil
}

func (s *Store) unpackAll(ctx context.Context, pkgs []Package, dir string) error {
	if err := s.Fetch(ctx, pkgs); err != nil {
		return err
	}
	for _, p := range pkgs {
		if err := s.verify(p.File()); err != nil {
			s.log.WarnContext(ctx, "fetching a package again", "err", err)
			if err := s.Fetch(ctx, []Package{p}); err != nil {
				return err
			}
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := mergeUsr(root); err != nil {
		return err
	}
	task := s.bars.Start("unpacking packages", progress.Items, int64(len(pkgs)))
	defer task.Done()
	dirs := make([][]*tar.Header, len(pkgs))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, p := range pkgs {
		g.Go(func() error {
			d, err := unpackDeb(gctx, s.File(p), root)
			if err != nil {
				return fmt.Errorf("%s: %w", p.Name, err)
			}
			dirs[i] = d
			task.Say(1, p.Name)
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if err := finish(root); err != nil {
		return err
	}
	// Last, because a directory without write permission could not be filled, and because filling
	// one changes its time. In the list's order, so that the last package's say is the same always.
	for _, list := range dirs {
		for _, h := range list {
			if err := root.Chmod(h.Name, dirMode(h)); err != nil {
				return err
			}
			if err := root.Chtimes(h.Name, h.ModTime, h.ModTime); err != nil {
				return err
			}
		}
	}
	return nil
}

// dirMode is a directory's mode, but for the owner's own rights: the cache's owner must be able to
// read and to remove the tree.
func dirMode(h *tar.Header) fs.FileMode { return h.FileInfo().Mode().Perm() | 0o700 }

// merged are the directories that Debian has merged into /usr.
var merged = []string{"bin", "lib", "lib64", "sbin"}

func mergeUsr(root *os.Root) error {
	for _, d := range merged {
		if err := root.MkdirAll("usr/"+d, 0o755); err != nil {
			return err
		}
		if err := root.Symlink("usr/"+d, d); err != nil {
			return err
		}
	}
	return nil
}

// unpackDeb unpacks a package's files and returns the headers of its directories.
//
// The data is decompressed by dpkg-deb where there is one, as on every machine with apt: it takes
// a third of the time that Go's xz needs.
func unpackDeb(ctx context.Context, name string, root *os.Root) (dirs []*tar.Header, err error) {
	dpkg, err := exec.LookPath("dpkg-deb")
	if err != nil {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		data, err := debData(f)
		if err != nil {
			return nil, err
		}
		return unpackTar(ctx, data, root)
	}
	cmd := exec.CommandContext(ctx, dpkg, "--fsys-tarfile", name)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	dirs, err = unpackTar(ctx, out, root)
	if err == nil {
		_, err = io.Copy(io.Discard, out) // padding after the archive's end
	}
	if err != nil {
		_ = cmd.Process.Kill() // it may be blocked in writing to us
		_ = cmd.Wait()
		return nil, err
	}
	if err := cmd.Wait(); err != nil {
		return nil, fmt.Errorf("dpkg-deb: %w: %s", err, strings.TrimSpace(stderr.String()))
	}
	return dirs, nil
}

// inTree returns the place in a tree that a name in a package stands for.
func inTree(name string) (string, error) {
	clean := path.Clean(strings.TrimPrefix(name, "/"))
	if !filepath.IsLocal(clean) {
		return "", fmt.Errorf("the package has a file outside of the tree: %q", name)
	}
	first, _, _ := strings.Cut(clean, "/")
	if slices.Contains(merged, first) {
		clean = "usr/" + clean
	}
	return clean, nil
}

// unpackTar unpacks into root. Names and links can't lead out of it: names are checked, and
// os.Root refuses to follow a symbolic link that leaves it.
func unpackTar(ctx context.Context, r io.Reader, root *os.Root) ([]*tar.Header, error) {
	var dirs []*tar.Header
	tr := tar.NewReader(r)
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return dirs, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading the package's data: %w", err)
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		name := strings.Trim(h.Name, "/")
		if slices.Contains(merged, path.Clean(name)) {
			continue // the links that mergeUsr made, or a directory in their place
		}
		if h.Name, err = inTree(h.Name); err != nil {
			return nil, err
		}
		if h.Name != "." {
			if err := root.MkdirAll(path.Dir(h.Name), 0o755); err != nil {
				return nil, fmt.Errorf("unpacking %s: %w", h.Name, err)
			}
		}
		if h.Typeflag == tar.TypeDir {
			if err := root.MkdirAll(h.Name, 0o755); err != nil {
				return nil, fmt.Errorf("unpacking %s: %w", h.Name, err)
			}
			dirs = append(dirs, h)
			continue
		}
		if err := unpackEntry(tr, h, root); err != nil {
			return nil, fmt.Errorf("unpacking %s: %w", h.Name, err)
		}
	}
}

func unpackEntry(tr *tar.Reader, h *tar.Header, root *os.Root) error {
	switch h.Typeflag {
	case tar.TypeReg:
		if h.Size > maxFile { // a sparse file can be as large as it likes
			return fmt.Errorf("%d bytes in one file", h.Size)
		}
		f, err := root.OpenFile(h.Name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		if _, err := io.Copy(f, tr); err != nil {
			return errors.Join(err, f.Close())
		}
		// Explicitly, because the umask must have no say. Owners may always read their files.
		if err := f.Chmod(h.FileInfo().Mode().Perm() | 0o400); err != nil {
			return errors.Join(err, f.Close())
		}
		if err := f.Close(); err != nil {
			return err
		}
		return root.Chtimes(h.Name, time.Time{}, h.ModTime)
	case tar.TypeSymlink:
		return root.Symlink(h.Linkname, h.Name)
	case tar.TypeLink:
		to, err := inTree(h.Linkname)
		if err != nil {
			return err
		}
		return root.Link(to, h.Name)
	}
	return fmt.Errorf("a file of type %q has no place in a package", h.Typeflag)
}

// finish makes what maintainer scripts would have made and programs can't do without. Whatever a
// package brought itself is left as it is.
func finish(root *os.Root) error {
	exists := func(name string) bool {
		_, err := root.Lstat(name)
		return err == nil
	}
	// The alternatives system's choices: the first program of the list that is there.
	for _, alt := range []struct{ link, of string }{
		{"awk", "gawk mawk"}, {"cc", "gcc"}, {"c++", "g++"}, {"sh", "dash bash"}, {"yacc", "bison.yacc"}, {"pkg-config", "pkgconf"},
		{"automake", "automake-[0-9]*"}, {"aclocal", "aclocal-[0-9]*"},
	} {
		if exists("usr/bin/" + alt.link) {
			continue
		}
		for _, pattern := range strings.Fields(alt.of) {
			found, err := fs.Glob(root.FS(), "usr/bin/"+pattern)
			if err != nil {
				return err
			}
			if len(found) > 0 {
				if err := root.Symlink(path.Base(found[0]), "usr/bin/"+alt.link); err != nil {
					return err
				}
				break
			}
		}
	}
	files := map[string]string{
		"etc/passwd":        "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
		"etc/group":         "root:x:0:\ntty:x:5:\nnogroup:x:65534:\n",
		"etc/hosts":         "127.0.0.1 localhost\n::1 localhost\n",
		"etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
	}
	bundle, err := authorities(root)
	if err != nil {
		return err
	}
	if bundle != "" {
		files["etc/ssl/certs/ca-certificates.crt"] = bundle
	}
	for name, text := range files {
		if exists(name) {
			continue
		}
		if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
			return err
		}
		if err := root.WriteFile(name, []byte(text), 0o644); err != nil {
			return err
		}
		if err := root.Chtimes(name, time.Time{}, time.Unix(0, 0)); err != nil {
			return err
		}
	}
	return nil
}

// authorities joins the certificates that ca-certificates brings, as its maintainer script does.
func authorities(root *os.Root) (string, error) {
	names, err := fs.Glob(root.FS(), "usr/share/ca-certificates/mozilla/*.crt")
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, n := range names { // in the order of names
		c, err := root.ReadFile(n)
		if err != nil {
			return "", err
		}
		b.Write(c)
	}
	return b.String(), nil
}

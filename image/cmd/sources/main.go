// Command sources collects the corresponding source of an image: the source
// packages of everything Debian's that is in it, and this tree at its present
// commit, with which they were built. Whoever hands an image on hands this on
// with it, as the GPL asks.
//
//	sources [-out build/sources]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"switchroom/image/packages"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stderr); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "sources:", err)
		}
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("sources", flag.ContinueOnError)
	flags.SetOutput(out)
	dir := flags.String("out", filepath.Join("build", "sources"), "`directory` to collect in")
	if err := flags.Parse(args); err != nil {
		return err
	}
	sources, err := packages.DefaultSources()
	if err != nil {
		return err
	}
	store, err := packages.Open(packages.Config{Log: slog.New(slog.NewTextHandler(out, nil)), Progress: out})
	if err != nil {
		return err
	}
	var files []packages.File
	var size int64
	for _, s := range sources {
		files = append(files, s.Files...)
		for _, f := range s.Files {
			size += f.Size
		}
	}
	var missing *packages.MissingError
	if err := store.FetchFiles(ctx, files); err != nil && !errors.As(err, &missing) {
		return fmt.Errorf("fetching the sources: %w", err)
	}
	for _, s := range sources {
		to := filepath.Join(*dir, s.Name+"_"+strings.ReplaceAll(s.Version, ":", "%3a"))
		if err := collect(to, present(s.Files, missing), store.Blob); err != nil {
			return fmt.Errorf("collecting %s: %w", s.Name, err)
		}
	}
	if err := archive(ctx, filepath.Join(*dir, "switchroom.tar.gz")); err != nil {
		return err
	}
	list := filepath.Join(*dir, "MISSING")
	if missing == nil {
		if err := os.Remove(list); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		fmt.Fprintf(out, "%d source packages, %d MB, and this tree are in %s\n", len(sources), size/1e6, *dir)
		return nil
	}
	if err := os.WriteFile(list, []byte(listMissing(missing.Files)), 0o644); err != nil {
		return err
	}
	return fmt.Errorf("%d of %d files are in %s; an image must not be handed on without the %d others, which the mirror does not have. "+
		"%s names them; set apt up with a mirror that keeps sources, or put them there by hand",
		len(files)-len(missing.Files), len(files), *dir, len(missing.Files), list)
}

// present returns the files that are not missing.
func present(files []packages.File, missing *packages.MissingError) []packages.File {
	if missing == nil {
		return files
	}
	return slices.DeleteFunc(slices.Clone(files), func(f packages.File) bool {
		return slices.ContainsFunc(missing.Files, func(m packages.File) bool { return m.Path == f.Path })
	})
}

// listMissing is what sha256sum -c understands, so that what somebody adds by hand
// can be checked.
func listMissing(files []packages.File) string {
	var b strings.Builder
	for _, f := range files {
		fmt.Fprintf(&b, "%s  %s\n", f.SHA256, path.Base(f.Path))
	}
	return b.String()
}

// collect puts the files of one source package into a folder of its own,
// linked to the cache where the file system allows it.
func collect(dir string, files []packages.File, blob func(sha256 string) string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, f := range files {
		to := filepath.Join(dir, path.Base(f.Path))
		if err := os.Remove(to); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		if err := os.Link(blob(f.SHA256), to); err == nil {
			continue
		}
		if err := copyFile(blob(f.SHA256), to); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// archive packs this tree's present commit. What is not committed is not part
// of any image that may be handed on.
func archive(ctx context.Context, to string) error {
	cmd := exec.CommandContext(ctx, "git", "archive", "--format=tar.gz", "--prefix=switchroom/", "-o", to, "HEAD")
	if b, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("packing this tree: %w: %s", err, strings.TrimSpace(string(b)))
	}
	return nil
}

package packages

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"switchroom/image/packages/progress"
)

// stall is how long a download may stand still before it is given up and tried again.
const stall = 60 * time.Second

// MissingError says which locked files are neither in the cache nor on any mirror.
type MissingError struct {
	Files []File
}

func (e *MissingError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d locked package file(s) can be had neither from the cache nor from the mirror:", len(e.Files))
	for _, f := range e.Files {
		fmt.Fprintf(&b, "\n  %s (%d bytes, SHA-256 %s)", path.Base(f.Path), f.Size, f.SHA256)
	}
	b.WriteString("\nThe suite has probably moved on: `make relock` shows what would change in the lock. If nothing would, the mirror does not carry them: set apt up with another.")
	return b.String()
}

// errGone: a mirror does not have a file, or has another one under its name.
var errGone = errors.New("not to be had")

// Fetch makes sure that the packages' files are in the cache. What no mirror has is a
// [*MissingError] naming all of it; everything else is fetched even then.
func (s *Store) Fetch(ctx context.Context, pkgs []Package) error {
	return s.FetchFiles(ctx, filesOf(pkgs))
}

// FetchFiles is Fetch for files of any kind.
func (s *Store) FetchFiles(ctx context.Context, files []File) error {
	want := s.absent(files)
	if len(want) == 0 {
		return nil
	}
	mirrors, err := s.Mirrors(ctx)
	if err != nil {
		return err
	}
	client := s.httpClient(ctx)
	var total int64
	for _, f := range want {
		total += f.Size
	}
	task := s.bars.Start("fetching packages", progress.Bytes, total)
	defer task.Done()
	gone := make([]bool, len(want))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(s.parallel)
	for i, f := range want {
		g.Go(func() error {
			err := s.fetchOne(gctx, client, mirrors, f, task)
			if errors.Is(err, errGone) {
				s.log.WarnContext(ctx, "a locked file is gone", "file", f.Path, "err", err)
				gone[i] = true
				return nil
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	var missing []File
	for i, g := range gone {
		if g {
			missing = append(missing, want[i])
		}
	}
	if len(missing) > 0 {
		return &MissingError{Files: missing}
	}
	return nil
}

// absent returns the files that are not in the cache, each once.
func (s *Store) absent(files []File) []File {
	var want []File
	seen := map[string]bool{}
	for _, f := range files {
		if seen[f.SHA256] {
			continue
		}
		seen[f.SHA256] = true
		if st, err := os.Stat(s.Blob(f.SHA256)); err != nil || st.Size() != f.Size {
			want = append(want, f)
		}
	}
	return want
}

// fetchOne downloads one file from the first mirror that has it.
func (s *Store) fetchOne(ctx context.Context, client *http.Client, mirrors []string, f File, count io.Writer) error {
	unlock, err := s.lock(ctx, "blob-"+f.SHA256)
	if err != nil {
		return err
	}
	defer unlock()
	if len(s.absent([]File{f})) == 0 {
		return nil // another process fetched it meanwhile
	}
	var errs []error
	for _, m := range mirrors {
		for try := range 3 {
			if try > 0 {
				select {
				case <-ctx.Done():
				case <-time.After(time.Duration(try) * s.retry):
				}
			}
			err = s.download(ctx, client, m, f, count)
			if err == nil {
				return nil
			}
			if errors.Is(err, errGone) || ctx.Err() != nil {
				break
			}
		}
		if ctx.Err() != nil {
			return fmt.Errorf("fetching %s: %w", f.Path, ctx.Err())
		}
		errs = append(errs, err)
	}
	// If a mirror could not be asked, nobody knows whether the file is gone.
	for _, err := range errs {
		if !errors.Is(err, errGone) {
			return fmt.Errorf("fetching %s: %w", f.Path, err)
		}
	}
	return fmt.Errorf("fetching %s: %w", f.Path, errors.Join(errs...))
}

func (s *Store) download(ctx context.Context, client *http.Client, mirror string, f File, count io.Writer) (err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	timer := time.AfterFunc(stall, func() { cancel(fmt.Errorf("nothing came for %v", stall)) })
	defer timer.Stop()
	u, err := url.Parse(mirror)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.JoinPath(f.Path).String(), nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return errors.Join(err, context.Cause(ctx))
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusGone:
		return fmt.Errorf("%w: the mirror says %s", errGone, resp.Status)
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("the mirror says %s", resp.Status)
	case resp.ContentLength >= 0 && resp.ContentLength != f.Size:
		return fmt.Errorf("%w: the mirror's file has %d bytes, the locked one %d", errGone, resp.ContentLength, f.Size)
	}
	tmp, err := os.CreateTemp(filepath.Join(s.dir, "blobs"), ".new-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, tmp.Close(), os.Remove(tmp.Name()))
		}
	}()
	h := sha256.New()
	body := &resetting{r: io.LimitReader(resp.Body, f.Size+1), timer: timer}
	n, err := io.Copy(io.MultiWriter(tmp, h, count), body)
	if err != nil {
		return errors.Join(err, context.Cause(ctx))
	}
	if sum := hex.EncodeToString(h.Sum(nil)); n != f.Size || sum != f.SHA256 {
		return fmt.Errorf("%w: what came has %d bytes and SHA-256 %s, the locked file %d and %s", errGone, n, sum, f.Size, f.SHA256)
	}
	if err := tmp.Chmod(0o644); err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), s.Blob(f.SHA256)); err != nil {
		return err
	}
	return tmp.Close()
}

// resetting gives a time-out its full time again whenever something is read.
type resetting struct {
	r     io.Reader
	timer *time.Timer
}

func (r *resetting) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if n > 0 {
		r.timer.Reset(stall)
	}
	return n, err
}

// verify compares a cached file with its hash and removes it if it is another.
func (s *Store) verify(f File) error {
	b, err := os.Open(s.Blob(f.SHA256))
	if err != nil {
		return err
	}
	defer b.Close()
	h := sha256.New()
	if _, err := io.Copy(h, b); err != nil {
		return fmt.Errorf("reading %s from the cache: %w", f.Path, err)
	}
	if hex.EncodeToString(h.Sum(nil)) == f.SHA256 {
		return nil
	}
	err = fmt.Errorf("%s in the cache is damaged", f.Path)
	return errors.Join(err, os.Remove(b.Name()))
}

package build

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"switchroom/image/packages"
	"switchroom/image/packages/progress"
)

func TestModuleNames(t *testing.T) {
	names := ModuleNames()
	if !slices.IsSorted(names) || len(slices.Compact(slices.Clone(names))) != len(names) {
		t.Error("the list has a module twice")
	}
	for _, n := range names {
		if kind, _, ok := strings.Cut(n, "_"); !ok || !slices.Contains([]string{"app", "bridge", "cdr", "cel", "chan", "codec", "format", "func", "pbx", "res"}, kind) {
			t.Errorf("%q is not the name of a module", n)
		}
	}
	for _, want := range []string{"chan_dahdi", "chan_pjsip", "app_queue", "app_mixmonitor"} {
		if !slices.Contains(names, want) {
			t.Errorf("%s is not in the list", want)
		}
	}
}

func TestFollow(t *testing.T) {
	var b strings.Builder
	for i := range 50 {
		fmt.Fprintf(&b, "   [CC] file%d.c -> file%d.o\n", i, i)
	}
	b.WriteString("@ installing\nthe end, without a newline")
	tail, err := follow(strings.NewReader(b.String()), progress.New(nil).Start("x", progress.Items, 50))
	if err != nil || len(tail) != 40 || tail[39] != "the end, without a newline" || tail[38] != "@ installing" {
		t.Errorf("follow = %q, %v; want the last 40 lines", tail, err)
	}
}

func TestDifferences(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	for _, dir := range []string{a, b} {
		err := errors.Join(
			os.MkdirAll(filepath.Join(dir, "sub"), 0o755),
			os.WriteFile(filepath.Join(dir, "sub", "same"), []byte("same"), 0o644),
			os.WriteFile(filepath.Join(dir, "content"), []byte("content of "+dir), 0o644),
			os.WriteFile(filepath.Join(dir, "mode"), nil, 0o644),
			os.Symlink(dir, filepath.Join(dir, "link")),
			os.Symlink("x", filepath.Join(dir, "same-link")))
		if err != nil {
			t.Fatal(err)
		}
	}
	err := errors.Join(os.Chmod(filepath.Join(b, "mode"), 0o755), os.WriteFile(filepath.Join(a, "only-a"), nil, 0o644), os.WriteFile(filepath.Join(b, "only-b"), nil, 0o644))
	if err != nil {
		t.Fatal(err)
	}
	got, err := differences(a, b)
	if d := cmp.Diff([]string{"content", "link", "mode", "only-a", "only-b"}, got); d != "" || err != nil {
		t.Errorf("differences: %v (-want +got):\n%s", err, d)
	}
	if got, err := differences(a, a); len(got) != 0 || err != nil {
		t.Errorf("differences of a tree with itself = %v, %v", got, err)
	}
}

// fixture is a store whose set "build" is one handmade package with one program, which stands for
// the shell and for nice.
func fixture(t *testing.T) (*packages.Store, *packages.Lock) {
	t.Helper()
	prog := filepath.Join(t.TempDir(), "nice")
	cmd := exec.Command("go", "build", "-o", prog, "./testdata/nice")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	body, err := os.ReadFile(prog)
	if err != nil {
		t.Fatal(err)
	}
	var data bytes.Buffer
	w := tar.NewWriter(&data)
	err = errors.Join(w.WriteHeader(&tar.Header{Name: "./usr/bin/nice", Typeflag: tar.TypeReg, Mode: 0o755, Size: int64(len(body))}))
	if err == nil {
		_, err = w.Write(body)
	}
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	var deb bytes.Buffer
	deb.WriteString("!<arch>\n")
	for _, m := range [][2]string{{"debian-binary", "2.0\n"}, {"control.tar", ""}, {"data.tar", data.String()}} {
		fmt.Fprintf(&deb, "%-16s%-12d%-6d%-6d%-8s%-10d`\n%s", m[0], 0, 0, 0, "100644", len(m[1]), m[1])
	}
	sum := sha256.Sum256(deb.Bytes())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write(deb.Bytes()) }))
	t.Cleanup(server.Close)
	store, err := packages.Open(packages.Config{Dir: t.TempDir(), Mirrors: []string{server.URL}, Client: server.Client()})
	if err != nil {
		t.Fatal(err)
	}
	return store, &packages.Lock{Suite: "forky", Sets: map[string][]packages.Package{"build": {{Name: "nice", Version: "1", Arch: "amd64",
		Source: "nice", SourceVersion: "1", Path: "pool/nice.deb", Size: int64(deb.Len()), SHA256: hex.EncodeToString(sum[:])}}}}
}

func TestJob(t *testing.T) {
	store, lock := fixture(t)
	ctx := context.Background()
	input := filepath.Join(t.TempDir(), "input")
	if err := os.WriteFile(input, []byte("the input"), 0o644); err != nil {
		t.Fatal(err)
	}
	checked := 0
	newJob := func(script string) *job {
		j := &job{name: "x", slug: "x", script: []byte(script), steps: 1, check: func(out string) error {
			checked++
			if b, err := os.ReadFile(filepath.Join(out, "result")); err != nil || string(b) != "the input" {
				return fmt.Errorf("result %q, %w", b, err)
			}
			return nil
		}}
		j.input(j.script)
		j.binds = []packages.Bind{{Host: input, Guest: "/in/input"}}
		return j
	}
	first, err := newJob("copy").run(ctx, store, lock, "")
	if err != nil {
		t.Fatal(err)
	}
	again, err := newJob("copy").run(ctx, store, lock, "")
	if err != nil || again != first || checked != 1 {
		t.Errorf("the second time: %s, %v, compiled %d times; want %s without compiling", again, err, checked, first)
	}
	// Jobs that fail leave their output behind, and nothing that looks like a result.
	for script, want := range map[string]string{"fail": "this is why", "nothing": "result"} {
		_, err := newJob(script).run(ctx, store, lock, "")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("script %s: %v; want an error about %q", script, err, want)
		}
	}
	left, err := filepath.Glob(filepath.Join(store.Dir(), "build", "*"))
	if err != nil {
		t.Fatal(err)
	}
	hidden, err := filepath.Glob(filepath.Join(store.Dir(), "build", ".*"))
	if err != nil {
		t.Fatal(err)
	}
	dirs := slices.DeleteFunc(left, func(n string) bool { return strings.HasSuffix(n, ".log") })
	if len(dirs) != 1 || dirs[0] != first || len(hidden) != 0 {
		t.Errorf("in the cache there is %v and %v; want only %s", dirs, hidden, first)
	}

	other := *lock
	other.Sets = map[string][]packages.Package{"build": {lock.Sets["build"][0], lock.Sets["build"][0]}}
	other.Sets["build"][1].Name, other.Sets["build"][1].SHA256 = "another", strings.Repeat("0", 64)
	if _, err := newJob("copy").run(ctx, store, &other, ""); err == nil {
		t.Error("with another compiler the old result was taken")
	}
}

func TestJobEndsWithItsContext(t *testing.T) {
	store, lock := fixture(t)
	ctx, cancel := context.WithCancel(context.Background())
	j := &job{name: "x", slug: "x", script: []byte("wait"), check: func(string) error { return nil }}
	j.prepare = func(work string) error {
		cancel()
		return nil
	}
	if _, err := j.run(ctx, store, lock, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("run = %v; want %v", err, context.Canceled)
	}
}

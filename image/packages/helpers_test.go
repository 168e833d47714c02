package packages

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// entry is a file of a handmade package. A body is for regular files, a link for links.
type entry struct {
	name string
	kind byte // 0 is a regular file
	mode int64
	body string
	link string
}

func makeTar(t testing.TB, entries []entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Typeflag: e.kind, Mode: e.mode, Size: int64(len(e.body)), Linkname: e.link, ModTime: time.Unix(1_600_000_000, 0)}
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
		}
		if h.Mode == 0 {
			h.Mode = 0o644
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(e.body)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func compress(t testing.TB, suffix string, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	var err error
	switch suffix {
	case "":
		return data
	case ".gz":
		w := gzip.NewWriter(&b)
		_, err = w.Write(data)
		if err == nil {
			err = w.Close()
		}
	case ".xz":
		var w *xz.Writer
		if w, err = xz.NewWriter(&b); err == nil {
			if _, err = w.Write(data); err == nil {
				err = w.Close()
			}
		}
	case ".zst":
		var w *zstd.Encoder
		if w, err = zstd.NewWriter(&b); err == nil {
			if _, err = w.Write(data); err == nil {
				err = w.Close()
			}
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func makeAr(members ...[2]string) []byte {
	var b bytes.Buffer
	b.WriteString("!<arch>\n")
	for _, m := range members {
		fmt.Fprintf(&b, "%-16s%-12d%-6d%-6d%-8s%-10d`\n%s", m[0], 0, 0, 0, "100644", len(m[1]), m[1])
		if len(m[1])%2 == 1 {
			b.WriteByte('\n')
		}
	}
	return b.Bytes()
}

func makeDeb(t testing.TB, suffix string, entries []entry) []byte {
	t.Helper()
	control := compress(t, ".gz", makeTar(t, []entry{{name: "./control", body: "Package: x\nVersion: 1\nArchitecture: all\nMaintainer: x <x@example.org>\nDescription: x\n"}}))
	return makeAr([2]string{"debian-binary", "2.0\n"}, [2]string{"control.tar.gz", string(control)},
		[2]string{"data.tar" + suffix, string(compress(t, suffix, makeTar(t, entries)))})
}

// mirror is an archive that counts what is asked of it.
type mirror struct {
	*httptest.Server
	mu    sync.Mutex
	files map[string][]byte
	gets  map[string]int
	heads int
}

func newMirror(t testing.TB) *mirror {
	m := &mirror{files: map[string][]byte{}, gets: map[string]int{}}
	m.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.mu.Lock()
		body, ok := m.files[r.URL.Path]
		if r.Method == http.MethodHead {
			m.heads++
		} else {
			m.gets[r.URL.Path]++
		}
		m.mu.Unlock()
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		_, _ = w.Write(body)
	}))
	t.Cleanup(m.Close)
	return m
}

// add puts a package onto the mirror and returns its place in a lock.
func (m *mirror) add(name string, deb []byte) Package {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := Package{Name: name, Version: "1", Arch: "amd64", Source: name, SourceVersion: "1",
		Path: "pool/main/" + name + "_1+b~1_amd64.deb", Size: int64(len(deb)), SHA256: sumOf(deb)}
	m.files["/debian/"+p.Path] = deb
	return p
}

func (m *mirror) asked(p Package) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.gets["/debian/"+p.Path]
}

func (m *mirror) replace(p Package, body []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.files["/debian/"+p.Path] = body
}

func (m *mirror) remove(p Package) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.files, "/debian/"+p.Path)
}

func sumOf(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

func openStore(t testing.TB, dir string, mirrors ...*mirror) *Store {
	t.Helper()
	cfg := Config{Dir: dir, Client: &http.Client{}}
	for _, m := range mirrors {
		cfg.Mirrors = append(cfg.Mirrors, m.URL+"/debian")
	}
	s, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func read(t testing.TB, parts ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(parts...))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

package packages

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
)

func TestFetchTakesFromTheMirrorOnce(t *testing.T) {
	m := newMirror(t)
	a, b := m.add("a", []byte("package a")), m.add("b", []byte("package b"))
	s := openStore(t, t.TempDir(), m)
	ctx := context.Background()
	for range 2 {
		if err := s.Fetch(ctx, []Package{a, b, a}); err != nil {
			t.Fatal(err)
		}
	}
	if got := read(t, s.File(a)); got != "package a" {
		t.Errorf("file of a = %q", got)
	}
	if m.asked(a) != 1 || m.asked(b) != 1 {
		t.Errorf("asked for a %d times and for b %d times; want once each", m.asked(a), m.asked(b))
	}
	m.Close()
	if err := s.Fetch(ctx, []Package{a, b}); err != nil {
		t.Errorf("with everything in the cache and no mirror: %v", err)
	}
}

func TestFetchNamesAllThatIsMissing(t *testing.T) {
	m := newMirror(t)
	good := m.add("good", []byte("good"))
	gone := m.add("gone", []byte("gone"))
	longer := m.add("longer", []byte("longer"))
	other := m.add("other", []byte("other"))
	m.remove(gone)
	m.replace(longer, []byte("longer than locked"))
	m.replace(other, []byte("OTHER"))
	s := openStore(t, t.TempDir(), m)
	err := s.Fetch(context.Background(), []Package{gone, longer, other, good})
	var missing *MissingError
	if !errors.As(err, &missing) {
		t.Fatalf("Fetch = %v; want a MissingError", err)
	}
	if len(missing.Files) != 3 {
		t.Errorf("missing = %v; want gone, longer, other", missing.Files)
	}
	for _, want := range []string{"gone_1+b~1_amd64.deb", "longer_1", "other_1", "make relock"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q: %v", want, err)
		}
	}
	if strings.Contains(err.Error(), "good_1") {
		t.Errorf("the error names what is not missing: %v", err)
	}
	if got := read(t, s.File(good)); got != "good" {
		t.Errorf("what can be had was not fetched: %q", got)
	}
	if _, err := os.Stat(s.File(other)); err == nil {
		t.Error("a file with another hash got into the cache")
	}
	entries, err := os.ReadDir(s.dir + "/blobs")
	if err != nil || len(entries) != 1 {
		t.Errorf("the cache has %d files (%v); want only the good one", len(entries), err)
	}
}

func TestFetchTriesTheNextMirror(t *testing.T) {
	old, now := newMirror(t), newMirror(t)
	p := now.add("p", []byte("here"))
	s := openStore(t, t.TempDir(), old, now)
	if err := s.Fetch(context.Background(), []Package{p}); err != nil {
		t.Fatal(err)
	}
}

// Whether a file is gone is not known while a mirror does not answer: a new lock would be no help.
func TestFetchFromAMirrorInTroubleIsNotMissing(t *testing.T) {
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "overloaded", http.StatusServiceUnavailable)
	}))
	defer broken.Close()
	m := newMirror(t)
	p := m.add("p", []byte("p"))
	s, err := Open(Config{Dir: t.TempDir(), Client: &http.Client{}, Mirrors: []string{broken.URL}})
	if err != nil {
		t.Fatal(err)
	}
	s.retry = 0
	err = s.Fetch(context.Background(), []Package{p})
	var missing *MissingError
	if err == nil || errors.As(err, &missing) || !strings.Contains(err.Error(), "503") {
		t.Errorf("Fetch = %v; want an error about 503 that is not a MissingError", err)
	}
}

func TestFetchEndsWithItsContext(t *testing.T) {
	started := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "4")
		_, _ = w.Write([]byte("p"))
		w.(http.Flusher).Flush()
		close(started)
		<-r.Context().Done()
	}))
	defer slow.Close()
	s, err := Open(Config{Dir: t.TempDir(), Client: &http.Client{}, Mirrors: []string{slow.URL}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		<-started
		cancel()
	}()
	if err := s.FetchFiles(ctx, []File{{Path: "p", Size: 4, SHA256: strings.Repeat("0", 64)}}); !errors.Is(err, context.Canceled) {
		t.Errorf("FetchFiles = %v; want %v", err, context.Canceled)
	}
	entries, err := os.ReadDir(s.dir + "/blobs")
	if err != nil || len(entries) != 0 {
		t.Errorf("an unfinished download left %v, %v", entries, err)
	}
}

func TestTwoStoresFetchOnce(t *testing.T) {
	m := newMirror(t)
	p := m.add("p", []byte(strings.Repeat("p", 1<<20)))
	dir := t.TempDir()
	var wg sync.WaitGroup
	for range 4 {
		s := openStore(t, dir, m)
		wg.Go(func() {
			if err := s.Fetch(context.Background(), []Package{p}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := m.asked(p); n != 1 {
		t.Errorf("the file was downloaded %d times; want once", n)
	}
}

func TestUsableKeepsALockThatCanBeHad(t *testing.T) {
	m := newMirror(t)
	a, b := m.add("a", []byte("a")), m.add("b", []byte("b"))
	s := openStore(t, t.TempDir(), m)
	lock := &Lock{Suite: "forky", Sets: map[string][]Package{"vm": {a, b}}}
	if err := s.Fetch(context.Background(), []Package{a}); err != nil {
		t.Fatal(err)
	}
	m.remove(a) // it is in the cache
	got, err := s.Usable(context.Background(), lock, "vm")
	if err != nil {
		t.Fatal(err)
	}
	if got != lock || len(got.Unlocked) != 0 {
		t.Errorf("Usable made another lock: %v", got.Unlocked)
	}
	if m.heads != 1 || m.asked(b) != 0 {
		t.Errorf("the mirror was asked %d times, and b fetched %d times; want one question", m.heads, m.asked(b))
	}
}

func TestGone(t *testing.T) {
	m := newMirror(t)
	here, gone, longer := m.add("here", []byte("x")), m.add("gone", []byte("xx")), m.add("longer", []byte("xxx"))
	m.remove(gone)
	m.replace(longer, []byte("another"))
	s := openStore(t, t.TempDir(), m)
	files, err := s.gone(context.Background(), filesOf([]Package{here, gone, longer}))
	if err != nil || len(files) != 2 || files[0] != gone.File() || files[1] != longer.File() {
		t.Errorf("gone = %v, %v; want gone and longer", files, err)
	}
	m.Close()
	if _, err := s.gone(context.Background(), filesOf([]Package{here})); err == nil {
		t.Error("a mirror that can't be asked counts as one that says no")
	}
}

//go:build native

package prompts

import (
	"bytes"
	"debug/elf"
	_ "embed"
	"io"
	"log/slog"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"switchroom/image/build"
	"switchroom/image/packages"
)

// looksLike is what prompts are called. A name with %d in it is put together from others.
var looksLike = regexp.MustCompile(`^(vm|queue|conf|confbridge|agent|dir|pbx|priv|privacy|spy|followme|screen|auth|digits|letters|phonetic|silence)[-/][A-Za-z0-9_-]+$`)

// others are strings that look like prompts and are none, or are played for other languages than
// ours.
//
//go:embed testdata/others.txt
var others string

// TestNativeAsteriskPlaysNothingElse holds asterisk.txt against the strings in the compiled program and modules.
// It sees nearly all of them: a short one that the compiler has made part of an instruction ("digits/wan")
// is in no string.
func TestNativeAsteriskPlaysNothingElse(t *testing.T) {
	store, err := packages.Open(packages.Config{Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	lock, err := packages.Default()
	if err != nil {
		t.Fatal(err)
	}
	tree, err := build.Asterisk(t.Context(), store, lock)
	if err != nil {
		t.Fatal(err)
	}
	modules, err := filepath.Glob(filepath.Join(tree, build.ModuleDir, "*.so"))
	if err != nil {
		t.Fatal(err)
	}
	played := append(Played(Chinese), Played(English)...)
	known := strings.Fields(others)
	table := all(t)
	found := map[string]bool{}
	for _, file := range append(modules, filepath.Join(tree, "usr/sbin/asterisk")) {
		for _, s := range literals(t, file) {
			for name := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == '&' || r == ',' }) {
				_, ours := table[name]
				if !looksLike.MatchString(name) && !(ours && strings.ContainsAny(name, "-/")) {
					continue
				}
				found[name] = true
				if !slices.Contains(played, name) && !slices.Contains(known, name) {
					t.Errorf("%s: %q may be a prompt, and is neither in asterisk.txt nor in testdata/others.txt", filepath.Base(file), name)
				}
			}
		}
	}
	for _, want := range []string{"vm-intro", "queue-youarenext", "conf-getpin", "pbx-invalidpark", "vm-tong", "digits/year"} {
		if !found[want] {
			t.Errorf("%s was not found in any module: the strings were not read", want)
		}
	}
}

// literals returns the strings of a program's read-only data.
func literals(t *testing.T, file string) []string {
	t.Helper()
	f, err := elf.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	section := f.Section(".rodata")
	if section == nil {
		return nil
	}
	data, err := io.ReadAll(section.Open())
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for s := range bytes.SplitSeq(data, []byte{0}) {
		if len(s) > 2 && len(s) < 4096 {
			all = append(all, string(s))
		}
	}
	return all
}

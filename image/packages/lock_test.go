package packages

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func genLock() *rapid.Generator[*Lock] {
	word := rapid.StringMatching(`[a-z][a-z0-9.+-]{0,12}`)
	version := rapid.StringMatching(`([0-9]:)?[0-9][0-9a-z.+~-]{0,10}`)
	hash := rapid.StringMatching(`[0-9a-f]{64}`)
	path := rapid.Custom(func(t *rapid.T) string {
		return "pool/main/" + word.Draw(t, "dir") + "/" + word.Draw(t, "file") + ".deb"
	})
	size := rapid.Int64Range(1, 1<<40)
	return rapid.Custom(func(t *rapid.T) *Lock {
		l := &Lock{Suite: word.Draw(t, "suite"), Sets: map[string][]Package{}, Sources: []Source{}}
		for _, set := range rapid.SliceOfNDistinct(word, 0, 3, rapid.ID).Draw(t, "sets") {
			pkgs := []Package{}
			for _, name := range rapid.SliceOfNDistinct(word, 0, 5, rapid.ID).Draw(t, "names") {
				pkgs = append(pkgs, Package{Name: name, Version: version.Draw(t, "version"), Arch: "amd64", Source: word.Draw(t, "source"),
					SourceVersion: version.Draw(t, "sourceVersion"), Path: path.Draw(t, "path"), Size: size.Draw(t, "size"), SHA256: hash.Draw(t, "hash")})
			}
			l.Sets[set] = pkgs
		}
		for _, name := range rapid.SliceOfN(word, 0, 3).Draw(t, "sources") {
			l.Sources = append(l.Sources, Source{Name: name, Version: version.Draw(t, "version"),
				Files: []File{{Path: path.Draw(t, "path"), Size: size.Draw(t, "size"), SHA256: hash.Draw(t, "hash")}}})
		}
		return l
	})
}

func TestLockSurvivesItsFile(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := genLock().Draw(t, "lock")
		got, err := ParseLock(l.Format())
		if err != nil {
			t.Fatalf("ParseLock(Format()): %v\n%s", err, l.Format())
		}
		if d := cmp.Diff(l, got); d != "" {
			t.Errorf("after Format and ParseLock (-want +got):\n%s", d)
		}
		sources, err := ParseSources(FormatSources(l.Sources))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(l.Sources, sources); d != "" {
			t.Errorf("sources (-want +got):\n%s", d)
		}
	})
}

func TestParseLockRefuses(t *testing.T) {
	good := func() *Lock {
		return &Lock{Suite: "forky", Sources: []Source{}, Sets: map[string][]Package{"root": {{Name: "a", Version: "1", Arch: "all", Source: "a", SourceVersion: "1",
			Path: "pool/a.deb", Size: 1, SHA256: strings.Repeat("0", 64)}}}}
	}
	if _, err := ParseLock(good().Format()); err != nil {
		t.Fatalf("the lock that the cases start from: %v", err)
	}
	tests := []struct {
		name   string
		change func(*Lock)
		want   string
	}{
		{"no suite", func(l *Lock) { l.Suite = "" }, "suite"},
		{"no name", func(l *Lock) { l.Sets["root"][0].Name = "" }, "name"},
		{"no version", func(l *Lock) { l.Sets["root"][0].Version = "" }, "version"},
		{"no hash", func(l *Lock) { l.Sets["root"][0].SHA256 = "" }, "SHA-256"},
		{"short hash", func(l *Lock) { l.Sets["root"][0].SHA256 = "00" }, "SHA-256"},
		{"hash in capitals", func(l *Lock) { l.Sets["root"][0].SHA256 = strings.Repeat("A", 64) }, "SHA-256"},
		{"hash that is a path", func(l *Lock) { l.Sets["root"][0].SHA256 = "../../../../etc/passwd" }, "SHA-256"},
		{"no size", func(l *Lock) { l.Sets["root"][0].Size = 0 }, "size"},
		{"absolute path", func(l *Lock) { l.Sets["root"][0].Path = "/pool/a.deb" }, "path"},
		{"path out of the archive", func(l *Lock) { l.Sets["root"][0].Path = "../a.deb" }, "path"},
		{"path that is not clean", func(l *Lock) { l.Sets["root"][0].Path = "pool//a.deb" }, "path"},
		{"path with a space", func(l *Lock) { l.Sets["root"][0].Path = "pool/a b.deb" }, "path"},
		{"twice", func(l *Lock) { l.Sets["root"] = append(l.Sets["root"], l.Sets["root"][0]) }, "twice"},
		{"source without files", func(l *Lock) { l.Sources = []Source{{Name: "a", Version: "1"}} }, "files"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := good()
			tt.change(l)
			if _, err := ParseLock(l.Format()); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("ParseLock = %v; want an error about %q", err, tt.want)
			}
		})
	}
	for _, text := range []string{"", "{", `{"suite":"forky","sets":{},"sources":[]} x`, `{"suite":"forky","sets":{},"sources":[],"more":1}`} {
		if _, err := ParseLock([]byte(text)); err == nil {
			t.Errorf("ParseLock(%q) found nothing wrong", text)
		}
	}
}

func FuzzParseLock(f *testing.F) {
	f.Add([]byte(`{"suite":"forky","sets":{"root":[]},"sources":[]}`))
	f.Add(lockJSON[:2000])
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := ParseLock(b)
		if err != nil {
			return
		}
		again, err := ParseLock(l.Format())
		if err != nil {
			t.Fatalf("what was parsed is refused once it is written: %v", err)
		}
		if string(again.Format()) != string(l.Format()) {
			t.Error("a lock changes when it is written and read")
		}
	})
}

// What is committed must fit together: it is what every build starts from.
func TestDefaultLock(t *testing.T) {
	l, err := Default()
	if err != nil {
		t.Fatal(err)
	}
	sets, err := defaultSets()
	if err != nil {
		t.Fatal(err)
	}
	for name, groups := range sets {
		pkgs, err := l.Set(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range groups {
			if len(g.Keep) > 0 {
				continue
			}
			for _, want := range g.Install {
				if !slices.ContainsFunc(pkgs, func(p Package) bool { return p.Name == want }) {
					t.Errorf("set %s: sets.json asks for %s, the lock does not have it: run make relock", name, want)
				}
			}
		}
		if !slices.IsSortedFunc(pkgs, func(a, b Package) int { return strings.Compare(a.Name, b.Name) }) {
			t.Errorf("set %s is not sorted", name)
		}
	}
	// The modules are compiled for the kernel that runs them.
	kernel := func(set, prefix string) string {
		for _, p := range l.Sets[set] {
			if v, ok := strings.CutPrefix(p.Name, prefix); ok && strings.HasSuffix(v, "+deb14-amd64") {
				return v + " " + p.Version
			}
		}
		return "none"
	}
	if r, b := kernel("root", "linux-modules-"), kernel("build", "linux-headers-"); r != b || r == "none" {
		t.Errorf("the root's kernel is %q, the headers are of %q", r, b)
	}
	sources, err := DefaultSources()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range unique(append(sourcesOf(l.Sets["root"]), l.Sources...)) {
		if !slices.ContainsFunc(sources, func(s Source) bool { return s.Name == want.Name && s.Version == want.Version }) {
			t.Errorf("the source of %s %s, which is in the image, is not locked: run make relock", want.Name, want.Version)
		}
	}
	for _, b := range [][]byte{lockJSON, sourcesJSON} {
		if strings.Contains(string(b), "://") {
			t.Error("a lock names a host")
		}
	}
}

func TestReadLock(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lock.json")
	if _, err := ReadLock(name); err == nil {
		t.Error("ReadLock of no file found nothing wrong")
	}
	if err := os.WriteFile(name, lockJSON, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadLock(name); err != nil {
		t.Error(err)
	}
}

func TestUnion(t *testing.T) {
	a, b, b2 := Package{Name: "a", SHA256: "1"}, Package{Name: "b", SHA256: "2"}, Package{Name: "b", SHA256: "3"}
	l := &Lock{Sets: map[string][]Package{"x": {a, b}, "y": {b}, "z": {b2}}}
	got, err := l.Union("x", "y")
	if err != nil || !cmp.Equal(got, []Package{a, b}) {
		t.Errorf("Union = %v, %v", got, err)
	}
	if _, err := l.Union("x", "z"); err == nil {
		t.Error("Union of sets with two versions of a package found nothing wrong")
	}
	if _, err := l.Union("none"); err == nil {
		t.Error("Union of a set that is not there found nothing wrong")
	}
}

func TestDiff(t *testing.T) {
	sum := func(c string) string { return strings.Repeat(c, 64) }
	old := &Lock{Sets: map[string][]Package{"root": {{Name: "a", Version: "1", SHA256: sum("1")}, {Name: "b", Version: "1", SHA256: sum("2")}, {Name: "c", Version: "1", SHA256: sum("3")}}},
		Sources: []Source{{Name: "s", Version: "1"}}}
	now := &Lock{Sets: map[string][]Package{"root": {{Name: "a", Version: "2", SHA256: sum("4")}, {Name: "b", Version: "1", SHA256: sum("5")}, {Name: "d", Version: "1", SHA256: sum("6")}}},
		Sources: []Source{{Name: "s", Version: "2"}}}
	var got []string
	for _, c := range Diff(old, now) {
		got = append(got, c.String())
	}
	want := []string{
		"root: ~ a 1 -> 2",
		"root: ~ b 1, another file under the same version",
		"root: - c 1",
		"root: + d 1",
		"sources: ~ s 1 -> 2",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("Diff (-want +got):\n%s", d)
	}
	if c := Diff(now, now); len(c) != 0 {
		t.Errorf("Diff of a lock with itself = %v", c)
	}
	if c := Diff(nil, now); len(c) != 4 {
		t.Errorf("Diff(nil, lock) = %v; want everything added", c)
	}
}

func TestReplaceSets(t *testing.T) {
	lock := func(v string) *Lock {
		l := &Lock{Suite: "forky", Sets: map[string][]Package{}, Sources: []Source{{Name: "asterisk", Version: v}}}
		for _, s := range []string{"root", "build", "tools", "vm"} {
			l.Sets[s] = []Package{{Name: "p-" + s, Version: v, SHA256: v}}
		}
		return l
	}
	tests := []struct {
		broken string
		want   []string // sets that are replaced
	}{
		{"vm", []string{"vm"}},
		{"tools", []string{"build", "root", "sources", "tools"}},
		{"root", []string{"build", "root", "sources", "tools"}},
		{"build", []string{"build", "root", "sources", "tools"}},
	}
	for _, tt := range tests {
		t.Run(tt.broken, func(t *testing.T) {
			got, err := replaceSets(lock("1"), lock("2"), map[string]bool{tt.broken: true})
			if err != nil {
				t.Fatal(err)
			}
			var changed []string
			for _, c := range got.Unlocked {
				changed = append(changed, c.Set)
			}
			if d := cmp.Diff(tt.want, changed); d != "" {
				t.Errorf("replaced (-want +got):\n%s", d)
			}
		})
	}
	if _, err := replaceSets(lock("1"), &Lock{}, map[string]bool{"vm": true}); err == nil {
		t.Error("replacing a set with nothing found nothing wrong")
	}
}

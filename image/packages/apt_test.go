package packages

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMirrorsOf(t *testing.T) {
	const other = "Packages https://example.com/node_20.x nodistro main . nodistro\nPackages https://example.org/apt sdk main $(ORIGIN)\n"
	tests := []struct {
		name, targets string
		want          []string
	}{
		{"before the first update", "Packages http://mirror.example/debian/ trixie main $(ORIGIN)\n" + other, []string{"http://mirror.example/debian"}},
		{"with lists", "Packages http://mirror.example/pub trixie main Debian\nPackages http://mirror.example/sec trixie-security main Debian\n", []string{"http://mirror.example/pub"}},
		{"proven before likely, each once",
			"Packages http://a.example/debian trixie main\nPackages https://b.example/d/ trixie main Debian\nPackages https://b.example/d trixie-updates main Debian\n",
			[]string{"https://b.example/d", "http://a.example/debian"}},
		{"other targets and components", "Translations http://x.example/debian trixie main Debian\nPackages http://x.example/debian trixie contrib Debian\n", nil},
		{"another distribution", "Packages http://x.example/ubuntu noble main Ubuntu\n", nil},
		{"another's files under such a name", "Packages http://x.example/debian noble main Docker\n", nil},
		{"a CD-ROM", "Packages cdrom://[Debian] trixie main Debian\n", nil},
		{"flat archives", "Packages http://x.example/debian ./ main\n", nil},
		{"nothing", "", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := mirrorsOf(tt.targets)
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("mirrors (-want +got):\n%s", d)
			}
			if (err != nil) != (tt.want == nil) {
				t.Errorf("err = %v", err)
			}
			if err != nil && !strings.Contains(err.Error(), "add one to its sources") {
				t.Errorf("the error does not say what to do: %v", err)
			}
		})
	}
}

func TestInstalled(t *testing.T) {
	got, err := installed([]byte(`Reading package lists...
The following NEW packages will be installed:
  libc6
Inst libc6 (2.43-7 Debian:testing [amd64])
Inst tzdata (2026f-1 Debian:testing [all]) []
Inst old [1.0] (1:2.0+b1 Debian:testing [amd64])
Conf libc6 (2.43-7 Debian:testing [amd64])
`))
	want := []string{"libc6=2.43-7", "tzdata=2026f-1", "old=1:2.0+b1"}
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("installed: %v (-want +got):\n%s", err, d)
	}
	if _, err := installed([]byte("Inst something new\n")); err == nil {
		t.Error("a line that is not understood was passed over")
	}
}

const stanza = `Package: libgcc-s1
Source: gcc-16 (16.2.0-2)
Version: 16.2.0-3
Architecture: amd64
Description: GCC support library
 with more
 .
 lines
Filename: pool/main/g/gcc-16/libgcc-s1_16.2.0-3_amd64.deb
Size: 74048
SHA256: ` + "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff" + `
`

func TestPackageStanza(t *testing.T) {
	var got []Package
	read := func(f map[string]string) error {
		p, err := packageOf(f)
		got = append(got, p)
		return err
	}
	plain := strings.Replace(stanza, "Source: gcc-16 (16.2.0-2)\n", "", 1)
	if err := stanzas(strings.NewReader("\n"+stanza+"\n\n"+plain), read); err != nil {
		t.Fatal(err)
	}
	p := Package{Name: "libgcc-s1", Version: "16.2.0-3", Arch: "amd64", Source: "gcc-16", SourceVersion: "16.2.0-2",
		Path: "pool/main/g/gcc-16/libgcc-s1_16.2.0-3_amd64.deb", Size: 74048, SHA256: "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"}
	q := p
	q.Source, q.SourceVersion = "libgcc-s1", "16.2.0-3"
	if d := cmp.Diff([]Package{p, q}, got); d != "" {
		t.Errorf("packages (-want +got):\n%s", d)
	}
	for _, bad := range []string{
		strings.Replace(stanza, "Size: 74048", "Size: many", 1),
		strings.Replace(stanza, "SHA256", "MD5sum", 1),
		strings.Replace(stanza, "pool/main", "../pool", 1),
		" a continuation of nothing\n",
		"no field\n",
	} {
		if err := stanzas(strings.NewReader(bad), read); err == nil {
			t.Errorf("nothing wrong was found in:\n%s", bad)
		}
	}
}

func TestSourceStanza(t *testing.T) {
	sum := strings.Repeat("ab", 32)
	text := "Package: x\nVersion: 1-1\nDirectory: pool/main/x/x\nFiles:\n 0123 1 x.dsc\nChecksums-Sha256:\n " + sum + " 20 x_1.orig.tar.xz\n " + sum + " 10 x_1-1.dsc\n"
	var got Source
	err := stanzas(strings.NewReader(text), func(f map[string]string) (err error) {
		got, err = sourceOf(f)
		return err
	})
	want := Source{Name: "x", Version: "1-1", Files: []File{
		{Path: "pool/main/x/x/x_1-1.dsc", Size: 10, SHA256: sum}, {Path: "pool/main/x/x/x_1.orig.tar.xz", Size: 20, SHA256: sum}}}
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("source: %v (-want +got):\n%s", err, d)
	}
	for _, bad := range []string{
		"Package: x\nVersion: 1\nDirectory: p\n",
		"Package: x\nVersion: 1\nDirectory: p\nChecksums-Sha256:\n " + sum + " x\n",
		"Package: x\nVersion: 1\nDirectory: p\nChecksums-Sha256:\n " + sum + " 1 ../../x\n",
	} {
		err := stanzas(strings.NewReader(bad), func(f map[string]string) error {
			_, err := sourceOf(f)
			return err
		})
		if err == nil {
			t.Errorf("nothing wrong was found in:\n%s", bad)
		}
	}
}

func FuzzStanzas(f *testing.F) {
	f.Add(stanza)
	f.Add("A: b\n c\n\nD: e\n")
	f.Fuzz(func(t *testing.T, text string) {
		_ = stanzas(strings.NewReader(text), func(fields map[string]string) error {
			if len(fields) == 0 {
				t.Error("a paragraph without fields")
			}
			_, _ = packageOf(fields)
			_, _ = sourceOf(fields)
			return nil
		})
	})
}

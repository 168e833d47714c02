package packages

import (
	"archive/tar"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestContents(t *testing.T) {
	m := newMirror(t)
	p := m.add("tool", makeDeb(t, ".xz", []entry{
		{name: "./", kind: tar.TypeDir, mode: 0o755},
		{name: "./lib/", kind: tar.TypeDir, mode: 0o755},
		{name: "./lib/libtool.so", body: "x"},
		{name: "./usr/bin/tool", body: "x"},
		{name: "./sbin/tool", kind: tar.TypeSymlink, link: "../usr/bin/tool"},
		{name: "./etc/library", body: "x"},
	}))
	got, err := openStore(t, t.TempDir(), m).Contents(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"usr/lib/libtool.so", "usr/bin/tool", "usr/sbin/tool", "etc/library"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("contents (-want +got):\n%s", diff)
	}
}

package runetc

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"
)

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	read := func() (string, os.FileInfo) {
		b, err := os.ReadFile(filepath.Join(dir, "f"))
		if err != nil {
			t.Fatal(err)
		}
		st, err := os.Stat(filepath.Join(dir, "f"))
		if err != nil {
			t.Fatal(err)
		}
		return string(b), st
	}
	var last os.FileInfo
	for i, c := range []struct {
		text string
		same bool
	}{{"a", false}, {"a", true}, {"b", false}} {
		if err := Write(dir, "f", c.text); err != nil {
			t.Fatal(err)
		}
		got, st := read()
		if got != c.text || st.Mode() != 0o644 {
			t.Errorf("%d: %q with mode %v; want %q for everybody to read", i, got, st.Mode(), c.text)
		}
		if last != nil && os.SameFile(last, st) != c.same {
			t.Errorf("%d: the same file = %v; want %v", i, !c.same, c.same)
		}
		last = st
	}
	if all, err := os.ReadDir(dir); err != nil || len(all) != 1 {
		t.Errorf("left behind: %v, %v", all, err)
	}
	if err := Write(filepath.Join(dir, "none"), "f", "x"); err == nil {
		t.Error("no error for a folder that is not there")
	}
}

func TestHosts(t *testing.T) {
	const always = "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\nff02::1 ip6-allnodes\nff02::2 ip6-allrouters\n"
	if got, want := Hosts("box", nil), always+"127.0.1.1 box\n"; got != want {
		t.Errorf("without an address:\n%s", got)
	}
	addrs := []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("2001:db8::1")}
	if got, want := Hosts("box", addrs), always+"10.0.0.1 box\n2001:db8::1 box\n"; got != want {
		t.Errorf("with two:\n%s", got)
	}
}

func TestResolvConf(t *testing.T) {
	var four []netip.Addr
	for _, a := range []string{"10.0.0.1", "10.0.0.2", "fe80::1%eth0", "10.0.0.4"} {
		four = append(four, netip.MustParseAddr(a))
	}
	want := "options timeout:2 attempts:2\nsearch a.example b.example\nnameserver 10.0.0.1\nnameserver 10.0.0.2\nnameserver fe80::1%eth0\n"
	if got := ResolvConf(four, []string{"a.example", "b.example"}); got != want {
		t.Errorf("ResolvConf:\n%s\nwant:\n%s", got, want)
	}
	if got, want := ResolvConf(nil, nil), "options timeout:2 attempts:2\n"; got != want {
		t.Errorf("ResolvConf of nothing:\n%s", got)
	}
}

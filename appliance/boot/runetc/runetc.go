// Package runetc writes the files of /etc that change while the box runs.
// /etc is read-only; hosts, hostname, resolv.conf and localtime are links
// into a folder in memory, where this package puts them, each whole or not at
// all.
package runetc

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
)

// Dir is the folder, on the box.
const Dir = "/run/switchroom/etc"

// Write puts content into dir/name in one step: a reader sees the old file or
// the new one. An unchanged file is left alone.
func Write(dir, name, content string) error {
	path := filepath.Join(dir, name)
	if old, err := os.ReadFile(path); err == nil && string(old) == content {
		return nil
	}
	tmp, err := os.CreateTemp(dir, "."+name+".*")
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	defer os.Remove(tmp.Name()) // in vain once it is renamed
	_, err = tmp.WriteString(content)
	if err == nil {
		err = tmp.Chmod(0o644)
	}
	if e := tmp.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}

// Hosts is a hosts(5) file that knows the box by name: by its addresses, or
// by 127.0.1.1 while it has none, so that a program which asks for its own
// host's address gets an answer at once.
func Hosts(hostname string, addrs []netip.Addr) string {
	var b strings.Builder
	b.WriteString("127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\nff02::1 ip6-allnodes\nff02::2 ip6-allrouters\n")
	if len(addrs) == 0 {
		fmt.Fprintf(&b, "127.0.1.1 %s\n", hostname)
	}
	for _, a := range addrs {
		fmt.Fprintf(&b, "%s %s\n", a, hostname)
	}
	return b.String()
}

// ResolvConf is a resolv.conf(5) with at most three servers, which is what
// the C library reads. Without servers it names none, and look-ups fail at
// once instead of waiting for a server on this host that is not there.
func ResolvConf(servers []netip.Addr, search []string) string {
	var b strings.Builder
	b.WriteString("options timeout:2 attempts:2\n")
	if len(search) > 0 {
		fmt.Fprintf(&b, "search %s\n", strings.Join(search, " "))
	}
	for _, s := range servers[:min(len(servers), 3)] {
		fmt.Fprintf(&b, "nameserver %s\n", s)
	}
	return b.String()
}

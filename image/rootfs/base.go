package rootfs

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// Users of the firmware and their ids. A group of the same name and number
// belongs to each. The numbers are on owners' data partitions: they never
// change.
var users = []struct {
	name string
	id   int
	home string
}{
	{"root", 0, "/"},
	{"asterisk", 101, "/var/lib/asterisk"},
	{"cti", 102, "/"},
	{"provision", 103, "/"},
	{"records", 104, "/"},
	{"setup", 105, "/"},
	{"panel", 106, "/"},
	{"nobody", 65534, "/"},
}

// groups without a user.
var groups = []struct {
	name string
	id   int
}{
	{"tty", 5},
	{"dialout", 20},
	{"dahdi", 107},
}

// addBase adds the skeleton of the root: the merged /usr, mount points, users,
// and /etc. /etc can't be written; what changes in it are links to memory.
func addBase(t *Tree) error {
	var passwd, group strings.Builder
	for _, u := range users {
		gname := u.name
		if gname == "nobody" {
			gname = "nogroup"
		}
		fmt.Fprintf(&passwd, "%s:x:%d:%d::%s:/usr/sbin/nologin\n", u.name, u.id, u.id, u.home)
		fmt.Fprintf(&group, "%s:x:%d:\n", gname, u.id)
	}
	for _, g := range groups {
		fmt.Fprintf(&group, "%s:x:%d:\n", g.name, g.id)
	}
	steps := []error{}
	for _, d := range []struct {
		path string
		perm fs.FileMode
	}{
		{"proc", 0o555}, {"sys", 0o555}, {"dev", 0o755}, {"run", 0o755}, {"tmp", 0o1777 & 0o777}, {"data", 0o755},
		{"var", 0o755}, {"efi", 0o700}, {"root", 0o700}, {"etc/asterisk", 0o755},
		{"usr/bin", 0o755}, {"usr/sbin", 0o755}, {"usr/lib", 0o755}, {"usr/lib64", 0o755},
		{"usr/lib/systemd/system", 0o755}, {"usr/lib/switchroom", 0o755},
	} {
		steps = append(steps, t.Dir(d.path, d.perm))
	}
	for from, to := range merged {
		steps = append(steps, t.Symlink(from, to))
	}
	for _, name := range []string{"hosts", "resolv.conf", "hostname", "localtime"} {
		steps = append(steps, t.Symlink("etc/"+name, "/run/switchroom/etc/"+name))
	}
	for name, text := range map[string]string{
		"passwd":        passwd.String(),
		"group":         group.String(),
		"nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n",
		"shells":        "/bin/sh\n",
		"protocols":     "ip 0 IP\nicmp 1 ICMP\ntcp 6 TCP\nudp 17 UDP\nipv6-icmp 58 IPv6-ICMP\n",
	} {
		steps = append(steps, t.Bytes("etc/"+name, []byte(text), 0o644))
	}
	for _, err := range steps {
		if err != nil {
			return fmt.Errorf("the skeleton of the root: %w", err)
		}
	}
	return t.Symlink("etc/mtab", "/proc/self/mounts")
}

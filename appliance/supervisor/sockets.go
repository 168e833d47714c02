package supervisor

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"

	"switchroom/appliance/supervisor/unit"
)

// sockets holds the listening sockets of .socket units. They are made by plain
// system calls, so that Go's poller never gets hold of them and what services
// inherit is a socket like any other.
type sockets struct {
	units map[string]*unit.Socket

	mu   sync.Mutex
	open map[string][]*os.File
}

func newSockets(units map[string]*unit.Socket) *sockets {
	return &sockets{units: units, open: map[string][]*os.File{}}
}

// files gives the sockets of the units, opened if they are not, and the names
// under which services know them.
func (k *sockets) files(names []string) ([]int, []string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	var fds []int
	var fdNames []string
	for _, name := range names {
		u := k.units[name]
		if _, ok := k.open[name]; !ok {
			opened, err := openAll(u)
			if err != nil {
				return nil, nil, fmt.Errorf("opening %s: %w", name, err)
			}
			k.open[name] = opened
		}
		for _, f := range k.open[name] {
			fds, fdNames = append(fds, int(f.Fd())), append(fdNames, u.FDName)
		}
	}
	return fds, fdNames, nil
}

// close closes every socket, and removes the paths of those that ask for it.
func (k *sockets) close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for name, files := range k.open {
		for _, f := range files {
			f.Close()
		}
		if u := k.units[name]; u.RemoveOnStop {
			for _, l := range u.Listen {
				if l.Network == "unix" || l.Network == "unixgram" {
					_ = os.Remove(l.Address) // it may be gone already
				}
			}
		}
	}
	k.open = map[string][]*os.File{}
}

func openAll(u *unit.Socket) ([]*os.File, error) {
	var files []*os.File
	for _, l := range u.Listen {
		f, err := openSocket(u, l)
		if err != nil {
			for _, f := range files {
				f.Close()
			}
			return nil, fmt.Errorf("%s:%d: listening on %s: %w", u.File, l.Line, l.Address, err)
		}
		files = append(files, f)
	}
	return files, nil
}

func openSocket(u *unit.Socket, l unit.Listen) (*os.File, error) {
	local := l.Network == "unix" || l.Network == "unixgram"
	kind := unix.SOCK_STREAM
	if l.Network == "udp" || l.Network == "unixgram" {
		kind = unix.SOCK_DGRAM
	}
	var addr unix.Sockaddr
	family := unix.AF_UNIX
	if local {
		addr = &unix.SockaddrUnix{Name: l.Address}
		if err := clearPath(u, l.Address); err != nil {
			return nil, err
		}
	} else {
		var err error
		if family, addr, err = inetAddress(l.Address); err != nil {
			return nil, err
		}
	}
	fd, err := unix.Socket(family, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("making a socket: %w", err)
	}
	f := os.NewFile(uintptr(fd), l.Address)
	if err := setUp(fd, family, kind, u, l, addr); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func setUp(fd, family, kind int, u *unit.Socket, l unit.Listen, addr unix.Sockaddr) error {
	if family == unix.AF_UNIX {
		// No one may connect before the socket is whose it is to be.
		if err := unix.Fchmod(fd, 0o600); err != nil {
			return fmt.Errorf("protecting the socket: %w", err)
		}
	} else {
		opts := []struct{ level, name, value int }{{unix.SOL_SOCKET, unix.SO_REUSEADDR, 1}}
		if family == unix.AF_INET6 && u.IPv6Only != "default" {
			only := 0
			if u.IPv6Only == "ipv6-only" {
				only = 1
			}
			opts = append(opts, struct{ level, name, value int }{unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, only})
		}
		if u.FreeBind {
			opts = append(opts, struct{ level, name, value int }{unix.IPPROTO_IP, unix.IP_FREEBIND, 1})
		}
		for _, o := range opts {
			if err := unix.SetsockoptInt(fd, o.level, o.name, o.value); err != nil {
				return fmt.Errorf("setting an option: %w", err)
			}
		}
	}
	if err := unix.Bind(fd, addr); err != nil {
		return fmt.Errorf("binding: %w", err)
	}
	if family == unix.AF_UNIX {
		who, err := lookUp(&unit.Process{User: u.User, Group: u.Group})
		if err != nil {
			return err
		}
		if who.set {
			if err := os.Lchown(l.Address, int(who.uid), int(who.gid)); err != nil {
				return fmt.Errorf("giving it to its owner: %w", err)
			}
		}
		if err := unix.Chmod(l.Address, u.Mode); err != nil {
			return fmt.Errorf("setting its mode: %w", err)
		}
	}
	if kind == unix.SOCK_STREAM {
		if err := unix.Listen(fd, u.Backlog); err != nil {
			return fmt.Errorf("listening: %w", err)
		}
	}
	return nil
}

// clearPath makes the way free for a socket's path: a socket left by an
// earlier life is removed, anything else is not ours.
func clearPath(u *unit.Socket, path string) error {
	if err := os.MkdirAll(filepath.Dir(path), fs.FileMode(u.DirectoryMode&0o777)); err != nil {
		return fmt.Errorf("making its directory: %w", err)
	}
	st, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking at what is there: %w", err)
	}
	if st.Mode()&fs.ModeSocket == 0 {
		return fmt.Errorf("something that is not a socket is in its place")
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("removing an old socket: %w", err)
	}
	return nil
}

// inetAddress reads host:port; no host is every address, of IPv6 and IPv4.
func inetAddress(address string) (int, unix.Sockaddr, error) {
	host, portText, err := net.SplitHostPort(address)
	if err != nil {
		return 0, nil, fmt.Errorf("reading the address: %w", err)
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		return 0, nil, fmt.Errorf("reading the port: %w", err)
	}
	if host == "" {
		if fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err == nil {
			unix.Close(fd)
			return unix.AF_INET6, &unix.SockaddrInet6{Port: port}, nil
		}
		return unix.AF_INET, &unix.SockaddrInet4{Port: port}, nil // a kernel without IPv6
	}
	ip := net.ParseIP(host)
	if v4 := ip.To4(); v4 != nil {
		return unix.AF_INET, &unix.SockaddrInet4{Port: port, Addr: [4]byte(v4)}, nil
	}
	if ip == nil {
		return 0, nil, fmt.Errorf("%q is not an IP address", host)
	}
	return unix.AF_INET6, &unix.SockaddrInet6{Port: port, Addr: [16]byte(ip.To16())}, nil
}

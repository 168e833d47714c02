// Command sandboxinit is the first process of a sandbox: it builds the root that the program is to
// see, enters it, starts the program and waits for it. Package packages compiles it on demand and
// starts it in fresh namespaces; it uses nothing but the standard library.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"unsafe"
)

// spec is a copy of the declaration in package packages.
type spec struct {
	Tree, Mount, Dir string
	Binds            []struct {
		Host, Guest string
		Writable    bool
	}
	Devices    []string
	OwnNetwork bool
}

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "sandboxinit: to be started by package packages")
		os.Exit(126)
	}
	var s spec
	err := json.Unmarshal([]byte(os.Args[1]), &s)
	if err == nil {
		err = enter(&s)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "setting the sandbox up:", err)
		if errors.Is(err, fs.ErrPermission) && os.Getuid() == 0 {
			fmt.Fprintln(os.Stderr, "does this kernel let ordinary users make user namespaces? See /proc/sys/kernel/*userns*.")
		}
		os.Exit(126)
	}
	code, err := run(os.Args[2:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "in the sandbox:", err)
		os.Exit(127)
	}
	os.Exit(code)
}

// Directories that are made new instead of being the tree's.
var fresh = []string{"dev", "proc", "sys", "tmp", "run", "root", "home", "mnt", "media", "srv", "boot", "opt", "var"}

func enter(s *spec) error {
	if err := mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return err
	}
	root := s.Mount
	if err := mount("sandbox", root, "tmpfs", syscall.MS_NOSUID, "mode=755"); err != nil {
		return err
	}
	if err := populate(s.Tree, root); err != nil {
		return err
	}
	if err := devices(root, s.Devices); err != nil {
		return err
	}
	// A container may forbid a new proc, because parts of its own are hidden.
	if err := mount("proc", root+"/proc", "proc", syscall.MS_NOSUID|syscall.MS_NODEV|syscall.MS_NOEXEC, ""); err != nil {
		if err := mount("/proc", root+"/proc", "", syscall.MS_BIND|syscall.MS_REC, ""); err != nil {
			return err
		}
	}
	for _, b := range s.Binds {
		if err := bind(b.Host, filepath.Join(root, filepath.Clean("/"+b.Guest)), b.Writable); err != nil {
			return fmt.Errorf("%s as %s: %w", b.Host, b.Guest, err)
		}
	}
	if err := os.Chdir(root); err != nil {
		return err
	}
	// The old root is stacked upon the new one, and taken away again.
	if err := syscall.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("pivot_root: %w", err)
	}
	if err := syscall.Unmount(".", syscall.MNT_DETACH); err != nil {
		return fmt.Errorf("letting the old root go: %w", err)
	}
	if err := os.Chdir("/" + s.Dir); err != nil {
		return err
	}
	if err := syscall.Sethostname([]byte("sandbox")); err != nil {
		return err
	}
	if s.OwnNetwork {
		return loopback()
	}
	return nil
}

// populate makes the new root's directories from the tree's.
func populate(tree, root string) error {
	entries, err := os.ReadDir(tree)
	if err != nil {
		return err
	}
	for _, e := range entries {
		from, to := filepath.Join(tree, e.Name()), filepath.Join(root, e.Name())
		switch {
		case slices.Contains(fresh, e.Name()):
		case e.Type() == fs.ModeSymlink:
			target, err := os.Readlink(from)
			if err != nil {
				return err
			}
			if err := os.Symlink(target, to); err != nil {
				return err
			}
		case e.Name() == "etc": // a copy: it is small, and programs may want to write there
			if err := os.CopyFS(to, withoutLinks{os.DirFS(from)}); err != nil {
				return fmt.Errorf("copying /etc: %w", err)
			}
			if err := copyLinks(from, to); err != nil {
				return err
			}
		case e.IsDir():
			if err := bind(from, to, false); err != nil {
				return err
			}
		}
	}
	for _, d := range append(slices.Clone(fresh), "var/tmp", "var/lib", "var/log", "var/cache", "etc") {
		if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil {
			return err
		}
	}
	for _, d := range []string{"tmp", "var/tmp"} {
		if err := os.Chmod(filepath.Join(root, d), 0o777|fs.ModeSticky); err != nil {
			return err
		}
	}
	return os.Symlink("../run", filepath.Join(root, "var/run"))
}

// withoutLinks hides the links of a file system from os.CopyFS, which would follow or refuse them.
type withoutLinks struct{ fs.FS }

func (r withoutLinks) ReadDir(name string) ([]fs.DirEntry, error) {
	all, err := fs.ReadDir(r.FS, name)
	return slices.DeleteFunc(all, func(e fs.DirEntry) bool { return e.Type()&fs.ModeSymlink != 0 }), err
}

func copyLinks(from, to string) error {
	return filepath.WalkDir(from, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.Type()&fs.ModeSymlink == 0 {
			return err
		}
		target, err := os.Readlink(p)
		if err != nil {
			return err
		}
		return os.Symlink(target, to+strings.TrimPrefix(p, from))
	})
}

func devices(root string, more []string) error {
	dev := root + "/dev"
	if err := mount("dev", dev, "tmpfs", syscall.MS_NOSUID|syscall.MS_NOEXEC, "mode=755"); err != nil {
		return err
	}
	nodes := append([]string{"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"}, more...)
	if _, err := os.Stat("/dev/kvm"); err == nil {
		nodes = append(nodes, "/dev/kvm")
	}
	for _, n := range nodes {
		if err := bind(n, root+filepath.Clean(n), true); err != nil {
			return fmt.Errorf("%s: %w", n, err)
		}
	}
	for _, d := range []string{"pts", "shm"} {
		if err := os.Mkdir(dev+"/"+d, 0o755); err != nil {
			return err
		}
	}
	if err := mount("shm", dev+"/shm", "tmpfs", syscall.MS_NOSUID|syscall.MS_NODEV, "mode=1777"); err != nil {
		return err
	}
	if err := mount("devpts", dev+"/pts", "devpts", syscall.MS_NOSUID|syscall.MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620"); err != nil {
		return err
	}
	for link, to := range map[string]string{"ptmx": "pts/ptmx", "fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"} {
		if err := os.Symlink(to, dev+"/"+link); err != nil {
			return err
		}
	}
	return nil
}

// bind makes from visible as to, which is made where it is not there.
func bind(from, to string, writable bool) error {
	st, err := os.Stat(from)
	if err != nil {
		return err
	}
	if _, err := os.Stat(to); err != nil {
		if st.IsDir() {
			err = os.MkdirAll(to, 0o755)
		} else if err = os.MkdirAll(filepath.Dir(to), 0o755); err == nil {
			err = os.WriteFile(to, nil, 0o644)
		}
		if err != nil {
			return err
		}
	}
	if err := mount(from, to, "", syscall.MS_BIND|syscall.MS_REC, ""); err != nil {
		return err
	}
	if writable {
		return nil
	}
	// In a user namespace, flags that the host's mount has may not be taken off: they are repeated.
	var now syscall.Statfs_t
	if err := syscall.Statfs(to, &now); err != nil {
		return err
	}
	flags := uintptr(syscall.MS_BIND | syscall.MS_REMOUNT | syscall.MS_RDONLY)
	// The kernel's ST_ flags of statfs(2) have the values of these MS_ flags, but for relatime.
	flags |= uintptr(now.Flags) & (syscall.MS_NOSUID | syscall.MS_NODEV | syscall.MS_NOEXEC | syscall.MS_NOATIME | syscall.MS_NODIRATIME)
	if now.Flags&0x1000 != 0 { // ST_RELATIME
		flags |= syscall.MS_RELATIME
	}
	return mount("", to, "", flags, "")
}

func mount(source, target, kind string, flags uintptr, data string) error {
	if err := syscall.Mount(source, target, kind, flags, data); err != nil {
		return fmt.Errorf("mounting %s %s: %w", kind, target, err)
	}
	return nil
}

// loopback brings the only link of a new network namespace up.
func loopback() error {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("loopback: %w", err)
	}
	defer syscall.Close(fd)
	var ifreq struct { // netdevice(7): name, then flags in a union of 24 bytes
		name  [syscall.IFNAMSIZ]byte
		flags uint16
		_     [22]byte
	}
	copy(ifreq.name[:], "lo")
	ifreq.flags = syscall.IFF_UP | syscall.IFF_RUNNING
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), syscall.SIOCSIFFLAGS, uintptr(unsafe.Pointer(&ifreq))); errno != 0 {
		return fmt.Errorf("bringing the loopback up: %w", errno)
	}
	return nil
}

// run starts the program, hands signals on to it, reaps what it leaves behind, and returns its
// exit status once it has ended. Everything that is left then dies with this process, the first of
// its namespace.
func run(args []string) (int, error) {
	prog, err := exec.LookPath(args[0])
	if err != nil {
		return 0, err
	}
	signals := make(chan os.Signal, 64)
	signal.Notify(signals)
	// Descriptors beyond the first three were inherited without close-on-exec and stay open.
	pid, err := syscall.ForkExec(prog, args, &syscall.ProcAttr{Env: os.Environ(), Files: []uintptr{0, 1, 2}})
	if err != nil {
		return 0, fmt.Errorf("starting %s: %w", prog, err)
	}
	go func() {
		for sig := range signals {
			switch sig {
			case syscall.SIGCHLD, syscall.SIGURG, syscall.SIGPIPE:
			default:
				_ = syscall.Kill(pid, sig.(syscall.Signal)) // it may have ended just now
			}
		}
	}()
	for {
		var ws syscall.WaitStatus
		got, err := syscall.Wait4(-1, &ws, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return 0, fmt.Errorf("waiting for %s: %w", prog, err)
		case got == pid && ws.Exited():
			return ws.ExitStatus(), nil
		case got == pid && ws.Signaled():
			return 128 + int(ws.Signal()), nil
		}
	}
}

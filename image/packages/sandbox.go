package packages

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// Sandbox runs programs chrooted into a tree, in namespaces of their own: mounts, processes, IPC,
// host name and, unless asked otherwise, network. Run by an ordinary user it makes a user
// namespace too, in which that user is root; run by root it needs none.
//
// A program sees the tree's /usr read-only, a copy of its /etc, empty and writable /tmp, /run,
// /var and /root, a /dev with the harmless devices and /dev/kvm if the host has it, and the
// directories it was given. Everything but those directories is gone when it ends.
type Sandbox struct {
	tree, helper, mount string
	own                 bool // a user namespace even where it is not needed
}

// Bind makes a file or directory of the host visible in a sandbox. Guest is absolute and must not
// lie in the tree's /usr, unless it exists there.
type Bind struct {
	Host, Guest string
	Writable    bool
}

// RunOptions says what a program in a sandbox gets. The zero value is usable.
type RunOptions struct {
	Dir     string   // working directory, as the program sees it; "" is /
	Binds   []Bind   // made in this order
	Env     []string // added to PATH, HOME, LC_ALL=C.UTF-8, TZ=UTC
	Network bool     // the host's network instead of an empty one that has only a loopback
	Devices []string // more device nodes of the host, such as /dev/net/tun
}

// sandboxSpec is what the helper is told, as JSON in its first argument. The helper has a copy of
// this declaration: it is compiled alone.
type sandboxSpec struct {
	Tree, Mount, Dir string
	Binds            []Bind
	Devices          []string
	OwnNetwork       bool
}

//go:embed sandboxinit/main.go
var helperSource []byte

// Tools returns the sandbox of the set "tools".
func (s *Store) Tools(ctx context.Context, lock *Lock) (*Sandbox, error) {
	return s.Sandbox(ctx, lock, "tools")
}

// Sandbox fetches and unpacks sets of a lock, where that was not done before, and returns a
// sandbox in the tree of all of them together.
func (s *Store) Sandbox(ctx context.Context, lock *Lock, sets ...string) (*Sandbox, error) {
	pkgs, err := lock.Union(sets...)
	if err != nil {
		return nil, err
	}
	tree, err := s.Tree(ctx, pkgs)
	if err != nil {
		return nil, err
	}
	return s.SandboxOf(ctx, tree)
}

// SandboxOf returns a sandbox in any tree: a directory with at least usr in it.
func (s *Store) SandboxOf(ctx context.Context, tree string) (*Sandbox, error) {
	tree, err := filepath.Abs(tree)
	if err != nil {
		return nil, err
	}
	helper, err := s.helper(ctx)
	if err != nil {
		return nil, fmt.Errorf("building the program that sets sandboxes up: %w", err)
	}
	mount := filepath.Join(s.dir, "mnt") // always empty: sandboxes mount on it in namespaces of their own
	if err := os.MkdirAll(mount, 0o755); err != nil {
		return nil, err
	}
	return &Sandbox{tree: tree, helper: helper, mount: mount}, nil
}

// helper compiles the program that sets a sandbox up. It is a program of its own because what it
// does must happen between the kernel's making of the namespaces and the start of the program, and
// because a test binary or a tool that ran itself again for that would need a hook in every main.
func (s *Store) helper(ctx context.Context) (string, error) {
	h := sha256.New()
	h.Write(helperSource)
	fmt.Fprintln(h, runtime.Version())
	dir := filepath.Join(s.dir, "bin", "sandboxinit-"+hex.EncodeToString(h.Sum(nil)[:8]))
	err := s.Once(ctx, dir, func(tmp string) error {
		gobin, err := exec.LookPath("go")
		if err != nil {
			return fmt.Errorf("go is not to be found: %w", err)
		}
		src := filepath.Join(tmp, "main.go")
		if err := os.WriteFile(src, helperSource, 0o644); err != nil {
			return err
		}
		cmd := exec.CommandContext(ctx, gobin, "build", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(tmp, "sandboxinit"), src)
		cmd.Dir = tmp
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off", "GOOS=linux", "GOARCH="+runtime.GOARCH)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%w: %s", err, strings.TrimSpace(string(out)))
		}
		return nil
	})
	return filepath.Join(dir, "sandboxinit"), err
}

// Tree returns the sandbox's tree.
func (b *Sandbox) Tree() string { return b.tree }

// Command returns a command that runs a program of the tree, looked up in the sandbox's PATH. Its
// standard streams and ExtraFiles may be set as usual. Signals sent to its process reach the
// program; when it is killed, because the context ends or its parent dies, so is everything that
// the program started. A program that a signal ended is reported as exit status 128+signal, one
// that could not be started as 127, and a sandbox that could not be set up as 126, each with the
// reason on standard error.
func (b *Sandbox) Command(ctx context.Context, opt RunOptions, name string, args ...string) *exec.Cmd {
	spec := sandboxSpec{Tree: b.tree, Mount: b.mount, Dir: opt.Dir, Binds: opt.Binds, Devices: opt.Devices, OwnNetwork: !opt.Network}
	cmd := exec.CommandContext(ctx, b.helper, append([]string{mustJSON(spec), name}, args...)...)
	cmd.Env = append([]string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=/root", "LC_ALL=C.UTF-8", "TZ=UTC", "TERM=" + os.Getenv("TERM"),
	}, opt.Env...)
	cmd.WaitDelay = 10 * time.Second
	flags := uintptr(syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS)
	if spec.OwnNetwork {
		flags |= syscall.CLONE_NEWNET
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if b.own || os.Geteuid() != 0 || !mayMount() {
		flags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	cmd.SysProcAttr.Cloneflags = flags
	return cmd
}

// mayMount says whether this process has CAP_SYS_ADMIN, which root in a container may lack.
func mayMount() bool {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(status)) {
		if caps, ok := strings.CutPrefix(line, "CapEff:"); ok {
			var bits uint64
			_, err := fmt.Sscanf(strings.TrimSpace(caps), "%x", &bits)
			return err == nil && bits>>21&1 == 1
		}
	}
	return false
}

// Run runs a program in the sandbox and returns its standard output. What it wrote to standard
// error is part of the error if it fails.
func (b *Sandbox) Run(ctx context.Context, opt RunOptions, name string, args ...string) ([]byte, error) {
	cmd := b.Command(ctx, opt, name, args...)
	var tail tailWriter
	cmd.Stderr = &tail
	out, err := cmd.Output()
	if err != nil {
		return out, fmt.Errorf("%s: %w: %s", name, err, tail.String())
	}
	return out, nil
}

// Union returns the packages of several sets, each once.
func (l *Lock) Union(sets ...string) ([]Package, error) {
	var all []Package
	seen := map[string]string{}
	for _, set := range sets {
		pkgs, err := l.Set(set)
		if err != nil {
			return nil, err
		}
		for _, p := range pkgs {
			switch have, ok := seen[p.Name]; {
			case !ok:
				seen[p.Name] = p.SHA256
				all = append(all, p)
			case have != p.SHA256:
				return nil, errors.New("the lock's sets name different files for package " + p.Name + ": run `make relock`")
			}
		}
	}
	return all, nil
}

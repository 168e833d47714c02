package kmod

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// maxDepth bounds the depth of dependencies: the deepest chain in a kernel of
// today is below ten, and a circle must not hang the boot.
const maxDepth = 32

// ErrNotFound is the error for a module that is not in the tree.
var ErrNotFound = errors.New("no such kernel module")

// Loader loads modules, each at most once, several at a time. A Loader may be
// used by any number of goroutines.
type Loader struct {
	*Index
	insert func(path, params string) error
	params map[string]string // by module, from the kernel's command line

	mu     sync.Mutex
	loaded map[string]*attempt
}

type attempt struct {
	done chan struct{}
	err  error
}

// Open reads the index of the running kernel's modules, under
// root/lib/modules or root/usr/lib/modules, and gives a loader for them.
// Parameters of the form module.name=value on the kernel's command line are
// handed to the modules, as modprobe does.
func Open(root string) (*Loader, error) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return nil, fmt.Errorf("asking for the kernel's version: %w", err)
	}
	version := unix.ByteSliceToString(u.Release[:])
	dir := filepath.Join(root, "lib/modules", version)
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		dir = filepath.Join(root, "usr/lib/modules", version)
	}
	x, err := ReadIndex(dir)
	if err != nil {
		return nil, err
	}
	cmdline, err := os.ReadFile("/proc/cmdline")
	if err != nil {
		return nil, fmt.Errorf("reading the kernel's command line: %w", err)
	}
	return NewLoader(x, string(cmdline), finit), nil
}

// NewLoader gives a loader that puts modules into the kernel with insert,
// which is called with the path of a module and its parameters, from several
// goroutines at once.
func NewLoader(x *Index, cmdline string, insert func(path, params string) error) *Loader {
	return &Loader{Index: x, insert: insert, params: cmdlineParams(cmdline), loaded: map[string]*attempt{}}
}

// finit puts one module file into the kernel. One that is there already is
// no error.
func finit(path, params string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.FinitModule(int(f.Fd()), params, 0); err != nil && !errors.Is(err, unix.EEXIST) {
		return &os.PathError{Op: "finit_module", Path: path, Err: err}
	}
	return nil
}

// cmdlineParams collects "module.name=value" from the kernel's command line,
// by module, in the order they stand in.
func cmdlineParams(cmdline string) map[string]string {
	params := map[string]string{}
	for _, w := range strings.Fields(cmdline) {
		if w == "--" {
			break
		}
		key, _, _ := strings.Cut(w, "=")
		module, _, ok := strings.Cut(key, ".")
		if !ok {
			continue
		}
		name := Name(module)
		if params[name] != "" {
			params[name] += " "
		}
		params[name] += w[len(module)+1:]
	}
	return params
}

// Load puts the named module into the kernel, after what it depends on, with
// parameters as on modprobe's command line ("a=1 b=2"; none for ""). A module
// that is there already, or built in, is no error; its parameters stay what
// they were. The name may be an alias, such as "fs-ext4".
func (l *Loader) Load(name, params string) error {
	key := Name(name)
	if !l.Has(key) {
		names := l.Match(name)
		if len(names) == 0 {
			return fmt.Errorf("loading module %s: %w", name, ErrNotFound)
		}
		var errs []error
		for _, n := range names {
			errs = append(errs, l.load(n, params, 0))
		}
		return errors.Join(errs...)
	}
	return l.load(key, params, 0)
}

// LoadFor loads every module that says it drives a device with this
// modalias, except those that skip (which may be nil) refuses.
func (l *Loader) LoadFor(modalias string, skip func(name string) bool) error {
	var errs []error
	for _, n := range l.Match(modalias) {
		if skip != nil && skip(n) {
			continue
		}
		errs = append(errs, l.load(n, "", 0))
	}
	return errors.Join(errs...)
}

func (l *Loader) load(name, params string, depth int) error {
	if l.builtin[name] {
		return nil
	}
	m, ok := l.modules[name]
	if !ok {
		return fmt.Errorf("loading module %s: %w", name, ErrNotFound)
	}
	if depth > maxDepth {
		return fmt.Errorf("loading module %s: dependencies run in a circle", name)
	}
	l.mu.Lock()
	a := l.loaded[name]
	if a != nil {
		l.mu.Unlock()
		<-a.done
		return a.err
	}
	// In a circle the goroutine would wait for itself: found before it waits.
	if l.circular(name) {
		l.mu.Unlock()
		return fmt.Errorf("loading module %s: dependencies run in a circle", name)
	}
	a = &attempt{done: make(chan struct{})}
	l.loaded[name] = a
	l.mu.Unlock()

	a.err = l.loadNow(name, m, params, depth)
	if a.err != nil {
		// A second try may find what was missing, a device for example.
		l.mu.Lock()
		delete(l.loaded, name)
		l.mu.Unlock()
	}
	close(a.done)
	// What should follow a module may itself depend on it, so it comes after
	// the attempt is over; that it fails is no fault of the module.
	if a.err == nil {
		for _, p := range m.post {
			_ = l.load(p, "", depth+1)
		}
	}
	return a.err
}

func (l *Loader) loadNow(name string, m module, params string, depth int) error {
	for _, p := range m.pre {
		if !l.Needs(p, name) {
			_ = l.load(p, "", depth+1) // "soft": wanted, not needed
		}
	}
	var wg sync.WaitGroup
	errs := make([]error, len(m.deps))
	for i, d := range m.deps {
		wg.Go(func() { errs[i] = l.load(d, "", depth+1) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("loading module %s: %w", name, err)
	}
	all := strings.TrimSpace(l.params[name] + " " + params)
	if err := l.insert(filepath.Join(l.dir, m.path), all); err != nil {
		return fmt.Errorf("loading module %s: %w", name, err)
	}
	return nil
}

// circular reports whether the module depends on itself.
func (l *Loader) circular(name string) bool {
	for _, d := range l.modules[name].deps {
		if l.Needs(d, name) {
			return true
		}
	}
	return false
}

// Main is `modprobe` as the kernel calls it (`modprobe -q -- NAME`), and as a
// person may: options are ignored, then a module or alias and its parameters.
func Main(args []string, _, _ io.Writer) error {
	var words []string
	for _, a := range args {
		if !strings.HasPrefix(a, "-") {
			words = append(words, a)
		}
	}
	if len(words) == 0 {
		return errors.New("usage: modprobe NAME [PARAMETER=VALUE…]")
	}
	l, err := Open("/")
	if err != nil {
		return err
	}
	return l.Load(words[0], strings.Join(words[1:], " "))
}

// Package build compiles what the firmware can't take from Debian as it is: Asterisk without two
// of Debian's patches, the DAHDI kernel modules, the speech synthesiser without a sound card, and
// libopus and libvorbis without what makes them large. Compilers, headers and sources are locked
// packages; everything runs in a sandbox without a network and under fixed names, so that the same
// inputs give the same files.
//
// Results are kept in the package cache by the hash of their inputs: scripts, lists, sources,
// compilers. They are never fetched from anywhere.
//
// # Asterisk
//
// Debian's 2016_opus_plc.patch makes ast_translate discard frames whose RTP sequence number is
// older than the last one that its translator saw. The translator of an audiohook lives as long as
// the recording or the listening-in does, so after a transfer the new party's frames, from another
// stream, are thrown away for up to eleven minutes. 2006_enable_test_framework.patch makes AMI send
// TestEvents. Both stay out. Only the modules in modules.txt are built, and they are built without
// the documentation in XML that Asterisk otherwise reads when it starts.
//
// # DAHDI
//
// The modules come from the source in Debian's dahdi-dkms, which has what newer kernels need. The
// echo canceller OSLEC and dahdi_dummy are built besides those that are built by themselves.
package build

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"switchroom/image/packages"
	"switchroom/image/packages/progress"
)

//go:embed asterisk.sh
var asteriskScript []byte

//go:embed modules.sh
var modulesScript []byte

//go:embed modules.txt
var moduleList []byte

// Store is what this package needs of the package store.
type Store interface {
	Dir() string
	Blob(sha256 string) string
	FetchFiles(ctx context.Context, files []packages.File) error
	Tree(ctx context.Context, pkgs []packages.Package) (string, error)
	Sandbox(ctx context.Context, lock *packages.Lock, sets ...string) (*packages.Sandbox, error)
	Once(ctx context.Context, dir string, fill func(tmp string) error) error
	Progress() *progress.Printer
}

// How many lines that say "[CC]", "[CXX]" or "[LD]" the two builds wrote when they were last
// measured. Only the progress shown depends on it.
const (
	asteriskSteps = 676
	modulesSteps  = 167
)

// Asterisk returns the tree that Asterisk's own "make install" makes: usr/sbin/asterisk, its
// modules. It is compiled the first time, which takes minutes. The tree is
// read-only for callers.
func Asterisk(ctx context.Context, store Store, lock *packages.Lock) (string, error) {
	j, err := asteriskJob(ctx, store, lock)
	if err != nil {
		return "", err
	}
	return j.run(ctx, store, lock, "")
}

func asteriskJob(ctx context.Context, store Store, lock *packages.Lock) (*job, error) {
	source, err := lock.Source("asterisk")
	if err != nil {
		return nil, err
	}
	modules := ModuleNames()
	list := strings.Join(modules, "\n") + "\n"
	job := &job{name: "Asterisk", slug: "asterisk", script: asteriskScript, steps: asteriskSteps}
	job.input(asteriskScript, []byte(list))
	for _, f := range source.Files {
		job.input([]byte(f.SHA256))
		job.binds = append(job.binds, packages.Bind{Host: store.Blob(f.SHA256), Guest: "/in/" + path.Base(f.Path)})
	}
	job.prepare = func(work string) error {
		if err := store.FetchFiles(ctx, source.Files); err != nil {
			return err
		}
		headers, err := Headers(ctx, store, lock)
		if err != nil {
			return err
		}
		name := filepath.Join(work, "modules")
		if err := os.WriteFile(name, []byte(list), 0o644); err != nil {
			return err
		}
		job.binds = append(job.binds, packages.Bind{Host: name, Guest: "/modules"}, packages.Bind{Host: headers, Guest: "/headers"})
		return nil
	}
	job.check = func(out string) error {
		var missing []string
		for _, m := range modules {
			if _, err := os.Stat(filepath.Join(out, ModuleDir, m+".so")); err != nil {
				missing = append(missing, m)
			}
		}
		if len(missing) > 0 {
			return fmt.Errorf("these modules were asked for and did not come out, perhaps because a library is not in the set of build packages: %s",
				strings.Join(missing, " "))
		}
		if _, err := os.Stat(filepath.Join(out, "usr/sbin/asterisk")); err != nil {
			return err
		}
		return nil
	}
	return job, nil
}

// ModuleDir is where Asterisk's modules are in the tree that [Asterisk] returns.
const ModuleDir = "usr/lib/x86_64-linux-gnu/asterisk/modules"

// ModuleNames returns the names of the Asterisk modules that are built, sorted, without ".so".
func ModuleNames() []string {
	var names []string
	for line := range strings.Lines(string(moduleList)) {
		if !strings.HasPrefix(line, "#") {
			names = append(names, strings.Fields(line)...)
		}
	}
	slices.Sort(names)
	return names
}

// Modules returns a directory with the DAHDI kernel modules (*.ko, neither compressed nor with
// debugging symbols), and the release of the kernel that they are for. They are compiled the first
// time. The directory is read-only for callers.
func Modules(ctx context.Context, store Store, lock *packages.Lock) (dir, kver string, err error) {
	dir, err = modulesJob().run(ctx, store, lock, "")
	if err != nil {
		return "", "", err
	}
	b, err := os.ReadFile(filepath.Join(dir, "kernel"))
	if err != nil {
		return "", "", fmt.Errorf("DAHDI modules: %w", err)
	}
	return dir, strings.TrimSpace(string(b)), nil
}

func modulesJob() *job {
	job := &job{name: "DAHDI modules", slug: "dahdi", script: modulesScript, steps: modulesSteps}
	job.input(modulesScript)
	job.check = func(out string) error {
		for _, m := range []string{"dahdi", "wctdm24xxp", "dahdi_voicebus", "dahdi_echocan_oslec", "dahdi_echocan_mg2"} {
			if _, err := os.Stat(filepath.Join(out, m+".ko")); err != nil {
				return fmt.Errorf("a module did not come out: %w", err)
			}
		}
		return nil
	}
	return job
}

// Headers returns the include directory of the DAHDI driver that ships: dahdi/user.h and others.
func Headers(ctx context.Context, store Store, lock *packages.Lock) (string, error) {
	p, err := lock.Package("build", "dahdi-dkms")
	if err != nil {
		return "", err
	}
	tree, err := store.Tree(ctx, []packages.Package{p})
	if err != nil {
		return "", err
	}
	found, err := filepath.Glob(filepath.Join(tree, "usr/src/dahdi-*/include"))
	if err != nil || len(found) != 1 {
		return "", fmt.Errorf("package dahdi-dkms %s has %d include directories, want one: %w", p.Version, len(found), err)
	}
	return found[0], nil
}

// job is one thing to compile.
type job struct {
	name, slug string
	script     []byte
	steps      int64
	binds      []packages.Bind
	inputs     bytes.Buffer
	prepare    func(work string) error // may be nil
	check      func(out string) error
}

// input makes parts of what the result depends on part of its name.
func (j *job) input(parts ...[]byte) {
	for _, p := range parts {
		sum := sha256.Sum256(p)
		j.inputs.Write(sum[:])
	}
}

// run compiles, if that was not done before. A suffix makes it another result of the same inputs.
func (j *job) run(ctx context.Context, store Store, lock *packages.Lock, suffix string) (string, error) {
	set, err := lock.Set("build")
	if err != nil {
		return "", err
	}
	for _, p := range set {
		j.input([]byte(p.SHA256))
	}
	sum := sha256.Sum256(j.inputs.Bytes())
	dir := filepath.Join(store.Dir(), "build", j.slug+"-"+hex.EncodeToString(sum[:8])+suffix)
	err = store.Once(ctx, dir, func(tmp string) (err error) {
		work := tmp + ".work"
		if err := errors.Join(os.RemoveAll(work), os.MkdirAll(filepath.Join(work, "scratch"), 0o755)); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
		box, err := store.Sandbox(ctx, lock, "build")
		if err != nil {
			return err
		}
		if j.prepare != nil {
			if err := j.prepare(work); err != nil {
				return err
			}
		}
		script := filepath.Join(work, "script")
		if err := os.WriteFile(script, j.script, 0o644); err != nil {
			return err
		}
		if err := j.compile(ctx, store, box, tmp, filepath.Join(work, "scratch"), script, dir+".log"); err != nil {
			return err
		}
		return j.check(tmp)
	})
	if err != nil {
		return "", fmt.Errorf("building %s: %w", j.name, err)
	}
	return dir, nil
}

func (j *job) compile(ctx context.Context, store Store, box *packages.Sandbox, out, scratch, script, logName string) (err error) {
	log, err := os.Create(logName)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	opt := packages.RunOptions{Binds: append(slices.Clone(j.binds),
		packages.Bind{Host: script, Guest: "/script"},
		packages.Bind{Host: out, Guest: "/out", Writable: true},
		packages.Bind{Host: scratch, Guest: "/work", Writable: true})}
	// Nice, because it is long and somebody may be working on this machine.
	cmd := box.Command(ctx, opt, "nice", "-n", "10", "bash", "/script", strconv.Itoa(runtime.GOMAXPROCS(0)))
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	cmd.Stdout, cmd.Stderr = w, w
	err = cmd.Start()
	if err = errors.Join(err, w.Close()); err != nil {
		return err
	}
	task := store.Progress().Start("compiling "+j.name, progress.Items, j.steps)
	tail, readErr := follow(io.TeeReader(r, log), task)
	if readErr != nil {
		_ = cmd.Process.Kill() // nobody reads what it writes any more
	}
	err = errors.Join(cmd.Wait(), readErr)
	task.Done()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("%w; all of its output is in %s, which ends:\n%s", err, logName, strings.Join(tail, "\n"))
	}
	return nil
}

// follow reads a build's output, shows how far it is, and returns its last lines.
func follow(r io.Reader, task *progress.Task) (tail []string, err error) {
	br := bufio.NewReader(r)
	step := "starting"
	for {
		line, err := br.ReadString('\n')
		if line = strings.TrimRight(line, "\n"); line != "" {
			tail = append(tail, line)
			if len(tail) > 40 {
				tail = tail[1:]
			}
			n := int64(0)
			if s, ok := strings.CutPrefix(line, "@ "); ok {
				step = s
			} else if f := strings.Fields(line); len(f) > 1 && slices.Contains([]string{"[CC]", "[CXX]", "[LD]", "CC", "LD"}, f[0]) {
				n = 1
			}
			task.Say(n, step)
		}
		if errors.Is(err, io.EOF) {
			return tail, nil
		}
		if err != nil {
			return tail, fmt.Errorf("reading the build's output: %w", err)
		}
	}
}

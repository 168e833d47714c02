package rootfs

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/u-root/gobusybox/src/pkg/bb"
	"github.com/u-root/gobusybox/src/pkg/bb/findpkg"
	"github.com/u-root/gobusybox/src/pkg/golang"
)

// goEnv is the environment of every go command: what the build machine has set
// must not find its way into the image.
func goEnv() []string {
	return append(os.Environ(),
		"CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64", "GOAMD64=v1",
		"GOFLAGS=", "GOEXPERIMENT=", "GODEBUG=", "GOWORK=off")
}

// BuildGo compiles a program of this module, given by its import path, as a
// static binary. module is the folder of go.mod. vars are values for string
// variables of the program, by "importpath.name" (the linker's -X). The same
// sources, values and Go release give the same bytes, wherever they lie.
func BuildGo(ctx context.Context, module, pkg, out string, vars map[string]string) error {
	out, err := filepath.Abs(out)
	if err != nil {
		return fmt.Errorf("compiling %s: %w", pkg, err)
	}
	ldflags := []string{"-s", "-w", "-buildid="}
	for _, name := range sortedKeys(vars) {
		ldflags = append(ldflags, "-X", name+"="+vars[name])
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", strings.Join(ldflags, " "), "-o", out, pkg)
	cmd.Dir = module
	cmd.Env = goEnv()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("compiling %s: %w\n%s", pkg, err, bytes.TrimSpace(stderr.Bytes()))
	}
	return nil
}

// GoVersion returns the Go release that compiles, such as "go1.26.8".
func GoVersion(ctx context.Context, module string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "env", "GOVERSION")
	cmd.Dir = module
	cmd.Env = goEnv()
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("asking go for its version: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// rescueTag leaves the shell's full-screen line editor out, which would be a
// third of the whole program.
const rescueTag = "goshsmall"

//go:embed tools.go
var rescueList string

var rescueImport = regexp.MustCompile(`_ "(github\.com/u-root/u-root/cmds/[^"]+)"`)

// RescueCommands returns the import paths of the rescue shell's commands: those
// that tools.go imports.
func RescueCommands() []string {
	var paths []string
	for _, m := range rescueImport.FindAllStringSubmatch(rescueList, -1) {
		paths = append(paths, m[1])
	}
	return paths
}

// RescueKey returns what, besides the versions of Go and u-root, the rescue
// program depends on.
func RescueKey() string { return rescueTag + " " + strings.Join(RescueCommands(), " ") }

// BuildRescue compiles the rescue shell's commands into one program, which is
// the command it is called as, or its first argument. work is an empty folder
// outside the module, for the sources it generates; logs go to out.
func BuildRescue(module, work, binary string, out io.Writer) error {
	binary, err := filepath.Abs(binary)
	if err != nil {
		return fmt.Errorf("compiling the rescue commands: %w", err)
	}
	env := golang.Default(golang.DisableCGO(), golang.WithGOOS("linux"), golang.WithGOARCH("amd64"),
		golang.WithGO111MODULE("on"), golang.WithWorkingDir(module),
		golang.WithBuildTag(rescueTag))
	if err := env.CompilerInit(); err != nil {
		return fmt.Errorf("compiling the rescue commands: %w", err)
	}
	logger := log.New(out, "", 0)
	err = bb.BuildBusybox(logger, &bb.Opts{
		Env:          env,
		LookupEnv:    &findpkg.Env{},
		GenSrcDir:    work,
		CommandPaths: RescueCommands(),
		BinaryPath:   binary,
		GoBuildOpts:  &golang.BuildOpts{},
	})
	if err != nil {
		return fmt.Errorf("compiling the rescue commands: %w", err)
	}
	return nil
}

// addRescue adds the rescue program and a link for each of its commands.
func addRescue(t *Tree, binary string) error {
	if err := t.File("/usr/bin/bb", binary, 0o755); err != nil {
		return err
	}
	for _, c := range RescueCommands() {
		if err := t.Symlink("/usr/bin/"+path.Base(c), "bb"); err != nil {
			return err
		}
	}
	return t.Symlink("/usr/bin/sh", "gosh")
}

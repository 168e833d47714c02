package rootfs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// licenceFile matches the names that Go modules give their licence texts.
var licenceFile = regexp.MustCompile(`(?i)^(un)?(licen[cs]e|copying|copyright|notice|patents)([-._].*)?$`)

// GoComponents returns the modules that are compiled into programs, given by
// import path, and Go itself, each with its licence texts. module is the folder
// of go.mod; modules of other people only, not the programs' own.
func GoComponents(ctx context.Context, module string, programs ...string) ([]Component, error) {
	args := append([]string{"list", "-deps", "-tags", rescueTag, "-json=Module"}, programs...)
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = module
	cmd.Env = goEnv()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("listing Go modules: %w\n%s", err, bytes.TrimSpace(stderr.Bytes()))
	}
	type goModule struct {
		Path, Version, Dir string
		Main               bool
	}
	found := make(map[string]goModule)
	for dec := json.NewDecoder(&stdout); ; {
		var p struct{ Module *goModule }
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("listing Go modules: %w", err)
		}
		if p.Module != nil && !p.Module.Main {
			found[p.Module.Path] = *p.Module
		}
	}
	var all []Component
	for _, path := range sortedKeys(found) {
		m := found[path]
		c, err := goComponent(m.Path, m.Version, m.Dir)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	cmd = exec.CommandContext(ctx, "go", "env", "GOROOT", "GOVERSION")
	cmd.Dir = module
	cmd.Env = goEnv()
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("asking go where it is: %w", err)
	}
	root, version, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	std, err := goComponent("stdlib", strings.TrimPrefix(version, "go"), root)
	if err != nil {
		// Some distributions keep Go's licence elsewhere; it is well known.
		return nil, fmt.Errorf("the licence of Go itself: %w", err)
	}
	return append(all, std), nil
}

func goComponent(path, version, dir string) (Component, error) {
	c := Component{Kind: "golang", Name: path, Version: version, Texts: make(map[string]string)}
	es, err := os.ReadDir(dir)
	if err != nil {
		return Component{}, fmt.Errorf("looking for the licence of %s: %w", path, err)
	}
	for _, e := range es {
		if e.IsDir() || !licenceFile.MatchString(e.Name()) || strings.HasSuffix(e.Name(), ".go") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return Component{}, fmt.Errorf("reading the licence of %s: %w", path, err)
		}
		if textLicence(string(text)) != noAssertion && c.Licence == "" {
			c.Licence = string(text)
		} else {
			c.Texts[e.Name()] = string(text)
		}
	}
	if c.Licence == "" && len(c.Texts) == 0 {
		return Component{}, fmt.Errorf("%s %s has no licence text in %s", path, version, dir)
	}
	// Never two under the name that the main text gets; one that nobody recognises is the main text all
	// the same.
	if c.Licence == "" {
		c.Licence = c.Texts["LICENSE"]
	}
	delete(c.Texts, "LICENSE")
	return c, nil
}

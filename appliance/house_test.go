package appliance_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

// module is the name every import path of ours begins with.
const module = "switchroom"

type goPackage struct {
	ImportPath  string
	Name        string
	Doc         string
	GoFiles     []string
	Imports     []string
	Deps        []string
	TestImports []string
}

// packages lists every package of the module, as the go command sees them.
func packages(t *testing.T) []goPackage {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Name,Doc,GoFiles,Imports,Deps,TestImports", module+"/...")
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list: %v\n%s", err, exit.Stderr)
		}
		t.Fatalf("go list: %v", err)
	}
	var all []goPackage
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p goPackage
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("reading go list's answer: %v", err)
		}
		all = append(all, p)
	}
	if len(all) < 10 {
		t.Fatalf("go list found %d packages: the rules below would hold for nothing", len(all))
	}
	return all
}

// in reports whether the package stands in the room or below it.
func in(path, room string) bool {
	room = module + "/" + room
	return path == room || strings.HasPrefix(path, room+"/")
}

// TestDirectionOfDependencies holds the house's plan: the lower rooms know
// nothing of the upper ones. Commands wire, so they may import anything.
func TestDirectionOfDependencies(t *testing.T) {
	allowed := map[string][]string{
		"dahdi":        {"dahdi"},
		"image":        {"image"},
		"provisioning": {"provisioning", "dahdi"},
		"appliance":    {"appliance", "provisioning", "dahdi", "image"},
	}
	for _, p := range packages(t) {
		if strings.Contains(p.ImportPath, "/cmd/") {
			continue
		}
		room, _, _ := strings.Cut(strings.TrimPrefix(p.ImportPath, module+"/"), "/")
		may, ok := allowed[room]
		if !ok {
			t.Errorf("%s: %q is not a room of the house", p.ImportPath, room)
			continue
		}
		for _, dep := range p.Deps {
			if !strings.HasPrefix(dep, module+"/") {
				continue
			}
			fine := false
			for _, m := range may {
				fine = fine || in(dep, m)
			}
			if !fine {
				t.Errorf("%s depends on %s; %s may depend on %v only", p.ImportPath, dep, room, may)
			}
			if in(p.ImportPath, "provisioning") && strings.HasPrefix(dep, module+"/dahdi/") {
				t.Errorf("%s depends on %s; provisioning may know dahdi's types only", p.ImportPath, dep)
			}
			if strings.Contains(dep, "/cmd/") {
				t.Errorf("%s depends on the command %s", p.ImportPath, dep)
			}
		}
	}
}

// TestPackageComments fails a package that does not say what it is for.
func TestPackageComments(t *testing.T) {
	for _, p := range packages(t) {
		if len(p.GoFiles) > 0 && strings.TrimSpace(p.Doc) == "" {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
	}
}

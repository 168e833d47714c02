package rootfs

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
)

//go:embed modules.txt
var moduleLists string

// Sections of modules.txt.
const (
	// ModulesEarly are in the initramfs too: what is needed to find and mount
	// a slot, and the watchdogs, armed before anything can go wrong.
	ModulesEarly = "early"
	// ModulesRoot are in the root tree only.
	ModulesRoot = "root"
	// ModulesDAHDI are the card's drivers, built from DAHDI's source.
	ModulesDAHDI = "dahdi"
)

// ModuleList returns the names in sections of the list of modules that ship.
func ModuleList(sections ...string) ([]string, error) {
	return parseModuleList(moduleLists, sections...)
}

func parseModuleList(text string, sections ...string) ([]string, error) {
	var names []string
	section := ""
	found := make(map[string]bool)
	n := 0
	for line := range strings.Lines(text) {
		n++
		line, _, _ = strings.Cut(line, "#")
		line = strings.TrimSpace(line)
		if name, ok := strings.CutPrefix(line, "["); ok {
			section = strings.TrimSuffix(name, "]")
			found[section] = true
			continue
		}
		if line != "" && section == "" {
			return nil, fmt.Errorf("modules.txt:%d: %q stands before the first section", n, line)
		}
		if slices.Contains(sections, section) {
			names = append(names, strings.Fields(line)...)
		}
	}
	for _, s := range sections {
		if !found[s] {
			return nil, fmt.Errorf("modules.txt: no section [%s]", s)
		}
	}
	return names, nil
}

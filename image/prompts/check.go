package prompts

import (
	_ "embed"
	"fmt"
	"path"
	"slices"
	"strings"
)

//go:embed asterisk.txt
var asteriskTable string

// Played returns the names that Asterisk's modules can play on a channel of a language, sorted.
func Played(language string) []string {
	var names []string
	only := ""
	for line := range strings.Lines(asteriskTable) {
		line = strings.TrimSpace(line)
		if section, ok := strings.CutPrefix(line, "["); ok {
			_, only, _ = strings.Cut(strings.TrimSuffix(section, "]"), " ")
			continue
		}
		if strings.HasPrefix(line, "#") || only != "" && only != language {
			continue
		}
		names = append(names, strings.Fields(line)...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Check holds what is in an image's [SoundsDir] against the tables: files are its sounds, relative to it.
// A prompt that is missing in a language is an error, and so is a sound that the tables do not know:
// the next version of the English voice may have one that nobody has translated.
func Check(files []string) error {
	all, err := All()
	if err != nil {
		return err
	}
	have := make(map[string]bool, len(files))
	for _, f := range files {
		have[f] = true
	}
	var wrong []string
	for _, p := range all {
		for _, language := range []string{Chinese, English} {
			f := path.Join(path.Base(folder(language)), p.Name+".gsm")
			switch {
			case p.Has(language) && !have[f]:
				wrong = append(wrong, f+" is missing")
			case !p.Has(language) && have[f]:
				wrong = append(wrong, f+" should not be there")
			}
			delete(have, f)
		}
	}
	for f := range have {
		wrong = append(wrong, f+" is in no table")
	}
	if len(wrong) > 0 {
		slices.Sort(wrong)
		return fmt.Errorf("%d prompts are wrong: %s", len(wrong), strings.Join(wrong, ", "))
	}
	return nil
}

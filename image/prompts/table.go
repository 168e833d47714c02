// Package prompts makes what the box says: Asterisk's own prompts in Chinese, and prompts of ours in
// Chinese and English.
//
// The texts are in two tables that people can read and correct. zh.txt has what each of the recorded
// English prompts says in Chinese: a test holds it against the English voice that ships, so that no
// prompt can be missing in one language. own.txt has what no recorded voice says, in both languages:
// ours, whose names begin with "switchroom/", and the few that Asterisk plays for Chinese alone or
// that the English voice lacks.
//
// Until a person has recorded them, they are said by a synthesiser, eSpeak NG, in Mandarin ("cmn")
// and, for our own in English, "en-us". That is a stand-in: it is understood, and it is no pleasure.
// An owner replaces any of them by uploading a recording under the same name; see package
// switchroom/appliance/prompts.
//
// # How they are made
//
// At build time, in the sandbox of the locked packages: synthesised, then trimmed, brought to 8,000
// samples a second and to the level of the recorded prompts by package pcm, then packed as GSM 06.10,
// as the English ones are. The same inputs give the same bytes. So that a processor's own way of
// rounding has no say, the synthesiser runs with the C library's plainest arithmetic.
//
// # Which prompts Asterisk plays
//
// asterisk.txt lists the names that the modules we build can play, for Chinese and for English; the
// list was read from Asterisk's source (main/say.c, main/app.c and the applications), and a test of
// kind "native" holds it against the strings in the compiled modules.
package prompts

import (
	_ "embed"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

//go:embed zh.txt
var chineseTable string

//go:embed own.txt
var ownTable string

// The languages, as Asterisk's channels name them, and the folders of their prompts below
// usr/share/asterisk/sounds. "en" is a link to the English voice's folder.
const (
	Chinese = "zh"
	English = "en"

	EnglishVoice = "en_US_f_Allison"
)

// SoundsDir is where the languages' folders are.
const SoundsDir = "usr/share/asterisk/sounds"

// Prompt is what a prompt's name stands for.
type Prompt struct {
	Name string // "vm-intro", "digits/1", "switchroom/agent"
	// Chinese and English are what the synthesiser says; empty where there is a recorded prompt, or
	// none.
	Chinese, English string
	// Recorded: there is a recorded English prompt.
	Recorded bool
	// Wordless: the recorded English prompt has no words, and is taken for Chinese too.
	Wordless bool
	// Dropped: the prompt is left out of the image, in both languages.
	Dropped bool
}

// Has reports whether the prompt exists in the language, Chinese or English.
func (p Prompt) Has(language string) bool {
	switch {
	case p.Dropped:
		return false
	case language == Chinese:
		return p.Chinese != "" || p.Wordless
	}
	return p.English != "" || p.Recorded
}

// All returns every prompt, sorted by name.
func All() ([]Prompt, error) {
	return parse(chineseTable, ownTable)
}

func parse(chinese, own string) ([]Prompt, error) {
	var all []Prompt
	var errs []error
	rows(chinese, 2, &errs, "zh.txt", func(f []string) {
		p := Prompt{Name: f[0], Recorded: true}
		switch f[1] {
		case "=":
			p.Wordless = true
		case "-":
			p.Dropped = true
		default:
			p.Chinese = f[1]
		}
		all = append(all, p)
	})
	rows(own, 3, &errs, "own.txt", func(f []string) {
		p := Prompt{Name: f[0]}
		if f[1] != "-" {
			p.Chinese = f[1]
		}
		if f[2] != "-" {
			p.English = f[2]
		}
		all = append(all, p)
	})
	slices.SortFunc(all, func(a, b Prompt) int { return strings.Compare(a.Name, b.Name) })
	for i, p := range all {
		if i > 0 && all[i-1].Name == p.Name {
			errs = append(errs, fmt.Errorf("%s stands there twice", p.Name))
		}
	}
	return all, errors.Join(errs...)
}

// rows calls f with the fields of every line that has some.
func rows(text string, fields int, errs *[]error, file string, f func([]string)) {
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimRight(line, "\n")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		got := strings.Split(line, "\t")
		if len(got) != fields || slices.Contains(got, "") {
			*errs = append(*errs, fmt.Errorf("%s:%d: %d fields with a tab between them are wanted: %q", file, n, fields, line))
			continue
		}
		if !ValidName(got[0]) {
			*errs = append(*errs, fmt.Errorf("%s:%d: %q is not the name of a prompt", file, n, got[0]))
			continue
		}
		f(got)
	}
}

// ValidName reports whether a name can be a prompt's: parts of letters, digits, "-" and "_" with "/"
// between them, at most three and 80 bytes in all.
func ValidName(name string) bool {
	if len(name) > 80 || path.Clean(name) != name || strings.Count(name, "/") > 2 {
		return false
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || strings.ContainsFunc(part, func(r rune) bool {
			return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_')
		}) {
			return false
		}
	}
	return true
}

// Dropped returns the names of the recorded prompts that are left out of the image.
func Dropped() ([]string, error) {
	all, err := All()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, p := range all {
		if p.Dropped {
			names = append(names, p.Name)
		}
	}
	return names, nil
}

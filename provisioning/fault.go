package provisioning

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"strings"
)

// Fault is one thing that is wrong with a document: where, what, and what to
// do about it, in each of [Languages].
type Fault struct {
	Path string // extensions[3].number; empty for the document as a whole
	Line int    // in the text of the document, from 1; 0 if it is not known
	Code Code   // for programs
	args []any  // what the message of the code wants
}

// Text is the fault in words, without its place, in one of [Languages];
// English for any other.
func (f Fault) Text(language string) string {
	m := messages[f.Code]
	format := m.en
	if language == "zh-CN" {
		format = m.zh
	}
	if len(f.args) == 0 {
		return format
	}
	args := make([]any, len(f.args))
	for i, a := range f.args {
		args[i] = a
		if w, ok := a.(word); ok {
			args[i] = w.in(language)
		}
	}
	return fmt.Sprintf(format, args...)
}

// String is place and fault in one of [Languages], in one line.
func (f Fault) String(language string) string {
	colon, line := ": ", "line %d, "
	if language == "zh-CN" {
		colon, line = "：", "第 %d 行，"
	}
	where := f.Path
	if f.Line > 0 && where != "" {
		where = fmt.Sprintf(line, f.Line) + where
	}
	if where == "" {
		return f.Text(language)
	}
	return where + colon + f.Text(language)
}

// MarshalJSON gives programs and pages the fault with its words in all
// languages.
func (f Fault) MarshalJSON() ([]byte, error) {
	text := map[string]string{}
	for _, lang := range Languages {
		text[lang] = f.Text(lang)
	}
	return json.Marshal(struct {
		Path string            `json:"path"`
		Line int               `json:"line,omitempty"`
		Code Code              `json:"code"`
		Text map[string]string `json:"text"`
	}{f.Path, f.Line, f.Code, text})
}

// Error is the fault in English, without its line.
func (f Fault) Error() string {
	if f.Path == "" {
		return f.Text("en")
	}
	return f.Path + ": " + f.Text("en")
}

// Faults are all the faults of a document, in its order.
type Faults []Fault

// Error is the faults in English, each in a line of its own.
func (f Faults) Error() string { return f.Text("en") }

// Text is the faults in one of [Languages], each in a line of its own.
func (f Faults) Text(language string) string {
	lines := make([]string, len(f))
	for i, fault := range f {
		lines[i] = fault.String(language)
	}
	return strings.Join(lines, "\n")
}

// add appends a fault.
func (f *Faults) add(path string, code Code, args ...any) {
	*f = append(*f, Fault{Path: path, Code: code, args: args})
}

// located gives the faults with their lines in the text, in that order.
func (f Faults) located(data []byte) Faults {
	tree, _ := readTree(data)
	if tree == nil {
		return f
	}
	offsets := map[string]int{}
	tree.offsets("", offsets)
	lines := lineStarts(data)
	out := make(Faults, len(f))
	copy(out, f)
	for i := range out {
		if out[i].Line > 0 {
			continue
		}
		// A field that is missing has the line of what it is missing in.
		for path := out[i].Path; path != ""; path = parentPath(path) {
			if at, ok := offsets[path]; ok {
				out[i].Line = sort.SearchInts(lines, at)
				break
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Fault) int { return cmp.Compare(a.Line, b.Line) })
	return out
}

// parentPath is the path of what holds the thing at path.
func parentPath(path string) string { return path[:max(strings.LastIndexAny(path, ".["), 0)] }

// lineStarts are the offsets at which the lines of the text begin.
func lineStarts(data []byte) []int {
	starts := []int{0}
	for i := 0; ; {
		n := bytes.IndexByte(data[i:], '\n')
		if n < 0 {
			return starts
		}
		i += n + 1
		starts = append(starts, i)
	}
}

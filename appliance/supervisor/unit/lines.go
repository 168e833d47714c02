package unit

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	sdunit "github.com/coreos/go-systemd/v22/unit"
)

// An entry is one directive, where it stands.
type entry struct {
	section, name, value string
	line                 int
}

// maxFile bounds a unit file: systemd has no bound, but nobody writes 64 KiB.
const maxFile = 64 << 10

// read gives the directives of a unit file with their lines.
//
// go-systemd's parser is the one that decides what a directive's value is; it
// tells no lines, though, and lets some things pass that systemd reads
// differently or not at all. So every line is looked at first: what the two
// could disagree on is an error here, and the rest is counted, directive by
// directive, so that the parser's n-th directive has a line.
func read(file string, data []byte) ([]entry, error) {
	index, err := indexLines(file, data)
	if err != nil {
		return nil, err
	}
	opts, err := sdunit.DeserializeOptions(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if len(opts) != len(index) {
		return nil, fmt.Errorf("%s: parsed %d directives where %d were counted", file, len(opts), len(index))
	}
	for i, o := range opts {
		e := &index[i]
		if o.Section != e.section || o.Name != e.name {
			return nil, &Error{file, e.line, fmt.Sprintf("parsed as [%s] %s, read as [%s] %s", o.Section, o.Name, e.section, e.name)}
		}
		// A backslash at the end of a line joins it to the next with a space.
		e.value = strings.TrimSpace(strings.ReplaceAll(o.Value, "\\\n", " "))
	}
	return index, nil
}

// indexLines walks the lines of a unit file and gives the place and the name
// of every directive, without its value.
func indexLines(file string, data []byte) ([]entry, error) {
	if len(data) > maxFile {
		return nil, &Error{file, 1, fmt.Sprintf("a unit file of %d bytes; the most is %d", len(data), maxFile)}
	}
	var index []entry
	section := ""
	continued := false
	n := 0
	for raw := range bytes.SplitSeq(data, []byte("\n")) {
		n++
		if err := checkText(raw); err != nil {
			return nil, &Error{file, n, err.Error()}
		}
		line := strings.TrimSpace(string(raw))
		more := strings.HasSuffix(string(raw), `\`)
		if len(raw) >= sdunit.SYSTEMD_LINE_MAX {
			return nil, &Error{file, n, fmt.Sprintf("line of %d bytes; the most is %d", len(raw), sdunit.SYSTEMD_LINE_MAX-1)}
		}
		if !more && strings.HasSuffix(line, `\`) {
			return nil, &Error{file, n, "space after the backslash at the end of the line"}
		}
		switch {
		case continued:
			if line == "" {
				return nil, &Error{file, n, "the line before ends with a backslash, and nothing follows"}
			}
			if isComment(line) {
				return nil, &Error{file, n, "comment within a continued line"}
			}
			continued = more
		case line == "":
		case isComment(line):
			if more {
				return nil, &Error{file, n, "comment that ends with a backslash"}
			}
		case line[0] == '[':
			name, ok := strings.CutSuffix(line[1:], "]")
			if !ok || name == "" || strings.ContainsAny(name, "[] \t\\") {
				return nil, &Error{file, n, fmt.Sprintf("not a section: %s", line)}
			}
			section = name
		default:
			name, _, ok := strings.Cut(line, "=")
			name = strings.TrimSpace(name)
			if !ok || name == "" {
				return nil, &Error{file, n, fmt.Sprintf("neither a section nor a directive: %s", line)}
			}
			if section == "" {
				return nil, &Error{file, n, fmt.Sprintf("%s stands before any section", name)}
			}
			index = append(index, entry{section: section, name: name, line: n})
			continued = more
		}
	}
	if continued {
		return nil, &Error{file, n, "the file ends within a continued line"}
	}
	return index, nil
}

func isComment(line string) bool { return line[0] == '#' || line[0] == ';' }

// checkText refuses what no unit file needs and what parsers trip over.
func checkText(raw []byte) error {
	if !utf8.Valid(raw) {
		return fmt.Errorf("not UTF-8")
	}
	for _, r := range string(raw) {
		if r == utf8.RuneError || unicode.IsControl(r) && r != '\t' || r != ' ' && r != '\t' && unicode.IsSpace(r) {
			return fmt.Errorf("character %U", r)
		}
	}
	return nil
}

package provisioning

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"
)

// node is a value of the document as it stands in the text. encoding/json
// forgives too much for a document that a person wrote: it takes "Number" for
// "number", keeps the last of two equal keys, and names an unknown field
// without saying where it stands. So the text is first read into nodes.
type node struct {
	// value is a string, json.Number, bool or nil; of objects and lists it is
	// the zero value.
	value   any
	kind    nodeKind
	names   []string // of an object's members, in the order of the text
	members []*node  // of an object or a list
	offset  int      // in the text: where it, or its opening brace, ends
	secret  bool     // a [Secret]
}

type nodeKind byte

const (
	scalar nodeKind = iota
	object
	list
)

// Bounds of what is read at all.
const (
	maxSize  = 8 << 20 // bytes; ten times a site of 3000 extensions
	maxDepth = 20
)

// get is the member of an object, or nil.
func (n *node) get(name string) *node {
	for i, k := range n.names {
		if k == name {
			return n.members[i]
		}
	}
	return nil
}

// offsets gathers where each value stands, by its path.
func (n *node) offsets(path string, into map[string]int) {
	into[path] = n.offset
	for i, m := range n.members {
		if n.kind == object {
			m.offsets(join(path, n.names[i]), into)
		} else {
			m.offsets(path+"["+strconv.Itoa(i)+"]", into)
		}
	}
}

// join is the path of a member of an object.
func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// readTree reads a text. Members that are given twice are faults, and so is
// whatever is no JSON; of that only the first fault is told, and there is no
// tree.
func readTree(data []byte) (*node, Faults) {
	data = bytes.TrimPrefix(data, []byte("\ufeff")) // as editors of Windows put it there
	r := reader{dec: json.NewDecoder(bytes.NewReader(data))}
	r.dec.UseNumber()
	if len(data) > maxSize {
		r.faults.add("", TooLarge, maxSize>>20)
		return nil, r.faults
	}
	root, err := r.read("", 0)
	if err == nil {
		if _, end := r.dec.Token(); end != io.EOF {
			err = errTrailing
		}
	}
	if err == nil {
		return root, r.faults
	}
	at := int(r.dec.InputOffset())
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		at = badByte(data)
	}
	starts := lineStarts(data)
	line := sort.SearchInts(starts, at+1)
	bad, _ := utf8.DecodeRune(data[min(at, len(data)):])
	column := utf8.RuneCount(data[starts[line-1]:min(at, len(data))]) + 1
	fault := Fault{Line: line, Code: BadJSON, args: []any{line, column, string(bad)}}
	switch {
	case errors.Is(err, errTrailing):
		fault.Code, fault.args = Trailing, []any{line}
	case errors.Is(err, errDepth):
		fault.Code, fault.args = TooDeep, []any{line}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		fault.Code, fault.args = Truncated, []any{line}
	}
	return nil, Faults{fault}
}

// badByte is where the first byte is that can't stand where it is, or where
// the text ends. The decoder of tokens doesn't tell that exactly.
func badByte(data []byte) int {
	var whole json.RawMessage
	var syntax *json.SyntaxError
	if !errors.As(json.Unmarshal(data, &whole), &syntax) {
		return len(data)
	}
	at := min(max(int(syntax.Offset)-1, 0), max(len(data)-1, 0))
	for at > 0 && !utf8.RuneStart(data[at]) {
		at--
	}
	return at
}

var (
	errTrailing = errors.New("something follows the document")
	errDepth    = errors.New("too deep")
)

type reader struct {
	dec    *json.Decoder
	faults Faults
}

func (r *reader) read(path string, depth int) (*node, error) {
	if depth > maxDepth {
		return nil, errDepth
	}
	tok, err := r.dec.Token()
	if err != nil {
		return nil, err
	}
	n := &node{value: tok, offset: int(r.dec.InputOffset())}
	switch tok {
	case json.Delim('{'):
		n.kind, n.value = object, nil
		seen := map[string]bool{}
		for r.dec.More() {
			key, err := r.dec.Token()
			if err != nil {
				return nil, err
			}
			name := key.(string) // the decoder lets nothing else be a key
			here := join(path, name)
			member, err := r.read(here, depth+1)
			if err != nil {
				return nil, err
			}
			if seen[name] {
				r.faults.add(here, GivenTwice)
				continue
			}
			seen[name] = true
			n.names, n.members = append(n.names, name), append(n.members, member)
		}
		_, err = r.dec.Token()
	case json.Delim('['):
		n.kind, n.value = list, nil
		for i := 0; r.dec.More(); i++ {
			member, err := r.read(path+"["+strconv.Itoa(i)+"]", depth+1)
			if err != nil {
				return nil, err
			}
			n.members = append(n.members, member)
		}
		_, err = r.dec.Token()
	}
	return n, err
}

// describe names a value in words a person who wrote the document knows.
func (n *node) describe() string {
	switch v := n.value.(type) {
	case string:
		return strconv.Quote(v)
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	}
	switch n.kind {
	case object:
		return "{…}"
	case list:
		return "[…]"
	}
	return "null"
}

// write prints the value for a person: what fits stands in one line.
func (n *node) write(b *strings.Builder, indent string) {
	const width = 120
	if n.kind == scalar {
		b.WriteString(n.literal())
		return
	}
	if indent != "" || len(n.members) == 0 {
		if line, fits := n.oneLine(width - len(indent)); fits {
			b.WriteString(line)
			return
		}
	}
	open, end := "{", "}"
	if n.kind == list {
		open, end = "[", "]"
	}
	b.WriteString(open)
	for i, m := range n.members {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("\n" + indent + "  ")
		if n.kind == object {
			b.WriteString(quote(n.names[i]) + ": ")
		}
		m.write(b, indent+"  ")
	}
	b.WriteString("\n" + indent + end)
}

// oneLine is the value in a line of at most width characters. A list of objects
// never is: they are rows of a table.
func (n *node) oneLine(width int) (string, bool) { return n.line(width, false) }

// line is [node.oneLine], or all of it with stars for secrets.
func (n *node) line(width int, shown bool) (string, bool) {
	if n.kind == scalar {
		s := n.literal()
		if shown && n.secret && s != `""` {
			s = quote(stars)
		}
		return s, utf8.RuneCountInString(s) <= width
	}
	var parts []string
	left := width - 2
	for i, m := range n.members {
		if n.kind == list && m.kind == object && !shown {
			return "", false
		}
		s, fits := m.line(left, shown)
		if !fits {
			return "", false
		}
		if n.kind == object {
			s = quote(n.names[i]) + ": " + s
		}
		if left -= utf8.RuneCountInString(s) + 2; left < 0 {
			return "", false
		}
		parts = append(parts, s)
	}
	if n.kind == list {
		return "[" + strings.Join(parts, ", ") + "]", true
	}
	return "{" + strings.Join(parts, ", ") + "}", true
}

// literal is a scalar as JSON.
func (n *node) literal() string {
	switch v := n.value.(type) {
	case string:
		return quote(v)
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	}
	return "null"
}

// quote is a string as JSON, with < and > as they are.
func quote(s string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		panic("provisioning: a string that is no JSON: " + err.Error()) // there is none
	}
	return strings.TrimSuffix(b.String(), "\n")
}

package asteriskconf

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// file gathers the lines of one file.
type file struct{ bytes.Buffer }

// head begins a file: what it is, and that changing it is in vain.
func head(what string) *file {
	f := &file{}
	f.line("; %s", what)
	f.line("; Made from the site document at every boot: a change here lasts until then.")
	return f
}

func (f *file) line(format string, args ...any) {
	fmt.Fprintf(f, format, args...)
	f.WriteByte('\n')
}

// section begins a section, after an empty line.
func (f *file) section(name string) { f.line("\n[%s]", name) }

// set writes a setting, and the reason for it unless that is empty.
func (f *file) set(key, value, why string) {
	if why == "" {
		f.line("%s = %s", key, value)
		return
	}
	f.line("%-40s ; %s", key+" = "+value, why)
}

// yes writes a setting that is on or off.
func (f *file) yes(key string, on bool, why string) {
	value := "no"
	if on {
		value = "yes"
	}
	f.set(key, value, why)
}

// text writes lines that are the same for every site.
func (f *file) text(lines string) { f.WriteString(lines) }

// context begins a context of the dial plan and says what it is for.
func (f *file) context(name, about string) {
	f.section(name)
	for l := range strings.SplitSeq(about, "\n") {
		f.line("; %s", l)
	}
}

// exten writes an extension: one step after the other. A step that is empty is
// left out. A step "again: App()" has a label.
func (f *file) exten(name string, steps ...string) {
	first := true
	for _, s := range steps {
		if s == "" {
			continue
		}
		label := ""
		if l, rest, ok := strings.Cut(s, ": "); ok && strings.Trim(l, "abcdefghijklmnopqrstuvwxyz0123456789") == "" {
			label, s = "("+l+")", rest
		}
		if first {
			f.line("exten = %s,1%s,%s", name, label, s)
		} else {
			f.line(" same = n%s,%s", label, s)
		}
		first = false
	}
}

// ordered is an extension of a list in which the first that matches counts.
type ordered struct {
	pattern string
	steps   []string
}

// inOrder writes such a list into the context that has just begun. Within a
// context Asterisk takes the most specific pattern, but it looks through
// included contexts in their order: so those that do the same share one, and
// others have their own.
func (f *file) inOrder(name string, list []ordered) {
	same := func(i int) bool { return i > 0 && slices.Equal(list[i].steps, list[i-1].steps) }
	n := 0
	for i := range list {
		if !same(i) {
			n++
			f.line("include = %s-%d", name, n)
		}
	}
	n = 0
	for i, o := range list {
		if !same(i) {
			n++
			f.section(fmt.Sprintf("%s-%d", name, n))
		}
		f.exten(o.pattern, o.steps...)
	}
}

// to is a step that leads on, for good.
func to(destination string) string { return "Goto(" + destination + ")" }

// off is a file whose program part stays at its defaults or off.
func off(what string, settings ...string) []byte {
	f := head(what)
	f.section("general")
	for _, s := range settings {
		f.line("%s", s)
	}
	return f.Bytes()
}

// empty is a file that must be there.
func empty(name string) []byte { return head(name + ": nothing but the defaults").Bytes() }

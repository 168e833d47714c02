package provisioning

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Change is one difference between two documents. Secrets in it are stars.
type Change struct {
	// Path names list items by what a person knows them by, not by their
	// place: queues[600].ringSeconds, lines[port 25].group.
	Path string     `json:"path"`
	Kind ChangeKind `json:"kind"`
	Old  string     `json:"old,omitempty"` // as JSON; empty for what was added
	New  string     `json:"new,omitempty"` // as JSON; empty for what was removed
}

// ChangeKind is what has happened to something.
type ChangeKind string

// The kinds of changes.
const (
	Added   ChangeKind = "added"
	Removed ChangeKind = "removed"
	Changed ChangeKind = "changed"
	Moved   ChangeKind = "moved" // in a list; Old and New are its place, from 1
)

// Text is the change in one line, in one of [Languages].
func (c Change) Text(language string) string {
	zh := language == "zh-CN"
	switch c.Kind {
	case Added:
		if zh {
			return fmt.Sprintf("新增 %s：%s", c.Path, c.New)
		}
		return fmt.Sprintf("added %s: %s", c.Path, c.New)
	case Removed:
		if zh {
			return fmt.Sprintf("删除 %s（原为 %s）", c.Path, c.Old)
		}
		return fmt.Sprintf("removed %s (was %s)", c.Path, c.Old)
	case Moved:
		if zh {
			return fmt.Sprintf("移动 %s：由第 %s 位移到第 %s 位", c.Path, c.Old, c.New)
		}
		return fmt.Sprintf("moved %s: from place %s to %s", c.Path, c.Old, c.New)
	}
	if zh {
		return fmt.Sprintf("修改 %s：%s 改为 %s", c.Path, c.Old, c.New)
	}
	return fmt.Sprintf("changed %s: %s becomes %s", c.Path, c.Old, c.New)
}

// Diff tells what is different in the document after, in its order. Fields
// that are absent count as what they default to, so a document and the same
// with its defaults written out don't differ.
func Diff(before, after Site) []Change {
	d := differ{}
	d.structs("", reflect.ValueOf(before), reflect.ValueOf(after))
	return d.changes
}

type differ struct{ changes []Change }

func (d *differ) add(path string, kind ChangeKind, before, after string) {
	d.changes = append(d.changes, Change{path, kind, before, after})
}

func (d *differ) structs(path string, before, after reflect.Value) {
	for i := range before.NumField() {
		t := before.Type().Field(i)
		d.values(join(path, t.Tag.Get("json")), before.Field(i), after.Field(i))
	}
}

func (d *differ) values(path string, before, after reflect.Value) {
	switch before.Kind() {
	case reflect.Struct:
		d.structs(path, before, after)
		return
	case reflect.Pointer:
		if !before.IsNil() && !after.IsNil() {
			d.structs(path, before.Elem(), after.Elem())
			return
		}
		if before.IsNil() && after.IsNil() {
			return
		}
	case reflect.Slice:
		if e := before.Type().Elem(); e.Kind() == reflect.Struct && before.IsNil() == after.IsNil() {
			d.rows(path, before, after)
			return
		}
	case reflect.Map:
		d.maps(path, before, after)
		return
	}
	if reflect.DeepEqual(before.Interface(), after.Interface()) {
		return
	}
	switch {
	case isNil(before):
		d.add(path, Added, "", show(after))
	case isNil(after):
		d.add(path, Removed, show(before), "")
	default:
		d.add(path, Changed, show(before), show(after))
	}
}

func isNil(v reflect.Value) bool {
	return (v.Kind() == reflect.Pointer || v.Kind() == reflect.Slice || v.Kind() == reflect.Map) && v.IsNil()
}

func (d *differ) maps(path string, before, after reflect.Value) {
	names := map[string]bool{}
	for _, m := range []reflect.Value{before, after} {
		for _, k := range m.MapKeys() {
			names[k.String()] = true
		}
	}
	sorted := make([]string, 0, len(names))
	for n := range names {
		sorted = append(sorted, n)
	}
	slices.Sort(sorted)
	for _, n := range sorted {
		k := reflect.ValueOf(n)
		b, a := before.MapIndex(k), after.MapIndex(k)
		here := join(path, n)
		switch {
		case !b.IsValid():
			d.add(here, Added, "", show(a))
		case !a.IsValid():
			d.add(here, Removed, show(b), "")
		case b.Interface() != a.Interface():
			d.add(here, Changed, show(b), show(a))
		}
	}
}

// rows compares two lists of structs: rows are the same if they have the same
// label.
func (d *differ) rows(path string, before, after reflect.Value) {
	was, is := labels(before), labels(after)
	at := map[string]int{}
	for i, l := range was {
		at[l] = i
	}
	remains := map[string]bool{}
	for _, l := range is {
		remains[l] = true
	}
	for i, l := range was {
		if !remains[l] {
			d.add(path+"["+l+"]", Removed, show(before.Index(i)), "")
		}
	}
	var kept []int // places of before, in the order of after
	for _, l := range is {
		if i, ok := at[l]; ok {
			kept = append(kept, i)
		}
	}
	still := longestRise(kept)
	for j, l := range is {
		here := path + "[" + l + "]"
		i, ok := at[l]
		if !ok {
			d.add(here, Added, "", show(after.Index(j)))
			continue
		}
		if _, found := slices.BinarySearch(still, i); !found {
			d.add(here, Moved, fmt.Sprint(i+1), fmt.Sprint(j+1))
		}
		d.structs(here, before.Index(i), after.Index(j))
	}
}

// longestRise is a longest part of the list that rises: the rows that have
// kept their order, so that the fewest are told to have moved.
func longestRise(list []int) []int {
	var ends []int // ends[n]: where the rise of n+1 with the lowest end has it
	previous := make([]int, len(list))
	for i, v := range list {
		n, _ := slices.BinarySearchFunc(ends, v, func(at, v int) int { return cmp.Compare(list[at], v) })
		previous[i] = -1
		if n > 0 {
			previous[i] = ends[n-1]
		}
		if n == len(ends) {
			ends = append(ends, i)
		} else {
			ends[n] = i
		}
	}
	var out []int
	if len(ends) > 0 {
		for i := ends[len(ends)-1]; i >= 0; i = previous[i] {
			out = append(out, list[i])
		}
	}
	slices.Reverse(out)
	return out
}

// labels are what the rows of a list are known by. Rows that are known by the
// same get a count behind it.
func labels(list reflect.Value) []string {
	out := make([]string, list.Len())
	seen := map[string]int{}
	for i := range out {
		l := label(list.Index(i))
		seen[l]++
		if n := seen[l]; n > 1 {
			l = fmt.Sprintf("%s #%d", l, n)
		}
		out[i] = l
	}
	return out
}

func label(row reflect.Value) string {
	switch r := row.Interface().(type) {
	case Port:
		return fmt.Sprintf("port %d", r.Port)
	case Line:
		return fmt.Sprintf("port %d", r.Port)
	case InboundRoute:
		return strings.Join([]string{orAny(r.From), orAny(r.DID), orAny(r.Caller)}, " / ")
	case Hours:
		return orAny(r.Days) + " " + r.From
	case Day:
		return r.Date
	case Via:
		return r.Way
	case PauseReason:
		return r.Key
	}
	for _, field := range []string{"Number", "Name"} {
		if f := row.FieldByName(field); f.IsValid() {
			return f.String()
		}
	}
	panic("provisioning: rows of " + row.Type().String() + " have nothing that they are known by")
}

// orAny is the list in words; an absent condition holds for any.
func orAny(list []string) string {
	if len(list) == 0 {
		return "*"
	}
	return strings.Join(list, ",")
}

// show is a value for a person: JSON in one line, with stars for secrets.
func show(v reflect.Value) string {
	n := unbind(v, false)
	s, _ := n.line(1<<20, true)
	return s
}

package provisioning

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// New makes a T of this package, such as a [Queue], with the defaults of its
// fields.
func New[T any]() T {
	var v T
	setDefaults(reflect.ValueOf(&v).Elem())
	return v
}

// setDefaults gives every field of a struct the value of its tag.
func setDefaults(v reflect.Value) {
	if v.Kind() != reflect.Struct {
		return
	}
	for i := range v.NumField() {
		f := v.Field(i)
		text, ok := v.Type().Field(i).Tag.Lookup("default")
		switch {
		case f.Kind() == reflect.Struct:
			setDefaults(f)
		case ok:
			setDefault(f, text)
		}
	}
}

func setDefault(f reflect.Value, text string) {
	var err error
	switch f.Kind() {
	case reflect.String:
		f.SetString(text)
	case reflect.Int:
		var n int64
		n, err = strconv.ParseInt(text, 10, 32)
		f.SetInt(n)
	case reflect.Bool:
		var b bool
		b, err = strconv.ParseBool(text)
		f.SetBool(b)
	case reflect.Slice:
		for item := range strings.SplitSeq(text, ",") {
			f.Set(reflect.Append(f, reflect.ValueOf(item)))
		}
	default:
		err = fmt.Errorf("no default is known for %s", f.Type())
	}
	if err != nil {
		panic("provisioning: the tag of a field: " + err.Error())
	}
}

// bind reads the nodes into out, which points to a struct made of structs,
// pointers to them, slices, maps by string, strings, numbers and bools, with
// json tags. What is not given keeps what it has.
func bind(n *node, out any) Faults {
	b := binder{fields: map[reflect.Type]map[string]int{}}
	b.value(n, "", reflect.ValueOf(out).Elem())
	return b.faults
}

type binder struct {
	faults Faults
	fields map[reflect.Type]map[string]int
}

func (b *binder) value(n *node, path string, v reflect.Value) {
	wrong := func(code Code) {
		told := n.describe()
		if v.Type() == reflect.TypeFor[Secret]() && n.value != nil {
			told = stars
		}
		b.faults.add(path, code, told)
	}
	switch v.Kind() {
	case reflect.Pointer:
		p := reflect.New(v.Type().Elem())
		setDefaults(p.Elem())
		b.value(n, path, p.Elem())
		v.Set(p)
	case reflect.Struct:
		if n.kind != object {
			wrong(WantObject)
			return
		}
		b.object(n, path, v)
	case reflect.Slice:
		if n.kind != list {
			wrong(WantList)
			return
		}
		items := reflect.MakeSlice(v.Type(), len(n.members), len(n.members))
		for i, m := range n.members {
			setDefaults(items.Index(i))
			b.value(m, path+"["+strconv.Itoa(i)+"]", items.Index(i))
		}
		v.Set(items)
	case reflect.Map:
		if n.kind != object {
			wrong(WantObject)
			return
		}
		v.Set(reflect.MakeMapWithSize(v.Type(), len(n.members)))
		for i, m := range n.members {
			item := reflect.New(v.Type().Elem()).Elem()
			b.value(m, join(path, n.names[i]), item)
			v.SetMapIndex(reflect.ValueOf(n.names[i]), item)
		}
	case reflect.String:
		if s, ok := n.value.(string); ok {
			v.SetString(s)
		} else {
			wrong(WantString)
		}
	case reflect.Bool:
		if t, ok := n.value.(bool); ok {
			v.SetBool(t)
		} else {
			wrong(WantBool)
		}
	case reflect.Int:
		num, _ := n.value.(json.Number)
		if i, err := strconv.ParseInt(num.String(), 10, 32); err == nil {
			v.SetInt(i)
		} else {
			wrong(WantInt)
		}
	case reflect.Float64:
		num, _ := n.value.(json.Number)
		if f, err := strconv.ParseFloat(num.String(), 64); err == nil && !math.IsInf(f, 0) {
			v.SetFloat(f)
		} else {
			wrong(WantNumber)
		}
	default:
		panic("provisioning: the document's type " + v.Type().String() + " can't be read")
	}
}

func (b *binder) object(n *node, path string, v reflect.Value) {
	fields, ok := b.fields[v.Type()]
	if !ok {
		fields = map[string]int{}
		for i := range v.NumField() {
			fields[v.Type().Field(i).Tag.Get("json")] = i
		}
		b.fields[v.Type()] = fields
	}
	for i, name := range n.names {
		if f, ok := fields[name]; ok {
			b.value(n.members[i], join(path, name), v.Field(f))
			continue
		}
		known := make([]string, 0, len(fields))
		for k := range fields {
			known = append(known, k)
		}
		slices.Sort(known)
		if near := nearest(name, known); near != "" {
			b.faults.add(join(path, name), UnknownFieldNear, near)
		} else {
			b.faults.add(join(path, name), UnknownField, strings.Join(known, ", "))
		}
	}
	for i := range v.NumField() {
		t := v.Type().Field(i)
		if name := t.Tag.Get("json"); t.Tag.Get("need") == "yes" && n.get(name) == nil {
			b.faults.add(join(path, name), Missing)
		}
	}
}

// nearest is the word that was probably meant, or empty.
func nearest(word string, known []string) string {
	best, at := "", 3 // more than two changes are another word
	for _, k := range known {
		d := distance(strings.ToLower(word), strings.ToLower(k))
		if d < at && d*2 <= len(k) {
			best, at = k, d
		}
	}
	return best
}

// distance is how many letters have to be changed, added or taken away to make
// b of a (Levenshtein). Words that are no field's name may be of any length.
func distance(a, b string) int {
	if len(a) > 40 {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// unbind is the inverse of [bind]: the nodes of a struct, without the fields
// that have their default, but with those whose tag keep says yes; a full one
// leaves out only lists, maps and objects that are absent.
func unbind(v reflect.Value, full bool) *node {
	switch v.Kind() {
	case reflect.Pointer:
		return unbind(v.Elem(), full)
	case reflect.Struct:
		n := &node{kind: object}
		usual := reflect.New(v.Type()).Elem()
		setDefaults(usual)
		for i := range v.NumField() {
			t := v.Type().Field(i)
			always := t.Tag.Get("need") == "yes" || t.Tag.Get("keep") == "yes"
			f := v.Field(i)
			if full && !isNil(f) {
				always = true
			}
			if !always && isAbsent(f, usual.Field(i)) {
				continue
			}
			n.names, n.members = append(n.names, t.Tag.Get("json")), append(n.members, unbind(v.Field(i), full))
		}
		return n
	case reflect.Slice:
		n := &node{kind: list}
		for i := range v.Len() {
			n.members = append(n.members, unbind(v.Index(i), full))
		}
		return n
	case reflect.Map:
		n := &node{kind: object}
		for _, k := range slices.SortedFunc(slices.Values(v.MapKeys()), func(a, b reflect.Value) int {
			return strings.Compare(a.String(), b.String())
		}) {
			n.names, n.members = append(n.names, k.String()), append(n.members, unbind(v.MapIndex(k), full))
		}
		return n
	case reflect.String:
		return &node{value: v.String(), secret: v.Type() == reflect.TypeFor[Secret]()}
	case reflect.Bool:
		return &node{value: v.Bool()}
	case reflect.Int:
		return &node{value: json.Number(strconv.FormatInt(v.Int(), 10))}
	case reflect.Float64:
		return &node{value: json.Number(strconv.FormatFloat(v.Float(), 'g', -1, 64))}
	}
	panic("provisioning: the document's type " + v.Type().String() + " can't be written")
}

// isAbsent reports whether a field has what it has when it is not given. An
// empty list or map is something else than none.
func isAbsent(f, usual reflect.Value) bool {
	switch f.Kind() {
	case reflect.Slice:
		if f.IsNil() || usual.IsNil() {
			return f.IsNil() && usual.IsNil()
		}
		return reflect.DeepEqual(f.Interface(), usual.Interface())
	case reflect.Map, reflect.Pointer:
		return f.IsNil()
	}
	return reflect.DeepEqual(f.Interface(), usual.Interface())
}

// Format writes the document as a person would like to read it: without what
// has its default, and small things in one line. [Parse] makes the same of it.
func (s Site) Format() ([]byte, error) {
	var b strings.Builder
	unbind(reflect.ValueOf(s), false).write(&b, "")
	b.WriteByte('\n')
	return []byte(b.String()), nil
}

// FormatFull writes the document with everything that has its default, for
// those who want to see what there is to set. [Parse] makes the same of it.
func (s Site) FormatFull() ([]byte, error) {
	var b strings.Builder
	unbind(reflect.ValueOf(s), true).write(&b, "")
	b.WriteByte('\n')
	return []byte(b.String()), nil
}

// MarshalJSON makes encoding/json write what [Site.Format] does.
func (s Site) MarshalJSON() ([]byte, error) { return s.Format() }

// UnmarshalJSON makes encoding/json as strict as [Parse].
func (s *Site) UnmarshalJSON(data []byte) error {
	read, err := Parse(data)
	if err != nil {
		return err
	}
	*s = read
	return nil
}

package provisioning

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"switchroom/provisioning/numbers"
)

// Validate returns every fault of the document as [Faults], or nil.
func (s Site) Validate() error {
	if faults := s.Check(); len(faults) > 0 {
		return faults
	}
	return nil
}

// Check returns every fault of the document.
func (s Site) Check() Faults {
	c := checker{site: &s, things: s.things(), plan: s.plan(), groupOf: map[string]string{}}
	for _, l := range s.Lines {
		c.groupOf[l.Name] = l.Group
	}
	c.value("", reflect.ValueOf(s), "", false)
	c.numbers()
	c.names()
	c.ports()
	c.phones()
	c.inbound()
	c.outbound()
	c.codes()
	c.times()
	c.heard()
	c.people()
	c.graph()
	return c.faults
}

type checker struct {
	site    *Site
	faults  Faults
	things  map[string]map[string]bool // kind, name: exists
	plan    numbers.Plan
	groupOf map[string]string // line: its group
}

// value checks what stands at the fields; tag is that of the field, and item
// says that the value stands in its list or map: there, empty isn't absent.
func (c *checker) value(path string, v reflect.Value, tag reflect.StructTag, item bool) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			c.value(path, v.Elem(), tag, item)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			t := v.Type().Field(i)
			c.value(join(path, t.Tag.Get("json")), v.Field(i), t.Tag, false)
		}
	case reflect.Slice:
		if v.Len() == 0 && tag.Get("need") == "yes" {
			c.faults.add(path, Empty)
		}
		for i := range v.Len() {
			c.value(path+"["+strconv.Itoa(i)+"]", v.Index(i), tag, true)
		}
	case reflect.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		for _, k := range keys {
			here := join(path, k.String())
			c.key(here, k.String(), tag.Get("keys"))
			c.value(here, v.MapIndex(k), tag, true)
		}
	case reflect.String:
		c.text(path, v, tag, item)
	case reflect.Int:
		c.number(path, float64(v.Int()), tag, item)
	case reflect.Float64:
		c.number(path, v.Float(), tag, item)
	}
}

// number holds a number against its range. 0 is always fine where nothing else
// is the default and the field need not be given: it says that it wasn't.
func (c *checker) number(path string, n float64, tag reflect.StructTag, item bool) {
	bounds, ok := tag.Lookup("range")
	if !ok {
		return
	}
	low, high := parseRange(bounds)
	_, hasDefault := tag.Lookup("default")
	if n == 0 && !hasDefault && !item && tag.Get("need") != "yes" {
		return
	}
	if n < low || n > high || math.IsNaN(n) {
		c.faults.add(path, OutOfRange, strconv.FormatFloat(n, 'f', -1, 64), strconv.FormatFloat(low, 'f', -1, 64), strconv.FormatFloat(high, 'f', -1, 64))
	}
}

// parseRange reads the tag range.
func parseRange(tag string) (low, high float64) {
	l, h, _ := strings.Cut(tag, "..")
	low, errLow := strconv.ParseFloat(l, 64)
	high, errHigh := strconv.ParseFloat(h, 64)
	if errLow != nil || errHigh != nil {
		panic(fmt.Sprintf("provisioning: the range %q of a field", tag))
	}
	return low, high
}

func (c *checker) text(path string, v reflect.Value, tag reflect.StructTag, item bool) {
	s := v.String()
	if s == "" && !item && tag.Get("need") != "yes" {
		return
	}
	if d, ok := v.Interface().(Destination); ok {
		c.destination(path, d)
		return
	}
	if values, ok := tag.Lookup("enum"); ok && !slices.Contains(strings.Split(values, "|"), s) {
		c.faults.add(path, NotOneOf, s, strings.ReplaceAll(values, "|", ", "))
	}
	if is, ok := tag.Lookup("is"); ok {
		if f := forms[is]; !f.ok(s) {
			shown := s
			if v.Type() == reflect.TypeFor[Secret]() {
				shown = stars
			}
			c.faults.add(path, f.code, shown)
		}
	}
	if kind, ok := tag.Lookup("ref"); ok {
		c.reference(path, kind, s)
	}
}

func (c *checker) key(path, k, is string) {
	if f, ok := forms[is]; ok {
		if !f.ok(k) {
			c.faults.add(path, f.code, k)
		}
		return
	}
	c.reference(path, is, k)
}

// reference holds a name against the things of its kind.
func (c *checker) reference(path, kind, name string) {
	if kind == "prompt" && strings.HasPrefix(name, SoundPrefix) {
		if !forms["sound"].ok(strings.TrimPrefix(name, SoundPrefix)) {
			c.faults.add(path, BadSound, name)
		}
		return
	}
	switch {
	case c.things[kind][name]:
	case kind == "queue" && c.site.Queues == nil && name == DefaultQueue && !c.site.numbers()[name]:
	case kind == "extension" && c.site.Extensions == nil, kind == "way" && c.site.Lines == nil && strings.HasPrefix(name, "line-"):
		c.faults.add(path, DanglingAuto, thing(kind), name)
	default:
		c.faults.add(path, Dangling, thing(kind), name)
	}
}

// destination holds a destination against what there is.
func (c *checker) destination(path string, d Destination) {
	kind, target := d.Kind(), d.Target()
	if !slices.Contains(kinds, kind) {
		all := make([]string, len(kinds))
		for i, k := range kinds {
			all[i] = string(k)
		}
		c.faults.add(path, BadDestination, string(d), strings.Join(all, ", "))
		return
	}
	switch kind {
	case ToHangup, ToBusy:
		if strings.Contains(string(d), ":") {
			c.faults.add(path, NoTarget, string(kind))
		}
	case ToExternal:
		if !forms["dial"].ok(target) {
			c.faults.add(path, BadDial, target)
		} else if !c.site.hasRoute(target) {
			c.faults.add(path, NoRoute, target)
		}
	case ToVoicemail:
		c.reference(path, "mailbox", target)
	case ToCallback:
		c.reference(path, "queue", target)
		if c.site.Outbound != nil && !slices.ContainsFunc(c.site.Outbound, func(r OutboundRoute) bool { return !r.Emergency }) {
			c.faults.add(path, NoWayOut)
		}
	default:
		c.reference(path, string(kind), target)
	}
}

// things are all that can be referred to, by kind.
func (s *Site) things() map[string]map[string]bool {
	t := map[string]map[string]bool{}
	put := func(kind, name string) {
		if t[kind] == nil {
			t[kind] = map[string]bool{}
		}
		t[kind][name] = true
	}
	for _, e := range s.Extensions {
		put("extension", e.Number)
		if e.Voicemail != nil {
			put("mailbox", e.Number)
		}
	}
	for _, b := range s.Voicemail.Boxes {
		put("mailbox", b.Number)
	}
	for _, c := range append(builtinClasses(), s.Classes...) {
		put("class", c.Name)
	}
	put("lineGroup", StandardLineGroup)
	put("way", StandardLineGroup)
	for _, g := range s.LineGroups {
		put("lineGroup", g.Name)
		put("way", g.Name)
	}
	for _, l := range s.Lines {
		put("way", l.Name)
	}
	for _, tr := range s.Trunks {
		put("way", tr.Name)
	}
	for _, c := range s.Schedules {
		put("schedule", c.Name)
	}
	for _, c := range s.Calendars {
		put("calendar", c.Name)
	}
	for _, m := range s.IVRs {
		put("ivr", m.Name)
	}
	for _, a := range s.Announcements {
		put("announcement", a.Name)
	}
	for _, g := range s.Groups {
		put("group", g.Name)
	}
	for _, q := range s.Queues {
		put("queue", q.Number)
	}
	for _, a := range s.Agents {
		put("agent", a.Number)
	}
	for _, c := range s.Conferences {
		put("conference", c.Number)
	}
	put("music", DefaultMusic)
	for _, m := range s.Music {
		put("music", m.Name)
	}
	for _, p := range s.Prompts {
		put("prompt", p.Name)
	}
	return t
}

// eachNumber tells every number that the document gives to somebody or
// something that telephones reach by it, with the list and the place in it.
func (s *Site) eachNumber(tell func(list string, i int, number string)) {
	for i, e := range s.Extensions {
		tell("extensions", i, e.Number)
	}
	for i, g := range s.Groups {
		if g.Number != "" {
			tell("groups", i, g.Number)
		}
	}
	for i, q := range s.Queues {
		tell("queues", i, q.Number)
	}
	for i, a := range s.Agents {
		tell("agents", i, a.Number)
	}
	for i, c := range s.Conferences {
		tell("conferences", i, c.Number)
	}
	for i, b := range s.Voicemail.Boxes {
		tell("voicemail.boxes", i, b.Number)
	}
}

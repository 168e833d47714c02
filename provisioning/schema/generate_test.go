package schema

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"switchroom/provisioning"
)

// generate makes the schema of the Go types.
func generate(t *testing.T) []byte {
	t.Helper()
	g := generator{comments: comments(t), defs: map[string]any{}}
	root := g.object(reflect.TypeFor[provisioning.Site]())
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["$id"] = fmt.Sprintf("urn:switchroom:site:%d", provisioning.Version)
	root["title"] = "Switchroom site document"
	root["description"] = "What the owner of the box wants. Everything may be left out: what is absent has its default."
	root["$defs"] = g.defs
	g.defs["Destination"] = map[string]any{
		"description": "Where a call goes: queue:600, ivr:main, extension:1001, hangup …",
		"type":        "string",
		"pattern": "^(?:(?:queue|extension|agent|voicemail|conference|callback):[0-9]{2,8}" +
			"|(?:ivr|group|announcement|schedule):[a-z0-9][a-z0-9-]{0,30}|external:\\+?[0-9*#]{2,30}|hangup|busy)$",
		"examples": []string{"queue:600", "ivr:main", "external:901012345678", "hangup"},
	}
	var out strings.Builder
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(root); err != nil {
		t.Fatal(err)
	}
	return []byte(out.String())
}

type generator struct {
	comments map[string]string // Type, Type.Field
	defs     map[string]any
}

func (g *generator) object(t reflect.Type) map[string]any {
	properties := map[string]any{}
	var required []string
	for i := range t.NumField() {
		f := t.Field(i)
		name := f.Tag.Get("json")
		p := g.value(f.Type, f.Tag, false)
		if c := g.comments[t.Name()+"."+f.Name]; c != "" {
			p["description"] = c
		}
		if d, ok := f.Tag.Lookup("default"); ok {
			p["default"] = literal(f.Type, d)
		}
		if f.Tag.Get("need") == "yes" {
			required = append(required, name)
		}
		properties[name] = p
	}
	if t == reflect.TypeFor[provisioning.Site]() {
		properties["version"] = map[string]any{"description": g.comments["Site.Version"], "const": provisioning.Version}
	}
	out := map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		out["required"] = required
	}
	if c := g.comments[t.Name()]; c != "" {
		out["description"] = c
	}
	return out
}

// value is the schema of a field; item says that it stands in a list or a map.
func (g *generator) value(t reflect.Type, tag reflect.StructTag, item bool) map[string]any {
	optional := !item && tag.Get("need") != "yes"
	switch t.Kind() {
	case reflect.Pointer:
		return g.value(t.Elem(), tag, item)
	case reflect.Struct:
		if _, ok := g.defs[t.Name()]; !ok {
			g.defs[t.Name()] = nil
			g.defs[t.Name()] = g.object(t)
		}
		return map[string]any{"$ref": "#/$defs/" + t.Name()}
	case reflect.Slice:
		out := map[string]any{"type": "array", "items": g.value(t.Elem(), tag, true)}
		if tag.Get("need") == "yes" {
			out["minItems"] = 1
		}
		return out
	case reflect.Map:
		out := map[string]any{"type": "object", "additionalProperties": g.value(t.Elem(), tag, true)}
		form := tag.Get("keys")
		if form == "queue" {
			form = "number"
		}
		if pattern, ok := provisioning.FormPattern(form); ok {
			out["propertyNames"] = map[string]any{"pattern": pattern}
		}
		return out
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Int, reflect.Float64:
		out := map[string]any{"type": map[reflect.Kind]string{reflect.Int: "integer", reflect.Float64: "number"}[t.Kind()]}
		if low, high, ok := strings.Cut(tag.Get("range"), ".."); ok {
			if _, hasDefault := tag.Lookup("default"); optional && !hasDefault && !strings.HasPrefix(low, "-") {
				low = "0" // not given
			}
			out["minimum"], out["maximum"] = json.Number(low), json.Number(high)
		}
		return out
	}
	if t == reflect.TypeFor[provisioning.Destination]() {
		ref := map[string]any{"$ref": "#/$defs/Destination"}
		if optional {
			return map[string]any{"anyOf": []any{map[string]any{"const": ""}, ref}}
		}
		return ref
	}
	out := map[string]any{"type": "string"}
	if values := tag.Get("enum"); values != "" {
		list := strings.Split(values, "|")
		if optional {
			list = append(list, "")
		}
		out["enum"] = list
	}
	if pattern, ok := provisioning.FormPattern(tag.Get("is")); ok {
		if optional {
			pattern = "^$|" + pattern
		}
		out["pattern"] = pattern
	}
	return out
}

// literal is a tag's default as JSON.
func literal(t reflect.Type, text string) any {
	switch t.Kind() {
	case reflect.Int, reflect.Float64:
		return json.Number(text)
	case reflect.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			panic(err)
		}
		return b
	case reflect.Slice:
		return strings.Split(text, ",")
	}
	return text
}

// comments reads what stands above types and fields, or behind fields.
func comments(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("../*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no source of the types: %v", err)
	}
	out := map[string]string{}
	text := func(groups ...*ast.CommentGroup) string {
		var parts []string
		for _, g := range groups {
			if s := strings.Join(strings.Fields(g.Text()), " "); s != "" {
				parts = append(parts, s)
			}
		}
		return strings.Join(parts, " ")
	}
	for _, path := range files {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range file.Decls {
			gen, ok := decl.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, spec := range gen.Specs {
				ts, ok := spec.(*ast.TypeSpec)
				if !ok {
					continue
				}
				st, ok := ts.Type.(*ast.StructType)
				if !ok {
					continue
				}
				out[ts.Name.Name] = text(gen.Doc)
				for _, f := range st.Fields.List {
					for _, n := range f.Names {
						out[ts.Name.Name+"."+n.Name] = text(f.Doc, f.Comment)
					}
				}
			}
		}
	}
	return out
}

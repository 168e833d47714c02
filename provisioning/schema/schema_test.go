package schema

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"switchroom/provisioning"
	"switchroom/provisioning/example"
	"switchroom/provisioning/sitetest"
)

var update = flag.Bool("update", false, "write site.schema.json anew")

func TestSchemaIsThatOfTheTypes(t *testing.T) {
	got := generate(t)
	if *update {
		if err := os.WriteFile("site.schema.json", got, 0o644); err != nil {
			t.Fatal(err)
		}
		return // what is embedded is the file of before
	}
	if diff := cmp.Diff(string(JSON()), string(got)); diff != "" {
		t.Errorf("site.schema.json is not that of the types; make it anew with -update (-file +types):\n%s", diff)
	}
}

func compile(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(JSON()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("site.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("site.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func judge(s *jsonschema.Schema, doc []byte) error {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(doc))
	if err != nil {
		return err
	}
	return s.Validate(v)
}

func TestSchemaTakesGoodDocuments(t *testing.T) {
	s := compile(t)
	large, err := sitetest.Large(30, 30, 4).Format()
	if err != nil {
		t.Fatal(err)
	}
	built, err := provisioning.Default(example.Ports()).Format()
	if err != nil {
		t.Fatal(err)
	}
	for name, doc := range map[string][]byte{"empty": []byte("{}"), "example": example.Hotline(), "large": large, "built in": built} {
		if err := judge(s, doc); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSchemaRefusesBadDocuments(t *testing.T) {
	s := compile(t)
	for _, c := range []struct{ old, new string }{
		{`"version": 2`, `"version": 1`},
		{`"areaCode"`, `"areacode"`},
		{`"rating": true`, `"rating": 1`},
		{`"maxCallers": 20`, `"maxCallers": 2000`},
		{`"maxCallers": 20`, `"maxCallers": 2.5`},
		{`"strategy": "more"`, `"strategy": "most"`},
		{`"number": "1009"`, `"number": "x"`},
		{`"number": "1009", `, ``},
		{`"to": "21:00"`, `"to": "25:00"`},
		{`"whenEmpty": "voicemail:690"`, `"whenEmpty": "elsewhere"`},
		{`"0": "group:reception"`, `"A": "group:reception"`},
		{`"patterns": ["9."]`, `"patterns": []`},
		{`"pin": "8110"`, `"pin": "811"`},
	} {
		doc := strings.Replace(string(example.Hotline()), c.old, c.new, 1)
		if doc == string(example.Hotline()) {
			t.Errorf("the example has no %s", c.old)
		}
		if judge(s, []byte(doc)) == nil {
			t.Errorf("%s is taken", c.new)
		}
	}
}

// The schema must not refuse what the box takes: an editor would call good
// documents bad.
func TestSchemaTakesWhatTheBoxTakes(t *testing.T) {
	s := compile(t)
	taken := 0
	rapid.Check(t, func(t *rapid.T) {
		doc := sitetest.Mutate(t, example.Hotline())
		site, err := provisioning.Parse(doc)
		if err != nil || bytes.Contains(doc, []byte(`"version": 1`)) {
			return
		}
		taken++
		if err := judge(s, doc); err != nil {
			t.Fatalf("%v\n%s", err, doc)
		}
		again, err := site.Format()
		if err != nil {
			t.Fatal(err)
		}
		if err := judge(s, again); err != nil {
			t.Fatalf("formatted: %v\n%s", err, again)
		}
	})
	if taken == 0 {
		t.Error("no document was taken: nothing was tested")
	}
}

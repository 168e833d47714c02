package provisioning_test

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"switchroom/provisioning"
	"switchroom/provisioning/example"
	"switchroom/provisioning/sitetest"
)

// A document of the first version, as boxes have it, becomes this one, to the
// letter.
func TestMigrationFrom1(t *testing.T) {
	old, err := os.ReadFile("testdata/v1.json")
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/v1-as-v2.json")
	if err != nil {
		t.Fatal(err)
	}
	s, err := provisioning.Parse(old)
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Format()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if complete := s.Complete(example.Ports()); len(complete.Outbound) != 1 || !complete.Outbound[0].Emergency {
		t.Errorf("nobody could call outside but for emergencies; now there are the routes %+v", complete.Outbound)
	}
}

// What version 1 refused is refused still, in its own words.
func TestMigrationIsStrict(t *testing.T) {
	for doc, want := range map[string]string{
		`{"version": 1, "country": "cn", "language": "en", "timeZone": "Etc/UTC", "ivrs": []}`:                 "ivrs: unknown field",
		`{"version": 1, "language": "en", "timeZone": "Etc/UTC"}`:                                              "country: missing",
		`{"version": 1, "country": "cn", "language": "en", "timeZone": "Etc/UTC", "lines": [{"port": 1}]}`:     "lines[0].queue: missing",
		`{"version": 1, "country": "cn", "language": "en", "timeZone": "Etc/UTC", "lines": [{"port": "one"}]}`: `lines[0].port: want a whole number, not "one"`,
		`{"version": 0}`: "version 0",
	} {
		if _, err := provisioning.Parse([]byte(doc)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", doc, err, want)
		}
	}
}

func TestMigratedStaysMigrated(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b strings.Builder
		fmt.Fprintf(&b, `{"version": 1, "country": %q, "language": "en", "timeZone": "Etc/UTC", "extensions": [`,
			rapid.SampledFrom(provisioning.Countries).Draw(t, "country"))
		n := rapid.IntRange(0, 5).Draw(t, "extensions")
		for i := range n {
			fmt.Fprintf(&b, `%s{"number": "8%02d", "name": %q, "port": %d}`, comma(i), i, rapid.StringMatching(`[a-z]([a-z ]{0,5}[a-z])?`).Draw(t, "name"), i+1)
		}
		b.WriteString(`], "queues": [{"number": "60", "members": []}, {"number": "61"}], "lines": [`)
		for i := range rapid.IntRange(0, 5).Draw(t, "lines") {
			fmt.Fprintf(&b, `%s{"port": %d, "queue": "6%d"}`, comma(i), i+100, rapid.IntRange(0, 1).Draw(t, "queue"))
		}
		b.WriteString("]}")
		s, err := provisioning.Parse([]byte(b.String()))
		if err != nil {
			t.Fatalf("%v\n%s", err, &b)
		}
		roundTrip(t, s)
	})
}

func comma(i int) string {
	if i == 0 {
		return ""
	}
	return ", "
}

// roundTrip holds that a site is read as it was written, and written the same
// again.
func roundTrip(t *rapid.T, s provisioning.Site) {
	t.Helper()
	doc, err := s.Format()
	if err != nil {
		t.Fatal(err)
	}
	back, err := provisioning.Parse(doc)
	if err != nil {
		t.Fatalf("%v\n%s", err, doc)
	}
	if diff := cmp.Diff(s, back); diff != "" {
		t.Fatalf("written and read (-want +got):\n%s\n%s", diff, doc)
	}
	full, err := s.FormatFull()
	if err != nil {
		t.Fatal(err)
	}
	if back, err = provisioning.Parse(full); err != nil {
		t.Fatalf("%v\n%s", err, full)
	}
	if diff := cmp.Diff(s, back); diff != "" {
		t.Fatalf("written in full and read (-want +got):\n%s\n%s", diff, full)
	}
	if changes := provisioning.Diff(s, back); len(changes) > 0 {
		t.Fatalf("differs from itself: %v", changes)
	}
}

// Whatever is done to a document, it is refused with faults that can be told,
// or it can be written, completed and compared.
func TestMutatedDocuments(t *testing.T) {
	original, err := provisioning.Parse(example.Hotline())
	if err != nil {
		t.Fatal(err)
	}
	taken, all := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		doc := sitetest.Mutate(t, example.Hotline())
		all++
		s, err := provisioning.Parse(doc)
		if err != nil {
			faults := err.(provisioning.Faults)
			for _, lang := range provisioning.Languages {
				if text := faults.Text(lang); strings.Contains(text, "%!") || strings.Count(text, "\n") != len(faults)-1 {
					t.Fatalf("told as %q", text)
				}
			}
			return
		}
		taken++
		roundTrip(t, s)
		ports := example.Ports()
		if rapid.Bool().Draw(t, "no card") {
			ports = provisioning.Ports{}
		}
		complete := s.Complete(ports)
		if err := complete.Validate(); err != nil {
			t.Fatalf("completed: %v\n%v", err, provisioning.Diff(original, s))
		}
		if diff := cmp.Diff(complete, complete.Complete(ports)); diff != "" {
			t.Fatalf("completed twice:\n%s", diff)
		}
		roundTrip(t, complete)
		for _, c := range provisioning.Diff(original, s) {
			if c.Text("en") == "" || c.Text("zh-CN") == "" {
				t.Fatalf("%+v has no words", c)
			}
		}
	})
	if taken*20 < all {
		t.Errorf("only %d of %d documents were taken", taken, all)
	}
	t.Logf("%d of %d documents were taken", taken, all)
}

// Any values at all are read as they were written, whether they mean something
// or not.
func TestFormatAndRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := provisioning.New[provisioning.Site]()
		fill(t, reflect.ValueOf(&s).Elem(), 0)
		s.Version = provisioning.Version
		for i := range s.Lines { // these have no name that is absent
			s.Lines[i].Name = "x" + s.Lines[i].Name
		}
		s.Language, s.TimeZone = "x"+s.Language, "x"+s.TimeZone
		doc, err := s.Format()
		if err != nil {
			t.Fatal(err)
		}
		back, faults := provisioning.Read(doc)
		if len(faults) > 0 {
			t.Fatalf("%v\n%s", faults, doc)
		}
		if diff := cmp.Diff(s, back); diff != "" {
			t.Fatalf("(-want +got):\n%s\n%s", diff, doc)
		}
		s.Check() // must not panic, whatever it finds
		s.Warnings(example.Ports())
		if changes := provisioning.Diff(s, back); len(changes) > 0 {
			t.Fatalf("differs from itself: %v", changes)
		}
	})
}

// fill puts random values into some of the fields.
func fill(t *rapid.T, v reflect.Value, depth int) {
	if depth > 0 && v.Kind() != reflect.Struct && rapid.IntRange(0, 3).Draw(t, "leave") > 0 {
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			tag := v.Type().Field(i).Tag
			if _, hasDefault := tag.Lookup("default"); v.Field(i).Kind() == reflect.Slice && (hasDefault || tag.Get("need") == "yes") {
				fill(t, v.Field(i), 0) // that it is absent can't be written
				continue
			}
			fill(t, v.Field(i), depth+1)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, v.Elem(), depth+1)
	case reflect.Slice:
		n := rapid.IntRange(0, 3).Draw(t, "items")
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			fill(t, v.Index(i), depth+1)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range rapid.IntRange(0, 3).Draw(t, "members") {
			item := reflect.New(v.Type().Elem()).Elem()
			fill(t, item, depth+1)
			v.SetMapIndex(reflect.ValueOf(word.Draw(t, "key")), item)
		}
	case reflect.String:
		v.SetString(word.Draw(t, "string"))
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, "bool"))
	case reflect.Int:
		v.SetInt(int64(rapid.Int32().Draw(t, "int")))
	case reflect.Float64:
		v.SetFloat(rapid.Float64().Draw(t, "float"))
	}
}

var word = rapid.OneOf(rapid.SampledFrom([]string{"600", "1001", "lines", "queue:600", "ivr:a", "a", "9.", "[1-", "*4", "*45", "2026-01-01", "12:00", "<&>\u2028\"", "0.", "[]", "[9-0]X", "schedule:a", "en", "phone"}), rapid.String())

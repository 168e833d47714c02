package sitetest

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"

	"pgregory.net/rapid"
)

// Mutate makes one or two random changes to a document, which is JSON: values
// are replaced, taken away, doubled, or put where others are. About one in six
// that come out is still without faults.
func Mutate(t *rapid.T, doc []byte) []byte {
	var root any
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.UseNumber()
	if err := dec.Decode(&root); err != nil {
		t.Fatalf("the document to change is no JSON: %v", err)
	}
	for range rapid.IntRange(1, 2).Draw(t, "changes") {
		root = mutate(t, root, root)
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(root); err != nil {
		t.Fatalf("writing what came out: %v", err)
	}
	return out.Bytes()
}

// replacements are values that mean something at one place or another.
var replacements = []any{nil, true, false, "", "x", "600", "811", "1001", "1009", "110", "line-13", "hotline", "office", "welcome", "anonymous", "9.", "X!", "*45", "#1", "24:00",
	"2026-02-30", "queue:600", "ivr:hotline", "extension:1009", "group:reception", "schedule:hours", "announcement:closed", "hangup", "external:913800138000",
	json.Number("0"), json.Number("1"), json.Number("12"), json.Number("-1"), json.Number("2.5"), json.Number("1e300"), []any{}, map[string]any{}}

// mutate changes one value within v; root is where others are taken from.
func mutate(t *rapid.T, v, root any) any {
	deeper := rapid.IntRange(0, 5).Draw(t, "deeper") > 0
	switch x := v.(type) {
	case map[string]any:
		keys := slices.Sorted(maps.Keys(x))
		if len(keys) == 0 || !deeper {
			break
		}
		k := rapid.SampledFrom(keys).Draw(t, "key")
		switch rapid.IntRange(0, 9).Draw(t, "what") {
		case 0, 1:
			delete(x, k)
		case 2:
			x[rapid.SampledFrom([]string{"name", "number", "port", "to", "1", "x", "version", "use", "when"}).Draw(t, "new key")] = x[k]
		default:
			x[k] = mutate(t, x[k], root)
		}
		return x
	case []any:
		if len(x) == 0 || !deeper {
			break
		}
		i := rapid.IntRange(0, len(x)-1).Draw(t, "item")
		switch rapid.IntRange(0, 9).Draw(t, "what") {
		case 0:
			return slices.Delete(x, i, i+1)
		case 1:
			return append(x, x[i])
		case 2:
			j := rapid.IntRange(0, len(x)-1).Draw(t, "other")
			x[i], x[j] = x[j], x[i]
		default:
			x[i] = mutate(t, x[i], root)
		}
		return x
	case string:
		if deeper && len(x) > 0 && rapid.Bool().Draw(t, "letter") {
			i := rapid.IntRange(0, len(x)-1).Draw(t, "place")
			return x[:i] + rapid.StringN(0, 2, 8).Draw(t, "letters") + x[i+1:]
		}
	}
	return rapid.SampledFrom(replacements).Draw(t, "value")
}

// Package schema publishes the JSON Schema of the site document
// (site.schema.json, draft 2020-12), for editors that complete and check while
// one writes, and for programs that make documents. It says of every field
// what it is, its default and its bounds.
//
// It is made of the Go types, their tags and their comments; a test holds it to
// them. It refuses nothing that the box takes. What things have to do with each
// other (a number given twice, a loop in a menu) no schema can say: that is
// told by [switchroom/provisioning.Parse].
package schema

import _ "embed"

//go:embed site.schema.json
var schema []byte

// JSON is the schema.
func JSON() []byte { return append([]byte(nil), schema...) }

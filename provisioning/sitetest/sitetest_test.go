package sitetest

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"switchroom/provisioning"
)

func TestLargeIsValid(t *testing.T) {
	for _, n := range [][3]int{{300, 300, 20}, {1, 0, 1}, {0, 1, 2}} {
		s := Large(n[0], n[1], n[2])
		doc, err := s.Format()
		if err != nil {
			t.Fatal(err)
		}
		back, err := provisioning.Parse(doc)
		if err != nil {
			t.Fatalf("%v: %v", n, err)
		}
		if diff := cmp.Diff(s, back); diff != "" {
			t.Errorf("%v: written and read (-want +got):\n%s", n, diff)
		}
		if len(s.Extensions) != n[0] || len(s.Agents) != n[1] || len(s.Queues) != n[2] {
			t.Errorf("%v: has %d, %d, %d", n, len(s.Extensions), len(s.Agents), len(s.Queues))
		}
	}
}

// Applying a change to such a site may take a second in all.
func BenchmarkParse(b *testing.B) {
	doc, err := Large(300, 300, 20).Format()
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(doc)))
	for b.Loop() {
		if _, err := provisioning.Parse(doc); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDiff(b *testing.B) {
	before, after := Large(300, 300, 20), Large(299, 300, 20)
	for b.Loop() {
		if len(provisioning.Diff(before, after)) != 1 {
			b.Fatal("not the one extension")
		}
	}
}

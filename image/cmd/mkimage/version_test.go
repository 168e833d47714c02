package main

import "testing"

func TestVersionFrom(t *testing.T) {
	for described, want := range map[string]string{
		"":                       "0.1.0",
		"0123456789ab":           "0.1.0+g0123456789ab",
		"0123456789ab-dirty":     "0.1.0+g0123456789ab.dirty",
		"v0.2.0":                 "0.2.0",
		"v0.2.0-dirty":           "0.2.0+dirty",
		"v0.2.0-3-g0123456":      "0.2.0+3.g0123456",
		"v0.2.0-3-g012345-dirty": "0.2.0+3.g012345.dirty",
	} {
		if got := versionFrom(described); got != want {
			t.Errorf("versionFrom(%q) = %q; want %q", described, got, want)
		}
	}
}

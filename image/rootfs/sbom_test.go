package rootfs

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const formatLine = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n"

func TestLicenceOf(t *testing.T) {
	for name, c := range map[string]struct {
		text, want string
		refs       []string
	}{
		"one":       {formatLine + "\nFiles: *\nCopyright: X\nLicense: GPL-2+\n", "GPL-2.0-or-later", nil},
		"two":       {formatLine + "\nFiles: *\nLicense: Expat\n\nFiles: debian/*\nLicense: GPL-2\n text\n", "GPL-2.0-only AND MIT", nil},
		"twice":     {formatLine + "\nFiles: a\nLicense: Expat\n\nFiles: b\nLicense: Expat\n", "MIT", nil},
		"choice":    {formatLine + "\nFiles: *\nLicense: GPL-2+ or BSD-3-clause\n", "(GPL-2.0-or-later OR BSD-3-Clause)", nil},
		"unknown":   {formatLine + "\nFiles: *\nLicense: TU-Berlin/2.0\n", "LicenseRef-TU-Berlin-2.0", []string{"LicenseRef-TU-Berlin-2.0"}},
		"text only": {formatLine + "\nFiles: *\nLicense: Zlib\n\nLicense: GPL-3\n A text that no file has.\n", "Zlib", nil},
		"prose":     {"This package was debianized by hand.\nLicense: GPL-2\n", noAssertion, nil},
	} {
		got, refs := licenceOf(c.text)
		if got != c.want {
			t.Errorf("%s: %s; want %s", name, got, c.want)
		}
		if diff := cmp.Diff(c.refs, refs); diff != "" {
			t.Errorf("%s: references (-want +got):\n%s", name, diff)
		}
	}
}

func TestTextLicence(t *testing.T) {
	for want, text := range map[string]string{
		"Apache-2.0":                   "Apache License\n   Version 2.0, January 2004",
		"MIT":                          "Permission is hereby granted,\nfree of charge, to any person",
		"BSD-3-Clause OR GPL-2.0-only": "/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */\n\nUnless otherwise stated",
		"BSD-3-Clause":                 "Redistribution and use in source\nand binary forms ... Neither the name of",
		"BSD-2-Clause":                 "Redistribution and use in source and binary forms",
		"MPL-2.0":                      "Mozilla Public License, version 2.0",
		"ISC":                          "Permission to use, copy, modify, and/or distribute this software",
		noAssertion:                    "All rights reserved.",
	} {
		if got := textLicence(text); got != want {
			t.Errorf("textLicence(%q) = %s; want %s", text, got, want)
		}
	}
	if got := textLicence("PERMISSION is hereby granted, free of charge, to any person"); got != "MIT" {
		t.Errorf("MIT in capitals is taken for %s", got)
	}
}

func TestSBOM(t *testing.T) {
	built := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	components := []Component{
		{Kind: "golang", Name: "example.org/x/y", Version: "v1.2.3", Licence: "Permission is hereby granted, free of charge"},
		{Kind: "deb", Name: "libc6", Version: "2:2.43-7+b1", Arch: "amd64", SHA256: "ab", Source: "glibc", Licence: formatLine + "\nFiles: *\nLicense: Odd\n"},
	}
	out, err := SBOM("switchroom", "0.1.0", built, components)
	must(t, err)
	turned, err := SBOM("switchroom", "0.1.0", built, []Component{components[1], components[0]})
	must(t, err)
	if !bytes.Equal(out, turned) {
		t.Error("the order of the components changes the bill")
	}
	var doc spdxDocument
	must(t, json.Unmarshal(out, &doc))
	if doc.Version != "SPDX-2.3" || doc.Creation.Created != "2026-07-01T12:00:00Z" || doc.Namespace == "" {
		t.Errorf("document %q, created %q, namespace %q", doc.Version, doc.Creation.Created, doc.Namespace)
	}
	var got []string
	for _, p := range doc.Packages[1:] {
		got = append(got, strings.Join([]string{p.ID, p.Version, p.LicenseDeclared, p.Refs[0].Locator}, " "))
	}
	want := []string{
		"SPDXRef-deb-libc6 2:2.43-7+b1 LicenseRef-Odd pkg:deb/debian/libc6@2%3A2.43-7%2Bb1?arch=amd64",
		"SPDXRef-golang-example.org-x-y v1.2.3 MIT pkg:golang/example.org/x/y@v1.2.3",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("packages (-want +got):\n%s", diff)
	}
	if len(doc.Extracted) != 1 || doc.Extracted[0].ID != "LicenseRef-Odd" {
		t.Errorf("extracted licences: %+v", doc.Extracted)
	}
	ids := map[string]bool{"SPDXRef-DOCUMENT": true}
	for _, p := range doc.Packages {
		ids[p.ID] = true
	}
	for _, r := range doc.Relationships {
		if !ids[r.From] || !ids[r.To] {
			t.Errorf("the relationship %+v leads nowhere", r)
		}
	}
	if _, err := SBOM("switchroom", "0.1.0", built, append(components, components[0])); err == nil {
		t.Error("a component was taken twice")
	}
}

func TestAddLicences(t *testing.T) {
	tree := new(Tree)
	must(t, AddLicences(tree, []Component{
		{Kind: "deb", Name: "libc6", Licence: "text"},
		{Kind: "golang", Name: "example.org/x", Licence: "go text", Texts: map[string]string{"NOTICE": "notice"}},
	}))
	for p, want := range map[string]string{
		"usr/share/doc/libc6/copyright":                  "text",
		"usr/share/doc/switchroom/example.org/x/LICENSE": "go text",
		"usr/share/doc/switchroom/example.org/x/NOTICE":  "notice",
	} {
		if e, ok := tree.Lookup(p); !ok || string(e.Data) != want {
			t.Errorf("%s holds %q; want %q", p, e.Data, want)
		}
	}
	if err := AddLicences(new(Tree), []Component{{Kind: "deb", Name: "bare"}}); err == nil {
		t.Error("a component without a licence text was taken")
	}
}

// A text that nobody recognises is a text all the same.
func TestGoComponentUnknownLicence(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "LICENSE"), "Do as you please.")
	c, err := goComponent("example.org/odd", "v1.0.0", dir)
	if err != nil || c.Licence != "Do as you please." || len(c.Texts) != 0 {
		t.Errorf("%+v, %v; want the text", c, err)
	}
}

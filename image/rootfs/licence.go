package rootfs

import (
	"regexp"
	"slices"
	"strings"
)

// spdxNames are Debian's short names of licences
// (https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/#license-short-name)
// that SPDX calls otherwise; in lower case.
var spdxNames = map[string]string{
	"expat": "MIT", "mit": "MIT", "x11": "X11", "isc": "ISC", "zlib": "Zlib",
	"apache-2.0": "Apache-2.0", "artistic": "Artistic-1.0-Perl", "mpl-2.0": "MPL-2.0", "mpl-1.1": "MPL-1.1",
	"bsd-2-clause": "BSD-2-Clause", "bsd-3-clause": "BSD-3-Clause", "bsd-4-clause": "BSD-4-Clause",
	"cc0-1.0": "CC0-1.0", "cc0": "CC0-1.0", "cc-by-3.0": "CC-BY-3.0", "cc-by-sa-3.0": "CC-BY-SA-3.0", "cc-by-sa-4.0": "CC-BY-SA-4.0",
	"bsl-1.0": "BSL-1.0", "unlicense": "Unlicense", "openssl": "OpenSSL", "curl": "curl",
	"gpl-1": "GPL-1.0-only", "gpl-1+": "GPL-1.0-or-later",
	"gpl-2": "GPL-2.0-only", "gpl-2.0": "GPL-2.0-only", "gpl-2+": "GPL-2.0-or-later", "gpl-2.0+": "GPL-2.0-or-later",
	"gpl-3": "GPL-3.0-only", "gpl-3.0": "GPL-3.0-only", "gpl-3+": "GPL-3.0-or-later", "gpl-3.0+": "GPL-3.0-or-later",
	"lgpl-2": "LGPL-2.0-only", "lgpl-2+": "LGPL-2.0-or-later", "lgpl-2.0+": "LGPL-2.0-or-later",
	"lgpl-2.1": "LGPL-2.1-only", "lgpl-2.1+": "LGPL-2.1-or-later",
	"lgpl-3": "LGPL-3.0-only", "lgpl-3+": "LGPL-3.0-or-later",
}

var (
	notInRef  = regexp.MustCompile(`[^A-Za-z0-9.-]+`)
	licenceOp = regexp.MustCompile(`(?i)\s*,?\s+(and/or|and|or)\s+`)
)

// noAssertion is what SPDX says where nothing can be said.
const noAssertion = "NOASSERTION"

// licenceOf returns the SPDX expression for a Debian copyright file: all the
// licences that it names for files. Names that SPDX doesn't know become
// references, returned too. A file that isn't in the machine-readable format
// asserts nothing.
func licenceOf(copyright string) (expression string, refs []string) {
	if !strings.HasPrefix(strings.TrimLeft(copyright, "\n"), "Format:") {
		return noAssertion, nil
	}
	var parts []string
	inFiles := false
	for line := range strings.Lines(copyright) {
		key, value, ok := strings.Cut(strings.TrimRight(line, "\n"), ":")
		switch {
		case strings.TrimSpace(line) == "":
			inFiles = false
		case !ok || line[0] == ' ' || line[0] == '\t':
		case key == "Files":
			inFiles = true
		case key == "License" && inFiles:
			if v := strings.TrimSpace(value); v != "" {
				e, r := debianLicence(v)
				parts = append(parts, e)
				refs = append(refs, r...)
			}
		}
	}
	if len(parts) == 0 {
		return noAssertion, nil
	}
	slices.Sort(parts)
	slices.Sort(refs)
	return strings.Join(slices.Compact(parts), " AND "), slices.Compact(refs)
}

// debianLicence turns "GPL-2+ or Expat" into "(GPL-2.0-or-later OR MIT)".
func debianLicence(s string) (expression string, refs []string) {
	s = strings.Join(strings.Fields(s), " ")
	ops := licenceOp.FindAllStringSubmatch(s, -1)
	var b strings.Builder
	for i, name := range licenceOp.Split(s, -1) {
		if i > 0 {
			op := " AND "
			if !strings.EqualFold(ops[i-1][1], "and") {
				op = " OR "
			}
			b.WriteString(op)
		}
		id, ok := spdxNames[strings.ToLower(strings.TrimSpace(name))]
		if !ok {
			id = "LicenseRef-" + strings.Trim(notInRef.ReplaceAllString(name, "-"), "-")
			refs = append(refs, id)
		}
		b.WriteString(id)
	}
	if len(ops) > 0 {
		return "(" + b.String() + ")", refs
	}
	return b.String(), refs
}

// spdxHeader is a licence that a text names itself
// (https://spdx.github.io/spdx-spec/v2.3/using-SPDX-short-identifiers-in-source-files/).
var spdxHeader = regexp.MustCompile(`SPDX-License-Identifier: ([A-Za-z0-9.+-]+(?: (?:AND|OR) [A-Za-z0-9.+-]+)*)`)

// textLicence recognises the licences that Go modules come under by phrases
// of their texts.
func textLicence(text string) string {
	t := strings.Join(strings.Fields(text), " ")
	if m := spdxHeader.FindStringSubmatch(t); m != nil {
		return m[1]
	}
	has := func(s string) bool { return strings.Contains(t, s) }
	switch {
	case has("Apache License") && has("Version 2.0"):
		return "Apache-2.0"
	case has("Mozilla Public License") && has("2.0"):
		return "MPL-2.0"
	case has("Redistribution and use in source and binary forms") && (has("Neither the name") || has("names of its contributors")):
		return "BSD-3-Clause"
	case has("Redistribution and use in source and binary forms"):
		return "BSD-2-Clause"
	case has("Permission to use, copy, modify, and/or distribute this software"), has("Permission to use, copy, modify, and distribute this software"):
		return "ISC"
	case has("Permission is hereby granted, free of charge"), has("PERMISSION is hereby granted, free of charge"):
		return "MIT"
	}
	return noAssertion
}

package rootfs

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Component is something an image was made from.
type Component struct {
	Kind    string // "deb", "golang" or "generic", as package URLs have it
	Name    string
	Version string
	Arch    string
	SHA256  string // of the file it came in, if there is one
	Source  string // what it was built from, in words

	Licence  string            // the text, for the image and to find out the name
	Texts    map[string]string // more texts, by file name
	Declared string            // SPDX expression, where the text isn't needed to know
}

// doc is where the component's licence text lies in the root.
func (c Component) doc() string {
	if c.Kind == "golang" {
		return "usr/share/doc/switchroom/" + c.Name
	}
	return "usr/share/doc/" + c.Name
}

// AddLicences adds the components' licence texts to a root.
func AddLicences(t *Tree, components []Component) error {
	for _, c := range components {
		if c.Licence == "" && len(c.Texts) == 0 {
			return fmt.Errorf("%s %s has no licence text", c.Kind, c.Name)
		}
		name := "copyright"
		if c.Kind == "golang" {
			name = "LICENSE"
		}
		if c.Licence != "" {
			if err := t.Bytes(c.doc()+"/"+name, []byte(c.Licence), 0o644); err != nil {
				return err
			}
		}
		for _, file := range sortedKeys(c.Texts) {
			if err := t.Bytes(c.doc()+"/"+file, []byte(c.Texts[file]), 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}

// The parts of SPDX 2.3 in JSON that a bill of materials needs
// (https://spdx.github.io/spdx-spec/v2.3/).
type (
	spdxDocument struct {
		Version       string             `json:"spdxVersion"`
		DataLicense   string             `json:"dataLicense"`
		ID            string             `json:"SPDXID"`
		Name          string             `json:"name"`
		Namespace     string             `json:"documentNamespace"`
		Creation      spdxCreation       `json:"creationInfo"`
		Packages      []spdxPackage      `json:"packages"`
		Extracted     []spdxExtracted    `json:"hasExtractedLicensingInfos,omitempty"`
		Relationships []spdxRelationship `json:"relationships"`
	}
	spdxCreation struct {
		Created  string   `json:"created"`
		Creators []string `json:"creators"`
	}
	spdxPackage struct {
		ID               string         `json:"SPDXID"`
		Name             string         `json:"name"`
		Version          string         `json:"versionInfo"`
		Download         string         `json:"downloadLocation"`
		FilesAnalyzed    bool           `json:"filesAnalyzed"`
		Checksums        []spdxChecksum `json:"checksums,omitempty"`
		SourceInfo       string         `json:"sourceInfo,omitempty"`
		LicenseConcluded string         `json:"licenseConcluded"`
		LicenseDeclared  string         `json:"licenseDeclared"`
		Copyright        string         `json:"copyrightText"`
		Comment          string         `json:"comment,omitempty"`
		Refs             []spdxRef      `json:"externalRefs,omitempty"`
	}
	spdxChecksum struct {
		Algorithm string `json:"algorithm"`
		Value     string `json:"checksumValue"`
	}
	spdxRef struct {
		Category string `json:"referenceCategory"`
		Type     string `json:"referenceType"`
		Locator  string `json:"referenceLocator"`
	}
	spdxExtracted struct {
		ID   string `json:"licenseId"`
		Text string `json:"extractedText"`
		Name string `json:"name"`
	}
	spdxRelationship struct {
		From string `json:"spdxElementId"`
		Type string `json:"relationshipType"`
		To   string `json:"relatedSpdxElement"`
	}
)

// SBOM returns the bill of materials of an image as SPDX 2.3 in JSON: the
// image, and every component it contains, with version, hash, licence and, as
// package URL, identity. Equal arguments give equal bytes.
func SBOM(product, version string, built time.Time, components []Component) ([]byte, error) {
	const self = "SPDXRef-Image"
	components = slices.Clone(components)
	slices.SortFunc(components, func(a, b Component) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version))
	})
	doc := spdxDocument{
		Version: "SPDX-2.3", DataLicense: "CC0-1.0", ID: "SPDXRef-DOCUMENT",
		Name:     product + "-" + version,
		Creation: spdxCreation{Created: built.UTC().Format(time.RFC3339), Creators: []string{"Tool: mkimage-" + version}},
		Packages: []spdxPackage{{
			ID: self, Name: product, Version: version, Download: noAssertion,
			LicenseConcluded: noAssertion, LicenseDeclared: "Apache-2.0", Copyright: noAssertion,
			Comment: "The licence is that of the product's own code; the components below have their own.",
		}},
		Relationships: []spdxRelationship{{"SPDXRef-DOCUMENT", "DESCRIBES", self}},
	}
	unknown := make(map[string]string)
	ids := make(map[string]bool)
	for _, c := range components {
		p := spdxPackage{
			ID:   "SPDXRef-" + strings.Trim(notInRef.ReplaceAllString(c.Kind+"-"+c.Name, "-"), "-"),
			Name: c.Name, Version: c.Version, Download: noAssertion,
			SourceInfo: c.Source, LicenseConcluded: noAssertion, LicenseDeclared: c.Declared, Copyright: noAssertion,
		}
		if ids[p.ID] {
			return nil, fmt.Errorf("the bill of materials has two components %s", p.ID)
		}
		ids[p.ID] = true
		if c.SHA256 != "" {
			p.Checksums = []spdxChecksum{{"SHA256", c.SHA256}}
		}
		if p.LicenseDeclared == "" && c.Kind == "golang" {
			p.LicenseDeclared = textLicence(c.Licence)
		} else if p.LicenseDeclared == "" {
			var refs []string
			p.LicenseDeclared, refs = licenceOf(c.Licence)
			for _, r := range refs {
				if _, ok := unknown[r]; !ok {
					unknown[r] = c.doc() + "/copyright"
				}
			}
		}
		if p.LicenseDeclared == noAssertion {
			p.Comment = "The licence text is in the image at /" + c.doc() + "."
		}
		p.Refs = []spdxRef{{"PACKAGE-MANAGER", "purl", c.purl()}}
		doc.Packages = append(doc.Packages, p)
		doc.Relationships = append(doc.Relationships, spdxRelationship{self, "CONTAINS", p.ID})
	}
	for _, id := range sortedKeys(unknown) {
		doc.Extracted = append(doc.Extracted, spdxExtracted{id, "The text is in the image at /" + unknown[id] + ".", strings.TrimPrefix(id, "LicenseRef-")})
	}
	// The namespace must be unique to the document's content.
	body, err := json.Marshal(doc)
	if err != nil {
		return nil, fmt.Errorf("writing the bill of materials: %w", err)
	}
	sum := sha256.Sum256(body)
	doc.Namespace = "urn:" + product + ":sbom:" + hex.EncodeToString(sum[:])
	out, err := json.MarshalIndent(doc, "", " ")
	if err != nil {
		return nil, fmt.Errorf("writing the bill of materials: %w", err)
	}
	return append(out, '\n'), nil
}

// purl is the component's package URL
// (https://github.com/package-url/purl-spec).
func (c Component) purl() string {
	name := c.Name
	if c.Kind == "deb" {
		name = "debian/" + name
	}
	version := strings.NewReplacer("%", "%25", "+", "%2B", ":", "%3A", " ", "%20", "~", "~").Replace(c.Version)
	p := "pkg:" + c.Kind + "/" + name + "@" + version
	if c.Arch != "" {
		p += "?arch=" + c.Arch
	}
	return p
}

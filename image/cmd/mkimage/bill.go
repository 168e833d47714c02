package main

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ulikunitz/xz"

	"switchroom/image"
	"switchroom/image/packages"
	"switchroom/image/rootfs"
)

// bill finds out what a root tree was made from, adds the licence texts of it
// to the tree, and returns the bill of materials, which it adds too.
func (b *builder) bill(ctx context.Context, tree *rootfs.Tree, p *parts) ([]byte, error) {
	components, err := b.debComponents(ctx, tree, p)
	if err != nil {
		return nil, err
	}
	compiled, err := b.compiledComponents(ctx)
	if err != nil {
		return nil, err
	}
	programs := append([]string{initProgram, mainProgram}, rootfs.RescueCommands()...)
	modules, err := rootfs.GoComponents(ctx, b.module, programs...)
	if err != nil {
		return nil, err
	}
	components = slices.Concat(components, compiled, modules)
	if err := rootfs.AddLicences(tree, components); err != nil {
		return nil, err
	}
	own, err := os.ReadFile(filepath.Join(b.module, "LICENSE"))
	if err != nil {
		return nil, err
	}
	if err := tree.Bytes("usr/share/doc/"+product+"/LICENSE", own, 0o644); err != nil {
		return nil, err
	}
	sbom, err := rootfs.SBOM(product, b.from.Version, b.from.Time, components)
	if err != nil {
		return nil, err
	}
	return sbom, tree.Bytes(image.SBOMPath, sbom, 0o644)
}

// debComponents returns the packages that files of the tree came from.
func (b *builder) debComponents(ctx context.Context, tree *rootfs.Tree, p *parts) ([]rootfs.Component, error) {
	root, err := b.lock.Set("root")
	if err != nil {
		return nil, err
	}
	owners, err := b.owners(ctx, root)
	if err != nil {
		return nil, err
	}
	used := make(map[string]bool)
	for _, e := range tree.Entries() {
		if !e.Mode.IsRegular() || e.Source == "" {
			continue
		}
		// The tree's name may be a link's; the file's own name is what the
		// package lists. Kernel modules lie decompressed in the cache.
		name, err := filepath.Rel(p.Packages, e.Source)
		if err != nil || strings.HasPrefix(name, "..") {
			name = e.Path + ".xz"
		}
		if owner, ok := owners[filepath.ToSlash(name)]; ok {
			used[owner] = true
		}
	}
	if _, ok := tree.Lookup("etc/ssl/certs/ca-certificates.crt"); ok {
		used["ca-certificates"] = true // put together from its files when it was unpacked
	}
	o := rootfs.NewOverlay(p.Packages, p.kernelBase)
	var all []rootfs.Component
	for _, pkg := range root {
		// The kernel itself gets another name in the tree.
		if !used[pkg.Name] && !strings.HasPrefix(pkg.Name, "linux-binary-") {
			continue
		}
		text, err := copyright(o, pkg.Name)
		if err != nil {
			return nil, err
		}
		all = append(all, rootfs.Component{
			Kind: "deb", Name: pkg.Name, Version: pkg.Version, Arch: pkg.Arch, SHA256: pkg.SHA256,
			Source:  "built by Debian from source package " + pkg.Source + " " + pkg.SourceVersion,
			Licence: text,
		})
	}
	return all, nil
}

func copyright(o *rootfs.Overlay, pkg string) (string, error) {
	host, _, err := o.Resolve("usr/share/doc/" + pkg + "/copyright")
	if err != nil {
		return "", fmt.Errorf("the licence of %s: %w", pkg, err)
	}
	text, err := os.ReadFile(host)
	if err != nil {
		return "", fmt.Errorf("the licence of %s: %w", pkg, err)
	}
	return string(text), nil
}

// owners returns, for every file of the packages, which of them it is in.
func (b *builder) owners(ctx context.Context, pkgs []packages.Package) (map[string]string, error) {
	var key []byte
	for _, p := range pkgs {
		key = append(key, p.SHA256...)
	}
	dir, err := b.piece(ctx, "owners", hashOf(key), func(dir string) error {
		owners := make(map[string]string)
		for _, p := range pkgs {
			names, err := b.store.Contents(ctx, p)
			if err != nil {
				return err
			}
			for _, n := range names {
				owners[n] = p.Name
			}
		}
		text, err := json.Marshal(owners)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, "owners.json"), text, 0o644)
	})
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(dir, "owners.json"))
	if err != nil {
		return nil, err
	}
	var owners map[string]string
	if err := json.Unmarshal(text, &owners); err != nil {
		return nil, fmt.Errorf("reading which package a file is in: %w", err)
	}
	return owners, nil
}

// compiledComponents returns what we compile from Debian's sources.
func (b *builder) compiledComponents(ctx context.Context) ([]rootfs.Component, error) {
	asterisk, err := b.compiledComponent(ctx, "asterisk", "without two of its patches")
	if err != nil {
		return nil, err
	}
	espeak, err := b.compiledComponent(ctx, "espeak-ng", "for two languages, without a sound card")
	if err != nil {
		return nil, err
	}
	opus, err := b.compiledComponent(ctx, "opus", "without neural networks")
	if err != nil {
		return nil, err
	}
	vorbis, err := b.compiledComponent(ctx, "libvorbis", "with scalar arithmetic")
	if err != nil {
		return nil, err
	}
	pkg, err := b.lock.Package("build", "dahdi-dkms")
	if err != nil {
		return nil, err
	}
	tree, err := b.store.Tree(ctx, []packages.Package{pkg})
	if err != nil {
		return nil, err
	}
	dahdi := rootfs.Component{
		Kind: "generic", Name: "dahdi-linux", Version: pkg.Version, SHA256: pkg.SHA256,
		Source: "compiled from the source in Debian's package dahdi-dkms " + pkg.Version,
	}
	if dahdi.Licence, err = copyright(rootfs.NewOverlay(tree), "dahdi-dkms"); err != nil {
		return nil, err
	}
	return []rootfs.Component{asterisk, espeak, opus, vorbis, dahdi}, nil
}

// compiledComponent returns a component that we compile from a Debian source package; how says what
// we do otherwise than Debian.
func (b *builder) compiledComponent(ctx context.Context, name, how string) (rootfs.Component, error) {
	source, err := b.lock.Source(name)
	if err != nil {
		return rootfs.Component{}, err
	}
	c := rootfs.Component{
		Kind: "generic", Name: name, Version: source.Version,
		Source: "compiled from Debian's source package " + name + " " + source.Version + " " + how,
	}
	for _, f := range source.Files {
		if strings.Contains(path.Base(f.Path), ".debian.tar.") {
			if err := b.store.FetchFiles(ctx, []packages.File{f}); err != nil {
				return c, err
			}
			if c.Licence, err = fileInTarXZ(b.store.Blob(f.SHA256), "debian/copyright"); err != nil {
				return c, fmt.Errorf("the licence of %s: %w", name, err)
			}
		}
	}
	return c, nil
}

func fileInTarXZ(archive, name string) (string, error) {
	packed, err := os.ReadFile(archive)
	if err != nil {
		return "", err
	}
	r, err := xz.NewReader(bytes.NewReader(packed))
	if err != nil {
		return "", err
	}
	for t := tar.NewReader(r); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return "", fmt.Errorf("%s: %w", name, fs.ErrNotExist)
		}
		if err != nil {
			return "", err
		}
		if path.Clean(h.Name) == name {
			text, err := io.ReadAll(t)
			return string(text), err
		}
	}
}

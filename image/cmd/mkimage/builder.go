package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"switchroom/image"
	"switchroom/image/build"
	"switchroom/image/disk"
	"switchroom/image/packages"
	"switchroom/image/prompts"
	"switchroom/image/rootfs"
)

// How the slot is compressed. Measured as processor time of an emulated machine
// from power-on until Asterisk is ready, medians of three on a busy computer:
// gzip 19.7 s, xz 21.7 s and minutes to pack, lzo 17.8 s but 6 MB more than a
// slot may have.
const (
	defaultCompression = "gzip"
	defaultBlock       = 128 << 10
)

// product is what the manifest calls us.
const product = "switchroom"

// Our own programs on the box.
const (
	mainProgram = "switchroom/appliance/cmd/switchroom"
	initProgram = "switchroom/appliance/cmd/init"
)

// builder makes images.
type builder struct {
	o      options
	module string // folder of go.mod
	from   origin
	store  *packages.Store
	lock   *packages.Lock
	tools  disk.Tools
	steps  *steps
	anew   string // if set, a folder that pieces are made in afresh instead of the cache
}

// newBuilder opens the cache (cacheDir, or the default place) and unpacks the
// tools.
func newBuilder(ctx context.Context, module, cacheDir string, o options, log io.Writer) (*builder, error) {
	if !slices.ContainsFunc(rootfs.Compressions(), func(c rootfs.Compression) bool { return c.Name == o.compression }) {
		return nil, fmt.Errorf("-compression %s: GRUB reads gzip, lzo and xz", o.compression)
	}
	from, err := describe(ctx, module, o.version)
	if err != nil {
		return nil, err
	}
	store, err := packages.Open(packages.Config{Dir: cacheDir, Log: slog.New(slog.NewTextHandler(log, nil)), Progress: log})
	if err != nil {
		return nil, err
	}
	lock, err := packages.Default()
	if err != nil {
		return nil, err
	}
	b := &builder{o: o, module: module, from: from, store: store, lock: lock, steps: &steps{p: store.Progress()}}
	if err := b.fetch(ctx); err != nil {
		return nil, err
	}
	box, err := store.Tools(ctx, b.lock)
	if err != nil {
		return nil, err
	}
	b.tools = toolbox{box}
	return b, nil
}

// sets are what an image is made of and with.
var sets = []string{"root", "tools", "build", "voice"}

// fetch gets all locked files the image needs, or, if that may be, a lock of
// what can be had instead.
func (b *builder) fetch(ctx context.Context) error {
	if b.o.unlocked {
		var err error
		if b.lock, err = b.store.Usable(ctx, b.lock, sets...); err != nil {
			return err
		}
	}
	pkgs, err := b.lock.Union(sets...)
	if err != nil {
		return err
	}
	return b.store.Fetch(ctx, pkgs)
}

// parts are what an image is packed from.
type parts struct {
	rootfs.Parts
	asterisk, dahdi string // versions
	kernelBase      string // the unpacked package of the kernel's smaller files
	compiler        string
	lockHash        string
	toolsHash       string
}

// parts builds or finds in the cache everything that is packed.
func (b *builder) parts(ctx context.Context) (*parts, error) {
	p := new(parts)
	root, err := b.lock.Set("root")
	if err != nil {
		return nil, err
	}
	tools, err := b.lock.Set("tools")
	if err != nil {
		return nil, err
	}
	p.lockHash = hashOf(b.lock.Format())
	p.toolsHash = hashOf([]byte(fmt.Sprint(tools)))
	if p.Packages, err = b.store.Tree(ctx, root); err != nil {
		return nil, err
	}
	var kver string
	if err := b.steps.do("card drivers", func() (err error) {
		p.DAHDI, kver, err = build.Modules(ctx, b.store, b.lock)
		return err
	}); err != nil {
		return nil, err
	}
	if err := b.steps.do("Asterisk", func() (err error) {
		p.Asterisk, err = build.Asterisk(ctx, b.store, b.lock)
		return err
	}); err != nil {
		return nil, err
	}
	if err := b.steps.do("speech synthesiser", func() (err error) {
		p.Espeak, err = build.Espeak(ctx, b.store, b.lock)
		return err
	}); err != nil {
		return nil, err
	}
	if err := b.steps.do("codecs", func() (err error) {
		if p.Opus, err = build.Opus(ctx, b.store, b.lock); err != nil {
			return err
		}
		p.Vorbis, err = build.Vorbis(ctx, b.store, b.lock)
		return err
	}); err != nil {
		return nil, err
	}
	if err := b.steps.do("prompts", func() (err error) {
		p.Prompts, err = prompts.Tree(ctx, b.store, b.lock)
		return err
	}); err != nil {
		return nil, err
	}
	if source, err := b.lock.Source("asterisk"); err == nil {
		p.asterisk = source.Version
	} else {
		return nil, err
	}
	if pkg, err := b.lock.Package("build", "dahdi-dkms"); err == nil {
		p.dahdi = pkg.Version
	} else {
		return nil, err
	}
	if p.compiler, err = rootfs.GoVersion(ctx, b.module); err != nil {
		return nil, err
	}
	if err := b.kernel(ctx, p, kver); err != nil {
		return nil, err
	}
	p.Units = filepath.Join(b.module, "appliance", "units")
	return p, nil
}

// kernel finds the kernel and its modules. The list of what is built in comes
// with the headers that the card's drivers are compiled against.
func (b *builder) kernel(ctx context.Context, p *parts, kver string) error {
	base, err := b.lock.Package("build", "linux-base-"+kver)
	if err != nil {
		return err
	}
	tree, err := b.store.Tree(ctx, []packages.Package{base})
	if err != nil {
		return err
	}
	modules, err := b.lock.Package("root", "linux-modules-"+kver)
	if err != nil {
		return err
	}
	p.kernelBase = tree
	under := filepath.Join("usr/lib/modules", kver)
	p.Vmlinuz = filepath.Join(p.Packages, under, "vmlinuz")
	cache := filepath.Join(b.store.Dir(), "kernel", modules.SHA256[:32])
	p.Kernel, err = rootfs.OpenKernel(kver, filepath.Join(p.Packages, under), filepath.Join(tree, under, "modules.builtin"), cache, p.DAHDI)
	return err
}

// made is a finished image.
type made struct {
	path     string // of the raw image
	zst      string // "" if it was left out
	sbom     []byte
	manifest image.Manifest
	parts    *parts
}

// image builds an image into a folder.
func (b *builder) image(ctx context.Context, out string) (*made, error) {
	p, err := b.parts(ctx)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return nil, err
	}
	m := &made{path: filepath.Join(out, product+"-"+b.from.Version+".img"), parts: p}
	if err := b.pack(ctx, m); err != nil {
		return nil, err
	}
	if !b.o.noCompress {
		m.zst = m.path + ".zst"
		if err := b.steps.do("compressing the image", func() error { return compress(m.path, m.zst) }); err != nil {
			return nil, err
		}
	}
	return m, b.writeBeside(m)
}

// pack makes the raw image at m.path from the parts. It fills in m.manifest
// and m.sbom.
func (b *builder) pack(ctx context.Context, m *made) error {
	work, err := os.MkdirTemp("", "mkimage-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	p := *m.parts // its programs are in work and go with it
	if b.anew != "" {
		p.Prompts = filepath.Join(b.anew, "prompts")
		if err := os.Mkdir(p.Prompts, 0o755); err != nil {
			return err
		}
		if err := prompts.Make(ctx, b.store, b.lock, p.Prompts); err != nil {
			return err
		}
	}
	if err := b.compile(ctx, &p, work); err != nil {
		return err
	}
	m.manifest = image.Manifest{
		Format: image.ManifestFormat, Product: product,
		Version: b.from.Version, Commit: b.from.Commit, Built: b.from.Time,
		Kernel: p.Kernel.Release, Asterisk: p.asterisk, DAHDI: p.dahdi, Go: p.compiler,
		Unlocked: len(b.lock.Unlocked) > 0, LockSHA256: p.lockHash, Suite: b.lock.Suite,
		Compression: b.o.compression,
	}
	if p.Manifest, err = m.manifest.Encode(); err != nil {
		return err
	}
	var slot string
	if err := b.steps.do("packing the slot", func() error {
		if err := b.initramfs(ctx, &p); err != nil {
			return err
		}
		tree, err := rootfs.Root(p.Parts)
		if err != nil {
			return err
		}
		if m.sbom, err = b.bill(ctx, tree, &p); err != nil {
			return err
		}
		slot, err = b.squash(ctx, tree, p.toolsHash)
		return err
	}); err != nil {
		return err
	}
	var boot disk.Boot
	if err := b.steps.do("GRUB and the ESP", func() (err error) {
		boot, err = b.boot(ctx, work)
		return err
	}); err != nil {
		return err
	}
	return b.steps.do("putting the disk together", func() error {
		content, err := slotContent(slot)
		if err != nil {
			return err
		}
		if content.Size > image.MaxSlotContent {
			return fmt.Errorf("the slot's content has %d bytes; at most %d may be", content.Size, image.MaxSlotContent)
		}
		m.manifest.Slots = map[image.Slot]image.SlotContent{image.SlotA: content}
		if err := disk.Assemble(ctx, m.path, boot, disk.Slots{image.SlotA: slot}); err != nil {
			return err
		}
		m.manifest.ImageSize = disk.ImageSize()
		m.manifest.ImageSHA256, err = hashFile(m.path)
		return err
	})
}

// compile builds our own programs into work. The go command's own cache makes
// this quick when nothing changed.
func (b *builder) compile(ctx context.Context, p *parts, work string) error {
	init := filepath.Join(work, "init")
	p.Switchroom = filepath.Join(work, "switchroom")
	if err := b.steps.do("our programs", func() error {
		for pkg, out := range map[string]string{initProgram: init, mainProgram: p.Switchroom} {
			vars := map[string]string{"main.version": b.from.Version}
			if err := rootfs.BuildGo(ctx, b.module, pkg, out, vars); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return err
	}
	p.Initrd = init // until initramfs has packed it
	return b.steps.do("rescue commands", func() error {
		// Of u-root and of all that it is compiled with: another version of that makes another program.
		modules, err := rootfs.GoComponents(ctx, b.module, rootfs.RescueCommands()...)
		if err != nil {
			return err
		}
		key := hashOf([]byte(p.compiler), []byte(rootfs.RescueKey()), versions(modules))
		dir, err := b.piece(ctx, "rescue", key, func(dir string) error {
			src, err := os.MkdirTemp("", "rescue-")
			if err != nil {
				return err
			}
			defer os.RemoveAll(src)
			return rootfs.BuildRescue(b.module, filepath.Join(src, "src"), filepath.Join(dir, "bb"), io.Discard)
		})
		p.Rescue = filepath.Join(dir, "bb")
		return err
	})
}

// versions says which versions of modules a program is compiled from.
func versions(modules []rootfs.Component) []byte {
	var all strings.Builder
	for _, m := range modules {
		fmt.Fprintln(&all, m.Name, m.Version)
	}
	return []byte(all.String())
}

func (b *builder) initramfs(ctx context.Context, p *parts) error {
	tree, err := rootfs.Initramfs(p.Initrd, p.Kernel)
	if err != nil {
		return err
	}
	key, err := tree.Hash()
	if err != nil {
		return err
	}
	dir, err := b.piece(ctx, "initramfs", key, func(dir string) error {
		f, err := os.Create(filepath.Join(dir, "initrd.img"))
		if err != nil {
			return err
		}
		return errors.Join(tree.WriteCPIO(f), f.Close())
	})
	p.Initrd = filepath.Join(dir, "initrd.img")
	return err
}

func (b *builder) squash(ctx context.Context, tree *rootfs.Tree, toolsHash string) (string, error) {
	hash, err := tree.Hash()
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(rootfs.Compressions(), func(c rootfs.Compression) bool { return c.Name == b.o.compression })
	comp := rootfs.Compressions()[i]
	key := hashOf([]byte(hash), []byte(toolsHash), []byte(fmt.Sprint(rootfs.SquashArgs(comp, b.o.block, b.from.Time))))
	dir, err := b.piece(ctx, "slot", key, func(dir string) error {
		return rootfs.Squash(ctx, b.tools, tree, dir, "slot.squashfs", comp, b.o.block, b.from.Time)
	})
	return filepath.Join(dir, "slot.squashfs"), err
}

func (b *builder) boot(ctx context.Context, work string) (disk.Boot, error) {
	dir := filepath.Join(work, "boot")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return disk.Boot{}, err
	}
	return disk.MakeBoot(ctx, b.tools, dir, disk.FreshGrubenv(), b.from.Time)
}

// piecesKept is how many pieces of a kind stay in the cache.
const piecesKept = 6

// piece returns a folder of the cache that fill has filled, now or earlier.
func (b *builder) piece(ctx context.Context, name, key string, fill func(dir string) error) (string, error) {
	if b.anew != "" {
		dir := filepath.Join(b.anew, name)
		if err := os.Mkdir(dir, 0o755); err != nil {
			return "", err
		}
		return dir, fill(dir)
	}
	pieces := filepath.Join(b.store.Dir(), "pieces", name)
	dir := filepath.Join(pieces, key[:32])
	if err := b.store.Once(ctx, dir, fill); err != nil {
		return "", err
	}
	now := time.Now()
	if err := os.Chtimes(dir, now, now); err != nil { // used: it stays
		return "", err
	}
	return dir, prune(pieces, piecesKept, now.Add(-time.Hour))
}

// prune removes all but the keep newest folders, none that was used since.
func prune(dir string, keep int, since time.Time) error {
	es, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	type piece struct {
		path string
		used time.Time
	}
	var all []piece
	for _, e := range es {
		if fi, err := e.Info(); err == nil && fi.IsDir() {
			all = append(all, piece{filepath.Join(dir, e.Name()), fi.ModTime()})
		}
	}
	slices.SortFunc(all, func(a, b piece) int { return b.used.Compare(a.used) })
	for i, p := range all {
		if i >= keep && p.used.Before(since) {
			if err := os.RemoveAll(p.path); err != nil {
				return err
			}
		}
	}
	return nil
}

func hashOf(parts ...[]byte) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:", len(p))
		h.Write(p)
	}
	return hex.EncodeToString(h.Sum(nil))
}

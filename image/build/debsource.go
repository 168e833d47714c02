package build

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"switchroom/image/packages"
)

//go:embed espeak.sh
var espeakScript []byte

//go:embed opus.sh
var opusScript []byte

// EspeakProgram and EspeakData are where the synthesiser and what it knows of languages are in the
// tree that [Espeak] returns, and on the box.
const (
	EspeakProgram = "usr/bin/espeak-ng"
	EspeakData    = "usr/share/espeak-ng-data"
)

// OpusLibrary is what is in the tree that [Opus] returns.
const OpusLibrary = "usr/lib/x86_64-linux-gnu/libopus.so.0"

// Espeak returns the tree of the speech synthesiser eSpeak NG, with the voices cmn and en-us and no
// others. It is compiled the first time, which takes less than a minute. Debian's own package would
// bring a sound server's and a window system's libraries along. The tree is read-only for callers.
func Espeak(ctx context.Context, store Store, lock *packages.Lock) (string, error) {
	j, err := espeakJob(ctx, store, lock)
	if err != nil {
		return "", err
	}
	return j.run(ctx, store, lock, "")
}

// Opus returns the tree of libopus without the neural networks that conceal lost packets and mend
// what little bandwidth leaves out: they are 3.2 MB of a slot, and nothing in Asterisk switches them
// on. It has the interface of Debian's. It is compiled the first time, which takes a minute. The tree is
// read-only for callers.
func Opus(ctx context.Context, store Store, lock *packages.Lock) (string, error) {
	j, err := opusJob(ctx, store, lock)
	if err != nil {
		return "", err
	}
	return j.run(ctx, store, lock, "")
}

//go:embed vorbis.sh
var vorbisScript []byte

// VorbisLibrary is what is in the tree that [Vorbis] returns.
const VorbisLibrary = "usr/lib/x86_64-linux-gnu/libvorbis.so.0"

// Vorbis returns the tree of libvorbis, which lame asks for by way of libsndfile. Debian's is compiled
// so that it needs a library of vector functions (libmvec), 0.5 MB of a slot, which nothing else does. It is
// compiled the first time. The tree is read-only for callers.
func Vorbis(ctx context.Context, store Store, lock *packages.Lock) (string, error) {
	j, err := vorbisJob(ctx, store, lock)
	if err != nil {
		return "", err
	}
	return j.run(ctx, store, lock, "")
}

func espeakJob(ctx context.Context, store Store, lock *packages.Lock) (*job, error) {
	return debJob(ctx, store, lock, "espeak-ng", job{
		name: "eSpeak NG", slug: "espeak", script: espeakScript, steps: 34,
		check: whole(EspeakProgram, EspeakData+"/phondata", EspeakData+"/cmn_dict", EspeakData+"/en_dict"),
	})
}

func opusJob(ctx context.Context, store Store, lock *packages.Lock) (*job, error) {
	return debJob(ctx, store, lock, "opus", job{name: "Opus", slug: "opus", script: opusScript, steps: 150, check: whole(OpusLibrary)})
}

func vorbisJob(ctx context.Context, store Store, lock *packages.Lock) (*job, error) {
	j, err := debJob(ctx, store, lock, "libvorbis", job{name: "Vorbis", slug: "vorbis", script: vorbisScript, steps: 20, check: whole(VorbisLibrary)})
	if err != nil {
		return nil, err
	}
	var ogg []packages.Package
	for set, name := range map[string]string{"root": "libogg0", "voice": "libogg-dev"} {
		p, err := lock.Package(set, name)
		if err != nil {
			return nil, err
		}
		ogg = append(ogg, p)
	}
	slices.SortFunc(ogg, func(a, b packages.Package) int { return strings.Compare(a.Name, b.Name) })
	for _, p := range ogg {
		j.input([]byte(p.SHA256))
	}
	fetch := j.prepare
	j.prepare = func(work string) error {
		tree, err := store.Tree(ctx, ogg)
		if err != nil {
			return err
		}
		j.binds = append(j.binds, packages.Bind{Host: tree, Guest: "/ogg"})
		return fetch(work)
	}
	return j, nil
}

// debJob completes a job that compiles a Debian source package and needs nothing else.
func debJob(ctx context.Context, store Store, lock *packages.Lock, source string, j job) (*job, error) {
	src, err := lock.Source(source)
	if err != nil {
		return nil, err
	}
	j.input(j.script)
	for _, f := range src.Files {
		j.input([]byte(f.SHA256))
		j.binds = append(j.binds, packages.Bind{Host: store.Blob(f.SHA256), Guest: "/in/" + path.Base(f.Path)})
	}
	j.prepare = func(string) error { return store.FetchFiles(ctx, src.Files) }
	return &j, nil
}

// whole returns a check that these files came out, none of them of a few bytes only.
func whole(names ...string) func(out string) error {
	return func(out string) error {
		for _, name := range names {
			fi, err := os.Stat(filepath.Join(out, name))
			if err != nil {
				return fmt.Errorf("a file did not come out: %w", err)
			}
			if fi.Size() < 10_000 {
				return fmt.Errorf("%s came out with %d bytes", name, fi.Size())
			}
		}
		return nil
	}
}

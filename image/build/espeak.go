package build

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"path"
	"path/filepath"

	"switchroom/image/packages"
)

//go:embed espeak.sh
var espeakScript []byte

// EspeakProgram and EspeakData are where the synthesiser and what it knows of languages are in the
// tree that [Espeak] returns, and on the box.
const (
	EspeakProgram = "usr/bin/espeak-ng"
	EspeakData    = "usr/share/espeak-ng-data"
)

// espeakSteps is how many steps compiling takes; only the progress shown depends on it.
const espeakSteps = 70

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

func espeakJob(ctx context.Context, store Store, lock *packages.Lock) (*job, error) {
	source, err := lock.Source("espeak-ng")
	if err != nil {
		return nil, err
	}
	job := &job{name: "eSpeak NG", slug: "espeak", script: espeakScript, steps: espeakSteps}
	job.input(espeakScript)
	for _, f := range source.Files {
		job.input([]byte(f.SHA256))
		job.binds = append(job.binds, packages.Bind{Host: store.Blob(f.SHA256), Guest: "/in/" + path.Base(f.Path)})
	}
	job.prepare = func(string) error { return store.FetchFiles(ctx, source.Files) }
	job.check = func(out string) error {
		for _, name := range []string{EspeakProgram, EspeakData + "/phondata", EspeakData + "/cmn_dict", EspeakData + "/en_dict"} {
			if fi, err := os.Stat(filepath.Join(out, name)); err != nil || fi.Size() < 10_000 {
				return fmt.Errorf("%s did not come out whole: %w", name, err)
			}
		}
		return nil
	}
	return job, nil
}

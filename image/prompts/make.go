package prompts

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"switchroom/image/build"
	"switchroom/image/packages"
	"switchroom/image/prompts/pcm"
)

//go:embed make.sh
var makeScript []byte

// sources are what the prompts depend on beside the packages: tables, script, arithmetic.
//
//go:embed *.txt make.sh make.go table.go pcm/pcm.go pcm/resample.go pcm/wav.go
var sources embed.FS

// Store is what this package needs of the package store.
type Store interface {
	build.Store
}

// Tree returns a tree with the prompts below [SoundsDir], by language and name. They are made the
// first time that they are asked for. The tree is read-only for callers.
func Tree(ctx context.Context, store Store, lock *packages.Lock) (string, error) {
	espeak, err := build.Espeak(ctx, store, lock)
	if err != nil {
		return "", err
	}
	key, err := inputs(lock, espeak)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(store.Dir(), "build", "prompts-"+key)
	err = store.Once(ctx, dir, func(tmp string) error { return Make(ctx, store, lock, tmp) })
	if err != nil {
		return "", fmt.Errorf("making the prompts: %w", err)
	}
	return dir, nil
}

// inputs returns a hash of all that the prompts depend on. The synthesiser's tree has a name that is
// one of what it was built from.
func inputs(lock *packages.Lock, espeak string) (string, error) {
	h := sha256.New()
	fmt.Fprintln(h, filepath.Base(espeak), runtime.Version())
	set, err := lock.Set("voice")
	if err != nil {
		return "", err
	}
	for _, p := range set {
		fmt.Fprintln(h, p.SHA256)
	}
	err = fs.WalkDir(sources, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := sources.ReadFile(name)
		if err != nil {
			return err
		}
		fmt.Fprintln(h, name, len(b))
		_, err = h.Write(b)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("hashing what prompts are made of: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)[:8]), nil
}

// said is one sound on its way through the sandbox.
type said struct {
	language, text string
	work           string // file below the work folder, without its ending
	target         string // below the tree
}

// Make makes all prompts anew into an empty folder.
func Make(ctx context.Context, store Store, lock *packages.Lock, out string) (err error) {
	espeak, err := build.Espeak(ctx, store, lock)
	if err != nil {
		return err
	}
	box, err := store.Sandbox(ctx, lock, "voice")
	if err != nil {
		return err
	}
	all, err := All()
	if err != nil {
		return fmt.Errorf("the tables of prompts: %w", err)
	}
	work, err := os.MkdirTemp("", "prompts-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	list, err := prepare(all, work, out)
	if err != nil {
		return err
	}
	script := filepath.Join(work, "script")
	if err := os.WriteFile(script, makeScript, 0o644); err != nil {
		return err
	}
	run := func(step string) error {
		_, err := box.Run(ctx, packages.RunOptions{
			Binds: []packages.Bind{{Host: work, Guest: "/work", Writable: true}, {Host: espeak, Guest: "/synth"}},
			// The C library's arithmetic must not depend on the processor.
			Env: []string{"GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX2,-AVX,-FMA,-FMA4,-AVX512F"},
		}, "bash", "/work/script", step)
		return err
	}
	if err := run("say"); err != nil {
		return fmt.Errorf("saying the prompts: %w", err)
	}
	for _, s := range list {
		if err := convert(filepath.Join(work, s.work)); err != nil {
			return fmt.Errorf("the prompt %q: %w", s.text, err)
		}
	}
	if err := run("pack"); err != nil {
		return fmt.Errorf("packing the prompts: %w", err)
	}
	for _, s := range list {
		b, err := os.ReadFile(filepath.Join(work, s.work+".gsm"))
		if err != nil {
			return fmt.Errorf("the prompt %q: %w", s.text, err)
		}
		if len(b) == 0 || len(b)%gsmFrame != 0 {
			return fmt.Errorf("the prompt %q: %d bytes are no GSM frames", s.text, len(b))
		}
		if err := os.WriteFile(filepath.Join(out, s.target), b, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// gsmFrame is how many bytes 20 ms have in GSM 06.10.
const gsmFrame = 33

// folder of a language's prompts, below the tree.
func folder(language string) string {
	if language == English {
		language = EnglishVoice
	}
	return path.Join(SoundsDir, language)
}

// prepare writes the texts into the work folder, makes the tree's folders, and its links from Chinese
// names to English sounds without words.
func prepare(all []Prompt, work, out string) ([]said, error) {
	var list []said
	for _, language := range []string{Chinese, English} {
		if err := os.Mkdir(filepath.Join(work, language), 0o755); err != nil {
			return nil, err
		}
	}
	for i, p := range all {
		if p.Dropped {
			continue
		}
		for language, text := range map[string]string{Chinese: p.Chinese, English: p.English} {
			target := path.Join(folder(language), p.Name+".gsm")
			wordless := language == Chinese && p.Wordless
			if text == "" && !wordless {
				continue
			}
			if err := os.MkdirAll(filepath.Join(out, path.Dir(target)), 0o755); err != nil {
				return nil, err
			}
			if wordless {
				up := strings.Repeat("../", 1+strings.Count(p.Name, "/"))
				if err := os.Symlink(up+EnglishVoice+"/"+p.Name+".gsm", filepath.Join(out, target)); err != nil {
					return nil, err
				}
				continue
			}
			s := said{language: language, text: text, work: fmt.Sprintf("%s/%04d", language, i), target: target}
			if err := os.WriteFile(filepath.Join(work, s.work+".txt"), []byte(text+"\n"), 0o644); err != nil {
				return nil, err
			}
			list = append(list, s)
		}
	}
	slices.SortFunc(list, func(a, b said) int { return strings.Compare(a.target, b.target) })
	return list, nil
}

// The silence that stays around a prompt, in seconds: several are played in a row, and digits must
// not run together.
const (
	lead = 0.03
	tail = 0.08
)

// convert makes of what the synthesiser wrote what the encoder reads.
func convert(name string) error {
	b, err := os.ReadFile(name + ".wav")
	if err != nil {
		return err
	}
	s, err := pcm.ParseWAV(b, pcm.Limits{Seconds: 60, Channels: 1})
	if err != nil {
		return err
	}
	if s, err = s.Resample(pcm.TelephoneRate); err != nil {
		return err
	}
	s.Trim(lead, tail)
	s.Level(pcm.PromptLevels)
	if s.Seconds() < 0.1 || s.Peak() == 0 {
		return errors.New("the synthesiser was silent")
	}
	samples := s.S16()
	for len(samples)%160 != 0 { // whole frames
		samples = append(samples, 0)
	}
	return os.WriteFile(name+".raw", pcm.Raw(samples), 0o644)
}

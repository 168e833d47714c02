package prompts

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"switchroom/image/prompts/pcm"

	builtin "switchroom/image/prompts"
)

// Limits bound uploads and texts.
type Limits struct {
	Bytes   int64         // of an uploaded file
	Seconds float64       // of a sound
	Total   int64         // bytes of all that is stored
	Text    int           // characters of a text
	CPU     time.Duration // of the processor, for each step of a conversion
	Time    time.Duration // of a conversion
}

// DefaultLimits are the box's.
var DefaultLimits = Limits{Bytes: 64 << 20, Seconds: 600, Total: 1 << 30, Text: 2000, CPU: time.Minute, Time: 3 * time.Minute}

// decoded is how many bytes of WAV a sound within the bounds can have: stereo of 48,000 samples of 16
// bits. A WAV that has more was uploaded as it is, within Bytes.
func (l Limits) decoded() int64 { return max(l.Bytes, int64(l.Seconds*48000*4)+1<<16) }

// Config says how a [Store] works. Only Dir is needed.
type Config struct {
	Dir    string
	Limits Limits // the zero value is [DefaultLimits]
	Tools  Tools
	Log    *slog.Logger // nil: nothing is logged
}

// Store is a folder of prompts. Its methods may be called from any number of goroutines; several
// processes may use one folder.
type Store struct {
	dir    string
	limits Limits
	tools  Tools
	log    *slog.Logger
	busy   chan struct{} // has room for one conversion
	apply  sync.Mutex
}

// Languages are the folders of the languages, by the names that the site document has for them.
var Languages = map[string]string{"en": builtin.English, "zh-CN": builtin.Chinese}

const (
	uploads = "uploads"
	said    = "said"
	site    = "site"
	anyone  = "any"
	ending  = ".wav"
)

// forgotten is how old a half-written file must be for nobody to be writing it any more.
const forgotten = 24 * time.Hour

// Open opens a store, makes its folders, and removes what a power cut left half-written.
func Open(c Config) (*Store, error) {
	s := &Store{dir: c.Dir, limits: c.Limits, tools: c.Tools.orDefault(), log: c.Log, busy: make(chan struct{}, 1)}
	if s.limits == (Limits{}) {
		s.limits = DefaultLimits
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	for _, d := range []string{uploads, said, path.Join(anyone, site), path.Join(builtin.English, site), path.Join(builtin.Chinese, site)} {
		if err := os.MkdirAll(filepath.Join(s.dir, d), 0o755); err != nil {
			return nil, fmt.Errorf("the folder of prompts: %w", err)
		}
	}
	err := filepath.WalkDir(s.dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || !strings.HasPrefix(d.Name(), ".") {
			return err
		}
		if fi, err := d.Info(); err == nil && time.Since(fi.ModTime()) > forgotten {
			return os.Remove(p)
		}
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("tidying the folder of prompts: %w", err)
	}
	return s, nil
}

// Info describes a sound that is stored.
type Info struct {
	Name    string    // of the upload, or of the built-in prompt
	Path    string    // of the file, with ".wav"
	Seconds float64   //
	Time    time.Time // when it was stored

	// Of a conversion that was just done; else zero.
	Gain     float64 // dB by which the level was changed
	Clipped  float64 // share of samples at full scale: above a thousandth it was recorded too loud
	Original int     // samples a second
}

var fileName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$`)

// Upload stores what r has as an uploaded file, in the place of one of that name. It takes what may
// be in a site document as a file's name; the format is known by the content. A [*Fault] is for the person it
// comes from.
func (s *Store) Upload(ctx context.Context, name string, r io.Reader) (Info, error) {
	if !fileName.MatchString(name) {
		return Info{}, &Fault{Code: BadName, Value: clip(name)}
	}
	return s.take(ctx, name, s.uploaded(name), r)
}

// Replace stores a recording that takes the place of a built-in prompt in a language of the site
// document.
func (s *Store) Replace(ctx context.Context, language, name string, r io.Reader) (Info, error) {
	p, err := s.replaced(language, name)
	if err != nil {
		return Info{}, err
	}
	return s.take(ctx, name, p, r)
}

// Restore takes back what [Store.Replace] did.
func (s *Store) Restore(language, name string) error {
	p, err := s.replaced(language, name)
	if err != nil {
		return err
	}
	if err := os.Remove(p); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("restoring the prompt %s: %w", name, err)
	}
	return nil
}

func (s *Store) replaced(language, name string) (string, error) {
	folder, ok := Languages[language]
	if !ok {
		return "", &Fault{Code: BadLanguage, Value: clip(language)}
	}
	all, err := builtin.All()
	if err != nil {
		return "", err
	}
	if !slices.ContainsFunc(all, func(p builtin.Prompt) bool { return p.Name == name && p.Has(folder) }) {
		return "", &Fault{Code: BadBuiltIn, Value: clip(name)}
	}
	return filepath.Join(s.dir, folder, filepath.FromSlash(name)+ending), nil
}

func (s *Store) uploaded(name string) string { return filepath.Join(s.dir, uploads, name+ending) }

// Remove removes an uploaded file. One that a prompt of the site plays stays.
func (s *Store) Remove(name string) error {
	if !fileName.MatchString(name) {
		return &Fault{Code: BadName, Value: clip(name)}
	}
	s.apply.Lock()
	defer s.apply.Unlock()
	used, err := s.used()
	if err != nil {
		return err
	}
	if used[path.Join(uploads, name+ending)] {
		return &Fault{Code: InUse, Value: name}
	}
	err = os.Remove(s.uploaded(name))
	if errors.Is(err, fs.ErrNotExist) {
		return &Fault{Code: NoFile, Value: name}
	}
	return err
}

// Uploads lists the uploaded files, by name.
func (s *Store) Uploads() ([]Info, error) {
	return s.list(filepath.Join(s.dir, uploads))
}

// Replacements lists the built-in prompts that a recording stands in for, in a language of the site
// document.
func (s *Store) Replacements(language string) ([]Info, error) {
	folder, ok := Languages[language]
	if !ok {
		return nil, &Fault{Code: BadLanguage, Value: clip(language)}
	}
	return s.list(filepath.Join(s.dir, folder))
}

// list lists the sounds below a folder; links are not sounds, and half-written files have other names.
func (s *Store) list(dir string) ([]Info, error) {
	var all []Info
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || !strings.HasSuffix(p, ending) || strings.HasPrefix(d.Name(), ".") {
			return err
		}
		fi, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, p)
		all = append(all, Info{Name: strings.TrimSuffix(filepath.ToSlash(rel), ending), Path: p, Seconds: lasts(fi.Size()), Time: fi.ModTime()})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listing prompts: %w", err)
	}
	return all, nil
}

// header is how many bytes come before the samples of a file of ours.
const header = 44

func lasts(size int64) float64 { return float64(max(0, size-header)) / 2 / pcm.TelephoneRate }

// take converts what a reader has and stores it.
func (s *Store) take(ctx context.Context, name, to string, r io.Reader) (info Info, err error) {
	f, err := os.CreateTemp(filepath.Join(s.dir, uploads), ".upload-*")
	if err != nil {
		return Info{}, fmt.Errorf("a place for the upload: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	n, err := io.Copy(f, io.LimitReader(&interruptible{ctx, r}, s.limits.Bytes+1))
	switch {
	case err != nil:
		return Info{}, fmt.Errorf("receiving the upload: %w", err)
	case n > s.limits.Bytes:
		return Info{}, &Fault{Code: TooLarge, Limit: megabytes(s.limits.Bytes)}
	}
	start := make([]byte, 12)
	if n, err := f.ReadAt(start, 0); err != nil && !errors.Is(err, io.EOF) {
		return Info{}, err
	} else {
		start = start[:n]
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return Info{}, err
	}
	var decode *order
	switch {
	case looksWAV(start):
	case looksMP3(start):
		o := s.tool(s.tools.Lame, "--quiet", "--decode", "--mp3input", "-", "-")
		decode = &o
	default:
		return Info{}, &Fault{Code: NotSound}
	}
	res, samples, err := s.convert(ctx, f, decode)
	if err != nil {
		return Info{}, err
	}
	info, err = s.store(name, to, samples)
	info.Gain, info.Clipped, info.Original = res.Gain, res.Clipped, res.Rate
	s.log.InfoContext(ctx, "prompt stored", "name", name, "seconds", info.Seconds, "bytes", n, "gain", res.Gain, "clipped", res.Clipped)
	return info, err
}

func looksWAV(b []byte) bool {
	return len(b) >= 12 && string(b[:4]) == "RIFF" && string(b[8:12]) == "WAVE"
}

// looksMP3: a tag, or the eleven bits that begin a frame of layer III.
func looksMP3(b []byte) bool {
	return len(b) >= 3 && string(b[:3]) == "ID3" || len(b) >= 2 && b[0] == 0xff && b[1]&0xe0 == 0xe0 && b[1]&0x06 == 0x02
}

// store writes a sound so that it is whole or not there.
func (s *Store) store(name, to string, samples []int16) (info Info, err error) {
	b := pcm.WAV(pcm.TelephoneRate, samples)
	total, err := s.total()
	if err != nil {
		return Info{}, err
	}
	if total+int64(len(b)) > s.limits.Total {
		return Info{}, &Fault{Code: Full, Limit: megabytes(s.limits.Total)}
	}
	dir := filepath.Dir(to)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return Info{}, fmt.Errorf("storing the prompt %s: %w", name, err)
	}
	f, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return Info{}, fmt.Errorf("storing the prompt %s: %w", name, err)
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), to)
	}
	if err != nil {
		return Info{}, errors.Join(fmt.Errorf("storing the prompt %s: %w", name, err), os.Remove(f.Name()))
	}
	if err := syncDir(dir); err != nil {
		return Info{}, err
	}
	return Info{Name: name, Path: to, Seconds: lasts(int64(len(b))), Time: time.Now()}, nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// total is how many bytes are stored.
func (s *Store) total() (int64, error) {
	sum := int64(0)
	err := filepath.WalkDir(s.dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		if fi, err := d.Info(); err == nil {
			sum += fi.Size()
		}
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("adding up what is stored: %w", err)
	}
	return sum, nil
}

// Say returns a text spoken in a language of the site document. What was said once is kept.
func (s *Store) Say(ctx context.Context, language, text string) (Info, error) {
	folder, ok := Languages[language]
	if !ok {
		return Info{}, &Fault{Code: BadLanguage, Value: clip(language)}
	}
	text = speakable(text)
	switch {
	case !strings.ContainsFunc(text, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }):
		return Info{}, &Fault{Code: NoText}
	case utf8.RuneCountInString(text) > s.limits.Text:
		return Info{}, &Fault{Code: LongText, Limit: fmt.Sprint(s.limits.Text)}
	}
	name := s.saidName(folder, text)
	to := filepath.Join(s.dir, said, name+ending)
	if fi, err := os.Stat(to); err == nil {
		return Info{Name: name, Path: to, Seconds: lasts(fi.Size()), Time: fi.ModTime()}, nil
	}
	r, w, err := os.Pipe()
	if err != nil {
		return Info{}, err
	}
	defer r.Close()
	// A text within the bounds fits into the pipe, so nobody has to be waited for.
	if _, err := w.WriteString(text + "\n"); err != nil {
		return Info{}, errors.Join(err, w.Close())
	}
	if err := w.Close(); err != nil {
		return Info{}, err
	}
	decode := s.tool(s.tools.Espeak, append(slices.Clone(voices[folder]), "--stdin", "--stdout")...)
	_, samples, err := s.convert(ctx, r, &decode)
	var f *Fault
	if errors.As(err, &f) && f.Code == Damaged {
		return Info{}, errors.New("the synthesiser failed") // which is no fault of the text; the log has why
	}
	if err != nil {
		return Info{}, err
	}
	return s.store(name, to, samples)
}

// saidName is a name for what is said.
func (s *Store) saidName(folder, text string) string {
	sum := sha256.Sum256([]byte(strings.Join(append(slices.Clone(voices[folder]), text), "\x00")))
	return folder + "-" + hex.EncodeToString(sum[:12])
}

// speakable leaves out of a text what the synthesiser would take for more than words: control
// characters, and its notation of phonemes in double brackets.
func speakable(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r), unicode.IsControl(r):
			return ' '
		case r == utf8.RuneError, r == '[', r == ']':
			return -1
		}
		return r
	}, text)
	return strings.Join(strings.Fields(text), " ")
}

// clip shortens what a person gave for a message.
func clip(s string) string {
	if r := []rune(strings.ToValidUTF8(s, "?")); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return strings.ToValidUTF8(s, "?")
}

func megabytes(n int64) string { return fmt.Sprintf("%g MB", float64(n)/(1<<20)) }

// interruptible is a reader that ends with a context.
type interruptible struct {
	ctx context.Context
	r   io.Reader
}

func (i *interruptible) Read(p []byte) (int, error) {
	if err := i.ctx.Err(); err != nil {
		return 0, err
	}
	return i.r.Read(p)
}

package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"

	"switchroom/dahdi/tone"
)

// Prompt is the sound of a prompt's file.
type Prompt struct {
	name   string
	part   []float64 // that is looked for
	energy float64
}

// recognised is how much of a prompt is looked for: 0.8 s.
const recognised = 800 * tone.PerMS

// clipped is how much of the beginning of a prompt may be missing: 60 ms.
const clipped = 3 * Frame

// NewPrompt makes a prompt of its samples. What begins with a long silence is recognised by what
// comes after that. A prompt without any sound is an error.
func NewPrompt(name string, samples []int16) (*Prompt, error) {
	p := &Prompt{name: name}
	start := 0
	for ; ; start += Frame {
		if start+Frame > len(samples) {
			return nil, fmt.Errorf("prompt %s: there is no sound in it", name)
		}
		if tone.Level(samples[start:start+Frame]) > -40 {
			break
		}
	}
	// What is played before the answer may lack its beginning: the other side is told of it, and the
	// first packets go nowhere. Of a longer prompt that is no loss.
	if len(samples)-start > 5*clipped {
		start += clipped
	}
	// Asterisk leaves out the last 22 samples of a wav file: as many as its header would have.
	for _, s := range samples[start:max(start+Frame/2, min(len(samples)-Frame, start+recognised))] {
		p.part = append(p.part, float64(s))
		p.energy += float64(s) * float64(s)
	}
	return p, nil
}

// String is the prompt's name.
func (p *Prompt) String() string { return "prompt " + p.name }

// Length is 0.8 s, or less for a shorter prompt.
func (p *Prompt) Length() int { return len(p.part) }

// Is says whether the samples are the prompt's: their correlation, at whatever level they are, is
// above 0.85. Different words stay below 0.5.
func (p *Prompt) Is(samples []int16) bool {
	var product, energy float64
	for i, s := range samples[:len(p.part)] {
		product += float64(s) * p.part[i]
		energy += float64(s) * float64(s)
	}
	return energy > 0 && product/math.Sqrt(energy*p.energy) > 0.85
}

// Library knows prompts by name. It has Asterisk decode their files, with the codecs that it plays
// them with. It may be used from many goroutines, and for many boxes of one image.
type Library struct {
	mu      sync.Mutex
	prompts map[string]*Prompt
	ready   map[*Box]bool // boxes that can decode
}

// NewLibrary returns a library that has looked at nothing yet.
func NewLibrary() *Library { return &Library{prompts: map[string]*Prompt{}, ready: map[*Box]bool{}} }

// Prompt returns the prompt that Asterisk plays for a name such as "digits/8" to a channel of the
// language, "" for the default: the file below sounds/<language>, or below sounds. An absolute name
// is one of the box's files, without its ending.
func (l *Library) Prompt(ctx context.Context, b *Box, language, name string) (*Prompt, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var names []string
	switch {
	case path.IsAbs(name):
		names = []string{name}
	default:
		names = []string{path.Join(SoundsDir, language, name), path.Join(SoundsDir, name)}
	}
	for _, guest := range names {
		if p, ok := l.prompts[guest]; ok {
			return p, nil
		}
		file, err := b.soundFile(guest)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("prompt %s: %w", name, err)
		}
		if !l.ready[b] {
			if _, err := b.manager.Do(ctx, "ModuleLoad", "Module", "res_convert.so", "LoadType", "load"); err != nil {
				return nil, fmt.Errorf("prompt %s: %w", name, err)
			}
			l.ready[b] = true
		}
		samples, err := b.decode(ctx, file)
		if err != nil {
			return nil, fmt.Errorf("prompt %s: %w", name, err)
		}
		p, err := NewPrompt(language+":"+name, samples)
		if err != nil {
			return nil, err
		}
		if !path.IsAbs(name) { // the others are a box's own
			l.prompts[guest] = p
		}
		return p, nil
	}
	return nil, fmt.Errorf("prompt %s: none of %s is a file", name, strings.Join(names, ", "))
}

// endings of sound files, in the order in which Asterisk would have to convert the least.
var endings = []string{".alaw", ".ulaw", ".sln", ".wav", ".gsm", ".g722", ".sln16"}

// soundFile returns the box's name of the file of a prompt, given without its ending.
func (b *Box) soundFile(guest string) (string, error) {
	host := filepath.Join(b.image.tree, guest)
	if own, err := b.Host(guest); err == nil {
		host = own
	}
	for _, e := range endings {
		if _, err := os.Stat(host + e); err == nil {
			return guest + e, nil
		}
	}
	return "", fmt.Errorf("%s: %w", guest, fs.ErrNotExist)
}

// decode has Asterisk convert a sound file, and returns its samples.
func (b *Box) decode(ctx context.Context, guest string) ([]int16, error) {
	const made = "/var/spool/asterisk/tmp/decoded.wav"
	said, err := b.manager.Command(ctx, "file convert "+guest+" "+made)
	if err != nil {
		return nil, err
	}
	host, err := b.Host(made)
	if err != nil {
		return nil, err
	}
	wav, err := os.ReadFile(host)
	if err != nil {
		return nil, fmt.Errorf("%w (Asterisk said %q)", err, said)
	}
	return tone.ReadWAV(bytes.NewReader(wav))
}

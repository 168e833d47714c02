package panel

import (
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// A PIN has that many digits.
const (
	minPIN = 4
	maxPIN = 8
)

// PINs keeps the PIN of the menu.
type PINs interface {
	// Has tells whether there is one.
	Has() (bool, error)
	// Check fails with a PIN that is not it, and with every one for a while
	// after too many of those.
	Check(pin string, now time.Time) error
	// Set makes it the PIN.
	Set(pin string) error
}

const (
	freeGuesses = 5
	firstLock   = 30 * time.Second
	longestLock = 15 * time.Minute
	// rounds make each of the few possible PINs a few milliseconds' work for
	// who has stolen the file: all that can be done for a secret so short. The
	// file's mode is what protects it.
	rounds = 20_000
)

// PINFile is the PIN in a file. Wrong guesses are counted in memory: a restart
// takes longer than what it would save.
type PINFile struct {
	Path string // its directory must exist, and be this user's alone

	mu     sync.Mutex
	wrong  int
	locked time.Time // until when
}

type pinRecord struct {
	Salt   []byte `json:"salt"`
	Hash   []byte `json:"hash"`
	Rounds int    `json:"rounds"`
}

// pinError is one that a person at the panel can make something of.
type pinError string

func (e pinError) Error() string { return string(e) }

// Plain is for a display.
func (e pinError) Plain() string { return string(e) }

// errNoPlace is why nothing can be asked for before the disk is there.
const errNoPlace pinError = "The disk is not ready"

// Has implements PINs.
func (p *PINFile) Has() (bool, error) {
	if _, err := os.Stat(filepath.Dir(p.Path)); errors.Is(err, fs.ErrNotExist) {
		return false, errNoPlace
	}
	_, err := p.read()
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

func (p *PINFile) read() (pinRecord, error) {
	var r pinRecord
	b, err := os.ReadFile(p.Path)
	if err != nil {
		return r, fmt.Errorf("reading the PIN: %w", err)
	}
	if err := json.Unmarshal(b, &r); err != nil {
		return r, fmt.Errorf("reading the PIN: %w", err)
	}
	if len(r.Salt) == 0 || len(r.Hash) != sha256.Size || r.Rounds < 1 {
		return r, errors.New("reading the PIN: the file is damaged")
	}
	return r, nil
}

func (r pinRecord) matches(pin string) (bool, error) {
	h, err := pbkdf2.Key(sha256.New, pin, r.Salt, r.Rounds, sha256.Size)
	return err == nil && subtle.ConstantTimeCompare(h, r.Hash) == 1, err
}

// Check implements PINs.
func (p *PINFile) Check(pin string, now time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if wait := p.locked.Sub(now); wait > 0 {
		return pinError(fmt.Sprintf("Too many tries. Wait %d s", int((wait+time.Second-1)/time.Second)))
	}
	r, err := p.read()
	if err != nil {
		return err
	}
	ok, err := r.matches(pin)
	if err != nil {
		return fmt.Errorf("comparing the PIN: %w", err)
	}
	if ok {
		p.wrong = 0
		return nil
	}
	p.wrong++
	if over := p.wrong - freeGuesses; over >= 0 {
		p.locked = now.Add(min(firstLock<<min(over, 10), longestLock))
	}
	return pinError("Wrong PIN")
}

// Set implements PINs.
func (p *PINFile) Set(pin string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := pinRecord{Salt: make([]byte, 16), Rounds: rounds}
	rand.Read(r.Salt) // never fails: crypto/rand
	var err error
	if r.Hash, err = pbkdf2.Key(sha256.New, pin, r.Salt, r.Rounds, sha256.Size); err != nil {
		return fmt.Errorf("hashing the PIN: %w", err)
	}
	b, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("writing the PIN: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(p.Path), ".pin-*") // mode 0600
	if err != nil {
		return fmt.Errorf("writing the PIN: %w", err)
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), p.Path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("writing the PIN: %w", err), os.Remove(f.Name()))
	}
	p.wrong, p.locked = 0, time.Time{}
	return nil
}

package rescue

import (
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Argument is the kernel's argument that allows the shell.
const Argument = "switchroom.rescue"

const (
	// iterations make a guess take about a tenth of a second on a PC. Three
	// guesses and the serial line's patience bound the rest.
	iterations = 200_000
	saltBytes  = 16
	hashBytes  = 32
	// maxIterations keeps a mistyped argument from making a log-in take hours.
	maxIterations = 10_000_000
	// MinPassword is the least length of a password in bytes.
	MinPassword = 8
)

// Allowance is what the owner put into the kernel's arguments.
type Allowance struct {
	iterations int
	salt, hash []byte
}

// Allow makes the allowance for a password.
func Allow(password string) (Allowance, error) {
	if len(password) < MinPassword {
		return Allowance{}, fmt.Errorf("a password needs at least %d characters", MinPassword)
	}
	a := Allowance{iterations: iterations, salt: make([]byte, saltBytes)}
	if _, err := rand.Read(a.salt); err != nil {
		return Allowance{}, fmt.Errorf("making a salt: %w", err)
	}
	var err error
	a.hash, err = pbkdf2.Key(sha256.New, password, a.salt, a.iterations, hashBytes)
	if err != nil {
		return Allowance{}, fmt.Errorf("hashing the password: %w", err)
	}
	return a, nil
}

// String is the kernel's argument.
func (a Allowance) String() string {
	return fmt.Sprintf("%s=%d.%x.%x", Argument, a.iterations, a.salt, a.hash)
}

// ErrNotAllowed says that the owner has not allowed the shell.
var ErrNotAllowed = errors.New("the owner has not allowed a shell")

// FindAllowance looks for the argument in a kernel's command line.
// [ErrNotAllowed] is returned if it isn't there.
func FindAllowance(cmdline string) (Allowance, error) {
	for word := range strings.FieldsSeq(cmdline) {
		if value, ok := strings.CutPrefix(word, Argument+"="); ok {
			return parse(value)
		}
	}
	return Allowance{}, ErrNotAllowed
}

func parse(value string) (a Allowance, err error) {
	parts := strings.Split(value, ".")
	if len(parts) != 3 {
		return a, fmt.Errorf("the argument %s has %d parts, not 3", Argument, len(parts))
	}
	a.iterations, err = strconv.Atoi(parts[0])
	if err != nil || a.iterations < 1000 || a.iterations > maxIterations {
		return a, fmt.Errorf("the argument %s: %q is no number of iterations", Argument, parts[0])
	}
	a.salt, err = hex.DecodeString(parts[1])
	if err != nil || len(a.salt) != saltBytes {
		return a, fmt.Errorf("the argument %s: %q is no salt", Argument, parts[1])
	}
	a.hash, err = hex.DecodeString(parts[2])
	if err != nil || len(a.hash) != hashBytes {
		return a, fmt.Errorf("the argument %s: %q is no hash", Argument, parts[2])
	}
	return a, nil
}

// Admits tells whether this is the password.
func (a Allowance) Admits(password string) bool {
	hash, err := pbkdf2.Key(sha256.New, password, a.salt, a.iterations, hashBytes)
	return err == nil && subtle.ConstantTimeCompare(hash, a.hash) == 1
}

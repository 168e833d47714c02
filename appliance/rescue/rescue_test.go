package rescue

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
)

func TestAllowance(t *testing.T) {
	a, err := Allow("open sesame")
	if err != nil {
		t.Fatal(err)
	}
	found, err := FindAllowance("switchroom.slot=a quiet " + a.String() + " panic=5")
	if err != nil {
		t.Fatal(err)
	}
	if !found.Admits("open sesame") {
		t.Error("the right password is refused")
	}
	for _, wrong := range []string{"", "open sesame ", "Open sesame", a.String()} {
		if found.Admits(wrong) {
			t.Errorf("%q is let in", wrong)
		}
	}
	if b, err := Allow("open sesame"); err != nil || b.String() == a.String() {
		t.Errorf("the same password gave the same argument twice (%v)", err)
	}
}

// Computed with Python's hashlib.pbkdf2_hmac: what was allowed by one version
// must open the shell of another.
func TestKnownAllowance(t *testing.T) {
	a, err := FindAllowance("switchroom.rescue=1000.000102030405060708090a0b0c0d0e0f.c914cc4f06cc6e8f46d157e3a1b5aa7abceebb17bb0444cd4c4ac16ca2ae9864")
	if err != nil {
		t.Fatal(err)
	}
	if !a.Admits("correct horse") {
		t.Error("the right password is refused")
	}
}

func TestNothingIsAllowedByMistake(t *testing.T) {
	for _, cmdline := range []string{"", "quiet", "switchroom.rescue", "xswitchroom.rescue=1", "switchroom.rescued=1"} {
		if _, err := FindAllowance(cmdline); !errors.Is(err, ErrNotAllowed) {
			t.Errorf("%q: %v", cmdline, err)
		}
	}
	salt, hash := strings.Repeat("00", saltBytes), strings.Repeat("00", hashBytes)
	for _, value := range []string{"", "1", "1000..", "1000." + salt + ".", "1000." + salt + ".00", "1." + salt + "." + hash,
		"99999999999." + salt + "." + hash, "1000.xx." + hash, "1000." + salt + "." + hash + ".0"} {
		if a, err := FindAllowance("switchroom.rescue=" + value); err == nil {
			t.Errorf("%q was taken for %v", value, a)
		}
	}
	if _, err := Allow("short"); err == nil {
		t.Error("a short password was taken")
	}
}

func TestLogIn(t *testing.T) {
	a := Allowance{iterations: 1000, salt: make([]byte, saltBytes)}
	synctest.Test(t, func(t *testing.T) {
		if err := logIn(t.Context(), a, io.Discard, func() (string, error) { return "guess", nil }); !errors.Is(err, errWrong) {
			t.Errorf("guessing: %v", err)
		}
		if err := logIn(t.Context(), a, io.Discard, func() (string, error) { return "", io.EOF }); !errors.Is(err, io.EOF) {
			t.Errorf("a line that hangs up: %v", err)
		}
	})
	a, err := Allow("open sesame")
	if err != nil {
		t.Fatal(err)
	}
	answers := []string{"wrong", "open sesame"}
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		err := logIn(t.Context(), a, &out, func() (string, error) {
			next := answers[0]
			answers = answers[1:]
			return next, nil
		})
		if err != nil || !strings.Contains(out.String(), "That is not it") {
			t.Errorf("the second guess was right: %v\n%s", err, out.String())
		}
	})
}

package ioctl

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"switchroom/dahdi"
)

// TestEncodeZone: byte for byte what libtonezone 3.4.0 gives the driver; see
// the test of the zones for where the digests come from.
func TestEncodeZone(t *testing.T) {
	for country, want := range map[string]string{
		"cn": "9d80db258e3f41dc55d0686516317fc0937df905dd2b36dca87d920f8d0fe123",
		"us": "cfa0f8960c8d940956612e23aa65506e8ec0974fed7f8cb10856ffbffb879cac",
	} {
		z, err := dahdi.ZoneFor(country)
		if err != nil {
			t.Fatal(err)
		}
		b, err := encodeZone(z)
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != want {
			t.Errorf("zone %s: %x; want %s", country, sum, want)
		}
	}
	if _, err := encodeZone(dahdi.Zone{Name: strings.Repeat("x", 40)}); err == nil {
		t.Error("a name that leaves no room for its end was accepted")
	}
}

// TestCapabilities has the numbers that the driver gave in a guest.
func TestCapabilities(t *testing.T) {
	for _, c := range []struct {
		bits uint32
		kind dahdi.Kind
	}{{20728, dahdi.KindFXS}, {DAHDI_SIG_FXSKS | DAHDI_SIG_FXSLS | DAHDI_SIG_SF | DAHDI_SIG_CLEAR, dahdi.KindFXO}, {0, dahdi.KindNone},
		{DAHDI_SIG_EM | DAHDI_SIG_CLEAR, dahdi.KindOther}, {1 << 25, dahdi.KindOther}} {
		if got := dahdi.KindOf(capabilities(c.bits)); got != c.kind {
			t.Errorf("%#x can %v, which is %s; want %s", c.bits, capabilities(c.bits), got, c.kind)
		}
	}
	for _, e := range signallings {
		if bits, ok := signallingBits(e.name); !ok || signallingOf(bits) != e.name {
			t.Errorf("%s does not come back from its number", e.name)
		}
	}
	if s := signallingOf(DAHDI_SIG_NONE); s != dahdi.SigNone {
		t.Errorf("no signalling is called %s", s)
	}
	if got := alarms(DAHDI_ALARM_RED | DAHDI_ALARM_RECOVER); !slices.Equal(got, []dahdi.Alarm{dahdi.AlarmRed, dahdi.AlarmRecovering}) {
		t.Errorf("alarms: %v", got)
	}
}

func TestParseSpan(t *testing.T) {
	const proc = "Span 1: WCTDM/0 \"Wildcard TDM2400P\" (MASTER) \n\tIRQ misses: 3\n\n" +
		"\t   1 WCTDM/0/0 FXOKS (In use) (EC: MG2 - INACTIVE) \n\t   2 WCTDM/0/1 FXSKS RED \n\t  13 WCTDM/0/12 Reserved \n"
	used := parseSpan([]byte(proc))
	if len(used) != 3 || !used[1] || used[2] || used[13] {
		t.Errorf("in use: %v; want 1 of 1, 2 and 13", used)
	}
}

func TestOpenWithoutDriver(t *testing.T) {
	if _, err := Open(t.TempDir()); !errors.Is(err, dahdi.ErrNoDriver) {
		t.Errorf("Open: %v; want %v", err, dahdi.ErrNoDriver)
	}
	// A file that is no device answers no ioctl.
	root := t.TempDir()
	if err := errors.Join(os.MkdirAll(filepath.Join(root, "dev/dahdi"), 0o755), os.WriteFile(filepath.Join(root, "dev/dahdi/ctl"), nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	c, err := Open(root)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Version(); err == nil {
		t.Error("a plain file has a version")
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if err := c.Close(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("closing again: %v; want %v", err, os.ErrClosed)
	}
	if _, err := c.Params(1); !errors.Is(err, os.ErrClosed) {
		t.Errorf("after Close: %v; want %v", err, os.ErrClosed)
	}
}

package unit

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Infinity is a time-out that never comes.
const Infinity = time.Duration(math.MaxInt64)

// parseDuration reads systemd's time spans (systemd.time(7)): "5min 20s",
// "100ms", "1.5h", a plain number of seconds, "infinity".
func parseDuration(s string) (time.Duration, error) {
	if s == "infinity" {
		return Infinity, nil
	}
	units := map[string]time.Duration{
		"": time.Second, "s": time.Second, "sec": time.Second, "second": time.Second, "seconds": time.Second,
		"us": time.Microsecond, "usec": time.Microsecond, "µs": time.Microsecond,
		"ms": time.Millisecond, "msec": time.Millisecond,
		"m": time.Minute, "min": time.Minute, "minute": time.Minute, "minutes": time.Minute,
		"h": time.Hour, "hr": time.Hour, "hour": time.Hour, "hours": time.Hour,
		"d": 24 * time.Hour, "day": 24 * time.Hour, "days": 24 * time.Hour,
		"w": 7 * 24 * time.Hour, "week": 7 * 24 * time.Hour, "weeks": 7 * 24 * time.Hour,
	}
	rest := strings.TrimSpace(s)
	if rest == "" {
		return 0, fmt.Errorf("no time span")
	}
	var total float64
	for rest != "" {
		end := strings.IndexFunc(rest, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
		if end < 0 {
			end = len(rest)
		}
		number := rest[:end]
		rest = strings.TrimLeft(rest[end:], " ")
		end = strings.IndexFunc(rest, func(r rune) bool { return r >= '0' && r <= '9' || r == ' ' || r == '.' })
		if end < 0 {
			end = len(rest)
		}
		name := rest[:end]
		rest = strings.TrimLeft(rest[end:], " ")
		value, err := strconv.ParseFloat(number, 64)
		unit, ok := units[name]
		if err != nil || !ok {
			return 0, fmt.Errorf("%q is not a time span", s)
		}
		total += value * float64(unit)
	}
	if total >= math.MaxInt64 {
		return 0, fmt.Errorf("%q is longer than any time span", s)
	}
	return time.Duration(math.Round(total)), nil
}

// parseSize reads a number of bytes with systemd's suffixes to the base 1024,
// or "infinity", which is math.MaxUint64.
func parseSize(s string) (uint64, error) {
	if s == "infinity" {
		return math.MaxUint64, nil
	}
	number, shift := s, 0
	if s != "" {
		if i := strings.IndexByte("BKMGT", s[len(s)-1]); i >= 0 {
			number, shift = s[:len(s)-1], 10*i
		}
	}
	v, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not a size (a number with K, M, G or T, or infinity)", s)
	}
	if v > math.MaxUint64>>shift {
		return 0, fmt.Errorf("%q is more than 64 bits hold", s)
	}
	return v << shift, nil
}

func parseBool(s string) (bool, error) {
	switch strings.ToLower(s) {
	case "yes", "true", "on", "1", "y", "t":
		return true, nil
	case "no", "false", "off", "0", "n", "f":
		return false, nil
	}
	return false, fmt.Errorf("%q is neither yes nor no", s)
}

func parseMode(s string) (uint32, error) {
	v, err := strconv.ParseUint(s, 8, 12)
	if err != nil {
		return 0, fmt.Errorf("%q is not an octal mode", s)
	}
	return uint32(v), nil
}

func parseInt(s string, low, high int) (int, error) {
	v, err := strconv.Atoi(s)
	if err != nil || v < low || v > high {
		return 0, fmt.Errorf("%q is not a number from %d to %d", s, low, high)
	}
	return v, nil
}

// parseLimit reads "n", "soft:hard" or "infinity" of setrlimit(2).
func parseLimit(s string) (*Limit, error) {
	one := func(s string) (uint64, error) {
		if s == "infinity" {
			return math.MaxUint64, nil
		}
		v, err := strconv.ParseUint(s, 10, 63)
		if err != nil {
			return 0, fmt.Errorf("%q is not a limit", s)
		}
		return v, nil
	}
	softText, hardText, two := strings.Cut(s, ":")
	if !two {
		hardText = softText
	}
	soft, err := one(softText)
	if err != nil {
		return nil, err
	}
	hard, err := one(hardText)
	if err != nil {
		return nil, err
	}
	if soft > hard {
		return nil, fmt.Errorf("soft limit %d above the hard one, %d", soft, hard)
	}
	return &Limit{Soft: soft, Hard: hard}, nil
}

func parseSignal(s string) (syscall.Signal, error) {
	name := s
	if !strings.HasPrefix(name, "SIG") {
		name = "SIG" + name
	}
	if sig := unix.SignalNum(name); sig != 0 {
		return sig, nil
	}
	if v, err := strconv.Atoi(s); err == nil && v > 0 && v <= 64 {
		return syscall.Signal(v), nil
	}
	return 0, fmt.Errorf("%q is not a signal", s)
}

// checkName refuses what is no plain user, group or directory name.
func checkName(s string) error {
	for _, r := range s {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '_', r == '-', r == '.':
		default:
			return fmt.Errorf("%q: character %q is not for names", s, r)
		}
	}
	if s == "" || len(s) > 64 || s[0] == '-' || s[0] == '.' {
		return fmt.Errorf("%q is not a name", s)
	}
	return nil
}

// checkDirectory accepts "a" and "a/b": relative, and nothing that climbs.
func checkDirectory(s string) error {
	for part := range strings.SplitSeq(s, "/") {
		if err := checkName(part); err != nil {
			return err
		}
	}
	return nil
}

// checkPath accepts an absolute path without dots.
func checkPath(s string) error {
	if !strings.HasPrefix(s, "/") || len(s) > 1024 {
		return fmt.Errorf("%q is not an absolute path", s)
	}
	for part := range strings.SplitSeq(s[1:], "/") {
		if s != "/" && (part == "" || part == "." || part == "..") {
			return fmt.Errorf("%q is not a clean path", s)
		}
	}
	return nil
}

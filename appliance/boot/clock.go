package boot

import (
	"os"
	"runtime/debug"
	"time"

	"golang.org/x/sys/unix"
)

// clock sets the system's clock forward if it stands at a time that has
// surely passed: a machine whose battery is empty begins in 1970 or at its
// BIOS's date, and certificates, records and logs would be worthless. The
// kernel itself has set the clock from the RTC already.
func (s *System) clock(earliest time.Time) {
	if earliest.IsZero() {
		earliest = BuildTime()
	}
	s.notBefore(earliest, "the firmware's own date")
}

// notBefore sets the clock forward to t if it stands before it.
func (s *System) notBefore(t time.Time, why string) {
	if t.IsZero() || !time.Now().Before(t) {
		return
	}
	tv := unix.NsecToTimeval(t.UnixNano())
	was := time.Now()
	if err := unix.Settimeofday(&tv); err != nil {
		s.problem("the clock stands at %s and cannot be set: %v", was.UTC().Format(time.RFC3339), err)
		return
	}
	s.problem("the clock stood at %s, before %s: set to %s; is the battery empty?",
		was.UTC().Format(time.RFC3339), why, t.UTC().Format(time.RFC3339))
}

// BuildTime is the date of the sources the running binary was built from;
// zero if the binary does not say.
func BuildTime() time.Time {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return time.Time{}
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.time" {
			if t, err := time.Parse(time.RFC3339, s.Value); err == nil {
				return t
			}
		}
	}
	return time.Time{}
}

// lastTimeFile's modification time is when the box last ran, as far as it
// knows.
const lastTimeFile = "/data/.last-time"

// rememberTime notes the present time for the next boot.
func rememberTime() error {
	f, err := os.OpenFile(lastTimeFile, os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	now := time.Now()
	return os.Chtimes(lastTimeFile, now, now)
}

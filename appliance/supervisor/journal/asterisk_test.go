package journal

import "testing"

func TestAsterisksLevels(t *testing.T) {
	for _, c := range []struct {
		line  string
		level Level
		text  string
	}{
		{"[2026-11-22 19:10:30.688] WARNING[1]: chan_dahdi.c:4420 dahdi_open: no", Warning, "WARNING[1]: chan_dahdi.c:4420 dahdi_open: no"},
		{"[2026-11-22 19:10:30.688] ERROR[31]: a", Error, "ERROR[31]: a"},
		{"[2026-11-22 19:10:30.688] NOTICE[1][C-00000001]: a", Notice, "NOTICE[1][C-00000001]: a"},
		{"[note] WARNINGS: a", Info, "[note] WARNINGS: a"},
		{"[", Info, "["},
	} {
		if level, text := parseLine([]byte(c.line)); level != c.level || text != c.text {
			t.Errorf("%q: %v %q, want %v %q", c.line, level, text, c.level, c.text)
		}
	}
}

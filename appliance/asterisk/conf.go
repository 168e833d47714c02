package asterisk

import (
	"bytes"
	"slices"
	"strings"
)

// A section is a part of one of Asterisk's configuration files, without
// comments: its heading with what stands in parentheses behind it, and its
// lines with the space around them taken away.
type section struct {
	name  string
	lines []string
}

// sectionsOf reads a file. What stands before the first heading is a section
// without a name.
func sectionsOf(data []byte) []section {
	out := []section{{}}
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(withoutComment(line))
		switch {
		case line == "":
		case strings.HasPrefix(line, "["):
			out = append(out, section{name: line})
		default:
			last := &out[len(out)-1]
			last.lines = append(last.lines, line)
		}
	}
	if len(out[0].lines) == 0 {
		out = out[1:]
	}
	return out
}

// withoutComment cuts a line at the first semicolon that has no backslash
// before it.
func withoutComment(line string) string {
	for i := 0; i < len(line); i++ {
		if line[i] == ';' && (i == 0 || line[i-1] != '\\') {
			return line[:i]
		}
	}
	return line
}

// setting splits a line into key and value; `=>` is as good as `=`.
func setting(line string) (key, value string) {
	key, value, _ = strings.Cut(line, "=")
	return strings.ToLower(strings.TrimSpace(key)), strings.TrimSpace(strings.TrimPrefix(value, ">"))
}

// sameMeaning tells whether two files differ in comments and space alone.
func sameMeaning(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	return (a == nil) == (b == nil) && slices.EqualFunc(sectionsOf(a), sectionsOf(b), func(x, y section) bool {
		return x.name == y.name && slices.Equal(x.lines, y.lines)
	})
}

// modulesOf are the modules that modules.conf loads, in its order.
func modulesOf(data []byte) []string {
	var out []string
	for _, s := range sectionsOf(data) {
		for _, l := range s.lines {
			if k, v := setting(l); k == "load" || k == "preload" || k == "require" {
				out = append(out, v)
			}
		}
	}
	return out
}

// transports are the sections of pjsip.conf that Asterisk reads once, as one
// text: the transports, and the system's settings.
func transports(data []byte) string {
	var b strings.Builder
	for _, s := range sectionsOf(data) {
		once, again := false, false
		for _, l := range s.lines {
			switch k, v := setting(l); {
			case k == "type":
				once = v == "transport" || v == "system"
			case k == "allow_reload":
				again = v == "yes" || v == "true"
			}
		}
		if once && !again {
			b.WriteString(s.name + "\n" + strings.Join(s.lines, "\n") + "\n")
		}
	}
	return b.String()
}

// fixedSettings are the settings of chan_dahdi.conf that Asterisk ignores when
// it reads the file anew: the channels themselves, and those of a channel's
// settings that process_dahdi of chan_dahdi.c takes when it is not a reload
// and that an analog card has.
var fixedSettings = []string{"channel", "dahdichan", "signalling", "signaling", "outsignalling", "cadence", "ringtimeout",
	"prewink", "preflash", "wink", "flash", "start", "rxwink", "rxflash", "debounce", "toneduration", "mwilevel", "dtmfcidlevel",
	"reportalarms"}

// portSetup is what chan_dahdi.conf says that only setting up the channels
// anew brings into force, as one text: for each channel, what holds for it.
func portSetup(data []byte) string {
	var b strings.Builder
	for _, s := range sectionsOf(data) {
		holds := map[string]string{}
		for _, l := range s.lines {
			k, v := setting(l)
			if !slices.Contains(fixedSettings, k) {
				continue
			}
			if k == "channel" || k == "dahdichan" {
				b.WriteString(k + " " + v)
				for _, name := range fixedSettings {
					if held, ok := holds[name]; ok {
						b.WriteString(" " + name + "=" + held)
					}
				}
				b.WriteString("\n")
				continue
			}
			holds[k] = v
		}
	}
	return b.String()
}

package boot

import (
	"os"
	"strings"
)

// readHostname reads the box's name from a file. A name that is none is
// left out: the box has one already.
func readHostname(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	name := strings.TrimSpace(string(b))
	if !validHostname(name) {
		return ""
	}
	return name
}

// validHostname reports whether this is one label of a host name, by
// RFC 1123, 2.1.
func validHostname(s string) bool {
	if s == "" || len(s) > 63 || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for _, c := range s {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-':
		default:
			return false
		}
	}
	return true
}

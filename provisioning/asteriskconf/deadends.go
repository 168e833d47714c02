package asteriskconf

import (
	"slices"
	"strings"
)

// alphabet is what a telephone can dial.
const alphabet = "0123456789*#"

// maxDeadEnds bounds what deadEnds gives.
const maxDeadEnds = 4000

// deadEnds gives patterns for everything that can be dialled but that nothing
// in patterns begins with: each ends with the first digit that makes the number
// impossible, and with !, so that it matches whatever follows, and waits for
// none of it. A number that can still become one of patterns has no dead end:
// Asterisk waits for its next digit, and gives up by itself.
//
// A catch-all would be simpler, but then every beginning of a number would be
// a number, and would be waited for only as long as for one that is complete.
func deadEnds(patterns []string) []string {
	var start state
	for _, p := range slices.Compact(slices.Sorted(slices.Values(patterns))) {
		start = append(start, classes(p))
	}
	var out []string
	var walk func(prefix string, s state)
	walk = func(prefix string, s state) {
		if len(out) > maxDeadEnds {
			return
		}
		dead := ""
		// Digits that lead to the same place share a pattern.
		var order []string
		by := map[string]string{}
		next := map[string]state{}
		for _, c := range alphabet {
			n, open := s.after(byte(c))
			if open {
				continue // "any more digits": nothing is impossible
			}
			if len(n) == 0 {
				if !s.endsWith(byte(c)) {
					dead += string(c)
					continue
				}
			}
			key := n.key()
			if _, seen := by[key]; !seen {
				order = append(order, key)
			}
			by[key] += string(c)
			next[key] = n
		}
		if dead != "" {
			out = append(out, "_"+prefix+class(dead)+"!")
		}
		for _, key := range order {
			// What is complete needs no dead end behind it: it is dialled at once.
			// And a pattern there would make Asterisk wait for more.
			if n := next[key]; len(n) > 0 {
				walk(prefix+class(by[key]), n)
			}
		}
	}
	walk("", start)
	if len(out) > maxDeadEnds {
		return []string{"_" + class(alphabet) + "!"}
	}
	return out
}

// state is what may follow: for every pattern the classes of its next digits.
// An empty class stands for any number of any digits.
type state [][]string

// after is the state after one more digit, of the patterns that are not
// complete with it; open if one of them takes whatever follows.
func (s state) after(c byte) (out state, open bool) {
	for _, p := range s {
		switch {
		case len(p) == 0:
		case p[0] == "":
			return nil, true
		case strings.IndexByte(p[0], c) >= 0:
			if len(p) > 1 && p[1] == "" {
				return nil, true
			}
			out = append(out, p[1:])
		}
	}
	// What is complete takes part no more, unless something else goes on.
	return slices.DeleteFunc(out, func(p []string) bool { return len(p) == 0 }), false
}

// endsWith reports whether a pattern is complete with this digit.
func (s state) endsWith(c byte) bool {
	return slices.ContainsFunc(s, func(p []string) bool { return len(p) == 1 && strings.IndexByte(p[0], c) >= 0 })
}

func (s state) key() string {
	var b strings.Builder
	for _, p := range s {
		b.WriteString(strings.Join(p, " "))
		b.WriteByte('\n')
	}
	return b.String()
}

// classes are the digits that each place of a pattern takes.
func classes(pattern string) []string {
	var out []string
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; c {
		case 'X':
			out = append(out, "0123456789")
		case 'Z':
			out = append(out, "123456789")
		case 'N':
			out = append(out, "23456789")
		case '.':
			return append(out, alphabet, "")
		case '!':
			return append(out, "")
		case '[':
			end := strings.IndexByte(pattern[i:], ']') + i
			out = append(out, expand(pattern[i+1:end]))
			i = end
		default:
			out = append(out, string(c))
		}
	}
	return out
}

// expand makes 1-35 into 1235.
func expand(set string) string {
	var out []byte
	for i := 0; i < len(set); i++ {
		if i+2 < len(set) && set[i+1] == '-' {
			for c := set[i]; c <= set[i+2]; c++ {
				out = append(out, c)
			}
			i += 2
			continue
		}
		out = append(out, set[i])
	}
	return string(out)
}

// class is how a pattern says "one of these".
func class(digits string) string {
	switch digits {
	case "0123456789":
		return "X"
	case "123456789":
		return "Z"
	case "23456789":
		return "N"
	}
	if len(digits) == 1 {
		return digits
	}
	return "[" + digits + "]"
}

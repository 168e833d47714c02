// Package numbers knows how telephone numbers are written and dialled in the
// countries of the site document: what a number is, whom it reaches, what it
// may cost, and how one number that is written in many ways becomes one.
//
// The same tables are used by Go ([Plan.Normalise], [Plan.Kind]) and by the
// dial plan, so the two can't differ. They are lists of [Match] patterns of
// which the first that matches counts.
//
// # The normal form
//
// A number is normal when it is written as it is dialled within the country,
// from any area: 13800138000, 01087654321, 4008001234, 10086 in China; for
// another country with the international prefix, 0014155550100. So whatever is
// in a record can be called back over a line. In North America it is the ten
// digits without the 1.
//
// The plans are those that the countries' administrations have communicated to
// the ITU (E.129, "presentation of national numbering plans"), kept to what a
// private exchange has to decide. What they don't know is premium: the dearest.
package numbers

import (
	"slices"
	"strings"
)

// The kinds of numbers.
const (
	Emergency     = "emergency"     // always gets through
	Local         = "local"         // in the same area
	National      = "national"      // in the same country
	Mobile        = "mobile"        // in the same country
	TollFree      = "tollfree"      // the called pays, or both do (China's 400)
	Service       = "service"       // short numbers: time, directory, an operator's desk
	International = "international" // another country
	Premium       = "premium"       // at a higher price, or unknown
)

// Kind says what numbers of a pattern are.
type Kind struct{ Pattern, Kind string }

// Rewrite says what is done with numbers of a pattern: Strip characters are
// taken away from the front, then Prepend is put there.
type Rewrite struct {
	Pattern string
	Strip   int
	Prepend string
}

// Plan is a country's numbering plan, seen from one of its areas.
type Plan struct {
	Code          string   // the country code, without +
	Trunk         string   // the prefix for another area within the country; may be empty
	International string   // the prefix for another country
	Emergency     []string // the numbers of the emergency services
	// Kinds are of what is dialled on a line. The last one matches everything.
	Kinds []Kind
	// Rewrites make a number normal that has nothing but digits and perhaps a +
	// in front. What none matches is normal already.
	Rewrites []Rewrite
}

// Of gives the plan of a country, by its ISO 3166 code in lower case, for an
// area, by its code with or without the trunk prefix; the area may be empty.
// For a country that isn't known it is that of one without any rule.
func Of(country, area string) Plan {
	c := countries[country]
	p := Plan{Code: c.code, Trunk: c.trunk, International: c.international, Emergency: c.emergency}
	if c.trunk != "" {
		area = strings.TrimPrefix(area, c.trunk)
	}
	home := area
	if c.length > 0 && area != "" {
		c.local = slices.DeleteFunc(slices.Clone(c.local), func(l string) bool { return len(area)+places(l) != c.length })
	}
	add := func(kind string, patterns ...string) {
		for _, pattern := range patterns {
			p.Kinds = append(p.Kinds, Kind{pattern, kind})
		}
	}
	add(Emergency, c.emergency...)
	if c.international != "" {
		if c.international == "011" || c.international == "00" { // the country itself, dialled from abroad
			add(National, c.international+c.code+".")
		}
		add(International, c.international+".")
		add(National, "+"+c.code+".")
	}
	add(International, "+.")
	for _, k := range c.kinds {
		if k.Kind == National && area != "" { // what is dearer in the own area stands before
			for _, l := range c.local {
				add(Local, c.trunk+area+l)
				if c.normalTrunk() != c.trunk {
					add(Local, c.normalTrunk()+area+l)
				}
			}
			area = ""
		}
		p.Kinds = append(p.Kinds, k)
	}
	add(Local, c.local...)
	add(Premium, "!")

	// Written for abroad, with the plus or the prefix.
	for _, from := range []string{"+" + c.code, c.international + c.code} {
		if c.code == "" {
			break
		}
		for _, bare := range c.bare { // numbers without a trunk prefix
			p.Rewrites = append(p.Rewrites, Rewrite{from + bare, len(from), ""}, Rewrite{from + "0" + bare, len(from) + 1, ""})
		}
		if c.trunk == "0" { // +86 (0)10 …: the 0 is not taken away by everybody
			p.Rewrites = append(p.Rewrites, Rewrite{from + "0[1-9].", len(from), ""})
		}
		rest := "."
		if c.length > 0 { // what is too short would be taken for a local number
			rest = "Z" + strings.Repeat("X", c.length-1)
		}
		p.Rewrites = append(p.Rewrites, Rewrite{from + rest, len(from), c.normalTrunk()})
	}
	p.Rewrites = append(p.Rewrites, Rewrite{"+.", 1, c.international})
	if c.international != "" {
		p.Rewrites = append(p.Rewrites, Rewrite{c.international + ".", 0, ""})
	}
	p.Rewrites = append(p.Rewrites, c.rewrites...)
	if home != "" {
		for _, l := range c.local {
			p.Rewrites = append(p.Rewrites, Rewrite{l, 0, c.normalTrunk() + home})
		}
	}
	return p
}

// normalTrunk is the trunk prefix of the normal form.
func (c country) normalTrunk() string {
	if c.code == "1" {
		return ""
	}
	return c.trunk
}

// Normalise gives the normal form of a number as anyone would write it: with
// spaces, brackets, hyphens, a plus, or prefixes. It is empty for what has no
// digits, such as "anonymous".
func (p Plan) Normalise(number string) string {
	number = Clean(number)
	for _, r := range p.Rewrites {
		if Match(r.Pattern, number) {
			return r.Prepend + number[r.Strip:]
		}
	}
	return number
}

// Clean leaves of a number its digits, and a + in front of them. What follows
// the digits and begins with a letter, as in "12345678 ext. 12", is no part of
// the number; what has a letter in front has none.
func Clean(number string) string {
	var b strings.Builder
	for _, r := range number {
		switch {
		case r >= '0' && r <= '9':
			b.WriteRune(r)
		case r >= '０' && r <= '９': // as Chinese input methods write them
			b.WriteRune(r - '０' + '0')
		case (r == '+' || r == '＋') && b.Len() == 0:
			b.WriteByte('+')
		case r == ' ', r == '-', r == '(', r == ')', r == '.', r == '/', r == '+', r == '\u00a0', r == '（', r == '）', r == '－':
		default:
			return strings.TrimSuffix(b.String(), "+")
		}
	}
	if b.String() == "+" {
		return ""
	}
	return b.String()
}

// Kind tells what a number is, as it is dialled on a line.
func (p Plan) Kind(dialled string) string {
	for _, k := range p.Kinds {
		if Match(k.Pattern, dialled) {
			return k.Kind
		}
	}
	return Premium
}

// Match reports whether a number has a pattern: digits, * # and + as they are,
// X for 0 to 9, Z for 1 to 9, N for 2 to 9, [1-57] for one of these; at the end
// . for one or more of anything, ! for any number of anything.
func Match(pattern, number string) bool {
	for pattern != "" {
		switch pattern {
		case ".":
			return number != ""
		case "!":
			return true
		}
		if number == "" {
			return false
		}
		class, rest := next(pattern)
		if !strings.Contains(class, number[:1]) {
			return false
		}
		pattern, number = rest, number[1:]
	}
	return number == ""
}

// next is what the first place of a pattern matches, and the pattern behind it.
func next(pattern string) (class, rest string) {
	const digits = "0123456789"
	switch pattern[0] {
	case 'X':
		return digits, pattern[1:]
	case 'Z':
		return digits[1:], pattern[1:]
	case 'N':
		return digits[2:], pattern[1:]
	case '[':
		end := strings.IndexByte(pattern, ']')
		if end < 0 {
			return "", ""
		}
		return expand(pattern[1:end]), pattern[end+1:]
	}
	return pattern[:1], pattern[1:]
}

// places is how many digits a pattern without an open end has.
func places(pattern string) int {
	n := 0
	for ; pattern != ""; n++ {
		_, pattern = next(pattern)
	}
	return n
}

// expand writes out the ranges of a class: 1-37 is 1237.
func expand(class string) string {
	var b strings.Builder
	for i := 0; i < len(class); i++ {
		if i+2 < len(class) && class[i+1] == '-' {
			for c := int(class[i]); c <= int(class[i+2]); c++ {
				b.WriteByte(byte(c))
			}
			i += 2
			continue
		}
		b.WriteByte(class[i])
	}
	return b.String()
}

// Overlap finds a number that both patterns match, if there is one.
func Overlap(a, b string) (example string, ok bool) {
	var out []byte
	for {
		aRest, bRest := a == "." || a == "!", b == "." || b == "!"
		switch {
		case a == "" && b == "", a == "" && b == "!", b == "" && a == "!", a == "!" && b == "!":
			return string(out), true
		case a == "" || b == "":
			return "", false
		}
		class := ""
		switch {
		case aRest && bRest:
			class = "0" // one of them wants one more
		case aRest:
			class, _ = next(b)
		case bRest:
			class, _ = next(a)
		default:
			other, _ := next(b)
			mine, _ := next(a)
			class = strings.Map(func(r rune) rune {
				if strings.ContainsRune(other, r) {
					return r
				}
				return -1
			}, mine)
		}
		if class == "" {
			return "", false
		}
		out = append(out, class[0])
		a, b = after(a), after(b)
	}
}

// after is what is left of a pattern when one character is matched.
func after(pattern string) string {
	switch pattern {
	case ".", "!":
		return "!"
	}
	_, rest := next(pattern)
	return rest
}

// Covers reports whether every number that b matches is matched by a too.
func Covers(a, b string) bool {
	for {
		switch {
		case a == "!":
			return true
		case a == "." && (b == "!" || b == ""):
			return false
		case a == ".":
			return true
		case b == "." || b == "!":
			return false // longer than any number of a
		case a == "" || b == "":
			return a == b
		}
		mine, aRest := next(a)
		other, bRest := next(b)
		for i := range len(other) {
			if !strings.Contains(mine, other[i:i+1]) {
				return false
			}
		}
		a, b = aRest, bRest
	}
}

package asteriskconf

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"switchroom/provisioning"
	"switchroom/provisioning/example"
	"switchroom/provisioning/numbers"
	"switchroom/provisioning/sitetest"
)

// dialplan is a dial plan as Asterisk reads it.
type dialplan struct {
	t        *testing.T
	contexts map[string]*context
}

type context struct {
	name     string
	extens   map[string][]step
	includes []string
}

type step struct{ label, app, line string }

var extenLine = regexp.MustCompile(`^(?:exten = ([^,]+),(?:1|hint)| same = n)(?:\((\w+)\))?,(.*)$`)

func parse(t *testing.T, conf string) dialplan {
	t.Helper()
	d := dialplan{t, map[string]*context{}}
	var here *context
	exten := ""
	for l := range strings.Lines(conf) {
		l = strings.TrimRight(l, "\n")
		switch {
		case l == "" || l[0] == ';':
		case l[0] == '[':
			name := strings.Trim(l, "[]")
			if d.contexts[name] != nil {
				t.Errorf("the context %s is there twice", name)
			}
			here = &context{name, map[string][]step{}, nil}
			d.contexts[name] = here
		case here.name == "general" || here.name == "globals":
		case strings.HasPrefix(l, "include = "):
			here.includes = append(here.includes, strings.TrimPrefix(l, "include = "))
		default:
			m := extenLine.FindStringSubmatch(l)
			if m == nil {
				t.Errorf("can't be read: %s", l)
				continue
			}
			if m[1] != "" {
				exten = m[1]
				if here.extens[exten] != nil {
					t.Errorf("[%s] %s is there twice", here.name, exten)
				}
			}
			app, _, _ := strings.Cut(m[3], " ; ")
			here.extens[exten] = append(here.extens[exten], step{m[2], app, l})
		}
	}
	return d
}

// sites are those that every rule is tested with.
func sites(t *testing.T) map[string]string {
	t.Helper()
	hotline, err := provisioning.Parse(example.Hotline())
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for name, s := range map[string]struct {
		site  provisioning.Site
		ports provisioning.Ports
	}{
		"nothing":          {provisioning.Default(provisioning.Ports{}), provisioning.Ports{}},
		"built-in":         {provisioning.Default(card(12, 12)), card(12, 12)},
		"hotline":          {hotline, example.Ports()},
		"hotline, no card": {hotline, provisioning.Ports{}},
		"everything":       {everything(t), provisioning.Ports{}},
		"large":            {sitetest.Large(30, 30, 4), provisioning.Ports{}},
	} {
		out[name] = string(Render(s.site, s.ports, Secrets{Manager: secret})["extensions.conf"])
	}
	return out
}

// has reports whether a context or what it includes has an extension.
func (d dialplan) has(name, exten string) bool {
	c := d.contexts[name]
	if c == nil {
		return false
	}
	for e := range c.extens {
		if e == exten || e[0] == '_' && matches(e[1:], exten) {
			return true
		}
	}
	return slices.ContainsFunc(c.includes, func(i string) bool { return d.has(i, exten) })
}

var classOf = regexp.MustCompile(`\[[^\]]*\]`)

// matches is Asterisk's matching of patterns, which unlike [numbers.Match]
// knows letters.
func matches(pattern, s string) bool {
	var b strings.Builder
	b.WriteByte('^')
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; c {
		case 'X', 'x':
			b.WriteString("[0-9]")
		case 'Z', 'z':
			b.WriteString("[1-9]")
		case 'N', 'n':
			b.WriteString("[2-9]")
		case '.':
			b.WriteString(".+")
		case '!':
			b.WriteString(".*")
		case '[':
			class := classOf.FindString(pattern[i:]) // a letter in here is itself
			b.WriteString(class)
			i += len(class) - 1
		default:
			b.WriteString(regexp.QuoteMeta(string(c)))
		}
	}
	return regexp.MustCompile(b.String() + "$").MatchString(s)
}

// arguments are the first three of an application.
func arguments(s string) []string {
	var out []string
	depth, from := 0, 0
	for i, c := range s {
		switch c {
		case '(', '{', '[':
			depth++
		case ')', '}', ']':
			depth--
		case ',':
			if depth == 0 && len(out) < 2 {
				out = append(out, s[from:i])
				from = i + 1
			}
		}
	}
	return append(out, s[from:])
}

var jump = regexp.MustCompile(`\b(Goto|Gosub)\(((?:[^()]|\([^()]*\)|\$\{(?:[^{}]|\{[^{}]*\})*\})*)\)`)

// Whatever a call does, it must arrive: every place that is named exists.
func TestEveryPlaceExists(t *testing.T) {
	for name, conf := range sites(t) {
		d := parse(t, conf)
		jumps := 0
		check := func(c *context, exten, line, target string) {
			jumps++
			parts := arguments(target)
			for i := range parts[1:] {
				parts[i+1], _, _ = strings.Cut(parts[i+1], "(") // what a Gosub is given
			}
			switch len(parts) {
			case 1:
				parts = []string{c.name, exten, parts[0]}
			case 2:
				parts = append([]string{c.name}, parts...)
			}
			to, e, at := parts[0], parts[1], parts[2]
			if strings.Contains(to, "${") {
				return // made of what the document says; see TestMadeOfVariables
			}
			if d.contexts[to] == nil {
				t.Errorf("%s: [%s] there is no context %s: %s", name, c.name, to, line)
				return
			}
			if strings.Contains(e, "${") {
				return
			}
			if !d.has(to, e) {
				t.Errorf("%s: [%s] there is no %s in %s: %s", name, c.name, e, to, line)
				return
			}
			if at == "1" {
				return
			}
			for _, s := range d.contexts[to].extens[e] {
				if s.label == at {
					return
				}
			}
			t.Errorf("%s: [%s] there is no label %s: %s", name, c.name, at, line)
		}
		for _, c := range d.contexts {
			for _, i := range c.includes {
				if d.contexts[i] == nil && i != "parkedcalls" {
					t.Errorf("%s: %s includes %s, which isn't there", name, c.name, i)
				}
			}
			for exten, steps := range c.extens {
				for _, s := range steps {
					for _, m := range jump.FindAllStringSubmatch(s.app, -1) {
						check(c, exten, s.line, m[2])
					}
					if cond, ok := strings.CutPrefix(s.app, "GotoIf("); ok {
						i := strings.LastIndexByte(cond, '?')
						check(c, exten, s.line, strings.TrimSuffix(cond[i+1:], ")"))
					}
					for _, m := range regexp.MustCompile(`hangup_handler_push\)=([^)(]*)`).FindAllStringSubmatch(s.app, -1) {
						check(c, exten, s.line, m[1])
					}
					for _, m := range regexp.MustCompile(`[bU]\(([a-z-]+)(\^s\^1|\^)`).FindAllStringSubmatch(s.app, -1) {
						check(c, exten, s.line, m[1]+",s,1")
					}
				}
			}
		}
		if jumps < 100 {
			t.Errorf("%s: only %d places are named", name, jumps)
		}
	}
}

// Asterisk jumps to these by itself; a pattern that matches them would be
// played to everybody who hangs up, or times out.
func TestNoPatternMatchesWhatAsteriskJumpsTo(t *testing.T) {
	for name, conf := range sites(t) {
		for _, c := range parse(t, conf).contexts {
			for e := range c.extens {
				for _, special := range []string{"h", "i", "t", "T", "e", "s", "o", "a"} {
					if e[0] == '_' && matches(e[1:], special) {
						t.Errorf("%s: [%s] %s matches %s", name, c.name, e, special)
					}
				}
			}
		}
	}
}

// What comes from outside goes through FILTER before anything is done with it.
// A caller can write what he likes into his name, his number, and the number
// that he calls.
func TestOutsideIsFiltered(t *testing.T) {
	filtered := regexp.MustCompile(`\$\{FILTER\([^,]*,\$\{[^{}]*\}\)\}`)
	for name, conf := range sites(t) {
		for _, c := range parse(t, conf).contexts {
			for e, steps := range c.extens {
				for _, s := range steps {
					rest := filtered.ReplaceAllString(s.app, "")
					for _, outside := range []string{"${CALLERID(", "${CONNECTEDLINE(", "PJSIP_HEADER", "${CDR(", "REDIRECTING", "${DNID"} {
						if strings.Contains(rest, outside) {
							t.Errorf("%s: [%s] %s is read without a filter: %s", name, c.name, outside, s.line)
						}
					}
					if strings.HasPrefix(c.name, "trunk-") && strings.Contains(rest, "EXTEN") {
						t.Errorf("%s: [%s] what a trunk calls is taken as it is: %s (%s)", name, c.name, s.line, e)
					}
				}
			}
		}
	}
}

// Nothing that a caller from outside dials leads to a number outside: of what
// begins at lines, trunks and menus, only the owner's own destinations do.
func TestCallersDontGetOut(t *testing.T) {
	for name, conf := range sites(t) {
		d := parse(t, conf)
		for _, c := range d.contexts {
			for _, i := range c.includes {
				out := strings.HasPrefix(i, "out-") || i == "codes" || i == "house"
				if out && !strings.HasPrefix(c.name, "phones") && !strings.HasPrefix(c.name, "transfer-") {
					t.Errorf("%s: [%s] includes %s", name, c.name, i)
				}
			}
			for e, steps := range c.extens {
				for _, s := range steps {
					into := regexp.MustCompile(`\bGoto(?:If)?\([^)]*\bout-[a-z]`).MatchString(s.app)
					if into && !slices.Contains([]string{"external", "callback-call"}, c.name) {
						t.Errorf("%s: [%s] %s leads outside: %s", name, c.name, e, s.line)
					}
				}
			}
		}
	}
}

func TestDeadEnds(t *testing.T) {
	for _, c := range []struct {
		patterns []string
		want     string
	}{
		{[]string{"1001", "1002"}, "_[023456789*#]! _1[123456789*#]! _10[123456789*#]! _100[03456789*#]!"},
		{[]string{"9."}, "_[012345678*#]!"},
		{[]string{"60", "600"}, "_[012345789*#]! _6[123456789*#]! _60[123456789*#]!"},
		{[]string{"*4N", "1X"}, "_[023456789#]! _1[*#]! _*[012356789*#]! _*4[01*#]!"},
		{[]string{"!"}, ""},
		{nil, "_[0123456789*#]!"},
	} {
		if got := strings.Join(deadEnds(c.patterns), " "); got != c.want {
			t.Errorf("%q:\n got %s\nwant %s", c.patterns, got, c.want)
		}
	}
}

// Every number that is dialled is exactly one of: complete, on the way to a
// complete one, beyond a complete one, or dead.
func TestDeadEndsOfEveryNumber(t *testing.T) {
	patterns := []string{"1001", "10[1-3]X", "12", "123", "*45", "*46", "*461", "9.", "0NXX", "#", "7Z!"}
	dead := deadEnds(patterns)
	possible := func(n string) bool { // n can become, or is, a number
		return slices.ContainsFunc(patterns, func(p string) bool {
			example, ok := numbers.Overlap(p, n+"!")
			return ok && strings.HasPrefix(example, n)
		})
	}
	complete := func(n string) bool {
		return slices.ContainsFunc(patterns, func(p string) bool { return numbers.Match(p, n) })
	}
	var walk func(n string)
	walk = func(n string) {
		if n != "" {
			ends := 0
			for _, p := range dead {
				if matches(p[1:], n) {
					ends++
				}
			}
			if ends > 1 {
				t.Errorf("%s has %d dead ends", n, ends)
			}
			if (ends > 0) == possible(n) {
				// Beyond a complete number, which is dialled at once, it doesn't matter.
				beyond := false
				for i := 1; i < len(n); i++ {
					beyond = beyond || complete(n[:i])
				}
				if !beyond {
					t.Errorf("%s: a dead end: %v, possible: %v", n, ends > 0, possible(n))
				}
			}
		}
		if len(n) < 4 {
			for _, c := range alphabet {
				walk(n + string(c))
			}
		}
	}
	walk("")
}

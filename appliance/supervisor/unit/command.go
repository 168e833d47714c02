package unit

import (
	"fmt"
	"strings"
)

// parseCommand splits a command line (systemd.service(5), "Command lines").
func (p *parser) parseCommand(s string) (Command, error) {
	var c Command
	for {
		switch {
		case strings.HasPrefix(s, "-") && !c.IgnoreFailure:
			c.IgnoreFailure = true
		case strings.HasPrefix(s, "+") && !c.Privileged:
			c.Privileged = true
		default:
			words, err := splitWords(s)
			if err != nil {
				return c, err
			}
			if len(words) == 0 {
				return c, fmt.Errorf("no command")
			}
			for i, w := range words {
				if words[i], err = p.specifiers(w); err != nil {
					return c, err
				}
			}
			c.Path, c.Args = words[0], words
			if err := checkPath(c.Path); err != nil {
				return c, err
			}
			return c, nil
		}
		s = s[1:]
	}
}

// splitWords splits at spaces, minding quotes and backslashes. A quote opens
// at a word's beginning only, as in systemd.
func splitWords(s string) ([]string, error) {
	var words []string
	for i := 0; i < len(s); {
		if s[i] == ' ' || s[i] == '\t' {
			i++
			continue
		}
		var word strings.Builder
		var quote byte
		if s[i] == '"' || s[i] == '\'' {
			quote = s[i]
			i++
		}
		closed := quote == 0
		for i < len(s) {
			c := s[i]
			if quote == 0 && (c == ' ' || c == '\t') {
				break
			}
			if quote != 0 && c == quote {
				closed = true
				i++
				break
			}
			if quote == 0 && (c == '"' || c == '\'') {
				return nil, fmt.Errorf("a quote within a word: %s", s)
			}
			if c == ';' && quote == 0 && word.Len() == 0 && (i+1 == len(s) || s[i+1] == ' ') {
				return nil, fmt.Errorf("several commands in one line: give each a line of its own")
			}
			if c == '\\' {
				i++
				if i == len(s) {
					return nil, fmt.Errorf("a backslash at the end: %s", s)
				}
				r, err := unescape(s[i])
				if err != nil {
					return nil, err
				}
				word.WriteByte(r)
				i++
				continue
			}
			word.WriteByte(c)
			i++
		}
		if !closed {
			return nil, fmt.Errorf("a quote without its end: %s", s)
		}
		if quote != 0 && i < len(s) && s[i] != ' ' && s[i] != '\t' {
			return nil, fmt.Errorf("no space after a quote: %s", s)
		}
		words = append(words, word.String())
	}
	return words, nil
}

func unescape(c byte) (byte, error) {
	switch c {
	case 'n':
		return '\n', nil
	case 't':
		return '\t', nil
	case 's':
		return ' ', nil
	case '\\', '"', '\'':
		return c, nil
	}
	return 0, fmt.Errorf(`\%c means nothing here`, c)
}

// specifiers expands %n and its like.
func (p *parser) specifiers(s string) (string, error) {
	if !strings.Contains(s, "%") {
		return s, nil
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b.WriteByte(s[i])
			continue
		}
		i++
		if i == len(s) {
			return "", fmt.Errorf("%q ends with a lone %%", s)
		}
		switch s[i] {
		case '%':
			b.WriteByte('%')
		case 'n':
			b.WriteString(p.name)
		case 'N':
			name, _, _ := strings.Cut(p.name, ".")
			b.WriteString(name)
		case 't':
			b.WriteString(p.dirs.Runtime)
		case 'S':
			b.WriteString(p.dirs.State)
		default:
			return "", fmt.Errorf("%%%c is not a specifier known here", s[i])
		}
	}
	return b.String(), nil
}

// Expand puts the environment into the command's words: $NAME as a whole word
// becomes its value's words (none, if unset), ${NAME} within a word its value,
// $$ a dollar sign.
func (c Command) Expand(env []string) []string {
	lookup := func(name string) string {
		for i := len(env) - 1; i >= 0; i-- {
			if v, ok := strings.CutPrefix(env[i], name+"="); ok {
				return v
			}
		}
		return ""
	}
	out := make([]string, 0, len(c.Args))
	for i, w := range c.Args {
		if i > 0 && len(w) > 1 && w[0] == '$' && isVariable(w[1:]) {
			out = append(out, strings.Fields(lookup(w[1:]))...)
			continue
		}
		var b strings.Builder
		for {
			before, after, found := strings.Cut(w, "$")
			b.WriteString(before)
			if !found {
				break
			}
			if rest, ok := strings.CutPrefix(after, "$"); ok {
				b.WriteByte('$')
				w = rest
				continue
			}
			if inner, ok := strings.CutPrefix(after, "{"); ok {
				if name, rest, ok := strings.Cut(inner, "}"); ok && isVariable(name) {
					b.WriteString(lookup(name))
					w = rest
					continue
				}
			}
			b.WriteByte('$')
			w = after
		}
		out = append(out, b.String())
	}
	return out
}

func isVariable(s string) bool {
	for i, r := range s {
		letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != ""
}

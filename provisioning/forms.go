package provisioning

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"
)

// form is the shape that a string must have.
type form struct {
	// pattern says it, for the JSON Schema too; more is what a pattern can't.
	pattern *regexp.Regexp
	more    func(string) bool
	code    Code
}

func (f form) ok(s string) bool {
	return f.pattern.MatchString(s) && (f.more == nil || f.more(s))
}

// shape makes a form of a pattern for the whole string.
func shape(pattern string, code Code) form {
	return form{pattern: regexp.MustCompile(`^(?:` + pattern + `)$`), code: code}
}

// and adds what a pattern can't say.
func (f form) and(more func(string) bool) form {
	f.more = more
	return f
}

// forms are the shapes that the tag `is` names.
//
// Names go to telephones as caller id and into configuration files: they have
// no control characters, and none of the marks that have a meaning there. Ids
// become names of sections, contexts and files.
var forms = map[string]form{
	"number":    shape(`[0-9]{2,8}`, BadNumber),
	"id":        shape(`[a-z0-9][a-z0-9-]{0,30}`, BadID),
	"name":      shape(`[^\x00-\x1f\x7f"<>\[\];\\]{0,40}`, BadName).and(fitsName),
	"text":      shape(`[^\x00-\x1f\x7f]{1,1000}`, BadText),
	"key":       shape(`[0-9*#]`, BadKey),
	"reasonkey": shape(`[1-9]`, BadReasonKey),
	"code":      shape(`[*#][0-9*#]{1,5}|[*#]{2}`, BadCode),
	"digits":    shape(`[0-9*#+]{0,20}`, BadDigits),
	"phone":     shape(`\+?[0-9][0-9 ()/.-]{1,28}`, BadPhone),
	"dial":      shape(`\+?[0-9*#]{2,30}`, BadDial),
	"caller":    shape(`anonymous|\+?[0-9][0-9 ()/.-]{1,28}`, BadPhone),
	"pattern":   shape(`\+?(?:[0-9*#XZN]|\[[0-9-]+\]){0,30}[.!]?`, BadPattern).and(isPattern),
	"callerpattern": shape(`anonymous|\+?(?:[0-9XZN]|\[[0-9-]+\]){0,30}[.!]?`, BadPattern).and(func(s string) bool {
		return s == Anonymous || isPattern(s)
	}),
	"areacode": shape(`[0-9]{1,6}`, BadAreaCode),
	"pin":      shape(`[0-9]{4,8}`, BadPIN),
	"password": shape(`[!-~]{8,64}`, BadPassword).and(func(s string) bool { return !strings.ContainsAny(s, `;"\`) }),
	"user":     shape(`[A-Za-z0-9+._~!$&'()*=@-]{1,64}`, BadUser),
	"host":     shape(`(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?`, BadHost).and(isHost),
	"file":     shape(`[A-Za-z0-9_][A-Za-z0-9._-]{0,99}`, BadFile),
	"sound":    shape(`[A-Za-z0-9_][A-Za-z0-9_-]*(?:/[A-Za-z0-9_][A-Za-z0-9_-]*)*`, BadSound),
	"time":     shape(`(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00`, BadTime),
	"date":     shape(`[0-9]{4}-[0-9]{2}-[0-9]{2}`, BadDate).and(isDate),
	"language": shape(`en|zh-CN`, BadLanguage),
	"timezone": shape(`[A-Za-z][A-Za-z0-9_+/-]*`, BadTimeZone).and(isTimeZone),
}

// maxPort is the highest port number: DAHDI has no more channels.
const maxPort = 1023

// maxNameBytes bounds what a name takes in a telephone's display protocol and
// in Asterisk's own buffers of 80 bytes: 26 Chinese characters.
const maxNameBytes = 79

func fitsName(s string) bool { return len(s) <= maxNameBytes && s == strings.TrimSpace(s) }

func isDate(s string) bool {
	_, err := time.Parse(time.DateOnly, s)
	return err == nil
}

func isTimeZone(s string) bool {
	_, err := time.LoadLocation(s)
	return err == nil && s != "Local"
}

// isPattern refuses classes of digits that are empty or the wrong way round,
// and a pattern without any digit that isn't the whole of "." or "X.".
func isPattern(s string) bool {
	if s == "" {
		return false
	}
	for part := range strings.SplitSeq(s, "[") {
		class, _, ok := strings.Cut(part, "]")
		if !ok {
			continue
		}
		for i := range len(class) {
			if class[i] != '-' {
				continue
			}
			if i == 0 || i == len(class)-1 || class[i-1] == '-' || class[i-1] > class[i+1] {
				return false
			}
		}
	}
	return true
}

// isHost refuses addresses that only look like ones, and ports that are none.
func isHost(s string) bool {
	host, port := s, ""
	if strings.HasPrefix(s, "[") {
		end := strings.IndexByte(s, ']')
		host, port = s[1:end], strings.TrimPrefix(s[end+1:], ":")
		if _, err := netip.ParseAddr(host); err != nil {
			return false
		}
	} else if i := strings.LastIndexByte(s, ':'); i >= 0 {
		host, port = s[:i], s[i+1:]
	}
	if port != "" && (len(port) == 5 && port > "65535" || strings.Trim(port, "0") == "") {
		return false
	}
	labels := strings.Split(host, ".")
	if last := labels[len(labels)-1]; strings.Trim(last, "0123456789") == "" && last != "" {
		_, err := netip.ParseAddr(host) // a name doesn't end in a number
		return err == nil
	}
	return strings.HasPrefix(s, "[") || !slices.Contains(labels, "") && len(host) <= 253
}

// FormPattern is the regular expression of a form that the tag `is` names, for
// the whole string, as RE2 and ECMAScript both read it. Some strings that it
// matches are refused all the same: a date on 30 February.
func FormPattern(form string) (pattern string, ok bool) {
	f, ok := forms[form]
	if !ok {
		return "", false
	}
	return f.pattern.String(), true
}

package asterisk

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"time"
)

// A complaint is a line of Asterisk's log that is about its configuration.
type complaint struct {
	level, source, text string
}

func (c complaint) String() string { return c.level + " " + c.source + ": " + c.text }

// logLine is a line such as "WARNING[8]: app_queue.c:3601 queue_set_param:
// Unknown keyword …", with or without the time before it. A line about a call
// has the call's number behind the thread's.
var logLine = regexp.MustCompile(`(?:^|\] )(ERROR|WARNING)\[\d+\](\[C-[0-9a-f]+\])?: (?:[\w/]+/)?([\w.-]+\.c)(?::\d+)?(?: (\w+))?:? (.*)$`)

// place is the number of a line of a file in a complaint: it moves when
// something is written above.
var place = regexp.MustCompile(`line \d+`)

// sources are the source files of Asterisk that complain of a configuration
// file while a module reads it; what they say of calls has the call's number,
// and what res_pjsip's other files say is about telephones and trunks that
// can't be reached, which is no fault of the configuration.
var sources = map[string][]string{
	"":                  {"config.c", "config_options.c", "loader.c", "sorcery.c", "res_sorcery_config.c", "aco.c"},
	"features":          {"features.c", "features_config.c"},
	"acl":               {"acl.c", "named_acl.c"},
	"pbx_config.so":     {"pbx_config.c", "pbx.c", "pbx_include.c", "pbx_variables.c"},
	"app_confbridge.so": {"app_confbridge.c", "conf_config_parser.c"},
	"chan_dahdi.so":     {"chan_dahdi.c", "sig_analog.c"},
	"res_pjsip.so": {"location.c", "pjsip_configuration.c", "config_auth.c", "config_transport.c", "config_global.c",
		"config_system.c", "config_domain_aliases.c", "res_pjsip_endpoint_identifier_ip.c", "res_pjsip.c"},
}

// complaintOf reads a line of the log; ok is false if it is none about the
// configuration that a plan's steps have read.
func complaintOf(line string, p Plan) (c complaint, ok bool) {
	m := logLine.FindStringSubmatch(line)
	if m == nil || m[2] != "" {
		return c, false
	}
	c = complaint{m[1], m[3], place.ReplaceAllString(m[5], "line …")}
	if slices.Contains(sources[""], c.source) {
		return c, true
	}
	for _, s := range p.Steps {
		module := s.Module
		if s.Operation == RestartPorts {
			module = "chan_dahdi.so"
		}
		own := c.source == strings.TrimSuffix(module, ".so")+".c" && !strings.HasPrefix(module, "res_pjsip_")
		if s.Operation == Restart || own || slices.Contains(sources[module], c.source) {
			return c, true
		}
	}
	return c, false
}

// A watch gathers complaints while Asterisk reads its files.
type watch struct {
	lines <-chan string // nil if nobody can listen
	plan  Plan
	found []complaint
}

// settle takes what was said until nothing has been said for a while, or
// until a time that is long enough. Asterisk writes its log in a thread of its
// own, in order; there is no telling that it has written all but its silence.
func (w *watch) settle(ctx context.Context, quiet time.Duration) {
	if w.lines == nil {
		return
	}
	limit := time.NewTimer(10 * quiet)
	defer limit.Stop()
	silence := time.NewTimer(quiet)
	defer silence.Stop()
	for {
		select {
		case line, ok := <-w.lines:
			if !ok {
				w.lines = nil
				return
			}
			if c, ok := complaintOf(line, w.plan); ok && !slices.Contains(w.found, c) {
				w.found = append(w.found, c)
			}
			silence.Reset(quiet)
		case <-silence.C:
			return
		case <-limit.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

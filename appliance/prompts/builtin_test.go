package prompts

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	builtin "switchroom/image/prompts"
	"switchroom/provisioning"
	"switchroom/provisioning/asteriskconf"
	"switchroom/provisioning/example"
	"switchroom/provisioning/sitetest"
)

var (
	// Applications of the dial plan that play sounds, and which of their arguments names them.
	player = regexp.MustCompile(`\b(Playback|Background|BackGround|ControlPlayback|Read)\(((?:[^()$]|\$\{[^}]*\})*)\)`)
	// Settings of other files that name sounds.
	setting = regexp.MustCompile(`(?m)^(announce|periodic-announce|queue-[a-z0-9-]+|sound_[a-z_]+|courtesytone|xfersound|xferfailsound|beepsound)\s*=>?\s*([^;\n]*)`)
)

// soundsOf returns the names of all sounds in Asterisk's files, sorted. A name that is put together
// from what a variable has is left out.
func soundsOf(files map[string][]byte) []string {
	var names []string
	for name, text := range files {
		if strings.HasSuffix(name, "extensions.conf") {
			for _, m := range player.FindAllStringSubmatch(string(text), -1) {
				args := strings.Split(m[2], ",")
				list := args[0]
				if m[1] == "Read" {
					list = ""
					if len(args) > 1 {
						list = args[1]
					}
				}
				names = append(names, strings.Split(list, "&")...)
			}
		} else {
			for _, m := range setting.FindAllStringSubmatch(string(text), -1) {
				names = append(names, strings.FieldsFunc(strings.TrimSpace(m[2]), func(r rune) bool { return r == ',' || r == '&' })...)
			}
		}
	}
	names = slices.DeleteFunc(names, func(n string) bool { return n == "" || strings.Contains(n, "${") })
	slices.Sort(names)
	return slices.Compact(names)
}

// What the dial plan can play exists in both languages, or is a prompt of the site.
func TestNothingIsMissingInTheDialPlan(t *testing.T) {
	all, err := builtin.All()
	if err != nil {
		t.Fatal(err)
	}
	table := map[string]builtin.Prompt{}
	for _, p := range all {
		table[p.Name] = p
	}
	hotline, err := provisioning.Parse(example.Hotline())
	if err != nil {
		t.Fatal(err)
	}
	empty, err := provisioning.Parse([]byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	for name, site := range map[string]provisioning.Site{"hotline": hotline, "empty": empty, "large": sitetest.Large(300, 300, 20)} {
		sounds := soundsOf(asteriskconf.Render(site, example.Ports(), asteriskconf.Secrets{}))
		if len(sounds) < 10 {
			t.Errorf("%s: only %q were found: the files were not understood", name, sounds)
		}
		for _, sound := range sounds {
			if own, ok := strings.CutPrefix(sound, "custom/site/"); ok {
				if !slices.ContainsFunc(site.Prompts, func(p provisioning.Prompt) bool { return p.Name == own }) {
					t.Errorf("%s: the dial plan plays %s, which is no prompt of the site", name, sound)
				}
				continue
			}
			for _, language := range []string{builtin.Chinese, builtin.English} {
				if !table[sound].Has(language) {
					t.Errorf("%s: the dial plan plays %s, which does not exist for %s", name, sound, language)
				}
			}
		}
	}
	// What the dial plan puts together from a variable (agents.go): the outcome of a log-in.
	for _, sound := range []string{"login-ok", "login-failed", "login-elsewhere", "login-moved"} {
		if p := table["switchroom/"+sound]; !p.Has(builtin.Chinese) || !p.Has(builtin.English) {
			t.Errorf("switchroom/%s does not exist in both languages", sound)
		}
	}
}

func TestSoundsOf(t *testing.T) {
	got := soundsOf(map[string][]byte{
		"extensions.conf": []byte("exten = s,1,Playback(a&b/c,noanswer)\n same = n,Read(KEY,d&e,1,,2,5)\n same = n,ExecIf($[1]?Background(f))\n same = n,Playback(x/${Y})\n"),
		"queues.conf":     []byte("periodic-announce = g,h ; why\nannounce-position = yes\n"),
	})
	if want := []string{"a", "b/c", "d", "e", "f", "g", "h"}; !slices.Equal(got, want) {
		t.Errorf("%q; want %q", got, want)
	}
}

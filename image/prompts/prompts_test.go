package prompts

import (
	"path"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
)

func all(t *testing.T) map[string]Prompt {
	t.Helper()
	list, err := All()
	if err != nil {
		t.Fatal(err)
	}
	m := make(map[string]Prompt)
	for _, p := range list {
		m[p.Name] = p
	}
	return m
}

// What Asterisk plays is there in both languages; what no person hears in one language alone is ours.
func TestNothingIsMissing(t *testing.T) {
	table := all(t)
	for _, language := range []string{Chinese, English} {
		names := Played(language)
		if len(names) < 350 {
			t.Errorf("%s: Asterisk plays %d prompts; the list was not read", language, len(names))
		}
		for _, name := range names {
			if !table[name].Has(language) {
				t.Errorf("%s: Asterisk plays %s, which does not exist", language, name)
			}
		}
	}
	recorded := 0
	for _, p := range table {
		if p.Recorded {
			recorded++
		}
		if p.Has(English) && !p.Has(Chinese) {
			t.Errorf("%s exists in English and not in Chinese", p.Name)
		}
		if p.Has(Chinese) && !p.Has(English) && !slices.Contains(chineseOnly, p.Name) {
			t.Errorf("%s exists in Chinese and not in English", p.Name)
		}
	}
	if recorded != 568 {
		t.Errorf("%d recorded prompts in the table; the English voice has 568", recorded)
	}
}

// chineseOnly are words that have no place in an English sentence.
var chineseOnly = []string{
	"digits/day", "digits/wan", "digits/year", "digits/yi", "press", "switchroom/position-th",
	"vm-have", "vm-haveno", "vm-listen", "vm-tong", "vm-you",
}

// The synthesiser reads what is in the text: letters of the wrong script, or signs, come out as
// their names.
func TestTexts(t *testing.T) {
	for name, p := range all(t) {
		han := 0
		for _, r := range p.Chinese {
			switch {
			case unicode.Is(unicode.Han, r):
				han++
			case strings.ContainsRune("，。？、", r), r >= '0' && r <= '9', r >= 'A' && r <= 'Z':
			case strings.HasPrefix(name, "phonetic/") && r >= 'a' && r <= 'z':
			default:
				t.Errorf("%s: %q in the Chinese text %q", name, r, p.Chinese)
			}
		}
		if p.Chinese != "" && han == 0 && !strings.HasPrefix(name, "letters/") && !strings.HasPrefix(name, "phonetic/") {
			t.Errorf("%s: %q is not Chinese", name, p.Chinese)
		}
		for _, r := range p.English {
			if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(" ,.'", r)) {
				t.Errorf("%s: %q in the English text %q", name, r, p.English)
			}
		}
	}
}

// A number is put together from these by say.c's rules for Chinese: 一万零五 and so on.
func TestChineseNumbers(t *testing.T) {
	table := all(t)
	got := ""
	for _, name := range []string{"digits/1", "digits/wan", "digits/0", "digits/50", "digits/6", "digits/hundred", "digits/thousand", "digits/yi", "digits/12"} {
		got += table[name].Chinese
	}
	if want := "一万零五十六百千亿十二"; got != want {
		t.Errorf("%s; want %s", got, want)
	}
	if got := table["switchroom/digit/1"].Chinese; got != "幺" {
		t.Errorf("a one in a telephone number is said %s; want 幺", got)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct{ chinese, own, want string }{
		{"vm-x 没有\n", "", "2 fields"},
		{"vm-x\t\n", "", "2 fields"},
		{"", "a\t一\n", "3 fields"},
		{"../x\t一\n", "", "not the name"},
		{"x\t一\n", "x\t一\tone\n", "twice"},
	} {
		if _, err := parse(c.chinese, c.own); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q, %q: %v; want %q", c.chinese, c.own, err, c.want)
		}
	}
}

func TestValidName(t *testing.T) {
	for name, want := range map[string]bool{
		"vm-intro": true, "digits/1": true, "switchroom/digit/9": true, "vm-INBOX": true, "letters/dollar_": true,
		"": false, "/": false, "/etc/passwd": false, "../x": false, "a/../b": false, "a//b": false, "a/b/c/d": false, ".hidden": false,
		"a b": false, "a&b": false, "a.gsm": false, "提示": false, "a\x00": false, strings.Repeat("a", 81): false,
	} {
		if got := ValidName(name); got != want {
			t.Errorf("ValidName(%q) = %v; want %v", name, got, want)
		}
	}
}

// files are what an image has when everything is right.
func files(t *testing.T) []string {
	var list []string
	for name, p := range all(t) {
		for _, language := range []string{Chinese, English} {
			if p.Has(language) {
				list = append(list, path.Join(path.Base(folder(language)), name+".gsm"))
			}
		}
	}
	slices.Sort(list)
	return list
}

func TestCheck(t *testing.T) {
	list := files(t)
	if err := Check(list); err != nil {
		t.Errorf("a whole set: %v", err)
	}
	without := slices.DeleteFunc(slices.Clone(list), func(f string) bool { return f == "zh/vm-intro.gsm" })
	if err := Check(without); err == nil || err.Error() != "1 prompts are wrong: zh/vm-intro.gsm is missing" {
		t.Errorf("without zh/vm-intro: %v", err)
	}
	for _, extra := range []string{EnglishVoice + "/brand-new.gsm", EnglishVoice + "/tt-monkeys.gsm"} {
		if err := Check(append(slices.Clone(list), extra)); err == nil || !strings.Contains(err.Error(), extra) {
			t.Errorf("with %s: %v", extra, err)
		}
	}
}

func TestPrepare(t *testing.T) {
	work, out := t.TempDir(), t.TempDir()
	list, err := prepare([]Prompt{
		{Name: "beep", Recorded: true, Wordless: true},
		{Name: "vm-intro", Recorded: true, Chinese: "留言"},
		{Name: "switchroom/agent", Chinese: "工号", English: "agent"},
		{Name: "demo", Recorded: true, Dropped: true},
	}, work, out)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range list {
		got = append(got, s.language+" "+s.text+" "+s.target)
	}
	want := []string{
		"en agent usr/share/asterisk/sounds/en_US_f_Allison/switchroom/agent.gsm",
		"zh 工号 usr/share/asterisk/sounds/zh/switchroom/agent.gsm",
		"zh 留言 usr/share/asterisk/sounds/zh/vm-intro.gsm",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

package provisioning_test

import (
	"strings"
	"testing"
	"unicode"

	"switchroom/provisioning"
	"switchroom/provisioning/example"
)

// Each case is one change to the example, and the fault that it must be told
// as: path, code. The document is otherwise without faults, so anything more
// that is told is wrong too, unless the case says what.
var faultCases = []struct {
	name, old, new string
	want           string // "path code", several separated by ", "
}{
	{"no JSON", `"name": "示例热线",`, `"name": 示例热线,`, " bad-json"},
	{"a brace missing", "\n}\n", "\n", " truncated"},
	{"two documents", "\n}\n", "\n}\n{}", " trailing"},
	{"deep", `"name": "示例热线"`, `"name": ` + strings.Repeat("[", 30) + strings.Repeat("]", 30), " too-deep"},
	{"large", `"示例热线"`, `"` + strings.Repeat("x", 9<<20) + `"`, " too-large"},
	{"twice", `"areaCode": "010",`, `"areaCode": "010", "areaCode": "010",`, "areaCode given-twice"},
	{"unknown", `"areaCode": "010",`, `"areaCode": "010", "colour": 1,`, "colour unknown-field"},
	{"misspelt", `"areaCode": "010",`, `"areacode": "010",`, "areacode unknown-field-near"},
	{"misspelt, within", `"maxCallers": 20`, `"maxCaller": 20`, "queues[0].maxCaller unknown-field-near"},
	{"needed", `{"number": "1009", "name": "前台", "port": 9},`, `{"name": "前台", "port": 9}, {"number": "1009", "port": 10},`, "extensions[8].number missing"},
	{"not an object", `{"port": 24, "name": "传真线"}`, `24`, "ports[1] want-object"},
	{"not a list", `["transfer"]`, `"transfer"`, "queues[0].greeting want-list"},
	{"not a string", `"areaCode": "010"`, `"areaCode": 10`, "areaCode want-string"},
	{"not a bool", `"rating": true`, `"rating": "yes"`, "queues[0].rating want-bool"},
	{"not whole", `"maxCallers": 20`, `"maxCallers": 20.5`, "queues[0].maxCallers want-int"},
	{"no number", `"costPerMinute": 0.1}`, `"costPerMinute": "0.1"}`, "outbound[1].via[0].costPerMinute want-number"},
	{"the future", `"version": 2`, `"version": 9`, "version wrong-version"},

	{"empty list", `"patterns": ["9."]`, `"patterns": []`, "outbound[1].patterns empty"},
	{"out of range", `"maxCallers": 20`, `"maxCallers": 2000`, "queues[0].maxCallers out-of-range"},
	{"penalty", `"queues": {"600": 1}`, `"queues": {"600": 101}`, "agents[2].queues.600 out-of-range"},
	{"none of these", `"strategy": "more"`, `"strategy": "most"`, "groups[0].strategy not-one-of"},
	{"number", `"number": "1009"`, `"number": "1009a"`, "extensions[8].number bad-number, groups[0].members[0] dangling"},
	{"id", `"name": "cn-2026"`, `"name": "CN 2026"`, "schedules[0].calendars[0] dangling, calendars[0].name bad-id"},
	{"name", `"name": "前台"`, `"name": "a;b"`, "extensions[8].name bad-name"},
	{"long name", `"name": "前台"`, `"name": "` + strings.Repeat("前", 27) + `"`, "extensions[8].name bad-name"},
	{"text", `Welcome to our service hotline.`, `Welcome\nto`, "prompts[0].text.en bad-text"},
	{"key", `"0": "group:reception"`, `"A": "group:reception"`, "ivrs[0].keys.A bad-key"},
	{"reason key", `"masking": {`, `"pauseReasons": [{"key": "0", "name": "x"}], "masking": {`, "pauseReasons[0].key bad-reason-key"},
	{"code", `"code": "*281"`, `"code": "281"`, "schedules[0].code bad-code"},
	{"prepend", `"strip": 1,`, `"strip": 1, "prepend": "w9",`, "outbound[1].prepend bad-digits"},
	{"phone", `"number": "010 1234 5678"`, `"number": "the boss"`, "blacklist[0].number bad-phone"},
	{"pattern", `["9."]`, `["9[5-1]."]`, "outbound[1].patterns[0] bad-pattern"},
	{"pattern for the dial plan", `["9."]`, `["9.,1,System(x)"]`, "outbound[1].patterns[0] bad-pattern"},
	{"area code", `"areaCode": "010"`, `"areaCode": "Beijing"`, "areaCode bad-area-code"},
	{"PIN", `"pin": "8110"`, `"pin": "811"`, "agents[0].pin bad-pin"},
	{"password", `"port": 8}`, `"sip": {"secret": "short"}}`, "extensions[7].sip.secret bad-password"},
	{"user", `"masking": {`, `"trunks": [{"name": "t", "register": {"host": "sip.example.com", "user": "a b", "secret": "12345678"}}], "masking": {`,
		"trunks[0].register.user bad-user"},
	{"host", `"masking": {`, `"trunks": [{"name": "t", "peer": {"addresses": ["192.0.2.256"]}}], "masking": {`, "trunks[0].peer.addresses[0] bad-host"},
	{"port of a host", `"masking": {`, `"trunks": [{"name": "t", "peer": {"addresses": ["192.0.2.25:99999", "[2001:db8::1]:5061", "sip.example.com:5060"]}}], "masking": {`,
		"trunks[0].peer.addresses[0] bad-host"},
	{"file", `"masking": {`, `"music": [{"name": "m", "files": ["../x.wav"]}], "masking": {`, "music[0].files[0] bad-file"},
	{"sound", `["transfer"]`, `["sound:../../x"]`, "queues[0].greeting[0] bad-sound"},
	{"time", `"to": "21:00"`, `"to": "25:00"`, "schedules[0].hours[0].to bad-time"},
	{"date", `2026-10-01`, `2026-02-30`, "calendars[0].days[4].date bad-date"},
	{"language of a text", `{"en": "Welcome to`, `{"fr": "Welcome to`, "prompts[0].text.fr bad-language"},
	{"time zone", `Asia/Shanghai`, `Asia/Shanghi`, "timeZone bad-time-zone"},
	{"destination", `"to": "schedule:hours"`, `"to": "schedul:hours"`, "inbound[0].to bad-destination, schedules[0] unreachable"},
	{"hangup with a target", `"timeout": "queue:600"`, `"timeout": "hangup:600"`, "ivrs[0].timeout no-target"},
	{"dangling", `"2": "queue:600"`, `"2": "queue:601"`, "ivrs[0].keys.2 dangling"},
	{"dangling prompt", `["transfer"]`, `["transfers"]`, "queues[0].greeting[0] dangling"},
	{"dangling mailbox", `"3": "voicemail:690"`, `"3": "voicemail:1001"`, "ivrs[0].keys.3 dangling"},
	{"dangling queue of an agent", `"queues": {"600": 1}`, `"queues": {"601": 1}`, "agents[2].queues.601 dangling"},
	{"dangling way", `"from": ["office"]`, `"from": ["ofice"]`, "inbound[1].from[0] dangling, lines[8] unrouted-line, lines[9] unrouted-line, " +
		"lines[10] unrouted-line, lines[11] unrouted-line"},
	{"dangling class", `"class": "unrestricted"`, `"class": "boss"`, "extensions[9].class dangling"},

	{"number twice", `"number": "823"`, `"number": "1009"`, "agents[3].number duplicate-number"},
	{"name twice", `{"name": "office"}`, `{"name": "office"}, {"name": "hotline"}`, "lineGroups[2].name duplicate-name"},
	{"a line like a group", `"name": "line-13"`, `"name": "hotline"`, "lines[0].name duplicate-name"},
	{"a caller twice", `{"number": "010 1234 5678", "note": "骚扰电话"}`, `{"number": "12345678"}, {"number": "138-0013-8000"}`, "vip[0].number duplicate-name"},
	{"port twice", `"port": 13,`, `"port": 12,`, "lines[0].port duplicate-port"},
	{"in the list twice", `"members": ["1009", "1008"]`, `"members": ["1009", "1009"]`, "groups[0].members[1] repeated"},
	{"emergency number", `"number": "750"`, `"number": "110"`, "conferences[0].number is-emergency"},
	{"parking backwards", `"last": "709"`, `"last": "700"`, "parking.last bad-parking"},
	{"parking over others", `"first": "701", "last": "709"`, `"first": "745", "last": "755"`, "parking.first in-parking"},
	{"own numbers outside", `"patterns": ["9."]`, `"patterns": ["9.", "8XX"]`, "outbound[1].patterns[1] takes-own"},
	{"a code outside", `"patterns": ["9."]`, `"patterns": ["9.", "*4."]`, "outbound[1].patterns[1] takes-own"},
	{"pattern never reached", `"patterns": ["9."]`, `"patterns": ["9.", "90X"]`, "outbound[1].patterns[1] pattern-shadowed"},
	{"emergency as any other", `"patterns": ["110", "119", "120", "122"]`, `"patterns": ["110", "119", "120"]`, ""},
	{"emergency not marked", `"patterns": ["9."]`, `"patterns": ["9.", "110"]`, "outbound[1].patterns[1] emergency-route, outbound[1].patterns[1] pattern-shadowed"},
	{"strips too much", `"strip": 1`, `"strip": 3`, "outbound[1].strip strip-too-much"},
	{"codes that begin alike", `"masking": {`, `"features": {"login": "*4"}, "masking": {`, "features.pause code-clash, features.echo code-clash"},
	{"a code as that of a schedule", `"code": "*281"`, `"code": "*45"`, "schedules[0].code code-clash"},
	{"a line on a telephone's port", `{"port": 24, "name": "传真线"}`, `{"port": 24, "use": "phone"}`, "lines[11].port wrong-use"},
	{"a line of a PBX without one", `{"port": 24, "name": "传真线"}`, `{"port": 25, "use": "pbx"}`, "ports[1].use pbx-without-line"},
	{"a telephone that is two", `"port": 8}`, `"port": 8, "browser": true}`, "extensions[7] one-phone"},
	{"a telephone that is none", `"name": "售后二", "port": 8}`, `"name": "售后二"}`, "extensions[7] one-phone"},
	{"a trunk that is none", `"masking": {`, `"trunks": [{"name": "t"}], "masking": {`, "trunks[0] one-trunk"},
	{"a key in the open", `"port": 8}`, `"sip": {"srtp": true}}`, "extensions[7].sip.srtp srtp-needs-tls"},
	{"route never reached", `{"from": ["office"], "to": "group:reception"}`, `{"to": "group:reception"}, {"from": ["office"], "to": "busy"}`, "inbound[2] route-shadowed"},
	{"route for a line of a group", `{"from": ["office"], "to": "group:reception"}`, `{"from": ["office"], "to": "group:reception"}, {"from": ["line-24"], "to": "busy"}`,
		"inbound[2] route-shadowed"},
	{"route for some callers", `{"from": ["office"], "to": "group:reception"}`, `{"from": ["office"], "caller": ["0755."], "to": "busy"}, {"from": ["office"], "to": "group:reception"}`, ""},
	{"route for fewer callers", `{"from": ["office"], "to": "group:reception"}`,
		`{"caller": ["07."], "to": "busy"}, {"from": ["office"], "caller": ["0755."], "to": "busy"}, {"from": ["office"], "to": "group:reception"}`, "inbound[2] route-shadowed"},
	{"lines that nobody answers", `"from": ["office"]`, `"from": ["line-21", "line-22", "line-23"]`, "lines[11] unrouted-line"},
	{"group without lines", `{"name": "office"}`, `{"name": "office"}, {"name": "spare"}`, ""},
	{"way without lines", `{"way": "hotline", "costPerMinute": 0.15}`, `{"way": "lines"}`, ""},
	{"no time at all", `"to": "21:00"`, `"to": "08:30"`, "schedules[0].hours[0] empty-hours"},
	{"days backwards", `"until": "2026-10-07"`, `"until": "2026-09-07"`, "calendars[0].days[4].until days-backwards"},
	{"a day twice", `"date": "2026-02-28"`, `"date": "2026-02-23"`, "calendars[0].days[3].date day-twice"},
	{"a key that is two", `"8": "zh-CN"`, `"3": "zh-CN"`, "ivrs[0].languages.3 key-twice"},
	{"a prompt without a sound", `{"name": "welcome", "text": {"en": "Welcome to our service hotline.", "zh-CN": "您好，欢迎致电四零零服务热线。"}}`, `{"name": "welcome"}`, "prompts[0] no-sound"},
	{"a notice that is never played", `"recording": {`, `"recording": {"announce": false, "notice": "welcome", `, "recording.notice notice-unused"},
	{"a skill that nobody has", `"rating": true`, `"skill": "french"`, "queues[0].skill nobody-can"},
	{"no way to a number", `"timeout": "queue:600"`, `"timeout": "external:9 010 8765 4321"`, "ivrs[0].timeout bad-dial"},
	{"no route to a number", `"timeout": "queue:600"`, `"timeout": "external:01087654321"`, "ivrs[0].timeout no-route"},
	{"a number outside", `"timeout": "queue:600"`, `"timeout": "external:901087654321"`, ""},
	{"nobody can be called back", `"patterns": ["9."],`, `"patterns": ["9."], "emergency": true,`, "queues[0].keys.1 no-way-out"},
	{"a loop", `"whenEmpty": "voicemail:690"`, `"whenEmpty": "schedule:hours"`, ""},
	{"a loop of one", `"whenEmpty": "voicemail:690"`, `"whenEmpty": "queue:600"`, "queues[0].whenEmpty loop"},
	{"a loop of two", `"then": "queue:600"`, `"then": "extension:1008"`, ""},
	{"a loop by day and night", `"closed": "announcement:closed"`, `"closed": "schedule:hours"`, "schedules[0].closed loop, announcements[1] unreachable"},
	{"a loop of queue and group", `"whenFull": "voicemail:690"`, `"whenFull": "group:reception"`, "queues[0].whenFull loop"},
	{"no way out", `"then": "ivr:hotline"`, `"then": "announcement:address"`, "announcements[0] no-exit"},
	{"a number that no line tells", `{"from": ["office"], "to": "group:reception"}`, `{"from": ["office"], "did": ["4008001234"], "to": "busy"}, {"from": ["office"], "to": "group:reception"}`,
		"inbound[1].did did-never-comes"},
	{"a number that a line has", `{"from": ["hotline"], "to": "schedule:hours"}`, `{"from": ["hotline"], "did": ["01087654321"], "to": "busy"}, {"from": ["hotline"], "to": "schedule:hours"}`, ""},
	{"nobody gets there", `"2": "queue:600", "3": "voicemail:690"`, `"2": "queue:600"`, ""},
	{"nobody gets to an announcement", `"1": "announcement:address", `, ``, "announcements[0] unreachable"},
	{"nobody gets to a menu", `"open": "ivr:hotline"`, `"open": "queue:600"`, "ivrs[0] unreachable"},
}

func TestFaults(t *testing.T) {
	doc := string(example.Hotline())
	seen := map[provisioning.Code]bool{}
	for _, c := range faultCases {
		if strings.Count(doc, c.old) == 0 {
			t.Errorf("%s: the example has no %s", c.name, c.old)
			continue
		}
		_, err := provisioning.Parse([]byte(strings.Replace(doc, c.old, c.new, 1)))
		faults, _ := err.(provisioning.Faults)
		got := map[string]bool{}
		for _, f := range faults {
			got[f.Path+" "+string(f.Code)] = true
			seen[f.Code] = true
			judge(t, c.name, f)
		}
		for want := range strings.SplitSeq(c.want, ", ") {
			if want != "" && !got[want] {
				t.Errorf("%s: want %q; got\n%v", c.name, want, err)
			}
			delete(got, want)
		}
		if len(got) > 0 {
			t.Errorf("%s: want %q only; got\n%v", c.name, c.want, err)
		}
	}
	// What the example can't be brought to by one change.
	for _, c := range []struct {
		doc  string
		code provisioning.Code
		path string
	}{
		{`{"queues": [{"number": "600", "members": ["1001"]}]}`, provisioning.DanglingAuto, "queues[0].members[0]"},
		{`{"inbound": [{"to": "ivr:m"}], "ivrs": [{"name": "m", "greeting": ["sound:hello"]}]}`, provisioning.NoKeys, "ivrs[0]"},
		{`{"outbound": [{"name": "o", "patterns": ["0."], "via": [{"way": "lines"}]}], "inbound": [{"to": "external:12345678"}]}`, provisioning.NoRoute, "inbound[0].to"},
		{`{"inbound": [{"to": "external:12345678"}]}`, provisioning.NoRoute, "inbound[0].to"},
		{`{"lineGroups": [{"name": "spare"}], "outbound": [{"name": "o", "patterns": ["9."], "via": [{"way": "spare"}]}]}`, provisioning.EmptyGroup, "outbound[0].via[0].way"},
		{`{"inbound": [{"from": ["line-3"], "to": "busy"}]}`, provisioning.DanglingAuto, "inbound[0].from[0]"},
		{`{"language": "tlh", "prompts": [{"name": "p", "text": {"xx": "y"}}]}`, provisioning.BadLanguage, "prompts[0].text.xx"},
	} {
		_, err := provisioning.Parse([]byte(c.doc))
		faults, _ := err.(provisioning.Faults)
		found := false
		for _, f := range faults {
			seen[f.Code] = true
			judge(t, c.doc, f)
			found = found || f.Code == c.code && f.Path == c.path
		}
		if !found {
			t.Errorf("%s: want %s %s; got\n%v", c.doc, c.path, c.code, err)
		}
	}
	for _, c := range warningCases {
		for _, f := range warnings(t, c.doc) {
			seen[f.Code] = true
		}
	}
	for _, code := range provisioning.Codes() {
		if !seen[code] {
			t.Errorf("no test brings about the fault %s", code)
		}
	}
}

// judge holds a fault's words to what a person needs of them.
func judge(t *testing.T, name string, f provisioning.Fault) {
	t.Helper()
	en, zh := f.Text("en"), f.Text("zh-CN")
	for _, text := range []string{en, zh, f.String("en"), f.String("zh-CN")} {
		if text == "" || strings.Contains(text, "%!") || strings.Contains(text, "\n") {
			t.Errorf("%s: %s is told as %q", name, f.Code, text)
		}
	}
	if strings.IndexFunc(zh, func(r rune) bool { return unicode.Is(unicode.Han, r) }) < 0 {
		t.Errorf("%s: %s has no Chinese: %q", name, f.Code, zh)
	}
	if f.Line == 0 && f.Code != provisioning.TooLarge {
		t.Errorf("%s: %s at %s has no line", name, f.Code, f.Path)
	}
}

func TestFaultsHaveTheirLines(t *testing.T) {
	_, err := provisioning.Parse([]byte("{\n \"version\": 2,\n \"queues\": [\n  {\"number\": \"600\",\n   \"ringSeconds\": 1},\n  {\"name\": \"x\"}\n ],\n \"nmae\": \"y\"\n}"))
	faults, _ := err.(provisioning.Faults)
	want := "line 6, queues[1].number: missing: it must be given\nline 8, nmae: unknown field; did you mean name?"
	if got := faults.Text("en"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got, want := faults[:1].Text("zh-CN"), "第 6 行，queues[1].number：缺少此字段：必须填写"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestBadJSONIsFound(t *testing.T) {
	for doc, want := range map[string]string{
		"{\n \"name\": \"a\",\n}":                `line 3, column 1 is no JSON: "}" can't stand here; look for`,
		"{\n \"name\"： \"a\"\n}":                 `line 2, column 8 is no JSON: "：" can't stand here; look for`,
		"{\n \"name\": 示例\n}":                    `line 2, column 10 is no JSON: "示" can't stand here; look for`,
		"{\"name\": \"a\" \"language\": \"en\"}": `line 1, column 14 is no JSON: "\"" can't stand here; look for`,
		"{\"name\": \"a\nb\"}":                   `line 1, column 12 is no JSON: "\n" can't stand here; look for`,
		"{\"queues\": [1 2]}":                    `line 1, column 15 is no JSON: "2" can't stand here; look for`,
		"{\"queues\": nil}":                      `line 1, column 13 is no JSON: "i" can't stand here; look for`,
		"":                                       `the document ends too early, in line 1: `,
	} {
		_, err := provisioning.Parse([]byte(doc))
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s\n got %v\nwant %s", doc, err, want)
		}
	}
}

// Editors put a mark in front and end lines their own way.
func TestTextsOfWindows(t *testing.T) {
	doc := "\ufeff" + strings.ReplaceAll(string(example.Hotline()), "\n", "\r\n")
	if _, err := provisioning.Parse([]byte(doc)); err != nil {
		t.Error(err)
	}
	_, err := provisioning.Parse([]byte(strings.Replace(doc, `"areaCode": "010"`, `"areaCode": "x"`, 1)))
	if faults, _ := err.(provisioning.Faults); len(faults) != 1 || faults[0].Line != 7 {
		t.Errorf("want one fault in line 7, got %v", err)
	}
}

// A secret that is refused must not be told in the refusal.
func TestFaultsHideSecrets(t *testing.T) {
	doc := `{"agents": [{"number": "811", "pin": "12"}], "extensions": [{"number": "801", "sip": {"secret": "tiny;"}}],
		"conferences": [{"number": "700", "pin": "abcdef"}]}`
	for _, doc := range []string{doc, strings.Replace(doc, `"12"`, `[1]`, 1), strings.Replace(doc, `"abcdef"`, `7532`, 1)} {
		_, err := provisioning.Parse([]byte(doc))
		if err == nil {
			t.Errorf("%s is taken", doc)
		}
		for _, secret := range []string{`"12"`, "tiny", "abcdef", "7532"} {
			if err != nil && strings.Contains(err.Error(), secret) {
				t.Errorf("%q is told in\n%v", secret, err)
			}
		}
	}
}

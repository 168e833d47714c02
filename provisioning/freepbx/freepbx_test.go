package freepbx

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/simplifiedchinese"

	"switchroom/provisioning"
)

// As the Bulk Handler writes it, with a few of its sixty columns.
const extensions = `extension,password,name,voicemail,ringtimer,outboundcid,tech,dial,secret,channel,voicemail_enable,voicemail_vmpwd,voicemail_email,callwaiting
1001,,前台,default,20,"""Front"" <01087654321>",pjsip,PJSIP/1001,abcdef0123456789,,yes,1234,front@example.com,enabled
1002,,"Smith, Bob",novm,,,sip,SIP/1002,short,,,,,
1003,,Warehouse,novm,0,,dahdi,DAHDI/3,,3,no,,,
1004,,Old,novm,,,iax2,IAX2/1004,x,,,,,
10-05,,Bad,novm,,,sip,,,,,,,
1006,,"A;B",novm,2,nonsense,sip,,,,,,,
1007,,No port,novm,,,dahdi,,,,,,,
`

// As the module of the time of Asterisk 1.4 did.
const oldExtensions = `action,extension,name,tech,devinfo_channel,devinfo_dial,devinfo_secret,vm,vmpwd,email
add,201,Seat 1,zap,1,ZAP/1,,enabled,2011,
edit,202,Seat 2,zap,,ZAP/2,,disabled,,
del,203,Gone,zap,3,ZAP/3,,,,
`

func phone(number, name string, change func(*provisioning.Extension)) provisioning.Extension {
	e := provisioning.New[provisioning.Extension]()
	e.Number, e.Name = number, name
	change(&e)
	return e
}

func sip(secret string) *provisioning.SIPPhone {
	p := provisioning.New[provisioning.SIPPhone]()
	p.Secret = provisioning.Secret(secret)
	return &p
}

func TestExtensions(t *testing.T) {
	want := []provisioning.Extension{
		phone("1001", "前台", func(e *provisioning.Extension) {
			e.SIP, e.RingSeconds, e.CallerID = sip("abcdef0123456789"), 20, "01087654321"
			e.Voicemail = &provisioning.Mailbox{PIN: "1234"}
		}),
		phone("1002", "Smith, Bob", func(e *provisioning.Extension) { e.SIP = sip("") }),
		phone("1003", "Warehouse", func(e *provisioning.Extension) { e.Port = 3 }),
		phone("1006", "", func(e *provisioning.Extension) { e.SIP = sip("") }),
	}
	wantProblems := []string{
		"row 3, secret: the password is left out, it is too short or has marks that can't be used: the box makes one",
		`row 5, tech: telephones by "iax2" don't exist here: the row is left out`,
		`row 6, extension: "10-05" is no number of an extension: the row is left out`,
		`row 7, name: "A;B" is left out: it can't stand in the document`,
		`row 7, outboundcid: "nonsense" is left out: it can't stand in the document`,
		`row 7, ringtimer: "2" is left out: it can't stand in the document`,
		`row 8, channel: "" names no port of a card: give the extension its port by hand; the row is left out`,
	}
	gb, err := simplifiedchinese.GB18030.NewEncoder().String(extensions)
	if err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string]string{"UTF-8": extensions, "with a mark": "\ufeff" + extensions, "GB18030": gb} {
		got, problems, err := Extensions(strings.NewReader(file))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff(wantProblems, texts(problems, "en")); diff != "" {
			t.Errorf("%s: problems (-want +got):\n%s", name, diff)
		}
	}
	valid(t, want, nil)
}

func TestOldExtensions(t *testing.T) {
	got, problems, err := Extensions(strings.NewReader(oldExtensions))
	if err != nil || len(problems) > 0 {
		t.Fatalf("%v, %v", err, texts(problems, "en"))
	}
	want := []provisioning.Extension{
		phone("201", "Seat 1", func(e *provisioning.Extension) { e.Port, e.Voicemail = 1, &provisioning.Mailbox{PIN: "2011"} }),
		phone("202", "Seat 2", func(e *provisioning.Extension) { e.Port = 2 }),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

const dids = `cidnum,extension,destination,description
,,"ext-queues,600,1",all others
,87654321,"from-did-direct,1001,1",
13800138000,,"ext-local,vmu1001,1",boss
,_8765432x,"ivr-3,s,1",
Anonymous,,"app-blackhole,hangup,1",
,87654329,"app-daynight,0,1",
,8765a,"ext-queues,600,1",
,87654328,"ext-group,601,1",
`

func TestDIDs(t *testing.T) {
	got, problems, err := DIDs(strings.NewReader(dids))
	if err != nil {
		t.Fatal(err)
	}
	want := []provisioning.InboundRoute{
		{Caller: []string{"13800138000"}, To: "voicemail:1001"},
		{Caller: []string{"anonymous"}, To: "hangup"},
		{DID: []string{"87654321"}, To: "extension:1001"},
		{DID: []string{"87654329"}, To: "busy"},
		{DID: []string{"87654328"}, To: "group:group-601"},
		{DID: []string{"8765432X"}, To: "ivr:ivr-3"},
		{To: "queue:600"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	wantProblems := []string{`第 7 行，destination：无法转换去向 "app-daynight,0,1"：在另行设置之前，来电将听到忙音`, `第 8 行，extension："8765a" 不是号码模式：已跳过此行`}
	if diff := cmp.Diff(wantProblems, texts(problems, "zh-CN")); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

func TestNoList(t *testing.T) {
	for _, file := range []string{"", "a,b\n1,2\n", "extension\n\"1\n", "\xff\xff\xff\xff"} {
		if got, _, err := Extensions(strings.NewReader(file)); err == nil {
			t.Errorf("%q is taken: %v", file, got)
		}
	}
}

func texts(problems []Problem, language string) []string {
	out := make([]string, len(problems))
	for i, p := range problems {
		out[i] = p.Text(language)
	}
	return out
}

// valid holds that what was taken over fits into a document, but for what it
// refers to.
func valid(t *testing.T, extensions []provisioning.Extension, routes []provisioning.InboundRoute) {
	t.Helper()
	s := provisioning.New[provisioning.Site]()
	s.Language, s.TimeZone, s.Extensions, s.Inbound = "en", "Etc/UTC", extensions, routes
	for _, f := range s.Check() {
		switch f.Code {
		case provisioning.Dangling, provisioning.RouteShadowed, provisioning.DuplicateNumber, provisioning.DuplicatePort, provisioning.IsEmergency:
		default:
			t.Errorf("%v", f)
		}
	}
}

func FuzzLists(f *testing.F) {
	f.Add(extensions)
	f.Add(oldExtensions)
	f.Add(dids)
	f.Fuzz(func(t *testing.T, file string) {
		list, problems, err := Extensions(strings.NewReader(file))
		if err == nil {
			valid(t, list, nil)
		}
		routes, more, err := DIDs(strings.NewReader(file))
		if err == nil {
			valid(t, []provisioning.Extension{}, routes)
		}
		texts(append(problems, more...), "zh-CN")
	})
}

package asterisk

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

type conf = map[string][]byte

func files(namesAndTexts ...string) conf {
	out := conf{"modules.conf": []byte("[modules]\nload = pbx_config.so\nload = app_queue.so\nload = res_pjsip.so\nload = chan_dahdi.so\n")}
	for i := 0; i < len(namesAndTexts); i += 2 {
		out[namesAndTexts[i]] = []byte(namesAndTexts[i+1])
	}
	return out
}

const card = `[trunkgroups]
[channels]
language = en
signalling = fxo_ks ; telephones
callerid = "A" <1001>
channel => 1
callerid = "B" <1002>
channel => 2
signalling = fxs_ks
channel => 25
`

func TestChanges(t *testing.T) {
	modules := string(files()["modules.conf"])
	for name, c := range map[string]struct {
		old, new conf
		want     []Step
	}{
		"nothing":     {files("queues.conf", "[600]\n"), files("queues.conf", "[600]\n"), nil},
		"a comment":   {files("queues.conf", "[600]\n"), files("queues.conf", "; why\n\n [600] ; so\n"), nil},
		"a semicolon": {files("queues.conf", "a = b\\;c\n"), files("queues.conf", "a = b\\;d\n"), []Step{{Reload, "app_queue.so", []string{"queues.conf"}, CallsGoOn}}},
		"in the order of doing": {files(), files("manager.conf", "a=1", "extensions.conf", "a=1", "queues.conf", "a=1", "queuerules.conf", "a=1", "features.conf", "a=1"), []Step{
			{Reload, "features", []string{"features.conf"}, CallsGoOn},
			{Reload, "app_queue.so", []string{"queuerules.conf", "queues.conf"}, CallsGoOn},
			{Reload, "pbx_config.so", []string{"extensions.conf"}, CallsGoOn},
			{Reload, "manager", []string{"manager.conf"}, CallsGoOn},
		}},
		"agents": {files("extensions.conf", "[started]\n"), files("extensions.conf", "[started]\n", "queues.conf", "a=1"), []Step{
			{Reload, "app_queue.so", []string{"queues.conf"}, CallsGoOn}, {SyncAgents, "", []string{"extensions.conf"}, CallsGoOn}}},
		"taken away":     {files("queues.conf", "[600]\n"), files(), []Step{{Reload, "app_queue.so", []string{"queues.conf"}, CallsGoOn}}},
		"nobody reads":   {files(), files("confbridge.conf", "a=1"), nil},
		"unknown":        {files(), files("asterisk.conf", "a=1", "queues.conf", "a=1"), []Step{{Restart, "", []string{"asterisk.conf"}, AllCallsEnd}}},
		"a telephone":    {files("pjsip.conf", "[1001]\ntype=endpoint\n"), files("pjsip.conf", "[1002]\ntype=endpoint\n"), []Step{{Reload, "res_pjsip.so", []string{"pjsip.conf"}, CallsGoOn}}},
		"a transport":    {files("pjsip.conf", "[udp]\ntype=transport\nbind=0.0.0.0\n"), files("pjsip.conf", "[udp]\ntype=transport\nbind=0.0.0.0:5\n"), []Step{{Restart, "", []string{"pjsip.conf"}, AllCallsEnd}}},
		"one that reads": {files("pjsip.conf", "[udp]\ntype=transport\nallow_reload=yes\nbind=0.0.0.0\n"), files("pjsip.conf", "[udp]\ntype=transport\nallow_reload=yes\nbind=0.0.0.0:5\n"), []Step{{Reload, "res_pjsip.so", []string{"pjsip.conf"}, CallsGoOn}}},
		"more modules": {files(), files("modules.conf", modules+"load = app_confbridge.so\n", "confbridge.conf", "a=1", "extensions.conf", "a=1"), []Step{
			{Load, "app_confbridge.so", []string{"modules.conf"}, CallsGoOn},
			{Reload, "pbx_config.so", []string{"extensions.conf"}, CallsGoOn},
		}},
		"fewer modules": {files(), conf{"modules.conf": []byte("[modules]\nload = pbx_config.so\n")}, []Step{{NextStart, "", []string{"modules.conf"}, CallsGoOn}}},
		"a name on the card": {files("chan_dahdi.conf", card), files("chan_dahdi.conf", card[:len(card)-1]+"\ncallerid = \"C\" <1>\n"), []Step{
			{Reload, "chan_dahdi.so", []string{"chan_dahdi.conf"}, CallsGoOn}}},
		"a port more":    {files("chan_dahdi.conf", card), files("chan_dahdi.conf", card+"channel => 26\n"), []Step{{RestartPorts, "", []string{"chan_dahdi.conf"}, CardCallsEnd}}},
		"another signal": {files("chan_dahdi.conf", card), files("chan_dahdi.conf", card+"signalling = fxo_ls\nchannel => 25\n"), []Step{{RestartPorts, "", []string{"chan_dahdi.conf"}, CardCallsEnd}}},
	} {
		got := Changes(c.old, c.new)
		if diff := cmp.Diff(c.want, got.Steps); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestPlanOfTwo(t *testing.T) {
	p := Changes(files(), files("extensions.conf", "a=1")).join([]string{"queues.conf"}, Changes(files(), files("queues.conf", "a=1", "extensions.conf", "x")).Steps)
	want := []Step{{Reload, "app_queue.so", []string{"queues.conf"}, CallsGoOn}, {Reload, "pbx_config.so", []string{"extensions.conf"}, CallsGoOn}}
	if diff := cmp.Diff(want, p.Steps); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if p = p.join(nil, []Step{{Restart, "", nil, AllCallsEnd}}); len(p.Steps) != 1 || p.Calls() != AllCallsEnd {
		t.Errorf("with a restart it is %v", p)
	}
}

func TestPlanInWords(t *testing.T) {
	p := Plan{Steps: []Step{
		{Reload, "app_queue.so", []string{"queues.conf"}, CallsGoOn}, {Load, "x.so", []string{"modules.conf"}, CallsGoOn},
		{RestartPorts, "", []string{"chan_dahdi.conf"}, CardCallsEnd}, {Restart, "", []string{"a", "b"}, AllCallsEnd},
		{SyncAgents, "", nil, CallsGoOn}, {NextStart, "", []string{"c"}, CallsGoOn}, {Reboot, "", nil, CallsGoOn},
	}}
	if diff := cmp.Diff(`app_queue.so reads queues.conf anew; calls go on
module x.so is loaded; calls go on
the card's ports are set up anew; calls on the card's telephones and lines end
Asterisk starts again (a, b); all calls end
agents who are logged in get the queues that they have now; calls go on
c: takes effect when Asterisk starts again; calls go on
the driver of the card: takes effect when the box starts again; calls go on
`, p.Text("en")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(`app_queue.so 重新读取 queues.conf；通话不受影响
加载模块 x.so；通话不受影响
重新配置语音卡端口；语音卡上的通话会中断
重新启动 Asterisk（a, b）；所有通话会中断
更新已登录座席所属的队列；通话不受影响
c：下次启动 Asterisk 时生效；通话不受影响
语音卡驱动：设备下次启动时生效；通话不受影响
`, p.Text("zh-CN")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if p.Calls() != AllCallsEnd || (Plan{Steps: p.Steps[:3]}).Calls() != CardCallsEnd || (Plan{Steps: p.Steps[:2]}).Calls() != CallsGoOn {
		t.Error("the greatest effect")
	}
}

func TestComplaints(t *testing.T) {
	p := Plan{Steps: []Step{{Reload, "app_queue.so", nil, CallsGoOn}, {Reload, "res_pjsip.so", nil, CallsGoOn}, {Load, "res_pjsip_mwi.so", nil, CallsGoOn}}}
	for line, want := range map[string]string{
		"[2026-11-22 19:10:30.688] WARNING[12]: app_queue.c:3601 queue_set_param: Unknown keyword in queue '600': x at line 12 of queues.conf": "WARNING app_queue.c: Unknown keyword in queue '600': x at line … of queues.conf",
		"WARNING[12]: app_queue.c:3601 queue_set_param: Unknown":                                                                               "WARNING app_queue.c: Unknown",
		"ERROR[12]: config.c:2000 process_text_line: parse error: No category":                                                                 "ERROR config.c: parse error: No category",
		"ERROR[12]: res_pjsip/location.c:20 f: no":                                                                                             "ERROR location.c: no",
		"WARNING[12][C-0000000a]: app_queue.c:3601 queue_set_param: Unknown":                                                                   "",
		"NOTICE[12]: app_queue.c:3601 f: said":                                                                                                 "",
		"WARNING[12]: app_dial.c:1 f: no":                                                                                                      "",
		"WARNING[12]: pbx_config.c:1 f: no":                                                                                                    "",
		"WARNING[12]: res_pjsip_outbound_registration.c:9 f: No response":                                                                      "",
		"WARNING[12]: res_pjsip_mwi.c:9 f: Unable to send unsolicited MWI to 2000":                                                             "",
		"a caller named ERROR[12]: config.c:1 f: x":                                                                                            "",
	} {
		got := ""
		if c, ok := complaintOf(line, p); ok {
			got = c.String()
		}
		if got != want {
			t.Errorf("%s\n got %q\nwant %q", line, got, want)
		}
	}
}

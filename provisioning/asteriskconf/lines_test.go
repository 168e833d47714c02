package asteriskconf

import (
	"slices"
	"strings"
	"testing"

	"switchroom/provisioning"
)

// channels are the settings that hold for each channel of a chan_dahdi.conf:
// a setting holds until it is given anew.
func channels(conf string) map[string]map[string]string {
	out, now := map[string]map[string]string{}, map[string]string{}
	for l := range strings.Lines(conf) {
		l, _, _ = strings.Cut(strings.TrimSpace(l), ";")
		if n, ok := strings.CutPrefix(l, "channel => "); ok {
			out[n] = map[string]string{}
			for k, v := range now {
				out[n][k] = v
			}
			continue
		}
		k, v, ok := strings.Cut(l, "=")
		k, v = strings.TrimSpace(k), strings.TrimSpace(v)
		if k == "setvar" {
			k, v, _ = strings.Cut(v, "=")
		}
		if ok {
			now[k] = v
		}
	}
	return out
}

func TestChannelsOfTheCard(t *testing.T) {
	site, err := provisioning.Parse([]byte(`{"version": 2, "country": "cn",
		"ports": [{"port": 3, "use": "pbx"}],
		"extensions": [{"number": "1001", "port": 1, "class": "internal", "record": "always", "callerId": "010 5555 0001", "language": "en", "voicemail": {}},
			{"number": "1002", "port": 2}],
		"lines": [{"port": 3, "name": "pbx-3", "group": "pbx"}, {"port": 4}, {"port": 5, "answer": "polarity", "callerIdSignalling": "dtmf", "maxMinutes": 10},
			{"port": 6, "callerIdSignalling": "none"}],
		"lineGroups": [{"name": "pbx"}, {"name": "lines", "pick": "turn"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	files := Render(site, provisioning.Ports{FXS: []int{1, 2, 3}, FXO: []int{4, 5, 6}}, Secrets{})
	got := channels(string(files["chan_dahdi.conf"]))
	for _, want := range []struct{ channel, settings string }{
		{"1", "context=phones-internal signalling=fxo_ks SEAT=1001 CLASS=internal RECORD=always SHOWN=01055550001 mailbox=1001@default language=en_US_f_Allison immediate=no"},
		{"2", "context=phones signalling=fxo_ks SEAT=1002 CLASS=standard RECORD= SHOWN= mailbox= language=zh immediate=no"},
		{"3", "context=lines-pbx-3 signalling=fxo_ks SEAT= CLASS= immediate=yes busydetect=no group=1"},
		{"4", "context=lines-line-4 signalling=fxs_ks SEAT= busydetect=yes immediate=no answeronpolarityswitch=no usecallerid=yes cidsignalling=bell cidstart=ring callerid=asreceived group=2"},
		{"5", "answeronpolarityswitch=yes hanguponpolarityswitch=yes cidsignalling=dtmf cidstart=dtmf RECORD="},
		{"6", "answeronpolarityswitch=no usecallerid=no"},
	} {
		if got[want.channel] == nil {
			t.Errorf("there is no channel %s", want.channel)
			continue
		}
		for s := range strings.FieldsSeq(want.settings) {
			k, v, _ := strings.Cut(s, "=")
			if g := got[want.channel][k]; g != v {
				t.Errorf("channel %s: %s = %q, want %q", want.channel, k, g, v)
			}
		}
	}
	conf := string(files["extensions.conf"])
	if !strings.Contains(conf, "exten = s,1,Set(TIMEOUT(absolute)=600)\n") {
		t.Error("the longest call of line 5 is not in extensions.conf")
	}
	if !strings.Contains(conf, "Dial(${ARG2},120,") || !strings.Contains(conf, "DAHDI/r") {
		t.Error("the lines are not taken in turn")
	}
}

// Passwords are where Asterisk needs them, and nowhere else.
func TestWhereSecretsAre(t *testing.T) {
	site := everything(t)
	files := Render(site, provisioning.Ports{}, Secrets{Manager: "manager-secret", CTI: "cti-secret", SIP: map[string]string{"1003": "made-secret"}})
	for secret, want := range map[string]string{
		"manager-secret": "manager.conf", "cti-secret": "manager.conf", "made-secret": "pjsip.conf",
		"pw1001pw1001": "pjsip.conf", "secretsecret": "pjsip.conf", "8110": "extensions.conf", "7501": "extensions.conf",
		"=> 1234": "voicemail.conf",
	} {
		var in []string
		for name, data := range files {
			if strings.Contains(string(data), secret) {
				in = append(in, name)
			}
		}
		slices.Sort(in)
		if got := strings.Join(in, " "); got != want {
			t.Errorf("%s is in %q, want %q", secret, got, want)
		}
	}
}

// Without a certificate nobody is offered TLS, and nothing is missing then.
func TestTLSNeedsACertificate(t *testing.T) {
	site := everything(t)
	without := string(Render(site, provisioning.Ports{}, Secrets{})["pjsip.conf"])
	with := string(Render(site, provisioning.Ports{}, Secrets{Certificate: "/c", Key: "/k"})["pjsip.conf"])
	if strings.Contains(without, "transport = tls") || strings.Contains(without, "[tls]") {
		t.Error("TLS without a certificate")
	}
	if !strings.Contains(with, "transport = tls") || !strings.Contains(with, "cert_file = /c") {
		t.Error("no TLS with a certificate")
	}
}

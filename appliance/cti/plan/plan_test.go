package plan

import (
	"testing"

	"switchroom/provisioning"
	"switchroom/provisioning/example"
)

func TestExample(t *testing.T) {
	site, err := provisioning.Parse(example.Hotline())
	if err != nil {
		t.Fatal(err)
	}
	p := Of(site.Complete(provisioning.Ports{FXS: []int{1, 2, 3, 4}}))
	a, ok := p.Agents["811"]
	if _, serves := a.Queues["600"]; !ok || !serves {
		t.Errorf("811 is %+v", a)
	}
	if s := p.Seats["1001"]; s.Device != "DAHDI/1" || p.DialContext("1001") != "phones-internal" || p.TransferContext("811", "1001") != "transfer-house" && !a.May("external") {
		t.Errorf("%+v %s %s", s, p.DialContext("1001"), p.TransferContext("811", "1001"))
	}
	c := p.Live()
	if c.Seats["DAHDI/1"] != "1001" || len(c.Agents) != len(p.Agents) {
		t.Errorf("%+v", c)
	}
	if len(p.Reasons) == 0 || p.Ask == "" || p.ThreeWay == "" {
		t.Errorf("%+v", p)
	}
}

func TestMask(t *testing.T) {
	p := Plan{Masking: provisioning.Masking{Enabled: true, KeepFirst: 3, KeepLast: 4}}
	for number, want := range map[string]string{"13800138000": "138****8000", "1001": "1001", "1234567": "1234567", "12345678": "123****5678", "": ""} {
		if got := p.Mask(number); got != want {
			t.Errorf("%s: %s; want %s", number, got, want)
		}
	}
	p.Masking.Enabled = false
	if got := p.Mask("13800138000"); got != "13800138000" {
		t.Error(got)
	}
}

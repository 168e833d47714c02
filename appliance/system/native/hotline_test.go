//go:build native

package native_test

import (
	"encoding/json"
	"testing"

	"switchroom/appliance/system/native/lab"
	"switchroom/provisioning/example"
)

// hotline is the example site, with SIP telephones on its ports and trunks for its lines.
func hotline(t *testing.T) string {
	t.Helper()
	var d map[string]any
	if err := json.Unmarshal(example.Hotline(), &d); err != nil {
		t.Fatal(err)
	}
	for _, e := range d["extensions"].([]any) {
		delete(e.(map[string]any), "port")
	}
	for _, key := range []string{"ports", "lines", "lineGroups"} {
		delete(d, key)
	}
	d["trunks"] = []any{
		map[string]any{"name": "hotline", "peer": map[string]any{"addresses": []any{carrierIP.String() + ":5070"}}, "callerId": "01087654321"},
		map[string]any{"name": "office", "peer": map[string]any{"addresses": []any{"127.0.2.2:5070"}}},
	}
	text, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestTheExampleSite is a call of the hotline as it is meant to be.
func TestTheExampleSite(t *testing.T) {
	t.Parallel()
	r := open(t, hotline(t))
	wang, chen, manager := r.seat("1001"), r.seat("1002"), r.seat("1010")
	wang.logsIn("811", "8110")
	chen.logsIn("823", "8230")
	manager.calls("*281").hears("switchroom/day-mode").hangsUp()

	dora := r.outside("13700137000").calls("01087654321").hears("site:welcome", "site:menu").presses("2")
	dora.hears("site:transfer")
	wang.rings().isShown("137****7000").answers()
	dora.hears("switchroom/agent").hearsAgent(wang, "811").hears("switchroom/at-your-service")
	talk(dora, wang)

	wang.transfers("823")
	chen.rings().isShown("13700137000").answers() // who may see numbers
	talk(dora, chen)
	dora.hangsUp()
	chen.isCut()
	in, out := r.recording()
	for _, p := range []*person{wang, chen} {
		if _, ok := lab.Find(out, p.voice); !ok {
			t.Errorf("the voice of %s is not in the recording", p.name)
		}
	}
	if _, ok := lab.Find(in, dora.voice); !ok {
		t.Error("the voice of the caller is not in the recording")
	}

	// At night.
	manager.calls("*281").hears("switchroom/night-mode").hangsUp()
	r.outside("13700137001").calls("01087654321").hears("site:welcome", "site:closed").hangsUp()
}

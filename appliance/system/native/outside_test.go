//go:build native

package native_test

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"switchroom/appliance/system/native/lab"
	"switchroom/dahdi/tone"
)

const ways = `{
  "trunks": [
    {"name": "carrier", "peer": {"addresses": ["127.0.2.1:5070"]}, "callerId": "01088880000", "maxCalls": 1},
    {"name": "full", "peer": {"addresses": ["127.0.2.2:5070"]}, "callerId": "01088880002"},
    {"name": "dead", "peer": {"addresses": ["127.0.2.3:5070"]}, "callerId": "01088880003"}],
  "extensions": [
    {"number": "1001", "class": "internal"}, {"number": "1002", "class": "standard"}, {"number": "1003", "class": "unrestricted", "callerId": "01088881003"},
    {"number": "1004", "class": "standard"}],
  "queues": [],
  "inbound": [{"to": "extension:1004"}],
  "outbound": [
    {"name": "emergency", "patterns": ["110", "119", "120"], "emergency": true, "via": [{"way": "full"}, {"way": "carrier"}]},
    {"name": "out", "patterns": ["9."], "strip": 1, "via": [{"way": "full", "costPerMinute": 0.1}, {"way": "carrier", "costPerMinute": 0.2}]},
    {"name": "dead", "patterns": ["8[0-9]."], "strip": 1, "via": [{"way": "dead"}, {"way": "carrier"}]}]
}`

// TestWaysOut is what telephones may call, and what happens when a way is down.
func TestWaysOut(t *testing.T) {
	t.Parallel()
	r := open(t, ways)
	full := r.far("full", netip.MustParseAddr("127.0.2.2"))
	full.Refuse(503)
	internal, standard, unrestricted := r.seat("1001"), r.seat("1002"), r.seat("1003")
	dora := r.outside("01062345678")

	// The cheapest way refuses, the next one does it.
	standard.calls("901062345678")
	dora.rings().isShown("01088880000").answers()
	talk(standard, dora)

	// No way has room for another call, but for an emergency.
	unrestricted.calls("901062345678").hears("switchroom/lines-busy").hangsUp()
	police := r.outside("110")
	internal.calls("110")
	police.rings().answers()
	talk(internal, police)
	police.hangsUp()
	internal.isCut()
	talk(standard, dora)
	standard.hangsUp()
	dora.isCut()

	unrestricted.calls("901062345678")
	dora.rings().isShown("01088881003").answers()
	talk(unrestricted, dora)
	dora.hangsUp()
	unrestricted.isCut()

	// A way that nobody is at.
	r.isGone("dead")
	unrestricted.calls("801062345678")
	dora.rings().answers()
	talk(unrestricted, dora)
	unrestricted.hangsUp()
	dora.isCut()

	// What a class does not allow.
	internal.calls("901062345678").hears("switchroom/not-allowed").hangsUp()
	abroad := r.outside("0014155550100")
	standard.calls("90014155550100").hears("switchroom/not-allowed").hangsUp()
	unrestricted.calls("90014155550100")
	abroad.rings().answers()
	talk(unrestricted, abroad)
	unrestricted.hangsUp()
	abroad.isCut()
	dora.isNotRung()
}

// TestDayAndNight is the clock, and the switch that comes before it.
func TestDayAndNight(t *testing.T) {
	t.Parallel()
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().In(zone)
	clock := func(hours int) string { return now.Add(time.Duration(hours) * time.Hour).Format("15:04") }
	day := func(days int) string { return now.AddDate(0, 0, days).Format(time.DateOnly) }
	r := open(t, fmt.Sprintf(`{
	  "prompts": ["open", "closed", "holiday"],
	  "announcements": [{"name": "open", "prompts": ["open"]}, {"name": "closed", "prompts": ["closed"]}, {"name": "holiday", "prompts": ["holiday"]}],
	  "calendars": [{"name": "feast", "days": [{"date": %q, "until": %q}]}],
	  "schedules": [
	    {"name": "day", "hours": [{"from": %q, "to": %q}], "open": "announcement:open", "closed": "announcement:closed"},
	    {"name": "night", "hours": [{"from": %q, "to": %q}], "open": "announcement:open", "closed": "announcement:closed"},
	    {"name": "feast", "calendars": ["feast"], "open": "announcement:open", "closed": "announcement:closed", "holiday": "announcement:holiday"}],
	  "queues": [],
	  "inbound": [{"did": ["1"], "to": "schedule:day"}, {"did": ["2"], "to": "schedule:night"}, {"did": ["3"], "to": "schedule:feast"}]
	}`, day(0), day(1), clock(-2), clock(2), clock(2), clock(-2)))
	anna := r.seat("1001")
	r.outside("13800000001").calls("1").hears("site:open").isCut()
	r.outside("13800000002").calls("2").hears("site:closed").isCut()
	r.outside("13800000003").calls("3").hears("site:holiday").isCut()

	// By the clock, open, closed.
	anna.calls("*282").hears("switchroom/day-mode").hangsUp()
	r.outside("13800000004").calls("2").hears("site:open").isCut()
	anna.calls("*282").hears("switchroom/night-mode").hangsUp()
	r.outside("13800000005").calls("2").hears("site:closed").isCut()
	anna.calls("*282").hears("switchroom/auto-mode").hangsUp()
	anna.calls("*281").hears("switchroom/day-mode").hangsUp()
	anna.calls("*281").hears("switchroom/night-mode").hangsUp()
	r.outside("13800000006").calls("1").hears("site:closed").isCut()
	r.outside("13800000007").calls("3").hears("site:holiday").isCut()
}

// TestHostileCallers call with names and numbers that would be run if they were ever read as a part
// of the dialplan, and with such that are no numbers at all.
func TestHostileCallers(t *testing.T) {
	t.Parallel()
	r := open(t, `{
	  "queues": [{"number": "600", "members": ["1001"], "announceAgent": false, "announcePosition": false, "announceEstimate": false, "wrapUpSeconds": 0}],
	  "blacklist": [{"number": "13900000666"}],
	  "recording": {"what": ["queue"], "announce": false},
	  "inbound": [{"to": "queue:600"}]
	}`)
	anna := r.seat("1001")
	for _, c := range []struct{ number, name string }{
		{"13800000001", "${SHELL(touch /data/pwned)}"},
		{"%24%7BSHELL(touch%20%2Fdata%2Fpwned)%7D", "a"},
		{"1001%2C1%2CSystem(touch%20%2Fdata%2Fpwned)", "a,1,System(touch /data/pwned)"},
		{"13800000001%22%29%5D%3D1%5D%3F", "$[1+1]"},
		{"%60touch%20%2Fdata%2Fpwned%60", "`touch /data/pwned`"},
		{"..%2F..%2F..%2Fdata%2Fpwned", "../../../data/pwned"},
		{"anonymous", "Anonymous"},
		{"%E4%BD%A0%E5%A5%BD", "你好\U0001f480"},
		{"138%0D%0AAction%3A%20Originate%0D%0A", "a%0d%0aEvent: b"},
		{"99999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999", "a"},
	} {
		dora := r.outside("hostile").callsAs("88880600", c.number, c.name)
		anna.rings().answers()
		talk(dora, anna)
		dora.hangsUp()
		anna.isCut()
	}
	if _, err := os.Stat(filepath.Join(r.box.Dir(), "data/pwned")); err == nil {
		t.Error("something that a caller wrote was run")
	}
	r.outside("listed").callsAs("88880600", "%2B86%20139-0000-0666", "").isRefusedOrCut()
	for _, number := range []string{"13900000666", "013900000666", "8613900000666", "008613900000666", "+8613900000666"} {
		r.outside("listed").callsAs("88880600", number, "").isRefusedOrCut()
	}
	anna.isNotRung()
}

// isRefusedOrCut waits until the call is over.
func (p *person) isRefusedOrCut() *person {
	p.r.t.Helper()
	_, err := p.call.AwaitEnd(p.r.ctx)
	p.must(err)
	return p
}

// TestProvider is a trunk that registers with a provider, which then knows where to send calls.
func TestProvider(t *testing.T) {
	t.Parallel()
	r := open(t, `{
	  "trunks": [{"name": "provider", "register": {"host": "127.0.2.5:5070", "user": "account", "secret": "not-so-secret"}, "callerId": "01077770000"}],
	  "queues": [],
	  "inbound": [{"to": "extension:1001"}],
	  "outbound": [{"name": "out", "patterns": ["9."], "strip": 1, "via": [{"way": "provider"}]}]
	}`)
	provider := r.plug(lab.PhoneOptions{IP: netip.MustParseAddr("127.0.2.5"), User: "provider", Law: tone.ALaw})
	r.must(provider.AwaitAccount(r.ctx))
	r.isThere("provider")
	anna := r.seat("1001")
	dora := &person{r: r, name: "01062345678", number: "01062345678", language: "en", voice: r.newVoice(), phone: provider, outside: true}
	call, err := provider.Call(r.ctx, "", lab.CallOptions{From: dora.number, Voice: float64(dora.voice), Account: true})
	r.must(err)
	dora.begin(call)
	anna.rings().answers()
	talk(dora, anna)
	dora.hangsUp()
	anna.isCut()

	anna.calls("901062345678")
	dora.rings().answers()
	talk(dora, anna)
	anna.hangsUp()
	dora.isCut()
}

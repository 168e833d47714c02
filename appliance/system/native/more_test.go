//go:build native

package native_test

import (
	"testing"

	"switchroom/appliance/system/native/lab"
)

const people = `{
  "prompts": ["vip"],
  "extensions": [
    {"number": "1001"}, {"number": "1002", "voicemail": {"pin": "1002"}, "ringSeconds": 5}, {"number": "1003"}, {"number": "1004"},
    {"number": "1005", "class": "two"}, {"number": "1006", "class": "two"}, {"number": "1007"}, {"number": "1008"}, {"number": "1009"}],
  "classes": [{"name": "two", "may": ["local"], "concurrent": 1}],
  "queues": [
    {"number": "600", "members": ["1001"], "announceAgent": false, "announcePosition": false, "announceEstimate": false, "wrapUpSeconds": 0},
    {"number": "601", "members": ["1003", "1004"], "strategy": "all", "announceAgent": false, "announcePosition": false, "announceEstimate": false, "wrapUpSeconds": 0},
    {"number": "602", "skill": "german", "announceAgent": false, "announcePosition": false, "announceEstimate": false, "wrapUpSeconds": 0},
    {"number": "603", "announceAgent": false, "announcePosition": false, "announceEstimate": false, "wrapUpSeconds": 0}],
  "agents": [
    {"number": "811", "pin": "8110", "skills": {"german": 2}}, {"number": "812", "pin": "8120", "skills": {"german": 9}},
    {"number": "821", "pin": "8210", "queues": {"603": 0}, "alwaysConnected": true}],
  "conferences": [{"number": "700", "pin": "4711", "hostPin": "0815"}],
  "vip": [{"number": "13800138000", "name": "Big Customer", "priority": 20}, {"number": "13800138001", "to": "announcement:vip"}],
  "announcements": [{"name": "vip", "prompts": ["vip"]}],
  "inbound": [
    {"did": ["88880600"], "to": "queue:600"}, {"did": ["88880601"], "to": "queue:601"}, {"did": ["88880602"], "to": "queue:602"}, {"did": ["88880603"], "to": "queue:603"},
    {"did": ["88880700"], "to": "conference:700"}, {"did": ["88881002"], "to": "extension:1002"}],
  "outbound": [{"name": "out", "patterns": ["9."], "strip": 1, "via": [{"way": "carrier"}]}]
}`

func TestPeople(t *testing.T) {
	t.Parallel()
	r := open(t, people)
	r.story("VIPs come first", func(r *room) {
		anna := r.seat("1001")
		first := r.outside("13900000001").calls("88880600")
		anna.rings().answers()
		talk(first, anna)
		second := r.outside("13900000002").calls("88880600").hearsMusic()
		vip := r.outside("13800138000").calls("88880600").hearsMusic()
		first.hangsUp()
		anna.isCut()
		anna.rings().isShown("13800138000").answers()
		talk(vip, anna)
		vip.hangsUp()
		anna.isCut()
		anna.rings().isShown("13900000002").answers()
		talk(second, anna)
		second.hangsUp()
		anna.isCut()
		r.outside("013800138001").calls("88880600").hears("site:vip").isCut()
	})
	r.story("a queue that rings all", func(r *room) {
		anna, ben := r.seat("1003"), r.seat("1004")
		dora := r.outside("13900000003").calls("88880601")
		anna.rings()
		ben.rings()
		anna.answers()
		ben.isCut()
		talk(dora, anna)
		dora.hangsUp()
		anna.isCut()
	})
	r.story("who is better at it is asked first", func(r *room) {
		anna, ben := r.seat("1007"), r.seat("1008")
		anna.logsIn("811", "8110")
		ben.logsIn("812", "8120")
		dora := r.outside("13900000004").calls("88880602")
		ben.rings().answers()
		talk(dora, ben)
		emil := r.outside("13900000005").calls("88880602")
		anna.rings().answers()
		talk(emil, anna)
		emil.hangsUp()
		anna.isCut()
		dora.hangsUp()
		ben.isCut()
	})
	r.story("an agent who is always connected", func(r *room) {
		anna := r.seat("1009")
		anna.calls("*45").hears("switchroom/enter-agent").presses("821#").hears("switchroom/enter-pin").presses("8210#").hears("switchroom/login-ok")
		// Asterisk gives such an agent some seconds of peace at the beginning and after every call.
		r.event("the agent is free", func(e lab.Event) bool {
			return e["Event"] == "QueueMemberStatus" && e["MemberName"] == "821" && e["Status"] == "1"
		})
		dora := r.outside("13900000006").calls("88880603")
		talk(dora, anna)
		emil := r.outside("13900000007").calls("88880603").hearsMusic()
		dora.hangsUp()
		talk(emil, anna)
		emil.hangsUp()
		anna.stillTalks().hangsUp()
	})
	r.story("a message, and listening to it", func(r *room) {
		ben := r.seat("1002")
		dora := r.outside("13900000008").calls("88881002")
		ben.rings()
		dora.isAnswered().presses("#").hears("beep") // skips the greeting
		dora.must(dora.call.Pass(r.ctx, 2500))
		dora.presses("#").hangsUp()
		r.message("1002")
		ben.calls("*97").hears("vm-password").presses("1002#").hears("vm-youhave")
		ben.presses("1")
		if _, _, err := ben.call.Ear().Await(r.ctx, ben.at, dora.voice); err != nil {
			r.t.Errorf("the voice of the caller is not heard: %v", err)
		}
		r.allow("play_message") // he hangs up in the middle of it
		ben.hangsUp()
	})
	r.story("a conference with numbers and a host", func(r *room) {
		dora, emil := r.outside("13900000009"), r.outside("13900000010")
		dora.calls("88880700").hears("conf-getpin").presses("1234#").hears("conf-invalidpin", "conf-getpin").presses("4711#")
		emil.calls("88880700").hears("conf-getpin").presses("0815#")
		talk(dora, emil)
		emil.hangsUp()
		dora.hangsUp()
	})
	r.story("as many calls outside as a class may have", func(r *room) {
		anna, ben, dora := r.seat("1005"), r.seat("1006"), r.outside("62345678")
		anna.calls("962345678")
		dora.rings().answers()
		talk(anna, dora)
		ben.calls("962345678").hears("switchroom/limit-calls").hangsUp()
		anna.hangsUp()
		dora.isCut()
		ben.calls("962345678")
		dora.rings().answers()
		talk(ben, dora)
		ben.hangsUp()
		dora.isCut()
	})
}

// TestCallback: who asks to be called back keeps the place and is called when an agent is free.
func TestCallback(t *testing.T) {
	t.Parallel()
	r := open(t, `{
	  "queues": [{"number": "600", "members": ["1001"], "announceAgent": false, "announcePosition": false, "announceEstimate": false, "wrapUpSeconds": 0, "keys": {"1": "callback:600"}}],
	  "inbound": [{"to": "queue:600"}]
	}`)
	anna, ben := r.seat("1001"), r.seat("1002")
	anna.calls("1002")
	ben.rings().answers()
	talk(anna, ben)
	dora := r.outside("13800138000").calls("88880600").hearsMusic().presses("1")
	dora.hears("switchroom/callback-is", "switchroom/for-callback").presses("1").hears("switchroom/callback-accepted").isCut()
	anna.isNotRung()
	anna.hangsUp()
	ben.isCut()
	dora.isCalledBackBy(anna)
	talk(dora, anna)
	dora.hangsUp()
	anna.isCut()
}

// isCalledBackBy waits until the caller and the agent are both called, in whatever order, and both
// answer.
func (p *person) isCalledBackBy(agent *person) *person {
	p.r.t.Helper()
	agent.rings().answers()
	p.rings().answers()
	return p
}

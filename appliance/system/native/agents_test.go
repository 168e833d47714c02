//go:build native

package native_test

import (
	"testing"
)

const shifts = `{
  "prompts": ["hello", "empty"],
  "announcements": [{"name": "empty", "prompts": ["empty"]}],
  "queues": [
    {"number": "600", "wrapUpSeconds": 0, "announcePosition": false, "announceEstimate": false, "whenEmpty": "announcement:empty", "ringSeconds": 5},
    {"number": "601", "wrapUpSeconds": 0, "announcePosition": false, "announceEstimate": false},
    {"number": "602", "wrapUpSeconds": 0, "announcePosition": false, "announceEstimate": false},
    {"number": "603", "wrapUpSeconds": 0, "announcePosition": false, "announceEstimate": false, "announceAgent": false}],
  "agents": [
    {"number": "811", "pin": "8110", "queues": {"600": 0}}, {"number": "812", "pin": "8120", "queues": {"600": 0}},
    {"number": "813", "pin": "8130", "queues": {"601": 0, "602": 0}}, {"number": "823", "pin": "8230", "queues": {"603": 0}}],
  "inbound": [
    {"did": ["88880600"], "to": "queue:600"}, {"did": ["88880601"], "to": "queue:601"},
    {"did": ["88880602"], "to": "queue:602", "language": "zh-CN"}, {"did": ["88880603"], "to": "queue:603"}]
}`

// logsIn logs an agent in at the person's telephone.
func (p *person) logsIn(agent, pin string) *person {
	p.r.t.Helper()
	p.calls("*45").hears("switchroom/enter-agent").presses(agent + "#").hears("switchroom/enter-pin").presses(pin + "#")
	return p.hears("switchroom/login-ok").hangsUp()
}

// logsOut logs out whoever is logged in at the person's telephone.
func (p *person) logsOut() *person {
	p.r.t.Helper()
	return p.calls("*45").hears("switchroom/logout-ok").hangsUp()
}

func TestAgents(t *testing.T) {
	t.Parallel()
	r := open(t, shifts)
	r.story("two shifts on one desk", func(r *room) {
		desk := r.seat("1001")
		desk.logsIn("811", "8110")
		dora := r.outside("13800000001").calls("88880600")
		desk.rings().answers()
		dora.hearsAgent(desk, "811")
		talk(dora, desk)
		dora.hangsUp()
		desk.isCut()

		desk.logsOut()
		r.outside("13800000002").calls("88880600").hears("site:empty").isCut()

		desk.logsIn("812", "8120")
		emil := r.outside("13800000003").calls("88880600")
		desk.rings().answers()
		emil.hearsAgent(desk, "812")
		talk(emil, desk)
		desk.hangsUp()
		emil.isCut()
	})
	r.story("announced in both languages, busy on a private call", func(r *room) {
		anna, ben := r.seat("1003"), r.seat("1004")
		anna.logsIn("813", "8130")
		dora := r.outside("13800000004").calls("88880601")
		anna.rings().answers()
		dora.hears("switchroom/agent").hearsAgent(anna, "813").hears("switchroom/at-your-service")
		// The agent has done nothing for it, and hears no announcement but the caller afterwards.
		talk(dora, anna)
		if at, heard := anna.call.Ear().Find(0, -1, r.prompt("en", "switchroom/at-your-service")); heard {
			r.t.Errorf("the agent heard the announcement, at %d", at)
		}
		dora.hangsUp()
		anna.isCut()

		emil := r.outside("13800000005")
		emil.language = "zh"
		emil.calls("88880602")
		anna.rings().answers()
		emil.hears("switchroom/agent").hearsAgent(anna, "813").hears("switchroom/at-your-service")
		talk(emil, anna)
		emil.hangsUp()
		anna.isCut()

		anna.calls("1004")
		ben.rings().answers()
		talk(anna, ben)
		frida := r.outside("13800000006").calls("88880601").hearsMusic()
		anna.isNotRung()
		ben.hangsUp()
		anna.isCut()
		anna.rings().answers()
		frida.hearsAgent(anna, "813")
		talk(frida, anna)

		// The caller hangs up in the middle of the announcement.
		frida.hangsUp()
		anna.isCut()
		greta := r.outside("13800000007").calls("88880601")
		anna.rings().answers()
		greta.hears("switchroom/agent").hangsUp()
		anna.isCut()
	})
	r.story("not announced", func(r *room) {
		anna := r.seat("1005")
		anna.logsIn("823", "8230")
		dora := r.outside("13800000008").calls("88880603")
		anna.rings().answers()
		talk(dora, anna)
		dora.presses("#1*2*8*0##")
		anna.hearsVoice(dora)
		dora.hearsVoice(anna).stillTalks()

		anna.hangsUp()
		dora.isCut()
	})
}

func TestPausesAndPlaces(t *testing.T) {
	t.Parallel()
	r := open(t, `{
	  "prompts": ["empty"],
	  "announcements": [{"name": "empty", "prompts": ["empty"]}],
	  "queues": [{"number": "600", "announceAgent": false, "wrapUpSeconds": 0, "announcePosition": false, "announceEstimate": false, "whenEmpty": "announcement:empty"}],
	  "agents": [{"number": "811", "pin": "8110", "queues": {"600": 0}}],
	  "inbound": [{"to": "queue:600"}]
	}`)
	anna, ben := r.seat("1001"), r.seat("1002")
	anna.calls("*45").hears("switchroom/enter-agent").presses("811#").hears("switchroom/enter-pin").presses("9999#").hears("switchroom/login-failed").hangsUp()
	r.outside("13800000001").calls("600").hears("site:empty").isCut()
	anna.logsIn("811", "8110")
	anna.calls("*462").hears("switchroom/paused").hangsUp()
	r.outside("13800000002").calls("600").hears("site:empty").isCut()
	anna.isNotRung()
	anna.calls("*46").hears("switchroom/resumed").hangsUp()
	dora := r.outside("13800000003").calls("600")
	anna.rings().answers()
	talk(dora, anna)
	dora.hangsUp()
	anna.isCut()

	// The agent moves to another desk.
	ben.calls("*45").hears("switchroom/enter-agent").presses("811#").hears("switchroom/enter-pin").presses("8110#").hears("switchroom/login-moved").hangsUp()
	emil := r.outside("13800000004").calls("600")
	ben.rings().answers()
	anna.isNotRung()
	talk(emil, ben)
	ben.hangsUp()
	emil.isCut()
}

// TestAgentsAfterARestart: who is logged in, or pauses, still does.
func TestAgentsAfterARestart(t *testing.T) {
	t.Parallel()
	r := open(t, shifts)
	anna, ben := r.seat("1001"), r.seat("1002")
	anna.logsIn("811", "8110")
	ben.logsIn("812", "8120")
	ben.calls("*462").hears("switchroom/paused").hangsUp()
	r.allow("Already there") // who is in a queue is put there again, in case the document has changed
	r.restart()
	anna, ben = r.seat("1001"), r.seat("1002")
	dora := r.outside("13800000001").calls("88880600")
	anna.rings().answers()
	dora.hearsAgent(anna, "811")
	talk(dora, anna)
	emil := r.outside("13800000002").calls("88880600").hearsMusic()
	ben.isNotRung()
	ben.calls("*46").hears("switchroom/resumed").hangsUp()
	ben.rings().answers()
	emil.hearsAgent(ben, "812")
	talk(emil, ben)
	dora.hangsUp()
	anna.isCut()
	emil.hangsUp()
	ben.isCut()
}

//go:build native

package native_test

import (
	"testing"
	"time"

	"switchroom/appliance/system/native/lab"
	"switchroom/dahdi/tone"
)

const desks = `{
  "queues": [
    {"number": "600", "wrapUpSeconds": 0, "announcePosition": false, "announceEstimate": false},
    {"number": "601", "wrapUpSeconds": 0, "announcePosition": false, "announceEstimate": false, "announceAgent": false, "ringSeconds": 5, "missedPause": 2},
    {"number": "603", "wrapUpSeconds": 4, "announcePosition": false, "announceEstimate": false, "announceAgent": false},
    {"number": "602", "wrapUpSeconds": 0, "announcePosition": false, "announceEstimate": false, "announceAgent": false, "record": "always"}],
  "agents": [
    {"number": "811", "queues": {"600": 0}},
    {"number": "812", "queues": {"601": 0}}, {"number": "813", "queues": {"601": 5}},
    {"number": "814", "queues": {"602": 0}}, {"number": "815", "queues": {"603": 0}}, {"number": "901", "rights": ["listen"]}],
  "relogin": "refuse",
  "recording": {"announce": false},
  "inbound": [{"did": ["88880600"], "to": "queue:600"}, {"did": ["88880601"], "to": "queue:601"}, {"did": ["88880602"], "to": "queue:602"}, {"did": ["88880603"], "to": "queue:603"}]
}`

// sits logs an agent without a PIN in.
func (p *person) sits(agent string) *person {
	p.r.t.Helper()
	return p.calls("*45").hears("switchroom/enter-agent").presses(agent + "#").hears("switchroom/login-ok").hangsUp()
}

func TestDesks(t *testing.T) {
	t.Parallel()
	r := open(t, desks)
	r.story("the agent hangs up before the caller has heard the number", func(r *room) {
		anna, ben := r.seat("1001"), r.seat("1002")
		anna.sits("811")
		// The owner's word here: who is logged in elsewhere is refused.
		ben.calls("*45").hears("switchroom/enter-agent").presses("811#").hears("switchroom/login-elsewhere").hangsUp()
		dora := r.outside("13800000001").calls("88880600").hearsMusic()
		anna.rings().answers()
		dora.hears("switchroom/agent")
		anna.hangsUp()
		// The caller is not lost.
		anna.rings().answers()
		dora.hearsAgent(anna, "811")
		talk(dora, anna)
		dora.hangsUp()
		anna.isCut()
	})
	r.story("nobody picks up", func(r *room) {
		anna, ben := r.seat("1003"), r.seat("1004")
		anna.sits("812")
		ben.sits("813")
		dora := r.outside("13800000002").calls("88880601")
		anna.rings().isCut() // rings in vain
		ben.rings().answers()
		talk(dora, ben)

		// Another caller, while the one is busy and the other has not been there: asked again, and missed again.
		emil := r.outside("13800000003").calls("88880601").hearsMusic()
		anna.rings().isCut()
		r.event("812 pauses", func(e lab.Event) bool {
			return e["Event"] == "QueueMemberPause" && e["MemberName"] == "812" && e["Paused"] == "1" && e["PausedReason"] == "missed"
		})
		dora.hangsUp()
		ben.isCut()
		ben.rings().answers()
		talk(emil, ben)
		emil.hangsUp()
		ben.isCut()
		anna.isNotRung()
	})
	r.story("a pause of the recording, and somebody who listens", func(r *room) {
		anna, boss := r.seat("1005"), r.seat("1006")
		anna.sits("814")
		boss.sits("901")
		dora := r.outside("13800000004").calls("88880602")
		anna.rings().answers()
		talk(dora, anna)
		boss.calls("*55814").isAnswered().hearsVoice(dora).hearsVoice(anna)
		dora.hearsNot(boss)
		anna.hearsNot(boss)

		const card = lab.Tone(2930) // what the caller says while a card's number is told
		awaits := func(event string, from int) {
			_, err := r.box.Manager().Await(r.ctx, from, func(e lab.Event) bool { return e["Event"] == event })
			r.must(err)
			r.note(event)
		}
		mark := r.box.Manager().Mark()
		anna.presses("#9")
		awaits("MixMonitorStop", mark)
		dora.call.Say(tone.Sines(-13, -1, float64(card)))
		anna.hearsSound(card)
		dora.call.Say(tone.Sines(-13, -1, float64(dora.voice)))
		talk(dora, anna)
		mark = r.box.Manager().Mark()
		anna.presses("#9")
		awaits("MixMonitorStart", mark)
		talk(dora, anna)
		dora.hangsUp()
		anna.isCut()
		boss.isCut()
		in, out := r.recording()
		if _, ok := lab.Find(in, card); ok {
			r.t.Error("the number of the card is in the recording")
		}
		for _, side := range []struct {
			who   *person
			sound []int16
		}{{dora, in}, {anna, out}} {
			if _, ok := lab.Find(side.sound, side.who.voice); !ok {
				r.t.Errorf("%s is not in the recording", side.who.name)
			}
			if _, ok := lab.Find(side.sound[len(side.sound)/2:], side.who.voice); !ok {
				r.t.Errorf("%s is not in the second half of the recording", side.who.name)
			}
		}
	})
	r.story("time after a call", func(r *room) {
		anna := r.seat("1007")
		anna.sits("815")
		dora := r.outside("13800000005").calls("88880603")
		anna.rings().answers()
		talk(dora, anna)
		dora.hangsUp()
		anna.isCut()
		ended := time.Now()
		emil := r.outside("13800000006").calls("88880603").hearsMusic()
		anna.rings()
		if after := time.Since(ended); after < 3*time.Second { // Asterisk counts in whole seconds
			r.t.Errorf("the agent was asked again after %v", after)
		}
		anna.answers()
		talk(emil, anna)
		emil.hangsUp()
		anna.isCut()
	})
}

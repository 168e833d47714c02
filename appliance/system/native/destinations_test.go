//go:build native

package native_test

import (
	"os"
	"path/filepath"
	"testing"

	"switchroom/appliance/system/native/lab"
	"switchroom/dahdi/tone"
)

// destinations leads every kind of destination from a number of its own.
const destinations = `{
  "prompts": ["closed", "hello", "office"],
  "queues": [{"number": "600", "members": ["1001"], "announceAgent": false, "announcePosition": false, "announceEstimate": false, "strategy": "order"}],
  "agents": [{"number": "811", "pin": "8110"}],
  "groups": [{"name": "sales", "members": ["1002", "1003"]},
             {"name": "desk", "members": ["1005", "1006"], "strategy": "order", "ringSeconds": 5, "then": "announcement:closed"}],
  "conferences": [{"number": "700"}],
  "voicemail": {"boxes": [{"number": "790", "pin": "7900"}]},
  "announcements": [{"name": "closed", "prompts": ["closed", "hello"], "times": 2}],
  "ivrs": [{"name": "main", "greeting": ["hello"], "keys": {"1": "hangup"}, "retries": 0, "timeoutSeconds": 1}],
  "schedules": [{"name": "hours", "open": "announcement:closed", "closed": "busy"}],
  "inbound": [
    {"did": ["88880001"], "to": "extension:1004"},
    {"did": ["88880002"], "to": "queue:600"},
    {"did": ["88880003"], "to": "ivr:main"},
    {"did": ["88880004"], "to": "agent:811"},
    {"did": ["88880005"], "to": "group:sales"},
    {"did": ["88880006"], "to": "announcement:closed"},
    {"did": ["88880007"], "to": "voicemail:790"},
    {"did": ["88880008"], "to": "conference:700"},
    {"did": ["88880009"], "to": "schedule:hours"},
    {"did": ["88880010"], "to": "external:013900000001"},
    {"did": ["88880011"], "to": "callback:600"},
    {"did": ["88880012"], "to": "hangup"},
    {"did": ["88880013"], "to": "busy"},
    {"did": ["88880014"], "to": "group:desk"}
  ],
  "outbound": [{"name": "out", "patterns": ["0.", "1[3-9]XXXXXXXXX"], "via": [{"way": "carrier"}]}]
}`

func TestEveryDestination(t *testing.T) {
	t.Parallel()
	r := open(t, destinations)
	r.story("extension", func(r *room) {
		dora, anna := r.outside("13800000001"), r.seat("1004")
		dora.calls("88880001")
		anna.rings().isShown("13800000001")
		dora.waitsForRinging()
		anna.answers()
		talk(dora, anna)
		anna.hangsUp()
		dora.isCut()
	})
	r.story("queue", func(r *room) {
		dora, anna := r.outside("13800000002"), r.seat("1001")
		dora.calls("88880002").hearsMusic()
		anna.rings().isShown("13800000002").answers()
		talk(dora, anna)
		dora.hangsUp()
		anna.isCut()
	})
	r.story("menu", func(r *room) {
		r.outside("13800000003").calls("88880003").hears("site:hello").presses("1").isCut()
	})
	r.story("agent", func(r *room) {
		dora, anna := r.outside("13800000004"), r.seat("1007")
		anna.logsIn("811", "8110")
		dora.calls("88880004")
		anna.rings().answers()
		talk(dora, anna)
		dora.hangsUp()
		anna.isCut()
	})
	r.story("group", func(r *room) {
		dora, anna, ben := r.outside("13800000005"), r.seat("1002"), r.seat("1003")
		dora.calls("88880005")
		anna.rings()
		ben.rings().answers()
		anna.isCut()
		talk(dora, ben)
		ben.hangsUp()
		dora.isCut()
	})
	r.story("group in order", func(r *room) {
		dora, anna, ben := r.outside("13800000014"), r.seat("1005"), r.seat("1006")
		dora.calls("88880014")
		anna.rings()
		ben.isNotRung()
		anna.refuses()
		ben.rings().refuses()
		dora.hears("site:closed").hangsUp()
	})
	r.story("announcement", func(r *room) {
		r.outside("13800000006").calls("88880006").
			hears("site:closed", "site:hello", "site:closed", "site:hello").isCut()
	})
	r.story("voicemail", func(r *room) {
		dora := r.outside("13800000007").calls("88880007")
		dora.hears("vm-intro").presses("#").hears("beep") // skips the rest
		dora.must(dora.call.Pass(r.ctx, 2500))
		dora.presses("#").hangsUp()
		heard := r.message("790")
		if _, ok := lab.Find(heard, dora.voice); !ok {
			r.t.Errorf("the voice of the caller is not in the message of %d ms", len(heard)/tone.PerMS)
		}
	})
	r.story("conference", func(r *room) {
		dora, emil, frida := r.outside("13800000008"), r.outside("13800000018"), r.outside("13800000028")
		dora.calls("88880008").isAnswered()
		emil.calls("88880008").isAnswered()
		talk(dora, emil)
		frida.calls("88880008").isAnswered()
		talk(dora, frida)
		talk(emil, frida)
		emil.hangsUp()
		talk(dora, frida)
	})
	r.story("schedule", func(r *room) {
		r.outside("13800000009").calls("88880009").hears("site:closed").hangsUp()
	})
	r.story("external", func(r *room) {
		dora, emil := r.outside("13800000010"), r.outside("013900000001")
		dora.calls("88880010")
		emil.rings().answers()
		talk(dora, emil)
		emil.hangsUp()
		dora.isCut()
	})
	r.story("callback", func(r *room) {
		dora := r.outside("13800000011").calls("88880011")
		dora.hears("switchroom/callback-is", "switchroom/for-callback").presses("1").hears("switchroom/callback-accepted").isCut()
	})
	r.story("hangup", func(r *room) {
		r.outside("13800000012").calls("88880012").isCut()
	})
	r.story("busy", func(r *room) {
		r.outside("13800000013").calls("88880013").isBusy()
	})
}

// isBusy waits until the caller has been told that it is busy, by the network or by its tone.
func (p *person) isBusy() *person {
	p.r.t.Helper()
	status, over, _ := p.call.Status()
	if !over && status < 200 {
		if err := p.call.AwaitAnswer(p.r.ctx); err != nil {
			return p.isRefused(486, 600)
		}
	}
	return p.hearsTone(tone.Busy)
}

// message waits until a mailbox has a whole message, and returns its sound.
func (r *room) message(box string) []int16 {
	r.t.Helper()
	var found string
	r.eventually("a message in mailbox "+box, func() bool {
		for _, dir := range []string{"spool/voicemail", "data/voicemail"} {
			names, err := filepath.Glob(filepath.Join(r.box.Dir(), dir, "*", box, "INBOX", "msg*.txt"))
			if err == nil && len(names) > 0 {
				found = names[0][:len(names[0])-len(".txt")] + ".wav"
				return true
			}
		}
		return false
	})
	return r.wav(found)
}

// wav reads a sound file.
func (r *room) wav(name string) []int16 {
	r.t.Helper()
	f, err := os.Open(name)
	if err != nil {
		r.t.Fatal(err)
	}
	defer f.Close()
	samples, err := tone.ReadWAV(f)
	if err != nil {
		r.t.Fatalf("%s: %v", name, err)
	}
	return samples
}

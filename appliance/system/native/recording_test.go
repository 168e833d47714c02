//go:build native

package native_test

import (
	"path/filepath"
	"slices"
	"testing"

	"switchroom/appliance/system/native/lab"
	"switchroom/dahdi/tone"
)

const recorded = `{
  "prompts": ["hello"],
  "queues": [{"number": "600", "wrapUpSeconds": 0, "announceAgent": false, "announcePosition": false, "announceEstimate": false},
             {"number": "601", "members": ["1009"], "wrapUpSeconds": 0, "announceAgent": false, "announcePosition": false, "announceEstimate": false, "record": "never"}],
  "agents": [{"number": "811", "pin": "8110", "queues": {"600": 0}}],
  "recording": {"what": ["queue"], "announce": true},
  "inbound": [{"did": ["88880600"], "to": "queue:600"}, {"did": ["88880601"], "to": "queue:601"}]
}`

// TestRecordingThroughTransfers gives a recorded caller from hand to hand ten times, in every way
// that a telephone has, and looks for every voice in the recording. A recording that follows the
// caller can lose a new party's voice: see package build.
func TestRecordingThroughTransfers(t *testing.T) {
	t.Parallel()
	r := open(t, recorded)
	anna := r.seat("1001")
	anna.logsIn("811", "8110")
	dora := r.outside("13800000001").calls("88880600").hears("switchroom/recorded")
	anna.rings().answers()
	talk(dora, anna)
	all := []*person{anna}
	for _, n := range []string{"1002", "1003", "1004"} {
		all = append(all, r.seat(n))
	}
	now := anna
	met := []*person{anna}
	for i := range 10 {
		next := all[(slices.Index(all, now)+1)%len(all)]
		if i%2 == 0 {
			now.transfers(next.number)
			next.rings().answers()
		} else {
			now.putsAside()
			now.calls(next.number)
			next.rings().answers()
			talk(now, next)
			now.joins()
		}
		talk(dora, next)
		met = append(met, next)
		now = next
	}
	dora.hangsUp()
	now.isCut()
	in, out := r.recording()
	if len(in) != len(out) {
		t.Errorf("the caller's side has %d samples, the other %d", len(in), len(out))
	}
	at := 0
	for i, p := range met {
		found, ok := lab.Find(out[at:], p.voice)
		if !ok {
			t.Errorf("after %d transfers the voice of %s is not in the recording from %d ms on", i, p.name, at/tone.PerMS)
			continue
		}
		at += found + p.voice.Length()
	}
	// The caller talked all the time: whenever one talks to another, at least in the next moment.
	for at := 0; at+3*dora.voice.Length() <= len(in); at += dora.voice.Length() {
		if _, ok := lab.Find(in[at:at+3*dora.voice.Length()], dora.voice); !ok {
			t.Errorf("%d ms into the recording, the caller's voice is not in it", at/tone.PerMS)
		}
	}
}

// TestNotRecorded is a call that must not be.
func TestNotRecorded(t *testing.T) {
	t.Parallel()
	r := open(t, recorded)
	ben := r.seat("1009")
	dora := r.outside("13800000002").calls("88880601")
	ben.rings().answers()
	talk(dora, ben)
	dora.hangsUp()
	ben.isCut()
	if names := r.recordings(); len(names) > 0 {
		t.Errorf("there are recordings: %q", names)
	}
}

func (r *room) recordings() []string {
	r.t.Helper()
	names, err := filepath.Glob(filepath.Join(r.box.Dir(), "spool/monitor/*.wav"))
	if err != nil {
		r.t.Fatal(err)
	}
	return names
}

// recording returns both sides of the only recording there is: what the caller said and heard.
func (r *room) recording() (in, out []int16) {
	r.t.Helper()
	var ins, outs []string
	r.eventually("a whole recording", func() bool {
		ins, _ = filepath.Glob(filepath.Join(r.box.Dir(), "spool/monitor/*-in.wav"))
		outs, _ = filepath.Glob(filepath.Join(r.box.Dir(), "spool/monitor/*-out.wav"))
		return len(ins) > 0 && len(outs) > 0
	})
	if len(ins) != 1 || len(outs) != 1 {
		r.t.Fatalf("there are the recordings %q and %q", ins, outs)
	}
	r.idle()
	return r.wav(ins[0]), r.wav(outs[0])
}

// idle waits until there is no channel left.
func (r *room) idle() {
	r.t.Helper()
	r.eventually("no call any more", func() bool {
		e, err := r.box.Manager().Do(r.ctx, "CoreStatus")
		if err != nil {
			r.t.Fatal(err)
		}
		return e["CoreCurrentCalls"] == "0"
	})
}

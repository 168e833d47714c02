//go:build native

package service

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"switchroom/appliance/calls/ledger"
	"switchroom/appliance/calls/recordings"
	"switchroom/appliance/system/native/lab"
	"switchroom/provisioning"
	"switchroom/provisioning/asteriskconf"
)

// dialplan makes calls of Asterisk's own: `rec` is recorded, and hears `say`.
const dialplan = `[lab]
exten = rec,1,Answer()
 same = n,MixMonitor(,r(${UNIQUEID}-in.wav)t(${UNIQUEID}-out.wav))
 same = n,CELGenUserEvent(ROUTE,name=lab&kind=in)
 same = n,Wait(3)
 same = n,Hangup()
exten = say,1,Answer()
 same = n,Playback(tt-weasels)
 same = n,Wait(5)
 same = n,Hangup()
exten = short,1,Answer()
 same = n,CELGenUserEvent(ROUTE,name=short&kind=in)
 same = n,Hangup()
`

// TestRunningAsterisk: the recorder reads what a running Asterisk writes while
// both logs are rotated under it, again and again, and finds every call and
// every log-in that the manager connection told of. What Asterisk recorded
// becomes an mp3.
func TestRunningAsterisk(t *testing.T) {
	ctx, stop := context.WithTimeout(t.Context(), 5*time.Minute)
	defer stop()
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	image, err := lab.Build(ctx, log, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	files := asteriskconf.Render(provisioning.Default(provisioning.Ports{}), provisioning.Ports{}, asteriskconf.Secrets{Manager: "secret"})
	files["extensions.conf"] = []byte(dialplan)
	files["cli.conf"] = nil // it makes a call of its own when Asterisk has started
	box, err := image.Start(ctx, lab.Options{Dir: t.TempDir(), Files: files})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := box.Stop(context.WithoutCancel(ctx)); err != nil {
			t.Error(err)
		}
	}()
	host := func(guest string) string {
		p, err := box.Host(guest)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	db, err := ledger.Open(ctx, filepath.Join(t.TempDir(), "calls.db"), false)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	r, err := NewRecorder(ctx, log, db, Files{CEL: host(BoxPaths.CEL), QueueLog: host(BoxPaths.QueueLog)})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	r.limit = 1500
	m := box.Manager()
	from := m.Mark()
	rotations := 0
	turn := func() {
		t.Helper()
		if _, err := r.CatchUp(ctx); err != nil {
			t.Fatal(err)
		}
		reopen, err := r.Tend(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if reopen {
			rotations++
			if _, err := m.Command(ctx, "logger reload"); err != nil {
				t.Fatal(err)
			}
		}
	}
	do := func(action string, headers ...string) {
		t.Helper()
		if _, err := m.Do(ctx, action, headers...); err != nil {
			t.Fatal(err)
		}
	}
	do("Originate", "Channel", "Local/rec@lab/n", "Context", "lab", "Exten", "say", "Priority", "1", "Async", "true")
	const rounds = 60
	for i := range rounds {
		agent := fmt.Sprint(8000 + i)
		do("Originate", "Channel", "Local/short@lab/n", "Context", "lab", "Exten", "short", "Priority", "1", "Async", "true")
		do("QueueAdd", "Queue", "600", "Interface", "Local/"+agent+"@lab", "MemberName", agent)
		do("QueueRemove", "Queue", "600", "Interface", "Local/"+agent+"@lab")
		turn()
	}
	// Every channel has hung up when as many have as began: then all is written
	// but for what is on its way to the file.
	is := func(name string) func(lab.Event) bool {
		return func(e lab.Event) bool { return e["Event"] == name }
	}
	first := func(e lab.Event) bool { return e["Event"] == "Newchannel" && e["Uniqueid"] == e["Linkedid"] }
	for len(m.Events(from, is("Hangup"))) < len(m.Events(from, is("Newchannel"))) || len(m.Events(from, first)) < rounds+1 {
		if ctx.Err() != nil {
			t.Fatal(ctx.Err())
		}
		time.Sleep(50 * time.Millisecond) // between two looks; the end is an event's
		turn()
	}
	want := len(m.Events(from, first))
	for {
		over, all := 0, 0
		for c, err := range db.Calls(ctx, ledger.Filter{}) {
			if err != nil {
				t.Fatal(err)
			}
			all++
			if !c.End.IsZero() {
				over++
			}
		}
		if over == want && all == want {
			break
		}
		if ctx.Err() != nil || all > want {
			t.Fatalf("%d calls, %d of them over; the manager connection told of %d", all, over, want)
		}
		time.Sleep(50 * time.Millisecond)
		turn()
	}
	events, err := db.AgentEvents(ctx, time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if told := len(m.Events(from, is("QueueMemberAdded"))) + len(m.Events(from, is("QueueMemberRemoved"))); len(events) != told || told != 2*rounds {
		t.Errorf("%d log-ins and log-outs; the manager connection told of %d", len(events), told)
	}
	if rotations < 2 {
		t.Errorf("the queue log was rotated %d times; the test wants it often", rotations)
	}

	k := &recordings.Keeper{Log: log, Spool: host(BoxPaths.Spool), Folder: t.TempDir(), Encoder: recordings.Encoder{Command: lame(t)}, Catalogue: db}
	for n := 0; n == 0; {
		if n, err = k.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			time.Sleep(200 * time.Millisecond) // until the file has been left alone for long enough
		}
	}
	old, err := db.OldestRecordings(ctx, time.Now().Add(time.Hour), 10)
	if err != nil || len(old) != 1 {
		t.Fatalf("%d recordings, %v; want one", len(old), err)
	}
	// Three seconds, give or take how busy the machine is.
	if st, err := os.Stat(filepath.Join(k.Folder, old[0].Path)); err != nil || st.Size() != old[0].Bytes || old[0].Length < 2*time.Second || old[0].Length > 6*time.Second {
		t.Errorf("recording %+v, %v", old[0], err)
	}
	if left, err := os.ReadDir(k.Spool); err != nil || len(left) != 0 {
		t.Errorf("%d files are left in the spool, %v", len(left), err)
	}
}

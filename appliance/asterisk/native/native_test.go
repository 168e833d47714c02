//go:build native

package native_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netns"

	"switchroom/appliance/asterisk"
	"switchroom/appliance/asterisk/ami"
	"switchroom/appliance/system/native/lab"
	"switchroom/provisioning"
	"switchroom/provisioning/asteriskconf"
	"switchroom/provisioning/sitetest"
)

// image is what every test's Asterisk is started from.
var image *lab.Image

func TestMain(m *testing.M) {
	status, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}

func run(m *testing.M) (int, error) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	var err error
	if image, err = lab.Build(ctx, slog.New(slog.NewTextHandler(os.Stderr, nil)), os.Stderr); err != nil {
		return 0, err
	}
	status, done, err := lab.Enter(ctx, image)
	if done || err != nil {
		return status, err
	}
	return m.Run(), nil
}

const secret = "the-secret-of-provision"

// render makes the files of a document, and adds to them what the test needs:
// a part of the dialplan for calls that nothing in the document is about.
func render(t *testing.T, doc any) map[string][]byte {
	t.Helper()
	data, ok := doc.([]byte)
	if !ok {
		var err error
		if data, err = json.Marshal(doc); err != nil {
			t.Fatal(err)
		}
	}
	site, err := provisioning.Parse(data)
	if err != nil {
		t.Fatalf("%v in\n%s", err, data)
	}
	files := asteriskconf.Render(site, provisioning.Ports{}, asteriskconf.Secrets{Manager: secret, CTI: "x"})
	files["extensions.conf"] = append(files["extensions.conf"], "\n[held]\nexten = s,1,Answer()\n same = n,Wait(3600)\n"...)
	return files
}

// withLab adds the lab's own user, as [lab.Box.Write] does.
func withLab(files map[string][]byte) map[string][]byte {
	files = maps.Clone(files)
	files["manager.conf"] = append(bytes.Clone(files["manager.conf"]), "\n[lab]\nsecret = lab\nread = all\nwrite = all\nwritetimeout = 60000\n"...)
	return files
}

func start(t *testing.T, ctx context.Context, files map[string][]byte) (*lab.Box, *asterisk.Applier) {
	t.Helper()
	b, err := image.Start(ctx, lab.Options{Dir: t.TempDir(), Files: files})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ending, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := b.Stop(ending); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Log(strings.Join(b.Log(), "\n"))
		}
	})
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	return b, &asterisk.Applier{
		Log: log,
		Dir: b.Dir() + "/etc",
		Connect: asterisk.Connector(log, func(context.Context) (net.Conn, error) { return dial(b) }, "provision",
			func() (string, error) { return secret, nil }),
		Listen: func(ctx context.Context) (<-chan string, error) {
			lines, from := make(chan string, 100), len(b.Log())
			go func() {
				defer close(lines)
				for ; ; from++ {
					line, err := b.AwaitLog(ctx, from, "")
					if err != nil {
						return
					}
					select {
					case lines <- line:
					case <-ctx.Done():
						return
					}
				}
			}()
			return lines, nil
		},
	}
}

// dial connects to the manager in the box's network.
func dial(b *lab.Box) (net.Conn, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	here, err := netns.Get()
	if err != nil {
		return nil, err
	}
	defer here.Close()
	there, err := netns.GetFromPid(b.Pid())
	if err != nil {
		return nil, err
	}
	defer there.Close()
	if err := netns.Set(there); err != nil {
		return nil, err
	}
	defer func() {
		if err := netns.Set(here); err != nil {
			panic(err) // everything after would be in the wrong network
		}
	}()
	return net.Dial("tcp", asterisk.Address)
}

func phone(t *testing.T, ctx context.Context, b *lab.Box, number, ip string, voice float64) *lab.Phone {
	t.Helper()
	p, err := b.Phone(lab.PhoneOptions{IP: netip.MustParseAddr(ip), User: number, Secret: "password-" + number, Voice: voice})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := p.Register(ctx, 3600); err != nil {
		t.Fatal(err)
	}
	return p
}

// channels are those that there are, by their unique ids.
func channels(t *testing.T, ctx context.Context, b *lab.Box) []string {
	t.Helper()
	mark := b.Manager().Mark()
	if _, err := b.Manager().Do(ctx, "CoreShowChannels", "ActionID", fmt.Sprint("show-", mark)); err != nil {
		t.Fatal(err)
	}
	done := func(e lab.Event) bool { return e["Event"] == "CoreShowChannelsComplete" }
	if _, err := b.Manager().Await(ctx, mark, done); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, e := range b.Manager().Events(mark, func(e lab.Event) bool { return e["Event"] == "CoreShowChannel" }) {
		ids = append(ids, e["Uniqueid"])
	}
	slices.Sort(ids)
	return ids
}

type object = map[string]any

// document is a site with two telephones that talk, one that waits in the
// queue 600, and whatever else there is.
func document(more object) object {
	sip := func(number string) object {
		return object{"number": number, "sip": object{"secret": "password-" + number, "codecs": []string{"ulaw"}}, "class": "internal"}
	}
	doc := object{
		"country": "us", "timeZone": "Etc/UTC",
		"extensions": []any{sip("1001"), sip("1002"), sip("1003"), sip("1004")},
		"queues":     []any{object{"number": "600", "name": "hotline", "members": []string{"1004"}, "maxWaitSeconds": 3600}},
	}
	for k, v := range more {
		if has, ok := doc[k].([]any); ok {
			doc[k] = append(has, v.([]any)...)
			continue
		}
		doc[k] = v
	}
	return doc
}

// anything is a document with changes that are none of the calls' business.
func anything(r *rand.Rand) object {
	pick := func(words ...string) string { return words[r.IntN(len(words))] }
	extensions, queues, rooms, groups, agents := []any{}, []any{}, []any{}, []any{}, []any{}
	for i := range r.IntN(4) {
		number := fmt.Sprint(2000 + i)
		extensions = append(extensions, object{"number": number, "name": pick("A", "B", "中"), "sip": object{"secret": "password-" + pick("1", "2")},
			"class": pick("internal", "standard"), "voicemail": object{"pin": pick("1234", "4321")}, "unanswered": "group:group-" + number})
		groups = append(groups, object{"name": "group-" + number, "members": []string{"1001"}})
	}
	for i := range r.IntN(4) {
		queues = append(queues, object{"number": fmt.Sprint(610 + i), "name": pick("x", "y"), "members": []string{"1003"},
			"ringSeconds": 5 + r.IntN(20), "wrapUpSeconds": r.IntN(9)})
	}
	for i := range r.IntN(3) {
		rooms = append(rooms, object{"number": fmt.Sprint(700 + i), "name": pick("a", "b")})
	}
	for i := range r.IntN(3) {
		agents = append(agents, object{"number": fmt.Sprint(811 + i), "name": pick("p", "q"), "pin": "1234", "queues": object{"600": r.IntN(3)}})
	}
	return document(object{"extensions": extensions, "queues": queues, "conferences": rooms,
		"groups": groups, "agents": agents, "areaCode": "", "relogin": pick("move", "refuse")})
}

// TestHundredChangesDuringCalls: two telephones talk, a caller waits in a
// queue, and a call of Local channels goes on, while a hundred documents are
// applied, every tenth with a fault that Asterisk finds. No call ends, and
// those who talk hear each other at the end of it as at its beginning.
func TestHundredChangesDuringCalls(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 9*time.Minute)
	defer cancel()
	files := render(t, document(nil))
	b, a := start(t, ctx, files)
	one, two, three := phone(t, ctx, b, "1001", "127.0.1.1", 700), phone(t, ctx, b, "1002", "127.0.1.2", 1100), phone(t, ctx, b, "1003", "127.0.1.3", 0)
	phone(t, ctx, b, "1004", "127.0.1.4", 0).Refuse(486)
	call, err := one.Call(ctx, "1002", lab.CallOptions{})
	if err != nil {
		t.Fatal(err)
	}
	other, err := two.Incoming(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Answer(ctx); err != nil {
		t.Fatal(err)
	}
	if err := call.AwaitAnswer(ctx); err != nil {
		t.Fatal(err)
	}
	hear := func() {
		t.Helper()
		if _, _, err := call.Ear().Await(ctx, call.Ear().Now(), lab.Tone(1100)); err != nil {
			t.Error(err)
		}
		if _, _, err := other.Ear().Await(ctx, other.Ear().Now(), lab.Tone(700)); err != nil {
			t.Error(err)
		}
	}
	hear()
	waiting, err := three.Call(ctx, "600", lab.CallOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := waiting.AwaitAnswer(ctx); err != nil {
		t.Fatal(err)
	}
	mark := b.Manager().Mark()
	if _, err := b.Manager().Do(ctx, "Originate", "Channel", "Local/s@held/n", "Context", "held", "Exten", "s", "Priority", "1", "Async", "true"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Manager().Await(ctx, mark, func(e lab.Event) bool { return e["Event"] == "OriginateResponse" && e["Response"] == "Success" }); err != nil {
		t.Fatal(err)
	}
	mark = b.Manager().Mark()
	// The queue rings its member, who is busy, again and again: those channels
	// come and go. The calls' own stay.
	ours := func(e lab.Event) bool {
		return e["Event"] == "Hangup" && (strings.HasPrefix(e["Channel"], "PJSIP/1001") || strings.HasPrefix(e["Channel"], "PJSIP/1002") ||
			strings.HasPrefix(e["Channel"], "PJSIP/1003") || strings.HasPrefix(e["Channel"], "Local/s@held"))
	}
	r := rand.New(rand.NewPCG(1, 2))
	var took []time.Duration
	applied, back := 0, 0
	inForce := files
	for i := range 100 {
		next := withLab(render(t, anything(r)))
		bad := i%10 == 9
		if bad {
			next["queues.conf"] = append(next["queues.conf"], "\n[699]\nno-such-setting = 1\n"...)
		}
		began := time.Now()
		_, err := a.Apply(ctx, next, asterisk.IfFree)
		took = append(took, time.Since(began))
		var rolled *asterisk.RolledBack
		switch {
		case bad && errors.As(err, &rolled):
			if !strings.Contains(rolled.Error(), "no-such-setting") {
				t.Errorf("change %d: %v", i, err)
			}
			back++
		case bad:
			t.Errorf("change %d has a fault that was not found: %v", i, err)
		case err != nil:
			t.Fatalf("change %d: %v", i, err)
		default:
			applied++
			inForce = next
		}
		if ended := b.Manager().Events(mark, ours); len(ended) > 0 {
			t.Fatalf("change %d ended a call: %v", i, ended)
		}
	}
	hear()
	if _, over, why := waiting.Status(); over {
		t.Errorf("the waiting caller is gone: %s", why)
	}
	if n := len(channels(t, ctx, b)); n < 5 {
		t.Errorf("%d channels are left", n)
	}
	slices.Sort(took)
	t.Logf("%d applied, %d taken back; a change took %v (median), %v (at most), with %v of silence", applied, back, took[len(took)/2], took[len(took)-1], 200*time.Millisecond)

	// Asterisk works by what was applied last.
	out, err := b.Manager().Command(ctx, "queue show 699")
	if err == nil && !strings.Contains(out, "No such queue") {
		t.Errorf("the queue that was taken back is there: %s", out)
	}
	if want := bytes.Contains(inForce["queues.conf"], []byte("[610]")); want {
		if out, err := b.Manager().Command(ctx, "queue show 610"); err != nil || strings.Contains(out, "No such queue") {
			t.Errorf("queue 610: %s %v", out, err)
		}
	}
	// What would end them is not done.
	next := maps.Clone(inForce)
	next["asterisk.conf"] = append(bytes.Clone(next["asterisk.conf"]), "\n[options]\nverbose = 1\n"...)
	var busy *asterisk.Busy
	if _, err := a.Apply(ctx, next, asterisk.IfFree); !errors.As(err, &busy) || busy.Channels < 5 {
		t.Errorf("a restart during calls: %v", err)
	}
	for _, c := range []*lab.Call{call, waiting} {
		if err := c.Hangup(ctx); err != nil {
			t.Error(err)
		}
	}
}

// TestEveryModuleReads: every module that a file belongs to can be told to
// read it, and does so without a complaint. A line that is there twice is a
// difference that none of them minds.
func TestEveryModuleReads(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	files := render(t, document(object{"conferences": []any{object{"number": "700", "name": "x"}}, "parking": object{"number": "790", "first": "791", "last": "799"},
		"agents":     []any{object{"number": "821", "name": "head-set", "pin": "1234", "alwaysConnected": true, "queues": object{"600": 0}}},
		"extensions": []any{object{"number": "1009", "sip": object{"secret": "password-1009"}, "voicemail": object{"pin": "1234"}}},
	}))
	b, a := start(t, ctx, files)
	var read []string
	for name := range files {
		lines := strings.Split(strings.TrimRight(string(withLab(files)[name]), "\n"), "\n")
		last := lines[len(lines)-1]
		switch name { // in which it is a fault
		case "extensions.conf":
			last = "\n[another]\nexten = s,1,NoOp()"
		case "voicemail.conf":
			last = "1010 => 1234,x"
		}
		if !strings.Contains(last, "=") || strings.HasPrefix(last, ";") {
			continue
		}
		next := maps.Clone(withLab(files))
		next[name] = append(bytes.Clone(next[name]), "\n"+last+"\n"...)
		plan := asterisk.Changes(withLab(files), next)
		if len(plan.Steps) == 0 || plan.Steps[0].Operation != asterisk.Reload {
			continue
		}
		if _, err := a.Apply(ctx, next, asterisk.IfFree); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		read = append(read, plan.Steps[0].Module)
	}
	// Those whose files have nothing in them here.
	for _, module := range []string{"acl", "dsp", "udptl", "app_voicemail.so", "app_agent_pool.so", "app_playback.so"} {
		if _, err := b.Manager().Do(ctx, "Reload", "Module", module); err != nil {
			t.Errorf("%s: %v", module, err)
		}
		read = append(read, module)
	}
	slices.Sort(read)
	t.Logf("read anew: %s", strings.Join(slices.Compact(read), ", "))
	if len(read) < 12 {
		t.Errorf("only %d files were read anew: this tested little", len(read))
	}
}

// TestLargeSite: a change of a site of 300 telephones, 300 agents and 20
// queues is in force in a second.
func TestLargeSite(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	site := sitetest.Large(300, 300, 20)
	doc, err := site.Format()
	if err != nil {
		t.Fatal(err)
	}
	_, a := start(t, ctx, render(t, doc))
	if _, err := a.Apply(ctx, withLab(render(t, doc)), asterisk.IfFree); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		site.Queues[0].RingSeconds = 10 + i
		site.Extensions[0].Name = fmt.Sprint("Name ", i)
		if doc, err = site.Format(); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		files := withLab(render(t, doc))
		rendered := time.Since(began)
		plan, err := a.Apply(ctx, files, asterisk.IfFree)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%d files; parsed and rendered in %v, in force after %v", len(plan.Files), rendered, time.Since(began))
	}
}

// TestManagerClient: what our client makes of the real Asterisk.
func TestManagerClient(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	b, _ := start(t, ctx, render(t, document(nil)))
	c := ami.New(ami.Config{
		Dial:  func(context.Context) (net.Conn, error) { return dial(b) },
		Login: func(context.Context) (ami.Login, error) { return ami.Login{User: "lab", Secret: "lab"}, nil },
	})
	running, stop := context.WithCancel(ctx)
	ended := make(chan error)
	go func() { ended <- c.Run(running) }()
	defer func() {
		stop()
		<-ended
	}()
	sub := c.Subscribe(0, "UserEvent")
	if err := c.WaitUp(ctx); err != nil {
		t.Fatal(err)
	}
	queues, err := c.List(ctx, ami.NewAction("QueueStatus"))
	if err != nil || len(queues) == 0 || queues[0].Get("Event") != "QueueParams" {
		t.Errorf("QueueStatus: %v %v", queues, err)
	}
	var refused *ami.Refused
	if _, err := c.Do(ctx, ami.NewAction("QueueAdd", "Queue", "no", "Interface", "PJSIP/1")); !errors.As(err, &refused) {
		t.Errorf("QueueAdd to nowhere: %v", err)
	}
	m, err := c.Until(ctx, ami.NewAction("Originate", "Channel", "Local/nobody@nowhere", "Application", "Wait", "Data", "1", "Async", "true"), "OriginateResponse")
	if err != nil || m.Kind() != ami.Event || m.Get("Response") != "Failure" {
		t.Errorf("Originate: %v %v", m, err)
	}
	// The longest line that we send is one that Asterisk takes.
	long := strings.Repeat("x", 1024-len("Text: \r\n"))
	if _, err := c.Do(ctx, ami.NewAction("UserEvent", "UserEvent", "Long", "Text", long, "Variable", "a=1", "Variable", "b=2")); err != nil {
		t.Fatal(err)
	}
	for {
		item, err := sub.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if item.Kind == ami.Up {
			continue
		}
		if got := item.Message.Get("Text"); got != long {
			t.Errorf("of %d bytes came %d", len(long), len(got))
		}
		break
	}
}

// TestLeastPrivilege: the user cti can originate calls, and can't make
// Asterisk run a program by it, nor change or read its configuration.
func TestLeastPrivilege(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	b, _ := start(t, ctx, render(t, document(nil)))
	c := ami.New(ami.Config{
		Dial:  func(context.Context) (net.Conn, error) { return dial(b) },
		Login: func(context.Context) (ami.Login, error) { return ami.Login{User: "cti", Secret: "x"}, nil },
	})
	running, stop := context.WithCancel(ctx)
	ended := make(chan error)
	go func() { ended <- c.Run(running) }()
	defer func() {
		stop()
		<-ended
	}()
	if err := c.WaitUp(ctx); err != nil {
		t.Fatal(err)
	}
	// It may do its work: this is the same call as below, with a harmless end.
	m, err := c.Until(ctx, ami.NewAction("Originate", "Channel", "Local/s@held", "Application", "Wait", "Data", "1", "Async", "true"), "OriginateResponse")
	if err != nil || m.Get("Response") != "Success" {
		t.Fatalf("a call: %v %v", m, err)
	}
	mark := b.Manager().Mark()
	var refused *ami.Refused
	for _, app := range [][2]string{
		{"System", "touch /data/run"}, {"TrySystem", "touch /data/run"}, {"AGI", "/bin/sh,-c,touch /data/run"}, {"EAGI", "/bin/touch,/data/run"},
		{"ExternalIVR", "/bin/touch(/data/run)"}, {"Exec", "System(touch /data/run)"}, {"TryExec", "System(touch /data/run)"},
		{"ExecIf", "1?System(touch /data/run)"}, {"MixMonitor", "x.wav,,touch /data/run"}, {"Set", "A=${SHELL(touch /data/run)}"},
	} {
		m, err := c.Do(ctx, ami.NewAction("Originate", "Channel", "Local/s@held", "Application", app[0], "Data", app[1], "Async", "true"))
		if err == nil {
			t.Logf("%s was taken: %s", app[0], m.Get("Message"))
		}
	}
	if m, err := c.Do(ctx, ami.NewAction("Originate", "Channel", "Local/s@held", "Application", "Wait", "Data", "1", "Variable", "FILE(/data/run)=x", "Async", "true")); err == nil {
		t.Logf("a variable that is a file was taken: %s", m.Get("Message"))
	}
	for _, a := range []ami.Action{
		ami.NewAction("Command", "Command", "core show version"), ami.NewAction("Reload", "Module", "app_queue.so"), ami.NewAction("ModuleLoad", "LoadType", "reload", "Module", "app_queue.so"),
		ami.NewAction("GetConfig", "Filename", "manager.conf"), ami.NewAction("UpdateConfig", "SrcFilename", "queues.conf", "DstFilename", "queues.conf"),
		ami.NewAction("DBPut", "Family", "agent", "Key", "x", "Val", "1"), ami.NewAction("MixMonitor", "Channel", "Local/s@held", "File", "x.wav", "Command", "touch /data/run"),
	} {
		if m, err := c.Do(ctx, a); !errors.As(err, &refused) {
			t.Errorf("%s: %v %v", a.Name, m, err)
		}
	}
	// What was taken has run by the time that a later call has.
	if m, err := c.Until(ctx, ami.NewAction("Originate", "Channel", "Local/s@held", "Application", "Wait", "Data", "1", "Async", "true"), "OriginateResponse"); err != nil || m.Get("Response") != "Success" {
		t.Fatalf("a call: %v %v", m, err)
	}
	for _, e := range b.Manager().Events(mark, func(e lab.Event) bool {
		return e["Event"] == "Newexten" && strings.Contains(e["Application"], "System")
	}) {
		t.Errorf("it ran %s(%s)", e["Application"], e["AppData"])
	}
	run, err := b.Host("/data/run")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(run); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a program ran: %v", err)
	}
}

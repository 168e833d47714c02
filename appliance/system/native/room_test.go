//go:build native

package native_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"switchroom/appliance/system/native/lab"
	"switchroom/dahdi/tone"
	"switchroom/provisioning"
)

// patience bounds how long a test may hang; nothing is decided by it.
const patience = 90 * time.Second

// music is what is played to people who wait, in every room.
const music = lab.Tone(523)

// room is a box with a site, and the people around it.
type room struct {
	t    testing.TB
	ctx  context.Context
	box  *lab.Box
	site provisioning.Site
	*shared
}

// shared is what all stories in a room have in common.
type shared struct {
	mu      sync.Mutex
	voices  int
	places  int
	started time.Time
	carrier *lab.Phone
	allowed []string
}

// open starts a box with a site: a document, in which what is usual in these rooms may be left out.
func open(t testing.TB, document string) *room {
	t.Helper()
	limit := patience
	if _, ok := t.(*testing.B); ok {
		limit = 15 * time.Minute
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	t.Cleanup(cancel)
	r := &room{t: t, ctx: ctx, site: site(t, document), shared: &shared{started: time.Now()}}
	dir := t.TempDir()
	r.record(dir)
	var err error
	r.box, err = image.Start(ctx, lab.Options{Dir: dir, Files: render(r.site), TimeZone: r.site.TimeZone})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		r.judgeLog()
		if err := r.box.Stop(ctx); err != nil {
			t.Errorf("the end of the box: %v", err)
		}
		if t.Failed() {
			t.Logf("what Asterisk said:\n%s", strings.Join(r.box.Log(), "\n"))
			r.keepTrace()
		}
	})
	r.plugCarrier()
	return r
}

// plugCarrier gives the box the public network.
func (r *room) plugCarrier() {
	r.t.Helper()
	for _, trunk := range r.site.Trunks {
		if trunk.Peer != nil && trunk.Peer.Addresses[0] == carrierIP.String()+":5070" {
			r.carrier = r.far(trunk.Name, carrierIP)
		}
	}
}

// restart ends Asterisk and starts it again, with what it has kept. All telephones are unplugged.
func (r *room) restart() {
	r.t.Helper()
	r.judgeLog()
	dir := r.box.Dir()
	r.must(r.box.Stop(r.ctx))
	box, err := image.Start(r.ctx, lab.Options{Dir: dir, Files: render(r.site), TimeZone: r.site.TimeZone})
	r.must(err)
	r.box = box
	r.note("Asterisk is back")
	r.plugCarrier()
}

// keepTrace writes every step of the dial plan that was gone to a file, for who looks for the reason
// of a failure.
func (r *room) keepTrace() {
	dir, err := os.MkdirTemp("", "native-")
	if err != nil {
		r.t.Error(err)
		return
	}
	var trace strings.Builder
	for _, e := range r.box.Manager().Events(0, func(e lab.Event) bool { return e["Event"] == "Newexten" }) {
		fmt.Fprintf(&trace, "%-36s %s,%s,%s %s(%s)\n", e["Channel"], e["Context"], e["Extension"], e["Priority"], e["Application"], e["AppData"])
	}
	if err := os.WriteFile(filepath.Join(dir, "dialplan"), []byte(trace.String()), 0o644); err != nil {
		r.t.Error(err)
	}
	if err := os.CopyFS(filepath.Join(dir, "etc"), os.DirFS(filepath.Join(r.box.Dir(), "etc"))); err != nil {
		r.t.Error(err)
	}
	r.t.Logf("the steps of the dial plan and the configuration are in %s", dir)
}

// story is a scenario of its own in the same room, played beside the others.
func (r *room) story(name string, play func(*room)) {
	t, ok := r.t.(*testing.T)
	if !ok {
		r.t.Fatal("a story in a benchmark")
	}
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		play(&room{t: t, ctx: ctx, box: r.box, site: r.site, shared: r.shared})
	})
}

// note tells the story, for who reads a failure.
func (r *room) note(what string) {
	r.t.Helper()
	r.t.Logf("%7.3f s: %s", time.Since(r.started).Seconds(), what)
}

func (r *room) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// carrierIP is the far end of the trunk named carrier.
var carrierIP = netip.MustParseAddr("127.0.2.1")

// password is that of a telephone.
func password(number string) string { return "secret-of-phone-" + number }

// site completes a document. If absent, there are the extensions 1001 to 1009, over SIP; the trunk
// carrier; music of one tone; and "prompts" may be a list of names.
func site(t testing.TB, document string) provisioning.Site {
	t.Helper()
	var d map[string]any
	if err := json.Unmarshal([]byte(document), &d); err != nil {
		t.Fatal(err)
	}
	usual := func(key string, value any) {
		if _, ok := d[key]; !ok {
			d[key] = value
		}
	}
	usual("version", 2)
	usual("country", "cn")
	usual("language", "en")
	usual("areaCode", "010")
	usual("limits", map[string]any{})
	var extensions []any
	for n := 1001; n <= 1009; n++ {
		number := fmt.Sprint(n)
		extensions = append(extensions, map[string]any{"number": number, "name": "Seat " + number, "sip": map[string]any{"secret": password(number)}})
	}
	usual("extensions", extensions)
	for _, e := range d["extensions"].([]any) {
		e := e.(map[string]any)
		if _, ok := e["sip"]; !ok {
			e["sip"] = map[string]any{"secret": password(e["number"].(string))}
		}
	}
	usual("trunks", []any{map[string]any{"name": "carrier", "peer": map[string]any{"addresses": []any{carrierIP.String() + ":5070"}}, "callerId": "01088880000"}})
	usual("music", []any{map[string]any{"name": "tone", "files": []any{"tone.wav"}}})
	queues, _ := d["queues"].([]any)
	for _, q := range queues {
		if _, ok := q.(map[string]any)["music"]; !ok {
			q.(map[string]any)["music"] = "tone"
		}
	}
	var prompts []any
	names, _ := d["prompts"].([]any)
	for _, p := range names {
		if name, ok := p.(string); ok {
			p = map[string]any{"name": name, "text": map[string]any{"en": name, "zh-CN": name}}
		}
		prompts = append(prompts, p)
	}
	d["prompts"] = prompts
	if prompts == nil {
		d["prompts"] = []any{}
	}
	text, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	s, err := provisioning.Parse(text)
	if err != nil {
		t.Fatalf("the site document: %v\n%s", err, text)
	}
	return s.Complete(provisioning.Ports{})
}

// folder is where the prompts of a language lie.
func folder(language string) string {
	if language == "zh-CN" {
		return "zh"
	}
	return "en"
}

// record puts the owner's prompts and music where the box has them: noises, each unlike the others.
func (r *room) record(dir string) {
	r.t.Helper()
	write := func(name string, samples []int16) {
		name = filepath.Join(dir, "data", name)
		var wav bytes.Buffer
		err := tone.WriteWAV(&wav, samples)
		if err == nil {
			err = os.MkdirAll(filepath.Dir(name), 0o755)
		}
		if err == nil {
			err = os.WriteFile(name, wav.Bytes(), 0o644)
		}
		if err != nil {
			r.t.Fatal(err)
		}
	}
	for _, p := range r.site.Prompts {
		for _, language := range []string{"en", "zh"} {
			write(filepath.Join("prompts", language, "site", p.Name+".wav"), speech(language+p.Name))
		}
	}
	for _, m := range r.site.Music {
		for _, f := range m.Files {
			// An upload keeps its whole name, and gets the ending of what it is stored as.
			write(filepath.Join("prompts", "uploads", f+".wav"), tone.Take(tone.Sines(-16, 8000, float64(music)), 8*tone.Rate))
		}
	}
}

// speech is 700 ms of noise with words' ups and downs, always the same for the same text.
func speech(text string) []int16 {
	seed := uint64(14695981039346656037) // FNV-1a
	for _, b := range []byte(text) {
		seed = (seed ^ uint64(b)) * 1099511628211
	}
	random := rand.New(rand.NewPCG(seed, 0))
	out := make([]int16, 700*tone.PerMS)
	loud := 0.0
	for i := range out {
		if i%(4*lab.Frame) == 0 {
			loud = 500 + 4000*random.Float64()
		}
		out[i] = int16(loud * random.NormFloat64())
	}
	return out
}

// prompt is the sound of a prompt: site:welcome is the owner's, others are the firmware's.
func (r *room) prompt(language, name string) *lab.Prompt {
	r.t.Helper()
	if id, ok := strings.CutPrefix(name, "site:"); ok {
		p, err := lab.NewPrompt(name, tone.ALaw.DecodeAll(nil, tone.ALaw.EncodeAll(nil, speech(language+id))))
		if err != nil {
			r.t.Fatal(err)
		}
		return p
	}
	p, err := library.Prompt(r.ctx, r.box, language, name)
	if err != nil {
		r.t.Fatal(err)
	}
	return p
}

func (r *room) plug(o lab.PhoneOptions) *lab.Phone {
	r.t.Helper()
	p, err := r.box.Phone(o)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		if err := p.Close(); err != nil {
			r.t.Errorf("unplugging %s: %v", o.User, err)
		}
	})
	return p
}

// far plugs the far end of a trunk in, and has Asterisk find out that it is there.
func (r *room) far(trunk string, ip netip.Addr) *lab.Phone {
	r.t.Helper()
	p := r.plug(lab.PhoneOptions{IP: ip, User: trunk, Law: tone.ALaw})
	r.isThere(trunk)
	return p
}

// isThere waits until Asterisk knows that the far end of a trunk is there.
func (r *room) isThere(trunk string) {
	r.t.Helper()
	r.qualifies(trunk, "Reachable")
}

// isGone waits until Asterisk knows that nobody is at the far end of a trunk.
func (r *room) isGone(trunk string) {
	r.t.Helper()
	r.qualifies(trunk, "Unreachable")
}

func (r *room) qualifies(trunk, status string) {
	r.t.Helper()
	m := r.box.Manager()
	if _, err := m.Do(r.ctx, "PJSIPQualify", "Endpoint", "trunk-"+trunk); err != nil {
		r.t.Fatal(err)
	}
	_, err := m.Await(r.ctx, 0, func(e lab.Event) bool {
		return e["Event"] == "ContactStatus" && e["AOR"] == "trunk-"+trunk && e["ContactStatus"] == status
	})
	if err != nil {
		r.t.Fatalf("trunk %s: %v", trunk, err)
	}
}

// newVoice gives out the tones that people say.
func (s *shared) newVoice() lab.Tone {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.voices++
	// Apart from each other, from the tones of networks (425, 450 Hz) and from the music.
	return lab.Tone(620 + 70*float64(s.voices%34))
}

// seat plugs a telephone in and registers it.
func (r *room) seat(number string) *person {
	r.t.Helper()
	r.mu.Lock()
	r.places++
	ip := netip.AddrFrom4([4]byte{127, 0, 1, byte(r.places)})
	r.mu.Unlock()
	p := &person{r: r, name: number, number: number, language: folder(r.site.Language), voice: r.newVoice()}
	p.phone = r.plug(lab.PhoneOptions{IP: ip, User: number, Secret: password(number), Law: tone.ALaw})
	r.registers(p)
	return p
}

// registers registers a telephone, and waits until everybody knows that it is there.
func (r *room) registers(p *person) {
	r.t.Helper()
	m := r.box.Manager()
	from := m.Mark()
	p.must(p.phone.Register(r.ctx, 600))
	_, err := m.Await(r.ctx, from, func(e lab.Event) bool {
		return e["Event"] == "ExtensionStatus" && e["Context"] == "seats" && e["Exten"] == p.number && e["Status"] == "0"
	})
	p.must(err)
	for _, q := range r.site.Queues {
		if slices.Contains(q.Members, p.number) {
			_, err := m.Await(r.ctx, from, func(e lab.Event) bool {
				return e["Event"] == "QueueMemberStatus" && e["Queue"] == q.Number && e["MemberName"] == p.number && e["Status"] == "1"
			})
			p.must(err)
		}
	}
}

// outside is somebody with a telephone in the public network, at the other end of the trunk.
func (r *room) outside(number string) *person {
	return &person{r: r, name: number, number: number, language: folder(r.site.Language), voice: r.newVoice(), phone: r.carrier, outside: true}
}

// allow says that a warning or an error in the log with the text is part of the story.
func (r *room) allow(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.allowed = append(r.allowed, text)
}

// judgeLog fails the test for a warning or an error in the log that no story allows.
func (r *room) judgeLog() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, line := range r.box.Log() {
		if !strings.Contains(line, "WARNING[") && !strings.Contains(line, "ERROR[") {
			continue
		}
		if !slices.ContainsFunc(append(r.allowed, harmless...), func(s string) bool { return strings.Contains(line, s) }) {
			r.t.Errorf("Asterisk says: %s", line)
		}
	}
}

// eventually waits for something that tells nobody when it happens: a file that is written.
func (r *room) eventually(what string, happened func() bool) {
	r.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !happened() {
		select {
		case <-tick.C:
		case <-r.ctx.Done():
			r.t.Fatalf("waiting for %s: %v", what, r.ctx.Err())
		}
	}
	r.note("there is " + what)
}

// event waits for an event of the management connection, or takes one that has come.
func (r *room) event(what string, fit func(lab.Event) bool) lab.Event {
	r.t.Helper()
	e, err := r.box.Manager().Await(r.ctx, 0, fit)
	if err != nil {
		r.t.Fatalf("%s: %v", what, err)
	}
	r.note(what)
	return e
}

// harmless are complaints that are no fault of the configuration.
var harmless = []string{
	"Unable to join queue",     // it is empty or full, which is an ending like others
	"may include an extension", // the name of an upload does
	// The caller hung up in the moment in which a telephone told who it is.
	"update_connected_line_information: Session already DISCONNECTED",
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"switchroom/dahdi/tdm2400p"
	"switchroom/dahdi/tdm2400p/control"
	"switchroom/dahdi/tone"
)

// bench is a card whose time runs without a guest, and its control socket.
// Telephones hear a tone of 1004 Hz at -20 dBm0.
func bench(t *testing.T) (socket string) {
	t.Helper()
	o := serveOptions{pci: repeated{"unused"}, ports: repeated{"fxs:1-2,fxo:13"}, country: "cn", events: 64}
	plant, cards, exchange, err := build(&o, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	server, err := control.NewServer(control.Config{Plant: plant, Cards: cards, Exchange: exchange})
	if err != nil {
		t.Fatal(err)
	}
	socket = filepath.Join(t.TempDir(), "ctl")
	l, err := listen(socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() {
		if err := server.Serve(ctx, l); err != nil {
			t.Error(err)
		}
	})
	all.Go(func() { spin(ctx, cards[0]) })
	t.Cleanup(func() {
		cancel()
		all.Wait()
	})
	return socket
}

// spin lets card time pass, with both telephones fed and sent a tone.
func spin(ctx context.Context, card *tdm2400p.Card) {
	tx, rx := make([]byte, tdm2400p.FrameSize), make([]byte, tdm2400p.FrameSize)
	g := tone.Sines(-20, -1, 1004)
	ident := byte(0)
	for ctx.Err() == nil {
		clear(tx)
		pcm := tone.Take(g, 8)
		for e := range 8 {
			for slot := range 24 {
				tx[e*128+slot] = tone.MuLaw.Encode(pcm[e])
			}
			if e < 7 {
				tx[e*128+109] = ident
				ident++
			}
		}
		for m := range 2 {
			for b, v := range []byte{1 << m, 64, 1} {
				tx[128+24+(m*3+b)*7] = v
			}
			for b, v := range []byte{1 << m, 1, 0x28} {
				tx[256+24+(m*3+b)*7] = v
			}
		}
		card.Frame(tx, rx)
	}
}

// do runs a command line and gives what it printed and its exit status.
func do(t *testing.T, socket string, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	var out, errs bytes.Buffer
	m := program{stdin: strings.NewReader(""), stdout: &out, stderr: &errs, socket: socket}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	status = m.status(m.run(ctx, args))
	return out.String(), errs.String(), status
}

func TestVerbs(t *testing.T) {
	socket := bench(t)
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.wav"), filepath.Join(dir, "out.wav")
	file, err := os.Create(in)
	if err != nil {
		t.Fatal(err)
	}
	if err := tone.WriteWAV(file, tone.Take(tone.Sines(-10, -1, 700), 4000)); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	routes := filepath.Join(dir, "routes.json")
	if err := os.WriteFile(routes, []byte(`[{"number":"1XX","busy":true}]`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args           string
		status         int
		stdout, stderr string // what must be in them
	}{
		{"help", 0, "be a card", ""},
		{"ports", 0, "  1 fxs on hook   feed active", ""},
		{"offhook 1", 0, "", ""},
		{"wait 1 hook state=off since=1", 0, `{"state":"off"}`, ""},
		{"-json wait 1 hook state=off since=1", 0, `"event":"hook"`, ""},
		{"wait 1 ring timeout=50", exitTimeout, "", "no ring event within 50 ms"},
		{"dial 1 12#", 0, "", ""},
		{"pulse 1 21", 0, "", ""},
		{"wait 1 dialled digits=21 since=1", 0, "dialled", ""},
		{"flash 1 100", 0, "", ""},
		{"listen 1 200", 0, "strongest 1004.0 Hz at -20.0 dBm0", ""},
		{"-json listen 1 200", 0, `"tone_level":-`, ""},
		{"record 1 " + out + " 300", 0, "", ""},
		{"play 1 " + in, 0, "", ""},
		{"play 1 hz:500+600@-15 100", 0, "", ""},
		{"play 1 hz:500@-15dBm0 100", 0, "", ""},
		{"play 1 tone:busy 500", 0, "", ""},
		{"play 1 dtmf:12", 0, "", ""},
		{"play 1 hz:nine", exitUsage, "", "no frequency"},
		{"play 1 nothing.wav", exitFailed, "", "nothing.wav"},
		{"stop 1", 0, "", ""},
		{"onhook 1", 0, "", ""},
		{"-json onhook 1", 0, `{"frame":`, ""},
		{"load 1 unplugged", 0, "", ""},
		{"load 1 chewed", exitFailed, "", "chewed"},
		{"ring 13 13800138000 Wang v23", 0, "", ""},
		{"wait 13 ring n=1 since=1", 0, `{"n":1}`, ""},
		{"stopring 13", 0, "", ""},
		{"battery 13 0", 0, "", ""},
		{"battery 13 48", 0, "", ""},
		{"polarity 13 reversed", 0, "", ""},
		{"polarity 13 up", exitUsage, "", "normal or reversed"},
		{"ports", 0, " 13 fxo idle      48 V reversed", ""},
		{"wire 1 2", exitFailed, "", "an FXS and an FXO port"},
		{"wire 1 13", 0, "", ""},
		{"wire 1 0", 0, "", ""},
		{"wire 1 0", exitFailed, "", "not wired"},
		{"hangup 13 open 100", 0, "", ""},
		{"events 13", 0, "polarity", ""},
		{"regs 1", 0, "fxs, audio true", ""},
		{"stats", 0, `"frames"`, ""},
		{"stats 2", exitFailed, "", "no port 25"},
		{"info", 0, `"fxs:1-2,fxo:13"`, ""},
		{"fault 1 corrupt-read register=64 mask=0x10 count=3", 0, "", ""},
		{"fault 1 corrupt-read clear register=64", 0, "", ""},
		{"fault 1 rot", exitFailed, "", "rot"},
		{"routes", 0, "5551000", ""},
		{"routes " + routes, 0, "1XX", ""},
		{"do state 13", 0, `"kind": "fxo"`, ""},
		{"do play 1 {\"hz\":[400],\"ms\":5}", 0, "", ""},
		{"do play 1 hello", exitUsage, "", "no JSON"},
		{"pause", 0, "", ""},
		{"resume", 0, "", ""},
		{"offhook 13", exitFailed, "", "fxs port"},
		{"offhook one", exitUsage, "", "no port"},
		{"offhook", exitUsage, "", "usage: tdm2400p offhook"},
		{"jump 1", exitUsage, "", "no verb"},
		{"-loud ports", exitUsage, "", "loud"},
		{"-after 20 offhook 2", 0, "", ""},
		{"serve", exitUsage, "", "-pci and -control"},
		{"serve -pci a -control b -ports fxs:30", exitUsage, "", "range"},
		{"serve -pci a -control b -country zz", exitUsage, "", "zz"},
	} {
		stdout, stderr, status := do(t, socket, strings.Fields(c.args)...)
		if status != c.status || !strings.Contains(stdout, c.stdout) || !strings.Contains(stderr, c.stderr) {
			t.Errorf("%s: status %d, wrote %q and %q; want %d, %q and %q", c.args, status, stdout, stderr, c.status, c.stdout, c.stderr)
		}
	}
	wav, err := os.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer wav.Close()
	samples, err := tone.ReadWAV(wav)
	if hz, level := tone.Frequency(samples); err != nil || len(samples) != 2400 || hz < 1003.8 || hz > 1004.2 || level < -20.2 || level > -19.8 {
		t.Errorf("recorded %d samples of %.1f Hz at %.1f dBm0 (%v)", len(samples), hz, level, err)
	}
	if _, stderr, status := do(t, "", "ports"); status != exitUsage || !strings.Contains(stderr, "which card") {
		t.Errorf("without a socket: %d, %q", status, stderr)
	}
}

func TestWatchAndAudio(t *testing.T) {
	socket := bench(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()

	r, w := io.Pipe()
	watching := make(chan error, 1)
	m := program{stdout: w, stderr: io.Discard, socket: socket, json: true}
	watch, stop := context.WithCancel(ctx)
	go func() {
		watching <- m.run(watch, []string{"-json", "watch", "13"})
		w.Close()
	}()
	// Events of other ports are left out. The watch begins somewhere among these.
	var busy sync.WaitGroup
	busy.Go(func() {
		for watch.Err() == nil {
			do(t, socket, "offhook", "2")
			do(t, socket, "onhook", "2")
			do(t, socket, "battery", "13", "40")
		}
	})
	var e struct {
		Event string
		Port  int
	}
	dec := json.NewDecoder(r)
	for range 3 {
		if err := dec.Decode(&e); err != nil || e.Event != "battery" || e.Port != 13 {
			t.Fatalf("watched %+v, %v", e, err)
		}
	}
	stop()
	go drain(r)
	if err := <-watching; err != nil {
		t.Errorf("watching ended with %v", err)
	}
	busy.Wait()

	do(t, socket, "offhook", "1")
	from, to := io.Pipe()
	live, hangUp := context.WithCancel(ctx)
	ended := make(chan error, 1)
	a := program{stdin: bytes.NewReader(make([]byte, 320)), stdout: to, stderr: io.Discard, socket: socket}
	go func() {
		ended <- a.run(live, []string{"audio", "1"})
		to.Close()
	}()
	if _, err := io.ReadFull(from, make([]byte, 1600)); err != nil {
		t.Error(err)
	}
	hangUp()
	go drain(from)
	if err := <-ended; err != nil {
		t.Errorf("audio ended with %v", err)
	}
}

// drain reads what a command still writes, until it ends.
func drain(r io.Reader) { _, _ = io.Copy(io.Discard, r) }

func TestServe(t *testing.T) {
	dir := t.TempDir()
	pci, ctl := filepath.Join(dir, "pci"), filepath.Join(dir, "ctl")
	// What a server that died left behind is no obstacle.
	old, err := net.Listen("unix", ctl)
	if err != nil {
		t.Fatal(err)
	}
	old.(*net.UnixListener).SetUnlinkOnClose(false)
	old.Close()

	ctx, cancel := context.WithCancel(t.Context())
	m := program{stdout: io.Discard, stderr: io.Discard}
	ended := make(chan error, 1)
	go func() {
		ended <- m.run(ctx, []string{"serve", "-pci", pci, "-pci", pci + "2", "-control", ctl, "-ports", "fxs:1-12,fxo:13-24", "-ports", "fxo:1-24", "-vpm"})
	}()
	for {
		if c, err := net.Dial("unix", ctl); err == nil {
			c.Close()
			break
		}
		select {
		case err := <-ended:
			t.Fatalf("serve ended: %v", err)
		case <-time.After(5 * time.Millisecond):
		}
	}
	for _, path := range []string{pci, pci + "2"} {
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
	stdout, stderr, status := do(t, ctl, "info")
	if status != 0 || !strings.Contains(stdout, "fxo:25-48") || !strings.Contains(stdout, `"vpm": true`) {
		t.Errorf("info: %d, %q, %q", status, stdout, stderr)
	}
	// A second server on the same socket is refused.
	if _, stderr, status := do(t, "", "serve", "-pci", pci+"3", "-control", ctl); status != exitFailed || !strings.Contains(stderr, "served by another") {
		t.Errorf("a second server: %d, %q", status, stderr)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("serve ended with %v", err)
	}
	if _, err := os.Stat(ctl); err == nil {
		t.Error("the control socket was left behind")
	}
}

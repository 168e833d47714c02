//go:build native

package native_test

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"switchroom/appliance/system/native/lab"
	"switchroom/provisioning"
	"switchroom/provisioning/asteriskconf"
)

func TestTwoPhones(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	files := asteriskconf.Render(provisioning.Default(provisioning.Ports{}), provisioning.Ports{}, asteriskconf.Secrets{Manager: "secret"})
	var pjsip strings.Builder
	pjsip.Write(files["pjsip.conf"])
	for _, n := range []string{"1001", "1002"} {
		pjsip.WriteString("\n[" + n + "]\ntype=endpoint\ncontext=phones\ndisallow=all\nallow=ulaw,alaw\naors=" + n + "\nauth=" + n + "\n[" + n + "]\ntype=aor\nmax_contacts=1\n[" + n + "]\ntype=auth\nauth_type=userpass\nusername=" + n + "\npassword=pw" + n + "\n")
	}
	files["pjsip.conf"] = []byte(pjsip.String())
	files["extensions.conf"] = []byte("[phones]\nexten = _10XX,1,Dial(PJSIP/${EXTEN})\nexten = 600,1,Answer()\n same = n,Playback(tt-weasels)\n same=n,Echo()\n")
	started := time.Now()
	b, err := image.Start(ctx, lab.Options{Dir: t.TempDir(), Files: files})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("ready after %v", time.Since(started))
	defer func() {
		if err := b.Stop(ctx); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Log(strings.Join(b.Log(), "\n"))
		}
	}()
	phone := func(n string, ip string, hz float64) *lab.Phone {
		p, err := b.Phone(lab.PhoneOptions{IP: netip.MustParseAddr(ip), User: n, Secret: "pw" + n, Voice: hz})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { p.Close() })
		if err := p.Register(ctx, 300); err != nil {
			t.Fatal(err)
		}
		return p
	}
	a, c := phone("1001", "127.0.1.1", 700), phone("1002", "127.0.1.2", 1100)
	call, err := a.Call(ctx, "1002", lab.CallOptions{})
	if err != nil {
		t.Fatal(err)
	}
	other, err := c.Incoming(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := call.AwaitRinging(ctx); err != nil {
		t.Fatal(err)
	}
	if err := other.Answer(ctx); err != nil {
		t.Fatal(err)
	}
	if err := call.AwaitAnswer(ctx); err != nil {
		t.Fatal(err)
	}
	if _, _, err := call.Ear().Await(ctx, 0, lab.Tone(1100)); err != nil {
		t.Error(err)
	}
	if _, _, err := other.Ear().Await(ctx, 0, lab.Tone(700)); err != nil {
		t.Error(err)
	}
	if err := other.Press(ctx, "12#"); err != nil {
		t.Error(err)
	}
	if err := call.Ear().AwaitKeys(ctx, "12#"); err != nil {
		t.Error(err)
	}
	if err := call.Hangup(ctx); err != nil {
		t.Error(err)
	}
	if _, err := other.AwaitEnd(ctx); err != nil {
		t.Error(err)
	}
	call, err = a.Call(ctx, "600", lab.CallOptions{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := library.Prompt(ctx, b, "en_US_f_Allison", "tt-weasels")
	if err != nil {
		t.Fatal(err)
	}
	d, err := library.Prompt(ctx, b, "en_US_f_Allison", "digits/8")
	if err != nil {
		t.Fatal(err)
	}
	which, at, err := call.Ear().Await(ctx, 0, d, p, lab.Tone(700))
	t.Log(which, at, err, p.All())
	if err := call.Hangup(ctx); err != nil {
		t.Error(err)
	}
}

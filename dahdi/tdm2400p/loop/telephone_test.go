package loop

import (
	"testing"

	"switchroom/dahdi/tone"
)

func play(t *testing.T, z tone.Zone, n tone.Name, ms int) tone.Generator {
	t.Helper()
	c, ok := z.Tone(n)
	if !ok {
		t.Fatalf("no %s tone", n)
	}
	return c.Play(-13, ms)
}

func TestTelephoneHearsDialToneAndDials(t *testing.T) {
	for _, country := range []string{"us", "cn", "gb", "de"} {
		r := newRig(t, country, []int{1}, nil)
		p := r.fxs[1]
		r.run(100)
		p.phone.OffHook()
		r.run(50)
		if !p.wire.OffHook {
			t.Fatal("the loop is open with the handset lifted")
		}
		p.send = play(t, r.plant.Zone(), tone.Dial, -1)
		r.until(2000, 1, "tone", "name=dial", "on=true")
		p.heard = nil
		if err := p.phone.Dial("1002#", DialOptions{Tag: "x"}); err != nil {
			t.Fatal(err)
		}
		p.send = nil
		r.until(2000, 1, "dialled", "digits=1002#", "tag=x")
		det := tone.NewDTMFDetector(tone.DTMFLimits{})
		var got string
		for _, e := range det.Write(tone.MuLaw.DecodeAll(nil, p.heard)) {
			if e.Down {
				got += string(e.Key)
			}
		}
		if got != "1002#" {
			t.Errorf("%s: the switch heard %q, want 1002#", country, got)
		}
		p.phone.OnHook()
		r.run(10)
		if p.wire.OffHook {
			t.Error("the loop is closed with the handset down")
		}
	}
}

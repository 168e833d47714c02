//go:build vm

package ioctl_test

import (
	"testing"
	"time"

	"switchroom/dahdi"
	"switchroom/dahdi/dahditest"
	"switchroom/dahdi/ioctl"
)

// TestDriver runs inside a guest with a fresh card that has telephones, lines
// and an empty place, its driver loaded and nothing configured.
func TestDriver(t *testing.T) {
	c, err := ioctl.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	first := map[dahdi.Kind]int{}
	for n := 1; n <= 24; n++ {
		p, err := c.Params(n)
		if err != nil {
			t.Fatal(err)
		}
		if k := dahdi.KindOf(p.Can); first[k] == 0 {
			first[k] = n
		}
	}
	for _, k := range []dahdi.Kind{dahdi.KindFXS, dahdi.KindFXO, dahdi.KindNone} {
		if first[k] == 0 {
			t.Fatalf("the card has no port that is %s", k)
		}
	}
	dahditest.TestDriver(t, c, first[dahdi.KindFXS], first[dahdi.KindFXO], first[dahdi.KindNone])
}

// TestChannel takes a channel that nobody has, and only one at a time.
func TestChannel(t *testing.T) {
	c, err := ioctl.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetSignalling(1, dahdi.SigFXOKS, dahdi.LawDefault); err != nil {
		t.Fatal(err)
	}
	ch, err := ioctl.OpenChannel("/", 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ioctl.OpenChannel("/", 1); err == nil {
		t.Error("a channel was opened twice")
	}
	if used, err := c.InUse(1); err != nil || !used[1] || used[2] {
		t.Errorf("InUse: %v, %v; want 1 alone", used, err)
	}
	// What our monitor needs works on a channel that another holds.
	if _, err := c.Params(1); err != nil {
		t.Error(err)
	}
	if _, err := c.Voltage(1); err != nil {
		t.Error(err)
	}
	for _, id := range []dahdi.ToneID{dahdi.ToneDial, dahdi.ToneStop} {
		if err := ch.Tone(id); err != nil {
			t.Error(err)
		}
	}
	if err := ch.Ring(); err != nil {
		t.Error(err)
	}
	if p, err := c.Params(1); err != nil || p.TxHook != dahdi.HookStart {
		t.Errorf("after Ring the channel's hook is %s, %v; want %s", p.TxHook, err, dahdi.HookStart)
	}
	if err := ch.Close(); err != nil {
		t.Error(err)
	}
	// Kewlstart: the battery goes for half a second before the port is idle.
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		p, err := c.Params(1)
		if err != nil {
			t.Fatal(err)
		}
		if p.TxHook == dahdi.HookOn {
			break
		}
		if p.TxHook != dahdi.HookKewl || time.Now().After(deadline) {
			t.Fatalf("after Close the channel's hook is %s; want %s, then %s", p.TxHook, dahdi.HookKewl, dahdi.HookOn)
		}
	}
	if _, err := ioctl.OpenChannel("/", 24); err == nil {
		t.Error("an empty place was opened")
	}
}

// The benchmarks are what a monitor costs, call by call.

func benchmark(b *testing.B, call func(*ioctl.Ctl) error) {
	c, err := ioctl.Open("/")
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	for b.Loop() {
		if err := call(c); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParams(b *testing.B) {
	benchmark(b, func(c *ioctl.Ctl) error { _, err := c.Params(1); return err })
}

func BenchmarkInUse(b *testing.B) {
	benchmark(b, func(c *ioctl.Ctl) error { _, err := c.InUse(1); return err })
}

func BenchmarkVoltage(b *testing.B) {
	benchmark(b, func(c *ioctl.Ctl) error { _, err := c.Voltage(1); return err })
}

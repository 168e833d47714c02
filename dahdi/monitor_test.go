package dahdi_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"switchroom/dahdi"
	"switchroom/dahdi/dahditest"
)

// watch starts a monitor inside a bubble of fake time.
func watch(t *testing.T, f *dahditest.Fake) *dahdi.Monitor {
	t.Helper()
	inv := detect(t, f)
	m := dahdi.NewMonitor(f, inv.Ports(), dahdi.MonitorConfig{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	synctest.Wait()
	return m
}

func configured(t *testing.T, kinds ...dahdi.Kind) *dahditest.Fake {
	t.Helper()
	f := dahditest.New(kinds...)
	if _, err := dahdi.Apply(t.Context(), f, desired(detect(t, f))); err != nil {
		t.Fatal(err)
	}
	return f
}

// after lets time pass and gives the status of a port then.
func after(m *dahdi.Monitor, d time.Duration, port int) dahdi.Status {
	time.Sleep(d)
	synctest.Wait()
	all := m.Snapshot()
	return all[slices.IndexFunc(all, func(s dahdi.Status) bool { return s.Port == port })]
}

func hooks(rx, tx dahdi.Hook) func(*dahdi.Params) {
	return func(p *dahdi.Params) { p.RxHook, p.TxHook = rx, tx }
}

func TestMonitorTelephone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := configured(t, dahdi.KindFXS)
		m := watch(t, f)
		step := 500 * time.Millisecond
		for i, c := range []struct {
			rx, tx   dahdi.Hook
			wait     time.Duration
			activity dahdi.Activity
			hook     dahdi.Hook
		}{
			{dahdi.HookUnknown, dahdi.HookOn, step, dahdi.ActivityIdle, dahdi.HookOn}, // not told, but 48 V
			{dahdi.HookOn, dahdi.HookStart, step, dahdi.ActivityRinging, dahdi.HookOn},
			{dahdi.HookOn, dahdi.HookOff, 4 * time.Second, dahdi.ActivityRinging, dahdi.HookOn}, // the pause
			{dahdi.HookOn, dahdi.HookStart, step, dahdi.ActivityRinging, dahdi.HookOn},
			{dahdi.HookOff, dahdi.HookOff, step, dahdi.ActivityBusy, dahdi.HookOff}, // picked up
			{dahdi.HookOn, dahdi.HookOff, step, dahdi.ActivityIdle, dahdi.HookOn},   // put down; Asterisk hasn't seen it yet
			{dahdi.HookOn, dahdi.HookOn, step, dahdi.ActivityIdle, dahdi.HookOn},
			{dahdi.HookOff, dahdi.HookKewl, step, dahdi.ActivityBusy, dahdi.HookOff}, // the other end hung up
		} {
			f.Set(1, hooks(c.rx, c.tx))
			if s := after(m, c.wait, 1); s.Activity != c.activity || s.Hook != c.hook || s.Ringing != (c.activity == dahdi.ActivityRinging) {
				t.Errorf("step %d: %s, hook %s, ringing %t; want %s, %s", i, s.Activity, s.Hook, s.Ringing, c.activity, c.hook)
			}
		}
	})
}

// TestMonitorPickedUpBefore: the driver does not tell of a telephone that was
// off the hook when its port was configured.
func TestMonitorPickedUpBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := configured(t, dahdi.KindFXS)
		f.SetVoltage(1, 0)
		m := watch(t, f)
		if s := after(m, time.Second, 1); s.Hook != dahdi.HookUnknown || s.Activity != dahdi.ActivityIdle {
			t.Errorf("with the battery away: %+v", s)
		}
		f.SetVoltage(1, 8_300)
		if s := after(m, 10*time.Second, 1); s.Hook != dahdi.HookOff || s.Activity != dahdi.ActivityBusy || s.Millivolts != nil {
			t.Errorf("with a telephone's voltage: %+v", s)
		}
		f.Set(1, hooks(dahdi.HookOn, dahdi.HookOn))
		if s := after(m, time.Second, 1); s.Hook != dahdi.HookOn || s.Activity != dahdi.ActivityIdle {
			t.Errorf("when the driver tells that it was put down: %+v", s)
		}
	})
}

func TestMonitorLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := configured(t, dahdi.KindFXO)
		m := watch(t, f)
		f.Set(1, hooks(dahdi.HookOff, dahdi.HookOn))
		if s := after(m, time.Second, 1); s.Activity != dahdi.ActivityIdle || s.Millivolts == nil || *s.Millivolts != 50_000 {
			t.Errorf("idle: %+v", s)
		}
		f.Set(1, hooks(dahdi.HookRing, dahdi.HookOn))
		if s := after(m, time.Second, 1); s.Activity != dahdi.ActivityRinging {
			t.Errorf("ringing: %+v", s)
		}
		f.Set(1, hooks(dahdi.HookOff, dahdi.HookOn))
		if s := after(m, 5*time.Second, 1); s.Activity != dahdi.ActivityRinging {
			t.Errorf("in the ringing's pause: %+v", s)
		}
		if s := after(m, 2*time.Second, 1); s.Activity != dahdi.ActivityIdle {
			t.Errorf("after the ringing: %+v", s)
		}
		f.Set(1, hooks(dahdi.HookOff, dahdi.HookOff))
		f.SetVoltage(1, -8_000)
		if s := after(m, 11*time.Second, 1); s.Activity != dahdi.ActivityBusy || *s.Millivolts != -8_000 {
			t.Errorf("seized: %+v", s)
		}
		f.SetVoltage(1, -9_000)
		if s := after(m, 11*time.Second, 1); *s.Millivolts != -8_000 {
			t.Errorf("a change of 1 V was news: %+v", s)
		}
		f.Set(1, func(p *dahdi.Params) {
			p.RxHook, p.TxHook, p.Alarms = dahdi.HookOn, dahdi.HookOn, []dahdi.Alarm{dahdi.AlarmRed}
		})
		if s := after(m, time.Second, 1); s.Activity != dahdi.ActivityAlarm {
			t.Errorf("without battery: %+v", s)
		}
	})
}

func TestMonitorEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := configured(t, dahditest.Mix(4, dahdi.KindFXS)...)
		m := watch(t, f)
		sub := m.Subscribe()
		if len(sub.Start) != 4 {
			t.Errorf("the subscription begins with %d ports; want 4", len(sub.Start))
		}
		f.Set(3, hooks(dahdi.HookOff, dahdi.HookOff))
		f.Open(2, true)
		after(m, 6*time.Second, 1)
		got := map[int][]string{}
		for range 2 {
			e := <-sub.Events
			got[e.Status.Port] = e.Changed
		}
		if !slices.Equal(got[3], []string{"activity", "hook"}) || !slices.Equal(got[2], []string{"claimed"}) {
			t.Errorf("events: %v", got)
		}
		sub.Close()
		sub.Close()
		if _, ok := <-sub.Events; ok {
			t.Error("an event after Close")
		}

		slow := m.Subscribe()
		for i := range 600 {
			f.Set(1, hooks([]dahdi.Hook{dahdi.HookOn, dahdi.HookOff}[i%2], dahdi.HookOff))
			after(m, 500*time.Millisecond, 1)
		}
		n := 0
		for range slow.Events {
			n++
		}
		if n != 512 {
			t.Errorf("a reader who never reads got %d events before it was cut off; want 512", n)
		}
	})
}

func TestMonitorEndsWithTheCard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := configured(t, dahditest.Mix(4, dahdi.KindFXS)...)
		m := dahdi.NewMonitor(f, detect(t, f).Ports(), dahdi.MonitorConfig{})
		gone := errors.New("gone")
		f.Fail("Params 2", gone)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := m.Run(ctx); err != nil {
			t.Errorf("with one port gone: %v", err)
		}
		f.Fail("Params", gone)
		if err := m.Run(t.Context()); !errors.Is(err, gone) {
			t.Errorf("with all ports gone: %v; want %v", err, gone)
		}
	})
}

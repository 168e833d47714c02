package tdm2400p

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestAgenda: functions run just before their frame, in order of frame and then
// of arrival, and never after they were cancelled.
func TestAgenda(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := newRig(t, Config{})
		type due struct {
			frame uint64
			id    int
		}
		var want, got []due
		n := rapid.IntRange(0, 20).Draw(t, "entries")
		start := rapid.IntRange(0, 5).Draw(t, "start")
		r.frames(start)
		for id := range n {
			frame := uint64(rapid.IntRange(0, 12).Draw(t, "frame"))
			cancel := r.card.At(frame, func(m *Moment) { got = append(got, due{m.Frame, id}) })
			if rapid.IntRange(0, 3).Draw(t, "cancel") == 0 {
				if !cancel() {
					t.Fatal("cancel did not find its entry")
				}
				if cancel() {
					t.Fatal("cancel found its entry twice")
				}
				continue
			}
			want = append(want, due{max(frame, uint64(start)), id})
		}
		// What has passed runs first, by the frame it was meant for; so the
		// order is that of the frames asked for.
		r.frames(20)
		sorted := slices.IsSortedFunc(got, func(a, b due) int { return int(a.frame) - int(b.frame) })
		byID := func(a, b due) int { return a.id - b.id }
		slices.SortFunc(got, byID)
		if d := cmp.Diff(want, got, cmp.AllowUnexported(due{})); d != "" || !sorted {
			t.Fatalf("sorted: %v; what ran when (-want +got):\n%s", sorted, d)
		}
	})
}

func TestAtFromWithin(t *testing.T) {
	r := newRig(t, Config{Ports: all(FXS)})
	var got []uint64
	var step func(*Moment)
	step = func(m *Moment) {
		got = append(got, m.Frame)
		r.card.At(m.Frame+2, step)
	}
	r.card.At(1, step)
	// From a Tick, for the frame that is in progress: it runs before the next.
	var late []uint64
	r.station(1).fn = func(frame uint64) {
		if frame == 3 {
			r.card.At(frame, func(m *Moment) { late = append(late, m.Frame) })
		}
	}
	r.frames(8)
	if want := []uint64{1, 3, 5, 7}; !slices.Equal(got, want) {
		t.Errorf("ran before frames %v, want %v", got, want)
	}
	if want := []uint64{4}; !slices.Equal(late, want) {
		t.Errorf("added in frame 3, ran before %v, want %v", late, want)
	}
}

// TestAtItself: an entry that keeps adding itself for now does not stop the card.
func TestAtItself(t *testing.T) {
	r := newRig(t, Config{})
	n := 0
	var again func(*Moment)
	again = func(m *Moment) { n++; r.card.At(m.Frame, again) }
	r.card.At(0, again)
	r.frames(2)
	if r.card.Frames() != 2 || n == 0 {
		t.Errorf("%d frames, %d calls", r.card.Frames(), n)
	}
}

func TestOnFrame(t *testing.T) {
	r := newRig(t, Config{})
	var a, b []uint64
	stopA := r.card.OnFrame(func(f uint64) { a = append(a, f) })
	r.frames(2)
	stopB := r.card.OnFrame(func(f uint64) { b = append(b, f) })
	r.frames(1)
	stopA()
	r.frames(1)
	stopB()
	stopB()
	r.frames(1)
	if want := []uint64{0, 1, 2}; !slices.Equal(a, want) {
		t.Errorf("the first watcher saw %v, want %v", a, want)
	}
	if want := []uint64{2, 3}; !slices.Equal(b, want) {
		t.Errorf("the second watcher saw %v, want %v", b, want)
	}
}

func TestWaitFrame(t *testing.T) {
	r := newRig(t, Config{})
	if err := r.card.WaitFrame(t.Context(), 0); err != nil {
		t.Errorf("WaitFrame(0) = %v", err)
	}
	done := make(chan error)
	go func() { done <- r.card.WaitFrame(context.Background(), 3) }()
	for err, ok := error(nil), false; !ok; {
		select {
		case err = <-done:
			if ok = true; err != nil || r.card.Frames() < 3 {
				t.Errorf("WaitFrame(3) = %v at frame %d", err, r.card.Frames())
			}
		default:
			r.frame()
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.card.WaitFrame(ctx, 1<<40); !errors.Is(err, context.Canceled) {
		t.Errorf("WaitFrame with a context that has ended = %v", err)
	}
	if n := len(r.card.agenda.todo); n != 0 {
		t.Errorf("%d entries left behind", n)
	}
}

// TestManyHands lets everything that may be done at once be done at once; it is
// the race detector's.
func TestManyHands(t *testing.T) {
	r := newRig(t, Config{Ports: all(FXS)})
	var hands sync.WaitGroup
	for i := range 4 {
		hands.Go(func() {
			for n := range 200 {
				port := i*4 + n%4 + 1
				stop := r.card.OnFrame(func(uint64) {})
				cancel := r.card.At(r.card.Frames()+1, func(m *Moment) {
					if err := m.Fault(Fault{Kind: FaultLeakage, Port: port}); err != nil {
						t.Error(err)
					}
				})
				if err := r.card.PlugStation(port, &handset{}); err != nil {
					t.Error(err)
				}
				if _, err := r.card.Registers(port); err != nil {
					t.Error(err)
				}
				if err := r.card.Trace(port, func(SPI) {}); err != nil {
					t.Error(err)
				}
				r.card.Stats()
				stop()
				cancel()
			}
		})
	}
	r.frames(300)
	hands.Wait()
}

package tdm2400p

import (
	"container/heap"
	"math"
	"slices"
	"sync"
	"sync/atomic"
)

// agenda is what is to be done at certain frames, and after each of them. It has
// a lock of its own, so that it can be written to from within a frame.
type agenda struct {
	mu   sync.Mutex
	todo entries
	seq  uint64
	// late is ^frame of the earliest entry (0: none), so that a frame with
	// nothing to do costs one load and no lock.
	late     atomic.Uint64
	watchers atomic.Pointer[[]*watcher]
}

type watcher struct{ fn func(frame uint64) }

type entry struct {
	frame, seq uint64
	fn         func(*Moment)
	index      int // in the heap; -1: no longer there
}

func (a *agenda) add(frame uint64, fn func(*Moment)) (cancel func() bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	// Never is kept apart: its complement is the mark of an empty agenda.
	e := &entry{frame: min(frame, math.MaxUint64-1), seq: a.seq, fn: fn}
	a.seq++
	heap.Push(&a.todo, e)
	a.note()
	return func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		if e.index < 0 {
			return false
		}
		heap.Remove(&a.todo, e.index)
		a.note()
		return true
	}
}

// note publishes when the earliest entry is due. The lock is held.
func (a *agenda) note() {
	if len(a.todo) == 0 {
		a.late.Store(0)
		return
	}
	a.late.Store(^a.todo[0].frame)
}

// run does what is due at m. What that adds for the same frame is done as well,
// up to a bound, beyond which it waits for the next frame.
func (a *agenda) run(m *Moment) {
	for range 10000 {
		if late := a.late.Load(); late == 0 || ^late > m.Frame {
			return
		}
		a.mu.Lock()
		if len(a.todo) == 0 || a.todo[0].frame > m.Frame {
			a.mu.Unlock()
			continue
		}
		e := heap.Pop(&a.todo).(*entry)
		a.note()
		a.mu.Unlock()
		e.fn(m)
	}
}

func (a *agenda) watch(fn func(uint64)) (stop func()) {
	w := &watcher{fn: fn}
	a.change(func(all []*watcher) []*watcher { return append(all, w) })
	return func() {
		a.change(func(all []*watcher) []*watcher {
			return slices.DeleteFunc(all, func(x *watcher) bool { return x == w })
		})
	}
}

// change replaces the list of watchers by a changed copy, so that a frame can go
// through the old one without a lock.
func (a *agenda) change(how func([]*watcher) []*watcher) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var all []*watcher
	if old := a.watchers.Load(); old != nil {
		all = slices.Clone(*old)
	}
	all = how(all)
	a.watchers.Store(&all)
}

func (a *agenda) done(frame uint64) {
	if all := a.watchers.Load(); all != nil {
		for _, w := range *all {
			w.fn(frame)
		}
	}
}

// entries is a heap by frame, then by order of arrival.
type entries []*entry

func (h entries) Len() int { return len(h) }
func (h entries) Less(i, j int) bool {
	if h[i].frame != h[j].frame {
		return h[i].frame < h[j].frame
	}
	return h[i].seq < h[j].seq
}
func (h entries) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *entries) Push(x any) {
	e := x.(*entry)
	e.index = len(*h)
	*h = append(*h, e)
}

func (h *entries) Pop() any {
	old := *h
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	e.index = -1
	return e
}

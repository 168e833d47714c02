package tone

import "slices"

// Quiet is the name under which silence of a second is reported.
const Quiet Name = "silence"

const (
	toneBlock = 10 * PerMS // samples between looks
	toneSpan  = 4          // blocks in a look: 40 ms, so that 25 Hz apart is told apart

	blockMS = toneBlock / PerMS

	// tonePurity is the share of a look's energy a frequency set must hold.
	tonePurity = 0.72
	// quietLevel and below counts as silence, dBm0.
	quietLevel = -45.0
	// quietBelow is how far below the tone noise passes for silence, dB.
	quietBelow = 15.0
	// quietMS of silence are reported.
	quietMS = 1000
	// gapMS and shorter interruptions are not noticed: they are what a look
	// across the border of two tones gives.
	gapMS = 35
	// otherMS of a signal that is no tone of the zone break a cadence off.
	otherMS = 60
	// leastMS of a tone must be heard before it is named.
	leastMS = 300
)

// ToneEvent says that a tone was recognised, or that it is over.
type ToneEvent struct {
	Name  Name
	On    bool
	At    uint64  // sample at which this was known
	Level float64 // On: total level when it sounded last, dBm0
}

// Recogniser names call-progress tones by their frequencies and cadence. A
// tone is named as soon as it can be nothing else in the zone: one whose
// frequencies no other tone has after 300 ms, the others when their cadence has
// told them apart. Two tones of a zone that sound alike (busy and congestion
// in Japan) are named as the one that stands first.
type Recogniser struct {
	bank   bank
	hpf    highpass
	hist   [toneSpan]toneLook
	shares []float64 // of each frequency in a look
	raw    float64   // energy of the block under way, before the filter
	n      uint64
	sets   []freqSet
	cand   []pattern

	obs     []observed // closed segments and the open one, oldest first; never begins with silence
	pending int        // a set seen but not yet often enough, -1 for none
	agreed  int        // how often it was
	gap     int        // hops since a tone was last heard in the open segment
	others  int        // hops of those that were neither silence nor a tone
	quiet   int        // hops of silence in a row
	level   float64    // of the tone last heard, in the telephone band, dBm0
	heard   float64    // and all in all
	current *pattern
	silent  bool // Quiet was reported
	events  []ToneEvent
}

type toneLook struct {
	x      []complex128
	energy float64 // in the telephone band
	raw    float64 // of all that was heard
}

// freqSet is a set of frequencies that sound together, as indexes of the bank.
type freqSet struct {
	hz        []float64
	idx       []int
	modulated bool
}

// observed is a stretch of one set (or of silence, set -1), in hops of 10 ms.
type observed struct {
	set  int
	hops int
}

func (o observed) ms() int {
	if o.set < 0 {
		return o.hops*blockMS - blockMS
	}
	return o.hops*blockMS + blockMS
}

// step is one segment of a pattern: set -1 is silence, ms 0 is for ever.
type step struct {
	set, ms int
	once    bool
}

type pattern struct {
	name   Name
	steps  []step
	unique bool // the first step's set occurs in no other pattern
	loop   int  // index of the first step that repeats; len(steps) if none does
}

// NewRecogniser makes a recogniser for a zone's tones.
func NewRecogniser(z Zone) *Recogniser {
	r := &Recogniser{pending: -1}
	var hz []float64
	for _, t := range z.Tones {
		p := pattern{name: t.Name}
		for _, s := range t.Segments {
			// What lies below the telephone band is filtered out.
			set := freqSet{modulated: s.Modulated}
			for _, f := range s.Hz {
				if f >= 200 {
					set.hz = append(set.hz, f)
				}
			}
			set.modulated = set.modulated && len(set.hz) == 3
			st := step{set: -1, ms: s.MS, once: s.Once}
			if len(set.hz) > 0 {
				st.set = r.setIndex(set)
			} else if s.MS > 0 && s.MS <= gapMS {
				continue // too short to be seen
			}
			if k := len(p.steps) - 1; k >= 0 && p.steps[k].set == st.set && p.steps[k].once == st.once && st.ms > 0 {
				p.steps[k].ms += st.ms
				continue
			}
			p.steps = append(p.steps, st)
		}
		p.loop = slices.IndexFunc(p.steps, func(s step) bool { return !s.once })
		if p.loop < 0 {
			p.loop = len(p.steps)
		}
		if len(p.steps) == 0 || p.steps[0].set < 0 || slices.ContainsFunc(r.cand, func(q pattern) bool { return slices.Equal(p.steps, q.steps) }) {
			continue
		}
		r.cand = append(r.cand, p)
	}
	for i := range r.sets {
		for _, f := range r.sets[i].hz {
			k := slices.Index(hz, f)
			if k < 0 {
				k, hz = len(hz), append(hz, f)
			}
			r.sets[i].idx = append(r.sets[i].idx, k)
		}
	}
	for i := range r.cand {
		r.cand[i].unique = !slices.ContainsFunc(r.cand, func(q pattern) bool {
			return q.name != r.cand[i].name && slices.ContainsFunc(q.steps, func(s step) bool { return s.set == r.cand[i].steps[0].set })
		})
	}
	r.bank.init(hz, toneBlock)
	r.shares = make([]float64, len(hz))
	for i := range r.hist {
		r.hist[i].x = make([]complex128, len(hz))
	}
	return r
}

func (r *Recogniser) setIndex(s freqSet) int {
	i := slices.IndexFunc(r.sets, func(t freqSet) bool { return slices.Equal(s.hz, t.hz) })
	if i < 0 {
		i, r.sets = len(r.sets), append(r.sets, s)
	}
	return i
}

// Write analyses samples and returns the events they brought, in order. The
// slice is valid until the next call.
func (r *Recogniser) Write(samples []int16) []ToneEvent {
	r.events = r.events[:0]
	for _, s := range samples {
		r.raw += float64(s) * float64(s)
		if r.bank.add(r.hpf.next(float64(s))) {
			r.block()
		}
	}
	return r.events
}

// Reset forgets what was heard so far, as when the listener itself has done
// something that ends a tone. A tone being reported is not reported as over.
func (r *Recogniser) Reset() {
	r.obs, r.current, r.silent = r.obs[:0], nil, false
	r.gap, r.others, r.quiet, r.pending = 0, 0, 0, -1
	for i := range r.hist {
		r.hist[i].energy, r.hist[i].raw = 0, 0
		clear(r.hist[i].x)
	}
}

// Current is the tone being heard, "" if none is known.
func (r *Recogniser) Current() Name {
	if r.current == nil {
		return ""
	}
	return r.current.name
}

// Idle reports that there is only silence and that it has been reported: the
// caller may use Skip for more of it.
func (r *Recogniser) Idle() bool {
	return r.silent && r.current == nil && len(r.obs) == 0 && r.bank.quiet() && r.hpf == highpass{}
}

// Skip counts n samples of digital silence without looking at them. It must
// only be called while Idle.
func (r *Recogniser) Skip(n int) { r.n += uint64(n) }

func (r *Recogniser) block() {
	r.n += toneBlock
	oldest := r.hist[0].x
	copy(r.hist[:], r.hist[1:])
	look := &r.hist[toneSpan-1]
	look.x = oldest
	look.energy = r.bank.take(look.x)
	look.raw, r.raw = r.raw, 0

	energy, raw := 0.0, 0.0
	for i := range r.hist {
		energy += r.hist[i].energy
		raw += r.hist[i].raw
	}
	level := powerLevel(raw / (toneBlock * toneSpan))
	// What is far below the tone counts as the silence between its bursts.
	inBand := powerLevel(energy / (toneBlock * toneSpan))
	floor := quietLevel
	if len(r.obs) > 0 {
		floor = max(floor, r.level-quietBelow)
	}
	set, quiet := -1, inBand < floor
	if !quiet {
		if set = r.judge(energy); set >= 0 {
			r.level, r.heard = inBand, level
		}
	}
	r.observe(set, quiet)
	r.decide()
}

// judge finds the set of frequencies that the last 40 ms hold, -1 for none.
func (r *Recogniser) judge(energy float64) int {
	shares := r.shares
	for f := range r.bank.hz {
		turn, acc := r.bank.turn[f], complex128(0)
		for i := toneSpan - 1; i >= 0; i-- {
			acc = acc*turn + r.hist[i].x[f]
		}
		shares[f] = 2 * sq(acc) / (toneBlock * toneSpan * energy)
	}
	best, bestSum := -1, 0.0
	for i, s := range r.sets {
		sum, fine := 0.0, true
		for _, f := range s.idx {
			sum += shares[f]
			fine = fine && (s.modulated || shares[f] >= 0.5/float64(len(s.idx)))
		}
		if s.modulated {
			fine = modulated(shares[s.idx[0]], shares[s.idx[1]], shares[s.idx[2]])
		}
		if fine && sum >= tonePurity && sum > bestSum+0.02 {
			best, bestSum = i, sum
		}
	}
	return best
}

// needed is how many looks must agree that a set is there.
func (r *Recogniser) needed(set int) int {
	if r.sets[set].modulated {
		return 3
	}
	return 2
}

// modulated tells a carrier modulated to about 90 % (71 % of the energy in the
// carrier, 14 % in each sideband) from a bare one that begins or ends within
// the look, which spreads too.
func modulated(lower, carrier, upper float64) bool {
	lo, hi := min(lower, upper), max(lower, upper)
	return carrier < 0.735 && lo > 0.05*carrier && hi < 0.5*carrier
}

// observe adds one look's answer to the history of segments.
func (r *Recogniser) observe(set int, quiet bool) {
	if quiet {
		r.quiet++
	} else {
		r.quiet = 0
		if set < 0 {
			r.others++
		}
	}
	if set >= 0 && r.silent {
		r.silent = false
	}
	last := len(r.obs) - 1
	if set >= 0 && (last < 0 || r.obs[last].set != set) {
		// A change counts when two looks agree (three for a modulated tone, as a
		// bare one's edges look like it): one alone may be a border.
		if r.pending != set {
			r.pending, r.agreed = set, 0
		}
		if r.agreed++; r.agreed < r.needed(set) {
			set = -1
		}
	} else {
		r.pending = -1
	}
	switch {
	case set < 0 && last < 0:
	case set < 0 && r.obs[last].set < 0:
		r.obs[last].hops++
		r.gap++
	case set < 0:
		if r.gap++; r.gap*blockMS-blockMS > gapMS {
			r.obs = append(r.obs, observed{set: -1, hops: r.gap})
		}
	case last < 0 || r.obs[last].set != set:
		n := r.needed(set)
		if last >= 0 && r.obs[last].set < 0 {
			r.obs[last].hops -= n - 1
		}
		r.obs = append(r.obs, observed{set: set, hops: n})
		r.gap, r.others = 0, 0
	default:
		r.obs[last].hops += r.gap + 1
		r.gap, r.others = 0, 0
	}
	if !quiet && set < 0 && r.others*blockMS > otherMS {
		r.end()
		r.obs, r.gap, r.others = r.obs[:0], 0, 0
		r.silent = false
	}
}

func (r *Recogniser) end() {
	if r.current != nil {
		r.events = append(r.events, ToneEvent{Name: r.current.name, At: r.n})
		r.current = nil
	}
}

// decide names the tone, or ends it.
func (r *Recogniser) decide() {
	if r.current != nil && !r.current.fits(r.obs) {
		r.end()
		// What broke it off may be the beginning of the next.
		keep := r.obs[len(r.obs)-1:]
		if keep[0].set < 0 {
			keep = keep[:0]
		}
		r.obs = append(r.obs[:0], keep...)
	}
	if r.current == nil {
		r.search()
	}
	if r.current != nil {
		r.trim(r.current.loopLen() * 2)
		return
	}
	r.trim(40)
	if r.quiet*blockMS >= quietMS && len(r.obs) == 0 && !r.silent {
		r.silent = true
		r.events = append(r.events, ToneEvent{Name: Quiet, On: true, At: r.n})
	}
}

// search looks for the one tone that fits; what no tone fits loses its oldest
// segment until one does.
func (r *Recogniser) search() {
	for len(r.obs) > 0 {
		var found *pattern
		fitting := 0
		for i := range r.cand {
			if p := &r.cand[i]; p.fits(r.obs) {
				fitting++
				if found == nil || p.cycles(r.obs) > found.cycles(r.obs) {
					found = p
				}
			}
		}
		if fitting == 0 {
			r.obs = append(r.obs[:0], r.obs[1:]...)
			for len(r.obs) > 0 && r.obs[0].set < 0 {
				r.obs = append(r.obs[:0], r.obs[1:]...)
			}
			continue
		}
		if (fitting == 1 && found.enough(r.obs)) || found.cycles(r.obs) >= 2 {
			r.current = found
			r.events = append(r.events, ToneEvent{Name: found.name, On: true, At: r.n, Level: r.heard})
		}
		return
	}
}

// trim bounds the history to about n segments, beginning with a tone.
func (r *Recogniser) trim(n int) {
	n = max(n, 4)
	if r.current != nil && r.current.loop > 0 {
		return // begins with segments that don't repeat: bounded by itself
	}
	for len(r.obs) > n {
		r.obs = append(r.obs[:0], r.obs[1:]...)
		for len(r.obs) > 0 && r.obs[0].set < 0 {
			r.obs = append(r.obs[:0], r.obs[1:]...)
		}
	}
}

func (p *pattern) loopLen() int { return max(1, len(p.steps)-p.loop) }

// step gives the i-th step of the pattern played from its beginning.
func (p *pattern) step(i int) (step, bool) {
	if i < len(p.steps) {
		return p.steps[i], true
	}
	if p.loop == len(p.steps) {
		return step{}, false
	}
	return p.steps[p.loop+(i-p.loop)%p.loopLen()], true
}

// align finds where in the pattern the observations can begin; -1 if nowhere.
func (p *pattern) align(obs []observed) int {
	if p.fitsFrom(obs, 0) {
		return 0
	}
	for i := max(p.loop, 1); i < len(p.steps); i++ {
		// A pattern that begins with steps played once has to be heard whole:
		// its end alone is some other tone.
		if p.loop == 0 && p.fitsFrom(obs, i) {
			return i
		}
	}
	return -1
}

func (p *pattern) fits(obs []observed) bool { return len(obs) > 0 && p.align(obs) >= 0 }

func (p *pattern) fitsFrom(obs []observed, from int) bool {
	for i, o := range obs {
		s, ok := p.step(from + i)
		if !ok {
			return o.set < 0 && i == len(obs)-1
		}
		open := i == len(obs)-1
		if s.set != o.set || (s.ms == 0 && !open) {
			return false
		}
		if s.ms == 0 && s.set < 0 && o.ms() > quietMS {
			return false // it has ended
		}
		// A tone off its frequency is known later and lost sooner by a look.
		shorter, longer := max(25, s.ms/10), max(25, s.ms/10)
		if s.set < 0 {
			longer += 2 * blockMS
		} else {
			shorter += 2 * blockMS
		}
		if s.ms > 0 && (o.ms() > s.ms+longer || (!open && o.ms() < s.ms-shorter)) {
			return false
		}
	}
	return true
}

// cycles counts how many times the repetition was heard whole.
func (p *pattern) cycles(obs []observed) int {
	if p.loopLen() < 2 || p.loop == len(p.steps) {
		return 0
	}
	return max(0, (len(obs)-1-p.loop)/p.loopLen())
}

// enough reports that the tone, being the only one that fits, has been heard
// long enough to be named.
func (p *pattern) enough(obs []observed) bool {
	total := 0
	for _, o := range obs {
		total += o.ms()
	}
	if total < leastMS {
		return false
	}
	if p.unique || p.steps[0].ms == 0 {
		return true
	}
	if p.loop > 0 {
		return len(obs) > 3
	}
	// Known by cadence: one tone and a good part of the silence after it.
	at := p.align(obs)
	for i, o := range obs {
		if s, ok := p.step(at + i); ok && o.set < 0 && o.ms() >= min(s.ms/2, 500) {
			return true
		}
	}
	return len(obs) > 2
}

// highpass is a second-order Butterworth filter at 200 Hz.
type highpass struct{ x1, x2, y1, y2 float64 }

// The filter's coefficients, by the bilinear transform with pre-warping.
const (
	hpB0 = 0.894858606122573
	hpA1 = -1.778631777824585
	hpA2 = 0.800802646665708
)

func (h *highpass) next(x float64) float64 {
	if x == 0 && h.y1 < 0.5 && h.y1 > -0.5 && h.y2 < 0.5 && h.y2 > -0.5 && h.x1 == 0 && h.x2 == 0 {
		*h = highpass{}
		return 0
	}
	y := hpB0*(x-2*h.x1+h.x2) - hpA1*h.y1 - hpA2*h.y2
	h.x2, h.x1, h.y2, h.y1 = h.x1, x, h.y1, y
	return y
}

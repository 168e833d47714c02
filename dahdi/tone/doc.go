// Package tone makes and recognises what is heard on a telephone line: G.711
// coding, DTMF, call-progress tones of many countries, FSK and DTMF caller
// identification, and the measurements a test bench needs (level, the share of
// one frequency, silence).
//
// Everything works on linear 16-bit samples at 8,000 per second, the rate of
// the public network and of a DAHDI channel. Levels are in dBm0: 0 dBm0 is the
// level of G.711's own digital milliwatt, so a full-scale sine has +3.14 dBm0.
// Where a signal has several frequencies, its level is given per frequency,
// as the standards do.
//
// Generators are pulled: [Generator].Next fills a buffer and says how much of
// it was made; less than asked for means the end. Recognisers are pushed: they
// take any number of samples at a time and keep their own count of them, so
// eight samples a millisecond or a whole recording give the same answer. No
// recogniser looks at the wall clock. None of the types may be used by two
// goroutines at once; different values may.
//
// Sources: ITU-T G.711 and G.191 (coding), Q.23 and Q.24 (DTMF), E.180
// supplement 2 and the tone zones of DAHDI's own tools (call progress),
// Telcordia GR-30 and GR-31, ETSI EN 300 659 (caller identification), Bell 202
// and ITU-T V.23 (modulation).
package tone

// Rate is the number of samples in a second.
const Rate = 8000

// PerMS is the number of samples in a millisecond.
const PerMS = Rate / 1000

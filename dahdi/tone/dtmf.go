package tone

import (
	"fmt"
	"strings"
)

// The frequencies of ITU-T Q.23, and the key at each crossing.
var (
	dtmfLow  = [4]float64{697, 770, 852, 941}
	dtmfHigh = [4]float64{1209, 1336, 1477, 1633}
)

const dtmfKeys = "123A456B789C*0#D"

// DTMFDigits are the sixteen keys, in no order that means anything.
const DTMFDigits = "0123456789*#ABCD"

// DTMFPair gives the two frequencies of a key in hertz; ok is false for what
// is no key. Small letters a to d are taken for capitals.
func DTMFPair(key byte) (low, high float64, ok bool) {
	if key >= 'a' && key <= 'd' {
		key -= 'a' - 'A'
	}
	i := strings.IndexByte(dtmfKeys, key)
	if i < 0 {
		return 0, 0, false
	}
	return dtmfLow[i/4], dtmfHigh[i%4], true
}

// DTMFOptions say how keys are sent. The zero value of a field means its
// default.
type DTMFOptions struct {
	OnMS  int     // how long a tone lasts; 80 ms (Q.24 wants at least 40)
	OffMS int     // the pause after each; 80 ms (Q.24 wants at least 40)
	Level float64 // of the low frequency in dBm0; -9 if zero
	Twist float64 // high frequency's level over the low one's in dB; 0 as it is
	Shift float64 // both frequencies are off by this share: 0.015 is +1.5 %
}

func (o DTMFOptions) withDefaults() DTMFOptions {
	if o.OnMS == 0 {
		o.OnMS = 80
	}
	if o.OffMS == 0 {
		o.OffMS = 80
	}
	if o.Level == 0 {
		o.Level = -9
	}
	return o
}

// DTMF makes the keys one after the other, each followed by its pause; a 'w'
// or a ',' is half a second of silence. Anything else is an error.
func DTMF(keys string, opt DTMFOptions) (Generator, error) {
	opt = opt.withDefaults()
	var parts []Generator
	for i := range len(keys) {
		if c := keys[i]; c == 'w' || c == ',' {
			parts = append(parts, Silence(500))
			continue
		}
		low, high, ok := DTMFPair(keys[i])
		if !ok {
			return nil, fmt.Errorf("DTMF %q: %q is not a key", keys, keys[i])
		}
		pair := &sines{left: samplesOf(opt.OnMS), osc: []oscillator{
			newOscillator(low*(1+opt.Shift), Amplitude(opt.Level)),
			newOscillator(high*(1+opt.Shift), Amplitude(opt.Level+opt.Twist)),
		}}
		parts = append(parts, pair, Silence(opt.OffMS))
	}
	return Sequence(parts...), nil
}

package pcm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// Limits bound what [ParseWAV] takes.
type Limits struct {
	Seconds  float64
	Channels int
}

// Errors of [ParseWAV], for callers who say it in other words.
var (
	ErrNotWAV    = errors.New("not a WAV file")
	ErrTruncated = errors.New("the file ends too early")
	ErrFormat    = errors.New("a form of WAV that is not supported")
	ErrTooLong   = errors.New("the sound is too long")
	ErrEmpty     = errors.New("there is no sound in the file")
)

// Codes of a WAV file's fmt chunk (Microsoft, Multimedia Programming Interface and Data
// Specifications 1.0, and WAVEFORMATEXTENSIBLE).
const (
	wavePCM        = 1
	waveFloat      = 3
	waveALaw       = 6
	waveMuLaw      = 7
	waveExtensible = 0xfffe
)

// streamed is the smallest length that stands for "as much as comes": programs that write to a pipe
// leave such numbers in the header, for want of a better one.
const streamed = 0x7ff00000

// ParseWAV reads a WAV file: PCM of 8 to 32 bits, floating point, A-law and µ-law. Several channels
// are mixed to one. Chunks that are not known are passed over. It takes anything for input; errors
// wrap those above.
func ParseWAV(b []byte, limits Limits) (*Sound, error) {
	if len(b) < 12 || string(b[:4]) != "RIFF" || string(b[8:12]) != "WAVE" {
		return nil, ErrNotWAV
	}
	var f *waveFormat
	for rest := b[12:]; len(rest) >= 8; {
		id, size := string(rest[:4]), int64(binary.LittleEndian.Uint32(rest[4:8]))
		rest = rest[8:]
		open := id == "data" && (size >= streamed || size == 0 && len(rest) > 0)
		if size > int64(len(rest)) && !open {
			return nil, fmt.Errorf("%w: its chunk %q has %d bytes, and %d are there", ErrTruncated, id, size, len(rest))
		}
		body := rest
		if !open {
			body = rest[:size]
		}
		switch id {
		case "fmt ":
			var err error
			if f, err = parseFormat(body); err != nil {
				return nil, err
			}
		case "data":
			if f == nil {
				return nil, fmt.Errorf("%w: samples before their format", ErrFormat)
			}
			return f.decode(body, limits)
		}
		rest = rest[min(int64(len(rest)), size+size&1):] // chunks begin at even bytes
	}
	return nil, ErrEmpty
}

type waveFormat struct {
	code, channels, rate, bytes int // bytes of one channel's sample
}

func parseFormat(b []byte) (*waveFormat, error) {
	if len(b) < 16 {
		return nil, fmt.Errorf("%w: a format of %d bytes", ErrFormat, len(b))
	}
	f := &waveFormat{
		code:     int(binary.LittleEndian.Uint16(b)),
		channels: int(binary.LittleEndian.Uint16(b[2:])),
		rate:     int(binary.LittleEndian.Uint32(b[4:])),
	}
	align, bits := int(binary.LittleEndian.Uint16(b[12:])), int(binary.LittleEndian.Uint16(b[14:]))
	if f.code == waveExtensible {
		if len(b) < 26 {
			return nil, fmt.Errorf("%w: an extended format of %d bytes", ErrFormat, len(b))
		}
		f.code = int(binary.LittleEndian.Uint16(b[24:])) // the GUID begins with it
	}
	if f.channels == 0 {
		return nil, fmt.Errorf("%w: no channels", ErrFormat)
	}
	if f.rate < MinRate || f.rate > MaxRate {
		return nil, fmt.Errorf("%w: %d samples a second", ErrFormat, f.rate)
	}
	f.bytes = (bits + 7) / 8
	known := false
	switch f.code {
	case wavePCM:
		known = bits >= 8 && bits <= 32
	case waveFloat:
		known = bits == 32 || bits == 64
	case waveALaw, waveMuLaw:
		known = bits == 8
	}
	if !known || align != f.bytes*f.channels {
		return nil, fmt.Errorf("%w: code %d, %d bits, %d channels in %d bytes", ErrFormat, f.code, bits, f.channels, align)
	}
	return f, nil
}

// decode mixes the channels.
func (f *waveFormat) decode(b []byte, limits Limits) (*Sound, error) {
	if f.channels > limits.Channels {
		return nil, fmt.Errorf("%w: %d channels", ErrFormat, f.channels)
	}
	frame := f.bytes * f.channels
	n := len(b) / frame
	if n == 0 {
		return nil, ErrEmpty
	}
	if float64(n) > limits.Seconds*float64(f.rate) {
		return nil, fmt.Errorf("%w: %.0f seconds, and at most %.0f may be", ErrTooLong, float64(n)/float64(f.rate), limits.Seconds)
	}
	s := &Sound{Rate: f.rate, Samples: make([]float32, n)}
	for i := range s.Samples {
		sum := 0.0
		for c := range f.channels {
			sum += f.sample(b[i*frame+c*f.bytes:])
		}
		v := sum / float64(f.channels)
		if math.IsNaN(v) || math.IsInf(v, 0) {
			v = 0
		}
		s.Samples[i] = float32(max(-8, min(8, v))) // floating point may go beyond full scale
	}
	return s, nil
}

func (f *waveFormat) sample(b []byte) float64 {
	switch f.code {
	case waveALaw:
		return float64(alaw(b[0])) / 32768
	case waveMuLaw:
		return float64(mulaw(b[0])) / 32768
	case waveFloat:
		if f.bytes == 8 {
			return math.Float64frombits(binary.LittleEndian.Uint64(b))
		}
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))
	}
	if f.bytes == 1 {
		return float64(int(b[0])-128) / 128 // 8 bits have no sign
	}
	v := int64(0)
	for k := range f.bytes {
		v |= int64(b[k]) << (8 * k)
	}
	bits := 8 * f.bytes
	return float64(v<<(64-bits)>>(64-bits)) / float64(int64(1)<<(bits-1))
}

// alaw expands a byte of A-law (ITU-T G.711) to 16 bits.
func alaw(b byte) int {
	b ^= 0x55
	v := int(b&0x0f)<<4 + 8
	if e := int(b>>4) & 7; e > 0 {
		v = (v + 0x100) << (e - 1)
	}
	if b&0x80 == 0 {
		return -v
	}
	return v
}

// mulaw expands a byte of µ-law (ITU-T G.711) to 16 bits.
func mulaw(b byte) int {
	b = ^b
	v := (int(b&0x0f)<<3+0x84)<<(b>>4&7) - 0x84
	if b&0x80 != 0 {
		return -v
	}
	return v
}

// WAV returns samples as a WAV file: one channel of 16-bit PCM.
func WAV(rate int, samples []int16) []byte {
	size := 2 * len(samples)
	b := make([]byte, 0, 44+size)
	le := binary.LittleEndian
	b = le.AppendUint32(append(b, "RIFF"...), uint32(36+size))
	b = le.AppendUint32(append(b, "WAVEfmt "...), 16)
	b = le.AppendUint16(le.AppendUint16(b, wavePCM), 1)
	b = le.AppendUint32(le.AppendUint32(b, uint32(rate)), uint32(2*rate))
	b = le.AppendUint16(le.AppendUint16(b, 2), 16)
	b = le.AppendUint32(append(b, "data"...), uint32(size))
	return append(b, Raw(samples)...)
}

// Raw returns samples in the order of bytes of amd64, the smaller byte first.
func Raw(samples []int16) []byte {
	b := make([]byte, 0, 2*len(samples))
	for _, v := range samples {
		b = binary.LittleEndian.AppendUint16(b, uint16(v))
	}
	return b
}

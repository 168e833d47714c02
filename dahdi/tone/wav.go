package tone

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// maxWAV bounds what ReadWAV takes: ten minutes.
const maxWAV = 600 * Rate * 2

// ReadWAV reads a RIFF/WAVE file of one channel at 8,000 samples per second,
// 16-bit linear or G.711, of up to ten minutes.
func ReadWAV(r io.Reader) ([]int16, error) {
	var head [12]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, fmt.Errorf("reading WAV: %w", err)
	}
	if string(head[:4]) != "RIFF" || string(head[8:]) != "WAVE" {
		return nil, errors.New("reading WAV: not a RIFF/WAVE file")
	}
	format := uint16(0)
	for {
		var chunk [8]byte
		if _, err := io.ReadFull(r, chunk[:]); err != nil {
			return nil, fmt.Errorf("reading WAV: no data: %w", err)
		}
		size := int64(binary.LittleEndian.Uint32(chunk[4:]))
		switch string(chunk[:4]) {
		case "fmt ":
			if size < 16 || size > 1024 {
				return nil, fmt.Errorf("reading WAV: a format chunk of %d octets", size)
			}
			b := make([]byte, size+size&1)
			if _, err := io.ReadFull(r, b); err != nil {
				return nil, fmt.Errorf("reading WAV: %w", err)
			}
			format = binary.LittleEndian.Uint16(b)
			channels, rate, bits := binary.LittleEndian.Uint16(b[2:]), binary.LittleEndian.Uint32(b[4:]), binary.LittleEndian.Uint16(b[14:])
			want := map[uint16]uint16{1: 16, 6: 8, 7: 8}[format]
			if want == 0 || bits != want || channels != 1 || rate != Rate {
				return nil, fmt.Errorf("reading WAV: format %d, %d channels, %d Hz, %d bits: want one channel at 8000 Hz, 16 bits or G.711", format, channels, rate, bits)
			}
		case "data":
			if format == 0 {
				return nil, errors.New("reading WAV: data before the format")
			}
			if size > maxWAV && size != 0xffffffff {
				return nil, fmt.Errorf("reading WAV: %d octets: ten minutes can be had", size)
			}
			data, err := io.ReadAll(io.LimitReader(r, min(size, maxWAV)))
			if err != nil {
				return nil, fmt.Errorf("reading WAV: %w", err)
			}
			return wavSamples(format, data), nil
		default:
			if _, err := io.CopyN(io.Discard, r, size+size&1); err != nil {
				return nil, fmt.Errorf("reading WAV: %w", err)
			}
		}
	}
}

func wavSamples(format uint16, data []byte) []int16 {
	switch format {
	case 6:
		return ALaw.DecodeAll(nil, data)
	case 7:
		return MuLaw.DecodeAll(nil, data)
	}
	out := make([]int16, len(data)/2)
	for i := range out {
		out[i] = int16(binary.LittleEndian.Uint16(data[2*i:]))
	}
	return out
}

// WriteWAV writes samples as a RIFF/WAVE file, 16-bit linear.
func WriteWAV(w io.Writer, samples []int16) error {
	n := uint32(2 * len(samples))
	b := append([]byte("RIFF"), 0, 0, 0, 0)
	binary.LittleEndian.PutUint32(b[4:], 36+n)
	b = append(b, "WAVEfmt "...)
	for _, v := range []struct {
		value uint32
		size  int
	}{{16, 4}, {1, 2}, {1, 2}, {Rate, 4}, {2 * Rate, 4}, {2, 2}, {16, 2}} {
		b = binary.LittleEndian.AppendUint16(b, uint16(v.value))
		if v.size == 4 {
			b = binary.LittleEndian.AppendUint16(b, uint16(v.value>>16))
		}
	}
	b = append(b, "data"...)
	b = binary.LittleEndian.AppendUint32(b, n)
	for _, s := range samples {
		b = binary.LittleEndian.AppendUint16(b, uint16(s))
	}
	if _, err := w.Write(b); err != nil {
		return fmt.Errorf("writing WAV: %w", err)
	}
	return nil
}

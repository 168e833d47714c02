package recordings

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// wav is one side of a recording: 16-bit PCM, one channel.
type wav struct {
	f    *os.File
	r    *bufio.Reader
	rate int   // samples a second
	size int64 // bytes of samples
}

// errNotWav is the error of a file that is none, or of another kind.
var errNotWav = errors.New("not a recording: 16-bit PCM with one channel is wanted")

// openWav opens a recording. How long it is the file's size says: a header that
// was written by an Asterisk that did not live to the end of the call is wrong.
func openWav(path string) (w *wav, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
		}
	}()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	r := bufio.NewReaderSize(f, 64<<10)
	var riff [12]byte
	if _, err := io.ReadFull(r, riff[:]); err != nil || string(riff[:4]) != "RIFF" || string(riff[8:]) != "WAVE" {
		return nil, fmt.Errorf("%s: %w", path, errNotWav)
	}
	w = &wav{f: f, r: r}
	at := int64(len(riff))
	for {
		var head [8]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return nil, fmt.Errorf("%s has no samples: %w", path, errNotWav)
		}
		at += int64(len(head))
		size := int64(binary.LittleEndian.Uint32(head[4:]))
		switch string(head[:4]) {
		case "fmt ":
			if size < 16 || size > 1024 {
				return nil, fmt.Errorf("%s: %w", path, errNotWav)
			}
			b := make([]byte, size)
			if _, err := io.ReadFull(r, b); err != nil {
				return nil, fmt.Errorf("%s: %w", path, errNotWav)
			}
			at += size
			format, channels, bits := binary.LittleEndian.Uint16(b), binary.LittleEndian.Uint16(b[2:]), binary.LittleEndian.Uint16(b[14:])
			w.rate = int(binary.LittleEndian.Uint32(b[4:]))
			if format != 1 || channels != 1 || bits != 16 || w.rate < 8000 || w.rate > 48000 {
				return nil, fmt.Errorf("%s: format %d, %d channels, %d bits, %d Hz: %w", path, format, channels, bits, w.rate, errNotWav)
			}
		case "data":
			if w.rate == 0 {
				return nil, fmt.Errorf("%s: %w", path, errNotWav)
			}
			w.size = (st.Size() - at) &^ 1
			return w, nil
		default:
			if _, err := r.Discard(int(min(size, 1<<20))); err != nil {
				return nil, fmt.Errorf("%s: %w", path, errNotWav)
			}
			at += min(size, 1<<20)
		}
	}
}

func (w *wav) length() time.Duration {
	return time.Duration(w.size/2) * time.Second / time.Duration(w.rate)
}

func (w *wav) Close() error { return w.f.Close() }

// interleave writes both sides, sample by sample, left first. The shorter one
// is silent at its end.
func interleave(out io.Writer, left, right *wav) error {
	mixed := make([]byte, 4*chunk)
	return both(left, right, func(a, b []byte) error {
		for i, j := 0, 0; i < len(a); i, j = i+2, j+4 {
			mixed[j], mixed[j+1], mixed[j+2], mixed[j+3] = a[i], a[i+1], b[i], b[i+1]
		}
		_, err := out.Write(mixed[:2*len(a)])
		return err
	})
}

// mix writes both sides together; what is too loud is cut off.
func mix(out io.Writer, left, right *wav) error {
	mixed := make([]byte, 2*chunk)
	return both(left, right, func(a, b []byte) error {
		for i := 0; i < len(a); i += 2 {
			sum := int32(int16(binary.LittleEndian.Uint16(a[i:]))) + int32(int16(binary.LittleEndian.Uint16(b[i:])))
			binary.LittleEndian.PutUint16(mixed[i:], uint16(int16(min(max(sum, -1<<15), 1<<15-1))))
		}
		_, err := out.Write(mixed[:len(a)])
		return err
	})
}

// chunk is how many samples are taken at a time.
const chunk = 8192

// both goes through both sides, the same number of bytes of each at a time.
func both(left, right *wav, each func(a, b []byte) error) error {
	a, b := make([]byte, 2*chunk), make([]byte, 2*chunk)
	for rest := max(left.size, right.size); rest > 0; {
		n := min(rest, int64(len(a)))
		if err := fill(left, a[:n]); err != nil {
			return err
		}
		if err := fill(right, b[:n]); err != nil {
			return err
		}
		if err := each(a[:n], b[:n]); err != nil {
			return err
		}
		rest -= n
	}
	return nil
}

// fill reads samples, and silence after the last.
func fill(w *wav, b []byte) error {
	n, err := io.ReadFull(w.r, b)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("reading %s: %w", w.f.Name(), err)
	}
	clear(b[n&^1:])
	return nil
}

package prompts

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"time"

	"golang.org/x/sys/unix"

	"switchroom/appliance/prompts/confine"
	"switchroom/image/prompts/pcm"
)

// ChildName is the argv[0] by which a program knows that it is a child of this package. It is to be
// looked at first in main:
//
//	if os.Args[0] == prompts.ChildName {
//		os.Exit(prompts.Child(os.Args[1:]))
//	}
const ChildName = "switchroom-prompt"

// order is what a child is to do, as JSON in its only argument.
type order struct {
	Convert *conversion `json:",omitempty"`
	Become  *program    `json:",omitempty"`
	CPU     time.Duration
	Memory  uint64
}

// conversion reads a WAV from standard input and writes a [result], a newline and samples.
type conversion struct {
	Bytes   int64 // that are read at most
	Seconds float64
}

// program is executed; it may read these folders.
type program struct {
	Argv     []string
	Readable []string
}

// result is what a conversion came to. Its samples follow it.
type result struct {
	Fault    *Fault  `json:",omitempty"`
	Samples  int     // at pcm.TelephoneRate
	Rate     int     // of the original
	Gain     float64 // dB
	Clipped  float64 // share of the original's samples at full scale
	Original float64 // seconds
}

// Sounds quieter than this, in dBFS, are silence: the noise of 16 bits lies at -98, that of a cheap
// microphone at -60.
const silence = -65

// shortest is how long a sound must last, in seconds.
const shortest = 0.1

// Exit statuses of a child; what it became has its own.
const (
	exitConfine = 120
	exitOrder   = 121
)

// Child is a child's whole life: it returns the status to exit with.
func Child(args []string) int {
	var o order
	if len(args) != 1 || json.Unmarshal([]byte(args[0]), &o) != nil {
		fmt.Fprintln(os.Stderr, "this program is started by others of its kind")
		return exitOrder
	}
	// Calls come first.
	_ = unix.Setpriority(unix.PRIO_PROCESS, 0, 10)
	limits := confine.Limits{CPU: o.CPU, Memory: o.Memory}
	switch {
	case o.Become != nil:
		fmt.Fprintln(os.Stderr, confine.Exec(limits, o.Become.Readable, o.Become.Argv))
		return exitConfine
	case o.Convert != nil:
		debug.SetMemoryLimit(int64(o.Memory) / 2)
		if err := confine.Pure(limits); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return exitConfine
		}
		if err := convert(os.Stdin, os.Stdout, *o.Convert); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return 0
	}
	return exitOrder
}

// convert fails only if it can't read or write: what is wrong with the sound is in the result.
func convert(in io.Reader, out io.Writer, c conversion) error {
	b, err := io.ReadAll(io.LimitReader(in, c.Bytes+1))
	if err != nil {
		return fmt.Errorf("reading the sound: %w", err)
	}
	var r result
	var samples []int16
	if int64(len(b)) > c.Bytes {
		r.Fault = &Fault{Code: TooLong, Limit: seconds(c.Seconds)}
	} else {
		r, samples = toTelephone(b, c.Seconds)
	}
	w := bufio.NewWriter(out)
	if err := json.NewEncoder(w).Encode(r); err != nil {
		return fmt.Errorf("writing the result: %w", err)
	}
	if _, err := w.Write(pcm.Raw(samples)); err != nil {
		return fmt.Errorf("writing the sound: %w", err)
	}
	return w.Flush()
}

// toTelephone makes of a WAV what Asterisk plays.
func toTelephone(b []byte, longest float64) (result, []int16) {
	bad := func(code Code, value, limit string) (result, []int16) {
		return result{Fault: &Fault{Code: code, Value: value, Limit: limit}}, nil
	}
	s, err := pcm.ParseWAV(b, pcm.Limits{Seconds: longest, Channels: 8})
	switch {
	case errors.Is(err, pcm.ErrNotWAV):
		return bad(NotSound, "", "")
	case errors.Is(err, pcm.ErrTruncated):
		return bad(Truncated, "", "")
	case errors.Is(err, pcm.ErrTooLong):
		return bad(TooLong, "", seconds(longest))
	case errors.Is(err, pcm.ErrEmpty):
		return bad(TooShort, "", seconds(shortest))
	case err != nil:
		return bad(Unsupported, err.Error(), "")
	}
	if s.Seconds() < shortest {
		return bad(TooShort, "", seconds(shortest))
	}
	r := result{Rate: s.Rate, Original: s.Seconds(), Clipped: clipped(s)}
	if s, err = s.Resample(pcm.TelephoneRate); err != nil {
		return bad(Unsupported, err.Error(), "")
	}
	// Whether there is anything to be heard is judged of what a telephone lets through.
	if level := *s; pcm.DB(withoutMean(&level).Active()) < silence {
		return bad(Silent, "", "")
	}
	r.Gain = s.Level(pcm.PromptLevels)
	r.Samples = len(s.Samples)
	return r, s.S16()
}

// withoutMean returns the sound without a constant offset.
func withoutMean(s *pcm.Sound) *pcm.Sound {
	mean := 0.0
	for _, v := range s.Samples {
		mean += float64(v) / float64(len(s.Samples))
	}
	out := &pcm.Sound{Rate: s.Rate, Samples: make([]float32, len(s.Samples))}
	for i, v := range s.Samples {
		out.Samples[i] = v - float32(mean)
	}
	return out
}

// clipped returns the share of samples that stand at full scale with a neighbour that does, too: a
// recording that was made too loud.
func clipped(s *pcm.Sound) float64 {
	const full = 0.999
	n := 0
	for i := 1; i < len(s.Samples); i++ {
		a, b := s.Samples[i-1], s.Samples[i]
		if a >= full && b >= full || a <= -full && b <= -full {
			n++
		}
	}
	return float64(n) / float64(len(s.Samples))
}

func seconds(s float64) string { return fmt.Sprintf("%g s", s) }

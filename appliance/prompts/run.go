package prompts

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"switchroom/image/prompts/pcm"
)

// Tools are the programs that children become. The zero value is the box's own.
type Tools struct {
	Child    string   // the program whose main looks for [ChildName]; "" is this one
	Lame     []string // decodes MP3 from standard input to WAV on standard output, with the options given
	Espeak   []string // says standard input, as WAV on standard output
	Readable []string // folders that these two may read
}

func (t Tools) orDefault() Tools {
	if t.Child == "" {
		t.Child = "/proc/self/exe"
	}
	if t.Lame == nil {
		t.Lame = []string{"/usr/bin/lame"}
	}
	if t.Espeak == nil {
		t.Espeak = []string{"/usr/bin/espeak-ng"}
	}
	if t.Readable == nil {
		t.Readable = []string{"/usr"}
	}
	return t
}

// voices are eSpeak NG's voices by our languages' folders, and how many words a minute they say.
var voices = map[string][]string{
	"zh": {"-v", "cmn", "-s", "165"},
	"en": {"-v", "en-us", "-s", "155"},
}

// Memory and processor time of a child. A program with a Go runtime maps some dozen megabytes.
const (
	convertMemory = 1 << 30
	toolMemory    = 512 << 20
)

// stage is a child that was started.
type stage struct {
	cmd    *exec.Cmd
	stderr *tail
}

// start starts a child. Its streams are the caller's to close.
func (s *Store) start(ctx context.Context, o order, stdin, stdout *os.File) (*stage, error) {
	o.CPU = s.limits.CPU
	spec, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("what a child is to do: %w", err)
	}
	st := &stage{cmd: exec.CommandContext(ctx, s.tools.Child), stderr: new(tail)}
	st.cmd.Args = []string{ChildName, string(spec)}
	st.cmd.Env = []string{"GOMAXPROCS=1", "GOTRACEBACK=single"}
	st.cmd.Stdin, st.cmd.Stdout, st.cmd.Stderr = stdin, stdout, st.stderr
	st.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	st.cmd.WaitDelay = 10 * time.Second
	if err := st.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting a child: %w", err)
	}
	return st, nil
}

// tool returns the order to become one of the tools.
func (s *Store) tool(argv []string, options ...string) order {
	return order{Memory: toolMemory, Become: &program{Argv: append(append([]string(nil), argv...), options...), Readable: s.tools.Readable}}
}

// convert makes a prompt of a file: its samples, at the telephone's rate. decode, if not nil, comes before.
// A [*Fault] is the sound's; another error is ours.
func (s *Store) convert(ctx context.Context, from *os.File, decode *order) (result, []int16, error) {
	select {
	case s.busy <- struct{}{}:
		defer func() { <-s.busy }()
	case <-ctx.Done():
		return result{}, nil, ctx.Err()
	}
	whole, cancel := context.WithTimeout(ctx, s.limits.Time)
	defer cancel()
	r, samples, err := s.pipeline(whole, from, decode)
	if err != nil && ctx.Err() == nil && whole.Err() != nil {
		return r, nil, &Fault{Code: TooExpensive}
	}
	return r, samples, err
}

func (s *Store) pipeline(ctx context.Context, from *os.File, decode *order) (r result, samples []int16, err error) {
	outR, outW, err := os.Pipe()
	if err != nil {
		return r, nil, err
	}
	defer outR.Close()
	var first *stage
	in := from
	if decode != nil {
		midR, midW, err := os.Pipe()
		if err != nil {
			return r, nil, errors.Join(err, outW.Close())
		}
		first, err = s.start(ctx, *decode, from, midW)
		err = errors.Join(err, midW.Close())
		if err != nil {
			if first != nil {
				_ = first.cmd.Process.Kill()
				_ = first.cmd.Wait()
			}
			return r, nil, errors.Join(err, midR.Close(), outW.Close())
		}
		in = midR
	}
	second, err := s.start(ctx, order{Memory: convertMemory, Convert: &conversion{Bytes: s.limits.decoded(), Seconds: s.limits.Seconds}}, in, outW)
	err = errors.Join(err, outW.Close())
	if decode != nil {
		err = errors.Join(err, in.Close())
	}
	if second == nil {
		if first != nil {
			_ = first.cmd.Process.Kill()
			_ = first.cmd.Wait()
		}
		return r, nil, err
	}
	r, samples, readErr := readResult(outR, s.limits.Seconds)
	if readErr != nil {
		_ = second.cmd.Process.Kill() // it may be blocked in writing to us
	}
	convertErr := second.cmd.Wait()
	var decodeErr error
	if first != nil {
		// If nobody reads what it writes any more, a signal has ended it.
		decodeErr = first.cmd.Wait()
	}
	if err := ours(first, decodeErr); err != nil {
		return r, nil, err
	}
	if decodeErr != nil {
		s.log.InfoContext(ctx, "a decoder failed", "program", decode.Become.Argv[0], "err", decodeErr, "said", first.stderr.String())
	}
	switch {
	case err != nil:
		return r, nil, err
	case ctx.Err() != nil:
		return r, nil, ctx.Err()
	case s.overspent(decodeErr), s.overspent(convertErr):
		return r, nil, &Fault{Code: TooExpensive}
	case readErr != nil:
		return r, nil, errors.Join(fmt.Errorf("what the conversion wrote: %w", readErr), second.failure("converting the sound", convertErr))
	case convertErr != nil:
		return r, nil, second.failure("converting the sound", convertErr)
	case r.Fault != nil && r.Fault.Code == TooLong:
		return r, nil, r.Fault
	case decodeErr != nil, first != nil && r.Fault != nil && r.Fault.Code != Silent:
		// The decoder's WAV is not the owner's: nothing of its form is worth telling.
		return r, nil, &Fault{Code: Damaged}
	case r.Fault != nil:
		return r, nil, r.Fault
	}
	return r, samples, nil
}

// ours returns an error if a stage did not get as far as the owner's data.
func ours(st *stage, err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) && (exit.ExitCode() == exitConfine || exit.ExitCode() == exitOrder) {
		return st.failure("starting a decoder", err)
	}
	return nil
}

// failure tells what a stage said when it failed; nil if it did not.
func (st *stage) failure(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w: %s", what, err, st.stderr)
}

// overspent reports whether a child was killed for the processor time that it used, and not by us.
func (s *Store) overspent(err error) bool {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return false
	}
	ws, ok := exit.Sys().(syscall.WaitStatus)
	return ok && ws.Signaled() && exit.UserTime()+exit.SystemTime() > s.limits.CPU*9/10
}

// readResult reads what a conversion writes, and believes none of it.
func readResult(from io.Reader, longest float64) (r result, samples []int16, err error) {
	const longestLine = 4096
	most := int64(longest*pcm.TelephoneRate) + 16
	br := bufio.NewReaderSize(io.LimitReader(from, longestLine+2*most+1), longestLine)
	line, err := br.ReadSlice('\n')
	if err != nil {
		return r, nil, fmt.Errorf("the first line: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return result{}, nil, fmt.Errorf("the first line: %w", err)
	}
	if r.Fault != nil {
		if _, ok := messages[r.Fault.Code]; !ok {
			return result{}, nil, fmt.Errorf("a fault %q", r.Fault.Code)
		}
		r.Fault.Value = strings.ToValidUTF8(r.Fault.Value, "?")
		return r, nil, nil
	}
	rest, err := io.ReadAll(br)
	if err != nil {
		return result{}, nil, fmt.Errorf("the samples: %w", err)
	}
	if r.Samples <= 0 || int64(r.Samples) > most || len(rest) != 2*r.Samples {
		return result{}, nil, fmt.Errorf("%d bytes for %d samples", len(rest), r.Samples)
	}
	for _, v := range []float64{r.Gain, r.Clipped, r.Original} {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return result{}, nil, errors.New("a figure that is no number")
		}
	}
	samples = make([]int16, r.Samples)
	for i := range samples {
		samples[i] = int16(uint16(rest[2*i]) | uint16(rest[2*i+1])<<8)
	}
	return r, samples, nil
}

// tail keeps the last of what a child says.
type tail struct{ b []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p...)
	if over := len(t.b) - 1024; over > 0 {
		t.b = t.b[over:]
	}
	return len(p), nil
}

func (t *tail) String() string { return strings.ToValidUTF8(strings.TrimSpace(string(t.b)), "?") }

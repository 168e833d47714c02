package recordings

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Encoder makes an mp3 of samples.
type Encoder struct {
	// Command is lame, and what stands before it to start it.
	Command []string
	// Kbps is the bit rate of the mp3, for both sides together.
	Kbps int
	// Mono puts both sides together instead of left and right.
	Mono bool
}

// defaultKbps is 14 MB for an hour: what two voices of telephone quality need.
const defaultKbps = 32

// lowest is the priority that encoding runs with.
const lowest = 19

// errEmpty is the error of a recording without a sample.
var errEmpty = errors.New("nothing was recorded")

// convert makes dst out of the two sides, and returns how long it is. The file
// appears under its name when it is whole and on the disk. A file of that name
// is replaced.
func (e Encoder) convert(ctx context.Context, left, right, dst string) (time.Duration, error) {
	l, err := openWav(left)
	if err != nil {
		return 0, err
	}
	defer l.Close()
	r, err := openWav(right)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	if l.rate != r.rate {
		return 0, fmt.Errorf("%s has %d samples a second, and %s %d: %w", left, l.rate, right, r.rate, errNotWav)
	}
	if l.size == 0 && r.size == 0 {
		return 0, fmt.Errorf("%s: %w", left, errEmpty)
	}
	if err := os.MkdirAll(filepath.Dir(dst), 0o750); err != nil {
		return 0, err
	}
	part := dst + partSuffix
	err = e.encode(ctx, l, r, part)
	if err == nil {
		err = publish(part, dst)
	}
	if err != nil {
		return 0, errors.Join(fmt.Errorf("converting %s: %w", left, err), remove(part))
	}
	return max(l.length(), r.length()), nil
}

// partSuffix marks what is not whole yet.
const partSuffix = ".part"

func (e Encoder) encode(ctx context.Context, l, r *wav, part string) error {
	args := append([]string(nil), e.Command...)
	if len(args) == 0 {
		args = append(args, "lame")
	}
	kbps := e.Kbps
	if kbps == 0 {
		kbps = defaultKbps
	}
	mode, combine := "s", interleave
	if e.Mono {
		mode, combine = "m", mix
	}
	args = append(args, "-r", "--signed", "--little-endian", "--bitwidth", "16", "-s", kilo(l.rate), "-m", mode, "--cbr", "-b", strconv.Itoa(kbps), "-q", "5", "--quiet", "-", "-")
	out, err := os.OpenFile(part, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	defer out.Close()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.WaitDelay = 10 * time.Second
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = out, &limited{b: &said, left: 2000}
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	// The encoder waits for its input until here, so it never runs faster.
	prio := unix.Setpriority(unix.PRIO_PROCESS, cmd.Process.Pid, lowest)
	writeErr := combine(in, l, r)
	closeErr := in.Close()
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("%s: %w: %s", args[0], err, strings.TrimSpace(said.String()))
	}
	if err := errors.Join(prio, writeErr, closeErr, out.Sync()); err != nil {
		return err
	}
	st, err := out.Stat()
	if err != nil {
		return err
	}
	if st.Size() == 0 {
		return fmt.Errorf("%s wrote nothing: %s", args[0], strings.TrimSpace(said.String()))
	}
	return nil
}

// kilo is a rate as lame wants it, in kHz.
func kilo(rate int) string { return strconv.FormatFloat(float64(rate)/1000, 'f', -1, 64) }

// publish gives a whole file its name, for good.
func publish(part, dst string) error {
	if err := os.Rename(part, dst); err != nil {
		return err
	}
	d, err := os.Open(filepath.Dir(dst))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// limited keeps the beginning of what is written to it.
type limited struct {
	b    *strings.Builder
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	n := min(len(p), l.left)
	l.b.Write(p[:n])
	l.left -= n
	return len(p), nil
}

var _ io.Writer = (*limited)(nil)

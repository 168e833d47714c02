package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"

	"switchroom/dahdi/tdm2400p/control"
	"switchroom/dahdi/tone"
)

func playCommand(ctx context.Context, s *session, args []string) error {
	p, err := s.port(args[0])
	if err != nil {
		return err
	}
	a := control.PlayArgs{}
	if len(args) > 2 {
		if a.MS, err = number(args[2]); err != nil {
			return err
		}
	}
	kind, what, ok := strings.Cut(args[1], ":")
	switch {
	case ok && kind == "tone":
		a.Tone = what
	case ok && kind == "dtmf":
		a.DTMF = what
	case ok && kind == "hz":
		freqs, level, leveled := strings.Cut(what, "@")
		if leveled {
			if a.Level, err = strconv.ParseFloat(strings.TrimSuffix(level, "dBm0"), 64); err != nil {
				return usage("play: %q is no level in dBm0, such as -10", level)
			}
		}
		for f := range strings.SplitSeq(freqs, "+") {
			hz, err := strconv.ParseFloat(f, 64)
			if err != nil {
				return usage("play: %q is no frequency", f)
			}
			a.Hz = append(a.Hz, hz)
		}
	default:
		file, err := os.Open(args[1])
		if err != nil {
			return fmt.Errorf("playing: %w", err)
		}
		defer file.Close()
		samples, err := tone.ReadWAV(file)
		if err != nil {
			return fmt.Errorf("playing %s: %w", args[1], err)
		}
		return p.PlaySamples(ctx, samples, "")
	}
	return p.Play(ctx, a)
}

func recordCommand(ctx context.Context, s *session, args []string) error {
	p, err := s.port(args[0])
	if err != nil {
		return err
	}
	ms, err := number(args[2])
	if err != nil {
		return err
	}
	rec, err := p.Listen(ctx, ms)
	if err != nil {
		return err
	}
	file, err := os.Create(args[1])
	if err != nil {
		return fmt.Errorf("recording: %w", err)
	}
	defer file.Close()
	if err := tone.WriteWAV(file, rec.Samples()); err != nil {
		return fmt.Errorf("recording to %s: %w", args[1], err)
	}
	return file.Close()
}

func listenCommand(ctx context.Context, s *session, args []string) error {
	p, err := s.port(args[0])
	if err != nil {
		return err
	}
	ms, err := number(args[1])
	if err != nil {
		return err
	}
	rec, err := p.Listen(ctx, ms)
	if err != nil {
		return err
	}
	samples := rec.Samples()
	hz, peak := tone.Frequency(samples)
	out := struct {
		From      uint64  `json:"from"`
		To        uint64  `json:"to"`
		Level     float64 `json:"level"`
		Hz        float64 `json:"hz"`
		ToneLevel float64 `json:"tone_level"`
	}{rec.From, rec.To, tone.Level(samples), hz, peak}
	return s.tell(out, func(w io.Writer) {
		fmt.Fprintf(w, "%.1f dBm0; strongest %.1f Hz at %.1f dBm0\n", out.Level, out.Hz, out.ToneLevel)
	})
}

// audioCommand carries live audio until one side ends.
func audioCommand(ctx context.Context, s *session, args []string) error {
	p, err := s.port(args[0])
	if err != nil {
		return err
	}
	a, err := p.Attach(ctx)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { a.Close() })
	defer stop()
	defer a.Close()
	var up sync.WaitGroup
	up.Go(func() {
		// The far end of stdin is not ours to close: when it ends, the port
		// hears silence.
		_, _ = io.Copy(a.Conn, s.stdin)
	})
	_, err = io.Copy(s.stdout, a)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return fmt.Errorf("audio of port %s: %w", args[0], err)
	}
	return nil
}

package dahdictl

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"switchroom/dahdi"
)

var tones = map[string]dahdi.ToneID{
	"dial": dahdi.ToneDial, "busy": dahdi.ToneBusy, "ring": dahdi.ToneRing, "congestion": dahdi.ToneCongestion,
	"callwait": dahdi.ToneCallWait, "recall": dahdi.ToneRecall, "record": dahdi.ToneRecord, "info": dahdi.ToneInfo,
	"stutter": dahdi.ToneStutter,
}

// milliwatt is one period of the sine of 1 kHz at 0 dBm0 (ITU-T G.711, tables
// 5 and 6).
var milliwatt = map[dahdi.Companding][]byte{
	dahdi.LawMu: {0x1e, 0x0b, 0x0b, 0x1e, 0x9e, 0x8b, 0x8b, 0x9e},
	dahdi.LawA:  {0x34, 0x21, 0x21, 0x34, 0xb4, 0xa1, 0xa1, 0xb4},
}

// maxTime is for a tone or a ring that somebody forgets.
const maxTime = time.Hour

func duration(args []string, def time.Duration) (time.Duration, error) {
	if len(args) == 0 {
		return def, nil
	}
	d, err := time.ParseDuration(args[0])
	if err != nil || d <= 0 || d > maxTime {
		return 0, &usageError{fmt.Sprintf("%q is no time such as 5s or 1m30s, up to 1h", args[0])}
	}
	return d, nil
}

func (t *Tool) gains(_ context.Context, drv dahdi.Driver, args []string) error {
	rest, err := flags(args, nothing)
	if err != nil {
		return err
	}
	if len(rest) != 3 {
		return &usageError{"a port and two gains in dB are wanted"}
	}
	n, err := portNumber(rest[0])
	if err != nil {
		return err
	}
	p, err := drv.Params(n)
	if err != nil {
		return err
	}
	var tables [2]dahdi.GainTable
	for i, text := range rest[1:] {
		db, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return &usageError{fmt.Sprintf("%q is no gain in dB", text)}
		}
		if tables[i], err = dahdi.NewGainTable(p.Law, db); err != nil {
			return &usageError{err.Error()}
		}
	}
	return drv.SetGainTables(n, tables[0], tables[1])
}

func (t *Tool) tone(ctx context.Context, drv dahdi.Driver, args []string) error {
	rest, err := flags(args, nothing)
	if err != nil {
		return err
	}
	if len(rest) < 2 || len(rest) > 3 {
		return &usageError{"a port, a tone and perhaps a time are wanted"}
	}
	n, err := portNumber(rest[0])
	if err != nil {
		return err
	}
	id, known := tones[rest[1]]
	if !known && rest[1] != "milliwatt" {
		names := slices.Sorted(maps.Keys(tones))
		return &usageError{fmt.Sprintf("%q is none of %s, milliwatt", rest[1], strings.Join(names, ", "))}
	}
	d, err := duration(rest[2:], 5*time.Second)
	if err != nil {
		return err
	}
	p, err := drv.Params(n)
	if err != nil {
		return err
	}
	c, err := t.OpenChannel(n)
	if err != nil {
		return err
	}
	defer c.Close()
	if dahdi.KindOf(p.Can) == dahdi.KindFXO {
		if err := c.OffHook(); err != nil {
			return err
		}
	}
	if !known {
		return play(ctx, c, milliwatt[p.Law], d)
	}
	if err := c.Tone(id); err != nil {
		return err
	}
	t.Sleep(ctx, d)
	return c.Tone(dahdi.ToneStop)
}

// play writes a sound over and over, 20 ms at a time; the driver's buffers
// give the pace.
func play(ctx context.Context, c Channel, period []byte, d time.Duration) error {
	block := slices.Repeat(period, 160/len(period))
	for left := int64(d / time.Millisecond * 8); left > 0 && ctx.Err() == nil; left -= int64(len(block)) {
		if _, err := c.Write(block[:min(left, int64(len(block)))]); err != nil {
			return err
		}
	}
	return nil
}

func (t *Tool) ring(ctx context.Context, drv dahdi.Driver, args []string) error {
	rest, err := flags(args, nothing)
	if err != nil {
		return err
	}
	if len(rest) < 1 || len(rest) > 2 {
		return &usageError{"a port and perhaps a time are wanted"}
	}
	n, err := portNumber(rest[0])
	if err != nil {
		return err
	}
	d, err := duration(rest[1:], 8*time.Second)
	if err != nil {
		return err
	}
	p, err := drv.Params(n)
	if err != nil {
		return err
	}
	if k := dahdi.KindOf(p.Can); k != dahdi.KindFXS {
		return fmt.Errorf("ringing port %d, which is %s: %w", n, k, dahdi.ErrNotPossible)
	}
	c, err := t.OpenChannel(n)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.Ring(); err != nil {
		return err
	}
	t.Sleep(ctx, d)
	return nil
}

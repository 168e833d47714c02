// Package dahdictl is the tool for people (and tests) who want to see what a
// telephone card does: it lists, shows and watches ports, sets gains, plays test
// tones and rings telephones. Everything that only looks works beside Asterisk;
// tones and ringing need a port that nobody else has open.
package dahdictl

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"switchroom/dahdi"
	"switchroom/dahdi/ioctl"
)

// Channel is a port that the tool holds.
type Channel interface {
	io.WriteCloser
	Tone(dahdi.ToneID) error
	OffHook() error
	Ring() error
}

// Tool is the tool and what it works on.
type Tool struct {
	Sys         fs.FS                                // /sys
	Open        func() (dahdi.Driver, error)         // the driver
	OpenChannel func(number int) (Channel, error)    // a port, for the tool alone
	Sleep       func(context.Context, time.Duration) // time.Sleep, ending with the context
	Stdout      io.Writer
}

// Main is the command on a real machine.
func Main(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	t := Tool{
		Sys:         os.DirFS("/sys"),
		Open:        func() (dahdi.Driver, error) { return ioctl.Open("/") },
		OpenChannel: func(n int) (Channel, error) { return ioctl.OpenChannel("/", n) },
		Sleep: func(ctx context.Context, d time.Duration) {
			select {
			case <-ctx.Done():
			case <-time.After(d):
			}
		},
		Stdout: stdout,
	}
	err := t.Run(ctx, args)
	if errors.Is(err, errHelp) {
		fmt.Fprint(stderr, usage)
		return nil
	}
	return err
}

const usage = `usage: dahdictl <command>

  list [-json]               the cards, their ports, and what is wrong with them
  show <port> [-json]        everything about one port, its voltage and gains too
  watch [-json] [<port>…]    tell what happens on ports until interrupted
  params [-json]             the driver's parameters of every channel
  gains <port> <in> <out>    amplify by so many dB, -24 to 24, until the call ends
  tone <port> <tone> [time]  play a tone for a time (5s if not given): dial, busy,
                             ring, congestion, callwait, recall, record, info,
                             stutter, or milliwatt (1 kHz at 0 dBm0)
  ring <port> [time]         ring a telephone (8s if not given)
  configure [-country cc] [-echo name] [-n]
                             set all ports up by their kind; -n only tells what
                             would change

A port is its number, counted over all cards. tone and ring need a port that no
other program (Asterisk) has open; on a line's port, tone seizes the line.
`

// errHelp asks for the usage.
var errHelp = errors.New("help wanted")

// Run runs one command.
func (t *Tool) Run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errHelp
	}
	commands := map[string]func(context.Context, dahdi.Driver, []string) error{
		"list": t.list, "show": t.show, "watch": t.watch, "params": t.params, "gains": t.gains, "tone": t.tone,
		"ring": t.ring, "configure": t.configure,
	}
	run := commands[args[0]]
	switch {
	case args[0] == "help" || args[0] == "-h" || args[0] == "--help":
		return errHelp
	case run == nil:
		return fmt.Errorf("there is no command %q; dahdictl help lists them", args[0])
	}
	drv, err := t.Open()
	if errors.Is(err, dahdi.ErrNoDriver) && args[0] == "list" {
		return t.list(ctx, nil, args[1:])
	}
	if err != nil {
		return err
	}
	if c, ok := drv.(io.Closer); ok {
		defer c.Close()
	}
	err = run(ctx, drv, args[1:])
	var usage *usageError
	if errors.As(err, &usage) {
		return fmt.Errorf("%s: %w; dahdictl help tells more", args[0], err)
	}
	return err
}

// usageError is for arguments that are not right.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

// flags reads flags that may stand before and behind the other arguments.
func flags(args []string, set func(*flag.FlagSet)) ([]string, error) {
	f := flag.NewFlagSet("", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	set(f)
	var rest []string
	for len(args) > 0 {
		// A negative number is no flag.
		if _, err := strconv.ParseFloat(args[0], 64); err == nil {
			rest, args = append(rest, args[0]), args[1:]
			continue
		}
		if err := f.Parse(args); err != nil {
			return nil, &usageError{err.Error()}
		}
		if args = f.Args(); len(args) > 0 {
			rest, args = append(rest, args[0]), args[1:]
		}
	}
	return rest, nil
}

// nothing is for commands without flags.
func nothing(*flag.FlagSet) {}

func jsonFlag(args []string) (rest []string, asJSON bool, err error) {
	rest, err = flags(args, func(f *flag.FlagSet) { f.BoolVar(&asJSON, "json", false, "") })
	return rest, asJSON, err
}

func (t *Tool) json(v any) error {
	e := json.NewEncoder(t.Stdout)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

func portNumber(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		return 0, &usageError{fmt.Sprintf("%q is no port's number", s)}
	}
	return n, nil
}

func (t *Tool) list(_ context.Context, drv dahdi.Driver, args []string) error {
	rest, asJSON, err := jsonFlag(args)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return &usageError{"no argument is wanted"}
	}
	inv, err := dahdi.Detect(t.Sys, drv)
	if err != nil {
		return err
	}
	if asJSON {
		return t.json(inv)
	}
	for _, c := range inv.Cards {
		fmt.Fprintf(t.Stdout, "%s, %s %s\n", c.Model, c.Location, c.ID)
		w := tabwriter.NewWriter(t.Stdout, 0, 0, 2, ' ', 0)
		for _, p := range c.Ports() {
			echo := ""
			if p.EchoCanceller != "" {
				echo = "echo canceller " + p.EchoCanceller
			}
			fmt.Fprintf(w, "  %d\t%s\t%s\t%s\t%s\t%s\n", p.Number, p.Kind, p.Signalling, words("open", p.InUse), alarmWords(p.Alarms), echo)
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	for _, p := range inv.Problems {
		fmt.Fprintf(t.Stdout, "%s: %s\n  %s\n", p.State, p.Text, p.Advice)
	}
	_, err = fmt.Fprintln(t.Stdout, inv)
	return err
}

func words(s string, on bool) string {
	if on {
		return s
	}
	return ""
}

func alarmWords(alarms []dahdi.Alarm) string {
	var s []string
	for _, a := range alarms {
		s = append(s, "alarm "+string(a))
	}
	return strings.Join(s, " ")
}

// portView is all about a port.
type portView struct {
	dahdi.Params
	Kind          dahdi.Kind   `json:"kind"`
	EchoCanceller string       `json:"echoCanceller"`
	Gains         *dahdi.Gains `json:"gains,omitempty"`
	Millivolts    *int         `json:"millivolts,omitempty"`
}

func view(drv dahdi.Driver, number int) (portView, error) {
	p, err := drv.Params(number)
	if err != nil {
		return portView{}, err
	}
	v := portView{Params: p, Kind: dahdi.KindOf(p.Can)}
	if v.EchoCanceller, err = drv.EchoCanceller(number); err != nil {
		return portView{}, err
	}
	rx, tx, err := drv.GainTables(number)
	if err == nil {
		v.Gains = &dahdi.Gains{RX: rx.Gain(p.Law), TX: tx.Gain(p.Law)}
	} else if !errors.Is(err, dahdi.ErrNotPossible) {
		return portView{}, err
	}
	mV, err := drv.Voltage(number)
	if err == nil {
		v.Millivolts = &mV
	} else if !errors.Is(err, dahdi.ErrNotPossible) {
		return portView{}, err
	}
	return v, nil
}

func (t *Tool) show(_ context.Context, drv dahdi.Driver, args []string) error {
	rest, asJSON, err := jsonFlag(args)
	if err != nil {
		return err
	}
	if len(rest) != 1 {
		return &usageError{"the number of one port is wanted"}
	}
	n, err := portNumber(rest[0])
	if err != nil {
		return err
	}
	v, err := view(drv, n)
	if err != nil {
		return err
	}
	if asJSON {
		return t.json(v)
	}
	w := tabwriter.NewWriter(t.Stdout, 0, 0, 2, ' ', 0)
	line := func(name string, format string, args ...any) {
		fmt.Fprintf(w, "%s\t"+format+"\n", append([]any{name}, args...)...)
	}
	line("port", "%d (%s, span %d, place %d)", v.Channel, v.Name, v.Span, v.Position)
	line("kind", "%s", v.Kind)
	line("signalling", "%s", v.Signalling)
	line("law", "%s", v.Law)
	line("hook", "in %s, out %s", v.RxHook, v.TxHook)
	line("alarms", "%s", alarmWords(v.Alarms))
	line("echo canceller", "%s", v.EchoCanceller)
	if v.Gains != nil {
		line("gains", "in %+.1f dB, out %+.1f dB", v.Gains.RX, v.Gains.TX)
	}
	if v.Millivolts != nil {
		line("voltage", "%.1f V", float64(*v.Millivolts)/1000)
	}
	return w.Flush()
}

func (t *Tool) params(_ context.Context, drv dahdi.Driver, args []string) error {
	rest, asJSON, err := jsonFlag(args)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return &usageError{"no argument is wanted"}
	}
	inv, err := dahdi.Detect(t.Sys, drv)
	if err != nil {
		return err
	}
	// What depends on the moment, the hooks, is told; what is measured is not,
	// so that two dumps can be compared.
	all := []portView{}
	for _, p := range inv.Ports() {
		v, err := view(drv, p.Number)
		if err != nil {
			return err
		}
		v.Millivolts = nil
		all = append(all, v)
	}
	if asJSON {
		return t.json(all)
	}
	w := tabwriter.NewWriter(t.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "port\tkind\tsignalling\tlaw\trx\ttx\techo\tstart\trxflash\tdebounce\tpulse")
	for _, v := range all {
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t%d\t%d\t%d/%d/%d\n", v.Channel, v.Kind, v.Signalling, v.Law, v.RxHook, v.TxHook,
			v.EchoCanceller, v.Start, v.RxFlash, v.Debounce, v.PulseBreak, v.PulseMake, v.PulseAfter)
	}
	return w.Flush()
}

func (t *Tool) watch(ctx context.Context, drv dahdi.Driver, args []string) error {
	rest, asJSON, err := jsonFlag(args)
	if err != nil {
		return err
	}
	inv, err := dahdi.Detect(t.Sys, drv)
	if err != nil {
		return err
	}
	ports := inv.Ports()
	if len(rest) > 0 {
		var chosen []dahdi.Port
		for _, a := range rest {
			n, err := portNumber(a)
			if err != nil {
				return err
			}
			i := slices.IndexFunc(ports, func(p dahdi.Port) bool { return p.Number == n })
			if i < 0 {
				return fmt.Errorf("port %d: %w", n, dahdi.ErrNotFound)
			}
			chosen = append(chosen, ports[i])
		}
		ports = chosen
	}
	m := dahdi.NewMonitor(drv, ports, dahdi.MonitorConfig{})
	sub := m.Subscribe()
	defer sub.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	for {
		select {
		case err := <-done:
			return err
		case e, ok := <-sub.Events:
			if !ok {
				return errors.New("events came faster than they could be printed")
			}
			if err := t.event(e, asJSON); err != nil {
				return err
			}
		}
	}
}

func (t *Tool) event(e dahdi.Event, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(t.Stdout).Encode(e)
	}
	s := e.Status
	text := fmt.Sprintf("%s port %d (%s): %s, hook %s", e.Time.Format("15:04:05.000"), s.Port, s.Kind, s.Activity, s.Hook)
	if s.Millivolts != nil {
		text += fmt.Sprintf(", %.1f V", float64(*s.Millivolts)/1000)
	}
	if s.Claimed {
		text += ", open"
	}
	if a := alarmWords(s.Alarms); a != "" {
		text += ", " + a
	}
	_, err := fmt.Fprintln(t.Stdout, text)
	return err
}

func (t *Tool) configure(ctx context.Context, drv dahdi.Driver, args []string) error {
	country, echo, dry := "us", dahdi.EchoMG2, false
	rest, err := flags(args, func(f *flag.FlagSet) {
		f.StringVar(&country, "country", country, "")
		f.StringVar(&echo, "echo", echo, "")
		f.BoolVar(&dry, "n", false, "")
	})
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return &usageError{fmt.Sprintf("%q is not wanted", rest[0])}
	}
	if echo == "none" {
		echo = dahdi.EchoNone
	}
	inv, err := dahdi.Detect(t.Sys, drv)
	if err != nil {
		return err
	}
	if dry {
		drv = onlyLook{drv}
	}
	changes, err := dahdi.Apply(ctx, drv, dahdi.Standard(inv, country, echo))
	for _, c := range changes {
		fmt.Fprintln(t.Stdout, c)
	}
	return err
}

// onlyLook is a driver that takes everything and does nothing.
type onlyLook struct{ dahdi.Driver }

func (onlyLook) SetSignalling(int, dahdi.Signalling, dahdi.Companding) error { return nil }
func (onlyLook) SetGainTables(int, dahdi.GainTable, dahdi.GainTable) error   { return nil }
func (onlyLook) AttachEchoCanceller(int, string) error                       { return nil }
func (onlyLook) LoadZone(dahdi.Zone) error                                   { return nil }
func (onlyLook) SetDefaultZone(int) error                                    { return nil }

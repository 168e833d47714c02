package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"

	"switchroom/dahdi/tdm2400p/control"
	"switchroom/dahdi/tdm2400p/loop"
)

// errHelp says that help was asked for and given.
var errHelp = errors.New("help")

func isTimeout(err error) bool { return control.IsTimeout(err) }

// command is a verb for people.
type command struct {
	name, args, help string
	least, most      int // how many arguments
	run              func(ctx context.Context, s *session, args []string) error
}

// session is a connection with what is common to all verbs.
type session struct {
	*program
	client *control.Client
	when   control.When
}

// port reads a port's number.
func (s *session) port(text string) (*control.Port, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return nil, usage("%q is no port", text)
	}
	return s.client.Port(n).When(s.when), nil
}

// tell prints an answer: as JSON if asked, else in people's way.
func (s *session) tell(v any, people func(w io.Writer)) error {
	if !s.json {
		people(s.stdout)
		return nil
	}
	enc := json.NewEncoder(s.stdout)
	return enc.Encode(v)
}

// run does a command line.
func (m *program) run(ctx context.Context, args []string) error {
	f := flag.NewFlagSet("tdm2400p", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	var when control.When
	f.StringVar(&m.socket, "control", m.socket, "")
	f.BoolVar(&m.json, "json", false, "")
	f.Uint64Var(&when.At, "at", 0, "")
	f.Uint64Var(&when.After, "after", 0, "")
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			m.help(m.stdout)
			return errHelp
		}
		return errUsage{err.Error()}
	}
	args = f.Args()
	if len(args) == 0 {
		m.help(m.stderr)
		return usage("no verb")
	}
	verb, args := args[0], args[1:]
	switch verb {
	case "help":
		m.help(m.stdout)
		return nil
	case "serve":
		return m.serve(ctx, args)
	}
	for _, c := range commands() {
		if c.name != verb {
			continue
		}
		if len(args) < c.least || (c.most >= 0 && len(args) > c.most) {
			return usage("usage: tdm2400p %s %s", c.name, c.args)
		}
		if m.socket == "" {
			return usage("which card? Give -control SOCKET, or set TDM2400P_CONTROL")
		}
		client, err := control.Dial(ctx, m.socket)
		if err != nil {
			return err
		}
		defer client.Close()
		return c.run(ctx, &session{program: m, client: client, when: when}, args)
	}
	return usage("there is no verb %q", verb)
}

func (m *program) help(w io.Writer) {
	fmt.Fprint(w, `tdm2400p runs emulated TDM2400P cards, and works what is plugged into them.

  tdm2400p serve -pci SOCKET -control SOCKET [-ports fxs:1-12,fxo:13-24] [flags]
      be a card; tdm2400p serve -h tells the flags

  tdm2400p [-control SOCKET] [-json] [-at FRAME | -after MS] VERB …

      -control SOCKET   which card; the variable TDM2400P_CONTROL does as well
      -json             answer in JSON
      -at, -after       do it at that card time, or so many card ms from now

`)
	for _, c := range commands() {
		fmt.Fprintf(w, "  %-44s %s\n", strings.TrimSpace(c.name+" "+c.args), c.help)
	}
	fmt.Fprint(w, `
Ports count from 1 through all cards, 24 to each. Times are in card ms. Numbers
the exchange knows at first: 5551000 echo, 5551001 a 1004 Hz tone, 5551002
silence, 5551003 hangs up after 5 s, 5551004 answers with reversal, 5551005
never answers, 5551006 busy, 5551007 congestion, and 555 with four digits of an
FXO port's number rings that line.

Exit status: 0 done, 1 failed, 2 not understood, 3 a wait came to its time.
`)
}

// simple makes a command that sends a request and says nothing.
func simple(name, args, help string, least, most int, build func(args []string) (any, error)) command {
	return command{name: name, args: "PORT " + args, help: help, least: 1 + least, most: 1 + most,
		run: func(ctx context.Context, s *session, args []string) error {
			p, err := s.port(args[0])
			if err != nil {
				return err
			}
			var a any
			if build != nil {
				if a, err = build(args[1:]); err != nil {
					return err
				}
			}
			var raw json.RawMessage
			frame, err := s.client.Do(ctx, name, p.Number(), s.when, a, &raw)
			if err != nil {
				return err
			}
			if !s.json {
				return nil
			}
			return s.tell(struct {
				Frame uint64 `json:"frame"`
			}{frame}, nil)
		}}
}

func commands() []command {
	all := []command{
		simple("offhook", "", "lift the handset", 0, 0, nil),
		simple("onhook", "", "put it down", 0, 0, nil),
		simple("flash", "[MS]", "open the loop briefly", 0, 1, msArg),
		{"dial", "PORT DIGITS", "dial by tones, and wait until it is done", 2, 2, func(ctx context.Context, s *session, args []string) error {
			p, err := s.port(args[0])
			if err != nil {
				return err
			}
			return p.Dial(ctx, args[1])
		}},
		{"pulse", "PORT DIGITS", "dial by pulses, and wait until it is done", 2, 2, func(ctx context.Context, s *session, args []string) error {
			p, err := s.port(args[0])
			if err != nil {
				return err
			}
			return p.Pulse(ctx, args[1])
		}},
		simple("load", "phone|unplugged|short", "what hangs on the telephone's wires", 1, 1, stringArg("state")),
		simple("wire", "FXO", "a pair of wires to an FXO port instead of a telephone; 0 ends it", 1, 1, numberArg("to")),
		simple("ring", "[NUMBER [NAME [bell|v23|dtmf]]]", "a call comes in on a line", 0, 3, ringArgs),
		simple("stopring", "", "the caller gives up", 0, 0, nil),
		simple("answer", "", "answer: lift the handset, or the line's far end does", 0, 0, nil),
		simple("hangup", "[open|busy|reversal [MS]]", "the line's far end hangs up", 0, 2, hangupArgs),
		simple("battery", "VOLTS", "the line's battery; 0 takes it away", 1, 1, numberArg("volts")),
		simple("polarity", "normal|reversed", "the line's polarity", 1, 1, func(a []string) (any, error) {
			if a[0] != "normal" && a[0] != "reversed" {
				return nil, usage("polarity: normal or reversed")
			}
			return map[string]bool{"reversed": a[0] == "reversed"}, nil
		}),
		{"play", "PORT FILE.wav|tone:NAME|hz:F[+F][@LEVEL]|dtmf:KEYS [MS]", "send a signal; LEVEL in dBm0", 2, 3, playCommand},
		simple("stop", "", "end what is being sent", 0, 0, nil),
		{"record", "PORT FILE.wav MS", "write down what the port hears", 3, 3, recordCommand},
		{"listen", "PORT MS", "tell level and strongest frequency of what is heard", 2, 2, listenCommand},
		{"audio", "PORT", "live audio on stdin and stdout, s16le at 8000/s", 1, 1, audioCommand},
		{"wait", "PORT EVENT [KEY=VALUE…] [timeout=MS] [since=FRAME]", "wait for an event; it is printed", 2, -1, waitCommand},
		{"watch", "[PORT…]", "print events as they come, until interrupted", 0, -1, watchCommand},
		{"events", "[PORT]", "print what is remembered", 0, 1, eventsCommand},
		{"ports", "", "what state every port is in", 0, 0, portsCommand},
		{"info", "", "which cards there are", 0, 0, rawCommand("info", 0)},
		{"stats", "[CARD]", "a card's counters", 0, 1, rawCommand("stats", 1)},
		{"pause", "[CARD]", "stop a card's time", 0, 1, rawCommand("pause", 1)},
		{"resume", "[CARD]", "let it go on", 0, 1, rawCommand("resume", 1)},
		{"regs", "PORT", "the registers of a port's module", 1, 1, regsCommand},
		{"fault", "PORT KIND [clear] [count=N] [register=N] [mask=N]", "let something go wrong: drop-frame, ident-jump, underrun, corrupt-read, absent, calibration, leakage, powerless; PORT 0 is the card", 2, -1, faultCommand},
		{"routes", "[FILE.json]", "the exchange's routes; replace them", 0, 1, routesCommand},
		{"do", "VERB [PORT [ARGS]]", "any request of the protocol, with ARGS in JSON", 1, 3, doCommand},
	}
	return all
}

func number(text string) (int, error) {
	n, err := strconv.ParseInt(text, 0, 32)
	if err != nil {
		return 0, usage("%q is no number", text)
	}
	return int(n), nil
}

func msArg(a []string) (any, error) {
	if len(a) == 0 {
		return nil, nil
	}
	return numberArg("ms")(a)
}

func numberArg(name string) func([]string) (any, error) {
	return func(a []string) (any, error) {
		n, err := number(a[0])
		return map[string]int{name: n}, err
	}
}

func stringArg(name string) func([]string) (any, error) {
	return func(a []string) (any, error) { return map[string]string{name: a[0]}, nil }
}

func ringArgs(a []string) (any, error) {
	if len(a) == 0 {
		return nil, nil
	}
	id := &control.CallerIDArgs{Number: a[0]}
	if len(a) > 1 {
		id.Name = a[1]
	}
	if len(a) > 2 {
		id.Standard = a[2]
	}
	return control.RingArgs{CallerID: id}, nil
}

func hangupArgs(a []string) (any, error) {
	out := map[string]any{}
	if len(a) > 0 {
		out["how"] = a[0]
	}
	if len(a) > 1 {
		n, err := number(a[1])
		if err != nil {
			return nil, err
		}
		out["ms"] = n
	}
	return out, nil
}

// matchValue reads the value of KEY=VALUE. Whether 1 is a number or text only
// the event can tell: either will do.
func matchValue(text string) any {
	if f, err := strconv.ParseFloat(text, 64); err == nil {
		return []any{f, text}
	}
	switch text {
	case "true":
		return true
	case "false":
		return false
	}
	return text
}

func waitCommand(ctx context.Context, s *session, args []string) error {
	p, err := s.port(args[0])
	if err != nil {
		return err
	}
	a := map[string]any{"event": args[1]}
	match := control.Match{}
	for _, arg := range args[2:] {
		k, v, ok := strings.Cut(arg, "=")
		switch {
		case !ok:
			return usage("wait: %q is not KEY=VALUE", arg)
		case k == "timeout" || k == "since":
			n, err := number(v)
			if err != nil {
				return err
			}
			a[map[string]string{"timeout": "timeout_ms", "since": "since"}[k]] = n
		default:
			match[k] = matchValue(v)
		}
	}
	if len(match) > 0 {
		a["match"] = match
	}
	var e loop.Event
	if _, err := s.client.Do(ctx, "wait", p.Number(), s.when, a, &e); err != nil {
		return err
	}
	return s.tell(e, func(w io.Writer) { fmt.Fprintln(w, e) })
}

func watchCommand(ctx context.Context, s *session, args []string) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	var ports []int
	for _, a := range args {
		n, err := number(a)
		if err != nil {
			return err
		}
		ports = append(ports, n)
	}
	sub, err := s.client.Subscribe(ctx, ports...)
	if err != nil {
		return err
	}
	defer sub.Close()
	for {
		select {
		case <-ctx.Done():
			return nil
		case e, ok := <-sub.C():
			if !ok {
				return errors.New("the card is gone")
			}
			if err := s.tell(e, func(w io.Writer) { fmt.Fprintln(w, e) }); err != nil {
				return err
			}
		}
	}
}

func eventsCommand(ctx context.Context, s *session, args []string) error {
	n := 0
	if len(args) > 0 {
		var err error
		if n, err = number(args[0]); err != nil {
			return err
		}
	}
	events, err := s.client.Port(n).Events(ctx, 0)
	if err != nil {
		return err
	}
	return s.tell(events, func(w io.Writer) {
		for _, e := range events {
			fmt.Fprintln(w, e)
		}
	})
}

func portsCommand(ctx context.Context, s *session, _ []string) error {
	ports, err := s.client.Ports(ctx)
	if err != nil {
		return err
	}
	return s.tell(ports, func(w io.Writer) {
		for _, p := range ports {
			switch {
			case p.Phone != nil:
				hook := "on hook"
				if p.Phone.OffHook {
					hook = "off hook"
				}
				fmt.Fprintf(w, "%3d fxs %-9s feed %-15s", p.Port, hook, p.Phone.Linefeed)
				if p.Phone.Load != loop.LoadPhone {
					fmt.Fprintf(w, " %s", p.Phone.Load)
				}
				if p.Phone.Rings > 0 {
					fmt.Fprintf(w, " ringing (%d)", p.Phone.Rings)
				}
				if p.Phone.Tone != "" {
					fmt.Fprintf(w, " hears %s", p.Phone.Tone)
				}
			case p.Line != nil:
				hook := "idle"
				if p.Line.Seized {
					hook = "seized"
				}
				fmt.Fprintf(w, "%3d fxo %-9s %d V", p.Port, hook, p.Line.Volts)
				if p.Line.Reversed {
					fmt.Fprint(w, " reversed")
				}
				if p.Line.Ringing > 0 {
					fmt.Fprintf(w, " ringing (%d)", p.Line.Ringing)
				}
				if p.Line.Call != "" {
					fmt.Fprintf(w, " %s", p.Line.Call)
				}
			}
			fmt.Fprintln(w)
		}
	})
}

// rawCommand prints a result as it is; most tells whether a card may be named.
func rawCommand(verb string, most int) func(context.Context, *session, []string) error {
	return func(ctx context.Context, s *session, args []string) error {
		card := 1
		if most > 0 && len(args) > 0 {
			var err error
			if card, err = number(args[0]); err != nil {
				return err
			}
		}
		return s.raw(ctx, verb, (card-1)*loop.PortsPerCard+1, nil)
	}
}

// raw sends a request and prints the result, indented for people.
func (s *session) raw(ctx context.Context, verb string, port int, args any) error {
	var out json.RawMessage
	if _, err := s.client.Do(ctx, verb, port, s.when, args, &out); err != nil {
		return err
	}
	return s.tell(out, func(w io.Writer) {
		if string(out) == "{}" {
			return
		}
		var b bytes.Buffer
		if json.Indent(&b, out, "", "  ") == nil {
			fmt.Fprintln(w, b.String())
		}
	})
}

func regsCommand(ctx context.Context, s *session, args []string) error {
	p, err := s.port(args[0])
	if err != nil {
		return err
	}
	r, err := p.Registers(ctx)
	if err != nil {
		return err
	}
	return s.tell(r, func(w io.Writer) {
		fmt.Fprintf(w, "%s, audio %v, alaw %v, slots %d and %d\n", r.Kind, r.Audio, r.ALaw, r.TxSlot, r.RxSlot)
		for i := 0; i < len(r.Direct); i += 16 {
			fmt.Fprintf(w, "%3d:", i)
			for _, v := range r.Direct[i:min(i+16, len(r.Direct))] {
				fmt.Fprintf(w, " %02x", v)
			}
			fmt.Fprintln(w)
		}
	})
}

func faultCommand(ctx context.Context, s *session, args []string) error {
	port, err := number(args[0])
	if err != nil {
		return err
	}
	a := map[string]any{"kind": args[1]}
	for _, arg := range args[2:] {
		k, v, ok := strings.Cut(arg, "=")
		if !ok && k == "clear" {
			a["clear"] = true
			continue
		}
		n, err := number(v)
		if err != nil || (k != "count" && k != "register" && k != "mask") {
			return usage("fault: %q: clear, count=N, register=N or mask=N", arg)
		}
		a[k] = n
	}
	return s.raw(ctx, "fault", port, a)
}

func routesCommand(ctx context.Context, s *session, args []string) error {
	var set any
	if len(args) > 0 {
		data, err := os.ReadFile(args[0])
		if err != nil {
			return fmt.Errorf("reading routes: %w", err)
		}
		set = map[string]json.RawMessage{"set": data}
	}
	return s.raw(ctx, "routes", 0, set)
}

func doCommand(ctx context.Context, s *session, args []string) error {
	port := 0
	var a any
	if len(args) > 1 {
		var err error
		if port, err = number(args[1]); err != nil {
			return err
		}
	}
	if len(args) > 2 {
		if !json.Valid([]byte(args[2])) {
			return usage("do: %q is no JSON", args[2])
		}
		a = json.RawMessage(args[2])
	}
	return s.raw(ctx, args[0], port, a)
}

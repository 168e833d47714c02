package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"

	"switchroom/dahdi/tdm2400p"
	"switchroom/dahdi/tdm2400p/control"
	"switchroom/dahdi/tdm2400p/loop"
	"switchroom/dahdi/tdm2400p/vfiouser"
)

// repeated is a flag that may be given several times.
type repeated []string

func (r *repeated) String() string     { return strings.Join(*r, " ") }
func (r *repeated) Set(s string) error { *r = append(*r, s); return nil }

// serveOptions are those of `serve`.
type serveOptions struct {
	pci, ports repeated
	control    string
	country    string
	vpm, alaw  bool
	events     int
	verbose    bool
}

func (o *serveOptions) flags() *flag.FlagSet {
	f := flag.NewFlagSet("serve", flag.ContinueOnError)
	f.Var(&o.pci, "pci", "`socket` that QEMU's vfio-user-pci connects to; once for each card")
	f.StringVar(&o.control, "control", "", "`socket` of the control protocol")
	f.Var(&o.ports, "ports", "what sits in the card's `places`, like fxs:1-12,fxo:13-24; once for each card (fxs:1-24)")
	f.StringVar(&o.country, "country", "us", "`country` whose tones the exchange plays and the telephones know")
	f.BoolVar(&o.vpm, "vpm", false, "put the echo canceller module (VPMOCT032) on the cards")
	f.BoolVar(&o.alaw, "alaw", false, "silence of ports the driver has not set up yet is A-law's")
	f.IntVar(&o.events, "events", 256, "how many events each port remembers")
	f.BoolVar(&o.verbose, "v", false, "tell more")
	return f
}

// serve runs cards until ctx is done.
func (m *program) serve(ctx context.Context, args []string) error {
	var o serveOptions
	f := o.flags()
	f.SetOutput(m.stderr)
	f.Usage = func() {
		fmt.Fprintln(m.stderr, "usage: tdm2400p serve -pci SOCKET [-pci SOCKET…] -control SOCKET [-ports PLACES…] [flags]")
		f.PrintDefaults()
	}
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return errHelp
		}
		return errUsage{err.Error()}
	}
	if f.NArg() > 0 || len(o.pci) == 0 || o.control == "" {
		return usage("serve: -pci and -control are needed, and nothing else than flags")
	}
	if len(o.ports) == 0 {
		o.ports = repeated{"fxs:1-24"}
	}
	if len(o.ports) > len(o.pci) {
		return usage("serve: more -ports than -pci")
	}
	level := slog.LevelInfo
	if o.verbose {
		level = slog.LevelDebug
	}
	log := slog.New(slog.NewTextHandler(m.stderr, &slog.HandlerOptions{Level: level}))

	plant, cards, exchange, err := build(&o, log)
	if err != nil {
		return err
	}
	server, err := control.NewServer(control.Config{Plant: plant, Cards: cards, Exchange: exchange, Log: log.With("room", "control")})
	if err != nil {
		return err
	}

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel(nil) // before the wait above
	for i, card := range cards {
		l, err := vfiouser.Listen(o.pci[i])
		if err != nil {
			return fmt.Errorf("card %d: %w", i+1, err)
		}
		all.Go(func() {
			if err := vfiouser.Serve(ctx, l, card.Device(), log.With("card", i+1)); err != nil && ctx.Err() == nil {
				cancel(fmt.Errorf("card %d: %w", i+1, err))
			}
		})
	}
	// The control socket comes last: who can connect to it finds the cards.
	l, err := listen(o.control)
	if err != nil {
		return err
	}
	for i, card := range cards {
		log.Info("card ready", "card", i+1, "pci", o.pci[i], "ports", control.FormatPorts(card.Config().Ports, i*loop.PortsPerCard))
	}
	log.Info("control ready", "socket", o.control)
	if err := server.Serve(ctx, l); err != nil {
		return err
	}
	if err := context.Cause(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// build makes the cards with all that is plugged into them.
func build(o *serveOptions, log *slog.Logger) (*loop.Plant, []*tdm2400p.Card, *loop.Exchange, error) {
	plant, err := loop.NewPlant(loop.Config{Country: o.country, Events: o.events, Log: log.With("room", "loop")})
	if err != nil {
		return nil, nil, nil, errUsage{err.Error()}
	}
	var cards []*tdm2400p.Card
	for i := range o.pci {
		spec := o.ports[min(i, len(o.ports)-1)]
		places, err := control.ParsePorts(spec)
		if err != nil {
			return nil, nil, nil, errUsage{err.Error()}
		}
		card := tdm2400p.New(tdm2400p.Config{Ports: places, VPMOCT032: o.vpm, ALaw: o.alaw}, log.With("card", i+1))
		if err := plant.Plug(card, i); err != nil {
			return nil, nil, nil, err
		}
		cards = append(cards, card)
	}
	exchange := plant.NewExchange()
	for _, p := range plant.Ports() {
		if l := p.Line(); l != nil {
			exchange.Connect(l, lineNumber(p.Number()))
		}
	}
	if err := exchange.SetRoutes(defaultRoutes(plant)); err != nil {
		return nil, nil, nil, err
	}
	return plant, cards, exchange, nil
}

// lineNumber is the number under which the exchange knows the line at a port.
func lineNumber(port int) string { return fmt.Sprintf("555%04d", port) }

// defaultRoutes are the numbers that the exchange knows until it is told
// others: some scripted parties, and every line.
func defaultRoutes(p *loop.Plant) []loop.Route {
	routes := []loop.Route{
		{Number: "5551000", AnswerMS: 2000, Then: loop.ThenEcho},
		{Number: "5551001", AnswerMS: 2000, Then: loop.ThenTone},
		{Number: "5551002", AnswerMS: 2000, Then: loop.ThenSilence},
		{Number: "5551003", AnswerMS: 2000, Then: loop.ThenTone, HangupMS: 5000},
		{Number: "5551004", AnswerMS: 2000, Then: loop.ThenEcho, Reversal: true},
		{Number: "5551005", AnswerMS: -1},
		{Number: "5551006", Busy: true},
		{Number: "5551007", Congestion: true},
	}
	for _, port := range p.Ports() {
		if port.Line() != nil {
			routes = append(routes, loop.Route{Number: lineNumber(port.Number()), To: port.Number()})
		}
	}
	return routes
}

// listen opens a unix socket, in place of one that nobody serves any more.
func listen(path string) (net.Listener, error) {
	if info, err := os.Lstat(path); err == nil && info.Mode()&os.ModeSocket != 0 {
		if conn, err := net.Dial("unix", path); err == nil {
			conn.Close()
			return nil, fmt.Errorf("%s is served by another program", strconv.Quote(path))
		}
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("removing an old socket: %w", err)
		}
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("listening for control: %w", err)
	}
	return l, nil
}

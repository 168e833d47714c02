package panel

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/coreos/go-systemd/v22/daemon"

	"switchroom/appliance"
)

// The places of the box.
const (
	portsSocket = "/run/switchroom/ports.sock"
	handOver    = "/run/switchroom/boot" // left by the initramfs
	etcDir      = "/run/switchroom/etc"
	stateDir    = "/data/panel"
	// cardFile is what of the site document every service may read.
	cardFile = "/data/config/card.json"
)

// A Supervisor is who looks after the services.
type Supervisor interface {
	Box
	Status(context.Context) (appliance.Status, error)
}

// Main is `switchroom panel`, a service of Type=notify. It is ready at once:
// nothing waits for a panel. Its log goes to stderr, which the supervisor stamps
// with the time.
func Main(ctx context.Context, args []string, _, stderr io.Writer, s Supervisor) error {
	f := flag.NewFlagSet("switchroom panel", flag.ContinueOnError)
	f.SetOutput(stderr)
	device := f.String("device", "", "the panel's serial port (default: whichever has one)")
	console := f.String("console", "/dev/tty1", "a terminal for the same screens (- for none)")
	state := f.String("state", stateDir, "folder for the PIN")
	if err := f.Parse(args); err != nil {
		return err
	}
	if f.NArg() > 0 {
		return fmt.Errorf("panel takes no arguments, and has %q", f.Arg(0))
	}
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{ReplaceAttr: withoutTime}))
	notify := func(state string) {
		if _, err := daemon.SdNotify(false, state); err != nil {
			log.Warn("the supervisor is not told", "err", err)
		}
	}
	cfg := Config{
		Log: log,
		Sources: Sources{
			Name:        siteName,
			Status:      s.Status,
			Network:     func() ([]Link, Routes, error) { return SystemNetwork(etcDir) },
			Slot:        readSlot(handOver),
			PortsSocket: portsSocket,
		},
		Controls: Controls{Box: s, PINs: &PINFile{Path: filepath.Join(*state, "pin.json")}},
		Ports:    SystemPorts{Root: "/"},
		Found: func(what string) {
			if what == "" {
				what = "no panel"
			}
			notify("STATUS=" + what)
		},
	}
	if *device != "" {
		cfg.Ports = SystemPorts{Root: "/", Only: []string{*device}}
	}
	if *console != "-" {
		cfg.Console = *console
	}
	notify(daemon.SdNotifyReady + "\nSTATUS=no panel")
	Run(ctx, cfg)
	return nil
}

// siteName is what the owner calls the site, if that is told to every service;
// else what the machine is called.
func siteName() string {
	if b, err := os.ReadFile(cardFile); err == nil {
		var site struct {
			Name string `json:"name"`
		}
		if json.Unmarshal(b, &site) == nil && site.Name != "" {
			return site.Name
		}
	}
	name, err := os.Hostname()
	if err != nil {
		return ""
	}
	return name
}

func withoutTime(groups []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey && len(groups) == 0 {
		return slog.Attr{}
	}
	return a
}

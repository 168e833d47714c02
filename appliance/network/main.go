package network

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/netip"

	"github.com/coreos/go-systemd/v22/daemon"
)

// Main is `switchroom network`, a service of Type=notify. It is ready at once:
// nothing is to wait for the network. Its log goes to stderr, which the
// supervisor stamps with the time.
func Main(ctx context.Context, args []string, _, stderr io.Writer) error {
	f := flag.NewFlagSet("network", flag.ContinueOnError)
	f.SetOutput(stderr)
	iface := f.String("interface", "", "the port to use (default: the first with a cable)")
	etc := f.String("etc", "", "folder for hosts and resolv.conf (default: the box's)")
	if err := f.Parse(args); err != nil {
		return err
	}
	if f.NArg() > 0 {
		return fmt.Errorf("network takes no arguments, and has %q", f.Arg(0))
	}
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{ReplaceAttr: withoutTime}))
	notify := func(state string) {
		if _, err := daemon.SdNotify(false, state); err != nil {
			log.Warn("the supervisor is not told", "err", err)
		}
	}
	notify(daemon.SdNotifyReady)
	return Run(ctx, Config{
		Log:       log,
		Interface: *iface,
		EtcDir:    *etc,
		Status:    func(s string) { notify("STATUS=" + s) },
		Address: func(port string, a netip.Prefix) {
			notify(fmt.Sprintf("X_SWITCHROOM_MILESTONE=network address %s %s", port, a))
		},
	})
}

func withoutTime(groups []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey && len(groups) == 0 {
		return slog.Attr{}
	}
	return a
}

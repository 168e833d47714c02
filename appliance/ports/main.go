package ports

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"

	"github.com/coreos/go-systemd/v22/daemon"

	"switchroom/dahdi/ioctl"
	"switchroom/provisioning"
	"switchroom/provisioning/dahdiconf"
)

const (
	runDir   = "/run/switchroom"
	siteFile = "/data/config/card.json" // of the site document, what the card has to know
)

// Main is `switchroom ports`, with the box's loader of kernel modules. It
// logs to stderr.
func Main(ctx context.Context, args []string, stdout, stderr io.Writer, loader Loader) error {
	if len(args) > 0 {
		return fmt.Errorf("ports takes no arguments, but was given %q", args)
	}
	log := slog.New(slog.NewTextHandler(stderr, nil))
	return New(Config{
		Log:     log,
		Options: func() dahdiconf.Options { return siteOptions(log, siteFile) },
		Loader:  loader,
		Open:    func() (Driver, error) { return ioctl.Open("/") },
		Root:    "/",
		Dir:     runDir,
		Stdout:  stdout,
		Notify: func(state string) {
			if _, err := daemon.SdNotify(false, state); err != nil {
				log.Warn("telling the supervisor", "state", state, "error", err)
			}
		},
	}).Run(ctx)
}

// siteOptions takes the owner's wishes from the site document, or from the
// built-in one while there is none or it has faults.
func siteOptions(log *slog.Logger, path string) dahdiconf.Options {
	site := provisioning.Default(provisioning.Ports{})
	b, err := os.ReadFile(path)
	if err == nil {
		read, perr := provisioning.Parse(b)
		if err = perr; err == nil {
			site = read
		}
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		log.Error("the site document can't be used: the built-in country is", "country", site.Country, "error", err)
	}
	return dahdiconf.Options{Country: site.Country}
}

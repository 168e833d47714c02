package asterisk

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"switchroom/dahdi"
	"switchroom/provisioning"
	"switchroom/provisioning/asteriskconf"
)

// Paths are where [Apply] reads and writes.
type Paths struct {
	Site   string // the owner's document; the built-in site holds while there is none
	Ports  string // the ports of the cards, as the service `ports` found them
	Config string // Asterisk's folder: must exist; its group is given to the files
}

// BoxPaths are the paths on the box.
var BoxPaths = Paths{Site: "/data/site.json", Ports: "/run/switchroom/ports.json", Config: "/etc/asterisk"}

// ApplyMain is `switchroom site apply`: it makes Asterisk's configuration of
// the site document. It logs to stderr.
func ApplyMain(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) > 0 {
		return fmt.Errorf("site apply takes no arguments, but was given %q", args)
	}
	return Apply(ctx, slog.New(slog.NewTextHandler(stderr, nil)), BoxPaths)
}

// Apply reads the site document and the ports of the box and writes every file
// of Asterisk's configuration, each in one step. Asterisk is not told.
//
// A box must come up even when something is wrong with what it reads. Without
// a readable list of ports it comes up as one without a card. A document with
// faults is refused when there is a configuration already; on a box that has
// just started, where there is none, the built-in site is used instead. Both
// are logged as errors.
func Apply(ctx context.Context, log *slog.Logger, p Paths) error {
	ports, err := readPorts(p.Ports)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		log.WarnContext(ctx, "the ports of the box are not known: going on without a card", "file", p.Ports)
	case err != nil:
		log.ErrorContext(ctx, "the ports of the box can't be read: going on without a card", "error", err)
	}
	site, err := readSite(p.Site)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		site = provisioning.Default(ports)
		log.InfoContext(ctx, "no site document: the built-in site", "extensions", len(site.Extensions), "lines", len(site.Lines))
	case err != nil:
		if _, configured := os.Stat(filepath.Join(p.Config, "asterisk.conf")); configured == nil {
			return fmt.Errorf("the site document is refused, and what was applied before stays: %w", err)
		}
		site = provisioning.Default(ports)
		log.ErrorContext(ctx, "the site document is refused: the built-in site is used instead", "error", err)
	default:
		log.InfoContext(ctx, "site document read", "file", p.Site, "extensions", len(site.Extensions), "lines", len(site.Lines))
	}
	for _, u := range site.Unplugged(ports) {
		log.WarnContext(ctx, "left out: "+u)
	}
	files := asteriskconf.Render(site, ports, asteriskconf.Secrets{Manager: rand.Text()})
	changed, err := writeFiles(p.Config, files)
	if err != nil {
		return fmt.Errorf("writing Asterisk's configuration: %w", err)
	}
	log.InfoContext(ctx, "Asterisk's configuration written", "files", len(files), "changed", changed, "country", site.Country)
	return nil
}

func readPorts(path string) (provisioning.Ports, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return provisioning.Ports{}, err
	}
	var inv dahdi.Inventory
	if err := json.Unmarshal(data, &inv); err != nil {
		return provisioning.Ports{}, fmt.Errorf("%s: %w", path, err)
	}
	return provisioning.PortsOf(inv), nil
}

func readSite(path string) (provisioning.Site, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return provisioning.Site{}, err
	}
	site, err := provisioning.Parse(data)
	if err != nil {
		return provisioning.Site{}, fmt.Errorf("%s: %w", path, err)
	}
	return site, nil
}

// writeFiles makes dir hold these files and nothing else, and tells how many
// of them it changed. All are written in a folder beside them before the first
// is put in its place, so that a full disk changes nothing. The files belong
// to dir's group, which may read them.
func writeFiles(dir string, files map[string][]byte) (changed int, err error) {
	info, err := os.Stat(dir)
	if err != nil {
		return 0, err
	}
	group := int(info.Sys().(*syscall.Stat_t).Gid)
	old, err := os.ReadDir(dir)
	if err != nil {
		return 0, err
	}
	staging, err := os.MkdirTemp(dir, ".new-")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(staging)) }()
	var names []string // of what differs
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if has, err := os.ReadFile(filepath.Join(dir, name)); err == nil && bytes.Equal(has, files[name]) {
			continue
		}
		if err := writeFile(filepath.Join(staging, name), files[name], group); err != nil {
			return 0, err
		}
		names = append(names, name)
	}
	for _, name := range names {
		if err := os.Rename(filepath.Join(staging, name), filepath.Join(dir, name)); err != nil {
			return changed, err
		}
		changed++
	}
	// What is no longer made, and what an interrupted run left.
	for _, e := range old {
		if _, ours := files[e.Name()]; !ours {
			if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
				return changed, err
			}
		}
	}
	return changed, nil
}

func writeFile(path string, data []byte, group int) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Chmod(0o640), f.Chown(-1, group), f.Close())
}

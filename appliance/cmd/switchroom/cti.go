package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"strings"

	"github.com/coreos/go-systemd/v22/daemon"

	"switchroom/appliance/asterisk"
	"switchroom/appliance/asterisk/ami"
	ctiservice "switchroom/appliance/cti"
	"switchroom/appliance/cti/plan"
	"switchroom/dahdi"
	"switchroom/provisioning"
)

// cti is the service of that name.
func cti(ctx context.Context, args []string, _, stderr io.Writer) (err error) {
	f := flags("cti", stderr)
	site := f.String("site", "/run/switchroom/cti/site.json", "the site document in force")
	secret := f.String("secret", "/run/switchroom/cti/secret", "the file with the secret of the manager's user cti")
	ports := f.String("ports", "/run/switchroom/ports.json", "the ports of the cards")
	database := f.String("database", "/data/cti/cti.db", "who is logged in")
	listen := f.String("listen", "127.0.0.1:8443", "where pages reach it; without TLS, so only on this machine")
	origins := f.String("origins", "", "pages that may use it, as https://crm.example.com, separated by commas")
	address := f.String("ami", asterisk.Address, "Asterisk's manager interface")
	record := f.String("tape", "", "a file for all that Asterisk tells, to be played again in tests")
	if err := f.Parse(args); err != nil {
		return err
	}
	if f.NArg() > 0 {
		return errUsage
	}
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey && len(groups) == 0 {
			return slog.Attr{} // the supervisor stamps the lines
		}
		return a
	}}))
	p, err := ctiPlan(*site, *ports)
	if err != nil {
		return err
	}
	host, _, err := net.SplitHostPort(*listen)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("-listen %s: without TLS it is reached from this machine only", *listen)
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", *listen)
	if err != nil {
		return fmt.Errorf("listening for pages: %w", err)
	}
	cfg := ctiservice.Config{
		Plan: p, Dial: ami.DialTCP(*address), Listener: listener, Database: *database, Version: version(), Log: log,
		Secret: func() (string, error) {
			data, err := os.ReadFile(*secret)
			return strings.TrimSpace(string(data)), err
		},
		Ready: func() { _, _ = daemon.SdNotify(false, daemon.SdNotifyReady) },
		Alive: func() { _, _ = daemon.SdNotify(false, daemon.SdNotifyWatchdog) },
	}
	for o := range strings.SplitSeq(*origins, ",") {
		if o != "" {
			cfg.Origins = append(cfg.Origins, o)
		}
	}
	if *record != "" {
		file, err := os.OpenFile(*record, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
		if err != nil {
			return errors.Join(err, listener.Close())
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		cfg.Tape = file
	}
	return ctiservice.Run(ctx, cfg)
}

// ctiPlan reads what the service must know of the site.
func ctiPlan(site, ports string) (plan.Plan, error) {
	var inventory dahdi.Inventory
	data, err := os.ReadFile(ports)
	if err == nil {
		err = json.Unmarshal(data, &inventory)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return plan.Plan{}, fmt.Errorf("the ports of the box: %w", err)
	}
	if data, err = os.ReadFile(site); err != nil {
		return plan.Plan{}, fmt.Errorf("the site document: %w", err)
	}
	doc, err := provisioning.Parse(data)
	if err != nil {
		return plan.Plan{}, fmt.Errorf("the site document: %w", err)
	}
	return plan.Of(doc.Complete(provisioning.PortsOf(inventory))), nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/user"
	"strconv"
	"syscall"
	"time"

	"switchroom/appliance/asterisk"
	"switchroom/appliance/asterisk/ami"
	"switchroom/appliance/prompts"
	sitedoc "switchroom/appliance/site"
	"switchroom/appliance/supervisor/control"
	"switchroom/provisioning"
)

// provision is the user who may apply: of the box, and of Asterisk's manager.
const provision = "provision"

// site is the service of that name, and the commands that people have for the
// site document.
func site(client *control.Client) runFunc {
	return func(ctx context.Context, args []string, stdout, stderr io.Writer) error {
		c := &sitedoc.Commands{
			Stdin:  os.Stdin,
			Author: author(),
			Service: func(log *slog.Logger) (*sitedoc.Service, error) {
				if err := becomeProvision(); err != nil {
					return nil, err
				}
				return siteService(client, log), nil
			},
		}
		err := c.Run(ctx, args, stdout, stderr)
		if errors.Is(err, sitedoc.ErrUsage) {
			return errUsageTold
		}
		if errors.Is(err, sitedoc.ErrReported) {
			return errTold
		}
		return err
	}
}

// siteService wires the site to Asterisk and to the supervisor.
// SWITCHROOM_ROOT is where a test's box begins.
func siteService(client *control.Client, log *slog.Logger) *sitedoc.Service {
	paths := sitedoc.BoxPaths(os.Getenv("SWITCHROOM_ROOT"))
	address := asterisk.Address
	if a := os.Getenv("SWITCHROOM_AMI"); a != "" {
		address = a
	}
	secret := func(user string) (string, error) { return asterisk.Secret(paths.Asterisk, user) }
	return &sitedoc.Service{
		Log:    log,
		Paths:  paths,
		Secret: secret,
		Prompts: func(ctx context.Context, doc provisioning.Site) ([]sitedoc.Trouble, error) {
			store, err := prompts.Open(prompts.Config{Dir: paths.Prompts, Log: log})
			if err != nil {
				return nil, err
			}
			troubles, err := store.Apply(ctx, doc.Prompts, doc.Language)
			out := make([]sitedoc.Trouble, len(troubles))
			for i, t := range troubles {
				out[i] = t
			}
			return out, err
		},
		Applier: &asterisk.Applier{
			Log:     log,
			Dir:     paths.Asterisk,
			Connect: asterisk.Connector(log, ami.DialTCP(address), provision, func() (string, error) { return secret(provision) }),
			Listen: func(ctx context.Context) (<-chan string, error) {
				return asteriskLog(ctx, client)
			},
			Restart: func(ctx context.Context) error { return client.Do(ctx, control.OpRestart, "asterisk") },
		},
	}
}

// asteriskLog gives what Asterisk says from now on.
func asteriskLog(ctx context.Context, client *control.Client) (<-chan string, error) {
	began := time.Now()
	// To be refused is to be told now, and not when it is listened.
	if _, err := client.Status(ctx); err != nil {
		return nil, err
	}
	lines := make(chan string, 256)
	go func() {
		defer close(lines)
		// What is said before the supervisor has heard us is among the last
		// lines; what was said before we came, too.
		for r, err := range client.Logs(ctx, "asterisk", 1000, true) {
			if err != nil {
				return
			}
			if r.Time.Before(began) {
				continue
			}
			select {
			case lines <- r.Text:
			case <-ctx.Done():
				return
			}
		}
	}()
	return lines, nil
}

// author is who gives a command.
func author() string {
	for _, name := range []string{os.Getenv("SUDO_USER"), os.Getenv("USER")} {
		if name != "" {
			return name
		}
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "?"
}

// becomeProvision gives up root's rights on a box, for good: what a person
// types in the rescue shell is done by the user who does it at boot.
func becomeProvision() error {
	if os.Geteuid() != 0 {
		return nil
	}
	u, err := user.Lookup(provision)
	if err != nil {
		return nil // not a box
	}
	uid, err1 := strconv.Atoi(u.Uid)
	gid, err2 := strconv.Atoi(u.Gid)
	groups := []int{gid}
	if g, err := user.LookupGroup("asterisk"); err == nil {
		if n, err := strconv.Atoi(g.Gid); err == nil {
			groups = append(groups, n)
		}
	}
	err = errors.Join(err1, err2)
	if err == nil {
		err = errors.Join(syscall.Setgroups(groups), syscall.Setresgid(gid, gid, gid))
	}
	if err == nil {
		err = syscall.Setresuid(uid, uid, uid)
	}
	if err != nil {
		return fmt.Errorf("becoming the user %s: %w", provision, err)
	}
	return nil
}

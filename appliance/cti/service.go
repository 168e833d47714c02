// Package cti is the service between Asterisk and the people of the call
// centre: it knows who sits where and what goes on, does what agents and
// supervisors ask for, and tells their pages.
//
// Its rooms, from Asterisk to the page:
//
//	live      the state: a pure fold over events and snapshots
//	tape      recorded events, to be played again
//	sessions  who is logged in, the audit log, notes about calls: SQLite
//	floor     keeps the state up, and Asterisk's queues as the sessions say
//	command   what can be done, as a table
//	feed      what clients are sent, resumed over breaks
//	web       HTTP and WebSocket
//	plan      what all of them take from the site document
//	fault     what people are told when something can't be done
//	lab       tests of all of it against the real Asterisk
//
// If the service dies, no call is touched: Asterisk keeps its queues and their
// members. When it is back, sessions are those of before.
package cti

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"switchroom/appliance/asterisk/ami"
	"switchroom/appliance/cti/command"
	"switchroom/appliance/cti/feed"
	"switchroom/appliance/cti/floor"
	"switchroom/appliance/cti/live"
	"switchroom/appliance/cti/plan"
	"switchroom/appliance/cti/sessions"
	"switchroom/appliance/cti/tape"
	"switchroom/appliance/cti/web"
)

// User is the service's name at Asterisk's manager interface.
const User = "cti"

// Config is what the service needs.
type Config struct {
	Plan     plan.Plan
	Dial     func(context.Context) (net.Conn, error) // to Asterisk's manager interface
	Secret   func() (string, error)                  // of User; asked for every log-in
	Listener net.Listener                            // is closed
	Database string
	Origins  []string // of pages that may use it
	Version  string
	Log      *slog.Logger
	Tape     io.Writer // everything that Asterisk tells, for who looks for a fault; may be nil

	Ready func() // is called once, when requests are answered
	Alive func() // is called every few seconds while nothing hangs
}

// Run runs the service until the context ends; then it returns nil.
func Run(ctx context.Context, cfg Config) (err error) {
	defer func() { err = errors.Join(err, ignoreClosed(cfg.Listener.Close())) }()
	book, err := sessions.Open(ctx, cfg.Database)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, book.Close()) }()
	key, err := book.Key(ctx, "tokens")
	if err != nil {
		return err
	}
	client := ami.New(ami.Config{Dial: cfg.Dial, Log: cfg.Log, Login: func(context.Context) (ami.Login, error) {
		secret, err := cfg.Secret()
		return ami.Login{User: User, Secret: secret}, err
	}})
	out := feed.New(feed.Config{Epoch: rand.Text(), Mask: cfg.Plan.Mask, Log: cfg.Log})
	fc := floor.Config{Plan: cfg.Plan, Asterisk: client, Events: client.Subscribe(0, live.Events()...), Sessions: book, Log: cfg.Log, Publish: out.Publish}
	if cfg.Tape != nil {
		fc.Recorder = tape.NewWriter(cfg.Tape)
	}
	f := floor.New(fc)
	site := web.New(web.Config{Floor: f, Desk: command.New(f, book, cfg.Log), Feed: out, Book: book, Key: key, Origins: cfg.Origins, Log: cfg.Log, Version: cfg.Version})
	server := &http.Server{Handler: site, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(cfg.Log.Handler(), slog.LevelDebug)}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return client.Run(ctx) })
	group.Go(func() error { return f.Run(ctx) })
	group.Go(func() error { return site.Run(ctx) })
	group.Go(func() error { return server.Serve(cfg.Listener) })
	group.Go(func() error {
		<-ctx.Done()
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
		defer cancel()
		if err := server.Shutdown(bounded); err != nil {
			return fmt.Errorf("ending the requests: %w", errors.Join(err, server.Close()))
		}
		return ctx.Err()
	})
	group.Go(func() error { return alive(ctx, f, cfg.Alive) })
	if cfg.Ready != nil {
		cfg.Ready()
	}
	err = group.Wait()
	if errors.Is(err, context.Canceled) || errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return err
}

// alive tells that the state can be looked at: whatever hangs would hold it.
func alive(ctx context.Context, f *floor.Floor, tell func()) error {
	tick := time.NewTicker(5 * time.Second)
	defer tick.Stop()
	for {
		f.Look(func(*live.State) {})
		if tell != nil {
			tell()
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

package main

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"switchroom/appliance"
	"switchroom/appliance/supervisor/control"
	"switchroom/appliance/supervisor/journal"
)

// quiet is a manager that has nothing to tell.
type quiet struct{ control.Manager }

func (quiet) Status(context.Context) (appliance.Status, error) { return appliance.Status{}, nil }

// Who applies hears what Asterisk says from then on, and nothing from before.
func TestAsteriskLog(t *testing.T) {
	dir, err := os.MkdirTemp("", "log") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	client := &control.Client{Path: filepath.Join(dir, control.SocketName)}
	if _, err := asteriskLog(t.Context(), client); err == nil {
		t.Error("without a supervisor there is a log")
	}
	j := journal.New(journal.Config{})
	server, err := control.Listen(control.ServerConfig{Path: client.Path, Log: slog.New(slog.DiscardHandler), Manager: quiet{}, Journal: j})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var serving sync.WaitGroup
	serving.Go(func() { server.Run(ctx) })
	defer serving.Wait()
	defer stop()

	j.Add("asterisk", journal.Error, "ERROR[1]: config.c:1 f: long ago")
	lines, err := asteriskLog(ctx, client)
	if err != nil {
		t.Fatal(err)
	}
	// Before the supervisor has heard of us, perhaps.
	j.Add("asterisk", journal.Error, "ERROR[1]: config.c:1 f: first")
	j.Add("network", journal.Error, "of another")
	j.Add("asterisk", journal.Error, "ERROR[1]: config.c:1 f: second")
	for _, want := range []string{"first", "second"} {
		if got := <-lines; got != "ERROR[1]: config.c:1 f: "+want {
			t.Errorf("heard %q, want %s", got, want)
		}
	}
}

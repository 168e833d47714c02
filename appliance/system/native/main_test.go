//go:build native

package native_test

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"switchroom/appliance/system/native/lab"
)

// image is what all scenarios run on, made once by TestMain.
var image *lab.Image

// library knows the prompts.
var library = lab.NewLibrary()

func TestMain(m *testing.M) {
	flag.Parse()
	// Scenarios wait most of the time, for people who listen and prompts that are played.
	if f := flag.Lookup("test.parallel"); f.Value.String() == f.DefValue {
		if err := f.Value.Set("12"); err != nil {
			panic(err)
		}
	}
	status, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}

func run(m *testing.M) (int, error) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	var err error
	if image, err = lab.Build(ctx, slog.New(slog.NewTextHandler(os.Stderr, nil)), os.Stderr); err != nil {
		return 0, err
	}
	status, done, err := lab.Enter(ctx, image)
	if done || err != nil {
		return status, err
	}
	return m.Run(), nil
}

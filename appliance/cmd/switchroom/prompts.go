package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"switchroom/appliance/prompts"
)

// spoken is the command for the owner's recordings. SWITCHROOM_ROOT is where a test's box begins.
func spoken(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if err := becomeProvision(); err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	store, err := prompts.Open(prompts.Config{Dir: filepath.Join("/", os.Getenv("SWITCHROOM_ROOT"), "data", "prompts"), Log: log})
	if err != nil {
		return err
	}
	err = prompts.Main(ctx, store, args, os.Stdin, stdout, stderr)
	var fault *prompts.Fault
	switch {
	case errors.Is(err, prompts.ErrUsage):
		return errUsageTold
	case errors.As(err, &fault):
		return errTold
	}
	return err
}

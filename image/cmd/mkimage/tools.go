package main

import (
	"bytes"
	"context"
	"fmt"

	"switchroom/image/disk"
	"switchroom/image/packages"
)

// toolbox runs the locked tools for the rooms that make file systems.
type toolbox struct{ box *packages.Sandbox }

// workPlace is where a command's folder is inside the sandbox.
const workPlace = "/work"

// Run implements disk.Tools.
func (t toolbox) Run(ctx context.Context, c disk.Command) error {
	cmd := t.box.Command(ctx, packages.RunOptions{
		Dir:   workPlace,
		Binds: []packages.Bind{{Host: c.Dir, Guest: workPlace, Writable: true}},
		Env:   c.Env,
	}, c.Name, c.Args...)
	var said bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = c.Stdin, &said, &said
	if c.Stdout != nil {
		cmd.Stdout = c.Stdout
	}
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w\n%s", c.Name, err, bytes.TrimSpace(said.Bytes()))
	}
	return nil
}

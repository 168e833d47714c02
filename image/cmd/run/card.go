package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// card is one emulated card, a process of its own: a tdm2400p that serves its
// PCI side to QEMU and its telephones on a control socket.
type card struct {
	pci, control string
	cmd          *exec.Cmd
	ended        chan struct{}
	err          error
}

// startCard starts the emulator and waits until its sockets are there. It is
// not ended by ctx: QEMU aborts when a card goes away, so the card goes last.
func startCard(ctx context.Context, program, dir string, number int, ports string, out io.Writer) (*card, error) {
	c := &card{
		pci:     filepath.Join(dir, "pci"+strconv.Itoa(number)+".sock"),
		control: filepath.Join(dir, "card"+strconv.Itoa(number)+".sock"),
		ended:   make(chan struct{}),
	}
	c.cmd = exec.Command(program, "serve", "-pci", c.pci, "-control", c.control, "-ports", ports)
	c.cmd.Stdout, c.cmd.Stderr = out, out
	// A process group of its own: Ctrl-C is for us, and we end it in order.
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the emulated card: %w", err)
	}
	go func() {
		defer close(c.ended)
		c.err = c.cmd.Wait()
	}()
	if err := waitForSocket(ctx, c.ended, c.control); err != nil {
		c.stop()
		return nil, fmt.Errorf("starting the emulated card with ports %q: %w", ports, errors.Join(err, c.err))
	}
	return c, nil
}

// stop ends the card and waits until it is gone.
func (c *card) stop() {
	_ = c.cmd.Process.Signal(syscall.SIGTERM) // an error means that it is gone already
	<-c.ended
}

// waitForSocket waits until a program listens on a socket, or has ended.
func waitForSocket(ctx context.Context, ended <-chan struct{}, path string) error {
	retry := time.NewTicker(10 * time.Millisecond)
	defer retry.Stop()
	for {
		var d net.Dialer
		if conn, err := d.DialContext(ctx, "unix", path); err == nil {
			return conn.Close()
		}
		select {
		case <-retry.C:
		case <-ended:
			return errors.New("it ended before it listened")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

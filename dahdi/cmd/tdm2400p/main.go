// Command tdm2400p runs emulated TDM2400P cards, and works the telephones and
// lines that are plugged into them.
//
// `tdm2400p serve` is the card: QEMU connects to its PCI socket, people and
// tests to its control socket. Everything else is a verb sent to a control
// socket: see `tdm2400p help`.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	m := program{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, socket: os.Getenv("TDM2400P_CONTROL")}
	err := m.run(ctx, os.Args[1:])
	stop()
	os.Exit(m.status(err))
}

// program is the command with its surroundings, so that tests can run it.
type program struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	socket         string // the control socket if no flag names one
	json           bool
}

// The exit statuses.
const (
	exitFailed  = 1 // could not be done
	exitUsage   = 2 // not understood
	exitTimeout = 3 // a wait came to its time
)

// errUsage is a command line that was not understood.
type errUsage struct{ text string }

func (e errUsage) Error() string { return e.text }

func usage(format string, v ...any) error { return errUsage{fmt.Sprintf(format, v...)} }

// status tells people what went wrong and gives the exit status.
func (m *program) status(err error) int {
	var bad errUsage
	switch {
	case err == nil, errors.Is(err, errHelp):
		return 0
	case errors.As(err, &bad):
		fmt.Fprintln(m.stderr, "tdm2400p:", err)
		fmt.Fprintln(m.stderr, "Try: tdm2400p help")
		return exitUsage
	case isTimeout(err):
		fmt.Fprintln(m.stderr, "tdm2400p:", err)
		return exitTimeout
	}
	fmt.Fprintln(m.stderr, "tdm2400p:", err)
	return exitFailed
}

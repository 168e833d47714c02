package rescue

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/term"
)

// Shell is the program that is started, and its search path.
const (
	Shell = "/usr/bin/gosh"
	path  = "PATH=/usr/bin:/usr/sbin"
)

// guesses at the password end the program; the service starts it again, later
// each time.
const guesses = 3

// Main is `switchroom rescue`, which does not return when the shell is started,
// and `switchroom rescue allow`, which prints the kernel's argument for a
// password.
func Main(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	switch {
	case len(args) == 1 && args[0] == "allow":
		fmt.Fprint(stderr, "A password for the shell on the serial console: ")
		password, err := readPassword(os.Stdin)
		fmt.Fprintln(stderr)
		if err != nil {
			return err
		}
		a, err := Allow(password)
		if err != nil {
			return err
		}
		fmt.Fprintln(stdout, a)
		return nil
	case len(args) > 0:
		return fmt.Errorf("rescue: %q is not understood; allow is", args)
	}
	cmdline, err := os.ReadFile("/proc/cmdline")
	if err != nil {
		return fmt.Errorf("looking whether a shell is allowed: %w", err)
	}
	a, err := FindAllowance(string(cmdline))
	if err != nil {
		return err
	}
	if err := logIn(ctx, a, stdout, func() (string, error) { return readPassword(os.Stdin) }); err != nil {
		return err
	}
	env := []string{path, "HOME=/tmp", "TERM=vt100"}
	if err := syscall.Exec(Shell, []string{"gosh"}, env); err != nil {
		return fmt.Errorf("starting %s: %w", Shell, err)
	}
	return nil
}

var errWrong = errors.New("the password was wrong too often")

// logIn asks for the password until it is right.
func logIn(ctx context.Context, a Allowance, out io.Writer, read func() (string, error)) error {
	for range guesses {
		fmt.Fprint(out, "\r\nSwitchroom rescue shell. The password, please:\r\n")
		password, err := read()
		if err != nil {
			return fmt.Errorf("reading the password: %w", err)
		}
		if a.Admits(password) {
			fmt.Fprint(out, "\r\n")
			return nil
		}
		fmt.Fprint(out, "\r\nThat is not it.\r\n")
		select {
		case <-time.After(2 * time.Second): // each guess costs time
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return errWrong
}

// readPassword reads a line, without showing it if it is typed.
func readPassword(f *os.File) (string, error) {
	if term.IsTerminal(int(f.Fd())) {
		b, err := term.ReadPassword(int(f.Fd()))
		return string(b), err
	}
	line, err := bufio.NewReader(f).ReadString('\n')
	if err != nil && !(errors.Is(err, io.EOF) && line != "") {
		return "", err
	}
	return strings.TrimRight(line, "\r\n"), nil
}

// Panel is an emulated front panel for the bench: it makes a serial port for
// `switchroom panel -device …`, or connects to one of a virtual machine, draws
// what its display shows whenever that changes, and presses the keys that are
// written to its standard input.
//
//	panel                          makes a pseudo-terminal and prints its path
//	panel -connect panel.sock      is at the other end of QEMU's
//	                               -chardev socket,path=panel.sock,server=on,…
//	panel -model CFA-631           is another of the modules
//
// Each line of the input is a command:
//
//	up down left right enter exit  presses keys, any number of them
//	show                           draws the display again
//	off                            loses its power for a moment
//	slow 300ms                     takes so long for each answer from now on
//	crc 3                          spoils every third check sum
//	deaf 1                         hears nothing
//	noise 2                        sends rubbish before every second answer
//	well                           nothing is wrong any more
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"switchroom/appliance/panel/cfa635"
	"switchroom/appliance/panel/emulated"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "panel:", err)
		os.Exit(1)
	}
}

// run is a panel until the context ends, the line does, or a command is wrong.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	f := flag.NewFlagSet("panel", flag.ContinueOnError)
	f.SetOutput(stderr)
	name := f.String("model", "CFA-635", "CFA-635, CFA-631 or CFA-633")
	socket := f.String("connect", "", "a unix socket to be at the other end of (default: a pseudo-terminal is made)")
	if err := f.Parse(args); err != nil {
		return err
	}
	if f.NArg() > 0 {
		return fmt.Errorf("%q is not understood", f.Arg(0))
	}
	models := cfa635.Models()
	i := slices.IndexFunc(models, func(m *cfa635.Model) bool { return m.Name == *name })
	if i < 0 {
		return fmt.Errorf("there is no model %q", *name)
	}
	p := emulated.New(models[i])
	line, err := open(*socket, stdout)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer context.AfterFunc(ctx, func() { line.Close() })()
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { cancel(p.Serve(line)) })
	commands := make(chan string)
	go func() { // may wait for a terminal for ever, which nobody waits for
		s := bufio.NewScanner(stdin)
		for s.Scan() {
			select {
			case commands <- s.Text():
			case <-ctx.Done():
				return
			}
		}
	}()
	pictures := make(chan string)
	wg.Go(func() { watch(ctx, p, pictures) })
	for {
		var text string
		select {
		case text = <-pictures:
		case command := <-commands:
			text, err = obey(p, command)
			if err != nil {
				text = err.Error() + "\n"
			}
		case <-ctx.Done():
			line.Close()
			return context.Cause(ctx)
		}
		if _, err := io.WriteString(stdout, text); err != nil {
			cancel(err)
		}
	}
}

func open(socket string, stdout io.Writer) (io.ReadWriteCloser, error) {
	if socket != "" {
		conn, err := net.Dial("unix", socket)
		if err != nil {
			return nil, fmt.Errorf("connecting: %w", err)
		}
		return conn, nil
	}
	pty, err := emulated.OpenPTY()
	if err != nil {
		return nil, err
	}
	if _, err := fmt.Fprintln(stdout, pty.Path); err != nil {
		pty.Close()
		return nil, err
	}
	return pty, nil
}

// settle is how long a display has to be the same to be drawn: a screen is
// written line by line.
const settle = 100 * time.Millisecond

// watch gives every picture that stays for a moment.
func watch(ctx context.Context, p *emulated.Panel, pictures chan<- string) {
	for last := ""; ; {
		picture, err := p.Await(ctx, func(picture string) bool { return picture != last })
		if err != nil {
			return
		}
		select {
		case <-time.After(settle):
		case <-ctx.Done():
			return
		}
		if p.Picture() != picture {
			continue
		}
		select {
		case pictures <- picture:
			last = picture
		case <-ctx.Done():
			return
		}
	}
}

// obey does a command and gives what it prints.
func obey(p *emulated.Panel, command string) (string, error) {
	words := strings.Fields(command)
	if len(words) == 0 {
		return "", nil
	}
	count := func() (int, error) {
		if len(words) != 2 {
			return 0, fmt.Errorf("%s wants a number", words[0])
		}
		return strconv.Atoi(words[1])
	}
	var f emulated.Faults
	var err error
	switch words[0] {
	case "show":
		return p.Picture(), nil
	case "off":
		p.PowerOn()
		return "", nil
	case "well":
	case "slow":
		if len(words) != 2 {
			return "", errors.New("slow wants a duration")
		}
		f.Slow, err = time.ParseDuration(words[1])
	case "crc":
		f.CRCEvery, err = count()
	case "deaf":
		f.DeafEvery, err = count()
	case "noise":
		f.NoiseEvery, err = count()
		f.Noise = []byte{0x80, 22, 0xFF, 0, 0x41}
	default:
		return "", press(p, words)
	}
	if err == nil {
		p.Inject(f)
	}
	return "", err
}

func press(p *emulated.Panel, names []string) error {
	for _, name := range names {
		key := cfa635.KeyUp
		for key.String() != name {
			if key++; key > cfa635.KeyExit {
				return fmt.Errorf("%q is neither a command nor a key", name)
			}
		}
		if err := p.Tap(key); err != nil {
			return err
		}
	}
	return nil
}

package panel

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"switchroom/appliance/panel/cfa635"
)

// console is the machine's own screen and keyboard, in text mode, as a display.
type console struct {
	tty           *os.File
	columns, rows int
	keys          chan Input
	done          chan struct{}
	shown         Frame
}

const (
	// The size of a screen that does not tell it.
	usualColumns, usualRows = 80, 25
	// escapeWithin is how long the rest of a key's sequence takes to come: an
	// Escape without one was the key of that name.
	escapeWithin = 50 * time.Millisecond
	// consoleAgain is how long after it failed the console is tried again.
	consoleAgain = 10 * time.Second
)

// openConsole opens a terminal and has it give keys as they are pressed.
func openConsole(path string) (*console, error) {
	// Non-blocking, so that Close ends a Read.
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("opening the console: %w", err)
	}
	c := &console{tty: f, columns: usualColumns, rows: usualRows, keys: make(chan Input), done: make(chan struct{})}
	conn, err := f.SyscallConn()
	if err == nil {
		var inner error
		err = errors.Join(conn.Control(func(fd uintptr) { inner = c.setUp(int(fd)) }), inner)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("setting up the console: %w", err)
	}
	return c, nil
}

func (c *console) setUp(fd int) error {
	if ws, err := unix.IoctlGetWinsize(fd, unix.TIOCGWINSZ); err == nil && ws.Row >= 4 && ws.Col >= 20 {
		c.columns, c.rows = int(ws.Col), int(ws.Row)
	}
	t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return err
	}
	t.Lflag &^= unix.ECHO | unix.ICANON | unix.ISIG | unix.IEXTEN
	t.Iflag &^= unix.ICRNL | unix.IXON
	return unix.IoctlSetTermios(fd, unix.TCSETS, t)
}

func (c *console) size() (int, int)      { return c.columns, c.rows }
func (c *console) inputs() <-chan Input  { return c.keys }
func (c *console) gone() <-chan struct{} { return c.done }

// show draws the lines that differ.
func (c *console) show(_ context.Context, f Frame, anew bool) error {
	text := draw(c.shown, f, anew)
	c.shown = f
	if text == "" {
		return nil
	}
	// A screen that is held (Scroll Lock) must not hold us.
	_ = c.tty.SetWriteDeadline(time.Now().Add(2 * time.Second))
	if _, err := c.tty.WriteString(text); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("writing on the console: %w", err)
	}
	return nil
}

// draw gives the control sequences (ECMA-48, as console_codes(4) has them) that
// make a screen with one frame show the other.
func draw(was, now Frame, anew bool) string {
	var b strings.Builder
	if anew {
		b.WriteString("\x1b[?25l\x1b[0m") // no cursor, plain
	}
	for row, line := range now.Lines {
		if !anew && row < len(was.Lines) && was.Lines[row] == line {
			continue
		}
		// Erased to the end, and the last column is left alone: a character
		// there could scroll the screen.
		fmt.Fprintf(&b, "\x1b[%d;1H%s\x1b[K", row+1, strings.TrimRight(printable(line), " "))
	}
	return b.String()
}

// printable replaces what a text console can't show, or what would control it.
func printable(line string) string {
	return strings.Map(func(r rune) rune {
		if r >= ' ' && r < 0x7F || r >= 0xA0 && r <= 0xFF {
			return r
		}
		return '?'
	}, line)
}

// read passes on the keys until the terminal ends or the context does.
func (c *console) read(ctx context.Context) {
	defer close(c.done)
	var pending []byte
	buf := make([]byte, 64)
	for {
		var deadline time.Time // none
		if len(pending) > 0 {
			deadline = time.Now().Add(escapeWithin)
		}
		_ = c.tty.SetReadDeadline(deadline)
		n, err := c.tty.Read(buf)
		late := errors.Is(err, os.ErrDeadlineExceeded)
		pending = append(pending, buf[:n]...)
		if err != nil && !late {
			return
		}
		for {
			in, used := parseKeys(pending, late)
			if used == 0 {
				break
			}
			pending = pending[used:]
			if in == (Input{}) {
				continue
			}
			select {
			case c.keys <- in:
			case <-ctx.Done():
				return
			}
		}
	}
}

// parseKeys reads the first key of what has come; nothing is used if it is not
// whole. late says that nothing more comes.
func parseKeys(b []byte, late bool) (in Input, used int) {
	if len(b) == 0 {
		return Input{}, 0
	}
	switch c := b[0]; {
	case c == '\r' || c == '\n':
		return Input{Key: cfa635.KeyEnter}, 1
	case c == 0x7F || c == '\b':
		return Input{Key: cfa635.KeyLeft}, 1
	case c >= '0' && c <= '9':
		return Input{Digit: rune(c)}, 1
	case c != 0x1B:
		return Input{}, 1
	}
	if len(b) == 1 {
		if late {
			return Input{Key: cfa635.KeyExit}, 1
		}
		return Input{}, 0
	}
	if b[1] != '[' && b[1] != 'O' {
		return Input{Key: cfa635.KeyExit}, 1
	}
	// A sequence ends with a byte from @ to ~; the Linux console's F1 to F5 are
	// one more bracket and a letter.
	for i := 2; i < len(b); i++ {
		if b[i] == '[' && i == 2 || b[i] < '@' || b[i] > '~' {
			continue
		}
		key := map[byte]cfa635.Key{'A': cfa635.KeyUp, 'B': cfa635.KeyDown, 'C': cfa635.KeyRight, 'D': cfa635.KeyLeft}[b[i]]
		if i > 2 {
			key = cfa635.KeyNone
		}
		return Input{Key: key}, i + 1
	}
	if late || len(b) > 16 {
		return Input{}, len(b)
	}
	return Input{}, 0
}

// attendConsole keeps the screens on the console until the context ends.
func attendConsole(ctx context.Context, path string, w *watcher, c Controls, log *slog.Logger) {
	told := ""
	for ctx.Err() == nil {
		err := oneConsole(ctx, path, w, c)
		if err != nil && ctx.Err() == nil && err.Error() != told {
			told = err.Error()
			log.Warn("nothing is shown on the console", "path", path, "err", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(consoleAgain):
		}
	}
}

func oneConsole(ctx context.Context, path string, w *watcher, c Controls) error {
	con, err := openConsole(path)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer func() {
		cancel()
		con.tty.Close()
		<-con.done
	}()
	go con.read(ctx)
	return face(ctx, con, w, c)
}

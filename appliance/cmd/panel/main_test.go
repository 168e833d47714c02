package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"switchroom/appliance/panel"
	"switchroom/appliance/panel/cfa635"
)

// patience is how long an answer may take on a machine that has other things to
// do.
const patience = 20 * time.Second

// TestBench: a program that opens the printed port finds a module there, what
// it writes is drawn, and keys that are typed reach it.
func TestBench(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	in, typed := io.Pipe()
	printed, out := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, []string{"-model", "CFA-631"}, in, out, io.Discard)
		out.Close()
	}()
	lines := bufio.NewScanner(printed)
	until := func(text string) {
		t.Helper()
		for lines.Scan() {
			if strings.Contains(lines.Text(), text) {
				return
			}
		}
		t.Fatalf("%q is never printed: %v", text, lines.Err())
	}
	if !lines.Scan() {
		t.Fatal("no path is printed")
	}
	line, err := panel.SystemPorts{}.Open(lines.Text(), 115200)
	if err != nil {
		t.Fatal(err)
	}
	m, err := cfa635.Open(ctx, line, patience)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Write(ctx, 0, 1, "hello"); err != nil {
		t.Fatal(err)
	}
	until("|hello")
	if _, err := io.WriteString(typed, "up exit\nleft\n"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []cfa635.KeyEvent{{Key: cfa635.KeyUp, Down: true}, {Key: cfa635.KeyUp}, {Key: cfa635.KeyExit, Down: true}, {Key: cfa635.KeyExit}} {
		if got := <-m.Keys(); got != want {
			t.Errorf("key %v; want %v", got, want)
		}
	}
	until("has no key left")
	if _, err := io.WriteString(typed, "deaf 1\nshow\n"); err != nil {
		t.Fatal(err)
	}
	until("CFA-631")
	brief, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	if err := m.Ping(brief); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Ping of a deaf panel: %v", err)
	}
	m.Close()
	stop()
	typed.Close()
	for lines.Scan() {
	}
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("it ended with %v", err)
	}
}

// TestConnect: at the other end of a socket, as QEMU's; when that ends, so does
// the panel.
func TestConnect(t *testing.T) {
	path := filepath.Join(t.TempDir(), "panel.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ended := make(chan error, 1)
	go func() {
		ended <- run(t.Context(), []string{"-connect", path}, strings.NewReader(""), io.Discard, io.Discard)
	}()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	m, err := cfa635.Open(t.Context(), conn, patience)
	if err != nil {
		t.Fatal(err)
	}
	if m.Model.Name != "CFA-635" {
		t.Errorf("it is a %s", m.Model.Name)
	}
	m.Close()
	if err := <-ended; !errors.Is(err, io.EOF) {
		t.Errorf("it ended with %v", err)
	}
}

func TestWrong(t *testing.T) {
	for _, args := range [][]string{{"-model", "CFA-1"}, {"x"}, {"-connect", "/nonexistent"}, {"-y"}} {
		if err := run(t.Context(), args, strings.NewReader(""), io.Discard, io.Discard); err == nil {
			t.Errorf("%q is no error", args)
		}
	}
}

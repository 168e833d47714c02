package qemu

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"switchroom/image/packages"
)

func TestArguments(t *testing.T) {
	has := func(t *testing.T, args []string, want ...string) {
		t.Helper()
		for i := range args {
			if len(args)-i >= len(want) && slices.Equal(args[i:i+len(want)], want) {
				return
			}
		}
		t.Errorf("no %q in %q", want, args)
	}
	c := Config{
		Disk: "/b/a.img", Dir: "/d,d", Firmware: UEFI,
		Cards:    []string{"/c/1.sock", "/c/2.sock"},
		Forwards: []Forward{{"tcp", 8443, 443}, {"udp", 5060, 5060}},
	}.withDefaults()
	args, err := c.args()
	if err != nil {
		t.Fatal(err)
	}
	has(t, args, "-machine", "q35,memory-backend=mem0,accel=tcg")
	has(t, args, "-object", "memory-backend-memfd,id=mem0,size=1024M,share=on")
	has(t, args, "-blockdev", `{"discard":"unmap","driver":"qcow2","file":{"driver":"file","filename":"/d,d/disk.qcow2"},"node-name":"disk0"}`)
	has(t, args, "-netdev", "user,id=net0,restrict=on,hostname=switchroom,hostfwd=tcp:127.0.0.1:8443-:443,hostfwd=udp:127.0.0.1:5060-:5060")
	has(t, args, "-device", `{"driver":"vfio-user-pci","socket":{"path":"/c/1.sock","type":"unix"}}`,
		"-device", `{"driver":"vfio-user-pci","socket":{"path":"/c/2.sock","type":"unix"}}`)
	has(t, args, "-drive", "if=pflash,unit=1,format=raw,file=/d,,d/ovmf-vars.fd")
	wantBinds := []packages.Bind{{Host: "/b", Guest: "/b"}, {Host: "/c", Guest: "/c", Writable: true}, {Host: "/d,d", Guest: "/d,d", Writable: true}}
	if diff := cmp.Diff(wantBinds, c.binds()); diff != "" {
		t.Errorf("binds (-want +got):\n%s", diff)
	}

	c.Firmware, c.Accel = BIOS, KVM
	if args, err = c.args(); err != nil {
		t.Fatal(err)
	}
	has(t, args, "-cpu", "host")
	for _, a := range args {
		if strings.Contains(a, "pflash") {
			t.Errorf("%q in the arguments of a BIOS machine", a)
		}
	}
}

func TestConsole(t *testing.T) {
	ctx := t.Context()
	c := newConsole(time.Now())
	r, w := io.Pipe()
	var log strings.Builder
	done := make(chan error, 1)
	go func() { done <- c.read(r, &log) }()
	go func() {
		for _, s := range []string{"\x1b[2J\x1b[1;1Hhel", "lo\r\nsecond\n", strings.Repeat("x", 3*maxLineBytes), "\nready in 7 s\nlog", "in: "} {
			io.WriteString(w, s)
		}
		w.Close()
	}()
	l, m, err := c.Wait(ctx, 0, regexp.MustCompile(`ready in (\d+)`))
	if err != nil {
		t.Fatal(err)
	}
	if l.Number != 4 || m[1] != "7" {
		t.Errorf("found line %d with %q; want line 4 with 7", l.Number, m)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	var got []string
	for n := 0; ; {
		l, err := c.Next(ctx, n)
		if err != nil {
			if err != io.EOF {
				t.Fatal(err)
			}
			break
		}
		got, n = append(got, l.Text), l.Number
	}
	want := []string{"hello", "second", strings.Repeat("x", maxLineBytes), "ready in 7 s"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	_, _, err = c.Wait(ctx, l.Number, regexp.MustCompile("never"))
	if !errors.Is(err, io.EOF) || !strings.Contains(err.Error(), "login: ") {
		t.Errorf("waiting in vain: %v; want io.EOF with what stands on the console", err)
	}
	if !strings.HasPrefix(log.String(), "\x1b[2J") {
		t.Errorf("the log begins with %.20q; want the bytes as they came", log.String())
	}
}

func TestConsoleForgetsOldLines(t *testing.T) {
	c := newConsole(time.Now())
	for i := 1; i <= maxLines+10; i++ {
		c.add(fmt.Appendf(nil, "line %d\n", i))
	}
	if got, want := c.Last(), maxLines+10; got != want {
		t.Errorf("the last line is %d; want %d", got, want)
	}
	l, err := c.Next(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("line %d", l.Number); l.Text != want || l.Number == 1 {
		t.Errorf("the oldest line is %d %q; want a later one that says %q", l.Number, l.Text, want)
	}
}

// TestQMP holds the client against a server that sends events between answers,
// refuses a command, and falls silent.
func TestQMP(t *testing.T) {
	path := filepath.Join(t.TempDir(), "qmp.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		fmt.Fprintln(conn, `{"QMP": {"version": {}, "capabilities": []}}`)
		in := bufio.NewScanner(conn)
		for in.Scan() {
			var req struct{ Execute string }
			if json.Unmarshal(in.Bytes(), &req) != nil {
				return
			}
			switch req.Execute {
			case "qmp_capabilities":
				fmt.Fprintln(conn, `{"return": {}}`)
			case "query-status":
				fmt.Fprintln(conn, `{"event": "RTC_CHANGE"}`)
				fmt.Fprintln(conn, `{"return": {"status": "running"}}`)
			case "wrong":
				fmt.Fprintln(conn, `{"error": {"class": "CommandNotFound", "desc": "no such thing"}}`)
			}
		}
	}()
	ctx := t.Context()
	q, err := dialQMP(ctx, path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer q.close()
	var status struct{ Status string }
	if err := q.do(ctx, "query-status", nil, &status); err != nil || status.Status != "running" {
		t.Errorf("query-status = %q, %v; want running", status.Status, err)
	}
	var refused *QMPError
	if err := q.do(ctx, "wrong", nil, nil); !errors.As(err, &refused) || refused.Class != "CommandNotFound" {
		t.Errorf("a refused command gave %v; want a QMPError", err)
	}
	short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	if err := q.do(short, "silence", nil, nil); err == nil {
		t.Error("a command that is never answered succeeded")
	}
}

func TestDialQMPGivesUpWhenQEMUEnds(t *testing.T) {
	ended := make(chan struct{})
	close(ended)
	if _, err := dialQMP(t.Context(), filepath.Join(t.TempDir(), "none.sock"), ended); err == nil {
		t.Error("connected to nothing")
	}
}

package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"switchroom/appliance/supervisor/process"
)

// TestMain lets the test be the program itself: its helper stage, any of its
// subcommands, and the program of scripts.
func TestMain(m *testing.M) {
	if os.Args[0] == process.HelperName || os.Getenv("SWITCHROOM_TEST_MAIN") != "" {
		os.Exit(start(os.Args, os.Stdout, os.Stderr))
	}
	testscript.Main(m, map[string]func(){
		"switchroom": func() { os.Exit(start(os.Args, os.Stdout, os.Stderr)) },
	})
}

func call(args ...string) (status int, stdout, stderr string) {
	var out, err bytes.Buffer
	status = start(append([]string{"switchroom"}, args...), &out, &err)
	return status, out.String(), err.String()
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{{}, {"dance"}, {"start"}, {"reboot", "now"}, {"version", "x"}, {"logs", "a", "b"}, {"supervisor", "x"}} {
		status, out, stderr := call(args...)
		if status != 2 || out != "" || !strings.HasPrefix(stderr, "usage: switchroom <command>\n") {
			t.Errorf("%q: status %d, output %q, errors %q; want 2 and the usage", args, status, out, stderr)
		}
	}
	seen := map[string]bool{}
	for _, c := range commands() {
		if c.help == "" || seen[c.name] {
			t.Errorf("command %q has no help, or is there twice", c.name)
		}
		seen[c.name] = true
	}
}

func TestVersion(t *testing.T) {
	status, out, _ := call("version")
	if status != 0 || !regexp.MustCompile(`^switchroom \d+\.\d+\.\d+\S*\n$`).MatchString(out) {
		t.Errorf("version: status %d, %q", status, out)
	}
}

// TestLife starts a supervisor with a service, as a developer does, and talks
// to it with the people's commands.
func TestLife(t *testing.T) {
	dir, err := os.MkdirTemp("", "sv")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	unit := "[Service]\nExecStart=/bin/sh -c 'echo hello; exec sleep 1000'\n[Install]\nWantedBy=multi-user.target\n"
	if err := os.WriteFile(filepath.Join(dir, "a.service"), []byte(unit), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SWITCHROOM_RUN_DIR", filepath.Join(dir, "run"))
	if status, _, stderr := call("status"); status != 1 || !strings.HasPrefix(stderr, "switchroom: reaching the supervisor: ") {
		t.Errorf("status without a supervisor: %d, %q", status, stderr)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, []string{"supervisor", "-units", dir, "-run", filepath.Join(dir, "run"), "-state", dir, "-cgroup", "-"}, os.Stdout, &bytes.Buffer{})
	}()
	for { // the test's time-out ends a wait in vain
		if status, out, _ := call("logs", "a"); status == 0 && strings.HasSuffix(out, " a info hello\n") {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	status, out, _ := call("status")
	if status != 0 || !regexp.MustCompile(`(?m)^a +active `).MatchString(out) {
		t.Errorf("status: %d\n%s", status, out)
	}
	if status, out, _ := call("status", "--json"); status != 0 || !strings.Contains(out, `"state": "active"`) {
		t.Errorf("status --json: %d\n%s", status, out)
	}
	for _, op := range []string{"restart", "stop", "start"} {
		if status, _, stderr := call(op, "a"); status != 0 {
			t.Errorf("%s: %d, %s", op, status, stderr)
		}
	}
	if status, _, stderr := call("reload", "a"); status != 1 || stderr != "switchroom: a.service has no ExecReload=\n" {
		t.Errorf("reload: %d, %q", status, stderr)
	}
	if status, out, _ := call("logs", "-n", "1", "a"); status != 0 || strings.Count(out, "\n") != 1 {
		t.Errorf("logs -n 1: %d, %q", status, out)
	}
	if status, _, stderr := call("poweroff"); status != 0 {
		t.Errorf("poweroff: %d, %s", status, stderr)
	}
	if err := <-ended; err != nil {
		t.Errorf("supervisor: %v", err)
	}
	stop()
}

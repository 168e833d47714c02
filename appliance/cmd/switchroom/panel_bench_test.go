package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"switchroom/appliance/panel/cfa635"
	"switchroom/appliance/panel/emulated"
)

// BenchmarkPanel is what the panel's process costs while nobody touches it:
// the share of a core, its memory, and its packets a second. It takes a real
// quarter of a minute, whatever b.N is.
func BenchmarkPanel(b *testing.B) {
	dir := b.TempDir()
	unit := "[Service]\nExecStart=/bin/sleep 1000\n[Install]\nWantedBy=multi-user.target\n"
	for i := range 12 {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("s%d.service", i)), []byte(unit), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	b.Setenv("SWITCHROOM_RUN_DIR", filepath.Join(dir, "run"))
	process := func(env []string, args ...string) *exec.Cmd {
		cmd := exec.Command(os.Args[0], args...)
		cmd.Env = append(os.Environ(), append(env, "SWITCHROOM_TEST_MAIN=1")...)
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() {
			_ = cmd.Process.Signal(syscall.SIGTERM)
			if err := cmd.Wait(); err != nil {
				b.Errorf("%s: %v", args[0], err)
			}
		})
		return cmd
	}
	process(nil, "supervisor", "-units", dir, "-run", filepath.Join(dir, "run"), "-state", dir, "-cgroup", "-")
	p := emulated.New(cfa635.Models()[0])
	line, err := emulated.OpenPTY()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { line.Close() })
	go func() { _ = p.Serve(line) }()
	screen, err := emulated.OpenPTY()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { screen.Close() })
	go func() {
		buf := make([]byte, 4096)
		for {
			if _, err := screen.Read(buf); err != nil {
				return
			}
		}
	}()
	cmd := process([]string{"GOGC=50", "GOMAXPROCS=1"}, // as in its unit
		"panel", "-device", line.Path, "-console", screen.Path)
	waiting, cancel := context.WithTimeout(b.Context(), time.Minute)
	defer cancel()
	if picture, err := p.Await(waiting, func(picture string) bool { return strings.Contains(picture, "services") }); err != nil {
		b.Fatalf("%v\n%s", err, picture)
	}
	const seconds = 15
	before, packets := cpu(b, cmd.Process.Pid), p.Commands()
	time.Sleep(seconds * time.Second)
	used := cpu(b, cmd.Process.Pid) - before
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(100*used.Seconds()/seconds, "%core")
	b.ReportMetric(resident(b, cmd.Process.Pid, "VmRSS"), "MiB")
	b.ReportMetric(resident(b, cmd.Process.Pid, "RssAnon"), "own-MiB")
	b.ReportMetric(float64(p.Commands()-packets)/seconds, "packets/s")
}

// cpu is the processor time that the threads of a process have had, as the
// scheduler counts it (the first number of /proc/<pid>/task/<tid>/schedstat).
func cpu(b *testing.B, pid int) time.Duration {
	b.Helper()
	paths, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(paths) == 0 {
		b.Fatalf("process %d has no threads: %v", pid, err)
	}
	var sum time.Duration
	for _, path := range paths {
		stat, err := os.ReadFile(path)
		if err != nil {
			b.Fatal(err)
		}
		ns, err := strconv.ParseInt(strings.Fields(string(stat))[0], 10, 64)
		if err != nil {
			b.Fatal(err)
		}
		sum += time.Duration(ns)
	}
	return sum
}

// resident is a process's memory in MiB, by a line of proc_pid_status(5): VmRSS
// is all of it, most of which is the program that all our processes share;
// RssAnon is the process's own.
func resident(b *testing.B, pid int, line string) float64 {
	b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^` + line + `:\s+(\d+) kB`).FindSubmatch(status)
	if m == nil {
		b.Fatalf("no %s", line)
	}
	kb, err := strconv.Atoi(string(m[1]))
	if err != nil {
		b.Fatal(err)
	}
	return float64(kb) / 1024
}

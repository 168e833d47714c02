package service

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"switchroom/appliance/calls"
	"switchroom/appliance/calls/recordings"
	"switchroom/appliance/calls/reports"
)

// box is a box with a recorded day in its ledger, and one recording that waits.
func box(t *testing.T) Box {
	t.Helper()
	b := newBench(t)
	b.append("cel.csv", strings.Join(logLines(t, "cel.csv"), "")+"\n")
	b.append("queue_log", strings.Join(logLines(t, "queue_log"), "")+"\n")
	spool := filepath.Join(b.dir, "spool")
	if err := os.Mkdir(spool, 0o755); err != nil {
		t.Fatal(err)
	}
	return Box{
		Paths: Paths{DB: filepath.Join(b.dir, "calls.db"), CEL: b.files().CEL, QueueLog: b.files().QueueLog, Spool: spool, Recordings: filepath.Join(b.dir, "recordings")},
		Settings: func() (Settings, error) {
			return Settings{Zone: time.FixedZone("Asia/Shanghai", 8*3600), Language: "zh-CN", KeepFirst: 3, KeepLast: 4, ServiceLevel: map[string]time.Duration{"600": 5 * time.Second}}, nil
		},
		Encoder: recordings.Encoder{Command: []string{"/nowhere/lame"}},
	}
}

// TestService: it catches up, says that it is ready, and ends when told to.
func TestService(t *testing.T) {
	b := box(t)
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
	defer stop()
	var said []string
	err := b.Run(ctx, slog.New(slog.DiscardHandler), func(s string) {
		said = append(said, s)
		if s == "READY=1" {
			stop()
		}
	})
	if err != nil || len(said) == 0 || said[0] != "READY=1" {
		t.Fatalf("%v, said %q", err, said)
	}
	var out bytes.Buffer
	if err := b.Main(t.Context(), []string{"list", "-from", "2026-11-22", "-to", "2026-11-24", "-n", "1000", "-lang", "en"}, &out, os.Stderr); err != nil {
		t.Fatal(err)
	}
	want := expected(t, logLines(t, "cel.csv"), logLines(t, "queue_log"))
	if n := strings.Count(out.String(), "\n"); n != len(want) {
		t.Errorf("%d calls listed; want %d", n, len(want))
	}
}

func TestCommands(t *testing.T) {
	b := box(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	if err := b.Run(ctx, slog.New(slog.DiscardHandler), func(string) { stop() }); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) string {
		t.Helper()
		var out bytes.Buffer
		if err := b.Main(t.Context(), args, &out, &out); err != nil {
			t.Fatalf("%q: %v\n%s", args, err, out.String())
		}
		return out.String()
	}
	days := []string{"-from", "2026-11-22", "-to", "2026-11-24"}
	with := func(name string, more ...string) []string {
		return append(append([]string{name}, days...), more...)
	}
	if got := run(with("list", "-masked", "-number", "02010000001")...); !strings.Contains(got, "020****0001 > 400") || !strings.Contains(got, "已接听") || strings.Count(got, "\n") != 1 {
		t.Errorf("list: %s", got)
	}
	var list []calls.Call
	if err := json.Unmarshal([]byte(run(with("export", "-format", "json")...)), &list); err != nil || len(list) < 60 {
		t.Fatalf("%d calls exported, %v", len(list), err)
	}
	if got := run(append([]string{"show", "-lines"}, list[0].ID)...); !strings.Contains(got, `"CHAN_START"`) {
		t.Errorf("show -lines: %s", got)
	}
	if got := run(with("export")...); strings.Count(got, "\n") != len(list)+1 {
		t.Errorf("%d lines of CSV for %d calls", strings.Count(got, "\n"), len(list))
	}
	var r reports.Report
	if err := json.Unmarshal([]byte(run(with("report", "-by", "whole", "-format", "json", "-only", "600")...)), &r); err != nil || len(r.Rows) != 1 {
		t.Fatalf("%d rows, %v", len(r.Rows), err)
	}
	answered, err := r.Get(0, "answered")
	if err != nil || answered == nil || *answered != float64(connected(list, "600")) {
		t.Errorf("answered %v, %v; the calls have %d", answered, err, connected(list, "600"))
	}
	if got := run(with("report", "-per", "agent")...); !strings.Contains(got, "工号") || !strings.Contains(got, ",811,") {
		t.Errorf("report per agent: %s", got)
	}
	if got := run(with("report", "-per", "sessions")...); !strings.Contains(got, `"seat": "1001"`) {
		t.Errorf("sessions: %s", got)
	}
	file := filepath.Join(t.TempDir(), "r.xlsx")
	run(with("report", "-format", "xlsx", "-o", file)...)
	if data, err := os.ReadFile(file); err != nil || !bytes.HasPrefix(data, []byte("PK")) {
		t.Errorf("the spreadsheet: %d bytes, %v", len(data), err)
	}
	for _, bad := range [][]string{
		{"frobnicate"}, {"list", "-from", "yesterday"}, {"show"}, {"show", "b.99"}, {"report", "-by", "minute"}, {"report", "-per", "moon"}, {"report", "-format", "pdf"},
		{"list", "-from", "2026-11-22", "-to", "2026-11-21"},
	} {
		var out bytes.Buffer
		if err := b.Main(t.Context(), bad, &out, &out); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}

// connected counts answered stays in a queue.
func connected(list []calls.Call, queue string) int {
	n := 0
	for _, c := range list {
		for _, v := range c.Queues {
			if v.Queue == queue && v.Outcome == calls.QueueConnected {
				n++
			}
		}
	}
	return n
}

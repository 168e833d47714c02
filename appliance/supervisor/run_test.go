package supervisor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/coreos/go-systemd/v22/daemon"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"switchroom/appliance"
	"switchroom/appliance/supervisor/control"
	"switchroom/appliance/supervisor/journal"
	helper "switchroom/appliance/supervisor/process"
	"switchroom/appliance/supervisor/reap"
)

// TestMain lets the test be the helper and the services of its own tests.
func TestMain(m *testing.M) {
	if os.Args[0] == helper.HelperName {
		os.Exit(helper.Helper(os.Args[1:]))
	}
	if len(os.Args) > 2 && os.Args[1] == "role" {
		os.Exit(role(os.Args[2], os.Args[3:]))
	}
	goleak.VerifyTestMain(m)
}

// role is what the services do. They speak by go-systemd, as ours do.
func role(name string, args []string) int {
	notify := func(text string) {
		if ok, err := daemon.SdNotify(false, text); !ok || err != nil {
			fmt.Println("notifying:", ok, err)
			os.Exit(99)
		}
	}
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM)
	switch name {
	case "ready": // and waits to be ended
		notify("READY=1\nSTATUS=" + strings.Join(args, " "))
		<-ended
		fmt.Println("goodbye")
		return 0
	case "say":
		fmt.Println(strings.Join(args, " "))
		return 0
	case "exit":
		n, _ := strconv.Atoi(args[0])
		return n
	case "hang": // feeds its watchdog for a while
		notify("READY=1")
		for range 5 {
			time.Sleep(100 * time.Millisecond)
			notify("WATCHDOG=1")
		}
		select {}
	case "serve": // tells each client its own process number
		listeners, err := activation.ListenersWithNames()
		if err != nil || len(listeners["greeter"]) != 1 {
			fmt.Println("sockets:", listeners, err)
			return 98
		}
		notify("READY=1")
		ln := listeners["greeter"][0]
		go func() { <-ended; os.Exit(0) }()
		for {
			conn, err := ln.Accept()
			if err != nil {
				return 97
			}
			fmt.Fprintln(conn, os.Getpid())
			conn.Close()
		}
	case "litter": // leaves processes behind, one of them in a session of its own
		for i := range 4 {
			cmd := exec.Command("/proc/self/exe", "role", "deaf")
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: i == 0 && args[0] == "all"}
			if err := cmd.Start(); err != nil {
				return 96
			}
		}
		notify("READY=1")
		<-ended
		return 0
	case "init":
		return beInit(args[0])
	case "deaf": // hears nothing
		signal.Ignore(syscall.SIGTERM)
		select {}
	case "keep": // stores a pipe, or reads what an earlier life has put into it
		for _, f := range activation.Files(true) {
			if f.Name() == "diary" {
				buf := make([]byte, 100)
				n, err := f.Read(buf)
				notify(fmt.Sprintf("READY=1\nSTATUS=read %q, %v", buf[:n], err))
				<-ended
				return 0
			}
		}
		r, w, err := os.Pipe()
		if err != nil {
			return 95
		}
		if _, err := w.WriteString("dear diary"); err != nil {
			return 94
		}
		if err := storeFile(r, "diary"); err != nil {
			fmt.Println("storing:", err)
			return 93
		}
		return 1 // and is started again
	case "ask": // the supervisor, as somebody else
		c := control.Client{Path: args[0]}
		_, err := c.Status(context.Background())
		fmt.Println("status:", describe(err))
		fmt.Println("restart:", describe(c.Do(context.Background(), control.OpRestart, "a")))
		fmt.Println("stop:", describe(c.Do(context.Background(), control.OpStop, "a")))
		return 0
	}
	return 100
}

func describe(err error) string {
	var refused *control.Error
	switch {
	case err == nil:
		return "done"
	case errors.As(err, &refused):
		return refused.Code
	}
	return err.Error()
}

func storeFile(f *os.File, name string) error {
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Net: "unixgram"})
	if err != nil {
		return err
	}
	defer conn.Close()
	_, _, err = conn.WriteMsgUnix([]byte("FDSTORE=1\nFDNAME="+name), unix.UnixRights(int(f.Fd())),
		&net.UnixAddr{Name: os.Getenv("NOTIFY_SOCKET"), Net: "unixgram"})
	return err
}

// A real is a supervisor with real processes.
type real struct {
	t       *testing.T
	dir     string
	client  *control.Client
	journal *journal.Journal
	nursery *reap.Nursery
	stop    context.CancelFunc
	ended   chan appliance.Outcome
}

// run starts a supervisor with the units: the text of each begins in section
// [Service], and "ExecStart=role …" runs the test as that role.
func run(t *testing.T, files map[string]string, change func(*Config)) *real {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "sv") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	fsys := fstest.MapFS{}
	for name, text := range files {
		text = strings.ReplaceAll(text, "=role", "="+exe+" role")
		text = strings.ReplaceAll(text, "DIR", dir)
		switch {
		case strings.HasSuffix(name, ".socket"):
			text = "[Socket]\n" + text + "[Install]\nWantedBy=sockets.target\n"
		default:
			unitPart, servicePart, found := strings.Cut(text, "--\n")
			if !found {
				unitPart, servicePart = "", text
			}
			name += ".service"
			text = "[Unit]\n" + unitPart + "[Service]\n" + servicePart + "[Install]\nWantedBy=multi-user.target\n"
		}
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	r := &real{t: t, dir: dir, client: &control.Client{Path: dir + "/" + control.SocketName}, ended: make(chan appliance.Outcome, 1)}
	r.journal = journal.New(journal.Config{})
	r.nursery = &reap.Nursery{}
	notInit := false
	cfg := Config{
		Units: fsys, Journal: r.journal, Log: slog.New(r.journal.Handler("supervisor", slog.LevelDebug)), Nursery: r.nursery,
		RunDir: dir, RuntimeRoot: dir + "/run", StateRoot: dir + "/data", Cgroup: "-", LogFile: dir + "/log/x.log", Init: &notInit,
	}
	if change != nil {
		change(&cfg)
	}
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	failed := make(chan error, 1)
	go func() {
		o, err := Run(ctx, cfg)
		failed <- err
		r.ended <- o
	}()
	t.Cleanup(func() {
		stop()
		if err := <-failed; err != nil {
			t.Errorf("Run = %v", err)
		}
		if t.Failed() {
			records, _ := r.journal.Since(0, 10000)
			for _, rec := range records {
				t.Log(rec)
			}
		}
	})
	return r
}

// until waits until a service is as it should be. The test's own time-out ends
// a wait in vain.
func (r *real) until(name string, good func(appliance.Service) bool) appliance.Service {
	r.t.Helper()
	for {
		st, err := r.client.Status(r.t.Context())
		if err == nil {
			for _, s := range st.Services {
				if s.Name == name+".service" && good(s) {
					return s
				}
			}
		}
		if r.t.Context().Err() != nil {
			r.t.Fatal(r.t.Context().Err())
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func up(s appliance.Service) bool { return s.Up() }

// TestRun is a life of a small box.
func TestRun(t *testing.T) {
	var milestones []string
	var mu sync.Mutex
	r := run(t, map[string]string{
		"a":    "Type=notify\nExecStart=role ready all is well\nRuntimeDirectory=a\nStateDirectory=a\nWorkingDirectory=DIR\n",
		"once": "Type=oneshot\nRemainAfterExit=yes\nExecStart=role say <4>careful\nExecStart=role say ${GREETING} %N\nEnvironment=GREETING=hello\n",
		"late": "After=a.service once.service\nRequires=a.service\n--\nType=exec\nExecStart=role deaf\nTimeoutStopSec=50ms\n",
		"bad":  "ExecStart=/nonexistent/program\n",
	}, func(c *Config) {
		c.Version = "1.2.3"
		c.Essential, c.HealthyAfter = []string{"a.service"}, time.Millisecond
		c.Milestone = func(text string) { mu.Lock(); defer mu.Unlock(); milestones = append(milestones, text) }
	})
	r.until("late", up)
	bad := r.until("bad", func(s appliance.Service) bool { return s.State == appliance.Failed })
	if want := "executing /nonexistent/program: no such file or directory"; bad.LastError != want {
		t.Errorf("last error = %q; want %q", bad.LastError, want)
	}
	a := r.until("a", up)
	if a.Status != "all is well" || a.MainPID == 0 || a.Memory == 0 {
		t.Errorf("a is %+v; want a status, a process and memory", a)
	}
	for _, dir := range []string{"run/a", "data/a"} {
		if _, err := os.Stat(filepath.Join(r.dir, dir)); err != nil {
			t.Error(err)
		}
	}
	for i := 0; i < 2; i++ {
		if err := r.client.Do(t.Context(), control.OpRestart, "a"); err != nil {
			t.Errorf("restart: %v", err)
		}
		r.until("late", up)
	}
	if err := r.client.Do(t.Context(), control.OpStop, "a"); err != nil {
		t.Errorf("stop: %v", err)
	}
	if _, err := os.Stat(filepath.Join(r.dir, "run/a")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the runtime directory of a stopped service: %v; want none", err)
	}
	if err := r.client.Do(t.Context(), control.OpStart, "late"); err != nil {
		t.Errorf("start: %v", err)
	}
	var refused *control.Error
	if err := r.client.Do(t.Context(), control.OpStart, "nonesuch"); !errors.As(err, &refused) || refused.Code != control.CodeUnknown {
		t.Errorf("start of nothing = %v; want code unknown", err)
	}
	var lines []string
	for rec, err := range r.client.Logs(t.Context(), "once", 0, false) {
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, rec.Level.String()+" "+rec.Text)
	}
	if got, want := strings.Join(lines, "|"), "warning careful|info hello once"; got != want {
		t.Errorf("once said %q; want %q", got, want)
	}
	st, err := r.client.Status(t.Context())
	if err != nil || st.Version != "1.2.3" || !st.Health.OK || len(st.Notes) != 1 {
		t.Errorf("status = %+v, %v; want a version, health, and a note on cgroups", st, err)
	}
	if err := r.client.Do(t.Context(), control.OpPowerOff, ""); err != nil {
		t.Errorf("poweroff: %v", err)
	}
	if got := <-r.ended; got != appliance.PowerOff {
		t.Errorf("Run = %v; want poweroff", got)
	}
	if err := unix.Kill(a.MainPID, 0); err != unix.ESRCH {
		t.Errorf("a process is left: %v", err)
	}
	log, err := os.ReadFile(r.dir + "/log/x.log")
	if err != nil || !bytes.Contains(log, []byte(" once warning careful\n")) || !bytes.Contains(log, []byte(" a info goodbye\n")) {
		t.Errorf("the log's file is %v\n%s\nwant the services' words in it", err, log)
	}
	mu.Lock()
	defer mu.Unlock()
	if text := strings.Join(milestones, "|"); !strings.HasPrefix(text, "supervisor started|") || strings.Count(text, "healthy") != 1 {
		t.Errorf("milestones = %q", milestones)
	}
}

// TestSocketsSurviveRestarts: clients that connect all the while, through
// restarts and crashes of the service, are all served.
func TestSocketsSurviveRestarts(t *testing.T) {
	r := run(t, map[string]string{
		"greeter":        "StartLimitIntervalSec=0\n--\nType=notify\nExecStart=role serve\nRestart=always\nRestartSec=20ms\n",
		"greeter.socket": "ListenStream=DIR/run/greeter.sock\nSocketMode=0600\nFileDescriptorName=greeter\nRemoveOnStop=yes\n",
	}, nil)
	path := r.dir + "/run/greeter.sock"
	r.until("greeter", up)
	pids := sync.Map{}
	done := make(chan struct{})
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				conn, err := net.Dial("unix", path)
				if err != nil {
					t.Errorf("a connection was refused: %v", err)
					return
				}
				answer, err := io.ReadAll(conn)
				conn.Close()
				// One that was accepted by a process as it died has no answer.
				if err == nil && len(answer) > 0 {
					pids.Store(string(answer), true)
				}
			}
		})
	}
	for i := range 6 {
		if i%2 == 0 {
			if err := r.client.Do(t.Context(), control.OpRestart, "greeter"); err != nil {
				t.Error(err)
			}
		} else {
			old := r.until("greeter", up).MainPID
			if err := unix.Kill(old, unix.SIGKILL); err != nil {
				t.Error(err)
			}
			r.until("greeter", func(s appliance.Service) bool { return s.Up() && s.MainPID != old })
		}
		// The new process serves somebody before it goes as well.
		now := fmt.Sprintln(r.until("greeter", up).MainPID)
		for _, ok := pids.Load(now); !ok; _, ok = pids.Load(now) {
			time.Sleep(time.Millisecond)
		}
	}
	close(done)
	clients.Wait()
	r.stop()
	<-r.ended
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket's path after the end: %v; want none", err)
	}
}

// TestWatchdogExpiry: a service that hangs is ended and started again.
func TestWatchdogExpiry(t *testing.T) {
	r := run(t, map[string]string{
		"a": "Type=notify\nExecStart=role hang\nWatchdogSec=2s\nRestart=on-watchdog\nTimeoutStopSec=1s\n",
	}, nil)
	s := r.until("a", func(s appliance.Service) bool { return s.Restarts > 0 && s.Up() })
	if want := "its watchdog was not fed for 2s"; s.LastError != want {
		t.Errorf("last error = %q; want %q", s.LastError, want)
	}
}

// TestLitter: what a service leaves behind is ended with it, by its session if
// there are no cgroups, and by its cgroup if there are.
func TestLitter(t *testing.T) {
	for name, group := range map[string]string{"sessions": "-", "cgroups": cgroupForTest(t)} {
		t.Run(name, func(t *testing.T) {
			which := "all"
			if group == "-" {
				which = "some"
			}
			r := run(t, map[string]string{
				"a": "Type=notify\nExecStart=role litter " + which + "\nTimeoutStopSec=200ms\nKillMode=control-group\n",
			}, func(c *Config) { c.Cgroup = group })
			s := r.until("a", up)
			children := childrenOf(t, s.MainPID)
			if len(children) != 4 {
				t.Fatalf("%d children; want 4", len(children))
			}
			if err := r.client.Do(t.Context(), control.OpStop, "a"); err != nil {
				t.Errorf("stop: %v", err)
			}
			for _, pid := range children {
				// One that is dead and not buried yet is no more in the group.
				stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
				if err == nil && !strings.Contains(string(stat), ") Z ") {
					t.Errorf("process %d is left: %s", pid, stat)
				}
			}
		})
	}
}

// cgroupForTest gives a directory in a cgroup v2 file system, or "-" where the
// test may not make one.
func cgroupForTest(t *testing.T) string {
	t.Helper()
	for _, mount := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
		dir := mount + "/switchroom-test-" + strconv.Itoa(os.Getpid())
		var st unix.Statfs_t
		if unix.Statfs(mount, &st) == nil && st.Type == unix.CGROUP2_SUPER_MAGIC && os.Mkdir(dir, 0o755) == nil {
			t.Cleanup(func() { os.Remove(dir) })
			return dir
		}
	}
	t.Log("no cgroup v2 can be had: sessions are tested twice")
	return "-"
}

func childrenOf(t *testing.T, pid int) []int {
	t.Helper()
	paths, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		for field := range strings.FieldsSeq(string(data)) {
			child, err := strconv.Atoi(field)
			if err != nil {
				t.Fatal(err)
			}
			pids = append(pids, child)
		}
	}
	return pids
}

// TestStoredFile: a file given to the supervisor comes back after a crash.
func TestStoredFile(t *testing.T) {
	r := run(t, map[string]string{
		"a": "Type=notify\nExecStart=role keep\nFileDescriptorStoreMax=1\nRestart=on-failure\nRestartSec=1ms\n",
	}, nil)
	s := r.until("a", up)
	if want := `read "dear diary", <nil>`; s.Status != want {
		t.Errorf("it says %q; want %q", s.Status, want)
	}
}

// TestCrashLoopForReal, and that nothing else suffers from it.
func TestCrashLoopForReal(t *testing.T) {
	r := run(t, map[string]string{
		"a": "StartLimitBurst=4\n--\nExecStart=role exit 3\nRestart=always\nRestartSec=1ms\n",
		"b": "Type=notify\nExecStart=role ready\n",
	}, nil)
	s := r.until("a", func(s appliance.Service) bool { return s.State == appliance.CrashLoop })
	if s.Restarts != 3 || s.LastError != "the main process: exit status 3" || s.NextTry.IsZero() {
		t.Errorf("it is %+v; want 3 restarts, the exit status and the next try", s)
	}
	r.until("b", up)
}

// TestPeers: who may ask for what.
func TestPeers(t *testing.T) {
	const stranger, member = 65534, 65533
	r := run(t, map[string]string{"a": "Type=notify\nExecStart=role ready\n"}, func(c *Config) {
		c.StatusGroups = []uint32{777}
		c.Grants = map[uint32][]string{member: {"restart a.service"}}
	})
	r.until("a", up)
	ask := func(cred *syscall.Credential) string {
		exe, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		program := filepath.Join(r.dir, "ask")
		if err := os.Link(exe, program); err != nil && !errors.Is(err, os.ErrExist) {
			data, err := os.ReadFile(exe) // on another file system
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(program, data, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		cmd := exec.Command(program, "role", "ask", r.client.Path)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: cred}
		var out []byte
		if err := r.nursery.Foreign(func() error { out, err = cmd.CombinedOutput(); return err }); err != nil {
			t.Errorf("asking: %v\n%s", err, out)
		}
		return strings.ReplaceAll(string(out), "\n", " ")
	}
	if os.Getuid() != 0 {
		// Only oneself can be tried: one is not root, and is refused.
		if got, want := ask(nil), "status: denied restart: denied stop: denied "; got != want {
			t.Errorf("an ordinary user: %s; want %s", got, want)
		}
		return
	}
	for name, c := range map[string]struct {
		cred *syscall.Credential
		want string
	}{
		"root":     {nil, "status: done restart: done stop: done "},
		"stranger": {&syscall.Credential{Uid: stranger, Gid: stranger}, "status: denied restart: denied stop: denied "},
		"group":    {&syscall.Credential{Uid: stranger, Gid: stranger, Groups: []uint32{5, 777}}, "status: done restart: denied stop: denied "},
		"granted":  {&syscall.Credential{Uid: member, Gid: 777}, "status: done restart: done stop: denied "},
	} {
		if err := r.client.Do(t.Context(), control.OpStart, "a"); err != nil {
			t.Error(err)
		}
		if got := ask(c.cred); got != c.want {
			t.Errorf("%s: %s; want %s", name, got, c.want)
		}
	}
}

// TestFollow: logs come as they are written.
func TestFollow(t *testing.T) {
	r := run(t, map[string]string{"a": "Type=notify\nExecStart=role ready\n"}, nil)
	r.until("a", up)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	go r.journal.Add("b", journal.Info, "to be followed")
	for rec, err := range r.client.Logs(ctx, "b", 1, true) {
		if err != nil {
			t.Fatal(err)
		}
		if rec.Text != "to be followed" {
			t.Errorf("followed %v", rec)
		}
		break
	}
}

// TestProtocol: what is not a request is answered with what is wrong.
func TestProtocol(t *testing.T) {
	r := run(t, map[string]string{"a": "Type=notify\nExecStart=role ready\n"}, nil)
	r.until("a", up)
	for request, want := range map[string]string{
		"hello\n":                                 control.CodeBad,
		`{"v":1,"op":"dance"}` + "\n":             control.CodeBad,
		`{"v":2,"op":"status"}` + "\n":            control.CodeVersion,
		`{"v":1,"op":"status","colour":1}` + "\n": control.CodeBad,
	} {
		conn, err := net.Dial("unix", r.client.Path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, request); err != nil {
			t.Fatal(err)
		}
		var a control.Answer
		if err := json.NewDecoder(conn).Decode(&a); err != nil || a.Error == nil || a.Error.Code != want || !a.Done {
			t.Errorf("%q is answered %+v, %v; want code %s", request, a, err, want)
		}
		conn.Close()
	}
	// One that never ends its line is cut off.
	conn, err := net.Dial("unix", r.client.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = conn.Write(bytes.Repeat([]byte("x"), 10000))
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Error("an endless line was answered")
	}
}

// TestRunFails: what it can't begin with is said, and nothing is left running.
func TestRunFails(t *testing.T) {
	j := journal.New(journal.Config{})
	cfg := Config{Journal: j, Log: slog.New(j.Handler("supervisor", slog.LevelInfo)), RunDir: t.TempDir(), Cgroup: "-"}
	cfg.Units = fstest.MapFS{"a.service": {Data: []byte("[Service]\nOops=1\n")}}
	if _, err := Run(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "a.service:2: [Service] Oops= is not known here") {
		t.Errorf("Run with a bad unit = %v; want its place", err)
	}
	cfg.Units = fstest.MapFS{}
	cfg.Essential = []string{"a.service"}
	if _, err := Run(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "there is no a.service, which is essential") {
		t.Errorf("Run without an essential unit = %v", err)
	}
	cfg.Essential = nil
	cfg.RunDir = "/dev/null/x"
	if _, err := Run(t.Context(), cfg); err == nil {
		t.Error("Run without a directory succeeded")
	}
}

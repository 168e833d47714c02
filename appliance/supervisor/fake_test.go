package supervisor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"switchroom/appliance"
	"switchroom/appliance/supervisor/journal"
	"switchroom/appliance/supervisor/notify"
	"switchroom/appliance/supervisor/reap"
	"switchroom/appliance/supervisor/unit"
)

// A fake is a runner whose processes are only told of.
type fake struct {
	mu      sync.Mutex
	pid     int
	procs   map[int]*fakeProcess
	history []string // "start a", "a: SIGTERM"
	oom     map[string]int

	// By service name without suffix:
	spawnDelay map[string]time.Duration // making its processes takes so long
	spawnError map[string]error         // or fails
	execError  map[string]error         // the program can't be executed
	deaf       map[string]bool          // it does not end by SIGTERM
	immortal   map[string]bool          // nor by SIGKILL
	lifetime   map[string]time.Duration // it ends by itself, with exitCode
	exitCode   map[string]int
}

func newFake() *fake {
	return &fake{
		pid: 100, procs: map[int]*fakeProcess{}, oom: map[string]int{}, spawnDelay: map[string]time.Duration{},
		spawnError: map[string]error{}, execError: map[string]error{}, deaf: map[string]bool{}, immortal: map[string]bool{},
		lifetime: map[string]time.Duration{}, exitCode: map[string]int{},
	}
}

// A fakeProcess is one of them. Its name is the service's, and the program's
// if that is another: "a" or "a:pre".
type fakeProcess struct {
	f       *fake
	pid     int
	service string
	name    string
	req     request
	done    chan struct{}
	status  reap.Status
}

func (p *fakeProcess) PID() int              { return p.pid }
func (p *fakeProcess) Done() <-chan struct{} { return p.done }
func (p *fakeProcess) Status() reap.Status   { <-p.done; return p.status }
func (p *fakeProcess) Executed() error       { return p.f.execError[p.name] }

func (p *fakeProcess) Signal(sig syscall.Signal) error {
	p.f.mu.Lock()
	defer p.f.mu.Unlock()
	return p.signal(sig)
}

func (p *fakeProcess) signal(sig syscall.Signal) error {
	if p.f.procs[p.pid] == nil {
		return os.ErrProcessDone
	}
	if sig == syscall.SIGCONT {
		return nil
	}
	p.f.history = append(p.f.history, p.name+": "+unix.SignalName(sig))
	if p.f.immortal[p.name] || p.f.deaf[p.name] && sig != syscall.SIGKILL {
		return nil
	}
	p.end(reap.Status{Signal: sig, Core: sig == syscall.SIGABRT})
	return nil
}

func (p *fakeProcess) end(st reap.Status) {
	if p.f.procs[p.pid] == nil {
		return
	}
	delete(p.f.procs, p.pid)
	p.status = st
	close(p.done)
}

func (f *fake) start(_ context.Context, req request) (process, error) {
	service := shortName(req.service.Name)
	name := service
	if program := filepath.Base(req.command.Path); program != name {
		name += ":" + program
	}
	time.Sleep(f.spawnDelay[service])
	f.mu.Lock()
	defer f.mu.Unlock()
	f.history = append(f.history, "start "+name)
	if err := f.spawnError[name]; err != nil {
		return nil, err
	}
	f.pid++
	p := &fakeProcess{f: f, pid: f.pid, service: service, name: name, req: req, done: make(chan struct{})}
	f.procs[p.pid] = p
	life, ok := f.lifetime[name]
	switch {
	case f.execError[name] != nil:
		p.end(reap.Status{Code: 203})
	case ok:
		code := f.exitCode[name]
		time.AfterFunc(life, func() { f.mu.Lock(); p.end(reap.Status{Code: code}); f.mu.Unlock() })
	case !req.main:
		p.end(reap.Status{Code: f.exitCode[name]})
	}
	return p, nil
}

func (f *fake) of(name string) []*fakeProcess {
	var list []*fakeProcess
	for _, p := range f.procs {
		if p.service == shortName(name) {
			list = append(list, p)
		}
	}
	return list
}

func (f *fake) signal(name string, sig syscall.Signal) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.of(name) {
		if !p.req.main { // the main one was sent it already
			_ = p.signal(sig)
		}
	}
	return nil
}

func (f *fake) left(name string) int      { f.mu.Lock(); defer f.mu.Unlock(); return len(f.of(name)) }
func (f *fake) memory(string, int) uint64 { return 0 }
func (f *fake) oomKills(name string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.oom[shortName(name)]
}
func (f *fake) clean(*unit.Service, bool) {}
func (f *fake) belongs(name string, pid int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.procs[pid]
	return p != nil && p.service == shortName(name)
}
func (f *fake) adopt(pid int) process {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.procs[pid]
}

// extra makes another process of a service, as if its own had.
func (f *fake) extra(service string) *fakeProcess {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pid++
	p := &fakeProcess{f: f, pid: f.pid, service: service, name: service + ":child", done: make(chan struct{})}
	f.procs[p.pid] = p
	return p
}

// A box is a manager with a fake runner, in synthetic time.
type box struct {
	t          *testing.T
	m          *manager
	f          *fake
	heard      sync.Mutex
	milestones []string
	health     []bool
	ended      chan appliance.Outcome
	stop       context.CancelFunc
}

// units makes unit files: the text of each begins in section [Service], whose
// program has the service's name unless it says otherwise.
func units(files map[string]string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for name, text := range files {
		unitPart, servicePart, found := strings.Cut(text, "--\n")
		if !found {
			unitPart, servicePart = "", text
		}
		if !strings.Contains(servicePart, "ExecStart=") {
			servicePart += "ExecStart=/" + name + "\n"
		}
		data := "[Unit]\n" + unitPart + "[Service]\n" + servicePart + "[Install]\nWantedBy=multi-user.target\n"
		fsys[name+".service"] = &fstest.MapFile{Data: []byte(data)}
	}
	return fsys
}

// newBox starts a box with everything up. It is to be called in a bubble.
func newBox(t *testing.T, files map[string]string, change func(*Config, *fake)) *box {
	t.Helper()
	set, err := unit.Load(units(files), unit.Dirs{})
	if err != nil {
		t.Fatal(err)
	}
	b := &box{t: t, f: newFake(), ended: make(chan appliance.Outcome, 1)}
	j := journal.New(journal.Config{})
	cfg := Config{
		Journal: j,
		Log:     slog.New(j.Handler("supervisor", slog.LevelDebug)),
		Rand:    func() float64 { return 0.5 },
		Milestone: func(text string) {
			b.heard.Lock()
			defer b.heard.Unlock()
			b.milestones = append(b.milestones, text)
		},
		Health: func(h appliance.Health) {
			b.heard.Lock()
			defer b.heard.Unlock()
			b.health = append(b.health, h.OK)
		},
	}
	if change != nil {
		change(&cfg, b.f)
	}
	ctx, stop := context.WithCancel(t.Context())
	b.stop = stop
	b.m = newManager(ctx, cfg.withDefaults(), set, b.f)
	for _, name := range b.m.names {
		b.m.wantUp(b.m.services[name])
	}
	go func() { b.ended <- b.m.loop(ctx) }()
	t.Cleanup(func() {
		stop()
		for _, p := range b.all() { // so that their goroutines end
			b.exit(p, reap.Status{})
		}
		<-b.m.ctx.Done()
		for _, p := range b.all() {
			b.exit(p, reap.Status{})
		}
	})
	synctest.Wait()
	return b
}

func (b *box) all() []*fakeProcess {
	b.f.mu.Lock()
	defer b.f.mu.Unlock()
	var list []*fakeProcess
	for _, p := range b.f.procs {
		list = append(list, p)
	}
	return list
}

func (b *box) exit(p *fakeProcess, st reap.Status) {
	b.f.mu.Lock()
	p.end(st)
	b.f.mu.Unlock()
}

// main gives a service's main process.
func (b *box) main(name string) *fakeProcess {
	b.t.Helper()
	b.f.mu.Lock()
	defer b.f.mu.Unlock()
	for _, p := range b.f.of(name) {
		if p.req.main {
			return p
		}
	}
	b.t.Fatalf("%s has no main process", name)
	return nil
}

// die ends a service's main process.
func (b *box) die(name string, st reap.Status) {
	b.t.Helper()
	b.exit(b.main(name), st)
	synctest.Wait()
}

// say sends a notification from a service's main process.
func (b *box) say(name, text string) {
	b.t.Helper()
	b.sayAs(b.main(name).pid, text)
}

func (b *box) sayAs(pid int, text string) {
	b.t.Helper()
	msg, err := notify.Parse([]byte(text))
	if err != nil {
		b.t.Fatal(err)
	}
	msg.PID = pid
	b.m.notified(msg)
	synctest.Wait()
}

func (b *box) status() map[string]appliance.Service {
	b.t.Helper()
	synctest.Wait()
	st, err := b.m.Status(context.Background())
	if err != nil {
		b.t.Fatal(err)
	}
	all := map[string]appliance.Service{}
	for _, s := range st.Services {
		all[shortName(s.Name)] = s
	}
	return all
}

// want compares the sub-states of all services, as "a running, b dead".
func (b *box) want(states string) {
	b.t.Helper()
	all := b.status()
	var got []string
	for _, name := range slices.Sorted(func(yield func(string) bool) {
		for n := range all {
			if !yield(n) {
				return
			}
		}
	}) {
		got = append(got, name+" "+all[name].Sub)
	}
	if text := strings.Join(got, ", "); text != states {
		b.t.Errorf("after %v: %s; want %s", time.Since(b.m.started), text, states)
	}
}

// did gives what the runner was told since the last call, and compares.
func (b *box) did(want ...string) {
	b.t.Helper()
	synctest.Wait()
	b.f.mu.Lock()
	got := b.f.history
	b.f.history = nil
	b.f.mu.Unlock()
	// What is started at once is started in any order.
	for from := 0; from < len(got); from++ {
		to := from
		for to < len(got) && strings.HasPrefix(got[to], "start ") {
			to++
		}
		slices.Sort(got[from:to])
		from = to
	}
	if !slices.Equal(got, want) {
		b.t.Errorf("the runner was told %q; want %q", got, want)
	}
}

// said gives the milestones and the healths up to now.
func (b *box) said() ([]string, []bool) {
	synctest.Wait()
	b.heard.Lock()
	defer b.heard.Unlock()
	return slices.Clone(b.milestones), slices.Clone(b.health)
}

// pass lets time go by.
func (b *box) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// later runs an operation and gives a function that waits for its error.
func later(f func() error) func() error {
	result := make(chan error, 1)
	go func() { result <- f() }()
	synctest.Wait()
	return func() error { return <-result }
}

var errNo = errors.New("no")

func bubble(t *testing.T, f func(t *testing.T)) { t.Helper(); synctest.Test(t, f) }

func code(n int) reap.Status { return reap.Status{Code: n} }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(fmt.Errorf("unexpected: %w", err))
	}
}

func itoa(n int) string { return strconv.Itoa(n) }

func mustParse(t *testing.T, text string) notify.Message {
	t.Helper()
	msg, err := notify.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return msg
}

// newFile opens a file; its number is high, so that nobody else gets it once it
// is closed.
func newFile(t *testing.T) *notify.File {
	t.Helper()
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	fd, err := unix.FcntlInt(null.Fd(), unix.F_DUPFD_CLOEXEC, 500)
	if err != nil {
		t.Fatal(err)
	}
	return notify.NewFile(fd)
}

package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"switchroom/appliance"
	"switchroom/appliance/supervisor/journal"
)

// A Manager does what is asked for.
type Manager interface {
	Status(context.Context) (appliance.Status, error)
	Start(ctx context.Context, service string) error
	Stop(ctx context.Context, service string) error
	Restart(ctx context.Context, service string) error
	Reload(ctx context.Context, service string) error
	Shutdown(appliance.Outcome)
}

// ServerConfig is what a Server needs.
type ServerConfig struct {
	Path         string
	Log          *slog.Logger
	Manager      Manager
	Journal      *journal.Journal
	StatusGroups []uint32            // whose members may read status and logs
	Grants       map[uint32][]string // operations by user: "restart asterisk.service", "reboot"
	MaxClients   int                 // default 64
}

// A Server answers on the socket.
type Server struct {
	cfg ServerConfig
	ln  *net.UnixListener
}

const (
	idleTimeout  = 5 * time.Minute
	writeTimeout = 10 * time.Second
)

// Listen makes the socket. Everybody may connect; what they may ask for is
// decided request by request.
func Listen(cfg ServerConfig) (*Server, error) {
	if cfg.MaxClients == 0 {
		cfg.MaxClients = 64
	}
	if err := os.Remove(cfg.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("removing an old control socket: %w", err)
	}
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: cfg.Path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("opening the control socket: %w", err)
	}
	if err := os.Chmod(cfg.Path, 0o666); err != nil {
		ln.Close()
		return nil, fmt.Errorf("opening the control socket: %w", err)
	}
	return &Server{cfg: cfg, ln: ln}, nil
}

// Run answers until the context ends.
func (s *Server) Run(ctx context.Context) {
	stop := context.AfterFunc(ctx, func() { s.ln.Close() })
	defer stop()
	var clients sync.WaitGroup
	defer clients.Wait()
	places := make(chan struct{}, s.cfg.MaxClients)
	for {
		conn, err := s.ln.AcceptUnix()
		if err != nil {
			if ctx.Err() != nil {
				return
			}
			s.cfg.Log.Error("accepting on the control socket", "err", err)
			select {
			case <-time.After(time.Second): // out of files, perhaps
			case <-ctx.Done():
			}
			continue
		}
		select {
		case places <- struct{}{}:
		default:
			_ = json.NewEncoder(conn).Encode(Answer{V: Version, Done: true, Error: &Error{CodeBusy, "too many clients"}})
			conn.Close()
			continue
		}
		clients.Go(func() {
			defer func() { <-places }()
			defer conn.Close()
			s.serve(ctx, conn)
		})
	}
}

// A peer is who the kernel says the client is.
type peer struct {
	uid, gid uint32
	pid      int32
	groups   []uint32
}

func peerOf(conn *net.UnixConn) (peer, error) {
	var p peer
	raw, err := conn.SyscallConn()
	if err != nil {
		return p, err
	}
	var inner error
	err = raw.Control(func(fd uintptr) {
		var cred *unix.Ucred
		if cred, inner = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); inner != nil {
			return
		}
		p.uid, p.gid, p.pid = cred.Uid, cred.Gid, cred.Pid
		p.groups, inner = peerGroups(int(fd))
	})
	return p, errors.Join(err, inner)
}

func (s *Server) serve(ctx context.Context, conn *net.UnixConn) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	who, err := peerOf(conn)
	if err != nil {
		s.cfg.Log.Error("looking who is on the control socket", "err", err)
		return
	}
	// Requests are read by a goroutine, so that a client that goes away in the
	// midst of a long answer is noticed.
	requests := make(chan []byte)
	go func() {
		defer close(requests)
		defer cancel()
		lines := bufio.NewReaderSize(conn, maxRequest)
		for {
			line, err := lines.ReadSlice('\n')
			if err != nil {
				return
			}
			select {
			case requests <- slices.Clone(line):
			case <-ctx.Done():
				return
			}
		}
	}()
	out := json.NewEncoder(conn)
	send := func(a Answer) error {
		a.V = Version
		if err := conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
			return err
		}
		return out.Encode(a)
	}
	for {
		select {
		case line, ok := <-requests:
			if !ok {
				return
			}
			if err := send(s.answer(ctx, who, line, send)); err != nil {
				return
			}
		case <-time.After(idleTimeout):
			return
		}
	}
}

// answer does a request and gives its last answer.
func (s *Server) answer(ctx context.Context, who peer, line []byte, send func(Answer) error) Answer {
	fail := func(code string, err error) Answer {
		return Answer{Done: true, Error: &Error{code, err.Error()}}
	}
	var r Request
	dec := json.NewDecoder(strings.NewReader(string(line)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&r); err != nil {
		return fail(CodeBad, fmt.Errorf("reading the request: %w", err))
	}
	if r.V != Version {
		return fail(CodeVersion, fmt.Errorf("version %d is not spoken here; %d is", r.V, Version))
	}
	if !s.allowed(who, r) {
		s.cfg.Log.Warn("refused on the control socket", "uid", who.uid, "pid", who.pid, "op", r.Op, "service", r.Service)
		return fail(CodeDenied, fmt.Errorf("user %d may not ask for %s", who.uid, strings.TrimSpace(r.Op+" "+r.Service)))
	}
	m := s.cfg.Manager
	var err error
	switch r.Op {
	case OpStatus:
		st, err := m.Status(ctx)
		if err != nil {
			return fail(CodeFailed, err)
		}
		return Answer{Done: true, Status: &st}
	case OpLogs:
		err = s.logs(ctx, r, send)
	case OpStart:
		err = m.Start(ctx, r.Service)
	case OpStop:
		err = m.Stop(ctx, r.Service)
	case OpRestart:
		err = m.Restart(ctx, r.Service)
	case OpReload:
		err = m.Reload(ctx, r.Service)
	case OpReboot:
		m.Shutdown(appliance.Reboot)
	case OpPowerOff:
		m.Shutdown(appliance.PowerOff)
	case OpHalt:
		m.Shutdown(appliance.Halt)
	default:
		return fail(CodeBad, fmt.Errorf("%q is not an operation", r.Op))
	}
	if r.Op != OpStatus && r.Op != OpLogs {
		s.cfg.Log.Info("asked by the control socket", "uid", who.uid, "op", r.Op, "service", r.Service, "err", err)
	}
	switch {
	case errors.Is(err, appliance.ErrUnknown):
		return fail(CodeUnknown, err)
	case err != nil:
		return fail(CodeFailed, err)
	}
	return Answer{Done: true}
}

// allowed decides what who may ask for.
func (s *Server) allowed(who peer, r Request) bool {
	if who.uid == 0 {
		return true
	}
	if r.Op == OpStatus || r.Op == OpLogs {
		for _, g := range s.cfg.StatusGroups {
			if g == who.gid || slices.Contains(who.groups, g) {
				return true
			}
		}
	}
	want := r.Op
	if r.Service != "" {
		name := r.Service
		if !strings.Contains(name, ".") {
			name += ".service"
		}
		want += " " + name
	}
	return slices.Contains(s.cfg.Grants[who.uid], want)
}

// logs sends the records that are asked for.
func (s *Server) logs(ctx context.Context, r Request, send func(Answer) error) error {
	name := strings.TrimSuffix(r.Service, ".service")
	matches := func(rec journal.Record) bool { return name == "" || rec.Service == name }
	var kept []journal.Record
	next := uint64(1)
	for {
		records, after := s.cfg.Journal.Since(next, 1024)
		if len(records) == 0 {
			break
		}
		next = after
		for _, rec := range records {
			if matches(rec) {
				kept = append(kept, rec)
			}
		}
		if over := len(kept) - r.Lines; r.Lines > 0 && over > 0 {
			kept = kept[over:]
		}
	}
	for _, rec := range kept {
		if err := send(Answer{Record: &rec}); err != nil {
			return fmt.Errorf("sending a record: %w", err)
		}
	}
	if !r.Follow {
		return nil
	}
	for rec := range s.cfg.Journal.Follow(ctx, next) {
		if !matches(rec) {
			continue
		}
		if err := send(Answer{Record: &rec}); err != nil {
			return fmt.Errorf("sending a record: %w", err)
		}
	}
	return nil
}

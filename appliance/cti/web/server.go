package web

import (
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"switchroom/appliance/cti/command"
	"switchroom/appliance/cti/fault"
	"switchroom/appliance/cti/feed"
	"switchroom/appliance/cti/live"
	"switchroom/appliance/cti/plan"
	"switchroom/appliance/cti/sessions"
	"switchroom/provisioning"
)

// Floor is the call centre; see package floor.
type Floor interface {
	Plan() plan.Plan
	Look(func(*live.State))
	Up() bool
	Session(agent string) (sessions.Session, bool)
	Logout(ctx context.Context, agent string) error
}

// Desk does commands; see package command.
type Desk interface {
	Do(ctx context.Context, who command.Actor, name string, args json.RawMessage) error
}

// Book is the audit log; see package sessions.
type Book interface {
	Deeds(ctx context.Context, most int) ([]sessions.Deed, error)
}

// Config is what a Server needs.
type Config struct {
	Floor Floor
	Desk  Desk
	Feed  *feed.Feed
	Book  Book
	Key   []byte // signs tokens
	// Origins are those of the pages that may use it besides its own, as
	// https://crm.example.com.
	Origins []string
	Log     *slog.Logger
	Version string

	Now  func() time.Time // time.Now
	Ping time.Duration    // 10 s
	Dead time.Duration    // 25 s
	// Lost is after how long an agent without a connection is logged out: 90 s.
	Lost time.Duration
}

// Server answers pages and programs.
type Server struct {
	cfg      Config
	locks    locks
	commands pace
	origins  pace // of calls
	http     http.Handler
	upgrade  upgrader

	mu      sync.Mutex
	sockets map[string]map[*client]struct{} // by agent
	absent  map[string]time.Time            // agents with a session and no socket, since when
	closed  bool
	wg      sync.WaitGroup
}

// New makes a server. Run must run beside it.
func New(cfg Config) *Server {
	def := func(d *time.Duration, to time.Duration) {
		if *d <= 0 {
			*d = to
		}
	}
	def(&cfg.Ping, 10*time.Second)
	def(&cfg.Dead, 25*time.Second)
	def(&cfg.Lost, 90*time.Second)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	s := &Server{cfg: cfg, commands: pace{most: 10, every: time.Second}, origins: pace{most: 3, every: 10 * time.Second},
		sockets: map[string]map[*client]struct{}{}, absent: map[string]time.Time{}}
	s.upgrade = newUpgrader()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/socket", s.socket)
	s.api(mux)
	s.http = s.guard(mux)
	return s
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.http.ServeHTTP(w, r) }

// guard refuses pages of other origins, and tells browsers which may ask.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		h.Add("Vary", "Origin")
		origin := r.Header.Get("Origin")
		if origin != "" && !s.mayAsk(origin, r.Host) {
			refuse(w, r, http.StatusForbidden, fault.New(fault.WrongOrigin, origin))
			return
		}
		if origin != "" {
			h.Set("Access-Control-Allow-Origin", origin)
			if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
				h.Set("Access-Control-Allow-Methods", "GET, POST")
				h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Accept-Language")
				h.Set("Access-Control-Max-Age", "600")
				w.WriteHeader(http.StatusNoContent)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// mayAsk tells whether a page of this origin may ask. Origins are compared
// whole; "null" is nobody's.
func (s *Server) mayAsk(origin, host string) bool {
	if slices.Contains(s.cfg.Origins, origin) {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && u.Host == host && (u.Scheme == "http" || u.Scheme == "https")
}

// language is that in which somebody wants to be told what is wrong.
func language(r *http.Request) string {
	if strings.HasPrefix(strings.ToLower(r.Header.Get("Accept-Language")), "zh") {
		return "zh-CN"
	}
	return "en"
}

// wrong is a fault, as it is sent.
type wrong struct {
	Code    fault.Code `json:"code"`
	Message string     `json:"message"`
}

func tell(err error, language string) *wrong {
	f := fault.Of(err)
	return &wrong{f.Code, f.Text(language)}
}

func refuse(w http.ResponseWriter, r *http.Request, status int, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]*wrong{"error": tell(err, language(r))}) // who is gone hears nothing
}

// address is where a request comes from.
func address(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// viewer is what an agent may see.
func (s *Server) viewer(agent string) feed.Viewer {
	a := s.cfg.Floor.Plan().Agents[agent]
	return feed.Viewer{Agent: agent, AllCalls: a.May(provisioning.MayListen), Numbers: a.May(provisioning.MayNumbers)}
}

// begins are the commands that begin calls.
var begins = []string{"dial", "pickup", "conference.add", "listen", "whisper", "barge", "join", "takeover"}

// do does a command within an agent's bounds.
func (s *Server) do(ctx context.Context, who command.Actor, name string, args json.RawMessage) error {
	now := s.cfg.Now()
	if !s.commands.may(who.Agent, now) || slices.Contains(begins, name) && !s.origins.may(who.Agent, now) {
		return fault.New(fault.TooFast)
	}
	return s.cfg.Desk.Do(ctx, who, name, args)
}

// Run keeps the sockets alive, and logs out agents who are gone, until the
// context ends; then it closes the sockets.
func (s *Server) Run(ctx context.Context) error {
	watch, flush := time.NewTicker(time.Second), time.NewTicker(250*time.Millisecond)
	defer watch.Stop()
	defer flush.Stop()
	up := s.cfg.Floor.Up()
	for {
		select {
		case <-ctx.Done():
			s.close()
			return ctx.Err()
		case <-flush.C:
			s.cfg.Floor.Look(s.cfg.Feed.Flush)
			if now := s.cfg.Floor.Up(); now != up {
				up = now
				s.everybody(message{Type: "asterisk", Up: &up})
			}
		case <-watch.C:
			s.logOutLost(ctx)
		}
	}
}

// logOutLost logs out the agents who have been gone for too long, unless they
// are in a call: a call needs no page.
func (s *Server) logOutLost(ctx context.Context) {
	now := s.cfg.Now()
	var agents []string
	s.cfg.Floor.Look(func(st *live.State) {
		for _, a := range st.Agents() {
			if v, _ := st.Agent(a); v.State != live.Offline && v.Call == "" {
				agents = append(agents, a)
			}
		}
	})
	s.mu.Lock()
	var gone []string
	for _, a := range agents {
		if len(s.sockets[a]) > 0 {
			delete(s.absent, a)
			continue
		}
		since, known := s.absent[a]
		if !known {
			s.absent[a] = now
		} else if now.Sub(since) >= s.cfg.Lost {
			gone = append(gone, a)
			delete(s.absent, a)
		}
	}
	s.mu.Unlock()
	for _, a := range gone {
		// Who logged in at the telephone needs no page.
		if x, ok := s.cfg.Floor.Session(a); !ok || x.Via != "cti" {
			continue
		}
		s.cfg.Log.InfoContext(ctx, "logged out: no connection for too long", "agent", a)
		if err := s.cfg.Floor.Logout(ctx, a); err != nil {
			s.cfg.Log.WarnContext(ctx, "an agent who is gone was not logged out", "agent", a, "error", err)
		}
	}
}

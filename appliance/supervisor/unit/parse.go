package unit

import (
	"fmt"
	"math"
	"net"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Dirs are the directories that specifiers and directory directives stand on.
type Dirs struct {
	Runtime string // RuntimeDirectory and %t; "": /run
	State   string // StateDirectory and %S; "": /data, where systemd has /var/lib
}

// A parser is one unit file being read.
type parser struct {
	name    string
	dirs    Dirs
	common  *Common
	service *Service // or nil
	socket  *Socket  // or nil
}

// start reads the entries into p's unit.
func (p *parser) read(file string, data []byte) error {
	entries, err := read(file, data)
	if err != nil {
		return err
	}
	own := "Service"
	if p.socket != nil {
		own = "Socket"
	}
	seen := map[string]bool{}
	for _, e := range entries {
		known := directives(e.section)
		if known == nil || e.section != own && (e.section == "Service" || e.section == "Socket") {
			return &Error{file, e.line, fmt.Sprintf("section [%s] is not for %s", e.section, p.name)}
		}
		set, ok := known[e.name]
		if !ok {
			return &Error{file, e.line, fmt.Sprintf("[%s] %s= is not known here", e.section, e.name)}
		}
		if !listy[e.name] && seen[e.name] {
			return &Error{file, e.line, fmt.Sprintf("%s= is given twice", e.name)}
		}
		seen[e.name] = true
		if err := set(p, e.value, e.line); err != nil {
			return &Error{file, e.line, fmt.Sprintf("%s=: %v", e.name, err)}
		}
	}
	return nil
}

// ParseService reads a .service file. File is its path for errors; the name
// is its last element.
func ParseService(file string, data []byte, dirs Dirs) (*Service, error) {
	s := &Service{
		Common:          common(file),
		Type:            Simple,
		Restart:         RestartNo,
		RestartDelay:    100 * time.Millisecond,
		RestartMaxDelay: Infinity,
		TimeoutStart:    -1,
		TimeoutStop:     90 * time.Second,
		Process: Process{
			UMask:                    0o022,
			Limits:                   map[string]Limit{},
			RuntimeDirectoryMode:     0o755,
			RuntimeDirectoryPreserve: "no",
			StateDirectoryMode:       0o755,
			StandardInput:            "null",
			TTYPath:                  "/dev/console",
		},
		Kill: Kill{Mode: KillControlGroup, Signal: syscall.SIGTERM, FinalSignal: syscall.SIGKILL, SendKill: true},
	}
	if err := checkUnitName(s.Name, ".service"); err != nil {
		return nil, &Error{file, 1, err.Error()}
	}
	p := &parser{name: s.Name, dirs: dirs.withDefaults(), common: &s.Common, service: s}
	if err := p.read(file, data); err != nil {
		return nil, err
	}
	if err := s.finish(); err != nil {
		return nil, &Error{file, 1, err.Error()}
	}
	return s, nil
}

// finish checks what no single directive can, and fills in the defaults that
// depend on others.
func (s *Service) finish() error {
	if s.TimeoutStart < 0 {
		s.TimeoutStart = 90 * time.Second
		if s.Type == Oneshot {
			s.TimeoutStart = Infinity
		}
	}
	if s.Access == "" {
		s.Access = AccessNone
		if s.Type == Notify || s.Watchdog > 0 {
			s.Access = AccessMain
		}
	}
	switch {
	case len(s.Start) == 0:
		return fmt.Errorf("no ExecStart=")
	case len(s.Start) > 1 && s.Type != Oneshot:
		return fmt.Errorf("several ExecStart= in a service that is not Type=oneshot")
	case s.Type == Oneshot && (s.Restart == RestartAlways || s.Restart == RestartOnSuccess):
		return fmt.Errorf("a Type=oneshot service with Restart=%s would run for ever", s.Restart)
	case s.Type == Notify && s.Access == AccessNone:
		return fmt.Errorf("a Type=notify service with NotifyAccess=none would never be ready")
	case s.RestartSteps > 0 && s.RestartMaxDelay == Infinity:
		return fmt.Errorf("RestartSteps= without RestartMaxDelaySec=")
	case s.RestartSteps == 0 && s.RestartMaxDelay != Infinity:
		return fmt.Errorf("RestartMaxDelaySec= without RestartSteps=")
	case s.RestartMaxDelay < s.RestartDelay:
		return fmt.Errorf("RestartMaxDelaySec= is less than RestartSec=")
	case s.RestartDelay > 24*time.Hour:
		return fmt.Errorf("RestartSec= of more than a day")
	}
	return nil
}

// ParseSocket reads a .socket file, as ParseService a .service file.
func ParseSocket(file string, data []byte, dirs Dirs) (*Socket, error) {
	s := &Socket{Common: common(file), Mode: 0o666, DirectoryMode: 0o755, Backlog: 4096, IPv6Only: "default"}
	if err := checkUnitName(s.Name, ".socket"); err != nil {
		return nil, &Error{file, 1, err.Error()}
	}
	s.Service = strings.TrimSuffix(s.Name, ".socket") + ".service"
	s.FDName = s.Name
	p := &parser{name: s.Name, dirs: dirs.withDefaults(), common: &s.Common, socket: s}
	if err := p.read(file, data); err != nil {
		return nil, err
	}
	if len(s.Listen) == 0 {
		return nil, &Error{file, 1, "no ListenStream= and no ListenDatagram="}
	}
	return s, nil
}

func common(file string) Common {
	return Common{
		Name:               file[strings.LastIndexByte(file, '/')+1:],
		File:               file,
		StartLimitInterval: 10 * time.Second,
		StartLimitBurst:    5,
	}
}

func (d Dirs) withDefaults() Dirs {
	if d.Runtime == "" {
		d.Runtime = "/run"
	}
	if d.State == "" {
		d.State = "/data"
	}
	return d
}

// listen reads a path, a port, or an address with a port.
func listen(kind string) setter {
	return func(p *parser, v string, line int) error {
		if v == "" {
			p.socket.Listen = nil
			return nil
		}
		v, err := p.specifiers(v)
		if err != nil {
			return err
		}
		network, local := "tcp", "unix"
		if kind == "datagram" {
			network, local = "udp", "unixgram"
		}
		if strings.HasPrefix(v, "/") {
			if len(v) > 107 {
				return fmt.Errorf("%q is longer than a socket's path can be", v)
			}
			p.socket.Listen = append(p.socket.Listen, Listen{local, v, line})
			return checkPath(v)
		}
		if _, err := strconv.ParseUint(v, 10, 16); err == nil {
			v = ":" + v
		}
		host, port, err := net.SplitHostPort(v)
		if err != nil {
			return fmt.Errorf("%q is neither a path nor a port nor address:port", v)
		}
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return fmt.Errorf("%q is not a port", port)
		}
		if host != "" && net.ParseIP(host) == nil {
			return fmt.Errorf("%q is not an IP address", host)
		}
		p.socket.Listen = append(p.socket.Listen, Listen{network, v, line})
		return nil
	}
}

// Clean reports whether a process that ended so has ended well.
func (s *Service) Clean(st Status) bool {
	if slices.Contains(s.SuccessStatus, st) {
		return true
	}
	if st.Signal == 0 {
		return st.Code == 0
	}
	// A daemon that ends of one of these does what it was told; a oneshot's
	// work is not done.
	return s.Type != Oneshot && slices.Contains([]syscall.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM, syscall.SIGPIPE}, st.Signal)
}

// Delay gives the time before the next start, without jitter, after that many
// restarts since the service was last up for long: RestartSec, growing
// exponentially to RestartMaxDelaySec in RestartSteps steps, as systemd's
// service_restart_usec_next does.
func (s *Service) Delay(restarts int) time.Duration {
	switch {
	case restarts < 1 || s.RestartSteps == 0 || s.RestartDelay == 0 || s.RestartMaxDelay == Infinity || s.RestartDelay >= s.RestartMaxDelay:
		return s.RestartDelay
	case restarts >= s.RestartSteps:
		return s.RestartMaxDelay
	}
	ratio := float64(s.RestartMaxDelay) / float64(s.RestartDelay)
	return time.Duration(float64(s.RestartDelay) * math.Pow(ratio, float64(restarts)/float64(s.RestartSteps)))
}

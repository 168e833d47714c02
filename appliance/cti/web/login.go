package web

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
	"sync"
	"time"

	"switchroom/appliance/cti/fault"
)

const (
	tokenLife = 10 * time.Minute
	lockAfter = 5
	lockFor   = 5 * time.Minute
)

// token is what its bearer may be taken for.
type token struct {
	Agent  string `json:"a"`
	Until  int64  `json:"u"` // s since 1970
	Origin string `json:"o,omitempty"`
}

func (s *Server) sign(t token) string {
	body, _ := json.Marshal(t) // strings and a number: can't fail
	mac := hmac.New(sha256.New, s.cfg.Key)
	mac.Write(body)
	enc := base64.RawURLEncoding
	return enc.EncodeToString(body) + "." + enc.EncodeToString(mac.Sum(nil))
}

// open says whose token it is. It must come from the origin that it was given
// to.
func (s *Server) open(text, origin string) (token, error) {
	wrong := fault.New(fault.WrongToken)
	head, tail, _ := strings.Cut(text, ".")
	enc := base64.RawURLEncoding
	body, err1 := enc.DecodeString(head)
	sum, err2 := enc.DecodeString(tail)
	if err1 != nil || err2 != nil {
		return token{}, wrong
	}
	mac := hmac.New(sha256.New, s.cfg.Key)
	mac.Write(body)
	var t token
	if !hmac.Equal(mac.Sum(nil), sum) || json.Unmarshal(body, &t) != nil {
		return token{}, wrong
	}
	if _, known := s.cfg.Floor.Plan().Agents[t.Agent]; !known || s.cfg.Now().Unix() >= t.Until || t.Origin != origin {
		return token{}, wrong
	}
	return t, nil
}

// login checks an agent's number and PIN.
func (s *Server) login(agent, pin, address, origin string) (string, error) {
	for _, who := range []string{"agent " + agent, "address " + address} {
		if left := s.locks.left(who, s.cfg.Now()); left > 0 {
			return "", fault.New(fault.LockedOut, strconv.Itoa(int(left/time.Second)+1))
		}
	}
	a, known := s.cfg.Floor.Plan().Agents[agent]
	// A number that nobody has takes as long as one that somebody has.
	right := subtle.ConstantTimeCompare(digest(pin), digest(a.PIN)) == 1
	if !known || !right {
		for _, who := range []string{"agent " + agent, "address " + address} {
			s.locks.wrong(who, s.cfg.Now())
		}
		return "", fault.New(fault.WrongPIN)
	}
	s.locks.right("agent " + agent)
	return s.sign(token{Agent: agent, Until: s.cfg.Now().Add(tokenLife).Unix(), Origin: origin}), nil
}

func digest(s string) []byte {
	sum := sha256.Sum256([]byte(s))
	return sum[:]
}

// locks counts wrong PINs.
type locks struct {
	mu  sync.Mutex
	bad map[string]*failures
}

type failures struct {
	count int
	last  time.Time
}

const maxLocks = 10_000

// left is how long somebody is still locked out.
func (l *locks) left(who string, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.bad[who]
	if f == nil || f.count < lockAfter {
		return 0
	}
	return lockFor - now.Sub(f.last)
}

func (l *locks) wrong(who string, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.bad == nil || len(l.bad) > maxLocks {
		l.bad = map[string]*failures{}
	}
	f := l.bad[who]
	if f == nil || now.Sub(f.last) >= lockFor {
		f = &failures{}
		l.bad[who] = f
	}
	f.count++
	f.last = now
}

func (l *locks) right(who string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.bad, who)
}

// pace bounds how often something is done: so many in a time, and then as
// many again.
type pace struct {
	most  int
	every time.Duration

	mu   sync.Mutex
	done map[string][]time.Time
}

func (p *pace) may(who string, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.done == nil {
		p.done = map[string][]time.Time{}
	}
	times := p.done[who]
	for len(times) > 0 && now.Sub(times[0]) >= p.every {
		times = times[1:]
	}
	if len(times) >= p.most {
		p.done[who] = times
		return false
	}
	p.done[who] = append(times, now)
	return true
}

package network

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// lease is a lease of the tests: only its times and its number matter.
type lease struct {
	times
	n int
}

var errSilence = errors.New("no answer")

// server answers as its script says; what it was asked, and when since the
// start, is kept.
type server struct {
	mu     sync.Mutex
	start  time.Time
	asked  []string
	script func(what string, at time.Duration) error
	times  times // of the leases it gives
	n      int
}

func (s *server) answer(ctx context.Context, what string) (*lease, error) {
	s.mu.Lock()
	at := time.Since(s.start)
	s.asked = append(s.asked, what)
	err := error(nil)
	if s.script != nil {
		err = s.script(what, at)
	}
	if err == nil {
		s.n++
		l := &lease{times: s.times, n: s.n}
		l.Obtained = time.Now()
		s.mu.Unlock()
		return l, nil
	}
	s.mu.Unlock()
	if errors.Is(err, errSilence) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return nil, err
}

func (s *server) exchange() exchange[lease] {
	of := func(what string) func(context.Context, *lease) (*lease, error) {
		return func(ctx context.Context, _ *lease) (*lease, error) { return s.answer(ctx, what) }
	}
	return exchange[lease]{
		acquire: func(ctx context.Context) (*lease, error) { return s.answer(ctx, "acquire") },
		confirm: of("confirm"), renew: of("renew"), rebind: of("rebind"),
		times: func(l *lease) times { return l.times },
	}
}

// change is one call of set.
type change struct {
	At time.Duration
	N  int // of the lease; 0: none
}

// play runs keep for d, and gives what it set and which lease was left.
func play(t *testing.T, s *server, last *lease, d time.Duration) (changes []change, left *lease) {
	t.Helper()
	s.start = time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	left = keep(ctx, quiet, s.exchange(), last, func(l *lease) {
		c := change{At: time.Since(s.start)}
		if l != nil {
			c.N = l.n
		}
		changes = append(changes, c)
	})
	return changes, left
}

var hour = times{Renew: 30 * time.Minute, Rebind: 52 * time.Minute, Expire: time.Hour}

func TestRenewedForDays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{times: hour}
		changes, left := play(t, s, nil, 48*time.Hour+time.Minute)
		if len(changes) != 97 || left.n != 97 {
			t.Errorf("%d leases, the last is %d; want 97: one, and one each half hour", len(changes), left.n)
		}
		if s.asked[0] != "acquire" || slices.ContainsFunc(s.asked[1:], func(a string) bool { return a != "renew" }) {
			t.Errorf("asked %v; want renewals only", s.asked[:5])
		}
	})
}

func TestServerIsAwayForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{times: hour, script: func(what string, at time.Duration) error {
			if what != "acquire" && at < 55*time.Minute {
				return errSilence
			}
			return nil
		}}
		changes, _ := play(t, s, nil, 56*time.Minute+30*time.Second)
		// Renewals at 30, 41, 46:30, 49:15, 50:37, 51:37; rebinding at 52, 56.
		want := []string{"acquire", "renew", "renew", "renew", "renew", "renew", "renew", "rebind", "rebind"}
		if d := cmp.Diff(want, s.asked); d != "" {
			t.Errorf("asked (-want +got):\n%s", d)
		}
		if d := cmp.Diff([]change{{0, 1}, {56 * time.Minute, 2}}, changes); d != "" {
			t.Errorf("leases (-want +got):\n%s", d)
		}
	})
}

func TestLeaseEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		away := true
		s := &server{times: hour}
		s.script = func(what string, at time.Duration) error {
			if at > 3*time.Hour {
				away = false
			}
			if at > 0 && away {
				return errSilence
			}
			return nil
		}
		changes, left := play(t, s, nil, 3*time.Hour+5*time.Minute)
		if len(changes) != 3 || changes[1] != (change{time.Hour, 0}) || changes[2].N != 2 {
			t.Fatalf("leases %+v; want one, none after an hour, and another after three", changes)
		}
		if late := changes[2].At - 3*time.Hour; late > lastTry*11/10 {
			t.Errorf("the server was back for %v until it was asked", late)
		}
		if left == nil || left.n != 2 {
			t.Errorf("left %+v", left)
		}
		tries := 0
		for _, a := range s.asked {
			if a == "acquire" {
				tries++
			}
		}
		if tries < 100 || tries > 140 {
			t.Errorf("asked %d times in two hours without a server; want about one a minute", tries)
		}
	})
}

func TestRefusedRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{times: hour, script: func(what string, at time.Duration) error {
			if what == "renew" {
				return errNak
			}
			return nil
		}}
		changes, _ := play(t, s, nil, 31*time.Minute)
		want := []change{{0, 1}, {30 * time.Minute, 0}, {30 * time.Minute, 2}}
		if d := cmp.Diff(want, changes); d != "" {
			t.Errorf("leases (-want +got):\n%s", d)
		}
	})
}

func TestRefusedAgainAndAgainIsNoStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{times: hour, script: func(string, time.Duration) error { return errNak }}
		changes, left := play(t, s, nil, time.Hour)
		if len(changes) != 0 || left != nil {
			t.Errorf("leases %+v", changes)
		}
		if n := len(s.asked); n < 50 || n > 75 {
			t.Errorf("asked %d times within an hour", n)
		}
	})
}

func TestCableBack(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer error
		old    time.Duration // age of the lease
		want   []change
		asked  []string
	}{
		{"same network", nil, 5 * time.Minute, []change{{0, 1}}, []string{"confirm"}},
		{"another network", errNak, 5 * time.Minute, []change{{0, 0}, {0, 1}}, []string{"confirm", "acquire"}},
		{"too old", nil, 2 * time.Hour, []change{{0, 0}, {0, 1}}, []string{"acquire"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &server{times: hour, script: func(what string, _ time.Duration) error {
				if what == "confirm" {
					return c.answer
				}
				return nil
			}}
			last := &lease{times: hour, n: 99}
			last.Obtained = time.Now().Add(-c.old)
			changes, _ := play(t, s, last, time.Minute)
			if d := cmp.Diff(c.want, changes); d != "" {
				t.Errorf("%s: leases (-want +got):\n%s", c.name, d)
			}
			if d := cmp.Diff(c.asked, s.asked); d != "" {
				t.Errorf("%s: asked (-want +got):\n%s", c.name, d)
			}
		})
	}
}

// TestCableBackNobodyAnswers goes on with the lease it has.
func TestCableBackNobodyAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{times: hour, script: func(string, time.Duration) error { return errSilence }}
		last := &lease{times: hour, n: 99}
		last.Obtained = time.Now().Add(-10 * time.Minute)
		changes, left := play(t, s, last, 15*time.Minute)
		if len(changes) != 1 || changes[0].N != 99 || left != last {
			t.Errorf("leases %+v; want the old one", changes)
		}
		if d := cmp.Diff([]string{"confirm", "confirm", "confirm"}, s.asked); d != "" {
			t.Errorf("asked (-want +got):\n%s", d)
		}
	})
}

func TestEndlessLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{}
		changes, _ := play(t, s, nil, 1000*time.Hour)
		if len(changes) != 1 || len(s.asked) != 1 {
			t.Errorf("leases %+v, asked %v; want one for ever", changes, s.asked)
		}
	})
}

// TestStatelessRefresh is DHCPv6 without addresses: asked again after a while,
// and what was said goes on to hold.
func TestStatelessRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{times: times{Renew: time.Hour}, script: func(_ string, at time.Duration) error {
			if at > 90*time.Minute {
				return errSilence
			}
			return nil
		}}
		changes, left := play(t, s, nil, 240*time.Hour)
		if len(changes) != 2 || left.n != 2 {
			t.Errorf("changes %+v", changes)
		}
	})
}

func TestBackoff(t *testing.T) {
	for try, want := range []time.Duration{2, 4, 8, 16, 32, 64, 64, 64} {
		want *= time.Second
		for range 100 {
			if d := backoff(try); d < want*9/10 || d > want*11/10 {
				t.Fatalf("backoff(%d) = %v; want %v and a tenth", try, d, want)
			}
		}
	}
	if d := backoff(1 << 40); d > lastTry*11/10 || d < lastTry*9/10 {
		t.Errorf("backoff(many) = %v", d)
	}
}

func TestLeaseTimes(t *testing.T) {
	for _, c := range []struct{ expire, renew, rebind, wantRenew, wantRebind, wantExpire time.Duration }{
		{3600, 0, 0, 1800, 3150, 3600},
		{3600, 100, 200, 100, 200, 3600},
		{3600, 4000, 5000, 1800, 3150, 3600}, // nonsense
		{3600, 3500, 0, 1800, 3150, 3600},
		{3600, 0, 100, 100, 100, 3600},
		{0xffffffff, 100, 200, 0, 0, 0},
	} {
		s := time.Second
		got := leaseTimes(time.Time{}, c.expire*s, c.renew*s, c.rebind*s)
		want := times{Renew: c.wantRenew * s, Rebind: c.wantRebind * s, Expire: c.wantExpire * s}
		if got != want {
			t.Errorf("leaseTimes(%d, %d, %d) = %+v; want %+v", c.expire, c.renew, c.rebind, got, want)
		}
	}
}

func TestLinkLocalCandidates(t *testing.T) {
	mac := []byte{2, 0, 0, 0, 0, 1}
	first := linkLocalCandidate(mac, 0)
	if first != linkLocalCandidate(mac, 0) {
		t.Error("another address at the next start")
	}
	low, high := netip.MustParseAddr("169.254.1.0"), netip.MustParseAddr("169.254.254.255")
	seen := map[netip.Prefix]bool{}
	for n := range 1000 {
		p := linkLocalCandidate(mac, n)
		if a := p.Addr(); a.Less(low) || high.Less(a) || p.Bits() != 16 {
			t.Fatalf("candidate %v is outside of what RFC 3927 allows", p)
		}
		seen[p] = true
	}
	if len(seen) < 950 {
		t.Errorf("only %d different addresses among 1000", len(seen))
	}
}

func TestARPConflict(t *testing.T) {
	me, other := []byte{2, 0, 0, 0, 0, 1}, []byte{2, 0, 0, 0, 0, 2}
	a, b, none := netip.MustParseAddr("169.254.7.7"), netip.MustParseAddr("169.254.9.9"), netip.IPv4Unspecified()
	for _, c := range []struct {
		name  string
		frame []byte
		want  bool
	}{
		{"another station has it", arpFrame(other, a, b), true},
		{"another station announces it", arpFrame(other, a, a), true},
		{"another station probes for it", arpFrame(other, none, a), true},
		{"another station asks for it", arpFrame(other, b, a), false},
		{"our own probe", arpFrame(me, none, a), false},
		{"something else", arpFrame(other, b, b), false},
		{"cut", arpFrame(other, a, a)[:20], false},
		{"not for IPv4", append([]byte{0, 1, 0x86, 0xdd}, arpFrame(other, a, a)[4:]...), false},
	} {
		if got := arpConflict(c.frame, me, a); got != c.want {
			t.Errorf("%s: conflict = %v; want %v", c.name, got, c.want)
		}
	}
}

package panel

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"switchroom/appliance/panel/cfa635"
)

// TestPIN: chosen, right, wrong, and the time that wrong ones cost.
func TestPIN(t *testing.T) {
	path := filepath.Join(t.TempDir(), "panel", "pin.json")
	p := &PINFile{Path: path}
	if has, err := p.Has(); has || !errors.Is(err, errNoPlace) {
		t.Errorf("Has without a disk = %v, %v", has, err)
	}
	if err := p.Set("1234"); err == nil {
		t.Error("Set without a disk works")
	}
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if has, err := p.Has(); has || err != nil {
		t.Errorf("Has without a PIN = %v, %v", has, err)
	}
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	if err := p.Check("1234", now); err == nil {
		t.Error("a PIN is right while there is none")
	}
	if err := p.Set("1234"); err != nil {
		t.Fatal(err)
	}
	again := &PINFile{Path: path} // another process
	for _, q := range []*PINFile{p, again} {
		if has, err := q.Has(); !has || err != nil {
			t.Errorf("Has = %v, %v", has, err)
		}
		if err := q.Check("1234", now); err != nil {
			t.Errorf("the right PIN: %v", err)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %v, %v", info.Mode(), err)
	}
	if b, err := os.ReadFile(path); err != nil || strings.Contains(string(b), "1234") {
		t.Errorf("the PIN can be read in its file: %s, %v", b, err)
	}

	for i := range freeGuesses {
		if err := p.Check("4321", now); err == nil || err.Error() != "Wrong PIN" {
			t.Errorf("guess %d: %v", i, err)
		}
	}
	for _, lock := range []time.Duration{30, 60, 120, 240, 480, 900, 900, 900} {
		lock *= time.Second
		if err := p.Check("1234", now.Add(lock-time.Second)); err == nil || err.Error() != "Too many tries. Wait 1 s" {
			t.Errorf("a second before %v are over: %v", lock, err)
		}
		now = now.Add(lock)
		if err := p.Check("4321", now); err == nil || err.Error() != "Wrong PIN" {
			t.Errorf("after %v: %v", lock, err)
		}
	}
	now = now.Add(longestLock)
	if err := p.Check("1234", now); err != nil {
		t.Errorf("the right PIN at last: %v", err)
	}
	if err := p.Check("4321", now); err == nil || err.Error() != "Wrong PIN" {
		t.Errorf("guesses are not counted anew: %v", err)
	}

	for _, damage := range []string{"", "{}", `{"salt":"AA==","hash":"AA==","rounds":1}`} {
		if err := os.WriteFile(path, []byte(damage), 0o600); err != nil {
			t.Fatal(err)
		}
		if has, err := p.Has(); has || err == nil {
			t.Errorf("Has with the file %q = %v, %v; want an error", damage, has, err)
		}
		if err := p.Check("1234", now); err == nil {
			t.Errorf("a PIN is right with the file %q", damage)
		}
	}
}

// TestWrap: every line fits, every word is there, and lines that begin in the
// midst of a text can be told.
func TestWrap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOf(rapid.StringMatching(`[a-zé]{1,30}`)).Draw(t, "words")
		columns := rapid.IntRange(4, 80).Draw(t, "columns")
		lines := wrap(strings.Join(words, " "), columns)
		for i, l := range lines {
			if utf8.RuneCountInString(l) > columns {
				t.Fatalf("%q has more than %d characters", l, columns)
			}
			if strings.HasPrefix(l, " ") != (i > 0) {
				t.Fatalf("line %d of %q", i, lines)
			}
		}
		if got, want := strings.ReplaceAll(strings.Join(lines, ""), " ", ""), strings.Join(words, ""); got != want {
			t.Fatalf("%q; want the letters of %q", lines, words)
		}
	})
	if d := cmp.Diff([]string{"There is no line on", " port 21: no", " voltage."}, wrap("There is no line on port 21: no voltage.", 20)); d != "" {
		t.Error(d)
	}
}

func TestRanges(t *testing.T) {
	for want, numbers := range map[string][]int{"": nil, "3": {3}, "1-4 7": {4, 2, 7, 1, 3, 3}, "1 3 5-6": {6, 5, 3, 1}} {
		if got := ranges(numbers); got != want {
			t.Errorf("ranges(%v) = %q; want %q", numbers, got, want)
		}
	}
}

func TestSince(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0m", 59 * time.Second: "0m", 90 * time.Minute: "1h 30m", 49*time.Hour + 59*time.Minute: "2d 1h",
	} {
		if got := since(d); got != want {
			t.Errorf("since(%v) = %q; want %q", d, got, want)
		}
	}
}

// TestKeysInAnyOrder: whatever is pressed and whenever, a frame has the size of
// the display, and nothing is done that was not confirmed with the PIN.
func TestKeysInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.SampledFrom([][2]int{{20, 4}, {20, 2}, {16, 2}, {80, 25}}).Draw(t, "size")
		now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		box, pins := &fakeBox{}, &memoryPINs{pin: "8888"}
		var begun int
		u := newUI(size[0], size[1], Controls{Box: box, PINs: pins, Hours: box, Admin: box}, nil, now)
		u.begin = func(func(context.Context) error) { begun++ }
		unlocked := false
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch rapid.IntRange(0, 9).Draw(t, "step") {
			case 0:
				now = now.Add(time.Duration(rapid.IntRange(0, 100).Draw(t, "seconds")) * time.Second)
				u.advance(now)
			case 1:
				facts, err := someFacts(rapid.SampledFrom([]string{"starting", "unclaimed", "busy", "ill", "leaving"}).Draw(t, "facts"))
				if err != nil {
					t.Fatal(err)
				}
				u.facts = facts
			case 2:
				u.finished(nil, now)
			case 3:
				u.input(Input{Digit: rapid.SampledFrom([]rune("12")).Draw(t, "digit")}, now)
			default:
				u.input(Input{Key: cfa635.Key(rapid.IntRange(int(cfa635.KeyUp), int(cfa635.KeyExit)).Draw(t, "key"))}, now)
			}
			unlocked = unlocked || u.unlocked
			f := u.frame()
			if len(f.Lines) != size[1] {
				t.Fatalf("%d lines; want %d", len(f.Lines), size[1])
			}
			for _, l := range f.Lines {
				if utf8.RuneCountInString(l) != size[0] {
					t.Fatalf("line %q; want %d characters", l, size[0])
				}
			}
			if !u.next().After(now.Add(-2 * idle)) {
				t.Fatalf("next is %v at %v", u.next(), now)
			}
		}
		if begun > 0 && !unlocked {
			t.Fatalf("%d operations without a PIN", begun)
		}
		if pins.pin != "8888" && !unlocked {
			t.Fatalf("the PIN was changed to %q without the old one", pins.pin)
		}
	})
}

// TestNoPIN: without a place for a PIN the menu only shows.
func TestNoPIN(t *testing.T) {
	now := time.Now()
	u := newUI(20, 4, Controls{Box: &fakeBox{}, PINs: &memoryPINs{err: errNoPlace}}, nil, now)
	for _, k := range []cfa635.Key{cfa635.KeyEnter, cfa635.KeyDown, cfa635.KeyEnter} {
		u.input(Input{Key: k}, now)
	}
	if got := strings.TrimSpace(u.frame().Lines[0]); got != "Not now: The disk is" {
		t.Errorf("the display says %q", got)
	}
	u = newUI(20, 4, Controls{Box: &fakeBox{}}, nil, now)
	if items := u.items(); len(items) != 1 {
		t.Errorf("without PINs there are %d entries; want the network alone", len(items))
	}
}

// TestIdle: a menu that is left open closes, and asks for the PIN again.
func TestIdle(t *testing.T) {
	now := time.Now()
	u := newUI(20, 4, Controls{Box: &fakeBox{}, PINs: &memoryPINs{pin: "1111"}}, nil, now)
	keys := func(keys ...cfa635.Key) {
		for _, k := range keys {
			u.input(Input{Key: k}, now)
		}
	}
	keys(cfa635.KeyEnter, cfa635.KeyDown, cfa635.KeyEnter)
	for range 4 {
		u.input(Input{Digit: '1'}, now)
	}
	keys(cfa635.KeyEnter)
	if _, ok := u.top().(*confirm); !ok || !u.unlocked {
		t.Fatalf("the PIN leads to %T", u.top())
	}
	now = now.Add(idle)
	if !u.next().Equal(now) {
		t.Errorf("the menu closes at %v; want %v", u.next(), now)
	}
	u.advance(now)
	if len(u.views) > 0 || u.unlocked {
		t.Errorf("after a minute there are %d views, unlocked %v", len(u.views), u.unlocked)
	}
	keys(cfa635.KeyEnter, cfa635.KeyDown, cfa635.KeyEnter)
	if _, ok := u.top().(*askPIN); !ok {
		t.Errorf("the PIN is not asked for again: %T", u.top())
	}
}

func TestParseRoutes(t *testing.T) {
	const table = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n" +
		"eth0\t0002000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n" +
		"eth0\t00000000\t0202000A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
	if got := parseRoutes(strings.NewReader(table)); got != netip.MustParseAddr("10.0.2.2") {
		t.Errorf("the gateway is %v", got)
	}
	for _, none := range []string{"", "x\n", "eth0\t00000000\tzz\t3\t0\t0\t0\t00000000\n", "eth0\t00000000\t00000000\t1\t0\t0\t0\t00000000\n"} {
		if got := parseRoutes(strings.NewReader(none)); got.IsValid() {
			t.Errorf("in %q the gateway is %v", none, got)
		}
	}
}

func TestParseResolv(t *testing.T) {
	got := parseResolv(strings.NewReader("# x\nsearch lan\nnameserver 10.0.2.3\nnameserver fe80::1%eth0\nnameserver\nnameserver x\n"))
	want := []netip.Addr{netip.MustParseAddr("10.0.2.3"), netip.MustParseAddr("fe80::1%eth0")}
	if !slices.Equal(got, want) {
		t.Errorf("name servers %v; want %v", got, want)
	}
}

// TestSystemNetwork looks at this machine, where at least nothing fails.
func TestSystemNetwork(t *testing.T) {
	links, _, err := SystemNetwork("/etc")
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range links {
		if l.Name == "lo" || len(l.MAC) != 17 {
			t.Errorf("link %+v", l)
		}
		if !slices.IsSortedFunc(l.Addresses, func(a, b netip.Prefix) int { return rank(b.Addr()) - rank(a.Addr()) }) {
			t.Errorf("addresses %v: the most useful is not the first", l.Addresses)
		}
	}
}

// TestSystemPorts: USB first, no console, nothing without a chip.
func TestSystemPorts(t *testing.T) {
	root := t.TempDir()
	for name, kind := range map[string]string{
		"ttyS0": "4", "ttyS1": "4", "ttyS2": "0", "ttyS10": "3", "ttyUSB0": "", "ttyUSB10": "", "ttyUSB9": "", "ttyACM0": "", "tty1": "", "ptmx": "",
	} {
		dir := filepath.Join(root, "sys/class/tty", name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if kind == "" {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, "type"), []byte(kind+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(root, "sys/class/tty/console"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "sys/class/tty/console/active"), []byte("tty0 ttyS0\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, n := range []string{"ttyACM0", "ttyUSB0", "ttyUSB9", "ttyUSB10", "ttyS1", "ttyS10"} {
		want = append(want, filepath.Join(root, "dev", n))
	}
	if d := cmp.Diff(want, SystemPorts{Root: root}.List()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if got := (SystemPorts{Root: root, Only: []string{"/dev/x"}}).List(); !slices.Equal(got, []string{"/dev/x"}) {
		t.Errorf("with one port given: %v", got)
	}
	if got := (SystemPorts{Root: root + "/none"}).List(); len(got) > 0 {
		t.Errorf("without a kernel: %v", got)
	}
	if p, err := (SystemPorts{}).Open(filepath.Join(root, "none"), 115200); err == nil {
		t.Errorf("a port that is not there is %v", p)
	}
}

func TestReadSlot(t *testing.T) {
	path := filepath.Join(t.TempDir(), "boot")
	for text, want := range map[string]string{"DISK=sda\nSLOT=b\nINIT_STARTED=1.2\n": "b", "SLOT=c\n": "", "": "", "XSLOT=a\n": ""} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if got := readSlot(path); got != want {
			t.Errorf("readSlot of %q = %q; want %q", text, got, want)
		}
	}
	if got := readSlot(path + "x"); got != "" {
		t.Errorf("readSlot of nothing = %q", got)
	}
}

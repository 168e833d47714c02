package ami

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

type line struct{ Key, Value string }

func linesOf(m *Message) []line {
	var out []line
	for k, v := range m.All() {
		out = append(out, line{string(k), string(v)})
	}
	return out
}

func parseAll(t interface{ Helper() }, p *Parser) (msgs [][]line, err error) {
	t.Helper()
	for {
		m, err := p.Next()
		if err != nil {
			return msgs, err
		}
		msgs = append(msgs, linesOf(m))
	}
}

// plain is the wire format in as few words as possible.
func plain(data string) (msgs [][]line) {
	var msg []line
	for {
		l, rest, ok := strings.Cut(data, "\r\n")
		if !ok {
			return msgs
		}
		data = rest
		if l != "" {
			k, v, ok := strings.Cut(l, ":")
			if !ok {
				k, v = "", l
			}
			if ok {
				v = strings.TrimLeft(v, " ")
			}
			msg = append(msg, line{k, v})
		} else if msg != nil {
			msgs, msg = append(msgs, msg), nil
		}
	}
}

func TestParser(t *testing.T) {
	for name, c := range map[string]struct {
		in   string
		want [][]line
		err  error
	}{
		"two":              {"Event: A\r\nX: 1\r\n\r\nEvent: B\r\n\r\n", [][]line{{{"Event", "A"}, {"X", "1"}}, {{"Event", "B"}}}, io.EOF},
		"repeated keys":    {"Event: A\r\nChanVariable: A=1\r\nChanVariable: B=2\r\n\r\n", [][]line{{{"Event", "A"}, {"ChanVariable", "A=1"}, {"ChanVariable", "B=2"}}}, io.EOF},
		"empty values":     {"A:\r\nB: \r\nC:1\r\nD:  2 \r\n\r\n", [][]line{{{"A", ""}, {"B", ""}, {"C", "1"}, {"D", "2 "}}}, io.EOF},
		"no colon":         {"hello\r\n: x\r\n\r\n", [][]line{{{"", "hello"}, {"", "x"}}}, io.EOF},
		"colons":           {"Output: a: b\r\n\r\n", [][]line{{{"Output", "a: b"}}}, io.EOF},
		"lone LF and CR":   {"Name: x\nEvent: Hangup\n\n\r\rY\r\n\r\n", [][]line{{{"Name", "x\nEvent: Hangup\n\n\r\rY"}}}, io.EOF},
		"empty lines":      {"\r\n\r\nA: 1\r\n\r\n\r\n\r\nB: 2\r\n\r\n\r\n", [][]line{{{"A", "1"}}, {{"B", "2"}}}, io.EOF},
		"cut in a line":    {"A: 1\r\n\r\nB: 2", [][]line{{{"A", "1"}}}, io.ErrUnexpectedEOF},
		"cut after a line": {"A: 1\r\n", nil, io.ErrUnexpectedEOF},
		"nothing":          {"", nil, io.EOF},
	} {
		t.Run(name, func(t *testing.T) {
			for _, r := range []io.Reader{strings.NewReader(c.in), iotest.OneByteReader(strings.NewReader(c.in)), iotest.DataErrReader(strings.NewReader(c.in))} {
				got, err := parseAll(t, NewParser(r, 0))
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				if err != c.err {
					t.Errorf("ended with %v, want %v", err, c.err)
				}
			}
		})
	}
}

func TestMessage(t *testing.T) {
	var m Message
	rest, ok := m.Parse([]byte("Event: OriginateResponse\r\nResponse: Failure\r\nchanvariable: AGENT=811\r\nChanVariable: AGENTS=2\r\nReason: 3\r\n\r\nmore"))
	if !ok || string(rest) != "more" {
		t.Fatalf("Parse: %q %v", rest, ok)
	}
	if m.Kind() != Event || string(m.Event()) != "OriginateResponse" {
		t.Errorf("it is %v %q; its first line says it is an event", m.Kind(), m.Event())
	}
	if got := m.Get("RESPONSE"); got != "Failure" {
		t.Errorf("Get(RESPONSE) = %q", got)
	}
	if got := string(m.Variable("ChanVariable", "AGENT")); got != "811" {
		t.Errorf("variable AGENT = %q", got)
	}
	if got := string(m.Variable("ChanVariable", "AGENTS")); got != "2" {
		t.Errorf("variable AGENTS = %q", got)
	}
	if got := m.Variable("ChanVariable", "AGE"); got != nil {
		t.Errorf("variable AGE = %q", got)
	}
	if n, ok := m.Int("Reason"); n != 3 || !ok {
		t.Errorf("Int(Reason) = %d %v", n, ok)
	}
	if n, ok := m.Int("Event"); n != 0 || ok {
		t.Errorf("Int(Event) = %d %v", n, ok)
	}
	if m.Value("Nothing") != nil {
		t.Error("a value that isn't there")
	}
	clone := m.Clone()
	if _, ok := m.Parse([]byte("Response: Success\r\n\r\n")); !ok || m.Kind() != Response || m.Event() != nil {
		t.Errorf("a response is %v, the event %q", m.Kind(), m.Event())
	}
	if clone.Get("Reason") != "3" || clone.Len() != 5 {
		t.Errorf("the clone changed: %v", clone)
	}
	if _, ok := m.Parse([]byte("Event: A\r\n")); ok {
		t.Error("half a message was taken for one")
	}
	if (&Message{}).Kind() != Other {
		t.Error("the empty message is something")
	}
}

func TestBanner(t *testing.T) {
	in := "Asterisk Call Manager/11.0.0\r\nResponse: Success\r\n\r\n"
	for _, r := range []io.Reader{strings.NewReader(in), iotest.OneByteReader(strings.NewReader(in))} {
		p := NewParser(r, 0)
		if got, err := p.Banner(); got != "Asterisk Call Manager/11.0.0" || err != nil {
			t.Errorf("Banner: %q %v", got, err)
		}
		if m, err := p.Next(); err != nil || m.Get("Response") != "Success" {
			t.Errorf("after the banner: %v %v", m, err)
		}
	}
	if _, err := NewParser(strings.NewReader("Asterisk"), 0).Banner(); err != io.EOF {
		t.Errorf("half a banner: %v", err)
	}
}

func TestLimit(t *testing.T) {
	long := "A: " + strings.Repeat("x", 3000) + "\r\n\r\n"
	if got, err := parseAll(t, NewParser(strings.NewReader(long+long), len(long))); len(got) != 2 || err != io.EOF {
		t.Errorf("at the limit: %d messages, %v", len(got), err)
	}
	endless := io.MultiReader(strings.NewReader("A: "), zeros{})
	if _, err := NewParser(endless, 1<<20).Next(); !errors.Is(err, ErrTooLong) {
		t.Errorf("an endless message: %v", err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// Whatever the pieces it comes in, and whatever it is, it is read as the plain
// reader reads it.
func FuzzParser(f *testing.F) {
	f.Add([]byte("Event: A\r\nX: 1\r\n\r\n"), uint8(3))
	f.Add([]byte("\r\n\n\r\r\n:\r\n: \r\n\r\n\r\n"), uint8(1))
	f.Add([]byte(stream), uint8(200))
	f.Fuzz(func(t *testing.T, data []byte, piece uint8) {
		p := NewParser(&pieces{data, int(piece) + 1}, 1<<16)
		p.buf = make([]byte, 16) // so that it has to move and grow
		got, err := parseAll(t, p)
		if errors.Is(err, ErrTooLong) {
			return
		}
		if err != io.EOF && err != io.ErrUnexpectedEOF {
			t.Fatalf("ended with %v", err)
		}
		if want := plain(string(data)); !slices.EqualFunc(want, got, slices.Equal) {
			t.Errorf("%q\n got %q\nwant %q", data, got, want)
		}
	})
}

type pieces struct {
	data []byte
	size int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.data) == 0 {
		return 0, io.EOF
	}
	n := copy(b, p.data[:min(p.size, len(p.data))])
	p.data = p.data[n:]
	return n, nil
}

// Whatever an action holds, what is sent is one message with just these lines,
// or nothing.
func TestActionsCannotBeForged(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[A-Za-z\r\n\x00: ]{0,12}`))
		a := Action{Name: text.Draw(t, "name")}
		want := []line{{"Action", a.Name}, {"ActionID", "7"}}
		for range rapid.IntRange(0, 5).Draw(t, "headers") {
			h := Header{text.Draw(t, "key"), text.Draw(t, "value")}
			a.Headers = append(a.Headers, h)
			want = append(want, line(h))
		}
		out, err := a.append([]byte("before"), "7")
		if err != nil {
			if !errors.Is(err, ErrInvalid) || string(out) != "before" {
				t.Fatalf("refused with %v, but sent %q", err, out)
			}
			return
		}
		for i := range want { // the wire does not keep these
			want[i].Value = strings.TrimLeft(want[i].Value, " ")
		}
		if got := plain(string(out[len("before"):])); len(got) != 1 || !slices.Equal(got[0], want) {
			t.Fatalf("%q\n got %q\nwant %q", out, got, want)
		}
	})
}

func TestActionsRefused(t *testing.T) {
	for name, a := range map[string]Action{
		"LF in the name": NewAction("Ping\nAction: Command"),
		"CR in a value":  NewAction("Ping", "A", "x\r"),
		"LF in a value":  NewAction("Ping", "A", "x\nSecret: 1"),
		"NUL in a value": NewAction("Ping", "A", "x\x00"),
		"LF in a key":    NewAction("Ping", "A\n", "x"),
		"colon in a key": NewAction("Ping", "A: b", "x"),
		"no key":         NewAction("Ping", "", "x"),
		"another action": NewAction("Ping", "action", "Command"),
		"an ActionID":    NewAction("Ping", "ActionId", "1"),
		"a long line":    NewAction("Ping", "A", strings.Repeat("x", maxLine-len("A: \r\n")+1)),
		"too many lines": {Name: "Ping", Headers: slices.Repeat([]Header{{"Variable", "a=b"}}, maxLines-1)},
	} {
		if out, err := a.append(nil, "1"); !errors.Is(err, ErrInvalid) || len(out) > 0 {
			t.Errorf("%s: %v, sent %q", name, err, out)
		}
	}
	for name, a := range map[string]Action{
		"the longest line": NewAction("Ping", "A", strings.Repeat("x", maxLine-len("A: \r\n"))),
		"the most lines":   {Name: "Ping", Headers: slices.Repeat([]Header{{"Variable", "a=b"}}, maxLines-2)},
	} {
		if _, err := a.append(nil, "1"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNoAllocations(t *testing.T) {
	r := &again{data: []byte(stream)}
	p := NewParser(r, 0)
	read := func() {
		m, err := p.Next()
		if err != nil {
			t.Fatal(err)
		}
		if m.Value("Uniqueid") == nil && m.Value("Queue") == nil && m.Value("Device") == nil && m.Value("BridgeUniqueid") == nil {
			t.Fatalf("an event without an id: %v", m)
		}
	}
	for range 100 {
		read()
	}
	if n := testing.AllocsPerRun(2000, read); n != 0 {
		t.Errorf("%v allocations for a message", n)
	}
}

// again gives the same data for ever.
type again struct {
	data []byte
	pos  int
}

func (a *again) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		c := copy(p[n:], a.data[a.pos:])
		n += c
		if a.pos += c; a.pos == len(a.data) {
			a.pos = 0
		}
	}
	return n, nil
}

func BenchmarkParse(b *testing.B) {
	p := NewParser(&again{data: []byte(stream)}, 0)
	events := strings.Count(stream, "\r\n\r\n")
	b.SetBytes(int64(len(stream) / events))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Next(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// What a consumer does with an event besides: its name and a few values.
func BenchmarkParseAndLook(b *testing.B) {
	p := NewParser(&again{data: []byte(stream)}, 0)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		m, err := p.Next()
		if err != nil {
			b.Fatal(err)
		}
		n += len(m.Event()) + len(m.Value("Uniqueid")) + len(m.Value("Linkedid")) + len(m.Variable("ChanVariable", "AGENT"))
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

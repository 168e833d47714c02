package live_test

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"switchroom/appliance/asterisk/ami"
	"switchroom/appliance/cti/live"
	"switchroom/appliance/cti/tape"
)

// stream is a recorded queue call, over and over with other channels: n calls,
// a few at a time.
func stream(tb testing.TB, calls int) (data []byte, events int) {
	var one []byte
	perCall := 0
	for _, e := range tapes(tb)["agent-ends"] {
		if e.Kind == tape.Event && bytes.Contains(e.Messages[0].Raw(), []byte("\r\nUniqueid:")) {
			one = append(one, e.Messages[0].Raw()...)
			perCall++
		}
	}
	var b bytes.Buffer
	for i := range calls {
		b.Write(bytes.ReplaceAll(bytes.ReplaceAll(one, []byte("box-"), fmt.Appendf(nil, "b%07d-", i)), []byte("-0000000"), fmt.Appendf(nil, "-%07d", i)))
	}
	return b.Bytes(), calls * perCall
}

// BenchmarkFold is the way of an event from Asterisk's bytes into the state.
// A goal: at least 500,000 events/s, at most one allocation for each.
func BenchmarkFold(b *testing.B) {
	data, events := stream(b, 2000)
	b.ReportAllocs()
	for b.Loop() {
		s := newState()
		p := ami.NewParser(bytes.NewReader(data), 0)
		n := 0
		for {
			m, err := p.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				b.Fatal(err)
			}
			s.Apply(m)
			n++
		}
		if n != events || len(s.Calls()) != 0 {
			b.Fatalf("%d events of %d, %d calls left", n, events, len(s.Calls()))
		}
	}
	b.ReportMetric(float64(events)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(events), "events/op")
}

// TestAllocations holds the bound of one allocation for an event.
func TestAllocations(t *testing.T) {
	data, events := stream(t, 200)
	var messages []*ami.Message
	for p := ami.NewParser(bytes.NewReader(data), 0); ; {
		m, err := p.Next()
		if err != nil {
			break
		}
		messages = append(messages, m.Clone())
	}
	var s *live.State
	each := testing.AllocsPerRun(3, func() {
		s = newState()
		for _, m := range messages {
			s.Apply(m)
		}
	}) / float64(events)
	if each > 1 {
		t.Errorf("%.2f allocations for an event", each)
	}
	t.Logf("%.2f allocations for an event", each)
}

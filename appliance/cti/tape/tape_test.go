package tape

import (
	"bytes"
	"strings"
	"testing"

	"switchroom/appliance/asterisk/ami"
)

func message(t *testing.T, text string) *ami.Message {
	t.Helper()
	var m ami.Message
	if _, ok := m.Parse([]byte(strings.ReplaceAll(text, "\n", "\r\n") + "\r\n\r\n")); !ok {
		t.Fatalf("%q is no message", text)
	}
	return &m
}

func TestRoundTrip(t *testing.T) {
	var b bytes.Buffer
	w := NewWriter(&b)
	item := message(t, "Event: QueueParams\nQueue: 600")
	happened := message(t, "Event: Hangup\nUniqueid: 1.1\nChanVariable: A=1\nChanVariable: B=2")
	for _, err := range []error{w.Mark("begin"), w.Snapshot([]*ami.Message{item, item}), w.Event(happened), w.Snapshot(nil)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	whole := bytes.Clone(b.Bytes())
	got, err := Read(&b)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 4 || got[0].Name != "begin" || got[1].Kind != Snapshot || len(got[1].Messages) != 2 ||
		got[2].Messages[0].String() != happened.String() || len(got[3].Messages) != 0 {
		t.Errorf("%+v", got)
	}
	for _, cut := range []int{len(whole) - 3, bytes.Index(whole, []byte("Event: Hangup")) - 5} {
		if _, err := Read(bytes.NewReader(whole[:cut])); err == nil {
			t.Errorf("a tape cut after %d bytes is read without an error", cut)
		}
	}
	if _, err := Read(strings.NewReader("Event: TapeSnapshot\r\nItems: many\r\n\r\n")); err == nil {
		t.Error("a snapshot of many items is read without an error")
	}
}

package cfa635_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"switchroom/appliance/panel/cfa635"
)

// TestCRC: the check value that catalogues of CRCs give for CRC-16/X-25 (IBM
// SDLC), and a packet made by hand with the bytewise algorithm of RFC 1662.
func TestCRC(t *testing.T) {
	if got := cfa635.CRC([]byte("123456789")); got != 0x906E {
		t.Errorf("CRC = %#04x; want 0x906e", got)
	}
	got := cfa635.Packet{Type: cfa635.CmdVersion}.Append([]byte("x"))
	if want := []byte{'x', 0x01, 0x00}; !bytes.Equal(got[:3], want) || len(got) != 5 {
		t.Errorf("a packet is % x", got)
	}
	// The receiver's rule of RFC 1662: over data and check sum the register
	// ends at 0xF0B8, here complemented.
	if got := cfa635.CRC(got[1:]); got != ^uint16(0xF0B8) {
		t.Errorf("over packet and CRC: %#04x; want %#04x", got, ^uint16(0xF0B8))
	}
}

func packets(t *rapid.T) []cfa635.Packet {
	var all []cfa635.Packet
	for range rapid.IntRange(1, 5).Draw(t, "packets") {
		all = append(all, cfa635.Packet{
			Type: rapid.SampledFrom([]byte{0x40, 0x41, 0x5F, 0x80, 0xDF}).Draw(t, "type"),
			Data: rapid.SliceOfN(rapid.Byte(), 0, cfa635.MaxData).Draw(t, "data"),
		})
	}
	return all
}

// next takes what the parser has.
func next(p *cfa635.Parser) []cfa635.Packet {
	var all []cfa635.Packet
	for {
		q, ok := p.Next()
		if !ok {
			return all
		}
		all = append(all, q)
	}
}

var sameData = cmp.Transformer("data", func(p cfa635.Packet) string { return p.String() })

// TestPieces: packets are found in whatever pieces they come.
func TestPieces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := packets(t)
		var line []byte
		for _, p := range want {
			line = p.Append(line)
		}
		parser := cfa635.Parser{Accept: cfa635.FromModule}
		var got []cfa635.Packet
		for len(line) > 0 {
			n := rapid.IntRange(1, len(line)).Draw(t, "piece")
			parser.Feed(line[:n])
			got = append(got, next(&parser)...)
			line = line[n:]
		}
		if d := cmp.Diff(want, got, sameData); d != "" || parser.Dropped != 0 {
			t.Fatalf("%d bytes dropped (-want +got):\n%s", parser.Dropped, d)
		}
	})
}

// TestNoise: after any noise, packets are found again, at the latest when the
// line is silent; what is found before them is not told from noise only if its
// check sum is right.
func TestNoise(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		noise := rapid.SliceOfN(rapid.Byte(), 0, 60).Draw(t, "noise")
		want := packets(t)
		line := append([]byte(nil), noise...)
		for _, p := range want {
			line = p.Append(line)
		}
		parser := cfa635.Parser{Accept: cfa635.FromModule}
		parser.Feed(line)
		got := next(&parser)
		for parser.Pending() > 0 {
			parser.Skip()
			got = append(got, next(&parser)...)
		}
		if len(got) < len(want) {
			t.Fatalf("found %v; want at the end %v", got, want)
		}
		if d := cmp.Diff(want, got[len(got)-len(want):], sameData); d != "" {
			t.Fatalf("(-want +got):\n%s", d)
		}
	})
}

// TestWrongCRC: one bit that is wrong anywhere costs that packet and no other.
func TestWrongCRC(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bad := packets(t)[0].Append(nil)
		bit := rapid.IntRange(0, 8*len(bad)-1).Draw(t, "bit")
		bad[bit/8] ^= 1 << (bit % 8)
		good := cfa635.Packet{Type: cfa635.ReportKey, Data: []byte{5}}
		parser := cfa635.Parser{Accept: cfa635.FromModule}
		parser.Feed(good.Append(bad))
		got := next(&parser)
		for parser.Pending() > 0 {
			parser.Skip()
			got = append(got, next(&parser)...)
		}
		if len(got) == 0 || got[len(got)-1].String() != good.String() {
			t.Fatalf("found %v; want %v at the end", got, good)
		}
	})
}

func FuzzParser(f *testing.F) {
	f.Add([]byte{1, 0, 2, 3}, 1)
	f.Add(cfa635.Packet{Type: 0x41, Data: []byte("CFA635:h1.4,u2.1")}.Append([]byte{0x80, 22, 7}), 3)
	f.Fuzz(func(t *testing.T, line []byte, piece int) {
		piece = max(1, min(piece, len(line)))
		parser := cfa635.Parser{Accept: cfa635.FromModule}
		var got []cfa635.Packet
		for rest := line; len(rest) > 0; {
			n := min(piece, len(rest))
			parser.Feed(rest[:n])
			got = append(got, next(&parser)...)
			rest = rest[n:]
		}
		used := parser.Pending() + parser.Dropped
		for _, p := range got {
			sent := p.Append(nil)
			if !bytes.Contains(line, sent) || !cfa635.FromModule(p.Type) {
				t.Errorf("found %v, which did not come", p)
			}
			used += len(sent)
		}
		if used != len(line) {
			t.Errorf("%d bytes came, %d are accounted for", len(line), used)
		}
		if parser.Pending() > cfa635.MaxData+4 {
			t.Errorf("%d bytes pending", parser.Pending())
		}
	})
}

// TestModels: each is found by what it says of itself.
func TestModels(t *testing.T) {
	for version, want := range map[string]string{
		"CFA635:h1.4,u2.1": "CFA-635", "CFA631:h1.0,v1.0": "CFA-631", "CFA633:h1.5c,k1.7": "CFA-633",
	} {
		m, err := cfa635.ModelOf(version)
		if err != nil || m.Name != want {
			t.Errorf("ModelOf(%q) = %v, %v; want %s", version, m, err, want)
		}
	}
	for _, version := range []string{"", "CFA533:h1.0,v1.0", "CFA6351:h", "hello"} {
		if m, err := cfa635.ModelOf(version); err == nil {
			t.Errorf("ModelOf(%q) = %v; want an error", version, m.Name)
		}
	}
}

// TestEncode: every printable ASCII character is itself on the display, but for
// the two that the CFA-633 does not have and the back quote; what there is no
// character for is a question mark.
func TestEncode(t *testing.T) {
	var ascii strings.Builder
	for r := ' '; r < 0x7F; r++ {
		ascii.WriteRune(r)
	}
	for _, m := range cfa635.Models() {
		want := strings.ReplaceAll(ascii.String(), "`", "'")
		if m.Name == "CFA-633" {
			want = strings.NewReplacer(`\`, "/", "~", "-").Replace(ascii.String())
		}
		if d := cmp.Diff(want, m.Decode(m.Encode(ascii.String()))); d != "" {
			t.Errorf("%s (-want +got):\n%s", m.Name, d)
		}
		if got := string(m.Encode("客服")); got != "??" {
			t.Errorf("%s: two Chinese characters are %q; want ??", m.Name, got)
		}
		if got := m.Decode(m.Encode("Köln Ä")); m.Name != "CFA-633" && got != "Köln Ä" {
			t.Errorf("%s: %q", m.Name, got)
		}
	}
}

// TestKeys: what a model reports is read as what was pressed, and the codes of
// the data sheets mean what they say.
func TestKeys(t *testing.T) {
	for _, m := range cfa635.Models() {
		count := 0
		for k := cfa635.KeyUp; k <= cfa635.KeyExit; k++ {
			for _, down := range []bool{true, false} {
				e := cfa635.KeyEvent{Key: k, Down: down}
				code, ok := m.KeyCode(e)
				if !ok {
					continue
				}
				count++
				if got, ok := cfa635.ParseKey([]byte{code}); !ok || got != e {
					t.Errorf("%s: code %d of %v is read as %v, %v", m.Name, code, e, got, ok)
				}
			}
		}
		if want := map[string]int{"CFA-635": 12, "CFA-633": 12, "CFA-631": 8}[m.Name]; count != want {
			t.Errorf("%s has %d events; want %d", m.Name, count, want)
		}
	}
	for code, want := range map[byte]cfa635.KeyEvent{
		1: {Key: cfa635.KeyUp, Down: true}, 5: {Key: cfa635.KeyEnter, Down: true}, 6: {Key: cfa635.KeyExit, Down: true}, 12: {Key: cfa635.KeyExit},
		13: {Key: cfa635.KeyUp, Down: true}, 14: {Key: cfa635.KeyEnter, Down: true}, 20: {Key: cfa635.KeyExit},
	} {
		if got, ok := cfa635.ParseKey([]byte{code}); !ok || got != want {
			t.Errorf("ParseKey(%d) = %v, %v; want %v", code, got, ok, want)
		}
	}
	for _, bad := range [][]byte{{}, {0}, {21}, {255}, {1, 2}} {
		if got, ok := cfa635.ParseKey(bad); ok {
			t.Errorf("ParseKey(%v) = %v; want nothing", bad, got)
		}
	}
}

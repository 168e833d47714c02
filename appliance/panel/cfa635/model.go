package cfa635

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// A Model is one of the modules.
type Model struct {
	Name       string // as people call it: "CFA-635"
	Columns    int
	Rows       int
	Baud       int  // as it is delivered, bit/s
	Lamps      int  // of two colours, red and green
	keyMask    byte // of all its keys, in CmdKeyReports
	characters map[rune]byte
}

// Models gives the modules that this package knows.
func Models() []*Model {
	ks := ks0073()
	return []*Model{
		{Name: "CFA-635", Columns: 20, Rows: 4, Baud: 115200, Lamps: 4, keyMask: 0x3F, characters: ks},
		{Name: "CFA-631", Columns: 20, Rows: 2, Baud: 115200, keyMask: 0x0F, characters: ks},
		{Name: "CFA-633", Columns: 16, Rows: 2, Baud: 19200, keyMask: 0x3F, characters: hd44780()},
	}
}

// ModelOf finds the model in a module's answer to CmdVersion.
func ModelOf(version string) (*Model, error) {
	name, _, _ := strings.Cut(version, ":")
	all := Models()
	i := slices.IndexFunc(all, func(m *Model) bool { return strings.ReplaceAll(m.Name, "-", "") == name })
	if i < 0 {
		return nil, fmt.Errorf("a module that calls itself %q is not known", version)
	}
	return all[i], nil
}

// ks0073 is where the character generators of CFA-635 and CFA-631 differ from
// ASCII, and the further characters of theirs that names of places need.
func ks0073() map[rune]byte {
	return map[rune]byte{
		'$': 0xA2, '@': 0xA0, '[': 0xFA, '\\': 0xFB, ']': 0xFC, '^': 0x1D, '_': 0xC4, '`': 0x27,
		'{': 0xFD, '|': 0xFE, '}': 0xFF, '~': 0xCE,
		'¡': 0x40, '¿': 0x60, '£': 0xA1, '¥': 0xA3, '§': 0x5F, '°': 0x80, 'µ': 0x8F,
		'Ä': 0x5B, 'Ö': 0x5C, 'Ñ': 0x5D, 'Ü': 0x5E, 'ä': 0x7B, 'ö': 0x7C, 'ñ': 0x7D, 'ü': 0x7E, 'à': 0x7F,
		'è': 0xA4, 'é': 0xA5, 'ù': 0xA6, 'ì': 0xA7, 'ò': 0xA8, 'Ç': 0xA9, 'Ø': 0xAB, 'ø': 0xAC,
		'Å': 0xAE, 'å': 0xAF, 'Æ': 0xBC, 'æ': 0xBD, 'ß': 0xBE, 'É': 0xBF,
		'á': 0xE7, 'í': 0xE8, 'ó': 0xE9, 'ú': 0xEA, 'ê': 0xC7, 'ç': 0xC8,
	}
}

// hd44780 is the same for the CFA-633. Its generator has no backslash and no
// tilde.
func hd44780() map[rune]byte {
	return map[rune]byte{
		'\\': '/', '~': '-', '¥': 0x5C, '°': 0xDF,
		'ä': 0xE1, 'ß': 0xE2, 'µ': 0xE4, 'ñ': 0xEE, 'ö': 0xEF, 'ü': 0xF5,
	}
}

// Encode gives the codes of the text's characters in the module's character
// generator. What it does not have becomes a question mark.
func (m *Model) Encode(text string) []byte {
	b := make([]byte, 0, len(text))
	for _, r := range text {
		code, ok := m.characters[r]
		switch {
		case ok:
		case r >= ' ' && r < 0x7F:
			code = byte(r)
		default:
			code = '?'
		}
		b = append(b, code)
	}
	return b
}

// Decode says what the codes look like on the module, as far as Encode makes
// them; anything else is U+FFFD.
func (m *Model) Decode(codes []byte) string {
	var b strings.Builder
	for _, c := range codes {
		r := rune(utf8.RuneError)
		if c >= ' ' && c < 0x7F {
			if _, moved := m.characters[rune(c)]; !moved {
				r = rune(c)
			}
		}
		// The lowest of those with the code, so that the answer is always the
		// same; an ASCII character with an own code is drawn as itself.
		for from, code := range m.characters {
			if code == c && (r == utf8.RuneError || from < r && r > 0x7E) {
				r = from
			}
		}
		b.WriteRune(r)
	}
	return b.String()
}

// A Key is one that a module has. The CFA-631's four, at the corners of its
// display, are Up (upper left), Down (lower left), Enter (upper right) and Exit
// (lower right).
type Key int

// The keys.
const (
	KeyNone Key = iota
	KeyUp
	KeyDown
	KeyLeft
	KeyRight
	KeyEnter
	KeyExit
)

func (k Key) String() string {
	names := []string{"none", "up", "down", "left", "right", "enter", "exit"}
	if k < 0 || int(k) >= len(names) {
		return fmt.Sprintf("Key(%d)", int(k))
	}
	return names[k]
}

// A KeyEvent is a key that went down or up.
type KeyEvent struct {
	Key  Key
	Down bool
}

// The first codes of key reports: six keys pressed, six released, and the
// CFA-631's.
const (
	codePressed     = 1
	codeReleased    = 7
	code631Pressed  = 13
	code631Released = 17
	code631End      = 21
)

// keys631 are the CFA-631's keys in the order of their codes.
func keys631() [4]Key { return [4]Key{KeyUp, KeyEnter, KeyDown, KeyExit} }

// ParseKey reads the data of a key report.
func ParseKey(data []byte) (KeyEvent, bool) {
	if len(data) != 1 {
		return KeyEvent{}, false
	}
	switch c := int(data[0]); {
	case c >= codePressed && c < codeReleased:
		return KeyEvent{KeyUp + Key(c-codePressed), true}, true
	case c >= codeReleased && c < code631Pressed:
		return KeyEvent{KeyUp + Key(c-codeReleased), false}, true
	case c >= code631Pressed && c < code631Released:
		return KeyEvent{keys631()[c-code631Pressed], true}, true
	case c >= code631Released && c < code631End:
		return KeyEvent{keys631()[c-code631Released], false}, true
	}
	return KeyEvent{}, false
}

// KeyCode is the data of the report of such an event on this model; false if it
// has no such key.
func (m *Model) KeyCode(e KeyEvent) (byte, bool) {
	if e.Key < KeyUp || e.Key > KeyExit {
		return 0, false
	}
	if m.Name == "CFA-631" {
		for i, k := range keys631() {
			switch {
			case k == e.Key && e.Down:
				return byte(code631Pressed + i), true
			case k == e.Key:
				return byte(code631Released + i), true
			}
		}
		return 0, false
	}
	if e.Down {
		return byte(codePressed + int(e.Key-KeyUp)), true
	}
	return byte(codeReleased + int(e.Key-KeyUp)), true
}

// lampOutputs gives the outputs of a lamp, counted from 0 at the top.
func lampOutputs(lamp int) (red, green byte) {
	return byte(12 - 2*lamp), byte(11 - 2*lamp)
}

// LampOf is the reverse of what SetLamp does: which lamp, and which of its
// colours, an output is.
func (m *Model) LampOf(output byte) (lamp int, red, ok bool) {
	for lamp := range m.Lamps {
		r, g := lampOutputs(lamp)
		switch output {
		case r:
			return lamp, true, true
		case g:
			return lamp, false, true
		}
	}
	return 0, false, false
}

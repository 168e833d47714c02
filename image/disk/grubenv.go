package disk

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"switchroom/image"
)

// GrubenvSize is the size of an environment block in bytes. GRUB takes any
// size but ours is always the one grub-editenv makes.
const GrubenvSize = 1024

// grubenvSignature begins every environment block (GRUB, grub-core/lib/envblk.c).
const grubenvSignature = "# GRUB Environment Block\n"

// Names of the variables in the block, beside the slots' own.
const (
	varSlot         = "slot"
	varExtraCmdline = "extra_cmdline"
)

// FullTries is how often GRUB tries a slot that has just been written.
const FullTries = 3

// ErrGrubenvFull is returned when the variables don't fit into the block.
var ErrGrubenvFull = errors.New("the GRUB environment block is full")

// Grubenv is a GRUB environment block: variables in their order. The zero
// value is an empty block. Not safe for concurrent use.
type Grubenv struct {
	names  []string
	values map[string]string
}

// SlotState is what GRUB knows of a slot.
type SlotState struct {
	Good  bool // it has been healthy once: GRUB no longer counts
	Tries int  // 0..FullTries: starts left while it isn't good
}

// FreshGrubenv returns the block of a newly flashed disk: slot a to be tried,
// slot b empty.
func FreshGrubenv() *Grubenv {
	var e Grubenv
	e.SetPreferred(image.SlotA)
	e.SetSlot(image.SlotA, SlotState{Tries: FullTries})
	e.SetSlot(image.SlotB, SlotState{})
	return &e
}

// ParseGrubenv reads a block. It accepts what GRUB accepts (comments, escaped
// characters, any size) and refuses a block without the signature.
func ParseGrubenv(b []byte) (*Grubenv, error) {
	rest, ok := bytes.CutPrefix(b, []byte(grubenvSignature))
	if !ok {
		return nil, errors.New("parsing the GRUB environment block: it does not begin with its signature")
	}
	var e Grubenv
	for len(rest) > 0 {
		line, n := grubenvLine(rest)
		rest = rest[n:]
		if line == "" || line[0] == '#' {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok || !validName(name) {
			return nil, fmt.Errorf("parsing the GRUB environment block: %q is not name=value", line)
		}
		e.Set(name, value)
	}
	return &e, nil
}

// validName reports whether GRUB's shell could name a variable so.
func validName(name string) bool {
	for _, r := range name {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' {
			return false
		}
	}
	return name != ""
}

// grubenvLine returns the first line, unescaped, and how many bytes it took.
// A line of '#' may end with the block instead of a newline: it is padding.
func grubenvLine(b []byte) (string, int) {
	if b[0] == '#' { // no escapes in comments
		if i := bytes.IndexByte(b, '\n'); i >= 0 {
			return string(b[:i]), i + 1
		}
		return string(b), len(b)
	}
	var line strings.Builder
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '\\':
			if i++; i < len(b) {
				line.WriteByte(b[i])
			}
		case '\n':
			return line.String(), i + 1
		default:
			line.WriteByte(b[i])
		}
	}
	return line.String(), len(b)
}

// Bytes returns the block, [GrubenvSize] bytes padded with '#' as GRUB has it.
// It returns [ErrGrubenvFull] if the variables need more.
func (e *Grubenv) Bytes() ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(grubenvSignature)
	escape := strings.NewReplacer(`\`, `\\`, "\n", "\\\n")
	for _, name := range e.names {
		b.WriteString(name + "=" + escape.Replace(e.values[name]) + "\n")
	}
	if b.Len() > GrubenvSize {
		return nil, fmt.Errorf("%w: %d bytes of %d", ErrGrubenvFull, b.Len(), GrubenvSize)
	}
	return append(b.Bytes(), bytes.Repeat([]byte{'#'}, GrubenvSize-b.Len())...), nil
}

// Names returns the names of the variables in the block's order.
func (e *Grubenv) Names() []string { return slices.Clone(e.names) }

// Get returns a variable's value, "" if it isn't set.
func (e *Grubenv) Get(name string) string { return e.values[name] }

// Set sets a variable. The name must be one GRUB could use: letters, digits
// and underscores, no '=', no newline; others make a block GRUB can't read.
func (e *Grubenv) Set(name, value string) {
	if e.values == nil {
		e.values = make(map[string]string)
	}
	if _, ok := e.values[name]; !ok {
		e.names = append(e.names, name)
	}
	e.values[name] = value
}

// Unset removes a variable.
func (e *Grubenv) Unset(name string) {
	delete(e.values, name)
	e.names = slices.DeleteFunc(e.names, func(n string) bool { return n == name })
}

// Preferred returns the slot GRUB prefers; slot a if the block doesn't say.
func (e *Grubenv) Preferred() image.Slot {
	if s := image.Slot(e.Get(varSlot)); s.Valid() {
		return s
	}
	return image.SlotA
}

// SetPreferred sets the slot GRUB prefers.
func (e *Grubenv) SetPreferred(s image.Slot) { e.Set(varSlot, string(s)) }

// Slot returns what the block says of a slot. A count that isn't a number
// between 0 and [FullTries] is 0, as it is for GRUB's script.
func (e *Grubenv) Slot(s image.Slot) SlotState {
	tries, err := strconv.Atoi(e.Get(triesVar(s)))
	if err != nil || tries < 0 || tries > FullTries {
		tries = 0
	}
	return SlotState{Good: e.Get(goodVar(s)) == "1", Tries: tries}
}

// SetSlot sets what the block says of a slot.
func (e *Grubenv) SetSlot(s image.Slot, state SlotState) {
	good := "0"
	if state.Good {
		good = "1"
	}
	e.Set(triesVar(s), strconv.Itoa(state.Tries))
	e.Set(goodVar(s), good)
}

// MarkGood notes that the slot's firmware has been healthy. GRUB no longer
// counts its starts, and its tries are full again.
func (e *Grubenv) MarkGood(s image.Slot) {
	e.SetSlot(s, SlotState{Good: true, Tries: FullTries})
}

// SetExtraCmdline sets what GRUB adds to the kernel's command line.
func (e *Grubenv) SetExtraCmdline(args string) {
	if args == "" {
		e.Unset(varExtraCmdline)
		return
	}
	e.Set(varExtraCmdline, args)
}

func triesVar(s image.Slot) string { return "slot_" + string(s) + "_tries" }
func goodVar(s image.Slot) string  { return "slot_" + string(s) + "_good" }

// ReadGrubenvFile reads the block in a file.
func ReadGrubenvFile(path string) (*Grubenv, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the GRUB environment: %w", err)
	}
	return ParseGrubenv(b)
}

// UpdateGrubenvFile reads the block in a file, lets change alter it, and writes
// it back over the same bytes with O_SYNC: when it returns nil the disk has
// it. It never renames, truncates or grows the file, since GRUB writes to the
// blocks it finds the file in. A block that didn't change isn't written.
//
// A crash in the middle can at worst leave one of the block's two sectors old;
// with fewer than 480 bytes of variables, as ours, they all lie in the first.
func UpdateGrubenvFile(path string, change func(*Grubenv) error) (err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_SYNC, 0)
	if err != nil {
		return fmt.Errorf("updating the GRUB environment: %w", err)
	}
	defer func() {
		if cerr := f.Close(); err == nil && cerr != nil {
			err = fmt.Errorf("updating the GRUB environment: %w", cerr)
		}
	}()
	if err := updateGrubenvAt(f, 0, change); err != nil {
		return fmt.Errorf("updating the GRUB environment %s: %w", path, err)
	}
	return nil
}

type readWriterAt interface {
	io.ReaderAt
	io.WriterAt
}

// updateGrubenvAt updates the block at an offset of a file or disk.
func updateGrubenvAt(f readWriterAt, off int64, change func(*Grubenv) error) error {
	old := make([]byte, GrubenvSize)
	if _, err := f.ReadAt(old, off); err != nil {
		return fmt.Errorf("reading the block: %w", err)
	}
	e, err := ParseGrubenv(old)
	if err != nil {
		return err
	}
	if err := change(e); err != nil {
		return err
	}
	b, err := e.Bytes()
	if err != nil {
		return err
	}
	if bytes.Equal(b, old) {
		return nil
	}
	if _, err := f.WriteAt(b, off); err != nil {
		return fmt.Errorf("writing the block: %w", err)
	}
	return nil
}

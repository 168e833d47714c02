package tdm2400p

import (
	"errors"
	"fmt"
)

// FaultKind says what is to go wrong.
type FaultKind string

// The faults that a card can have. Those of a port stay until they are cleared;
// those of the bus happen once, Count times.
const (
	// FaultDropFrame spoils the receive frame: the driver throws it away, and
	// finds the idents out of step in the one after it.
	FaultDropFrame FaultKind = "drop-frame"
	// FaultIdentJump shifts the idents of a frame, so that the driver counts an
	// interrupt miss and sends again what was not answered.
	FaultIdentJump FaultKind = "ident-jump"
	// FaultUnderrun makes the card find no transmit descriptor: the driver
	// restarts the bus ("hardunderrun"). Modules keep their state.
	FaultUnderrun FaultKind = "underrun"
	// FaultCorruptRead makes Count reads of Register of Port come out wrong:
	// the bits of Mask are flipped. Count 0 is until it is cleared.
	FaultCorruptRead FaultKind = "corrupt-read"
	// FaultAbsent takes the module out of Port's place. The driver looks for
	// modules when it is loaded: "Not installed".
	FaultAbsent FaultKind = "absent"
	// FaultCalibration lets the ProSLIC's calibration never end: "Timeout waiting
	// for calibration", and after 6 s of trying everything "FAILED FXS".
	FaultCalibration FaultKind = "calibration"
	// FaultLeakage lets the battery of the powered-down ProSLIC fall too low. The
	// driver says "Excessive leakage", and uses the port all the same.
	FaultLeakage FaultKind = "leakage"
	// FaultPowerless is the disk-drive power connector not plugged in: the
	// ProSLIC has no battery. "DID YOU REMEMBER TO PLUG IN THE HD POWER CABLE",
	// asks the driver, and "FAILED FXS".
	FaultPowerless FaultKind = "powerless"
)

// ErrFault is returned for a fault that makes no sense.
var ErrFault = errors.New("no such fault")

// Fault is something going wrong on the card.
type Fault struct {
	Kind FaultKind
	// Port is the port that has it, from 1; 0 is every port that can have it.
	// Faults of the bus have none.
	Port int
	// Clear ends the fault instead.
	Clear bool
	// Count is how often it happens; 0 means once for faults of the bus, always
	// for FaultCorruptRead.
	Count int
	// Register (0..255) and Mask are FaultCorruptRead's.
	Register uint8
	Mask     uint8
}

type cardFaults struct {
	drop, jump, underrun int // how often yet
}

type portFaults struct {
	absent, calibration, leakage, powerless bool
	corrupt                                 map[uint8]*corruption
}

type corruption struct {
	mask uint8
	left int // -1: for ever
}

func (f *portFaults) corruptRead(reg, answer uint8) uint8 {
	c := f.corrupt[reg]
	if c == nil {
		return answer
	}
	if c.left > 0 {
		if c.left--; c.left == 0 {
			delete(f.corrupt, reg)
			if len(f.corrupt) == 0 {
				f.corrupt = nil
			}
		}
	}
	return answer ^ c.mask
}

// Fault makes something go wrong from the next frame on, or, with Clear, right
// again.
func (c *Card) Fault(f Fault) (err error) {
	c.Do(func(m *Moment) { err = m.Fault(f) })
	return err
}

// Fault is [Card.Fault] for this moment.
func (m *Moment) Fault(f Fault) error {
	if f.Count < 0 {
		return fmt.Errorf("a fault %d times: %w", f.Count, ErrFault)
	}
	count := max(f.Count, 1)
	if f.Clear {
		count = 0
	}
	switch f.Kind {
	case FaultDropFrame:
		m.c.faults.drop = count
		return nil
	case FaultIdentJump:
		m.c.faults.jump = count
		return nil
	case FaultUnderrun:
		m.c.faults.underrun = count
		return nil
	}
	if f.Port < 0 || f.Port > Ports {
		return fmt.Errorf("a fault of port %d: %w", f.Port, ErrPort)
	}
	if f.Port != 0 {
		return m.c.ports[f.Port-1].fault(f)
	}
	// What no port can have is no fault; what some can't is theirs alone.
	var err error
	had := false
	for i := range m.c.ports {
		if e := m.c.ports[i].fault(f); e != nil {
			err = e
		} else {
			had = true
		}
	}
	if had {
		return nil
	}
	return err
}

func (p *port) fault(f Fault) error {
	on := !f.Clear
	switch {
	case f.Kind == FaultAbsent && p.kind != Empty:
		p.faults.absent = on
	case f.Kind == FaultCalibration && p.kind == FXS:
		p.faults.calibration = on
	case f.Kind == FaultLeakage && p.kind == FXS:
		p.faults.leakage = on
	case f.Kind == FaultPowerless && p.kind == FXS:
		p.faults.powerless = on
	case f.Kind == FaultCorruptRead && p.kind != Empty:
		p.corrupt(f)
	default:
		return fmt.Errorf("fault %q of port %d, which is %s: %w", f.Kind, p.m+1, p.kind, ErrFault)
	}
	return nil
}

func (p *port) corrupt(f Fault) {
	if f.Clear {
		delete(p.faults.corrupt, f.Register)
		if len(p.faults.corrupt) == 0 {
			p.faults.corrupt = nil // so that sound ports do not look
		}
		return
	}
	if p.faults.corrupt == nil {
		p.faults.corrupt = make(map[uint8]*corruption)
	}
	left := f.Count
	if left == 0 {
		left = -1
	}
	p.faults.corrupt[f.Register] = &corruption{mask: f.Mask, left: left}
}

// take uses up one of a fault's occurrences, if there is any left.
func take(left *int) bool {
	if *left == 0 {
		return false
	}
	*left--
	return true
}

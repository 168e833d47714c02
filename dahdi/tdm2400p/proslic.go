package tdm2400p

// The ProSLIC's direct registers that do more than keep what is written to them.
const (
	slicID         = 0
	slicPCMMode    = 1
	slicTxSlotLow  = 2
	slicTxSlotHigh = 3
	slicRxSlotLow  = 4
	slicRxSlotHigh = 5
	slicLoopback   = 8
	slicCheck      = 11
	slicPowerDown  = 14
	slicInterrupt1 = 18
	slicInterrupt3 = 20
	slicIndLow     = 28
	slicIndHigh    = 29
	slicIndAddress = 30
	slicIndStatus  = 31
	slicLinefeed   = 64
	slicLoopState  = 68
	slicTipSense   = 80
	slicRingSense  = 81
	slicBattery    = 82
	slicManualRing = 88
	slicManualTip  = 89
	slicCalibrate  = 96
	slicCalResult  = 98  // to 107
	slicCalGain    = 107 // the driver wants 2 to 13

	pcmEnable     = 0x20
	pcmFormatMask = 0x18 // 0 is A-law, 0x08 µ-law

	powerDownDCDC = 0x10 // in register 14: the DC-DC converter is off
	loopClosed    = 0x01 // in register 68

	// Battery sense, in steps of 376 mV.
	batteryUp      = 0xc8 // 75 V; the driver waits for at least 0xc0
	batteryDown    = 0x06 // the driver's limit for leakage
	batteryLeaking = 0x02
)

// proslic is a Si3215, the chip of one FXS port, as far as the driver looks at
// it. It is always in the register mode that the driver switches it to.
type proslic struct {
	regs     [128]uint8
	indirect [256]uint16
	pcm      pcm
	// loaded: the indirect data registers were written since the last access,
	// which makes the next one a write.
	loaded  bool
	offHook bool // of the telephone plugged in
}

func (s *proslic) reset() {
	*s = proslic{}
	s.regs[slicID] = 0x85 // Si3215, revision E
	s.regs[slicPCMMode] = 0x88
	s.regs[slicLoopback] = 0x02
	s.regs[slicCheck] = 0x33
	s.regs[slicPowerDown] = powerDownDCDC
	for r := slicCalResult; r < slicCalGain; r++ {
		s.regs[r] = 0x10
	}
	s.regs[slicCalGain] = 0x08
}

// linefeed returns the state the line is in, which follows the commanded one at
// once.
func (s *proslic) linefeed() uint8 { return s.regs[slicLinefeed] & 7 }

func (s *proslic) read(reg uint8, faults *portFaults) uint8 {
	switch reg {
	case slicIndStatus, slicManualRing, slicManualTip:
		return 0 // never busy
	case slicLinefeed:
		return s.linefeed()<<4 | s.linefeed()
	case slicLoopState:
		if s.offHook && s.linefeed() != LinefeedOpen {
			return loopClosed
		}
		return 0
	case slicTipSense, slicRingSense, slicBattery:
		return s.sense(reg, faults)
	case slicCalibrate:
		if faults.calibration {
			return s.regs[reg]
		}
		return 0 // calibration takes no time
	case slicCalGain:
		if faults.calibration {
			return 0
		}
	}
	return s.regs[reg&127]
}

// sense returns a voltage, in steps of 376 mV below ground.
func (s *proslic) sense(reg uint8, faults *portFaults) uint8 {
	if s.regs[slicPowerDown]&powerDownDCDC != 0 {
		if faults.leakage {
			return batteryLeaking
		}
		if reg == slicBattery {
			return batteryDown
		}
		return 0
	}
	if faults.powerless {
		return batteryDown
	}
	if reg == slicBattery {
		return batteryUp
	}
	const (
		near, far     = 0x08, 0x87 // 3 V and 51 V: the idle line
		nearUp, farUp = 0x38, 0x4e // 21 V and 29 V: a telephone draws current
	)
	low, high := uint8(near), uint8(far)
	if s.offHook {
		low, high = nearUp, farUp
	}
	tip := reg == slicTipSense
	switch s.linefeed() {
	case LinefeedOpen:
		return 0
	case LinefeedTipOpen:
		if tip {
			return 0
		}
		return high
	case LinefeedRingOpen:
		if tip {
			return high
		}
		return 0
	case LinefeedReverseActive, LinefeedReverseOnHook:
		tip = !tip
	}
	if tip {
		return low
	}
	return high
}

func (s *proslic) write(reg, val uint8) {
	switch reg {
	case slicID, slicCheck, slicIndStatus:
		return
	case slicInterrupt1, slicInterrupt1 + 1, slicInterrupt3:
		s.regs[reg] &^= val
		return
	case slicIndAddress:
		s.access(val)
	case slicIndLow, slicIndHigh:
		s.loaded = true
	}
	s.regs[reg&127] = val
	switch reg {
	case slicPCMMode, slicTxSlotLow, slicTxSlotHigh, slicRxSlotLow, slicRxSlotHigh:
		s.pcm = pcm{
			on:   s.regs[slicPCMMode]&pcmEnable != 0,
			alaw: s.regs[slicPCMMode]&pcmFormatMask == 0,
			tx:   timeslot(s.regs[slicTxSlotLow], s.regs[slicTxSlotHigh]),
			rx:   timeslot(s.regs[slicRxSlotLow], s.regs[slicRxSlotHigh]),
		}
	}
}

// access reads or writes an indirect register, whose address was just written.
func (s *proslic) access(address uint8) {
	if s.loaded {
		s.loaded = false
		s.indirect[address] = uint16(s.regs[slicIndLow]) | uint16(s.regs[slicIndHigh])<<8
		return
	}
	s.regs[slicIndLow] = uint8(s.indirect[address])
	s.regs[slicIndHigh] = uint8(s.indirect[address] >> 8)
}

// timeslot turns the bit position in a pair of slot registers into a timeslot.
func timeslot(low, high uint8) uint8 {
	return uint8((uint16(low) | uint16(high&3)<<8) / 8)
}

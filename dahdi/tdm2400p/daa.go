package tdm2400p

// The DAA's registers that do more than keep what is written to them.
const (
	daaControl1   = 1
	daaCheck      = 2
	daaHook       = 5
	daaSystem     = 11
	daaLineStatus = 12
	daaLineSide   = 13
	daaVolts      = 29
	daaPCM        = 33
	daaTxSlotLow  = 34
	daaTxSlotHigh = 35
	daaRxSlotLow  = 36
	daaRxSlotHigh = 37
	daaRegisters  = 64

	daaSoftReset    = 0x80 // in register 1
	daaOffHook      = 0x01 // in register 5
	daaRingDetect   = 0x04
	daaRingPositive = 0x20
	daaRingNegative = 0x40
	daaHookWritable = 0x9b
)

// daa is a Si3050 with its line side, the chips of one FXO port, as far as the
// driver looks at them.
type daa struct {
	regs  [daaRegisters]uint8
	pcm   pcm
	volts int8 // of the line plugged in
	ring  int8
}

func (d *daa) reset() {
	d.regs = [daaRegisters]uint8{
		daaCheck:      0x03,
		daaSystem:     0x32, // line side is up, system side's revision
		daaLineStatus: 0x40, // frames are exchanged with the line side
		daaLineSide:   0x40,
	}
	d.pcm = pcm{}
}

func (d *daa) offHook() bool { return d.regs[daaHook]&daaOffHook != 0 }

func (d *daa) read(reg uint8) uint8 {
	switch reg {
	case daaHook:
		v := d.regs[daaHook]
		if d.offHook() {
			return v // the ring detector hangs before the hook switch
		}
		switch {
		case d.ring > 0:
			v |= daaRingDetect | daaRingPositive
		case d.ring < 0:
			v |= daaRingDetect | daaRingNegative
		}
		return v
	case daaVolts:
		return uint8(d.volts)
	}
	if reg >= daaRegisters {
		return noAnswer
	}
	return d.regs[reg]
}

func (d *daa) write(reg, val uint8) {
	switch reg {
	case daaControl1:
		if val&daaSoftReset != 0 {
			d.reset()
			return
		}
	case daaHook:
		val &= daaHookWritable
	case daaSystem, daaLineStatus, daaLineSide, daaVolts:
		return
	}
	if reg >= daaRegisters {
		return
	}
	d.regs[reg] = val
	switch reg {
	case daaPCM, daaTxSlotLow, daaTxSlotHigh, daaRxSlotLow, daaRxSlotHigh:
		d.pcm = pcm{
			on:   d.regs[daaPCM]&pcmEnable != 0,
			alaw: d.regs[daaPCM]&pcmFormatMask == 0,
			tx:   timeslot(d.regs[daaTxSlotLow], d.regs[daaTxSlotHigh]),
			rx:   timeslot(d.regs[daaRxSlotLow], d.regs[daaRxSlotHigh]),
		}
	}
}

package tdm2400p

// configSpace is the card's PCI configuration space.
type configSpace [256]uint8

const (
	pciCommand   = 0x04
	pciCacheLine = 0x0c
	pciLatency   = 0x0d
	pciIRQLine   = 0x3c

	commandMaster      = 0x0004
	commandINTxDisable = 0x0400
	// I/O, memory, master, write and invalidate, parity, SERR, INTx disable.
	commandWritable = 0x0557
)

// reset fills in what the card is. Base addresses are kept by the client.
func (s *configSpace) reset() {
	*s = configSpace{
		0x00: 0x61, 0x01: 0xd1, // vendor: Digium
		0x02: 0x00, 0x03: 0x24, // device: TDM2400P
		0x06: 0x80, 0x07: 0x02, // status: fast back to back, medium DEVSEL
		0x08: 0x11,             // revision
		0x0b: 0x02,             // class: network, Ethernet: the bus chip is one
		0x10: 0x01,             // BAR 0: I/O, which the driver looks at, and never uses
		0x2c: 0x61, 0x2d: 0xd1, // subsystem
		0x2e: 0x00, 0x2f: 0x24,
		0x3d: 0x01, // INTA
	}
}

func (s *configSpace) write(offset uint64, p []byte) {
	for i, v := range p {
		switch at := int(offset) + i; at {
		case pciCommand:
			s[at] = v & (commandWritable & 0xff)
		case pciCommand + 1:
			s[at] = v & (commandWritable >> 8)
		case pciCacheLine, pciLatency, pciIRQLine:
			s[at] = v
		}
	}
}

func (s *configSpace) command() uint16 {
	return uint16(s[pciCommand]) | uint16(s[pciCommand+1])<<8
}

package tdm2400p

// The registers of the VPMOCT032 that the driver needs to see. The rest keeps
// what is written to it.
const (
	vpmIdent      = 0x00 // ten octets of name
	vpmMajor      = 0x0a
	vpmMinor      = 0x0b
	vpmBootStatus = 0x10 // the driver polls it at start: 0 is ready
	vpmSerial     = 0x90 // 32 octets

	vpmRead  = 0x60 // plus the number of octets, 1 to 7
	vpmWrite = 0x20
	vpmMax   = vpmBytes - 5

	// What stands in place of the command and address in an answer.
	vpmAnswer1 = 0x55
	vpmAnswer2 = 0xaa
)

// vpmoct is the VPMOCT032, a module that cancels echo. It is only as much of it
// as makes the driver believe in it: it answers, and leaves audio alone.
type vpmoct struct {
	present bool
	regs    [256]uint8
	carry   [vpmBytes]byte // the answer to the last eframe's command
	owing   bool           // there is one
}

func (v *vpmoct) init(present bool) {
	v.present = present
	v.reset()
}

func (v *vpmoct) reset() {
	v.regs = [256]uint8{}
	copy(v.regs[vpmIdent:], "VPMOCT032\x00")
	v.regs[vpmMajor], v.regs[vpmMinor] = 1, 4
	copy(v.regs[vpmSerial:], "EMULATED")
	v.owing = false
}

// commands carries out what a frame holds for the module. Answers are placed as
// those of the ports are. But here the first eframe may hold a command too, which
// waits for its answer under the same ident as one in the last eframe of the
// frame before: the older one gets it.
func (v *vpmoct) commands(tx, rx []byte) {
	if !v.present {
		return
	}
	var cmd, answer [vpmBytes]byte
	for e := range eframes {
		at := e*eframeStride + vpmStart
		for i := range cmd {
			cmd[i] = tx[at+i*controlGap]
		}
		answered := v.execute(&cmd, &answer)
		if e == 0 && v.owing {
			answer = v.carry
		}
		if e == eframes-1 {
			v.carry, v.owing = answer, answered
		}
		for i := range answer {
			rx[at+i*controlGap] = answer[i]
		}
	}
}

// execute carries out one command, and reports whether it has an answer.
func (v *vpmoct) execute(cmd, answer *[vpmBytes]byte) bool {
	for i := range answer {
		answer[i] = noAnswer
	}
	if cmd[0] != 0x12 || cmd[1] != 0x34 || cmd[2] != 0x56 {
		return false
	}
	n := int(cmd[3] & 0x0f)
	if n > vpmMax {
		return false
	}
	address := cmd[4]
	switch cmd[3] &^ 0x0f {
	case vpmRead:
		answer[3], answer[4] = vpmAnswer1, vpmAnswer2
		for i := range n {
			answer[5+i] = v.regs[address+uint8(i)]
		}
		return true
	case vpmWrite:
		for i := range n {
			if r := address + uint8(i); r > vpmMinor && (r < vpmSerial || r >= vpmSerial+32) {
				v.regs[r] = cmd[5+i]
			}
		}
	}
	return false
}

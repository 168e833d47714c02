package reap

import (
	"encoding/binary"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The si_code values of SIGCHLD (asm-generic/siginfo.h).
const (
	cldExited = 1
	cldKilled = 2
	cldDumped = 3
)

// childInfo reads the part of siginfo_t that waitid(2) fills in. On 64-bit
// machines: si_signo, si_errno, si_code, padding, then si_pid, si_uid,
// si_status, four bytes each (asm-generic/siginfo.h, struct _sigchld).
func childInfo(info *unix.Siginfo) (pid, code, status int) {
	raw := (*[28]byte)(unsafe.Pointer(info))[:]
	word := func(at int) int { return int(int32(binary.NativeEndian.Uint32(raw[at:]))) }
	return word(12 + 4), word(8), word(24)
}
